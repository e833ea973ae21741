"""The subscriptions to our feeds, their deliveries, and the requests that wait for verification."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import ColumnElement, Row, Table, delete, exists, func, select, update

from ..model import HubDelivery, HubProtocol, HubRequest, HubSubscription
from ..rows.values import decode_time, encode_optional_time, encode_time
from .engines import REQUESTS, announce
from .expressions import insert
from .server_database import ServerDatabase
from .server_schema import hub_requests, hub_subscriptions

_SUBSCRIPTION = [hub_subscriptions.c[name] for name in HubSubscription.__struct_fields__]
_IS_WAITING = hub_subscriptions.c.wanted > hub_subscriptions.c.delivered


class HubStore:
    """Keeps subscriptions in the server's database; each method is one transaction. Raises StoreError."""

    def __init__(self, database: ServerDatabase) -> None:
        self._database = database

    def may_deliver(self) -> bool:
        """Return whether what is due is for this server to do; see `ServerDatabase`."""
        return self._database.may_deliver()

    # ── requests ────────────────────────────────────────────────────────────────────────────────────────────────────

    def add_request(self, request: HubRequest) -> None:
        """Keep a request until it is verified; it replaces one of the same callback and topic."""
        values = {
            "callback": request.callback,
            "topic": request.topic,
            "mode": request.mode,
            "host": callback_host(request.callback),
            "secret": request.secret,
            "lease_seconds": request.lease_seconds,
            "reason": request.reason,
            "protocol": request.protocol,
        }
        with self._database.write() as connection:
            identity = [hub_requests.c[name] == values[name] for name in ("callback", "topic")]
            connection.execute(delete(hub_requests).where(*identity))
            connection.execute(insert(hub_requests).values(values))
            announce(connection, REQUESTS)  # to the server that delivers

    def requests(self, limit: int, busy_keys: Collection[int], busy_hosts: Collection[str]) -> Sequence[HubRequest]:
        """Return the oldest requests, but none with one of these keys or of these hosts."""
        columns = [hub_requests.c[name] for name in HubRequest.__struct_fields__]
        query = select(*columns).where(*_is_free(hub_requests, busy_keys, busy_hosts))
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(hub_requests.c.key).limit(limit)).all()
        return [HubRequest(**{**row._mapping, "protocol": HubProtocol(row.protocol)}) for row in rows]

    def count_requests(self, callback: str) -> tuple[int, int]:
        """Return how many requests wait, and how many of them have the host of this callback."""
        own = func.count().filter(hub_requests.c.host == callback_host(callback))
        with self._database.read() as connection:
            total, of_host = connection.execute(select(func.count(), own).select_from(hub_requests)).one()
        return total, of_host

    def finish_request(self, key: int) -> None:
        """Forget a request."""
        with self._database.write() as connection:
            connection.execute(delete(hub_requests).where(hub_requests.c.key == key))

    # ── subscriptions ───────────────────────────────────────────────────────────────────────────────────────────────

    def subscribe(self, request: HubRequest, path: str, feed_id: str, expires: datetime, digest: str | None) -> None:
        """Store the subscription of a verified request, in the place of the one that there is (R54).

        `digest` is that of the document which the subscriber can read now.
        """
        values = {
            "callback": request.callback,
            "path": path,
            "feed": feed_id,
            "host": callback_host(request.callback),
            "secret": request.secret,
            "expires": encode_time(expires),
            "body_digest": digest,
            "protocol": request.protocol,
        }
        renewed = {name: values[name] for name in ("secret", "expires", "feed", "protocol")}
        statement = insert(hub_subscriptions).values(values)
        with self._database.write() as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["callback", "path"], set_=renewed))
            connection.execute(delete(hub_requests).where(hub_requests.c.key == request.key))

    def unsubscribe(self, callback: str, path: str) -> None:
        """Forget a subscription."""
        identity = hub_subscriptions.c.callback == callback, hub_subscriptions.c.path == path
        with self._database.write() as connection:
            connection.execute(delete(hub_subscriptions).where(*identity))

    def count_subscriptions(self, callback: str) -> tuple[int, int]:
        """Return how many subscriptions there are, and how many of them have the host of this callback."""
        own = func.count().filter(hub_subscriptions.c.host == callback_host(callback))
        with self._database.read() as connection:
            total, of_host = connection.execute(select(func.count(), own).select_from(hub_subscriptions)).one()
        return total, of_host

    def counts(self) -> tuple[int, int]:
        """Return how many subscriptions there are, and to how many of them a delivery waits."""
        waiting = func.count().filter(_IS_WAITING)
        with self._database.read() as connection:
            total, waiting_count = connection.execute(
                select(func.count(), waiting).select_from(hub_subscriptions)
            ).one()
        return total, waiting_count

    def count_by_feed(self) -> Mapping[str, int]:
        """Return how many subscribers each feed has."""
        callbacks = func.count(hub_subscriptions.c.callback.distinct()).label("callbacks")
        query = select(hub_subscriptions.c.feed, callbacks).group_by(hub_subscriptions.c.feed)
        with self._database.read() as connection:
            return {row.feed: row.callbacks for row in connection.execute(query)}

    def expire(self, at: datetime) -> None:
        """Forget the subscriptions whose lease has ended (R57)."""
        with self._database.write() as connection:
            connection.execute(delete(hub_subscriptions).where(hub_subscriptions.c.expires <= encode_time(at)))

    def feed_subscriptions(self, feed_id: str) -> Sequence[HubSubscription]:
        """Return the subscriptions to the documents of a feed, the oldest first."""
        query = select(*_SUBSCRIPTION).where(hub_subscriptions.c.feed == feed_id)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(hub_subscriptions.c.key)).all()
        return [_make_subscription(row) for row in rows]

    def move(self, subscription: HubSubscription, path: str, feed_id: str) -> None:
        """Let a subscription be one to another document, unless its callback has one to that already."""
        values = {"path": path, "feed": feed_id, "wanted": hub_subscriptions.c.wanted + 1}
        of_key = hub_subscriptions.c.key == subscription.key
        other = hub_subscriptions.alias()
        is_taken = exists().where(
            other.c.callback == subscription.callback, other.c.path == path, other.c.key != subscription.key
        )
        with self._database.write() as connection:
            connection.execute(update(hub_subscriptions).where(of_key, ~is_taken).values(**values))
            connection.execute(delete(hub_subscriptions).where(of_key, hub_subscriptions.c.path != path))

    # ── deliveries ──────────────────────────────────────────────────────────────────────────────────────────────────

    def want_deliveries(self, feed_ids: Collection[str]) -> None:
        """Note that the documents of these feeds changed."""
        values = {"wanted": hub_subscriptions.c.wanted + 1}
        with self._database.write() as connection:
            of_feeds = hub_subscriptions.c.feed.in_(feed_ids)
            connection.execute(update(hub_subscriptions).where(of_feeds).values(values))

    def catch_up(self, read_digest: Callable[[str], str | None]) -> None:
        """Note which subscribers have not the document as it is now: `read_digest` returns its digest by path."""
        with self._database.write() as connection:
            for path in connection.execute(select(hub_subscriptions.c.path).distinct()).scalars().all():
                if (digest := read_digest(path)) is not None:
                    is_other = hub_subscriptions.c.body_digest.is_distinct_from(digest)
                    of_path = hub_subscriptions.c.path == path
                    values = {"wanted": hub_subscriptions.c.wanted + 1}
                    connection.execute(update(hub_subscriptions).where(of_path, is_other).values(values))

    def due_deliveries(
        self, at: datetime, limit: int, busy_keys: Collection[int], busy_hosts: Collection[str], *, retries: bool
    ) -> Sequence[HubSubscription]:
        """Return subscriptions that a delivery is due to, but none with one of these keys or of these hosts.

        `retries`: those whose last delivery failed, else the others.
        """
        columns = hub_subscriptions.c
        query = select(*_SUBSCRIPTION).where(
            _IS_WAITING,
            columns.due <= encode_time(at),
            columns.expires > encode_time(at),
            columns.attempts > 0 if retries else columns.attempts == 0,
            *_is_free(hub_subscriptions, busy_keys, busy_hosts),
        )
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(columns.due, columns.key).limit(limit)).all()
        return [_make_subscription(row) for row in rows]

    def next_delivery(self, at: datetime) -> datetime | None:
        """Return when the next delivery is due; None where none is wanted."""
        has_lease = hub_subscriptions.c.expires > encode_time(at)
        with self._database.read() as connection:
            due = connection.execute(select(func.min(hub_subscriptions.c.due)).where(_IS_WAITING, has_lease)).scalar()
        return None if due is None else decode_time(due)

    def record_deliveries(self, deliveries: Iterable[HubDelivery]) -> None:
        """Store how deliveries ended: of the document as it was when each began."""
        with self._database.write() as connection:
            for each in deliveries:
                of_key = hub_subscriptions.c.key == each.subscription.key
                if each.outcome == "gone":
                    connection.execute(delete(hub_subscriptions).where(of_key))
                else:
                    connection.execute(update(hub_subscriptions).where(of_key).values(_delivery_values(each)))

    def remove(self, subscription: HubSubscription) -> None:
        """Forget a subscription."""
        with self._database.write() as connection:
            connection.execute(delete(hub_subscriptions).where(hub_subscriptions.c.key == subscription.key))


def _delivery_values(delivery: HubDelivery) -> dict[str, object]:
    subscription = delivery.subscription
    if delivery.outcome == "failed":
        return {"attempts": subscription.attempts + 1, "due": encode_optional_time(delivery.due)}
    if delivery.outcome == "given_up":  # the next change is tried again (R62)
        return {"delivered": subscription.wanted, "attempts": subscription.attempts + 1, "due": 0}
    return {"delivered": subscription.wanted, "attempts": 0, "due": 0, "body_digest": delivery.digest}


def callback_host(callback: str) -> str:
    """Return the host of a callback, with its port, in lower case."""
    return urlsplit(callback).netloc.lower()


def _make_subscription(row: Row[Any]) -> HubSubscription:
    return HubSubscription(**{**row._mapping, "protocol": HubProtocol(row.protocol)})


def _is_free(table: Table, keys: Collection[int], hosts: Collection[str]) -> Sequence[ColumnElement[bool]]:
    return table.c.key.not_in(keys), table.c.host.not_in(hosts)
