"""CPU of publishing one new article: 10,000 articles of 50 sources, in 200 feeds of four sources each.

`PYTHONPATH=.:tests python tests/bench/one_article.py [HOURS]`: between two articles of a source, 6 by default.
"""

from __future__ import annotations

import random
import sys
import time
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import factories
from database import visit_of
from wire import NOON, Wire

from feeds.model import Article

SOURCES, ARTICLES, FEEDS, SOURCES_OF_A_FEED = 50, 200, 200, 4
ROUNDS = 3
HTML = (
    "<p>"
    + 'Lorem ipsum dolor sit amet, consetetur &amp; sadipscing <a href="https://x.example/a">elitr</a>. ' * 20
    + "</p>"
)


def article_of(source: str, number: int, age: timedelta) -> Article:
    time = NOON - age
    return factories.article(f"{source}/{number}", source, published=time, first_seen=time, updated=time, html=HTML)


def main(folder: Path, gap: timedelta) -> None:
    """Print the CPU seconds of the first issue, and of one after each of three new articles."""
    wire, choice = Wire(folder), random.Random(1)
    ids = [f"s{number}" for number in range(SOURCES)]
    feeds = {f"f{number}": {"sources": choice.sample(ids, SOURCES_OF_A_FEED)} for number in range(FEEDS)}
    wire.declare({id: {"feed": f"https://{id}.example.org/feed"} for id in ids}, feeds)
    with wire.app() as app:

        def record(source: str, *articles: Article, is_first: bool) -> None:
            visit = visit_of(app.store, source, wire.now + timedelta(days=400))  # type: ignore[arg-type]
            app.store.record([factories.harvest(visit, *articles, at=wire.now, is_first=is_first)])

        def issue(what: str) -> None:
            began = time.process_time()
            files = app.issue()
            print(f"{what}: {len(files)} files, {time.process_time() - began:.2f} s")

        for id in ids:
            record(id, *(article_of(id, number, gap * number) for number in range(ARTICLES)), is_first=True)
        issue("all feeds")
        for number in range(ROUNDS):
            wire.now += timedelta(hours=1)
            record("s7", article_of("s7", ARTICLES + number, NOON - wire.now), is_first=False)
            issue("one new article")


if __name__ == "__main__":
    with TemporaryDirectory() as name:
        main(Path(name), timedelta(hours=float(sys.argv[1]) if len(sys.argv) > 1 else 6))
