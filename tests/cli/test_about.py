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
from command import RunCommand, run_on_terminal
from plugins import SAMPLE, install_sample
from wire import Wire

from feeds.cli import COMMANDS, cli, man_page
from feeds.cli.manual import Listing
from feeds.cli.plugin_pages import TOPICS, PluginTopic, make_plugin_page
from feeds.config import json_schema, load, parse_duration
from feeds.config.units import parse_byte_limit
from feeds.config.values import parse_slug

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "config" / "feeds.1"


def test_D9_the_manual_page_is_up_to_date(feeds: RunCommand) -> None:
    """If not: `feeds docs > config/feeds.1`."""
    assert feeds("docs").out == PAGE.read_text(encoding="utf-8")


def test_D9_the_manual_page_is_in_the_wheel() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["shared-data"] == {"config/feeds.1": "share/man/man1/feeds.1"}


def test_D9_the_manual_page_has_every_command_option_and_key_with_its_example() -> None:
    text = re.sub(r"\\f[BR]", "", PAGE.read_text(encoding="utf-8")).replace("\\-", "-")
    for name in COMMANDS:
        assert f'.SS "feeds {name}' in text
        command = cli.get_command(None, name)  # type: ignore[arg-type]
        assert command is not None
        options = [option for option in command.params if isinstance(option, click.Option) and not option.hidden]
        assert all(spelling in text for option in options for spelling in option.opts)
    for shape in json_schema()["$defs"].values():
        for key in shape["properties"]:
            assert re.search(rf"\.TP\n(?:\w+\.)?{key}\n.+\n\.br\nExample: {key}: \S", text), key


def test_D9_the_examples_of_the_manual_page_are_right(tmp_path: Path) -> None:
    """Those of the keys are taken from the schema, where `tests/config/test_keys.py` proves them."""
    path = tmp_path / "feeds.yaml"
    path.write_text(man_page.SMALL_FILE, encoding="utf-8")
    assert len(load(path, {}).sources) == 3
    commands = [line.split()[1] for line in man_page.FIRST_STEPS.splitlines()]
    assert set(commands) <= COMMANDS.keys()
    values = {name: example for name, _, example in man_page.VALUES}
    assert parse_duration(str(values["a length of time"])) == 5400
    assert parse_byte_limit(str(values["a size"])) == 15_000_000
    assert parse_slug(str(values["an id"])) == "world-news"


def test_D9_the_manual_is_text_for_a_terminal_and_for_man_otherwise(
    feeds: RunCommand, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert feeds("docs").out.startswith(".TH FEEDS 1")
    text = feeds("docs", "--as", "text").out
    assert text.startswith("NAME\n    feeds - publish") and max(map(len, text.splitlines())) <= 120
    assert "\n    every\n        The interval between two visits" in text and "\n        Example:  every: 15m\n" in text
    monkeypatch.setenv("PAGER", "cat")
    assert "The interval between two visits" in run_on_terminal(wire, "docs")


def test_D9_the_manual_has_each_recipe_as_it_is(feeds: RunCommand) -> None:
    text = feeds("docs", "recipes", "--as", "text").out
    listed = "\n".join(line.removeprefix(" " * 8) for line in text.splitlines())
    for path in (ROOT / "config" / "recipes").glob("*.yaml"):
        _, _, recipe = path.read_text(encoding="utf-8").split("\n", 2)
        assert recipe in listed


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_D9_each_kind_of_plugin_has_a_page_with_the_files_of_the_sample(feeds: RunCommand, topic: PluginTopic) -> None:
    """`tests/flow/test_plugins.py` installs and uses these files."""
    listed = {str(block.text) for block in make_plugin_page(topic).blocks if isinstance(block, Listing)}
    project = tomllib.loads((SAMPLE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    modules = {value.partition(":")[0].rpartition(".")[2] for value in project["entry-points"][topic.group].values()}
    files = [SAMPLE / "pyproject.toml", *(SAMPLE / "sample_plugin" / f"{module}.py" for module in modules)]
    assert {path.read_text(encoding="utf-8") for path in files} <= listed
    page, text = feeds("docs", topic.name).out, feeds("docs", topic.name, "--as", "text").out
    assert page.startswith(f".TH FEEDS-{topic.name.upper()} 7 ")
    assert all(f"class {declaration.__name__}" in text for declaration in topic.declarations)
    listed_text = "\n".join(line.removeprefix(" " * 8) for line in text.splitlines())
    assert all(path.read_text(encoding="utf-8") in listed_text for path in files)


def test_D9_what_the_pages_on_plugins_put_into_the_yaml_is_right(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    plugins = wire.home / "plugins"
    plugins.mkdir()
    install_sample(plugins)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(plugins), os.environ.get("PYTHONPATH", "")]))
    wire.declare({})
    for topic in TOPICS:
        site = "site: {title: A, url: https://wire.example.org/}\n"
        wire.config.write_text(site + topic.use, encoding="utf-8")
        assert "no mistakes" in wire.command("check").stdout
    assert "\n    gemlog\n" in wire.command("docs", "--as", "text").stdout


@pytest.mark.skipif(not shutil.which("groff"), reason="groff is not installed")
def test_D9_the_manual_is_read_without_a_warning(feeds: RunCommand) -> None:
    command = ["groff", "-man", "-Tutf8", "-Kutf8", "-ww"]
    last_headings = {"feeds": "EXIT STATUS", "recipes": "WEB-SERVER"}
    for name, last in (last_headings | {topic.name: "DECLARATIONS" for topic in TOPICS}).items():
        page = feeds("docs", name).out
        result = subprocess.run(command, input=page, capture_output=True, text=True, check=True)
        assert result.stderr == ""
        assert last in re.sub(r"\x1b\[[0-9;]*m|.\x08", "", result.stdout)


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
