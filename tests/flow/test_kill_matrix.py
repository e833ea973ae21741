"""The real commands, killed at random moments while contents change: no file torn, nothing lost, doubled or renamed.

Beside the installation whose processes are killed there is an undisturbed one, which makes a turn after each change.
In the end both have to hold the same. Beyond `test_kills`, entries leave their listings, an article is retracted, the
files are read all the time, and exit codes and restarts are checked.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

import pytest
from origin import KEEP, Behaviour, Document, Origin, Piece, Request, reply
from wire import Wire, until

from feeds.app import App, TurnOptions

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are found in /proc")

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
PATIENCE = 300.0  # seconds, for a busy machine
RETRACTED = "urn:x:friend1-41"  # listed from the first moment to the last
PAGE_SECONDS = 0.4  # that a story page takes: at most kills some of them are in flight
LISTED = 8  # entries of a listing, above which the oldest leave it
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
SENTENCE = "The ferry left at seven in the morning with forty passengers and a cargo of apples, as it always does. "


# ── contents that change ────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Entry:
    """An entry of a listing, or a story of our own; `number` is unique, and its minute of publication."""

    name: str
    number: int
    edition: int = 0

    @property
    def title(self) -> str:
        return f"What the ferry carried for {self.name}, edition {self.edition}"

    @property
    def date(self) -> datetime:
        return NEW_YEAR + timedelta(minutes=self.number)


class News:
    """The contents of all sources: feeds, one with pages to follow, a web page, an OPML list, and folders of stories.

    Each `change` adds, edits and removes. What is removed was published before, as it was listed last: else nobody
    could say whether it was lost.
    """

    def __init__(self, origin: Origin, homes: Iterable[Path], rng: random.Random) -> None:
        self._origin = origin
        self._homes = list(homes)
        self._rng = rng
        self._count = 0
        self._friends = 2
        self._entries: dict[str, list[Entry]] = {}
        self.documents: dict[str, Document] = {}
        for name in ("a", "b", "teasers", "news", "desk", "friend1", "friend2"):
            self._entries[name] = []
            for _ in range(LISTED):
                self._add(name)
            self._show(name)
        self._show_friends()

    def sources(self) -> dict[str, object]:
        """The sources of the YAML."""
        url = self._origin.url
        declared: dict[str, dict[str, object]] = {
            "a": {"feed": url("/a")},
            "b": {"feed": url("/b")},
            "teasers": {"feed": url("/teasers"), "full_text": True},
            "news": {"page": url("/news"), "stories": "article h2 a"},
            "desk": {"files": "stories/*.md"},
            "friends": {"opml": url("/friends")},
        }
        return {name: settings | {"every": "1s"} for name, settings in declared.items()}

    def change(self, published: frozenset[str], always: str = "a") -> None:
        """Change two sources and another; entries whose title is `published` may leave."""
        for name in {always: 0, **dict.fromkeys(self._rng.sample(sorted(self._entries), 2))}:
            self._add(name)
            entries = self._entries[name]
            if name != "news":  # what a web page calls its stories is not followed
                self._edit(self._rng.choice(entries))
            if len(entries) > LISTED and entries[0].title in published:
                self._remove(name, entries.pop(0))
            self._show(name)
        if self._rng.random() < 0.1:
            self._friends += 1
            self._entries[f"friend{self._friends}"] = []
            self._add(f"friend{self._friends}")
            self._show(f"friend{self._friends}")
            self._show_friends()

    def titles(self, *names: str) -> frozenset[str]:
        """The titles of all that these sources list."""
        return frozenset(entry.title for name in names for entry in self._entries[name])

    def _add(self, name: str) -> None:
        self._count += 1
        self._entries[name].append(Entry(f"{name}-{self._count}", self._count))

    def _edit(self, entry: Entry) -> None:
        self._count += 1
        entry.edition = self._count

    def _remove(self, name: str, entry: Entry) -> None:
        for home in self._homes if name == "desk" else ():
            (home / "config" / "stories" / f"{entry.name}.md").unlink()

    def _show(self, name: str) -> None:
        """Put the entries of a source where it finds them."""
        entries = self._entries[name]
        if name == "desk":
            for entry in entries:
                self._write_story(entry)
        elif name == "news":
            self._put("/news", page_of_links(entries), "text/html; charset=utf-8")
        else:
            self._put(f"/{name}", feed_of(name, entries, self._origin.url("")), "application/rss+xml")
        for entry in entries if name in ("news", "teasers") else ():
            self._origin.put(f"/{entry.name}", slow_page(entry))

    def _show_friends(self) -> None:
        outlines = "".join(
            f"<outline type='rss' text='friend{n}' xmlUrl={quoteattr(self._origin.url(f'/friend{n}'))}/>"
            for n in range(1, self._friends + 1)
        )
        self._put("/friends", f"<opml version='2.0'><head/><body>{outlines}</body></opml>", "text/x-opml")

    def _put(self, path: str, text: str, media_type: str) -> None:
        document = self.documents.setdefault(path, Document(b"", headers={"content_type": media_type}))
        document.body, document.etag = text.encode(), f'"{self._count}"'
        self._origin.put(path, document)

    def _write_story(self, entry: Entry) -> None:
        text = f"---\ntitle: '{entry.title}'\ndate: {entry.date.isoformat()}\n---\n{entry.title}. {SENTENCE}\n"
        for home in self._homes:
            path = home / "config" / "stories" / f"{entry.name}.md"
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists() and path.read_text() == text:
                continue
            new = home / "new story"
            new.write_text(text)
            at = time.time() - 3600 + self._count  # it stands still, and no two editions have the same time
            os.utime(new, (at, at))
            new.replace(path)


def feed_of(name: str, entries: Iterable[Entry], base: str) -> str:
    """An RSS document."""
    items = "".join(
        f"<item><guid isPermaLink='false'>urn:x:{entry.name}</guid><title>{entry.title}</title>"
        f"<link>{base}/{entry.name}</link><pubDate>{format_datetime(entry.date)}</pubDate>"
        f"<description>{entry.title}. {SENTENCE}</description></item>"
        for entry in entries
    )
    return f"<rss version='2.0'><channel><title>{name}</title><link>{base}/</link>{items}</channel></rss>"


def page_of_links(entries: Iterable[Entry]) -> str:
    """A web page that lists stories."""
    cards = "".join(f"<article><h2><a href='/{entry.name}'>{entry.title}</a></h2></article>" for entry in entries)
    return f"<html lang='en'><head><title>News</title></head><body><main>{cards}</main></body></html>"


def slow_page(entry: Entry) -> Behaviour:
    """A story's own page, which takes its time."""
    paragraphs = "".join(f"<p>{number}. {entry.name}. {SENTENCE * 3}</p>" for number in range(4))
    body = (
        f"<html lang='en'><head><title>{entry.title}</title><meta property='og:type' content='article'>"
        f"<meta property='og:title' content='{entry.title}'>"
        f"<meta property='article:published_time' content='{entry.date.isoformat()}'></head>"
        f"<body><article><h1>{entry.title}</h1>{paragraphs}</article></body></html>"
    )
    answer = reply(body.encode(), content_type="text/html; charset=utf-8")

    def pieces(request: Request) -> Iterable[Piece]:
        return (PAGE_SECONDS, answer, KEEP)

    return pieces


# ── what a reader of the published files sees ───────────────────────────────────────────────────────────────────────


class Reader:
    """Reads every published file as soon as it is another, and keeps what is wrong with it."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._stamps: dict[str, tuple[int, int]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.faults: list[str] = []
        self.ids: dict[str, str] = {}  # address → id of the article that was first published with it
        self.files = 0

    def __enter__(self) -> Reader:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(0.05):
            with suppress(FileNotFoundError):  # removed meanwhile
                self._look_into(str(self._wire.public))

    def _look_into(self, folder: str) -> None:
        for entry in os.scandir(folder):
            if entry.is_dir():
                self._look_into(entry.path)
            elif not entry.name.startswith("."):
                info = entry.stat()
                stamp = info.st_ino, info.st_mtime_ns
                if self._stamps.get(entry.path) != stamp:
                    self._stamps[entry.path] = stamp
                    self._look(Path(entry.path))

    def _look(self, path: Path) -> None:
        self.files += 1
        body = path.read_bytes()
        try:
            self._read(path, body)
        except (ValueError, SyntaxError, AssertionError) as error:
            self.faults.append(f"{path}: {error!r}: {body[-100:]!r}")

    def _read(self, path: Path, body: bytes) -> None:
        match path.suffix:
            case ".json":
                items = json.loads(body)["items"]
                ids = [item["id"] for item in items]
                assert len(set(ids)) == len(ids), "an id twice"
                for item in items:
                    assert self.ids.setdefault(item["url"], item["id"]) == item["id"], "another id"
            case ".rss" | ".atom" | ".opml":
                ElementTree.fromstring(body)
            case ".html":
                assert body.rstrip().endswith(b"</html>")
            case _:
                assert body


# ── processes ───────────────────────────────────────────────────────────────────────────────────────────────────────


def processes(wire: Wire, part: str = "") -> list[int]:
    """The processes that work for an installation, whoever started them, with this `part` in their command line."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            is_ours = f"FEEDS_CONFIG={wire.config}\0".encode() in (folder / "environ").read_bytes()
            if is_ours and part.encode() in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found


SERVER, WORKER = "--supervised", "feeds.sandbox"


@dataclass
class Matrix:
    """The disturbed and the undisturbed installation, and what was done to the first."""

    wire: Wire
    undisturbed: App
    calm: Wire
    news: News
    rng: random.Random
    usual: float  # seconds that a run takes
    kills: Counter[str] = field(default_factory=Counter)
    longest_stop: float = 0.0
    outbox: dict[int, tuple[object, ...]] = field(default_factory=dict)

    def change(self, always: str = "a") -> None:
        """Change the contents; the undisturbed installation takes them at once."""
        self.news.change(self.published(), always)
        self.calm.now = datetime.now(UTC)
        turn(self.undisturbed)

    def published(self) -> frozenset[str]:
        """The titles that the disturbed installation has published."""
        return frozenset(str(item["title"]) for item in self.wire.items())

    def pause(self) -> None:
        """Wait for a random moment of a run."""
        time.sleep(self.rng.uniform(0.0, self.usual))

    def kill_run(self, number: signal.Signals) -> None:
        """Kill `feeds run` at a random moment, its start-up included."""
        while True:
            began = time.monotonic()
            process = self._start("run", "--all", number=number)
            try:
                process.wait(self.rng.uniform(0.0, self.usual))
            except subprocess.TimeoutExpired:
                return self._end(process, f"run {number.name}", number, {0, 130, -number})
            assert (process.returncode, *process.communicate()[1:]) == (0, "")
            self.usual = time.monotonic() - began  # it was quicker than thought

    def kill_daemon(self, number: signal.Signals) -> None:
        """Kill a daemon at a random moment, its start-up included, while contents change."""
        process = self._start("daemon", "--listen", "127.0.0.1:0", number=number)
        self.pause()
        self.change()
        self._end(process, f"daemon {number.name}", number, {0})

    def kill_children(self, number: signal.Signals) -> None:
        """Kill a daemon's server, which serves again; two of its workers, without which visits go on; and itself."""
        path = self.wire.home / "log"
        with path.open("w") as log:
            command = self.wire.argv("daemon", "--listen", "127.0.0.1:0")
            process = subprocess.Popen(command, cwd=self.wire.home, env=self.wire.env(), stderr=log, text=True)
        until(lambda: process.poll() is not None or "http://" in path.read_text())
        address = re.findall(r"http://\S+", path.read_text())[0]
        self.pause()
        (server,) = processes(self.wire, SERVER)
        self._kill("server", server, number)
        self.change()
        wait_for(lambda: server not in processes(self.wire, SERVER) and is_served(f"{address}all.json"))
        for _ in range(2):
            self.change("news")  # whose pages are read by workers
            wait_for(lambda: processes(self.wire, WORKER))
            self.pause()
            self._kill("worker", processes(self.wire, WORKER)[-1], signal.SIGKILL)
        self.change("b")
        wait_for(lambda: self.news.titles("a", "b") <= self.published())
        self._end(process, f"daemon {number.name}", number, {0})
        assert "Traceback" not in path.read_text()

    def retract(self, id: str) -> None:
        """Retract an article in both installations."""
        self.wire.now = datetime.now(UTC)
        with self.wire.app() as app:
            assert app.retract(id) and self.undisturbed.retract(id)

    def check_store(self) -> None:
        """Check the database as it was left; the events that it had stand as they were."""
        with database(self.wire) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
            events = {row[0]: row[1:] for row in connection.execute("SELECT * FROM outbox")}
        assert self.outbox.items() <= events.items()
        assert min(events.keys() - self.outbox.keys(), default=0) >= 0
        self.outbox = events

    def _start(self, *arguments: str, number: signal.Signals) -> subprocess.Popen[str]:
        process = self.wire.start(*arguments)
        if number != signal.SIGKILL:
            until(lambda: process.poll() is not None or has_begun(process))
        return process

    def _kill(self, name: str, pid: int, number: signal.Signals) -> None:
        os.kill(pid, number)
        self.kills[f"{name} {number.name}"] += 1

    def _end(self, process: subprocess.Popen[str], name: str, number: signal.Signals, codes: set[int]) -> None:
        began = time.monotonic()
        process.send_signal(number)
        _, errors = process.communicate(timeout=PATIENCE)
        self.longest_stop = max(self.longest_stop, time.monotonic() - began)
        self.kills[name] += 1
        assert process.returncode in ({-number} if number == signal.SIGKILL else codes), errors
        assert "Traceback" not in (errors or ""), errors


def has_begun(process: subprocess.Popen[str]) -> bool:
    """Whether our first line was reached, as SIGTERM is held or handled; before it, only Python sees signals."""
    masks = re.findall(r"Sig(?:Blk|Cgt):\s*(\w+)", Path(f"/proc/{process.pid}/status").read_text())
    return any(int(mask, 16) & 1 << signal.SIGTERM - 1 for mask in masks)


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until a condition holds that costs something to find out."""
    until(lambda: condition() or time.sleep(0.2))


def turn(app: App) -> list[str]:
    """Make a turn that visits all; return the files that it wrote."""
    return app.turn(TurnOptions(everything=True)).files


def is_served(address: str) -> bool:
    """Whether a file is served."""
    try:
        with urllib.request.urlopen(address, timeout=60) as response:
            return bool(response.read())
    except OSError:
        return False


@contextmanager
def database(wire: Wire) -> Iterator[sqlite3.Connection]:
    """A copy of the store as it is on the disk: whoever opens it first after a kill repairs it."""
    copy = wire.home / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir()
    for suffix in ("", "-wal"):
        with suppress(FileNotFoundError):
            shutil.copy(wire.home / "data" / f"feeds.db{suffix}", copy)
    with closing(sqlite3.connect(copy / "feeds.db")) as connection:
        yield connection


# Of an edit without a time of its own, the time when it was first seen is published.
TIMES = re.compile(rb'"date_modified":"[^"]*",?|<updated>[^<]*</updated>|<lastBuildDate>[^<]*</lastBuildDate>')
ARTICLES = """
SELECT sources.id, upstream_id, published_id, story_digest, url, story_key, tags, body, html, retracted_at IS NULL
FROM articles JOIN sources ON articles.source = sources.key ORDER BY 1, 2
"""
TOMBSTONES = """
SELECT sources.id, upstream_id, published_id, reason FROM tombstones JOIN sources ON source = sources.key ORDER BY 1, 2
"""


def stored(wire: Wire) -> tuple[list[tuple[object, ...]], ...]:
    """The articles and the tombstones that a store holds, without the times when it first saw them."""
    with database(wire) as connection:
        return connection.execute(ARTICLES).fetchall(), connection.execute(TOMBSTONES).fetchall()


def replay(wire: Wire) -> dict[str, str]:
    """The published id → title of all that a follower of the outbox holds in the end.

    An event that says what its follower knew already would be one that got two numbers.
    """
    held: dict[str, tuple[str, str]] = {}
    with database(wire) as connection:
        for kind, id, digest, item in connection.execute(
            "SELECT kind, published_id, digest, item FROM outbox WHERE feed = 'all' ORDER BY seq"
        ):
            if kind == "retract":
                del held[id]
            else:
                assert held.get(id, ("", ""))[0] != digest, f"{id} twice"
                held[id] = digest, json.loads(item)["title"]
    return {id: title for id, (_, title) in held.items()}


def published(wire: Wire) -> dict[str, bytes]:
    """The published files without the times at which an edit was first seen, and what follows from them."""
    return {path: TIMES.sub(b"", body) for path, body in wire.files().items()}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 17))
@pytest.mark.timeout(1800)
def test_F1_F38_R12_commands_that_are_killed_twenty_times_converge(tmp_path: Path, origin: Origin, seed: int) -> None:
    """320 kills in all; `-rP` shows the figures."""
    rng = random.Random(seed)
    wire, calm = Wire(tmp_path / "disturbed"), Wire(tmp_path / "calm")
    news = News(origin, [wire.home, calm.home], rng)
    for installation in (wire, calm):
        installation.declare(news.sources())
    began = time.monotonic()
    assert wire.command("run").returncode == 0
    usual = time.monotonic() - began
    calm.now = datetime.now(UTC)
    with calm.app() as undisturbed, Reader(wire) as reader:
        turn(undisturbed)
        matrix = Matrix(wire, undisturbed, calm, news, rng, usual)
        matrix.retract(RETRACTED)
        for step in episodes(matrix):
            matrix.change()
            step()
            matrix.check_store()
        print(f"\n{dict(matrix.kills)}; {reader.files} files read; longest stop {matrix.longest_stop:.2f} s")
        assert sum(matrix.kills.values()) == 20
        finished = wire.command("run", "--all")
        assert (finished.returncode, finished.stderr) == (0, "")
        # Pages whose visits were killed are visited again after ten minutes (E12).
        wire.now = calm.now = datetime.now(UTC) + timedelta(hours=1)
        turn(undisturbed)
        wire.turn(everything=True)
        assert wire.turn(everything=True).files == []
    assert reader.faults == []
    verified = wire.command("verify")
    assert verified.returncode == 0, verified.stdout
    wait_for(lambda: not processes(wire))
    assert stored(wire) == stored(calm)
    titles = {item["id"]: item["title"] for item in wire.items()}
    assert RETRACTED not in titles
    assert replay(wire) == replay(calm) == titles
    assert published(wire) == published(calm)


def episodes(matrix: Matrix) -> list[Callable[[], None]]:
    """Twenty kills: of each process, by each signal, in random order."""
    kill, terminate, _ = SIGNALS
    steps = [
        *(partial(matrix.kill_run, number) for number in SIGNALS * 3),
        *(partial(matrix.kill_daemon, number) for number in SIGNALS),
        *(partial(matrix.kill_children, number) for number in (kill, terminate)),
    ]
    matrix.rng.shuffle(steps)
    return steps
