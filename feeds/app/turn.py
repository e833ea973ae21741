"""Visits in flight: what may start is started in threads, and what came of it is handed back in batches."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ..model import Failure, Harvest, Outcome, Visit
from ..scheduling import HostQueue
from .worker_threads import WorkerThreads

BATCH = 50  # outcomes a transaction
HOLD = 0.5  # seconds that the first outcome of a batch waits for others (L7: published within a second)
LOOK = 0.2  # seconds between two looks at the clock and at orders to stop
GATHER = 0.005  # seconds that one answer waits for the next, so that their successors are claimed together (L3)
TOGETHER = 4  # but no longer than until so many parts of the slots are free
REFILL = 1.0  # seconds between two looks for what has become due meanwhile
SHARE = 10.0  # and so many times as long as a look takes, which is longer the more is waiting already
LINGER = 2.0  # seconds after which a visit keeps no other one waiting (F10, F11)
THREADS = 4  # times the slots: room for those that linger

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class TurnOptions:
    """What a turn is asked for.

    `sources`: these, whatever the schedule says; `everything`: all of them; `refetch`: without validators. `patience`
    and `limit` are seconds: how long to wait for a host that must not be asked yet, and how long the turn may take;
    None is as long as it takes. `again`: a source that falls due again during the turn is visited again. Once the
    turn is `over`, nothing more is started.
    """

    sources: Collection[str] | None = None
    everything: bool = False
    refetch: bool = False
    patience: float | None = 60.0
    limit: float | None = None
    again: bool = False
    over: Callable[[], bool] = lambda: False


@dataclass(slots=True)
class Turn:
    """What came of a turn: visits made, articles new or changed, files written, who failed first and who recovered."""

    visits: int = 0
    not_modified: int = 0
    failures: int = 0
    articles: int = 0
    files: list[str] = field(default_factory=list)
    worse: list[tuple[str, str]] = field(default_factory=list)  # (source id, sentence)
    better: list[str] = field(default_factory=list)

    def count(self, outcome: Outcome) -> None:
        """Add one outcome."""
        visit, result = outcome.visit, outcome.result
        self.visits += 1
        if isinstance(result, Failure):
            self.failures += 1
            if not visit.state.failures and visit.story is None:
                self.worse.append((visit.source.id, result.sentence))
            return
        if visit.state.failures and visit.story is None:
            self.better.append(visit.source.id)
        if isinstance(result, Harvest):
            self.articles += len(result.articles)
        else:
            self.not_modified += 1


@dataclass(frozen=True, slots=True)
class TurnIO:
    """What pulling needs: one visit made, many claimed before they start (E12), what is due by now,
    whether nothing more shall be started, and the clock."""

    pull: Callable[[Visit], Outcome]
    claim: Callable[[Sequence[Visit]], None]
    due: Callable[[], Iterable[Visit]]
    over: Callable[[], bool]
    now: Callable[[], datetime]


class TurnLoop:
    """Runs visits in threads, `slots` of them and some more for those that hang, as politely as the picker says."""

    def __init__(self, picker: HostQueue, edges: TurnIO, stopping: threading.Event, slots: int) -> None:
        self._picker = picker
        self._edges = edges
        self._stopping = stopping
        self._slots = slots
        self._crew = WorkerThreads(edges.pull, slots * THREADS)
        self._taken: set[Key] = set()  # queued, in flight, or landed and not recorded yet
        self._started: dict[Key, tuple[float, Visit]] = {}  # in flight and not lingering, oldest first
        self._landed: list[Outcome] = []
        self._hold_until = 0.0
        self._look_at = 0.0

    def batches(self, visits: Iterable[Visit], patience: float | None) -> Iterator[list[Outcome]]:
        """Make these visits and all that become due meanwhile; yield their outcomes, which the caller records at once.

        Ends when nothing is left, when waiting for a host would take longer than `patience` (None: no matter how
        long), when it is over, or when asked to stop; visits in flight are finished first, unless asked to stop. A
        caller that leaves earlier may call again, and gets what was in flight then.
        """
        try:
            self._queue(visits)
            self._look_at = time.monotonic() + REFILL
            while not self._stopping.is_set():
                over = self._edges.over()
                if not over:
                    self._look()
                    self._start()
                self._land(LOOK if over else self._moment())
                if self._is_batch():
                    yield from self._handed_over()
                if not self._crew.away and (over or not self._goes_on(patience)):
                    if not self._landed:
                        break
                    yield from self._handed_over()  # it may lead on
            self._land(LOOK)
            yield from self._handed_over()
        finally:
            self._crew.dismiss()

    # ── out ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _queue(self, visits: Iterable[Visit]) -> None:
        fresh = {_key(visit): visit for visit in visits if _key(visit) not in self._taken}
        self._taken.update(fresh)
        self._picker.add(fresh.values())

    def _look(self) -> None:
        began = time.monotonic()
        if began < self._look_at:
            return
        self._queue(self._edges.due())
        ended = time.monotonic()
        self._look_at = ended + max(REFILL, (ended - began) * SHARE)

    def _start(self) -> None:
        ready = self._picker.pick(self._edges.now())
        if ready:
            self._edges.claim(ready)
        for visit in ready:
            self._started[_key(visit)] = time.monotonic(), visit
            self._crew.send(visit)

    # ── back ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _moment(self) -> float:
        """Seconds to wait for an answer: until something else may start, or what has come is handed over."""
        delay = self._picker.seconds_until_ready(self._edges.now())
        return max(GATHER, min(LOOK, self._held(), LOOK if delay is None else delay))

    def _held(self) -> float:
        """Seconds until what has come is handed over."""
        return self._hold_until - time.monotonic() if self._landed else HOLD

    def _land(self, moment: float) -> None:
        """Take what has come back, after waiting a moment for the first."""
        most = max(1, self._slots // TOGETHER)
        while self._crew.away and most and (back := self._crew.land(moment)):
            visit, outcome = back
            self._started.pop(_key(visit), None)
            self._picker.finish(visit, outcome.host, outcome.at, outcome.redirect_host)
            self._hold_until = self._hold_until if self._landed else time.monotonic() + HOLD
            self._landed.append(outcome)
            moment, most = GATHER, most - 1
        self._set_aside()

    def _set_aside(self) -> None:
        """Give the slots of visits that take long to others, as far as there are threads for both."""
        late = time.monotonic() - LINGER
        while self._started and self._crew.away - len(self._started) < self._slots * (THREADS - 1):
            key, (since, visit) = next(iter(self._started.items()))
            if since > late:
                return
            del self._started[key]
            self._picker.release_slot(visit)

    def _is_batch(self) -> bool:
        return len(self._landed) >= BATCH or self._held() <= 0

    def _handed_over(self) -> Iterator[list[Outcome]]:
        outcomes, self._landed = self._landed, []
        if not outcomes:
            return
        try:
            yield outcomes
        finally:
            self._taken.difference_update(_key(outcome.visit) for outcome in outcomes)
        if any(map(_leads_on, outcomes)):
            self._look_at = 0.0

    def _goes_on(self, patience: float | None) -> bool:
        """Sleep until something may start; False when nothing will within `patience`."""
        if not self._look_at:
            return True
        delay = self._picker.seconds_until_ready(self._edges.now())
        if delay is None or (patience is not None and delay > patience):
            return False
        self._stopping.wait(max(0.0, min(delay, REFILL, self._held())))
        return True


def _key(visit: Visit) -> Key:
    return visit.source.id, visit.url if visit.story else ""


def _leads_on(outcome: Outcome) -> bool:
    """Whether something became due at once: pages of new stories, outlines of a list, the feed that a page named."""
    result = outcome.result
    return outcome.due_at <= outcome.at or (
        isinstance(result, Harvest) and bool(result.story_visits or result.outlines)
    )
