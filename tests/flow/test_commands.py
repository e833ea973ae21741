"""Whole turns with programs as sources: feeds, pages and JSON that they print, schedule, failure, stop, and refusal."""

from __future__ import annotations

import json
import os
import signal
from datetime import timedelta
from pathlib import Path

import pytest
from origin import Document, Origin
from wire import Wire, rss, until

ALLOWED = {"allow_commands": True}
ROOM = "<p>" + "Some words of a story that is long enough to be one. " * 20 + "</p>"


def write_program(wire: Wire, name: str, *lines: str) -> None:
    path = wire.config.parent / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]), encoding="utf-8")
    path.chmod(0o755)


def page(*links: str) -> str:
    items = (
        f"<li><h2><a href='{link}'>A headline about number {number}</a></h2><p>What it is about, in short.</p></li>"
        for number, link in enumerate(links)
    )
    return f"<html><body><main><ul>{''.join(items)}</ul></main></body></html>"


def test_a_program_prints_a_feed_or_json_and_its_stories_have_the_settings_of_the_source(wire: Wire) -> None:
    wire.declare({}, **ALLOWED)
    (wire.config.parent / "wire.rss").write_bytes(rss(("1", "One"), ("2", "Two, sponsored")))
    tree = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "J",
        "items": [{"id": "3", "content_text": "Three"}],
    }
    settings = {"tags": ["wire"], "steps": [{"drop": {"title": "sponsored"}}]}
    wire.declare(
        {"xml": {"command": ["cat", "wire.rss"], **settings}, "json": {"command": ["echo", json.dumps(tree)]}},
        **ALLOWED,
    )
    assert wire.turn().failures == 0
    items = {
        str(item.get("title") or item.get("content_text") or item.get("content_html")): item for item in wire.items()
    }
    assert len(items) == 2 and items["One"]["tags"] == ["wire"]
    assert "wire.rss" not in "".join(body.decode("utf-8", "replace") for body in wire.files().values())


def test_a_program_prints_a_page_and_its_stories_are_visited(wire: Wire, origin: Origin) -> None:
    links = [
        origin.put(f"/s/{number}", Document(f"<html><body><article><h1>Story {number}</h1>{ROOM}</article>".encode()))
        for number in range(8)
    ]
    base = links[0].removesuffix("0")
    wire.declare({"list": {"command": ["cat", "page.html"], "base": base}}, **ALLOWED)
    (wire.config.parent / "page.html").write_text(page(*map(str, range(8))), encoding="utf-8")
    assert wire.turn().failures == 0
    assert {item["url"] for item in wire.items()} == {*links}
    assert "long enough to be one" in str(wire.items()[0]["content_html"])


def test_the_stories_of_a_program_are_read_from_their_pages(wire: Wire, origin: Origin) -> None:
    url = origin.put("/1", Document(f"<html><body><article><h1>One</h1>{ROOM}</article></body></html>".encode()))
    wire.declare({"a": {"command": ["cat", "wire.rss"], "full_text": True}}, **ALLOWED)
    body = rss(("1", "One")).replace(b"https://a.example/1", url.encode())
    (wire.config.parent / "wire.rss").write_bytes(body)
    assert wire.turn().failures == 0
    assert "long enough to be one" in str(wire.items()[0]["content_html"])


def test_E12_a_program_runs_once_in_its_interval_whatever_becomes_of_it(wire: Wire) -> None:
    write_program(wire, "count", "echo run >> count.log", "exit ${FAIL:-0}")
    wire.declare({"a": {"command": ["./count"], "every": "10m"}}, **ALLOWED)
    log = wire.config.parent / "count.log"
    for minutes, runs in ((0, 1), (9, 1), (2, 2), (5, 2), (5, 3)):
        wire.now += timedelta(minutes=minutes)
        wire.turn()
        assert len(log.read_text(encoding="utf-8").split()) == runs, minutes


def test_E4_a_program_that_prints_the_same_changes_nothing(wire: Wire) -> None:
    wire.declare({"a": {"command": ["cat", "wire.rss"]}}, **ALLOWED)
    (wire.config.parent / "wire.rss").write_bytes(rss(("1", "One")))
    wire.turn()
    inodes = wire.inodes()
    turn = wire.turn(everything=True)
    assert (turn.not_modified, turn.failures, wire.inodes()) == (1, 0, inodes)


def test_F31_a_program_that_fails_keeps_the_stories_and_is_told(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "s3cret-token-of-mine")
    write_program(wire, "wire", "test -e broken && { echo token $TOKEN is wrong >&2; exit 9; }", "cat wire.rss")
    wire.declare({"a": {"command": ["./wire"], "env": {"TOKEN": "${TOKEN}"}}}, **ALLOWED)
    (wire.config.parent / "wire.rss").write_bytes(rss(("1", "One")))
    assert wire.command("run").returncode == 0
    (wire.config.parent / "broken").touch()
    run, status = wire.command("run", "a"), wire.command("status")
    for result in (run, status, wire.command("status", "a", "--json"), wire.command("preview", "a")):
        assert "./wire failed with exit code 9: token *** is wrong" in result.stdout + result.stderr
        assert "s3cret" not in result.stdout + result.stderr
    assert [item["title"] for item in wire.items()] == ["One"]
    assert all(b"s3cret" not in path.read_bytes() for path in (wire.home / "data").rglob("*") if path.is_file())


def test_not_all_programs_run_at_once(wire: Wire) -> None:
    """Each waits until it has seen four at work, or for long enough that a fifth would have come."""
    write_program(
        wire, "one", "mkdir -p at; touch at/$1; sleep 0.3; ls at | wc -l >> most; rm at/$1; sed s/NAME/$1/g wire.rss"
    )
    (wire.config.parent / "wire.rss").write_bytes(rss(("NAME", "About NAME")))
    wire.declare({f"p{number}": {"command": ["./one", str(number)]} for number in range(10)}, **ALLOWED)
    assert wire.turn().failures == 0
    counts = [*map(int, (wire.config.parent / "most").read_text(encoding="ascii").split())]
    assert len(counts) == 10 and max(counts) <= 4
    assert len(wire.items()) == 10


@pytest.mark.parametrize("command", ["run", "daemon"])
def test_F38_a_stop_leaves_no_program_running(wire: Wire, command: str) -> None:
    write_program(wire, "last", "sleep 600 & echo $$ $! > pids.new; mv pids.new pids; wait")
    wire.declare({"a": {"command": ["./last"], "timeout": "10m"}}, **ALLOWED)
    pids = wire.config.parent / "pids"
    arguments = ["daemon", "--listen", "127.0.0.1:0"] if command == "daemon" else ["run"]
    process = wire.fork(*arguments)
    until(pids.exists)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=300)
    group = int(pids.read_text(encoding="ascii").split()[0])
    until(lambda: not _has_members(group))


def test_F1_a_program_that_outlives_a_killed_process_is_not_run_again_beside_itself(wire: Wire) -> None:
    write_program(wire, "last", "test -e done && exec cat wire.rss", "echo $$ > pid.new; mv pid.new pid; sleep 600")
    wire.declare({"a": {"command": ["./last"], "timeout": "10m"}}, **ALLOWED)
    (wire.config.parent / "wire.rss").write_bytes(rss(("1", "One")))
    pid = wire.config.parent / "pid"
    process = wire.fork("run")
    until(pid.exists)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=300)
    assert "./last still runs since an earlier visit" in wire.command("run", "a").stdout
    os.killpg(int(pid.read_text(encoding="ascii")), signal.SIGKILL)
    (wire.config.parent / "done").touch()
    until(lambda: not wire.turn(everything=True).failures)
    assert [item["title"] for item in wire.items()] == ["One"]


def _has_members(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return (
        any(_group_of(path) == group for path in Path("/proc").glob("[0-9]*/stat")) if Path("/proc").exists() else True
    )


def _group_of(path: Path) -> int | None:
    """The process group of a process that has not ended."""
    try:
        state, _, group, *_ = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except (OSError, ValueError):
        return None
    return None if state == "Z" else int(group)


def test_nothing_from_outside_runs_a_program(wire: Wire, origin: Origin) -> None:
    """S22: neither an outline, nor an address, nor a link of a story, nor the YAML without the operator's word."""
    write_program(wire, "prog", "touch ran")
    outlines = "".join(
        f"<outline type='{kind}' text='x{n}' xmlUrl='{url}' command='./prog' htmlUrl='{url}'/>"
        for n, (kind, url) in enumerate([("rss", "./prog"), ("command", "./prog"), ("include", "command:./prog")])
    )
    opml = f"<opml version='2.0'><body>{outlines}</body></opml>".encode()
    links = rss(("1", "One")).replace(b"https://a.example/1", b"./prog")
    sources: dict[str, object] = {
        "list": {"opml": origin.put("/roll.opml", Document(opml))},
        "feed": {"feed": origin.put("/feed", Document(links)), "full_text": True},
    }
    wire.declare(sources, **ALLOWED)
    wire.turn()
    for arguments in (["preview", "./prog"], ["preview", "command:./prog"], ["add", "command:./prog", "-y"]):
        wire.command(*arguments)
    wire.declare({**sources, "prog": {"command": ["./prog"]}})
    refused = wire.command("run")
    assert refused.returncode == 2 and "expected `allow_commands: true`" in refused.stderr
    assert not (wire.config.parent / "ran").exists() and not (wire.home / "ran").exists()
    wire.declare({"prog": {"command": ["./prog"]}}, **ALLOWED)
    wire.turn()
    assert (wire.config.parent / "ran").exists()


def test_R5_stories_of_a_program_expire_as_those_of_others_do(wire: Wire) -> None:
    feeds = {"all": {"steps": [{"keep": {"title": "Three"}}]}}
    wire.declare({"a": {"command": ["cat", "wire.rss"]}}, feeds, retain="1d", **ALLOWED)
    path = wire.config.parent / "wire.rss"
    path.write_bytes(rss(("1", "One"), ("2", "Two")))
    wire.turn()
    wire.now += timedelta(days=40)
    path.write_bytes(rss(("3", "Three"), when="Sat, 11 Apr 2026 08:00:00 GMT"))
    wire.turn()
    with wire.app() as app:
        assert {article.title for article in app.store.articles()} == {"Three"}


def test_a_program_is_in_no_list_that_others_read_and_status_shows_its_words(wire: Wire) -> None:
    wire.declare({"a": {"command": ["cat", "wire feed.rss"]}}, **ALLOWED)
    (wire.config.parent / "wire feed.rss").write_bytes(rss(("1", "One")))
    wire.turn()
    assert b"wire feed" not in b"".join(wire.files().values())
    assert json.loads(wire.command("status", "--json").stdout)["sources"][0]["url"] == "cat 'wire feed.rss'"
    assert wire.command("export").stderr == "left out (see `feeds export --help`): a\n"
