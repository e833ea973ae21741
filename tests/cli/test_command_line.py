"""The command line as a whole: help, options, exit codes, output."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from command import RunCommand, run_on_terminal
from origin import Origin
from wire import Wire, document, rss

from feeds.cli import COMMANDS

ROOT = Path(__file__).parent.parent.parent


def test_every_command_is_in_the_help_and_in_the_readme(feeds: RunCommand) -> None:
    result = feeds("--help").out
    readme = ROOT / "README.md"
    documented = readme.read_text(encoding="utf-8") if readme.exists() else ""
    for name, entry in COMMANDS.items():
        assert f"  {name} " in result
        assert entry.help in " ".join(result.split())
        assert not documented or f"feeds {name}" in documented or f"`{name}" in documented, name


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, feeds: RunCommand) -> None:
    result = feeds(name, "--help")
    assert result.code == 0
    assert f" feeds {name} " in result.out.splitlines()[0]
    assert "--config PATH" in result.out


HEAVY = {"alembic", "apscheduler", "feedgen", "feedparser", "lxml", "pydantic", "requests", "rich", "sqlalchemy"}
HEAVY |= {"starlette", "trafilatura", "urllib3", "uvicorn", "yaml"}


def _imports(wire: Wire, *arguments: str) -> set[str]:
    """The modules a command imports."""
    result = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "feeds", *arguments],
        capture_output=True,
        text=True,
        check=True,
        cwd=wire.home,
        env=wire.env() | {"PYTHONPATH": str(ROOT)},
    )
    return {row.rpartition("|")[2].strip() for row in result.stderr.splitlines() if row.startswith("import time:")}


def test_help_imports_nothing_heavy(wire: Wire) -> None:
    """`feeds --help` < 0.2 s, counted in modules."""
    modules = _imports(wire, "--help")
    assert not {name.partition(".")[0] for name in modules} & HEAVY
    assert len(modules) < 250


def test_config_is_taken_before_the_command_and_after_it(wire: Wire, feeds: RunCommand) -> None:
    wire.declare({})
    elsewhere = wire.home / "elsewhere.yaml"
    wire.config.rename(elsewhere)
    assert feeds("check").code == 2
    assert feeds("--config", str(elsewhere), "check").code == 0
    assert feeds("check", "--config", str(elsewhere)).code == 0


def test_wrong_usage_and_a_wrong_configuration_end_with_2(wire: Wire, feeds: RunCommand) -> None:
    wire.declare({"a": "no address"})
    wrong = feeds("run")
    assert (wrong.code, wrong.out) == (2, "")
    assert f"{wire.config}:" in wrong.err
    assert feeds("nonsense").code == 2
    assert feeds("run", "--wait", "soon").code == 2
    assert feeds("preview").code == 2
    assert feeds("preview", "--steps", "x").code == 2


def test_no_colour_in_a_pipe(wire: Wire) -> None:
    wire.declare({})
    result = wire.command("status")
    assert result.returncode == 0
    assert "\x1b" not in result.stdout


@pytest.mark.parametrize("arguments", [["--help"], ["schema"]])
def test_a_reader_that_leaves_ends_the_command_quietly(wire: Wire, arguments: list[str]) -> None:
    process = wire.start(*arguments)
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    _, errors = process.communicate(timeout=300)
    assert (process.returncode, errors) == (1, "")


@pytest.mark.parametrize("redirection", [">&-", ">/dev/full", "<&- >&-"])
@pytest.mark.parametrize("arguments", [["--help"], ["export"]])
def test_D10_an_output_that_takes_nothing_costs_one_sentence(
    wire: Wire, arguments: list[str], redirection: str
) -> None:
    wire.declare({"a": "https://a.example/feed"})
    shell = ["sh", "-c", f'"$@" {redirection}', "sh", *wire.argv(*arguments)]
    result = subprocess.run(shell, capture_output=True, text=True, check=False, env=wire.env(), cwd=wire.home)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert result.stderr.startswith("Error: the output cannot be written: ")


def test_D10_an_error_that_cannot_be_printed_keeps_its_exit_code(wire: Wire) -> None:
    shell = ["sh", "-c", '"$@" 2>&-', "sh", *wire.argv("check")]
    result = subprocess.run(shell, capture_output=True, text=True, check=False, env=wire.env(), cwd=wire.home)
    assert (result.returncode, result.stdout) == (2, "")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_D10_letters_that_the_terminal_lacks_are_escaped(wire: Wire, encoding: str) -> None:
    wire.declare({})
    story = wire.home / "story.rss"
    story.write_bytes(rss(("1", "Café 日本 😀")))
    env = wire.env() | {"PYTHONIOENCODING": encoding}
    result = subprocess.run(wire.argv("preview", str(story)), capture_output=True, check=True, env=env, cwd=wire.home)
    assert b"Caf" in result.stdout
    result = subprocess.run(
        wire.argv("preview", "--json", str(story)), capture_output=True, check=True, env=env, cwd=wire.home
    )
    assert json.loads(result.stdout)["items"][0]["title"] == "Café 日本 😀"


def test_an_unknown_id_is_named_with_its_nearest(wire: Wire, feeds: RunCommand) -> None:
    wire.declare({"metro": "https://a.example/feed"})
    for arguments in (["run", "metra"], ["status", "metra"], ["publish", "al"], ["preview", "--feed", "al"]):
        wrong = feeds(*arguments)
        assert wrong.code == 2
        assert "did you mean" in wrong.err


def test_colour_and_progress_are_for_terminals(wire: Wire, origin: Origin) -> None:
    wire.declare({"a": origin.put("/a", document())})
    bar = run_on_terminal(wire, "run")
    assert "1/1" in bar and "4 articles new or changed, 0 failed" in bar
    assert "\x1b[33m" in run_on_terminal(wire, "status")
    assert "\x1b[33m" not in run_on_terminal(wire, "status", colour=False)
