"""Sources that name a hub: it is subscribed to, what it pushes is published, visits make sure of it (R47 to R52, F35).

The test is the hub: it takes requests on loopback, and calls back the server of the installation.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.message import Message
from pathlib import Path
from typing import NamedTuple
from urllib.error import HTTPError
from urllib.parse import parse_qsl, urlencode, urlsplit
from urllib.request import Request as HttpRequest
from urllib.request import urlopen

import pytest
from origin import KEEP, Document, Origin, raw, reply
from wire import Wire, rss, until

from feeds.app.health import ProcessState, write_state
from feeds.app.server_process import FileServer, HostPort
from feeds.push import source_hubs
from feeds.serve import callbacks

SITE = "https://wire.example.org/"
LINKS = "<link xmlns='http://www.w3.org/2005/Atom' rel='{}' href='{}'/>"
ONE, TWO, THREE = (("1", "One"), ("2", "Two"), ("3", "Three"))


class Answer(NamedTuple):
    """What the server answers to the hub."""

    status: int
    body: bytes
    headers: Message


class Installation:
    """An installation with one source, whose feed names the hub that the test is."""

    def __init__(self, wire: Wire, origin: Origin) -> None:
        self.wire = wire
        self.origin = origin
        self.hub = origin.put("/hub", raw(reply(b"", 202), KEEP))
        self.topic = origin.url("/a")
        self.source = Document(self.feed(ONE))
        origin.put("/a", self.source)
        self.address = ""
        self.declare()

    def declare(self, *, site: str = SITE, **settings: object) -> None:
        server = {"allow_private": ["127.0.0.0/8"]}
        sources = {"a": {"feed": self.topic, **settings}}
        self.wire.declare(sources, site={"title": "Wire", "url": site}, server=server)

    def feed(self, *items: tuple[str, str], hub: str | None = None, topic: str | None = None) -> bytes:
        """The feed of the source."""
        links = LINKS.format("hub", self.hub if hub is None else hub) + LINKS.format("self", topic or self.topic)
        return rss(*items).replace(b"<channel>", b"<channel>" + links.encode())

    def turn(self, *, everything: bool = True) -> None:
        """Make a turn, as a daemon or cron does."""
        self.wire.turn(everything=everything)
        write_state(self.wire.home / "data", ProcessState(self.wire.now))

    @contextmanager
    def serve(self) -> Iterator[None]:
        """Run the server of the installation."""
        bound: list[HostPort] = []
        stop = threading.Event()
        server = FileServer(self.wire.config, ("127.0.0.1", 0), lambda: self.wire.now)
        thread = threading.Thread(target=server.run, args=[bound.append, stop, lambda: None])
        thread.start()
        try:
            until(lambda: bound)
            self.address = f"http://127.0.0.1:{bound[0][1]}"
            yield
        finally:
            stop.set()
            thread.join()

    # ── as the hub ──────────────────────────────────────────────────────────────────────────────────────────────────

    def forms(self) -> list[dict[str, str]]:
        """The requests to the hub."""
        return [dict(parse_qsl(each.body.decode())) for each in self.origin.requests if each.path == "/hub"]

    def request(self, number: int = 0) -> dict[str, str]:
        """Wait for a request to the hub."""
        until(lambda: len(self.forms()) > number)
        return self.forms()[number]

    def call(self, form: dict[str, str], body: bytes | None = None, **headers: str) -> Answer:
        """Call a callback back, with the query of its address."""
        parts = urlsplit(form["hub.callback"])
        url = f"{self.address}{parts.path}?{parts.query}"
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            with urlopen(HttpRequest(url, body, names)) as answer:
                return Answer(answer.status, answer.read(), answer.headers)
        except HTTPError as error:
            with error:
                return Answer(error.code, error.read(), error.headers)

    def verify(self, form: dict[str, str], **values: object) -> Answer:
        """Verify the intent of a request."""
        names = {"mode": form["hub.mode"], "topic": form["hub.topic"], "challenge": "a+b/ü=", "lease_seconds": 864_000}
        query = urlencode({f"hub.{name}": value for name, value in (names | values).items() if value is not None})
        return self.call(form | {"hub.callback": f"{form['hub.callback']}?{query}"})

    def push(self, form: dict[str, str], body: bytes, signature: str | None = None) -> int:
        """Push a document, signed as it should be."""
        digest = hmac.new(form["hub.secret"].encode(), body, hashlib.sha256).hexdigest()
        signature = f"sha256={digest}" if signature is None else signature
        headers = {"content_type": "application/rss+xml", **({"x_hub_signature": signature} if signature else {})}
        return self.call(form, body, **headers).status

    def titles(self) -> set[object]:
        """The titles in our feed."""
        return {item["title"] for item in self.wire.items()}

    def subscriptions(self) -> int:
        """The number of subscriptions to hubs."""
        ((count,),) = self.wire.ask("SELECT count(*) FROM source_subscriptions", self.wire.server_database)
        return int(count)

    def subscription_attempts(self) -> int:
        """How often the newest subscription was requested."""
        newest = "SELECT attempts FROM source_subscriptions ORDER BY key DESC LIMIT 1"
        rows = self.wire.ask(newest, self.wire.server_database)
        return int(rows[0][0]) if rows else 0

    def take(self) -> set[object]:
        """Make a turn in which no source is due; return the titles then."""
        visits = self.origin.paths().count("/a")
        self.turn(everything=False)
        assert self.origin.paths().count("/a") == visits
        return self.titles()


@pytest.fixture
def site(wire: Wire, origin: Origin, monkeypatch: pytest.MonkeyPatch) -> Installation:
    monkeypatch.setattr(source_hubs, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(source_hubs, "BURST_SECONDS", 0.0)
    return Installation(wire, origin)


@pytest.fixture
def form(site: Installation) -> Iterator[dict[str, str]]:
    """A subscription that the hub has verified, while the server runs."""
    site.turn()
    with site.serve():
        form = site.request()
        assert site.verify(form).status == 200
        yield form


# ── requests ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_R48_a_request_has_a_callback_and_a_secret_that_nobody_can_guess(site: Installation) -> None:
    site.turn()
    with site.serve():
        form = site.request()
    names = {"hub.mode", "hub.topic", "hub.callback", "hub.secret", "hub.lease_seconds"}
    assert form.keys() == names | {"hub.verify"}  # of the protocol's earlier version
    assert (form["hub.mode"], form["hub.topic"]) == ("subscribe", site.topic)
    token = form["hub.callback"].removeprefix(f"{SITE}websub/")
    assert len(token) >= 32 and "/" not in token
    assert 32 <= len(form["hub.secret"].encode()) < 200
    (request,) = [each for each in site.origin.requests if each.path == "/hub"]
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert token not in (site.wire.public / "all.rss").read_text()


def test_R47_the_hub_and_the_topic_of_the_headers_come_first(site: Installation) -> None:
    hub, topic = site.origin.put("/other", raw(reply(b"", 202), KEEP)), site.origin.url("/topic")
    site.source.headers["link"] = f'<{hub}>; rel="hub", <{topic}>; rel=self'
    site.turn()
    with site.serve():
        until(lambda: "/other" in site.origin.paths())
    (request,) = [each for each in site.origin.requests if each.path == "/other"]
    assert dict(parse_qsl(request.body.decode()))["hub.topic"] == topic
    assert site.forms() == []


def test_R47_a_hub_that_is_named_no_more_or_another_one_is_left(site: Installation, form: dict[str, str]) -> None:
    other = site.origin.put("/other", raw(reply(b"", 202), KEEP))
    site.source.body = site.feed(ONE, hub=other)
    site.turn()
    ending = site.request(1)
    assert (ending["hub.mode"], ending["hub.callback"]) == ("unsubscribe", form["hub.callback"])
    assert site.push(form, site.feed(TWO)) == 410
    assert site.verify(ending, topic="x").status == 404
    assert site.verify(ending).status == 200
    assert site.verify(ending).status == 404
    until(lambda: "/other" in site.origin.paths())
    site.source.body = rss(ONE)
    site.turn()
    until(lambda: site.subscriptions() == 0)


def test_S6_a_hub_may_be_in_the_networks_of_its_source(site: Installation) -> None:
    """And of `server: allow_private`, but in no other private one."""
    networks = {"defaults": {}, "server": {}}
    for allowed, count in ((False, 0), (True, 1)):
        settings = {"feed": site.topic, "allow_private": ["127.0.0.0/8"]}
        site.source.body = site.feed(ONE, hub=site.hub if allowed else "http://10.0.0.1/hub")
        site.wire.declare({"a": settings}, site={"title": "Wire", "url": SITE}, **networks)
        site.turn()
        with site.serve():
            until(lambda: site.subscription_attempts() > 0)
            until(lambda count=count: len(site.forms()) == count)


@pytest.mark.parametrize("case", ["private", "no turns", "loopback"])
def test_R48_where_no_push_could_be_taken_nothing_is_requested(site: Installation, case: str) -> None:
    """A source whose address is a secret; `feeds serve` without turns; callbacks that lead to another machine."""
    if case == "private":
        site.declare(private=True)
    elif case == "loopback":
        site.declare(site="http://127.0.0.1:8080/")
        site.source.body = site.feed(ONE, hub="https://hub.example/")
    site.turn()
    if case == "no turns":
        site.wire.now += timedelta(hours=3)  # the source is due since more than an hour
    looks = []
    with site.serve():
        until(lambda: looks.append(site.call({"hub.callback": f"{SITE}websub/x"}).status) or len(looks) > 20)
    assert site.forms() == []
    assert set(looks) == {404}


# ── verification ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_R49_the_challenge_comes_back_as_plain_text(site: Installation) -> None:
    site.turn()
    with site.serve():
        answer = site.verify(site.request(), challenge="<script>ü&\n")
    assert (answer.status, answer.body) == (200, "<script>ü&\n".encode())
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"


NOT_CONFIRMED: dict[str, dict[str, object]] = {
    "another topic": {"topic": "https://other.example/"},
    "no topic": {"topic": None},
    "another mode": {"mode": "unsubscribe"},
    "no mode": {"mode": None},
    "a long challenge": {"challenge": "x" * 3000},
}


@pytest.mark.parametrize("values", NOT_CONFIRMED.values(), ids=NOT_CONFIRMED)
def test_R49_what_was_not_requested_is_not_confirmed(site: Installation, values: dict[str, object]) -> None:
    site.turn()
    with site.serve():
        form = site.request()
        assert site.verify(form | {"hub.callback": f"{SITE}websub/{'x' * 43}"}).status == 404
        assert site.verify(form, **values).status == 404
        assert site.push(form, site.feed(TWO)) == 410  # not verified
        assert site.verify(form).status == 200
        assert site.verify(form).status == 404  # nothing is requested any more


def test_R49_other_methods_are_refused(site: Installation, form: dict[str, str]) -> None:
    request = HttpRequest(f"{site.address}{urlsplit(form['hub.callback']).path}", b"", method="PUT")
    with pytest.raises(HTTPError, match="405"):
        urlopen(request)


def test_R50_a_subscription_is_renewed_before_its_lease_ends(site: Installation, form: dict[str, str]) -> None:
    site.wire.now += timedelta(days=5)
    site.turn()
    assert len(site.forms()) == 1
    site.wire.now += timedelta(days=2)
    site.turn()
    assert site.request(1) == form
    assert site.push(form, site.feed(TWO)) == 202  # the old lease holds
    assert site.verify(form, lease_seconds=3600).status == 200
    site.wire.now += timedelta(minutes=59)
    site.turn()
    assert site.request(2) == form


def test_R50_a_denial_may_come_at_any_time(site: Installation, form: dict[str, str]) -> None:
    assert site.verify(form, mode="denied", topic="https://other.example/", challenge=None).status == 404
    assert site.push(form, site.feed(TWO)) == 202
    assert site.verify(form, mode="denied", challenge=None).status == 200
    assert site.push(form, site.feed(THREE)) == 410
    site.wire.now += timedelta(hours=25)
    site.turn()
    assert site.request(1)["hub.mode"] == "subscribe"


# ── pushes ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_R52_a_push_is_published_without_a_visit(site: Installation, form: dict[str, str]) -> None:
    """It brings some stories of the feed; the others stay, and so do the validators of the next visit."""
    site.source.etag = '"1"'
    site.wire.now += timedelta(hours=2)
    site.turn()
    assert site.push(form, site.feed(TWO)) == 202
    assert site.take() == {"One", "Two"}
    site.wire.now += timedelta(hours=2)
    site.turn()
    assert site.origin.requests[-1].headers["if-none-match"] == '"1"'
    assert site.titles() == {"One", "Two"}


def test_R52_links_of_a_push_lead_nowhere(site: Installation, form: dict[str, str]) -> None:
    links = f'<{site.origin.url("/other")}>; rel="hub", <https://other.example/>; rel="self"'
    body = site.feed(TWO, hub=site.origin.url("/other"), topic="https://other.example/")
    digest = hmac.new(form["hub.secret"].encode(), body, hashlib.sha256).hexdigest()
    headers = {"content_type": "text/xml", "x_hub_signature": f"sha256={digest}", "link": links}
    assert site.call(form, body, **headers).status == 202
    assert site.take() == {"One", "Two"}
    assert site.push(form, site.feed(THREE)) == 202
    assert site.take() == {"One", "Two", "Three"}
    assert "/other" not in site.origin.paths()


def sign(form: dict[str, str], body: bytes, method: str) -> str:
    return hmac.new(form["hub.secret"].encode(), body, method).hexdigest()


@pytest.mark.parametrize("method", ["sha1", "sha256", "sha384", "sha512"])
def test_R51_signatures_of_every_method_are_good(site: Installation, form: dict[str, str], method: str) -> None:
    body = site.feed(TWO)
    assert site.push(form, body, f"{method}={sign(form, body, method)}") == 202
    assert site.take() == {"One", "Two"}


def test_R51_what_is_not_signed_rightly_is_received_and_ignored(site: Installation, form: dict[str, str]) -> None:
    body, other = site.feed(TWO), site.feed(THREE)
    signature = sign(form, body, "sha256")
    for wrong in (
        "",  # none at all
        f"sha256={sign(form, other, 'sha256')}",
        f"sha1={signature}",
        f"md5={sign(form, body, 'md5')}",
        signature,
        f"sha256={signature[:-1]}",
        f"sha256={signature}0",
        "sha256=",
        "sha256=ü",
        f"sha256={sign({'hub.secret': ''}, body, 'sha256')}",
    ):
        assert site.push(form, body, wrong) == 202
    assert site.take() == {"One"}
    assert site.push(form, body, f"sha256={signature.upper()}") == 202
    assert site.take() == {"One", "Two"}


def test_R52_a_push_is_as_large_as_a_visit_at_most(tmp_path: Path, site: Installation) -> None:
    site.declare(max_bytes="2kB")
    site.turn()
    with site.serve():
        form = site.request()
        site.verify(form)
        assert site.push(form, site.feed(TWO) + b" " * 2000) == 413
        assert site.push(form, site.feed(TWO)) == 202
    assert site.take() == {"One", "Two"}


def test_R52_a_hub_that_pushes_all_the_time_is_asked_to_wait(site: Installation, form: dict[str, str]) -> None:
    statuses = [site.push(form, site.feed(TWO)) for _ in range(2 * callbacks.PUSHES_PER_CALLBACK + 1)]
    assert statuses[0] == 202 and 429 in statuses  # a minute may end in between
    assert site.take() == {"One", "Two"}


def test_R52_an_unknown_callback_is_gone(site: Installation, form: dict[str, str]) -> None:
    assert site.push(form | {"hub.callback": f"{SITE}websub/x"}, site.feed(TWO)) == 410
    assert site.push(form | {"hub.callback": f"{SITE}websub/"}, site.feed(TWO)) == 410


# ── visits as a safety net ────────────────────────────────────────────────────────────────────────────────────────────


def next_visit(site: Installation) -> timedelta:
    """Make a visit; return how long after it the next one is due."""
    site.turn()
    with site.wire.app() as app:
        (status,) = app.store.statuses()
        return status.due_at - site.wire.now


def test_F35_visits_become_rare_once_a_hub_pushes(site: Installation, form: dict[str, str]) -> None:
    hours = [next_visit(site) / timedelta(hours=1)]
    site.push(form, site.feed(TWO))
    assert site.take() == {"One", "Two"}
    site.source.body = site.feed(TWO, ONE)
    hours.append(next_visit(site) / timedelta(hours=1))
    assert 1 <= hours[0] < 1.2
    assert 12 <= hours[1] < 13.5


def test_F35_visits_are_frequent_again_when_the_hub_is_silent(site: Installation, form: dict[str, str]) -> None:
    site.push(form, site.feed(TWO))
    site.take()
    site.source.body = site.feed(THREE, TWO, ONE)  # of which the hub said nothing
    assert next_visit(site) < timedelta(hours=1.2)
    assert site.titles() == {"One", "Two", "Three"}


def test_F35_visits_are_frequent_again_when_the_lease_ends(site: Installation, form: dict[str, str]) -> None:
    site.push(form, site.feed(TWO))
    site.take()
    site.source.body = site.feed(TWO, ONE)
    site.wire.now += timedelta(days=9, hours=21)
    assert next_visit(site) < timedelta(hours=3.5)  # at the end of the lease
    site.wire.now += timedelta(hours=3, minutes=30)
    assert next_visit(site) < timedelta(hours=1.2)


def scenario_down(site: Installation, form: dict[str, str]) -> None:
    """The hub is down: nothing is pushed."""


def scenario_lies(site: Installation, form: dict[str, str]) -> None:
    """What it pushes is no feed, is empty, or is signed with another secret."""
    for body in (b"", b"<html>Hello</html>", b"\x00" * 500, b"<rss><channel></channel></rss>", b"{}"):
        site.push(form, body)
        site.take()
    site.push(form | {"hub.secret": "x"}, site.feed(("9", "Forged")))


def scenario_repeats(site: Installation, form: dict[str, str]) -> None:
    """The same again and again, and older stories after newer ones."""
    for items in ((TWO,), (TWO,), (TWO, ONE), (ONE,), (THREE,), (TWO,), (THREE,)):
        assert site.push(form, site.feed(*items)) == 202
    site.take()
    for _ in range(3):
        site.push(form, site.feed(TWO))
        site.take()


def scenario_forgets(site: Installation, form: dict[str, str]) -> None:
    """The lease ended while the hub was down; then a push comes all the same."""
    site.wire.now += timedelta(days=11)
    site.push(form, site.feed(TWO))
    site.turn()


SCENARIOS = (scenario_down, scenario_lies, scenario_repeats, scenario_forgets)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__.removeprefix("scenario_"))
def test_F35_whatever_a_hub_does_the_stories_are_those_of_the_visits(
    site: Installation, form: dict[str, str], scenario: Callable[[Installation, dict[str, str]], None]
) -> None:
    scenario(site, form)
    site.source.body = site.feed(THREE, TWO, ONE)
    site.wire.now += timedelta(days=1)
    site.turn()
    assert sorted(str(item["title"]) for item in site.wire.items()) == ["One", "Three", "Two"]
    with site.wire.app() as app:
        (status,) = app.store.statuses()
        assert status.failure is None and status.failures == 0
