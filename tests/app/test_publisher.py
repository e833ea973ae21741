"""`BackgroundPublisher`: publishing in a thread beside the turn."""

from __future__ import annotations

import itertools
import sqlite3
import threading
from contextlib import closing
from datetime import timedelta

import pytest
from origin import Origin
from wire import NOON, Wire, document

from feeds.app.document_publisher import DocumentPublisher
from feeds.app.feed_issuer import FeedIssuer
from feeds.app.publisher import BackgroundPublisher, sort_by_wait, warn_of_lags
from feeds.errors import PublishError, StoreError
from feeds.model import PublishingStatus
from feeds.publication_gate import PublicationGate
from feeds.publish import open_target


def test_L2_publishing_in_the_background_blocks_no_turn_and_reports_its_files() -> None:
    began, may_end = threading.Event(), threading.Event()

    def issue() -> list[str]:
        began.set()
        assert may_end.wait(300)
        return ["all.rss"]

    publisher = BackgroundPublisher(issue)
    assert publisher.notify() == []
    assert began.wait(300)
    assert publisher.notify() == []  # although the first is not done
    may_end.set()
    assert publisher.publish_now()[:2] == ["all.rss"] * 2  # what the thread wrote, and what was left to do
    publisher.close()


def test_an_error_in_the_background_is_raised_in_the_thread_of_the_turn() -> None:
    failed = threading.Event()

    def issue() -> list[str]:
        failed.set()
        raise PublishError("the disk is full")

    publisher = BackgroundPublisher(issue)
    publisher.notify()
    assert failed.wait(300)
    with publisher.paused():  # the thread has left `issue`
        publisher.close()
    with pytest.raises(PublishError):
        publisher.notify()


def test_F38_the_end_waits_for_the_issue_in_progress() -> None:
    """What it works on is closed after that."""
    began, may_end, closed = threading.Event(), threading.Event(), threading.Event()

    def issue() -> list[str]:
        began.set()
        assert may_end.wait(300)
        assert not closed.is_set()
        return []

    def close() -> None:
        publisher.close()
        closed.set()

    publisher = BackgroundPublisher(issue)
    publisher.notify()
    assert began.wait(300)
    thread = threading.Thread(target=close)
    thread.start()
    assert not closed.wait(0.05)
    may_end.set()
    thread.join(300)
    assert closed.is_set()


def test_F38_issuing_stops_within_a_feed_and_the_rest_stays_due(wire: Wire, origin: Origin) -> None:
    """Between any two articles or documents: the feed keeps its ledger, and the next issue completes it."""
    wire.declare({"a": origin.put("/a", document())}, {"all": {"title": "All"}})
    with wire.app() as app:
        app.turn()
        published, feed, total = wire.files(), app.config.feeds["all"], itertools.count()
        (wire.public / "all.json").unlink()
        gate = PublicationGate(frozenset(), app.store.authority)
        issuer = FeedIssuer(
            app.config, app.sources, app.store, DocumentPublisher(open_target(wire.public), gate), app.now
        )
        issuer.issue([(feed, 0)], lambda: next(total) < 0, rewrite=True)
        calls = next(total)
        assert calls >= 1 + 4 + 3  # before the feed, its articles, and its documents
        for stop_at in range(calls):
            (wire.public / "all.json").unlink()
            numbers = itertools.count()
            issuer.issue([(feed, 0)], lambda numbers=numbers, at=stop_at: next(numbers) >= at, rewrite=True)
            app.issue()
            assert wire.files() == published


def test_a_store_that_fails_while_a_feed_is_issued_stops_neither_visits_nor_records(wire: Wire, origin: Origin) -> None:
    """The error is kept until the turn takes it; what was held for the feed is free before."""
    wire.declare({"a": origin.put("/a", document())})
    with wire.app() as app:
        app.turn()
        with closing(sqlite3.connect(app.config.data / "feeds.db")) as connection:
            connection.execute("DROP TABLE articles")
        with pytest.raises(StoreError) as raised:
            app.issue(["all"])
        assert raised.value.__traceback__ and not app._computing.locked()


# ── feeds that wait ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_A5_a_feed_that_cannot_be_published_keeps_no_other_one_waiting(wire: Wire, origin: Origin) -> None:
    """It is told of with its error, and published as soon as it can be."""
    wire.declare({"one": {"feed": origin.put("/a", document())}}, {id: {"title": id} for id in ("a", "b")})
    (wire.public / "a.atom").mkdir(parents=True)
    with wire.app() as app:
        with pytest.raises(PublishError, match=r"a\.atom"):
            app.turn()
        assert wire.items("b")
        statuses = app.store.publishing()
        assert (statuses["a"].waiting_since, statuses["a"].failed_at) == (wire.now, wire.now)
        assert "a.atom" in str(statuses["a"].error)
        assert statuses["b"] == PublishingStatus("b")
        (wire.public / "a.atom").rmdir()
        app.turn()
        assert app.store.publishing()["a"] == PublishingStatus("a")
        assert wire.items("a") == wire.items("b")


def test_A5_shared_files_that_cannot_be_written_keep_no_feed_waiting(wire: Wire, origin: Origin) -> None:
    wire.declare({"one": origin.put("/a", document())})
    (wire.public / "feeds.opml").mkdir(parents=True)
    with wire.app() as app:
        with pytest.raises(PublishError, match=r"feeds\.opml"):
            app.turn()
        assert wire.items()
        (wire.public / "feeds.opml").rmdir()
        app.issue()
        assert {status.failed_at for status in app.store.publishing().values()} == {None}


def test_A5_feeds_are_published_in_the_order_in_which_they_began_to_wait() -> None:
    statuses = {
        id: PublishingStatus(id, None if minutes is None else NOON - timedelta(minutes=minutes))
        for id, minutes in {"a": 1, "b": 3, "c": None, "d": 3}.items()
    }
    assert sort_by_wait({"a", "b", "c", "d", "e"}, statuses) == ["b", "d", "a", "c", "e"]


@pytest.mark.parametrize(
    ("waited", "round_took", "told"), [(15, 0, False), (16, 0, True), (34, 10, False), (36, 10, True)]
)
def test_A5_a_lag_above_the_bound_is_logged(
    waited: int, round_took: int, told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Its bound is 15 s and two rounds; what waited for the start of the program is no lag."""
    statuses = {id: PublishingStatus(id, NOON) for id in ("world", "metro")}
    published = {id: NOON + timedelta(seconds=waited) for id in statuses}
    began = published["world"] - timedelta(seconds=round_took)
    warn_of_lags(published, statuses, NOON - timedelta(days=1), began)
    assert bool(caplog.messages) is told
    assert not told or ("2 feeds were published later than" in caplog.text and f"after {waited} s" in caplog.text)
    caplog.clear()
    warn_of_lags(published, statuses, began, began)
    assert caplog.messages == []
