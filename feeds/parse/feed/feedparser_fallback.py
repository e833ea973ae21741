"""The last resort for feeds no XML parser can make sense of: feedparser, its answers put into our records."""

from __future__ import annotations

import re
from collections.abc import Mapping

import feedparser

from ...errors import ParseError
from ...model import NOTHING, Category, Channel, Comments, Link, Media, Origin, Parsed, Person, Story, Text
from .. import xml_tree
from ..document import SourceDocument
from . import text_constructs
from .elements import FEED_TYPES

# Slower than reading the tree by a factor of thirty, and more than linear in places.
LARGEST = 1_000_000
# S15: its pattern for e-mail addresses is quadratic, and it is tried on whatever stands in these elements.
NAMING = (
    r"(?:[\w.-]{1,40}:)?"
    r"(?:author|creator|contributor|credit|editor|email|managingeditor|name|owner|publisher|webmaster)"
)
LONG_NAMES = re.compile(rf"(<{NAMING}\b[^<>]{{0,2000}}>(?:\s{{0,100}}<!\[CDATA\[)?[^<]{{500}})[^<]+", re.I)
LONG_TAGS = re.compile(r"(<[A-Za-z/][^<>]{20000})[^<>]+")

# What its code runs into on documents nobody thought of (found by fuzzing); it promises no exceptions of its own.
TROUBLE = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)

FeedparserEntry = Mapping[str, object]
EMPTY: FeedparserEntry = {}


def read(document: SourceDocument) -> Parsed:
    """What feedparser makes of a document that is no tree."""
    text = LONG_TAGS.sub(r"\1", LONG_NAMES.sub(r"\1", xml_tree.inert(document.text[:LARGEST])))
    answer = _answer(text.encode("utf-8", "replace"))
    entries = [_object(entry) for entry in _list(answer.get("entries"))]
    rss = not str(answer.get("version") or "").startswith("atom")
    chosen = document.newest(entries, lambda entry: _string(entry, "published") or _string(entry, "updated"))
    return Parsed(
        reader="feedparser",
        warnings=("no XML reader can make sense of this; read as feedparser does", *document.warnings(entries)),
        base=document.base,
        channel=_channel(_object(answer.get("feed")), rss),
        stories=tuple(_story(entry, rss) for entry in chosen),
    )


def _answer(body: bytes) -> FeedparserEntry:
    headers = {"content-type": "application/xml; charset=utf-8"}
    try:
        return _object(
            feedparser.parse(body, response_headers=headers, sanitize_html=False, resolve_relative_uris=False)
        )
    except TROUBLE as error:
        raise ParseError("This looks like a feed, but is too broken to be read.", kind="broken") from error


def _channel(feed: FeedparserEntry, rss: bool) -> Channel:
    image = _string(_object(feed.get("image")), "href") or _string(feed, "logo")
    icon = _string(feed, "icon")
    return Channel(
        id=_string(feed, "id"),
        title=_construct(feed, "title", rss),
        description=_construct(feed, "subtitle", rss) or _construct(feed, "summary", rss),
        links=_links(feed),
        language=_string(feed, "language"),
        people=_people(feed),
        categories=_categories(feed),
        rights=_construct(feed, "rights", rss),
        image=Link(image, "image") if image else None,
        icon=Link(icon, "icon") if icon else None,
        generator=_string(feed, "generator"),
        updated=_string(feed, "updated"),
        published=_string(feed, "published"),
        ttl=_string(feed, "ttl"),
        update_period=_string(feed, "sy_updateperiod"),
        update_frequency=_string(feed, "sy_updatefrequency"),
        update_base=_string(feed, "sy_updatebase"),
    )


def _story(entry: FeedparserEntry, rss: bool) -> Story:
    image = _string(_object(entry.get("image")), "href")
    published, updated = _dates(entry, rss)
    contents = (_made(_object(one), rss) for one in _list(entry.get("content")))
    return Story(
        id=_string(entry, "id"),
        id_is_permalink=bool(rss and _string(entry, "id") and entry.get("guidislink")),
        links=_links(entry),
        title=_construct(entry, "title", rss),
        summary=_construct(entry, "summary", rss),
        content=tuple(text for text in contents if text),
        published=published,
        updated=updated,
        people=_people(entry),
        categories=_categories(entry),
        media=_media(entry),
        image=Link(image, "image") if image else None,
        language=_string(entry, "language"),
        rights=_construct(entry, "rights", rss),
        origin=_origin(_object(entry.get("source"))),
        comments=_comments(entry),
        podcast=_podcast(entry),
    )


def _dates(entry: FeedparserEntry, rss: bool) -> tuple[str | None, str | None]:
    """Published and updated. feedparser calls `dc:date` an update; in RSS it is the only date there is."""
    published, updated = _string(entry, "published") or _string(entry, "created"), _string(entry, "updated")
    return (updated, None) if rss and not published else (published, updated)


def _construct(holder: FeedparserEntry, name: str, rss: bool) -> Text | None:
    """A text, where it was in the document: what feedparser copies from elsewhere has no detail."""
    return _made(_object(holder.get(f"{name}_detail")), rss, name == "title")


def _made(detail: FeedparserEntry, rss: bool, is_title: bool = False) -> Text | None:
    value = _string(detail, "value")
    if not value:
        return None
    kind: text_constructs.Type = "text" if _string(detail, "type") == "text/plain" else "html"
    if rss:
        kind = text_constructs.guessed(value) if is_title else "html"
    return Text(value[: text_constructs.LONG], kind, language=_string(detail, "language"))


def _links(holder: FeedparserEntry) -> tuple[Link, ...]:
    made = []
    for link in (_object(one) for one in _list(holder.get("links"))):
        if href := _string(link, "href") or _string(link, "url"):
            named = (_string(link, name) for name in ("type", "length", "hreflang", "title"))
            made.append(Link(href, _string(link, "rel") or "alternate", *named))
    redirect_host = (content for content in map(_object, _list(holder.get("content"))) if _string(content, "src"))
    made += [
        Link(_string(content, "src") or "", "enclosure", _string(content, "type"), base=_string(content, "base"))
        for content in redirect_host
    ]
    address = _string(holder, "link")
    is_id = address == _string(holder, "id")  # which feedparser takes for a link as well
    if address and not is_id and not any(link.rel == "alternate" for link in made):
        made.insert(0, Link(address))
    return tuple(made)


def _people(holder: FeedparserEntry) -> tuple[Person, ...]:
    rows = (("authors", "author"), ("contributors", "contributor"))
    found = [
        Person(_string(one, "name"), _string(one, "email"), _string(one, "href"), None, role)
        for field, role in rows
        for one in (_object(each) for each in _list(holder.get(field)))
        if _string(one, "name") or _string(one, "email") or _string(one, "href")
    ]
    whole = _string(holder, "author")
    return tuple(found) or ((Person(whole),) if whole else ())


def _categories(holder: FeedparserEntry) -> tuple[Category, ...]:
    tags = (_object(tag) for tag in _list(holder.get("tags")))
    made = (Category(_string(tag, "term") or "", _string(tag, "scheme"), _string(tag, "label")) for tag in tags)
    return tuple(dict.fromkeys(category for category in made if category.term or category.label))


def _media(entry: FeedparserEntry) -> tuple[Media, ...]:
    return tuple(
        Media(
            url,
            role,
            *(_string(one, name) for name in ("type", "medium", "filesize", "width", "height", "duration")),
        )
        for field, role in (("media_content", "content"), ("media_thumbnail", "thumbnail"))
        for one in (_object(each) for each in _list(entry.get(field)))
        if (url := _string(one, "url"))
    )


def _origin(source: FeedparserEntry) -> Origin | None:
    made = Origin(_string(source, "id"), _string(source, "title"), _string(source, "link"), _string(source, "href"))
    return made if made != Origin() else None


def _comments(entry: FeedparserEntry) -> Comments | None:
    count = _string(entry, "slash_comments") or _string(entry, "thr_total")
    replies = [_object(one) for one in _list(entry.get("links")) if _string(_object(one), "rel") == "replies"]
    feed = next((_string(one, "href") for one in replies if _string(one, "type") in FEED_TYPES), None)
    page = next((_string(one, "href") for one in replies if _string(one, "type") not in FEED_TYPES), None)
    made = Comments(_string(entry, "comments") or page, count, _string(entry, "wfw_commentrss") or feed)
    return made if made != Comments() else None


def _podcast(entry: FeedparserEntry) -> Mapping[str, str]:
    names = ("duration", "episode", "season", "episodetype", "explicit")
    found = {name.replace("type", "Type"): value for name in names if (value := _string(entry, f"itunes_{name}"))}
    return found or NOTHING


def _object(value: object) -> FeedparserEntry:
    return dict(value.items()) if isinstance(value, Mapping) else EMPTY  # its own type warns when asked for dates


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _string(holder: FeedparserEntry, name: str) -> str | None:
    value = holder.get(name)
    return value.strip() or None if isinstance(value, str) else None
