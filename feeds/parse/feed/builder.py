"""`ItemBuilder` collects the values of one item or channel; `ElementLookup` finds the reader of each child element."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sized
from typing import NamedTuple

from lxml import etree

from ...model import Category, Comments, Link, Media, Origin, Person, Text
from . import namespaces
from .text_constructs import Scope

# F16: an item holds at most this many links, people, categories, media objects and contents.
MAX_VALUES = 500
WORST_RANK = 1_000
MAX_CACHED_TAGS = 5_000

FieldValue = str | bool | Text | Link | Origin | None


class ItemBuilder:
    """The values of one item or channel while it is read.

    `has_inner_scopes`: elements inside may change xml:base or xml:lang.
    """

    __slots__ = (
        "categories",
        "comments",
        "content",
        "extra",
        "found",
        "has_inner_scopes",
        "links",
        "media",
        "people",
        "podcast",
        "ranks",
        "scope",
        "skip_times",
        "values",
    )  # fmt: skip

    def __init__(self, scope: Scope, has_inner_scopes: bool) -> None:
        self.scope = scope
        self.has_inner_scopes = has_inner_scopes
        self.values: dict[str, FieldValue] = {}
        self.ranks: dict[str, int] = {}
        self.found: dict[str, str] = {}
        self.links: list[Link] = []
        self.people: list[Person] = []
        self.categories: dict[tuple[str | None, ...], Category] = {}
        self.media: list[Media] = []
        self.content: list[Text] = []
        self.podcast: dict[str, str] = {}
        self.extra: dict[str, str] = {}
        self.comments: dict[str, str] = {}
        self.skip_times: dict[str, tuple[str, ...]] = {}

    def scope_of(self, element: etree._Element) -> Scope:
        """Return the xml:base and xml:lang in force inside an element of this item."""
        return self.scope.within(element) if self.has_inner_scopes else self.scope

    def offer(self, spec: ElementSpec, value: FieldValue) -> None:
        """Set a field unless it already has a value of the same or a better rank."""
        name = spec.field
        if value and spec.rank < self.ranks.get(name, WORST_RANK):
            self.values[name] = value
            self.ranks[name] = spec.rank
            self.found[name] = spec.label

    def add_link(self, spec: ElementSpec, link: Link) -> None:
        """Add a link."""
        if link.href and len(self.links) < MAX_VALUES:
            self.links.append(link)
            self.found.setdefault("links", spec.label)

    def add_person(self, spec: ElementSpec, person: Person | None) -> None:
        """Add a person."""
        if person and len(self.people) < MAX_VALUES:
            self.people.append(person)
            self.found.setdefault("people", spec.label)

    def add_category(self, spec: ElementSpec, category: Category) -> None:
        """Add a category, unless it is there already."""
        if (category.term or category.label) and len(self.categories) < MAX_VALUES:
            self.categories.setdefault((category.term, category.scheme, category.label), category)
            self.found.setdefault("categories", spec.label)

    def add_media(self, spec: ElementSpec, media: Media) -> None:
        """Add a media object."""
        if media.url and len(self.media) < MAX_VALUES:
            self.media.append(media)
            self.found.setdefault("media", spec.label)

    def add_content(self, spec: ElementSpec, text: Text | None) -> None:
        """Add a content."""
        if text and len(self.content) < MAX_VALUES:
            self.content.append(text)
            self.found.setdefault("content", spec.label)

    def add_comments(self, comments: Mapping[str, str | None]) -> None:
        """Set fields of `Comments` by name; the first value of each field stays."""
        for name, value in comments.items():
            if value:
                self.comments.setdefault(name, value)

    def build_comments(self) -> Comments | None:
        """Return where the story is discussed, or None where no element said so."""
        return Comments(**self.comments) if self.comments else None


class ElementSpec(NamedTuple):
    """How an element is read: its reader, the field it fills, its rank (lower is better) and its name in `found`."""

    read: Callable[[etree._Element, ItemBuilder, ElementSpec], None]
    field: str
    rank: int
    label: str


ElementTable = Mapping[str, ElementSpec]
ElementReader = Callable[[etree._Element, ItemBuilder, ElementSpec], None]


def ignore(element: etree._Element, builder: ItemBuilder, spec: ElementSpec) -> None:
    """Read nothing."""


IGNORED = ElementSpec(ignore, "", WORST_RANK, "")


def build_table(*rows: tuple[ElementReader, str, str]) -> dict[str, ElementSpec]:
    """Return the specs by element name in lower case, ranked in the order of the rows.

    A row is (reader, field, element names as the formats spell them, separated by spaces).
    """
    specs: dict[str, ElementSpec] = {}
    for read, field, labels in rows:
        for label in labels.split():
            specs[label.lower()] = ElementSpec(read, field, len(specs), label)
    return specs


class ElementLookup:
    """A table of specs with a cache by tag.

    `default_prefix` is put before names without a prefix: Atom and CDF feeds need not declare a namespace.
    """

    __slots__ = ("by_prefix", "by_tag", "default_prefix", "table")

    def __init__(self, table: ElementTable, default_prefix: str) -> None:
        self.table = table
        self.default_prefix = default_prefix
        self.by_tag: dict[str, ElementSpec] = {}
        self.by_prefix: dict[tuple[str, str | None], ElementSpec] = {}  # tags whose meaning depends on the prefix

    def find(self, element: etree._Element) -> ElementSpec:
        """Return the spec of an element whose tag is not in `by_tag`."""
        tag = str(element.tag)
        if namespaces.resolve_tag(tag) is not None:
            spec = self.by_tag[tag] = self._resolve(element, self.by_tag)
            return spec
        key = (tag, element.prefix)
        if key not in self.by_prefix:
            self.by_prefix[key] = self._resolve(element, self.by_prefix)
        return self.by_prefix[key]

    def _resolve(self, element: etree._Element, cache: Sized) -> ElementSpec:
        if len(cache) > MAX_CACHED_TAGS:  # hostile feeds make up names
            self.by_tag.clear()
            self.by_prefix.clear()
        name = namespaces.qualified_name(element)
        if self.default_prefix and ":" not in name:
            name = self.default_prefix + name
        # Some publishers mix the two: RSS in the namespace of Atom, or `pubDate` in Atom.
        spec = self.table.get(name) or self.table.get(name.removeprefix("atom:"))
        if spec is None and name.startswith(("dc:", "dcterms:")):  # `dc:issued` is a term, `dcterms:creator` an element
            prefix, _, local = name.partition(":")
            spec = self.table.get(f"{'dcterms' if prefix == 'dc' else 'dc'}:{local}")
        return spec or IGNORED


def read_children(element: etree._Element, builder: ItemBuilder, lookup: ElementLookup) -> None:
    """Read all children of an element into the builder."""
    by_tag = lookup.by_tag
    for child in element:
        spec = by_tag.get(child.tag) or lookup.find(child)
        spec.read(child, builder, spec)
