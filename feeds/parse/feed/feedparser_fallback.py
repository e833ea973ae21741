"""The reader of feeds that no XML parser can read: feedparser, with its result converted to our records."""

from __future__ import annotations

import re
from collections.abc import Mapping

from ...errors import FailureKind, ParseError
from ...model import NOTHING, Category, Channel, Comments, Link, Media, Origin, Parsed, Person, Story, Text
from .. import xml_tree
from ..document import SourceDocument
from .elements import FEED_TYPES
from .text_constructs import MAX_TEXT_LENGTH, WEB_SCHEMES, TextType, guess_type, unwrap_cdata

# feedparser takes thirty times as long as our XML reader, and in places more than linear time.
MAX_DOCUMENT_LENGTH = 1_000_000
# S15: feedparser's pattern for e-mail addresses takes quadratic time, and is applied to the text of these elements.
PERSON_ELEMENTS = (
    r"(?:[\w.-]{1,40}:)?"
    r"(?:author|creator|contributor|credit|editor|email|managingeditor|name|owner|publisher|webmaster)"
)
LONG_PERSON = re.compile(rf"(<{PERSON_ELEMENTS}\b[^<>]{{0,2000}}>(?:\s{{0,100}}<!\[CDATA\[)?[^<]{{500}})[^<]+", re.I)
LONG_TAG = re.compile(r"(<[A-Za-z/][^<>]{20000})[^<>]+")

# feedparser raises no exceptions of its own; fuzzing has made its code raise these.
FEEDPARSER_ERRORS = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)

FeedparserEntry = Mapping[str, object]
EMPTY_ENTRY: FeedparserEntry = {}
PODCAST_FIELDS = ("duration", "episode", "season", "episodetype", "explicit")


def read(document: SourceDocument) -> Parsed:
    """Return the channel and stories that feedparser reads; raise ParseError where it fails."""
    text = LONG_TAG.sub(r"\1", LONG_PERSON.sub(r"\1", xml_tree.sanitize(document.text[:MAX_DOCUMENT_LENGTH])))
    result = _run_feedparser(text.encode("utf-8", "replace"))
    entries = _get_objects(result, "entries")
    rss = not str(result.get("version") or "").startswith("atom")
    newest = document.newest_items(
        entries, lambda entry: _get_string(entry, "published") or _get_string(entry, "updated")
    )
    return Parsed(
        reader="feedparser",
        warnings=("the XML cannot be repaired and was read by feedparser", *document.item_warnings(entries)),
        base=document.base,
        channel=_build_channel(_to_object(result.get("feed")), rss),
        stories=tuple(_build_story(entry, rss) for entry in newest),
    )


def _run_feedparser(body: bytes) -> FeedparserEntry:
    import feedparser  # heavy, and few feeds need it

    headers = {"content-type": "application/xml; charset=utf-8"}
    try:
        return _to_object(
            feedparser.parse(body, response_headers=headers, sanitize_html=False, resolve_relative_uris=False)
        )
    except FEEDPARSER_ERRORS as error:
        raise ParseError("This looks like a feed, but is too broken to be read.", kind=FailureKind.BROKEN) from error


def _build_channel(feed: FeedparserEntry, rss: bool) -> Channel:
    image = _get_string(_to_object(feed.get("image")), "href") or _get_string(feed, "logo")
    icon = _get_string(feed, "icon")
    return Channel(
        id=_get_string(feed, "id"),
        title=_parse_text(feed, "title", rss),
        description=_parse_text(feed, "subtitle", rss) or _parse_text(feed, "summary", rss),
        links=_parse_links(feed),
        language=_get_string(feed, "language"),
        people=_parse_people(feed),
        categories=_parse_categories(feed),
        rights=_parse_text(feed, "rights", rss),
        image=Link(image, "image") if image else None,
        icon=Link(icon, "icon") if icon else None,
        generator=_get_string(feed, "generator"),
        updated=_get_string(feed, "updated"),
        published=_get_string(feed, "published"),
        ttl=_get_string(feed, "ttl"),
        update_period=_get_string(feed, "sy_updateperiod"),
        update_frequency=_get_string(feed, "sy_updatefrequency"),
        update_base=_get_string(feed, "sy_updatebase"),
    )


def _build_story(entry: FeedparserEntry, rss: bool) -> Story:
    image = _get_string(_to_object(entry.get("image")), "href")
    published, updated = _parse_dates(entry, rss)
    contents = (_make_text(detail, rss) for detail in _get_objects(entry, "content"))
    return Story(
        id=_get_string(entry, "id"),
        id_is_permalink=(_get_string(entry, "id") or "").startswith(WEB_SCHEMES)
        and bool(not rss or entry.get("guidislink")),
        links=_parse_links(entry),
        title=_parse_text(entry, "title", rss),
        summary=_parse_text(entry, "summary", rss),
        content=tuple(text for text in contents if text),
        published=published,
        updated=updated,
        people=_parse_people(entry),
        categories=_parse_categories(entry),
        media=_parse_media(entry),
        image=Link(image, "image") if image else None,
        language=_get_string(entry, "language"),
        rights=_parse_text(entry, "rights", rss),
        origin=_parse_origin(_to_object(entry.get("source"))),
        comments=_parse_comments(entry),
        podcast=_parse_podcast(entry),
    )


def _parse_dates(entry: FeedparserEntry, rss: bool) -> tuple[str | None, str | None]:
    """Return published and updated. feedparser calls `dc:date` an update; in RSS it is the only date there is."""
    published, updated = _get_string(entry, "published") or _get_string(entry, "created"), _get_string(entry, "updated")
    return (updated, None) if rss and not published else (published, updated)


def _parse_text(entry: FeedparserEntry, name: str, rss: bool) -> Text | None:
    """Return a text that is in the document: one that feedparser copies from another field has no detail."""
    return _make_text(_to_object(entry.get(f"{name}_detail")), rss, name == "title")


def _make_text(detail: FeedparserEntry, rss: bool, is_title: bool = False) -> Text | None:
    value = _get_string(detail, "value")
    if not value:
        return None
    kind: TextType = "text" if _get_string(detail, "type") == "text/plain" else "html"
    if rss:
        kind = guess_type(value) if is_title else "html"
    return Text(value[:MAX_TEXT_LENGTH], kind, language=_get_string(detail, "language"))


def _parse_links(entry: FeedparserEntry) -> tuple[Link, ...]:
    links = []
    for link in _get_objects(entry, "links"):
        if href := _get_string(link, "href") or _get_string(link, "url"):
            attributes = (_get_string(link, name) for name in ("type", "length", "hreflang", "title"))
            links.append(Link(href, _get_string(link, "rel") or "alternate", *attributes))
    links += [
        Link(src, "enclosure", _get_string(content, "type"), base=_get_string(content, "base"))
        for content in _get_objects(entry, "content")
        if (src := _get_string(content, "src"))
    ]
    address = _get_string(entry, "link")
    is_id = address == _get_string(entry, "id")  # feedparser takes the id for a link as well
    if address and not is_id and not any(link.rel == "alternate" for link in links):
        links.insert(0, Link(address))
    return tuple(links)


def _parse_people(entry: FeedparserEntry) -> tuple[Person, ...]:
    rows = (("authors", "author"), ("contributors", "contributor"))
    people = tuple(
        Person(name, email, url, None, role)
        for field, role in rows
        for detail in _get_objects(entry, field)
        for name, email, url in [(_get_string(detail, key) for key in ("name", "email", "href"))]
        if name or email or url
    )
    author = _get_string(entry, "author")
    return people or ((Person(author),) if author else ())


def _parse_categories(entry: FeedparserEntry) -> tuple[Category, ...]:
    categories = (
        Category(_get_string(tag, "term") or "", _get_string(tag, "scheme"), _get_string(tag, "label"))
        for tag in _get_objects(entry, "tags")
    )
    return tuple(dict.fromkeys(category for category in categories if category.term or category.label))


def _parse_media(entry: FeedparserEntry) -> tuple[Media, ...]:
    names = ("type", "medium", "filesize", "width", "height", "duration")
    return tuple(
        Media(url, role, *(_get_string(media, name) for name in names))
        for field, role in (("media_content", "content"), ("media_thumbnail", "thumbnail"))
        for media in _get_objects(entry, field)
        if (url := _get_string(media, "url"))
    )


def _parse_origin(source: FeedparserEntry) -> Origin | None:
    origin = Origin(*(_get_string(source, name) for name in ("id", "title", "link", "href")))
    return origin if origin != Origin() else None


def _parse_comments(entry: FeedparserEntry) -> Comments | None:
    count = _get_string(entry, "slash_comments") or _get_string(entry, "thr_total")
    replies = [link for link in _get_objects(entry, "links") if _get_string(link, "rel") == "replies"]
    feed = next((_get_string(link, "href") for link in replies if _get_string(link, "type") in FEED_TYPES), None)
    page = next((_get_string(link, "href") for link in replies if _get_string(link, "type") not in FEED_TYPES), None)
    comments = Comments(_get_string(entry, "comments") or page, count, _get_string(entry, "wfw_commentrss") or feed)
    return comments if comments != Comments() else None


def _parse_podcast(entry: FeedparserEntry) -> Mapping[str, str]:
    values = ((name.replace("type", "Type"), _get_string(entry, f"itunes_{name}")) for name in PODCAST_FIELDS)
    return {name: value for name, value in values if value} or NOTHING


def _to_object(value: object) -> FeedparserEntry:
    # A plain dict: feedparser's own type warns when a missing date is looked up.
    return dict(value.items()) if isinstance(value, Mapping) else EMPTY_ENTRY


def _get_objects(entry: FeedparserEntry, name: str) -> list[FeedparserEntry]:
    value = entry.get(name)
    return [_to_object(member) for member in value] if isinstance(value, list) else []


def _get_string(entry: FeedparserEntry, name: str) -> str | None:
    value = entry.get(name)
    return unwrap_cdata(value.strip()) or None if isinstance(value, str) else None
