"""Visits in flight: what may start is started in threads, and what came of it is handed back in batches."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from queue import Empty, SimpleQueue

from ..due import Picker
from ..model import Outcome, Visit

BATCH = 50  # outcomes a transaction
SETTLE = 0.2  # seconds without an answer after which what has come is handed back
REFILL = 1.0  # seconds between two looks for what has become due meanwhile


@dataclass(frozen=True, slots=True)
class PullingEdges:
    """What pulling needs: one visit made, many claimed before they start (E12), what is due by now,
    whether nothing more shall be started, and the clock."""

    pull: Callable[[Visit], Outcome]
    claim: Callable[[Sequence[Visit]], None]
    due: Callable[[], Iterable[Visit]]
    over: Callable[[], bool]
    now: Callable[[], datetime]


class Pulling:
    """Runs visits in up to `slots` threads, as politely as the picker says.

    `patience` is how many seconds it waits for a host that must not be asked yet; None is as long as it takes.
    """

    def __init__(self, picker: Picker, edges: PullingEdges, stopping: threading.Event, slots: int) -> None:
        self._picker = picker
        self._edges = edges
        self._stopping = stopping
        self._slots = slots
        self._running: dict[Future[Outcome], Visit] = {}
        self._landed: SimpleQueue[Future[Outcome]] = SimpleQueue()
        self._taken: set[tuple[str, str]] = set()  # queued or in flight

    def batches(self, visits: Iterable[Visit], patience: float | None) -> Iterator[list[Outcome]]:
        """Make these visits and all that become due meanwhile; yield their outcomes, which the caller records at once.

        Ends when nothing is left, when waiting would take longer than `patience`, when it is over, or when asked to
        stop; visits in flight are finished first, unless asked to stop.
        """
        with _threads(self._slots) as pool:
            self._queue(visits)
            looked: datetime | None = self._edges.now()
            outcomes: list[Outcome] = []
            while not self._stopping.is_set():
                over = self._edges.over()
                if not over:
                    self._start(pool)
                landed = self._land()
                outcomes += landed
                if len(outcomes) >= BATCH or (outcomes and not landed):
                    yield outcomes
                    self._taken.difference_update(_key(outcome.visit) for outcome in outcomes)
                    outcomes, looked = [], None
                if not over and (looked is None or (self._edges.now() - looked).total_seconds() >= REFILL):
                    self._queue(self._edges.due())
                    looked = self._edges.now()
                if not self._running and not outcomes and (over or not self._rest(patience)):
                    return
            yield outcomes + self._land()

    def _queue(self, visits: Iterable[Visit]) -> None:
        fresh = {_key(visit): visit for visit in visits if _key(visit) not in self._taken}
        self._taken.update(fresh)
        self._picker.add(fresh.values())

    def _start(self, pool: ThreadPoolExecutor) -> None:
        ready = self._picker.pick(self._edges.now())
        if ready:
            self._edges.claim(ready)
        for visit in ready:
            future = pool.submit(self._edges.pull, visit)
            self._running[future] = visit
            future.add_done_callback(self._landed.put)

    def _land(self) -> list[Outcome]:
        """What has come back, after waiting a moment for the first."""
        outcomes: list[Outcome] = []
        while self._running:
            try:
                future = self._landed.get(timeout=0 if outcomes else SETTLE)
            except Empty:
                break
            outcome = future.result()
            self._picker.done(self._running.pop(future), outcome.host, outcome.at)
            outcomes.append(outcome)
        return outcomes

    def _rest(self, patience: float | None) -> bool:
        """Sleep until something may start; False when nothing will within `patience`."""
        delay = self._picker.wait(self._edges.now())
        if delay is None or (patience is not None and delay > patience):
            return False
        self._stopping.wait(min(delay, REFILL))
        return True


@contextmanager
def _threads(slots: int) -> Iterator[ThreadPoolExecutor]:
    """A pool that is left without waiting for whoever hangs in it."""
    pool = ThreadPoolExecutor(slots, thread_name_prefix="visit")
    try:
        yield pool
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _key(visit: Visit) -> tuple[str, str]:
    return visit.source.id, visit.url if visit.story else ""
