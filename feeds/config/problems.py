"""Where something is wrong in the file, and in which words it is said: what, what was expected, the nearest word."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import NamedTuple


class Position(NamedTuple):
    """A line and a column, both counted from 1."""

    line: int
    column: int


class Problem(NamedTuple):
    """One mistake of the operator, with its place."""

    place: Position
    message: str

    def line(self, name: str) -> str:
        """The line that is shown: `file:line:column: message`."""
        return f"{name}:{self.place.line}:{self.place.column}: {self.message}"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that was most likely meant, whatever its case."""
    words = {candidate.lower(): candidate for candidate in known}
    found = difflib.get_close_matches(word.lower(), words, n=1, cutoff=0.6)
    return words[found[0]] if found else None


def meant(word: str, known: Iterable[str]) -> str:
    """`, did you mean …?`, or nothing when no known word is near."""
    return hint(nearest(word, known))


def hint(suggestion: str | None) -> str:
    """`, did you mean …?` for a suggestion, if there is one."""
    return f", did you mean `{suggestion}`?" if suggestion else ""


def listed(words: Iterable[str]) -> str:
    """`a, b or c`."""
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def kind_of(value: object) -> str:
    """What a value is, in the words of somebody who writes YAML."""
    if value is None:
        return "nothing"
    if isinstance(value, (list, tuple)):
        return "a list"
    if isinstance(value, dict):
        return "a mapping"
    return f"`{shortened(str(value))}`"


def shortened(text: str, limit: int = 80) -> str:
    """The text, cut where it would fill the screen."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
