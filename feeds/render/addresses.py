"""Addresses as URIs, wherever they stand in an article: RSS and JSON Feed allow nothing else, HTML prefers it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape, unescape
from typing import TypeVar

from ..iri import URI_CHARACTERS, uri
from ..model import Article, Attachment, Author, Comments, Edition, Feed, Media, Origin, Podcast, Twin, replace

_Record = TypeVar("_Record")

# Record → its fields that hold addresses. Ids are none: they stay as they are, character by character (R21).
_ADDRESSES: Mapping[type, tuple[str, ...]] = {
    Article: ("url", "external_url", "image"),
    Attachment: ("url",),
    Author: ("url", "avatar"),
    Comments: ("url", "feed"),
    Feed: ("link", "image", "icon"),
    Media: ("url",),
    Origin: ("url", "feed", "icon"),
    Podcast: ("image",),
    Twin: ("url",),
}
# A value with a character that no URI has. `&` is there as `&amp;` only. The search is fast as it is for `="` first.
_ATTRIBUTE = re.compile(
    r'="(?:(?<= href=")|(?<= src=")|(?<= poster="))'
    rf'(?!(?>(?:[{URI_CHARACTERS.replace("&", "")}]++|&amp;)*)")([^"]*)"'
)
_SRCSET = re.compile(r'( srcset=")(?![!-~\s]*+")([^"]*)"')


def spell_edition(edition: Edition) -> Edition:
    """Return the edition with all addresses in it as URIs."""
    return replace(spell_frame(edition), articles=tuple(map(spell_addresses, edition.articles)))


def spell_frame(edition: Edition) -> Edition:
    """Return the edition with the addresses of its feed and site as URIs; the articles are as they were."""
    site = replace(edition.site, hubs=tuple(map(uri, edition.site.hubs)))
    return replace(edition, feed=spell_fields(edition.feed), site=site)


def spell_addresses(article: Article) -> Article:
    """Return the article with all its addresses as URIs, those in its HTML too."""
    article = spell_fields(article)
    changes: dict[str, object] = {}
    for name in ("authors", "attachments", "media", "also_at"):
        if (items := getattr(article, name)) and (spelled := tuple(map(spell_fields, items))) != items:
            changes[name] = spelled
    for name in ("comments", "origin", "show"):
        if (item := getattr(article, name)) and (spelled := spell_fields(item)) is not item:
            changes[name] = spelled
    if (html := spell_html(article.html)) is not article.html:
        changes["html"] = html
    return replace(article, **changes) if changes else article


def spell_fields(record: _Record) -> _Record:
    """Return the record with the addresses in its own fields as URIs."""
    changes = {}
    for name in _ADDRESSES[type(record)]:
        value = getattr(record, name)
        if value and (spelled := uri(value)) is not value:
            changes[name] = spelled
    return replace(record, **changes) if changes else record


def spell_html(html: str) -> str:
    """Return sanitised HTML with the addresses in its attributes as URIs."""
    html = _ATTRIBUTE.sub(lambda match: f'="{escape(uri(unescape(match[1]).strip()))}"', html)
    return html if html.isascii() else _SRCSET.sub(_spell_srcset, html)


def _spell_srcset(match: re.Match[str]) -> str:
    return f'{match[1]}{escape(" ".join(map(uri, unescape(match[2]).split())))}"'
