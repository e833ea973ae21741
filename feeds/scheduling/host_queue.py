"""Which of the due visits may start now: the gap and the cap of each host, and little room for those that fail (E13).

Every host keeps its visits as two heaps, one for each lane. A host that may be asked stands in the heap of each lane
in which it has a visit, fewest visits in flight first and then the oldest due; one that may not yet sleeps in a third.
Entries are never searched for: a newer one makes the older stale. So an operation costs the logarithm of the queue.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heappop, heappush
from itertools import count

from ..model import HostLimits, HostState, RequestSlots, Visit
from .connectivity import PROBE_EVERY, Connectivity
from .intervals import DAY, is_local

LOOK_AGAIN = 60.0  # seconds, when only visits in flight stand in the way

Queue = list[tuple[datetime, int, Visit]]
Rank = tuple[int, datetime, int, str]  # visits in flight, due, entry, host


@dataclass(slots=True)
class _Host:
    name: str
    slots: RequestSlots
    queues: tuple[Queue, Queue] = field(default_factory=lambda: ([], []))
    entries: list[int] = field(default_factory=lambda: [0, 0])  # the entry that is not stale, by lane
    paused_until: float = 0.0
    sleeps_until: float | None = None
    address: str | None = None  # while running
    waits: bool = False  # for its address


@dataclass(slots=True)
class _SourceQueue:
    ready: list[Rank] = field(default_factory=list)
    queued: int = 0
    running: int = 0


class HostQueue:
    """The queue of due visits. `pick` says which may start, `done` that one ended, `wait` how long to do nothing.

    `slots` is how many may be in flight at once, our own files not counted; `address_of` gives the resolved address of
    a host name where it is known; while `uplink` is down, only a probe now and then is started.
    """

    def __init__(
        self,
        hosts: HostLimits,
        slots: int,
        *,
        address_of: Callable[[str], str | None] | None = None,
        uplink: Connectivity | None = None,
    ) -> None:
        self._manners = hosts
        self._uplink = uplink or Connectivity()
        self._probe_at = 0.0
        self._slots = slots
        self._quarter = max(1, slots // 4)
        self._address_of = address_of
        self._numbers = count(1)
        self._hosts: dict[str, _Host] = {}
        self._lanes = (_SourceQueue(), _SourceQueue())  # those that worked last time, those that failed
        self._local: Queue = []
        self._held: set[tuple[str, str]] = set()  # queued or in flight
        self._busy: set[str] = set()  # source ids in flight
        self._lingering: set[tuple[str, str]] = set()  # in flight, without a slot
        self._parked: defaultdict[str, defaultdict[str, Queue]] = defaultdict(lambda: defaultdict(list))
        self._touched: dict[str, _Host] = {}  # hosts that got a visit since the last pick
        self._sleeping: list[tuple[float, str]] = []
        self._addresses: defaultdict[str, RequestSlots] = defaultdict(hosts.address_slots)
        self._waiting: defaultdict[str, deque[_Host]] = defaultdict(deque)  # by address
        self._clock = _MonotonicClock()

    def add(self, visits: Iterable[Visit]) -> None:
        """Queue visits; one that is queued or in flight already is not taken twice."""
        for visit in visits:
            key = _key(visit)
            if key in self._held:
                continue
            self._held.add(key)
            entry = (visit.due_at, next(self._numbers), visit)
            if is_local(visit):
                heappush(self._local, entry)
                continue
            host = self._host(visit.host)
            lane = _lane(visit)
            heappush(host.queues[lane], entry)
            self._lanes[lane].queued += 1
            self._touched[host.name] = host

    def pick(self, now: datetime) -> list[Visit]:
        """The visits that may start now, which from then on count as in flight until `done`."""
        moment = self._clock.read(now)
        self._wake(moment)
        picked = self._pick_local()
        while (lane := self._next_lane(moment)) is not None:
            visit = self._take(lane, moment)
            if visit is not None:
                picked.append(visit)
        return picked

    def done(self, visit: Visit, host: HostState, now: datetime, redirect_host: HostState | None = None) -> None:
        """A picked visit has ended, leaving the host in this state, and in another one the host it was led to."""
        moment = self._clock.read(now)
        self._held.discard(_key(visit))
        self._busy.discard(visit.source.id)
        if not is_local(visit):
            self._release(visit, host, moment)
        if redirect_host is not None:
            self._offer(self._host(redirect_host), moment)
        for name, queue in self._parked.pop(visit.source.id, {}).items():
            self._unpark(name, queue, visit.source.id, moment)

    def linger(self, visit: Visit) -> None:
        """A picked visit takes long: its slot goes to another one, and its host and address still count it.

        One that failed last time keeps its slot: the quarter that such visits have is all they get (E13).
        """
        if not is_local(visit) and _lane(visit) == 0:
            self._lingering.add(_key(visit))
            self._lanes[0].running -= 1

    def wait(self, now: datetime) -> float | None:
        """Seconds until something may start (ask after `pick`); None when nothing is queued."""
        moment = self._clock.read(now)
        if not (self._local or any(lane.queued for lane in self._lanes)):
            return None
        self._wake(moment)
        if self._next_lane(moment) is not None or any(visit.source.id not in self._busy for _, _, visit in self._local):
            return 0.0
        if self._uplink.down and not self._running and moment < self._probe_at:
            return self._probe_at - moment
        if self._sleeping and self._running < self._slots:
            return self._sleeping[0][0] - moment
        return LOOK_AGAIN

    # ── hosts ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _host(self, state: HostState) -> _Host:
        host = self._hosts.get(state.host)
        if host is None:
            host = self._hosts[state.host] = _Host(state.host, self._manners.host_slots())
        slots = host.slots
        if state.last_request and not slots.active:
            slots.free_at = max(slots.free_at, self._clock.place(state.last_request) + slots.gap)
        self._pause(host, state)
        return host

    def _pause(self, host: _Host, state: HostState) -> None:
        if state.paused_until:
            host.paused_until = max(host.paused_until, self._clock.place(state.paused_until))

    def _wake(self, moment: float) -> None:
        for host in self._touched.values():
            self._offer(host, moment)
        self._touched.clear()
        while self._sleeping and self._sleeping[0][0] <= moment:
            until, name = heappop(self._sleeping)
            host = self._hosts[name]
            if host.sleeps_until == until:
                host.sleeps_until = None
                self._offer(host, moment)

    def _offer(self, host: _Host, moment: float) -> None:
        """Let the host stand where its state puts it: ready in its lanes, asleep, or nowhere until a visit ends."""
        if host.slots.full or host.waits or not any(host.queues):
            return
        until = self._free_at(host, moment)
        if until > moment:
            host.entries = [0, 0]
            if host.sleeps_until != until:
                host.sleeps_until = until
                heappush(self._sleeping, (until, host.name))
            return
        for lane, queue in enumerate(host.queues):
            if queue:
                host.entries[lane] = number = next(self._numbers)
                heappush(self._lanes[lane].ready, (host.slots.active, queue[0][0], number, host.name))

    def _free_at(self, host: _Host, moment: float) -> float:
        """When the host may be asked; a gap or pause longer than any can be is the mark of a jumped clock (F9)."""
        slots = host.slots
        if slots.free_at > moment + slots.gap:
            slots.free_at = moment
        if host.paused_until > moment + DAY + LOOK_AGAIN:
            host.paused_until = moment
        return max(slots.free_at, host.paused_until)

    # ── starting ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _pick_local(self) -> list[Visit]:
        kept: Queue = []
        picked: list[Visit] = []
        for entry in sorted(self._local):
            visit = entry[2]
            if visit.source.id in self._busy:
                kept.append(entry)
            else:
                self._busy.add(visit.source.id)
                picked.append(visit)
        self._local = kept
        return picked

    @property
    def _running(self) -> int:
        return sum(lane.running for lane in self._lanes)

    def _next_lane(self, moment: float) -> int | None:
        """The lane whose turn it is, of those that have room and a host that is ready."""
        healthy, failing = self._lanes
        if self._running >= self._slots:
            return None
        if self._uplink.down and (self._running or moment < self._probe_at):
            return None
        room = self._quarter if healthy.queued else max(1, self._slots - self._quarter)
        open_lanes = (0, 1) if failing.running < room else (0,)
        heads = [(head, lane) for lane in open_lanes if (head := self._head(lane))]
        return min(heads)[1] if heads else None

    def _head(self, lane: int) -> Rank | None:
        ready = self._lanes[lane].ready
        while ready and self._hosts[ready[0][3]].entries[lane] != ready[0][2]:
            heappop(ready)
        return ready[0] if ready else None

    def _take(self, lane: int, moment: float) -> Visit | None:
        """Start the oldest visit of the lane's first host, unless its source or its address is busy."""
        host = self._hosts[self._lanes[lane].ready[0][3]]
        host.entries = [0, 0]
        entry = host.queues[lane][0]
        visit = entry[2]
        if visit.source.id in self._busy:
            heappush(self._parked[visit.source.id][host.name], heappop(host.queues[lane]))
            self._offer(host, moment)
            return None
        if not self._address_has_room(host, moment):
            return None
        heappop(host.queues[lane])
        self._busy.add(visit.source.id)
        self._lanes[lane].queued -= 1
        self._lanes[lane].running += 1
        host.slots.start(moment)
        self._probe_at = moment + PROBE_EVERY
        self._offer(host, moment)
        return visit

    def _address_has_room(self, host: _Host, moment: float) -> bool:
        """Whether one more visit may go to the host's address, where it then counts; else the host waits there."""
        if not host.slots.active:
            host.address = self._address_of(host.name) if self._address_of else None
        if host.address is None:
            return True
        slots = self._addresses[host.address]
        if not slots.full:
            slots.start(moment)
            return True
        host.waits = True
        self._waiting[host.address].append(host)
        return False

    # ── ending ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _release(self, visit: Visit, state: HostState, moment: float) -> None:
        host = self._hosts[visit.host.host]
        host.slots.end()
        if _key(visit) in self._lingering:
            self._lingering.discard(_key(visit))
        else:
            self._lanes[_lane(visit)].running -= 1
        self._pause(host, state)
        self._offer(host, moment)
        if host.address is not None:
            self._addresses[host.address].end()
            self._invite(host.address, moment)

    def _invite(self, address: str, moment: float) -> None:
        """Let in the hosts that have waited longest, one for each free place; those that may not start don't count."""
        slots = self._addresses[address]
        places = slots.limit - slots.active
        waiting = self._waiting[address]
        while waiting and places > 0:
            host = waiting.popleft()
            host.waits = False
            self._offer(host, moment)
            places -= any(host.entries)

    def _unpark(self, name: str, queue: Queue, source_id: str, moment: float) -> None:
        """Bring the oldest parked visit of a source back to its host; the others wait until that one has run."""
        host = self._hosts[name]
        entry = heappop(queue)
        heappush(host.queues[_lane(entry[2])], entry)
        if queue:
            self._parked[source_id][name] = queue
        self._offer(host, moment)


class _MonotonicClock:
    """The wall clock in seconds, held still where it jumps back, so that no gap or pause lasts for ever (F9)."""

    def __init__(self) -> None:
        self._latest = 0.0
        self._drift = 0.0

    def read(self, now: datetime) -> float:
        """This moment; never earlier than the last."""
        moment = now.timestamp() + self._drift
        self._drift += max(0.0, self._latest - moment)
        self._latest = max(self._latest, moment)
        return self._latest

    def place(self, when: datetime) -> float:
        """Where a moment of the wall clock lies."""
        return when.timestamp() + self._drift


def _key(visit: Visit) -> tuple[str, str]:
    return visit.source.id, visit.url if visit.story is not None else ""


def _lane(visit: Visit) -> int:
    return 1 if visit.state.failures or visit.state.attempts else 0
