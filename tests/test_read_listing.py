"""`read_listing`: the same rows in this process and in a worker, out of the same bytes and the same store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import jobs
import pytest
from database import open_store, visit_of
from factories import HOUR, NOON, fetched, harvest, source

from feeds.errors import ParseError
from feeds.harvest.listings import ListingContext, ReadListing, read_listing, read_push
from feeds.model import Fetched, Harvest, SeenItems, replace
from feeds.publication_gate import PublicationGate
from feeds.rows.articles import decode_article, encode_article
from feeds.sandbox import Workers
from feeds.store import SqlStore

OWN_DOCUMENTS = sorted(
    file for file in (Path(__file__).parent / "data/parse/feeds").iterdir() if ".expect." not in file.name
)
CORPORA = os.environ.get("FEEDS_CORPORA")
REAL_FEEDS = sorted((Path(CORPORA) / "real-feeds").iterdir())[::9] if CORPORA else []
FEEDPARSER_CASES = sorted((Path(CORPORA) / "feedparser").rglob("*.xml"))[::60] if CORPORA else []


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    workers = Workers(max_calls=1)
    yield workers
    workers.close()


NOTHING_STORED = SeenItems("wire.example.org,2026")


def context(seen_items: SeenItems = NOTHING_STORED, **fields: object) -> ListingContext:
    return replace(ListingContext(source(), seen_items, NOON, encode_article), **fields)


def read(response: Fetched, context: ListingContext, workers: Workers | None = None) -> ReadListing | str:
    """The listing, or why it is none."""
    try:
        return workers.run(read_listing, response, context) if workers else read_listing(response, context)
    except ParseError as error:
        return f"{error.kind}: {error.sentence}"


@pytest.mark.parametrize("file", [*OWN_DOCUMENTS, *REAL_FEEDS, *FEEDPARSER_CASES], ids=lambda file: file.name)
def test_S15_a_worker_reads_the_same_rows(workers: Workers, file: Path) -> None:
    response = fetched(file.read_bytes())
    listing = read(response, context())
    assert read(response, context(), workers) == listing
    assert isinstance(listing, str) or len(listing.harvest.listed_ids) >= len(listing.harvest.articles)


def feed(*numbers: int, prefix: str = "", edit: str = "") -> Fetched:
    items = "".join(
        f"<item><guid>{prefix}{n}</guid><title>Story {n}</title><link>https://a.example.org/{n}</link>"
        f"<pubDate>Sun, 22 Nov 2026 0{n}:11:12 GMT</pubDate><description>Text {n}{edit}</description></item>"
        for n in numbers
    )
    return fetched(f"<rss version='2.0'><channel><title>News</title>{items}</channel></rss>")


def record(store: SqlStore, listing: ReadListing | str) -> None:
    assert isinstance(listing, ReadListing)
    visit = visit_of(store, at=NOON + HOUR)
    store.record([replace(harvest(visit), result=listing.harvest)])


def test_F21_a_worker_asks_what_is_stored_as_the_listing_needs_it(tmp_path: Path, workers: Workers) -> None:
    """New ids, so that links, titles and dates of what is held are compared: which a worker can only ask for."""
    with open_store(tmp_path / "feeds.db", source()) as store:
        record(store, read(feed(1, 2, 3), context(store.seen_items("a"))))
        for response in (feed(1, 2, 3, 4), feed(2, 3, 4, prefix="new-"), feed(1, 2, 3, edit=", edited")):
            listing = read(response, context(store.seen_items("a")))
            assert read(response, context(store.seen_items("a")), workers) == listing
            assert isinstance(listing, ReadListing)
        renamed = read(feed(2, 3, 4, prefix="new-"), context(store.seen_items("a")), workers)
        assert isinstance(renamed, ReadListing)
        assert renamed.harvest.identity == "link" and len(renamed.harvest.articles) == 1
        push = feed(5)
        in_worker = workers.run(read_push, push, context(store.seen_items("a")))
        assert in_worker == read_push(push, context(store.seen_items("a")))
        assert [article.upstream_id for article in in_worker.articles] == ["5"]


def test_L3_a_worker_loads_what_reads_and_nothing_else() -> None:
    """It starts in the middle of a round."""
    others = ("sqlalchemy", "pydantic", "requests", "feeds.store", "feeds.config", "feeds.app", "feeds.render")
    workers = Workers()
    try:
        read(feed(1), context(), workers)
        assert workers.run(jobs.loaded, (*others, "feeds.harvest.listings")) == {"feeds.harvest.listings"}
    finally:
        workers.close()


def test_S13_a_worker_stores_no_secret(workers: Workers) -> None:
    gate = PublicationGate(frozenset({"s3cret-of-mine"}), "wire.example.org,2026")
    encode = partial(encode_article, clean=gate.clean_article)
    response = feed(1, edit=" s3cret-of-mine")
    listings = [read(response, context(encode=encode), where) for where in (None, workers)]
    assert listings[0] == listings[1]
    for listing in listings:
        assert isinstance(listing, ReadListing) and isinstance(listing.harvest, Harvest)
        (row,) = listing.harvest.articles
        assert b"s3cret" not in row.html and "***" in decode_article(row).summary
