"""What stands around the entries of an RSS or Atom document: made by feedgen, with an extension for what it lacks.

feedgen 1.0 dates documents by the clock, switches the process's locale for every RSS date, and has no hub links, no
archives and no stylesheet.
"""

from __future__ import annotations

from collections.abc import Mapping

from feedgen.feed import FeedGenerator
from lxml import etree

from ..model import Edition, Frame, Podcast
from ..podcast_categories import SEPARATOR
from . import formatting
from .entry_elements import cover_address
from .namespaces import HISTORY_NAMESPACE, NAMESPACES

_Element = etree._Element

_ATOM_LINK = "{http://www.w3.org/2005/Atom}link"


def create_generator(edition: Edition) -> FeedGenerator:
    """Return a feedgen generator for an edition, with what RSS and Atom have in common."""
    generator = FeedGenerator()
    generator.register_extension("feeds", FeedExtension)
    generator.feeds.edition = edition
    generator.title(formatting.feed_title(edition.feed))
    generator.updated(edition.updated)  # feedgen's own default is the clock (R8)
    generator.generator("feeds")
    generator.language(formatting.edition_language(edition))
    return generator


def split_frame(document: bytes, end: bytes) -> Frame:
    """Return a document without entries as a frame; `end` are the tags that it ends with."""
    return Frame(document.removesuffix(end), end)


class FeedExtension:
    """The elements added to the channel of an RSS document and to the feed element of an Atom document."""

    edition: Edition

    def extend_ns(self) -> Mapping[str, str]:
        """Return the namespaces to declare, by prefix."""
        return NAMESPACES if self.edition.archive is None else {**NAMESPACES, "fh": HISTORY_NAMESPACE}

    def extend_rss(self, root: _Element) -> _Element:
        """Write date, hubs, archives and author of the channel, and the stylesheet."""
        feed = self.edition.feed
        channel = root[0]
        _set_text(channel, "lastBuildDate", formatting.format_rfc822(self.edition.updated))
        _add_hub_links(channel, _ATOM_LINK, self.edition)
        _add_archive_links(channel, _ATOM_LINK, self.edition)
        # The site's title would be read as the author of items without one.
        _add_text_element(channel, _qualified_name("dc", "creator"), feed.author)
        if podcast := formatting.find_podcast(self.edition):
            _add_show_elements(channel, podcast)
        _add_stylesheet(root, self.edition)
        return root

    def extend_atom(self, root: _Element) -> _Element:
        """Write date, hubs and archives of the feed, and the stylesheet."""
        _set_text(root, "updated", formatting.format_rfc3339(self.edition.updated))
        _add_hub_links(root, "link", self.edition)
        _add_archive_links(root, "link", self.edition)
        if self.edition.archive is not None:
            etree.SubElement(root, f"{{{HISTORY_NAMESPACE}}}archive")
        if podcast := formatting.find_podcast(self.edition):
            _add_show_elements(root, podcast)
        _add_stylesheet(root, self.edition)
        return root


def _add_hub_links(parent: _Element, tag: str, edition: Edition) -> None:
    """Name the hubs; nobody subscribes to an archive document, which never grows."""
    if edition.archive is None:
        for hub in edition.site.hubs:
            _add_element(parent, tag, rel="hub", href=hub)


def _add_archive_links(parent: _Element, name: str, edition: Edition) -> None:
    """Append the links between the documents of a feed (RFC 5005 §4): to the next older one, and back to the feed."""
    feed, site = edition.feed, edition.site
    format = next((format for format in formatting.feed_formats(feed) if format.archives), None)
    if format is None:
        return
    if edition.archive is not None:
        _add_element(parent, name, rel="current", href=formatting.file_url(feed, site, format), type=format.media_type)
    if edition.prev_archive is not None:
        address = formatting.file_url(feed, site, format, edition.prev_archive)
        _add_element(parent, name, rel="prev-archive", href=address, type=format.media_type)


def _add_show_elements(parent: _Element, podcast: Podcast) -> None:
    """Append what directories of podcasts ask of a show."""
    _add_text_element(parent, _qualified_name("itunes", "author"), podcast.author)
    for path in podcast.category:
        element = parent
        for name in path.split(SEPARATOR):
            element = _add_element(element, _qualified_name("itunes", "category"), text=name)
    _add_text_element(parent, _qualified_name("itunes", "explicit"), "true" if podcast.explicit else "false")
    if podcast.owner:
        owner = _add_element(parent, _qualified_name("itunes", "owner"))
        _add_text_element(owner, _qualified_name("itunes", "name"), podcast.author)
        _add_text_element(owner, _qualified_name("itunes", "email"), podcast.owner)
    _add_text_element(parent, _qualified_name("itunes", "type"), podcast.type)
    if cover := cover_address(podcast.image):
        _add_element(parent, _qualified_name("itunes", "image"), href=cover)


def _add_stylesheet(root: _Element, edition: Edition) -> None:
    """Add the stylesheet that makes the document readable in a browser; never one of a source (S24)."""
    href = "../" * formatting.folder_depth(edition) + formatting.FEED_STYLESHEET
    root.addprevious(etree.ProcessingInstruction("xml-stylesheet", f'type="text/css" href="{href}"'))


# ── elements ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _qualified_name(prefix: str, name: str) -> str:
    """Return the name of an element with its namespace, as lxml takes it."""
    return f"{{{NAMESPACES[prefix]}}}{name}"


def _add_text_element(parent: _Element, name: str, text: str | None) -> None:
    """Append an element with a text, unless the text is empty."""
    if text:
        etree.SubElement(parent, name).text = text


def _add_element(parent: _Element, name: str, **attributes: str) -> _Element:
    """Append an element with attributes."""
    return etree.SubElement(parent, name, attributes)


def _set_text(parent: _Element, name: str, text: str) -> None:
    """Replace the text of the child elements of that name."""
    for element in parent.findall(name):
        element.text = text
