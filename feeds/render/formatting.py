"""What all writers share: addresses of ours, dates as each format spells them, text that XML can hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar

from ..model import Article, Category, Feed, Site

_Record = TypeVar("_Record")

# ── dates ───────────────────────────────────────────────────────────────────────────────────────────────────────────

# Written out because strftime follows the locale (R8) and RFC 822 does not (R27).
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", re.ASCII)


def rfc3339(at: datetime) -> str:
    """Spell a moment for Atom and JSON Feed: whole seconds, capital T and Z (R15)."""
    return at.astimezone(UTC).isoformat()[:19] + "Z"


def rfc822(at: datetime) -> str:
    """Spell a moment for RSS: English names and a year of four digits, whatever the locale (R27)."""
    at = at.astimezone(UTC)
    date = f"{_DAYS[at.weekday()]}, {at.day:02} {_MONTHS[at.month - 1]} {at.year:04}"
    return f"{date} {at.hour:02}:{at.minute:02}:{at.second:02} +0000"


def told_rfc3339(date: str | None) -> str | None:
    """Give a date that came as text if it may stand in Atom as it is."""
    if not date or not _RFC3339.fullmatch(date):
        return None
    try:
        datetime.fromisoformat(date)
    except ValueError:
        return None
    return date


# ── addresses and names of a feed ───────────────────────────────────────────────────────────────────────────────────


def address(feed: Feed, site: Site, suffix: str) -> str:
    """Give the public address of one of a feed's files."""
    return f"{site.url}{feed.id}.{suffix}"


def title(feed: Feed) -> str:
    """Give the name of a feed, which no format can do without."""
    return feed.title or feed.id


def home(feed: Feed, site: Site) -> str:
    """Give the page that a feed stands for."""
    return feed.link or site.url


def feed_id(feed: Feed, site: Site) -> str:
    """Give the feed's permanent id: it does not follow the site to another address (R21)."""
    return f"tag:{site.authority}:{feed.id}" if site.authority else f"{site.url}{feed.id}"


def language(feed: Feed, site: Site) -> str | None:
    """Give the language a feed is declared in."""
    return feed.language or site.language


def author(feed: Feed, site: Site) -> str:
    """Give the one who answers for a feed: its articles without an author fall back on that name (R16)."""
    return feed.author or site.title or site.url


def description(feed: Feed, site: Site) -> str:
    """Give the sentence about a feed, if there is one."""
    return feed.description or site.description


def categories(article: Article) -> Iterator[Category]:
    """Give the categories with their schemes, then the tags that these do not name yet."""
    seen = set()
    for category in article.categories:
        if category.term:
            seen |= {category.term.casefold(), (category.label or category.term).casefold()}
            yield category
    for tag in article.tags:
        if tag and tag.casefold() not in seen:
            yield Category(tag)


# ── text that XML can hold (R6) ─────────────────────────────────────────────────────────────────────────────────────

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def legal(record: _Record) -> _Record:
    """Give the record with every string in it, however deep, free of what XML 1.0 cannot hold."""
    if is_dataclass(record) and not isinstance(record, type):
        told = (field.name for field in fields(record) if field.init)
        return replace(record, **{name: legal(getattr(record, name)) for name in told})
    return _legal(record)  # type: ignore[return-value]


def _legal(value: object) -> object:
    match value:
        case str():
            return _ILLEGAL.sub("", value)
        case tuple():
            return tuple(legal(part) for part in value)
        case Mapping():
            return {legal(key): legal(part) for key, part in value.items()}
        case _:
            return value
