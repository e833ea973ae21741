"""The daemon: a tick that makes a turn, operations of commands, supervision, and a clean stop."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Protocol

from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler

from ..app import App, Turn, TurnOptions
from ..app.control_socket import ControlServer, Submit
from ..app.health import ProcessState, write_state
from ..app.operations import (
    OPERATIONS,
    AnyRequest,
    OperationIO,
    OperationReport,
    ReloadReport,
    ReloadRequest,
    RunRequest,
)
from ..app.server_process import HostPort, ServerProcess, format_address
from ..app.shared_app import SharedApp
from ..errors import ConfigError, FeedsError, StoreError
from ..model import replace
from .reload import PendingReload, log_refusal
from .service_manager import ServiceManager
from .signals import Service
from .watch import watch_stories

log = logging.getLogger("feeds.daemon")

TICK_SECONDS = 1.0  # between two looks at what is due; what cannot wait calls for one at once
TICK_JOB = "tick"
RETRY_SECONDS = 30.0  # without a turn after the store or the disk refused to work
CHECK_SECONDS = 2.0  # between two checks of what is supervised
STATE_SECONDS = 15.0  # after which a state that did not change is written again


@dataclass(frozen=True, slots=True)
class Reporter:
    """What a daemon shows: the address that is served, once it is bound, each turn so far, and its result."""

    on_bound: Callable[[App, HostPort], None]
    on_progress: Callable[[Turn], None]
    on_turn: Callable[[App, Turn], None]
    mask: Callable[[str], str]  # hides the secrets of the configuration


def run_daemon(
    service: Service,
    open_app: Callable[[], AbstractContextManager[App]],
    server: Sequence[str],
    reporter: Reporter,
) -> None:
    """Make turns and serve until told to stop. `server` are the arguments of `feeds` with which the server runs."""
    manager = ServiceManager(os.environ)
    with ServerProcess(server, service.fail) as process, open_app() as app:  # the server starts meanwhile
        daemon = Daemon(app, service, process, manager, reporter)
        if isinstance(app, SharedApp):
            daemon.share_work(app)
        with _listen_for_commands(app.config.data, daemon.submit, reporter.mask):
            address = process.wait_until_bound(service.stop)
            if address and not service.stop.is_set():
                reporter.on_bound(app, address)
                daemon.run()
        app.stop()


def _listen_for_commands(directory: Path, submit: Submit, mask: Callable[[str], str]) -> AbstractContextManager[object]:
    try:
        return ControlServer(directory, submit, mask)
    except StoreError as error:  # some file systems have no sockets
        log.warning("commands cannot reach this daemon: %s", error)
        return nullcontext()


class TurnSharing(Protocol):
    """What makes turns where jobs say: `feeds.app.workers.JobWorker`."""

    def tick(self) -> None:
        """Order what is due."""

    def paused(self) -> AbstractContextManager[None]:
        """Make no turn while inside."""

    def renew(self) -> None:
        """Take the jobs of what is declared now."""

    def close(self) -> None:
        """Leave the work to others."""


@dataclass(frozen=True, slots=True)
class _PendingOperation:
    """An operation that a command asked for, and its report to come."""

    request: AnyRequest
    io: OperationIO
    report: Future[OperationReport] = field(default_factory=Future)


class Daemon:
    """Makes turns until its service is told to stop."""

    def __init__(
        self, app: App, service: Service, server: ServerProcess, manager: ServiceManager, reporter: Reporter
    ) -> None:
        self._app = app
        self._service = service
        self._server = server
        self._manager = manager
        self._reporter = reporter
        self._operations: SimpleQueue[_PendingOperation] = SimpleQueue()  # for the thread of the turns
        self._scheduler = BackgroundScheduler(timezone="UTC")
        self._pending_reload = PendingReload(app.config.path, service.reload)
        self._retry_at = 0.0
        self._progress_at = time.monotonic()  # when a turn last made progress
        self._turn_error = self._reload_error = ""
        self._publish_error = "", 0.0  # and when it was logged
        self._workers: TurnSharing | None = None
        self._state, self._state_at = self._read_state(), time.monotonic()
        write_state(app.config.data, self._state)

    def share_work(self, app: SharedApp) -> None:
        """Leave the turns to jobs, which this process and others take: a tick only orders them."""
        from ..app.workers import JobWorker, JobWorkerIO  # with the libraries of PostgreSQL

        on_turn = partial(self._reporter.on_turn, app)
        self._workers = JobWorker(app, JobWorkerIO(on_turn, self._note_progress, self._service.fail, log.error))

    def submit(self, request: AnyRequest, io: OperationIO) -> Future[OperationReport]:
        """Perform an operation soon, a turn and a reload between two turns; return its report to come."""
        operation = _PendingOperation(request, io)
        if isinstance(request, RunRequest | ReloadRequest):
            self._operations.put(operation)
            self._tick_now()
        else:
            threading.Thread(target=self._perform, args=[operation], name="operation", daemon=True).start()
        return operation.report

    def run(self) -> None:
        """Tick until told to stop; SIGHUP or an edited configuration reloads."""
        stop = self._service.stop
        self._start("watch configuration", lambda: self._pending_reload.watch(stop))
        # A tick that comes during a turn is dropped, and a late one is made: the store knows what is due.
        self._scheduler.add_job(
            lambda: self._guard(self._tick),
            "interval",
            id=TICK_JOB,
            seconds=TICK_SECONDS,
            next_run_time=datetime.now(UTC),
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
        )
        self._scheduler.start()
        self._start("watch stories", lambda: watch_stories(self._app, self._wake, stop))
        self._manager.ready(self._status())
        while not stop.wait(min(CHECK_SECONDS, self._manager.ping_seconds)):
            self._check()
        self._manager.stopping()
        if self._workers:
            self._workers.close()
        self._app.stop()
        self._scheduler.shutdown(wait=True)  # for as long as `run_service` permits
        write_state(self._app.config.data, replace(self._read_state(), is_daemon=False))

    def _wake(self, source_ids: Collection[str]) -> None:
        """Visit these sources at once, whatever the schedule says."""
        self._app.wake(source_ids)
        self._tick_now()

    def _tick_now(self) -> None:
        """Let the next tick come at once; one in progress looks for what came in itself."""
        with suppress(JobLookupError):  # before the first tick
            self._scheduler.modify_job(TICK_JOB, next_run_time=datetime.now(UTC))

    def _tick(self) -> None:
        if self._workers:
            self._tick_shared(self._workers)
            return
        self._note_progress()
        self._perform_operations()
        self._reload_if_needed()
        if time.monotonic() < self._retry_at or self._service.stop.is_set():
            return
        try:
            options = TurnOptions(repeat=True, max_wait=0, should_end=self._should_turn_end)
            turn = self._app.turn(options, self._reporter.on_progress)
        except FeedsError as error:
            log.error("%s; trying again in %.0f s", error, RETRY_SECONDS)
            self._turn_error, self._retry_at = str(error), time.monotonic() + RETRY_SECONDS
        else:
            self._turn_error = ""
            self._log_publish_errors(turn.publish_errors)
            self._reporter.on_turn(self._app, turn)

    def _tick_shared(self, workers: TurnSharing) -> None:
        """Order jobs; what must not meet a turn is done while this process makes none."""
        if self._pending_reload or not self._operations.empty():
            with workers.paused():
                self._perform_operations()
                self._reload_if_needed()
            workers.renew()
        if not self._service.stop.is_set():
            workers.tick()

    def _should_turn_end(self) -> bool:
        self._note_progress()
        return bool(self._pending_reload) or not self._operations.empty()

    def _log_publish_errors(self, errors: Sequence[str]) -> None:
        """Log errors that come with each round of publishing: at once when they are new, else now and then."""
        for error in errors:
            last_error, logged_at = self._publish_error
            if error != last_error or time.monotonic() - logged_at >= RETRY_SECONDS:
                log.error("%s", error)
                self._publish_error = error, time.monotonic()

    # ── operations of commands ──────────────────────────────────────────────────────────────────────────────────────

    def _perform_operations(self) -> None:
        while not self._operations.empty():
            self._perform(self._operations.get())

    def _perform(self, operation: _PendingOperation) -> None:
        request, io, report = operation.request, operation.io, operation.report

        def should_end() -> bool:
            self._note_progress()
            return io.should_end()

        try:
            if isinstance(request, ReloadRequest):
                self._reload()
                report.set_result(ReloadReport(str(self._app.config.path)))
            else:
                operation_io = OperationIO(io.progress, should_end)
                report.set_result(OPERATIONS[type(request)].perform(self._app, request, operation_io))
        except BaseException as error:  # noqa: BLE001 - raised where the report is awaited
            report.set_exception(error)

    # ── configuration ───────────────────────────────────────────────────────────────────────────────────────────────

    def _reload_if_needed(self) -> None:
        if self._pending_reload.take():
            with log_refusal(log):
                self._reload()

    def _reload(self) -> None:
        """Take the edited configuration; raise ConfigError when it is wrong."""
        self._pending_reload.note_read()
        with self._manager.reloading(self._status):
            try:
                self._app.reload()
                self._server.reload()
                self._reload_error = ""
                log.info("configuration reloaded")
            except ConfigError as error:
                self._reload_error = str(error)
                raise

    # ── supervision ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _start(self, name: str, function: Callable[[], None]) -> None:
        threading.Thread(target=self._guard, args=[function], name=name, daemon=True).start()

    def _guard(self, function: Callable[[], None]) -> None:
        """Call a function; where it fails, the daemon ends, as a service manager can start a whole one again."""
        try:
            function()
        except FeedsError as error:
            self._service.fail(error)
        except BaseException as error:
            log.exception("a fault of this program")
            fault = f"{type(error).__name__}: {error}"
            self._service.fail(FeedsError(f"the daemon ends for a fault of this program ({fault}); see the log above"))

    def _note_progress(self) -> None:
        self._progress_at = time.monotonic()

    def _check(self) -> None:
        """Tell the service manager that the daemon lives, and health its state."""
        state = self._read_state()
        if self._server.is_supervised:
            self._manager.ping(self._last_progress)
        has_changed = replace(state, turn_at=self._state.turn_at, counts=self._state.counts) != self._state
        has_visited = state.counts != self._state.counts
        if has_changed or has_visited or time.monotonic() - self._state_at >= STATE_SECONDS:
            write_state(self._app.config.data, state)
            self._state, self._state_at = state, time.monotonic()
        if has_changed:
            self._manager.status(self._status())

    @property
    def _last_progress(self) -> float:
        return max(self._progress_at, self._app.issuing_at)

    def _read_state(self) -> ProcessState:
        age = time.monotonic() - self._last_progress
        errors = self._turn_error, str(self._server.error or ""), self._reload_error
        turn, server, reload = map(self._reporter.mask, errors)
        turn_at = self._app.now() - timedelta(seconds=age)
        return ProcessState(turn_at, True, turn, server, reload, self._app.visit_counts)

    def _status(self) -> str:
        if self._turn_error:
            return self._reporter.mask(f"turns fail: {self._turn_error}")
        address = format_address(self._server.address) if self._server.address else "no address"
        return f"serving {self._app.config.public} at http://{address}/"
