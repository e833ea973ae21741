"""The I/O of visits: the network, parsers in this process or a worker, and what is stored of a source."""

from __future__ import annotations

import ctypes
import gc
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from functools import partial

from .. import pipeline, scheduling
from ..model import Config, Fetched, HostState, NotModified, Outcome, Validators, Visit, replace
from ..publication_gate import PublicationGate
from ..rows.articles import encode_article
from ..store import Store
from ..store.source_index import host_of
from .document_readers import DocumentReaders
from .turn import NetworkClient

MAX_ROBOTS_HOSTS = 1000  # whose robots.txt is remembered here

# New objects between two looks for reference cycles: the records of visits form none, and each look costs some 10 ms.
GARBAGE_THRESHOLD = 50_000
# What glibc's malloc.h calls M_MMAP_THRESHOLD and M_ARENA_MAX, with their values. Left alone, the threshold grows to
# the largest document that was ever freed, and each thread's arena keeps what it once held: a dozen documents of 10 MB
# left a process of 250 MB behind, which is 125 MB with these. With a threshold of 1 MB what is just below it still
# stayed: 18 MB after some minutes among a thousand sources.
MALLOC_OPTIONS = {-3: 262_144, -8: 2}


class VisitRunner:
    """Makes visits, from any number of threads, until it is closed."""

    def __init__(
        self,
        config: Config,
        store: Store,
        now: Callable[[], datetime],
        network: NetworkClient,
        gate: PublicationGate,
        computing: threading.Lock,
    ) -> None:
        self._site = config.site.url
        self._store = store
        self._now = now
        self._network = network
        # Without secrets a worker need not load the gate.
        self._encode = partial(encode_article, clean=gate.clean_article) if config.searched_secrets else encode_article
        self._readers = DocumentReaders(config.workers, computing)
        self._redirect_hosts: dict[str, HostState] = {}  # that visits of other hosts led to, for their robots.txt

    def visit_function(self, *, refetch: bool = False, accept_any_listing: bool = False) -> Callable[[Visit], Outcome]:
        """Return the function that makes one visit: without validators, or taking whatever listing comes."""
        io = pipeline.VisitIO(
            robots=self._check_robots,
            fetch=self._fetch_whole if refetch else self._fetch,
            run=self._readers.run,
            seen_items=self._store.seen_items,
            now=self._now,
            encode=self._encode,
            accept_any_listing=accept_any_listing,
            site=self._site,
        )
        return lambda visit: _timed(pipeline.pull, visit, io)

    def address_of(self, host: str) -> str | None:
        """Return the address that a host name was last resolved to."""
        return self._network.address_of(host)

    def close(self) -> None:
        """Abort all visits and accept no more."""
        self._network.close()
        self._readers.close()

    def _check_robots(self, url: str, visit: Visit) -> tuple[bool, HostState]:
        """Return whether robots.txt lets a visit fetch an address, and the new state of that host (E17)."""
        host = host_of(url)
        state = visit.host if host == visit.host.host else self._redirect_hosts.get(host, HostState(host))
        allowed, state = self._network.robots(url, state, self._now(), visit.source)
        if host != visit.host.host:
            if len(self._redirect_hosts) >= MAX_ROBOTS_HOSTS:
                self._redirect_hosts.clear()
            self._redirect_hosts[host] = state
        return allowed, state

    def _fetch(self, visit: Visit) -> Fetched | NotModified:
        if visit.push:
            return visit.push.fetched
        if scheduling.is_unconditional(visit, self._now()):
            return self._fetch_whole(visit)
        return self._network.fetch(visit)

    def _fetch_whole(self, visit: Visit) -> Fetched | NotModified:
        if visit.push:
            return visit.push.fetched
        state = replace(visit.state, validators=Validators(), body_digest=None)
        return self._network.fetch(replace(visit, state=state))


def _timed(pull: Callable[[Visit, pipeline.VisitIO], Outcome], visit: Visit, io: pipeline.VisitIO) -> Outcome:
    began = time.monotonic()
    outcome = pull(visit, io)
    return replace(outcome, seconds=time.monotonic() - began)


def limit_memory_work() -> None:
    """Look for garbage seldom, and return large free blocks to the system; call it before threads start."""
    gc.set_threshold(GARBAGE_THRESHOLD)
    with suppress(OSError, AttributeError):  # other C libraries have no such function, and need none
        mallopt = ctypes.CDLL(None).mallopt
        for parameter, value in MALLOC_OPTIONS.items():
            mallopt(parameter, value)
