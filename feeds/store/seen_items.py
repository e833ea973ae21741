"""Queries for what is stored of a source's stories, which a new listing is compared with."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TypeVar, cast

import msgspec
from sqlalchemy import Connection, bindparam, literal, null, select

from ..model import HeldStory, Outline, SeenItems, StoryPage
from ..rows.lazy_mapping import LazyMapping
from ..rows.values import decode_time, encode_time, to_json
from .engines import Engines
from .expressions import json_integers, json_member
from .schema import TombstoneReason, articles, sources, tombstones
from .statements import Query

_Answer = TypeVar("_Answer")

_PAGE_DECODER = msgspec.json.Decoder(StoryPage)
_OUTLINES_DECODER = msgspec.json.Decoder(tuple[Outline, ...])

# A retracted article has a tombstone too: its row comes later and decides.
_ITEMS = Query(
    select(articles.c.upstream_id, articles.c.story_digest, null().label("reason"))
    .where(articles.c.source == bindparam("source"))
    .union_all(
        select(tombstones.c.upstream_id, literal(""), tombstones.c.reason).where(
            tombstones.c.source == bindparam("source")
        )
    )
)
_LINKS = Query(
    select(articles.c.link_key, articles.c.upstream_id).where(
        articles.c.source == bindparam("source"), articles.c.link_key != ""
    )
)
_TITLE, _PUBLISHED = (json_member(articles.c.body, name) for name in ("title", "published"))
_TITLES = Query(
    select(_TITLE.label("title"), _PUBLISHED.label("published"), articles.c.upstream_id).where(
        articles.c.source == bindparam("source"), _TITLE != ""
    )
)
_PUBLISHED_AT = Query(
    select(articles.c.upstream_id, _TITLE.label("title"), articles.c.position, articles.c.link_key).where(
        articles.c.source == bindparam("source"), articles.c.position.in_(json_integers("positions"))
    )
)
_PAGE = json_member(articles.c.body, "page")
_PAGES = Query(
    select(articles.c.upstream_id, _PAGE).where(
        articles.c.source == bindparam("source"), articles.c.retracted_at.is_(None), _PAGE.is_not(None)
    )
)
_LISTING = Query(
    select(sources.c.listing_size, sources.c.identity, sources.c.outlines).where(sources.c.key == bindparam("source"))
)
_OUTLINES = Query(select(sources.c.id, sources.c.outlines).where(sources.c.outlines.is_not(None)))


def read_seen_items(engines: Engines, key: int, authority: str) -> SeenItems:
    """Return what is stored of a source; links, pages, titles and dates are read when they are first needed."""

    def ask(select: Callable[[Connection, int], _Answer]) -> _Answer:
        with engines.read() as connection:
            return select(connection, key)

    with engines.read() as connection:
        (listing,) = _LISTING.rows(connection, source=key)
        rows = cast(Iterable[tuple[str, str, str | None]], _ITEMS.rows(connection, source=key))
        digests: dict[str, str] = {}
        retracted: set[str] = set()
        withdrawn: set[str] = set()
        for upstream_id, digest, reason in rows:
            if reason is None:
                digests[upstream_id] = digest
            else:
                digests.pop(upstream_id, None)
                (withdrawn if reason == TombstoneReason.WITHDRAWN else retracted).add(upstream_id)
    return SeenItems(
        authority=authority,
        digests=digests,
        links=LazyMapping(lambda: ask(_select_links)),
        listing_size=listing.listing_size,
        identity=listing.identity,
        outlines=_decode_outlines(listing.outlines),
        pages=LazyMapping(lambda: ask(_select_pages)),
        retracted=frozenset(retracted),
        withdrawn=frozenset(withdrawn),
        titles=LazyMapping(lambda: ask(_select_titles)),
        find_stories=lambda moments: ask(partial(_select_published_at, moments=moments)),
    )


def select_outlines(connection: Connection) -> dict[str, tuple[Outline, ...]]:
    """Return source id → the outlines of each OPML list."""
    return {row.id: _decode_outlines(row.outlines) for row in _OUTLINES.run(connection)}


def _decode_outlines(text: str | None) -> tuple[Outline, ...]:
    """Return the outlines of an OPML list; () for None."""
    return _OUTLINES_DECODER.decode(text) if text else ()


def _select_links(connection: Connection, key: int) -> Mapping[str, str]:
    """Return link key → upstream id of a source's articles."""
    return _to_dict(_LINKS.run(connection, source=key).all())


def _select_titles(connection: Connection, key: int) -> Mapping[str, str]:
    """Return title and date, and of each title without a date, → upstream id of a source's articles."""
    titles: dict[str, str] = {}
    for row in _TITLES.run(connection, source=key):
        titles[f"{row.title}\x1f{(row.published or '')[:19]}"] = titles[f"{row.title}\x1f"] = row.upstream_id
    return titles


def _select_published_at(connection: Connection, key: int, moments: Collection[datetime]) -> Sequence[HeldStory]:
    """Return the stories of a source that were published at these moments, the oldest first."""
    rows = _PUBLISHED_AT.run(connection, source=key, positions=to_json(list(map(encode_time, moments))))
    stories = [HeldStory(row.upstream_id, row.title or "", decode_time(row.position), row.link_key) for row in rows]
    return sorted(stories, key=lambda story: (story.published, story.upstream_id))


def _select_pages(connection: Connection, key: int) -> Mapping[str, StoryPage]:
    """Return upstream id → our own page, of a source's articles that have one."""
    pages = _to_dict(_PAGES.run(connection, source=key).all())
    return {upstream_id: _PAGE_DECODER.decode(text) for upstream_id, text in pages.items()}


def _to_dict(rows: Iterable[object]) -> dict[str, str]:
    return dict(cast(Iterable[tuple[str, str]], rows))
