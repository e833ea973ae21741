"""Several processes on one PostgreSQL: none asks too often, and what is killed loses and doubles nothing."""

from __future__ import annotations

import itertools
import json
import math
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest

pytest.importorskip("procrastinate", reason="the extra [postgres] is not installed")

import psycopg
from forked import ForkedCommand
from origin import HANG, KEEP, Behaviour, Origin, Piece, Request, raw, reply, spacing
from postgres import database
from wire import Wire, document, rss, until

from feeds import __version__ as feeds_version
from feeds.politeness import shard_of

STOP_SECONDS = 10.0  # a process ends within 5, on a machine that does nothing else


@pytest.fixture
def url() -> Iterator[str]:
    with database(has_tables=True) as url:
        yield url


@dataclass
class GrowingFeeds:
    """Feeds that have one item more at each visit, until they are to grow no more."""

    counts: Counter[str] = field(default_factory=Counter)
    is_growing: bool = True
    most: int = 1_000  # items of one
    seconds: float = 0.0  # that an answer takes

    def behaviour(self, name: str) -> Behaviour:
        def answer(request: Request) -> Iterable[Piece]:
            self.counts[name] += self.is_growing and self.counts[name] < self.most
            if self.seconds:
                yield self.seconds
            yield reply(rss(*self.items(name)), content_type="text/xml")
            yield KEEP

        return answer

    def items(self, name: str) -> list[tuple[str, str]]:
        return [(f"{name}-{number}", f"{name} {number}") for number in range(self.counts[name])]

    def titles(self) -> list[str]:
        return sorted(title for name in self.counts for _, title in self.items(name))


@dataclass
class Installation:
    """A daemon and workers on one machine, each process with the same YAML."""

    wire: Wire
    processes: list[ForkedCommand] = field(default_factory=list)

    def start(self, command: str, *arguments: str) -> ForkedCommand:
        process = self.wire.fork(command, *arguments)
        self.processes.append(process)
        return process

    def kill(self, *processes: ForkedCommand) -> None:
        for process in processes:
            process.kill()
            _, errors = process.communicate()
            print(errors)
            self.processes.remove(process)

    def stop(self) -> None:
        """Stop all; each ends by itself, and nothing went wrong in it."""
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            began = time.monotonic()
            _, errors = process.communicate(timeout=60)
            assert process.returncode == 0, errors
            assert "Traceback" not in errors, errors
            assert time.monotonic() - began < STOP_SECONDS
        self.processes.clear()


@pytest.fixture
def installation(wire: Wire) -> Iterator[Installation]:
    installation = Installation(wire)
    yield installation
    installation.kill(*installation.processes)  # after a failure


@contextmanager
def connected(url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield connection


def processes_at_work(url: str) -> set[int]:
    with connected(url) as connection:
        rows = connection.execute("SELECT name FROM feeds_jobs.feeds_workers").fetchall()
    return {int(name.rpartition(":")[2].partition("-")[0]) for (name,) in rows}


def published_titles(wire: Wire) -> list[str]:
    return sorted(str(item["title"]) for item in wire.items()) if (wire.public / "all.json").exists() else []


def assert_nothing_is_doubled(url: str, wire: Wire, feeds: GrowingFeeds) -> None:
    assert published_titles(wire) == feeds.titles()
    with connected(url) as connection:
        events = connection.execute("SELECT seq, feed, kind, published_id, digest FROM outbox ORDER BY seq").fetchall()
        articles = connection.execute("SELECT count(*), count(DISTINCT published_id) FROM articles").fetchone()
    assert [event[0] for event in events] == list(range(1, len(events) + 1)), "no number twice, none left out"
    assert max(Counter(event[1:] for event in events).values()) == 1
    assert articles == (len(feeds.titles()), len(feeds.titles()))


def visit_intervals(requests: Iterable[Request]) -> dict[str, list[float]]:
    """The seconds between the visits to each source."""
    times = defaultdict(list)
    for request in requests:
        if request.path != "/robots.txt":
            times[request.path].append(request.at)
    return {path: [later - earlier for earlier, later in itertools.pairwise(at)] for path, at in times.items()}


def test_E12_E13_workers_that_are_killed_lose_and_double_nothing_and_no_host_is_asked_too_often(
    url: str, installation: Installation, origin: Origin
) -> None:
    """The thirty-second version of the soak below: it holds order and counts."""
    every, gap, count, hosts = 5, 0.6, 40, 10
    feeds, wire = GrowingFeeds(), installation.wire
    for number in range(count):
        origin.put(f"/s{number}", feeds.behaviour(f"s{number}"))
    places = {f"s{number}": origin.url(f"/s{number}", f"127.0.1.{number % hosts + 1}") for number in range(count)}
    wire.declare(
        {name: {"feed": place, "every": f"{every}s"} for name, place in places.items()},
        store=url,
        hosts={"gap": f"{gap}s", "at_once": 1},
        server={"listen": "127.0.0.1:0"},
    )
    installation.start("daemon", "--shards", "16")
    workers = [installation.start("worker") for _ in range(3)]
    until(lambda: len(feeds.counts) == count)
    for _ in range(3):
        time.sleep(4)
        installation.kill(*workers[:2])
        workers = [*workers[2:], installation.start("worker"), installation.start("worker")]
    until(lambda: min(feeds.counts.values()) > 1)
    feeds.is_growing = False
    until(lambda: published_titles(wire) == feeds.titles())
    installation.stop()
    assert_nothing_is_doubled(url, wire, feeds)
    # A visit that was killed is due an interval after it was claimed, which is a little before its request.
    assert min(map(min, filter(None, visit_intervals(origin.requests).values()))) > every / 2
    assert min(map(min, filter(None, spacing(origin.requests).values()))) > gap / 2


def test_E13_the_gap_is_kept_after_a_process_that_was_killed_between_two_requests_of_a_visit(
    url: str, installation: Installation, origin: Origin
) -> None:
    """It is longer than the time after which the shard of a killed process is another one's."""
    gap, wire = 12.0, installation.wire
    origin.put("/robots.txt", _document("User-agent: *\nAllow: /", "text/plain"))
    for name in ("one", "two"):  # the visit to one is killed, and then the other one is due at once
        origin.put(f"/{name}", raw(HANG))
    pages = {name: {"page": origin.url(f"/{name}")} for name in ("one", "two")}
    wire.declare(pages, store=url, hosts={"gap": f"{gap}s", "at_once": 1}, server={"listen": "127.0.0.1:0"})
    killed = installation.start("daemon")
    until(lambda: len(origin.requests) == 2)
    installation.kill(killed)
    installation.start("daemon")
    until(lambda: len(origin.requests) > 2)
    before, after = origin.requests[1:3]
    assert after.at - before.at >= gap
    installation.stop()


def test_E13_the_gap_is_kept_after_a_process_that_was_stopped_between_two_requests_of_a_visit(
    url: str, installation: Installation, origin: Origin
) -> None:
    gap, wire = 2.0, installation.wire
    origin.put("/robots.txt", _document("User-agent: *\nAllow: /", "text/plain"))
    for name in ("one", "two"):
        origin.put(f"/{name}", raw(HANG))
    pages = {name: {"page": origin.url(f"/{name}")} for name in ("one", "two")}
    wire.declare(pages, store=url, hosts={"gap": f"{gap}s", "at_once": 1}, server={"listen": "127.0.0.1:0"})
    installation.start("daemon")
    until(lambda: len(origin.requests) == 2)
    installation.stop()
    assert wire.command("run", "two").returncode == 0
    before, after = origin.requests[1:3]
    assert after.at - before.at >= gap


def test_sources_and_feeds_that_one_process_is_told_of_reach_the_others(
    url: str, installation: Installation, origin: Origin
) -> None:
    """OPML outlines and a reload: a worker takes what is stored, as far as its own YAML says the same."""
    wire = installation.wire
    for name in ("one", "two", "three"):
        origin.put(f"/{name}", document((name, f"Title {name}")))
    outlines = "".join(f"<outline text='{name}' xmlUrl='{origin.url('/' + name)}'/>" for name in ("one", "two"))
    origin.put("/list", _document(f"<opml version='2.0'><head/><body>{outlines}</body></opml>", "text/x-opml"))
    top = {"store": url, "server": {"listen": "127.0.0.1:0"}}
    sources: dict[str, object] = {"list": {"opml": origin.url("/list")}}
    wire.declare(sources, **top)
    daemon = installation.start("daemon", "--shards", "1")
    installation.start("worker")
    until(lambda: published_titles(wire) == ["Title one", "Title two"])
    wire.declare(sources | {"three": origin.url("/three")}, **top)
    daemon.send_signal(signal.SIGHUP)
    until(lambda: published_titles(wire) == ["Title one", "Title three", "Title two"])
    installation.stop()


def _document(body: str, content_type: str) -> Behaviour:
    return lambda request: [reply(body.encode(), content_type=content_type), KEEP]


def test_our_own_stories_are_read_by_the_daemon_that_has_them(url: str, installation: Installation) -> None:
    wire = installation.wire
    stories = wire.config.parent / "stories"
    stories.mkdir(parents=True)
    (stories / "first.md").write_text("# First\n\nText.", encoding="utf-8")
    wire.declare({"desk": {"files": "stories/*.md"}}, store=url, server={"listen": "127.0.0.1:0"})
    installation.start("worker")
    installation.start("daemon")
    until(lambda: published_titles(wire) == ["First"])
    until((wire.public / "stories" / "desk" / "first.html").exists)  # a job of its own
    (stories / "second.md").write_text("# Second\n\nText.", encoding="utf-8")
    until(lambda: published_titles(wire) == ["First", "Second"])
    installation.stop()


def test_a_run_beside_workers_waits_for_their_shards_and_works_without_any(
    url: str, installation: Installation, origin: Origin
) -> None:
    wire, feeds = installation.wire, GrowingFeeds()
    names = [f"s{number}" for number in range(6)]
    for name in names:
        origin.put(f"/{name}", feeds.behaviour(name))
    hosts = itertools.cycle(["127.0.1.1", "127.0.1.2", "127.0.1.3"])
    wire.declare(
        {name: origin.url(f"/{name}", next(hosts)) for name in names}, store=url, hosts={"gap": "0.5s", "at_once": 1}
    )
    result = wire.command("run")
    assert result.returncode == 0 and published_titles(wire) == feeds.titles(), result
    installation.start("worker")
    for _ in range(2):
        result = wire.command("run", "--all")
        assert result.returncode == 0, result
    assert set(feeds.counts.values()) == {3}
    installation.stop()
    assert_nothing_is_doubled(url, wire, feeds)
    assert min(map(min, spacing(origin.requests).values())) > 0.25


def test_commands_have_a_daemon_do_their_work_beside_its_jobs(
    url: str, installation: Installation, origin: Origin
) -> None:
    wire, feeds = installation.wire, GrowingFeeds()
    origin.put("/s", feeds.behaviour("s"))
    wire.declare({"s": {"feed": origin.url("/s"), "every": "1h"}}, store=url, server={"listen": "127.0.0.1:0"})
    installation.start("daemon")
    until(lambda: published_titles(wire) == ["s 0"])
    until((wire.home / "data" / "feeds.sock").exists)
    result = wire.command("run", "s")
    assert result.returncode == 0 and "1 article new" in result.stdout, result
    assert published_titles(wire) == ["s 0", "s 1"]
    (wire.public / "all.rss").unlink()
    assert wire.command("publish").returncode == 0
    assert (wire.public / "all.rss").exists()
    (article, _) = wire.items()
    assert wire.command("retract", str(article["id"])).returncode == 0
    assert len(wire.items()) == 1
    installation.stop()


def test_a_database_that_goes_away_is_waited_for_and_told_of_once(
    url: str, installation: Installation, origin: Origin
) -> None:
    wire, feeds = installation.wire, GrowingFeeds()
    origin.put("/s", feeds.behaviour("s"))
    wire.declare({"s": {"feed": origin.url("/s"), "every": "2s"}}, store=url, server={"listen": "127.0.0.1:0"})
    installation.start("daemon", "--shards", "1")
    worker = installation.start("worker")
    until(lambda: feeds.counts["s"] > 1)
    name = urlsplit(url).path[1:]
    with connected(urlsplit(url)._replace(path="/postgres").geturl()) as server:
        server.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        time.sleep(4)
        server.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")
    count = feeds.counts["s"]
    until(lambda: feeds.counts["s"] > count + 2)
    feeds.is_growing = False
    until(lambda: published_titles(wire) == feeds.titles())
    worker.send_signal(signal.SIGTERM)
    _, errors = worker.communicate(timeout=60)
    installation.processes.remove(worker)
    told = [line for line in errors.splitlines() if " ERROR " in line or " WARNING " in line]
    assert worker.returncode == 0 and len(told) <= 3, "by its visits, by its jobs, and that all is well again"
    installation.stop()
    assert_nothing_is_doubled(url, wire, feeds)


def test_a_worker_ends_when_another_version_has_changed_the_tables(url: str, installation: Installation) -> None:
    installation.wire.declare({}, store=url)
    assert installation.wire.command("run").returncode == 0
    worker = installation.start("worker")
    until(lambda: json.loads(installation.wire.command("status", "--json").stdout)["workers"])
    with connected(url) as connection:
        connection.execute("UPDATE feeds_version SET version_num = '9999'")
    _, errors = worker.communicate(timeout=60)
    installation.processes.remove(worker)
    assert worker.returncode == 1 and "another version of this program" in errors, errors


def test_status_shows_who_works_on_what(url: str, installation: Installation, origin: Origin) -> None:
    wire, feeds = installation.wire, GrowingFeeds(seconds=0.5)
    origin.put("/s", feeds.behaviour("s"))
    wire.declare({"s": {"feed": origin.url("/s"), "every": "2s"}}, store=url, server={"listen": "127.0.0.1:0"})
    installation.start("daemon")
    installation.start("worker")

    def workers() -> list[dict[str, Any]]:
        return list(json.loads(wire.command("status", "--json").stdout)["workers"])

    until(lambda: sorted(worker["role"] for worker in workers()) == ["daemon", "worker"])
    until(lambda: [worker["shards"] for worker in workers() if worker["shards"]] == [[str(shard_of("127.0.0.1"))]])
    text = wire.command("status").stdout
    assert f"version {feeds_version}, seen" in text
    installation.stop()
    assert workers() == []


@pytest.mark.sqlite("an installation in PostgreSQL can be shared")
def test_a_worker_needs_a_store_that_can_be_shared(wire: Wire) -> None:
    wire.declare({})
    result = wire.command("worker")
    assert result.returncode == 2 and "store: postgresql://" in result.stderr


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_soak_of_four_workers_of_which_two_are_killed_every_twenty_seconds(
    url: str, installation: Installation, origin: Origin
) -> None:
    every, gap, count, minutes = 60, 1.0, 2_000, 10
    feeds, wire = GrowingFeeds(most=2), installation.wire
    for number in range(count):
        origin.put(f"/s{number}", feeds.behaviour(f"s{number}"))
    places = {f"s{n}": origin.url(f"/s{n}", f"127.0.{n // 200 + 1}.{n % 200 + 1}") for n in range(count)}
    wire.declare(
        {name: {"feed": place, "every": f"{every}s"} for name, place in places.items()},
        store=url,
        hosts={"gap": f"{gap}s", "at_once": 1},
        server={"listen": "127.0.0.1:0"},
    )
    installation.start("daemon")
    workers = [installation.start("worker") for _ in range(4)]
    until(lambda: len(feeds.counts) == count)
    ends_at = time.monotonic() + minutes * 60
    while time.monotonic() < ends_at:
        time.sleep(20)
        installation.kill(*workers[:2])
        workers = [*workers[2:], installation.start("worker"), installation.start("worker")]
    feeds.is_growing = False
    until(lambda: published_titles(wire) == feeds.titles(), 600)
    # Before they have started they do not hear the signal to stop.
    until(lambda: {process.pid for process in installation.processes} <= processes_at_work(url))
    installation.stop()
    assert_nothing_is_doubled(url, wire, feeds)
    intervals = visit_intervals(origin.requests)
    assert min(map(min, intervals.values())) > every - 5
    assert min(map(min, filter(None, spacing(origin.requests).values()))) > gap / 2
    lags = sorted(max(0.0, interval - every * 1.1) for of_source in intervals.values() for interval in of_source)
    assert lags[math.floor(len(lags) * 0.99)] < 30
