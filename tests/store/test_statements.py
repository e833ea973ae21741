"""How often the database is asked, whatever the size of a batch."""

from __future__ import annotations

from pathlib import Path

import pytest
from database import add_articles, collect_statements, open_store
from factories import HOUR, NOON, article, event, harvest, issue, source, unchanged

from feeds.model import LedgerEntry


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
        # ledger, its entries, the numbers of events, outbox, a withdrawal; the state of publishing
        assert statements == ["BEGIN", "INSERT", "INSERT", "DELETE", "SELECT", "INSERT", "DELETE", "UPDATE"]
        with collect_statements(store) as statements:
            store.issued(issue("f"), NOON)
        assert statements == ["BEGIN", "INSERT", "DELETE", "UPDATE"]
