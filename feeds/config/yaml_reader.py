"""The YAML reader: plain values, and the positions of some of them.

Scalars stay text, so `on`, `12:30` and a password `012` are what was written; the parser of a key decides what a number
or a switch is. Everything that makes a YAML reader slow or unsafe is refused (S23).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from sys import intern
from typing import Any, NamedTuple, NoReturn

import yaml

from ..errors import ConfigError
from .problems import KeyPath, Position, Problem

MAX_BYTES = 16 * 2**20  # 100,000 sources are 8 MB
MAX_DEPTH = 40  # our deepest key is 8 levels down; libyaml takes 69 s for 200,000 open brackets
MAX_COPIES = 100_000  # nodes that aliases may add in all

PlainValue = str | None | list["PlainValue"] | dict[str, "PlainValue"]

_TAGS = {None, "!"} | {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "seq", "map")}
_TOO_DEEP = f"this is more than {MAX_DEPTH} levels deep, expected a flatter file"
_NULL_SPELLINGS = {"", "~", "null", "Null", "NULL"}
_BLOCK_STYLES = {"|", ">"}
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """The plain values of a file, and the problems that leave values: keys that stand twice in one mapping.

    Positions are not kept, as few are ever asked for: `locate` reads the text again.
    """

    text: str
    values: dict[str, PlainValue]
    problems: list[Problem]

    def locate(self, paths: Iterable[KeyPath]) -> Places:
        """Return where the keys and values at these paths stand."""
        wanted = {path[:length] for path in paths for length in range(len(path) + 1)}
        return _Locator(self.text, wanted).locate() if wanted else Places({})


class NodePlace(NamedTuple):
    """The positions of a key (of a list item: of the item) and of its value, and the last line of the value."""

    key: Position
    value: Position
    last: int


@dataclass(frozen=True, slots=True)
class Places:
    """Where values stand; of a path that leads to none, where the last value stands that it leads to."""

    places: Mapping[KeyPath, NodePlace]

    def value(self, path: KeyPath) -> Position:
        """Return the position of the value at a path."""
        lengths = range(len(path), 0, -1)
        return next((place.value for n in lengths if (place := self.places.get(path[:n]))), self.places[()].value)

    def key(self, path: KeyPath) -> Position:
        """Return the position of the key (of a list item: the item) at the end of a path."""
        place = self.places.get(path)
        return place.key if place else self.value(path)

    def last_line(self, path: KeyPath) -> int:
        """Return the last line of the value at a path that exists."""
        return self.places[path].last


def read_yaml(data: bytes, name: str) -> YamlDocument:
    """Return one YAML document that is a mapping.

    Raise ConfigError with the first problem that leaves no values; `name` is the file named in messages.
    """
    if len(data) > MAX_BYTES:
        raise _error(name, Position(1, 1), f"the file has {len(data)} bytes, expected at most {MAX_BYTES}")
    text = _decode(data, name)
    composer = _Composer(name, _read_events(text))
    try:
        values = composer.compose_document()
    except yaml.YAMLError as error:
        raise _error(name, *_describe_syntax_error(error, text)) from error
    if values is None:
        raise _error(name, Position(1, 1), "the file is empty, expected `site`, `sources` and `feeds`")
    if not isinstance(values, dict):
        message = "this is no mapping, expected keys such as `site:`, `sources:` and `feeds:`"
        raise _error(name, composer.start, message)
    return YamlDocument(text, values, composer.problems)


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


# ── from events to values ─────────────────────────────────────────────────────────────────────────────────────────────

_Event = Any  # the stubs know only the base class, without its attributes
_Next = Callable[[], _Event]


def _read_events(text: str) -> _Next:
    """Return the function that returns the next event of the C parser."""
    get_event: _Next = yaml.CSafeLoader(text).get_event
    return get_event


class _Composer:
    """Builds values from the C parser's events, and so checks depth and aliases before it builds them."""

    def __init__(self, name: str, next_event: _Next) -> None:
        self.name = name
        self.next_event = next_event
        self.start = Position(1, 1)
        self.count = 0  # of nodes, aliases expanded
        self.anchors: dict[str, tuple[PlainValue, int]] = {}  # the value and the nodes in it
        self.copies = 0
        self.problems: list[Problem] = []
        self.composers: dict[type[_Event], Callable[..., PlainValue]] = {
            yaml.SequenceStartEvent: self.compose_sequence,
            yaml.MappingStartEvent: self.compose_mapping,
            yaml.AliasEvent: self.expand_alias,
        }

    def compose_document(self) -> PlainValue:
        """Return the one document of the stream, or None if there is nothing but comments."""
        root = None
        is_found = False
        while not isinstance(event := self.next_event(), yaml.StreamEndEvent):
            if isinstance(event, yaml.DocumentStartEvent):
                if is_found:
                    self.refuse(event, "a second document begins here, expected only one in the file")
                first = self.next_event()
                is_found, self.start = True, _position(first)
                root = self.compose(first, 1)
        return root

    def compose(self, event: _Event, depth: int) -> PlainValue:
        self.count += 1
        if depth > MAX_DEPTH:
            self.refuse(event, _TOO_DEEP)
        kind = type(event)
        if kind is yaml.AliasEvent:
            return self.expand_alias(event)
        if event.tag not in _TAGS:
            self.refuse(event, f"the tag `{event.tag}` is not accepted, expected a plain value")
        before = self.count
        value: PlainValue
        if kind is yaml.ScalarEvent:
            value = None if event.value in _NULL_SPELLINGS and event.implicit[0] else event.value
        else:
            value = self.compose_mapping(depth) if kind is yaml.MappingStartEvent else self.compose_sequence(depth)
        if event.anchor is not None:
            self.anchors[event.anchor] = value, 1 + self.count - before
        return value

    def compose_sequence(self, depth: int) -> list[PlainValue]:
        items: list[PlainValue] = []
        while type(item := self.next_event()) is not yaml.SequenceEndEvent:
            items.append(self.compose(item, depth + 1))
        return items

    def compose_mapping(self, depth: int) -> dict[str, PlainValue]:
        items: dict[str, PlainValue] = {}
        lines: list[int] = []
        while type(key := self.next_event()) is not yaml.MappingEndEvent:
            name = self.compose_key(key)
            value = self.compose(self.next_event(), depth + 1)
            if name in items:
                first = lines[[*items].index(name)]
                message = f"the key `{name}` stands here again, first in line {first}, expected each key once"
                self.problems.append(Problem(_position(key), message))
                continue
            items[name] = value
            lines.append(key.start_mark.line + 1)
        return items

    def compose_key(self, event: _Event) -> str:
        if type(event) is not yaml.ScalarEvent:
            self.refuse(event, "a key is no plain text here, expected `key: value`")
        if event.value == "<<":
            self.refuse(event, "`<<` does not merge here, expected the keys written out, or `defaults:`")
        return intern(event.value)  # most keys are those of a few settings

    def expand_alias(self, event: _Event) -> PlainValue:
        if event.anchor not in self.anchors:
            self.refuse(event, f"the alias `*{event.anchor}` names nothing, expected `&{event.anchor}` before it")
        value, size = self.anchors[event.anchor]
        self.count += size - 1
        self.copies += size
        if self.copies > MAX_COPIES:
            self.refuse(event, f"aliases would grow the file by more than {MAX_COPIES} values, expected fewer of them")
        return value

    def refuse(self, event: _Event, message: str) -> NoReturn:
        raise _error(self.name, _position(event), message)


# ── from events to positions ──────────────────────────────────────────────────────────────────────────────────────────


class _Locator:
    """Finds the places of some paths in a text that `_Composer` took."""

    def __init__(self, text: str, wanted: Collection[KeyPath]) -> None:
        self.next_event = _read_events(text)
        self.wanted = wanted
        self.places: dict[KeyPath, NodePlace] = {}
        self.anchors: dict[str, list[_Event]] = {}

    def locate(self) -> Places:
        while not isinstance(self.next_event(), yaml.DocumentStartEvent):
            pass
        first = self.next_event()
        self.walk(first, (), _position(first))
        return Places(self.places)

    def walk(self, event: _Event, path: KeyPath, key: Position) -> int:
        """Add the places in a node; return its last line."""
        kind = type(event)
        if kind is yaml.AliasEvent:
            self.replay(self.anchors[event.anchor], path, key)  # its parts are where the anchor stands
            return _end_line(event)
        if event.anchor is not None and event not in self.anchors.get(event.anchor, ())[:1]:
            self.anchors[event.anchor] = self.read_node(event)
            return self.replay(self.anchors[event.anchor], path, key)
        if kind is yaml.ScalarEvent:
            last = _end_line(event) - (event.style in _BLOCK_STYLES)  # a block ends where the next line begins
        else:
            last = self.walk_mapping(event, path) if kind is yaml.MappingStartEvent else self.walk_items(event, path)
        if path in self.wanted:
            self.places.setdefault(path, NodePlace(key, _position(event), last))  # of keys that stand twice, the first
        return last

    def walk_items(self, event: _Event, path: KeyPath) -> int:
        last, index = 0, 0
        while type(item := self.next_event()) is not yaml.SequenceEndEvent:
            last = self.walk(item, (*path, index), _position(item))
            index += 1
        return last if index and not event.flow_style else _end_line(item)

    def walk_mapping(self, event: _Event, path: KeyPath) -> int:
        last = 0
        while type(key := self.next_event()) is not yaml.MappingEndEvent:
            last = self.walk(self.next_event(), (*path, key.value), _position(key))
        return _end_line(key) if event.flow_style else last

    def read_node(self, event: _Event) -> list[_Event]:
        """Return the events of the node that begins with one."""
        events = [event]
        depth = int(isinstance(event, yaml.CollectionStartEvent))
        while depth:
            event = self.next_event()
            events.append(event)
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        return events

    def replay(self, events: Sequence[_Event], path: KeyPath, key: Position) -> int:
        """Walk through a node whose events were read before."""
        next_event, self.next_event = self.next_event, iter(events[1:]).__next__
        last = self.walk(events[0], path, key)
        self.next_event = next_event
        return last


def _position(event: _Event) -> Position:
    mark = event.start_mark
    return Position(mark.line + 1, mark.column + 1) if mark else Position(1, 1)


def _end_line(event: _Event) -> int:
    mark = event.end_mark
    return int(mark.line) + 1 if mark else 1
