"""The store holds what each feed has published, numbers the events, and remembers withdrawn feeds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from database import add_articles, open_store
from factories import HOUR, NOON, article, event, issue, published_files, source

from feeds.model import EntryState, Ledger, LedgerEntry, replace
from feeds.store import DatabaseAddress, StoreReader, outbox


def test_a_ledger_is_kept_whole_and_what_has_left_a_feed_stays_in_it(address: DatabaseAddress) -> None:
    with open_store(address) as store:
        assert store.ledger("f") == Ledger("f")
        store.issued(issue("f", {1: LedgerEntry("d1", NOON), 2: LedgerEntry("d2", NOON, 1)}, changed=7), NOON)
        second = {2: LedgerEntry("d3", NOON, 1), 3: LedgerEntry("d4", NOON)}
        files = published_files("f.rss")
        store.issued(replace(issue("f", second, changed=9, files=files), drops={"keep": 2}), NOON)
        entries = {1: LedgerEntry("d1", NOON), 2: LedgerEntry("d3", NOON, 1), 3: LedgerEntry("d4", NOON)}
        counts: dict[str, Any] = {"article_count": 0, "drops": {"keep": 2}}
        assert store.ledger("f") == Ledger("f", "fingerprint", 9, NOON, entries, files, **counts)
        assert store.ledgers() == {"f": Ledger("f", "fingerprint", 9, NOON, {}, files, **counts)}
        assert store.ledger("f", [1, 3, 4]).entries == {1: LedgerEntry("d1", NOON), 3: LedgerEntry("d4", NOON)}
        assert store.ledger("f", ()).entries == {}


def test_a_ledger_holds_the_digest_of_its_edition(address: DatabaseAddress) -> None:
    published = issue("f")
    with open_store(address) as store:
        store.issued(replace(published, edition=replace(published.edition, digest="d")), NOON)
        assert (store.ledger("f").edition, store.ledgers()["f"].edition) == ("d", "d")


def test_what_was_published_long_ago_costs_an_issue_nothing(path: Path) -> None:
    """A ledger keeps all entries; looking for what to take back reads only what was removed."""
    with open_store(path, source()) as store:
        add_articles(store, article())
        store.retract("https://x.example/1", NOON)
        steps: list[int] = []
        with store._engines.reader.connect() as connection:
            raw = connection.connection.dbapi_connection
            raw.set_progress_handler(lambda: steps.append(1) and None, 10)
        step_counts = []
        for entry_count in (10, 5000):
            store.issued(issue("f", {key: LedgerEntry("d", NOON) for key in range(1, entry_count)}), NOON)
            steps.clear()
            assert store.pending_retractions("f") == {1: "https://x.example/1"}
            assert len(store.ledger("f", [1]).entries) == 1
            step_counts.append(len(steps))
        assert step_counts[1] <= step_counts[0] + 2


def test_R12_each_event_gets_its_number_once(address: DatabaseAddress) -> None:
    first = issue("f", {1: LedgerEntry("d1", NOON), 2: LedgerEntry("d2", NOON)}, event(1), event(2))
    with open_store(address) as store:
        store.issued(first, NOON)
        store.issued(first, NOON + HOUR)  # repeated, as after a crash
        assert store.outbox(0, 10) == [(1, event(1)), (2, event(2))]
        store.issued(issue("f", {1: LedgerEntry("d1b", NOON)}, event(1, item='{"edited": 1}')), NOON)
        store.issued(issue("g", {1: LedgerEntry("d1b", NOON)}, event(1, "g")), NOON)
        store.issued(
            issue("f", {1: LedgerEntry("", NOON, state=EntryState.RETRACTED)}, event(1, kind="retract", item=None)),
            NOON,
        )
        store.issued(issue("f", {1: LedgerEntry("d1b", NOON)}, event(1)), NOON)  # the retraction was undone
        assert [(seq, e.kind, e.feed_id) for seq, e in store.outbox(2, 10)] == [
            (3, "article", "f"), (4, "article", "g"), (5, "retract", "f"), (6, "article", "f"),
        ]  # fmt: skip
        assert [seq for seq, _ in store.outbox(3, 2)] == [4, 5]


def test_F41_the_outbox_is_bounded_and_numbers_are_never_used_again(
    address: DatabaseAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "MAX_EVENTS", 3)
    with open_store(address) as store:
        for n in range(1, 6):
            store.issued(issue("f", {n: LedgerEntry("d", NOON)}, event(n)), NOON)
        assert [seq for seq, _ in store.outbox(0, 10)] == [3, 4, 5]


def test_a_withdrawn_feed_is_remembered_and_a_renamed_one_hands_on_its_ledger(path: Path) -> None:
    reader = StoreReader(path)
    assert reader.withdrawn_feeds() == {}
    with open_store(path) as store:
        store.issued(issue("f", {1: LedgerEntry("d", NOON)}), NOON)
        store.issued(issue("old", {1: LedgerEntry("d", NOON)}, event(1, "old")), NOON)
        store.withdraw("f")
        store.rename("old", "new")
        assert store.withdrawn() == reader.withdrawn_feeds() == {"f": None, "old": "new"}
        ledger = store.ledger("new")
        assert (ledger.fingerprint, ledger.entries, ledger.original_id) == ("", {1: LedgerEntry("d", NOON)}, "old")
        assert ledger.files == published_files("old.rss", "old.atom")  # until the new ones stand
        store.issued(issue("new", {1: LedgerEntry("d", NOON)}, event(1, "new")), NOON)
        assert len(store.outbox(0, 9)) == 1  # no article is announced again under the new name
        store.issued(issue("f"), NOON)
        assert store.withdrawn() == {"old": "new"}
    reader.close()


def test_A14_a_feed_that_takes_over_another_keeps_its_own_ledger(address: DatabaseAddress) -> None:
    with open_store(address) as store:
        for feed in ("a", "b"):
            store.issued(issue(feed, {1: LedgerEntry(feed, NOON)}), NOON)
        store.rename("a", "b")
        ledger = store.ledger("b")
        assert (ledger.entries, ledger.fingerprint, ledger.original_id) == ({1: LedgerEntry("b", NOON)}, "", None)
        assert ledger.files == published_files("b.rss", "b.atom", "a.rss", "a.atom")
        assert store.ledgers().keys() == {"b"}


def test_A14_archives_go_with_their_feed(path: Path) -> None:
    with open_store(path) as store:
        for feed in ("a", "b"):
            archives = {1: published_files(f"archive/{feed}/1.atom")}
            store.issued(replace(issue(feed, {1: LedgerEntry(feed, NOON, 1)}), archives=archives), NOON)
        store.rename("a", "b")
        paths = [file.path for file in store.ledger("b").files]
        assert paths == ["b.rss", "b.atom", "a.rss", "a.atom", "archive/a/1.atom"]
        store.rename("b", "c")
        assert store.archive_files("c") == {1: published_files("archive/b/1.atom")}
        store.withdraw("c")
        assert store.archive_files("c") == {}


def test_A14_an_id_leads_to_the_last_of_its_successors(path: Path) -> None:
    with open_store(path) as store:
        store.issued(issue("a"), NOON)
        for old, new in (("a", "b"), ("b", "c"), ("never published", "c")):
            store.rename(old, new)
        assert store.withdrawn() == {"a": "c", "b": "c", "never published": "c"}
        assert store.ledger("c").original_id == "a"
        store.rename("c", "a")  # its first name again
        assert store.withdrawn() == {"b": "a", "c": "a", "never published": "a"}
        assert store.ledger("a").original_id == "a"
        store.withdraw("a")
        assert set(store.withdrawn().values()) == {None}


def test_no_feed_is_withdrawn_before_the_first_start(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    reader = StoreReader(path)
    assert reader.withdrawn_feeds() == {}
    reader.close()
