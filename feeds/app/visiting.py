"""What visits need of the outside: the network, readers in this process or another, and the store's memory."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TypeVar, TypeVarTuple

from .. import due, pipeline
from ..errors import FetchError
from ..model import Config, Fetched, NotModified, Outcome, Validators, Visit
from ..store import Store
from ..workers import Workers, needs_worker
from .edges import Network

Answer = TypeVar("Answer")
Given = TypeVarTuple("Given")


class Visiting:
    """Makes visits, from any number of threads, until it is closed."""

    def __init__(
        self,
        config: Config,
        store: Store,
        now: Callable[[], datetime],
        stopping: threading.Event,
        network: Network,
    ) -> None:
        self._gap = config.hosts.gap
        self._site = config.site.url
        self._store = store
        self._now = now
        self._stopping = stopping
        self._fetcher = network
        self._workers = Workers()

    def pull(self, *, refetch: bool = False, released: bool = False) -> Callable[[Visit], Outcome]:
        """How to make one visit: without validators, or with trust in whatever listing comes."""
        edges = pipeline.PullEdges(
            permit=self._permitted,
            fetch=self._fetch_whole if refetch else self._fetch,
            fetch_more=self._fetch_more,
            run=self._run,
            known=self._store.known,
            now=self._now,
            released=released,
            site=self._site,
        )
        return lambda visit: pipeline.pull(visit, edges)

    def close(self) -> None:
        """Cut off what is under way, for good."""
        self._fetcher.close()
        self._workers.close()

    def _permitted(self, visit: Visit) -> Visit:
        """Ask the host's robots.txt, which is remembered with the host (E17)."""
        allowed, host = self._fetcher.robots(visit.url, visit.host, self._now(), visit.source)
        if not allowed:
            raise FetchError(f"{host.host} forbids {visit.url} in its robots.txt", kind="robots")
        return replace(visit, host=host)

    def _run(self, answer: Fetched, function: Callable[[*Given], Answer], /, *given: *Given) -> Answer:
        """Work here on what is harmless, and in a process that can be killed on what might not be (S11, S15)."""
        return self._workers.run(function, *given) if needs_worker(answer) else function(*given)

    def _fetch(self, visit: Visit) -> Fetched | NotModified:
        return self._fetch_whole(visit) if due.unconditional(visit, self._now()) else self._fetcher.fetch(visit)

    def _fetch_more(self, visit: Visit, url: str) -> Fetched:
        """Another document that a visit leads to, after the gap that its host is owed (E13)."""
        self._stopping.wait(self._gap)
        answer = self._fetch_whole(self._permitted(replace(visit, url=url)))
        assert isinstance(answer, Fetched)  # without validators nobody can answer 304
        return answer

    def _fetch_whole(self, visit: Visit) -> Fetched | NotModified:
        return self._fetcher.fetch(replace(visit, validators=Validators(), body_digest=None))
