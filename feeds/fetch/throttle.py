"""Politeness of requests: each waits for a slot of its host name, and for one of the address behind it (E13).

The host queue counts the same kind of slots for the first request of a visit, as far as it can tell, so that it
seldom waits here. This throttle applies them to every request: robots.txt, the page after it, and redirects.
A slot is held for one request. No request waits for a host while it holds a slot of another host, nor for a slot of
any host while it holds one of an address, so no two visits can block each other.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

from ..politeness import HostLimits, RequestSlots
from .deadline import Deadline
from .problems import FetchProblem, make_stop_problem

MIN_PRUNED = 256  # names; fewer are not worth looking through
MAX_ADDRESSES = 4096  # host names whose last address is remembered


class _Line:
    """The requests to one name: those in progress, and those that wait, oldest first."""

    __slots__ = ("slots", "waiting")

    def __init__(self, slots: RequestSlots) -> None:
        self.slots = slots
        self.waiting: deque[threading.Condition] = deque()


class PacedGate:
    """Lets in requests as the slots of their name allow, first come, first served.

    The gap is never shortened: a request that the host queue started a millisecond early waits a millisecond.
    """

    def __init__(
        self, make_slots: Callable[[], RequestSlots], clock: Callable[[], float], stopping: threading.Event
    ) -> None:
        self._make_slots = make_slots
        self._clock = clock
        self._stopping = stopping
        self._lock = threading.Lock()
        self._lines: dict[str, _Line] = {}
        self._prune_at = MIN_PRUNED

    def __len__(self) -> int:
        return len(self._lines)

    def active(self) -> int:
        """Return how many requests are in progress, of all names."""
        with self._lock:
            return sum(line.slots.active for line in self._lines.values())

    def waiting(self) -> int:
        """Return how many requests wait, for all names."""
        with self._lock:
            return sum(len(line.waiting) for line in self._lines.values())

    def enter(self, name: str) -> float:
        """Take a slot of a name; return the seconds waited. Raise FetchProblem `stopped` once the gate is closed."""
        with self._lock:
            return self._start(self._lines.get(name) or self._add(name))

    def leave(self, name: str) -> None:
        """Return the slot."""
        with self._lock:
            line = self._lines[name]
            line.slots.end()
            if line.waiting:
                line.waiting[0].notify()

    def restart_gap(self, name: str) -> None:
        """Count the gap from now: the request that holds the slot is followed by another one at once."""
        with self._lock:
            slots = self._lines[name].slots
            slots.end()
            slots.start(self._clock())

    def wait_for_gap(self, name: str) -> float:
        """Wait for the gap once more, as a request must that was delayed elsewhere; return the seconds waited."""
        with self._lock:
            slots = self._lines[name].slots
            slots.end()
            try:
                return self._start(self._lines[name], ahead=True)
            except FetchProblem:
                slots.start(self._clock())  # its holder will return it
                raise

    def close(self) -> None:
        """Wake all that wait, once `stopping` is set; they raise."""
        with self._lock:
            for line in self._lines.values():
                for turn in line.waiting:
                    turn.notify()

    def _start(self, line: _Line, ahead: bool = False) -> float:
        """Start as soon as the slots allow, `ahead` of those who wait or after them; return the seconds until then."""
        began = now = self._clock()
        slots = line.slots
        if slots.full or slots.free_at > now or self._stopping.is_set() or (line.waiting and not ahead):
            now = self._wait(line, ahead)
        slots.start(now)
        return now - began

    def _wait(self, line: _Line, ahead: bool) -> float:
        """Return the time of our turn. The first in the line watches the clock, the others wait to be notified."""
        slots, turn = line.slots, threading.Condition(self._lock)
        (line.waiting.appendleft if ahead else line.waiting.append)(turn)
        try:
            while not self._stopping.is_set():
                now, first = self._clock(), line.waiting[0] is turn
                if first and not slots.full and slots.free_at <= now:
                    return now
                turn.wait(slots.free_at - now if first and not slots.full else None)
            raise make_stop_problem()
        finally:
            line.waiting.remove(turn)
            if line.waiting:
                line.waiting[0].notify()

    def _add(self, name: str) -> _Line:
        """Add a name. Each time their number has doubled, those that delay no request any more are removed."""
        if len(self._lines) >= self._prune_at:
            now = self._clock()
            self._lines = {
                name: line
                for name, line in self._lines.items()
                if line.slots.active or line.waiting or line.slots.free_at > now
            }
            self._prune_at = max(MIN_PRUNED, 2 * len(self._lines))
        line = self._lines[name] = _Line(self._make_slots())
        return line


class Unthrottled:
    """The deadline of requests that wait for no other: those of other libraries' sessions, and those to a proxy."""

    def __init__(self, deadline: Deadline) -> None:
        self.deadline = deadline
        self.address: str | None = None  # the one that is being requested

    def enter_address(self, address: str) -> None:
        """Note the address that is about to be requested."""
        self.address = address


class VisitThrottle(Unthrottled):
    """The slots of one visit, which makes one request after the other. Waiting for a slot extends its deadline."""

    def __init__(self, throttle: Throttle, deadline: Deadline) -> None:
        super().__init__(deadline)
        self._throttle = throttle
        self._first_host: str | None = None
        self._host: str | None = None

    def enter_host(self, host: str) -> None:
        """Wait for a slot of the host that is about to be requested; a redirect to the same host follows at once."""
        self._first_host = self._first_host or host
        if host == self._host:
            self._throttle.hosts.restart_gap(host)
            return
        self._leave()
        self.deadline.extend(self._throttle.hosts.enter(host))
        self._host = host

    def enter_address(self, address: str) -> None:
        """Wait for a slot of the address that is about to be requested."""
        assert self._first_host is not None and self._host is not None
        if address == self.address:
            return
        self._leave_address()
        seconds = self._throttle.addresses.enter(address)
        self.address = address
        self._throttle.remember_address(self._first_host, address)
        if seconds:  # other requests to this host may have been let in at the same moment
            seconds += self._throttle.hosts.wait_for_gap(self._host)
        self.deadline.extend(seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def _leave(self) -> None:
        self._leave_address()
        host, self._host = self._host, None
        if host is not None:
            self._throttle.hosts.leave(host)

    def _leave_address(self) -> None:
        address, self.address = self.address, None
        if address is not None:
            self._throttle.addresses.leave(address)


class Throttle:
    """The gates of one fetcher, and the address to which each host name last led."""

    def __init__(self, limits: HostLimits, clock: Callable[[], float], stopping: threading.Event) -> None:
        self.hosts = PacedGate(limits.host_slots, clock, stopping)
        self.addresses = PacedGate(limits.address_slots, clock, stopping)
        self._lock = threading.Lock()
        self._last_addresses: dict[str, str] = {}

    def remember_address(self, host: str, address: str) -> None:
        """Remember where a host is, or where its redirects end; the host remembered longest ago makes room."""
        with self._lock:
            self._last_addresses.pop(host, None)
            self._last_addresses[host] = address
            if len(self._last_addresses) > MAX_ADDRESSES:
                del self._last_addresses[next(iter(self._last_addresses))]

    def address_of(self, host: str) -> str | None:
        """Return where a host last led: hundreds that redirect to one host would else all wait at its gate."""
        return self._last_addresses.get(host)

    def close(self) -> None:
        """Wake all that wait, once `stopping` is set; they raise."""
        self.hosts.close()
        self.addresses.close()
