"""Telling another service what was published, in a thread of its own: beside cron as in a daemon."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from ..model import Config, SendRequest

DEBOUNCE_SECONDS = 2.0  # what is published meanwhile is told together
RETRY_SECONDS = (30.0, 120.0, 600.0, 1800.0)  # the last one again and again
CLOSE_SECONDS = 30.0  # that a command waits for it in the end


class OutboundRequests(Protocol):
    """A client: `feeds.fetch.OutboundClient`."""

    @property
    def send(self) -> SendRequest:
        """Return what sends one request."""

    def close(self) -> None:
        """Close all connections for good."""


class BackgroundSender:
    """Calls `tell` soon after each notification, and again while it fails. One for the life of an `App`.

    `tell` is given what sends a request, and returns what went wrong, empty if nothing did; `report` is called with
    that once as long as it stays the same. The store must remember what was told, so that the next command tells the
    rest.
    """

    def __init__(
        self,
        name: str,
        current_config: Callable[[], Config],
        tell: Callable[[Callable[[], SendRequest]], str],
        report: Callable[[str], None] = lambda problem: None,
    ) -> None:
        self._name = name
        self._current_config = current_config
        self._tell = tell
        self._report = report
        self._news = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._client: OutboundRequests | None = None

    def notify(self) -> None:
        """Tell soon what is new."""
        self._news.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()

    def close(self, *, wait: bool) -> None:
        """End the thread; `wait` for what is still to be told, but not for long."""
        self._closing.set()
        self._news.set()
        if self._thread is not None:
            self._thread.join(CLOSE_SECONDS if wait else 0.0)
            if self._client is not None:
                self._client.close()
            self._thread.join()

    def _run(self) -> None:
        failures, last_problem = 0, ""
        while not self._closing.is_set() or self._news.is_set():
            self._news.wait(RETRY_SECONDS[min(failures, len(RETRY_SECONDS)) - 1] if failures else None)
            self._closing.wait(DEBOUNCE_SECONDS)
            self._news.clear()
            problem = self._tell(self._open)
            failures = failures + 1 if problem else 0
            if problem and problem != last_problem:
                self._report(problem)
            last_problem = problem

    def _open(self) -> SendRequest:
        """Return what sends a request, made when there is first something to tell: other commands need not load it."""
        if self._client is None:
            from ..fetch import OutboundClient

            config = self._current_config()
            self._client = OutboundClient(config.site, config.server.allow_private)
        return self._client.send
