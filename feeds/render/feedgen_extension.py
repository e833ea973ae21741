"""The one feedgen extension: what feedgen leaves out, drops or stamps with the clock, written into its tree.

feedgen 1.0 drops rel, type and length on Atom entry links, knows one enclosure in RSS, switches the process's locale
for every RSS date, and has no hub links, no source ids and no stylesheet. It is registered for RSS and Atom alike.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from feedgen.entry import FeedEntry
from feedgen.feed import FeedGenerator
from lxml import etree

from ..model import Article, Edition, Origin
from . import formatting, modules
from .stylesheets import PATH as STYLESHEET
from .xml_elements import ATOM_LINK, ATOM_UPDATED, NAMESPACES, XML_LANG, XmlElement, drop, element, leaf, rewrite, tag

_CREATOR = tag("dc", "creator")
_LANGUAGE = tag("dc", "language")
_RIGHTS = tag("dc", "rights")

_EMAIL = re.compile(r"[^@\s<>(),;:\"\\\[\]]+@[^@\s<>(),;:\"\\\[\]]+\.[^@\s<>(),;:\"\\\[\]]+")


def begin(edition: Edition) -> FeedGenerator:
    """Give a feedgen generator of one edition, with what RSS and Atom have in common."""
    feed, site = edition.feed, edition.site
    generator = FeedGenerator()
    generator.register_extension("feeds", FeedExtension, EntryExtension)
    generator.feeds.edition = edition
    generator.title(formatting.title(feed))
    generator.updated(edition.updated)  # feedgen's own default is the clock (R8)
    generator.generator("feeds")
    generator.language(formatting.language(feed, site))
    return generator


def add(generator: FeedGenerator, article: Article) -> FeedEntry:
    """Append an entry for an article; feedgen by itself puts each new one first."""
    entry = generator.add_entry(order="append")
    entry.feeds.article = article
    entry.title(article.title or " ")  # feedgen refuses an empty title; the extension writes the real one
    return entry


def person(name: str, email: str | None, url: str | None) -> dict[str, str]:
    """Give a person as feedgen takes one; an e-mail address that is none is left out (R22)."""
    valid = email if email and _EMAIL.fullmatch(email) else None
    return {key: value for key, value in (("name", name), ("email", valid), ("uri", url)) if value}


class FeedExtension:
    """Completes the channel of an RSS document and the feed element of an Atom document."""

    edition: Edition

    def extend_ns(self) -> Mapping[str, str]:
        """Declare the prefixes that entries may need."""
        return NAMESPACES

    def extend_rss(self, root: XmlElement) -> XmlElement:
        """Write date, hubs and author of the channel, and the stylesheet."""
        feed, site = self.edition.feed, self.edition.site
        channel = root[0]
        rewrite(channel, "lastBuildDate", formatting.rfc822(self.edition.updated))
        for hub in site.hubs:
            element(channel, ATOM_LINK, rel="hub", href=hub)
        if feed.author:  # else items without an author would be read as written by the site
            leaf(channel, _CREATOR, feed.author)
        _style(root, feed.id)
        return root

    def extend_atom(self, root: XmlElement) -> XmlElement:
        """Write date and hubs of the feed, and the stylesheet."""
        rewrite(root, "updated", formatting.rfc3339(self.edition.updated))
        for hub in self.edition.site.hubs:
            element(root, "link", rel="hub", href=hub)
        _style(root, self.edition.feed.id)
        return root


class EntryExtension:
    """Completes an RSS item and an Atom entry."""

    article: Article

    def extend_rss(self, item: XmlElement) -> XmlElement:
        """Write dates, people, categories and modules of an item."""
        article = self.article
        if not article.title:
            drop(item, "title")
        for author in article.authors:
            leaf(item, _CREATOR, author.name)  # R33: `author` would have to be an e-mail address
        leaf(item, "pubDate", formatting.rfc822(article.published) if article.published else None)
        leaf(item, ATOM_UPDATED, formatting.rfc3339(article.modified) if article.modified else None)
        for category in formatting.categories(article):
            element(item, "category", domain=category.scheme or None).text = category.term
        leaf(item, _LANGUAGE, article.language)
        leaf(item, _RIGHTS, article.rights)
        if article.external_url:
            element(item, ATOM_LINK, rel="related", href=article.external_url)
        for attachment in article.attachments[1:]:
            modules.attachment(item, attachment)
        _finish(item, article)
        return item

    def extend_atom(self, entry: XmlElement) -> XmlElement:
        """Write dates, categories, links, origin and modules of an entry."""
        article = self.article
        if not article.title:
            rewrite(entry, "title", None)
        if not article.html:
            _leave_empty(entry, article)
        rewrite(entry, "updated", formatting.rfc3339(article.updated))
        leaf(entry, "published", formatting.rfc3339(article.published) if article.published else None)
        if article.language:
            entry.set(XML_LANG, article.language)
        for it in formatting.categories(article):
            element(entry, "category", term=it.term, scheme=it.scheme or None, label=it.label or None)
        _links(entry, article)
        if article.origin:
            _source(entry, article.origin, article)
        _finish(entry, article)
        return entry


def _leave_empty(entry: XmlElement, article: Article) -> None:
    """Write no content where a page is there to read; an entry that points nowhere must have one (R18)."""
    if article.url:
        drop(entry, "content")
    else:
        rewrite(entry, "content", None)


def _links(entry: XmlElement, article: Article) -> None:
    """Write all links of an Atom entry; one alternate only, so that no two can be alike (R18)."""
    if article.url:
        element(entry, "link", rel="alternate", href=article.url)
    if article.external_url:
        element(entry, "link", rel="related", href=article.external_url)
    for it in article.attachments:
        size = None if it.size is None else str(it.size)
        element(entry, "link", rel="enclosure", href=it.url, type=it.media_type or None, length=size, title=it.title)
    if article.comments and article.comments.url:
        element(entry, "link", rel="replies", type="text/html", href=article.comments.url)


def _source(entry: XmlElement, origin: Origin, article: Article) -> None:
    """Name the feed an article came from by id, title and time (R24)."""
    id = origin.id or origin.feed or origin.url
    if not id:
        return
    source = etree.SubElement(entry, "source")
    leaf(source, "id", id)
    etree.SubElement(source, "title").text = origin.title
    leaf(source, "updated", formatting.told_rfc3339(origin.updated) or formatting.rfc3339(article.updated))
    if not article.authors and origin.title:
        # Without it RFC 4287 §4.2.1 would have the author of our feed answer for somebody else's words.
        leaf(etree.SubElement(source, "author"), "name", origin.title)
    if origin.url:
        element(source, "link", rel="alternate", href=origin.url)
    if origin.feed:
        element(source, "link", rel="self", href=origin.feed)


def _finish(parent: XmlElement, article: Article) -> None:
    modules.modules(parent, article)
    parent.tail = "\n"  # one article a line, for those who read or compare the file


def _style(root: XmlElement, feed_id: str) -> None:
    """Name the stylesheet that makes the bare document readable in a browser; never one of a source (S24)."""
    href = "../" * feed_id.count("/") + STYLESHEET
    root.addprevious(etree.ProcessingInstruction("xml-stylesheet", f'type="text/css" href="{href}"'))
