"""The reader of XML feeds: RSS 0.90 to 2.0, RSS 1.0, Atom 0.3 and 1.0, CDF, and what lies between them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice

from lxml import etree

from ...model import NOTHING, Channel, Link, Parsed, Story
from ..document import SourceDocument
from . import elements, namespaces, vocabulary
from .builder import ElementLookup, ItemBuilder, fill
from .text_constructs import Scope

# Children of one element that are looked at in any case, however few items are wanted of them.
ENOUGH = 20_000
ITEMS = frozenset(("item", "entry"))
# Elements around items, in the order in which one may hold the next.
CONTAINERS = frozenset(("rss", "rdf", "feed", "channel", "items"))

LOOKUPS: Mapping[str, tuple[ElementLookup, ElementLookup]] = {
    core: (ElementLookup(vocabulary.CHANNEL, core), ElementLookup(vocabulary.ITEM, core))
    for core in ("", "atom:", "cdf:")
}
DATES = frozenset(("pubdate", "date", "published", "issued", "updated", "modified"))
Shared = dict[tuple[tuple[str, str], ...], dict[str, str]]


def is_feed(root: etree._Element) -> bool:
    """Whether a tree is one of a feed."""
    return namespaces.local(root) in CONTAINERS or namespaces.local(root) in ITEMS


def items(root: etree._Element, most: int) -> list[etree._Element]:
    """The elements that are items, wherever the format or a sloppy publisher puts them; `most` are wanted."""
    most = max(most, ENOUGH)
    found = [child for container in _containers(root) for child in _children(container, most) if _is_item(child)]
    if found or _is_item(root):
        return found or [root]
    return nested(root, most)


def _children(element: etree._Element, most: int) -> Iterable[etree._Element]:
    """All children, or those at both ends where they are too many to look at each (F16)."""
    if len(element) <= 2 * most:
        return element
    last = list(islice(element.iterchildren(reversed=True), most))
    return chain(islice(element, most), reversed(last))


def nested(root: etree._Element, most: int) -> list[etree._Element]:
    """All items at whatever depth: where repair could not tell the end of one, the next is inside it."""
    return list(islice((element for element in root.iter("*") if _is_item(element)), max(most, ENOUGH)))


def read(root: etree._Element, found: Sequence[etree._Element], document: SourceDocument) -> Parsed:
    """What a feed says: `root` and the items `found` in it."""
    core, base = _core(root), document.base
    if core == "cdf:":
        _lower_attributes(root)
    holder = next(_containers(root))
    scope = Scope(base).within(root)
    scope = scope if holder is root else scope.within(holder)
    given = Scope(scope.base if scope.base != base else None, scope.language)
    # What root and channel say is in `given` already; only where more is said need every element be asked.
    own = sum(
        name in element.attrib for element in {root, holder} for name in (namespaces.XML_BASE, namespaces.XML_LANG)
    )
    deep = document.text.count("xml:base") + document.text.count("xml:lang") > own
    channels, stories = LOOKUPS[core]
    shared: Shared = {}
    chosen = document.newest(found, _date)
    return Parsed(
        reader="xml",
        base=scope.base,
        warnings=document.warnings(found),
        channel=_channel(root, ItemBuilder(given, deep), channels),
        stories=tuple(_story(item, ItemBuilder(_scope(given, item, deep), deep), stories, shared) for item in chosen),
    )


def _scope(given: Scope, item: etree._Element, deep: bool) -> Scope:
    return given.within(item) if deep else given


def _date(item: etree._Element) -> str | None:
    return next((child.text for child in item if namespaces.local(child) in DATES), None)


def _lower_attributes(root: etree._Element) -> None:
    """CDF is written in capitals, or not."""
    for element in root.iter("*"):
        for name, value in ((str(name), value) for name, value in element.attrib.items()):
            if ":" not in name and not name.islower():
                element.set(name.lower(), value)


def _core(root: etree._Element) -> str:
    name = namespaces.of(root)
    if name == "feed":
        return "atom:"
    return "cdf:" if name == "channel" else ""


def _is_item(element: etree._Element) -> bool:
    return namespaces.local(element) in ITEMS


def _containers(root: etree._Element) -> Iterator[etree._Element]:
    """Root first if it is the channel itself, then channels, then what may hold items beside them."""
    inside = [child for child in root if namespaces.local(child) in ("channel", "feed")]
    for child in inside:
        yield child
        yield from (part for part in child if namespaces.local(part) == "items" and len(part))
    yield root


def _channel(root: etree._Element, draft: ItemBuilder, lookup: ElementLookup) -> Channel:
    for container in _containers(root):
        fill(container, draft, lookup)
    if lookup.core == "cdf:":
        _cdf(root, draft)
    values = draft.values
    if draft.scope.language and "language" not in values:
        values["language"] = draft.scope.language
        draft.found["language"] = "xml:lang"
    values.pop("id_is_permalink", None)
    return Channel(
        links=tuple(draft.links),
        people=tuple(draft.people),
        categories=tuple(draft.categories.values()),
        podcast=draft.podcast,
        found=draft.found,
        **values,  # type: ignore[arg-type]
        **draft.skipped,  # type: ignore[arg-type]
    )


def _story(item: etree._Element, draft: ItemBuilder, lookup: ElementLookup, shared: Shared) -> Story:
    fill(item, draft, lookup)
    values = draft.values
    if lookup.core == "cdf:":
        _cdf(item, draft)
    if "id" not in values and (about := item.get(elements.RDF_ABOUT)):
        values["id"] = about.strip()
        draft.found["id"] = "rdf:about"
    if "language" not in values and (language := item.get(namespaces.XML_LANG)):
        values["language"] = language.strip()
        draft.found["language"] = "xml:lang"
    found = draft.found
    return Story(
        links=tuple(draft.links),
        content=tuple(draft.content),
        people=tuple(draft.people),
        categories=tuple(draft.categories.values()),
        media=tuple(draft.media),
        comments=draft.discussed(),
        podcast=draft.podcast or NOTHING,
        extra=draft.extra or NOTHING,
        found=shared.setdefault(tuple(found.items()), found),
        **values,  # type: ignore[arg-type]
    )


def _cdf(element: etree._Element, draft: ItemBuilder) -> None:
    """CDF keeps address and date in attributes."""
    if href := element.get("href"):
        draft.links.insert(0, Link(href, base=draft.scope.base))
        draft.found.setdefault("links", "cdf:href")
    if changed := element.get("lastmod"):
        draft.values["updated"] = changed
        draft.found["updated"] = "cdf:lastmod"
