"""Our subscriptions to the hubs of sources, and the inbox of what these pushed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Row, bindparam, delete, func, insert, select, update

from ..model import HubSource, ReceivedPush, SourceSubscription, SubscriptionState
from ..rows.values import decode_optional_time, decode_strings, decode_time, encode_time
from .engines import LastAnswer
from .server_database import ServerDatabase, ServerDatabaseReader
from .server_schema import source_pushes, source_subscriptions
from .statements import Query

MAX_WAITING = 10  # pushes of one source in the inbox; the newest are kept
MAX_INBOX_SIZE = 256_000_000  # bytes of all bodies
MAX_DIGESTS = 20  # of the bodies of one source by which a repeated push is known

_TABLE = source_subscriptions.c
_LAST_PUSH = Query(select(func.max(source_pushes.c.number)))
_PUSHES = Query(
    select(source_pushes)
    .where(source_pushes.c.number > bindparam("after"))
    .order_by(source_pushes.c.number)
    .limit(bindparam("limit"))
)


class SourceHubStore:
    """Keeps subscriptions and the inbox in the server's database; each method is one transaction. Raises StoreError."""

    def __init__(self, database: ServerDatabase) -> None:
        self._database = database

    def may_deliver(self) -> bool:
        """Return whether what is due is for this server to request; see `ServerDatabase`."""
        return self._database.may_deliver()

    # ── subscriptions ───────────────────────────────────────────────────────────────────────────────────────────────

    def add(self, source: HubSource, token: str, secret: str, due: datetime) -> None:
        """Store a subscription to be requested."""
        values = {"source": source.source_id, "hub": source.hub, "topic": source.topic, "token": token}
        state = {"secret": secret, "state": SubscriptionState.REQUESTED, "due": encode_time(due)}
        with self._database.write() as connection:
            connection.execute(insert(source_subscriptions).values(values | state))

    def all(self) -> Sequence[SourceSubscription]:
        """Return all subscriptions."""
        with self._database.read() as connection:
            rows = connection.execute(select(source_subscriptions)).all()
        return [_make_subscription(row) for row in rows]

    def find(self, token: str) -> SourceSubscription | None:
        """Return the subscription with a token."""
        with self._database.read() as connection:
            row = connection.execute(select(source_subscriptions).where(_TABLE.token == token)).first()
        return _make_subscription(row) if row else None

    def due(self, at: datetime, limit: int) -> Sequence[SourceSubscription]:
        """Return the subscriptions whose next request to the hub is due, the oldest first."""
        query = select(source_subscriptions).where(_TABLE.due <= encode_time(at)).order_by(_TABLE.due).limit(limit)
        with self._database.read() as connection:
            return [_make_subscription(row) for row in connection.execute(query).all()]

    def next_due(self) -> datetime | None:
        """Return when the next request is due."""
        with self._database.read() as connection:
            return decode_optional_time(connection.execute(select(func.min(_TABLE.due))).scalar())

    def attempt(self, subscription: SourceSubscription, due: datetime) -> None:
        """Note that a request begins, and when the next one is due unless the hub verifies this one."""
        self._update(subscription, attempts=subscription.attempts + 1, due=encode_time(due))

    def activate(self, subscription: SourceSubscription, lease_ends: datetime, due: datetime) -> None:
        """Note that the hub verified a subscription, and when it is to be renewed."""
        self._update(
            subscription,
            state=SubscriptionState.ACTIVE,
            lease_ends=encode_time(lease_ends),
            due=encode_time(due),
            attempts=0,
        )

    def set_state(self, subscription: SourceSubscription, state: SubscriptionState, due: datetime) -> None:
        """Note that the hub denied a subscription, or that it is to end."""
        self._update(subscription, state=state, due=encode_time(due), attempts=0)

    def remove(self, subscription: SourceSubscription) -> None:
        """Forget a subscription."""
        with self._database.write() as connection:
            connection.execute(delete(source_subscriptions).where(_TABLE.key == subscription.key))

    def _update(self, subscription: SourceSubscription, **values: object) -> None:
        with self._database.write() as connection:
            connection.execute(update(source_subscriptions).where(_TABLE.key == subscription.key).values(**values))

    # ── the inbox ───────────────────────────────────────────────────────────────────────────────────────────────────

    def add_push(self, subscription: SourceSubscription, push: ReceivedPush, digest: str, taken: int) -> bool:
        """Put a push into the inbox, with the next number after those that are there or were `taken`.

        One with the digest of an earlier one is not kept: it is a replay. Return False where the inbox is full.
        """
        columns = source_pushes.c
        with self._database.write() as connection:
            connection.execute(delete(source_pushes).where(columns.number <= taken))
            row = connection.execute(select(_TABLE.digests).where(_TABLE.key == subscription.key)).first()
            digests = decode_strings(row.digests) if row else ()
            if digest in digests:
                return True
            size = connection.execute(select(func.sum(func.length(columns.body)))).scalar() or 0
            if size + len(push.body) > MAX_INBOX_SIZE:
                return False
            of_source = select(columns.number).where(columns.source == push.source_id).order_by(columns.number.desc())
            oldest = of_source.offset(MAX_WAITING - 1).scalar_subquery()
            connection.execute(delete(source_pushes).where(columns.number.in_(oldest)))
            last = connection.execute(select(func.max(columns.number))).scalar() or 0
            values = {name: getattr(push, name) for name in ("content_type", "body")}
            values |= {"source": push.source_id, "lease_ends": encode_time(push.lease_ends)}
            connection.execute(insert(source_pushes).values(number=max(last, taken) + 1, **values))
            kept = msgspec.json.encode([*digests, digest][-MAX_DIGESTS:]).decode()
            connection.execute(update(source_subscriptions).where(_TABLE.key == subscription.key).values(digests=kept))
        return True

    def clean_inbox(self, taken: int) -> None:
        """Delete the pushes up to a number."""
        with self._database.write() as connection:
            connection.execute(delete(source_pushes).where(source_pushes.c.number <= taken))


class InboxReader:
    """Reads the inbox in the process that takes the pushes. Raises StoreError."""

    def __init__(self, reader: ServerDatabaseReader) -> None:
        self._reader = reader
        self._last_push = LastAnswer(reader.changes, self._select_last_push)  # asked for twice a second

    def close(self) -> None:
        """Close all connections."""
        self._reader.close()

    def last_push(self) -> int:
        """Return the number of the newest push; 0 where there is none."""
        return self._last_push.get()

    def pushes(self, after: int, limit: int) -> Sequence[ReceivedPush]:
        """Return up to `limit` pushes with numbers above `after`, in the order of their numbers."""
        with self._reader.read() as connection:
            rows = _PUSHES.rows(connection, after=after, limit=limit) if connection else ()
        return [_make_push(row) for row in rows]

    def _select_last_push(self) -> int:
        with self._reader.read() as connection:
            return (_LAST_PUSH.run(connection).scalar() if connection else None) or 0


def _make_subscription(row: Row[Any]) -> SourceSubscription:
    return SourceSubscription(
        key=row.key,
        source_id=row.source,
        hub=row.hub,
        topic=row.topic,
        token=row.token,
        secret=row.secret,
        state=SubscriptionState(row.state),
        lease_ends=decode_optional_time(row.lease_ends),
        attempts=row.attempts,
    )


def _make_push(row: Row[Any]) -> ReceivedPush:
    return ReceivedPush(row.number, row.source, decode_time(row.lease_ends), row.content_type, row.body)
