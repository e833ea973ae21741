"""Atom 1.0, RFC 4287 (R15–R25)."""

from __future__ import annotations

import re
from functools import lru_cache
from html import escape, unescape

from feedgen.entry import FeedEntry
from feedgen.feed import FeedGenerator

from ..iri import is_absolute_iri
from ..model import Article, Category, Edition, Frame, Origin
from ..registry import Format
from . import formatting
from .entry_elements import attachment_elements, find_unstated_durations, module_elements, related_links
from .feedgen_entry import place, spell_entry
from .feedgen_frame import create_generator, split_frame
from .xml_text import element, empty_element, encode_xml, escape_attribute, escape_html, escape_text, parent_element

_XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
_MARKUP = re.compile(r"</\w+>|&\w*\d")


# ── the feed ────────────────────────────────────────────────────────────────────────────────────────────────────────


def write_frame(edition: Edition, format: Format) -> Frame:
    """Return the feed element of an edition, with a place for its entries."""
    generator = create_generator(edition)
    _write_feed(generator, edition, format)
    return split_frame(generator.atom_str(), b"</feed>")


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


# ── an entry ────────────────────────────────────────────────────────────────────────────────────────────────────────


def write_entry(article: Article) -> bytes:
    """Return an article as an entry, which is the same in all documents."""
    texts, html = _entry_texts(article), _content(article)
    before, after = _entry_template(tuple(texts), html != "")
    more = _more_elements(article)
    return encode_xml(f"{before.format_map(texts)}{escape_html(html)}{after.format_map(texts)}{more}</entry>\n")


def _content(article: Article) -> str:
    """Return the HTML of an entry; "" where the link to the page stands for it (R18)."""
    if article.html or article.url:
        return article.html
    return f"<p>{escape(article.summary or article.title or article.published_id, quote=False)}</p>"


def _entry_texts(article: Article) -> dict[str, str]:
    """Return the texts of the elements that feedgen writes but HTML, escaped, by the name of their place."""
    texts = {"id": escape_text(article.published_id), "updated": formatting.format_rfc3339(article.updated)}
    if article.title:
        _put_text(texts, "title", article.title)
    else:  # Atom demands one
        texts["title"] = escape_text(article.url or article.published_id)
    people = (author for author in article.authors if author.name)  # Atom requires a name
    for number, author in enumerate(people):
        texts[f"author_{number}"] = escape_text(author.name)
        if email := formatting.email_address(author.email):  # R22: no invalid one
            texts[f"email_{number}"] = escape_text(email)
        if author.url:
            texts[f"uri_{number}"] = escape_text(author.url)
    # An entry that is nothing but a title has it as its text too (RFC 4287 §4.1.1.1).
    text = article.summary or article.title
    if article.summary or (text and article.url and not article.html):
        _put_text(texts, "summary", text)
    if article.rights:
        _put_text(texts, "rights", article.rights)
    if article.language:
        texts["language"] = escape_attribute(article.language)
    return texts


def _put_text(texts: dict[str, str], name: str, text: str) -> None:
    """Put in a text; as HTML where a reader could take it for that (RFC 4287 §3.1.1)."""
    if _could_be_html(text):
        texts[f"{name}_type"] = "html"
        text = escape(text, quote=False)
    texts[name] = escape_text(text)


def _could_be_html(text: str) -> bool:
    return ("</" in text or "&" in text) and (bool(_MARKUP.search(text)) or unescape(text) != text)


@lru_cache(maxsize=512)
def _entry_template(names: tuple[str, ...], has_html: bool) -> tuple[str, str]:
    """Return what feedgen makes of an article that has these texts, with their places: before its HTML, and after."""
    feedgen_entry = FeedEntry()
    feedgen_entry.id(place("id"))
    feedgen_entry.title(place("title"))
    for name in names:
        kind, _, number = name.partition("_")
        if kind == "author":
            fields = {"name": name, "email": f"email_{number}", "uri": f"uri_{number}"}
            feedgen_entry.author({key: place(field) for key, field in fields.items() if field in names})
    if "summary" in names:
        feedgen_entry.summary(place("summary"))
    if "rights" in names:
        feedgen_entry.rights(place("rights"))
    # Always escaped HTML: XHTML would have to be well-formed XML (R20). Without content, feedgen demands a link.
    feedgen_entry.content(place("html"), type="html")
    entry = feedgen_entry.atom_entry()
    for child in entry.findall("*"):
        if child.tag == "content" and not has_html:
            entry.remove(child)
        elif child.tag == "updated":
            child.text = place("updated")
        elif f"{child.tag}_type" in names:
            child.set("type", place(f"{child.tag}_type"))
    if "language" in names:
        entry.set(_XML_LANG, place("language"))
    before, _, after = spell_entry(entry).partition(place("html"))
    return before, after


def _more_elements(article: Article) -> str:
    """Return dates, categories, links, origin and modules of an entry."""
    published, _ = formatting.article_dates(article)
    return "".join(
        [
            element("published", formatting.format_rfc3339(published) if published else None),
            *[_category(category) for category in formatting.article_categories(article)],
            _links(article),
            attachment_elements(find_unstated_durations(article, article.attachments)),
            _source(article.origin, article) if article.origin else "",
            module_elements(article),
        ]
    )


def _category(category: Category) -> str:
    scheme = category.scheme if category.scheme and is_absolute_iri(category.scheme) else None
    return empty_element("category", term=category.term, scheme=scheme, label=category.label or None)


def _links(article: Article) -> str:
    """Return all links of an entry; one alternate only, so that no two can be alike (R18)."""
    page = empty_element("link", rel="alternate", href=article.url) if article.url else ""
    enclosures = "".join(
        empty_element(
            "link",
            rel="enclosure",
            href=attachment.url,
            type=attachment.media_type or None,
            length=None if attachment.size is None else str(attachment.size),
            title=attachment.title,
        )
        for attachment in article.attachments
    )
    address = article.comments.url if article.comments else None
    replies = empty_element("link", rel="replies", type="text/html", href=address) if address else ""
    return f"{page}{related_links('link', article)}{enclosures}{replies}"


def _source(origin: Origin, article: Article) -> str:
    """Return the feed an article came from: id, title and time (R24)."""
    before, after = _source_parts(origin, bool(article.authors))
    if not before:
        return ""
    updated = formatting.clean_rfc3339(origin.updated) or formatting.format_rfc3339(article.updated)
    return f"{before}{element('updated', updated)}{after}"


@lru_cache(maxsize=1024)
def _source_parts(origin: Origin, has_authors: bool) -> tuple[str, str]:
    """Return what stands before and after the time of a source, which many articles have in common."""
    id = next((text for text in (origin.id, origin.feed, origin.url) if text and is_absolute_iri(text)), None)
    if not id:
        return "", ""
    title = origin.title or origin.feed or origin.url or id
    is_html = _could_be_html(title)
    title_text = escape(title, quote=False) if is_html else title
    before = f"<source>{element('id', id)}{element('title', title_text, type='html' if is_html else None)}"
    # Without it the author of our feed would count as the author of this article (RFC 4287 §4.2.1).
    author = "" if has_authors else element("name", origin.title)
    elements = (
        parent_element("author", author) if author else "",
        empty_element("link", rel="alternate", href=origin.url) if origin.url else "",
        empty_element("link", rel="self", href=origin.feed) if origin.feed else "",
    )
    return before, f"{''.join(elements)}</source>"
