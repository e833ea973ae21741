"""What visits need of the outside: the network, readers in this process or another, and the store's memory."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import TypeVar, TypeVarTuple

from .. import pipeline, scheduling
from ..model import Config, Fetched, HostState, NotModified, Outcome, Validators, Visit
from ..sandbox import Workers, needs_worker
from ..store import Store
from ..store.source_index import host_of
from .protocols import NetworkClient

# What glibc's malloc.h calls M_MMAP_THRESHOLD and M_ARENA_MAX, with what they are set to. Left alone, the threshold
# grows to the largest document that was ever let go of, and each thread's arena keeps what it once held: a dozen
# documents of 10 MB left a process of 250 MB behind, which is 125 MB with these. With a threshold of 1 MB what is
# just below it still stayed: 18 MB after some minutes among a thousand sources.
SETTINGS = {-3: 262_144, -8: 2}


def give_back_early() -> None:
    """Let the allocator of this process return large blocks as soon as they are free; call it before threads start."""
    with suppress(OSError, AttributeError):  # other C libraries have no such function, and do so anyway
        mallopt = ctypes.CDLL(None).mallopt
        for parameter, value in SETTINGS.items():
            mallopt(parameter, value)


# ── What visits need of the outside: the network, readers in this process or another, and the store's memory ──────────


OTHERS = 1000  # hosts whose robots.txt is remembered here

_Answer = TypeVar("_Answer")
_Given = TypeVarTuple("_Given")


class VisitRunner:
    """Makes visits, from any number of threads, until it is closed."""

    def __init__(
        self,
        config: Config,
        store: Store,
        now: Callable[[], datetime],
        network: NetworkClient,
    ) -> None:
        self._site = config.site.url
        self._store = store
        self._now = now
        self._network = network
        self._workers = Workers()
        self._here = threading.Lock()
        self._others: dict[str, HostState] = {}  # hosts that visits of other hosts led to, for their robots.txt

    def pull(self, *, refetch: bool = False, released: bool = False) -> Callable[[Visit], Outcome]:
        """How to make one visit: without validators, or with trust in whatever listing comes."""
        edges = pipeline.VisitIO(
            robots=self._robots,
            fetch=self._fetch_whole if refetch else self._fetch,
            run=self._run,
            seen_items=self._store.seen_items,
            now=self._now,
            released=released,
            site=self._site,
        )
        return lambda visit: pipeline.pull(visit, edges)

    def address_of(self, host: str) -> str | None:
        """Where a host name last led."""
        return self._network.address_of(host)

    def close(self) -> None:
        """Cut off what is under way, for good."""
        self._network.close()
        self._workers.close()

    def _robots(self, url: str, visit: Visit) -> tuple[bool, HostState]:
        """Whether the host of an address lets a visit have it, and what is now known of that host (E17)."""
        name = host_of(url)
        state = visit.host if name == visit.host.host else self._others.get(name, HostState(name))
        allowed, state = self._network.robots(url, state, self._now(), visit.source)
        if name != visit.host.host:
            self._remember(state)
        return allowed, state

    def _remember(self, state: HostState) -> None:
        if len(self._others) >= OTHERS:
            self._others.clear()
        self._others[state.host] = state

    def _run(self, answer: Fetched | None, function: Callable[[*_Given], _Answer], /, *given: *_Given) -> _Answer:
        """Work here on what is harmless, and in a process that can be killed on what might not be (S11, S15).

        Here only one thread works at a time: together they would not be faster, but fight for the interpreter, which
        the sanitiser lets go of for each text (a third more CPU for new feeds).
        """
        if answer is None or needs_worker(answer):
            return self._workers.run(function, *given)
        with self._here:
            return function(*given)

    def _fetch(self, visit: Visit) -> Fetched | NotModified:
        return (
            self._fetch_whole(visit) if scheduling.is_unconditional(visit, self._now()) else self._network.fetch(visit)
        )

    def _fetch_whole(self, visit: Visit) -> Fetched | NotModified:
        return self._network.fetch(
            replace(visit, state=replace(visit.state, validators=Validators(), body_digest=None))
        )
