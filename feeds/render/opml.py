"""OPML 2.0: the list of our feeds, for readers that subscribe to all of them at once, and the list of our sources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from lxml import etree

from ..model import Document, Feed, Site, Source
from ..registry import source_kinds
from . import formatting
from .formatting import strip_illegal_characters

XmlElement = etree._Element

MEDIA_TYPE = "text/x-opml"


def render_feed_list(site: Site, feeds: Sequence[Feed]) -> Document:
    """Return the list of our feeds as `feeds.opml`; no date, so that the same feeds are the same bytes (R8)."""
    root, body = _create_document(site.title)
    for feed in feeds:
        _add_outline(body, _feed_attributes(site, feed))
    return Document("feeds.opml", _serialize(root), MEDIA_TYPE)


def render_source_list(title: str, sources: Iterable[Source], titles: Mapping[str, str | None]) -> bytes:
    """Return sources as OPML for other readers, in a folder by the first tag, without kinds unknown to OPML.

    `titles` gives the title of a source by its id; a source without one is titled with its id.
    """
    root, body = _create_document(title)
    folders: dict[str, XmlElement] = {}
    for source in sources:
        outline = source_kinds()[source.kind].outline
        if outline is None:
            continue
        outline_type, address_attribute = outline
        name = titles.get(source.id) or source.id
        attributes = {"type": outline_type, "text": name, "title": name, address_attribute: source.address}
        # A term with one of these in it would be read as several.
        if terms := [tag for tag in source.tags if not {",", "/"} & set(tag)]:
            attributes["category"] = ",".join(terms)
        folder = next((_get_folder(body, folders, tag) for tag in source.tags), body)
        _add_outline(folder, attributes)
    return _serialize(root)


def _get_folder(body: XmlElement, folders: dict[str, XmlElement], tag: str) -> XmlElement:
    if tag not in folders:
        folders[tag] = _add_outline(body, {"text": tag, "title": tag})
    return folders[tag]


def _add_outline(parent: XmlElement, attributes: dict[str, str]) -> XmlElement:
    """Add an outline; only where lxml refuses a character is every value cleaned."""
    try:
        return etree.SubElement(parent, "outline", attributes)
    except ValueError:
        return etree.SubElement(parent, "outline", strip_illegal_characters(attributes))


def _create_document(title: str) -> tuple[XmlElement, XmlElement]:
    """Return the root and the body of a new OPML document."""
    root = etree.Element("opml", version="2.0")
    etree.SubElement(etree.SubElement(root, "head"), "title").text = strip_illegal_characters(title)
    return root, etree.SubElement(root, "body")


def _serialize(root: XmlElement) -> bytes:
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True)


def _feed_attributes(site: Site, feed: Feed) -> dict[str, str]:
    first_format = next(formatting.subscription_formats(feed))
    attributes = {
        "type": "rss",  # as OPML calls a feed of any format
        "text": formatting.feed_title(feed),
        "title": formatting.feed_title(feed),
        "description": feed.description,
        "xmlUrl": formatting.file_url(feed, site, first_format),
        "htmlUrl": formatting.home_page_url(feed, site),
        "language": formatting.feed_language(feed, site),
    }
    return {name: value for name, value in attributes.items() if value}
