"""The words of a text, as the search index has them, what a reader's query asks for, and where a text answers it.

Scripts that put no spaces between words are indexed by pairs of neighbouring letters, so that every word of two letters
or more is found, wherever it stands. A run of them ends with its last letter alone, so that one letter, as the
beginning of pairs, is found everywhere too.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from itertools import chain, islice, pairwise
from typing import NamedTuple

MAX_QUERY_LENGTH = 200  # characters
MAX_PHRASES = 12
MIN_PREFIX_LENGTH = 3  # letters of a last word from which on it stands for all words that begin so
EXCERPT_LENGTH = 260  # characters
_LEAD_LENGTH = 80  # characters of an excerpt before the first match
_MAX_PLACES = 40  # of words in a text that an excerpt is chosen by

# The letters of Thai, Lao, Burmese, Hangul, Khmer, Han, Hiragana and Katakana. None is outside the first plane, where
# the rarest of Han are: a set of characters within it is looked up many times faster.
_UNSPACED = (
    "\u0e01-\u0e30\u0e32\u0e33\u0e40-\u0e46\u0e81-\u0eb0\u0eb2\u0eb3\u0ebd-\u0ec6\u0edc-\u0edf"
    "\u1000-\u102a\u103f\u1050-\u1055\u105a-\u105d\u1061\u1065\u1066\u106e-\u1070\u1075-\u1081\u108e"
    "\u1100-\u11ff\u1780-\u17b3\u17d7\u17dc\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303c\u3041-\u3096"
    "\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f\u3131-\u318e\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\ua960-\ua97c\uac00-\ud7a3\uf900-\ufaff\uff66-\uff9f"
)
_PART = re.compile(r'"(?P<quoted>[^"]*)"?|[^\s"]+')
_QUOTES = str.maketrans(dict.fromkeys("“”„‟«»「」『』《》", '"'))


class _Patterns(NamedTuple):
    """`run`: letters of unspaced scripts, each with the marks on it, as a group. `word`: a word of another script."""

    run: re.Pattern[str]
    letter: re.Pattern[str]
    word: re.Pattern[str]
    accents: Mapping[int, None]  # and vowel points of Latin, Greek, Cyrillic, Hebrew and Arabic, for `str.translate`
    letters: Mapping[int, str]  # those with an accent → the letter without it, for `str.translate`


@cache
def _patterns() -> _Patterns:
    """Return the patterns, which the tables of Unicode are read for."""
    characters = [*map(chr, range(0xC0, 0xFFFF))]
    marks = "".join(character for character in characters if unicodedata.category(character)[0] == "M")
    accents = [character for character in marks if _is_accent(unicodedata.combining(character))]
    accented = (
        (character, unicodedata.normalize("NFD", character)) for character in characters if character < "\u2000"
    )
    return _Patterns(
        re.compile(f"((?:[{_UNSPACED}][{marks}]*)+)"),
        re.compile(f"[{_UNSPACED}][{marks}]*"),
        re.compile(f"[^\\W_]+(?:[{marks}]+[^\\W_]*)*"),
        dict.fromkeys(map(ord, [*accents, "\u0640"])),  # and the elongation of Arabic
        {
            ord(character): parts[0]
            for character, parts in accented
            if len(parts) > 1 and not parts[1:].strip("".join(accents))
        },
    )


def _is_accent(combining_class: int) -> bool:
    return 10 <= combining_class <= 35 or 200 <= combining_class <= 240


class Token(NamedTuple):
    """A word as the index has it, and where it stands in its text."""

    word: str
    start: int
    end: int


class Phrase(NamedTuple):
    """Words that stand side by side; with `is_prefix`, the last one may go on."""

    words: tuple[str, ...]
    is_prefix: bool = False


class MarkedText(NamedTuple):
    """A piece of a text, and whether it is what was searched for."""

    text: str
    is_match: bool


class _Run(NamedTuple):
    """A word, or letters of an unspaced script in pairs and the last one alone."""

    tokens: Sequence[Token]
    is_unspaced: bool


# ── words ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def index_words(text: str) -> str:
    """Return the words of a text in their order, with spaces between them."""
    words: list[str] = []
    for number, piece in enumerate(_patterns().run.split(_fold(text))):
        words += _pairs(piece) if number % 2 else _patterns().word.findall(piece)
    return " ".join(words)


def _fold(text: str) -> str:
    """Return a text without what readers do not type: letter case, accents, and other forms of the same letter."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return unicodedata.normalize("NFC", decomposed.translate(_patterns().accents))


def _pairs(run: str) -> list[str]:
    letters = _patterns().letter.findall(run)
    return [*map("".join, pairwise(letters)), *letters[-1:]]


def _runs(text: str) -> Iterator[_Run]:
    """Yield the runs of a text that is not folded, so that each has its place there."""
    place = 0
    for match in _patterns().run.finditer(text):
        yield from _spaced_runs(text, place, match.start())
        starts = [match.start() + letter.start() for letter in _patterns().letter.finditer(match[0])]
        pairs, ends = _pairs(_fold(match[0])), [*starts[2:], match.end(), match.end()]
        yield _Run(tuple(map(Token, pairs, starts, ends)), is_unspaced=True)
        place = match.end()
    yield from _spaced_runs(text, place, len(text))


def _spaced_runs(text: str, start: int, end: int) -> Iterator[_Run]:
    for match in _patterns().word.finditer(text, start, end):
        for word in _patterns().word.findall(_fold(match[0])):
            yield _Run((Token(word, *match.span()),), is_unspaced=False)


# ── queries ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def parse_query(query: str) -> tuple[Phrase, ...]:
    """Return what a story must hold, all of it: the words, and what stands in quotes as it stands there.

    Whatever a reader types is a query: a sign means nothing but a space. The last word may be the beginning of one.
    """
    query = unicodedata.normalize("NFKC", query[:MAX_QUERY_LENGTH].translate(_QUOTES))
    phrases = chain.from_iterable(
        _quotation(match["quoted"])
        if match["quoted"] is not None
        else _words(match[0], is_end=match.end() == len(query))
        for match in _PART.finditer(query)
    )
    return tuple(dict.fromkeys(phrases))[:MAX_PHRASES]


def _quotation(text: str) -> Iterator[Phrase]:
    runs = list(_runs(text))
    if runs:
        last = _open_phrase(runs[-1])
        words = (token.word for run in runs[:-1] for token in run.tokens)
        yield Phrase((*words, *last.words), last.is_prefix)


def _words(text: str, *, is_end: bool) -> Iterator[Phrase]:
    """Yield the phrases of what has no space in it: `e-mail` is one, `iPhone発売` are two."""
    words: list[str] = []
    for run in _runs(text):
        if run.is_unspaced:
            if words:
                yield Phrase(tuple(words))
                words = []
            yield _open_phrase(run)
        else:
            words.append(run.tokens[0].word)
    if words:
        yield Phrase(tuple(words), is_end and len(words[-1]) >= MIN_PREFIX_LENGTH)


def _open_phrase(run: _Run) -> Phrase:
    """Return what finds a run also where it is the beginning of a longer one; a word stands for itself."""
    words = tuple(token.word for token in run.tokens)
    if not run.is_unspaced:
        return Phrase(words)
    return Phrase(words[:-1]) if len(words) > 1 else Phrase(words, is_prefix=True)


# ── matches ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def mark(text: str, phrases: Collection[Phrase]) -> tuple[MarkedText, ...]:
    """Return a text in pieces, those that any of the phrases names marked."""
    return tuple(_split(text, _find(text, phrases)))


def excerpt(text: str, phrases: Sequence[Phrase]) -> tuple[MarkedText, ...]:
    """Return the part of a text where most of the phrases are near each other, in pieces; its beginning if none are."""
    place = max(0, _find_densest(text, phrases) - _LEAD_LENGTH)
    start = text.find(" ", place, place + _LEAD_LENGTH // 2) + 1 or place if place else 0
    end = min(len(text), start + EXCERPT_LENGTH)
    if end < len(text) and (space := text.rfind(" ", start + EXCERPT_LENGTH // 2, end)) >= 0:
        end = space
    before, after = [MarkedText("… ", False)] * (start > 0), [MarkedText(" …", False)] * (end < len(text))
    return (*before, *mark(text[start:end], phrases), *after)


def _find_densest(text: str, phrases: Sequence[Phrase]) -> int:
    """Return where the words of most phrases follow; 0 where none is found."""
    if not phrases:
        return 0
    found = islice(_first_words(tuple(phrases)).finditer(text.translate(_patterns().letters)), _MAX_PLACES)
    places = [(match.start(), match.lastindex) for match in found]

    def count(first: int) -> int:
        return len({number for place, number in places if first <= place < first + EXCERPT_LENGTH - _LEAD_LENGTH})

    return max((place for place, _ in places), key=count, default=0)


@lru_cache(maxsize=8)
def _first_words(phrases: tuple[Phrase, ...]) -> re.Pattern[str]:
    """Return a pattern with a group for each phrase, that finds its first word in a text without accents."""
    words = (phrase.words[0] for phrase in phrases)
    groups = (
        f"({re.escape(word)})" if _patterns().letter.match(word) else f"((?<!\\w){re.escape(word)})" for word in words
    )
    return re.compile("|".join(groups), re.IGNORECASE)


def _find(text: str, phrases: Collection[Phrase]) -> list[tuple[int, int]]:
    """Return where the phrases stand, in order, without overlaps."""
    found = [token for run in _runs(text) for token in run.tokens]
    matches = sorted(
        (found[number].start, found[number + len(phrase.words) - 1].end)
        for number in range(len(found))
        for phrase in phrases
        if _matches(found, number, phrase)
    )
    merged: list[tuple[int, int]] = []
    for start, end in matches:
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def _matches(found: Sequence[Token], number: int, phrase: Phrase) -> bool:
    *words, last = phrase.words
    if number + len(words) >= len(found):
        return False
    token = found[number + len(words)]
    if token.word != last and not (phrase.is_prefix and token.word.startswith(last)):
        return False
    return all(found[number + place].word == word for place, word in enumerate(words))


def _split(text: str, matches: Sequence[tuple[int, int]]) -> Iterator[MarkedText]:
    place = 0
    for start, end in matches:
        if place < start:
            yield MarkedText(text[place:start], False)
        yield MarkedText(text[start:end], True)
        place = end
    if place < len(text):
        yield MarkedText(text[place:], False)
