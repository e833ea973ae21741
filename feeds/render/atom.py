"""Atom 1.0, RFC 4287 (R15–R25)."""

from __future__ import annotations

from html import escape

from feedgen.entry import FeedEntry
from feedgen.feed import FeedGenerator

from ..model import Article, Edition
from ..registry import Format
from . import formatting
from .feedgen_extension import append_entry, create_generator, person_fields


def write(edition: Edition, format: Format) -> bytes:
    """Return an edition as an Atom document."""
    generator = create_generator(edition)
    _write_feed(generator, edition, format)
    for article in edition.articles:
        _write_entry(append_entry(generator, article), article)
    document: bytes = generator.atom_str()
    return document


def _write_feed(generator: FeedGenerator, edition: Edition, format: Format) -> None:
    feed, site = edition.feed, edition.site
    generator.id(formatting.feed_id(edition))
    generator.subtitle(formatting.feed_description(feed, site))
    generator.author(name=formatting.feed_author(feed, site))  # R16: the author of entries without one
    generator.link(href=formatting.file_url(feed, site, format, edition.archive), rel="self", type=format.media_type)
    generator.link(href=formatting.home_page_url(feed, site), rel="alternate", type="text/html")
    if feed.icon:
        generator.icon(feed.icon)
    if feed.image:
        generator.logo(feed.image)


def _write_entry(entry: FeedEntry, article: Article) -> None:
    entry.id(article.published_id)
    entry.updated(article.updated)
    for author in article.authors:
        entry.author(person_fields(author))
    # An entry that is nothing but a title has it as its text too (RFC 4287 §4.1.1.1).
    text = article.summary or article.title
    if article.summary or (text and article.url and not article.html):
        entry.summary(text)
    # Always escaped HTML: XHTML would have to be well-formed XML (R20).
    entry.content(article.html or f"<p>{escape(text or article.published_id, quote=False)}</p>", type="html")
    if article.rights:
        entry.rights(article.rights)
