"""The reader of OPML: the feeds a subscription list names, and the lists it refers to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from lxml import etree

from ..errors import FailureKind, ParseError
from ..model import Category, Fetched, Link, Parsed, Shape, Source, Story, Text
from . import xml_tree
from .charset import decode
from .feed.elements import MAX_URL_LENGTH
from .feed.namespaces import local_name
from .feed.text_constructs import MAX_TITLE_LENGTH, guess_type, to_plain_string, unwrap_cdata

# Types of an outline that has `url` instead of `xmlUrl`: of another list, and of a feed.
LIST_OUTLINES = ("include", "link")
FEED_OUTLINES = ("rss", "atom", "feed")
LABELS = ("text", "title", "category")
MAX_OUTLINES = 20_000
MAX_CATEGORIES = 50  # of one subscription


OutlineKind = Literal["feed", "list", "page"]


@dataclass(frozen=True, slots=True)
class OpmlOutline:
    """One subscription; with kind `list` another list to read, with kind `page` a page that may lead to a feed.

    Categories are its own and the titles of the outlines above it.
    """

    title: str | None
    feed_url: str
    html_url: str | None = None
    categories: tuple[str, ...] = ()
    kind: OutlineKind = "feed"


def read_opml(fetched: Fetched, source: Source | None = None) -> Parsed:
    """Return the subscriptions of an OPML list as stories, for a preview. Raise ParseError where it is not OPML."""
    stories = tuple(
        Story(
            id=outline.feed_url,
            links=(Link(outline.feed_url),),
            title=Text(outline.title, "text") if outline.title else None,
            categories=tuple(map(Category, outline.categories)),
        )
        for outline in parse_opml(fetched.body, fetched.charset)
    )
    return Parsed("opml", fetched.url or None, stories=stories, shape=Shape.LISTING)


def parse_opml(body: bytes, charset: str | None = None) -> tuple[OpmlOutline, ...]:
    """Return the subscriptions of an OPML document in its order, each address once.

    Names may be in any case and broken XML is repaired. Raise ParseError where the document is not OPML.
    """
    tree = xml_tree.parse(decode(body, charset).text)
    if tree is None or local_name(tree.root) not in ("opml", "oml"):
        raise ParseError("This is not OPML: it has no `opml` element.", kind=FailureKind.NOT_OPML)
    outlines: dict[tuple[str, str], OpmlOutline] = {}
    stack: list[tuple[etree._Element, tuple[str, ...]]] = [(tree.root, ())]
    while stack and len(outlines) < MAX_OUTLINES:
        element, categories = stack.pop()
        outline = _parse_outline(element, categories) if local_name(element) == "outline" else None
        if outline:
            key = (outline.kind, outline.feed_url)
            outlines[key] = _merge(outlines[key], outline) if key in outlines else outline
        elif element is not tree.root:
            categories = _add_category(categories, element)
        stack.extend((child, categories) for child in reversed(element))
    return tuple(outlines.values())


def _parse_outline(element: etree._Element, categories: tuple[str, ...]) -> OpmlOutline | None:
    attributes = _attributes(element)
    kind, address = _find_address(attributes)
    if not address:
        return None
    terms = [part.strip() for term in attributes.get("category", "").split(",") for part in term.split("/")]
    return OpmlOutline(
        attributes.get("text") or attributes.get("title") or None,
        address[:MAX_URL_LENGTH],
        attributes.get("htmlurl") or None,
        tuple(dict.fromkeys([*categories, *filter(None, terms)]))[:MAX_CATEGORIES],
        kind,
    )


def _find_address(attributes: Mapping[str, str]) -> tuple[OutlineKind, str]:
    kind, feed, url, page = (attributes.get(name, "") for name in ("type", "xmlurl", "url", "htmlurl"))
    kind = kind.lower()
    if kind == "source":
        return "list", feed or url
    if feed:
        return "feed", feed
    if url:
        return "list" if kind in LIST_OUTLINES else "feed", url if kind in (*LIST_OUTLINES, *FEED_OUTLINES) else ""
    return "page", page


def _attributes(element: etree._Element) -> dict[str, str]:
    """Return the attributes by name in lower case: `xmlURL` is common for `xmlUrl`."""
    return {
        (key := str(name).lower()): _clean_label(text) if key in LABELS and ("&" in text or "<" in text) else text
        for name, value in element.attrib.items()
        for text in [unwrap_cdata(" ".join(str(value).split())[:MAX_TITLE_LENGTH])]
    }


def _clean_label(text: str) -> str:
    """Return a title or category without the markup and the escaping that exporters leave in it."""
    return to_plain_string(Text(text, guess_type(text)))


def _add_category(categories: tuple[str, ...], element: etree._Element) -> tuple[str, ...]:
    attributes = _attributes(element)
    title = attributes.get("text") or attributes.get("title")
    return categories if not title or title in categories else (*categories, title)[:MAX_CATEGORIES]


def _merge(first: OpmlOutline, second: OpmlOutline) -> OpmlOutline:
    return replace(
        first,
        title=first.title or second.title,
        html_url=first.html_url or second.html_url,
        categories=tuple(dict.fromkeys((*first.categories, *second.categories)))[:MAX_CATEGORIES],
    )
