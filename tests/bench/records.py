"""CPU time to write and read stored articles: python tests/bench/records.py [--against CHECKOUT] [FOLDER].

The folder holds real feeds, and is `real-feeds` in FEEDS_CORPORA unless given; its first 1,000 articles, at most 30
of a feed, are stored, 25 an outcome. Prints microseconds an article: to make its row, to make it of its row, to
unpickle the row, to `record` (commit included) and to read with `articles` from a new connection. With `--against`, the
same for another checkout of the program in turn with this one, as old as 84bc6d1, and the ratios.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

AT = datetime(2026, 11, 22, tzinfo=UTC)
COUNT = 1000
PER_FEED = 30
PER_OUTCOME = 25
ROUNDS = 5


def measure(folder: Path) -> dict[str, float]:
    """Measure the program that is imported, whatever its version."""
    from feeds import model, normalize
    from feeds.errors import FeedsError
    from feeds.parse import parse

    def read(file: Path) -> list[Any]:
        try:
            parsed = parse(model.Fetched(f"https://{file.stat().st_size}.example/feed", file.read_bytes()))
        except FeedsError:
            return []
        context = normalize.Context("a", "wire.example.org,2026", AT)
        make_document = getattr(normalize, "document_context", lambda parsed, context: parsed)
        document = make_document(parsed, context)
        stories = [(s, normalize.upstream_id(s, parsed.base)) for s in parsed.stories[:PER_FEED]]
        return [normalize.normalize(s, document, id, normalize.story_digest(s), context) for s, id in stories]

    articles = [article for file in sorted(folder.iterdir()) for article in read(file)][:COUNT]
    encode, decode = coder()
    rows = [encode(article) for article in articles]
    times = {
        "encode": fastest(lambda: [encode(article) for article in articles]),
        "decode": fastest(lambda: [decode(row) for row in rows]),
        "unpickle": fastest(partial(pickle.loads, pickle.dumps(rows, pickle.HIGHEST_PROTOCOL))),
        "record": float("inf"),
        "articles": float("inf"),
    }
    for _ in range(ROUNDS):
        # Copies: an article that was stored once keeps its texts in UTF-8.
        for name, seconds in store_articles(pickle.loads(pickle.dumps(rows))).items():
            times[name] = min(times[name], seconds)
    return {name: seconds * 1e6 / len(articles) for name, seconds in times.items()}


def coder() -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """Return what makes the row of an article, and what makes an article of a row."""
    try:
        from feeds.rows.articles import decode_article, encode_article
    except ImportError:  # 84bc6d1 encodes an article while it is recorded
        return lambda article: article, lambda row: row
    return encode_article, decode_article


def store_articles(rows: list[Any]) -> dict[str, float]:
    """Return the CPU seconds to record articles in a new store and to read them."""
    from feeds import store as stores
    from feeds.model import Harvest, Kind, Outcome, Source

    with (
        tempfile.TemporaryDirectory() as folder,
        getattr(stores, "SqlStore", stores.Store).open(
            Path(folder) / "data" / "feeds.db", authority="wire.example.org,2026", at=AT
        ) as store,
    ):
        store.sync([Source("a", Kind.FEED, "https://a.example/feed")], AT)
        (visit,) = store.due(AT)
        # What an outcome says of the next visit, which fdb0796 spelled otherwise.
        state = (visit.state, visit.host) if hasattr(visit, "state") else (visit.host, visit.url)
        harvests = [
            Harvest(tuple(part), tuple(article.upstream_id for article in part))
            for part in (rows[start : start + PER_OUTCOME] for start in range(0, len(rows), PER_OUTCOME))
        ]
        outcomes = [Outcome(visit, AT, AT, harvest, *state) for harvest in harvests]
        return {"record": cpu(lambda: store.record(outcomes)), "articles": cpu(lambda: list(store.articles()))}


def cpu(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def fastest(work: Callable[[], object]) -> float:
    return min(cpu(work) for _ in range(ROUNDS))


def run(checkout: Path, folder: Path) -> dict[str, float]:
    """Measure a checkout in a process of its own."""
    command = [sys.executable, __file__, "--measure", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    answer = subprocess.run(command, env=environment, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
    times: dict[str, float] = json.loads(answer.stdout)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path(os.environ.get("FEEDS_CORPORA", "")) / "real-feeds"
    )
    parser.add_argument("--against", type=Path)
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.folder)))
        return
    checkouts = [Path(__file__).resolve().parents[2], *filter(None, [options.against])]
    rounds = [[run(checkout, options.folder) for checkout in checkouts] for _ in range(3)]
    best = [{name: min(times[name] for times in column) for name in column[0]} for column in zip(*rounds, strict=True)]
    for times in best:
        times["encode + record"] = times["encode"] + times["record"]
    for name, microseconds in best[0].items():
        before = best[1][name] if options.against else None
        ratio = f"   before {before:6.1f} µs   ratio {microseconds / before:.2f}" if before else ""
        print(f"{name:18} {microseconds:6.1f} µs{ratio}")


if __name__ == "__main__":
    main()
