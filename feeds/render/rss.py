"""RSS 2.0 as the RSS Advisory Board's profile wants it (R26–R36)."""

from __future__ import annotations

import re
from html import escape

from feedgen.entry import FeedEntry
from feedgen.feed import FeedGenerator

from ..model import Article, Document, Edition
from . import formatting
from .feedgen_extension import add, begin
from .modules import UNKNOWN_TYPE

MEDIA_TYPE = "application/rss+xml"

_TITLE = re.compile(rb"<title>[^<]*&(?:amp|lt);[^<]*</title>")


def write(edition: Edition) -> Document:
    """Give an edition as `<feed>.rss`."""
    generator = begin(edition)
    _channel(generator, edition)
    for article in edition.articles:
        _item(add(generator, article), article)
    body = _TITLE.sub(_plain_title, generator.rss_str())
    return Document(f"{edition.feed.id}.rss", body, MEDIA_TYPE)


def _channel(generator: FeedGenerator, edition: Edition) -> None:
    feed, site = edition.feed, edition.site
    generator.description(formatting.description(feed, site) or formatting.title(feed))  # R26: never without
    generator.link(href=formatting.address(feed, site, "rss"), rel="self", type=MEDIA_TYPE)
    generator.link(
        href=formatting.home(feed, site), rel="alternate"
    )  # last: feedgen takes the last one for the channel
    generator.docs("https://www.rssboard.org/rss-specification")
    if feed.image:
        generator.image(feed.image)  # feedgen repeats title and link of the channel (R34)


def _item(entry: FeedEntry, article: Article) -> None:
    if article.url:
        entry.link(href=article.url, rel="alternate")
    _body(entry, article)
    # R28: only an id that is the address of the article may be taken for one.
    permanent = article.published_id == article.url and article.url.startswith(("http://", "https://"))
    entry.guid(article.published_id, permalink=permanent)
    if article.comments and article.comments.url:
        entry.comments(article.comments.url)
    if article.attachments:
        first = article.attachments[0]
        entry.enclosure(first.url, first.size or 0, first.media_type or UNKNOWN_TYPE)  # R29: unknown is 0
    if article.origin and article.origin.feed:
        entry.source(url=article.origin.feed, title=article.origin.title or article.origin.feed)


def _body(entry: FeedEntry, article: Article) -> None:
    """Set description and content: a description is HTML by custom, so plain text is escaped into it (R31, R32)."""
    if article.summary:
        entry.description(escape(article.summary, quote=False))
    if article.html:
        entry.content(article.html)
    elif not article.title and not article.summary:
        entry.description(escape(article.url or article.published_id, quote=False))  # R26: title or description


def _plain_title(title: re.Match[bytes]) -> bytes:
    """Spell `&` and `<` as the profile asks, so that no reader takes a plain title for markup (R31)."""
    return title[0].replace(b"&amp;", b"&#x26;").replace(b"&lt;", b"&#x3C;")
