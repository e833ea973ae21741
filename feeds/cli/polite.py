"""Fetching for somebody who waits: guarded as every visit is, with the gap between two requests to one host."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from ..fetch import Fetcher
from ..model import Config, Fetched, HostState, Source, Visit
from .common import utcnow
from .finding import Fetch


@contextmanager
def fetching(config: Config, source: Source) -> Iterator[Fetch]:
    """What fetches addresses with the settings of a source."""
    fetcher = Fetcher(config.site, hosts=config.hosts)

    def fetch(url: str) -> Fetched:
        answer = fetcher.fetch(Visit(replace(source, address=url), url, utcnow(), HostState("")))
        assert isinstance(answer, Fetched)  # without validators nobody can answer 304
        return answer

    try:
        yield fetch
    finally:
        fetcher.close()
