"""What the names of people look like, in scripts with capital letters and in those without."""

from __future__ import annotations

import re
from itertools import pairwise

from .wordlists import get_words

# Scripts without spaces between words, and Korean: a name in them is one or two words of a few letters.
WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_HAN, _KATAKANA, _HANGUL = r"[々\u3400-\u9fff]", r"[\u30a0-\u30ff]", r"[\uac00-\ud7af]"
_WIDE_NAME = re.compile(
    rf"{_HAN}{{2,5}}|{_HAN}{{1,4}} ?[\u3040-\u30ff]{{1,4}}|{_HAN}{{1,3}} {_HAN}{{1,3}}"
    rf"|{_KATAKANA}{{3,12}}|{_HANGUL}{{2,4}}"
)
_WORD = re.compile(r"\w[\w'’.-]*")
_SIGNS_OF_OTHERS = frozenset(":!?/|")


def is_person_name(name: str) -> bool:
    """Return whether a text has two to five words that begin like those of a name, or is a name in a wide script.

    A word in a script without capitals counts as a capitalised one.
    """
    if WIDE.search(name):
        return _WIDE_NAME.fullmatch(name) is not None
    words = name.split()
    if not 2 <= len(words) <= 5 or any(char in _SIGNS_OF_OTHERS or char.isdigit() for char in name):
        return False
    return all(begins_name(word) or word.lower() in get_words("name_particle") for word in words)


def begins_name(word: str) -> bool:
    """Return whether a word begins as those of a name do, as `McAdam`, `d’Arc`, or is of a script without capitals."""
    first = word[:1]
    return first.isupper() or word[1:2].isupper() or (first.isalpha() and first.lower() == first.upper())


def contains_person_name(text: str) -> bool:
    """Return whether a text has two words in a row that begin like those of a person's name."""
    pairs = pairwise(_WORD.findall(text))
    return any(first[:1].isupper() and is_person_name(f"{first} {second}") for first, second in pairs)
