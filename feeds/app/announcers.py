"""Who else is told of what was published: an external hub (`site.hub`), a webhook (`on_publish`)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from typing import Protocol

from ..model import Config
from ..store import Store


class Announcer(Protocol):
    """What tells one of them: `HubAnnouncer`, `WebhookNotifier`."""

    def notify(self) -> None:
        """Tell it soon what is new."""

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
        config = self._current_config()
        with self._lock:
            if config.hub is not None and not config.hub.is_own:
                self._hub.notify()
            if config.on_publish is not None:
                self._webhook.notify()

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

        return HubAnnouncer(self._current_config, self._store)

    @cached_property
    def _webhook(self) -> Announcer:
        from .webhook_notifier import WebhookNotifier

        return WebhookNotifier(self._current_config, self._store, self._now)
