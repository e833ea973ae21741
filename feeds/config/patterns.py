"""Patterns that users write, compiled for an engine whose time is linear in the text (S15)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import re2

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False  # the error is raised; the library would print it besides

_WORD = r"[\p{L}\p{M}\p{N}_]"  # RE2's own \w and \b know ASCII only
_BEFORE, _AFTER = rf"(?:^|[^{_WORD[1:-1]}])", rf"(?:$|[^{_WORD[1:-1]}])"
# Scripts that put no space between words: there is no edge to ask for.
_UNSPACED = re2.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")


@dataclass(frozen=True, slots=True)
class Regexp:
    """A compiled pattern. Equal patterns are equal, and it travels between processes as its text."""

    text: str
    _engine: re2._Regexp = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_engine", _compiled(self.text))

    def search(self, text: str, /) -> object:
        """Something true if the pattern occurs in the text."""
        return self._engine.search(text.encode("utf-8", "replace"))

    def sub(self, repl: str, text: str, /) -> str:
        """The text with every occurrence replaced."""
        replaced: bytes = self._engine.sub(repl.encode("utf-8", "replace"), text.encode("utf-8", "replace"))
        return replaced.decode("utf-8", "replace")

    def __reduce__(self) -> tuple[object, ...]:
        """Travel as text; the engine is built again where it arrives."""
        return (Regexp, (self.text,))


def regexp(text: str) -> Regexp:
    """A pattern as the user wrote it; ValueError says what is wrong with it."""
    if not text:
        raise ValueError("an empty pattern finds everything, expected a regular expression")
    try:
        return Regexp(text)
    except re2.error as error:
        raise ValueError(f"`{text}` is no regular expression: {_reason(error)}") from error


def any_of(words: Sequence[str]) -> Regexp:
    """A pattern that finds any of the words, whole, in upper or lower case."""
    if not words or not all(word.strip() for word in words):
        raise ValueError("a word is missing, expected a list of words such as [rain, snow]")
    return regexp(f"(?i)(?:{'|'.join(_whole(' '.join(word.split())) for word in words)})")


def _whole(word: str) -> str:
    before = "" if _UNSPACED.search(word[0]) else _BEFORE
    after = "" if _UNSPACED.search(word[-1]) else _AFTER
    escaped = r"\s+".join(re2.escape(part) for part in word.split(" "))
    return f"{before}{escaped}{after}"


@lru_cache(maxsize=4096)
def _compiled(text: str) -> re2._Regexp:
    return re2.compile(text.encode("utf-8", "replace"), _OPTIONS)


def _reason(error: Exception) -> str:
    said = error.args[0] if error.args else ""
    said = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    if re.search(r"invalid perl operator: \(\?<?[=!]", said):
        return f"{said}; looking ahead or behind is not offered, expected a pattern without"
    return f"{said}, expected RE2 syntax"
