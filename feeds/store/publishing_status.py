"""Which feeds wait to be published, and which could not be."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import Connection, bindparam, case, func, null, or_, select, update

from ..model import Edition, PublishingStatus
from ..rows.values import decode_optional_time, encode_time
from .column_types import WHOLE
from .expressions import insert
from .schema import publishing
from .statements import BatchStatement, Query

_PUBLISHING = Query(select(publishing))
_INSERT_WAITING = insert(publishing).values(
    {name: bindparam(name) for name in ("feed", "change_number", "waiting_since")}
)
_UPSERT_WAITING = BatchStatement(
    _INSERT_WAITING.on_conflict_do_update(
        index_elements=["feed"],
        set_={
            "change_number": _INSERT_WAITING.excluded.change_number,
            "waiting_since": func.coalesce(publishing.c.waiting_since, _INSERT_WAITING.excluded.waiting_since),
        },
    )
)
_UPDATE_PUBLISHED = Query(
    update(publishing)
    .where(
        publishing.c.feed == bindparam("the_feed"),
        or_(publishing.c.waiting_since.is_not(None), publishing.c.failed_at.is_not(None)),
    )
    .values(
        waiting_since=case(
            (publishing.c.change_number > bindparam("published"), bindparam("began", type_=WHOLE)), else_=null()
        ),
        failed_at=None,
        error=None,
    )
)
_FAILURE_COLUMNS = ("feed", "waiting_since", "failed_at", "error")
_INSERT_FAILURE = insert(publishing).values({name: bindparam(name) for name in _FAILURE_COLUMNS})
_UPSERT_FAILURE = BatchStatement(
    _INSERT_FAILURE.on_conflict_do_update(
        index_elements=["feed"],
        set_={
            "waiting_since": func.coalesce(publishing.c.waiting_since, _INSERT_FAILURE.excluded.waiting_since),
            "failed_at": _INSERT_FAILURE.excluded.failed_at,
            "error": _INSERT_FAILURE.excluded.error,
        },
    )
)


def mark_waiting(
    connection: Connection, changes: Mapping[str, int], feeds: Mapping[str, Collection[str]], at: datetime
) -> None:
    """Let the feeds wait that take from a changed source (`changes`: source id → change number)."""
    newest: dict[str, int] = {}
    for source_id, number in changes.items():
        for feed_id in feeds.get(source_id, ()):
            newest[feed_id] = max(number, newest.get(feed_id, 0))
    waiting_since = encode_time(at)
    _UPSERT_WAITING.run(
        connection,
        ({"feed": id, "change_number": number, "waiting_since": waiting_since} for id, number in newest.items()),
    )


def mark_published(connection: Connection, edition: Edition, began: datetime) -> None:
    """Let a feed wait no longer, or from `began` on where its sources changed again since its edition was made."""
    values = {"the_feed": edition.feed.id, "published": edition.changed, "began": encode_time(began)}
    _UPDATE_PUBLISHED.run(connection, **values)


def mark_failed(connection: Connection, feed_id: str, error: str, at: datetime) -> None:
    """Store that a feed could not be published; it waits."""
    time = encode_time(at)
    _UPSERT_FAILURE.run(connection, [{"feed": feed_id, "waiting_since": time, "failed_at": time, "error": error}])


def select_publishing(connection: Connection) -> dict[str, PublishingStatus]:
    """Return the publishing status of each feed that ever waited or failed, by feed id."""
    return {
        row.feed: PublishingStatus(
            row.feed, decode_optional_time(row.waiting_since), decode_optional_time(row.failed_at), row.error
        )
        for row in _PUBLISHING.run(connection)
    }
