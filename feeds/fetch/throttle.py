"""Whom a request waits for: the gap and the cap of its host name, and the cap of the address behind it (E13).

The picker keeps them for the first request of a visit as far as it can tell, which is then not held up here; these
gates keep them for every request: robots.txt, what comes after it, and whatever redirects lead to.
A place is held for one request. Nobody waits for a host while holding a place at another one, nor for any host's place
while holding one at an address, so no two visits can block each other.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

from ..model import HostLimits
from .deadline import Deadline
from .problems import stopped

_FEW = 256  # places that are not worth looking through


class _Place:
    """One name: how many are inside, who waits, oldest first, and when the next may start."""

    __slots__ = ("free_at", "inside", "waiting")

    def __init__(self) -> None:
        self.inside = 0
        self.waiting: deque[threading.Condition] = deque()
        self.free_at = 0.0


class PacedGate:
    """Lets in `most` at once for each name, `gap` seconds apart, first come, first served.

    The gap is kept to the letter: a request that its visit's picker let go a millisecond early waits a millisecond.
    """

    def __init__(self, most: int, gap: float, clock: Callable[[], float], stopping: threading.Event) -> None:
        self._most = most
        self._gap = gap
        self._clock = clock
        self._stopping = stopping
        self._lock = threading.Lock()
        self._places: dict[str, _Place] = {}
        self._many = _FEW

    def __len__(self) -> int:
        return len(self._places)

    def inside(self) -> int:
        """How many are inside, of all names."""
        with self._lock:
            return sum(place.inside for place in self._places.values())

    def waiting(self) -> int:
        """How many wait, for all names."""
        with self._lock:
            return sum(len(place.waiting) for place in self._places.values())

    def enter(self, name: str) -> float:
        """Take a place; the seconds that were waited for it. Trouble `stopped` once the gate is closed."""
        with self._lock:
            place = self._places.get(name) or self._new(name)
            waited = self._start(place)
            place.inside += 1
            return waited

    def leave(self, name: str) -> None:
        """Give the place back."""
        with self._lock:
            place = self._places[name]
            place.inside -= 1
            if place.waiting:
                place.waiting[0].notify()

    def again(self, name: str) -> None:
        """Whoever is inside starts something else at once: the gap counts from now."""
        with self._lock:
            self._places[name].free_at = self._clock() + self._gap

    def pace(self, name: str) -> float:
        """Whoever is inside was held up elsewhere, and waits for the gap once more; the seconds that took."""
        with self._lock:
            place = self._places[name]
            place.inside -= 1
            try:
                return self._start(place, ahead=True)
            finally:
                place.inside += 1

    def close(self) -> None:
        """Send all home who wait, once `stopping` is set."""
        with self._lock:
            for place in self._places.values():
                for turn in place.waiting:
                    turn.notify()

    def _busy(self, place: _Place, now: float) -> bool:
        return place.inside >= self._most or place.free_at > now

    def _start(self, place: _Place, ahead: bool = False) -> float:
        """Begin the gap as soon as that may be, `ahead` of those who wait or after them; the seconds until then."""
        began = now = self._clock()
        if self._busy(place, now) or self._stopping.is_set() or (place.waiting and not ahead):
            now = self._called(place, ahead)
        place.free_at = now + self._gap
        return now - began

    def _called(self, place: _Place, ahead: bool) -> float:
        """When it is our turn. The first in line watches the clock, the others are called."""
        turn = threading.Condition(self._lock)
        (place.waiting.appendleft if ahead else place.waiting.append)(turn)
        try:
            while not self._stopping.is_set():
                now, first = self._clock(), place.waiting[0] is turn
                if first and not self._busy(place, now):
                    return now
                turn.wait(place.free_at - now if first and place.inside < self._most else None)
            raise stopped()
        finally:
            place.waiting.remove(turn)
            if place.waiting:
                place.waiting[0].notify()

    def _new(self, name: str) -> _Place:
        """A place for a name. Each time they have doubled, those are forgotten that nobody has to wait for."""
        if len(self._places) >= self._many:
            now = self._clock()
            self._places = {
                name: place
                for name, place in self._places.items()
                if place.inside or place.waiting or place.free_at > now
            }
            self._many = max(_FEW, 2 * len(self._places))
        place = self._places[name] = _Place()
        return place


# ── Whom a request waits for: the gap and the cap of its host name, and the cap of the address behind it (E13) ────────


REMEMBERED = 4096  # host names whose address is known


class Unthrottled:
    """The way of requests that wait for nobody: deliveries, which are no visits, and the way to a proxy."""

    def __init__(self, budget: Deadline) -> None:
        self.budget = budget
        self.address: str | None = None  # that is asked

    def at(self, address: str) -> None:
        """This address is going to be asked."""
        self.address = address


class VisitThrottle(Unthrottled):
    """The way of one visit's requests, one after the other. What is waited here does not count against its time."""

    def __init__(self, manners: Throttle, budget: Deadline) -> None:
        super().__init__(budget)
        self._manners = manners
        self._first: str | None = None
        self._host: str | None = None

    def to(self, host: str) -> None:
        """This host is going to be asked: a redirect to the same one follows at once, another one has to be entered."""
        self._first = self._first or host
        if host == self._host:
            self._manners.hosts.again(host)
            return
        self._leave()
        self.budget.grant(self._manners.hosts.enter(host))
        self._host = host

    def at(self, address: str) -> None:
        """This address is going to be asked, as soon as there is room."""
        assert self._first is not None and self._host is not None
        if address == self.address:
            return
        self._leave_address()
        waited = self._manners.addresses.enter(address)
        self.address = address
        self._manners.led(self._first, address)
        if waited:  # others that ask this host may have been let in at the same moment
            waited += self._manners.hosts.pace(self._host)
        self.budget.grant(waited)

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
            self._manners.hosts.leave(host)

    def _leave_address(self) -> None:
        address, self.address = self.address, None
        if address is not None:
            self._manners.addresses.leave(address)


class Throttle:
    """The gates of one fetcher, and the address to which each host name last led."""

    def __init__(self, hosts: HostLimits, clock: Callable[[], float], stopping: threading.Event) -> None:
        self.hosts = PacedGate(hosts.at_once, hosts.gap, clock, stopping)
        self.addresses = PacedGate(hosts.at_one_address, 0.0, clock, stopping)
        self._lock = threading.Lock()
        self._led: dict[str, str] = {}

    def passage(self, budget: Deadline) -> VisitThrottle:
        """The way of a visit; leaving it gives back what is held."""
        return VisitThrottle(self, budget)

    def led(self, host: str, address: str) -> None:
        """Remember where a host is, or where its redirects end; the one that was asked longest ago makes room."""
        with self._lock:
            self._led.pop(host, None)
            self._led[host] = address
            if len(self._led) > REMEMBERED:
                del self._led[next(iter(self._led))]

    def address_of(self, host: str) -> str | None:
        """Where a host last led: hundreds that redirect to one place would else all wait at its gate."""
        return self._led.get(host)

    def close(self) -> None:
        """Send all home who wait, once `stopping` is set."""
        self.hosts.close()
        self.addresses.close()
