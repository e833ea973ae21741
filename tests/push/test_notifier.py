"""Notifications of what the outbox says is news, to browsers whose push services answer well or badly."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from factories import NOON, SITE
from origin import ALLOW, HANG, raw
from proxy import client_context
from push_service import Browser, PushService, accept, status
from wire import until

from feeds.fetch import OutboundClient
from feeds.model import Event, NumberedEvent
from feeds.push import notifier as notifier_module
from feeds.push.notification import NotificationTexts
from feeds.push.notifier import GAP, LONGEST_PAUSE, MAX_IN_PROGRESS, MAX_REFUSALS, SETTLE, Notifier
from feeds.push.vapid import Vapid, make_key
from feeds.store import DatabaseAddress, PushSubscriptions, ServerDatabase

VAPID = Vapid(make_key(), "mailto:me@wire.example", NOON.timestamp)
DAY = timedelta(days=1)


class Installation:
    """An outbox, a server's database, and a notifier whose clock is ours."""

    def __init__(self, address: DatabaseAddress) -> None:
        self.database = ServerDatabase(address)
        self.database.open()
        self.store = PushSubscriptions(self.database)
        self.service = PushService()
        self.now = NOON
        self.entries: list[NumberedEvent] = []
        self.first = 1
        self.withdrawn: dict[str, str | None] = {}
        self.client = OutboundClient(SITE, ALLOW, allowed_only=True, tls=client_context)
        self.restart()
        self.notifier.poll()

    def restart(self) -> None:
        """A notifier that remembers nothing."""
        texts = NotificationTexts("all.html", "{count} new story", "{count} new stories", "en", "ltr")
        self.notifier = Notifier(
            self.store, self, lambda: VAPID, lambda service: self.client.send, lambda feed: texts, lambda: self.now
        )

    def event_range(self) -> range:
        last = self.entries[-1][0] if self.entries else self.first - 1
        return range(self.entries[0][0] if self.entries else last + 1, last + 1)

    def withdrawn_feeds(self) -> dict[str, str | None]:
        return dict(self.withdrawn)

    def events(self, after: int, limit: int) -> Sequence[NumberedEvent]:
        return [entry for entry in self.entries if entry[0] > after][:limit]

    def publish(self, *titles: str, feed: str = "all", kind: Any = "article", is_news: bool = True) -> None:
        for title in titles:
            item = json.dumps({"id": title, "url": f"https://a.example/{title}", "title": title})
            event = Event(kind, feed, 1, f"urn:x:{title}", None if kind == "retract" else item, is_news)
            self.entries.append((self.event_range().stop, event))

    def browser(self, *answers: Any, feed: str = "all", service: str = "private") -> Browser:
        browser = self.service.subscribe(*answers, service=service)
        self.store.subscribe(browser.subscription, feed, self.now)
        return browser

    def work(self, after: timedelta = timedelta()) -> None:
        """Look at the outbox, and after some time do what is due then, until there is nothing more."""
        self.notifier.poll()
        self.now += after
        until(lambda: self.notifier.poll() or not self.notifier.in_progress)

    def close(self) -> None:
        self.client.close()
        self.notifier.close()
        self.service.close()
        self.database.close()


@pytest.fixture
def wire(server_address: DatabaseAddress) -> Iterator[Installation]:
    with closing(Installation(server_address)) as installation:
        yield installation


# ── what is told ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_R64_a_new_story_is_one_notification_of_its_feed(wire: Installation) -> None:
    here, there, everywhere = wire.browser(), wire.browser(feed="other"), wire.browser(feed="")
    wire.publish("One")
    wire.work(SETTLE)
    wire.work(GAP)
    assert (here.headlines, there.headlines, everywhere.headlines) == ([["One"]], [], [["One"]])
    assert here.messages[0]["url"] == "https://a.example/One"
    assert wire.notifier.counts == {"sent": 2}


def test_R64_many_stories_at_once_are_one_notification(wire: Installation) -> None:
    browser = wire.browser()
    wire.publish(*(f"Story {number}" for number in range(30)))
    wire.work(SETTLE)
    wire.work(GAP)
    assert [(message["count"], message["stories"][0]["title"]) for message in browser.messages] == [(30, "Story 29")]


def test_R64_what_follows_within_a_minute_waits_and_is_counted_together(wire: Installation) -> None:
    browser = wire.browser()
    wire.publish("One")
    wire.work(SETTLE)
    for title in ("Two", "Three"):
        wire.publish(title)
        wire.work(SETTLE)
    assert browser.headlines == [["One"]]
    wire.work(GAP)
    assert browser.headlines == [["One"], ["Three", "Two"]]


def test_R64_edits_retractions_and_what_comes_with_a_new_feed_are_not_told(wire: Installation) -> None:
    browser = wire.browser()
    wire.publish("Edited", is_news=False)
    wire.publish("Taken back", kind="retract", is_news=False)
    wire.work(SETTLE)
    wire.publish("Told", "Too early")
    wire.publish("Too early", kind="retract", is_news=False)
    wire.work(SETTLE)
    wire.publish("Told no more")
    wire.publish("Told no more", kind="retract", is_news=False)
    wire.work(GAP)
    wire.work(GAP)
    assert browser.headlines == [["Told"]]


def test_R64_a_story_of_several_feeds_is_told_once_to_who_follows_all(wire: Installation) -> None:
    browser = wire.browser(feed="")
    wire.store.subscribe(browser.subscription, "all", wire.now)
    both = wire.browser()
    wire.store.subscribe(both.subscription, "other", wire.now)
    wire.publish("One")
    wire.publish("One", feed="other")
    wire.work(SETTLE)
    wire.publish("One", feed="third")
    wire.work(2 * GAP)
    assert browser.headlines == [["One"]]
    assert both.headlines == [["One"], ["One"]]


def test_who_subscribes_later_is_told_of_nothing_earlier(wire: Installation) -> None:
    wire.publish("One")
    wire.work(SETTLE)
    browser = wire.browser()
    wire.work(GAP)
    wire.publish("Two")
    wire.work(SETTLE)
    assert browser.headlines == [["Two"]]


def test_a_subscription_goes_with_a_feed_that_is_renamed(wire: Installation) -> None:
    browser, both = wire.browser(), wire.browser()
    wire.store.subscribe(both.subscription, "world", wire.now)
    wire.withdrawn = {"all": "world", "gone": None}
    wire.publish("One", feed="world")
    wire.work(SETTLE)
    assert wire.store.feeds_of(browser.endpoint) == wire.store.feeds_of(both.endpoint) == ("world",)
    assert browser.headlines == both.headlines == [["One"]]


def test_who_follows_all_feeds_no_more_is_told_of_what_comes_in_the_others(wire: Installation) -> None:
    browser = wire.browser(feed="")
    wire.store.subscribe(browser.subscription, "all", wire.now)
    wire.publish("One")
    wire.work(SETTLE)
    wire.store.unsubscribe(browser.endpoint, "")
    wire.publish("Two")
    wire.work(GAP)
    assert browser.headlines == [["One"], ["Two"]]


# ── the position ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_restart_misses_nothing_and_doubles_nothing(wire: Installation) -> None:
    browser = wire.browser()
    wire.publish("One")
    wire.work(SETTLE)
    wire.publish("Two")  # before the restart, and not looked at
    wire.restart()
    wire.work(GAP)
    wire.publish("Three")
    wire.work()  # looked at, and not sent
    wire.restart()
    wire.work(GAP)
    wire.restart()
    wire.work(GAP)
    assert browser.headlines == [["One"], ["Two"], ["Three"]]


def test_events_that_are_gone_are_no_news(wire: Installation) -> None:
    """A backup was restored, whose numbers jump; or nothing was followed for too long."""
    browser = wire.browser()
    wire.publish("One")
    wire.work(SETTLE)
    wire.entries, wire.first = [], 1_000_001
    wire.work(GAP)
    wire.publish("Two")
    wire.work(SETTLE)
    assert browser.headlines == [["One"], ["Two"]]


def test_news_of_yesterday_are_not_told(wire: Installation) -> None:
    browser = wire.browser(status(503), status(201))
    wire.publish("One")
    wire.work(SETTLE)
    wire.work(DAY)
    assert (len(browser.requests), wire.store.next_due(["private"])) == (1, None)
    wire.publish("Two")
    wire.work(SETTLE)
    assert browser.headlines[1:] == [["Two"]]


# ── answers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("code", [404, 410])
def test_R65_F37_a_dead_subscription_is_removed_once(wire: Installation, code: int) -> None:
    dead, alive = wire.browser(status(code)), wire.browser()
    wire.store.subscribe(dead.subscription, "other", wire.now)
    wire.publish("One")
    wire.publish("One", feed="other")
    wire.work(SETTLE)
    wire.publish("Two")
    wire.work(GAP)
    assert len(dead.requests) <= 2  # both feeds may have been on their way
    assert (wire.store.count(), wire.store.feeds_of(dead.endpoint)) == (1, ())
    assert alive.headlines == [["One"], ["Two"]]


def test_R65_F37_a_service_that_asks_for_rest_gets_it(wire: Installation) -> None:
    limited, same = wire.browser(status(429, retry_after="600"), status(201)), wire.browser(status(201))
    other = wire.browser(service="fcm")
    wire.publish("One")
    wire.work(SETTLE)
    assert len(limited.requests) == 1 and other.headlines == [["One"]]
    wire.publish("Two")
    wire.work(timedelta(seconds=599))
    assert len(limited.requests) == 1 and other.headlines == [["One"], ["Two"]]
    wire.work(timedelta(seconds=2))
    assert limited.headlines == [["One"], ["Two", "One"]]
    assert same.headlines[-1][0] == "Two"


def test_R65_F37_failures_are_retried_after_longer_and_longer_pauses(wire: Installation) -> None:
    browser = wire.browser(*[status(500)] * 9, status(201))
    wire.publish("One")
    wire.work(SETTLE)
    pauses = []
    for _ in range(9):
        due = wire.store.next_due(["private"])
        assert due is not None
        pauses.append(due - wire.now)
        wire.work(due - wire.now - timedelta(seconds=1))
        count = len(browser.requests)
        wire.work(timedelta(seconds=1))
        assert len(browser.requests) == count + 1
    assert pauses == sorted(pauses) and pauses[-1] == LONGEST_PAUSE
    assert browser.headlines[-1] == ["One"]
    assert wire.notifier.counts == {"failed": 9, "sent": 1}


@pytest.mark.parametrize("code", [401, 403])
def test_R65_a_refused_key_is_told_to_the_operator_and_loses_no_subscription(
    wire: Installation, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    browsers = [wire.browser(status(code), status(201)) for _ in range(3)]
    wire.publish("One")
    with caplog.at_level(logging.WARNING):
        wire.work(SETTLE)
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert f"the answer was {code}" in record.getMessage()
    assert not any(browser.endpoint in caplog.text for browser in browsers)
    assert wire.store.count() == 3
    wire.work(LONGEST_PAUSE)
    assert [browser.headlines[-1] for browser in browsers] == [["One"]] * 3


def test_R65_what_is_refused_is_not_sent_again(wire: Installation) -> None:
    browser = wire.browser(status(400), status(201))
    wire.publish("One")
    wire.work(SETTLE)
    wire.work(DAY / 2)
    wire.publish("Two")
    wire.work(SETTLE)
    assert browser.headlines == [["One"], ["Two"]]


def test_F37_an_endpoint_that_somebody_made_up_is_removed_in_the_end(wire: Installation) -> None:
    refusals = [status(400)] * (MAX_REFUSALS - 1)
    made_up, unlucky = wire.browser(status(400)), wire.browser(*refusals, status(201), *refusals, status(201))
    for number in range(2 * MAX_REFUSALS):
        wire.publish(f"Story {number}")
        wire.work(GAP)
    assert MAX_REFUSALS <= len(made_up.requests) < 2 * MAX_REFUSALS
    assert (wire.store.feeds_of(made_up.endpoint), wire.store.feeds_of(unlucky.endpoint)) == ((), ("all",))


def test_R65_a_service_that_refuses_all_loses_no_subscription(wire: Installation) -> None:
    browsers = [wire.browser(status(400)) for _ in range(2)]
    for number in range(MAX_REFUSALS + 2):
        wire.publish(f"Story {number}")
        wire.work(GAP)
    assert [len(browser.requests) for browser in browsers] == [MAX_REFUSALS + 2] * 2


def test_F37_a_slow_service_delays_no_other_and_no_more_wait_for_it_than_may(wire: Installation) -> None:
    slow = [wire.browser(raw(HANG)) for _ in range(MAX_IN_PROGRESS + 5)]
    good = [wire.browser(service="fcm") for _ in range(20)]
    wire.publish("One")
    wire.notifier.poll()
    wire.now += SETTLE
    until(lambda: wire.notifier.poll() or all(browser.requests for browser in good))
    until(lambda: wire.notifier.poll() or wire.notifier.in_progress == MAX_IN_PROGRESS)
    assert sum(len(browser.requests) for browser in slow) <= notifier_module.WORKERS
    wire.client.close()


def test_a_fault_costs_one_notification(
    wire: Installation, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    browser = wire.browser()
    with monkeypatch.context() as patch:
        patch.setattr(notifier_module, "push", lambda *arguments: 1 / 0)
        wire.publish("One")
        wire.work(SETTLE)
    assert "ZeroDivisionError" in caplog.text
    wire.publish("Two")
    wire.work(GAP)
    assert browser.headlines == [["Two"]]


def test_what_is_under_way_when_the_server_stops_is_noted_and_the_rest_sent_later(wire: Installation) -> None:
    released = threading.Event()

    def answer_late(request: Any) -> Any:
        released.wait(300)
        return accept(request)

    slow, hanging = wire.browser(answer_late), wire.browser(raw(HANG), accept, service="fcm")
    wire.publish("One")
    wire.notifier.poll()
    wire.now += SETTLE
    until(lambda: wire.notifier.poll() or (slow.requests and hanging.requests))
    released.set()
    wire.notifier.close()
    wire.notifier.poll()  # does nothing more
    wire.restart()
    wire.work()
    assert slow.headlines == [["One"]]
    assert hanging.headlines == [["One"], ["One"]]


def test_a_thread_sends_and_stops(wire: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifier_module, "SETTLE", timedelta())
    browser, stop = wire.browser(), threading.Event()
    thread = threading.Thread(target=wire.notifier.run, args=[stop])
    thread.start()
    wire.publish("One")
    wire.notifier.wake()
    until(lambda: browser.headlines == [["One"]])
    until(lambda: wire.store.next_due(["private"]) is None)
    stop.set()
    wire.notifier.wake()
    thread.join(300)
    assert not thread.is_alive()


def test_a_database_that_is_not_open_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with closing(Installation(tmp_path / "server.db")) as wire:
        stop = threading.Event()
        wire.store = PushSubscriptions(ServerDatabase(tmp_path / "other.db"))
        wire.restart()
        thread = threading.Thread(target=wire.notifier.run, args=[stop])
        thread.start()
        until(lambda: "no notification is sent" in caplog.text)
        wire.notifier.wake()
        stop.set()
        wire.notifier.wake()
        thread.join(300)
        assert caplog.text.count("no notification is sent") == 1


def test_the_clock_of_a_day(wire: Installation) -> None:
    """Each hour of a day brings a story; a browser that is always there is told of each one, once."""
    browser = wire.browser()
    for hour in range(24):
        wire.publish(f"Story {hour}")
        wire.work(timedelta(hours=1))
        wire.work(SETTLE)
    assert browser.headlines == [[f"Story {hour}"] for hour in range(24)]
    assert isinstance(wire.now, datetime)
