"""The command line: every command as people and cron call it (DESIGN §5.2)."""

from __future__ import annotations

import json
import os
import pty
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from origin import HANG, KEEP, Document, Origin, raw, redirect, reply
from wire import Wire, rss

from feeds.app import TurnOptions
from feeds.cli import COMMANDS, main
from feeds.cli.discovery import same, web_address
from feeds.cli.formatting import ago, columns, count, line, size, span
from feeds.cli.status import CONDITIONS, SourceReport, condition, sentence
from feeds.errors import ConfigError
from feeds.model import Failure, Kind, Move, Source, SourceStatus
from feeds.normalize import id_for, slug

DATA = Path(__file__).parent / "data" / "cli"
ROOT = Path(__file__).parent.parent
TITLES = [("1", "One"), ("2", "Two"), ("3", "Three"), ("4", "Four")]


@pytest.fixture
def wire(tmp_path: Path) -> Wire:
    return Wire(tmp_path)


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Feeds = Callable[..., Ended]


@pytest.fixture
def feeds(wire: Wire, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Feeds:
    """`feeds ARGUMENTS` in this process, on the installation of this test."""
    monkeypatch.setenv("FEEDS_CONFIG", str(wire.config))
    monkeypatch.chdir(wire.home)

    def call(*arguments: str) -> Ended:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["feeds", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return Ended(int(ended.value.code or 0), said.out, said.err)

    return call


def until(done: Callable[[], object], patience: float = 300) -> None:
    end = time.monotonic() + patience
    while not done():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def document(*items: tuple[str, str], **settings: Any) -> Document:
    return Document(rss(*(items or TITLES)), **settings)


# ── as a whole ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_command_is_in_the_help_and_in_the_readme(feeds: Feeds) -> None:
    told = feeds("--help").out
    readme = ROOT / "README.md"
    documented = readme.read_text(encoding="utf-8") if readme.exists() else ""
    for name, entry in COMMANDS.items():
        assert f"  {name} " in told
        assert entry.help in " ".join(told.split())
        assert not documented or f"feeds {name}" in documented or f"`{name}" in documented, name


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, feeds: Feeds) -> None:
    told = feeds(name, "--help")
    assert told.code == 0
    assert told.out.startswith(f"Usage: feeds {name}")
    assert "--config PATH" in told.out


HEAVY = {"alembic", "apscheduler", "feedgen", "feedparser", "lxml", "pydantic", "requests", "rich", "sqlalchemy"}
HEAVY |= {"starlette", "trafilatura", "urllib3", "uvicorn", "yaml"}


def _imports(wire: Wire, *arguments: str) -> set[str]:
    """The modules a command imports."""
    told = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "feeds", *arguments],
        capture_output=True,
        text=True,
        check=True,
        cwd=wire.home,
        env=wire.env() | {"PYTHONPATH": str(ROOT)},
    )
    return {row.rpartition("|")[2].strip() for row in told.stderr.splitlines() if row.startswith("import time:")}


def test_help_imports_nothing_heavy(wire: Wire) -> None:
    """DESIGN §6: `feeds --help` < 0.2 s, counted in modules."""
    modules = _imports(wire, "--help")
    assert not {name.partition(".")[0] for name in modules} & HEAVY
    assert len(modules) < 250


def test_config_is_taken_before_the_command_and_after_it(wire: Wire, feeds: Feeds) -> None:
    wire.declare({})
    elsewhere = wire.home / "elsewhere.yaml"
    wire.config.rename(elsewhere)
    assert feeds("check").code == 2
    assert feeds("--config", str(elsewhere), "check").code == 0
    assert feeds("check", "--config", str(elsewhere)).code == 0


def test_wrong_usage_and_a_wrong_configuration_end_with_2(wire: Wire, feeds: Feeds) -> None:
    wire.declare({"a": "no address"})
    wrong = feeds("run")
    assert (wrong.code, wrong.out) == (2, "")
    assert f"{wire.config}:" in wrong.err
    assert feeds("nonsense").code == 2
    assert feeds("run", "--wait", "soon").code == 2
    assert feeds("preview").code == 2
    assert feeds("preview", "--steps", "x").code == 2


def test_S22_what_a_terminal_would_obey_is_not_printed() -> None:
    assert line("a\x1b[31mb\x9bc\u202ed\ne") == "a [31mb c d e"


def test_no_colour_in_a_pipe(wire: Wire) -> None:
    wire.declare({})
    told = wire.command("status")
    assert told.returncode == 0
    assert "\x1b" not in told.stdout


@pytest.mark.parametrize("arguments", [["--help"], ["schema"]])
def test_a_reader_that_leaves_ends_the_command_quietly(wire: Wire, arguments: list[str]) -> None:
    process = wire.start(*arguments)
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, errors = process.communicate(timeout=300)
    assert (process.returncode, errors) == (1, "")


# ── init, check, schema ─────────────────────────────────────────────────────────────────────────────────────────────


def test_init_writes_what_works_at_once_and_leaves_what_is_there(feeds: Feeds, tmp_path: Path) -> None:
    """The sample runs offline, with a story of its own."""
    told = feeds("init", str(tmp_path / "new"))
    assert told.code == 0, told.err
    config = str(tmp_path / "new" / "config" / "feeds.yaml")
    assert told.out.splitlines()[-1] == f"Now run: feeds daemon --config {config}"
    assert feeds("check", "--config", config).code == 0
    assert "1 article new" in feeds("run", "--config", config).out
    assert (tmp_path / "new" / "public" / "desk.rss").exists()
    again = feeds("init", str(tmp_path / "new"))
    assert again.code == 1
    assert "is there already" in again.err
    assert feeds("init", "/proc/none").code == 1


def test_check_counts_warns_and_names_all_mistakes(wire: Wire, feeds: Feeds) -> None:
    wire.declare({"a": "https://a.example/feed"})
    good = feeds("check")
    assert good.code == 0
    assert "1 source, 1 feed, no mistakes" in good.out
    assert feeds("check", "--json").json["problems"] == []
    wire.declare({"a": "ftp://a.example/feed", "B!": "https://b.example/"})
    wrong = feeds("check", "--json")
    assert wrong.code == 2
    assert len(wrong.json["problems"]) == 2


def test_schema_is_json(feeds: Feeds) -> None:
    assert feeds("schema").json["type"] == "object"


# ── run, publish ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_run_prints_only_what_changed_and_strict_exits_with_4(wire: Wire, feeds: Feeds, origin: Origin) -> None:
    wire.declare({"good": origin.put("/good", document()), "bad": origin.put("/bad", raw(reply(b"", 500), KEEP))})
    first = feeds("run")
    assert first.code == 0
    assert first.out.splitlines()[0].startswith("bad: ")
    assert "4 articles new or changed" in first.out
    assert feeds("run").out == ""
    still = feeds("run", "--strict", "--json")
    assert (still.code, still.json["failing"], still.json["visits"]) == (4, 1, 0)
    assert feeds("run", "--strict", "good").code == 0
    origin.put("/bad", document())
    assert "bad: works again" in feeds("run", "--all").out


def test_run_asks_conditionally_unless_told_to_refetch(wire: Wire, feeds: Feeds, origin: Origin) -> None:
    wire.declare({"a": origin.put("/a", document(etag='"1"'))})
    feeds("run")
    assert feeds("run", "a", "--json").json["not_modified"] == 1
    feeds("run", "a", "--refetch")
    assert ["if-none-match" in request.headers for request in origin.requests] == [False, True, False]


def test_S15_status_says_that_a_story_was_too_long_to_be_kept_whole(wire: Wire, feeds: Feeds, origin: Origin) -> None:
    long = document(("1", "One"), ("2", "Two"))
    long.body = long.body.replace(b"About Two.", b"many words " * 60_000)
    wire.declare({"a": origin.put("/a", long)})
    feeds("run")
    assert "a story is longer than 500,000 characters, the beginning is kept" in feeds("status", "a").out
    assert len(wire.items()) == 2


def test_an_unknown_id_is_named_with_its_nearest(wire: Wire, feeds: Feeds) -> None:
    wire.declare({"metro": "https://a.example/feed"})
    for arguments in (["run", "metra"], ["status", "metra"], ["publish", "al"], ["preview", "--feed", "al"]):
        wrong = feeds(*arguments)
        assert wrong.code == 2
        assert "did you mean" in wrong.err


def test_publish_writes_missing_files_again(wire: Wire, feeds: Feeds, origin: Origin) -> None:
    wire.declare({"a": origin.put("/a", document())})
    feeds("run")
    (wire.public / "all.rss").unlink()
    assert feeds("publish", "all", "--json").json["files"] == ["all.rss"]
    assert feeds("publish").out.startswith("0 files")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_F38_a_run_that_is_stopped_ends_soon_and_quietly(
    wire: Wire, origin: Origin, number: signal.Signals, code: int
) -> None:
    wire.declare({"hangs": {"feed": origin.put("/hangs", raw(HANG)), "timeout": "10m"}})
    process = wire.start("run")
    until(lambda: origin.requests)
    process.send_signal(number)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == code
    assert errors.strip() == ""


# ── preview ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_preview_of_one_file_is_its_json_feed(feeds: Feeds) -> None:
    told = feeds("preview", str(DATA / "story.rss"), "--url", "https://saved.example/feed", "--json").json
    assert told["version"] == "https://jsonfeed.org/version/1.1"
    assert told["_feeds"]["reader"]
    (item,) = told["items"]
    assert (item["id"], item["url"]) == ("https://saved.example/1", "https://saved.example/1")
    assert item["_feeds"]["found"]["title"]


def test_preview_of_several_keeps_their_order_and_tells_failures_apart(feeds: Feeds, origin: Origin) -> None:
    """DESIGN §5.2: an array in order, a failure as an entry, exit 1; no configuration is needed, nothing is stored."""
    good, page = str(DATA / "story.rss"), str(DATA / "bare.html")
    url = origin.put("/feed", document())
    told = feeds("preview", good, url, "no-such/thing.xml", "--allow-private", good, "--json")
    assert told.code == 1
    assert ["error" in one for one in told.json] == [False, False, True, False]
    assert set(told.json[2]) == {"error", "place"}
    assert feeds("preview", page, "--as", "feed", "--json").json["place"] == page
    assert not (Path.cwd() / "data").exists()


def test_preview_for_people(feeds: Feeds) -> None:
    told = feeds("preview", str(DATA / "story.rss"))
    assert "2026-03-02 08:00  The first — Ann Author" in told.out
    assert "+ https://saved.example/1.mp3 (audio/mpeg, 3.1 MB)" in told.out
    assert told.out.startswith("Saved ")
    assert "\x9b" not in told.out
    assert "title: " not in told.out
    assert "title: " in feeds("preview", "-v", str(DATA / "story.rss")).out


def test_preview_asks_inside_this_network_only_when_told_to(feeds: Feeds, origin: Origin) -> None:
    """S6: the guard is on by default."""
    url = origin.put("/feed", document())
    assert "error" in feeds("preview", url, "--json").json
    assert not origin.requests
    told = feeds("preview", url, "--allow-private", "--header", "X-Key: 7", "--json")
    assert len(told.json["items"]) == 4
    assert origin.requests[0].headers["x-key"] == "7"


def test_preview_of_a_source_hides_secrets(
    wire: Wire, feeds: Feeds, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", "s3cret-key")
    body = rss(("1", "One"), title="s3cret-key inside")
    origin.put("/a?k=s3cret-key", Document(body))
    wire.declare({"a": origin.url("/a?k=${KEY}")})
    told = feeds("preview", "a", "--json")
    assert told.code == 0
    assert told.json["title"] == "*** inside"
    assert not (wire.home / "data").exists()


def test_preview_of_a_feed_shows_what_each_step_drops(wire: Wire, feeds: Feeds, origin: Origin) -> None:
    steps = [{"drop": {"title": "One|Two"}}, {"limit": {"count": 1, "hours": 0}}]
    wire.declare({"a": origin.put("/a", document())}, {"all": {"title": "All", "steps": steps}})
    feeds("run")
    told = feeds("preview", "--feed", "all", "--steps", "--json").json
    assert len(told["articles"]) == 1
    by_title, by_limit = told["steps"]
    assert by_title["step"] == "drop: title"
    assert {article["title"] for article in by_title["dropped"]} == {"One", "Two"}
    assert len(by_limit["dropped"]) == 1
    assert [item["id"] for item in wire.items()] == [article["id"] for article in told["articles"]]
    assert "drop: title drops 2 articles" in feeds("preview", "--feed", "all", "--steps").out
    assert "drops" not in feeds("preview", "--feed", "all").out


# ── status ──────────────────────────────────────────────────────────────────────────────────────────────────────────


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
STANDINGS: Mapping[str, tuple[Source, SourceStatus | None, str]] = {
    "disabled": (replace(SOURCE, enabled=False), FINE, "disabled by `enabled: false`; its articles stay"),
    "unvisited": (SOURCE, None, "not visited yet; due now"),
    "interrupted": (
        SOURCE,
        SourceStatus("metro", SOURCE.address, NOW + timedelta(hours=1), 0),
        "its first visit is under way or was interrupted; nothing is lost; next visit in 1 h",
    ),
    "quarantined": (
        SOURCE,
        replace(BROKEN, failures=1, failure=Failure("parse", "All 60 stories are new.", "quarantine")),
        "quarantined at its last visit: All 60 stories are new; `feeds run metro` takes it as it is;"
        " 12 articles, newest 5 h ago; next visit in 40 min",
    ),
    "gone": (
        SOURCE,
        replace(BROKEN, failure=Failure("fetch", "metro.example says it is gone.", "status", 410)),
        "gone for 3 h, 3 visits: metro.example says it is gone; 12 articles, newest 5 h ago; next visit in 40 min",
    ),
    "never_worked": (
        SOURCE,
        replace(BROKEN, worked_at=None, articles=0, newest=None),
        "has never worked, failing for 3 h, 3 visits: metro.example accepts no connections."
        " The next visit tries again; next visit in 40 min",
    ),
    "failing": (
        SOURCE,
        BROKEN,
        "failing for 3 h, 3 visits, worked 4 h ago: metro.example accepts no connections."
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
        "works, but nothing new for 6 months; 12 articles, newest 6 months ago; next visit in 40 min",
    ),
    "fine": (SOURCE, FINE, "12 articles, newest 5 h ago; next visit in 40 min"),
}


@pytest.mark.parametrize("name", [one.name for one in CONDITIONS])
def test_E10_F31_F32_every_condition_has_its_sentence(name: str) -> None:
    source, state, expected = STANDINGS[name]
    standing = SourceReport(source, state, NOW)
    assert condition(standing).name == name
    assert sentence(standing) == expected


def test_E10_a_permanent_move_is_proposed_and_never_of_a_private_source() -> None:
    move = Move("https://new.example/feed", NOW - timedelta(hours=9), 2)
    moving, moved = replace(FINE, move=move), replace(FINE, url="https://new.example/feed")
    assert "permanently https://new.example/feed (2 visits since 9 h ago)" in sentence(
        SourceReport(SOURCE, moving, NOW)
    )
    assert "in the YAML, put https://new.example/feed in" in sentence(SourceReport(SOURCE, moved, NOW))
    for state in (moving, moved):
        assert "new.example" not in sentence(SourceReport(replace(SOURCE, private=True), state, NOW))


def test_status_before_anything_was_run_says_so_and_creates_nothing(wire: Wire, feeds: Feeds) -> None:
    wire.declare({"a": "https://a.example/feed"})
    told = feeds("status")
    assert told.code == 0
    assert told.out.startswith("Nothing was pulled yet")
    assert "a  not visited yet; due now" in told.out
    assert "all  not published yet" in told.out
    assert not (wire.home / "data").exists()
    assert not wire.public.exists()


TROUBLES: Mapping[str, tuple[bytes, str]] = {
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
    wire: Wire, feeds: Feeds, origin: Origin, untrusted: Origin
) -> None:
    """#4 item 8: what happened, since when, when the next visit is."""
    sources: dict[str, object] = {
        name: origin.put(f"/{name}", raw(reply(body, content_type="text/html"), KEEP))
        for name, (body, _) in TROUBLES.items()
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
    assert {kinds[name] for name in TROUBLES} == {kind for _, kind in TROUBLES.values()}
    lines = feeds("status").out
    assert all(state["failure"]["sentence"].rstrip(".") in lines for state in states.values())
    assert lines.count("next visit in") == len(sources)


def test_status_of_one_source_tells_all_that_is_known(wire: Wire, feeds: Feeds, origin: Origin) -> None:
    wire.declare({"a": {"feed": origin.put("/a", document()), "tags": ["x"], "every": "2h"}, "off": origin.url("/b")})
    feeds("run", "a")
    told = feeds("status", "a").out
    for label in ("title", "url", "tags", "schedule", "articles", "newest", "last visit", "worked", "next visit"):
        assert f"\n  {label} " in told
    assert "every 2 h" in told
    assert feeds("status", "a", "--json").json["articles"] == 4
    files = feeds("status", "--json").json["feeds"][0]["files"]
    assert {one["path"]: one["size"] for one in files} == {
        name: len(body) for name, body in wire.files().items() if name.startswith("all.")
    }
    (wire.public / "all.rss").unlink()
    assert "1 file missing" in feeds("status").out


def test_status_of_a_private_source_shows_no_address(wire: Wire, feeds: Feeds, origin: Origin) -> None:
    url = origin.put("/hidden-path", document())
    wire.declare({"a": {"feed": url, "private": True}})
    feeds("run")
    for arguments in (["status"], ["status", "a"], ["status", "--json"], ["export"]):
        assert "hidden-path" not in feeds(*arguments).out


# ── add ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def yaml(wire: Wire) -> str:
    """A configuration as people write it, comments and all."""
    text = (
        "site: {title: T, url: https://t.example/}\ndata: ../data\npublic: ../public\nhosts: {gap: 0s}\n"
        "defaults: {allow_private: [127.0.0.0/8]}\nsources:   # what I read\n"
        "  known: https://known.example/feed   # since 2019\nfeeds: {all: {title: All}}\n"
    )
    wire.config.parent.mkdir(parents=True)
    wire.config.write_text(text, encoding="utf-8")
    return text


def test_add_takes_a_feed_under_its_title(wire: Wire, feeds: Feeds, origin: Origin) -> None:
    before = yaml(wire)
    url = origin.put("/feed", Document(rss(*TITLES, title="The Daily Bread")))
    told = feeds("add", url)
    assert told.code == 0, told.err
    assert "· One" in told.out
    assert "· Three" in told.out
    assert "· Four" not in told.out
    added = f"  the-daily-bread: {url}\n"
    assert wire.config.read_text(encoding="utf-8") == before.replace("2019\n", f"2019\n{added}")
    again = feeds("add", url)
    assert again.code == 2
    assert "as the source the-daily-bread" in again.err


def test_add_finds_the_feeds_of_a_page(wire: Wire, feeds: Feeds, origin: Origin) -> None:
    """Base href, dead links passed over, the comments and the link in the text behind; the first is taken, and said."""
    yaml(wire)
    page = Document((DATA / "page.html").read_bytes(), headers={"content_type": "text/html"})
    url = origin.put("/", page)
    origin.put("/paper/all.rss", document())
    origin.put("/paper/comments.atom", Document(rss(("c", "A comment"), title="Comments")))
    origin.put("/podcast/feed", Document(rss(("p", "Sound"), title="Podcast")))
    told = feeds("add", url, "--json").json
    assert told == {
        "id": "a-source",
        "url": origin.url("/paper/all.rss"),
        "candidates": [
            {"url": origin.url(path), "kind": "feed", "title": title, "reader": "xml", "newest": newest}
            for path, title, newest in (
                ("/paper/all.rss", "A source", ["One", "Two", "Three"]),
                ("/paper/comments.atom", "Comments", ["A comment"]),
                ("/podcast/feed", "Podcast", ["Sound"]),
            )
        ],
    }
    origin.put("/paper/all.rss", raw(reply(b"", 404), KEEP))
    told_again = feeds("add", url, "--id", "notes")
    assert "The first one is taken" in told_again.out
    assert f"  notes: {origin.url('/paper/comments.atom')}\n" in wire.config.read_text(encoding="utf-8")


def on_a_terminal(wire: Wire, *arguments: str, typed: str = "", colour: bool = True) -> str:
    """What a terminal shows of a command."""
    ours, its = pty.openpty()
    env = {name: value for name, value in wire.env().items() if name != "NO_COLOR"} | {"TERM": "xterm", "COLUMNS": "80"}
    env |= {} if colour else {"NO_COLOR": "1"}
    with subprocess.Popen(wire.argv(*arguments), stdin=its, stdout=its, stderr=its, cwd=wire.home, env=env):
        os.close(its)
        os.write(ours, typed.encode())
        shown = b""
        with suppress(OSError):  # Linux: the other end is closed
            while piece := os.read(ours, 65536):
                shown += piece
    os.close(ours)
    return shown.decode()


def test_add_asks_on_a_terminal(wire: Wire, origin: Origin) -> None:
    yaml(wire)
    page = Document((DATA / "page.html").read_bytes(), headers={"content_type": "text/html"})
    origin.put("/paper/all.rss", document())
    origin.put("/paper/comments.atom", Document(rss(("c", "A comment"), title="Comments")))
    shown = on_a_terminal(wire, "add", origin.put("/", page), typed="2\n")
    assert "Which one" in shown
    assert f"  comments: {origin.url('/paper/comments.atom')}\n" in wire.config.read_text(encoding="utf-8")


def test_colour_and_progress_are_for_terminals(wire: Wire, origin: Origin) -> None:
    wire.declare({"a": origin.put("/a", document())})
    assert "1 visit, 4 articles new or changed, 0 failed" in on_a_terminal(wire, "run")
    assert "\x1b[33m" in on_a_terminal(wire, "status")
    assert "\x1b[33m" not in on_a_terminal(wire, "status", colour=False)


def test_add_tries_the_usual_places_last(wire: Wire, feeds: Feeds, origin: Origin) -> None:
    yaml(wire)
    url = origin.put("/blog/", Document((DATA / "bare.html").read_bytes(), headers={"content_type": "text/html"}))
    origin.put("/atom.xml", document())
    assert feeds("add", url, "--json").json["url"] == origin.url("/atom.xml")


def test_add_says_what_is_there_instead_and_leaves_the_file(wire: Wire, feeds: Feeds, origin: Origin) -> None:
    before = yaml(wire)
    url = origin.put("/", Document((DATA / "bare.html").read_bytes(), headers={"content_type": "text/html"}))
    nothing = feeds("add", url)
    assert nothing.code == 1
    assert "No feed was found" in nothing.err
    assert feeds("add", origin.url("/none")).code == 1
    assert feeds("add", "mailto:me@x.example").code == 2
    assert feeds("add", origin.put("/feed", document()), "--id", "Not An Id").code == 2
    assert feeds("add", origin.url("/feed"), "--id", "known").code == 2
    assert feeds("add", "known.example/feed/").code == 2
    assert wire.config.read_text(encoding="utf-8") == before


def test_E10_add_writes_where_a_permanent_redirect_leads(wire: Wire, feeds: Feeds, origin: Origin) -> None:
    yaml(wire)
    new = origin.put("/new", document())
    assert feeds("add", origin.put("/old", redirect(new, 301)), "--json").json["url"] == new
    other = origin.put("/other", document(("9", "Nine")))
    passing = origin.put("/passing", redirect(other, 302))
    assert feeds("add", passing, "--json").json["url"] == passing


# ── import, export ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_import_takes_titles_as_ids_and_folders_as_tags(wire: Wire, feeds: Feeds) -> None:
    yaml(wire)
    told = feeds("import", str(DATA / "subscriptions.opml"), "--json").json
    assert told["added"] == ["the-morning-page", "the-morning-page-2", "tokyo-shimbun", "a-name-with-signs-1"]
    assert [one["why"] for one in told["skipped"]] == [
        "there already",
        "there already",
        "no address that can be visited",
        "another list: declare it as `opml:`",
        "a page without the address of a feed: try `feeds add`",
    ]
    text = wire.config.read_text(encoding="utf-8")
    assert "# since 2019\n  the-morning-page:\n    feed: https://morning.example/feed\n    tags: [News]\n" in text
    assert 'tags: [News, "Far away", asia, daily]' in text
    assert "feed: https://signs.example/?a=1&b=$${HOME}" in text
    assert feeds("check").code == 0
    again = feeds("import", str(DATA / "subscriptions.opml"), "--json").json
    assert again["added"] == []
    assert wire.config.read_text(encoding="utf-8") == text


def test_what_is_exported_can_be_imported(wire: Wire, feeds: Feeds, tmp_path: Path) -> None:
    yaml(wire)
    feeds("import", str(DATA / "subscriptions.opml"))
    told = feeds("export")
    assert told.code == 0
    (tmp_path / "out.opml").write_text(told.out, encoding="utf-8")
    text = wire.config.read_text(encoding="utf-8")
    other = Wire(tmp_path / "other")
    yaml(other)
    feeds("import", str(tmp_path / "out.opml"), "--config", str(other.config))
    assert other.config.read_text(encoding="utf-8") == text


def test_export_leaves_out_secrets_and_our_own_files(wire: Wire, feeds: Feeds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "s3cret-key")
    wire.declare({"desk": {"files": "*.md"}, "keyed": "https://k.example/?k=${KEY}", "open": "https://o.example/f"})
    told = feeds("export")
    assert "https://o.example/f" in told.out
    assert "k.example" not in told.out
    assert told.err == "left out: desk, keyed\n"


def test_import_of_no_opml_is_one_clear_line(wire: Wire, feeds: Feeds) -> None:
    before = yaml(wire)
    wrong = feeds("import", str(DATA / "story.rss"))
    assert wrong.code == 1
    assert "not OPML" in wrong.err
    assert wire.config.read_text(encoding="utf-8") == before


# ── retract, forget, backup ─────────────────────────────────────────────────────────────────────────────────────────


def titles(wire: Wire) -> set[object]:
    return {item["title"] for item in wire.items()}


def test_R4_retract_takes_an_article_out_by_id_or_url_and_back(wire: Wire, feeds: Feeds, origin: Origin) -> None:
    wire.declare({"a": origin.put("/a", document()), "b": origin.put("/b", document(("9", "Nine")))})
    feeds("run")
    id = next(str(item["id"]) for item in wire.items() if item["title"] == "One")
    assert feeds("retract", id).code == 0
    assert feeds("retract", "https://a.example/2").code == 0
    assert titles(wire) == {"Three", "Four", "Nine"}
    feeds("run", "--all", "--refetch")
    assert titles(wire) == {"Three", "Four", "Nine"}
    assert feeds("retract", id, "--undo", "--json").json["retracted"] is False
    assert titles(wire) == {"One", "Three", "Four", "Nine"}
    assert feeds("retract", "https://a.example/none").code == 1


def test_R4_forget_drops_a_source_for_good(wire: Wire, feeds: Feeds, origin: Origin) -> None:
    wire.declare({"a": origin.put("/a", document()), "b": origin.put("/b", document(("9", "Nine")))})
    feeds("run")
    assert feeds("forget", "a", "--json").json["articles"] == 4
    assert titles(wire) == {"Nine"}
    feeds("run", "--all", "--refetch")
    assert titles(wire) == {"Nine"}
    assert feeds("forget", "none").code == 1


def test_F40_backup_is_whole_and_spares_the_store(wire: Wire, feeds: Feeds, origin: Origin) -> None:
    wire.declare({"a": origin.put("/a", document())})
    assert feeds("backup", "copy.db").code == 1
    feeds("run")
    assert feeds("backup", str(wire.home / "data" / "feeds.db")).code == 2
    assert feeds("backup", "copy.db", "--json").json["size"] == (wire.home / "copy.db").stat().st_size
    (wire.home / "data" / "feeds.db").write_bytes((wire.home / "copy.db").read_bytes())
    assert feeds("status", "a", "--json").json["articles"] == 4


# ── the daemon ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def daemon(wire: Wire) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Start a daemon, which ends with the test."""
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        log = (wire.home / "log").open("w")
        arguments = wire.argv("-v", "daemon", "--listen", "127.0.0.1:0")
        process = subprocess.Popen(arguments, cwd=wire.home, env=wire.env(), stdout=log, stderr=log, text=True)
        log.close()
        started.append(process)
        until(lambda: (wire.public / "all.json").exists())
        return process

    yield start
    for process in started:
        process.terminate()
        process.wait(timeout=300)


def test_F24_status_and_backup_work_beside_a_daemon(
    wire: Wire, feeds: Feeds, origin: Origin, daemon: Callable[[], subprocess.Popen[str]]
) -> None:
    wire.declare({"a": origin.put("/a", document())})
    process = daemon()
    assert feeds("status", "a").code == 0
    assert feeds("preview", "--feed", "all").code == 0
    assert feeds("backup", "copy.db").code == 0
    for arguments in (["run"], ["publish"], ["forget", "a"], ["retract", "x"]):
        locked = feeds(*arguments)
        assert locked.code == 3
        assert str(process.pid) in locked.err


def test_F25_an_edited_file_is_taken_once_and_whole(
    wire: Wire, origin: Origin, daemon: Callable[[], subprocess.Popen[str]]
) -> None:
    """Half-written in three pieces, then wrong, then right: one reload, one complaint, the last good kept meanwhile."""
    wire.declare({"a": origin.put("/a", document())}, {"all": {"title": "First"}})
    process = daemon()
    log = wire.home / "log"
    good = wire.config.read_text(encoding="utf-8")
    edited = good.replace('"First"', '"Second"')
    wrong = edited.replace('"feeds"', '"feedz"')
    with wire.config.open("w", encoding="utf-8") as file:
        for start in range(3):
            third = len(wrong) // 3 + 1
            file.write(wrong[start * third : (start + 1) * third])
            file.flush()
            time.sleep(0.1)
    until(lambda: "not reloaded" in log.read_text())
    assert json.loads((wire.public / "all.json").read_text())["title"] == "First"
    wire.config.write_text(edited, encoding="utf-8")
    until(lambda: json.loads((wire.public / "all.json").read_text())["title"] == "Second")
    wire.config.unlink()
    until(lambda: log.read_text().count("not reloaded") == 2)
    wire.config.write_text(edited, encoding="utf-8")
    until(lambda: log.read_text().count("configuration reloaded") == 2)
    process.send_signal(signal.SIGHUP)
    until(lambda: log.read_text().count("configuration reloaded") == 3)
    told = log.read_text()
    assert told.count("not reloaded") == 2
    assert told.count("feedz") >= 1
    assert process.poll() is None


def test_F25_a_turn_that_is_to_be_over_starts_nothing_more(wire: Wire, origin: Origin) -> None:
    """The configuration is taken between two turns, and one that finds ever more to do would never end."""
    sources = {f"s{number}": origin.put(f"/{number}", document()) for number in range(60)}
    wire.declare(sources, hosts={"gap": "0s", "at_once": 1})
    with wire.app() as app:
        turn = app.turn(TurnOptions(again=True, over=lambda: len(origin.requests) >= 3))
    assert 3 <= turn.visits < 60


def test_F25_what_only_a_restart_can_change_is_refused_and_the_rest_takes_effect(wire: Wire, origin: Origin) -> None:
    wire.declare({"a": origin.put("/a", document())}, {"all": {"title": "First"}})
    with wire.app() as app:
        app.turn()
        for name, value in {"public": "../elsewhere", "server": {"listen": "127.0.0.1:1"}, "data": "../other"}.items():
            wire.declare({"a": origin.put("/a", document())}, {"all": {"title": "Second"}}, **{name: value})
            with pytest.raises(ConfigError, match=f"`{name}` cannot change without a restart"):
                app.reload()
            assert app.config.feeds["all"].title == "First"
        site = {"title": "Wire", "url": "https://wire.example.org/", "contact": "new@example.org"}
        wire.declare({"a": origin.put("/a", document())}, site=site)
        app.reload()
        app.turn(TurnOptions(everything=True))
    assert "new@example.org" in origin.requests[-1].headers["user-agent"]


# ── words and names ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "now"),
        (1, "1 s"),
        (59, "59 s"),
        (3599, "59 min"),
        (3600, "1 h"),
        (86400 * 2, "2 days"),
        (86400 * 70, "2 months"),
    ],
)
def test_a_length_of_time_in_words(seconds: float, words: str) -> None:
    assert span(timedelta(seconds=seconds)) == words


def test_words() -> None:
    assert ago(None, NOW) == "never"
    assert ago(NOW + timedelta(hours=2), NOW) == "in 2 h"
    assert (count(1, "file"), count(0, "file")) == ("1 file", "0 files")
    assert (size(1), size(3_100_000)) == ("1 byte", "3.1 MB")
    assert columns([["a", "x"], ["bbb", ""]]) == ["a    x", "bbb"]
    assert columns([]) == []


@pytest.mark.parametrize(
    ("title", "url", "id"),
    [
        ("BBC News — World", "https://feeds.bbci.co.uk/rss.xml", "bbc-news-world"),
        ("Le Café d'Été", "https://x.example/", "le-cafe-dete"),
        ("東京", "https://www.tokyo-np.example/rss", "tokyo-np"),
        (None, "https://feeds.bbci.co.uk/rss.xml", "bbci"),
        ("a " * 60, "https://x.example/", "a" + "-a" * 19),
        ("Taken", "https://x.example/", "taken-3"),
    ],
)
def test_S14_an_id_is_a_slug_and_unique(title: str | None, url: str, id: str) -> None:
    assert id_for(title, url, {"taken", "taken-2"}) == id
    assert slug("...") == ""


def test_addresses_that_are_the_same() -> None:
    assert same("https://www.x.example/feed/") == same("HTTP://X.example:80/feed")
    assert same("https://x.example/feed?a") != same("https://x.example/feed?b")
    assert web_address("feed://x.example/f") == "https://x.example/f"
    assert web_address("feed:https://x.example/f") == "https://x.example/f"
    assert web_address("x.example") == "https://x.example"


def test_the_address_of_a_private_source_is_shown_nowhere(wire: Wire, origin: Origin) -> None:
    """Neither when it fails, nor in the status, nor in what is published."""
    secret = origin.put("/secret-path", raw(reply(b"no", 500), KEEP))
    wire.declare(
        {"hidden": {"feed": secret, "private": True}, "open": origin.put("/open", Document(rss(("1", "One"))))}
    )
    ran, status = wire.command("run", "-v"), wire.command("status", "hidden")
    assert "hidden" in ran.stdout
    for told in (ran.stdout, ran.stderr, status.stdout, status.stderr):
        assert "secret-path" not in told
    assert not [name for name, body in wire.files().items() if b"secret-path" in body]


FRONT = (
    "<html><head><title>The Harbour Post</title></head><body><main>"
    + "".join(
        f"<article><h2><a href='/story-{number}'>What the ferry carried on day {number}</a></h2></article>"
        for number in range(6)
    )
    + "</main></body></html>"
).encode()


def test_add_offers_the_stories_of_a_page_that_has_no_feed(wire: Wire, feeds: Feeds, origin: Origin) -> None:
    yaml(wire)
    page = origin.put("/news", Document(FRONT, headers={"content_type": "text/html"}))
    added = feeds("add", page, "--id", "harbour", "--json")
    assert added.code == 0, added.err
    (found,) = json.loads(added.out)["candidates"]
    assert (found["kind"], found["newest"][0]) == ("page", "What the ferry carried on day 0")
    with wire.app() as app:
        assert (app.config.sources["harbour"].kind, app.config.sources["harbour"].address) == ("page", page)


def test_add_prefers_the_sitemap_that_robots_txt_names(wire: Wire, feeds: Feeds, origin: Origin) -> None:
    yaml(wire)
    page = origin.put("/news", Document(FRONT, headers={"content_type": "text/html"}))
    urls = f"<url><loc>{origin.url('/story-1')}</loc></url>"
    urlset = f"<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>{urls}</urlset>".encode()
    sitemap = origin.put("/map.xml", Document(urlset))
    origin.put("/robots.txt", raw(reply(f"Sitemap: {sitemap}\n".encode(), content_type="text/plain"), KEEP))
    added = feeds("add", page, "--id", "harbour", "--json")
    assert added.code == 0, added.err
    assert [found["kind"] for found in json.loads(added.out)["candidates"]] == ["sitemap", "page"]
