"""Each key of the schema has an effect; one that has none in this version is refused (D2)."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from origin import Document, Origin
from wire import NOON, Wire, rss

from feeds.app.server_process import FileServer
from feeds.config import find_warnings, json_schema, load, mask_secrets
from feeds.errors import ConfigError, FeedsError
from feeds.model import (
    Config,
    Cron,
    Feed,
    Fetched,
    HostLimits,
    Interval,
    Kind,
    ServerSettings,
    Site,
    Source,
    field_names,
)
from feeds.parse.page import read_page
from feeds.steps import Age, Condition, Drop, Keep, Limit, Prefix, Rewrite, Sort, Strip, Substitution, Tag

KeyPath = tuple[str, ...]
Tree = dict[str, Any]

BASE: Tree = {
    "site": {"title": "A", "url": "http://localhost/"},
    "sources": {"it": {"page": "https://a.example/"}, "wire": "https://b.example/", "metro": "https://c.example/"},
    "feeds": {"x": {}},
}

# A step of the same kind, to which any of these keys can be added.
OTHER_STEPS: Tree = {
    "keep": {"title": "other"},
    "drop": {"title": "other"},
    "rewrite": {"title": {"other": "b"}},
    "strip": {"parameters": "other"},
    "tag": {"add": "other"},
    "prefix": {"text": "other"},
    "dedupe": {},
    "sort": {"by": "title"},
    "limit": {},
}
# What the examples name from outside.
ENVIRONMENT = {"PASSWORD": "secret", "TOKEN": "token", "ADMIN_TOKEN": "0123456789abcdef"}
ENVIRONMENT |= {"ACCESS_KEY": "name", "SECRET_KEY": "key", "WEBHOOK_SECRET": "secret"}


@dataclass
class Key:
    """A key of the JSON Schema; `is_leaf`: there are no keys below it."""

    description: str | None
    examples: Sequence[object]
    is_leaf: bool


def _list_keys(schema: Tree, whole: Tree, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Key]]:
    """Yield each key of a JSON Schema with its path, in which `it` and `x` are ids, `0` is the item of a list."""
    description, examples = schema.get("description"), schema.get("examples", ())
    if "$ref" in schema:
        schema = whole["$defs"][schema["$ref"].rpartition("/")[2]]
    children = [(child, (*path, key)) for key, child in schema.get("properties", {}).items()]
    if path in (("sources",), ("feeds",)):
        children.append((schema["additionalProperties"], (*path, "it" if path == ("sources",) else "x")))
    if path[-1:] == ("steps",):
        children.append((schema["items"], (*path, "0")))
    forms = [form for form in schema.get("oneOf", ()) if "$ref" in form]
    for child, child_path in children:
        yield from _list_keys(child, whole, child_path)
    for form in forms:
        yield from ((at, key) for at, key in _list_keys(form, whole, path) if at != path)
    if path and path[-1] not in ("it", "x", "0"):
        yield path, Key(description or schema.get("description"), examples, not children and not forms)


def _nest(path: KeyPath, value: object) -> object:
    """Return a tree with one value at a path."""
    for name in reversed(path):
        value = [value] if name == "0" else {name: value}
    return value


def _merge(lower: object, upper: object) -> object:
    """Return a tree with the values of both, the upper ones where both have one."""
    if isinstance(lower, dict) and isinstance(upper, dict):
        return lower | {key: _merge(lower.get(key), value) for key, value in upper.items()}
    if isinstance(lower, list) and isinstance(upper, list):
        return [_merge(lower[0], upper[0])]
    return upper


def _base_for(path: KeyPath) -> object:
    """Return a configuration to which the key at a path can be added."""
    if path[:2] == ("sources", "it") and path[2] in ("feed", "sitemap", "files", "opml"):
        address = "a/*.md" if path[2] == "files" else "https://a.example/"
        return _merge(BASE, {"sources": {"it": {"page": None, path[2]: address}}})
    if path[:2] == ("sources", "it") and path[2] in ("command", "env", "base"):
        command = ["a", "b"] if path[2] == "command" else ["wire"]
        return _merge(BASE, {"allow_commands": "true", "sources": {"it": {"page": None, "command": command}}})
    if path == ("server", "admin_token"):
        return _merge(BASE, {"server": {"admin": "127.0.0.1:2"}})
    if path[0] == "public":
        return _merge(BASE, {"public": {"url": "s3://another", "access_key": "a", "secret_key": "b"}})
    if path[0] == "on_publish":
        return _merge(BASE, {"on_publish": {"url": "https://b.example/"}})
    if "0" in path:
        length = path.index("0") + 2
        return _merge(BASE, _nest(path[:length], OTHER_STEPS[path[length - 1]]))
    return BASE


KEYS = dict(_list_keys(json_schema(), json_schema()))
LEAVES = {path: key.examples[0] for path, key in KEYS.items() if key.is_leaf and key.examples}
MAPPINGS = {path[:length] for path in LEAVES for length in range(len(path)) if path[length] not in ("it", "x", "0")}


@pytest.fixture
def load_tree(write: Callable[[str], Path]) -> Callable[[object], Config]:
    """Load a configuration; JSON is YAML."""

    def load_file(tree: object) -> Config:
        path = write(json.dumps(tree))
        (path.parent / "theme").mkdir(exist_ok=True)
        (path.parent / "wire.key").write_text("key", encoding="utf-8")
        return load(path, ENVIRONMENT)

    return load_file


@pytest.mark.parametrize("path", KEYS, ids=".".join)
def test_D2_each_key_has_a_sentence_and_an_example(load_tree: Callable[[object], Config], path: KeyPath) -> None:
    key = KEYS[path]
    assert key.description and key.description[-1] in ".:" and len(key.examples) == 1
    if path[0] == "feeds" or not {"sort", "dedupe"} & {*path}:  # which no source takes
        load_tree(_merge(_base_for(path), _nest(path, key.examples[0])))


# Steps on the articles of a whole feed, where they would work on those of a source.
MISPLACED = [path for path in LEAVES if path[0] != "feeds" and {"sort", "dedupe"} & {*path}]


@pytest.mark.parametrize("path", MISPLACED, ids=".".join)
def test_D2_a_step_on_a_whole_feed_is_refused_elsewhere(load_tree: Callable[[object], Config], path: KeyPath) -> None:
    with pytest.raises(ConfigError, match="works on the articles of a whole feed, expected it under `feeds`"):
        load_tree(_base_for(path))


@pytest.mark.parametrize("path", [path for path in LEAVES if path not in MISPLACED], ids=".".join)
def test_D2_a_key_changes_a_record(load_tree: Callable[[object], Config], path: KeyPath) -> None:
    assert load_tree(_merge(_base_for(path), _nest(path, LEAVES[path]))) != load_tree(_base_for(path))


@pytest.mark.parametrize("path", sorted(MAPPINGS), ids=".".join)
def test_D2_any_other_key_is_refused(load_tree: Callable[[object], Config], path: KeyPath) -> None:
    with pytest.raises(ConfigError, match=r"`nonsense` is unknown|there is no step `nonsense`"):
        load_tree(_merge(BASE, _nest((*path, "nonsense"), "a")))


# ── every field of a record is read ─────────────────────────────────────────────────────────────────────────────────

STEP_RECORDS = (Keep, Drop, Limit, Condition, Age, Rewrite, Substitution, Strip, Tag, Prefix, Sort)
RECORDS = (Config, Site, ServerSettings, HostLimits, Source, Feed, Interval, Cron, *STEP_RECORDS)
USED_STEPS: list[object] = [
    {"keep": {"title": "."}},
    {"drop": {"title": "x", "age": "3d"}},
    {"rewrite": {"title": {"x": ""}}},
    "strip",
    {"tag": {"add": "a", "remove": "b"}},
    {"prefix": "a"},
    {"sort": "oldest"},
    {"limit": {"hours": 5}},
]
MAKERS = {"feeds.config.build", "feeds.config.fingerprint"}


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> set[tuple[type, str]]:
    """The fields of records that are read during the test, other than to make records."""
    fields_read: set[tuple[type, str]] = set()

    def read_field(self: object, name: str) -> object:
        caller = sys._getframe(1)
        module, is_generated = str(caller.f_globals.get("__name__")), caller.f_code.co_filename == "<string>"
        if module.startswith("feeds.") and module not in MAKERS and not is_generated:
            fields_read.add((type(self), name))
        return object.__getattribute__(self, name)

    for kind in RECORDS:
        monkeypatch.setattr(kind, "__getattribute__", read_field)
    return fields_read


def test_D2_every_field_of_a_record_is_read(tmp_path: Path, origin: Origin, reads: set[tuple[type, str]]) -> None:
    """What a key sets has an effect only if a stage reads it: a turn, a reload, a story's page, a server."""
    wire = Wire(tmp_path)
    story = wire.home / "config" / "stories" / "hello.md"
    story.parent.mkdir(parents=True)
    story.write_text("---\ndate: 2026-01-05\n---\n# Hello\n\nA text.\n", encoding="utf-8")
    os.utime(story, (0, 0))  # a file that was written just now is looked at again later
    wire.declare(
        {
            "a": {"feed": origin.put("/a", Document(rss(("1", "One")))), "every": {"auto": ["5m", "1d"]}},
            "b": {"feed": origin.put("/b", Document(rss(("2", "Two")))), "cron": "@daily", "include": "x"},
            "c": {"files": "stories/*.md"},
            "d": {"command": ["true"]},
        },
        {"all": {"steps": USED_STEPS}},
        allow_commands=True,
    )
    with wire.app() as app:
        app.turn()
        app.reload()
        mask_secrets("", app.config)
        find_warnings(app.config)
    page = Source("page", Kind.PAGE, "https://a.example/", read_as="story", selectors={"title": "h1"})
    body = b"<html><body><h1>A title</h1><p>" + b"Some words of a story. " * 40 + b"</p></body></html>"
    read_page(Fetched(page.address, body, "text/html"), page)
    with socket.create_server(("127.0.0.1", 0)) as occupied:
        wire.declare({}, server={"listen": f"127.0.0.1:{occupied.getsockname()[1]}", "admin": "127.0.0.1:0"})
        with pytest.raises((FeedsError, OSError)):
            FileServer(wire.config, None, lambda: NOON).run(lambda address: None, threading.Event(), lambda: None)
    assert {(kind, name) for kind in RECORDS for name in field_names(kind)} <= reads
