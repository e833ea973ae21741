"""CPU, memory and size of a store with many articles: nothing due, one new article, status, search and checks.

`PYTHONPATH=.:tests python tests/bench/many_articles.py FOLDER [ARTICLES] [SOURCES]`: the store is made in the folder,
if it is not there yet; by default 1,000,000 articles of 1,000 sources.
"""

from __future__ import annotations

import json
import random
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import factories
from database import visit_of
from wire import Wire

from feeds.model import Article
from feeds.store.articles import _with_checksum

TEMPLATES = 50  # articles that the others are copies of, with ids, addresses and times of their own
STEP = timedelta(minutes=7)  # between two articles of a source
ROWS_AT_ONCE = 20_000


def template(number: int, choice: random.Random) -> Article:
    """Return an article of about 2 kB, as an average entry of a feed has."""
    words = [f"{choice.choice('bdfglmnprst')}{choice.choice('aeiou')}{choice.randrange(999):x}" for _ in range(2000)]
    html = "".join(f"<p>{' '.join(choice.choices(words, k=60))}.</p>" for _ in range(5))
    title = " ".join(choice.choices(words, k=8))
    return factories.article(f"s0/{number}", "s0", title=title, summary=title * 3, html=html, tags=("news", words[0]))


def declare(wire: Wire, sources: int) -> None:
    declared = {f"s{number}": {"feed": f"https://s{number}.example.org/feed"} for number in range(sources)}
    some = [f"s{number}" for number in range(0, sources, max(1, sources // 20))]
    wire.declare(
        declared, {"all": {}, "some": {"sources": some}, "one": {"sources": ["s7"]}, "news": {"tags": ["news"]}}
    )


def make_store(wire: Wire, articles: int, sources: int) -> None:
    """Write the YAML, and a store in which nothing is due."""
    choice = random.Random(1)
    declare(wire, sources)
    with wire.app() as app:
        visit = visit_of(app.store, "s0", wire.now)  # type: ignore[arg-type]
        app.store.record([factories.harvest(visit, *(template(n, choice) for n in range(TEMPLATES)), at=wire.now)])
    with closing(sqlite3.connect(wire.home / "data" / "feeds.db")) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -400000")
        connection.row_factory = sqlite3.Row
        templates = [dict(row) for row in connection.execute("SELECT * FROM articles")]
        keys = dict(connection.execute("SELECT id, key FROM sources").fetchall())
        columns = [name for name in templates[0] if name != "key"]
        insert = f"INSERT INTO articles ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"
        rows = copies(templates, keys, articles, sources, choice)
        while batch := [[row[name] for name in columns] for row, _ in zip(rows, range(ROWS_AT_ONCE), strict=False)]:
            connection.executemany(insert, batch)
            connection.commit()
        connection.execute("UPDATE sources SET change_number = ?", [articles + 100])
        connection.execute("UPDATE meta SET last_change_number = ?", [articles + 100])
        connection.execute("UPDATE visits SET due_at = due_at + 5 * 86400 * 1000000")
        connection.commit()


def copies(
    templates: list[dict[str, Any]], keys: dict[str, int], articles: int, sources: int, choice: random.Random
) -> Iterator[dict[str, Any]]:
    """Yield the rows of further articles, as their sources would have brought them: newer ones later."""
    step = STEP // timedelta(microseconds=1)
    for number in range(len(templates), articles):
        source = number % sources
        id = f"https://s{source}.example.org/2026/{number:x}"
        time = templates[0]["first_seen"] - (articles - number) // sources * step
        row = {
            **templates[number % len(templates)],
            "source": keys[f"s{source}"],
            **dict.fromkeys(("upstream_id", "published_id", "url", "link_key"), id),
            **dict.fromkeys(("first_seen", "updated", "position"), time),
            "story_digest": f"{choice.getrandbits(128):032x}",
            "change_number": number + 100,
            "link_mark": choice.getrandbits(60),
            "title_mark": choice.getrandbits(60),
            "is_addition": 1,
        }
        texts = {name: row[name].encode() for name in ("body", "html")}
        yield {**row, "checksum": _with_checksum({**row, **texts})["checksum"]}


def measure(wire: Wire, name: str, *arguments: str, code: str | None = None) -> None:
    """Print one JSON line: CPU seconds and MB of a process."""
    command = [sys.executable, "-c", code] if code else [sys.executable, "-m", "feeds", *arguments]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    finished = subprocess.run(
        ["/usr/bin/env", "time", "-f", "%M", *command], env=wire.env(), capture_output=True, text=True, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    *_, memory = finished.stderr.split()
    line = {"name": name, "cpu": round(cpu, 2), "mb": int(memory) // 1024, "last": finished.stdout.splitlines()[-1:]}
    print(json.dumps(line), flush=True)


def main(folder: Path, articles: int = 1_000_000, sources: int = 1_000) -> None:
    wire = Wire(folder)
    if not wire.config.exists():
        make_store(wire, articles, sources)
    size = (folder / "data" / "feeds.db").stat().st_size
    print(json.dumps({"name": "size", "bytes": size, "bytes_per_article": size // articles}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
