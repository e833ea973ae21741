"""Messages, documents and samples name only commands and keys that exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click

from feeds.cli import COMMANDS, cli
from feeds.config import json_schema

ROOT = Path(__file__).parent.parent.parent
# A command is marked by a backtick, a quotation mark, a prompt, a path or "run:" before it.
COMMAND = re.compile(r"(?:[`'“]|^\$ |bin/|\brun:? )feeds ([a-z]+)", re.MULTILINE)
OPTIONS = re.compile(r"`feeds ([a-z]+)([^`\n]*)`")
KEY = re.compile(r"`([a-z_]+):(?=[` ])")
PLACEHOLDERS = {"key"}


def _messages() -> Iterator[tuple[str, str]]:
    """Yield every string of the package that is no docstring, with its file and line."""
    for path in sorted((ROOT / "feeds").rglob("*.py")):
        tree = ast.parse(path.read_bytes())
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
                yield f"{path.relative_to(ROOT)}:{node.lineno}", node.value


def _documents() -> Iterator[tuple[str, str]]:
    """Yield every file of the package, the README and the samples."""
    paths = [*(ROOT / "feeds").rglob("*.py"), ROOT / "README.md", *(ROOT / "config").rglob("*.*")]
    paths = [path for path in paths if path.is_file()]
    for path in paths:
        yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


def _property_names(node: object) -> Iterator[str]:
    """Yield the keys of the YAML, at any depth of its JSON Schema."""
    if isinstance(node, dict):
        yield from node.get("properties", ())
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _property_names(child)


def test_A12_texts_name_only_commands_that_exist() -> None:
    named = [(place, name) for place, text in _documents() for name in COMMAND.findall(text)]
    assert len({name for _, name in named}) >= len(COMMANDS)
    assert not [(place, name) for place, name in named if name not in COMMANDS]


def test_A12_texts_name_only_options_that_exist() -> None:
    context = click.Context(cli)
    named = [
        (place, name, option)
        for place, text in _documents()
        for name, rest in OPTIONS.findall(text)
        for option in re.findall(r"(?<!\S)\[?(--?[a-z][a-z-]*)", rest)
    ]
    assert {"--all", "--undo", "--feed"} <= {option for _, _, option in named}
    for place, name, option in named:
        command = cli.get_command(context, name)
        assert command and any(option in parameter.opts for parameter in command.get_params(context)), (
            place,
            name,
            option,
        )


def test_A12_messages_name_only_keys_that_exist() -> None:
    known = set(_property_names(json_schema())) | PLACEHOLDERS
    named = [(place, name) for place, text in _messages() for name in KEY.findall(text)]
    assert {"auth", "allow_private", "data"} <= {name for _, name in named}
    assert not [(place, name) for place, name in named if name not in known]
