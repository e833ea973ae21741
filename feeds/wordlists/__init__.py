"""Words of pages and bylines per language: the tables beside this file, and linear patterns made of them.

A section holds the words of one role (`published`, `byline`, `comments` …), a line those of one language (ISO 639-1),
with commas between. A space stands for any white space, a `*` at the end of a word for more letters (`updat*`). Role
names are unique over all files. Patterns are compiled when they are first asked for, and are matched against
`fold_case(text)`, whose offsets are those of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

_LETTER = r"(?:[^\W\d_]|[\u0900-\u0dff])"  # `\w` leaves out the vowel signs of Indic scripts
_NO_LETTER_BEFORE = r"(?<![^\W\d_])(?<![\u0900-\u0dff])"
_NO_LETTER_AFTER = rf"(?!{_LETTER})"
_MORE_LETTERS = rf"{_LETTER}{{0,24}}+"
# Scripts without spaces between words, and Korean, where endings and digits follow a word at once.
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


class Label(NamedTuple):
    """A word of a role in a text, and where it stands."""

    role: str
    start: int
    end: int


@lru_cache(maxsize=1)
def load_tables() -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """Return the words by role and language."""
    tables: dict[str, dict[str, tuple[str, ...]]] = {}
    for file in Path(__file__).parent.glob("*.ini"):
        languages: dict[str, tuple[str, ...]] = {}
        for line in file.read_text(encoding="utf-8").splitlines():  # `configparser` takes 30 ms
            if line.startswith("["):
                languages = tables.setdefault(line.strip("[]"), {})
            elif line and line[0] != "#":
                language, _, words = line.partition(" = ")
                languages[language] = tuple(words.split(", "))
    return tables


@lru_cache(maxsize=64)
def get_words(*roles: str) -> frozenset[str]:
    """Return the words of some roles in all languages."""
    tables = load_tables()
    return frozenset(word for role in roles for words in tables[role].values() for word in words)


@lru_cache(maxsize=64)
def compile_words(*roles: str) -> re.Pattern[str]:
    """Return a pattern that matches a word of some roles, the longest where several match, in folded text."""
    return re.compile(build_pattern(map(fold_case, get_words(*roles))))


def find_labels(text: str, *roles: str) -> list[Label]:
    """Return the words of some roles in a text, in order; of words that overlap the first and longest counts."""
    folded = fold_case(text)
    labels = [Label(role, *match.span()) for role in roles for match in compile_words(role).finditer(folded)]
    chosen: list[Label] = []
    for label in sorted(labels, key=lambda label: (label.start, -label.end)):
        if not chosen or label.start >= chosen[-1].end:
            chosen.append(label)
    return chosen


def has_word(text: str, *roles: str) -> bool:
    """Return whether a text holds a word of some roles."""
    return compile_words(*roles).search(fold_case(text)) is not None


def match_start(text: str, *roles: str) -> int:
    """Return the length of the word of some roles that a text begins with; 0 where it begins with none."""
    match = compile_words(*roles).match(fold_case(text))
    return match.end() if match else 0


def fold_case(text: str) -> str:
    """Return a text in lower case, of the same length, so that offsets hold for both."""
    lower = text.replace("İ", "i").lower().replace("ı", "i")  # capitals do not tell the two Turkish letters apart
    if len(lower) == len(text):
        return lower
    return "".join(low if len(low := char.lower()) == 1 else char for char in text.replace("ı", "i"))


def build_pattern(words: Iterable[str]) -> str:
    """Return a regular expression that matches one of the words, with a letter on neither side.

    It is a tree of prefixes, so that its time does not grow with the number of words.
    """
    groups: tuple[list[str], list[str]] = ([], [])
    for word in words:
        groups[_UNSPACED.match(word) is not None].append(word)
    spaced, unspaced = map(_build_tree, groups)
    parts = [f"{_NO_LETTER_BEFORE}{spaced}{_NO_LETTER_AFTER}"] * bool(groups[0]) + [unspaced] * bool(groups[1])
    return rf"(?:{'|'.join(parts)})" if parts else r"(?!)"


def _build_tree(words: list[str]) -> str:
    """Return a pattern for some words, those with a common beginning under one branch, longer ones first."""
    branches: dict[str, list[str]] = {}
    for word in words:
        if word:
            branches.setdefault(word[0], []).append(word[1:])
    parts = [
        (_MORE_LETTERS if first == "*" else r"\s{1,4}" if first == " " else re.escape(first)) + _build_tree(rest)
        for first, rest in sorted(branches.items())
    ]
    if not parts:
        return ""
    tree = parts[0] if len(parts) == 1 and "" not in words else f"(?:{'|'.join(parts)})"
    return f"{tree}?" if "" in words else tree
