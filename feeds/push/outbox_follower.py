"""The follower of the outbox: the same beside a daemon and beside cron, as both write events into the store."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from ..model import NumberedEvent
from .store_errors import StoreErrorLog

log = logging.getLogger("feeds.server")

POLL_SECONDS = 0.5
EVENTS_AT_ONCE = 200

# the follower. Without events, those up to the number are gone: a backup was restored, or the follower was too slow.
Listener = Callable[[Sequence[NumberedEvent], int], None]


class Outbox(Protocol):
    """The events of a store; see `store.StoreReader`."""

    def event_range(self) -> range:
        """Return the numbers of the events."""
        ...

    def events(self, after: int, limit: int) -> Sequence[NumberedEvent]:
        """Return up to `limit` events with numbers above `after`."""
        ...


class OutboxFollower:
    """Hands the events that are appended from now on to listeners, each once and in order (R76)."""

    def __init__(self, outbox: Outbox, *listeners: Listener, poll_seconds: float = POLL_SECONDS) -> None:
        self._outbox = outbox
        self._listeners = listeners
        self._poll_seconds = poll_seconds
        self._news = threading.Event()
        self._position: int | None = None  # number of the last event that was handed on
        self._store_errors = StoreErrorLog("no event is delivered")

    def run(self, stop: threading.Event) -> None:
        """Follow until told to stop."""
        while not stop.is_set():
            self._news.wait(self._poll_seconds)
            self._news.clear()
            if not stop.is_set():
                self.poll()

    def wake(self) -> None:
        """Look at once: an event was appended."""
        self._news.set()

    def poll(self) -> None:
        """Hand on what was appended since the last call; the first call only finds out where the outbox ends.

        A store that cannot be read is logged once, and read again by the next call.
        """
        with self._store_errors.caught():
            self._follow()

    def _follow(self) -> None:
        numbers = self._outbox.event_range()
        newest = numbers.stop - 1
        if self._position is None:
            self._position = newest
        if newest < self._position or (newest > self._position and numbers.start > self._position + 1):
            self._hand_on((), newest)
        while self._position < newest and (events := self._outbox.events(self._position, EVENTS_AT_ONCE)):
            self._hand_on(events, events[-1][0])

    def _hand_on(self, events: Sequence[NumberedEvent], position: int) -> None:
        for listener in self._listeners:
            listener(events, position)
        self._position = position
