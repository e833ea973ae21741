"""The subscriptions to notifications, and our key, in the server's database."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import pytest
from database import open_store
from factories import NOON

from feeds.errors import PushError
from feeds.model import PushSubscription
from feeds.store import DatabaseAddress, PushSubscriptions, ServerDatabase, push_subscriptions, restore_database


def subscription(name: str, auth: str = "a") -> PushSubscription:
    return PushSubscription(f"https://push.example/{name}", "p", auth, "private")


@pytest.fixture
def address(server_address: DatabaseAddress) -> DatabaseAddress:
    """Of the store beside it."""
    return server_address if isinstance(server_address, str) else server_address.with_name("feeds.db")


@pytest.fixture
def store(server_address: DatabaseAddress) -> Iterator[PushSubscriptions]:
    with closing(ServerDatabase(server_address)) as database:
        database.open()
        yield PushSubscriptions(database)


def test_feeds_are_added_and_taken_away_one_by_one(store: PushSubscriptions) -> None:
    browser = subscription("1")
    assert store.feeds_of(browser.endpoint) == ()
    assert store.subscribe(browser, "all", NOON) == ("all",)
    assert store.subscribe(browser, "", NOON) == ("", "all")
    assert store.subscribe(browser, "", NOON) == ("", "all")
    assert store.feeds_of(browser.endpoint) == ("", "all")
    assert store.unsubscribe(browser.endpoint, "all") == ("",)
    assert store.unsubscribe(browser.endpoint, "never") == ("",)
    assert store.unsubscribe(browser.endpoint, "") == ()
    assert (store.count(), store.unsubscribe(browser.endpoint)) == (0, ())


def test_all_feeds_can_be_taken_away_at_once(store: PushSubscriptions) -> None:
    for name in ("1", "2"):
        for feed in ("", "all"):
            store.subscribe(subscription(name), feed, NOON)
    assert store.unsubscribe(subscription("1").endpoint) == ()
    assert (store.count(), store.feeds_of(subscription("2").endpoint)) == (1, ("", "all"))


def test_a_browser_with_a_new_endpoint_keeps_its_feeds(store: PushSubscriptions) -> None:
    old, new = subscription("1"), subscription("2")
    store.subscribe(old, "all", NOON)
    store.subscribe(old, "world", NOON)
    assert store.subscribe(new, "world", NOON, old.endpoint) == ("all", "world")
    assert (store.count(), store.feeds_of(old.endpoint)) == (1, ())
    assert store.subscribe(new, "world", NOON, new.endpoint) == ("all", "world")
    assert store.subscribe(new, "world", NOON, "https://push.example/unknown") == ("all", "world")
    newer = subscription("3")
    assert store.subscribe(newer, None, NOON, new.endpoint) == ("all", "world")
    with pytest.raises(PushError):
        store.subscribe(subscription("4"), None, NOON, new.endpoint)
    assert store.count() == 1


def test_limits_hold(store: PushSubscriptions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(push_subscriptions, "MAX_SUBSCRIPTIONS", 2)
    monkeypatch.setattr(push_subscriptions, "MAX_FEEDS", 2)
    for name in ("1", "2"):
        store.subscribe(subscription(name), "a", NOON)
    with pytest.raises(PushError):
        store.subscribe(subscription("3"), "a", NOON)
    store.subscribe(subscription("1"), "b", NOON)
    with pytest.raises(PushError):
        store.subscribe(subscription("1"), "c", NOON)
    assert (store.count(), store.feeds_of(subscription("1").endpoint)) == (2, ("a", "b"))


def test_R68_one_key_is_made_whoever_asks_first(store: PushSubscriptions) -> None:
    numbers, keys = count(1), list[str]()
    threads = [
        threading.Thread(target=lambda: keys.append(store.vapid_key(lambda: f"key {next(numbers)}"))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert keys == ["key 1"] * 8


def test_R68_a_backup_holds_key_and_subscriptions(
    store: PushSubscriptions, address: DatabaseAddress, tmp_path: Path
) -> None:
    """Neither is of use without the other."""
    key = store.vapid_key(lambda: "a key")
    store.subscribe(subscription("1"), "all", NOON)
    store.take_events((), (), 7, now=NOON, due=NOON)
    backup = tmp_path / "backup"
    with open_store(address) as feeds_store:
        feeds_store.backup(backup)
    assert backup.stat().st_mode & 0o777 == 0o600
    other = tmp_path / "other"
    other.mkdir()
    restore_database(other / "feeds.db", backup)
    with closing(ServerDatabase(other / "server.db")) as database:
        database.open()
        restored = PushSubscriptions(database)
        assert restored.vapid_key(lambda: "another key") == key
        assert restored.feeds_of(subscription("1").endpoint) == ("all",)
        assert restored.position() == 7
    assert (other / "server.db").stat().st_mode & 0o777 == 0o600
