"""`BackgroundPublisher`: publishing in a thread beside the turn."""

from __future__ import annotations

import threading

import pytest

from feeds.app.publisher import BackgroundPublisher
from feeds.errors import PublishError


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
