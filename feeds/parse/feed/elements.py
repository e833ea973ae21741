"""Readers of single elements, one for each shape (link, person, category, media …): each fills an `ItemBuilder`."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice

from lxml import etree

from ...model import Category, Link, Media, Origin, Person
from . import namespaces
from .builder import ElementSpec, ItemBuilder
from .text_constructs import (
    CDATA_STARTS,
    HTML_TYPES,
    MAX_STRING_LENGTH,
    MAX_TEXT_LENGTH,
    MAX_TITLE_LENGTH,
    WEB_SCHEMES,
    get_attributes,
    get_string,
    parse_atom_text,
    parse_plain_text,
    parse_rss_text,
    parse_rss_title,
    resolve_url,
    to_plain_string,
    unwrap_cdata,
)

AttributeGetter = Callable[[str], str | None]

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
RDF_ABOUT = f"{RDF}about"
RDF_RESOURCE = f"{RDF}resource"
MAX_URL_LENGTH = 8_000
MAX_ROLE_LENGTH = 100
MAX_SKIP_TIMES = 50
MEDIA_SCHEME = "http://search.yahoo.com/mrss/category_schema"
ITUNES_SCHEME = "http://www.itunes.com/"
FEED_TYPES = ("application/atom+xml", "application/rss+xml", "application/feed+json")


def read_string(element: etree._Element, builder: ItemBuilder, spec: ElementSpec) -> None:
    """Read a plain string."""
    builder.offer(spec, get_string(element))


def read_title(element: etree._Element, builder: ItemBuilder, spec: ElementSpec) -> None:
    """Read a title of RSS or of a module."""
    builder.offer(spec, parse_rss_title(element, builder.scope_of(element)))


def read_html(element: etree._Element, builder: ItemBuilder, spec: ElementSpec) -> None:
    """Read a text of RSS or of a module."""
    builder.offer(spec, parse_rss_text(element, builder.scope_of(element)))


def read_plain_text(element: etree._Element, builder: ItemBuilder, spec: ElementSpec) -> None:
    """Read a text of a module that defines it as plain text."""
    limit = MAX_TITLE_LENGTH if spec.field == "title" else MAX_TEXT_LENGTH
    builder.offer(spec, parse_plain_text(element, builder.scope_of(element), limit))


def read_atom_text(element: etree._Element, builder: ItemBuilder, spec: ElementSpec) -> None:
    """Read a text construct of Atom."""
    builder.offer(spec, parse_atom_text(element, builder.scope_of(element)))


def read_description(element: etree._Element, builder: ItemBuilder, spec: ElementSpec) -> None:
    """Read `description` or `summary`: the first one in an item is its summary, the second its content."""
    if builder.found.get("summary", "").lower() in ("description", "summary"):
        read_content(element, builder, spec)
    else:
        read_html(element, builder, spec)


def read_content(element: etree._Element, builder: ItemBuilder, spec: ElementSpec) -> None:
    """Read the whole text of an RSS item."""
    builder.add_content(spec, parse_rss_text(element, builder.scope_of(element)))


def read_atom_content(element: etree._Element, builder: ItemBuilder, spec: ElementSpec) -> None:
    """Read a content of Atom, or its address in `src` (RFC 4287 §4.1.3.2)."""
    source = element.get("src")
    if source is None:
        builder.add_content(spec, parse_atom_text(element, builder.scope_of(element)))
        return
    kind = element.get("type")
    rel = "alternate" if (kind or "").lower() in (*HTML_TYPES, "application/xhtml+xml") else "enclosure"
    builder.add_link(spec, Link(source.strip()[:MAX_URL_LENGTH], rel, kind, base=builder.scope_of(element).base))


def read_guid(element: etree._Element, builder: ItemBuilder, spec: ElementSpec) -> None:
    """Read an RSS id, which is the story's address unless `isPermaLink` says otherwise."""
    value = get_string(element)
    builder.offer(spec, value)
    if value and builder.values.get("id") == value:
        declared = element.get("isPermaLink")
        if declared is None and element.keys():
            declared = get_attributes(element).get("ispermalink")
        builder.values["id_is_permalink"] = (declared or "true").strip().lower() == "true"


def read_link(element: etree._Element, builder: ItemBuilder, spec: ElementSpec) -> None:
    """Read a link of RSS: text, or `href` as in Atom, or text after an element closed too early."""
    if element.get("href"):
        read_atom_link(element, builder, spec)
        return
    href = get_string(element, MAX_URL_LENGTH)
    if not href and (element.tail or "").lstrip().startswith(WEB_SCHEMES):
        href = (element.tail or "").strip()[:MAX_URL_LENGTH]
    if href:
        builder.add_link(spec, Link(href, base=builder.scope_of(element).base))
    elif element.keys():
        read_atom_link(element, builder, spec)


def read_original_link(element: etree._Element, builder: ItemBuilder, spec: ElementSpec) -> None:
    """Read the story's own address in a feed whose other links are tracking redirects."""
    builder.add_link(spec, Link(get_string(element, MAX_URL_LENGTH), "canonical", base=builder.scope_of(element).base))


def read_atom_link(element: etree._Element, builder: ItemBuilder, spec: ElementSpec) -> None:
    """Read a link of Atom; `rel` may be written as an IRI of IANA's registry (RFC 4287 §4.2.7.2)."""
    get: AttributeGetter = element.get
    href = get("href")
    if href is None:
        get = get_attributes(element).get
        href = get("href") or get_string(element, MAX_URL_LENGTH)  # as RSS has it
    if not href or not (href := clean_attribute(href)):
        return
    rel = get("rel")
    if rel is None:
        rel = "alternate"
    else:
        rel = rel.strip().removeprefix("http://www.iana.org/assignments/relation/") or "alternate"
        if rel.isalpha():
            rel = rel.lower()
    kind, base = get("type"), builder.scope_of(element).base
    link = Link(href, rel, kind, get("length"), get("hreflang"), get("title"), base)
    builder.add_link(spec, link)
    if rel == "replies":
        field = "feed" if (kind or "").lower() in FEED_TYPES else "url"
        builder.add_comments({field: link.href, "count": _find_attribute(element, "count")})
    elif rel == "license":
        builder.extra.setdefault("license", link.href)


def read_enclosure(element: etree._Element, builder: ItemBuilder, spec: ElementSpec) -> None:
    """Read an enclosure of RSS."""
    get: AttributeGetter = element.get
    if get("url") is None:
        get = get_attributes(element).get
    href = clean_attribute(get("url") or get("href") or get("resource") or get_string(element, MAX_URL_LENGTH))
    base = builder.scope_of(element).base
    builder.add_link(spec, Link(href, "enclosure", get("type"), get("length"), title=get("title"), base=base))


def clean_attribute(value: str) -> str:
    """Return the address in an attribute."""
    value = value.strip()[:MAX_URL_LENGTH]
    value = unwrap_cdata(value) if value[:1] in CDATA_STARTS else value
    return value.replace("&amp;", "&") if "&amp;" in value else value


def read_person(element: etree._Element, builder: ItemBuilder, spec: ElementSpec) -> None:
    """Read a person; `spec.field` is the role where it is not the author's."""
    builder.add_person(spec, _parse_person(element, spec.field if spec.field != "people" else "author", builder))


def read_credit(element: etree._Element, builder: ItemBuilder, spec: ElementSpec) -> None:
    """Read a person whose role is in the attribute `role`."""
    role = (element.get("role") or spec.field).strip().lower()[:MAX_ROLE_LENGTH]
    builder.add_person(spec, _parse_person(element, role, builder))


def _parse_person(element: etree._Element, role: str, builder: ItemBuilder) -> Person | None:
    """Return a person given as one string, or with child elements as in Atom; None where nothing is given."""
    if not len(element):
        name = get_string(element)
        return Person(name, None, element.get("href"), element.get("img"), role) if name else None
    parts: dict[str, str] = {}
    for part in element:
        value = (part.get("src") or get_string(part)).strip()
        parts.setdefault(namespaces.local_name(part), value[:MAX_STRING_LENGTH])
    url = next((parts[name] for name in ("uri", "url", "homepage", "href") if parts.get(name)), None)
    if url is not None and (base := builder.scope_of(element).base):
        url = resolve_url(base, url) or url
    person = Person(parts.get("name") or None, parts.get("email") or None, url, parts.get("image") or None, role)
    if person.name or person.email or person.url:
        return person
    text = get_string(element)
    return Person(text, role=role) if text else None


def read_category(element: etree._Element, builder: ItemBuilder, spec: ElementSpec) -> None:
    """Read a category: text with a `domain` as in RSS, or attributes as in Atom."""
    get: AttributeGetter = element.get
    term = get("term")
    if term is None:
        term = get_string(element)
        if not term and element.keys():
            get = get_attributes(element).get
            term = get("term") or ""
    scheme = get("domain") or get("scheme")
    builder.add_category(spec, Category(clean_attribute(term)[:MAX_STRING_LENGTH], scheme, get("label")))


def read_media_category(element: etree._Element, builder: ItemBuilder, spec: ElementSpec) -> None:
    """Read a category of Media RSS, which has a default scheme."""
    scheme = element.get("scheme") or MEDIA_SCHEME
    builder.add_category(spec, Category(get_string(element), scheme, element.get("label")))


def read_itunes_category(element: etree._Element, builder: ItemBuilder, spec: ElementSpec) -> None:
    """Read a podcast category and those inside it."""
    for category in element.iter():
        if term := category.get("text"):
            builder.add_category(spec, Category(term.strip()[:MAX_STRING_LENGTH], ITUNES_SCHEME))


def read_keywords(element: etree._Element, builder: ItemBuilder, spec: ElementSpec) -> None:
    """Read categories separated by commas."""
    scheme = ITUNES_SCHEME if spec.label.startswith("itunes:") else None
    for term in get_string(element, MAX_TITLE_LENGTH).split(","):
        builder.add_category(spec, Category(term.strip(), scheme))


def read_media(element: etree._Element, builder: ItemBuilder, spec: ElementSpec) -> None:
    """Read a media object or thumbnail with its own title; its other children describe the item."""
    get: AttributeGetter = element.get
    if get("url") is None and element.keys():
        get = get_attributes(element).get
    title = None
    for part in element:
        if namespaces.local_name(part) == "title":
            title = get_string(part) or None
    builder.add_media(
        spec,
        Media(
            clean_attribute(get("url") or get_string(element, MAX_URL_LENGTH) * (not len(element))),
            "thumbnail" if spec.field == "thumbnail" else "content",
            get("type"),
            get("medium"),
            get("fileSize") or get("filesize"),
            get("width"),
            get("height"),
            get("duration"),
            title,
            get("lang"),
            builder.scope_of(element).base,
        ),
    )


def read_image(element: etree._Element, builder: ItemBuilder, spec: ElementSpec) -> None:
    """Read an image of the item or channel: an attribute, a child `url`, or text."""
    attributes, title = get_attributes(element), None
    href = attributes.get("href") or attributes.get("url") or attributes.get("resource")
    for part in element:
        name = namespaces.local_name(part)
        if name == "url" and not href:
            href = get_string(part, MAX_URL_LENGTH)
        elif name == "title":
            title = get_string(part) or None
    href = clean_attribute(href or get_string(element, MAX_URL_LENGTH) * (not len(element)))
    if href:
        link = Link(href, spec.field, title=title, base=builder.scope_of(element).base)
        builder.offer(spec, link)


def read_media_image(element: etree._Element, builder: ItemBuilder, spec: ElementSpec) -> None:
    """Read a media object as the channel's image, if it is an image."""
    if "image" in ((element.get("type") or element.get("medium") or "").partition("/")[0]):
        read_image(element, builder, spec)


def read_origin(element: etree._Element, builder: ItemBuilder, spec: ElementSpec) -> None:
    """Read the feed an item came from."""
    if not len(element):
        feed = element.get("url") or element.get("href")
        title = get_string(element)
        is_address = not feed and title.startswith(WEB_SCHEMES)
        origin = Origin(title=None if is_address else title or None, url=title if is_address else None, feed=feed)
        builder.offer(spec, origin if origin != Origin() else None)
        return
    parts: dict[str, str] = {}
    for part in element:
        name = namespaces.local_name(part)
        if name == "link":
            rel = (part.get("rel") or "alternate").lower()
            parts.setdefault({"alternate": "url", "self": "feed"}.get(rel, rel), part.get("href") or get_string(part))
        elif name == "title":
            parts.setdefault(name, to_plain_string(parse_atom_text(part, builder.scope)))
        else:
            parts.setdefault(name, get_string(part))
    fields = {name: parts.get(name) or None for name in ("id", "title", "url", "feed", "updated")}
    builder.offer(spec, Origin(**fields) if any(fields.values()) else None)


def read_comments(element: etree._Element, builder: ItemBuilder, spec: ElementSpec) -> None:
    """Read where a story is discussed; `spec.field` is the field of `Comments`."""
    builder.add_comments({spec.field: get_string(element, MAX_URL_LENGTH)})


def read_podcast(element: etree._Element, builder: ItemBuilder, spec: ElementSpec) -> None:
    """Read a fact about an episode or a show under its local name."""
    name = spec.label.rpartition(":")[2]
    value = get_string(element) or (element.get("url") or element.get("href") or "").strip()[:MAX_URL_LENGTH]
    if value:
        builder.podcast.setdefault(name, value)


def read_extra(element: etree._Element, builder: ItemBuilder, spec: ElementSpec) -> None:
    """Read a fact without a field of its own; `spec.field` is its name in `Story.extra`."""
    get: AttributeGetter = element.get
    value = get_string(element) or get(RDF_RESOURCE) or get("url") or get("href") or get("ref") or ""
    if value:
        builder.extra.setdefault(spec.field, " ".join(value[:MAX_URL_LENGTH].split()))


def read_skip_times(element: etree._Element, builder: ItemBuilder, spec: ElementSpec) -> None:
    """Read the hours or days at which the feed need not be polled."""
    times = tuple(filter(None, (get_string(part) for part in islice(element, MAX_SKIP_TIMES))))
    builder.skip_times.setdefault(spec.field, times)


def _find_attribute(element: etree._Element, local: str) -> str | None:
    """Return an attribute by its local name, in any namespace."""
    attributes = element.attrib.items()
    return next((str(value) for name, value in attributes if namespaces.split_tag(str(name))[1] == local), None)
