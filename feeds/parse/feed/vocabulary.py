"""The elements that are read from XML feeds of all formats: a row is (reader, field, element names).

To support one more element, add its name to a row. Within a field, an earlier name outranks a later one. Names without
a prefix are RSS; CDF and Atom feeds without a namespace are read as `cdf:` and `atom:`.
"""

from __future__ import annotations

from lxml import etree

from . import elements
from .builder import ElementLookup, ElementReader, ElementSpec, ItemBuilder, build_table, read_children


def _read_media_group(element: etree._Element, builder: ItemBuilder, spec: ElementSpec) -> None:
    read_children(element, builder, MEDIA_GROUP_LOOKUP)


def _read_media_content(element: etree._Element, builder: ItemBuilder, spec: ElementSpec) -> None:
    elements.read_media(element, builder, spec)
    if len(element):
        read_children(element, builder, MEDIA_CONTENT_LOOKUP)


SHARED_ROWS: tuple[tuple[ElementReader, str, str], ...] = (
    (elements.read_atom_text, "title", "atom:title"),
    (elements.read_title, "title", "title cdf:title"),
    (elements.read_string, "id", "atom:id"),
    (elements.read_guid, "id", "guid"),
    (elements.read_string, "id", "id dc:identifier"),
    (elements.read_link, "links", "link cdf:a"),
    (elements.read_atom_link, "links", "atom:link"),
    (elements.read_original_link, "links", "feedburner:origLink pheedo:origLink"),
    (elements.read_string, "published", "pubDate atom:published published atom:issued dcterms:issued issued dc:date"),
    (elements.read_string, "published", "date dcterms:created atom:created created prism:publicationDate dcterms:date"),
    (elements.read_string, "updated", "atom:updated updated atom:modified dcterms:modified modified lastBuildDate"),
    (elements.read_person, "people", "atom:author author dc:creator dc:author creator itunes:author googleplay:author"),
    (elements.read_person, "contributor", "atom:contributor contributor dc:contributor"),
    (elements.read_person, "publisher", "dc:publisher"),
    (elements.read_credit, "credit", "media:credit"),
    (elements.read_credit, "host", "podcast:person"),
    (elements.read_category, "categories", "atom:category category dc:subject"),
    (elements.read_itunes_category, "categories", "itunes:category googleplay:category"),
    (elements.read_keywords, "categories", "itunes:keywords media:keywords tags prism:keyword"),
    (elements.read_media_category, "categories", "media:category"),
    (elements.read_atom_text, "rights", "atom:rights atom:copyright"),
    (elements.read_title, "rights", "copyright dc:rights dcterms:rights media:copyright"),
    (elements.read_string, "language", "language dc:language"),
    (elements.read_extra, "license", "creativecommons:license cc:license podcast:license"),
    (elements.read_extra, "point", "georss:point"),
    (elements.read_extra, "line", "georss:line"),
    (elements.read_extra, "polygon", "georss:polygon"),
    (elements.read_extra, "box", "georss:box"),
    (elements.read_extra, "where", "georss:where gml:Point"),
    (elements.read_extra, "lat", "geo:lat"),
    (elements.read_extra, "long", "geo:long"),
    (elements.read_podcast, "podcast", "itunes:duration itunes:explicit itunes:block itunes:subtitle itunes:summary"),
    (elements.read_podcast, "podcast", "itunes:season itunes:episode itunes:episodeType itunes:type itunes:complete"),
    (elements.read_podcast, "podcast", "itunes:new-feed-url podcast:season podcast:episode podcast:transcript"),
    (elements.read_podcast, "podcast", "podcast:chapters podcast:guid podcast:locked podcast:funding podcast:medium"),
    (elements.read_podcast, "podcast", "podcast:location googleplay:explicit googleplay:block"),
    (elements.read_media, "content", "media:peerLink"),
)

MEDIA_ROWS = (
    (_read_media_group, "media", "media:group"),
    (_read_media_content, "content", "media:content"),
    (elements.read_media, "thumbnail", "media:thumbnail"),
)

ITEM_TABLE = build_table(
    *SHARED_ROWS,
    *MEDIA_ROWS,
    (elements.read_plain_text, "title", "media:title dc:title itunes:title"),
    (elements.read_atom_text, "summary", "atom:summary"),
    (elements.read_description, "summary", "description summary"),
    (elements.read_plain_text, "summary", "cdf:abstract dc:description dcterms:abstract itunes:summary"),
    (elements.read_plain_text, "summary", "googleplay:description media:description itunes:subtitle"),
    (elements.read_atom_content, "content", "atom:content"),
    (elements.read_content, "content", "content:encoded content fullitem body xhtml:body xhtml:div"),
    (elements.read_enclosure, "links", "enclosure"),
    (elements.read_image, "image", "image itunes:image googleplay:image atom:logo cdf:logo itunes:link thumbnail"),
    (elements.read_origin, "origin", "atom:source source dc:source"),
    (elements.read_comments, "url", "comments wfw:comment"),
    (elements.read_comments, "count", "slash:comments thr:total"),
    (elements.read_comments, "feed", "wfw:commentRss"),
    (elements.read_extra, "in_reply_to", "thr:in-reply-to"),
    (elements.read_extra, "player", "media:player"),
    (elements.read_extra, "rating", "media:rating"),
    (elements.read_extra, "expires", "expirationDate"),
    (elements.read_extra, "markdown", "source:markdown"),
)

CHANNEL_TABLE = build_table(
    *SHARED_ROWS,
    (elements.read_title, "title", "dc:title media:title itunes:title"),
    (elements.read_atom_text, "description", "atom:subtitle atom:tagline"),
    (elements.read_html, "description", "description"),
    (elements.read_plain_text, "description", "cdf:abstract dc:description subtitle tagline summary"),
    (
        elements.read_plain_text,
        "description",
        "itunes:summary googleplay:description itunes:subtitle media:description",
    ),
    (elements.read_atom_text, "description", "atom:info atom:summary"),
    (elements.read_person, "people", "managingEditor"),
    (elements.read_person, "webmaster", "webMaster"),
    (elements.read_person, "owner", "itunes:owner googleplay:owner"),
    (elements.read_image, "image", "image atom:logo itunes:image googleplay:image cdf:logo itunes:link webfeeds:logo"),
    (elements.read_image, "image", "media:thumbnail"),
    (elements.read_media_image, "image", "media:content"),
    (elements.read_image, "icon", "atom:icon icon webfeeds:icon"),
    (elements.read_string, "generator", "atom:generator generator admin:generatorAgent"),
    (elements.read_string, "ttl", "ttl"),
    (elements.read_string, "update_period", "sy:updatePeriod"),
    (elements.read_string, "update_frequency", "sy:updateFrequency"),
    (elements.read_string, "update_base", "sy:updateBase"),
    (elements.read_skip_times, "skip_hours", "skipHours"),
    (elements.read_skip_times, "skip_days", "skipDays"),
)

# The children of a media group or media object describe the item, but for the title of a media object.
_MEDIA_TABLE = {name: spec for name, spec in ITEM_TABLE.items() if name.startswith("media:")}
MEDIA_GROUP_LOOKUP = ElementLookup(_MEDIA_TABLE, "")
MEDIA_CONTENT_LOOKUP = ElementLookup({name: _MEDIA_TABLE[name] for name in _MEDIA_TABLE if name != "media:title"}, "")
