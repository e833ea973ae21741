"""`DocumentReaders`: in which process documents are read, counted by the processes."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jobs
import pytest
from factories import HOUR, fetched
from origin import Origin
from wire import Wire, document, until

from feeds.app import document_readers
from feeds.app.document_readers import QUEUE_LENGTH, DocumentReaders
from feeds.errors import FailureKind, ParseError
from feeds.sandbox import Worker, Workers

HARMLESS, SUSPICIOUS = fetched("<rss/>"), fetched(b"\x1f\x8b")
HERE = os.getpid()


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], DocumentReaders]]:
    """Readers with workers of their own."""
    monkeypatch.setattr(document_readers, "Workers", Workers)
    made: list[DocumentReaders] = []

    def readers(max_workers: int) -> DocumentReaders:
        made.append(DocumentReaders(max_workers, threading.Lock()))
        return made[-1]

    yield readers
    for each in made:
        each.close()


def read_at_once(
    readers: DocumentReaders, count: int, function: Callable[..., int], *arguments: object
) -> list[object]:
    """Read so many documents in a thread each: the first until all others wait, or a worker was started for them."""
    all_wait = threading.Event()

    def hold() -> int:
        all_wait.wait()
        return HERE

    def read(function: Callable[..., int], *arguments: object) -> object:
        try:
            return readers.run(HARMLESS, function, *arguments)
        except ParseError as error:
            return error.kind

    with ThreadPoolExecutor(count) as threads:
        first = threads.submit(read, hold)
        until(lambda: readers._is_reading)
        others = [threads.submit(read, function, *arguments) for _ in range(count - 1)]
        until(lambda: readers._waiting == count - 1 or readers._starting)
        all_wait.set()
        return [future.result() for future in (first, *others)]


def test_L3_no_worker_is_started_for_few_documents(make: Callable[[int], DocumentReaders]) -> None:
    readers = make(2)
    assert read_at_once(readers, QUEUE_LENGTH, jobs.whoami) == [HERE] * QUEUE_LENGTH
    assert readers._workers.count == 0


def test_L3_a_worker_is_started_once_many_documents_wait(make: Callable[[int], DocumentReaders]) -> None:
    readers = make(2)
    processes = set(read_at_once(readers, QUEUE_LENGTH + 1, jobs.whoami))
    assert HERE in processes and len(processes) == 2
    assert readers._workers.count == 1


def test_L3_workers_are_used_again_only_while_many_documents_wait(make: Callable[[int], DocumentReaders]) -> None:
    """Otherwise a document now and then would keep them for ever."""
    readers = make(1)
    read_at_once(readers, QUEUE_LENGTH + 1, jobs.whoami)
    readers._crowded_until = 0.0
    assert {readers.run(HARMLESS, jobs.whoami) for _ in range(3)} == {HERE}


def test_L3_without_workers_all_documents_are_read_here(make: Callable[[int], DocumentReaders]) -> None:
    readers = make(0)
    assert read_at_once(readers, 3 * QUEUE_LENGTH, jobs.whoami) == [HERE] * 3 * QUEUE_LENGTH


def test_S15_suspicious_documents_are_read_in_a_worker_all_the_same(make: Callable[[int], DocumentReaders]) -> None:
    readers = make(0)
    assert readers.run(SUSPICIOUS, jobs.whoami) != HERE
    assert readers.run(None, jobs.whoami) != HERE


def test_a_worker_that_dies_costs_one_document(make: Callable[[int], DocumentReaders], tmp_path: Path) -> None:
    results = read_at_once(make(2), 2 * QUEUE_LENGTH, jobs.die_once, tmp_path / "died", HERE)
    assert results.count(FailureKind.CRASHED) == 1
    assert len(results) == 2 * QUEUE_LENGTH


def test_where_no_worker_can_be_started_all_documents_are_read_here(
    make: Callable[[int], DocumentReaders], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent")
    assert read_at_once(make(2), 2 * QUEUE_LENGTH, jobs.whoami) == [HERE] * 2 * QUEUE_LENGTH
    assert [record.getMessage().endswith("read in one process now.") for record in caplog.records] == [True]


# ── whole turns ─────────────────────────────────────────────────────────────────────────────────────────────────────

SOURCES = 12


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Worker]:
    """The workers that are started; one reads as soon as one document waits."""
    monkeypatch.setattr(document_readers, "QUEUE_LENGTH", 1)
    monkeypatch.setattr(document_readers, "Workers", Workers)
    workers: list[Worker] = []

    def start(self: Workers) -> Worker:
        workers.append(begin(self))
        return workers[-1]

    begin = Workers.start
    monkeypatch.setattr(Workers, "start", start)
    return workers


def declare(wire: Wire, origin: Origin, workers: int) -> None:
    for n in range(SOURCES):
        origin.put(f"/{n}", document((f"{n}", f"Story {n}"), (f"s{n}", "Of all"), etag='"1"'))
    wire.declare({f"s{n}": origin.url(f"/{n}") for n in range(SOURCES)}, workers=workers)


def test_L3_what_workers_read_is_published_the_same(
    tmp_path: Path, origin: Origin, started: list[Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No visit is doubled or lost; a round without new documents starts none."""
    published = []
    for workers in (0, 2):
        wire = Wire(tmp_path / str(workers))
        declare(wire, origin, workers)
        turn = wire.turn()
        assert (turn.visits, turn.failures, turn.articles) == (SOURCES, 0, 2 * SOURCES)
        published.append(wire.files())
        assert bool(started) is bool(workers) and len(started) <= 2
    assert published[0] == published[1]
    started.clear()
    wire.now += HOUR
    assert wire.turn(everything=True).not_modified == SOURCES
    assert not started


def test_E12_a_worker_that_is_killed_costs_one_visit(
    wire: Wire, origin: Origin, started: list[Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    def start_dying(self: Workers) -> Worker:
        worker = start(self)
        if len(started) == 1:
            os.kill(worker._process.pid, signal.SIGSEGV)
        return worker

    start = Workers.start
    monkeypatch.setattr(Workers, "start", start_dying)
    declare(wire, origin, workers=1)
    turn = wire.turn()
    assert (turn.visits, turn.failures, turn.articles) == (SOURCES, 1, 2 * (SOURCES - 1))
    ((_, sentence),) = turn.worse
    assert "crashed" in sentence
