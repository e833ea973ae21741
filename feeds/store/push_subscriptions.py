"""The browsers that want notifications, the news they have not had yet, and our key towards push services."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Connection, and_, case, delete, exists, func, or_, select, update

from ..errors import PushError
from ..model import News, Notice, NoticeResult, PushSubscription
from ..rows.values import decode_time, encode_time
from .expressions import insert
from .server_database import ServerDatabase
from .server_schema import push_feeds, push_news, push_state, push_subscriptions

ALL_FEEDS = ""
MAX_SUBSCRIPTIONS = 100_000
MAX_FEEDS = 100  # of one subscription
NEWS_AGE = timedelta(days=1)  # older news are told to nobody

_IS_PENDING = push_feeds.c.wanted > push_feeds.c.delivered
_other = push_feeds.alias()
# Of a subscription to all feeds, which is told of nothing twice.
_IS_COVERED = exists().where(
    _other.c.subscription == push_feeds.c.subscription, _other.c.feed == ALL_FEEDS, push_feeds.c.feed != ALL_FEEDS
)


class PushSubscriptions:
    """The subscriptions in the server's database, for all its threads. Raises StoreError as that does."""

    def __init__(self, database: ServerDatabase) -> None:
        self._database = database

    def may_deliver(self) -> bool:
        """Return whether what is due is for this server to send; see `ServerDatabase`."""
        return self._database.may_deliver()

    # ── our own state ───────────────────────────────────────────────────────────────────────────────────────────────

    def vapid_key(self, make: Callable[[], str]) -> str:
        """Return our private key; the first one is made, and kept for ever."""
        with self._database.write() as connection:
            key = _read_state(connection, "vapid_key")
            if key is None:
                key = make()
                _write_state(connection, "vapid_key", key)
            return key

    def position(self) -> int | None:
        """Return the number of the last event that was taken from the outbox; None before the first one."""
        with self._database.read() as connection:
            value = _read_state(connection, "position")
            return None if value is None else int(value)

    # ── subscriptions ───────────────────────────────────────────────────────────────────────────────────────────────

    def subscribe(
        self, subscription: PushSubscription, feed_id: str | None, at: datetime, replaced: str | None = None
    ) -> Sequence[str]:
        """Add a feed, if any, to a subscription, which is new or known by its endpoint; return all feeds it has.

        `replaced` is the endpoint that the browser had before: its feeds are taken over. Raise PushError where there
        are too many feeds, or none.
        """
        with self._database.write() as connection:
            key = _save(connection, subscription, at)
            if replaced is not None and replaced != subscription.endpoint:
                _move_feeds(connection, replaced, key)
            if feed_id is not None:
                position = int(_read_state(connection, "position") or 0)
                row = {"subscription": key, "feed": feed_id, "wanted": position, "delivered": position}
                connection.execute(insert(push_feeds).values(row).on_conflict_do_nothing())
            feeds = _feeds_of(connection, key)
            if not 0 < len(feeds) <= MAX_FEEDS:
                raise PushError(f"A browser may follow 1 to {MAX_FEEDS} feeds.")
            return feeds

    def unsubscribe(self, endpoint: str, feed_id: str | None = None) -> Sequence[str]:
        """Take a feed from a subscription, or all of them; return those that are left."""
        with self._database.write() as connection:
            key = _find(connection, endpoint)
            if key is None:
                return ()
            is_own = push_feeds.c.subscription == key
            is_meant = is_own if feed_id is None else and_(is_own, push_feeds.c.feed == feed_id)
            connection.execute(delete(push_feeds).where(is_meant))
            if feed_id == ALL_FEEDS:  # which told the news of the others, too
                position = int(_read_state(connection, "position") or 0)
                connection.execute(update(push_feeds).where(is_own).values(wanted=position, delivered=position))
            feeds = _feeds_of(connection, key)
            if not feeds:
                connection.execute(delete(push_subscriptions).where(push_subscriptions.c.key == key))
            return feeds

    def rename_feeds(self, successors: Mapping[str, str]) -> None:
        """Give the subscriptions to feeds that are renamed to their successors, by id."""
        with self._database.write() as connection:
            for old, new in successors.items():
                has_new = push_feeds.c.subscription.in_(select(_other.c.subscription).where(_other.c.feed == new))
                connection.execute(update(push_feeds).where(push_feeds.c.feed == old, ~has_new).values(feed=new))
                connection.execute(delete(push_feeds).where(push_feeds.c.feed == old))

    def feeds_of(self, endpoint: str) -> Sequence[str]:
        """Return the feeds of a subscription; none of one that is not known."""
        with self._database.read() as connection:
            key = _find(connection, endpoint)
            return () if key is None else _feeds_of(connection, key)

    def count(self) -> int:
        """Return the number of subscriptions."""
        with self._database.read() as connection:
            return connection.execute(select(func.count()).select_from(push_subscriptions)).scalar_one()

    def count_by_feed(self) -> Mapping[str, int]:
        """Return how many subscriptions each feed has, without those to all feeds."""
        query = select(push_feeds.c.feed, func.count().label("number")).where(push_feeds.c.feed != ALL_FEEDS)
        with self._database.read() as connection:
            return {row.feed: row.number for row in connection.execute(query.group_by(push_feeds.c.feed))}

    def count_pending(self) -> int:
        """Return the number of notifications that wait."""
        query = select(func.count()).select_from(push_feeds).where(_IS_PENDING)
        with self._database.read() as connection:
            return connection.execute(query).scalar_one()

    # ── news ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def take_events(
        self,
        news: Iterable[tuple[str, News]],
        withdrawn: Iterable[tuple[str, str]],
        position: int,
        *,
        now: datetime,
        due: datetime,
    ) -> None:
        """Keep the news of feeds and note who wants them from `due` on, with the position, in one transaction.

        `withdrawn` are the feed and the id of each article that was retracted. An article that several feeds have is
        one of the news of all feeds.
        """
        with self._database.write() as connection:
            for feed_id, article in news:
                for audience in (feed_id, ALL_FEEDS):
                    _add_news(connection, audience, article, now, due)
            for feed_id, published_id in withdrawn:
                is_of_audience = push_news.c.feed.in_([feed_id, ALL_FEEDS])
                connection.execute(delete(push_news).where(is_of_audience, push_news.c.published_id == published_id))
            connection.execute(delete(push_news).where(push_news.c.at < encode_time(now - NEWS_AGE)))
            _write_state(connection, "position", str(position))

    def news(self, feed_id: str, after: int, limit: int, now: datetime) -> tuple[Sequence[News], int]:
        """Return the newest news of a feed after an event, newest first, and how many there are in all."""
        is_wanted = and_(
            push_news.c.feed == feed_id, push_news.c.number > after, push_news.c.at >= encode_time(now - NEWS_AGE)
        )
        with self._database.read() as connection:
            count = connection.execute(select(func.count()).select_from(push_news).where(is_wanted)).scalar_one()
            query = select(push_news.c.news).where(is_wanted).order_by(push_news.c.number.desc()).limit(limit)
            return [msgspec.json.decode(text, type=News) for text in connection.execute(query).scalars()], count

    # ── notices ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def due_notices(self, service: str, now: datetime, limit: int) -> Sequence[Notice]:
        """Return up to `limit` notices for the browsers of a push service, the longest due first."""
        query = (
            select(push_feeds, push_subscriptions)
            .join(push_subscriptions, push_subscriptions.c.key == push_feeds.c.subscription)
            .where(push_subscriptions.c.service == service, _IS_PENDING, push_feeds.c.due <= encode_time(now))
            .order_by(push_feeds.c.due)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [
                Notice(
                    row.subscription,
                    PushSubscription(row.endpoint, row.p256dh, row.auth, row.service),
                    row.feed,
                    row.delivered,
                    row.wanted,
                    row.attempts,
                )
                for row in connection.execute(query)
            ]

    def next_due(self, services: Collection[str]) -> datetime | None:
        """Return when the next notice for any of these services is due."""
        query = (
            select(func.min(push_feeds.c.due))
            .join(push_subscriptions, push_subscriptions.c.key == push_feeds.c.subscription)
            .where(push_subscriptions.c.service.in_(services), _IS_PENDING)
        )
        with self._database.read() as connection:
            due = connection.execute(query).scalar()
            return None if due is None else decode_time(due)

    def conclude(self, results: Iterable[NoticeResult]) -> None:
        """Store what became of notices. What was wanted meanwhile is wanted still."""
        with self._database.write() as connection:
            for result in results:
                notice = result.notice
                if result.state == "gone":
                    is_gone = (
                        push_subscriptions.c.key == notice.subscription_key,
                        push_subscriptions.c.endpoint == notice.subscription.endpoint,
                    )
                    connection.execute(delete(push_subscriptions).where(*is_gone))
                    continue
                values = {"due": encode_time(result.due), "attempts": notice.attempts + 1}
                if result.state == "done":
                    values |= {"delivered": notice.wanted, "attempts": 0}
                is_same = (push_feeds.c.subscription == notice.subscription_key, push_feeds.c.feed == notice.feed_id)
                connection.execute(update(push_feeds).where(*is_same).values(values))


def _save(connection: Connection, subscription: PushSubscription, at: datetime) -> int:
    """Insert a subscription, or update the keys of a known one; return its key."""
    values = {name: getattr(subscription, name) for name in ("p256dh", "auth", "service")}
    statement = insert(push_subscriptions).values(
        values | {"endpoint": subscription.endpoint, "created": encode_time(at)}
    )
    connection.execute(statement.on_conflict_do_update(index_elements=["endpoint"], set_=values))
    key = _find(connection, subscription.endpoint)
    count = connection.execute(select(func.count()).select_from(push_subscriptions)).scalar_one()
    if count > MAX_SUBSCRIPTIONS or key is None:
        raise PushError("No more browsers can be notified.")
    return key


def _move_feeds(connection: Connection, endpoint: str, key: int) -> None:
    """Give the feeds of an endpoint to the subscription that replaces it."""
    old = _find(connection, endpoint)
    if old is not None:
        has_feed = push_feeds.c.feed.in_(select(_other.c.feed).where(_other.c.subscription == key))
        moved = update(push_feeds).where(push_feeds.c.subscription == old, ~has_feed)
        connection.execute(moved.values(subscription=key, attempts=0, due=0))
        connection.execute(delete(push_subscriptions).where(push_subscriptions.c.key == old))


def _add_news(connection: Connection, audience: str, article: News, now: datetime, due: datetime) -> None:
    row = {"feed": audience, "published_id": article.published_id, "number": article.number, "at": encode_time(now)}
    values = row | {"news": msgspec.json.encode(article).decode()}
    if not connection.execute(insert(push_news).values(values).on_conflict_do_nothing()).rowcount:
        return
    # What waits already is due when it was; what was told just now is not followed by more at once.
    keeps_due = or_(_IS_PENDING, push_feeds.c.due > encode_time(due))
    connection.execute(
        update(push_feeds)
        .where(push_feeds.c.feed == audience, push_feeds.c.wanted < article.number, ~_IS_COVERED)
        .values(wanted=article.number, due=case((keeps_due, push_feeds.c.due), else_=encode_time(due)))
    )


def _find(connection: Connection, endpoint: str) -> int | None:
    query = select(push_subscriptions.c.key).where(push_subscriptions.c.endpoint == endpoint)
    return connection.execute(query).scalar()


def _feeds_of(connection: Connection, key: int) -> Sequence[str]:
    query = select(push_feeds.c.feed).where(push_feeds.c.subscription == key).order_by(push_feeds.c.feed)
    return tuple(connection.execute(query).scalars())


def _read_state(connection: Connection, name: str) -> str | None:
    return connection.execute(select(push_state.c.value).where(push_state.c.name == name)).scalar()


def _write_state(connection: Connection, name: str, value: str) -> None:
    statement = insert(push_state).values(name=name, value=value)
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"value": value}))
