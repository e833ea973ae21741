"""CPU of an edition of 1,000 articles in RSS, Atom and JSON: all new, and after one change; then the whole issue.

`PYTHONPATH=.:tests python tests/bench/editions.py`
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import factories
from database import visit_of
from wire import NOON, Wire

from feeds.app.entry_cache import EntryCache
from feeds.model import Article, Author, Feed, Origin, replace
from feeds.render import render

ARTICLES, ROUNDS = 1_000, 9
FEED = Feed("world", "World", formats=("rss", "atom", "json"))
ORIGIN = Origin("tag:x.example,2001:feed", "News & Co", "https://x.example/", "https://x.example/feed.xml")
HTML = (
    "<p>"
    + 'Lorem ipsum dolor sit amet, consetetur &amp; sadipscing <a href="https://x.example/a">elitr</a>. ' * 20
    + "</p>"
)


def article_of(number: int) -> Article:
    time = NOON - number * timedelta(hours=1)
    return factories.article(
        f"s/{number}",
        "s",
        summary="A summary of " + "words " * 20,
        html=HTML,
        authors=(Author("Jane Doe", "https://x.example/jane"),),
        tags=("weather", "rome"),
        image=f"https://x.example/{number}.jpg",
        origin=ORIGIN,
        published=time,
        first_seen=time,
        updated=time,
    )


def measure(what: str, work: Callable[[], object]) -> None:
    """Print the median of CPU milliseconds."""
    seconds = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    print(f"{what}: {median(seconds) * 1000:.1f} ms")


def measure_rendering() -> None:
    """Print what the documents cost without entries that are kept, and with all but one."""
    articles, kept, numbers = [article_of(number) for number in range(ARTICLES)], EntryCache(), count(1)

    def publish(entries: EntryCache, *shown: Article) -> None:
        for document in render(factories.edition(*shown, feed=FEED, updated=NOON), entries.get):
            if document.new:
                entries.add(document.new.format_name, document.new.entries)

    measure("all new", lambda: publish(EntryCache(), *articles))
    publish(kept, *articles)
    measure("one changed", lambda: publish(kept, replace(articles[0], title=f"Edition {next(numbers)}"), *articles[1:]))


def measure_issues(folder: Path) -> None:
    """Print what issuing such a feed costs in a daemon, its page and archive included, after each new article."""
    wire, numbers = Wire(folder), count(1)
    limit = {"limit": {"count": ARTICLES, "hours": 0, "bytes": "50MB"}}
    wire.declare({"s": {"feed": "https://s.example.org/feed"}}, {"all": {"steps": [limit]}})
    with wire.app() as app:

        def record(*articles: Article, is_first: bool = False) -> None:
            visit = visit_of(app.store, "s", wire.now + timedelta(days=400))  # type: ignore[arg-type]
            app.store.record([factories.harvest(visit, *articles, at=wire.now, is_first=is_first)])

        def add_and_issue() -> None:
            wire.now += timedelta(hours=1)
            record(article_of(-next(numbers)))
            app.issue()

        record(*map(article_of, range(ARTICLES)), is_first=True)
        app.issue()
        measure("one new article, recorded and issued", add_and_issue)


if __name__ == "__main__":
    measure_rendering()
    with TemporaryDirectory() as name:
        measure_issues(Path(name))
