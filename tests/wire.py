"""A whole installation in a temporary folder: YAML, store and public files, run in this process or as a command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import forked
import postgres
from forked import ForkedCommand
from origin import Document

from feeds import App
from feeds.app import Turn, TurnOptions
from feeds.app.turn import NetworkClient
from feeds.model import Site
from feeds.store import DatabaseAddress
from feeds.store.engines import open_engines

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
STORE = os.environ.get("FEEDS_TEST_STORE", "sqlite")  # where installations keep what they store
TITLES = (("1", "One"), ("2", "Two"), ("3", "Three"), ("4", "Four"))


@dataclass
class Wire:
    """`declare` the sources and feeds, then `turn`."""

    home: Path
    now: datetime = NOON
    store: str | None = None  # the address of a database; None: a file

    @property
    def config(self) -> Path:
        """The YAML."""
        return self.home / "config" / "feeds.yaml"

    @property
    def public(self) -> Path:
        """The published files."""
        return self.home / "public"

    def declare(self, sources: Mapping[str, object], feeds: Mapping[str, object] | None = None, **top: object) -> None:
        """Write the YAML; JSON is YAML."""
        tree: dict[str, object] = {
            "site": {"title": "The Example Wire", "url": "https://wire.example.org/"},
            "data": "../data",
            "public": "../public",
            **({"store": self.store} if self.store else {}),
            "hosts": {"gap": "0s", "at_once": 64},
            "defaults": {"every": "1h", "allow_private": ["127.0.0.0/8"]},
            "sources": sources,
            "feeds": feeds or {"all": {"title": "Everything", "steps": [{"limit": 10000}]}},
        }
        self.config.parent.mkdir(parents=True, exist_ok=True)
        self.config.write_text(json.dumps(tree | top, indent=1), encoding="utf-8")

    @property
    def database(self) -> DatabaseAddress:
        """Where the store is."""
        return self.store or self.home / "data" / "feeds.db"

    @property
    def server_database(self) -> DatabaseAddress:
        """Where servers keep what they share."""
        return self.store or self.home / "data" / "server.db"

    def execute(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement in the store, whichever it is; return its rows, or how many rows it changed."""
        engines = open_engines(self.database)
        try:
            with engines.write() as connection:
                result = connection.exec_driver_sql(statement)
                return [tuple(row) for row in result] if result.returns_rows else [(result.rowcount,)]
        finally:
            engines.close()

    def ask(self, query: str, database: DatabaseAddress | None = None) -> list[tuple[Any, ...]]:
        """Return the rows of a query to the store, or another database; nothing waits for it."""
        engines = open_engines(database or self.database)
        try:
            with engines.read() as connection:
                return [tuple(row) for row in connection.exec_driver_sql(query)]
        finally:
            engines.close()

    def app(self, network: Callable[[Site], NetworkClient] | None = None) -> App:
        """The program on this installation, its clock ours, and its network if it is given one."""
        return App(self.config, now=lambda: self.now, network=network)

    def turn(self, **orders: object) -> Turn:
        """One turn of a program that is started for it and ended after it, as cron does."""
        with self.app() as app:
            return app.turn(TurnOptions(**orders))  # type: ignore[arg-type]

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """`feeds ARGUMENTS` in a process of its own, with the modules of the program imported."""
        return forked.run(arguments, self.home, self.env())

    def fork(self, *arguments: str) -> ForkedCommand:
        """The same, left running."""
        return forked.start(arguments, self.home, self.env())

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """`feeds ARGUMENTS`, left running, in a process that has imported nothing yet."""
        return subprocess.Popen(
            self.argv(*arguments),
            cwd=self.home,
            env=self.env(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def argv(self, *arguments: str) -> list[str]:
        """The command line."""
        return [sys.executable, "-m", "feeds", *arguments]

    def env(self) -> dict[str, str]:
        """The environment of a command; the configuration is named by it."""
        return os.environ | {"FEEDS_CONFIG": str(self.config), "NO_COLOR": "1"}

    def files(self) -> dict[str, bytes]:
        """Every published file."""
        files: dict[str, bytes] = {}
        for path in self.public.rglob("*"):
            with suppress(FileNotFoundError):  # it was replaced or removed meanwhile
                if path.is_file():
                    files[str(path.relative_to(self.public))] = path.read_bytes()
        return files

    def inodes(self) -> dict[str, tuple[int, int]]:
        """Inode and time of change of every published file: equal when nothing was written."""
        stats = {path: path.stat() for path in self.public.rglob("*") if path.is_file()}
        return {str(path): (stat.st_ino, stat.st_mtime_ns) for path, stat in stats.items()}

    def items(self, feed: str = "all") -> list[dict[str, object]]:
        """The items of a published JSON Feed."""
        items: list[dict[str, object]] = json.loads((self.public / f"{feed}.json").read_bytes())["items"]
        return items


@contextmanager
def new_wire(home: Path, store: str = STORE) -> Iterator[Wire]:
    """An installation in a folder; with FEEDS_TEST_STORE=postgresql, its store is in a database of its own."""
    if store == "sqlite":
        yield Wire(home)
        return
    with postgres.database(has_tables=True) as url:
        yield Wire(home, store=url)


def rss(*items: tuple[str, str], title: str = "A source", when: str = "Mon, 02 Mar 2026 08:00:00 GMT") -> bytes:
    """An RSS document of (guid, title) items."""
    body = "".join(
        f"<item><guid isPermaLink='false'>{guid}</guid><title>{name}</title><link>https://a.example/{guid}</link>"
        f"<pubDate>{when}</pubDate><description>About {name}.</description></item>"
        for guid, name in items
    )
    head = f"<title>{title}</title><link>https://a.example/</link><description>d</description>"
    return f"<rss version='2.0'><channel>{head}{body}</channel></rss>".encode()


def document(*items: tuple[str, str], **settings: Any) -> Document:
    """An RSS document of (guid, title) items, or of four, for an origin."""
    return Document(rss(*(items or TITLES)), **settings)


def until(condition: Callable[[], object], timeout: float = 300) -> None:
    """Wait until a condition holds; fail after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true"
        time.sleep(0.01)
