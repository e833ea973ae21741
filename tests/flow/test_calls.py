"""The hot path in Python calls an entry, which no machine and no other program changes: rows L1, L3.

A ceiling is a tenth above what a stage takes. A change that passes it has put work into the inner loop: look for it
with `python -m tests.bench parse render --against CHECKOUT` and cProfile. Where the work is worth its time, raise the
ceiling in the same commit and say why; where a stage takes much less than its ceiling, lower it.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import FrameType

from bench.documents import ENTRIES, make_document
from database import open_store, visit_of
from factories import HOUR, NOON, edition, fetched, outcome, source

from feeds.app.entry_cache import EntryCache
from feeds.harvest.listings import ListingContext, ReadListing, read_listing
from feeds.model import Article, Feed, Fetched
from feeds.normalize import document_context, normalize, story_digest, upstream_id
from feeds.parse import parse
from feeds.render import render
from feeds.rows.articles import encode_article
from feeds.store import SqlStore

# Stage → Python calls an entry that it may take at most.
CEILINGS = {
    "parse": 54,
    "normalize": 96,
    "read a new listing": 216,
    "read a known listing": 102,
    "record": 46,
    "render": 313,
    "render known entries": 100,
}


def count_calls(work: Callable[[], object]) -> int:
    """How many Python functions are called, and generators resumed."""
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    gc.collect()
    gc.disable()  # what other tests left would be finalised in between
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
        gc.enable()
    return calls


class Stages:
    """The stages of one source, whose document has entries of its own."""

    def __init__(self, number: int, store: SqlStore) -> None:
        self.store = store
        self.source = source(f"s{number}")
        self.store.sync([self.source], NOON)
        self.response: Fetched = fetched(make_document(number), self.source.address)

    def read(self) -> ReadListing:
        seen_items = self.store.seen_items(self.source.id)
        return read_listing(self.response, ListingContext(self.source, seen_items, NOON, encode_article))

    def work(self) -> Iterator[tuple[str, Callable[[], object]]]:
        """Yield each stage by its name; one takes what those before it left."""
        yield "parse", lambda: parse(self.response)
        parsed = parse(self.response)
        context = ListingContext(self.source, self.store.seen_items(self.source.id), NOON, encode_article).of_articles
        document = document_context(parsed, context)
        stories = [(story, upstream_id(story, parsed.base), story_digest(story)) for story in parsed.stories]
        yield (
            "normalize",
            lambda: [normalize(story, document, upstream, digest, context) for story, upstream, digest in stories],
        )
        yield "read a new listing", self.read
        harvest = self.read().harvest
        assert len(harvest.articles) == ENTRIES
        visit = visit_of(self.store, self.source.id)
        yield "record", lambda: self.store.record([outcome(visit, harvest, NOON)])
        yield "read a known listing", self.read
        assert not self.read().harvest.articles
        shown: list[Article] = list(self.store.articles([self.source.id]))
        assert len(shown) == ENTRIES
        feed = Feed("all", "All")
        shown_edition, entries = edition(*shown, feed=feed, updated=NOON + HOUR), EntryCache()
        yield "render", lambda: list(render(shown_edition))
        for new in (document.new for document in render(shown_edition, entries.get) if document.new):
            entries.add(new.format_name, new.entries)
        yield "render known entries", lambda: list(render(shown_edition, entries.get))


def test_L1_L3_the_hot_path_calls_no_more_functions_for_an_entry(tmp_path: Path) -> None:
    with closing(open_store(tmp_path / "feeds.db")) as store:
        for _, work in Stages(1, store).work():
            work()  # loads what is loaded late
        calls = {name: count_calls(work) / ENTRIES for name, work in Stages(2, store).work()}
    assert calls.keys() == CEILINGS.keys()
    passed = {name: f"{calls[name]:.1f}, at most {most}" for name, most in CEILINGS.items() if calls[name] > most}
    assert not passed, f"{passed}: the docstring of this file says what to do"
