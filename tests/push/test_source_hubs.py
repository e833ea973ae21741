"""Subscriptions to hubs: when they are requested, renewed and ended. What a hub answers comes from a function."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from factories import NOON
from wire import until

from feeds.errors import PushError
from feeds.model import HubSource, OutboundAnswer, ReceivedPush, SourceSubscription, SubscriptionState
from feeds.push.source_hubs import HubSubscriber, clamp_lease, is_reachable_from, retry_time, take_denial, verify
from feeds.store import DatabaseAddress, InboxReader, ServerDatabase, ServerDatabaseReader, SourceHubStore, source_hubs

A = HubSource("a", "https://hub.example/", "https://a.example/feed")
B = HubSource("b", "https://hub.example/", "https://b.example/feed")


class Rig:
    """A subscriber with its database, a clock that stands still, and a hub that keeps the requests."""

    def __init__(self, address: DatabaseAddress) -> None:
        self.now: datetime = NOON
        self.sources: list[HubSource] | None = [A]
        self.answer: int | PushError = 202
        self.requests: list[dict[str, str]] = []
        self.taken = 0
        self.address = address
        self.database = ServerDatabase(address)
        self.database.open()
        self.store = SourceHubStore(self.database)
        self.subscriber = HubSubscriber(
            self.store,
            lambda: self.sources,
            lambda token: f"https://wire.example.org/websub/{token}",
            lambda source_id: self.send,
            lambda: self.now,
            lambda: self.taken,
        )

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None, *, seconds: float
    ) -> OutboundAnswer:
        assert (method, url) == ("POST", A.hub)
        self.requests.append(dict(parse_qsl((body or b"").decode())))
        if isinstance(self.answer, PushError):
            raise self.answer
        return OutboundAnswer(self.answer)

    def look(self, **passed: float) -> list[str]:
        """Let time pass and the subscriber look; return the modes of the requests it makes."""
        self.now += timedelta(**passed)
        before = len(self.requests)
        until(lambda: not self.subscriber.look())
        return [request["hub.mode"] for request in self.requests[before:]]

    def one(self) -> SourceSubscription:
        (subscription,) = self.store.all()
        return subscription

    def verify(self, mode: str = "subscribe", **values: str) -> bool:
        parameters = {"hub.mode": mode, "hub.topic": A.topic} | {f"hub.{name}": each for name, each in values.items()}
        return verify(self.store, self.one(), parameters, self.now)

    def close(self) -> None:
        self.subscriber.close()
        self.database.close()


@pytest.fixture
def rig(server_address: DatabaseAddress) -> Iterator[Rig]:
    with closing(Rig(server_address)) as rig:
        yield rig


@pytest.mark.parametrize("answer", [202, 500, PushError("no answer")], ids=str)
def test_R48_a_request_is_made_again_until_the_hub_verifies_it(rig: Rig, answer: int | PushError) -> None:
    """A hub that answers 202 and verifies nothing has failed, too."""
    rig.answer = answer
    assert rig.look() == ["subscribe"]
    for seconds in (300, 1200, 4800, 19_200, 76_800, 86_400, 86_400):
        assert rig.look(seconds=seconds - 1) == []
        assert rig.look(seconds=1) == ["subscribe"]
    assert len({request["hub.callback"] for request in rig.requests}) == 1
    assert rig.verify()
    assert rig.one().state is SubscriptionState.ACTIVE
    assert rig.look(days=1) == []


def test_R50_the_lease_of_the_hub_decides_when_to_renew(rig: Rig) -> None:
    rig.look()
    assert rig.verify(lease_seconds="1000")
    assert rig.look(seconds=599) == []
    assert rig.look(seconds=1) == ["subscribe"]
    assert not rig.verify("unsubscribe")
    assert rig.verify(lease_seconds="1000")
    assert rig.one().lease_ends == rig.now + timedelta(seconds=1000)


LEASES = {None: 864_000, "": 864_000, "x": 864_000, "-5": 864_000, "0": 60, "7200": 7200, "9" * 11: 31_536_000}


@pytest.mark.parametrize(("text", "seconds"), LEASES.items())
def test_R50_a_lease_is_within_reason(text: str | None, seconds: int) -> None:
    assert clamp_lease(text) == timedelta(seconds=seconds)


def test_R48_a_pause_never_ends_all_requests() -> None:
    assert retry_time(NOON, 10_000) == NOON + timedelta(days=1)


def test_R52_a_source_that_is_gone_is_unsubscribed_from(rig: Rig) -> None:
    rig.sources = [A, B]
    rig.look()
    assert {each.source_id for each in rig.store.all()} == {"a", "b"}
    for subscription in rig.store.all():
        parameters = {"hub.mode": "subscribe", "hub.topic": subscription.topic}
        assert verify(rig.store, subscription, parameters, rig.now)
    rig.sources = [A]
    assert rig.look() == ["unsubscribe"]
    assert rig.requests[-1]["hub.topic"] == B.topic
    assert rig.look(minutes=59) == []
    assert len(rig.store.all()) == 2
    assert rig.look(minutes=1) == []  # the hub did not care
    assert [each.source_id for each in rig.store.all()] == ["a"]


def test_R48_while_nothing_is_known_of_the_sources_nothing_is_requested_or_ended(rig: Rig) -> None:
    rig.look()
    rig.verify()
    rig.sources = None
    assert rig.look(days=6) == []
    assert rig.one().state is SubscriptionState.ACTIVE
    rig.sources = [A]
    assert rig.look() == ["subscribe"]


def test_R48_what_was_never_verified_ends_without_a_request(rig: Rig) -> None:
    rig.look()
    rig.sources = []
    assert rig.look() == []
    assert rig.store.all() == []


def test_R50_a_denied_subscription_is_requested_again_after_a_day(rig: Rig) -> None:
    rig.look()
    assert take_denial(rig.store, rig.one(), {"hub.topic": A.topic}, rig.now)
    assert rig.one().state is SubscriptionState.DENIED
    assert rig.look(hours=23) == []
    assert rig.look(hours=1) == ["subscribe"]
    assert rig.verify()
    assert rig.one().state is SubscriptionState.ACTIVE


REACHABLE = {
    ("https://hub.example/", "https://wire.example.org/"): True,
    ("http://127.0.0.1:8080/hub", "https://wire.example.org/"): True,
    ("https://hub.example/", "http://127.0.0.1:8080/"): False,
    ("https://hub.example/", "http://localhost:8080/"): False,
    ("https://hub.example/", "http://[::1]:8080/"): False,
    ("https://hub.example/", "http://10.0.0.7/"): False,
    ("https://hub.example/", "http://news/"): False,
    ("https://hub.example/", "http://news.local/"): False,
    ("https://93.184.216.34/", "http://127.0.0.1/"): False,
    ("http://127.0.0.1:8080/hub", "http://localhost:9090/"): True,
    ("http://10.0.0.8/hub", "http://10.0.0.7/"): True,
}


@pytest.mark.parametrize(("hub", "site"), REACHABLE)
def test_R48_a_hub_on_the_internet_reaches_no_private_callback(hub: str, site: str) -> None:
    assert is_reachable_from(hub, site) == REACHABLE[hub, site]


# ── the inbox ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class Inbox:
    """The inbox of a subscription."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        rig.look()
        self.reader = InboxReader(ServerDatabaseReader(rig.address))

    def add(self, body: bytes) -> bool:
        push = ReceivedPush(0, "a", NOON, "text/xml", body)
        return self.rig.store.add_push(self.rig.one(), push, body.decode(), self.rig.taken)

    def read(self, after: int = 0) -> list[tuple[int, bytes]]:
        return [(push.number, push.body) for push in self.reader.pushes(after, 100)]


@pytest.fixture
def inbox(rig: Rig) -> Iterator[Inbox]:
    inbox = Inbox(rig)
    yield inbox
    inbox.reader.close()


def test_R52_pushes_are_numbered_and_deleted_once_they_are_taken(rig: Rig, inbox: Inbox) -> None:
    rig.taken = 7  # as feeds.db says, although this database is new
    for body in (b"1", b"2", b"3"):
        assert inbox.add(body)
    assert inbox.read() == [(8, b"1"), (9, b"2"), (10, b"3")]
    assert inbox.read(9) == [(10, b"3")]
    rig.taken = 9
    rig.look()
    assert inbox.read() == [(10, b"3")]
    rig.taken = 10
    assert inbox.add(b"4")
    assert inbox.read() == [(11, b"4")]


def test_F35_a_replay_is_not_kept(rig: Rig, inbox: Inbox) -> None:
    for body in (b"1", b"2", b"1", b"2"):
        assert inbox.add(body)
    assert [body for _, body in inbox.read()] == [b"1", b"2"]


def test_R52_the_inbox_is_bounded(rig: Rig, inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(30):
        assert inbox.add(b"%d" % number)
    assert [body for _, body in inbox.read()] == [b"%d" % number for number in range(20, 30)]
    monkeypatch.setattr(source_hubs, "MAX_INBOX_SIZE", 22)
    assert not inbox.add(b"abc")
    assert inbox.add(b"ab")


def test_there_is_no_push_where_there_is_no_database(tmp_path: Path) -> None:
    with closing(InboxReader(ServerDatabaseReader(tmp_path / "server.db"))) as inbox:
        assert inbox.pushes(0, 9) == []
