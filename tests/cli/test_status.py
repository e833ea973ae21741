"""`feeds status`: the sentence and the facts of each source."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from command import CommandResult, RunCommand
from origin import HANG, KEEP, Document, Origin, raw, reply
from wire import Wire, document, rss

from feeds.app.health import ProcessState, write_state
from feeds.app.source_sentence import CONDITIONS, SourceReport, compose_sentence, find_condition
from feeds.app.status_report import StatusReport
from feeds.cli.status import _make_overview
from feeds.config import load
from feeds.errors import FailureKind
from feeds.model import Failure, InstallationStatus, Kind, Move, Source, SourceStatus, replace

DATA = Path(__file__).parent.parent / "data" / "cli"


NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SOURCE = Source("metro", Kind.FEED, "https://metro.example/feed")
FINE = SourceStatus(
    "metro",
    SOURCE.address,
    NOW + timedelta(minutes=40),
    articles=12,
    last_at=NOW - timedelta(minutes=20),
    worked_at=NOW - timedelta(minutes=20),
    newest=NOW - timedelta(hours=5),
)
BROKEN = replace(
    FINE,
    failures=3,
    failing_since=NOW - timedelta(hours=3),
    worked_at=NOW - timedelta(hours=4),
    failure=Failure("fetch", "metro.example accepts no connections. The next visit tries again.", "connection"),
)

# condition → (source, state, sentence); every row of the table has one, and the sentence is all that people read.
REPORTS: Mapping[str, tuple[Source, SourceStatus | None, str]] = {
    "disabled": (replace(SOURCE, enabled=False), FINE, "disabled by `enabled: false`; its articles stay"),
    "unvisited": (SOURCE, None, "not visited yet; due now"),
    "interrupted": (
        SOURCE,
        SourceStatus("metro", SOURCE.address, NOW + timedelta(hours=1), 0),
        "its first visit is in progress or was interrupted; nothing is lost; next visit in 1 h",
    ),
    "quarantined": (
        SOURCE,
        replace(BROKEN, failures=1, failure=Failure("parse", "All 60 stories are new.", FailureKind.QUARANTINE)),
        "quarantined at its last visit: All 60 stories are new; `feeds run metro` accepts the listing as it is;"
        " 12 articles, newest 5 h ago; next visit in 40 min",
    ),
    "gone": (
        SOURCE,
        replace(BROKEN, failure=Failure("fetch", "metro.example says it is gone.", "status", 410)),
        "gone for 3 h (3 visits): metro.example says it is gone; 12 articles, newest 5 h ago; next visit in 40 min",
    ),
    "never_worked": (
        SOURCE,
        replace(BROKEN, worked_at=None, articles=0, newest=None),
        "never worked, failing for 3 h (3 visits): metro.example accepts no connections."
        " The next visit tries again; next visit in 40 min",
    ),
    "failing": (
        SOURCE,
        BROKEN,
        "failing for 3 h (3 visits), last success 4 h ago: metro.example accepts no connections."
        " The next visit tries again; next visit in 40 min",
    ),
    "empty": (SOURCE, replace(FINE, articles=0, newest=None), "works, but has no articles; next visit in 40 min"),
    "suspicious": (
        SOURCE,
        replace(FINE, warnings=("It lists 1 where there were 30 stories.",)),
        "12 articles, newest 5 h ago; It lists 1 where there were 30 stories; next visit in 40 min",
    ),
    "quiet": (
        SOURCE,
        replace(FINE, newest=NOW - timedelta(days=200)),
        "works, but no new article for 6 months; 12 articles, newest 6 months ago; next visit in 40 min",
    ),
    "fine": (SOURCE, FINE, "12 articles, newest 5 h ago; next visit in 40 min"),
}


@pytest.mark.parametrize("name", [one.name for one in CONDITIONS])
def test_E10_F31_F32_every_condition_has_its_sentence(name: str) -> None:
    source, state, expected = REPORTS[name]
    report = SourceReport(source, state, NOW)
    assert find_condition(report).name == name
    assert compose_sentence(report) == expected


def test_E10_a_permanent_move_is_proposed_and_never_of_a_private_source() -> None:
    move = Move("https://new.example/feed", NOW - timedelta(hours=9), 2)
    moving, moved = replace(FINE, move=move), replace(FINE, url="https://new.example/feed")
    assert "permanently to https://new.example/feed (2 visits since 9 h ago)" in compose_sentence(
        SourceReport(SOURCE, moving, NOW)
    )
    assert "change its address in the YAML to https://new.example/feed" in compose_sentence(
        SourceReport(SOURCE, moved, NOW)
    )
    for state in (moving, moved):
        assert "new.example" not in compose_sentence(SourceReport(replace(SOURCE, private=True), state, NOW))


def test_F35_a_source_that_its_hub_pushes_says_why_the_next_visit_is_far() -> None:
    pushed = replace(FINE, pushed_until=NOW + timedelta(days=9), due_at=NOW + timedelta(hours=12))
    sentence = compose_sentence(SourceReport(SOURCE, pushed, NOW))
    assert sentence == "12 articles, newest 5 h ago; pushed by its hub; next visit in 12 h"
    ended = replace(FINE, pushed_until=NOW)
    assert "hub" not in compose_sentence(SourceReport(SOURCE, ended, NOW))


def test_L8_a_large_store_that_nothing_bounds_is_told(wire: Wire) -> None:
    for retain, is_told in (("forever", True), ("90d", False)):
        wire.declare({}, retain=retain)
        status = InstallationStatus(created=NOW)
        report = StatusReport(load(wire.config, {}), NOW, status, {}, {}, store_size=3_100_000_000)
        lines = [*_make_overview(report, only_failing=False).lines(with_summary=True)]
        assert any("The store takes 3.1 GB and grows for ever." in line for line in lines) is is_told


def test_status_before_anything_was_run_says_so_and_creates_nothing(wire: Wire, feeds: RunCommand) -> None:
    wire.declare({"a": "https://a.example/feed"})
    result = feeds("status")
    assert result.code == 0
    assert result.out.startswith("Nothing was pulled yet")
    assert "a  not visited yet; due now" in result.out
    assert "all  not published yet" in result.out
    assert not (wire.home / "data").exists()
    assert not wire.public.exists()


ERROR_PAGES: Mapping[str, tuple[bytes, str]] = {
    "login": (b"<html><title>Sign in</title><form><input type=password></form></html>", "login"),
    "parked": (
        b"<html><title>x.example</title><body>This domain is for sale. Buy this domain.</body></html>",
        "parked",
    ),
    "challenge": (b"<html><title>Just a moment...</title><body>_cf_chl_opt</body></html>", "challenge"),
}


@pytest.fixture
def untrusted() -> Iterator[Origin]:
    """An origin whose certificate nobody trusts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(DATA.parent / "fetch" / "server.pem")
    server = Origin(context)
    yield server
    server.close()


def test_status_tells_each_kind_of_failure_by_its_sentence(
    wire: Wire, feeds: RunCommand, origin: Origin, untrusted: Origin
) -> None:
    """#4 item 8: what happened, since when, when the next visit is."""
    sources: dict[str, object] = {
        name: origin.put(f"/{name}", raw(reply(body, content_type="text/html"), KEEP))
        for name, (body, _) in ERROR_PAGES.items()
    }
    sources |= {
        "dns": "http://nowhere.invalid/feed",
        "gone": origin.put("/gone", raw(reply(b"", 410), KEEP)),
        "refused": {"feed": "http://10.0.0.1/feed", "allow_private": ["127.0.0.0/8"]},
        "tls": untrusted.put("/tls", document()),
        "slow": {"feed": origin.put("/slow", raw(HANG)), "timeout": "1s"},
    }
    wire.declare(sources)
    feeds("run")
    states = {state["id"]: state for state in feeds("status", "--json").json["sources"]}
    assert {name: state["condition"] for name, state in states.items()} == {
        name: "gone" if name == "gone" else "never_worked" for name in sources
    }
    kinds = {name: state["failure"]["kind"] for name, state in states.items()}
    assert kinds["dns"] == "dns"
    assert kinds["refused"] == "refused"
    assert kinds["slow"] == "timeout"
    assert kinds["tls"] == "tls"
    assert {kinds[name] for name in ERROR_PAGES} == {kind for _, kind in ERROR_PAGES.values()}
    lines = feeds("status").out
    assert all(state["failure"]["sentence"].rstrip(".") in lines for state in states.values())
    assert lines.count("next visit in") == len(sources)


def test_status_of_one_source_tells_all_that_is_known(wire: Wire, feeds: RunCommand, origin: Origin) -> None:
    wire.declare({"a": {"feed": origin.put("/a", document()), "tags": ["x"], "every": "2h"}, "off": origin.url("/b")})
    feeds("run", "a")
    result = feeds("status", "a").out
    for label in ("title", "url", "tags", "schedule", "articles", "newest", "last visit", "worked", "next visit"):
        assert f"\n  {label} " in result
    assert "every 2 h" in result
    assert feeds("status", "a", "--json").json["articles"] == 4
    files = feeds("status", "--json").json["feeds"][0]["files"]
    assert {one["path"]: one["size"] for one in files} == {
        name: len(body) for name, body in wire.files().items() if name.startswith("all.")
    }
    os.truncate(wire.public / "all.rss", 1_000_000)
    assert "larger than many readers take" not in feeds("status").out
    os.truncate(wire.public / "all.rss", 1_000_001)  # R14
    assert "a file is larger than many readers take (1 MB)" in feeds("status").out
    (wire.public / "all.rss").unlink()
    assert "1 file missing" in feeds("status").out


def test_status_of_a_private_source_shows_no_address(wire: Wire, feeds: RunCommand, origin: Origin) -> None:
    url = origin.put("/hidden-path", document())
    wire.declare({"a": {"feed": url, "private": True}})
    feeds("run")
    for arguments in (["status"], ["status", "a"], ["status", "--json"], ["export"]):
        assert "hidden-path" not in feeds(*arguments).out


# ── the whole (D3, D4) ──────────────────────────────────────────────────────────────────────────────────────────────


def ids(result: CommandResult) -> list[str]:
    return [source["id"] for source in result.json["sources"]]


def test_D4_a_summary_comes_first_and_the_sick_before_the_healthy(
    wire: Wire, feeds: RunCommand, origin: Origin
) -> None:
    broken = raw(reply(b"", 500), KEEP)
    recent = datetime.now(UTC).strftime("%a, %d %b %Y %H:%M:%S GMT")
    sources: dict[str, object] = {
        "a-well": origin.put("/well", Document(rss(("1", "One"), when=recent))),
        "b-old": origin.put("/old", document()),
        "c-bad": origin.put("/bad", broken),
        "d-empty": origin.put("/empty", Document(b"<rss version='2.0'><channel><title>T</title></channel></rss>")),
        "e-off": {"feed": origin.url("/off"), "enabled": False},
    }
    wire.declare(sources)
    feeds("run")
    wire.declare(sources | {"f-new": origin.url("/new")})
    status = feeds("status", "--json")
    assert ids(status) == ["c-bad", "b-old", "d-empty", "f-new", "a-well", "e-off"]
    assert status.json["summary"] == {
        "sources": 6,
        "failing": 1,
        "doubtful": 2,
        "new": 1,
        "ok": 1,
        "disabled": 1,
        "articles": 5,
        "orphaned": 0,
        "feeds": 1,
        "unpublished": 0,
    }
    lines = feeds("status").out.splitlines()
    assert lines[0] == "6 sources: 1 failing, 2 doubtful, 1 new, 1 ok, 1 disabled; 5 articles; 1 feed"
    assert [line.split()[0] for line in lines[2:8]] == ids(status)


def test_D4_failing_shows_what_fails_alone_and_q_nothing_when_all_is_well(
    wire: Wire, feeds: RunCommand, origin: Origin
) -> None:
    wire.declare({"well": origin.put("/well", document()), "bad": origin.put("/bad", raw(reply(b"", 500), KEEP))})
    feeds("run")
    assert ids(feeds("status", "--failing", "--json")) == ["bad"]
    summary, blank, sick = feeds("status", "--failing").out.splitlines()
    assert (summary.split(";")[0], blank, sick.split()[0]) == ("2 sources: 1 failing, 1 doubtful", "", "bad")
    assert feeds("status", "-q").out == f"{sick}\n"
    origin.put("/bad", document(("9", "Nine")))
    feeds("run", "bad")
    assert feeds("status", "-q").out == ""
    assert feeds("status", "--failing").out.count("\n") == 1


def test_D3_articles_whose_source_is_gone_are_listed_with_what_to_do(
    wire: Wire, feeds: RunCommand, origin: Origin
) -> None:
    outline = f'<opml><body><outline type="rss" text="Ann" xmlUrl="{origin.put("/a", document())}"/></body></opml>'
    friends = {"opml": origin.put("/list", Document(outline.encode()))}
    wire.declare({"friends": friends, "metro": origin.put("/m", document(("9", "Nine")))})
    feeds("run")
    assert feeds("status", "--json").json["orphans"] == []
    wire.declare({"new": origin.url("/new")})
    status = feeds("status")
    assert "5 articles, 5 of sources that are gone" in status.out
    assert (
        "metro        no longer declared; 1 article stored, in no feed: `feeds forget metro` drops them" in status.out
    )
    assert [orphan["id"] for orphan in feeds("status", "--json").json["orphans"]] == ["friends/ann", "metro"]
    assert feeds("status", "metro").out.startswith("metro: no longer declared; 1 article stored")
    assert feeds("forget", "metro").code == 0
    wire.declare({"new": {"feed": origin.url("/new"), "was": ["friends/ann"]}})
    feeds("run")
    assert feeds("status", "--json").json["orphans"] == []
    assert feeds("status", "new", "--json").json["articles"] == 4


def test_D4_each_sentence_is_true(wire: Wire, feeds: RunCommand, origin: Origin) -> None:
    outline = f'<opml><body><outline type="rss" text="Ann" xmlUrl="{origin.put("/a", document())}"/></body></opml>'
    opml = origin.put("/list", Document(outline.encode(), headers={"content_type": "text/html"}))
    bare = origin.put("/bare", Document(b"<html><title>T</title><p>Nothing", headers={"content_type": "text/html"}))
    wire.declare(
        {
            "gone": origin.put("/gone", raw(reply(b"", 410), KEEP)),
            "list": {"opml": opml},
            "list-as-feed": {"feed": opml},
            "list-in-short-form": opml,
            "nothing": {"opml": origin.put("/none", Document(b"<opml><body></body></opml>"))},
            "page": {"page": bare},
            "page-in-short-form": bare,
        }
    )
    feeds("run")
    status = {source["id"]: source for source in feeds("status", "--json").json["sources"]}
    sentences = {id: source["sentence"] for id, source in status.items()}
    assert "stopped" not in sentences["gone"] and "visits are a week apart" in sentences["gone"]
    assert "next visit in 7 days" in sentences["gone"]
    assert sentences["list"].startswith("a list of 1 feed; next visit")
    assert sentences["nothing"].startswith("works, but lists no feeds")
    for id in ("list-as-feed", "list-in-short-form"):
        assert "sent an OPML list of feeds, not a feed. Declare the source as `opml:`; next visit" in sentences[id]
    for id in ("page", "page-in-short-form"):
        assert status[id]["condition"] == "never_worked"
        assert "No story was found on the page: set `stories:`" in sentences[id]
        assert "accepts" not in sentences[id]
    feeds("run", "page")
    assert "No story was found" in feeds("status", "page").out


def test_D4_status_tells_how_each_feed_is_published(wire: Wire, feeds: RunCommand, origin: Origin) -> None:
    wire.declare(
        {"a": origin.put("/a", document())},
        {"all": {"title": "All"}, "none": {"title": "None", "tags": ["x"]}, "zero": {"title": "Zero"}},
    )
    feeds("run")
    assert "unpublished" in feeds("status", "--json").json["summary"]
    result = feeds("status")
    assert re.search(r"all   4 files, [\d.]+ kB, written (now|\d+ s ago); newest article \d+ months ago", result.out)
    none = next(line for line in result.out.splitlines() if line.startswith("none "))
    assert "newest" not in none
    (wire.public / "all.rss").unlink()
    (wire.public / "all.rss").mkdir()
    (wire.public / "all.rss" / "file").write_text("in the way")
    origin.put("/a", document(("9", "Nine")))
    feeds("run", "--all")
    members = {feed["id"]: feed for feed in feeds("status", "--json").json["feeds"]}
    assert members["all"]["error"] and members["all"]["failed_at"] and members["all"]["waiting_since"]
    assert members["zero"]["error"] is None
    failing = feeds("status", "--failing")
    assert "1 feed" not in failing.out and "3 feeds, 1 cannot be published" in failing.out
    assert "all  cannot be published, last tried " in failing.out
    (wire.public / "all.rss" / "file").unlink()
    (wire.public / "all.rss").rmdir()
    feeds("publish")
    assert feeds("status", "-q").out == ""


def test_A6_status_says_what_is_wrong_with_the_installation(wire: Wire, feeds: RunCommand, origin: Origin) -> None:
    wire.declare({"a": origin.put("/a", document())})
    feeds("run")
    assert feeds("status", "--json").json["problems"] == []
    errors = {"turn_error": "the disk is full", "server_error": "it was killed", "reload_error": "a.yaml:1:1: wrong"}
    write_state(wire.home / "data", ProcessState(datetime.now(UTC), is_daemon=True, **errors))
    shown = feeds("status", "-q").out
    assert all(error in shown for error in errors.values())
    assert len(feeds("status", "--json").json["problems"]) == 3
    feeds("run")
    assert feeds("status", "--json").json["problems"] == []
