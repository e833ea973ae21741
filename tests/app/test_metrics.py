"""The metrics and the details of health: issue point 5, F25, S17."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

import pytest
from admin_site import serve_admin
from origin import RESET, Document, Origin, raw, reply
from prometheus_client.parser import text_string_to_metric_families
from serve.loopback import create_test_app, run_server
from wire import Wire, document, rss

from feeds.app.health import ProcessState, write_state
from feeds.app.metrics import DeliveryCounts
from feeds.app.operations import OperationIO, RunRequest, perform_operation
from feeds.model import replace
from feeds.serve import Traffic
from feeds.serve.feed_readers import MAX_SERVICES, READER_SECONDS, SERVICE_SECONDS, FeedReaders, read_subscribers

Metrics = Mapping[str, Mapping[tuple[str, ...], float]]


def parse(body: bytes) -> Metrics:
    """Name of each sample → values of its labels, in the order of their names → value."""
    metrics: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(body.decode()):
        assert family.documentation, family.name
        for sample in family.samples:
            labels = tuple(value for _, value in sorted(sample.labels.items()))
            assert labels not in metrics.setdefault(sample.name, {}), sample
            metrics[sample.name][labels] = sample.value
    return metrics


def test_the_metrics_say_what_turns_and_feeds_did(wire: Wire, origin: Origin) -> None:
    wire.declare(
        {
            "good": origin.put("/good", Document(rss(("1", "One"), ("2", "Two")), etag='"1"')),
            "bad": origin.put("/bad", raw(reply(b"", 500))),
            "off": {"feed": origin.put("/off", document()), "enabled": False},
        },
        {"all": {}, "none": {"steps": [{"keep": {"title": "nothing"}}]}},
    )
    with wire.app() as app:
        perform_operation(app, RunRequest(), OperationIO())
        perform_operation(app, RunRequest(("good",)), OperationIO())
        origin.put("/good", Document(rss(("1", "One"), ("2", "Two, edited"), ("3", "Three"))))
        perform_operation(app, RunRequest(("good",)), OperationIO())
        assert app.retract("https://a.example/1")
    with serve_admin(wire) as site:
        answer = site.server.request("/metrics")
    assert answer["content-type"].startswith("text/plain; version=0.0.4")
    metrics = parse(answer.body)
    assert metrics["feeds_healthy"] == {(): 1}
    assert metrics["feeds_visits_total"] == {("harvest",): 2, ("not_modified",): 1, ("failure",): 1}
    assert metrics["feeds_visit_failures_total"] == {("status",): 1}
    assert metrics["feeds_articles_in_total"] == {("new",): 3, ("changed",): 1, ("removed",): 0}
    sources = {condition: number for (condition, _), number in metrics["feeds_sources"].items() if number}
    assert sources == {"fine": 1, "never_worked": 1, "disabled": 1}
    assert metrics["feeds_feeds"] == {(): 2}
    assert metrics["feeds_feed_bytes"].keys() == {("all",), ("none",)}
    assert metrics["feeds_feed_articles"] == {("all",): 3, ("none",): 0}
    assert metrics["feeds_feed_dropped"] == {("none", "keep"): 3}
    assert metrics["feeds_events_total"][()] == 4
    assert metrics["feeds_visit_bytes_total"][()] > 1000
    assert "process_resident_memory_bytes" in metrics


def test_counts_go_on_over_processes(wire: Wire, origin: Origin) -> None:
    wire.declare({"a": origin.put("/a", document())})
    for _ in range(3):
        assert wire.command("run", "--all", "-q").returncode == 0
    with serve_admin(wire) as site:
        metrics = parse(site.server.request("/metrics").body)
    assert sum(metrics["feeds_visits_total"].values()) == 3
    assert metrics["feeds_turn_timestamp_seconds"][()] > 1.7e9


def test_F25_a_refused_configuration_and_what_waits_are_told(wire: Wire, origin: Origin) -> None:
    wire.declare({"a": origin.put("/a", document())})
    wire.turn()
    state = ProcessState(wire.now, is_daemon=True, turn_error="the disk is full", reload_error="line 3 is wrong")
    write_state(wire.home / "data", state)
    with serve_admin(wire) as site:
        metrics = parse(site.server.request("/metrics").body)
        answer = site.server.request("/health")
    assert metrics["feeds_config_last_reload_successful"] == {(): 0}
    assert (metrics["feeds_turn_successful"], metrics["feeds_healthy"]) == ({(): 0}, {(): 0})
    details = json.loads(answer.body)
    assert (answer.status, answer["content-type"], details["status"]) == (503, "application/json", "degraded")
    assert details["problems"] == ["the last turn failed: the disk is full"]
    assert details["turns"]["reload_error"] == "line 3 is wrong"


def test_there_are_metrics_before_the_first_turn(wire: Wire) -> None:
    wire.declare({"a": "https://a.example/feed"})
    with serve_admin(wire) as site:
        metrics = parse(site.server.request("/metrics").body)
        assert json.loads(site.server.request("/health").body)["turns"]["last"] is None
    assert metrics["feeds_articles"] == {(): 0}
    assert metrics["feeds_sources"]["unvisited", "new"] == 1


def test_F8_a_store_that_cannot_be_read_is_told_and_stops_nothing(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    wire.declare({})
    (wire.home / "data").mkdir()
    (wire.home / "data" / "feeds.db").write_bytes(b"no database" * 1000)
    with serve_admin(wire) as site:
        assert parse(site.server.request("/metrics").body)["feeds_healthy"] == {(): 0}
        details = json.loads(site.server.request("/health").body)
        assert details["status"] == "degraded" and "feeds.db" in details["problems"][0]
        page = site.server.request("/")
    assert page.status == 503 and b"feeds.db" in page.body
    assert "Traceback" not in caplog.text


def test_deliveries_are_told_by_each_way_of_delivering(wire: Wire) -> None:
    wire.declare({})
    wire.turn()
    push = DeliveryCounts("web_push", 7, 2, {"accepted": 5, "gone": 1}, {"all": 4, "unknown": 9})
    counts = [push, DeliveryCounts("hub", 3, 0, {})]
    with serve_admin(wire, parts=lambda parts: replace(parts, deliveries=lambda: counts)) as site:
        metrics = parse(site.server.request("/metrics").body)
        assert "4 to notifications" in site.server.request("/feeds/all").body.decode()
    assert metrics["feeds_delivery_subscribers"] == {("web_push",): 7, ("hub",): 3}
    assert metrics["feeds_feed_subscribers"] == {("all", "web_push"): 4}
    assert metrics["feeds_delivery_queue"] == {("web_push",): 2, ("hub",): 0}
    assert metrics["feeds_deliveries_total"] == {("web_push", "accepted"): 5, ("web_push", "gone"): 1}


SECRETS = {
    "KEY": "k3y-Of-The-Wire",
    "HOST": "internal-7.corp.example",
    "PASSWORD": "pass w0rd/&<x>",
    "ADMIN": "adm1n-t0ken-0123456789",
}


def declare_secrets(wire: Wire, origin: Origin) -> None:
    """A configuration full of secrets, which its sources repeat."""
    key, password = SECRETS["KEY"], SECRETS["PASSWORD"]
    story = (f"https://a.example/?key={key}", f"About {password}")
    wire.declare(
        {
            "path": origin.put(f"/{key}/feed", Document(rss(story, title=key))).replace(key, "${KEY}"),
            "gone": {"feed": origin.put("/gone", raw(reply(key.encode(), 410))), "headers": {"X-Key": "${KEY}"}},
            "dropped": {"feed": origin.put("/dropped", raw(RESET)), "auth": {"basic": ["me", "${PASSWORD}"]}},
            "nowhere": "https://${HOST}/feed?token=${KEY}",
            "proxied": {"feed": "https://b.example/", "proxy": "http://me:${KEY}@127.0.0.1:9"},
            "private": {"feed": origin.put("/hidden-address", document()), "private": True},
        },
        server={"admin": "127.0.0.1:0", "admin_token": "${ADMIN}"},
    )


def find_told_secrets(body: bytes) -> list[str]:
    secrets = [*SECRETS.values(), "pass%20w0rd", "pass w0rd/&amp;", "hidden-address"]
    return [secret for secret in secrets if secret.lower().encode() in body.lower()]


def test_S21_metrics_and_health_hold_no_secret(wire: Wire, origin: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
    declare_secrets(wire, origin)
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    turn = wire.turn()
    assert turn.failures == 4, turn
    state = ProcessState(wire.now, True, f"turn {SECRETS['KEY']}", "", f"reload {SECRETS['ADMIN']}")
    write_state(wire.home / "data", state)
    with serve_admin(wire, os.environ) as site:
        login = f"Bearer {SECRETS['ADMIN']}"
        for path in ("/metrics", "/health"):
            body = site.server.request(path, authorization=login).body
            assert len(body) > 200 and find_told_secrets(body) == []


# ── who reads the feeds ─────────────────────────────────────────────────────────────────────────────────────────────

USER_AGENTS = [
    ("Feedly/1.0 (+http://www.feedly.com/fetcher.html; 16 subscribers; like FeedFetcher-Google)", 16),
    ("NewsBlur Feed Fetcher - 1 subscriber - https://www.newsblur.com/site/1/wire", 1),
    ("Inoreader/1.0 (+http://www.inoreader.com/feed-fetcher; 2 subscribers; )", 2),
    ("Mozilla/5.0 (compatible; theoldreader.com; 12 subscribers; feed-id=a1b2c3)", 12),
    ("Feedbin feed-id:1373711 - 142 subscribers", 142),
    ("BazQux/2.4 (+https://bazqux.com/fetcher; 1 subscribers)", 1),
    ("SomeBot/0.99; robot; 33 readers", 33),
    ("Another/2 (subscribers=7)", 7),
    ("Forger/1.0 (999999999 subscribers)", 100_000_000),
    ("Forger/1.0 (99999999999999999999 subscribers)", None),
    ("Version/1.5 subscribers", None),
    ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", None),
    ("FreshRSS/1.27 (Linux; https://freshrss.org)", None),
    ("x" * 600 + " 5 subscribers", None),
    ("", None),
]


@pytest.mark.parametrize(("user_agent", "subscribers"), USER_AGENTS)
def test_services_say_for_how_many_they_read(user_agent: str, subscribers: int | None) -> None:
    assert read_subscribers(user_agent) == subscribers


def test_readers_are_counted_once_and_forgotten() -> None:
    readers = FeedReaders()
    for day in range(2):
        for address in ("203.0.113.1", "203.0.113.2", "203.0.113.1"):
            readers.note("/all.rss", "all", address, "Reader/1.0", day * 3600.0)
        readers.note("/all.rss", "all", "192.0.2.1", f"Service/1.{day} (5 subscribers; feed-id={day})", day * 3600.0)
        readers.note("/all.atom", "all", "192.0.2.1", "Service/1.0 (2 subscribers)", day * 3600.0)
    assert readers.count_subscribers(3600.0) == {("all", "service"): 7, ("all", "reader"): 2}
    readers.note("/all.rss", "all", "203.0.113.3", "Reader/1.0", READER_SECONDS + 1)
    assert readers.count_subscribers(READER_SECONDS + 1)["all", "reader"] == 3
    readers.note("/all.rss", "all", "203.0.113.3", "Reader/1.0", 2 * READER_SECONDS + 2)
    assert readers.count_subscribers(2 * READER_SECONDS + 2)["all", "reader"] == 1
    assert ("all", "service") not in readers.count_subscribers(3600.0 + SERVICE_SECONDS)


def test_what_is_remembered_of_readers_is_bounded() -> None:
    readers = FeedReaders()
    for number in range(MAX_SERVICES + 10):
        readers.note(f"/{number}.rss", str(number), "192.0.2.1", "Service/1.0 (1 subscriber)", 1.0)
    assert len(readers.count_subscribers(1.0)) == MAX_SERVICES


def test_the_server_counts_what_it_sends_and_who_reads(wire: Wire) -> None:
    wire.public.mkdir()
    (wire.public / "all.rss").write_bytes(rss())
    (wire.public / "all.html").write_bytes(b"<p>")
    traffic = Traffic()
    with run_server(traffic.count(create_test_app(wire.public)), wire.public) as server:
        service = "Feedly/1.0 (+http://www.feedly.com/fetcher.html; 16 subscribers)"
        answer = server.request("/all.rss", user_agent=service)
        assert server.request("/all.rss", user_agent=service, if_none_match=answer["etag"]).status == 304
        server.request("/all.rss", user_agent="Reader/1.0")
        server.request("/all.rss", sec_fetch_mode="navigate", sec_fetch_dest="document", user_agent="Browser")
        server.request("/none.rss", user_agent="Scanner (9 subscribers)")
        server.request("/feeds.opml")
    assert traffic.requests == {("feed", 200): 3, ("feed", 304): 1, ("feed", 404): 2}
    assert traffic.count_subscribers() == {("all", "service"): 16, ("all", "reader"): 1}
    assert traffic.bytes >= 2 * len(rss())
