"""WebSub over real sockets: a subscriber of our feeds, with the server as it runs beside a daemon and beside cron."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit
from urllib.request import Request as HttpRequest
from urllib.request import urlopen

import forked
import pytest
from origin import KEEP, Document, Origin, Piece, Request, reply
from wire import Wire, document, new_wire, rss, until

from feeds.app import background_sender
from feeds.app import hub as hub_module
from feeds.app.server_process import FileServer, HostPort
from feeds.errors import ConfigError

SITE = "https://wire.example.org/"


@contextmanager
def serving(wire: Wire) -> Iterator[str]:
    """Run the server of an installation in a thread; yield its address."""
    bound: list[HostPort] = []
    stop = threading.Event()
    server = FileServer(wire.config, ("127.0.0.1", 0), lambda: wire.now)
    thread = threading.Thread(target=server.run, args=[bound.append, stop, lambda: None])
    thread.start()
    try:
        until(lambda: bound)
        yield f"http://127.0.0.1:{bound[0][1]}/"
    finally:
        stop.set()
        thread.join()


def declare(wire: Wire, origin: Origin, **site: str) -> Document:
    """Declare one source, whose document is returned, and one feed."""
    published = document(("1", "One"))
    wire.declare(
        {"a": origin.put("/a", published)},
        site={"title": "Wire", "url": SITE, **site},
        server={"allow_private": ["127.0.0.0/8"]},
    )
    return published


def subscribe(address: str, callback: str, topic: str = f"{SITE}all.rss", **values: object) -> int:
    """Ask a hub for a subscription; return the status of its answer."""
    names = {"hub.mode": "subscribe", "hub.callback": callback, "hub.topic": topic}
    form = urlencode(names | {f"hub.{name}": value for name, value in values.items()}).encode()
    try:
        with urlopen(HttpRequest(f"{address}hub", form)) as answer:
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code


class Subscriber:
    """A callback that confirms each request, and keeps what it is sent with the file as it stood then."""

    def __init__(self, wire: Wire, origin: Origin, secret: str) -> None:
        self.deliveries: list[tuple[Request, bytes]] = []
        self.modes: list[str] = []
        self.secret = secret
        self._file = wire.public / "all.rss"
        self.callback = origin.put("/callback", self)
        origin.put("/callback?", self)

    def __call__(self, request: Request) -> Iterable[Piece]:
        if request.method == "POST":
            self.deliveries.append((request, self._file.read_bytes()))
            return (reply(b""), KEEP)
        query = parse_qs(urlsplit(request.path).query)
        self.modes += query["hub.mode"]
        return (reply(query.get("hub.challenge", [""])[0].encode()), KEEP)


@contextmanager
def beside_cron(wire: Wire) -> Iterator[tuple[str, Callable[[], object]]]:
    """Run `feeds serve`; yield its address, and what makes a turn as cron does."""
    wire.command("run", "--all")
    with serving(wire) as address:
        yield address, lambda: wire.command("run", "--all")


@contextmanager
def beside_daemon(wire: Wire) -> Iterator[tuple[str, Callable[[], object]]]:
    """Run `feeds daemon`; yield its address, and what makes it visit its sources."""
    log = wire.home / "log"
    with log.open("w") as file:
        process = forked.start(["daemon", "--listen", "127.0.0.1:0"], wire.home, wire.env(), file)
    try:
        until(lambda: (wire.public / "all.json").exists() and "at http" in log.read_text())
        yield log.read_text().partition(" at ")[2].split()[0], lambda: wire.command("run", "--all")
    finally:
        process.terminate()
        process.wait(300)


@pytest.mark.parametrize("run", [beside_cron, beside_daemon])
def test_R44_to_R63_a_subscriber_is_sent_what_is_published(
    wire: Wire, origin: Origin, run: Callable[[Wire], AbstractContextManager[tuple[str, Callable[[], object]]]]
) -> None:
    """R45: the file holds the article when the event comes."""
    published = declare(wire, origin)
    subscriber = Subscriber(wire, origin, "s3cret")
    with run(wire) as (address, visit):
        with urlopen(f"{address}all.rss") as answer:
            links = f'<{SITE}hub>; rel="hub", <{SITE}all.rss>; rel="self"'
            assert answer.headers["link"] == links
        assert subscribe(address, subscriber.callback, secret=subscriber.secret) == 202
        until(lambda: subscriber.modes == ["subscribe"])
        published.body = rss(("2", "Two"), ("1", "One"))
        visit()
        until(lambda: subscriber.deliveries)
    ((request, file),) = subscriber.deliveries
    assert b"Two" in request.body
    assert request.body == file
    assert request.headers["content-type"] == "application/rss+xml; charset=utf-8"
    assert request.headers["link"] == links
    digest = hmac.new(b"s3cret", file, hashlib.sha256).hexdigest()
    assert request.headers["x-hub-signature"] == f"sha256={digest}"


def count_subscriptions(wire: Wire) -> int:
    """The number of subscriptions to our feeds."""
    return int(wire.ask("SELECT count(*) FROM hub_subscriptions", wire.server_database)[0][0])


def test_R62_a_subscription_outlives_the_server(wire: Wire, origin: Origin) -> None:
    published = declare(wire, origin)
    wire.turn()
    subscriber = Subscriber(wire, origin, "s3cret")
    with serving(wire) as address:
        assert subscribe(address, subscriber.callback) == 202
        until(lambda: count_subscriptions(wire) == 1)
    published.body = rss(("2", "Two"), ("1", "One"))
    wire.turn(everything=True)
    with serving(wire):
        until(lambda: subscriber.deliveries)
    assert b"Two" in subscriber.deliveries[0][0].body


def test_the_metrics_count_subscribers_and_deliveries(wire: Wire, origin: Origin) -> None:
    published = declare(wire, origin)
    with socket.create_server(("127.0.0.1", 0)) as server:
        admin = f"127.0.0.1:{server.getsockname()[1]}"
    tree = json.loads(wire.config.read_text())
    tree["server"]["admin"] = admin
    wire.config.write_text(json.dumps(tree))
    wire.turn()
    subscriber = Subscriber(wire, origin, "")
    with serving(wire) as address:
        assert subscribe(address, subscriber.callback) == 202
        until(lambda: subscriber.modes)
        published.body = rss(("2", "Two"), ("1", "One"))
        wire.turn(everything=True)

        def metrics() -> str:
            with urlopen(f"http://{admin}/metrics") as answer:
                return str(answer.read().decode())

        until(lambda: 'feeds_deliveries_total{kind="hub",outcome="delivered"} 1' in metrics())
        assert 'feeds_delivery_subscribers{kind="hub"} 1' in metrics()
        assert 'feeds_delivery_queue{kind="hub"} 0' in metrics()


TOPICS = {
    "another site": "https://other.example.org/all.rss",
    "another scheme": "http://wire.example.org/all.rss",
    "no file": f"{SITE}none.rss",
    "a page": f"{SITE}all.html",
    "a list": f"{SITE}feeds.opml",
    "outside": f"{SITE}../data/feeds.db",
    "a query": f"{SITE}all.rss?a",
    "nothing": SITE,
}


def test_R63_only_documents_of_our_feeds_are_topics(
    wire: Wire, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(wire, origin)
    wire.turn()
    subscriber = Subscriber(wire, origin, "")
    with serving(wire) as address:
        assert {
            name: subscribe(address, subscriber.callback, topic) for name, topic in TOPICS.items()
        } == dict.fromkeys(TOPICS, 404)
        for suffix in ("rss", "atom", "json"):
            assert subscribe(address, subscriber.callback, f"{SITE}all.{suffix}") == 202
        until(lambda: len(subscriber.modes) == 3)
        monkeypatch.setattr(hub_module, "MAX_PER_HOST", 3)
        until(lambda: subscribe(address, subscriber.callback) == 429)
        assert subscribe(address, "https://other.example.org/") == 202
        monkeypatch.setattr(hub_module, "MAX_SUBSCRIPTIONS", 3)
        assert subscribe(address, "https://other.example.org/") == 503
        assert subscribe(address, subscriber.callback, mode="unsubscribe") == 202


def test_R58_subscribers_of_a_feed_that_is_taken_out_are_told(wire: Wire, origin: Origin) -> None:
    declare(wire, origin)
    wire.turn()
    subscriber = Subscriber(wire, origin, "")
    with serving(wire) as address:
        assert subscribe(address, subscriber.callback) == 202
        until(lambda: subscriber.modes)
    wire.declare({}, {"other": {}}, server={"allow_private": ["127.0.0.0/8"]})
    wire.turn()
    with serving(wire) as address:
        until(lambda: subscriber.modes == ["subscribe", "denied"])
        assert subscribe(address, subscriber.callback) == 404


@pytest.mark.parametrize("hub", ["none", "https://hub.example/"])
def test_R44_a_site_with_another_hub_or_none_is_none(wire: Wire, origin: Origin, hub: str) -> None:
    declare(wire, origin, hub=hub)
    wire.turn()
    with serving(wire) as address:
        assert subscribe(address, "https://reader.example/") == 405
        with urlopen(f"{address}all.rss") as answer:
            assert answer.headers["link"] == (
                None if hub == "none" else f'<{hub}>; rel="hub", <{SITE}all.rss>; rel="self"'
            )
    assert (b'rel="hub" href="https://hub.example/"' in (wire.public / "all.rss").read_bytes()) == (hub != "none")


# ── an external hub ───────────────────────────────────────────────────────────────────────────────────────────────────


class ExternalHub:
    """A hub that keeps what it is told, with the topic's file as it stood then."""

    def __init__(self, wire: Wire, origin: Origin) -> None:
        self.told: list[tuple[str, bytes]] = []
        self.status = 204
        self._public = wire.public
        self.url = origin.put("/hub", self)

    def __call__(self, request: Request) -> Iterable[Piece]:
        form = dict(parse_qsl(request.body.decode()))
        assert form["hub.mode"] == "publish"
        assert form["hub.topic"] == form["hub.url"]
        path = form["hub.url"].removeprefix(SITE)
        self.told.append((path, (self._public / path).read_bytes()))
        return (reply(b"", self.status), KEEP)


def test_R45_an_external_hub_is_told_once_the_files_are_there(wire: Wire, origin: Origin) -> None:
    """By a command beside cron, whose server nobody runs."""
    hub = ExternalHub(wire, origin)
    published = declare(wire, origin, hub=hub.url)
    wire.turn()
    assert sorted(path for path, _ in hub.told) == ["all.atom", "all.json", "all.rss"]
    assert all(b"One" in body for _, body in hub.told)
    wire.turn(everything=True)
    assert len(hub.told) == 3
    published.body = rss(("2", "Two"), ("1", "One"))
    wire.turn(everything=True)
    assert len(hub.told) == 6
    assert all(b"Two" in body for _, body in hub.told[3:])


def test_R45_what_a_hub_did_not_take_it_is_told_again(
    wire: Wire, origin: Origin, caplog: pytest.LogCaptureFixture
) -> None:
    hub = ExternalHub(wire, origin)
    hub.status = 503
    declare(wire, origin, hub=hub.url)
    wire.turn()
    assert len(hub.told) >= 1
    assert caplog.text.count("the WebSub hub was not told what is new: it answers 503") == 1
    hub.status, hub.told = 202, []
    wire.turn()
    assert len(hub.told) == 3


def test_S6_an_external_hub_inside_the_network_is_not_told(
    wire: Wire, origin: Origin, caplog: pytest.LogCaptureFixture
) -> None:
    hub = ExternalHub(wire, origin)
    wire.declare({"a": origin.put("/a", document())}, site={"title": "Wire", "url": SITE, "hub": hub.url})
    wire.turn()
    assert hub.told == []
    assert "allow_private" in caplog.text


def test_R45_a_daemon_tells_what_is_published_together_once(
    wire: Wire, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = ExternalHub(wire, origin)
    hub.status = 500
    monkeypatch.setattr(background_sender, "DEBOUNCE_SECONDS", 0.0)
    monkeypatch.setattr(background_sender, "RETRY_SECONDS", (0.0,))
    declare(wire, origin, hub=hub.url)
    with wire.app() as app:
        app.turn()
        until(lambda: len(hub.told) > 3)  # it is tried again
        hub.status = 202
        until(lambda: app.store.unannounced() == (0, frozenset()))


# ── which documents name the hub ──────────────────────────────────────────────────────────────────────────────────────

SERVER = {"listen": "127.0.0.1:8080"}
NAMED: dict[str, tuple[dict[str, object], bool]] = {
    "a static host": ({"site": {"title": "A", "url": SITE}}, False),
    "the built-in server": ({"site": {"title": "A", "url": SITE}, "server": SERVER}, True),
    "this machine": ({"site": {"title": "A", "url": "http://localhost:8080/"}}, True),
    "own": ({"site": {"title": "A", "url": SITE, "hub": "own"}}, True),
    "none": ({"site": {"title": "A", "url": SITE, "hub": "none"}, "server": SERVER}, False),
}


@pytest.mark.parametrize(("tree", "is_named"), NAMED.values(), ids=NAMED)
def test_R44_documents_name_the_hub_where_the_configuration_shows_that_there_is_one(
    wire: Wire, origin: Origin, tree: dict[str, object], is_named: bool
) -> None:
    wire.declare({"a": origin.put("/a", document())}, **tree)
    wire.turn()
    for suffix in ("rss", "atom", "json"):
        assert (b"/hub" in (wire.public / f"all.{suffix}").read_bytes()) == is_named


def test_R44_a_hub_that_is_no_address_is_refused(wire: Wire) -> None:
    wire.declare({}, site={"title": "A", "url": SITE, "hub": "owm"})
    with pytest.raises(ConfigError, match="expected http:// or https://"):
        wire.app()


# ── two installations: what one publishes, the other has ──────────────────────────────────────────────────────────────


class Daemon:
    """A daemon of an installation, at an address of its own."""

    def __init__(self, wire: Wire, sources: Mapping[str, object]) -> None:
        self.wire = wire
        with socket.create_server(("127.0.0.1", 0)) as server:
            listen = f"127.0.0.1:{server.getsockname()[1]}"
        self.url = f"http://{listen}/"
        networks = {"allow_private": ["127.0.0.0/8"]}
        site = {"title": "Wire", "url": self.url}
        self.wire.declare(sources, site=site, server={"listen": listen, **networks})

    @contextmanager
    def run(self) -> Iterator[None]:
        """Run it, as soon as it serves its feed."""
        with (self.wire.home / "log").open("w") as log:
            process = forked.start(["-v", "daemon"], self.wire.home, self.wire.env(), log)
        try:
            until(self.is_served)
            yield
        finally:
            process.terminate()
            process.wait(300)

    def is_served(self) -> bool:
        """Return whether the server answers with the feed."""
        with suppress(URLError), urlopen(f"{self.url}all.json"):
            return True
        return False

    def write(self, name: str, title: str) -> None:
        """Save a story of its own."""
        folder = self.wire.config.parent / "stories"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.md").write_text(f"# {title}\n\nA text.\n", encoding="utf-8")

    def titles(self) -> set[object]:
        """The titles in its feed."""
        return {item["title"] for item in self.wire.items()}


@pytest.mark.both_stores
def test_R47_to_R52_what_one_daemon_publishes_is_in_the_feed_of_another(wire: Wire, tmp_path: Path) -> None:
    """The second one visits the first once an hour: only a push can bring the story."""
    with new_wire(tmp_path / "other") as other:
        first = Daemon(other, {"desk": {"files": "stories/*.md"}})
        second = Daemon(wire, {"first": f"{first.url}all.atom"})
        first.write("one", "One")
        with first.run(), second.run():
            until(lambda: second.titles() == {"One"})
            states = "SELECT state FROM source_subscriptions"
            until(lambda: wire.ask(states, wire.server_database) == [("active",)])
            first.write("two", "Two")
            until(lambda: second.titles() == {"One", "Two"})
            until(lambda: wire.ask("SELECT pushed_until FROM visits WHERE pushed_until IS NOT NULL"))
            until(lambda: wire.ask("SELECT count(*) FROM source_pushes", wire.server_database) == [(0,)])
        assert "Traceback" not in (other.home / "log").read_text() + (wire.home / "log").read_text()
