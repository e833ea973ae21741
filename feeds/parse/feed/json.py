"""The reader of JSON Feed 1.0 and 1.1, and of RSS written as JSON; lenient where publishers are."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Literal, TypeVar

from ...errors import ParseError
from ...model import NOTHING, Category, Channel, Comments, Link, Media, Origin, Parsed, Person, Story, Text
from ..document import SourceDocument
from . import text_constructs
from .builder import MANY

_Record = TypeVar("_Record", Category, Media, Origin, Comments)
Object = Mapping[str, object]
EMPTY: Object = {}
DATES = {"published": ("date_published", "pubDate", "published"), "updated": ("date_modified", "updated")}
ITEM_LINKS = (("url", "alternate"), ("link", "alternate"), ("external_url", "related"))
CHANNEL_LINKS = (
    ("home_page_url", "alternate"),
    ("link", "alternate"),
    ("feed_url", "self"),
    ("next_url", "next"),
)
TEXT_TYPES: tuple[tuple[str, Literal["text", "html"]], ...] = (
    ("content_html", "html"),
    ("content_text", "text"),
    ("content:encoded", "html"),
)


def is_json(text: str) -> bool:
    """Whether a document is one of JSON: XML never begins like this."""
    return text.lstrip("\ufeff \t\r\n").startswith(("{", "["))


def read(document: SourceDocument) -> Parsed:
    """What a JSON Feed says."""
    top = _top(_loaded(document.text))
    found = next((top[name] for name in ("items", "item", "entries") if isinstance(top.get(name), list)), None)
    if found is None:
        raise ParseError("This is JSON, but not a feed: it has no list of items.", kind="not_a_feed")
    items = [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
    chosen = document.newest(items, lambda item: _first(item, DATES["published"]))
    return Parsed(
        reader="json",
        base=document.base,
        warnings=document.warnings(items),
        channel=_channel(top),
        stories=tuple(_story(item) for item in chosen),
    )


def _loaded(text: str) -> object:
    try:
        return json.loads(text.strip("\ufeff \t\r\n\0"), strict=False)
    except (ValueError, RecursionError) as error:
        raise ParseError(f"This begins like JSON but is not: {str(error)[:200]}.", kind="json") from error


def _top(data: object) -> Object:
    if isinstance(data, list):
        return {"items": data}
    top = _object(data)
    rss = _object(top.get("rss"))
    return _object(rss.get("channel")) or rss or top


def _channel(top: Object) -> Channel:
    found = {field: name for field, name in CHANNEL_FOUND if _text(top, name)}
    hubs = tuple(Link(hub, "hub") for hub in (_text(_object(one), "url") for one in _list(top.get("hubs"))) if hub)
    return Channel(
        title=_construct(_text(top, "title"), "text"),
        description=_construct(_text(top, "description"), "text"),
        links=_links(top, CHANNEL_LINKS) + hubs,
        language=_text(top, "language"),
        people=_people(top),
        rights=_construct(_text(top, "_copyright") or _text(top, "copyright"), "text"),
        image=_image(top, "icon"),
        icon=_image(top, "favicon"),
        updated=_text(top, "lastBuildDate"),
        ttl=_text(top, "ttl"),
        found=found,
    )


CHANNEL_FOUND = (
    ("title", "title"),
    ("description", "description"),
    ("language", "language"),
    ("image", "icon"),
    ("icon", "favicon"),
)


def _story(item: Object) -> Story:
    content = tuple(
        Text(text[: text_constructs.LONG], kind) for name, kind in TEXT_TYPES if (text := _text(item, name))
    )
    summary = _text(item, "summary")
    described = None if summary else _text(item, "description")
    title = _text(item, "title")
    guid, id_name = _identity(item)
    ours = _object(item.get("_feeds"))  # what our own files say beyond JSON Feed, so that they read back whole
    return Story(
        id=guid,
        links=_links(item, ITEM_LINKS) + _enclosures(item),
        title=Text(title[: text_constructs.TITLE], "text") if title else None,
        summary=_construct(summary, "text") or _construct(described, "html"),
        content=content,
        published=_first(item, DATES["published"]),
        updated=_first(item, DATES["updated"]),
        people=_people(item),
        categories=_records(ours, "categories", Category, "term") or _categories(item),
        media=_records(ours, "media", Media, "url") or _banner(item),
        image=_image(item, "image") or _image(item, "banner_image"),
        language=_text(item, "language"),
        rights=_construct(_text(ours, "rights"), "text"),
        origin=_record(_object(ours.get("source")), Origin),
        comments=_record(_object(ours.get("comments")), Comments),
        podcast=_facts(ours, "podcast") or _durations(item),
        extra=_facts(ours, "extra"),
        found=_found(item, id_name),
    )


def _identity(item: Object) -> tuple[str | None, str]:
    for name in ("id", "guid"):
        value = item.get(name)
        if isinstance(value, dict):
            value = value.get("#value") or value.get("value")
        if (text := _string(value)) is not None:
            return text, name
    return None, ""


def _found(item: Object, id_name: str) -> dict[str, str]:
    found = {"id": id_name} if id_name else {}
    for field, candidates in STORY_FOUND:
        name = next((name for name in candidates if item.get(name)), None)
        if name:
            found[field] = name
    return found


STORY_FOUND = (
    ("title", ("title",)),
    ("links", ("url", "link", "external_url", "attachments")),
    ("summary", ("summary", "description")),
    ("content", ("content_html", "content_text", "content:encoded")),
    ("published", DATES["published"]),
    ("updated", DATES["updated"]),
    ("people", ("authors", "author")),
    ("categories", ("tags", "category")),
    ("image", ("image", "banner_image")),
    ("language", ("language",)),
)


def _links(item: Object, rows: tuple[tuple[str, str], ...]) -> tuple[Link, ...]:
    return tuple(Link(href, rel) for name, rel in rows if (href := _text(item, name)))


def _enclosures(item: Object) -> tuple[Link, ...]:
    made = []
    for one in (_object(entry) for entry in [*_list(item.get("attachments")), *_list(item.get("enclosure"))][:MANY]):
        if href := _text(one, "url"):
            kind, length = _first(one, ("mime_type", "type")), _first(one, ("size_in_bytes", "length"))
            made.append(Link(href, "enclosure", kind, length, title=_text(one, "title")))
    return tuple(made)


def _durations(item: Object) -> Mapping[str, str]:
    for one in _list(item.get("attachments")):
        if length := _text(_object(one), "duration_in_seconds"):
            return {"duration": length}
    return NOTHING


def _people(item: Object) -> tuple[Person, ...]:
    """`authors` is the newer word and replaces `author` (JSON Feed 1.1)."""
    return tuple(
        person for one in (_list(item.get("authors")) or _list(item.get("author")))[:MANY] for person in _person(one)
    )


def _person(one: object) -> Iterator[Person]:
    if isinstance(one, str):
        if one.strip():
            yield Person(one.strip()[: text_constructs.SHORT])
        return
    facts = _object(one)
    name, url, avatar = (_text(facts, key) for key in ("name", "url", "avatar"))
    if name or url:
        yield Person(name, _text(facts, "email"), url, avatar)


def _categories(item: Object) -> tuple[Category, ...]:
    terms = [_string(tag) for tag in [*_list(item.get("tags")), *_list(item.get("category"))][:MANY]]
    return tuple(Category(term[: text_constructs.SHORT]) for term in dict.fromkeys(terms) if term)


def _banner(item: Object) -> tuple[Media, ...]:
    url = _text(item, "banner_image")
    return (Media(url, medium="image"),) if url else ()


def _records(ours: Object, name: str, kind: type[_Record], needed: str) -> tuple[_Record, ...]:
    """A list of our own records; those without what they are about are left out."""
    told = (_object(one) for one in _list(ours.get(name))[:MANY])
    made = (_record(one, kind) for one in told if _text(one, needed))
    return tuple(record for record in made if record is not None)


def _record(told: Object, kind: type[_Record]) -> _Record | None:
    known = {one.name: value for one in fields(kind) if (value := _text(told, one.name))}
    return kind(**known) if known else None


def _facts(ours: Object, name: str) -> Mapping[str, str]:
    told = _object(ours.get(name))
    return {key: value for key in list(told)[:MANY] if (value := _text(told, key))} or NOTHING


def _image(item: Object, name: str) -> Link | None:
    href = _text(item, name)
    return Link(href, name) if href else None


def _construct(value: str | None, kind: Literal["text", "html"]) -> Text | None:
    return Text(value, kind) if value else None


def _first(item: Object, names: tuple[str, ...]) -> str | None:
    return next((value for name in names if (value := _text(item, name))), None)


def _text(item: Object, name: str) -> str | None:
    return _string(item.get(name))


def _string(value: object) -> str | None:
    """A string, or a number where a string was meant."""
    if isinstance(value, str):
        text = value.strip()
        # JSON can spell halves of letters that no encoding can write.
        return (text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")) or None
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    return None


def _object(value: object) -> Object:
    return value if isinstance(value, dict) else EMPTY


def _list(value: object) -> list[object]:
    if isinstance(value, list):
        return value
    return [] if value is None else [value]
