"""An hour of 300 sources, a fifth of them hostile, the others changing: nothing grows, and all is published in time.

Run with `-m slow`, and `-s` for the figures; on Linux, as it reads /proc. FEEDS_SOAK_SECONDS shortens it, to four
minutes at least. The lag is measured from outside: from the moment the origin has sent an entry for the first time to
the moment a published file holds it.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import re
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from origin import KEEP, Behaviour, Origin, Piece, Request, drip, raw, reply
from soaking import BAD, Usage, daemon, family, growth, part, spelled, usage
from wire import Wire

SECONDS = float(os.environ.get("FEEDS_SOAK_SECONDS", "3600"))
WARM = max(120.0, SECONDS / 6)  # seconds after which nothing should grow any more
SAMPLE = 3.0
SOURCES = 300
GROUPS = 20
HOSTS = [f"127.0.0.{number}" for number in range(2, 255)]
EVERY = 60.0
LAG = 15.0  # seconds, at p99
GRACE = 60.0  # for what was served just before the end, and for one request to the server
ENTRIES = 25  # in a feed, and on a page

TOKEN = re.compile(rb"entry \d+ of s\d+\b")
BEGAN = datetime.now(UTC)
PARAGRAPH = "The ferry left at seven with forty passengers and a cargo of apples, as it has done since the spring. "


class Served:
    """Which new entries were sent, and when for the first time."""

    def __init__(self) -> None:
        self.times: dict[bytes, float] = {}

    def mark(self, token: str) -> None:
        """Take note that this entry was sent."""
        self.times.setdefault(token.encode(), time.monotonic())


class Changing:
    """A source whose content follows a script: its Nth answer says what is new, edited, withdrawn or as before."""

    def __init__(self, name: str, number: int, served: Served) -> None:
        self.name, self.served = name, served
        self.answers, self.newest, self.edits = number, 0, 0
        self.has_validators = number % 10 > 0

    def __call__(self, request: Request) -> Iterator[Piece]:
        self.answers += 1
        fresh = self.answers % 5 == 0
        self.newest += fresh
        self.edits += self.answers % 7 == 0
        tag = f'"{self.newest}.{self.edits}.{self.answers // 11}"'
        if self.has_validators and request.headers.get("if-none-match") == tag:
            yield reply(b"", 304, etag=tag)
        else:
            headers = {"etag": tag} if self.has_validators else {}
            yield reply(self.document(), content_type=self.media_type, **headers)
            if fresh:
                self.mark_newest()
        yield KEEP

    media_type = "application/rss+xml"

    def mark_newest(self) -> None:
        """Take note of the newest entry; all before it were taken note of."""
        self.served.mark(self.title(self.newest))

    def title(self, number: int) -> str:
        """The title of an entry, by which it is found again."""
        return f"entry {number} of {self.name}"

    def entries(self) -> list[tuple[int, str, datetime]]:
        """Number, text and date of the entries; one of the older is edited now and then, one is missing at times."""
        missing = self.newest - 12 if self.answers // 11 % 2 else None
        return [
            (number, PARAGRAPH * 4 + f"Edition {self.edits if number == self.newest - 6 else 0}.", self.date(number))
            for number in range(self.newest, self.newest - ENTRIES, -1)
            if number != missing
        ]

    def date(self, number: int) -> datetime:
        """Entries of before the start are some days old."""
        return BEGAN + (timedelta(minutes=number) if number > 0 else timedelta(number - 3))

    def document(self) -> bytes:
        """The source now."""
        items = "".join(
            f"<item><guid isPermaLink='false'>{self.name}-{number}</guid><title>{self.title(number)}</title>"
            f"<link>https://{self.name}.example/{number}</link><description>{text}</description>"
            f"<pubDate>{format_datetime(date)}</pubDate></item>"
            for number, text, date in self.entries()
        )
        return f"<rss version='2.0'><channel><title>{self.name}</title>{items}</channel></rss>".encode()


class ChangingJson(Changing):
    """The same as a JSON Feed."""

    media_type = "application/feed+json"

    def document(self) -> bytes:
        """The source now."""
        items = [
            {
                "id": f"{self.name}-{number}",
                "title": self.title(number),
                "url": f"https://{self.name}.example/{number}",
                "content_html": f"<p>{text}</p>",
                "date_published": date.isoformat(),
            }
            for number, text, date in self.entries()
        ]
        return json.dumps({"version": "https://jsonfeed.org/version/1.1", "title": self.name, "items": items}).encode()


class ChangingPage(Changing):
    """A front page; each story has a page of its own, and is taken note of when that was sent."""

    media_type = "text/html"

    def mark_newest(self) -> None:
        """Wait for its own page."""

    def document(self) -> bytes:
        """The front page now."""
        cards = "".join(
            f"<article><h2><a href='/{self.name}/{1000 + number}'>{self.title(number)}</a></h2></article>"
            for number, _, _ in self.entries()
        )
        return f"<html><head><title>{self.name}</title></head><body><main>{cards}</main></body></html>".encode()

    def story(self, number: int) -> Behaviour:
        """The page of one story."""

        def answer(request: Request) -> Iterator[Piece]:
            date, paragraphs = self.date(number).isoformat(), f"<p>{PARAGRAPH * 4}</p>" * 4
            yield reply(
                f"<html><head><title>{self.title(number)}</title><meta property='og:type' content='article'>"
                f"<meta property='article:published_time' content='{date}'></head><body><article>"
                f"<h1>{self.title(number)}</h1>{paragraphs}</article></body></html>".encode(),
                content_type="text/html",
            )
            if number > 0:
                self.served.mark(self.title(number))
            yield KEEP

        return answer


# ── the hostile ─────────────────────────────────────────────────────────────────────────────────────────────────────


def redirect_loop(request: Request) -> Iterable[Piece]:
    """A redirect to itself."""
    return (reply(b"", 302, location=request.path), KEEP)


def new_ids(request: Request) -> Iterable[Piece]:
    """The same 25 stories, each time with other ids."""
    items = "".join(
        f"<item><guid isPermaLink='false'>{random.random()}</guid><title>The same story {number}</title>"
        f"<link>https://same.example{request.path}/{number}</link></item>"
        for number in range(ENTRIES)
    )
    return _feed(items)


def new_titles(request: Request) -> Iterable[Piece]:
    """25 stories that were never there before, each time."""
    return _feed("".join(f"<item><title>Never seen {random.random()}</title></item>" for _ in range(ENTRIES)))


def title_only_flood(request: Request) -> Iterable[Piece]:
    """10,000 titles, the same each time."""
    return _feed("".join(f"<item><title>Title {number}</title></item>" for number in range(10_000)))


def broken_xml(request: Request) -> Iterable[Piece]:
    """A feed that breaks at another place each time."""
    body = "<rss><channel><title>t</title>" + "<item><title>A & B</title><guid>1</guid><b></item>" * 40
    return (reply(body[: random.randrange(100, len(body))].encode(), content_type="text/xml"), KEEP)


def cut_off(request: Request) -> Iterable[Piece]:
    """A body that ends before its length."""
    return (reply(b"<rss>" + b"x" * 5_000)[:-3_000],)


def many_headers(request: Request) -> Iterable[Piece]:
    """Headers without an end."""
    return (b"HTTP/1.1 200 OK\r\n" + b"X-Header: y\r\n" * 50_000,)


def _feed(items: str) -> Iterable[Piece]:
    body = f"<rss version='2.0'><channel><title>t</title>{items}</channel></rss>".encode()
    return (reply(body, content_type="application/rss+xml"), KEEP)


ROBOTS_BOMB = "".join(f"User-agent: a{n}\n" for n in range(3000)) + "".join(f"Disallow: /{n}\n" for n in range(3000))
# The robots.txt of a page's host.
BAD_ROBOTS: tuple[Behaviour, ...] = (
    raw(reply(ROBOTS_BOMB.encode(), content_type="text/plain"), KEEP),
    drip(b"HTTP/1.1 200 OK\r\n\r\nUser-agent: *\n"),
)
HOSTILE: tuple[Behaviour | None, ...] = (
    *BAD,
    redirect_loop,
    new_ids,
    new_titles,
    title_only_flood,
    broken_xml,
    cut_off,
    many_headers,
)


# ── what is declared ────────────────────────────────────────────────────────────────────────────────────────────────


def declared(origin: Origin, served: Served) -> dict[str, object]:
    """The sources of the YAML: of each five one is hostile; of the others some are JSON Feeds, some are pages."""
    sources: dict[str, object] = {}
    for number in range(SOURCES):
        name, place = f"s{number}", number % len(HOSTS)
        host, path = HOSTS[place], f"/s{number}"
        tags = {"tags": [f"g{number % GROUPS}"]}
        if place % 5 == 4:
            sources[name] = _hostile(origin, host, path, place // 5) | tags
        elif number % 12 == 1:
            page = ChangingPage(name, number, served)
            for story in range(-ENTRIES, int(SECONDS)):
                origin.put(f"/{name}/{1000 + story}", page.story(story), host=host)
            sources[name] = {"page": origin.put(path, page, host=host), "stories": "article h2 a"} | tags
        else:
            kind = ChangingJson if number % 6 == 2 else Changing
            sources[name] = {"feed": origin.put(path, kind(name, number, served), host=host)} | tags
    return sources


def _hostile(origin: Origin, host: str, path: str, number: int) -> dict[str, object]:
    robots = dict(enumerate(BAD_ROBOTS, len(HOSTILE)))
    kind = number % (len(HOSTILE) + len(robots))
    if kind in robots:
        origin.put("/robots.txt", robots[kind], host=host)
        return {"page": origin.put(path, raw(reply(b"<html><p>Words.</p></html>"), KEEP), host=host)}
    behaviour = HOSTILE[kind]
    return {"feed": origin.put(path, behaviour, host=host) if behaviour else f"http://{host}:9{path}"}


# ── what is watched ─────────────────────────────────────────────────────────────────────────────────────────────────


class Published(threading.Thread):
    """Reads each published JSON Feed when it is another file, and keeps when each entry first stood in it."""

    def __init__(self, public: Path) -> None:
        super().__init__(daemon=True)
        self.times: dict[str, dict[bytes, float]] = {"all": {}} | {f"g{number}": {} for number in range(GROUPS)}
        self._files = {feed: public / f"{feed}.json" for feed in self.times}
        self._inodes: dict[str, tuple[int, int]] = {}
        self._ended = threading.Event()

    def run(self) -> None:
        """Look four times a second."""
        while not self._ended.wait(0.25):
            for feed, path in self._files.items():
                with suppress(FileNotFoundError):
                    self._read(feed, path)

    def _read(self, feed: str, path: Path) -> None:
        stat = path.stat()
        if self._inodes.get(feed) != (state := (stat.st_ino, stat.st_mtime_ns)):
            self._inodes[feed] = state
            for token in set(TOKEN.findall(path.read_bytes())):
                self.times[feed].setdefault(token, time.monotonic())

    def close(self) -> None:
        """End."""
        self._ended.set()
        self.join()


@dataclass(frozen=True)
class Sample:
    """What stands at one moment."""

    seconds: float
    usages: dict[str, Usage]  # of the process of the turns, of the server, and of all with their workers
    workers: int
    health: float  # seconds it took
    load: float


@dataclass
class Watch:
    """Takes samples of a daemon."""

    wire: Wire
    process: subprocess.Popen[bytes]
    began: float = field(default_factory=time.monotonic)
    samples: list[Sample] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    def look(self) -> None:
        """Take one."""
        assert self.process.poll() is None, "the daemon ended"
        turn = self.process.pid
        usages = {"turn": Usage(), "server": Usage(), "all": Usage()}
        workers = 0
        for process, command in family(turn).items():
            name = "turn" if process == turn else "worker" if b"run_worker" in command else "server"
            workers += name == "worker"
            for role in {name, "all"} & usages.keys():
                usages[role] = Usage(*map(sum, zip(usages[role], usage(process), strict=True)))
        seconds = time.monotonic() - self.began
        self.samples.append(Sample(seconds, usages, workers, self._time_health(), os.getloadavg()[0]))

    def _time_health(self) -> float:
        match = re.search(rb"http://127\.0\.0\.1:(\d+)/", (self.wire.home / "log").read_bytes()[:10_000])
        if not match:
            return 0.0
        began, connection = time.monotonic(), http.client.HTTPConnection("127.0.0.1", int(match[1]), timeout=GRACE)
        connection.request("GET", "/health")
        self.statuses[connection.getresponse().status] += 1
        connection.close()
        return time.monotonic() - began


def lags(served: Served, times: dict[bytes, float], until: float) -> tuple[list[float], list[bytes]]:
    """How long each entry took to be published, and which never was, of those that were served before `until`."""
    early = {token: at for token, at in list(served.times.items()) if at < until}
    lost = [token for token in early if token not in times]
    return [max(0.0, times[token] - at) for token, at in early.items() if token in times], lost


FIGURES: dict[str, tuple[Callable[[Usage], float], float]] = {  # name → (which, what it may vary by)
    "MB": (lambda usage: usage.megabytes, 5.0),
    "descriptors": (lambda usage: float(usage.descriptors), 5.0),
    "threads": (lambda usage: float(usage.threads), 3.0),
}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="reads /proc as Linux has it")
@pytest.mark.timeout(SECONDS + 600)
def test_L8_A5_nothing_grows_and_all_is_published_in_time_for_an_hour_of_hostile_sources(wire: Wire) -> None:
    assert SECONDS >= 2 * WARM, "too short to judge"
    origin, served = Origin(), Served()
    groups = {f"g{n}": {"title": f"Group {n}", "tags": [f"g{n}"], "steps": [{"limit": 200}]} for n in range(GROUPS)}
    every = {"all": {"title": "All", "steps": [{"limit": 500}]}}
    defaults = {"every": f"{EVERY:g}s", "allow_private": ["127.0.0.0/8"]}
    wire.declare(declared(origin, served), every | groups, hosts={}, defaults=defaults)
    published = Published(wire.public)
    published.start()
    load = os.getloadavg()
    with daemon(wire) as process:
        watch = Watch(wire, process)
        while time.monotonic() - watch.began < SECONDS:
            time.sleep(SAMPLE)
            watch.look()
        requests = len(origin.requests)
    published.close()
    origin.close()
    problems = list(_judge(watch, served, published, requests, load))
    assert not problems, "\n".join(problems)


def _judge(
    watch: Watch, served: Served, published: Published, requests: int, load: tuple[float, float, float]
) -> Iterator[str]:
    """Print the figures, and yield what is wrong with them."""
    samples = [sample for sample in watch.samples if sample.seconds > WARM]
    loads, healths = [sample.load for sample in samples], [sample.health for sample in samples]
    print(f"\n{SECONDS:.0f} s, {SOURCES} sources, {requests} requests, {len(served.times)} new entries")
    print(f"load: {load[0]:.2f} before; {min(loads):.2f}–{max(loads):.2f}, median {part(loads, 0.5):.2f}")
    print(f"/health: {dict(watch.statuses)}; {spelled(healths)}")
    print(f"workers: {part([sample.workers for sample in samples], 0.5):.0f}; ", end="")
    print("MB of all:", *(f"{s.usages['all'].megabytes:.0f}" for s in watch.samples[:: len(watch.samples) // 30]))
    for name in ("turn", "server", "all"):
        for figure, (of, slack) in FIGURES.items():
            grown = growth([of(sample.usages[name]) for sample in samples])
            row = f"{name:6} {figure:11} {grown.first:7.1f} → {grown.second:7.1f}, slope {grown.rise:+.1f}"
            print(row)
            if not grown.is_flat(slack):
                yield row
    until = watch.began + SECONDS - GRACE
    all_lags, lost = lags(served, published.times["all"], until)
    of_groups = {token: at for feed, times in published.times.items() if feed != "all" for token, at in times.items()}
    group_lags, lost_to_groups = lags(served, of_groups, until)
    print(f"lag to all:    {len(all_lags)}: {spelled(all_lags)}")
    print(f"lag to groups: {len(group_lags)}: {spelled(group_lags)}")
    if lost or lost_to_groups:
        yield f"never published: {lost[:5]}, {lost_to_groups[:5]} of {len(lost)}, {len(lost_to_groups)}"
    for name, seconds in (("all", all_lags), ("groups", group_lags)):
        if part(seconds, 0.99) > LAG:
            yield f"lag to {name}: {spelled(seconds)}"
