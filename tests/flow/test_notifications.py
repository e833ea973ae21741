"""A story is published, and a browser with the page closed is notified: beside a daemon as beside cron."""

from __future__ import annotations

import json
import signal
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.error import URLError

import pytest
from forked import ForkedCommand
from origin import Document, Origin
from proxy import DATA
from push_service import Browser, PushService, decode, verify
from wire import Wire, rss, until

NAMES = ("https://push.example/a", "http://127.0.0.1/a", "https://127.0.0.1/a", "https://localhost:9200/a")


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[PushService]:
    monkeypatch.setenv("SSL_CERT_FILE", str(DATA / "ca.pem"))
    service = PushService()
    yield service
    service.close()


class Site:
    """An installation whose server is reached at one port, and whose turns are made by its daemon or by cron."""

    def __init__(self, wire: Wire, origin: Origin, service: PushService) -> None:
        self.wire = wire
        self.origin = origin
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.items = [("urn:x:0", "Story 0")]
        networks = f"127.0.0.1:{service.origin.port()}"
        wire.declare({"a": self._document()}, server={"allow_private": [networks]})

    def start(self, command: str) -> ForkedCommand:
        process = self.wire.fork(command, "--listen", f"127.0.0.1:{self.port}")
        until(lambda: self.read("/health"))
        return process

    def publish(self, *titles: str) -> None:
        self.items = [*((f"urn:x:{title}", title) for title in titles), *self.items]
        self._document()
        assert self.wire.command("run", "--all").returncode == 0

    def read(self, path: str) -> bytes:
        with suppress(URLError), urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}") as response:
            return bytes(response.read())
        return b""

    def subscribe(self, browser: Browser, feed: str) -> bool:
        body = json.dumps({"subscription": browser.form, "feed": feed}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/push/subscribe", body, headers)
        with suppress(URLError), urllib.request.urlopen(request) as response:
            return feed in json.load(response)["feeds"]
        return False

    def _document(self) -> str:
        return self.origin.put(
            "/feed", Document(rss(*self.items, when=format_datetime(datetime.now(UTC), usegmt=True)))
        )


@pytest.fixture
def site(wire: Wire, origin: Origin, service: PushService) -> Site:
    return Site(wire, origin, service)


def end(process: ForkedCommand) -> None:
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors


@pytest.mark.parametrize("command", ["daemon", "serve"])
def test_R64_R67_S5_a_story_is_told_beside_a_daemon_and_beside_cron(
    command: str, site: Site, service: PushService
) -> None:
    assert site.wire.command("run").returncode == 0
    process = site.start(command)
    try:
        key = json.loads(site.read("/push/key"))["key"]
        assert len(decode(key)) == 65
        browsers = {feed: service.subscribe() for feed in ("", "all")}
        assert all(site.subscribe(browser, feed) for feed, browser in browsers.items())
        assert not any(site.subscribe(Browser(endpoint), "all") for endpoint in NAMES)
        site.publish("Harbour opens", "Rain")
        until(lambda: all(browser.requests for browser in browsers.values()))
        for feed, browser in browsers.items():
            (message,) = browser.messages
            assert (message["feed"], message["count"], message["many"]) == (feed, 2, "{count} new stories")
            assert {story["title"] for story in message["stories"]} == {"Harbour opens", "Rain"}
            claims, used = verify(browser.requests[0].headers["authorization"])
            assert (claims["aud"], claims["sub"]) == (service.origin.url(""), "https://wire.example.org")
            assert used == key
    finally:
        end(process)


def test_R68_a_killed_server_misses_nothing_and_doubles_nothing(site: Site, service: PushService) -> None:
    assert site.wire.command("run").returncode == 0
    process = site.start("serve")
    browser = service.subscribe()
    assert site.subscribe(browser, "all")
    key = site.read("/push/key")
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=300)
    site.publish("While it was away")
    process = site.start("serve")
    try:
        until(lambda: browser.headlines == [["While it was away"]])
        assert site.read("/push/key") == key
    finally:
        end(process)
    process = site.start("serve")
    try:
        later = service.subscribe()
        assert site.subscribe(later, "")
        site.publish("Later")
        until(lambda: later.headlines == [["Later"]])
        assert browser.headlines[0] == ["While it was away"]
        assert not any("While it was away" in titles for titles in browser.headlines[1:])
    finally:
        end(process)
