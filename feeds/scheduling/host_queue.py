"""The queue of due visits: which may start now, given the gap and the cap of each host (E13).

Every host keeps its visits in two heaps, one for each tier: visits that worked last time, and visits that failed, which
get a quarter of the slots. A host that is ready stands in the heap of each tier in which it has a visit, ordered by
visits in progress, then by the oldest due; a host that is not ready yet stands in a third heap, by time. A newer entry
makes the older one of its host stale, so no heap is ever searched, and an operation costs the logarithm of the queue.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heappop, heappush
from itertools import count

from ..model import HostState, Visit
from ..politeness import HostLimits, RequestSlots
from .connectivity import PROBE_EVERY, Connectivity
from .intervals import DAY, is_local, runs_program
from .shards import Shard, find_shard

MIN_PRUNED = 256  # hosts; fewer are not worth looking through
MAX_PROGRAMS = 4  # that run at once: each may take a core and a gigabyte
CHECK_INTERVAL = 60.0  # seconds between two looks while only visits in progress stand in the way

VisitHeap = list[tuple[datetime, int, Visit]]
VisitKey = tuple[str, str]
HostRank = tuple[int, datetime, int, str]  # visits in progress, due, entry, host


@dataclass(slots=True)
class _Host:
    name: str
    slots: RequestSlots
    queues: tuple[VisitHeap, VisitHeap] = field(default_factory=lambda: ([], []))
    entries: list[int] = field(default_factory=lambda: [0, 0])  # the current entry in each tier
    paused_until: float = 0.0
    delayed_until: float | None = None
    address: str | None = None  # while running
    waits_for_address: bool = False


@dataclass(slots=True)
class _Tier:
    ready: list[HostRank] = field(default_factory=list)
    queued: int = 0
    running: int = 0


class HostQueue:
    """The due visits, started as fast as the limits of their hosts allow.

    `slots` is how many may be in progress at once, our own files not counted. `address_of` returns the resolved address
    of a host name where it is known. While `connectivity` is down, only a probe now and then is started.
    """

    def __init__(
        self,
        hosts: HostLimits,
        slots: int,
        *,
        address_of: Callable[[str], str | None] | None = None,
        connectivity: Connectivity | None = None,
    ) -> None:
        self._limits = hosts
        self._connectivity = connectivity or Connectivity()
        self._probe_at = 0.0
        self._slots = slots
        self._failing_slots = max(1, slots // 4)
        self._address_of = address_of
        self._entry_numbers = count(1)
        self._hosts: dict[str, _Host] = {}
        self._prune_at = MIN_PRUNED
        self._tiers = (_Tier(), _Tier())  # visits that worked last time, visits that failed
        self._local: VisitHeap = []
        self._programs = 0  # running
        self._keys: set[VisitKey] = set()  # queued or in progress
        self._running_sources: set[str] = set()  # by id
        self._without_slot: set[VisitKey] = set()  # in progress for long
        self._visits_of_running_sources: defaultdict[str, defaultdict[str, VisitHeap]] = defaultdict(
            lambda: defaultdict(list)
        )
        self._changed: dict[str, _Host] = {}  # hosts that got a visit since the last pick
        self._delayed: list[tuple[float, str]] = []
        self._addresses: defaultdict[str, RequestSlots] = defaultdict(hosts.address_slots)
        self._waiting: defaultdict[str, deque[_Host]] = defaultdict(deque)  # by address
        self._clock = _MonotonicClock()

    def add(self, visits: Iterable[Visit]) -> None:
        """Add visits to the queue; skip those that are queued or in progress."""
        for visit in visits:
            key = visit_key(visit)
            if key in self._keys:
                continue
            self._keys.add(key)
            entry = (visit.due_at, next(self._entry_numbers), visit)
            if is_local(visit):
                heappush(self._local, entry)
                continue
            host = self._host(visit.host)
            tier = _tier_of(visit)
            heappush(host.queues[tier], entry)
            self._tiers[tier].queued += 1
            self._changed[host.name] = host

    def pick(self, now: datetime) -> list[Visit]:
        """Return the visits that may start now; they count as in progress until `finish`."""
        moment = self._clock.read(now)
        self._offer_changed(moment)
        if len(self._hosts) >= self._prune_at:
            self._prune_hosts(moment)
        picked = self._pick_local()
        while (tier := self._next_tier(moment)) is not None:
            visit = self._start_next(tier, moment)
            if visit is not None:
                picked.append(visit)
        return picked

    def finish(self, visit: Visit, host: HostState, now: datetime, redirect_host: HostState | None = None) -> None:
        """End a visit, with the new states of its host and of the host that redirects led to."""
        moment = self._clock.read(now)
        self._keys.discard(visit_key(visit))
        self._running_sources.discard(visit.source.id)
        self._programs -= runs_program(visit)
        if not is_local(visit):
            self._release(visit, host, moment)
        if redirect_host is not None:
            self._offer(self._host(redirect_host), moment)
        for name, queue in self._visits_of_running_sources.pop(visit.source.id, {}).items():
            self._restore_visit(name, queue, visit.source.id, moment)

    def remove(self, shard: Shard) -> list[Visit]:
        """Take the visits of a shard out of the queue, for another machine to make; those in progress stay."""
        removed: list[Visit] = []
        for host in self._hosts.values():
            for tier, queue in enumerate(host.queues):
                if _is_of(shard, queue):
                    host.entries[tier] = 0
                    removed += self._take_all(queue)
        for queues in self._visits_of_running_sources.values():
            for name in [name for name, queue in queues.items() if _is_of(shard, queue)]:
                removed += self._take_all(queues.pop(name))
        for visit in removed:
            self._tiers[_tier_of(visit)].queued -= 1
        local = [entry for entry in self._local if find_shard(entry[2]) == shard]
        self._local = [entry for entry in self._local if entry not in local]
        removed += self._take_all(local)
        self._keys.difference_update(map(visit_key, removed))
        return removed

    @staticmethod
    def _take_all(queue: VisitHeap) -> list[Visit]:
        visits = [visit for _, _, visit in queue]
        queue.clear()
        return visits

    def release_slot(self, visit: Visit) -> None:
        """Give the slot of a long visit to another one; its host and its address still count it.

        A visit that failed last time keeps its slot: a quarter of the slots is all that such visits get (E13).
        """
        if not is_local(visit) and _tier_of(visit) == 0:
            self._without_slot.add(visit_key(visit))
            self._tiers[0].running -= 1

    def seconds_until_ready(self, now: datetime) -> float | None:
        """Return the seconds until a visit may start, right after `pick`; None when nothing is queued."""
        moment = self._clock.read(now)
        if not (self._local or any(tier.queued for tier in self._tiers)):
            return None
        self._offer_changed(moment)
        if self._next_tier(moment) is not None or any(self._may_start_local(visit) for _, _, visit in self._local):
            return 0.0
        if self._connectivity.down and not self._running and moment < self._probe_at:
            return self._probe_at - moment
        if self._delayed and self._running < self._slots:
            return self._delayed[0][0] - moment
        return CHECK_INTERVAL

    # ── hosts ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _host(self, state: HostState) -> _Host:
        host = self._hosts.get(state.host)
        if host is None:
            host = self._hosts[state.host] = _Host(state.host, self._limits.host_slots())
        slots = host.slots
        if state.last_request and not slots.active:
            slots.free_at = max(slots.free_at, self._clock.convert(state.last_request) + slots.gap)
        self._pause(host, state)
        return host

    def _pause(self, host: _Host, state: HostState) -> None:
        if state.paused_until:
            host.paused_until = max(host.paused_until, self._clock.convert(state.paused_until))

    def _offer_changed(self, moment: float) -> None:
        for host in self._changed.values():
            self._offer(host, moment)
        self._changed.clear()
        while self._delayed and self._delayed[0][0] <= moment:
            until, name = heappop(self._delayed)
            delayed = self._hosts.get(name)
            if delayed is not None and delayed.delayed_until == until:
                delayed.delayed_until = None
                self._offer(delayed, moment)

    def _offer(self, host: _Host, moment: float) -> None:
        """Put the host where its state belongs: ready in its tiers, delayed, or nowhere until a visit ends."""
        if host.slots.full or host.waits_for_address or not any(host.queues):
            return
        until = self._free_at(host, moment)
        if until > moment:
            host.entries = [0, 0]
            if host.delayed_until != until:
                host.delayed_until = until
                heappush(self._delayed, (until, host.name))
            return
        for tier, queue in enumerate(host.queues):
            if queue:
                host.entries[tier] = number = next(self._entry_numbers)
                heappush(self._tiers[tier].ready, (host.slots.active, queue[0][0], number, host.name))

    def _free_at(self, host: _Host, moment: float) -> float:
        """Return when the host is free; a gap or pause longer than any can be comes of a jumped clock (F9)."""
        slots = host.slots
        if slots.free_at > moment + slots.gap:
            slots.free_at = moment
        if host.paused_until > moment + DAY + CHECK_INTERVAL:
            host.paused_until = moment
        return max(slots.free_at, host.paused_until)

    def _prune_hosts(self, moment: float) -> None:
        """Remove the hosts and addresses that delay no visit any more, each time the number of hosts has doubled."""
        self._hosts = {
            name: host
            for name, host in self._hosts.items()
            if host.slots.active or any(host.queues) or self._free_at(host, moment) > moment
        }
        self._prune_at = max(MIN_PRUNED, 2 * len(self._hosts))
        for address in [address for address, slots in self._addresses.items() if not slots.active]:
            del self._addresses[address]
            self._waiting.pop(address, None)

    # ── starting ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _pick_local(self) -> list[Visit]:
        kept: VisitHeap = []
        picked: list[Visit] = []
        for entry in sorted(self._local):
            visit = entry[2]
            if self._may_start_local(visit):
                self._running_sources.add(visit.source.id)
                self._programs += runs_program(visit)
                picked.append(visit)
            else:
                kept.append(entry)
        self._local = kept
        return picked

    def _may_start_local(self, visit: Visit) -> bool:
        has_room = self._programs < MAX_PROGRAMS or not runs_program(visit)
        return has_room and visit.source.id not in self._running_sources

    @property
    def _running(self) -> int:
        return sum(tier.running for tier in self._tiers)

    def _next_tier(self, moment: float) -> int | None:
        """Return the tier that comes next, of those that have room and a host that is ready."""
        healthy, failing = self._tiers
        if self._running >= self._slots:
            return None
        if self._connectivity.down and (self._running or moment < self._probe_at):
            return None
        room = self._failing_slots if healthy.queued else max(1, self._slots - self._failing_slots)
        open_tiers = (0, 1) if failing.running < room else (0,)
        firsts = [(first, tier) for tier in open_tiers if (first := self._first_ready(tier))]
        return min(firsts)[1] if firsts else None

    def _first_ready(self, tier: int) -> HostRank | None:
        ready = self._tiers[tier].ready
        while ready and ((host := self._hosts.get(ready[0][3])) is None or host.entries[tier] != ready[0][2]):
            heappop(ready)
        return ready[0] if ready else None

    def _start_next(self, tier: int, moment: float) -> Visit | None:
        """Start the oldest visit of the tier's first host, unless its source or its address is busy."""
        host = self._hosts[self._tiers[tier].ready[0][3]]
        host.entries = [0, 0]
        entry = host.queues[tier][0]
        visit = entry[2]
        if visit.source.id in self._running_sources:
            heappush(self._visits_of_running_sources[visit.source.id][host.name], heappop(host.queues[tier]))
            self._offer(host, moment)
            return None
        if not self._address_has_room(host, moment):
            return None
        heappop(host.queues[tier])
        self._running_sources.add(visit.source.id)
        self._tiers[tier].queued -= 1
        self._tiers[tier].running += 1
        host.slots.start(moment)
        self._probe_at = moment + PROBE_EVERY
        self._offer(host, moment)
        return visit

    def _address_has_room(self, host: _Host, moment: float) -> bool:
        """Return whether the host's address has room for one more visit, and count it; else the host waits for it."""
        if not host.slots.active:
            host.address = self._address_of(host.name) if self._address_of else None
        if host.address is None:
            return True
        slots = self._addresses[host.address]
        if not slots.full:
            slots.start(moment)
            return True
        host.waits_for_address = True
        self._waiting[host.address].append(host)
        return False

    # ── ending ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _release(self, visit: Visit, state: HostState, moment: float) -> None:
        host = self._hosts[visit.host.host]
        host.slots.end()
        if visit_key(visit) in self._without_slot:
            self._without_slot.discard(visit_key(visit))
        else:
            self._tiers[_tier_of(visit)].running -= 1
        self._pause(host, state)
        self._offer(host, moment)
        if host.address is not None:
            self._addresses[host.address].end()
            self._admit_waiting(host.address, moment)

    def _admit_waiting(self, address: str, moment: float) -> None:
        """Offer the hosts that waited longest, one for each free place; those that may not start take none."""
        slots = self._addresses[address]
        places = slots.limit - slots.active
        waiting = self._waiting[address]
        while waiting and places > 0:
            host = waiting.popleft()
            host.waits_for_address = False
            self._offer(host, moment)
            places -= any(host.entries)

    def _restore_visit(self, name: str, queue: VisitHeap, source_id: str, moment: float) -> None:
        """Return the oldest parked visit of a source to its host; the others wait until that one has run."""
        entry = heappop(queue)
        host = self._host(entry[2].host)
        heappush(host.queues[_tier_of(entry[2])], entry)
        if queue:
            self._visits_of_running_sources[source_id][name] = queue
        self._offer(host, moment)


class _MonotonicClock:
    """The wall clock in seconds, held where it jumps back, so that no gap or pause lasts for ever (F9)."""

    def __init__(self) -> None:
        self._latest = 0.0
        self._drift = 0.0

    def read(self, now: datetime) -> float:
        """Return the time, never earlier than the last."""
        moment = now.timestamp() + self._drift
        self._drift += max(0.0, self._latest - moment)
        self._latest = max(self._latest, moment)
        return self._latest

    def convert(self, when: datetime) -> float:
        """Convert a wall-clock time to this clock."""
        return when.timestamp() + self._drift


def visit_key(visit: Visit) -> VisitKey:
    """Return what tells two visits apart: the source, and the address of a story page, or the number of a push."""
    if visit.push is not None:
        return visit.source.id, f"push {visit.push.number}"
    return visit.source.id, visit.url if visit.story is not None else ""


def _is_of(shard: Shard, queue: VisitHeap) -> bool:
    """Return whether the visits of a queue, which are all of one host, belong to a shard."""
    return bool(queue) and find_shard(queue[0][2]) == shard


def _tier_of(visit: Visit) -> int:
    return 1 if visit.state.failures or visit.state.attempts else 0
