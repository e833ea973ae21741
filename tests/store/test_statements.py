"""How often the database is asked, whatever the size of a batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from database import add_articles, collect_statements, find_statements, open_store
from factories import HOUR, NOON, article, event, harvest, issue, source, unchanged

from feeds.model import LedgerEntry, replace
from feeds.store.statements import Query


def test_seen_items_take_two_queries(path: Path) -> None:
    with open_store(path, source()) as store:
        add_articles(store, *(article(str(n)) for n in range(30)))
        with collect_statements(store) as statements:
            assert len(store.seen_items("a").digests) == 30
        assert statements == ["BEGIN", "SELECT", "SELECT"]


@pytest.mark.parametrize("count", [1, 30])
def test_L3_a_batch_takes_as_many_statements_as_one_outcome(path: Path, count: int) -> None:
    ids = [f"s{n}" for n in range(count)]
    with open_store(path, *map(source, ids)) as store:
        visits = store.due(NOON)
        with collect_statements(store) as statements:
            store.claim([(visit, NOON + HOUR) for visit in visits])
        assert statements == ["BEGIN", "UPDATE"]
        outcomes = [harvest(v, *(article(f"{v.source.id}/{n}", v.source.id) for n in range(5))) for v in visits]
        with collect_statements(store) as statements:
            store.record(outcomes)
        # sources, states and hosts; stored articles, tombstones, change numbers, used ids, twins; articles; sources
        of_visits, of_articles = ["UPDATE", "UPDATE", "INSERT"], ["SELECT", "SELECT", "UPDATE", "SELECT", "SELECT"]
        assert statements == ["BEGIN", *of_visits, *of_articles, "INSERT", "UPDATE"]
        with collect_statements(store) as statements:
            store.record([unchanged(visit) for visit in visits])
        assert statements == ["BEGIN", "UPDATE", "INSERT"]


@pytest.mark.parametrize("count", [1, 30])
def test_an_issue_takes_the_same_statements_for_many_events(path: Path, count: int) -> None:
    keys = range(1, count + 1)
    with open_store(path) as store:
        with collect_statements(store) as statements:
            store.issued(issue("f", {key: LedgerEntry("d", NOON) for key in keys}, *map(event, keys)), NOON)
        # ledger, its entries, a withdrawal, the number of publications; what the last events were, their numbers,
        # outbox; the state of publishing
        of_events = ["SELECT", "UPDATE", "INSERT", "DELETE"]
        assert statements == ["BEGIN", "INSERT", "INSERT", "DELETE", "UPDATE", *of_events, "UPDATE"]
        with collect_statements(store) as statements:
            store.issued(issue("f"), NOON)
        assert statements == ["BEGIN", "INSERT", "DELETE", "UPDATE", "UPDATE"]


def test_R43_what_was_archived_costs_the_next_issue_nothing(path: Path) -> None:
    """Steps of SQLite's machine, with 10 and with 2,000 archived articles: they are found by an index."""
    steps: list[int] = []
    for count in (10, 2000):
        with open_store(path.with_name(f"{count}.db")) as store:
            entries = {key: LedgerEntry("d", NOON, None if key < 4 else key // 100 + 1) for key in range(count)}
            store.issued(replace(issue("f", entries), archives={1: (), count // 100 + 1: ()}), NOON)
            with store._engines.read() as connection:
                sqlite: Any = connection.connection.driver_connection
            steps.append(0)

            def count_step() -> None:
                steps[-1] += 1

            sqlite.set_progress_handler(count_step, 1)
            store.unarchived("f", (1, 2))
            store.archive_size("f", 2)
            list(store.archived_articles("f", 2, (5,), ("a",)))
            store.changed_articles("f", ("a",), 0, 10)
            store.ledger("f", (1, 2))
            sqlite.set_progress_handler(None, 0)
    assert steps[0] > 100 and steps[1] < steps[0] + 20 * 100  # the second document is full


# ── how much is read ──────────────────────────────────────────────────────────────────────────────────────────────────

# Tables that grow with the years, and the queries that read one whole.
GROWING = ("articles", "ledger_entries", "tombstones", "visits")
WHOLE_READS = {
    "removals._BY_ID_OR_URL": "articles",  # `feeds retract` with an address
    "hosts._MARK_REQUESTED": "visits",  # in PostgreSQL, where an index has the shards
    "hub_sources._HUB_SOURCES": "visits",  # what the server subscribes to, now and then
    "overview._REMOVED_COUNTS": "tombstones",  # the operator's page
    "source_index._LATE_SOURCES": "visits",  # a wrong clock was corrected
}
PARTIAL_INDEXES = ("articles_story", "tombstones_removed")  # of few rows


def test_L8_no_query_reads_a_growing_table_whole(path: Path) -> None:
    whole_reads = {}
    with open_store(path) as store, store._engines.read() as connection:
        for name, query in find_statements(Query):
            text, parameters, _ = query.compile(connection.dialect)
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", ("[]",) * len(parameters)).all()
            for step in (row[3].split() for row in plan):
                if step[0] == "SCAN" and step[1] in GROWING and step[-1] not in PARTIAL_INDEXES:
                    whole_reads[name] = step[1]
    assert whole_reads == WHOLE_READS
