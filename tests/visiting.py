"""Visits as tests make them, and what came of them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from feeds.errors import FetchError
from feeds.fetch import Fetcher
from feeds.model import Fetched, HostState, Kind, NotModified, Site, Source, Validators, Visit, VisitState

SITE = Site("The Example Wire", "https://wire.example.org/")
NOW = datetime(2026, 11, 22, tzinfo=UTC)
NONE = Validators()


def visit(url: str, validators: Validators = NONE, kind: Kind = Kind.FEED, **settings: object) -> Visit:
    """A visit to a source at this address; `settings` are those of the source, or a story, or a body digest."""
    story, body_digest = settings.pop("story", None), settings.pop("body_digest", None)
    source = Source("wire", kind, **{"address": url, "timeout": 60.0, **settings})  # type: ignore[arg-type]
    return Visit(source, VisitState(url, validators, body_digest), NOW, HostState("h"), story)  # type: ignore[arg-type]


def fetched(answer: Fetched | NotModified) -> Fetched:
    """The document that came."""
    assert isinstance(answer, Fetched), answer
    return answer


def failure(fetcher: Fetcher, url: str, **settings: object) -> FetchError:
    """How a visit failed."""
    with pytest.raises(FetchError) as caught:
        fetcher.fetch(visit(url, **settings))  # type: ignore[arg-type]
    return caught.value
