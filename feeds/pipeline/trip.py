"""One visit under way: what it needs of the outside, and what it learns of hosts, whatever becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol, TypeVar, TypeVarTuple

from ..errors import FetchError
from ..model import Fetched, HostState, Known, NotModified, Validators, Visit

Answer = TypeVar("Answer")
Given = TypeVarTuple("Given")


class Run(Protocol):
    """Calls a function on what came of `answer`, or of an earlier one, in whatever process can be spared for it."""

    def __call__(self, answer: Fetched | None, function: Callable[[*Given], Answer], /, *given: *Given) -> Answer:
        """What the function gives."""


@dataclass(frozen=True, slots=True)
class PullEdges:
    """What a pull needs of the outside: the network or the disk, the store's memory, and the clock.

    `robots` tells whether a visit may have an address, and what is now known of that host. `run` calls a function in
    whatever process can be spared for these bytes. `released`: the operator named the source, so a listing that has
    nothing in common with the last one is taken. `site` is where our own pages are.
    """

    robots: Callable[[str, Visit], tuple[bool, HostState]]
    fetch: Callable[[Visit], Fetched | NotModified]
    run: Run
    known: Callable[[str], Known]
    now: Callable[[], datetime]
    released: bool = False
    site: str = ""


class Trip:
    """One visit under way; `visit` comes to know what its host told of itself, whatever becomes of the visit (E17)."""

    def __init__(self, visit: Visit, edges: PullEdges) -> None:
        self.visit = visit
        self.source = visit.source
        self.edges = edges

    def ask_leave(self, url: str) -> None:
        """Ask robots.txt whether we may have an address; FetchError when we may not."""
        allowed, host = self.edges.robots(url, self.visit)
        if host.host == self.visit.host.host:
            self.visit = replace(self.visit, host=host)
        if not allowed:
            raise FetchError(f"{host.host} forbids {url} in its robots.txt", kind="robots")

    def fetch(self) -> Fetched | NotModified:
        """What the visit is for."""
        return self.edges.fetch(self.visit)

    def fetch_more(self, url: str) -> Fetched:
        """Another document that belongs to it, as far as its host permits that."""
        self.ask_leave(url)
        answer = self.edges.fetch(replace(self.visit, url=url, validators=Validators(), body_digest=None))
        assert isinstance(answer, Fetched)  # without validators nobody can answer 304
        return answer
