"""OPML 2.0: the list of our feeds, for a reader that subscribes to all of them at once."""

from __future__ import annotations

from collections.abc import Sequence

from lxml import etree

from ..model import Document, Feed, Site
from . import text

MEDIA_TYPE = "text/x-opml"


def opml(site: Site, feeds: Sequence[Feed]) -> Document:
    """Give the list of our feeds as `feeds.opml`; no date, so that the same feeds are the same bytes (R8)."""
    site, feeds = text.legal((site, tuple(feeds)))
    root = etree.Element("opml", version="2.0")
    head = etree.SubElement(root, "head")
    etree.SubElement(head, "title").text = site.title
    body = etree.SubElement(root, "body")
    for feed in feeds:
        etree.SubElement(body, "outline", _outline(site, feed))
    tree = etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True)
    return Document("feeds.opml", tree, MEDIA_TYPE)


def _outline(site: Site, feed: Feed) -> dict[str, str]:
    outline = {
        "type": "rss",
        "text": text.title(feed),
        "title": text.title(feed),
        "description": feed.description,
        "xmlUrl": text.address(feed, site, "rss"),
        "htmlUrl": text.home(feed, site),
        "language": text.language(feed, site),
    }
    return {name: value for name, value in outline.items() if value}
