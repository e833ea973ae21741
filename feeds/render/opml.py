"""OPML 2.0: the list of our feeds, for a reader that subscribes to all of them at once, and the list of our sources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from lxml import etree

from ..model import Document, Feed, Kind, Site, Source
from . import formatting

MEDIA_TYPE = "text/x-opml"

# How OPML spells a source of each kind: type, and the attribute of its address. Other kinds mean nothing to others.
SPELLED: Mapping[Kind, tuple[str, str]] = {
    Kind.ANY: ("rss", "xmlUrl"),
    Kind.FEED: ("rss", "xmlUrl"),
    Kind.PAGE: ("link", "htmlUrl"),
    Kind.OPML: ("include", "url"),
}


def opml(site: Site, feeds: Sequence[Feed]) -> Document:
    """Give the list of our feeds as `feeds.opml`; no date, so that the same feeds are the same bytes (R8)."""
    root, body = _begun(formatting.legal(site.title))
    for feed in feeds:
        etree.SubElement(body, "outline", formatting.legal(_outline(site, feed)))
    return Document("feeds.opml", _bytes(root), MEDIA_TYPE)


def subscriptions(title: str, sources: Iterable[Source], titles: Mapping[str, str | None]) -> bytes:
    """Give sources as a list for other readers: in a folder by the first tag, titled as in `titles` or by their ids."""
    root, body = _begun(formatting.legal(title))
    folders: dict[str, etree._Element] = {}
    for source in sources:
        kind, address = SPELLED[source.kind]
        name = titles.get(source.id) or source.id
        told = {"type": kind, "text": name, "title": name, address: source.address}
        # A term with one of these in it would be read as several.
        if terms := [tag for tag in source.tags if not {",", "/"} & set(tag)]:
            told["category"] = ",".join(terms)
        folder = next((_folder(body, folders, tag) for tag in source.tags), body)
        etree.SubElement(folder, "outline", formatting.legal(told))
    return _bytes(root)


def _folder(body: etree._Element, folders: dict[str, etree._Element], tag: str) -> etree._Element:
    if tag not in folders:
        folders[tag] = etree.SubElement(body, "outline", formatting.legal({"text": tag, "title": tag}))
    return folders[tag]


def _begun(title: str) -> tuple[etree._Element, etree._Element]:
    root = etree.Element("opml", version="2.0")
    etree.SubElement(etree.SubElement(root, "head"), "title").text = title
    return root, etree.SubElement(root, "body")


def _bytes(root: etree._Element) -> bytes:
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True)


def _outline(site: Site, feed: Feed) -> dict[str, str]:
    outline = {
        "type": "rss",
        "text": formatting.title(feed),
        "title": formatting.title(feed),
        "description": feed.description,
        "xmlUrl": formatting.address(feed, site, "rss"),
        "htmlUrl": formatting.home(feed, site),
        "language": formatting.language(feed, site),
    }
    return {name: value for name, value in outline.items() if value}
