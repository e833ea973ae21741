"""RSS 2.0 as the RSS Advisory Board's profile wants it (R26–R36)."""

from __future__ import annotations

import re
from functools import cache
from html import escape
from urllib.parse import urlsplit

from feedgen.entry import FeedEntry
from feedgen.feed import FeedGenerator

from ..model import Article, Edition, Frame
from ..registry import Format
from . import formatting
from .entry_elements import attachment_elements, find_unstated_durations, module_elements, related_links
from .feedgen_entry import place, spell_entry
from .feedgen_frame import create_generator, split_frame
from .xml_text import element, encode_xml, escape_attribute, escape_html, escape_text

_CONTENT_NAMESPACE = {"content": "http://purl.org/rss/1.0/modules/content/"}  # feedgen declares it as this

# The elements of plain text; `description` and `content:encoded` hold HTML.
_TEXT_WITH_ENTITIES = re.compile(
    r"<(?:title|category|source|dc:\w+|media:title|itunes:\w+)(?: [^<>]*)?>[^<]*&(?:amp|lt);[^<]*<", re.ASCII
)


# ── the channel ─────────────────────────────────────────────────────────────────────────────────────────────────────


def write_frame(edition: Edition, format: Format) -> Frame:
    """Return the channel of an edition, with a place for its items."""
    generator = create_generator(edition)
    _write_channel(generator, edition, format)
    document: bytes = generator.rss_str()
    return split_frame(_escape_texts(document.decode()).encode(), b"</channel></rss>")


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


# ── an item ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def write_entry(article: Article) -> bytes:
    """Return an article as an item, which is the same in all documents."""
    texts = _item_texts(article)
    before, after = _item_template(tuple(texts), article.html != "")
    start = _escape_texts(before.format_map(texts))
    end = _escape_texts(f"{after.format_map(texts)}{_more_elements(article)}")
    return encode_xml(f"{start}{escape_html(article.html)}{end}</item>\n")


def _item_texts(article: Article) -> dict[str, str]:
    """Return the texts of the elements that feedgen writes but HTML, escaped, by the name of their place."""
    texts = {"guid": escape_text(article.published_id)}
    # R28: an id is a permalink only where it is the address of the article.
    is_permalink = article.published_id == article.url and article.url.startswith(("http://", "https://"))
    texts["permalink"] = "true" if is_permalink else "false"
    if article.title:
        texts["title"] = escape_text(article.title)
    if article.url:
        texts["link"] = escape_text(article.url)
    # A description is HTML by custom, so plain text is escaped into it (R31, R32).
    if article.summary:
        texts["description"] = escape_text(escape(article.summary, quote=False))
    elif not article.title and not article.html:  # R26: title or description
        texts["description"] = escape_text(escape(article.url or article.published_id, quote=False))
    if article.comments and article.comments.url:
        texts["comments"] = escape_text(article.comments.url)
    if article.attachments:
        enclosure = article.attachments[0]
        texts["enclosure"] = escape_attribute(enclosure.url)
        texts["enclosure_size"] = str(enclosure.size or 0)  # R29: an unknown size is 0
        texts["enclosure_type"] = escape_attribute(enclosure.media_type or formatting.UNKNOWN_MEDIA_TYPE)
    if article.origin and article.origin.feed:
        texts["source"] = escape_attribute(article.origin.feed)
        texts["source_title"] = escape_text(article.origin.title or article.origin.feed)
    return texts


@cache
def _item_template(names: tuple[str, ...], has_html: bool) -> tuple[str, str]:
    """Return what feedgen makes of an article that has these texts, with their places: before its HTML, and after."""
    entry = FeedEntry()
    entry.guid(place("guid"), permalink=place("permalink"))
    if "title" in names:
        entry.title(place("title"))
    if "link" in names:
        entry.link(href=place("link"), rel="alternate")
    if "description" in names:
        entry.description(place("description"))
    if has_html:
        entry.content(place("html"))
    if "comments" in names:
        entry.comments(place("comments"))
    if "enclosure" in names:
        entry.enclosure(place("enclosure"), place("enclosure_size"), place("enclosure_type"))
    if "source" in names:
        entry.source(url=place("source"), title=place("source_title"))
    before, _, after = spell_entry(entry.rss_entry(), _CONTENT_NAMESPACE).partition(place("html"))
    return before, after


def _more_elements(article: Article) -> str:
    """Return dates, people, categories and modules of an item."""
    published, modified = formatting.article_dates(article)
    date = published or modified  # RSS has no other place for the date of a story that only says `updated`
    return "".join(
        [
            # R33: `author` would have to be an e-mail address.
            *[element("dc:creator", author.name) for author in article.authors],
            element("pubDate", formatting.format_rfc822(date) if date else None),
            element("atom:updated", formatting.format_rfc3339(modified) if modified else None),
            *[
                element("category", category.term, domain=category.scheme or None)
                for category in formatting.article_categories(article)
            ],
            element("dc:language", article.language),
            element("dc:rights", article.rights),
            related_links("atom:link", article),
            attachment_elements(article.attachments[1:]),
            attachment_elements(find_unstated_durations(article, article.attachments[:1])),
            module_elements(article),
        ]
    )


def _escape_texts(xml: str) -> str:
    """Return XML with `&` and `<` in its plain texts as hexadecimal references: no reader takes it for markup (R31)."""
    return _TEXT_WITH_ENTITIES.sub(_escape_element, xml) if "&" in xml else xml


def _escape_element(match: re.Match[str]) -> str:
    return match[0].replace("&amp;", "&#x26;").replace("&lt;", "&#x3C;")
