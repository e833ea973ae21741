"""Real commands that are killed at any moment while what they read changes: nothing is torn, doubled or lost."""

from __future__ import annotations

import random
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from os import kill
from pathlib import Path
from xml.etree import ElementTree

import forked
import pytest
from forked import ForkedCommand
from origin import KEEP, Behaviour, Document, Origin, reply
from wire import Wire

from feeds.app.control_socket import connect
from feeds.app.operations import RunRequest
from feeds.errors import FeedsError

MAX_FRONT_STORIES = 400
ENDS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
HTML = {"content_type": "text/html; charset=utf-8"}
SENTENCE = "The ferry left at seven with forty passengers and a cargo of apples, and nobody gave it a second look. "
LINUX = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="child processes are found in /proc")


class Sources:
    """Two feeds, a feed of teasers and a front page, whose stories have pages, and our own stories; they only grow."""

    def __init__(self, origin: Origin, rng: random.Random) -> None:
        self._origin = origin
        self._rng = rng
        self._edits: dict[str, list[int]] = {name: [0] * 8 for name in ("one", "two", "teasers", "front", "desk")}
        self.declared = {
            "one": origin.put("/one", self._document(lambda: self._feed("one"))),
            "two": origin.put("/two", self._document(lambda: self._feed("two"))),
            "teasers": {
                "feed": origin.put("/teasers", self._document(lambda: self._feed("teasers"))),
                "full_text": True,
            },
            "front": {"page": origin.put("/front", self._document(self._front, **HTML)), "stories": "article h2 a"},
            "desk": {"files": "stories/*.md"},
        }

    def change(self, *installations: Wire) -> None:
        """Add a story to each source, and edit one; a front page has fewer than 500 (F32)."""
        for name, edits in self._edits.items():
            edits[self._rng.randrange(len(edits))] += 1
            if name != "front" or len(edits) < MAX_FRONT_STORIES:
                edits.append(0)
        self.save(*installations)

    def save(self, *installations: Wire) -> None:
        """Write our own stories, and make the pages of the others."""
        for name in ("teasers", "front"):
            for number in range(len(self._edits[name])):
                self._origin.put(f"/{name}/{number}", self._page(f"{name} {number}"))
        for installation in installations:
            folder = installation.config.parent / "stories"
            folder.mkdir(parents=True, exist_ok=True)
            for number, edit in enumerate(self._edits["desk"]):
                text = f"---\ndate: 2026-02-01\n---\n# desk {number} ({edit})\n\nText.\n"
                path = folder / f"{number}.md"
                if not path.exists() or path.read_text() != text:
                    path.write_text(text)

    def _document(self, body: Callable[[], bytes], **headers: str) -> Behaviour:
        return lambda request: Document(body(), headers=headers)(request)

    def _feed(self, name: str) -> bytes:
        items = "".join(
            f"<item><guid isPermaLink='false'>{name}-{number}</guid><title>{name} {number} ({edit})</title>"
            f"<link>{self._origin.url(f'/{name}/{number}')}</link><description>Of {number}, {edit}.</description>"
            f"<pubDate>Sun, 01 Feb 2026 {number // 60 % 24:02}:{number % 60:02}:00 GMT</pubDate></item>"
            for number, edit in enumerate(self._edits[name])
        )
        return f"<rss version='2.0'><channel><title>{name}</title>{items}</channel></rss>".encode()

    def _front(self) -> bytes:
        cards = "".join(
            f"<article><h2><a href='/front/{number}'>front {number}</a></h2><p>A teaser.</p></article>"
            for number in range(len(self._edits["front"]))
        )
        return f"<html lang='en'><head><title>Front</title></head><body><main>{cards}</main></body></html>".encode()

    def _page(self, title: str) -> Behaviour:
        paragraphs = "".join(f"<p>{number}. {SENTENCE * 3}</p>" for number in range(4))
        published = "<meta property='article:published_time' content='2026-02-02T07:30:00+01:00'>"
        head = f"<head><title>{title}</title><meta property='og:title' content='{title}'>{published}</head>"
        body = f"<html lang='en'>{head}<body><article><h1>{title}</h1>{paragraphs}</article></body></html>".encode()
        return lambda request: (0.05, reply(body, **HTML), KEEP)  # slow: some wait at any moment


class Victims:
    """Starts the commands of an installation and ends them, or a process of theirs."""

    def __init__(self, wire: Wire, origin: Origin, rng: random.Random) -> None:
        self._wire = wire
        self._origin = origin
        self._rng = rng
        self._daemon: ForkedCommand | None = None
        self.log = (wire.home / "log").open("w")

    def end_run(self) -> None:
        """End `feeds run` or a worker of it."""
        process = self._start("run", "--all")
        self._wait_somewhat(lambda: process.poll() is None)
        workers = self._children(process, "feeds.sandbox") if self._rng.random() < 0.3 else []
        self._end(process, *workers)
        process.wait(300)

    def end_daemon(self) -> None:
        """End a daemon, its server, or a worker of it, while it performs a `feeds run` for another process."""
        daemon = self._running_daemon()
        client = threading.Thread(target=self._run_in_daemon)
        client.start()
        self._wait_somewhat(client.is_alive)
        victim = self._rng.choice(("daemon", "server", "worker"))
        children = {"server": "--supervised", "worker": "feeds.sandbox"}
        self._end(daemon, *(self._children(daemon, children[victim]) if victim in children else ()))
        client.join(300)
        assert not client.is_alive()

    def stop_daemon(self) -> None:
        """Stop the daemon, if one runs."""
        if self._daemon:
            self._daemon.terminate()
            self._daemon.wait(300)
            self._daemon = None

    def _start(self, *arguments: str) -> ForkedCommand:
        wire = self._wire
        return forked.start(arguments, wire.home, wire.env(), self.log)

    def _running_daemon(self) -> ForkedCommand:
        """The daemon, started again when it has ended: one whose server keeps dying does."""
        while self._daemon is None or self._daemon.poll() is not None or not self._listens():
            if self._daemon is None or self._daemon.poll() is not None:
                self._daemon = self._start("daemon", "--listen", "127.0.0.1:0")
            time.sleep(0.01)
        return self._daemon

    def _listens(self) -> bool:
        connection = connect(self._wire.home / "data")
        if connection:
            with connection:
                return True
        return False

    def _run_in_daemon(self) -> None:
        with suppress(FeedsError):
            connection = connect(self._wire.home / "data")
            if connection:
                with connection:
                    connection.perform(RunRequest(everything=True))

    def _wait_somewhat(self, works: Callable[[], bool]) -> None:
        """Wait for some requests, so that something happens on a slow machine too, or for some time."""
        number = len(self._origin.requests) + self._rng.randrange(10)
        while works() and len(self._origin.requests) < number:
            time.sleep(0.002)
        time.sleep(self._rng.uniform(0, 0.3) * self._rng.randrange(2))

    def _end(self, process: ForkedCommand, *children: int) -> None:
        """End one of the children, or the process where there are none."""
        with suppress(ProcessLookupError):
            if children:
                kill(self._rng.choice(children), signal.SIGKILL)
            else:
                process.send_signal(self._rng.choice(ENDS))

    def _children(self, process: ForkedCommand, argument: str) -> list[int]:
        """The numbers of the child processes that have such an argument."""
        found: list[int] = []
        for path in Path(f"/proc/{process.pid}/task").glob("*/children"):
            with suppress(OSError):
                children = path.read_text().split()
                found += [int(id) for id in children if argument in Path(f"/proc/{id}/cmdline").read_text()]
        return found


class Reader:
    """Reads what is published after each kill, as a subscriber does."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._ids: dict[str, str] = {}  # by the title without the number of its edit

    def read(self) -> None:
        for path in self._wire.public.rglob("[!.]*.*"):
            if path.suffix in (".rss", ".atom", ".opml"):
                ElementTree.fromstring(path.read_bytes())
            elif path.suffix == ".html":
                assert path.read_bytes().rstrip().endswith(b"</html>")
        if not (self._wire.public / "all.json").exists():
            return
        items = self._wire.items()
        ids = {re.sub(r" \(\d+\)$", "", str(item["title"])): str(item["id"]) for item in items}
        assert len(set(ids.values())) == len(ids) == len(items)  # nothing is there twice
        assert self._ids.items() <= ids.items()  # nothing is lost, and nothing changes its id
        self._ids = ids


def facts(wire: Wire) -> dict[object, dict[str, object]]:
    """What subscribers get of each article, by its title, except when it was seen."""
    names = ("id", "url", "content_html", "content_text", "summary", "date_published", "authors", "tags")
    return {item["title"]: {name: item.get(name) for name in names} for item in wire.items()}


def query(wire: Wire, statement: str) -> list[tuple[object, ...]]:
    return wire.execute(statement)


@pytest.fixture
def undisturbed(tmp_path: Path) -> Wire:
    return Wire(tmp_path / "undisturbed")


@pytest.fixture
def rng() -> random.Random:
    return random.Random(20260302)


@pytest.fixture
def victims(wire: Wire, origin: Origin, rng: random.Random) -> Iterator[Victims]:
    victims = Victims(wire, origin, rng)
    yield victims
    victims.stop_daemon()
    victims.log.close()


@LINUX
@pytest.mark.parametrize("kills", [20, pytest.param(500, marks=[pytest.mark.slow, pytest.mark.timeout(7200)])])
def test_F1_R12_commands_killed_at_any_moment_end_where_undisturbed_ones_do(
    wire: Wire, undisturbed: Wire, origin: Origin, rng: random.Random, victims: Victims, kills: int
) -> None:
    sources, reader = Sources(origin, rng), Reader(wire)
    for installation in (wire, undisturbed):
        installation.declare(sources.declared)
        sources.save(installation)
    assert undisturbed.command("run").returncode == 0
    for number in range(kills):
        sources.change(wire, undisturbed)
        if number < kills // 3:
            victims.end_run()
        else:
            victims.end_daemon()
        reader.read()
    victims.stop_daemon()
    # A page whose worker was killed would be visited again some minutes later.
    query(wire, "UPDATE visits SET due_at = 0 WHERE upstream_id <> '' AND due_at IS NOT NULL")
    for installation in (wire, undisturbed):
        finished = installation.command("run", "--all")
        assert finished.returncode == 0, finished.stderr
    reader.read()
    told, expected = facts(wire), facts(undisturbed)
    assert {name for name in told.keys() | expected.keys() if told.get(name) != expected.get(name)} == set()
    assert wire.files().keys() == undisturbed.files().keys()
    twice = "SELECT feed, article, kind, digest FROM outbox GROUP BY feed, article, kind, digest HAVING count(*) > 1"
    assert query(wire, twice) == []
    verified = wire.command("verify")
    assert verified.returncode == 0, verified.stdout
