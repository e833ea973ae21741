"""How one element of a feed is read into a draft: links, people, categories, media and the other shared shapes."""

from __future__ import annotations

from itertools import islice

from lxml import etree

from ...model import Category, Link, Media, Origin, Person
from . import namespaces, text_constructs
from .builder import ElementSpec, ItemBuilder

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
RDF_ABOUT = f"{RDF}about"
RDF_RESOURCE = f"{RDF}resource"
URL = 8_000
MEDIA_SCHEME = "http://search.yahoo.com/mrss/category_schema"
ITUNES_SCHEME = "http://www.itunes.com/"
FEED_TYPES = ("application/atom+xml", "application/rss+xml", "application/feed+json")


def word(element: etree._Element, draft: ItemBuilder, spec: ElementSpec) -> None:
    """A plain string."""
    draft.offer(spec, text_constructs.plain(element))


def title(element: etree._Element, draft: ItemBuilder, spec: ElementSpec) -> None:
    """A title of RSS and of the modules."""
    draft.offer(spec, text_constructs.rss_title(element, draft.scope_of(element)))


def html(element: etree._Element, draft: ItemBuilder, spec: ElementSpec) -> None:
    """A text of RSS and of the modules."""
    draft.offer(spec, text_constructs.rss(element, draft.scope_of(element)))


def atom_text(element: etree._Element, draft: ItemBuilder, spec: ElementSpec) -> None:
    """A text construct of Atom."""
    draft.offer(spec, text_constructs.atom(element, draft.scope_of(element)))


def description(element: etree._Element, draft: ItemBuilder, spec: ElementSpec) -> None:
    """Of `description` and `summary` in one item, the first is the summary and the second the content."""
    if draft.found.get("summary", "").lower() in ("description", "summary"):
        draft.text(spec, text_constructs.rss(element, draft.scope_of(element)))
    else:
        html(element, draft, spec)


def content(element: etree._Element, draft: ItemBuilder, spec: ElementSpec) -> None:
    """The whole text, in RSS."""
    draft.text(spec, text_constructs.rss(element, draft.scope_of(element)))


def atom_content(element: etree._Element, draft: ItemBuilder, spec: ElementSpec) -> None:
    """The content of Atom, which may stand elsewhere (`src`, RFC 4287 §4.1.3.2)."""
    source = element.get("src")
    if source is None:
        draft.text(spec, text_constructs.atom(element, draft.scope_of(element)))
        return
    kind = element.get("type")
    rel = "alternate" if (kind or "").lower() in (*text_constructs.HTML_TYPES, "application/xhtml+xml") else "enclosure"
    draft.link(spec, Link(source.strip()[:URL], rel, kind, base=draft.scope_of(element).base))


def guid(element: etree._Element, draft: ItemBuilder, spec: ElementSpec) -> None:
    """An id of RSS, which is the story's address unless it says otherwise."""
    value = text_constructs.plain(element)
    draft.offer(spec, value)
    if value and draft.values.get("id") == value:
        draft.values["id_is_permalink"] = (element.get("isPermaLink") or "true").strip().lower() == "true"


def link(element: etree._Element, draft: ItemBuilder, spec: ElementSpec) -> None:
    """A link of RSS, written as text; some write it as Atom does, some close it before its address."""
    if element.get("href"):
        atom_link(element, draft, spec)
        return
    href = text_constructs.plain(element, URL)
    if not href and (element.tail or "").lstrip().startswith(("http://", "https://")):
        href = (element.tail or "").strip()[:URL]
    if href:
        draft.link(spec, Link(href, base=draft.scope_of(element).base))


def original(element: etree._Element, draft: ItemBuilder, spec: ElementSpec) -> None:
    """The address of the story where the other links lead through a counter."""
    draft.link(spec, Link(text_constructs.plain(element, URL), "canonical", base=draft.scope_of(element).base))


def atom_link(element: etree._Element, draft: ItemBuilder, spec: ElementSpec) -> None:
    """A link of Atom; `rel` may be written as an IRI of IANA's registry (RFC 4287 §4.2.7.2)."""
    get = element.get
    href = get("href")
    if not href or not (href := href.strip()):
        return
    rel = get("rel")
    if rel is None:
        rel = "alternate"
    else:
        rel = rel.strip().removeprefix("http://www.iana.org/assignments/relation/") or "alternate"
        if rel.isalpha():
            rel = rel.lower()
    kind = get("type")
    made = Link(href[:URL], rel, kind, get("length"), get("hreflang"), get("title"), draft.scope_of(element).base)
    draft.link(spec, made)
    if rel == "replies":
        where = "feed" if (kind or "").lower() in FEED_TYPES else "url"
        draft.comment({where: made.href, "count": _attribute(element, "count")})
    elif rel == "license":
        draft.extra.setdefault("license", made.href)


def enclosure(element: etree._Element, draft: ItemBuilder, spec: ElementSpec) -> None:
    """A file that belongs to the item."""
    get = element.get
    href = get("url") or get("href") or get(RDF_RESOURCE) or ""
    base = draft.scope_of(element).base
    draft.link(spec, Link(href.strip()[:URL], "enclosure", get("type"), get("length"), title=get("title"), base=base))


def person(element: etree._Element, draft: ItemBuilder, spec: ElementSpec) -> None:
    """A person: with parts as in Atom, or one string. `field` is the role where it is not the author."""
    draft.person(spec, made_person(element, spec.field if spec.field != "people" else "author", draft))


def credit(element: etree._Element, draft: ItemBuilder, spec: ElementSpec) -> None:
    """A person with a role of their own."""
    draft.person(spec, made_person(element, (element.get("role") or spec.field).strip().lower()[:100], draft))


def made_person(element: etree._Element, role: str, draft: ItemBuilder) -> Person | None:
    """A person from an element, if it names one."""
    if not len(element):
        name = text_constructs.plain(element)
        url, avatar = element.get("href"), element.get("img")
        return Person(name, None, url, avatar, role) if name else None
    parts: dict[str, str] = {}
    for part in element:
        value = (part.get("src") or text_constructs.plain(part)).strip()
        parts.setdefault(namespaces.local(part), value[: text_constructs.SHORT])
    url = next((parts[name] for name in ("uri", "url", "homepage", "href") if parts.get(name)), None)
    if url is not None:
        url = _absolute(url, draft, element)
    made = Person(parts.get("name") or None, parts.get("email") or None, url, parts.get("image") or None, role)
    if made.name or made.email or made.url:
        return made
    whole = text_constructs.plain(element)
    return Person(whole, role=role) if whole else None


def _absolute(url: str, draft: ItemBuilder, element: etree._Element) -> str:
    base = draft.scope_of(element).base
    return text_constructs.joined(base, url) or url if base else url


def category(element: etree._Element, draft: ItemBuilder, spec: ElementSpec) -> None:
    """A category: text with a domain, or attributes as in Atom."""
    term = element.get("term")
    if term is None:
        term = text_constructs.plain(element)
    scheme = element.get("domain") or element.get("scheme")
    draft.category(spec, Category(term.strip()[: text_constructs.SHORT], scheme, element.get("label")))


def media_category(element: etree._Element, draft: ItemBuilder, spec: ElementSpec) -> None:
    """A category of Media RSS, which has a scheme of its own by default."""
    scheme = element.get("scheme") or MEDIA_SCHEME
    draft.category(spec, Category(text_constructs.plain(element), scheme, element.get("label")))


def itunes_category(element: etree._Element, draft: ItemBuilder, spec: ElementSpec) -> None:
    """A podcast category, and those inside it."""
    for inner in element.iter():
        if term := inner.get("text"):
            draft.category(spec, Category(term.strip()[: text_constructs.SHORT], ITUNES_SCHEME))


def keywords(element: etree._Element, draft: ItemBuilder, spec: ElementSpec) -> None:
    """Keywords between commas."""
    scheme = ITUNES_SCHEME if spec.label.startswith("itunes:") else None
    for term in text_constructs.plain(element, text_constructs.TITLE).split(","):
        draft.category(spec, Category(term.strip(), scheme))


def media(element: etree._Element, draft: ItemBuilder, spec: ElementSpec) -> None:
    """A media object or thumbnail. What stands inside tells of the item, but for the object's own title."""
    get = element.get
    own = None
    for part in element:
        if namespaces.local(part) == "title":
            own = text_constructs.plain(part) or None
    draft.medium(
        spec,
        Media(
            (get("url") or text_constructs.plain(element, URL) * (not len(element))).strip()[:URL],
            "thumbnail" if spec.field == "thumbnail" else "content",
            get("type"),
            get("medium"),
            get("fileSize") or get("filesize"),
            get("width"),
            get("height"),
            get("duration"),
            own,
            get("lang"),
            draft.scope_of(element).base,
        ),
    )


def image(element: etree._Element, draft: ItemBuilder, spec: ElementSpec) -> None:
    """A picture of the item or channel, in whatever way it is given."""
    href, name = element.get("href") or element.get("url") or element.get(RDF_RESOURCE), None
    for part in element:
        local = namespaces.local(part)
        if local == "url" and not href:
            href = text_constructs.plain(part, URL)
        elif local == "title":
            name = text_constructs.plain(part) or None
    href = (href or text_constructs.plain(element, URL) * (not len(element))).strip()
    if href:
        draft.offer(spec, Link(href[:URL], spec.field, title=name, base=draft.scope_of(element).base))


def media_image(element: etree._Element, draft: ItemBuilder, spec: ElementSpec) -> None:
    """A media object that is a picture of the channel."""
    if "image" in ((element.get("type") or element.get("medium") or "").partition("/")[0]):
        image(element, draft, spec)


def origin(element: etree._Element, draft: ItemBuilder, spec: ElementSpec) -> None:
    """The feed an item came from."""
    if not len(element):
        where = element.get("url") or element.get("href")
        name = text_constructs.plain(element)
        is_address = not where and name.startswith(("http://", "https://"))
        made = Origin(title=None if is_address else name or None, url=name if is_address else None, feed=where)
        draft.offer(spec, made if made != Origin() else None)
        return
    parts: dict[str, str] = {}
    for part in element:
        local = namespaces.local(part)
        if local == "link":
            rel = (part.get("rel") or "alternate").lower()
            parts.setdefault(
                {"alternate": "url", "self": "feed"}.get(rel, rel), part.get("href") or text_constructs.plain(part)
            )
        elif local == "title":
            parts.setdefault(local, text_constructs.flat(text_constructs.atom(part, draft.scope)))
        else:
            parts.setdefault(local, text_constructs.plain(part))
    kept = {name: parts.get(name) or None for name in ("id", "title", "url", "feed", "updated")}
    draft.offer(spec, Origin(**kept) if any(kept.values()) else None)


def comments(element: etree._Element, draft: ItemBuilder, spec: ElementSpec) -> None:
    """Where a story is discussed: `field` says which part of that."""
    draft.comment({spec.field: text_constructs.plain(element, URL)})


def podcast(element: etree._Element, draft: ItemBuilder, spec: ElementSpec) -> None:
    """A fact about an episode or a show, by its own name."""
    name = spec.label.rpartition(":")[2]
    value = text_constructs.plain(element) or (element.get("url") or element.get("href") or "").strip()[:URL]
    if value:
        draft.podcast.setdefault(name, value)


def extra(element: etree._Element, draft: ItemBuilder, spec: ElementSpec) -> None:
    """A fact without a field of its own; `field` is its name."""
    get = element.get
    value = text_constructs.plain(element) or get(RDF_RESOURCE) or get("url") or get("href") or get("ref") or ""
    if value:
        draft.extra.setdefault(spec.field, " ".join(value[:URL].split()))


def names_of_days(element: etree._Element, draft: ItemBuilder, spec: ElementSpec) -> None:
    """The hours or days at which nobody need look."""
    found = tuple(filter(None, (text_constructs.plain(part) for part in islice(element, 50))))
    draft.skipped.setdefault(spec.field, found)


def _attribute(element: etree._Element, local: str) -> str | None:
    """An attribute by its local name, in any namespace."""
    return next((str(value) for name, value in element.attrib.items() if namespaces.split(str(name))[1] == local), None)
