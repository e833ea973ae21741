"""Messages, documents and samples name only commands and keys that exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from feeds.cli import COMMANDS
from feeds.config import json_schema

ROOT = Path(__file__).parent.parent.parent
COMMAND = re.compile(r"`feeds ([a-z]+)|^\$ feeds ([a-z]+)|bin/feeds ([a-z]+)", re.MULTILINE)
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
    for path in paths:
        yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


def _property_names(node: object) -> Iterator[str]:
    """Yield the keys of the YAML, at any depth of its JSON Schema."""
    if isinstance(node, dict):
        yield from node.get("properties", ())
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _property_names(child)


def test_texts_name_only_commands_that_exist() -> None:
    named = [(place, name) for place, text in _documents() for names in COMMAND.findall(text) for name in names if name]
    assert len({name for _, name in named}) >= len(COMMANDS)
    assert not [(place, name) for place, name in named if name not in COMMANDS]


def test_messages_name_only_keys_that_exist() -> None:
    known = set(_property_names(json_schema())) | PLACEHOLDERS
    named = [(place, name) for place, text in _messages() for name in KEY.findall(text)]
    assert {"auth", "allow_private", "data"} <= {name for _, name in named}
    assert not [(place, name) for place, name in named if name not in known]
