"""What other parsers say of a feed, as facts: feedparser's own cases, and the answers of gofeed, feed-rs and others."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

SERVER = "http://127.0.0.1:8097"
GOLDEN_URL = "https://golden.invalid/feed.xml"


@dataclass(frozen=True)
class Fact:
    """One thing another parser says: of the feed (`item` none) or of an item."""

    item: int | None
    name: str
    expected: object

    def __str__(self) -> str:
        return f"{'feed' if self.item is None else f'item {self.item}'}.{self.name} = {str(self.expected)[:150]!r}"


@dataclass(frozen=True)
class Case:
    """A document as it was served, and what is said of it."""

    name: str
    body: bytes
    url: str
    headers: Mapping[str, str]
    facts: tuple[Fact, ...]


# ── feedparser's own cases ──────────────────────────────────────────────────────────────────────────────────────────

EXPECTATION = re.compile(r"Expect:\s*(.*?)\s*(?=\n[A-Z][a-z]+:|-->)", re.S)
HEADER = re.compile(r"Header:\s*([\w-]+):\s*(.*)")
WIDE = ("utf-32", "utf-32-be", "utf-32-le", "utf-16", "utf-16-be", "utf-16-le")
# feedparser's keys → the name of a fact; what is missing here no Article holds.
KEYS = {
    "title": "title",
    **dict.fromkeys(("summary", "description", "subtitle", "tagline", "info", "content"), "summary"),
    **dict.fromkeys(("link", "links"), "link"),
    **dict.fromkeys(("id", "guid"), "id"),
    **dict.fromkeys(("published", "updated", "created", "modified", "date"), "date"),
    **dict.fromkeys(("author", "authors"), "author"),
    **dict.fromkeys(("tags", "category", "categories"), "tag"),
    **dict.fromkeys(("rights", "copyright"), "rights"),
    **dict.fromkeys(("image", "logo", "icon"), "image"),
    "enclosures": "enclosure",
    "comments": "comments",
    "language": "language",
    "generator": "generator",
}
# A key inside one of those → another fact, or none for the same.
INSIDE = {
    **dict.fromkeys(("value", "href", "url", "name", "email", "term"), None),
    "src": "enclosure",
    "scheme": "scheme",
    "label": "label",
    "language": "language",
}
OF_ENCLOSURES = {"length": "length", "type": "type"}
OF_SOURCES = ("id", "title", "title_detail", "link")


def feedparser_cases(folder: Path) -> Iterator[Case]:
    """The cases that speak of what an Article holds; sanitising is another measure."""
    for file in sorted((folder / "feedparser").rglob("*.xml")):
        if {"sanitize", "amp"} & set(file.parts):
            continue
        body = file.read_bytes()
        comment = _readable(body)
        facts = tuple(_expected(comment))
        headers = {name.lower(): value.strip() for name, value in HEADER.findall(comment)}
        if facts:
            url = f"{SERVER}/{file.relative_to(folder / 'feedparser')}"
            yield Case(str(file.relative_to(folder)), body, url, headers, facts)


def _readable(body: bytes) -> str:
    if b"\0" in body[:8]:
        for encoding in WIDE:
            if "Expect" in (text := body.decode(encoding, "replace")):
                return text
    return body.decode("utf-8", "replace")


def _expected(comment: str) -> Iterator[Fact]:
    found = EXPECTATION.search(comment)
    if not found:
        return
    try:
        tree = ast.parse(found[1].strip(), mode="eval").body
    except SyntaxError:
        return
    for part in _conjuncts(tree):
        yield from _compared(part)


def _conjuncts(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
        for value in node.values:
            yield from _conjuncts(value)
    else:
        yield node


def _compared(node: ast.expr) -> Iterator[Fact]:
    if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], ast.Eq):
        return
    keys = _path(node.left)
    try:
        expected = ast.literal_eval(node.comparators[0])
    except ValueError:
        return
    if not keys or keys[0] not in ("feed", "entries") or expected is None:
        return
    item = int(keys[1]) if keys[0] == "entries" else None
    rest = [str(key) for key in keys[1 if item is None else 2 :] if not isinstance(key, int)]
    for inner, value in expected.items() if isinstance(expected, dict) else [(None, expected)]:
        if name := _name([*rest, inner] if inner else rest):
            yield Fact(item, name, value)


def _path(node: ast.expr) -> list[str | int]:
    match node:
        case ast.Name(id=name):
            return [name]
        case ast.Attribute(value=value, attr=name):
            return [*_path(value), name]
        case ast.Subscript(value=value, slice=ast.Constant(value=str() | int() as key)):
            return [*_path(value), key]
        case ast.Call(func=ast.Attribute(value=value, attr="get"), args=[ast.Constant(value=str() as key), *_]):
            return [*_path(value), key]
    return []


def _name(keys: list[str]) -> str | None:
    """The name of the fact that a path of feedparser's stands for, if an Article holds it."""
    if not keys or (keys[0] == "generator_detail" and keys[-1] not in ("name", "value")):
        return None
    if keys[0] == "source":
        return "origin" if len(keys) > 1 and keys[1] in OF_SOURCES and keys[-1] != "type" else None
    head = keys[0].removesuffix("_parsed").removesuffix("_detail")
    name = KEYS.get(head)
    if len(keys) == 1 or name is None:
        return name
    if name == "enclosure" and keys[-1] in OF_ENCLOSURES:
        return OF_ENCLOSURES[keys[-1]]
    return INSIDE[keys[-1]] or name if keys[-1] in INSIDE else None


# ── other parsers' answers ──────────────────────────────────────────────────────────────────────────────────────────

# Another parser's key → the name of a fact.
GOLDEN_KEYS = (
    ("title", "title"),
    ("link", "link"),
    ("links", "link"),
    ("id", "id"),
    ("guid", "id"),
    ("description", "summary"),
    ("summary", "summary"),
    ("content", "content"),
    ("content:encoded", "content"),
    ("published", "date"),
    ("updated", "date"),
    ("pubDate", "date"),
    ("isoDate", "date"),
    ("author", "author"),
    ("authors", "author"),
    ("creator", "author"),
    ("categories", "tag"),
    ("enclosures", "enclosure"),
    ("enclosure", "enclosure"),
    ("image", "image"),
    ("logo", "image"),
    ("icon", "image"),
    ("copyright", "rights"),
    ("rights", "rights"),
    ("language", "language"),
    ("generator", "generator"),
)
PARTS = ("content", "href", "url", "uri", "name", "term", "body", "value", "_", "#")
# Ids that a parser made up where the feed has none.
MADE_UP = re.compile(r"[0-9a-f]{30,32}")


def golden_cases(folder: Path) -> Iterator[Case]:
    """Feeds beside the JSON that another parser makes of them."""
    for file in sorted((folder / "goldens").glob("*/*.json")):
        stem = file.name.removesuffix(".json").removesuffix(".serde")
        feeds = (file.with_name(stem + end) for end in (".xml", ".rss", ".atom"))
        feed = next((feed for feed in feeds if feed.exists()), None)
        if feed is None:
            continue
        told = json.loads(_decoded(file.read_bytes()))
        facts = tuple(_golden_facts(told.get("feed", told)))
        yield Case(str(feed.relative_to(folder)), feed.read_bytes(), GOLDEN_URL, {}, facts)


def _decoded(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        return body.decode("latin-1")


def _golden_facts(told: Mapping[str, object]) -> Iterator[Fact]:
    yield from _golden_part(told, None)
    items = told.get("items") or told.get("entries")
    for number, item in enumerate(items if isinstance(items, list) else []):
        yield from _golden_part(item, number)


def _golden_part(told: Mapping[str, object], item: int | None) -> Iterator[Fact]:
    for key, name in GOLDEN_KEYS:
        for value in _leaves(told.get(key)):
            if not (name == "id" and MADE_UP.fullmatch(value)):
                yield Fact(item, name, value)


def _leaves(value: object) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _leaves(one)
    elif isinstance(value, dict):
        yield from _leaves(next((value[part] for part in PARTS if value.get(part)), None))
    elif isinstance(value, str) and value.strip():
        yield value
