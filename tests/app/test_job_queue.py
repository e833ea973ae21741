"""Jobs and their locks on a real PostgreSQL: each shard and feed is one process's at a time, whatever becomes of it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

pytest.importorskip("procrastinate", reason="the extra [postgres] is not installed")

import psycopg
from postgres import database

from feeds.app import job_queue
from feeds.app.held_shards import HeldShards
from feeds.app.job_queue import JobIO, JobQueue, WorkerName, issue_job, pull_job
from feeds.app.sharing import IssueOrder, Role
from feeds.errors import StoreError
from feeds.store.job_tables import JOB_SCHEMA

LONG = 60.0

# Holds the lock of shard 7 until it is killed.
HOLDER = """
import sys, time
from feeds.app.job_queue import JobQueue, WorkerName
from feeds.app.sharing import Role
queue = JobQueue(sys.argv[1], WorkerName("holder", "1", Role.COMMAND))
print(queue.lock(["pull/7"], 60.0), flush=True)
time.sleep(600)
"""


class Process:
    """A process of an installation: it holds what shards it is given, and issues nothing but remembers it."""

    def __init__(self, url: str, limit: int = 16, own: tuple[str, ...] = ()) -> None:
        self.held = HeldShards(limit)
        self.marked: list[tuple[set[int], bool]] = []  # shards of a process that is gone, and whether one is ours yet
        self.issued: list[tuple[str, str]] = []
        self.problems: list[str] = []
        self.ended: list[BaseException] = []
        io = JobIO(self.held, self._issue, lambda: own, lambda: None, self.problems.append, self.ended.append)
        self.queue = JobQueue(url, WorkerName("process", "1", Role.WORKER), io, self._mark)

    def _mark(self, shards: Collection[int]) -> None:
        self.marked.append((set(shards), bool(self.held.open)))

    def _issue(self, feed: str, fingerprint: str) -> list[IssueOrder]:
        self.issued.append((feed, fingerprint))
        return [IssueOrder("front")] if feed != "front" else []

    def close(self) -> None:
        self.held.pause()
        self.queue.close(LONG)


def wait_for(condition: Callable[[], object], seconds: float = LONG) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def url() -> Iterator[str]:
    with database() as url:
        yield url


@pytest.fixture
def start(url: str) -> Iterator[Callable[..., Process]]:
    with ExitStack() as processes:

        def start(**options: Any) -> Process:
            process = Process(url, **options)
            processes.callback(process.close)
            return process

        yield start


@contextmanager
def tables(url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(url, autocommit=True, options=f"-c search_path={JOB_SCHEMA}") as connection:
        yield connection


def jobs(url: str) -> list[tuple[str, str]]:
    with tables(url) as connection:
        return connection.execute("SELECT lock, status FROM procrastinate_jobs ORDER BY lock").fetchall()


def test_a_job_is_waiting_once_and_its_shard_is_held_by_one_process(url: str, start: Callable[..., Process]) -> None:
    first, second = start(), start()
    first.queue.defer([pull_job(3)])
    wait_for(lambda: first.held.open or second.held.open)
    holder, other = (first, second) if first.held.open else (second, first)
    holder.queue.defer([pull_job(3), pull_job(4)])
    other.queue.defer([pull_job(3)])
    wait_for(lambda: 4 in {*first.held.open, *second.held.open})
    assert jobs(url) == [("pull/3", "doing"), ("pull/3", "todo"), ("pull/4", "doing")]
    assert 3 not in other.held.open
    holder.held.give_up(3)
    wait_for(lambda: 3 in {*first.held.open, *second.held.open})
    for process in (first, second):
        process.held.pause()
    wait_for(lambda: jobs(url) == [])


def test_a_process_takes_no_more_shards_than_it_may(start: Callable[..., Process]) -> None:
    process = start(limit=2)
    process.queue.defer([pull_job(shard) for shard in range(3)])
    wait_for(lambda: process.held.open == {0, 1})
    process.held.give_up(0)
    wait_for(lambda: process.held.open == {1, 2})


def test_sources_of_own_files_are_visited_where_the_files_are(start: Callable[..., Process]) -> None:
    away, at_home = start(), start(own=("desk",))
    away.queue.defer([pull_job("desk")])
    wait_for(lambda: at_home.held.open == {"desk"})
    assert not away.held.open


def test_a_feed_is_issued_and_then_what_follows_from_it(start: Callable[..., Process]) -> None:
    process = start()
    process.queue.defer([issue_job(IssueOrder("wire", "print"))])
    wait_for(lambda: process.issued == [("wire", "print"), ("front", "")])


def test_a_command_takes_a_shard_before_the_jobs_that_wait(url: str, start: Callable[..., Process]) -> None:
    process = start()
    process.queue.defer([pull_job(5)])
    wait_for(lambda: process.held.open)
    with JobQueue(url, WorkerName("command", "1", Role.COMMAND)) as command:
        assert command.lock(["pull/5", "pull/6"], 0.1) == {"pull/6"}
        process.queue.defer([pull_job(5), pull_job(6)])
        with ThreadPoolExecutor() as threads:
            locked = threads.submit(command.lock, ["pull/5"], LONG)
            wait_for(lambda: jobs(url).count(("pull/5", "todo")) == 2)
            process.held.give_up(5)
            assert locked.result(LONG) == {"pull/5", "pull/6"}
        assert not process.held.open
        command.release(["pull/5"])
        wait_for(lambda: process.held.open == {5})
    wait_for(lambda: process.held.open == {5, 6})


def test_what_a_killed_process_held_is_free_again(url: str, start: Callable[..., Process]) -> None:
    """Also the locks for which it still waited, which come before the jobs with these locks."""
    process = start()
    command = [sys.executable, "-c", HOLDER, url]
    with subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "{'pull/7'}\n"
        process.queue.defer([pull_job(7)])
        with subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True) as waiter:
            wait_for(lambda: ("pull/7", "todo") in jobs(url) and len(jobs(url)) == 3)
            waiter.kill()
        holder.kill()
    wait_for(lambda: process.held.open == {7})
    assert not process.ended
    assert process.marked == [({7}, False)], "its requests count until its shard is given to another process"


def test_a_database_that_went_away_is_told_of_once_and_then_used_again(url: str, start: Callable[..., Process]) -> None:
    process = start()
    wait_for(lambda: process.queue.is_working)
    name = urlsplit(url).path[1:]
    with psycopg.connect(urlsplit(url)._replace(path="/postgres").geturl(), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
        end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        connection.execute(end, [name])
        wait_for(lambda: process.problems)
        connection.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")
    wait_for(lambda: process.problems[-1] == "")

    def is_held() -> bool:
        for shard in process.held.closing:  # taken before the process had given a sign of life again
            process.held.give_up(shard)
        process.queue.defer([pull_job(8)])
        return process.held.open == {8}

    wait_for(is_held)
    assert all(bool(earlier) != bool(later) for earlier, later in pairwise(process.problems)) and not process.ended


def test_tables_of_an_older_version_are_made_anew_and_those_of_a_newer_one_are_left_alone(
    url: str, monkeypatch: pytest.MonkeyPatch, start: Callable[..., Process]
) -> None:
    monkeypatch.setattr(job_queue, "version", lambda name: "3.9.1")
    start().queue.defer([pull_job(1)])
    monkeypatch.setattr(job_queue, "version", lambda name: "3.10.0")
    JobQueue(url, WorkerName("new", "1", Role.COMMAND)).close()
    assert jobs(url) == []
    monkeypatch.setattr(job_queue, "version", lambda name: "3.9.1")
    with pytest.raises(StoreError, match=r"3\.10\.0"):
        JobQueue(url, WorkerName("old", "1", Role.COMMAND))
