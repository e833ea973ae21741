"""People in all their spellings, as single authors with names (F22: the same person once)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from html import unescape

from ..model import Author, Person
from .links import web_url
from .text import LABEL_LIMIT, collapse, label, legal

# Every repetition is possessive or bounded: a hostile author costs no more than its length (S15).
_EMAIL = r"[^\s@<>()\[\],;:\"]{1,64}@[^\s@<>()\[\],;:\"]{1,255}"
_ADDRESS = re.compile(_EMAIL)
_EMAIL_FIRST = re.compile(
    rf"(?:mailto:)?({_EMAIL})\s*+(?:\(([^()]*+(?:\([^()]*+\)[^()]*+)?)\)|[-–:]?\s*+([^@]*+))", re.IGNORECASE
)
_NAME_FIRST = re.compile(rf"([^<>(\[@]*+)[<(\[]\s*+(?:mailto:)?({_EMAIL})\s*+[>)\]]", re.IGNORECASE)
_PEOPLE = re.compile(r"(?<=[)>])\s*[,;]\s*")
# `von` and `par` stand inside names too: only at the head of two words or more are they a byline.
_BY = re.compile(
    r"\A(?:(?i:(?:written |posted |words |story |text |article )?by(?::\s*|\s+)|authors?:\s*)"
    r"|(?:Von|Par|Por|Door|Di|Av|Af|Przez):?\s+(?=\S+\s+\S))",
)
_AND = re.compile(r"\s+(?:and|&|und|et|y|e|en|og|och|i)\s+")
_SEMICOLON = re.compile(r"\s*[;|·•]\s*")
_COMMA = re.compile(r"\s*,\s*(?:(?:and|&|und|et|y|e)\s+)?")
# One pass that finds none of the separators above spares most names all that follows.
_SEVERAL = re.compile(r"[,;|·•]|\s(?:and|&|und|et|y|e|en|og|och|i)\s")
_SUFFIX = re.compile(
    r"(?:jr|sr|ii|iii|iv|ph\.?\s?d|m\.?d|esq|m\.?a|mba|dds|rn|d\.?phil|inc|ltd|llc|gmbh|co|corp|plc)\.?", re.IGNORECASE
)
_ROLE = re.compile(
    r"(?:[\w' -]{1,40} )?(?:writer|reporter|correspondent|editor|author|contributor|columnist|journalist|photographer"
    r"|producer|analyst|staff|editor-in-chief)",
    re.IGNORECASE,
)
_COMPANY = re.compile(
    r"\b(?:inc|ltd|llc|gmbh|corp|company|co|plc|group|press|news|media|agency|department|ministry|institute|university"
    r"|office|bureau|society|association|foundation|committee|council|centers?|centre|school|college|studios?|team|staff"
    r"|editors?|desk|times|post|magazine|blog|podcast|network|services?|partners|sons|brothers|research|science|arts"
    r"|technology|international|national|federal|board|union|labs?)\b",
    re.IGNORECASE,
)
_NOBODY = {"", "-", "n/a", "none", "null", "unknown", "noreply", "no-reply", "nobody", "undefined", "anonymous@"}
_NO_NAME = re.compile(r"(?:no-?reply|do-?not-?reply|nobody|unknown|none)@", re.IGNORECASE)
_AUTHORS = {"author", "creator", "writer", "host", ""}

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
    told = collapse(legal(unescape((person.name or "")[:LABEL_LIMIT])))
    parts = _PEOPLE.split(told) if told.count("@") > 1 else [told]
    if len(parts) > 1:
        yield from (author for part in parts[:MANY] for author in _singled(Person(part), bases))
        return
    name, email = _name_and_email(told, person.email)
    by = _BY.match(name)
    names = _split(name[by.end() :] if by else name) if name else []
    url, avatar = web_url(person.url, *bases), web_url(person.avatar, *bases)
    if len(names) > 1:
        yield from (Author(one) for one in names)
    elif names and names[0].casefold() not in _NOBODY:
        yield Author(names[0], url, email, avatar)
    elif email and not _NO_NAME.match(email):
        yield Author(email, url, email, avatar)
    elif url:
        yield Author(url, url, None, avatar)


def _name_and_email(told: str, email: str | None) -> tuple[str, str | None]:
    """The name without an address in it, and the address."""
    address = _ADDRESS.search(email[:LABEL_LIMIT]) if email else None
    known = label(address[0].removeprefix("mailto:")) if address else None
    if "@" not in told:
        return label(told), known
    first = _NAME_FIRST.fullmatch(told)
    if first:
        return label(first[1].strip(" \"'")), known or label(first[2])
    found = _EMAIL_FIRST.fullmatch(told)
    if found:
        return label((found[2] or found[3] or "").strip(" \"'")), known or label(found[1])
    return label(told), known


def _split(name: str) -> list[str]:
    """One string into names: at semicolons; at commas and `and` where every part looks like a person's name."""
    if not _SEVERAL.search(name):
        return [name]
    if _SEMICOLON.search(name):
        parts = [one for part in _SEMICOLON.split(name) if part for one in _split(part)]
        return [one for one in parts if not _COMPANY.search(one)] or parts
    commas = _joined_suffixes([part for part in _COMMA.split(name) if part])
    if len(commas) > 1 and _is_full_name(commas[0]):
        commas = [part for part in commas if not _ROLE.fullmatch(part)]
    parts = [one for part in commas for one in _AND.split(part) if one]
    if len(parts) > MANY or not all(map(_is_full_name, parts)):
        return [name]
    return parts


def _joined_suffixes(parts: list[str]) -> list[str]:
    """`John Smith` and `Jr.` are one again."""
    joined: list[str] = []
    for part in parts:
        if joined and _SUFFIX.fullmatch(part):
            joined[-1] += f", {part}"
        else:
            joined.append(part)
    return joined


def _is_full_name(name: str) -> bool:
    """Two to five words, not a company's: `Smith` alone may be half of `Smith, John`."""
    words = name.partition(",")[0].split()
    return 2 <= len(words) <= 5 and not _COMPANY.search(name) and not any(char.isdigit() for char in name)
