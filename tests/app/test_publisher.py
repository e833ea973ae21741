"""`BackgroundPublisher`: publishing in a thread beside the turn."""

from __future__ import annotations

import itertools
import threading

import pytest
from origin import Origin
from wire import Wire, document

from feeds.app.feed_issuer import FeedIssuer
from feeds.app.publication_gate import PublicationGate
from feeds.app.publisher import BackgroundPublisher
from feeds.errors import PublishError
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
        gate = PublicationGate((), app.store.authority)
        issuer = FeedIssuer(app.config, app.sources, app.store, open_target(wire.public), gate, app.now)
        issuer.issue([(feed, 0)], lambda: next(total) < 0, rewrite=True)
        calls = next(total)
        assert calls >= 1 + 4 + 3  # before the feed, its articles, and its documents
        for stop_at in range(calls):
            (wire.public / "all.json").unlink()
            numbers = itertools.count()
            issuer.issue([(feed, 0)], lambda numbers=numbers, at=stop_at: next(numbers) >= at, rewrite=True)
            app.issue()
            assert wire.files() == published
