"""`parse` turns the bytes of a source into a `Parsed`; the table `READERS` chooses the reader of its format."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from ..errors import FailureKind, ParseError
from ..model import Channel, Fetched, Parsed, Source, replace
from . import xml_tree
from .document import SourceDocument, open_document
from .feed import feedparser_fallback, json, xml
from .own_stories import reader

__all__ = ["READERS", "parse"]

# Text that is not markup, and the start tags of items: to tell whether a repaired tree has lost some.
CDATA_OR_COMMENT = re.compile(r"<!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z)", re.S)
ITEM_TAG = re.compile(r"<(?:[A-Za-z_][\w.-]{0,40}:)?(?:item|entry)(?=[\s>/])", re.I)
REPAIR_WARNING = "the XML is not well-formed and was repaired"
HTML = re.compile(r"<(?:!DOCTYPE\s+html|html)\b", re.I)
OPML = re.compile(r"<opml\b", re.I)
SNIFFED_LENGTH = 20_000


def parse(fetched: Fetched, source: Source | None = None) -> Parsed:
    """Return what the bytes hold, in whatever format of feeds they are; without a source, text is a story.

    Raise ParseError where they are no feed.
    """
    document = open_document(fetched, source)
    if source is None and fetched.media_type in reader.TEXT_SUFFIXES and _detect_format(document.text) == "other":
        return reader.read_text(fetched)
    parsed = READERS[_detect_format(document.text)](document)
    warnings = [*parsed.warnings, *([document.decoded.warning] if document.decoded.warning else [])]
    return replace(parsed, channel=_set_language(parsed.channel, fetched), warnings=tuple(warnings))


def _set_language(channel: Channel, fetched: Fetched) -> Channel:
    """Add the language of the header Content-Language where the feed names none and the header only one."""
    language = fetched.headers.get("content-language", "").strip()
    if channel.language or not language or "," in language:
        return channel
    return replace(channel, language=language, found={**channel.found, "language": "content-language"})


def _detect_format(text: str) -> str:
    if json.is_json(text):
        return "json"
    return "xml" if xml_tree.ROOT.search(text) or xml_tree.ENTRY_ROOT.match(text) else "other"


def _read_xml(document: SourceDocument) -> Parsed:
    """Read strictly where the document allows it, else repaired, else by feedparser where repair would lose items."""
    tree = xml_tree.parse(document.text, document.decoded.utf8)
    if tree is None or not xml.is_feed(tree.root):
        return _require_feed(feedparser_fallback.read(document), document)
    items = xml.find_items(tree.root, document.max_items)
    if not tree.repaired:
        return xml.read(tree.root, items, document)
    expected = sum(1 for _ in ITEM_TAG.finditer(CDATA_OR_COMMENT.sub("", document.text)))
    if len(items) < expected:
        items = xml.find_nested_items(tree.root, document.max_items)
    if len(items) < min(expected, document.max_items):
        fallback = feedparser_fallback.read(document)
        if len(fallback.stories) > len(items):
            return _require_feed(fallback, document)
    parsed = xml.read(tree.root, items, document)
    return _require_feed(replace(parsed, warnings=(REPAIR_WARNING, *parsed.warnings)), document)


def _require_feed(parsed: Parsed, document: SourceDocument) -> Parsed:
    """Return the result if it holds anything: a web page is not a feed even where its tree looks like one."""
    if parsed.stories or parsed.channel.title or parsed.channel.links:
        return parsed
    return _refuse(document)


def _refuse(document: SourceDocument) -> Parsed:
    """Raise the ParseError that says what the document is instead of a feed."""
    if not document.text.strip("\ufeff\0 \t\r\n"):
        raise ParseError("The response is empty where a feed was expected.", kind=FailureKind.EMPTY)
    if HTML.search(document.text[:SNIFFED_LENGTH]):
        raise ParseError(
            "This is a web page, not a feed: give the address of its feed, or declare the source as `page:`.",
            kind=FailureKind.HTML,
        )
    if OPML.search(document.text[:SNIFFED_LENGTH]):
        raise ParseError(
            "This is an OPML list of feeds, not a feed: declare the source as `opml:`.", kind=FailureKind.OPML
        )
    raise ParseError("This is not a feed: neither RSS, Atom, CDF nor JSON Feed.", kind=FailureKind.NOT_A_FEED)


# Detected format → reader.
READERS: Mapping[str, Callable[[SourceDocument], Parsed]] = {"json": json.read, "xml": _read_xml, "other": _refuse}
