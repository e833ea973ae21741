"""Regular expressions of the YAML, compiled for RE2, whose time is linear in the text (S15)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import re2

from .problems import describe_value

_OPTIONS = re2.Options()
_OPTIONS.log_errors = False  # the error is raised; the library would print it besides

_WORD = r"[\p{L}\p{M}\p{N}_]"  # RE2's own \w and \b know ASCII only
_BEFORE, _AFTER = rf"(?:^|[^{_WORD[1:-1]}])", rf"(?:$|[^{_WORD[1:-1]}])"
# Scripts that put no space between words have no word boundary.
_UNSPACED = re2.compile(r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]")
# In a replacement: a backslash that is written, a group, or a backslash that means nothing.
_REFERENCE = re.compile(r"\\(?:\\|(?P<number>[1-9])(?![0-9])|g<(?P<name>\w+)>|)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Regexp:
    """A compiled pattern; two are equal if their texts are, and it is pickled as its text."""

    text: str
    _engine: re2._Regexp = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_engine", _compile(self.text))

    def search(self, text: str, /) -> re2._Match[bytes] | None:
        """Return the first match, or None if the pattern does not occur in the text."""
        return self._engine.search(text.encode("utf-8", "replace"))

    def sub(self, repl: str, text: str, /) -> str:
        """Return the text with every occurrence replaced."""
        raw, template = text.encode("utf-8", "replace"), repl.encode("utf-8", "replace")

        def expand(match: re2._Match[bytes]) -> bytes:
            start = match.start()
            is_inside_letter = start == match.end() < len(raw) and raw[start] & 0xC0 == 0x80
            return b"" if is_inside_letter else match.expand(template)

        replaced: bytes = self._engine.sub(expand, raw)
        return replaced.decode("utf-8", "replace")

    def check_replacement(self, repl: str) -> None:
        """Raise ValueError for a replacement that `sub` cannot write."""
        for reference in _REFERENCE.finditer(repl):
            group = reference["number"] or reference["name"]
            if reference[0] == "\\":
                raise ValueError(f"`{repl}` has a backslash alone, expected \\1 or \\g<name>, or \\\\ for a backslash")
            if group and not (int(group) <= self._engine.groups if group.isdecimal() else group in self._names()):
                raise ValueError(f"`{repl}` names a group that `{self.text}` does not have, expected one in brackets")

    def _names(self) -> set[str]:
        return {name.decode() for name in self._engine.groupindex}

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle as text; the pattern is compiled again where it is read."""
        return (Regexp, (self.text,))


def compile_pattern(text: str) -> Regexp:
    """Return a pattern as the operator wrote it; ValueError says what is wrong with it."""
    if not text:
        raise ValueError("an empty pattern finds everything, expected a regular expression")
    try:
        return Regexp(text)
    except re2.error as error:
        raise ValueError(f"`{text}` is no regular expression: {_explain(error)}") from error


def compile_words(words: Sequence[str]) -> Regexp:
    """Return a pattern that finds any of the words, whole, in upper or lower case."""
    if not words or not all(word.strip() for word in words):
        raise ValueError("a word is missing, expected a list of words such as [rain, snow]")
    return compile_pattern(f"(?i)(?:{'|'.join(_match_whole(' '.join(word.split())) for word in words)})")


def parse_pattern(value: object) -> Regexp:
    """Return a pattern: a regular expression, or a list of words of which any is searched for."""
    if isinstance(value, Regexp):
        return value
    if isinstance(value, str):
        return compile_pattern(value)
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        return compile_words(value)
    raise ValueError(f"{describe_value(value)} stands here, expected a regular expression or a list of words")


def _match_whole(word: str) -> str:
    before = "" if _UNSPACED.search(word[0]) else _BEFORE
    after = "" if _UNSPACED.search(word[-1]) else _AFTER
    escaped = r"\s+".join(re2.escape(part) for part in word.split(" "))
    return f"{before}{escaped}{after}"


@lru_cache(maxsize=4096)
def _compile(text: str) -> re2._Regexp:
    return re2.compile(text.encode("utf-8", "replace"), _OPTIONS)


def _explain(error: Exception) -> str:
    reason = error.args[0] if error.args else ""
    reason = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
    if re.search(r"invalid perl operator: \(\?<?[=!]", reason):
        return f"{reason}; looking ahead or behind is not offered, expected a pattern without"
    return f"{reason}, expected RE2 syntax"
