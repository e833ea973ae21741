"""`feeds daemon`: commands beside it, and a configuration that is edited while it runs."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator

import forked
import pytest
from command import RunCommand
from forked import ForkedCommand
from origin import KEEP, Origin, raw, reply
from wire import Wire, document, until

from feeds.app import TurnOptions
from feeds.errors import ConfigError


@pytest.fixture
def daemon(wire: Wire) -> Iterator[Callable[[], ForkedCommand]]:
    """Start a daemon, which ends with the test."""
    started: list[ForkedCommand] = []

    def start() -> ForkedCommand:
        with (wire.home / "log").open("w") as log:
            arguments = ("-v", "daemon", "--listen", "127.0.0.1:0")
            process = forked.start(arguments, wire.home, wire.env(), log)
        started.append(process)
        until(lambda: (wire.public / "all.json").exists())
        return process

    yield start
    for process in started:
        process.terminate()
        process.wait(timeout=300)


def test_F24_status_and_backup_work_beside_a_daemon(
    wire: Wire, feeds: RunCommand, origin: Origin, daemon: Callable[[], ForkedCommand]
) -> None:
    wire.declare({"a": origin.put("/a", document())})
    process = daemon()
    assert feeds("status", "a").code == 0
    assert feeds("preview", "--feed", "all").code == 0
    assert feeds("backup", "copy.db").code == 0
    until(lambda: "4 articles new or changed (a 4)" in (wire.home / "log").read_text())
    lines = (wire.home / "log").read_text().splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\dT\S+Z [A-Z]+ feeds\.|  ", line) for line in lines)
    refused = wire.command("daemon", "--listen", "127.0.0.1:0")
    assert refused.returncode == 3
    assert str(process.pid) in refused.stderr


def test_F24_beside_another_command_each_that_writes_is_refused(wire: Wire, feeds: RunCommand, origin: Origin) -> None:
    wire.declare({"a": origin.put("/a", document())})
    with wire.app():
        for arguments in (["run"], ["publish"], ["forget", "a"], ["retract", "x"]):
            locked = feeds(*arguments)
            assert locked.code == 3
            assert str(os.getpid()) in locked.err
        assert "no daemon" in feeds("reload").err


def test_A8_commands_have_the_running_daemon_do_their_work(
    wire: Wire, feeds: RunCommand, origin: Origin, daemon: Callable[[], ForkedCommand]
) -> None:
    """What they print is what they print without a daemon; `run` also takes what `status` calls quarantined."""
    wire.declare({"a": origin.put("/a", document()), "bad": origin.put("/bad", raw(reply(b"", 500), KEEP))})
    daemon()
    before = len(origin.requests)
    ran = feeds("run", "a", "--json")
    assert (ran.code, ran.json["visits"]) == (0, 1)
    assert len(origin.requests) == before + 1
    assert feeds("run", "bad", "--strict").code == 4
    unknown = feeds("run", "aa")
    assert unknown.code == 2
    assert "did you mean `a`" in unknown.err
    assert feeds("publish").out.startswith("0 files")
    assert feeds("publish", "none").code == 2
    id = str(wire.items()[0]["id"])
    assert feeds("retract", id).out.startswith(f"retracted {id}; ")
    assert len(wire.items()) == 3
    assert feeds("retract", "x").code == 1
    assert feeds("forget", "a", "--json").json["articles"] == 4
    assert wire.items() == []
    wire.declare({"a": origin.put("/a", document())}, {"all": {"title": "Edited"}})
    assert feeds("reload").code == 0
    until(lambda: json.loads((wire.public / "all.json").read_text())["title"] == "Edited")
    wire.declare({}, data="../data", server={"listen": "127.0.0.1:1"})
    refused = feeds("reload")
    assert refused.code == 2
    assert "`server` cannot change without a restart" in refused.err


def test_F25_an_edited_file_is_taken_once_and_whole(
    wire: Wire, origin: Origin, daemon: Callable[[], ForkedCommand]
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
    result = log.read_text()
    assert result.count("not reloaded") == 2
    assert result.count("feedz") >= 1
    assert process.poll() is None


def test_F25_a_turn_that_is_to_be_over_starts_nothing_more(wire: Wire, origin: Origin) -> None:
    """The configuration is taken between two turns, and one that finds ever more to do would never end."""
    sources = {f"s{number}": origin.put(f"/{number}", document()) for number in range(60)}
    wire.declare(sources, hosts={"gap": "0s", "at_once": 1})
    with wire.app() as app:
        turn = app.turn(TurnOptions(repeat=True, should_end=lambda: len(origin.requests) >= 3))
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
