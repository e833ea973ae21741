"""Where documents are read: in this process, or in worker processes, which can be killed and use other cores."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

from ..cores import count_cores
from ..errors import FailureKind, ParseError
from ..model import Fetched
from ..sandbox import CallNotMade, Worker, Workers, needs_worker

log = logging.getLogger("feeds.app")

CALLS_AHEAD = 2  # of a worker: the next document is there when it has read one
QUEUE_LENGTH = 32  # documents, which take about as long to read as a worker takes to start
CROWD_SECONDS = 5.0  # that workers go on reading after so many documents last waited

_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")


class DocumentReaders:
    """Runs functions that read documents, for many threads: suspicious bytes always in a worker, which can be killed.

    Harmless ones are read here, one at a time and while `computing` is held: several threads would compete for the
    interpreter lock; only one of those that wait competes with what else is computed, so that this has its turn. While
    `QUEUE_LENGTH` of them wait, workers are started to read them too, one after the other, up to `max_workers` (None:
    one for each other core).
    """

    def __init__(self, max_workers: int | None, computing: threading.Lock) -> None:
        self._workers = Workers()
        self._computing = computing
        self._max_workers = count_cores() - 1 if max_workers is None else max_workers
        self._reader_free = threading.Condition()
        self._waiting = 0  # harmless documents
        self._crowded_until = 0.0
        self._is_reading = False  # this process
        self._starting: Worker | None = None  # until it has read its first document

    def run(
        self, response: Fetched | None, function: Callable[[*_Arguments], _Result], /, *arguments: *_Arguments
    ) -> _Result:
        """Return what `function` returns; without a response it runs in a worker, whatever the bytes are (S11, S15)."""
        if response is None or needs_worker(response):
            return self._workers.run(function, *arguments)
        while True:
            worker = self._wait_for_reader()
            try:
                if worker:
                    return self._workers.call(worker, function, *arguments)
                with self._computing:
                    return function(*arguments)
            except CallNotMade:
                continue
            finally:
                self._release_reader(worker)

    def close(self) -> None:
        """End all workers now, also those that read a document."""
        self._workers.close()

    def _wait_for_reader(self) -> Worker | None:
        """Return a worker that can read a document; None for this process."""
        with self._reader_free:
            self._waiting += 1
            try:
                while (worker := self._take_worker()) is None and self._is_reading:
                    self._reader_free.wait()
            finally:
                self._waiting -= 1
            self._is_reading |= worker is None
            return worker

    def _take_worker(self) -> Worker | None:
        """Return a worker that is idle or soon will be, while many documents wait, or a new one."""
        is_crowded, now = self._waiting >= QUEUE_LENGTH, time.monotonic()
        if is_crowded:
            self._crowded_until = now + CROWD_SECONDS
        if now >= self._crowded_until or not self._max_workers:
            return None
        worker = self._workers.take(CALLS_AHEAD)
        if worker or self._starting or not is_crowded or self._workers.count >= self._max_workers:
            return worker
        try:
            self._starting = self._workers.start()
        except ParseError as error:
            if error.kind is FailureKind.STOPPED:
                raise
            log.warning("%s All documents are read in one process now.", error)
            self._max_workers = 0
        return self._starting

    def _release_reader(self, worker: Worker | None) -> None:
        with self._reader_free:
            if worker is None:
                self._is_reading = False
            elif worker is self._starting:
                self._starting = None
            self._reader_free.notify()
