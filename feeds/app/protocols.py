"""The shapes of what a turn loads only when it has something to do: HTTP, the readers, the sanitiser are heavy."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from ..model import Fetched, HostState, NotModified, Outcome, Source, Visit


class NetworkClient(Protocol):
    """What fetches: `feeds.fetch.Fetcher`, or what a test hands over in its place."""

    def fetch(self, visit: Visit) -> Fetched | NotModified:
        """What is there now; FetchError when it cannot be had."""

    def robots(self, url: str, state: HostState, at: datetime, source: Source | None = None) -> tuple[bool, HostState]:
        """Whether the host lets us have an address, and what is known of it now."""

    def address_of(self, host: str) -> str | None:
        """Where a host name last led."""

    def close(self) -> None:
        """Cut off what is under way, for good."""


class VisitService(Protocol):
    """What makes visits: `feeds.app.visit_runner.VisitRunner`."""

    def pull(self, *, refetch: bool = False, released: bool = False) -> Callable[[Visit], Outcome]:
        """How to make one visit."""

    def address_of(self, host: str) -> str | None:
        """Where a host name last led: the picker starts only so many visits at once that go there (E13)."""

    def close(self) -> None:
        """Cut off what is under way, for good."""
