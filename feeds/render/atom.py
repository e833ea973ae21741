"""Atom 1.0, RFC 4287 (R15–R25)."""

from __future__ import annotations

from feedgen.entry import FeedEntry
from feedgen.feed import FeedGenerator

from ..model import Article, Document, Edition
from . import formatting
from .feedgen_extension import add, begin, person

MEDIA_TYPE = "application/atom+xml"


def write(edition: Edition) -> Document:
    """Give an edition as `<feed>.atom`."""
    generator = begin(edition)
    _feed(generator, edition)
    for article in edition.articles:
        _entry(add(generator, article), article)
    return Document(f"{edition.feed.id}.atom", generator.atom_str(), MEDIA_TYPE)


def _feed(generator: FeedGenerator, edition: Edition) -> None:
    feed, site = edition.feed, edition.site
    generator.id(formatting.feed_id(feed, site))
    generator.subtitle(formatting.description(feed, site))
    generator.author(name=formatting.author(feed, site))  # R16: answers for entries without an author
    generator.link(href=formatting.address(feed, site, "atom"), rel="self", type=MEDIA_TYPE)
    generator.link(href=formatting.home(feed, site), rel="alternate", type="text/html")
    if feed.icon:
        generator.icon(feed.icon)
    if feed.image:
        generator.logo(feed.image)


def _entry(entry: FeedEntry, article: Article) -> None:
    entry.id(article.published_id)
    entry.updated(article.updated)
    for author in article.authors:
        entry.author(person(author.name, author.email, author.url))
    if article.summary:
        entry.summary(article.summary)
    # Always escaped HTML: XHTML would have to be well-formed XML (R20). Where there is none, the extension decides.
    entry.content(article.html or " ", type="html")
    if article.rights:
        entry.rights(article.rights)
