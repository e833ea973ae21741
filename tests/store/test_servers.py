"""What servers that share a PostgreSQL database have of each other: who delivers, and what is announced."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from database import open_store
from factories import NOON, event, issue
from wire import until

from feeds.errors import StoreError
from feeds.model import HubRequest, LedgerEntry, PushSubscription
from feeds.store import (
    EVENTS,
    REQUESTS,
    HubStore,
    PushSubscriptions,
    ServerDatabase,
    migrate_server_tables,
    open_announcements,
)
from feeds.store.engines import Announcements

BROWSER = PushSubscription("https://push.example/1", "p", "a", "private")


def end_sessions(url: str) -> None:
    """End all connections to a database, as a restart of the server does."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


# ── one delivers ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_one_server_delivers_and_another_once_it_has_ended(postgres_url: str) -> None:
    with closing(ServerDatabase(postgres_url)) as second:
        with closing(ServerDatabase(postgres_url)) as first:
            assert (first.may_deliver(), second.may_deliver()) == (True, False)
            assert (first.may_deliver(), second.may_deliver()) == (True, False)
        until(second.may_deliver)  # the server notices the end of a connection a moment later


def test_who_loses_the_connection_loses_the_deliveries(postgres_url: str) -> None:
    with closing(ServerDatabase(postgres_url)) as first, closing(ServerDatabase(postgres_url)) as second:
        assert first.may_deliver()
        end_sessions(postgres_url)
        assert not first.may_deliver()
        assert (second.may_deliver(), first.may_deliver()) == (True, False)


def test_nobody_delivers_where_there_is_no_database(postgres_url: str) -> None:
    with closing(ServerDatabase(f"{postgres_url}_none")) as database:
        assert not database.may_deliver()


def test_the_only_server_of_a_file_delivers(tmp_path: Path) -> None:
    assert ServerDatabase(tmp_path / "server.db").may_deliver()
    assert open_announcements(tmp_path / "feeds.db") is None


# ── the tables ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_one_server_stores_another_one_reads(postgres_url: str) -> None:
    with closing(ServerDatabase(postgres_url)) as first, closing(ServerDatabase(postgres_url)) as second:
        first.open()
        second.open()
        assert PushSubscriptions(first).subscribe(BROWSER, "all", NOON) == ("all",)
        assert PushSubscriptions(second).feeds_of(BROWSER.endpoint) == ("all",)
        keys = [PushSubscriptions(each).vapid_key(lambda each=each: str(id(each))) for each in (first, second)]  # type: ignore[misc]
        assert keys[0] == keys[1]


def test_servers_that_start_at_once_make_the_tables_once(postgres_url: str) -> None:
    databases = [ServerDatabase(postgres_url) for _ in range(4)]
    errors: list[StoreError] = []

    def start(database: ServerDatabase) -> None:
        try:
            database.open()
        except StoreError as error:
            errors.append(error)

    threads = [threading.Thread(target=start, args=[database]) for database in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert [PushSubscriptions(database).count() for database in databases] == [0] * 4
    for database in databases:
        database.close()


def test_a_database_that_cannot_be_opened_is_tried_again(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE push_state (name TEXT)")  # of another program
        with closing(ServerDatabase(postgres_url)) as database:
            with pytest.raises(StoreError, match="tables of another program"):
                database.open()
            with pytest.raises(StoreError, match="tables of another program"):
                PushSubscriptions(database).count()
            connection.execute("DROP TABLE push_state")
            assert PushSubscriptions(database).count() == 0


@pytest.mark.parametrize("is_back", [False, True], ids=["there", "back"])
def test_subscriptions_go_along_with_a_store_that_is_copied(tmp_path: Path, postgres_url: str, is_back: bool) -> None:
    file, store = tmp_path / "server.db", tmp_path / "feeds.db"
    old, new = (postgres_url, file) if is_back else (file, postgres_url)
    with closing(ServerDatabase(old)) as database:
        database.open()
        key = PushSubscriptions(database).vapid_key(lambda: "key")
        PushSubscriptions(database).subscribe(BROWSER, "all", NOON)
    migrate_server_tables(old, store if is_back else postgres_url)
    with closing(ServerDatabase(new)) as database:
        database.open()
        subscriptions = PushSubscriptions(database)
        assert subscriptions.feeds_of(BROWSER.endpoint) == ("all",)
        assert subscriptions.vapid_key(lambda: "another") == key
        other = PushSubscription("https://push.example/2", "p", "a", "private")
        assert subscriptions.subscribe(other, "all", NOON) == ("all",)  # with a key of its own
    if is_back:
        with pytest.raises(StoreError, match="exists already"):
            migrate_server_tables(old, store)


def test_where_there_is_nothing_nothing_is_copied(tmp_path: Path, postgres_url: str) -> None:
    migrate_server_tables(tmp_path / "server.db", postgres_url)
    migrate_server_tables(postgres_url, tmp_path / "feeds.db")
    assert [*tmp_path.iterdir()] == []


# ── announcements ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def announcements(postgres_url: str) -> Iterator[Announcements]:
    announcements = open_announcements(postgres_url)
    assert announcements
    assert announcements.wait(0) == set()  # it listens from now on
    with closing(announcements):
        yield announcements


def request(database: ServerDatabase) -> None:
    HubStore(database).add_request(HubRequest("subscribe", "https://reader.example/", "t", lease_seconds=9))


def test_R12_events_are_announced_once_they_are_committed(postgres_url: str, announcements: Announcements) -> None:
    with open_store(postgres_url) as store:
        store.issued(issue("f", {1: LedgerEntry("a", NOON)}), NOON)
        assert announcements.wait(0.05) == set()
        store.issued(issue("f", {1: LedgerEntry("b", NOON)}, event(1)), NOON)
        assert announcements.wait(300) == {EVENTS}


def test_requests_of_the_hub_are_announced(postgres_url: str, announcements: Announcements) -> None:
    with closing(ServerDatabase(postgres_url)) as database:
        database.open()
        request(database)
    assert announcements.wait(300) == {REQUESTS}


def test_a_listener_that_lost_its_connection_hears_again(postgres_url: str, announcements: Announcements) -> None:
    with closing(ServerDatabase(postgres_url)) as database:
        database.open()
        end_sessions(postgres_url)

        def is_heard() -> bool:
            request(database)
            return announcements.wait(0.1) == {REQUESTS}

        until(is_heard)
