"""Shelves: the pages of our own stories are issued as a feed is, each source's from a ledger of its own."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from ..compose import selected
from ..config.recipe import of_pages
from ..model import Config, Feed, Kind, Source

PREFIX = "stories/"  # no feed can be called so


def shelves(config: Config) -> dict[str, Feed]:
    """What stands for the pages of each source of files that goes into at least one feed, by its id."""
    ours = (source for source in config.sources.values() if source.kind is Kind.FILES)
    made = (_shelf(source, feeds, config) for source in ours if (feeds := feeds_of(source, config)))
    return {shelf.id: shelf for shelf in made}


def feeds_of(source: Source, config: Config) -> tuple[Feed, ...]:
    """The feeds that take from a source."""
    return tuple(feed for feed in config.feeds.values() if selected(feed, [source.id]))


def with_shelves(feed_ids: Collection[str], config: Config) -> set[str]:
    """These feeds, and the shelves whose stories they may show."""
    named = {name for feed_id in feed_ids for name in selected(config.feeds[feed_id], config.sources)}
    return {*feed_ids, *(shelf.id for shelf in shelves(config).values() if not named.isdisjoint(shelf.sources))}


def _shelf(source: Source, feeds: Collection[Feed], config: Config) -> Feed:
    blank = Feed(PREFIX + source.id, source.id, sources=(source.id,))
    return replace(blank, recipe=of_pages(source, config.site, feeds))
