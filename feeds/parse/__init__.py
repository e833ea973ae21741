"""From bytes to what they say: `parse` is the door; one file a format, chosen by the table `READERS`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from ..errors import ParseError
from ..model import Channel, Fetched, Kind, Parsed, Source
from . import xml_tree
from .document import SourceDocument, open_document
from .feed import feedparser_fallback, json, xml
from .own_stories import reader
from .page import read_page
from .sitemap import read_sitemap

__all__ = ["READERS", "parse"]

# What is no markup, and the opening tags of items: to tell whether a repaired tree has lost some.
HIDDEN = re.compile(r"<!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z)", re.S)
ITEM = re.compile(r"<(?:[A-Za-z_][\w.-]{0,40}:)?(?:item|entry)(?=[\s>/])", re.I)
REPAIRED = "the XML is not well-formed and was repaired"
HTML = re.compile(r"<(?:!DOCTYPE\s+html|html)\b", re.I)
OPML = re.compile(r"<opml\b", re.I)


def parse(fetched: Fetched, source: Source | None = None) -> Parsed:
    """What the bytes say, as a source of that kind; ParseError when nothing can be made of them."""
    if source is not None and source.kind in DECLARED:
        return DECLARED[source.kind](fetched, source)
    document = open_document(fetched, source)
    if source is None and fetched.media_type in reader.TEXT_SUFFIXES and _format(document.text) == "other":
        return reader.read_text(fetched)
    parsed = READERS[_format(document.text)](document)
    warnings = [*parsed.warnings, *([document.decoded.warning] if document.decoded.warning else [])]
    return replace(parsed, channel=_spoken(parsed.channel, fetched), warnings=tuple(warnings))


def _spoken(channel: Channel, fetched: Fetched) -> Channel:
    """The language of the header, where the feed names none: one language, or it says nothing."""
    language = fetched.headers.get("content-language", "").strip()
    if channel.language or not language or "," in language:
        return channel
    return replace(channel, language=language, found={**channel.found, "language": "content-language"})


def _format(text: str) -> str:
    if json.is_json(text):
        return "json"
    return "xml" if xml_tree.ROOT.search(text) else "other"


def _xml(document: SourceDocument) -> Parsed:
    """Strictly where the document allows it, repaired where not, by feedparser where repair would lose items."""
    found = xml_tree.read(document.text)
    if found is None or not xml.is_feed(found.root):
        return _understood(feedparser_fallback.read(document), document)
    items = xml.items(found.root, document.max_items)
    if not found.repaired:
        return xml.read(found.root, items, document)
    if len(items) < (expected := sum(1 for _ in ITEM.finditer(HIDDEN.sub("", document.text)))):
        items = xml.nested(found.root, document.max_items)
    if len(items) < min(expected, document.max_items):
        other = feedparser_fallback.read(document)
        if len(other.stories) > len(items):
            return _understood(other, document)
    parsed = xml.read(found.root, items, document)
    return _understood(replace(parsed, warnings=(REPAIRED, *parsed.warnings)), document)


def _understood(parsed: Parsed, document: SourceDocument) -> Parsed:
    """A page is not a feed, even where a tree of some sort can be made of it."""
    if parsed.stories or parsed.channel.title or parsed.channel.links:
        return parsed
    return _other(document)


def _other(document: SourceDocument) -> Parsed:
    if not document.text.strip("\ufeff\0 \t\r\n"):
        raise ParseError("The answer is empty where a feed was expected.", kind="empty")
    if HTML.search(document.text[:20_000]):
        raise ParseError(
            "This is a web page, not a feed: give the address of its feed, or declare the source as `page:`.",
            kind="html",
        )
    if OPML.search(document.text[:20_000]):
        raise ParseError("This is an OPML list of feeds, not a feed: declare the source as `opml:`.", kind="opml")
    raise ParseError("This is not a feed: neither RSS, Atom, CDF nor JSON Feed.", kind="not_a_feed")


# What the document looks like → who reads it.
READERS: Mapping[str, Callable[[SourceDocument], Parsed]] = {"json": json.read, "xml": _xml, "other": _other}
# What a source was declared as → who reads it, whatever it looks like.
DECLARED: Mapping[Kind, Callable[[Fetched, Source], Parsed]] = {
    Kind.FILES: reader.read,
    Kind.PAGE: read_page,
    Kind.SITEMAP: read_sitemap,
}
