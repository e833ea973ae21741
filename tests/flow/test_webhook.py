"""`on_publish`: a service is told which files changed, at least once and in numbered deliveries, whatever happens."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest
from admin_site import serve_admin
from disturbing import killer_of
from origin import HANG, KEEP, Origin, Piece, Request, reply
from wire import Wire, document, until

from feeds.app import background_sender
from feeds.config import load
from feeds.push.webhook import sign

SITE = "https://wire.example.org/"
SECRET = "a-secret-nobody-may-see"


class Receiver:
    """The service: `bodies` are what it was told, `status` what it answers; without one it hangs up."""

    def __init__(self, origin: Origin) -> None:
        self.requests: list[Request] = []
        self.status: int | None = 204
        self.url = origin.put("/hook/with-a-token", self._answer)

    @property
    def bodies(self) -> list[dict[str, object]]:
        return [json.loads(request.body) for request in self.requests]

    @property
    def numbers(self) -> list[object]:
        return [body["number"] for body in self.bodies]

    def known(self) -> set[str]:
        """The paths that one who drops doubles has been told last to be there."""
        known, numbers = set[str](), set[object]()
        for body in self.bodies:
            if body["number"] not in numbers:
                numbers.add(body["number"])
                known = (known | {*_texts(body["changed"])}) - {*_texts(body["removed"])}
        return known

    def _answer(self, request: Request) -> Iterable[Piece]:
        self.requests.append(request)
        return [reply(status=self.status), KEEP] if self.status else [HANG]


def _texts(value: object) -> Iterable[str]:
    assert isinstance(value, list)
    return map(str, value)


@pytest.fixture
def receiver(origin: Origin) -> Receiver:
    return Receiver(origin)


def declare(wire: Wire, origin: Origin, hook: object, feeds: dict[str, object] | None = None, **top: object) -> None:
    server = {"allow_private": ["127.0.0.0/8"]}
    wire.declare({"a": origin.put("/a", document())}, feeds, on_publish=hook, **({"server": server} | top))


def change(wire: Wire, origin: Origin, *items: tuple[str, str]) -> None:
    origin.put("/a", document(*items))
    wire.now += timedelta(hours=2)


def test_what_is_published_is_told_with_its_addresses(wire: Wire, origin: Origin, receiver: Receiver) -> None:
    declare(wire, origin, {"url": receiver.url, "secret": SECRET, "headers": {"X-Key": "value"}})
    wire.turn()
    (body,) = receiver.bodies
    assert set(_texts(body["changed"])) == wire.files().keys()
    assert (body["number"], body["removed"], body["site"]) == (1, [], SITE)
    assert {SITE, f"{SITE}all.rss", f"{SITE}index.html"} <= {*_texts(body["urls"])}
    (request,) = receiver.requests
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert (request.method, headers["content-type"], headers["x-key"]) == ("POST", "application/json", "value")
    assert headers["x-hub-signature-256"] == sign(request.body, SECRET)
    assert headers["x-feeds-delivery"] == "1"


def test_only_what_changed_is_told_after_that(wire: Wire, origin: Origin, receiver: Receiver) -> None:
    declare(wire, origin, receiver.url)
    wire.turn()
    before = wire.files()
    wire.turn()
    assert len(receiver.requests) == 1
    change(wire, origin, ("9", "Nine"))
    wire.turn()
    after = wire.files()
    _, body = receiver.bodies
    assert set(_texts(body["changed"])) == {path for path in after if before.get(path) != after[path]}
    assert "all.rss" in _texts(body["changed"])
    assert "x-hub-signature-256" not in {name.lower() for name in receiver.requests[0].headers}


def test_what_is_gone_is_told(wire: Wire, origin: Origin, receiver: Receiver) -> None:
    declare(wire, origin, receiver.url, {"all": {}, "other": {}})
    wire.turn()
    declare(wire, origin, receiver.url, {"all": {}})
    wire.turn()
    removed = receiver.bodies[-1]["removed"]
    assert removed == ["other.atom", "other.html", "other.json", "other.rss"]
    assert receiver.known() == wire.files().keys()


def test_what_was_not_taken_is_told_again_with_its_number(wire: Wire, origin: Origin, receiver: Receiver) -> None:
    declare(wire, origin, receiver.url)
    receiver.status = 503
    wire.turn()
    change(wire, origin, ("9", "Nine"))
    receiver.status = 204
    wire.turn()
    assert receiver.numbers == [1, 1, 2]
    assert receiver.requests[0].body == receiver.requests[1].body
    assert receiver.known() == wire.files().keys()


def test_a_failing_one_is_left_alone_for_a_while_and_shown(wire: Wire, origin: Origin, receiver: Receiver) -> None:
    declare(wire, origin, {"url": receiver.url, "secret": SECRET})
    receiver.status = 500
    assert "was not told what is new: it answers 500" in wire.command("run").stderr
    again = wire.command("run")
    assert (again.returncode, again.stderr, len(receiver.requests)) == (0, "", 1)
    status = wire.command("status")
    assert "the webhook of `on_publish` has not been told what is new since" in status.stdout
    assert "it answers 500" in status.stdout
    (problem,) = (text for text in json.loads(wire.command("status", "--json").stdout)["problems"] if "webhook" in text)
    assert "it answers 500" in problem
    shown = status.stdout + again.stdout + problem
    assert SECRET not in shown and "with-a-token" not in shown


@pytest.mark.both_stores
def test_a_failing_one_is_shown_to_the_operator_without_its_secrets(
    wire: Wire, origin: Origin, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On each page, in the details of health, and by metrics; what does not depend on it is healthy all the same."""
    env = {"HOOK": receiver.url.rpartition("/")[2]}
    hook = {"url": receiver.url.replace(env["HOOK"], "${HOOK}"), "secret": SECRET}
    declare(wire, origin, hook)
    monkeypatch.setenv("HOOK", env["HOOK"])
    receiver.status = 500
    wire.turn()
    wire.now += timedelta(minutes=1)
    with serve_admin(wire, env) as site:
        page, health, metrics = (site.server.request(path).body.decode() for path in ("/", "/health", "/metrics"))
    assert "the webhook of `on_publish` has not been told what is new since" in page
    assert "Degraded" not in page
    details = json.loads(health)
    assert details["status"] == "ok"
    assert details["webhook"]["failures"] >= 1 and details["webhook"]["error"] == "it answers 500"
    assert details["webhook"]["failing_since"] and details["webhook"]["next_attempt"]
    assert "feeds_webhook_lag_seconds 60.0" in metrics
    assert all(env["HOOK"] not in shown and SECRET not in shown for shown in (page, health, metrics))


def test_once_it_works_again_nothing_is_shown(wire: Wire, origin: Origin, receiver: Receiver) -> None:
    declare(wire, origin, receiver.url)
    receiver.status = 500
    wire.turn()
    receiver.status = 204
    wire.now += timedelta(hours=1)
    wire.turn()
    assert "webhook" not in wire.command("status").stdout
    with serve_admin(wire) as site:
        assert json.loads(site.server.request("/health").body)["webhook"]["failing_since"] is None
        assert b"feeds_webhook_lag_seconds 0.0" in site.server.request("/metrics").body
        assert b"webhook" not in site.server.request("/").body
    with wire.app() as app:
        assert app.store.webhook().failures == 0


def test_a_daemon_tries_again_by_itself(
    wire: Wire, origin: Origin, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background_sender, "DEBOUNCE_SECONDS", 0.0)
    monkeypatch.setattr(background_sender, "RETRY_SECONDS", (0.0,))
    monkeypatch.setattr("feeds.app.webhook_notifier.RETRY_SECONDS", (0.0,))
    receiver.status = 500
    declare(wire, origin, receiver.url)
    with wire.app() as app:
        app.turn()
        until(lambda: len(receiver.requests) > 3)
        receiver.status = 204
        until(lambda: app.store.webhook().pending is None and app.store.webhook().told)
    assert receiver.known() == wire.files().keys()


PLACES = [
    ("feeds.store:SqlStore.issued", True),
    ("feeds.app.webhook_notifier:deliver", False),
    ("feeds.app.webhook_notifier:deliver", True),
    ("feeds.store:SqlStore.set_webhook", False),
    ("feeds.store:SqlStore.set_webhook", True),
]


def test_F1_whenever_the_program_is_killed_nothing_is_missed(wire: Wire, origin: Origin, receiver: Receiver) -> None:
    """A double has the number of the first."""
    declare(wire, origin, receiver.url)
    wire.turn()
    kill_at, items = killer_of(wire), []
    for number, (place, is_after) in enumerate(PLACES):
        items.append((str(number), f"Story {number}"))
        change(wire, origin, *items)
        before = wire.files()
        assert kill_at(place, is_after, 1), place
        wire.turn()
        after, told = wire.files(), {*_texts(receiver.bodies[-1]["changed"])}
        told |= {*_texts(receiver.bodies[-2]["changed"])}
        assert {path for path in after if before.get(path) != after[path]} <= told, place
    bodies = dict(zip(receiver.numbers, receiver.requests, strict=True))
    assert all(bodies[n].body == request.body for n, request in zip(receiver.numbers, receiver.requests, strict=True))
    assert receiver.numbers == sorted(receiver.numbers, key=str)


def test_F40_after_a_restored_backup_everything_is_told_with_a_new_number(
    wire: Wire, origin: Origin, receiver: Receiver, tmp_path: Path
) -> None:
    declare(wire, origin, receiver.url)
    wire.turn()
    wire.command("backup", str(tmp_path / "backup"))
    change(wire, origin, ("9", "Nine"))
    wire.turn()
    assert wire.command("restore", str(tmp_path / "backup")).returncode == 0
    wire.turn()
    assert receiver.numbers[:2] == [1, 2]
    assert all(isinstance(number, int) and number > 2 for number in receiver.numbers[2:])
    told = {path for body in receiver.bodies[2:] for path in _texts(body["changed"])}
    assert told == wire.files().keys()


def test_S6_a_webhook_inside_the_network_is_not_told(
    wire: Wire, origin: Origin, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    declare(wire, origin, receiver.url, server={})
    wire.turn()
    assert receiver.requests == []
    assert "allow_private" in caplog.text and "with-a-token" not in caplog.text


def test_nothing_of_a_private_source_but_paths_is_told(wire: Wire, origin: Origin, receiver: Receiver) -> None:
    source = {"feed": origin.put("/private-address", document(("1", "A private story"))), "private": True}
    server = {"allow_private": ["127.0.0.0/8"]}
    wire.declare({"a": source}, {"all": {"sources": ["a"]}}, on_publish=receiver.url, server=server)
    wire.turn()
    (request,) = receiver.requests
    assert b"private" not in request.body and b"all.rss" in request.body


def test_without_the_key_nothing_is_kept(wire: Wire, origin: Origin) -> None:
    wire.declare({"a": origin.put("/a", document())})
    wire.turn()
    with wire.app() as app:
        assert app.store.webhook().number == 0


def test_S24_values_from_outside_are_masked(wire: Wire, origin: Origin, receiver: Receiver) -> None:
    hook = {"url": "${HOOK}", "secret": "${KEY}", "headers": {"Authorization": "Bearer ${TOKEN}"}}
    declare(wire, origin, hook)
    env = {"HOOK": receiver.url, "KEY": SECRET, "TOKEN": "a-long-token"}
    config = load(wire.config, env)
    assert {SECRET, "a-long-token"} <= config.secrets
    assert {SECRET, "a-long-token"} <= config.searched_secrets
    assert config.on_publish and SECRET not in repr(config.on_publish)
