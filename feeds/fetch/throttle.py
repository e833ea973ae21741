"""Politeness of requests: the gap and the cap of each host name, and the cap of the address behind it (E13).

The host queue applies the same limits to the first request of a visit as far as it can tell, so that such a request
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

from ..model import HostLimits
from .deadline import Deadline
from .problems import make_stop_problem

MIN_PRUNED = 256  # names; fewer are not worth looking through
MAX_ADDRESSES = 4096  # host names whose last address is remembered


class _Name:
    """The requests of one name: how many are active, who waits, oldest first, and when the next one may start."""

    __slots__ = ("active", "free_at", "waiting")

    def __init__(self) -> None:
        self.active = 0
        self.waiting: deque[threading.Condition] = deque()
        self.free_at = 0.0


class PacedGate:
    """Lets in `limit` requests at once for each name, `gap` seconds apart, first come, first served.

    The gap is never shortened: a request that the host queue started a millisecond early waits a millisecond.
    """

    def __init__(self, limit: int, gap: float, clock: Callable[[], float], stopping: threading.Event) -> None:
        self._limit = limit
        self._gap = gap
        self._clock = clock
        self._stopping = stopping
        self._lock = threading.Lock()
        self._names: dict[str, _Name] = {}
        self._prune_at = MIN_PRUNED

    def __len__(self) -> int:
        return len(self._names)

    def active(self) -> int:
        """Return how many requests are active, of all names."""
        with self._lock:
            return sum(name.active for name in self._names.values())

    def waiting(self) -> int:
        """Return how many requests wait, for all names."""
        with self._lock:
            return sum(len(name.waiting) for name in self._names.values())

    def enter(self, key: str) -> float:
        """Take a slot of a name; return the seconds waited. Raise FetchProblem `stopped` once the gate is closed."""
        with self._lock:
            name = self._names.get(key) or self._add(key)
            seconds = self._start(name)
            name.active += 1
            return seconds

    def leave(self, key: str) -> None:
        """Return the slot."""
        with self._lock:
            name = self._names[key]
            name.active -= 1
            if name.waiting:
                name.waiting[0].notify()

    def restart_gap(self, key: str) -> None:
        """Count the gap from now: the request that holds the slot is followed by another one at once."""
        with self._lock:
            self._names[key].free_at = self._clock() + self._gap

    def wait_for_gap(self, key: str) -> float:
        """Wait for the gap once more, as a request must that was delayed elsewhere; return the seconds waited."""
        with self._lock:
            name = self._names[key]
            name.active -= 1
            try:
                return self._start(name, ahead=True)
            finally:
                name.active += 1

    def close(self) -> None:
        """Wake all that wait, once `stopping` is set; they raise."""
        with self._lock:
            for name in self._names.values():
                for turn in name.waiting:
                    turn.notify()

    def _is_busy(self, name: _Name, now: float) -> bool:
        return name.active >= self._limit or name.free_at > now

    def _start(self, name: _Name, ahead: bool = False) -> float:
        """Begin the gap as soon as possible, `ahead` of those who wait or after them; return the seconds until then."""
        began = now = self._clock()
        if self._is_busy(name, now) or self._stopping.is_set() or (name.waiting and not ahead):
            now = self._wait(name, ahead)
        name.free_at = now + self._gap
        return now - began

    def _wait(self, name: _Name, ahead: bool) -> float:
        """Return the time of our turn. The first in the line watches the clock, the others wait to be notified."""
        turn = threading.Condition(self._lock)
        (name.waiting.appendleft if ahead else name.waiting.append)(turn)
        try:
            while not self._stopping.is_set():
                now, first = self._clock(), name.waiting[0] is turn
                if first and not self._is_busy(name, now):
                    return now
                turn.wait(name.free_at - now if first and name.active < self._limit else None)
            raise make_stop_problem()
        finally:
            name.waiting.remove(turn)
            if name.waiting:
                name.waiting[0].notify()

    def _add(self, key: str) -> _Name:
        """Add a name. Each time their number has doubled, those that delay no request any more are removed."""
        if len(self._names) >= self._prune_at:
            now = self._clock()
            self._names = {
                key: name for key, name in self._names.items() if name.active or name.waiting or name.free_at > now
            }
            self._prune_at = max(MIN_PRUNED, 2 * len(self._names))
        name = self._names[key] = _Name()
        return name


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
        self.hosts = PacedGate(limits.at_once, limits.gap, clock, stopping)
        self.addresses = PacedGate(limits.at_one_address, 0.0, clock, stopping)
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
