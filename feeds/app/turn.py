"""One turn: its options and its result, the loop that makes its visits, and the threads that they run in."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from queue import Empty, SimpleQueue
from typing import Protocol

from ..cores import SharedCore
from ..errors import FailureKind
from ..model import Failure, Fetched, Harvest, HostState, NotModified, Outcome, Source, Visit
from ..scheduling import HostQueue, VisitKey, visit_key

BATCH_SIZE = 50  # outcomes a transaction
BATCH_SECONDS = 0.5  # that the first outcome of a batch waits for others (L7: published within a second)
POLL_SECONDS = 0.2  # between two looks at the clock and at requests to stop
GATHER_SECONDS = 0.005  # that one outcome waits for the next, so that their successors are claimed together (L3)
BUSY_GATHER_SECONDS = 0.05  # that outcomes are gathered while half of the slots have something to do
GATHER_SHARE = 2  # it waits no longer than until one in so many slots is free
DUE_CHECK_SECONDS = 1.0  # between two queries for what has become due
DUE_CHECK_PAUSE = 10.0  # times as long as a query took, at least: it takes longer the more is waiting already
SLOW_VISIT_SECONDS = 2.0  # after which a visit keeps no other one waiting (F10, F11)
THREADS_PER_SLOT = 4  # more threads than slots, for slow visits

VisitQueue = SimpleQueue[Visit | None]


@dataclass(frozen=True, slots=True)
class TurnOptions:
    """The options of a turn.

    `sources`: visit these, whatever the schedule says; `everything`: visit all of them; `refetch`: without validators.
    `max_wait` and `time_limit` are seconds: how long to wait for a host that may not be asked yet, and after how long
    no visit is started; None is without limit. `repeat`: visit a source again that falls due again during the turn.
    Once `should_end` returns True, no visit is started.
    """

    sources: Collection[str] | None = None
    everything: bool = False
    refetch: bool = False
    max_wait: float | None = 60.0
    time_limit: float | None = None
    repeat: bool = False
    should_end: Callable[[], bool] = lambda: False


class TurnEnd(StrEnum):
    """Why a turn ended with visits left."""

    TIME = "time"  # `time_limit` was over
    WAIT = "wait"  # the hosts that are left may not be asked within `max_wait`
    NETWORK = "network"  # nothing can be reached
    STOPPED = "stopped"


@dataclass(slots=True)
class Turn:
    """The result of a turn: visits made, articles new or changed, files written, sources that fail or work again."""

    visits: int = 0
    pending: int = 0  # visits queued or in progress; in the end those that are left
    ended_by: TurnEnd | None = None  # None: nothing is left
    visited: set[str] = field(default_factory=set)  # ids of sources; a visit to a story's page does not count
    last_source: str = ""  # the id of the source that was visited last
    changes: Counter[str] = field(default_factory=Counter)  # source id → its articles new or changed
    not_modified: int = 0
    failures: int = 0
    articles: int = 0
    files: list[str] = field(default_factory=list)
    publish_errors: list[str] = field(default_factory=list)  # of publishing in the background
    worse: list[tuple[str, str]] = field(default_factory=list)  # (source id, sentence), at its first failure
    better: list[str] = field(default_factory=list)  # source ids, at the first success after a failure

    def count(self, outcome: Outcome) -> None:
        """Add one outcome."""
        visit, result = outcome.visit, outcome.result
        self.visits += 1
        self.last_source = visit.source.id
        if visit.story is None:
            self.visited.add(visit.source.id)
        if visit.push and isinstance(result, Failure):
            return  # the source is visited all the same
        if isinstance(result, Failure):
            self.failures += 1
            if not visit.state.failures and visit.story is None:
                self.worse.append((visit.source.id, result.sentence))
            return
        if visit.state.failures and visit.story is None:
            self.better.append(visit.source.id)
        if not isinstance(result, Harvest):
            self.not_modified += 1

    def count_articles(self, counts: Mapping[str, int]) -> None:
        """Add how many articles are new or changed, by the id of their source."""
        self.changes.update({source_id: count for source_id, count in counts.items() if count})
        self.articles += sum(counts.values())


# ── What visits need; as protocols, because HTTP and the parsers are loaded only when a visit is due ────────────────


class NetworkClient(Protocol):
    """An HTTP client: `feeds.fetch.Fetcher`, or a fake in a test."""

    def fetch(self, visit: Visit) -> Fetched | NotModified:
        """Return the response to a visit; raise FetchError if there is none."""

    def robots(self, url: str, state: HostState, at: datetime, source: Source | None = None) -> tuple[bool, HostState]:
        """Return whether robots.txt permits an address, and the new state of its host."""

    def address_of(self, host: str) -> str | None:
        """Return the address that a host name was last resolved to."""

    def close(self) -> None:
        """Abort all requests and accept no more."""


class VisitService(Protocol):
    """A maker of visits: `feeds.app.visit_runner.VisitRunner`."""

    def visit_function(self, *, refetch: bool = False, accept_any_listing: bool = False) -> Callable[[Visit], Outcome]:
        """Return the function that makes one visit."""

    def address_of(self, host: str) -> str | None:
        """Return the address that a host name was last resolved to; the host queue caps visits to one address (E13)."""

    def close(self) -> None:
        """Abort all visits and accept no more."""


# ── The loop ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class TurnIO:
    """The I/O of a turn: `pull` makes one visit, `claim` stores the successors of many before they start (E12).

    `due` returns the visits that are due by now. Once `should_end` returns True, no visit is started.
    """

    pull: Callable[[Visit], Outcome]
    claim: Callable[[Sequence[Visit]], None]
    due: Callable[[], Iterable[Visit]]
    should_end: Callable[[], bool]
    now: Callable[[], datetime]


class TurnLoop:
    """Runs visits in threads, in the order of the host queue: `slots` at once, and some more beside slow ones."""

    def __init__(self, host_queue: HostQueue, io: TurnIO, stopping: threading.Event, slots: int) -> None:
        self._host_queue = host_queue
        self._io = io
        self._stopping = stopping
        self._slots = slots
        self._core = SharedCore()
        self._threads = WorkerThreads(io.pull, slots * THREADS_PER_SLOT, self._core)
        self._pending: dict[VisitKey, Visit] = {}  # queued, in flight, or made and not recorded yet
        self._started: dict[VisitKey, tuple[float, Visit]] = {}  # in flight and holding a slot, oldest first
        self._outcomes: list[Outcome] = []  # the next batch
        self._batch_due_at = 0.0
        self._due_check_at = 0.0

    def batches(self, visits: Iterable[Visit], max_wait: float | None) -> Iterator[list[Outcome]]:
        """Make these visits and all that become due; yield their outcomes, which the caller records at once.

        Ends when nothing is left, when waiting for a host would take longer than `max_wait` (None: without limit),
        when the turn should end, or when asked to stop; visits in flight are finished first, unless asked to stop. A
        caller that leaves earlier may call again, and gets what was in flight then.
        """
        cores = self._core.stay()
        try:
            self._enqueue(visits)
            self._due_check_at = time.monotonic() + DUE_CHECK_SECONDS
            while not self._stopping.is_set():
                cores = self._core.stay(cores)
                ending = self._io.should_end()
                if not ending:
                    self._check_due()
                    self._start_visits()
                self._collect_outcomes(POLL_SECONDS if ending else self._poll_seconds())
                if len(self._outcomes) >= BATCH_SIZE or self._batch_seconds() <= 0:
                    yield from self._next_batch()
                if not self._threads.in_flight and (ending or not self._wait_for_host(max_wait)):
                    if not self._outcomes:
                        break
                    yield from self._next_batch()  # something may become due by it
            self._collect_outcomes(POLL_SECONDS)
            yield from self._next_batch()
        finally:
            self._threads.end()
            self._core.release()
            self._core.stay(cores)

    @property
    def pending(self) -> int:
        """Return how many visits are queued, in progress, or not recorded yet."""
        return len(self._pending)

    # ── starting ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _enqueue(self, visits: Iterable[Visit]) -> None:
        new_visits = {key: visit for visit in visits if (key := visit_key(visit)) not in self._pending}
        self._pending.update(new_visits)
        self._host_queue.add(new_visits.values())

    def _check_due(self) -> None:
        began = time.monotonic()
        if began < self._due_check_at:
            return
        self._enqueue(self._io.due())
        ended = time.monotonic()
        self._due_check_at = ended + max(DUE_CHECK_SECONDS, (ended - began) * DUE_CHECK_PAUSE)

    def _start_visits(self) -> None:
        visits = self._host_queue.pick(self._io.now())
        if visits:
            self._io.claim(visits)
        if len(self._pending) >= self._slots:
            self._core.share()
        elif not self._threads.in_flight:
            self._core.release()
        for visit in visits:
            self._started[visit_key(visit)] = time.monotonic(), visit
            self._threads.submit(visit)

    # ── collecting ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _poll_seconds(self) -> float:
        """Return how long to wait for an outcome: until another visit may start, or the batch is due."""
        delay = self._host_queue.seconds_until_ready(self._io.now())
        return max(GATHER_SECONDS, min(POLL_SECONDS, self._batch_seconds(), POLL_SECONDS if delay is None else delay))

    def _batch_seconds(self) -> float:
        """Return the seconds until the batch is due."""
        return self._batch_due_at - time.monotonic() if self._outcomes else BATCH_SECONDS

    def _collect_outcomes(self, timeout: float) -> None:
        """Take the outcomes that are there, after waiting for the first."""
        room = max(1, self._slots // GATHER_SHARE)
        busy_until = time.monotonic() + timeout + BUSY_GATHER_SECONDS
        while self._threads.in_flight and room and (result := self._threads.next_result(timeout)):
            visit, outcome = result
            self._started.pop(visit_key(visit), None)
            self._host_queue.finish(visit, outcome.host, outcome.at, outcome.redirect_host)
            self._batch_due_at = self._batch_due_at if self._outcomes else time.monotonic() + BATCH_SECONDS
            self._outcomes.append(outcome)
            is_busy = len(self._started) > self._slots // 2
            timeout = max(GATHER_SECONDS, busy_until - time.monotonic() if is_busy else 0.0)
            room -= 1
        self._free_slots()

    def _free_slots(self) -> None:
        """Give the slots of slow visits to others, as far as there are threads for both."""
        slow_before = time.monotonic() - SLOW_VISIT_SECONDS
        while self._started and self._threads.in_flight - len(self._started) < self._slots * (THREADS_PER_SLOT - 1):
            key, (started_at, visit) = next(iter(self._started.items()))
            if started_at > slow_before:
                return
            del self._started[key]
            self._host_queue.release_slot(visit)

    def _next_batch(self) -> Iterator[list[Outcome]]:
        """Yield the batch, if there is one; it is recorded when the caller comes back."""
        outcomes, self._outcomes = self._outcomes, []
        if not outcomes:
            return
        try:
            yield outcomes
        finally:
            for outcome in outcomes:
                del self._pending[visit_key(outcome.visit)]
        if any(map(_makes_visits_due, outcomes)):
            self._due_check_at = 0.0

    def _wait_for_host(self, max_wait: float | None) -> bool:
        """Sleep until a visit may start; return False when none will within `max_wait`."""
        if not self._due_check_at:
            return True
        delay = self._host_queue.seconds_until_ready(self._io.now())
        if delay is None or (max_wait is not None and delay > max_wait):
            return False
        self._stopping.wait(max(0.0, min(delay, DUE_CHECK_SECONDS, self._batch_seconds())))
        return True


def is_follow_up(visit: Visit) -> bool:
    """Return whether another visit led to this one: to a story's page, or to the feed that a page named."""
    return visit.story is not None or (visit.state.full_at is None and visit.url != visit.source.address)


def is_aborted(outcome: Outcome) -> bool:
    """Return whether we aborted the visit, which says nothing about the source; its successor is claimed already."""
    return isinstance(outcome.result, Failure) and outcome.result.kind is FailureKind.STOPPED


def _makes_visits_due(outcome: Outcome) -> bool:
    """Return whether a visit is due at once: pages of new stories, outlines of a list, the feed that a page named."""
    result = outcome.result
    return outcome.due_at <= outcome.at or (
        isinstance(result, Harvest) and bool(result.story_visits or result.outlines)
    )


# ── Threads ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class WorkerThreads:
    """Makes visits with `pull`, each in a thread, up to `max_threads` at once; threads start on demand.

    They run on `core` while it is shared.

    The threads are daemons, unlike those of the standard pools, which keep a process that was told to stop until the
    last hanging server has answered (F38).
    """

    def __init__(self, pull: Callable[[Visit], Outcome], max_threads: int, core: SharedCore) -> None:
        self._pull = pull
        self._max_threads = max_threads
        self._core = core
        self._visits: VisitQueue = SimpleQueue()
        self._results: SimpleQueue[tuple[Visit, Outcome | BaseException] | None] = SimpleQueue()
        self._count = 0
        self.in_flight = 0  # visits submitted whose result was not taken yet

    def submit(self, visit: Visit) -> None:
        """Start a visit."""
        self.in_flight += 1
        self._visits.put(visit)
        if self._count < min(self.in_flight, self._max_threads):
            self._count += 1
            name = f"visit-{self._count}"
            threading.Thread(target=self._run, args=[self._visits], name=name, daemon=True).start()

    def next_result(self, timeout: float) -> tuple[Visit, Outcome] | None:
        """Return the next visit that has ended, with its outcome; None when none does within `timeout` seconds.

        None also after `wake`. Raise what the visit raised.
        """
        try:
            result = self._results.get(timeout=timeout)
        except Empty:
            return None
        if result is None:
            return None
        visit, outcome = result
        self.in_flight -= 1
        if isinstance(outcome, BaseException):
            raise outcome
        return visit, outcome

    def wake(self) -> None:
        """Let `next_result` return at once, in whatever thread it waits."""
        self._results.put(None)

    def end(self) -> None:
        """End each thread after its current visit, whose result still comes; later visits get new threads."""
        for _ in range(self._count):
            self._visits.put(None)
        self._visits, self._count = SimpleQueue(), 0

    def _run(self, visits: VisitQueue) -> None:
        cores = None
        while (visit := visits.get()) is not None:
            cores = self._core.stay(cores)
            try:
                self._results.put((visit, self._pull(visit)))
            except BaseException as error:  # noqa: BLE001 - raised by next_result
                self._results.put((visit, error))
