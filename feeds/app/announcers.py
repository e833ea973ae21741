"""Who else is told of what was published: an external hub (`site.hub`), a webhook (`on_publish`)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from typing import Protocol

from ..model import Config, PublicationNumbers
from ..store import DeliveryLock, Store, open_delivery_lock


class Announcer(Protocol):
    """What tells one of them: `HubAnnouncer`, `WebhookNotifier`."""

    def notify(self) -> None:
        """Tell it soon what is new."""

    def follow(self, numbers: PublicationNumbers) -> None:
        """Tell it soon what other processes have published, or another one has not told that was to."""

    def close(self, *, wait: bool) -> None:
        """End the thread; `wait` for what is still to be told, but not for long."""


class Announcers:
    """Tells those that the configuration names, each loaded when there is one. One for the life of an `App`."""

    def __init__(self, current_config: Callable[[], Config], store: Store, now: Callable[[], datetime]) -> None:
        self._current_config = current_config
        self._store = store
        self._now = now
        self._lock = threading.Lock()  # so that each is made once

    def notify(self) -> None:
        """Tell soon what is new."""
        for announcer in self._named():
            announcer.notify()

    def follow(self) -> None:
        """Tell soon what other processes have published; with nothing to tell, that costs one statement at most."""
        announcers = self._named()
        if announcers:
            numbers = self._store.publication_numbers()
            for announcer in announcers:
                announcer.follow(numbers)

    def _named(self) -> list[Announcer]:
        """Return those that the configuration names."""
        config = self._current_config()
        with self._lock:
            announcers = [self._hub] if config.hub is not None and not config.hub.is_own else []
            return announcers + ([self._webhook] if config.on_publish is not None else [])

    def close(self, *, wait: bool) -> None:
        """End the threads; `wait` for what is still to be told, but not for long."""
        with self._lock:
            announcers = [self._webhook] if "_webhook" in vars(self) else []
            announcers += [self._hub] if "_hub" in vars(self) else []
        for announcer in announcers:
            announcer.close(wait=wait)

    @cached_property
    def _hub(self) -> Announcer:
        from .hub_announcer import HubAnnouncer

        return HubAnnouncer(self._current_config, self._store, self._open_lock("external hub"))

    @cached_property
    def _webhook(self) -> Announcer:
        from .webhook_notifier import WebhookNotifier

        return WebhookNotifier(self._current_config, self._store, self._now, self._open_lock("webhook"))

    def _open_lock(self, name: str) -> DeliveryLock:
        """Return the lock of the process, of several that share a database, that tells one of them."""
        return open_delivery_lock(self._current_config().database, name)
