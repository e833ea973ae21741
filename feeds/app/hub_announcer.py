"""Tells an external hub (`site.hub`) what was published, in the process that publishes: beside cron as in a daemon."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

from ..errors import StoreError
from ..model import Config, SendRequest
from ..push.announcement import announce
from ..registry import formats
from ..store import Store
from .background_sender import BackgroundSender

log = logging.getLogger("feeds.app")


class HubAnnouncer:
    """Announces what the hub was not told of yet. One for the life of an `App`."""

    def __init__(self, current_config: Callable[[], Config], store: Store) -> None:
        self._current_config = current_config
        self._store = store
        self._sender = BackgroundSender("announcer", current_config, self._announce, _log_problem)
        self.notify, self.close = self._sender.notify, self._sender.close

    def _announce(self, open_client: Callable[[], SendRequest]) -> str:
        """Announce what the hub does not know yet; return what went wrong."""
        config = self._current_config()
        if config.hub is None or config.hub.is_own:
            return ""
        try:
            number, feed_ids = self._store.unannounced()
            problem = announce(config.hub.url, _topics(config, feed_ids), open_client()) if feed_ids else ""
            if feed_ids and not problem:
                self._store.announced(number)
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
