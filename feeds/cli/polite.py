"""Fetching for somebody who waits: guarded as every visit is, with the gap between two requests to one host."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import urlsplit

from ..fetch import Fetcher
from ..model import Config, Fetched, HostState, Source, Visit
from .common import utcnow
from .finding import Fetch


@contextmanager
def fetching(config: Config, source: Source) -> Iterator[Fetch]:
    """What fetches addresses with the settings of a source."""
    fetcher = Fetcher(config.site)
    asked: dict[str | None, float] = {}

    def fetch(url: str) -> Fetched:
        host = urlsplit(url).hostname
        if host in asked:
            time.sleep(max(0.0, asked[host] + config.hosts.gap - time.monotonic()))
        try:
            answer = fetcher.fetch(Visit(replace(source, address=url), url, utcnow(), HostState("")))
        finally:
            asked[host] = time.monotonic()
        assert isinstance(answer, Fetched)  # nothing was sent that could be answered by 304
        return answer

    try:
        yield fetch
    finally:
        fetcher.close()
