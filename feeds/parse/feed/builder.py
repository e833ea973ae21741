"""What is collected while one item or channel is read: the best word for each field, and the lists."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sized
from typing import NamedTuple

from lxml import etree

from ...model import Category, Comments, Link, Media, Origin, Person, Text
from . import namespaces
from .text_constructs import Scope

# F16: an item holds no more of anything than this.
MANY = 500
WORST = 1_000

FieldValue = str | bool | Text | Link | Origin | None


class ItemBuilder:
    """One item or channel being read. `deep`: elements inside may change xml:base or xml:lang."""

    __slots__ = (
        "categories",
        "comments",
        "content",
        "deep",
        "extra",
        "found",
        "links",
        "media",
        "people",
        "podcast",
        "ranks",
        "scope",
        "skipped",
        "values",
    )  # fmt: skip

    def __init__(self, scope: Scope, deep: bool) -> None:
        self.scope = scope
        self.deep = deep
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
        self.skipped: dict[str, tuple[str, ...]] = {}

    def scope_of(self, element: etree._Element) -> Scope:
        """The xml:base and xml:lang in force inside an element of this draft."""
        return self.scope.within(element) if self.deep else self.scope

    def offer(self, spec: ElementSpec, value: FieldValue) -> None:
        """Keep a value for a field unless a better one, or an equal one before it, is there."""
        name = spec.field
        if value and spec.rank < self.ranks.get(name, WORST):
            self.values[name] = value
            self.ranks[name] = spec.rank
            self.found[name] = spec.label

    def link(self, spec: ElementSpec, link: Link) -> None:
        """Add one more link."""
        if link.href and len(self.links) < MANY:
            self.links.append(link)
            self.found.setdefault("links", spec.label)

    def person(self, spec: ElementSpec, person: Person | None) -> None:
        """Add one more person."""
        if person and len(self.people) < MANY:
            self.people.append(person)
            self.found.setdefault("people", spec.label)

    def category(self, spec: ElementSpec, category: Category) -> None:
        """Add one more category, unless it is there already."""
        if (category.term or category.label) and len(self.categories) < MANY:
            self.categories.setdefault((category.term, category.scheme, category.label), category)
            self.found.setdefault("categories", spec.label)

    def medium(self, spec: ElementSpec, media: Media) -> None:
        """Add one more media object."""
        if media.url and len(self.media) < MANY:
            self.media.append(media)
            self.found.setdefault("media", spec.label)

    def text(self, spec: ElementSpec, text: Text | None) -> None:
        """Add one more content."""
        if text and len(self.content) < MANY:
            self.content.append(text)
            self.found.setdefault("content", spec.label)

    def comment(self, comments: Mapping[str, str | None]) -> None:
        """Add what is said about the place where a story is discussed; the first word for each stands."""
        for name, value in comments.items():
            if value:
                self.comments.setdefault(name, value)

    def discussed(self) -> Comments | None:
        """Where the story is discussed, if anywhere."""
        return Comments(**self.comments) if self.comments else None


class ElementSpec(NamedTuple):
    """What to do with an element: who reads it, into which field, how good a word it is, and its name in `found`."""

    read: Callable[[etree._Element, ItemBuilder, ElementSpec], None]
    field: str
    rank: int
    label: str


ElementTable = Mapping[str, ElementSpec]
ElementReader = Callable[[etree._Element, ItemBuilder, ElementSpec], None]


def ignore(element: etree._Element, draft: ItemBuilder, spec: ElementSpec) -> None:
    """Read nothing."""


IGNORED = ElementSpec(ignore, "", WORST, "")


def table(*rows: tuple[ElementReader, str, str]) -> dict[str, ElementSpec]:
    """Rows of (reader, field, names as the formats spell them); what stands earlier is the better word for a field."""
    made: dict[str, ElementSpec] = {}
    for read, field, spelled in rows:
        for label in spelled.split():
            made[label.lower()] = ElementSpec(read, field, len(made), label)
    return made


class ElementLookup:
    """Finds an element's spec in a table; tags whose namespace is known are remembered as they stand."""

    __slots__ = ("core", "odd", "seen", "table")

    def __init__(self, specs: ElementTable, core: str) -> None:
        self.table = specs
        self.core = core  # prefix of names that have none: Atom and CDF feeds without a namespace
        self.seen: dict[str, ElementSpec] = {}
        self.odd: dict[tuple[str, str | None], ElementSpec] = {}

    def missing(self, element: etree._Element) -> ElementSpec:
        """The spec of an element whose tag was not seen before, or whose namespace nobody knows."""
        tag = str(element.tag)
        if namespaces.settled(tag) is not None:
            spec = self.seen[tag] = self._judged(element, self.seen)
            return spec
        key = (tag, element.prefix)
        if key not in self.odd:
            self.odd[key] = self._judged(element, self.odd)
        return self.odd[key]

    def _judged(self, element: etree._Element, memory: Sized) -> ElementSpec:
        if len(memory) > 5_000:  # hostile feeds make up names
            self.seen.clear()
            self.odd.clear()
        name = namespaces.of(element)
        return self.table.get(self.core + name if self.core and ":" not in name else name, IGNORED)


def fill(element: etree._Element, draft: ItemBuilder, lookup: ElementLookup) -> None:
    """Read all children of an item or channel into its draft."""
    seen = lookup.seen
    for child in element:
        spec = seen.get(child.tag) or lookup.missing(child)
        spec.read(child, draft, spec)
