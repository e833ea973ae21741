"""What is PostgreSQL's own: what its errors say, who writes when, and who brings the tables up to date."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from database import add_articles, add_migration, find_statements, open_store, titles
from factories import HOUR, NOON, article, event, issue, source
from wire import until

from feeds.errors import StoreError
from feeds.model import LedgerEntry
from feeds.store import SqlStore, StoreReader, migrate, postgres
from feeds.store.engines import describe_address, open_engines
from feeds.store.schema import REVISION
from feeds.store.statements import BatchStatement, Query


@pytest.fixture
def url(postgres_url: str) -> str:
    return postgres_url


@pytest.fixture
def server(url: str) -> Iterator[psycopg.Connection[tuple[object]]]:
    """Another program's connection."""
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def test_a_process_has_a_name_that_no_other_one_has(url: str, server: psycopg.Connection[tuple[object]]) -> None:
    """Also in another container, with the same host name and the same number: a restore must see its connections."""
    name = postgres.process_name()
    other = f"{name.rpartition('-')[0]}-000000"
    code = "from feeds.store.postgres import process_name; print(process_name())"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert printed.rpartition("-")[2] != name.rpartition("-")[2]
    assert name.partition(":")[0] == printed.partition(":")[0]
    migrate.create_or_upgrade(url)
    engines = open_engines(url)
    with engines.read() as connection:
        assert postgres.find_other_sessions(connection) == []
    server.execute(f"SET application_name = 'feeds {other}'")
    with engines.read() as connection:
        assert postgres.find_other_sessions(connection) == [other]
    engines.close()


def test_the_name_of_a_session_is_kept_whole_by_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.node", lambda: "h" * 64)
    assert len(postgres.session_name()) <= 63
    assert postgres.session_name().endswith(postgres.process_name()[-7:])


def test_every_statement_is_understood_whatever_is_null(url: str) -> None:
    """Those of other tests bind what these happen to need."""
    migrate.create_or_upgrade(url)
    engines = open_engines(url)
    refused = {}
    for name, statement in (*find_statements(Query), *find_statements(BatchStatement)):
        try:
            with engines.read() as connection:
                text = statement.compile(connection.dialect)[0]
                connection.exec_driver_sql(f"EXPLAIN {text}", (None,) * text.count("%s"))
        except StoreError as error:
            refused[name] = str(error)
    engines.close()
    assert refused == {}


def test_a_store_in_a_file_loads_nothing_of_postgresql(path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from database import open_store\n"
        f"open_store(Path({str(path)!r})).close()\n"
        "print([name for name in sys.modules if 'psycopg' in name or 'postgres' in name])"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, sys.path)]),
    }
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


# ── one writer ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_R12_events_of_many_writers_are_numbered_in_the_order_of_their_commits(url: str) -> None:
    """Each is a store of its own, as in another process; a reader never sees a number before a lower one."""
    seen: list[int] = []
    with open_store(url):
        pass

    def write(name: str) -> None:
        with open_store(url) as store:
            for key in range(20):
                store.issued(issue(name, {key: LedgerEntry(f"{name}{key}", NOON)}, event(key)), NOON)

    threads = [threading.Thread(target=write, args=(f"f{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    with StoreReader(url) as reader:
        while len(seen) < 80:
            numbers = [number for number, _ in reader.events(seen[-1] if seen else 0, 1000)]
            assert numbers == list(range(len(seen) + 1, len(seen) + 1 + len(numbers)))
            seen += numbers
    for thread in threads:
        thread.join()


def test_F19_a_writer_waits_for_another_and_then_says_so(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "LOCK_TIMEOUT", 1)
    with open_store(url, source()) as store, open_store(url, source()) as other:
        with store._engines.write(), pytest.raises(StoreError, match="another process keeps writing"):
            add_articles(other, article())
        add_articles(other, article())
        assert titles(store) == ["Title 1"]


def test_F19_a_writer_that_hangs_does_not_keep_the_others_waiting(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "MAX_IDLE", 1)
    with open_store(url, source()) as store, open_store(url, source()) as other:
        with pytest.raises(StoreError, match="held a transaction open"), store._engines.write() as connection:
            add_articles(other, article())  # once the server has ended the other's transaction
            connection.exec_driver_sql("UPDATE meta SET last_event = 5")
        assert titles(store) == ["Title 1"]


def test_what_a_killed_writer_began_is_undone(url: str, server: psycopg.Connection[tuple[object]]) -> None:
    with open_store(url, source()) as store:
        with pytest.raises(StoreError, match="the server stops or starts"), store._engines.write() as connection:
            connection.exec_driver_sql("UPDATE meta SET last_event = 5")
            end_sessions(server)
            connection.exec_driver_sql("UPDATE meta SET last_event = 6")
        add_articles(store, article())  # by a new connection
        assert server.execute("SELECT last_event FROM meta").fetchone() == (0,)


def end_sessions(server: psycopg.Connection[tuple[object]]) -> None:
    server.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE datname = current_database() AND application_name LIKE 'feeds %'"
    )


def test_a_server_that_was_started_anew_is_not_noticed(url: str, server: psycopg.Connection[tuple[object]]) -> None:
    with open_store(url, source()) as store, StoreReader(url) as reader:
        add_articles(store, article())
        assert len(reader.event_range()) == 0
        end_sessions(server)
        add_articles(store, article("2"))
        end_sessions(server)
        assert sorted(titles(store)) == ["Title 1", "Title 2"] and len(reader.event_range()) == 0
        assert store.next_due() == NOON + HOUR


def test_a_reader_that_is_given_up_after_its_store_closes_its_connection(
    url: str, server: psycopg.Connection[tuple[object]]
) -> None:
    with open_store(url, source()) as store:
        add_articles(store, article(), article("2"))
        articles = store.articles()
        next(articles)
    query = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'feeds %' AND datname = current_database()"
    )
    until(lambda: server.execute(query).fetchone() == (1,))
    del articles
    gc.collect()
    until(lambda: server.execute(query).fetchone() == (0,))


# ── tables ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_many_that_start_at_once_make_the_tables_once(url: str) -> None:
    with ThreadPoolExecutor(6) as threads:
        stores = list(threads.map(lambda _: open_store(url, source()), range(6)))
    assert len({(store.authority, store.created) for store in stores}) == 1
    for store in stores:
        store.close()


def test_there_is_no_store_before_the_first_start(url: str) -> None:
    assert SqlStore.open_read_only(url) is None
    with StoreReader(url) as reader:
        assert reader.next_due() is None and reader.newest_key() is None


def test_F39_an_older_database_is_brought_up_to_date(url: str, scripts: Path) -> None:
    with open_store(url, source()) as store:
        add_articles(store, article())
        add_migration(scripts, "adds_a_column")
        migrate.create_or_upgrade(url, "next", scripts)
        with pytest.raises(StoreError, match="changed by another version of this program"):
            add_articles(store, article("2"))
        assert titles(store) == ["Title 1"]
    with pytest.raises(StoreError, match="written by a newer version of this program"):
        open_store(url)
    with pytest.raises(StoreError, match="is of another version of this program"):
        SqlStore.open_read_only(url)
    with StoreReader(url) as reader:
        assert reader.next_due() is None


def test_F39_a_migration_that_fails_leaves_all_as_it_was(
    url: str, scripts: Path, server: psycopg.Connection[tuple[object]]
) -> None:
    with open_store(url, source()):
        pass
    add_migration(scripts, "breaks")
    with pytest.raises(StoreError):
        migrate.create_or_upgrade(url, "next", scripts)
    with open_store(url) as store:
        assert store.failing_sources() == set()
    assert server.execute("SELECT version_num FROM feeds_version").fetchone() == (REVISION,)


def test_the_tables_of_another_program_are_left_alone(url: str, server: psycopg.Connection[tuple[object]]) -> None:
    server.execute("CREATE TABLE articles (title text)")
    with pytest.raises(StoreError, match=r"tables of another program \(articles\); make a database for this one"):
        open_store(url)
    assert server.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (1,)


def test_texts_are_sorted_by_code_points_whatever_the_locale(url: str) -> None:
    with open_store(url) as store, store._engines.read() as connection:
        rows = connection.exec_driver_sql(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' "
            "AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'"
        ).all()
    assert rows == []


# ── errors ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_server_that_does_not_answer_is_named_without_its_secrets(tmp_path: Path) -> None:
    url = "postgresql://user:s3cret%2F@127.0.0.1:1/store?connect_timeout=2"
    with pytest.raises(StoreError, match=r"^postgresql://127\.0\.0\.1:1/store: there is no connection") as caught:
        open_store(url)
    assert "s3cret" not in str(caught.value) and "user" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["postgresql://user:s3cret/@host/store", "postgresql://user:s3cret@host:x/store?y=s3cret"]
)
def test_an_address_that_cannot_be_read_is_not_repeated(url: str) -> None:
    with pytest.raises(StoreError) as caught:
        open_store(url)
    assert "s3cret" not in str(caught.value) and "percent-encoded" in str(caught.value)
    assert "s3cret" not in describe_address(url)


def test_the_server_says_why_it_refuses_a_connection(url: str) -> None:
    name = url.partition("?")[0].rpartition("/")[2]
    with pytest.raises(StoreError, match=r'^postgresql:///nowhere: .*database "nowhere" does not exist'):
        open_store(url.replace(name, "nowhere"))
