"""`feeds docs` and `feeds version`, completion, and mistyped commands (D9)."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sqlite3
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
from command import RunCommand
from wire import Wire

from feeds.cli import COMMANDS, cli
from feeds.config import json_schema

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "config" / "feeds.1"


def test_D9_the_manual_page_is_up_to_date(feeds: RunCommand) -> None:
    """If not: `feeds docs > config/feeds.1`."""
    assert feeds("docs").out == PAGE.read_text(encoding="utf-8")


def test_D9_the_manual_page_is_in_the_wheel() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["shared-data"] == {"config/feeds.1": "share/man/man1/feeds.1"}


def test_D9_the_manual_page_has_every_command_option_and_key() -> None:
    text = re.sub(r"\\f[BR]", "", PAGE.read_text(encoding="utf-8")).replace("\\-", "-")
    for name in COMMANDS:
        assert f'.SS "feeds {name}' in text
        command = cli.get_command(None, name)  # type: ignore[arg-type]
        assert command is not None
        options = [option for option in command.params if isinstance(option, click.Option) and not option.hidden]
        assert all(spelling in text for option in options for spelling in option.opts)
    for shape in json_schema()["$defs"].values():
        for key in shape["properties"]:
            assert re.search(rf"\.TP\n(?:\w+\.)?{key}\n", text), key


@pytest.mark.skipif(not shutil.which("groff"), reason="groff is not installed")
def test_D9_the_manual_page_is_read_without_a_warning() -> None:
    command = ["groff", "-man", "-Tutf8", "-Kutf8", "-ww", str(PAGE)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stderr == ""
    assert "EXIT STATUS" in re.sub(r"\x1b\[[0-9;]*m|.\x08", "", result.stdout)


def test_D9_version_names_program_python_libraries_and_database(
    wire: Wire, feeds: RunCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "packages" / "feeds-9.dist-info"
    package.mkdir(parents=True)
    requirements = ["click>=8", "nothing-of-that-name", 'rich>=14; extra == "x"']
    lines = ["Metadata-Version: 2.1", "Name: feeds", "Version: 9", *(f"Requires-Dist: {line}" for line in requirements)]
    (package / "METADATA").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(package.parent)
    without = feeds("version", "--json").json
    assert (without["feeds"], without["database"]) == (sys.modules["feeds"].__version__, None)
    assert without["sqlite"] == sqlite3.sqlite_version
    assert without["python"].startswith(platform.python_version())
    assert list(without["libraries"]) == ["click", "rich"]
    wire.declare({})
    assert feeds("version", "--json").json["database"] == str(wire.home / "data" / "feeds.db")
    shown = feeds("version").out
    assert re.search(r"^sqlite +3\.", shown, re.MULTILINE)
    assert re.search(r"^  click +\d", shown, re.MULTILINE)


@pytest.mark.parametrize(
    ("typed", "meant"), [("chek", "check"), ("stauts", "status"), ("Run", "run"), ("docs!", "docs")]
)
def test_D9_a_mistyped_command_is_answered_with_the_nearest(feeds: RunCommand, typed: str, meant: str) -> None:
    result = feeds(typed)
    assert result.code == 2
    assert f"there is no command `{typed}`, did you mean `{meant}`?" in result.err


def test_D9_a_command_like_none_is_refused_without_a_suggestion(feeds: RunCommand) -> None:
    assert "there is no command `xyzzy`\n" in feeds("xyzzy").err


def test_D9_the_shell_completes_commands_and_options_without_importing_them(wire: Wire) -> None:
    def complete(*words: str) -> str:
        env = wire.env() | {"_FEEDS_COMPLETE": "bash_complete", "PYTHONPATH": str(ROOT)}
        env |= {"COMP_WORDS": " ".join(["feeds", *words]), "COMP_CWORD": str(len(words))}
        command = [sys.executable, "-X", "importtime", "-m", "feeds"]
        result = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | env)
        if len(words) == 1:
            assert "sqlalchemy" not in result.stderr
        return result.stdout

    assert complete("re").split() == ["plain,reload", "plain,retract", "plain,restore"]
    assert "plain,--refetch" in complete("run", "--ref")


def test_D9_the_container_is_made_of_what_is_there() -> None:
    lines = (ROOT / "config" / "Containerfile").read_text().splitlines()
    copied = [name for line in lines if line.startswith("COPY ") for name in line.split()[1:-1]]
    assert {"feeds", "config", "pyproject.toml", "tests/constraints.txt"} <= set(copied)
    assert all((ROOT / name).exists() for name in copied)
