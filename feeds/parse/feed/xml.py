"""The reader of XML feeds: RSS 0.90 to 2.0, RSS 1.0, Atom 0.3 and 1.0, CDF, and mixtures of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice

from lxml import etree

from ...model import NOTHING, Channel, Link, Parsed, Story
from ..document import SourceDocument
from . import namespaces, vocabulary
from .builder import ElementLookup, ItemBuilder, read_children
from .elements import RDF_ABOUT
from .text_constructs import WEB_SCHEMES, Scope

# Children of one element that are looked at in any case, however few items are wanted.
MIN_SCANNED_CHILDREN = 20_000
ITEM_NAMES = frozenset(("item", "entry"))
# Elements around items, in the order in which one may hold the next.
CONTAINER_NAMES = frozenset(("rss", "rdf", "feed", "channel", "items"))
RSS_NAMES = frozenset(("link", "description"))  # of a channel
DATE_NAMES = frozenset(("pubdate", "date", "published", "issued", "updated", "modified"))

# Prefix of names without a namespace → the lookups for channels and for items.
LOOKUPS: Mapping[str, tuple[ElementLookup, ElementLookup]] = {
    prefix: (ElementLookup(vocabulary.CHANNEL_TABLE, prefix), ElementLookup(vocabulary.ITEM_TABLE, prefix))
    for prefix in ("", "atom:", "cdf:")
}
_FoundCache = dict[tuple[tuple[str, str], ...], dict[str, str]]


def is_feed(root: etree._Element) -> bool:
    """Return whether a tree is that of a feed."""
    return namespaces.local_name(root) in CONTAINER_NAMES or _is_item(root)


def find_items(root: etree._Element, limit: int) -> list[etree._Element]:
    """Return the elements that are items, in whatever container; `limit` of them are wanted."""
    limit = max(limit, MIN_SCANNED_CHILDREN)
    items = [child for container in _containers(root) for child in _scan(container, limit) if _is_item(child)]
    if items or _is_item(root):
        return items or [root]
    return find_nested_items(root, limit)


def _scan(element: etree._Element, limit: int) -> Iterable[etree._Element]:
    """Return all children, or `limit` of them from each end where there are more (F16)."""
    if len(element) <= 2 * limit:
        return element
    last = list(islice(element.iterchildren(reversed=True), limit))
    return chain(islice(element, limit), reversed(last))


def find_nested_items(root: etree._Element, limit: int) -> list[etree._Element]:
    """Return all items at any depth: where repair could not find the end of one, the next is inside it."""
    return list(islice(filter(_is_item, root.iter("*")), max(limit, MIN_SCANNED_CHILDREN)))


def read(root: etree._Element, items: Sequence[etree._Element], document: SourceDocument) -> Parsed:
    """Return the channel and stories of a feed; `items` are the item elements found below `root`."""
    prefix = _default_prefix(root)
    if prefix == "cdf:":
        _lower_attributes(root)
    channel = next(_containers(root))
    scope = Scope(document.base).within(root)
    scope = scope if channel is root else scope.within(channel)
    outer = Scope(scope.base if scope.base != document.base else None, scope.language)
    # `outer` holds what root and channel declare. Each element is asked for its own scope only where more is declared.
    declared = sum(
        name in element.attrib for element in {root, channel} for name in (namespaces.XML_BASE, namespaces.XML_LANG)
    )
    has_inner_scopes = document.text.count("xml:base") + document.text.count("xml:lang") > declared
    channel_lookup, item_lookup = LOOKUPS[prefix]
    found_cache: _FoundCache = {}
    channel_builder = ItemBuilder(outer, has_inner_scopes)
    return Parsed(
        reader="xml",
        base=scope.base,
        warnings=document.item_warnings(items),
        channel=Channel() if _is_item(root) else _build_channel(root, channel_builder, channel_lookup),
        stories=tuple(
            _build_story(
                item,
                ItemBuilder(outer.within(item) if has_inner_scopes else outer, has_inner_scopes),
                item_lookup,
                found_cache,
            )
            for item in document.newest_items(items, _find_date)
        ),
    )


def _find_date(item: etree._Element) -> str | None:
    return next((child.text for child in item if namespaces.local_name(child) in DATE_NAMES), None)


def _lower_attributes(root: etree._Element) -> None:
    """Spell attribute names in lower case: CDF is written in capitals or not."""
    for element in root.iter("*"):
        for name, value in ((str(name), value) for name, value in element.attrib.items()):
            if ":" not in name and not name.islower():
                element.set(name.lower(), value)


def _default_prefix(root: etree._Element) -> str:
    """Return the prefix of names without a namespace: Atom's or CDF's where the root is one of theirs."""
    name = namespaces.qualified_name(root)
    if name == "channel":  # of CDF, or of RSS whose root element is missing
        parts = chain(root, *filter(_is_item, root))
        return "" if any(namespaces.local_name(child) in RSS_NAMES for child in parts) else "cdf:"
    return "atom:" if name in ("feed", "entry") else ""


def _is_item(element: etree._Element) -> bool:
    return namespaces.local_name(element) in ITEM_NAMES


def _containers(root: etree._Element) -> Iterator[etree._Element]:
    """Yield the channels with the elements that hold their items, then the root."""
    for child in root:
        if namespaces.local_name(child) in ("channel", "feed"):
            yield child
            yield from (part for part in child if namespaces.local_name(part) == "items" and len(part))
    yield root


def _build_channel(root: etree._Element, builder: ItemBuilder, lookup: ElementLookup) -> Channel:
    for container in _containers(root):
        read_children(container, builder, lookup)
    if lookup.default_prefix == "cdf:":
        _read_cdf_attributes(root, builder)
    values = builder.values
    if builder.scope.language and "language" not in values:
        values["language"] = builder.scope.language
        builder.found["language"] = "xml:lang"
    values.pop("id_is_permalink", None)
    return Channel(
        links=tuple(builder.links),
        people=tuple(builder.people),
        categories=tuple(builder.categories.values()),
        podcast=builder.podcast,
        found=builder.found,
        **values,  # type: ignore[arg-type]
        **builder.skip_times,  # type: ignore[arg-type]
    )


def _build_story(item: etree._Element, builder: ItemBuilder, lookup: ElementLookup, found_cache: _FoundCache) -> Story:
    read_children(item, builder, lookup)
    values, found = builder.values, builder.found
    if lookup.default_prefix == "cdf:":
        _read_cdf_attributes(item, builder)
    if "id" not in values and (about := item.get(RDF_ABOUT)):
        values["id"] = about.strip()
        found["id"] = "rdf:about"
    if "id_is_permalink" not in values and "id" in values and str(values["id"]).startswith(WEB_SCHEMES):
        values["id_is_permalink"] = True
    if "language" not in values and (language := item.get(namespaces.XML_LANG)):
        values["language"] = language.strip()
        found["language"] = "xml:lang"
    return Story(
        links=tuple(builder.links),
        content=tuple(builder.content),
        people=tuple(builder.people),
        categories=tuple(builder.categories.values()),
        media=tuple(builder.media),
        comments=builder.build_comments(),
        podcast=builder.podcast or NOTHING,
        extra=builder.extra or NOTHING,
        found=found_cache.setdefault(tuple(found.items()), found),
        **values,  # type: ignore[arg-type]
    )


def _read_cdf_attributes(element: etree._Element, builder: ItemBuilder) -> None:
    """Read the address and the date of a CDF item, which are attributes."""
    if href := element.get("href"):
        builder.links.insert(0, Link(href, base=builder.scope.base))
        builder.found.setdefault("links", "cdf:href")
    if changed := element.get("lastmod"):
        builder.values["updated"] = changed
        builder.found["updated"] = "cdf:lastmod"
