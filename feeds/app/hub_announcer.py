"""Tells an external hub (`site.hub`) what was published, in the process that publishes: beside cron as in a daemon.

Of several processes that share a database, one at a time tells it, and what it was told is stored: it is told of each
event once. It is told again of what it had answered to a process that was killed before it could store that.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from ..errors import StoreError
from ..model import Config, PublicationNumbers, SendRequest
from ..push.announcement import announce
from ..registry import formats
from ..store import DeliveryLock, Store
from .background_sender import BackgroundSender

log = logging.getLogger("feeds.app")


class HubAnnouncer:
    """Announces what the hub was not told of yet. One for the life of an `App`; `lock` is held while it does."""

    def __init__(self, current_config: Callable[[], Config], store: Store, lock: DeliveryLock) -> None:
        self._current_config = current_config
        self._store = store
        self._lock = lock
        self._failed_at = 0  # the newest event that could not be told; it is tried again by itself
        self._sender = BackgroundSender("announcer", current_config, self._announce, _log_problem)
        self.notify = self._sender.notify

    def close(self, *, wait: bool) -> None:
        """End the thread; `wait` for what is still to be told, but not for long."""
        self._sender.close(wait=wait)
        self._lock.close()

    def follow(self, numbers: PublicationNumbers) -> None:
        """Announce soon what other processes have published, or another one has not announced that was to."""
        if numbers.announced < numbers.event != self._failed_at:
            self.notify()

    def _announce(self, open_client: Callable[[], SendRequest]) -> str:
        """Announce what the hub does not know yet, unless another process does; return what went wrong."""
        if not self._lock.hold():
            return ""
        problem = self._tell(open_client)
        if not problem:  # else this process tries again, and no other one meanwhile
            self._lock.close()
        return problem

    def _tell(self, open_client: Callable[[], SendRequest]) -> str:
        config = self._current_config()
        self._failed_at = 0
        if config.hub is None or config.hub.is_own:
            return ""
        try:
            number, feed_ids = self._store.unannounced()
            problem = announce(config.hub.url, _topics(config, feed_ids), open_client()) if feed_ids else ""
            if feed_ids and not problem:
                self._store.announced(number)
            self._failed_at = number if problem else 0
        except StoreError as error:
            problem = str(error)
        return problem


def _log_problem(problem: str) -> None:
    log.warning("the WebSub hub was not told what is new: %s", problem)


def _topics(config: Config, feed_ids: frozenset[str]) -> Iterator[str]:
    """Yield the addresses of the documents of feeds."""
    for id in sorted(feed_ids & config.feeds.keys()):
        chosen = config.feeds[id].formats
        for name, format in formats().items():
            if not format.is_page and (not chosen or name in chosen):
                yield f"{config.site.url}{id}.{name}"
