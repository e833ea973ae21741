"""What all writers share: dates as the formats spell them, addresses and names of a feed, text that XML can hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import TypeVar

from ..model import Article, Category, Edition, Feed, Podcast, Site, field_names, replace
from ..registry import Format, formats
from .addresses import spell_fields

FEED_STYLESHEET = "assets/feed.css"
# Path → media type. The names stay, as pages that browsers still hold need them; an ETag says whether one changed.
ASSETS = {
    FEED_STYLESHEET: "text/css",
    "assets/page.css": "text/css",
    "assets/story.css": "text/css",
    "assets/page.js": "text/javascript",
    "assets/stories.js": "text/javascript",
    "assets/live.js": "text/javascript",
    "assets/push.js": "text/javascript",
    "assets/icon-192.png": "image/png",
    "assets/icon-512.png": "image/png",
    "assets/icon-maskable.png": "image/png",
}

UNKNOWN_MEDIA_TYPE = "application/octet-stream"

_Record = TypeVar("_Record")

# ── dates ───────────────────────────────────────────────────────────────────────────────────────────────────────────

# Written out because strftime follows the locale (R8) and RFC 822 does not (R27).
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MAX_CATEGORIES = 3  # of a podcast; directories take no more
_EMAIL = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]+@(?:[a-z0-9-]+\.)+[a-z0-9][a-z0-9-]*", re.IGNORECASE | re.ASCII)
_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", re.ASCII)


@lru_cache(maxsize=1024)  # an article has the same one in each format
def format_rfc3339(moment: datetime) -> str:
    """Return a moment as Atom and JSON Feed spell it: whole seconds, capital T and Z (R15)."""
    return moment.astimezone(UTC).isoformat()[:19] + "Z"


def format_rfc822(moment: datetime) -> str:
    """Return a moment as RSS spells it: English names and a year of four digits, whatever the locale (R27)."""
    moment = moment.astimezone(UTC)
    date = f"{_DAYS[moment.weekday()]}, {moment.day:02} {_MONTHS[moment.month - 1]} {moment.year:04}"
    return f"{date} {moment.hour:02}:{moment.minute:02}:{moment.second:02} +0000"


def source_name(article: Article, site: Site) -> str:
    """Return what the source of an article is called; stories of our own are the site's."""
    name = article.origin.title if article.origin else None
    return name or (site.title if article.page else "") or article.source_id


def article_dates(article: Article) -> tuple[datetime | None, datetime | None]:
    """Return when an article was published and when it was modified; one of them is always known.

    Without a date of its own it is that of the first sight. A modification is `updated`, which is never later than the
    visit and never goes back (R11).
    """
    if article.modified:
        return article.published, article.updated
    return article.published or article.first_seen, None


def clean_rfc3339(date: str | None) -> str | None:
    """Return a date of a source as it is if Atom allows it, else none."""
    if not date or not _RFC3339.fullmatch(date):
        return None
    try:
        datetime.fromisoformat(date)
    except ValueError:
        return None
    return date


# ── addresses and names of a feed ───────────────────────────────────────────────────────────────────────────────────


def feed_formats(feed: Feed) -> Iterator[Format]:
    """Yield the formats that a feed is published in."""
    return (format for format in formats().values() if not feed.formats or format.name in feed.formats)


def subscription_formats(feed: Feed) -> Iterator[Format]:
    """Yield the formats of a feed that feed readers read."""
    return (format for format in feed_formats(feed) if not format.is_page)


def file_path(feed: Feed, format: Format, archive: int | None = None) -> str:
    """Return the path of one of a feed's files, relative to the public folder; of an archive document by its number."""
    return f"{feed.id}.{format.name}" if archive is None else f"archive/{feed.id}/{archive}.{format.name}"


def page_path(feed: Feed) -> str:
    """Return the path of a feed's page; of a feed without one that of its first format."""
    formats = list(feed_formats(feed))
    return file_path(feed, next((format for format in formats if format.is_page), formats[0]))


def file_url(feed: Feed, site: Site, format: Format, archive: int | None = None) -> str:
    """Return the public address of one of a feed's files."""
    return site.url + file_path(feed, format, archive)


def folder_depth(edition: Edition) -> int:
    """Return how many folders below the public folder the documents of an edition lie."""
    return edition.feed.id.count("/") + (0 if edition.archive is None else 2)


def feed_title(feed: Feed) -> str:
    """Return the title of a feed, its id by default: every format requires one."""
    return feed.title or feed.id


def home_page_url(feed: Feed, site: Site) -> str:
    """Return the address of the page that belongs to a feed, by default the site's."""
    return feed.link or site.url


def feed_id(edition: Edition) -> str:
    """Return the feed's permanent id: it stays when the feed is renamed, or the site moves to another address (R21)."""
    site, id = edition.site, edition.original_id or edition.feed.id
    return f"tag:{site.authority}:{id}" if site.authority else f"{site.url}{id}"


def feed_language(feed: Feed, site: Site) -> str | None:
    """Return the language a feed is declared in, by default the site's."""
    return feed.language or site.language


def edition_language(edition: Edition) -> str | None:
    """Return the language of a feed; where none is declared, that of a podcast's newest episode."""
    declared = feed_language(edition.feed, edition.site)
    if declared or not find_podcast(edition):
        return declared
    return next((article.language for article in edition.articles if article.language), None)


def feed_author(feed: Feed, site: Site) -> str:
    """Return the author of a feed's articles without one (R16)."""
    return feed.author or site.title or site.url


def feed_description(feed: Feed, site: Site) -> str:
    """Return the description of a feed, by default the site's; may be empty."""
    return feed.description or site.description


def article_categories(article: Article) -> Iterator[Category]:
    """Return the categories with their schemes, then the tags that these do not name."""
    names = set()
    for category in article.categories:
        if category.term:
            names |= {category.term.casefold(), (category.label or category.term).casefold()}
            yield category
    for tag in article.tags:
        if tag and tag.casefold() not in names:
            yield Category(tag)


def find_podcast(edition: Edition) -> Podcast | None:
    """Return what directories of podcasts ask of a feed: as declared, else of the show or the shows in it, if any."""
    feed = edition.feed
    shows = list(dict.fromkeys(article.show for article in edition.articles if article.show))
    if feed.podcast:
        podcast = feed.podcast
    elif not shows:
        return None
    elif len({article.source_id for article in edition.articles}) == 1:
        podcast = spell_fields(shows[0])  # of the newest episode
    else:
        categories = dict.fromkeys(category for show in shows for category in show.category)
        podcast = Podcast(tuple(categories)[:_MAX_CATEGORIES], any(show.explicit for show in shows))
    return replace(
        podcast,
        owner=email_address(podcast.owner) or email_address(edition.site.contact),
        author=feed.author or podcast.author or edition.site.title or None,
        image=feed.image or podcast.image,
    )


def email_address(text: str | None) -> str | None:
    """Return a text if it is an e-mail address (R22), without what stands behind it in a `mailto:`."""
    address = text.partition("?")[0] if text else ""  # of `mailto:ann@example.org?subject=feed`
    return address if _EMAIL.fullmatch(address) else None


# ── text that XML can hold (R6) ─────────────────────────────────────────────────────────────────────────────────────

_ILLEGAL_CHARACTER = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def strip_illegal_characters(record: _Record) -> _Record:
    """Return the record with every string in it, however deep, free of characters that XML 1.0 cannot hold."""
    names = field_names(record)
    if names:
        return replace(record, **{name: strip_illegal_characters(getattr(record, name)) for name in names})
    return _strip_value(record)  # type: ignore[return-value]


def _strip_value(value: object) -> object:
    match value:
        case str():
            return _ILLEGAL_CHARACTER.sub("", value)
        case tuple():
            return tuple(strip_illegal_characters(item) for item in value)
        case Mapping():
            return {strip_illegal_characters(key): strip_illegal_characters(item) for key, item in value.items()}
        case _:
            return value
