"""What the tests of the store share: a clock, sources, articles and outcomes in one line each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import event as engine_event

from feeds.model import (
    Article,
    Edition,
    Event,
    Failure,
    Feed,
    Harvest,
    Issue,
    Kind,
    LedgerEntry,
    NotModified,
    Outcome,
    Site,
    Source,
    Validators,
    Visit,
    VisitState,
)
from feeds.store import Store

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
AUTHORITY = "wire.example.org,2026"
SITE = Site("Wire", "https://wire.example.org/")


def source(id: str = "a", **facts: Any) -> Source:
    return Source(id, **{"kind": Kind.FEED, "address": f"https://{id}.example.org/feed", "fingerprint": "r1", **facts})


def article(name: str = "1", source_id: str = "a", **facts: Any) -> Article:
    usual = {
        "upstream_id": f"https://x.example/{name}",
        "published_id": f"https://x.example/{name}",
        "minted_id": f"tag:{AUTHORITY}:{source_id}/{name}",
        "url": f"https://x.example/{name}",
        "title": f"Title {name}",
        "summary": "Summary",
        "html": "<p>Text</p>",
        "published": AT - HOUR,
        "modified": None,
        "updated": AT,
        "first_seen": AT,
        "story_digest": f"digest {name}",
    }
    return Article(source_id, **{**usual, **facts})


def opened(path: Path, *sources: Source, at: datetime = AT) -> Store:
    store = Store.open(path, authority=AUTHORITY, at=at)
    store.sync(sources, at)
    return store


def visit_of(store: Store, id: str = "a", at: datetime = AT) -> Visit:
    return next(visit for visit in store.due(at, [id]) if visit.story is None)


def harvest(visit: Visit, *articles: Article, at: datetime = AT, **facts: Any) -> Outcome:
    listed = tuple(article.upstream_id for article in articles)
    return _outcome(visit, Harvest(articles, **{"listed_ids": listed, **facts}), at)


def unchanged(visit: Visit, at: datetime = AT) -> Outcome:
    return _outcome(visit, NotModified(visit.url, visit.state.validators), at)


def failed(visit: Visit, sentence: str = "no answer", at: datetime = AT, **facts: Any) -> Outcome:
    outcome = _outcome(visit, Failure("fetch", sentence, "timeout"), at)
    before = visit.state
    state = replace(
        before,
        last_at=at,
        failures=before.failures + 1,
        failing_since=before.failing_since or at,
        validators=outcome.state.validators,
        body_digest="body",
    )
    return replace(outcome, state=replace(state, **facts))


def _outcome(visit: Visit, result: Harvest | NotModified | Failure, at: datetime) -> Outcome:
    return Outcome(
        visit=visit,
        at=at,
        due_at=at + HOUR,
        result=result,
        state=VisitState(
            url=visit.url,
            validators=Validators('W/"e"', "Sun, 01 Mar 2026 10:00:00 GMT"),
            body_digest="body",
            last_at=at,
            worked_at=at,
        ),
        host=replace(visit.host, last_request=at),
    )


def put(store: Store, *articles: Article, at: datetime = AT) -> frozenset[str]:
    """Record one harvest for each source that the articles belong to."""
    ids = dict.fromkeys(article.source_id for article in articles)
    return store.record(
        [harvest(visit_of(store, id), *(a for a in articles if a.source_id == id), at=at) for id in ids]
    )


def titles(store: Store, *selection: Any) -> list[str]:
    return [article.title for article in store.articles(*selection)]


def issue(feed: str = "f", shown: dict[int, LedgerEntry] | None = None, *events: Event, **facts: Any) -> Issue:
    edition = Edition(
        Feed(feed, "Feed", fingerprint="fingerprint"), SITE, (), facts.get("updated", AT), facts.get("changed", 1)
    )
    return Issue(edition, shown or {}, facts.get("files", (f"{feed}.rss", f"{feed}.atom")), events)


def event(key: int, feed: str = "f", kind: Any = "article", item: str | None = "{}") -> Event:
    return Event(kind, feed, key, f"https://x.example/{key}", item)


@contextmanager
def statements(store: Store) -> Iterator[list[str]]:
    """The first word of every statement that the store sends meanwhile."""
    sent: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        sent.append(statement.split()[0])

    engines = (store._engines.reader, store._engines.writer)
    for engine in engines:
        engine_event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        for engine in engines:
            engine_event.remove(engine, "before_cursor_execute", note)
