"""What is remembered of a source's stories, told to those who compare a listing with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Generic, TypeVar, cast

from sqlalchemy import Connection, bindparam, func, literal, null, select

from ..model import SeenItems, StoryPage
from . import codec
from .schema import articles, sources, tombstones
from .statements import Query

WITHDRAWN = "withdrawn"  # the reason of a tombstone whose source took its article back, until the source lists it again

V = TypeVar("V")

# A retracted article has a tombstone besides: its row comes later and decides.
_ITEMS = Query(
    select(articles.c.upstream_id, articles.c.story_digest, null().label("why"))
    .where(articles.c.source == bindparam("source"))
    .union_all(
        select(tombstones.c.upstream_id, literal(""), tombstones.c.why).where(
            tombstones.c.source == bindparam("source")
        )
    )
)
_LINKS = select(articles.c.story_key, articles.c.upstream_id).where(
    articles.c.source == bindparam("source"), articles.c.story_key != ""
)
_PAGE = func.json_extract(articles.c.body, "$.page")
_PAGES = select(articles.c.upstream_id, _PAGE).where(
    articles.c.source == bindparam("source"), articles.c.retracted.is_(None), _PAGE.is_not(None)
)
_LISTING = Query(
    select(sources.c.listed, sources.c.identity, sources.c.outlines).where(sources.c.key == bindparam("source"))
)


class LazyMapping(Mapping[str, V], Generic[V]):
    """A mapping that is read when first asked for: a listing that looks normal never asks."""

    def __init__(self, load: Callable[[], Mapping[str, V]]) -> None:
        self._load = load

    @cached_property
    def _held(self) -> Mapping[str, V]:
        return self._load()

    def __getitem__(self, key: str) -> V:
        return self._held[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)


def seen_items(
    connection: Connection,
    key: int,
    authority: str,
    load_links: Callable[[], Mapping[str, str]],
    load_pages: Callable[[], Mapping[str, StoryPage]],
) -> SeenItems:
    """Return what is held of a source; its links and pages are loaded on first use."""
    (listing,) = _LISTING.rows(connection, source=key)
    digests: dict[str, str] = {}
    retracted: set[str] = set()
    withdrawn: set[str] = set()
    rows = cast(Iterable[tuple[str, str, str | None]], _ITEMS.rows(connection, source=key))
    for upstream_id, digest, why in rows:
        if why is None:
            digests[upstream_id] = digest
        else:
            digests.pop(upstream_id, None)
            (withdrawn if why == WITHDRAWN else retracted).add(upstream_id)
    return SeenItems(
        authority=authority,
        digests=digests,
        links=LazyMapping(load_links),
        listing_size=listing.listed,
        identity=listing.identity,
        outlines=codec.outlines_of(listing.outlines),
        pages=LazyMapping(load_pages),
        retracted=frozenset(retracted),
        withdrawn=frozenset(withdrawn),
    )


def links(connection: Connection, key: int) -> Mapping[str, str]:
    """Story key (a canonical link) → upstream id of a source's articles."""
    return _pairs(connection.execute(_LINKS, {"source": key}).all())


def pages(connection: Connection, key: int) -> Mapping[str, StoryPage]:
    """Upstream id → our own page, of a source's articles that have one."""
    found = _pairs(connection.execute(_PAGES, {"source": key}).all())
    return {upstream: codec.page_of(text) for upstream, text in found.items()}


def _pairs(rows: Iterable[object]) -> dict[str, str]:
    return dict(cast(Iterable[tuple[str, str]], rows))
