"""Authors: splits bylines into single people, with their e-mail and web addresses (F22: each person once)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from html import unescape

from ..model import Author, Person
from .links import web_url
from .text import LABEL_LIMIT, clean_label, collapse_whitespace, strip_illegal_xml

# Every repetition is possessive or bounded, so that the time is linear in the length of a hostile byline (S15).
_EMAIL = r"[^\s@<>()\[\],;:\"]{1,64}@[^\s@<>()\[\],;:\"]{1,255}"
_ADDRESS = re.compile(_EMAIL)
_EMAIL_FIRST = re.compile(
    rf"(?:mailto:)?({_EMAIL})\s*+(?:\(([^()]*+(?:\([^()]*+\)[^()]*+)?)\)|[-–:]?\s*+([^@]*+))", re.IGNORECASE
)
_NAME_FIRST = re.compile(rf"([^<>(\[@]*+)[<(\[]\s*+(?:mailto:)?({_EMAIL})\s*+[>)\]]", re.IGNORECASE)
_BETWEEN_ADDRESSES = re.compile(r"(?<=[)>])\s*[,;]\s*")
# `von` and `par` occur in names too: they are removed only before two words or more.
_BYLINE_PREFIX = re.compile(
    r"\A(?:(?i:(?:written |posted |words |story |text |article )?by(?::\s*|\s+)|authors?:\s*)"
    r"|(?:Von|Par|Por|Door|Di|Av|Af|Przez):?\s+(?=\S+\s+\S))",
)
_AND = re.compile(r"\s+(?:and|&|und|et|y|e|en|og|och|i)\s+")
_SEMICOLON = re.compile(r"\s*[;|·•]\s*")
_COMMA = re.compile(r"\s*,\s*(?:(?:and|&|und|et|y|e)\s+)?")
# Most names have no separator: one search spares them the rest.
_ANY_SEPARATOR = re.compile(r"[,;|·•]|\s(?:and|&|und|et|y|e|en|og|och|i)\s")
_NAME_SUFFIX = re.compile(
    r"(?:jr|sr|ii|iii|iv|ph\.?\s?d|m\.?d|esq|m\.?a|mba|dds|rn|d\.?phil|inc|ltd|llc|gmbh|co|corp|plc)\.?", re.IGNORECASE
)
_JOB_TITLE = re.compile(
    r"(?:[\w' -]{1,40} )?(?:writer|reporter|correspondent|editor|author|contributor|columnist|journalist|photographer"
    r"|producer|analyst|staff|editor-in-chief)",
    re.IGNORECASE,
)
_ORGANISATION_WORD = re.compile(
    r"\b(?:inc|ltd|llc|gmbh|corp|company|co|plc|group|press|news|media|agency|department|ministry|institute|university"
    r"|office|bureau|society|association|foundation|committee|council|centers?|centre|school|college|studios?|team|staff"
    r"|editors?|desk|times|post|magazine|blog|podcast|network|services?|partners|sons|brothers|research|science|arts"
    r"|technology|international|national|federal|board|union|labs?)\b",
    re.IGNORECASE,
)
_PLACEHOLDERS = {"", "-", "n/a", "none", "null", "unknown", "noreply", "no-reply", "nobody", "undefined", "anonymous@"}
_NO_REPLY = re.compile(r"(?:no-?reply|do-?not-?reply|nobody|unknown|none)@", re.IGNORECASE)
_AUTHOR_ROLES = {"author", "creator", "writer", "host", ""}

MAX_AUTHORS = 50


@lru_cache(maxsize=512)
def select_authors(people: tuple[Person, ...], *bases: str | None) -> tuple[Author, ...]:
    """Return the authors among the people, split into single people, each once; contributors are no authors.

    The result is cached, because the same few people write most of a feed.
    """
    authors: dict[str, Author] = {}
    for person in people:
        if person.role in _AUTHOR_ROLES:
            for author in _split_person(person, bases):
                name = author.name.casefold()
                authors[name] = _merge_authors(authors[name], author) if name in authors else author
    return tuple(list(authors.values())[:MAX_AUTHORS])


def _merge_authors(first: Author, second: Author) -> Author:
    return replace(
        first,
        url=first.url or second.url,
        email=first.email or second.email,
        avatar=first.avatar or second.avatar,
    )


def _split_person(person: Person, bases: tuple[str | None, ...]) -> Iterator[Author]:
    byline = collapse_whitespace(strip_illegal_xml(unescape((person.name or "")[:LABEL_LIMIT])))
    parts = _BETWEEN_ADDRESSES.split(byline) if byline.count("@") > 1 else [byline]
    if len(parts) > 1:
        yield from (author for part in parts[:MAX_AUTHORS] for author in _split_person(Person(part), bases))
        return
    name, email = _name_and_email(byline, person.email)
    prefix = _BYLINE_PREFIX.match(name)
    names = _split_names(name[prefix.end() :] if prefix else name) if name else []
    url, avatar = web_url(person.url, *bases), web_url(person.avatar, *bases)
    if len(names) > 1:
        yield from map(Author, names)
    elif names and names[0].casefold() not in _PLACEHOLDERS:
        yield Author(names[0], url, email, avatar)
    elif email and not _NO_REPLY.match(email):
        yield Author(email, url, email, avatar)
    elif url:
        yield Author(url, url, None, avatar)


def _name_and_email(byline: str, email: str | None) -> tuple[str, str | None]:
    """Return the name without the e-mail address in it, and the address, that of `email` first."""
    match = _ADDRESS.search(email[:LABEL_LIMIT]) if email else None
    address = clean_label(match[0].removeprefix("mailto:")) if match else None
    if "@" not in byline:
        return clean_label(byline), address
    match = _NAME_FIRST.fullmatch(byline)
    if match:
        return clean_label(match[1].strip(" \"'")), address or clean_label(match[2])
    match = _EMAIL_FIRST.fullmatch(byline)
    if match:
        return clean_label((match[2] or match[3] or "").strip(" \"'")), address or clean_label(match[1])
    return clean_label(byline), address


def _split_names(text: str) -> list[str]:
    """Split a byline at semicolons, and at commas and `and` where every part looks like a person's name."""
    if not _ANY_SEPARATOR.search(text):
        return [text]
    if _SEMICOLON.search(text):
        names = [name for part in _SEMICOLON.split(text) if part for name in _split_names(part)]
        return [name for name in names if not _ORGANISATION_WORD.search(name)] or names
    parts = _join_suffixes([part for part in _COMMA.split(text) if part])
    if len(parts) > 1 and _is_full_name(parts[0]):
        parts = [part for part in parts if not _JOB_TITLE.fullmatch(part)]
    names = [name for part in parts for name in _AND.split(part) if name]
    return names if len(names) <= MAX_AUTHORS and all(map(_is_full_name, names)) else [text]


def _join_suffixes(parts: list[str]) -> list[str]:
    """Join `John Smith` and `Jr.` again."""
    joined: list[str] = []
    for part in parts:
        if joined and _NAME_SUFFIX.fullmatch(part):
            joined[-1] += f", {part}"
        else:
            joined.append(part)
    return joined


def _is_full_name(name: str) -> bool:
    """Return whether a name has two to five words and is no organisation: `Smith` may be half of `Smith, John`."""
    words = name.partition(",")[0].split()
    return 2 <= len(words) <= 5 and not _ORGANISATION_WORD.search(name) and not any(char.isdigit() for char in name)
