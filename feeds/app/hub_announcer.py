"""Tells an external hub (`site.hub`) what was published, in the process that publishes: beside cron as in a daemon."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Protocol

from ..errors import StoreError
from ..model import Config, SendRequest
from ..push.announcement import announce
from ..registry import formats
from ..store import Store

log = logging.getLogger("feeds.app")

DEBOUNCE_SECONDS = 2.0  # what is published meanwhile is announced together
RETRY_SECONDS = (30.0, 120.0, 600.0, 1800.0)  # the last one again and again
CLOSE_SECONDS = 30.0  # that a command waits for it in the end


class OutboundRequests(Protocol):
    """A client: `feeds.fetch.OutboundClient`."""

    @property
    def send(self) -> SendRequest:
        """Return what sends one request."""

    def close(self) -> None:
        """Close all connections for good."""


class HubAnnouncer:
    """Announces what the hub was not told of yet, in a thread of its own. One for the life of an `App`.

    The store remembers what the hub took, so that the next command announces the rest.
    """

    def __init__(self, current_config: Callable[[], Config], store: Store) -> None:
        self._current_config = current_config
        self._store = store
        self._news = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._client: OutboundRequests | None = None
        self._problem = ""

    def notify(self) -> None:
        """Announce soon, if our feeds have an external hub."""
        hub = self._current_config().hub
        if hub is None or hub.is_own:
            return
        self._news.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="announcer", daemon=True)
            self._thread.start()

    def close(self, *, wait: bool) -> None:
        """End the thread; `wait` for what is still to be announced, but not for long."""
        self._closing.set()
        self._news.set()
        if self._thread is not None:
            self._thread.join(CLOSE_SECONDS if wait else 0.0)
            if self._client is not None:
                self._client.close()
            self._thread.join()

    def _run(self) -> None:
        failures = 0
        while not self._closing.is_set() or self._news.is_set():
            self._news.wait(RETRY_SECONDS[min(failures, len(RETRY_SECONDS)) - 1] if failures else None)
            self._closing.wait(DEBOUNCE_SECONDS)
            self._news.clear()
            problem = self._announce()
            failures = failures + 1 if problem else 0
            if problem and problem != self._problem:  # logged once as long as it stays the same
                log.warning("the WebSub hub was not told what is new: %s", problem)
            self._problem = problem

    def _announce(self) -> str:
        """Announce what the hub does not know yet; return what went wrong."""
        config = self._current_config()
        if config.hub is None or config.hub.is_own:
            return ""
        try:
            number, feed_ids = self._store.unannounced()
            problem = announce(config.hub.url, _topics(config, feed_ids), self._open().send) if feed_ids else ""
            if feed_ids and not problem:
                self._store.announced(number)
        except StoreError as error:
            problem = str(error)
        return problem

    def _open(self) -> OutboundRequests:
        """Return the client, made when there is first something to announce: other commands need not load it."""
        if self._client is None:
            from ..fetch import OutboundClient

            config = self._current_config()
            self._client = OutboundClient(config.site, config.server.allow_private)
        return self._client


def _topics(config: Config, feed_ids: frozenset[str]) -> Iterator[str]:
    """Yield the addresses of the documents of feeds."""
    for id in sorted(feed_ids & config.feeds.keys()):
        chosen = config.feeds[id].formats
        for name, format in formats().items():
            if not format.is_page and (not chosen or name in chosen):
                yield f"{config.site.url}{id}.{name}"
