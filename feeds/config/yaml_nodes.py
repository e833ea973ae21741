"""The YAML reader: a tree of nodes with their positions.

Scalars stay text, so `on`, `12:30` and a password `012` are what was written; the parser of a key decides what a number
or a switch is. Everything that makes a YAML reader slow or unsafe is refused (S23).
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
MAX_DEPTH = 40  # our deepest key is 8 levels down; libyaml takes 69 s for 200,000 open brackets
MAX_COPIES = 100_000  # nodes that aliases may add in all

KeyPath = tuple[str | int, ...]

_TAGS = {None, "!"} | {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "seq", "map")}
_TOO_DEEP = f"this is more than {MAX_DEPTH} levels deep, expected a flatter file"
_NULL_SPELLINGS = {"", "~", "null", "Null", "NULL"}
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(slots=True, eq=False)
class YamlNode:
    """One value with its position; `last` is its last line, `keys` the positions of a mapping's keys."""

    position: Position
    value: str | list[YamlNode] | dict[str, YamlNode] | None
    last: int = 0
    keys: dict[str, Position] = field(default_factory=dict)
    size: int = 1  # nodes in it and itself, aliases expanded
    flow: bool = False

    def child(self, step: str | int) -> YamlNode | None:
        """Return the node under a key or at an index, or None."""
        if isinstance(self.value, dict):
            return self.value.get(str(step))
        if isinstance(self.value, list) and isinstance(step, int) and step < len(self.value):
            return self.value[step]
        return None

    def plain(self) -> object:
        """Return the values without positions."""
        if isinstance(self.value, dict):
            return {key: child.plain() for key, child in self.value.items()}
        return [child.plain() for child in self.value] if isinstance(self.value, list) else self.value

    def find(self, path: KeyPath) -> Position:
        """Return the position of the value at a path, or of the last part of the path that exists."""
        node: YamlNode | None = self
        position = self.position
        for step in path:
            node = node and node.child(step)
            if node is None:
                break
            position = node.position
        return position

    def find_key(self, path: KeyPath) -> Position:
        """Return the position of the key (of a list item: the item) at the end of a path."""
        node, position = self, self.position
        for step in path:
            position = node.keys.get(str(step)) or node.find((step,))
            child = node.child(step)
            if child is None:
                break
            node = child
        return position


def read_yaml(data: bytes, name: str) -> tuple[YamlNode, list[Problem]]:
    """Return the tree of one YAML document that is a mapping, and a problem for each key that stands in it twice.

    Raise ConfigError with the first problem that leaves no tree; `name` is the file named in messages.
    """
    if len(data) > MAX_BYTES:
        raise _error(name, Position(1, 1), f"the file has {len(data)} bytes, expected at most {MAX_BYTES}")
    text = _decode(data, name)
    composer = _Composer(name, yaml.parse(text, Loader=yaml.CSafeLoader))
    try:
        root = composer.compose_document()
    except yaml.YAMLError as error:
        raise _error(name, *_describe_syntax_error(error, text)) from error
    if root is None or root.value is None:
        raise _error(name, Position(1, 1), "the file is empty, expected `site`, `sources` and `feeds`")
    if not isinstance(root.value, dict):
        raise _error(name, root.position, "this is no mapping, expected keys such as `site:`, `sources:` and `feeds:`")
    return root, composer.problems


def _error(name: str, position: Position, message: str) -> ConfigError:
    return ConfigError([Problem(position, message).format(name)])


def _decode(data: bytes, name: str) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        message = f"the byte 0x{data[error.start]:02x} is not UTF-8 text, expected the file saved as UTF-8"
        raise _error(name, Position(line, column), message) from error
    if match := _UNPRINTABLE.search(text):
        start = match.start()
        position = Position(text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start))
        code = ord(match.group())
        raise _error(name, position, f"the character U+{code:04X} cannot stand in YAML, expected plain text")
    return text


# ── messages for syntax errors ────────────────────────────────────────────────────────────────────────────────────────

# A part of libyaml's message → ours.
_SYNTAX_MESSAGES = (
    ("mapping values are not allowed", "a second `: ` stands in this line, expected the value in quotes"),
    ("did not find expected key", "the indentation fits nothing above, expected the same as the keys beside it"),
    ("did not find expected '-' indicator", "this is not indented like the list above, expected `- ` or a key"),
    ("did not find expected ',' or ']'", "a list is not closed, expected `,` or `]`"),
    ("did not find expected ',' or '}'", "a mapping is not closed, expected `,` or `}`"),
    ("could not find expected ':'", "a key ends without `:`, expected `key: value`"),
    ("found unexpected end of stream", "a quoted value is not closed, expected its closing quote"),
    (
        "did not find expected comment or line break",
        "`>` or `|` begins a text of several lines, expected the value in quotes",
    ),
    ("found unknown escape character", 'in "…" a backslash begins an escape, expected \\\\ or single quotes'),
)


def _describe_syntax_error(error: yaml.YAMLError, text: str) -> tuple[Position, str]:
    if not isinstance(error, yaml.MarkedYAMLError):
        return Position(1, 1), f"{error}, expected YAML"
    mark = error.problem_mark or error.context_mark
    position = Position(mark.line + 1, mark.column + 1) if mark else Position(1, 1)
    problem = error.problem or str(error)
    depth = _count_open_brackets(text, mark.index) if mark else 0
    if depth > MAX_DEPTH:
        return Position(position.line, position.column - depth + MAX_DEPTH + 1), _TOO_DEEP
    if "cannot start any token" in problem:
        return position, _describe_bad_start(text, position)
    message = next((ours for libyaml, ours in _SYNTAX_MESSAGES if libyaml in problem), f"{problem}, expected YAML")
    start = error.context_mark
    beginning = f" (it begins in line {start.line + 1})" if start and "not closed" in message else ""
    return position, message + beginning


def _count_open_brackets(text: str, index: int) -> int:
    """Count the opening brackets in a row of which the last stands at an index.

    libyaml reads up to 1024 characters ahead of the events and gives up at some depth of its own, where it has one.
    """
    return index + 1 - len(text[: index + 1].rstrip("[{")) if index < len(text) else 0


def _describe_bad_start(text: str, position: Position) -> str:
    line = text.splitlines()[position.line - 1 :][:1]
    character = line[0][position.column - 1 : position.column] if line else ""
    if character == "\t":
        return "a tab stands here, expected spaces: YAML is indented with spaces only"
    return f"a value cannot begin with `{character}`, expected it in quotes"


# ── from events to nodes ──────────────────────────────────────────────────────────────────────────────────────────────


class _Composer:
    """Builds nodes from the C parser's events, and so checks depth and aliases before it builds them."""

    def __init__(self, name: str, events: Iterator[yaml.Event]) -> None:
        self.name = name
        self.events = events
        self.anchors: dict[str, YamlNode] = {}
        self.copies = 0
        self.problems: list[Problem] = []
        self.composers: dict[type[yaml.Event], Callable[..., YamlNode]] = {
            yaml.ScalarEvent: self.compose_scalar,
            yaml.SequenceStartEvent: self.compose_sequence,
            yaml.MappingStartEvent: self.compose_mapping,
            yaml.AliasEvent: self.expand_alias,
        }

    def compose_document(self) -> YamlNode | None:
        """Return the one document of the stream, or None if there is nothing but comments."""
        root = None
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    self.refuse(event, "a second document begins here, expected only one in the file")
                root = self.compose(next(self.events), 1)
        return root

    def compose(self, event: yaml.Event, depth: int) -> YamlNode:
        if depth > MAX_DEPTH:
            self.refuse(event, _TOO_DEEP)
        tag = getattr(event, "tag", None)
        if tag not in _TAGS:
            self.refuse(event, f"the tag `{tag}` is not accepted, expected a plain value")
        node = self.composers[type(event)](event, depth)
        anchor = getattr(event, "anchor", None)
        if anchor is not None and not isinstance(event, yaml.AliasEvent):
            self.anchors[anchor] = node
        return node

    def compose_scalar(self, event: yaml.ScalarEvent, _depth: int) -> YamlNode:
        is_null = event.implicit[0] and event.value in _NULL_SPELLINGS
        last = _end_line(event) - (event.style in {"|", ">"})  # a block ends where the next line begins
        return YamlNode(_position(event), None if is_null else event.value, last)

    def compose_sequence(self, event: yaml.SequenceStartEvent, depth: int) -> YamlNode:
        items: list[YamlNode] = []
        while not isinstance(item := next(self.events), yaml.SequenceEndEvent):
            items.append(self.compose(item, depth + 1))
        size = 1 + sum(node.size for node in items)
        flow = bool(event.flow_style)
        last = _end_line(item) if flow or not items else items[-1].last
        return YamlNode(_position(event), items, last, size=size, flow=flow)

    def compose_mapping(self, event: yaml.MappingStartEvent, depth: int) -> YamlNode:
        items: dict[str, YamlNode] = {}
        node = YamlNode(_position(event), items, flow=bool(event.flow_style))
        while not isinstance(key := next(self.events), yaml.MappingEndEvent):
            name = self.compose_key(key)
            value = self.compose(next(self.events), depth + 1)
            if name in items:
                first = node.keys[name].line
                message = f"the key `{name}` stands here again, first in line {first}, expected each key once"
                self.problems.append(Problem(_position(key), message))
                continue
            node.keys[name], items[name] = _position(key), value
            node.size += value.size
            node.last = value.last
        node.last = _end_line(key) if node.flow else node.last
        return node

    def compose_key(self, event: yaml.Event) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            self.refuse(event, "a key is no plain text here, expected `key: value`")
        if event.value == "<<":
            self.refuse(event, "`<<` does not merge here, expected the keys written out, or `defaults:`")
        return str(event.value)

    def expand_alias(self, event: yaml.AliasEvent, _depth: int) -> YamlNode:
        node = self.anchors.get(str(event.anchor))
        if node is None:
            self.refuse(event, f"the alias `*{event.anchor}` names nothing, expected `&{event.anchor}` before it")
        self.copies += node.size
        if self.copies > MAX_COPIES:
            self.refuse(event, f"aliases would grow the file by more than {MAX_COPIES} values, expected fewer of them")
        return replace(node, last=_end_line(event))

    def refuse(self, event: yaml.Event, message: str) -> NoReturn:
        raise _error(self.name, _position(event), message)


def _position(event: yaml.Event) -> Position:
    mark = event.start_mark
    return Position(mark.line + 1, mark.column + 1) if mark else Position(1, 1)


def _end_line(event: yaml.Event) -> int:
    mark = event.end_mark
    return mark.line + 1 if mark else 1
