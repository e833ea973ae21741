"""Visits as tests make them, and what came of them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from feeds.errors import FetchError
from feeds.fetch import Fetcher
from feeds.model import Fetched, HostState, Kind, NotModified, Site, Source, Validators, Visit

SITE = Site("The Example Wire", "https://wire.example.org/")
NOW = datetime(2026, 11, 22, tzinfo=UTC)
NONE = Validators()
OF_THE_VISIT = ("story", "body_digest")


def visit(url: str, validators: Validators = NONE, kind: Kind = Kind.FEED, **settings: object) -> Visit:
    """A visit to a source at this address; `settings` are those of the source, or a story, or a body digest."""
    known = {name: settings.pop(name) for name in OF_THE_VISIT if name in settings}
    source = Source("wire", kind, **{"address": url, "timeout": 5.0, **settings})  # type: ignore[arg-type]
    return Visit(source, url, NOW, HostState("h"), validators=validators, **known)  # type: ignore[arg-type]


def fetched(answer: Fetched | NotModified) -> Fetched:
    """The document that came."""
    assert isinstance(answer, Fetched), answer
    return answer


def failure(fetcher: Fetcher, url: str, **settings: object) -> FetchError:
    """How a visit failed."""
    with pytest.raises(FetchError) as caught:
        fetcher.fetch(visit(url, **settings))  # type: ignore[arg-type]
    return caught.value
