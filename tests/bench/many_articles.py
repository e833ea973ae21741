"""CPU, memory and size of a store with many articles: nothing due, one new article, status, search and checks.

`PYTHONPATH=.:tests python tests/bench/many_articles.py FOLDER [ARTICLES] [SOURCES]`: the store is made in the folder,
if it is not there yet; by default 1,000,000 articles of 1,000 sources.
"""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import factories
from database import visit_of
from wire import Wire

from feeds.model import Article, replace
from feeds.store.article_records import _with_checksum

TEMPLATES = 50  # articles that the others are copies of, with ids, addresses and times of their own
STEP = timedelta(hours=12)  # between two articles of a source
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
        moment = templates[0]["first_seen"] - (articles - number) // sources * step
        row = {
            **templates[number % len(templates)],
            "source": keys[f"s{source}"],
            **dict.fromkeys(("upstream_id", "published_id", "url", "link_key"), id),
            **dict.fromkeys(("first_seen", "updated", "position"), moment),
            "story_digest": f"{choice.getrandbits(128):032x}",
            "change_number": number + 100,
            "link_mark": choice.getrandbits(60),
            "title_mark": choice.getrandbits(60),
            "is_addition": 1,
        }
        yield {**row, "checksum": _with_checksum({**row, "body": row["body"].encode()})["checksum"]}


def run_command(wire: Wire, *arguments: str) -> None:
    """Print the CPU seconds and the megabytes of a command."""
    command = [sys.executable, "-m", "feeds", *arguments, "--config", str(wire.config)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    cpu = round(used.ru_utime + used.ru_stime, 2)
    print(json.dumps({"name": " ".join(arguments), "cpu": cpu, "mb": used.ru_maxrss // 1024, "status": status >> 8}))


def add_one_article(wire: Wire) -> None:
    """Print the CPU seconds of storing a new article, and of publishing the feeds that hold it."""
    choice = random.Random()
    with wire.app() as app:
        for number in range(3):
            began = time.process_time()
            new = replace(template(choice.getrandbits(40), choice), source_id="s7", first_seen=app.now())
            visit = next(visit for visit in app.store.due(app.now(), ["s7"]) if visit.story is None)
            app.store.record([factories.harvest(visit, new, at=app.now())])
            recorded = time.process_time()
            files = len(app.issue())
            cpu = {"record": round(recorded - began, 3), "issue": round(time.process_time() - recorded, 3)}
            print(json.dumps({"name": "one new article", "number": number, "files": files, **cpu}))


def main(folder: Path, articles: int = 1_000_000, sources: int = 1_000) -> None:
    wire = Wire(folder)
    if not wire.config.exists():
        make_store(wire, articles, sources)
    size = (folder / "data" / "feeds.db").stat().st_size
    print(json.dumps({"name": "size", "bytes": size, "bytes_per_article": size // articles}))
    with closing(sqlite3.connect(folder / "data" / "feeds.db")) as connection, connection:
        connection.execute("UPDATE visits SET due_at = ?", [int((time.time() + 5 * 86_400) * 1_000_000)])
    wire.now = datetime.now(UTC)
    for arguments in (["run"], ["run"], ["status"], ["publish"]):
        run_command(wire, *arguments)
    add_one_article(wire)
    run_command(wire, "run")
    run_command(wire, "verify")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
