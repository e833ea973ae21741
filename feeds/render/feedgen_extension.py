"""The feedgen extension for RSS and Atom: it writes what feedgen leaves out, drops or dates by the clock.

feedgen 1.0 drops rel, type and length on Atom entry links, knows one enclosure in RSS, switches the process's locale
for every RSS date, and has no hub links, no source ids and no stylesheet.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape, unescape

from feedgen.entry import FeedEntry
from feedgen.feed import FeedGenerator
from lxml import etree

from ..iri import is_absolute_iri
from ..model import Article, Author, Edition, Origin
from . import formatting
from .namespaces import (
    ATOM_LINK,
    ATOM_UPDATED,
    HISTORY_NAMESPACE,
    NAMESPACES,
    XML_LANG,
    XmlElement,
    add_attachment,
    add_element,
    add_module_elements,
    add_show_elements,
    add_text_element,
    find_unstated_durations,
    qualified_name,
    remove_elements,
    set_text,
)

_CREATOR = qualified_name("dc", "creator")
_LANGUAGE = qualified_name("dc", "language")
_RIGHTS = qualified_name("dc", "rights")

_MARKUP = re.compile(r"</\w+>|&\w*\d")


def create_generator(edition: Edition) -> FeedGenerator:
    """Return a feedgen generator for an edition, with what RSS and Atom have in common."""
    generator = FeedGenerator()
    generator.register_extension("feeds", FeedExtension, EntryExtension)
    generator.feeds.edition = edition
    generator.title(formatting.feed_title(edition.feed))
    generator.updated(edition.updated)  # feedgen's own default is the clock (R8)
    generator.generator("feeds")
    generator.language(formatting.edition_language(edition))
    return generator


def append_entry(generator: FeedGenerator, article: Article) -> FeedEntry:
    """Append an entry for an article; feedgen by itself puts each new one first."""
    entry = generator.add_entry(order="append")
    entry.feeds.article = article
    entry.title(article.title or " ")  # feedgen refuses an empty title; the extension writes the real one
    return entry


def person_fields(author: Author) -> dict[str, str]:
    """Return an author as the keywords of feedgen, without an invalid e-mail address (R22)."""
    email = formatting.email_address(author.email)
    return {key: value for key, value in (("name", author.name), ("email", email), ("uri", author.url)) if value}


class FeedExtension:
    """The elements added to the channel of an RSS document and to the feed element of an Atom document."""

    edition: Edition

    def extend_ns(self) -> Mapping[str, str]:
        """Return the namespaces to declare, by prefix."""
        return NAMESPACES if self.edition.archive is None else {**NAMESPACES, "fh": HISTORY_NAMESPACE}

    def extend_rss(self, root: XmlElement) -> XmlElement:
        """Write date, hubs, archives and author of the channel, and the stylesheet."""
        feed = self.edition.feed
        channel = root[0]
        set_text(channel, "lastBuildDate", formatting.format_rfc822(self.edition.updated))
        _add_hub_links(channel, ATOM_LINK, self.edition)
        _add_archive_links(channel, ATOM_LINK, self.edition)
        if feed.author:  # the site's title would be read as the author of items without one
            add_text_element(channel, _CREATOR, feed.author)
        if podcast := formatting.find_podcast(self.edition):
            add_show_elements(channel, podcast)
        _add_stylesheet(root, self.edition)
        return root

    def extend_atom(self, root: XmlElement) -> XmlElement:
        """Write date, hubs and archives of the feed, and the stylesheet."""
        set_text(root, "updated", formatting.format_rfc3339(self.edition.updated))
        _add_hub_links(root, "link", self.edition)
        _add_archive_links(root, "link", self.edition)
        if self.edition.archive is not None:
            etree.SubElement(root, f"{{{HISTORY_NAMESPACE}}}archive")
        if podcast := formatting.find_podcast(self.edition):
            add_show_elements(root, podcast)
        _add_stylesheet(root, self.edition)
        return root


def _add_hub_links(parent: XmlElement, tag: str, edition: Edition) -> None:
    """Name the hubs; nobody subscribes to an archive document, which never grows."""
    if edition.archive is None:
        for hub in edition.site.hubs:
            add_element(parent, tag, rel="hub", href=hub)


class EntryExtension:
    """The elements added to an RSS item and to an Atom entry."""

    article: Article

    def extend_rss(self, item: XmlElement) -> XmlElement:
        """Write dates, people, categories and modules of an item."""
        article = self.article
        if not article.title:
            remove_elements(item, "title")
        for author in article.authors:
            add_text_element(item, _CREATOR, author.name)  # R33: `author` would have to be an e-mail address
        published, modified = formatting.article_dates(article)
        if date := published or modified:  # RSS has no other place for the date of a story that only says `updated`
            add_text_element(item, "pubDate", formatting.format_rfc822(date))
        add_text_element(item, ATOM_UPDATED, formatting.format_rfc3339(modified) if modified else None)
        for category in formatting.article_categories(article):
            add_element(item, "category", domain=category.scheme or None).text = category.term
        add_text_element(item, _LANGUAGE, article.language)
        add_text_element(item, _RIGHTS, article.rights)
        _add_related_links(item, ATOM_LINK, article)
        for attachment in article.attachments[1:]:
            add_attachment(item, attachment)
        for attachment in find_unstated_durations(article, article.attachments[:1]):
            add_attachment(item, attachment)
        _add_modules(item, article)
        return item

    def extend_atom(self, entry: XmlElement) -> XmlElement:
        """Write dates, categories, links, origin and modules of an entry."""
        article = self.article
        if not article.title:  # Atom demands one
            set_text(entry, "title", article.url or article.published_id)
        for name, text in (
            ("title", article.title),
            ("summary", article.summary or article.title),
            ("rights", article.rights),
        ):
            _declare_html(entry, name, text)
        if not article.html and article.url:
            remove_elements(entry, "content")  # the link to the page stands for it (R18)
        set_text(entry, "updated", formatting.format_rfc3339(article.updated))
        published, _ = formatting.article_dates(article)
        add_text_element(entry, "published", formatting.format_rfc3339(published) if published else None)
        if article.language:
            entry.set(XML_LANG, article.language)
        for category in formatting.article_categories(article):
            scheme = category.scheme if category.scheme and is_absolute_iri(category.scheme) else None
            add_element(entry, "category", term=category.term, scheme=scheme, label=category.label or None)
        _add_links(entry, article)
        for attachment in find_unstated_durations(article, article.attachments):
            add_attachment(entry, attachment)
        if article.origin:
            _add_source(entry, article.origin, article)
        _add_modules(entry, article)
        return entry


def _declare_html(parent: XmlElement, name: str, text: str | None) -> None:
    """Spell the text of a child element as HTML where a reader could take it for that (RFC 4287 §3.1.1)."""
    if not text or ("</" not in text and "&" not in text):
        return
    element = parent.find(name)
    if element is not None and (_MARKUP.search(text) or unescape(text) != text):
        element.set("type", "html")
        element.text = escape(text, quote=False)


def _add_links(entry: XmlElement, article: Article) -> None:
    """Append all links of an Atom entry; one alternate only, so that no two can be alike (R18)."""
    if article.url:
        add_element(entry, "link", rel="alternate", href=article.url)
    _add_related_links(entry, "link", article)
    for attachment in article.attachments:
        add_element(
            entry,
            "link",
            rel="enclosure",
            href=attachment.url,
            type=attachment.media_type or None,
            length=None if attachment.size is None else str(attachment.size),
            title=attachment.title,
        )
    if article.comments and article.comments.url:
        add_element(entry, "link", rel="replies", type="text/html", href=article.comments.url)


def _add_related_links(parent: XmlElement, tag: str, article: Article) -> None:
    """Append links to the page that a link post is about, and to the story at other sources."""
    if article.external_url:
        add_element(parent, tag, rel="related", href=article.external_url)
    for twin in article.also_at:
        add_element(parent, tag, rel="related", href=twin.url, title=twin.title)


def _add_source(entry: XmlElement, origin: Origin, article: Article) -> None:
    """Append the feed an article came from: id, title and time (R24)."""
    id = next((text for text in (origin.id, origin.feed, origin.url) if text and is_absolute_iri(text)), None)
    if not id:
        return
    source = etree.SubElement(entry, "source")
    add_text_element(source, "id", id)
    title = origin.title or origin.feed or origin.url or id
    add_text_element(source, "title", title)
    _declare_html(source, "title", title)
    updated = formatting.clean_rfc3339(origin.updated) or formatting.format_rfc3339(article.updated)
    add_text_element(source, "updated", updated)
    if not article.authors and origin.title:
        # Without it the author of our feed would count as the author of this article (RFC 4287 §4.2.1).
        add_text_element(etree.SubElement(source, "author"), "name", origin.title)
    if origin.url:
        add_element(source, "link", rel="alternate", href=origin.url)
    if origin.feed:
        add_element(source, "link", rel="self", href=origin.feed)


def _add_modules(parent: XmlElement, article: Article) -> None:
    add_module_elements(parent, article)
    parent.tail = "\n"  # one article a line, for those who read or compare the file


def _add_archive_links(parent: XmlElement, name: str, edition: Edition) -> None:
    """Append the links between the documents of a feed (RFC 5005 §4): to the next older one, and back to the feed."""
    feed, site = edition.feed, edition.site
    format = next((format for format in formatting.feed_formats(feed) if format.archives), None)
    if format is None:
        return
    if edition.archive is not None:
        add_element(parent, name, rel="current", href=formatting.file_url(feed, site, format), type=format.media_type)
    if edition.prev_archive is not None:
        address = formatting.file_url(feed, site, format, edition.prev_archive)
        add_element(parent, name, rel="prev-archive", href=address, type=format.media_type)


def _add_stylesheet(root: XmlElement, edition: Edition) -> None:
    """Add the stylesheet that makes the document readable in a browser; never one of a source (S24)."""
    href = "../" * formatting.folder_depth(edition) + formatting.FEED_STYLESHEET
    root.addprevious(etree.ProcessingInstruction("xml-stylesheet", f'type="text/css" href="{href}"'))
