"""Real feeds: each is pulled, published in every format, and read back as the same articles."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from origin import Document, Origin
from render.schemas import schema_errors
from render.validators import VALIDATORS
from wire import Wire

import feeds
from feeds.iri import is_absolute_iri

CORPORA = os.environ.get("FEEDS_CORPORA")
# What a format cannot carry, as members of a JSON Feed item, those of `_feeds` after a stroke.
LOST: Mapping[str, frozenset[str]] = {
    # Of people RSS and Atom keep the names, of attachments not the title; of an item's origin RSS keeps title and feed;
    # a date of change RSS has not, and Atom demands one. Neither tells the page that a link post is about, nor facts
    # that have no element.
    "rss": frozenset({"summary", "date_modified", "external_url", "_feeds/source", "_feeds/media", "_feeds/extra"}),
    "atom": frozenset({"summary", "date_modified", "external_url", "_feeds/source", "_feeds/media", "_feeds/extra"}),
    "json": frozenset(),
}
# What `feeds.read` alone shows, and facts of podcasts.
NOT_COMPARED = frozenset({"author"}) | {
    f"_feeds/{name}" for name in ("found", "reader", "published_id", "people", "podcast")
}
UNTITLED_AND_EMPTY = frozenset({"content_text", "content_html", "title"})  # RSS must say something (R26)


def _facts(item: Mapping[str, object], names_only: bool) -> dict[str, object]:
    facts = {name: value for name, value in item.items() if name != "_feeds"}
    facts |= {f"_feeds/{name}": value for name, value in item.get("_feeds", {}).items()}  # type: ignore[attr-defined]
    if names_only and "authors" in facts:
        facts["authors"] = [author["name"] for author in facts["authors"] if "name" in author]  # type: ignore[attr-defined]
    if names_only and "attachments" in facts:  # an enclosure has no title
        facts["attachments"] = [attachment | {"title": None} for attachment in facts["attachments"]]  # type: ignore[attr-defined]
    return {name: value for name, value in facts.items() if name not in NOT_COMPARED and value}


def _without_word_scheme(category: Mapping[str, str]) -> dict[str, str]:
    """Return a category as Atom can hold it: a scheme is an IRI (C2)."""
    return {name: value for name, value in category.items() if name != "scheme" or is_absolute_iri(value)}


@pytest.mark.skipif(not CORPORA, reason="FEEDS_CORPORA names no folder of real feeds")
def test_every_real_feed_is_pulled_published_and_read_back(wire: Wire, origin: Origin) -> None:
    documents = {f"f{number}": path for number, path in enumerate(sorted(Path(str(CORPORA), "real-feeds").iterdir()))}
    sources = {}
    for name, path in documents.items():
        kind = "application/json" if path.suffix == ".json" else "text/xml"
        document = Document(path.read_bytes(), etag=f'"{name}"', headers={"content_type": kind})
        sources[name] = origin.put(f"/{name}", document)
    everything = {name: {"title": name, "sources": [name], "steps": [{"limit": 100000}]} for name in documents}
    wire.declare(sources, everything)
    turn = wire.turn()
    assert turn.visits == len(documents)
    for name, path in documents.items():
        try:
            wanted = feeds.read(path.read_bytes(), sources[name])
        except feeds.ParseError:
            continue
        assert len(wire.items(name)) >= len({item["id"] for item in wanted["items"]}), path.name  # type: ignore[attr-defined]
        _assert_reads_back(wire, name)
    before = wire.inodes()
    request_count = len(origin.requests)
    wire.now += timedelta(days=1)
    again = wire.turn()
    assert (again.articles, again.files) == (0, [])
    assert wire.inodes() == before
    assert all("if-none-match" in request.headers for request in origin.requests[request_count:])


def _assert_reads_back(wire: Wire, name: str) -> None:
    """R16–R40: what was published is read by our own parser as the same articles."""
    published = {item["id"]: item for item in wire.items(name)}
    for suffix, lost in LOST.items():
        body = (wire.public / f"{name}.{suffix}").read_bytes()
        assert (VALIDATORS[suffix](body), schema_errors(suffix, body)) == ([], []), name
        read = {item["id"]: item for item in feeds.read(body, f"https://wire.example.org/{name}.{suffix}")["items"]}  # type: ignore[attr-defined]
        assert read.keys() == published.keys()
        for key, item in published.items():
            before, after = _facts(item, suffix != "json"), _facts(read[key], suffix != "json")
            if suffix == "atom" and "_feeds/categories" in before:
                before["_feeds/categories"] = [_without_word_scheme(it) for it in before["_feeds/categories"]]  # type: ignore[attr-defined]
            differ = {fact for fact in before.keys() | after.keys() if before.get(fact) != after.get(fact)} - lost
            if "title" not in before and "content_html" not in before:
                differ -= UNTITLED_AND_EMPTY
            if suffix == "atom" and "authors" not in before:
                differ -= {"authors"}  # the feed's author answers for it (R16)
            if suffix == "atom" and "content_html" not in before:
                differ -= {"content_html", "content_text"}  # the title stands for a text (C2)
            if suffix == "rss" and "date_published" not in before:
                differ -= {"date_published"}  # that of the change stands for it (C1)
            assert not differ, (name, suffix, [(before.get(fact), after.get(fact)) for fact in differ])
