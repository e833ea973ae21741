"""The outbox: the numbered changes between editions that went live."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Connection, Row, bindparam, delete, func, select, update

from ..model import Event, Issue
from ..rows.values import encode_time, to_json
from .engines import EVENTS, announce
from .expressions import json_integers
from .schema import meta, outbox
from .statements import Query, Values, insert_statement, update_statement

EVENTS_AHEAD = 500  # rows read at a time when all are rewritten
NEWS = "news"  # as the kind of an event: an article that is news
MAX_EVENTS = 50_000  # a follower of the outbox that is further behind starts anew (R72, F41)

_FIRST_EVENT = Query(select(func.min(outbox.c.seq)))
_LAST_EVENT = Query(select(meta.c.last_event))
_ADD_TO_LAST_EVENT = Query(
    update(meta).values(last_event=meta.c.last_event + bindparam("count")).returning(meta.c.last_event)
)
_EVENTS = Query(
    select(outbox).where(outbox.c.seq > bindparam("after")).order_by(outbox.c.seq).limit(bindparam("limit"))
)
_LAST_NUMBERS = (
    select(func.max(outbox.c.seq))
    .where(outbox.c.feed == bindparam("feed"), outbox.c.article.in_(json_integers("articles")))
    .group_by(outbox.c.article)
)
_LAST_DIGESTS = Query(select(outbox.c.article, outbox.c.digest).where(outbox.c.seq.in_(_LAST_NUMBERS)))
_REWRITE_EVENT = update_statement(outbox, ["seq"], "published_id", "item")
_NEWEST_EVENT = select(func.max(outbox.c.seq)).scalar_subquery()
_DELETE_OLD_EVENTS = Query(delete(outbox).where(outbox.c.seq <= _NEWEST_EVENT - bindparam("kept")))
_INSERT_EVENT = insert_statement(outbox, "seq", "at", "feed", "kind", "article", "published_id", "digest", "item")


def append_events(connection: Connection, issue: Issue, at: datetime) -> None:
    """Append the events to the outbox, and delete its oldest ones."""
    keys = to_json([event.article_key for event in issue.events])
    rows = _LAST_DIGESTS.run(connection, feed=issue.edition.feed.id, articles=keys).all()
    values = list(_event_values(issue, dict(cast(Sequence[tuple[int, str]], rows)), at))
    if values:
        # The number is not one of a sequence, which may have gaps, and come in another order than the transactions.
        last: int = _ADD_TO_LAST_EVENT.run(connection, count=len(values)).scalar_one()
        first = last - len(values) + 1
        _INSERT_EVENT.run(connection, ({**value, "seq": seq} for seq, value in enumerate(values, first)))
        announce(connection, EVENTS)
    _DELETE_OLD_EVENTS.run(connection, kept=MAX_EVENTS)


def _event_values(issue: Issue, last_digests: Mapping[int, str], at: datetime) -> Iterator[Values]:
    """Yield the events whose digest is not the last one of their article: a repeated issue sends nothing twice."""
    for event in issue.events:
        entry = issue.entries.get(event.article_key)
        digest = entry.digest if entry else ""
        if last_digests.get(event.article_key) != digest:
            yield {
                "at": encode_time(at),
                "feed": event.feed_id,
                "kind": NEWS if event.is_news else event.kind,
                "article": event.article_key,
                "published_id": event.published_id,
                "digest": digest,
                "item": event.item,
            }


def select_events(connection: Connection, after: int, limit: int) -> list[tuple[int, Event]]:
    """Return up to `limit` events with a number above `after`, in the order of their numbers."""
    return [(row.seq, _make_event(row)) for row in _EVENTS.run(connection, after=after, limit=limit)]


def _make_event(row: Row[Any]) -> Event:
    is_news = row.kind == NEWS
    return Event("article" if is_news else row.kind, row.feed, row.article, row.published_id, row.item, is_news)


def select_last_event(connection: Connection) -> int:
    """Return the number of the last event; 0 before the first."""
    return _LAST_EVENT.run(connection).scalar() or 0


def select_event_range(connection: Connection) -> range:
    """Return the numbers of the events; where there is none, the empty range at the next number."""
    last = select_last_event(connection)
    first = _FIRST_EVENT.run(connection).scalar()
    return range(last + 1 if first is None else first, last + 1)


def rewrite_events(connection: Connection, rewrite: Callable[[Event], Event]) -> None:
    """Replace each event by what `rewrite` returns for it."""
    last = 0
    while events := select_events(connection, last, EVENTS_AHEAD):
        changed = [(seq, new) for seq, event in events if (new := rewrite(event)) != event]
        values = [{"the_seq": seq, "published_id": event.published_id, "item": event.item} for seq, event in changed]
        _REWRITE_EVENT.run(connection, values)
        last = events[-1][0]
