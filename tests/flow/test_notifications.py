"""A story is published, and a browser with the page closed is notified: beside a daemon as beside cron."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator

import pytest
from notifying import NotifyingSite, end
from origin import Origin
from proxy import DATA
from push_service import Browser, PushService, decode, verify
from wire import Wire, until

NAMES = ("https://push.example/a", "http://127.0.0.1/a", "https://127.0.0.1/a", "https://localhost:9200/a")


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[PushService]:
    monkeypatch.setenv("SSL_CERT_FILE", str(DATA / "ca.pem"))
    service = PushService()
    yield service
    service.close()


@pytest.fixture
def site(wire: Wire, origin: Origin, service: PushService) -> NotifyingSite:
    return NotifyingSite(wire, origin, service)


@pytest.mark.parametrize("command", ["daemon", "serve"])
def test_R64_R67_S5_a_story_is_told_beside_a_daemon_and_beside_cron(
    command: str, site: NotifyingSite, service: PushService
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


def test_R68_a_killed_server_misses_nothing_and_doubles_nothing(site: NotifyingSite, service: PushService) -> None:
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
