"""RSS 2.0 as the RSS Advisory Board's profile wants it (R26–R36)."""

from __future__ import annotations

import re
from html import escape
from urllib.parse import urlsplit

from feedgen.entry import FeedEntry
from feedgen.feed import FeedGenerator

from ..model import Article, Edition
from ..registry import Format
from . import formatting
from .feedgen_extension import append_entry, create_generator

# The elements of plain text; `description` and `content:encoded` hold HTML.
_TEXT_WITH_ENTITIES = re.compile(
    rb"<(?:title|category|source|dc:\w+|media:title|itunes:\w+)(?: [^<>]*)?>[^<]*&(?:amp|lt);[^<]*<"
)


def write(edition: Edition, format: Format) -> bytes:
    """Return an edition as an RSS document."""
    generator = create_generator(edition)
    _write_channel(generator, edition, format)
    for article in edition.articles:
        _write_item(append_entry(generator, article), article)
    document: bytes = generator.rss_str()
    return _TEXT_WITH_ENTITIES.sub(_escape_text, document)


def _write_channel(generator: FeedGenerator, edition: Edition, format: Format) -> None:
    feed, site = edition.feed, edition.site
    # R26: a channel must have a description.
    generator.description(formatting.feed_description(feed, site) or formatting.feed_title(feed))
    generator.link(href=formatting.file_url(feed, site, format), rel="self", type=format.media_type)
    # Last: feedgen takes the last link for the channel's.
    generator.link(href=formatting.home_page_url(feed, site), rel="alternate")
    generator.docs("https://www.rssboard.org/rss-specification")
    if site.cloud:
        generator.cloud(**_cloud_attributes(site.cloud))
    if feed.image:
        generator.image(feed.image)  # feedgen repeats title and link of the channel (R34)


def _cloud_attributes(address: str) -> dict[str, str]:
    """Return the attributes of the element that leads rssCloud subscribers to an address."""
    parts = urlsplit(address)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return {
        "domain": parts.hostname or "",
        "port": str(port),
        "path": parts.path,
        "registerProcedure": "",
        "protocol": f"{parts.scheme}-post",
    }


def _write_item(entry: FeedEntry, article: Article) -> None:
    if article.url:
        entry.link(href=article.url, rel="alternate")
    _write_body(entry, article)
    # R28: an id is a permalink only where it is the address of the article.
    is_permalink = article.published_id == article.url and article.url.startswith(("http://", "https://"))
    entry.guid(article.published_id, permalink=is_permalink)
    if article.comments and article.comments.url:
        entry.comments(article.comments.url)
    if article.attachments:
        enclosure = article.attachments[0]
        media_type = enclosure.media_type or formatting.UNKNOWN_MEDIA_TYPE
        entry.enclosure(enclosure.url, enclosure.size or 0, media_type)  # R29: an unknown size is 0
    if article.origin and article.origin.feed:
        entry.source(url=article.origin.feed, title=article.origin.title or article.origin.feed)


def _write_body(entry: FeedEntry, article: Article) -> None:
    """Set description and content: a description is HTML by custom, so plain text is escaped into it (R31, R32)."""
    if article.summary:
        entry.description(escape(article.summary, quote=False))
    if article.html:
        entry.content(article.html)
    elif not article.title and not article.summary:
        entry.description(escape(article.url or article.published_id, quote=False))  # R26: title or description


def _escape_text(element: re.Match[bytes]) -> bytes:
    """Return a text with `&` and `<` as hexadecimal references, so that no reader takes it for markup (R31)."""
    return element[0].replace(b"&amp;", b"&#x26;").replace(b"&lt;", b"&#x3C;")
