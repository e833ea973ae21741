"""Problems of the YAML: their positions, and the words of their messages."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from typing import NamedTuple

from ..errors import ConfigError
from ..model import Config

KeyPath = tuple[str | int, ...]


class Position(NamedTuple):
    """A line and a column, both counted from 1."""

    line: int
    column: int


class Problem(NamedTuple):
    """One mistake in the file, with its position."""

    position: Position
    message: str

    def format(self, name: str) -> str:
        """Return the line that is shown: `file:line:column: message`."""
        return f"{name}:{self.position.line}:{self.position.column}: {self.message}"


class Finding(NamedTuple):
    """A mistake at a path; `at_key` points to the key instead of its value."""

    path: KeyPath
    message: str
    at_key: bool = False


def require_ids(config: Config, noun: str, ids: Iterable[str], declared: Collection[str]) -> None:
    """Raise ConfigError for the ids that are not declared, each with the nearest declared id."""
    names = sorted(declared)
    if unknown := [id for id in ids if id not in declared]:
        raise ConfigError([f"{config.path}: no {noun} has the id `{id}`{did_you_mean(id, names)}" for id in unknown])


def find_nearest(word: str, words: Iterable[str]) -> str | None:
    """Return the word that is most alike, in whatever case, or None."""
    spellings = {candidate.lower(): candidate for candidate in words}
    matches = difflib.get_close_matches(word.lower(), spellings, n=1, cutoff=0.6)
    return spellings[matches[0]] if matches else None


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """Return `, did you mean …?`, or an empty text when no word is near."""
    return hint(find_nearest(word, words))


def hint(suggestion: str | None) -> str:
    """Return `, did you mean …?` for a suggestion, if there is one."""
    return f", did you mean `{suggestion}`?" if suggestion else ""


def join_with_or(words: Iterable[str]) -> str:
    """Return `a, b or c`."""
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def describe_value(value: object) -> str:
    """Return what a value is in words of YAML: a list, a mapping, or its text."""
    if value is None:
        return "nothing"
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, dict):
        return "a mapping"
    return f"`{shorten(str(value))}`"


def shorten(text: str, limit: int = 80) -> str:
    """Return the text, cut where it would fill the screen."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
