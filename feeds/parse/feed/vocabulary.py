"""Which element of an item or a channel is read by whom, into which field: the vocabulary of all XML feed formats.

Within a field, what stands earlier is the better word. Names without a prefix are RSS; CDF and Atom feeds without a
namespace are read as `cdf:` and `atom:`.
"""

from __future__ import annotations

from lxml import etree

from . import elements as read
from .builder import ElementLookup, ElementReader, ElementSpec, ItemBuilder, fill, table


def _group(element: etree._Element, draft: ItemBuilder, spec: ElementSpec) -> None:
    fill(element, draft, MEDIA_PARTS)


def _media(element: etree._Element, draft: ItemBuilder, spec: ElementSpec) -> None:
    read.media(element, draft, spec)
    if len(element):
        fill(element, draft, MEDIA_INSIDE)


SHARED: tuple[tuple[ElementReader, str, str], ...] = (
    (read.atom_text, "title", "atom:title"),
    (read.title, "title", "title cdf:title"),
    (read.word, "id", "atom:id"),
    (read.guid, "id", "guid"),
    (read.word, "id", "id dc:identifier"),
    (read.link, "links", "link cdf:a"),
    (read.atom_link, "links", "atom:link"),
    (read.original, "links", "feedburner:origLink pheedo:origLink"),
    (read.word, "published", "pubDate atom:published published atom:issued dcterms:issued issued dc:date date"),
    (read.word, "published", "dcterms:created atom:created created prism:publicationDate dcterms:date"),
    (read.word, "updated", "atom:updated updated atom:modified dcterms:modified modified lastBuildDate"),
    (read.person, "people", "atom:author author dc:creator dc:author creator itunes:author googleplay:author"),
    (read.person, "contributor", "atom:contributor contributor dc:contributor"),
    (read.person, "publisher", "dc:publisher"),
    (read.credit, "credit", "media:credit"),
    (read.credit, "host", "podcast:person"),
    (read.category, "categories", "atom:category category dc:subject"),
    (read.itunes_category, "categories", "itunes:category googleplay:category"),
    (read.keywords, "categories", "itunes:keywords media:keywords tags prism:keyword"),
    (read.media_category, "categories", "media:category"),
    (read.atom_text, "rights", "atom:rights atom:copyright"),
    (read.title, "rights", "copyright dc:rights dcterms:rights media:copyright"),
    (read.word, "language", "language dc:language"),
    (read.extra, "license", "creativecommons:license cc:license podcast:license"),
    (read.extra, "point", "georss:point"),
    (read.extra, "line", "georss:line"),
    (read.extra, "polygon", "georss:polygon"),
    (read.extra, "box", "georss:box"),
    (read.extra, "where", "georss:where gml:Point"),
    (read.extra, "lat", "geo:lat"),
    (read.extra, "long", "geo:long"),
    (read.podcast, "podcast", "itunes:duration itunes:explicit itunes:block itunes:subtitle itunes:summary"),
    (read.podcast, "podcast", "itunes:season itunes:episode itunes:episodeType itunes:type itunes:complete"),
    (read.podcast, "podcast", "itunes:new-feed-url podcast:season podcast:episode podcast:transcript podcast:chapters"),
    (read.podcast, "podcast", "podcast:guid podcast:locked podcast:funding podcast:medium podcast:location"),
    (read.podcast, "podcast", "googleplay:explicit googleplay:block"),
    (read.media, "content", "media:peerLink"),
)

MEDIA = (
    (_group, "media", "media:group"),
    (_media, "content", "media:content"),
    (read.media, "thumbnail", "media:thumbnail"),
)

ITEM = table(
    *SHARED,
    *MEDIA,
    (read.title, "title", "media:title dc:title itunes:title"),
    (read.atom_text, "summary", "atom:summary"),
    (read.description, "summary", "description summary"),
    (read.html, "summary", "cdf:abstract dc:description dcterms:abstract itunes:summary googleplay:description"),
    (read.html, "summary", "media:description itunes:subtitle"),
    (read.atom_content, "content", "atom:content"),
    (read.content, "content", "content:encoded content fullitem body xhtml:body xhtml:div"),
    (read.enclosure, "links", "enclosure"),
    (read.image, "image", "image itunes:image googleplay:image atom:logo cdf:logo itunes:link"),
    (read.origin, "origin", "atom:source source dc:source"),
    (read.comments, "url", "comments wfw:comment"),
    (read.comments, "count", "slash:comments thr:total"),
    (read.comments, "feed", "wfw:commentRss"),
    (read.extra, "in_reply_to", "thr:in-reply-to"),
    (read.extra, "player", "media:player"),
    (read.extra, "rating", "media:rating"),
    (read.extra, "expires", "expirationDate"),
    (read.extra, "markdown", "source:markdown"),
)

CHANNEL = table(
    *SHARED,
    (read.title, "title", "dc:title media:title itunes:title"),
    (read.atom_text, "description", "atom:subtitle atom:tagline"),
    (read.html, "description", "description cdf:abstract dc:description subtitle tagline summary"),
    (read.html, "description", "itunes:summary googleplay:description itunes:subtitle media:description"),
    (read.atom_text, "description", "atom:info atom:summary"),
    (read.person, "people", "managingEditor"),
    (read.person, "webmaster", "webMaster"),
    (read.person, "owner", "itunes:owner googleplay:owner"),
    (read.image, "image", "image atom:logo itunes:image googleplay:image cdf:logo itunes:link webfeeds:logo"),
    (read.image, "image", "media:thumbnail"),
    (read.media_image, "image", "media:content"),
    (read.image, "icon", "atom:icon icon webfeeds:icon"),
    (read.word, "generator", "atom:generator generator admin:generatorAgent"),
    (read.word, "ttl", "ttl"),
    (read.word, "update_period", "sy:updatePeriod"),
    (read.word, "update_frequency", "sy:updateFrequency"),
    (read.word, "update_base", "sy:updateBase"),
    (read.names_of_days, "skip_hours", "skipHours"),
    (read.names_of_days, "skip_days", "skipDays"),
)

# The parts of a media group are those of the item; the title of a media object is its own.
MEDIA_PARTS = ElementLookup({name: spec for name, spec in ITEM.items() if name.startswith("media:")}, "")
MEDIA_INSIDE = ElementLookup({name: spec for name, spec in MEDIA_PARTS.table.items() if name != "media:title"}, "")
