"""Parts of the program, each in a process of its own: `python -m tests.bench.stages NAME COUNT` prints a line of JSON.

The figures are CPU seconds of the part alone; what imports and preparations take is left out.
"""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory

import factories
from database import visit_of
from wire import Wire

from feeds.app.entry_cache import EntryCache
from feeds.fetch import Fetcher
from feeds.model import Article, Document, Feed, Fetched, NotModified, Parsed, Site, Validators, replace
from feeds.normalize import Context, document_context, normalize, story_digest, upstream_id
from feeds.parse import parse
from feeds.publish import open_target
from feeds.render import render
from feeds.search_text import parse_query
from feeds.store import ServerDatabase
from feeds.store.search_index import SearchableStory, SearchIndex

from .documents import ENTRIES, make_document, make_text

AT = datetime(2026, 11, 22, tzinfo=UTC)
Figures = Mapping[str, float]


class Stopwatch:
    """CPU seconds by name."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def measure(self, name: str) -> Iterator[None]:
        """Add what is done inside."""
        began = time.process_time()
        yield
        self.seconds[name] = self.seconds.get(name, 0.0) + time.process_time() - began


# ── documents to articles ───────────────────────────────────────────────────────────────────────────────────────────


def make_fetched(number: int) -> Fetched:
    return Fetched(f"https://site{number}.example/feed", make_document(number))


def normalize_stories(parsed: Parsed, source: str) -> list[Article]:
    context = Context(source, factories.AUTHORITY, AT)
    document = document_context(parsed, context)
    return [
        normalize(story, document, upstream_id(story, parsed.base), story_digest(story), context)
        for story in parsed.stories
    ]


def measure_parse(count: int) -> Figures:
    """Measure reading so many documents into articles."""
    watch = Stopwatch()
    documents = [make_fetched(number) for number in range(count)]
    with watch.measure("parse"):
        parsed = [parse(document) for document in documents]
    with watch.measure("normalize"):
        articles = [normalize_stories(each, "a") for each in parsed]
    return {**watch.seconds, "entries": sum(map(len, articles))}


# ── store, documents out ────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def make_wire() -> Iterator[Wire]:
    with TemporaryDirectory() as folder:
        yield Wire(Path(folder), AT)


def render_documents(entries: EntryCache, articles: Sequence[Article]) -> None:
    feed = Feed("all", "All", formats=("rss", "atom", "json"))
    for document in render(factories.edition(*articles, feed=feed, updated=AT, as_stored=True), entries.get):
        if document.new:
            entries.add(document.new.format_name, document.new.entries)


def measure_render(count: int) -> Figures:
    """Measure a feed of so many articles: its documents in three formats; and its record and issue in all of them.

    Each of all articles, then after one change. `read` is the part of the store in an issue, `put` that of the files,
    with and without compressed siblings.
    """
    watch = Stopwatch()
    parsed = [parse(make_fetched(number)) for number in range(count // ENTRIES + 1)]
    newest, *articles = [article for each in parsed for article in normalize_stories(each, "a")][: count + 1]
    stored = [replace(article, key=key, changed=key) for key, article in enumerate(articles, 1)]
    entries, changed = EntryCache(), replace(stored[0], title="Another title", changed=count + 1)
    with watch.measure("render all"):
        render_documents(entries, stored)
    with watch.measure("render after one change"):
        render_documents(entries, [changed, *stored[1:]])
    with make_wire() as wire:
        limit = {"limit": {"count": count, "hours": 0, "at_most": count, "bytes": "100MB"}}
        wire.declare({"a": {"feed": "https://a.example/feed"}}, {"all": {"title": "All", "steps": [limit]}})
        with wire.app() as app:
            for name, new in (("all", articles), ("after one change", [newest])):
                visit = visit_of(app.store, "a", wire.now + timedelta(days=400))  # type: ignore[arg-type]
                with watch.measure(f"record {name}"):
                    app.store.record([factories.harvest(visit, *new, at=wire.now, is_first=new is articles)])
                with watch.measure(f"issue {name}"):
                    app.issue()
                wire.now += timedelta(hours=1)
            with watch.measure("read all"):
                assert sum(1 for _ in app.store.articles()) == count + 1
        bodies = [Document(path.name, path.read_bytes(), "") for path in wire.public.glob("all.*")]
        for name, codings in (("put", []), ("put with gzip", ["gzip"])):
            with watch.measure(name):
                open_target(wire.home / name, codings).put(bodies)
    return watch.seconds


def measure_publish(count: int) -> Figures:
    """Measure one new article among 50 × `count` articles of 50 sources, in `count` feeds of four sources each."""
    sources, hours, choice, watch = 50, 6, random.Random(1), Stopwatch()
    html = f"<p>{make_text(choice, 200)}</p>"

    def make_article(source: str, number: int, age: timedelta) -> Article:
        at = AT - age
        return factories.article(f"{source}/{number}", source, published=at, first_seen=at, updated=at, html=html)

    with make_wire() as wire:
        ids = [f"s{number}" for number in range(sources)]
        feeds = {f"f{number}": {"sources": choice.sample(ids, 4)} for number in range(count)}
        wire.declare({id: {"feed": f"https://{id}.example.org/feed"} for id in ids}, feeds)
        with wire.app() as app:

            def record(source: str, *articles: Article, is_first: bool) -> None:
                visit = visit_of(app.store, source, wire.now + timedelta(days=400))  # type: ignore[arg-type]
                app.store.record([factories.harvest(visit, *articles, at=wire.now, is_first=is_first)])

            for id in ids:
                record(id, *(make_article(id, n, timedelta(hours=hours * n)) for n in range(count)), is_first=True)
            with watch.measure("all feeds"):
                app.issue()
            wire.now += timedelta(hours=1)
            record("s7", make_article("s7", count, AT - wire.now), is_first=False)
            with watch.measure("one new article"):
                files = len(app.issue())
    return {**watch.seconds, "files": files}


# ── the network's side of a visit ───────────────────────────────────────────────────────────────────────────────────


def measure_fetch(count: int, port: int) -> Figures:
    """Measure visits that bring a 304 from an origin at this port, of the client alone."""
    watch = Stopwatch()
    urls = {
        "a new host": [f"http://127.0.{n // 250}.{n % 250 + 1}:{port}/0" for n in range(1, count + 1)],
        "a new connection": [f"http://127.0.0.1:{port}/close/0"] * count,
        "a kept connection": [f"http://127.0.0.1:{port}/0"] * count,
    }
    for name, addresses in urls.items():
        fetcher = Fetcher(Site("Bench", "https://bench.example/"), allow=("127.0.0.0/8",))
        first = fetcher.fetch(factories.visit_to(addresses[0]))
        assert isinstance(first, Fetched)
        validators = Validators(first.validators.etag, first.validators.last_modified)
        visits = [factories.visit_to(address, validators) for address in addresses]
        with watch.measure(name):
            assert all(isinstance(fetcher.fetch(visit), NotModified) for visit in visits)
        fetcher.close()
    return watch.seconds


# ── search ──────────────────────────────────────────────────────────────────────────────────────────────────────────

VOCABULARY = 60_000
STORY_WORDS, STORY_LETTERS = 400, 800  # one story of ten is Japanese
JAPANESE = [chr(code) for code in range(0x4E00, 0x4E00 + 2_000)]


def make_stories(count: int, words: list[str], letters: str) -> Iterator[SearchableStory]:
    """Yield stories with words as in natural language: the most frequent one stands in nearly every story (Zipf)."""
    dice = random.Random(1)
    weights = list(accumulate(1 / rank for rank in range(1, VOCABULARY + 1)))
    stream = dice.choices(words, cum_weights=weights, k=1_000_000)
    for key in range(1, count + 1):
        place = dice.randrange(1_000_000 - STORY_LETTERS)
        drawn = stream[place : place + STORY_WORDS]
        text = letters[place : place + STORY_LETTERS] if key % 10 == 0 else " ".join(drawn)
        position = AT + timedelta(minutes=30 * key)
        yield SearchableStory(key, 1, position, key, " ".join(drawn[:9]), f"Source {key % 100}", text)


def measure_search(count: int) -> Figures:
    """Measure making the index of so many stories, and searches in it."""
    dice, watch = random.Random(2), Stopwatch()
    alphabet = "eeeetttaaoooiinnssrrhhlldcumfpgwybvk"
    words = ["".join(dice.choices(alphabet, k=dice.randint(2, 10))) for _ in range(VOCABULARY)]
    letters = "".join(dice.choices(JAPANESE, k=1_000_000))
    stories = list(make_stories(count, words, letters))
    with TemporaryDirectory() as folder, closing(ServerDatabase(Path(folder) / "server.db")) as database:
        database.open()
        index = SearchIndex(database)
        with watch.measure("index"):
            for first in range(0, count, 200):
                index.update(stories[first : first + 200])
        megabytes = (Path(folder) / "server.db").stat().st_size / 1e6
        for name, query in {
            "a rare word": words[40_000] + " ",
            "a usual word": words[500] + " ",
            "a word of nearly all stories": words[0] + " ",
            "two words": f"{words[200]} {words[3_000]}",
            "three frequent words": f"{words[0]} {words[1]} {words[2]} ",
            "a beginning of two letters": "et",
            "a beginning of three letters": "eta",
            "a phrase of two frequent words": f'"{words[0]} {words[1]}"',
            "two Japanese letters": letters[7:9],
            "one Japanese letter": letters[7],
            "nothing": "zzzzqqqq",
        }.items():
            with watch.measure(name):
                index.find(parse_query(query))
    return {**watch.seconds, "megabytes": megabytes}


STAGES: Mapping[str, Callable[..., Figures]] = {
    "fetch": measure_fetch,
    "parse": measure_parse,
    "render": measure_render,
    "publish": measure_publish,
    "search": measure_search,
}

if __name__ == "__main__":
    print(json.dumps(STAGES[sys.argv[1]](*map(int, sys.argv[2:]))))
