"""People in all their spellings, as single authors with names (F22: the same person once)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from ..model import Author, Person
from .links import web_url
from .text import decoded

# Every repetition is possessive or bounded: a hostile author costs no more than its length (S15).
_EMAIL = r"[^\s@<>()\[\],;:\"]{1,64}@[^\s@<>()\[\],;:\"]{1,255}"
_ADDRESS = re.compile(_EMAIL)
_EMAIL_FIRST = re.compile(rf"(?:mailto:)?({_EMAIL})\s*+(?:\(([^()]*+(?:\([^()]*+\)[^()]*+)?)\)|[-–:]?\s*+([^@]*+))", re.IGNORECASE)
_NAME_FIRST = re.compile(rf"([^<>(\[@]*+)[<(\[]\s*+(?:mailto:)?({_EMAIL})\s*+[>)\]]", re.IGNORECASE)
_BY = re.compile(
    r"(?:written |posted |words |story |text |article |author)?(?:by|von|par|por|door|av|af|przez)(?::\s*|\s+)|authors?:\s*",
    re.IGNORECASE,
)
_AND = re.compile(r"\s+(?:and|&|und|et|y|e|en|og|och|i)\s+")
_SEMICOLON = re.compile(r"\s*[;|·•]\s*")
_COMMA = re.compile(r"\s*,\s*")
_SUFFIX = re.compile(r"(?:jr|sr|ii|iii|iv|ph\.?d|m\.?d|esq|m\.?a|mba|dds|rn|d\.?phil|inc|ltd|llc|gmbh|co|corp|plc|s\.?a)\.?", re.IGNORECASE)
_COMPANY = re.compile(
    r"\b(?:inc|ltd|llc|gmbh|corp|company|co|plc|group|press|news|media|agency|department|ministry|institute|university"
    r"|office|bureau|society|association|foundation|committee|council|centers?|centre|school|college|studios?|team|staff"
    r"|editors?|desk|times|post|magazine|blog|podcast|network|services?|partners|sons|brothers|research|science|arts"
    r"|technology|international|national|federal|board|union|labs?)\b",
    re.IGNORECASE,
)
_NOBODY = {"", "-", "n/a", "none", "null", "unknown", "noreply", "no-reply", "nobody", "undefined", "anonymous@"}
_NO_NAME = re.compile(r"(?:no-?reply|do-?not-?reply|nobody|unknown|none)@", re.IGNORECASE)
_AUTHORS = ("author", "creator", "writer", "host", "")

MANY = 50


@lru_cache(maxsize=512)
def authors(people: tuple[Person, ...], *bases: str | None) -> tuple[Author, ...]:
    """Those of the people who wrote it, one by one, each once; contributors and technicians are not authors.

    Kept for a while: the same few people write most of a feed.
    """
    found: dict[str, Author] = {}
    for person in people:
        if person.role in _AUTHORS:
            for author in _singled(person, bases):
                _add(found, author)
    return tuple(list(found.values())[:MANY])


def _add(found: dict[str, Author], author: Author) -> None:
    key = author.name.casefold()
    known = found.get(key)
    if known is None:
        found[key] = author
    elif not (known.url and known.email and known.avatar):
        found[key] = replace(
            known,
            url=known.url or author.url,
            email=known.email or author.email,
            avatar=known.avatar or author.avatar,
        )


def _singled(person: Person, bases: tuple[str | None, ...]) -> Iterator[Author]:
    name, email = _name_and_email(person)
    names = _split(_BY.sub("", name, count=1) if _BY.match(name) else name) if name else []
    url, avatar = web_url(person.url, *bases), web_url(person.avatar, *bases)
    if len(names) > 1:
        yield from (Author(one) for one in names)
    elif names and names[0].casefold() not in _NOBODY:
        yield Author(names[0], url, email, avatar)
    elif email and not _NO_NAME.match(email):
        yield Author(email, url, email, avatar)
    elif url:
        yield Author(url, url, None, avatar)


def _name_and_email(person: Person) -> tuple[str, str | None]:
    """The name without an address in it, and the address."""
    name, email = decoded(person.name), _email(person.email)
    if "@" not in name:
        return name, email
    first = _NAME_FIRST.fullmatch(name)
    if first:
        return first[1].strip(" \"'"), email or first[2]
    found = _EMAIL_FIRST.fullmatch(name)
    if found:
        return (found[2] or found[3] or "").strip(" \"'"), email or found[1]
    return name, email


def _email(text: str | None) -> str | None:
    found = _ADDRESS.search(text[:400]) if text else None
    return decoded(found[0]).removeprefix("mailto:") if found else None


def _split(name: str) -> list[str]:
    """One string into names: at semicolons; at commas and `and` where both sides look like the names of people."""
    if _SEMICOLON.search(name):
        return [one for part in _SEMICOLON.split(name) for one in _split(part) if one]
    commas = [part for part in _COMMA.split(name) if part]
    parts = [one for part in commas for one in _AND.split(part.removeprefix("and ").removeprefix("& ")) if one]
    if len(parts) < 2 or len(parts) > MANY:
        return [name]
    if all(map(_is_full_name, parts)) and not _is_inverted(commas):
        return parts
    return [name]


def _is_full_name(name: str) -> bool:
    """Two to five words, not a company's: `Smith` alone may be half of `Smith, John`."""
    words = name.split()
    return 2 <= len(words) <= 5 and not _COMPANY.search(name) and not any(char.isdigit() for char in name)


def _is_inverted(parts: list[str]) -> bool:
    return any(_SUFFIX.fullmatch(part) for part in parts[1:])
