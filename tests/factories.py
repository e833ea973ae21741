"""Builders of records with usual values: a test names only the fields that it is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from feeds.errors import FailureKind
from feeds.model import (
    Article,
    Edition,
    Event,
    Failure,
    Feed,
    Fetched,
    Harvest,
    HostState,
    Issue,
    Kind,
    LedgerEntry,
    Link,
    NotModified,
    Outcome,
    PublishedFile,
    Result,
    Site,
    Source,
    Story,
    Validators,
    Visit,
    VisitState,
    replace,
)
from feeds.rows.articles import encode_article

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
AUTHORITY = "wire.example.org,2026"
SITE = Site("The Example Wire", "https://wire.example.org/")
VALIDATORS = Validators('W/"e"', "Sun, 22 Nov 2026 10:00:00 GMT")


# ── sources and visits ──────────────────────────────────────────────────────────────────────────────────────────────


def source(id: str = "a", **fields: Any) -> Source:
    """A source feed, on a host of its own."""
    return Source(id, **{"kind": Kind.FEED, "address": f"https://{id}.example.org/feed", **fields})


def visit(of: Source | None = None, *, host: str = "a.example.org", story: Story | None = None, **state: Any) -> Visit:
    """A visit to a source, due now; `state` are fields of its VisitState."""
    of = of or source()
    return Visit(of, VisitState(**{"url": of.address, **state}), NOON, HostState(host), story)


def visit_to(url: str, validators: Validators | None = None, *, story: Story | None = None, **settings: Any) -> Visit:
    """A visit to this address; `settings` are fields of its source, or a `body_digest`."""
    state = {"url": url, "validators": validators or Validators(), "body_digest": settings.pop("body_digest", None)}
    return visit(source("wire", **{"address": url, "timeout": 60.0, **settings}), host="h", story=story, **state)


def fetched(body: bytes | str = b"x", url: str = "https://a.example.org/feed", **fields: Any) -> Fetched:
    return Fetched(url, body.encode() if isinstance(body, str) else body, **fields)


def failure(sentence: str = "no answer", kind: FailureKind = FailureKind.TIMEOUT, **fields: Any) -> Failure:
    return Failure("fetch", sentence, kind, **fields)


# ── outcomes ────────────────────────────────────────────────────────────────────────────────────────────────────────


def harvest(visit: Visit, *articles: Article, at: datetime = NOON, **fields: Any) -> Outcome:
    """A visit that brought these articles; all of them were listed unless `listed_ids` says otherwise."""
    listed_ids = tuple(article.upstream_id for article in articles)
    return outcome(visit, Harvest(tuple(map(encode_article, articles)), **{"listed_ids": listed_ids, **fields}), at)


def unchanged(visit: Visit, at: datetime = NOON) -> Outcome:
    return outcome(visit, NotModified(visit.url, visit.state.validators), at)


def failed(visit: Visit, sentence: str = "no answer", at: datetime = NOON, **state: Any) -> Outcome:
    """A visit that failed; `state` are further fields of the next VisitState."""
    before = visit.state
    usual = {
        "last_at": at,
        "failures": before.failures + 1,
        "failing_since": before.failing_since or at,
        "validators": VALIDATORS,
        "body_digest": "body",
    }
    return replace(outcome(visit, failure(sentence), at), state=replace(before, **{**usual, **state}))


def outcome(visit: Visit, result: Result, at: datetime = NOON) -> Outcome:
    """A visit that worked; the next one is due in an hour."""
    state = VisitState(url=visit.url, validators=VALIDATORS, body_digest="body", last_at=at, worked_at=at)
    return Outcome(visit, at, at + HOUR, result, state, replace(visit.host, last_request=at))


# ── stories and articles ────────────────────────────────────────────────────────────────────────────────────────────


def story(id: str | None = None, link: str | None = None, **fields: Any) -> Story:
    return Story(id=id, links=(Link(link),) if link else (), **fields)


def article(name: str = "1", source_id: str = "a", **fields: Any) -> Article:
    """An article whose ids and address end with `name`."""
    url = f"https://x.example/{name}"
    usual = {
        "upstream_id": url,
        "published_id": url,
        "minted_id": f"tag:{AUTHORITY}:{source_id}/{name}",
        "url": url,
        "title": f"Title {name}",
        "summary": "Summary",
        "html": "<p>Text</p>",
        "published": NOON - HOUR,
        "modified": None,
        "updated": NOON,
        "first_seen": NOON,
        "story_digest": f"digest {name}",
    }
    return Article(source_id, **{**usual, **fields})


# ── editions ────────────────────────────────────────────────────────────────────────────────────────────────────────


def edition(*articles: Article, feed: Feed, site: Site = SITE, **fields: Any) -> Edition:
    return Edition(feed, site, articles, **{"updated": NOON, "changed": 1, **fields})


def issue(
    feed_id: str = "f",
    entries: dict[int, LedgerEntry] | None = None,
    *events: Event,
    files: tuple[PublishedFile, ...] | None = None,
    **fields: Any,
) -> Issue:
    """An edition of a feed without articles gone live; `fields` are those of the edition."""
    feed = Feed(feed_id, "Feed", fingerprint="fingerprint")
    return Issue(
        edition(feed=feed, **fields),
        entries or {},
        files or published_files(f"{feed_id}.rss", f"{feed_id}.atom"),
        events,
    )


def published_files(*paths: str) -> tuple[PublishedFile, ...]:
    return tuple(PublishedFile(path, f"digest of {path}", 1000, 1_790_000_000_123_456_789, 0o644) for path in paths)


def event(key: int, feed_id: str = "f", kind: Any = "article", item: str | None = "{}") -> Event:
    return Event(kind, feed_id, key, f"https://x.example/{key}", item)
