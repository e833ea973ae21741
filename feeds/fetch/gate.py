"""A gate: so many at once for each name, and so many seconds between them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from .trouble import stopped

_FEW = 256  # places that are not worth looking through


class _Place:
    """One name: how many are inside, who waits, oldest first, and when the next may start."""

    __slots__ = ("free_at", "inside", "waiting")

    def __init__(self) -> None:
        self.inside = 0
        self.waiting: deque[threading.Condition] = deque()
        self.free_at = 0.0


class Gate:
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
