"""Progress bars: on a terminal only, with a total (D6)."""

from __future__ import annotations

import io
import logging
import re
import sys

import pytest
from command import run_on_terminal
from origin import Origin
from wire import Wire, document

from feeds.app import Turn
from feeds.cli.log_format import StderrHandler
from feeds.cli.progress import FirstRound


class Terminal(io.StringIO):
    """A stderr that is a terminal."""

    def isatty(self) -> bool:
        return True


def test_D6_publish_and_import_show_how_far_they_are(wire: Wire, origin: Origin) -> None:
    wire.declare({"a": origin.put("/a", document())}, {"all": {"title": "All"}, "few": {"title": "Few"}})
    assert "a" in run_on_terminal(wire, "run")
    assert "2/2 feeds, few" in plain(run_on_terminal(wire, "publish"))
    opml = "".join(f'<outline type="rss" text="Feed {n}" xmlUrl="https://s{n}.example/f"/>' for n in range(3))
    (wire.home / "list.opml").write_text(f"<opml><body>{opml}</body></opml>")
    write_block_style(wire)
    assert "3/3 feeds read, adding 3" in plain(run_on_terminal(wire, "import", "list.opml"))


def plain(shown: str) -> str:
    """Return what a terminal shows, without colours and movements."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)


def write_block_style(wire: Wire) -> None:
    """A configuration that sources can be added to line by line."""
    wire.config.write_text("site: {title: T, url: https://t.example/}\nsources:\n  a: https://a.example/f\n")


def test_D6_nothing_is_shown_without_a_terminal(wire: Wire, origin: Origin) -> None:
    wire.declare({"a": origin.put("/a", document())})
    ran = wire.command("run")
    assert (ran.stderr, "visits" in ran.stdout) == ("", False)


def test_D6_the_first_round_of_a_daemon_is_one_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes on over several turns, until nothing is left."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    first_round = FirstRound()
    turn = Turn(visits=2, pending=3, articles=4, last_source="bbc")
    first_round.follow(turn)
    first_round.end_turn(turn)
    last = Turn(visits=3, pending=0, articles=1, last_source="metro")
    first_round.follow(last)
    first_round.end_turn(last)
    shown = terminal.getvalue()
    assert "5/5 visits, 1 article new or changed, 0 failed, metro" in plain(shown)
    first_round.follow(Turn(visits=1))
    assert terminal.getvalue() == shown
    first_round.close()


def test_D6_a_log_line_goes_above_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    handler = StderrHandler()
    first_round = FirstRound()
    first_round.follow(Turn(visits=1, pending=1))
    handler.emit(logging.makeLogRecord({"msg": "a line"}))
    first_round.close()
    shown = plain(terminal.getvalue())
    assert shown.index("a line") < shown.rindex("1/2")
