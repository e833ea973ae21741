"""YAML text → a tree of nodes that know their place.

Values stay text: what is a number or a switch, the reader of a key decides, so `on`, `12:30` and a password `012` are
what was written.

Refused: everything that makes a YAML reader slow or unsafe (S23).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import NoReturn

import yaml

from ..errors import ConfigError
from .problems import Position, Problem

MAX_BYTES = 16 * 2**20  # 10,000 sources are 1.2 MB
MAX_DEPTH = 40  # the deepest key of ours is 8 levels down; libyaml takes 69 s for 200,000 open brackets
MAX_COPIES = 100_000  # nodes that aliases may add

KeyPath = tuple[str | int, ...]

_TAGS = {None, "!"} | {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "seq", "map")}
_TOO_DEEP = f"this is more than {MAX_DEPTH} levels deep, expected a flatter file"
_NULLS = {"", "~", "null", "Null", "NULL"}
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(slots=True, eq=False)
class YamlNode:
    """One value with its place; `last` is the line it ends in. `keys` holds the places of a mapping's keys."""

    place: Position
    value: str | list[YamlNode] | dict[str, YamlNode] | None
    last: int = 0
    keys: dict[str, Position] = field(default_factory=dict)
    size: int = 1  # with all it contains, aliases written out
    flow: bool = False

    def child(self, step: str | int) -> YamlNode | None:
        """What stands under a key or at an index, if anything does."""
        if isinstance(self.value, dict):
            return self.value.get(str(step))
        if isinstance(self.value, list) and isinstance(step, int) and step < len(self.value):
            return self.value[step]
        return None

    def plain(self) -> object:
        """The values alone."""
        if isinstance(self.value, dict):
            return {key: below.plain() for key, below in self.value.items()}
        return [below.plain() for below in self.value] if isinstance(self.value, list) else self.value

    def find(self, route: KeyPath) -> Position:
        """The place of the value at a route, or of the last part of the route that exists."""
        node: YamlNode | None = self
        place = self.place
        for step in route:
            node = node and node.child(step)
            if node is None:
                break
            place = node.place
        return place

    def find_key(self, route: KeyPath) -> Position:
        """The place of the key (of a list item: the item) at the end of a route."""
        node, place = self, self.place
        for step in route:
            place = node.keys.get(str(step)) or node.find((step,))
            below = node.child(step)
            if below is None:
                break
            node = below
        return place


def read(data: bytes, name: str) -> tuple[YamlNode, list[Problem]]:
    """The tree of one YAML document that is a mapping, and the keys that stand in it twice; ConfigError otherwise."""
    if len(data) > MAX_BYTES:
        raise _refused(name, Position(1, 1), f"the file has {len(data)} bytes, expected at most {MAX_BYTES}")
    text = _text(data, name)
    composer = _Composer(name, yaml.parse(text, Loader=yaml.CSafeLoader))
    try:
        root = composer.document()
    except yaml.YAMLError as error:
        raise _refused(name, *_syntax(error, text)) from error
    if root is None or root.value is None:
        raise _refused(name, Position(1, 1), "the file is empty, expected `site`, `sources` and `feeds`")
    if not isinstance(root.value, dict):
        raise _refused(name, root.place, "this is no mapping, expected keys such as `site:`, `sources:` and `feeds:`")
    return root, composer.problems


def _refused(name: str, place: Position, message: str) -> ConfigError:
    return ConfigError([Problem(place, message).line(name)])


def _text(data: bytes, name: str) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        message = f"the byte 0x{data[error.start]:02x} is not UTF-8 text, expected the file saved as UTF-8"
        raise _refused(name, Position(line, column), message) from error
    if found := _UNPRINTABLE.search(text):
        place = Position(text.count("\n", 0, found.start()) + 1, found.start() - text.rfind("\n", 0, found.start()))
        code = ord(found.group())
        raise _refused(name, place, f"the character U+{code:04X} cannot stand in YAML, expected plain text")
    return text


# ── what libyaml says → what helps ──────────────────────────────────────────────────────────────────────────────────

_ADVICE = (
    ("mapping values are not allowed", "a second `: ` stands in this line, expected the value in quotes"),
    ("did not find expected key", "the indentation fits nothing above, expected the same as the keys beside it"),
    ("did not find expected '-' indicator", "this is not indented like the list above, expected `- ` or a key"),
    ("did not find expected ',' or ']'", "a list is not closed, expected `,` or `]`"),
    ("did not find expected ',' or '}'", "a mapping is not closed, expected `,` or `}`"),
    ("could not find expected ':'", "a key ends without `:`, expected `key: value`"),
    ("found unexpected end of stream", "a quoted value is not closed, expected its closing quote"),
    ("found unknown escape character", 'in "…" a backslash begins an escape, expected \\\\ or single quotes'),
)


def _syntax(error: yaml.YAMLError, text: str) -> tuple[Position, str]:
    if not isinstance(error, yaml.MarkedYAMLError):
        return Position(1, 1), f"{error}, expected YAML"
    mark = error.problem_mark or error.context_mark
    place = Position(mark.line + 1, mark.column + 1) if mark else Position(1, 1)
    problem = error.problem or str(error)
    run = _open_brackets(text, mark.index) if mark else 0
    if run > MAX_DEPTH:
        return Position(place.line, place.column - run + MAX_DEPTH + 1), _TOO_DEEP
    if "cannot start any token" in problem:
        return place, _bad_start(text, place)
    advice = next((advice for said, advice in _ADVICE if said in problem), f"{problem}, expected YAML")
    opened = error.context_mark
    since = f" (it begins in line {opened.line + 1})" if opened and "not closed" in advice else ""
    return place, advice + since


def _open_brackets(text: str, index: int) -> int:
    """Count the opening brackets in a row of which the last stands at an index.

    libyaml reads up to 1024 characters ahead of the events and gives up at some depth of its own, where it has one.
    """
    return index + 1 - len(text[: index + 1].rstrip("[{")) if index < len(text) else 0


def _bad_start(text: str, place: Position) -> str:
    line = text.splitlines()[place.line - 1 :][:1]
    character = line[0][place.column - 1 : place.column] if line else ""
    if character == "\t":
        return "a tab stands here, expected spaces: YAML is indented with spaces only"
    return f"a value cannot begin with `{character}`, expected it in quotes"


# ── events → nodes ──────────────────────────────────────────────────────────────────────────────────────────────────


class _Composer:
    """Builds nodes from the C parser's events, so that depth and aliases are judged before anything grows."""

    def __init__(self, name: str, events: Iterator[yaml.Event]) -> None:
        self.name = name
        self.events = events
        self.anchors: dict[str, YamlNode] = {}
        self.copies = 0
        self.problems: list[Problem] = []
        self.build: dict[type[yaml.Event], Callable[..., YamlNode]] = {
            yaml.ScalarEvent: self.scalar,
            yaml.SequenceStartEvent: self.sequence,
            yaml.MappingStartEvent: self.mapping,
            yaml.AliasEvent: self.alias,
        }

    def document(self) -> YamlNode | None:
        """The one document of the stream, none if there is nothing but comments."""
        root = None
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    self.refuse(event, "a second document begins here, expected only one in the file")
                root = self.node(next(self.events), 1)
        return root

    def node(self, event: yaml.Event, depth: int) -> YamlNode:
        if depth > MAX_DEPTH:
            self.refuse(event, _TOO_DEEP)
        tag = getattr(event, "tag", None)
        if tag not in _TAGS:
            self.refuse(event, f"the tag `{tag}` is not accepted, expected a plain value")
        node = self.build[type(event)](event, depth)
        anchor = getattr(event, "anchor", None)
        if anchor is not None and not isinstance(event, yaml.AliasEvent):
            self.anchors[anchor] = node
        return node

    def scalar(self, event: yaml.ScalarEvent, _depth: int) -> YamlNode:
        nothing = event.implicit[0] and event.value in _NULLS
        last = _end(event) - (event.style in {"|", ">"})  # a block ends where the next line begins
        return YamlNode(_place(event), None if nothing else event.value, last)

    def sequence(self, event: yaml.SequenceStartEvent, depth: int) -> YamlNode:
        items: list[YamlNode] = []
        while not isinstance(below := next(self.events), yaml.SequenceEndEvent):
            items.append(self.node(below, depth + 1))
        size = 1 + sum(item.size for item in items)
        flow = bool(event.flow_style)
        last = _end(below) if flow or not items else items[-1].last
        return YamlNode(_place(event), items, last, size=size, flow=flow)

    def mapping(self, event: yaml.MappingStartEvent, depth: int) -> YamlNode:
        items: dict[str, YamlNode] = {}
        node = YamlNode(_place(event), items, flow=bool(event.flow_style))
        while not isinstance(key := next(self.events), yaml.MappingEndEvent):
            name = self.key(key)
            value = self.node(next(self.events), depth + 1)
            if name in items:
                first = node.keys[name].line
                message = f"the key `{name}` stands here again, first in line {first}, expected each key once"
                self.problems.append(Problem(_place(key), message))
                continue
            node.keys[name], items[name] = _place(key), value
            node.size += value.size
            node.last = value.last
        node.last = _end(key) if node.flow else node.last
        return node

    def key(self, event: yaml.Event) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            self.refuse(event, "a key is no plain text here, expected `key: value`")
        if event.value == "<<":
            self.refuse(event, "`<<` does not merge here, expected the keys written out, or `defaults:`")
        return str(event.value)

    def alias(self, event: yaml.AliasEvent, _depth: int) -> YamlNode:
        node = self.anchors.get(str(event.anchor))
        if node is None:
            self.refuse(event, f"the alias `*{event.anchor}` names nothing, expected `&{event.anchor}` before it")
        self.copies += node.size
        if self.copies > MAX_COPIES:
            self.refuse(event, f"aliases would grow the file by more than {MAX_COPIES} values, expected fewer of them")
        return replace(node, last=_end(event))

    def refuse(self, event: yaml.Event, message: str) -> NoReturn:
        raise _refused(self.name, _place(event), message)


def _place(event: yaml.Event) -> Position:
    mark = event.start_mark
    return Position(mark.line + 1, mark.column + 1) if mark else Position(1, 1)


def _end(event: yaml.Event) -> int:
    mark = event.end_mark
    return mark.line + 1 if mark else 1
