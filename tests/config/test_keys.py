"""Each key of the schema has an effect; one that has none in this version is refused (D2)."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterator
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
    "sources": {"it": {"page": "https://a.example/"}, "other": "https://b.example/"},
    "feeds": {"x": {}},
}

# A value for each key, other than its default; `it` and `x` are ids, `0` is the item of a list.
HEADERS = {"X-A": "b"}
VARIABLES = {"A": "b"}
REPLACEMENTS = {"a": "b"}
CONDITIONS: Tree = {"title": "a", "summary": "a", "text": "a", "url": "a", "author": "a", "tag": "a", "language": "a"}
CONDITIONS |= {"source": "a", "any": "a", "age": "3d"}
STEPS: Tree = {
    "keep": CONDITIONS,
    "drop": CONDITIONS,
    "rewrite": {"title": REPLACEMENTS, "summary": REPLACEMENTS, "text": REPLACEMENTS, "html": REPLACEMENTS}
    | {"url": REPLACEMENTS, "author": REPLACEMENTS, "tag": REPLACEMENTS, "any": REPLACEMENTS, "when": CONDITIONS},
    "strip": {"parameters": "a"},
    "tag": {"add": "a", "remove": "a", "when": CONDITIONS},
    "prefix": {"text": "a", "when": CONDITIONS},
    "dedupe": {"prefer": "a", "near": "true"},
    "sort": {"by": "oldest"},
    "limit": {"count": "3", "hours": "2", "at_most": "9", "per_source": "2", "bytes": "4MB"},
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
SETTINGS: Tree = {
    "every": {"auto": ["15m", "1d"]},
    "cron": "@daily",
    "tags": "a",
    "full_text": "true",
    "as": "list",
    "stories": "a",
    "title": "a",
    "content": "a",
    "date": "a",
    "author": "a",
    "image": "a",
    "remove": "a",
    "include": "a",
    "exclude": "a",
    "headers": HEADERS,
    "auth": {"basic": ["me", "secret"], "bearer": "token"},
    "private": "true",
    "proxy": "http://c.example/",
    "timeout": "9s",
    "max_bytes": "9kB",
    "max_items": "9",
    "allow_private": "10.0.0.0/8",
    "language": "de",
    "timezone": "Europe/Berlin",
    "steps": {"0": STEPS},
    "enabled": "false",
}
VALUES: Tree = {
    "site": {
        "title": "B",
        "url": "http://localhost/b/",
        "description": "d",
        "language": "de",
        "timezone": "Europe/Berlin",
        "contact": "me@a.example",
        "hub": "none",
        "compress": "gzip",
    },
    "data": "d",
    "public": "p",
    "theme": ".",
    "retain": "90d",
    "workers": "4",
    "allow_commands": "true",
    "server": {"listen": "127.0.0.1:1", "admin": "127.0.0.1:2", "admin_token": "0123456789abcdef"}
    | {"trusted_proxies": "10.0.0.0/8", "allow_private": "10.0.0.0/8"},
    "hosts": {"gap": "2s", "at_once": "3"},
    "defaults": SETTINGS,
    "sources": {
        "it": SETTINGS
        | {"feed": "https://c.example/", "page": "https://c.example/", "sitemap": "https://c.example/"}
        | {"files": "*.md", "opml": "https://c.example/", "was": "old"}
        | {"command": ["wire"], "env": VARIABLES, "base": "https://c.example/"}
    },
    "feeds": {
        "x": {
            "title": "B",
            "description": "d",
            "sources": "it",
            "tags": "a",
            "steps": {"0": STEPS},
            "author": "me",
            "link": "https://c.example/",
            "image": "https://c.example/",
            "icon": "https://c.example/",
            "language": "de",
            "was": "old",
            "podcast": {"category": "Books", "explicit": "true", "owner": "a@b.example"},
            "each": "tag",
        }
    },
}


def _list_leaves(values: object, path: KeyPath = ()) -> Iterator[tuple[KeyPath, object]]:
    """Yield each value of `VALUES` and its path."""
    if isinstance(values, dict) and values not in (HEADERS, REPLACEMENTS, VARIABLES):
        for key, value in values.items():
            yield from _list_leaves(value, (*path, key))
    else:
        yield path, values


def _list_keys(schema: Tree, whole: Tree, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Yield the path of each key of a JSON Schema that has no keys below it, with the ids of `VALUES`."""
    if "$ref" in schema:
        schema = whole["$defs"][schema["$ref"].rpartition("/")[2]]
    children = [(child, (*path, key)) for key, child in schema.get("properties", {}).items()]
    if path in (("sources",), ("feeds",)):
        children.append((schema["additionalProperties"], (*path, "it" if path == ("sources",) else "x")))
    if path[-1:] == ("steps",):
        children.append((schema["items"], (*path, "0")))
    children += [(form, path) for form in schema.get("oneOf", ()) if "$ref" in form]
    for child, child_path in children:
        yield from _list_keys(child, whole, child_path)
    if not children:
        yield path


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
    if "0" in path:
        length = path.index("0") + 2
        return _merge(BASE, _nest(path[:length], OTHER_STEPS[path[length - 1]]))
    return BASE


LEAVES = dict(_list_leaves(VALUES))
MAPPINGS = {path[:length] for path in LEAVES for length in range(len(path)) if path[length] not in ("it", "x", "0")}


@pytest.fixture
def load_tree(write: Callable[[str], Path]) -> Callable[[object], Config]:
    """Load a configuration; JSON is YAML."""
    return lambda tree: load(write(json.dumps(tree)), {})


def test_D2_each_key_of_the_schema_has_a_value_here() -> None:
    schema = json_schema()
    assert set(_list_keys(schema, schema)) == LEAVES.keys()


# Steps on the articles of a whole feed, where they would work on those of a source.
MISPLACED = [path for path in LEAVES if path[0] != "feeds" and {"sort", "dedupe"} & {*path}]


@pytest.mark.parametrize("path", MISPLACED, ids=".".join)
def test_D2_a_step_on_a_whole_feed_is_refused_elsewhere(load_tree: Callable[[object], Config], path: KeyPath) -> None:
    with pytest.raises(ConfigError, match="works on the articles of a whole feed, expected it under `feeds`"):
        load_tree(_base_for(path))


@pytest.mark.parametrize("path", [path for path in LEAVES if path not in MISPLACED], ids=".".join)
def test_D2_a_key_changes_a_record(load_tree: Callable[[object], Config], path: KeyPath) -> None:
    assert load_tree(_merge(_base_for(path), _nest(path, LEAVES[path]))) != load_tree(_base_for(path))


LATER_KEYS: dict[KeyPath, str] = {
    ("store",): "postgresql://c.example/feeds",
    ("on_publish",): "https://c.example/",
}


@pytest.mark.parametrize("path", LATER_KEYS, ids=".".join)
def test_D2_a_key_without_an_effect_is_refused(load_tree: Callable[[object], Config], path: KeyPath) -> None:
    sentence = rf"`{path[-1]}` \(.+\) has no effect in this version, expected it left out"
    with pytest.raises(ConfigError, match=sentence):
        load_tree(_merge(_base_for(path), _nest(path, LATER_KEYS[path])))


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
