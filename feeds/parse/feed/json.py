"""The reader of JSON Feed 1.0 and 1.1, and of RSS written as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TypeVar

from ...errors import FailureKind, ParseError
from ...model import NOTHING, Category, Channel, Comments, Link, Media, Origin, Parsed, Person, Story, Text, field_names
from ..document import SourceDocument
from .builder import MAX_VALUES
from .text_constructs import (
    MAX_STRING_LENGTH,
    MAX_TEXT_LENGTH,
    MAX_TITLE_LENGTH,
    WEB_SCHEMES,
    TextType,
    unwrap_cdata,
)

FeedObject = Mapping[str, object]
_Record = TypeVar("_Record", Category, Media, Origin, Comments)
EMPTY_OBJECT: FeedObject = {}
# A string, or the comma that some templates write behind the last member.
LAST_COMMA = re.compile(r"""(\"(?>(?:[^"\\]++|\\.)*)\"?)|,(?=\s*+[}\]])""", re.S)
VERSION = "jsonfeed.org/version"
ITEM_MEMBERS = ("items", "item", "entries")
PUBLISHED_MEMBERS = ("date_published", "pubDate", "published")
UPDATED_MEMBERS = ("date_modified", "updated")
# JSON member → rel of the link.
ITEM_LINKS = (("url", "alternate"), ("link", "alternate"), ("external_url", "related"))
CHANNEL_LINKS = (
    ("home_page_url", "alternate"),
    ("link", "alternate"),
    ("feed_url", "self"),
    ("next_url", "next"),
)
CONTENT_MEMBERS: tuple[tuple[str, TextType], ...] = (
    ("content_html", "html"),
    ("content_text", "text"),
    ("content:encoded", "html"),
)
# Field → the members it is read from, for `found`.
CHANNEL_FIELDS = (
    ("title", "title"),
    ("description", "description"),
    ("language", "language"),
    ("image", "icon"),
    ("icon", "favicon"),
)
STORY_FIELDS = (
    ("title", ("title",)),
    ("links", ("url", "link", "external_url", "attachments")),
    ("summary", ("summary", "description")),
    ("content", ("content_html", "content_text", "content:encoded")),
    ("published", PUBLISHED_MEMBERS),
    ("updated", UPDATED_MEMBERS),
    ("people", ("authors", "author")),
    ("categories", ("tags", "category")),
    ("image", ("image", "banner_image")),
    ("language", ("language",)),
)


def is_json(text: str) -> bool:
    """Return whether a document is JSON: XML never begins with a bracket."""
    return text.lstrip("\ufeff \t\r\n").startswith(("{", "["))


def read(document: SourceDocument) -> Parsed:
    """Return the channel and stories of a JSON document; raise ParseError where it is not a feed."""
    data = _load(document.text)
    feed, top = _find_feed(data), _to_object(data)
    is_declared = VERSION in str(top.get("version")).lower() or isinstance(top.get("rss"), dict)
    items = [item for item in _find_entries(feed, is_declared=is_declared) if isinstance(item, dict)]
    newest = document.newest_items(items, lambda item: _first_string(item, PUBLISHED_MEMBERS))
    return Parsed(
        reader="json",
        base=document.base,
        warnings=document.item_warnings(items),
        channel=_build_channel(feed),
        stories=tuple(map(_build_story, newest)),
    )


def _load(text: str) -> object:
    text = text.strip("\ufeff \t\r\n\0")
    try:
        try:
            return json.loads(text, strict=False)
        except ValueError:
            return json.loads(LAST_COMMA.sub(r"\1", text), strict=False)
    except (ValueError, RecursionError) as error:
        raise ParseError(f"This is not valid JSON: {str(error)[:200]}.", kind=FailureKind.JSON) from error


def _find_feed(data: object) -> FeedObject:
    """Return the object that holds the items: the document, or `rss.channel` in RSS written as JSON."""
    if isinstance(data, list):
        return {"items": data}
    top = _to_object(data)
    rss = _to_object(top.get("rss"))
    return _to_object(rss.get("channel")) or rss or top


def _find_entries(feed: FeedObject, *, is_declared: bool) -> list[object]:
    """Return the items; of a document that is declared to be a feed also one that is no list, or none at all."""
    values = [feed[name] for name in ITEM_MEMBERS if feed.get(name) or isinstance(feed.get(name), list)]
    entries = next((value for value in values if isinstance(value, list)), None)
    if entries is None and not is_declared:
        raise ParseError("This is JSON, but not a feed: it has no list of items.", kind=FailureKind.NOT_A_FEED)
    return _to_list(values[0] if values else None) if entries is None else entries


def _build_channel(feed: FeedObject) -> Channel:
    hubs = (_get_string(hub, "url") for hub in _get_objects(feed, "hubs"))
    return Channel(
        title=_make_text(_get_string(feed, "title"), "text"),
        description=_make_text(_get_string(feed, "description"), "text"),
        links=_parse_links(feed, CHANNEL_LINKS) + tuple(Link(url, "hub") for url in hubs if url),
        language=_get_string(feed, "language"),
        people=_parse_people(feed),
        rights=_make_text(_get_string(feed, "_copyright") or _get_string(feed, "copyright"), "text"),
        image=_parse_image(feed, "icon"),
        icon=_parse_image(feed, "favicon"),
        updated=_get_string(feed, "lastBuildDate"),
        ttl=_get_string(feed, "ttl"),
        found={field: name for field, name in CHANNEL_FIELDS if _get_string(feed, name)},
    )


def _build_story(item: FeedObject) -> Story:
    texts = ((_get_string(item, name), kind) for name, kind in CONTENT_MEMBERS)
    summary = _get_string(item, "summary")
    description = None if summary else _get_string(item, "description")
    title = _get_string(item, "title")
    story_id, id_member = _parse_id(item)
    extension = _to_object(item.get("_feeds"))  # what our own files add to JSON Feed, so that they read back whole
    return Story(
        id=story_id,
        id_is_permalink=bool(story_id and story_id.startswith(WEB_SCHEMES)),
        links=_parse_links(item, ITEM_LINKS) + _parse_enclosures(item),
        title=Text(title[:MAX_TITLE_LENGTH], "text") if title else None,
        summary=_make_text(summary, "text") or _make_text(description, "html"),
        content=tuple(Text(text[:MAX_TEXT_LENGTH], kind) for text, kind in texts if text),
        published=_first_string(item, PUBLISHED_MEMBERS),
        updated=_first_string(item, UPDATED_MEMBERS),
        people=_parse_people(item),
        categories=_parse_records(extension, "categories", Category, "term") or _parse_categories(item),
        media=_parse_records(extension, "media", Media, "url") or _parse_banner(item),
        image=_parse_image(item, "image") or _parse_image(item, "banner_image"),
        language=_get_string(item, "language"),
        rights=_make_text(_get_string(extension, "rights"), "text"),
        origin=_parse_record(_to_object(extension.get("source")), Origin),
        comments=_parse_record(_to_object(extension.get("comments")), Comments),
        podcast=_get_strings(extension, "podcast") or _parse_duration(item),
        extra=_get_strings(extension, "extra"),
        found=_find_members(item, id_member),
    )


def _parse_id(item: FeedObject) -> tuple[str | None, str]:
    """Return the id and the member it was read from."""
    for name in ("id", "guid"):
        value = item.get(name)
        if isinstance(value, dict):
            value = value.get("#value") or value.get("value")
        if (text := _to_string(value)) is not None:
            return text, name
    return None, ""


def _find_members(item: FeedObject, id_member: str) -> dict[str, str]:
    found = {"id": id_member} if id_member else {}
    for field, members in STORY_FIELDS:
        name = next((name for name in members if item.get(name)), None)
        if name:
            found[field] = name
    return found


def _parse_links(item: FeedObject, rows: tuple[tuple[str, str], ...]) -> tuple[Link, ...]:
    return tuple(Link(href, rel) for name, rel in rows if (href := _get_string(item, name)))


def _parse_enclosures(item: FeedObject) -> tuple[Link, ...]:
    links = []
    for attachment in [*_get_objects(item, "attachments"), *_get_objects(item, "enclosure")][:MAX_VALUES]:
        if href := _get_string(attachment, "url"):
            kind = _first_string(attachment, ("mime_type", "type"))
            length = _first_string(attachment, ("size_in_bytes", "length"))
            links.append(Link(href, "enclosure", kind, length, title=_get_string(attachment, "title")))
    return tuple(links)


def _parse_duration(item: FeedObject) -> Mapping[str, str]:
    """Return the duration of the first attachment that has one, in seconds."""
    for attachment in _get_objects(item, "attachments"):
        if duration := _get_string(attachment, "duration_in_seconds"):
            return {"duration": duration}
    return NOTHING


def _parse_people(item: FeedObject) -> tuple[Person, ...]:
    """Return the people of `authors`, or of `author`, which JSON Feed 1.1 replaced by it."""
    values = (_to_list(item.get("authors")) or _to_list(item.get("author")))[:MAX_VALUES]
    return tuple(person for person in map(_parse_person, values) if person)


def _parse_person(value: object) -> Person | None:
    if isinstance(value, str):
        return Person(value.strip()[:MAX_STRING_LENGTH]) if value.strip() else None
    author = _to_object(value)
    name, url, avatar = (_get_string(author, member) for member in ("name", "url", "avatar"))
    return Person(name, _get_string(author, "email"), url, avatar) if name or url else None


def _parse_categories(item: FeedObject) -> tuple[Category, ...]:
    tags = [*_to_list(item.get("tags")), *_to_list(item.get("category"))][:MAX_VALUES]
    return tuple(Category(term[:MAX_STRING_LENGTH]) for term in dict.fromkeys(map(_to_string, tags)) if term)


def _parse_banner(item: FeedObject) -> tuple[Media, ...]:
    url = _get_string(item, "banner_image")
    return (Media(url, medium="image"),) if url else ()


def _parse_records(extension: FeedObject, name: str, kind: type[_Record], required: str) -> tuple[_Record, ...]:
    """Return a list of records of our extension; those without the required member are left out."""
    entries = _get_objects(extension, name)[:MAX_VALUES]
    records = (_parse_record(entry, kind) for entry in entries if _get_string(entry, required))
    return tuple(record for record in records if record is not None)


def _parse_record(entry: FeedObject, kind: type[_Record]) -> _Record | None:
    values = {name: value for name in field_names(kind) if (value := _get_string(entry, name))}
    return kind(**values) if values else None


def _parse_image(item: FeedObject, name: str) -> Link | None:
    href = _get_string(item, name)
    return Link(href, name) if href else None


def _make_text(value: str | None, kind: TextType) -> Text | None:
    return Text(value, kind) if value else None


def _get_string(item: FeedObject, name: str) -> str | None:
    return _to_string(item.get(name))


def _first_string(item: FeedObject, names: tuple[str, ...]) -> str | None:
    return next((value for name in names if (value := _get_string(item, name))), None)


def _get_strings(item: FeedObject, name: str) -> Mapping[str, str]:
    member = _to_object(item.get(name))
    return {key: value for key in list(member)[:MAX_VALUES] if (value := _get_string(member, key))} or NOTHING


def _get_objects(item: FeedObject, name: str) -> list[FeedObject]:
    return [_to_object(value) for value in _to_list(item.get(name))]


def _to_string(value: object) -> str | None:
    """Return a string, or a number as a string where a string was meant."""
    if isinstance(value, str):
        text = unwrap_cdata(value.strip())
        # JSON can spell halves of surrogate pairs, which no encoding can write.
        return (text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")) or None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    return None


def _to_object(value: object) -> FeedObject:
    return value if isinstance(value, dict) else EMPTY_OBJECT


def _to_list(value: object) -> list[object]:
    if isinstance(value, list):
        return value
    return [] if value is None else [value]
