"""A small validator of what we publish: one line for each broken rule, beginning with its row in the checklist."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from email.utils import format_datetime, parsedate_to_datetime
from itertools import chain

from lxml import etree
from render.page_validator import find_page_faults

ATOM = "{http://www.w3.org/2005/Atom}"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}encoded"
LANG = "{http://www.w3.org/XML/1998/namespace}lang"

_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)
_IRI = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:[^\s<>\"{}|\\^`]+")
_RELATIVE = re.compile(r"""<[^>]+\s(?:href|src)=["'](?![a-zA-Z][a-zA-Z0-9+.-]*:)""")
_DANGEROUS = re.compile(r"<(?:script|object|embed|meta|iframe|style)\b", re.IGNORECASE)
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")

Problems = Iterator[str]


def _tree(body: bytes) -> etree._Element:
    return etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))


def _text(element: etree._Element | None) -> str:
    return "" if element is None else element.text or ""


def _counts(parent: etree._Element, names: Iterable[str], allowed: range, row: str) -> Problems:
    for name in names:
        count = len(parent.findall(name))
        if count not in allowed:
            yield f"{row} {etree.QName(parent).localname} has {count} {etree.QName(name).localname}"


def _is_date(value: str) -> bool:
    try:
        return bool(_DATE.fullmatch(value)) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


# ── Atom, RFC 4287 ──────────────────────────────────────────────────────────────────────────────────────────────────


def atom(body: bytes) -> list[str]:
    """Return what RFC 4287 forbids in this document."""
    root = _tree(body)
    if root.tag != f"{ATOM}feed":
        return [f"R16 root is {root.tag}"]
    entries = root.findall(f"{ATOM}entry")
    return [
        *_atom_everywhere(root),
        *_atom_feed(root, entries),
        *chain(*(_atom_entry(entry, root) for entry in entries)),
    ]


def _is_text(element: etree._Element) -> bool:
    kind = element.get("type", "text")
    return kind == "xhtml" or (kind in ("text", "html") and not len(element))


def _is_person(person: etree._Element) -> bool:
    return bool(_text(person.find(f"{ATOM}name")).strip()) and not any(
        chain(
            _counts(person, [f"{ATOM}name"], range(1, 2), "R22"),
            _counts(person, [f"{ATOM}uri", f"{ATOM}email"], range(2), "R22"),
        )
    )


# names of elements, the row, what must hold of each wherever it stands
_EVERYWHERE: tuple[tuple[str, str, Callable[[etree._Element], bool]], ...] = (
    ("updated published", "R15", lambda it: _is_date(_text(it))),
    ("icon logo uri", "R15", lambda it: bool(_IRI.fullmatch(_text(it)))),
    ("title summary rights subtitle content", "R20", _is_text),
    ("id", "R21", lambda it: bool(_IRI.fullmatch(_text(it)))),
    ("link", "R22", lambda it: bool(_IRI.fullmatch(it.get("href", "")))),
    ("category", "R22", lambda it: bool(it.get("term"))),
    ("author contributor", "R22", _is_person),
    ("email", "R22", lambda it: bool(_EMAIL.fullmatch(_text(it)))),
)


def _atom_everywhere(root: etree._Element) -> Problems:
    for names, row, holds in _EVERYWHERE:
        for element in root.iter(*(f"{ATOM}{name}" for name in names.split())):
            if not holds(element):
                yield f"{row} {etree.tostring(element).decode()}"


def _atom_feed(root: etree._Element, entries: list[etree._Element]) -> Problems:
    yield from _counts(root, [f"{ATOM}id", f"{ATOM}title", f"{ATOM}updated"], range(1, 2), "R16")
    single = [f"{ATOM}{name}" for name in ("generator", "icon", "logo", "rights", "subtitle")]
    yield from _counts(root, single, range(2), "R16")
    if root.find(f"{ATOM}author") is None and not all(entry.findall(f"{ATOM}author") for entry in entries):
        yield "R16 no author"
    if root.find(f"{ATOM}link[@rel='self']") is None:
        yield "R23 no self link"
    yield from _alternates(root)
    versions = Counter((_text(it.find(f"{ATOM}id")), _text(it.find(f"{ATOM}updated"))) for it in entries)
    yield from (f"R23 {id} twice at {updated}" for (id, updated), count in versions.items() if count > 1)


def _atom_entry(entry: etree._Element, root: etree._Element) -> Problems:
    yield from _counts(entry, [f"{ATOM}id", f"{ATOM}title", f"{ATOM}updated"], range(1, 2), "R17")
    single = [f"{ATOM}{name}" for name in ("content", "published", "rights", "source", "summary")]
    yield from _counts(entry, single, range(2), "R17")
    authors = (*entry.findall(f"{ATOM}author"), *entry.findall(f"{ATOM}source/{ATOM}author"))
    if not authors and root.find(f"{ATOM}author") is None:
        yield "R17 entry without author"
    yield from _alternates(entry)
    content = entry.find(f"{ATOM}content")
    if content is None and not any(link.get("rel", "alternate") == "alternate" for link in entry.iter(f"{ATOM}link")):
        yield "R18 neither content nor alternate"
    if content is not None and content.get("src") and (_text(content) or entry.find(f"{ATOM}summary") is None):
        yield "R19 content with src"
    for source in entry.findall(f"{ATOM}source"):
        yield from _counts(source, [f"{ATOM}id", f"{ATOM}title", f"{ATOM}updated"], range(1, 2), "R24")
    if _DANGEROUS.search(_text(content)):
        yield "R36 dangerous markup"


def _alternates(parent: etree._Element) -> Problems:
    links = [link for link in parent.findall(f"{ATOM}link") if link.get("rel", "alternate") == "alternate"]
    kinds = Counter((link.get("type"), link.get("hreflang")) for link in links)
    yield from (f"R18 {count} alternates of {kind}" for kind, count in kinds.items() if count > 1)


# ── RSS 2.0 and the Advisory Board's profile ────────────────────────────────────────────────────────────────────────


def rss(body: bytes) -> list[str]:
    """Return what the specification and the profile forbid in this document."""
    root = _tree(body)
    channel = root.find("channel")
    if root.tag != "rss" or root.get("version") != "2.0" or channel is None or len(root) != 1:
        return ["R26 not rss 2.0 with one channel"]
    items = channel.findall("item")
    guids = Counter(_text(item.find("guid")) for item in items)
    return [
        *_channel(channel),
        *chain(*(_item(item) for item in items)),
        *(f"R28 guid {guid!r} {count} times" for guid, count in guids.items() if count > 1),
        *(f"R36 {element.tag}" for element in root.iter("textInput", "rating")),
        *(f"R27 date {_text(it)!r}" for it in root.iter("pubDate", "lastBuildDate") if not _is_rfc822(_text(it))),
        *_spelled_titles(body),
    ]


def _is_rfc822(value: str) -> bool:
    """Tell whether the date is just what formatting it again gives: weekday, spaces and four digits of year."""
    try:
        return format_datetime(parsedate_to_datetime(value)) == value
    except ValueError:
        return False


def _channel(channel: etree._Element) -> Problems:
    yield from _counts(channel, ["title", "link", "description"], range(1, 2), "R26")
    if not all(_text(channel.find(name)) for name in ("title", "link", "description")):
        yield "R26 empty title, link or description"
    links = channel.findall(f"{ATOM}link[@rel='self']")
    if len(links) != 1 or links[0].get("type") != "application/rss+xml":
        yield "R30 self link"
    tags = [child.tag for child in channel]
    if "item" in tags and any(tag != "item" for tag in tags[tags.index("item") :]):
        yield "R31 something follows the items"
    image = channel.find("image")
    if image is not None:
        for name in ("title", "link"):
            if _text(image.find(name)) != _text(channel.find(name)):
                yield f"R34 image {name}"
    if channel.find("lastBuildDate") is None:
        yield "R34 no lastBuildDate"


def _item(item: etree._Element) -> Problems:
    if not _text(item.find("title")) and not _text(item.find("description")):
        yield "R26 item without title and description"
    yield from _counts(item, ["guid"], range(1, 2), "R28")
    guid = item.find("guid")
    if guid is not None and guid.get("isPermaLink") != "false" and not _text(guid).startswith(("http://", "https://")):
        yield f"R28 guid {_text(guid)!r} is no permalink"
    yield from _counts(item, ["enclosure"], range(2), "R29")
    for enclosure in item.findall("enclosure"):
        if not (enclosure.get("url") and enclosure.get("type") and enclosure.get("length", "").isdecimal()):
            yield "R29 enclosure"
    yield from _bodies(item)
    for author in item.findall("author"):
        if not re.fullmatch(r"\S+@\S+ \(.+\)", _text(author)):
            yield f"R33 author {_text(author)!r}"
    if any(not source.get("url") for source in item.findall("source")):
        yield "R26 source without url"


def _bodies(item: etree._Element) -> Problems:
    tags = [child.tag for child in item]
    if CONTENT in tags and "description" in tags and tags.index(CONTENT) < tags.index("description"):
        yield "R32 content:encoded before description"
    for element in (item.find("description"), item.find(CONTENT)):
        if _RELATIVE.search(_text(element)):
            yield "R32 relative address"
        if _DANGEROUS.search(_text(element)):
            yield "R36 dangerous markup"


def _spelled_titles(body: bytes) -> Problems:
    for title in re.findall(rb"<title>([^<]*)</title>", body):
        if b"&amp;" in title or b"&lt;" in title:
            yield f"R31 title {title!r}"


# ── JSON Feed 1.1 ───────────────────────────────────────────────────────────────────────────────────────────────────

Members = Mapping[str, object]


def jsonfeed(body: bytes) -> list[str]:
    """Return what JSON Feed 1.1 forbids in this document."""
    feed = json.loads(body)
    return [*_json_head(feed), *chain(*(_json_item(item) for item in feed.get("items", []))), *_json_names(feed)]


def _json_head(feed: Members) -> Problems:
    if next(iter(feed)) != "version":
        yield "R40 version is not first"
    if feed.get("version") != "https://jsonfeed.org/version/1.1":
        yield "R37 version"
    if not isinstance(feed.get("title"), str) or not isinstance(feed.get("items"), list):
        yield "R37 title or items"
    if not _IRI.fullmatch(str(feed.get("feed_url", ""))):
        yield "R40 feed_url"
    if "next_url" in feed and feed["next_url"] == feed.get("feed_url"):
        yield "R39 next_url"
    for hub in feed.get("hubs", ()):  # type: ignore[attr-defined]
        if not hub.get("type") or not hub.get("url"):
            yield "R38 hub"
    ids = Counter(str(item.get("id")) for item in feed.get("items", ()))  # type: ignore[attr-defined]
    yield from (f"R37 id {id!r} {count} times" for id, count in ids.items() if count > 1)


_JSON_ITEM: Mapping[str, Callable[[object], bool]] = {
    "date_published": lambda value: _is_date(str(value)),
    "date_modified": lambda value: _is_date(str(value)),
    "content_text": lambda value: isinstance(value, str),
    "content_html": lambda value: isinstance(value, str) and not _DANGEROUS.search(value),
    "title": lambda value: isinstance(value, str),
    "tags": lambda value: isinstance(value, list) and all(isinstance(tag, str) for tag in value),
    "authors": lambda value: isinstance(value, list) and all(set(it) & {"name", "url", "avatar"} for it in value),
    "attachments": lambda value: isinstance(value, list) and all({"url", "mime_type"} <= set(it) for it in value),
}


def _json_item(item: Members) -> Problems:
    if not isinstance(item.get("id"), str) or not item["id"]:
        yield "R37 id is no string"
    if "content_html" not in item and "content_text" not in item:
        yield "R37 no content"
    for name, holds in _JSON_ITEM.items():
        if name in item and not holds(item[name]):
            yield f"R38 {name} {item[name]!r}"


def _json_names(feed: Members) -> Problems:
    for members in (feed, *feed.get("items", ())):  # type: ignore[misc]
        for name in members:
            if name.startswith("_") and not re.fullmatch(r"_[a-zA-Z][^.]*", name):
                yield f"R38 extension {name}"


VALIDATORS: Mapping[str, Callable[[bytes], list[str]]] = {
    "rss": rss,
    "atom": atom,
    "json": jsonfeed,
    "html": find_page_faults,
}
