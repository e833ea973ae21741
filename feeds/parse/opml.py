"""The reader of OPML: the subscriptions of a list, and the lists it refers to; lenient on case and broken XML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from lxml import etree

from ..errors import ParseError
from . import xml_tree
from .charset import decode
from .feed import namespaces, text_constructs
from .feed.elements import URL

# What an outline without an address of a feed may point to: another list.
LISTS = ("include", "link")
FEEDS = ("rss", "atom", "feed")
MOST = 20_000


OutlineKind = Literal["feed", "list", "page"]


@dataclass(frozen=True, slots=True)
class OpmlOutline:
    """One subscription; with kind `list` another list to read, with kind `page` a page that may lead to a feed.

    Categories are those given and the titles of the outlines above it.
    """

    title: str | None
    feed_url: str
    html_url: str | None = None
    categories: tuple[str, ...] = ()
    kind: OutlineKind = "feed"


def parse_opml(body: bytes, charset: str | None = None) -> tuple[OpmlOutline, ...]:
    """What an OPML document subscribes to, each address once, in its order; ParseError when it is none."""
    found = xml_tree.read(decode(body, charset).text)
    if found is None or namespaces.local(found.root) not in ("opml", "oml"):
        raise ParseError("This is not OPML: it has no `opml` element.", kind="not_opml")
    made: dict[tuple[str, str], OpmlOutline] = {}
    waiting: list[tuple[etree._Element, tuple[str, ...]]] = [(found.root, ())]
    while waiting and len(made) < MOST:
        element, above = waiting.pop()
        outline = _outline(element, above) if namespaces.local(element) == "outline" else None
        if outline:
            key = (outline.kind, outline.feed_url)
            known = made.get(key)
            made[key] = _merged(known, outline) if known else outline
        inside = above if outline or element is found.root else _with(above, _title(element))
        waiting.extend((child, inside) for child in reversed(element))
    return tuple(made.values())


def _outline(element: etree._Element, above: tuple[str, ...]) -> OpmlOutline | None:
    given = _given(element)
    kind, address = _address(given)
    if not address:
        return None
    terms = [part.strip() for term in given.get("category", "").split(",") for part in term.split("/")]
    categories = tuple(dict.fromkeys([*above, *filter(None, terms)]))
    title = given.get("text") or given.get("title") or None
    return OpmlOutline(title, address[:URL], given.get("htmlurl") or None, categories, kind)


def _address(given: Mapping[str, str]) -> tuple[OutlineKind, str]:
    kind, feed, url, page = (given.get(name, "") for name in ("type", "xmlurl", "url", "htmlurl"))
    kind = kind.lower()
    if kind == "source":
        return "list", feed or url
    if feed:
        return "feed", feed
    if url:
        return "list" if kind in LISTS else "feed", url if kind in (*LISTS, *FEEDS) else ""
    return "page", page


def _given(element: etree._Element) -> dict[str, str]:
    """Attributes by their names in lower case: `xmlURL` is as good as `xmlUrl`."""
    return {
        str(name).lower(): " ".join(str(value).split())[: text_constructs.TITLE]
        for name, value in element.attrib.items()
    }


def _title(element: etree._Element) -> str | None:
    given = _given(element)
    return given.get("text") or given.get("title")


def _with(above: tuple[str, ...], title: str | None) -> tuple[str, ...]:
    return above if not title or title in above else (*above, title)


def _merged(known: OpmlOutline, again: OpmlOutline) -> OpmlOutline:
    categories = tuple(dict.fromkeys((*known.categories, *again.categories)))
    return OpmlOutline(
        known.title or again.title, known.feed_url, known.html_url or again.html_url, categories, known.kind
    )
