"""Our hub against scripted subscribers, over real sockets: verification, deliveries, retries, denials."""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from factories import NOON, SITE
from origin import ALLOW, HANG, KEEP, Behaviour, Origin, Piece, Request, drip, raw, reply
from wire import until

from feeds.errors import StoreError
from feeds.fetch import OutboundClient
from feeds.model import Event, HubProtocol, HubRequest, HubSubscription
from feeds.push import hub
from feeds.push.hub import HubWorker, Topic, Topics
from feeds.push.hub_messages import TopicDocument
from feeds.store import DatabaseAddress, HubStore, ServerDatabase

HUB = "https://wire.example.org/hub"
TOPIC = "https://wire.example.org/all.atom"
DAY = 86_400
OK = raw(reply(b""), KEEP)


def challenge(request: Request) -> bytes:
    return parse_qs(urlsplit(request.path).query)["hub.challenge"][0].encode()


def echo(request: Request) -> Iterable[Piece]:
    """Confirm what is verified, and take all else."""
    return (reply(challenge(request) if "hub.challenge=" in request.path else b""), KEEP)


class Rig:
    """A hub with its database, a clock that stands still, and a feed whose documents the test writes."""

    def __init__(self, address: DatabaseAddress, allow: tuple[str, ...] = ALLOW) -> None:
        self.now: datetime = NOON
        self.documents = {"/all.atom": b"<feed>1</feed>"}
        self.withdrawn: dict[str, str | None] = {}
        self.database = ServerDatabase(address)
        self.database.open()
        self.store = HubStore(self.database)
        self.client = OutboundClient(SITE, allow)
        self.hub = HUB
        self.worker = HubWorker(self.store, self.topics, self.client.send, lambda: self.now)

    def topics(self) -> Topics:
        return Topics(
            self.hub, self.find, lambda path: f"https://wire.example.org{path}", self.read, lambda: self.withdrawn
        )

    def find(self, url: str) -> Topic | None:
        path = urlsplit(url).path
        return Topic(url, path, path[1:].rpartition(".")[0]) if path in self.documents else None

    def read(self, path: str) -> TopicDocument | None:
        body = self.documents.get(path)
        return None if body is None else TopicDocument(body, "application/atom+xml", hashlib.sha256(body).hexdigest())

    def request(self, callback: str, mode: str = "subscribe", **values: object) -> None:
        """Ask the hub for something, and wait until it has verified that."""
        request = HubRequest(mode, callback, TOPIC, **{"lease_seconds": DAY, **values})  # type: ignore[arg-type]
        self.store.add_request(request)
        self.wait()

    def publish(self, body: bytes = b"<feed>2</feed>") -> None:
        """Publish a document; the hub hears of it as the outbox says."""
        self.documents["/all.atom"] = body
        self.worker.publish([(1, Event("article", "all", 1, "tag:a"))], 1)

    def wait(self) -> None:
        """Let the hub work until it has nothing to do until later."""
        until(lambda: not self.worker.look())

    def pass_time(self, **values: float) -> None:
        self.now += timedelta(**values)
        self.wait()

    def subscriptions(self) -> list[HubSubscription]:
        return list(self.store.feed_subscriptions("all"))

    def close(self) -> None:
        self.worker.close()
        self.client.close()
        self.database.close()


@pytest.fixture
def rig(server_address: DatabaseAddress) -> Iterator[Rig]:
    with closing(Rig(server_address)) as rig:
        yield rig


@pytest.fixture
def callback(rig: Rig, origin: Origin) -> str:
    """The callback of a verified subscription with a secret; what it answers to deliveries is for the test to say."""
    origin.put("/callback?", echo)
    url = origin.put("/callback", OK)
    rig.request(url, secret="s3cret ü")
    return url


def deliveries(origin: Origin) -> list[Request]:
    return [request for request in origin.requests if request.method == "POST"]


# ── verification ──────────────────────────────────────────────────────────────────────────────────────────────────────


def with_challenge(make: Callable[[bytes], bytes]) -> Behaviour:
    return lambda request: (make(challenge(request)), KEEP)


ANSWERS: dict[str, tuple[Behaviour, bool]] = {
    "200": (echo, True),
    "201": (with_challenge(lambda text: reply(text, 201)), True),
    "other text": (raw(reply(b"ok"), KEEP), False),
    "nothing": (raw(reply(b""), KEEP), False),
    "line end": (with_challenge(lambda text: reply(text + b"\n")), False),
    "a part": (with_challenge(lambda text: reply(text[:-1])), False),
    "302": (with_challenge(lambda text: reply(text, 302, location="/callback")), False),
    "404": (with_challenge(lambda text: reply(text, 404)), False),
    "500": (with_challenge(lambda text: reply(text, 500)), False),
    "no answer": (raw(), False),
    "1 GB": (
        lambda request: [reply(challenge(request), content_length="1000000000"), *[b"x" * 65536] * 9, HANG],
        False,
    ),
}


@pytest.mark.parametrize(("behaviour", "is_verified"), ANSWERS.values(), ids=ANSWERS)
def test_R56_only_a_2xx_with_the_challenge_verifies(
    rig: Rig, origin: Origin, behaviour: Behaviour, is_verified: bool
) -> None:
    origin.put("/callback?", behaviour)
    rig.request(origin.url("/callback"))
    assert bool(rig.subscriptions()) == is_verified
    (request,) = origin.requests  # R63: one for each request, and no redirect is followed
    query = parse_qs(urlsplit(request.path).query)
    assert request.method == "GET"
    assert query.keys() == {"hub.mode", "hub.topic", "hub.challenge", "hub.lease_seconds"}
    assert (query["hub.mode"], query["hub.topic"]) == (["subscribe"], [TOPIC])
    assert query["hub.lease_seconds"] == [str(DAY)]  # R57


def test_R56_a_challenge_is_used_once_and_cannot_be_guessed(rig: Rig, origin: Origin) -> None:
    url = origin.put("/callback?", echo)[:-1]
    for _ in range(3):
        rig.request(url)
    challenges = {challenge(request) for request in origin.requests}
    assert len(challenges) == 3 and min(map(len, challenges)) >= 32


def test_R55_the_query_of_a_callback_stays_as_it_is(rig: Rig, origin: Origin) -> None:
    origin.put("/callback?", echo)
    rig.request(origin.url("/callback?b=%41&a&hub.mode=x"))
    assert origin.requests[0].path.startswith(
        "/callback?b=%41&a&hub.mode=x&hub.mode=subscribe&hub.topic=https%3A%2F%2F"
    )
    rig.publish()
    rig.wait()
    assert deliveries(origin)[0].path == "/callback?b=%41&a&hub.mode=x"


def test_R54_a_request_replaces_a_subscription_once_it_is_verified(rig: Rig, origin: Origin, callback: str) -> None:
    origin.put("/callback?", raw(reply(b"no"), KEEP))
    rig.request(callback, secret="other", lease_seconds=1)
    rig.request(callback, "unsubscribe")
    assert [each.secret for each in rig.subscriptions()] == ["s3cret ü"]
    origin.put("/callback?", echo)
    rig.request(callback, secret="other")
    assert [each.secret for each in rig.subscriptions()] == ["other"]
    rig.request(callback, "unsubscribe")
    assert rig.subscriptions() == []
    query = parse_qs(urlsplit(origin.requests[-1].path).query)
    assert query.keys() == {"hub.mode", "hub.topic", "hub.challenge"}
    assert query["hub.mode"] == ["unsubscribe"]


def test_R57_a_lease_ends_and_a_renewed_one_lasts(rig: Rig, origin: Origin, callback: str) -> None:
    rig.pass_time(hours=23)
    rig.request(callback)
    rig.pass_time(hours=23)
    rig.publish()
    rig.wait()
    assert len(deliveries(origin)) == 1
    rig.pass_time(hours=1)
    rig.publish(b"<feed>3</feed>")
    rig.wait()
    assert len(deliveries(origin)) == 1
    assert rig.subscriptions() == []


def test_R58_subscribers_of_a_feed_that_is_gone_are_told(rig: Rig, origin: Origin, callback: str) -> None:
    rig.withdrawn["all"] = None
    del rig.documents["/all.atom"]
    rig.pass_time(hours=1)
    assert rig.subscriptions() == []
    query = parse_qs(urlsplit(origin.requests[-1].path).query)
    assert query == {"hub.mode": ["denied"], "hub.topic": [TOPIC], "hub.reason": [hub.GONE]}


def test_R46_subscribers_of_a_renamed_feed_are_led_to_its_new_topic(rig: Rig, origin: Origin, callback: str) -> None:
    both = origin.put("/both", OK)
    origin.put("/both?", echo)
    rig.request(both)
    rig.documents["/new.atom"] = rig.documents.pop("/all.atom")
    rig.store.add_request(HubRequest("subscribe", both, "https://wire.example.org/new.atom", lease_seconds=DAY))
    rig.wait()
    rig.withdrawn["all"] = "new"
    rig.pass_time(hours=1)
    assert [each.callback for each in rig.store.feed_subscriptions("new")] == [callback, both]
    rig.documents["/new.atom"] = b"<feed>2</feed>"
    rig.worker.publish([(2, Event("article", "new", 1, "tag:a"))], 2)
    rig.wait()
    assert sorted(request.path for request in deliveries(origin)) == ["/both", "/callback"]
    assert '<https://wire.example.org/new.atom>; rel="self"' in deliveries(origin)[0].headers["link"]


def test_S6_R63_a_callback_inside_the_network_is_not_contacted(tmp_path: Path, origin: Origin) -> None:
    with closing(Rig(tmp_path / "data" / "server.db", allow=())) as rig:
        rig.request(origin.put("/callback?", echo)[:-1])
        assert rig.subscriptions() == []
    assert origin.connections == 0


# ── deliveries ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_R59_R60_a_delivery_is_the_whole_document_signed(rig: Rig, origin: Origin, callback: str) -> None:
    plain = origin.put("/plain", OK)
    origin.put("/plain?", echo)
    rig.request(plain)
    body = "<feed>ü</feed>".encode()
    rig.publish(body)
    rig.wait()
    by_path = {request.path: request for request in deliveries(origin)}
    assert by_path.keys() == {"/callback", "/plain"}
    for request in by_path.values():
        assert request.body == body
        assert request.headers["content-type"] == "application/atom+xml"
        assert request.headers["link"] == f'<{HUB}>; rel="hub", <{TOPIC}>; rel="self"'
    signature = hmac.new("s3cret ü".encode(), body, "sha256").hexdigest()
    assert by_path["/callback"].headers["x-hub-signature"] == f"sha256={signature}"
    assert "x-hub-signature" not in by_path["/plain"].headers


def test_R59_the_same_bytes_are_not_delivered_twice(rig: Rig, origin: Origin, callback: str) -> None:
    for body in (b"<feed>1</feed>", b"<feed>2</feed>", b"<feed>2</feed>"):
        rig.publish(body)
        rig.wait()
    assert [request.body for request in deliveries(origin)] == [b"<feed>2</feed>"]


def test_R62_what_changed_while_the_hub_was_off_is_delivered(server_address: DatabaseAddress, origin: Origin) -> None:
    url = origin.put("/callback", OK)
    origin.put("/callback?", echo)
    with closing(Rig(server_address)) as first:
        first.request(url)
    stop = threading.Event()
    with closing(Rig(server_address)) as second:
        second.documents["/all.atom"] = b"<feed>2</feed>"
        thread = threading.Thread(target=second.worker.run, args=[stop])
        thread.start()
        until(lambda: deliveries(origin))
        stop.set()
        second.worker.wake()
        thread.join()
    assert [request.body for request in deliveries(origin)] == [b"<feed>2</feed>"]


def test_R62_after_a_gap_in_the_outbox_what_changed_is_delivered(rig: Rig, origin: Origin, callback: str) -> None:
    rig.worker.publish((), 9)
    rig.wait()
    assert deliveries(origin) == []
    rig.documents["/all.atom"] = b"<feed>2</feed>"
    rig.worker.publish((), 10)
    rig.wait()
    assert len(deliveries(origin)) == 1


def test_R44_while_our_feeds_have_another_hub_nothing_is_delivered(rig: Rig, origin: Origin, callback: str) -> None:
    rig.hub = ""
    rig.publish()
    rig.wait()
    assert deliveries(origin) == []
    rig.hub = HUB
    rig.wait()
    assert len(deliveries(origin)) == 1


def script(status: int, **headers: str) -> Behaviour:
    return raw(reply(b"", status, **headers), KEEP)


FAILURES: dict[str, Behaviour] = {
    "301": script(301, location="/elsewhere"),
    "307": script(307, location="/elsewhere"),
    "404": script(404),
    "500": script(500),
    "no answer": raw(),
    "half a head": raw(b"HTTP/1.1 200 OK\r\n"),
}


@pytest.mark.parametrize("behaviour", FAILURES.values(), ids=FAILURES)
def test_R61_R62_what_is_no_2xx_is_tried_again(rig: Rig, origin: Origin, callback: str, behaviour: Behaviour) -> None:
    origin.put("/callback", behaviour, OK)
    rig.publish()
    rig.wait()
    assert [each.attempts for each in rig.subscriptions()] == [1]
    rig.pass_time(seconds=hub.RETRY_DELAYS[0] - 1)
    assert len(deliveries(origin)) == 1
    rig.pass_time(seconds=1)
    assert [request.path for request in deliveries(origin)] == ["/callback"] * 2  # no redirect is followed
    assert [each.attempts for each in rig.subscriptions()] == [0]


@pytest.mark.parametrize("status", [200, 202, 204])
def test_R61_any_2xx_is_success_whatever_follows(rig: Rig, origin: Origin, callback: str, status: int) -> None:
    """F36: an answer of 1 GB is cut after 1,024 bytes."""
    head = reply(b"", status) if status == 204 else reply(b"", status, content_length="1000000000")
    origin.put("/callback", drip(head, b"x" * 65_536, 0.0) if status != 204 else raw(head, KEEP))
    rig.publish()
    rig.wait()
    assert [(each.attempts, each.wanted) for each in rig.subscriptions()] == [(0, 1)]


def test_R61_a_subscriber_that_is_gone_is_forgotten(rig: Rig, origin: Origin, callback: str) -> None:
    origin.put("/callback", script(410))
    rig.publish()
    rig.wait()
    assert rig.subscriptions() == []


def test_R62_a_delivery_is_given_up_and_the_next_change_is_tried_again(rig: Rig, origin: Origin, callback: str) -> None:
    origin.put("/callback", script(500))
    rig.request(callback, lease_seconds=30 * DAY)
    rig.publish()
    rig.wait()
    for delay in hub.RETRY_DELAYS:
        rig.pass_time(seconds=delay)
    limit = len(hub.RETRY_DELAYS) + 1
    assert len(deliveries(origin)) == limit
    rig.pass_time(days=3)
    assert len(deliveries(origin)) == limit
    origin.put("/callback", OK)
    rig.publish(b"<feed>3</feed>")
    rig.wait()
    assert deliveries(origin)[limit].body == b"<feed>3</feed>"
    assert [each.attempts for each in rig.subscriptions()] == [0]


def test_R62_retry_after_is_heeded(rig: Rig, origin: Origin, callback: str) -> None:
    origin.put("/callback", script(429, retry_after="120"), OK)
    rig.publish()
    rig.wait()
    rig.pass_time(seconds=119)
    assert len(deliveries(origin)) == 1
    rig.pass_time(seconds=1)
    assert len(deliveries(origin)) == 2


def test_F36_what_cannot_be_stored_is_not_sent_again_and_again(
    rig: Rig, origin: Origin, callback: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a full disk."""

    def fail(*values: object) -> None:
        raise StoreError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(rig.store, "record_deliveries", fail)
        rig.publish()
        with pytest.raises(StoreError):
            until(lambda: rig.worker.look() and False)
        for _ in range(5):
            rig.worker.look()  # it rests
    assert len(deliveries(origin)) == 1
    monkeypatch.setattr(rig.worker, "_rest_until", 0.0)
    rig.wait()
    assert len(deliveries(origin)) == 1
    assert [each.body_digest for each in rig.subscriptions()] == [hashlib.sha256(b"<feed>2</feed>").hexdigest()]
    with monkeypatch.context() as patch:
        patch.setattr(rig.store, "want_deliveries", fail)
        rig.publish(b"<feed>3</feed>")
        with pytest.raises(StoreError):
            rig.wait()
    monkeypatch.setattr(rig.worker, "_rest_until", 0.0)
    rig.wait()
    assert [request.body for request in deliveries(origin)][1:] == [b"<feed>3</feed>"]


# ── rssCloud ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def echo_cloud(request: Request) -> Iterable[Piece]:
    query = parse_qs(urlsplit(request.path).query)
    assert query["url"] == [TOPIC]
    return (reply(query["challenge"][0].encode()), KEEP)


@pytest.mark.parametrize("protocol", [HubProtocol.CLOUD, HubProtocol.CLOUD_SELF])
def test_R56_an_rsscloud_subscriber_is_verified_and_sent_the_address_of_the_feed(
    rig: Rig, origin: Origin, protocol: HubProtocol
) -> None:
    url = origin.put("/callback", OK)
    origin.put("/callback?", echo_cloud)
    rig.request(url, protocol=protocol)
    assert len(rig.subscriptions()) == 1
    rig.publish()
    rig.wait()
    verified, *rest = origin.requests
    assert verified.method == ("GET" if protocol is HubProtocol.CLOUD else "POST")
    (delivered,) = rest
    assert (delivered.method, delivered.path) == ("POST", "/callback")
    assert delivered.headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qs(delivered.body.decode()) == {"url": [TOPIC]}
    rig.withdrawn["all"] = None
    rig.pass_time(hours=1)  # nothing tells it that the feed is gone
    assert rig.subscriptions() == []
    assert len(origin.requests) == 2


CLOUD_ANSWERS: dict[str, Behaviour] = {
    "other text": raw(reply(b"ok"), KEEP),
    "404": raw(reply(b"", 404), KEEP),
    "302": raw(reply(b"", 302, location="/elsewhere"), KEEP),
    "no answer": raw(),
}


@pytest.mark.parametrize("behaviour", CLOUD_ANSWERS.values(), ids=CLOUD_ANSWERS)
def test_R56_an_rsscloud_subscriber_that_does_not_confirm_is_none(
    rig: Rig, origin: Origin, behaviour: Behaviour
) -> None:
    origin.put("/callback?", behaviour)
    origin.put("/callback", behaviour if behaviour is not CLOUD_ANSWERS["other text"] else script(500))
    for protocol in (HubProtocol.CLOUD, HubProtocol.CLOUD_SELF):
        rig.request(origin.url("/callback"), protocol=protocol)
    assert rig.subscriptions() == []
    assert len(origin.requests) == 2


def test_F36_bad_subscribers_delay_no_others(rig: Rig, origin: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 100 subscribers, 20 hang, fail, redirect, send 1 GB or nothing. The others have all while those still hang."""
    monkeypatch.setattr(hub, "SEND_SECONDS", 600.0)
    endless = drip(reply(b"", 500, content_length="999999999"), b"x" * 9999, 0.0)
    bad = [raw(HANG), script(500), script(301, location="/elsewhere"), endless, raw()]
    for number in range(100):
        origin.put(f"/{number}?", echo)
        origin.put(f"/{number}", bad[number // 4] if number < 20 else OK)
        rig.store.add_request(HubRequest("subscribe", origin.url(f"/{number}"), TOPIC, lease_seconds=DAY))
    rig.wait()
    assert len(rig.subscriptions()) == 100
    good = {f"/{number}" for number in range(20, 100)}

    def has_all(body: bytes) -> bool:
        rig.worker.look()
        return good <= {request.path for request in deliveries(origin) if request.body == body}

    for number in range(2, 5):
        body = b"<feed>%d</feed>" % number
        rig.publish(body)
        until(partial(has_all, body))
    hanging = [request for request in deliveries(origin) if request.path in {f"/{number}" for number in range(4)}]
    assert len(hanging) == 4  # the first deliveries, which have not ended


def test_of_several_servers_one_delivers_and_the_next_goes_on(postgres_url: str, origin: Origin) -> None:
    origin.put("/callback?", echo)
    url = origin.put("/callback", OK)
    with closing(Rig(postgres_url)) as second:
        with closing(Rig(postgres_url)) as first:
            first.request(url)
            for rig in (first, second):
                rig.publish()
            second.wait()
            assert deliveries(origin) == []
            first.wait()
            second.wait()
            assert [each.body for each in deliveries(origin)] == [b"<feed>2</feed>"]
            first.publish(b"<feed>3</feed>")
        until(second.database.may_deliver)  # the database notices the end of a connection a moment later
        second.publish(b"<feed>3</feed>")  # the first ended before it delivered that
        second.wait()
        assert [each.body for each in deliveries(origin)] == [b"<feed>2</feed>", b"<feed>3</feed>"]
