"""The share of one process in the work of an installation on several machines: its visits and its jobs."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from ..errors import FeedsError, OutdatedError, StoreError
from ..scheduling import LOCAL_SHARD
from .job_queue import JobIO, JobQueue, issue_job, name_process, pull_job
from .shared_app import SharedApp
from .sharing import IssueOrder, Role
from .turn import Turn

log = logging.getLogger("feeds.app")

TURN_SECONDS = 60.0  # after which a turn is ended and told of, although more is to be visited
WAIT_SECONDS = 0.5  # for a shard, between two looks whether to stop
RETRY_SECONDS = 2.0  # after a turn that failed
FAILED_PAUSE = timedelta(seconds=5)  # before a feed that failed is issued again
VISITS = "visits"
CLOSE_SECONDS = 2.0  # that jobs have to end


@dataclass(frozen=True, slots=True)
class JobWorkerIO:
    """What happens, as it happens: `on_alive` is called again and again, `fail` once something is wrong for good."""

    on_turn: Callable[[Turn], None]
    on_alive: Callable[[], None]
    fail: Callable[[BaseException], None]
    on_error: Callable[[str], None]


class JobWorker:
    """Visits the shards and issues the feeds that jobs name, until it is closed."""

    def __init__(self, app: SharedApp, io: JobWorkerIO) -> None:
        self._app = app
        self._io = io
        self._held = app.held
        self._ending = threading.Event()
        self._pausing = threading.Event()
        self._turning = threading.Lock()  # held during a turn, and between two by what must not meet one
        self._turn_ends_at = 0.0
        self._has_new_declarations = False
        self._errors: dict[str, str] = {}  # of visits and of feeds, told once for as long as each stays the same
        jobs = JobIO(self._held, self._issue, self._own_sources, self._check, self._report_problem, io.fail)
        self._queue = JobQueue(app.jobs_address, name_process(app.role), jobs, app.mark_requested)
        self._thread = threading.Thread(target=self._visit, name="visits", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Abort the visits in progress, and leave the shards and feeds to others."""
        self._ending.set()
        self._queue.stop()
        self._app.stop()
        self._held.wake()
        self._thread.join()
        self._mark_requested()
        self._held.pause()
        self._queue.close(CLOSE_SECONDS)

    # ── the tick ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def tick(self) -> None:
        """Have the shards visited and the feeds issued that are due; harmless if several processes do."""
        try:
            self._app.announce()
            self._queue.defer([*map(pull_job, self._due_shards()), *map(issue_job, self._due_orders())])
        except StoreError as error:
            log.debug("no jobs are ordered: %s", error)  # `_report_problem` has told

    def _due_shards(self) -> Iterable[int | str]:
        store, now = self._app.store, self._app.now()
        shards = store.due_shards(now).keys()
        yield from shards - {LOCAL_SHARD}
        local = {visit.source.id for visit in store.due(now, shards=[LOCAL_SHARD])} if LOCAL_SHARD in shards else set()
        yield from sorted(local.union(self._app.requested_sources))

    def _due_orders(self) -> list[IssueOrder]:
        orders = self._app.due_orders()
        if not orders:
            return []
        failed_since = self._app.now() - FAILED_PAUSE
        statuses = self._app.store.publishing()
        failed = {id for id, status in statuses.items() if status.failed_at and status.failed_at > failed_since}
        return [order for order in orders if order.feed_id not in failed]

    # ── visits ────────────────────────────────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Make no turn while inside, and hold no shard: for what is done between two turns."""
        self._pausing.set()
        try:
            with self._turning:
                self._held.pause()
                try:
                    yield
                finally:
                    self._held.resume()
        finally:
            self._pausing.clear()

    def renew(self) -> None:
        """Take the jobs of the sources of our own files that are declared now."""
        self._queue.renew()

    def _visit(self) -> None:
        while not self._ending.is_set():
            self._io.on_alive()
            if self._pausing.is_set():
                self._ending.wait(WAIT_SECONDS)
                continue
            has_work = self._held.wait(WAIT_SECONDS) or self._app.has_pushes()
            try:
                with self._turning:
                    self._follow_declarations()
                    if has_work:
                        self._turn_ends_at = time.monotonic() + TURN_SECONDS
                        self._io.on_turn(self._app.visit_shards(self._should_turn_end))
                self._errors.pop(VISITS, None)
            except OutdatedError as error:
                self._io.fail(error)
                return
            except FeedsError as error:
                self._note_error(VISITS, error)
                self._mark_requested()
                self._held.give_up_all()
                self._ending.wait(RETRY_SECONDS)
            except BaseException as error:  # noqa: BLE001 - raised where the process ends
                self._io.fail(error)
                return

    def _mark_requested(self) -> None:
        """Let the next process keep the gap after visits that this one did not end."""
        try:
            self._app.mark_requested(self._held.numbers)
        except StoreError as error:  # then the jobs do not end either, until another process ends them
            log.debug("the requests of visits that were cut off are not stored: %s", error)

    def _follow_declarations(self) -> None:
        if self._has_new_declarations:
            self._has_new_declarations = False
            self._app.follow_declarations()

    def _should_turn_end(self) -> bool:
        self._io.on_alive()
        is_over = time.monotonic() >= self._turn_ends_at
        return is_over or self._ending.is_set() or self._pausing.is_set() or self._has_new_declarations

    def _note_error(self, place: str, error: FeedsError) -> None:
        """Tell an error once for as long as it stays the same; what the queue tells too is told by it."""
        if isinstance(error, StoreError) and self._queue.has_problem:
            return
        if self._errors.get(place) != str(error):
            self._errors[place] = str(error)
            self._io.on_error(str(error))

    # ── what jobs need ────────────────────────────────────────────────────────────────────────────────────────────────

    def _issue(self, feed_id: str, fingerprint: str) -> Iterable[IssueOrder]:
        try:
            orders = self._app.issue_order(feed_id, fingerprint)
        except FeedsError as error:
            self._note_error(feed_id, error)
            return ()
        except BaseException as error:  # noqa: BLE001 - raised where the process ends
            self._io.fail(error)
            return ()
        self._errors.pop(feed_id, None)
        return orders

    def _own_sources(self) -> Collection[str]:
        if self._app.role is Role.WORKER:
            return ()
        return [id for id, source in self._app.sources.items() if source.root is not None and source.root.is_dir()]

    def _check(self) -> None:
        """Look whether another process changed the sources, or another version the tables."""
        try:
            self._app.store.check_version()
            self._has_new_declarations = self._has_new_declarations or self._app.has_new_declarations
        except OutdatedError as error:
            self._io.fail(error)
        except StoreError as error:
            log.debug("%s", error)  # `_report_problem` tells

    def _report_problem(self, problem: str) -> None:
        if problem:
            log.warning("the jobs in the database cannot be reached; this process waits for them: %s", problem)
        else:
            log.warning("the jobs in the database can be reached again")
