"""The daemon: a tick that makes a turn, signals, watched files, and a clean stop."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue

from apscheduler.schedulers.background import BackgroundScheduler
from watchfiles import watch

from .app import App, Turn, TurnOptions
from .app.operations import OPERATIONS, AnyRequest, OperationIO, OperationReport, ReloadRequest, RunRequest
from .errors import ConfigError, FeedsError
from .model import Kind

log = logging.getLogger("feeds.daemon")

StoryFolders = Mapping[tuple[Path, int], Collection[str]]  # path and inode → ids of the sources in it

TICK_SECONDS = 0.5  # between two looks at what is due
RETRY_SECONDS = 30.0  # without a tick after the store or the disk refused to work
STOP_SECONDS = 4.0  # that a turn has to finish when asked to stop
# Milliseconds without a change after which an edit is complete, and after how many it is taken in any case: of the
# configuration (F25), and of our own stories, which are only read once they stand still (F34).
CONFIG_QUIET, CONFIG_MAX_DELAY = 1_000, 10_000
STORY_QUIET, STORY_MAX_DELAY = 50, 300
FOLDER_CHECK = 5_000  # milliseconds between two looks whether other folders are to be watched


@dataclass(frozen=True, slots=True)
class _PendingOperation:
    """An operation that a command asked for, and its report to come."""

    request: AnyRequest
    io: OperationIO
    report: Future[OperationReport] = field(default_factory=Future)


class Daemon:
    """Makes turns until it is stopped; calls `on_turn` with the result of each."""

    def __init__(self, app: App, on_turn: Callable[[Turn], None] = lambda turn: None) -> None:
        self._app = app
        self._on_turn = on_turn
        self._stop = threading.Event()
        self._reload_requested = threading.Event()
        self._config_changed = threading.Event()
        self._turning = threading.Lock()
        self._operations: SimpleQueue[_PendingOperation] = SimpleQueue()  # for the thread of the turns
        self._last_config = _read_bytes(app.config.path)  # in use, or refused

    def submit(self, request: AnyRequest, io: OperationIO) -> Future[OperationReport]:
        """Perform an operation soon, a turn and a reload between two turns; return its report to come."""
        operation = _PendingOperation(request, io)
        if isinstance(request, RunRequest | ReloadRequest):
            self._operations.put(operation)
        else:
            threading.Thread(target=self._perform, args=[operation], name="operation", daemon=True).start()
        return operation.report

    def run(self) -> None:
        """Tick until SIGTERM or SIGINT; SIGHUP or an edited configuration reloads."""
        scheduler = BackgroundScheduler(timezone="UTC")
        # A tick that comes during a turn is dropped, and a late one is made: the store knows what is due.
        scheduler.add_job(
            self._tick, "interval", seconds=TICK_SECONDS, max_instances=1, coalesce=True, misfire_grace_time=None
        )
        with _handle_signals(stop=self._stop.set, reload=self._reload_requested.set):
            scheduler.start()
            threading.Thread(target=self._watch_config, name="watch configuration", daemon=True).start()
            threading.Thread(target=self._watch_stories, name="watch stories", daemon=True).start()
            self._stop.wait()
            self._app.stop()
            scheduler.shutdown(wait=False)
        if not self._turning.acquire(timeout=STOP_SECONDS):
            log.warning("a turn did not end within %.0f s; its visits are made again when they are due", STOP_SECONDS)

    def _tick(self) -> None:
        with self._turning:
            try:
                self._perform_operations()
                self._reload_if_needed()
                self._on_turn(self._app.turn(TurnOptions(repeat=True, max_wait=0, should_end=self._should_turn_end)))
            except FeedsError as error:
                log.error("%s; trying again in %.0f s", error, RETRY_SECONDS)
                self._stop.wait(RETRY_SECONDS)

    def _should_turn_end(self) -> bool:
        return self._is_reload_pending() or not self._operations.empty()

    # ── operations of commands ──────────────────────────────────────────────────────────────────────────────────────

    def _perform_operations(self) -> None:
        while not self._operations.empty():
            self._perform(self._operations.get())

    def _perform(self, operation: _PendingOperation) -> None:
        report, request = operation.report, operation.request
        try:
            if isinstance(request, ReloadRequest):
                self._last_config = _read_bytes(self._app.config.path)
            report.set_result(OPERATIONS[type(request)].perform(self._app, request, operation.io))
        except BaseException as error:  # noqa: BLE001 - raised where the report is awaited
            report.set_exception(error)

    # ── configuration ───────────────────────────────────────────────────────────────────────────────────────────────

    def _is_reload_pending(self) -> bool:
        return self._reload_requested.is_set() or self._config_changed.is_set()

    def _reload_if_needed(self) -> None:
        """Reload when requested, or when the file differs from when it was last read."""
        if not self._is_reload_pending():
            return
        requested = self._reload_requested.is_set()
        self._reload_requested.clear()
        self._config_changed.clear()
        content = _read_bytes(self._app.config.path)
        if not requested and content == self._last_config:
            return
        self._last_config = content
        try:
            self._app.reload()
            log.info("configuration reloaded")
        except ConfigError as error:
            log.error("configuration not reloaded, the last good one stays in use:\n%s", error)

    def _watch_config(self) -> None:
        """Note changes of the configuration; its folders are watched, as editors replace files and links change."""
        path = self._app.config.path
        paths = {path, path.resolve()}
        folders, names = {path.parent for path in paths}, {path.name for path in paths}
        batches = watch(
            *folders,
            stop_event=self._stop,
            recursive=False,
            raise_interrupt=False,
            step=CONFIG_QUIET,
            debounce=CONFIG_MAX_DELAY,
        )
        for changes in batches:
            if any(Path(name).name in names for _, name in changes):
                self._config_changed.set()

    # ── our own stories ─────────────────────────────────────────────────────────────────────────────────────────────

    def _watch_stories(self) -> None:
        """Visit a source of files as soon as something in its folder changes; the schedule finds what this misses."""
        while not self._stop.is_set():
            folders = _story_folders(self._app)
            try:
                self._wake_on_changes(folders)
            except (OSError, RuntimeError) as error:  # RuntimeError: watchfiles met a limit of the system
                log.warning("cannot watch the folders of our own stories; they are read when due: %s", error)
                self._stop.wait(RETRY_SECONDS)

    def _wake_on_changes(self, folders: StoryFolders) -> None:
        """Wake the sources whose folder changes; return when other folders are to be watched."""
        if not folders:
            self._stop.wait(FOLDER_CHECK / 1000)
            return
        batches = watch(
            *(path for path, _ in folders),
            stop_event=self._stop,
            raise_interrupt=False,
            ignore_permission_denied=True,
            step=STORY_QUIET,
            debounce=STORY_MAX_DELAY,
            rust_timeout=FOLDER_CHECK,
            yield_on_timeout=True,
        )
        for changes in batches:
            changed = [Path(name) for _, name in changes]
            for (folder, _), source_ids in folders.items():
                if any(path.is_relative_to(folder) for path in changed):
                    self._app.wake(source_ids)
            if _story_folders(self._app) != folders:
                return


def _story_folders(app: App) -> StoryFolders:
    """Return the folders of our own stories; the inode tells a new folder of the same name."""
    folders: dict[tuple[Path, int], set[str]] = {}
    for source in app.config.sources.values():
        if source.kind is Kind.FILES and source.enabled and source.root is not None:
            with suppress(OSError):
                path = source.root.resolve(strict=True)
                folders.setdefault((path, path.stat().st_ino), set()).add(source.id)
    return folders


def _read_bytes(path: Path) -> bytes | None:
    """Return the content of a file; None when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError:
        return None


@contextmanager
def _handle_signals(stop: Callable[[], None], reload: Callable[[], None]) -> Iterator[None]:
    """Call `stop` at SIGTERM and SIGINT, and `reload` at SIGHUP, while inside."""
    actions = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: reload}
    before = {number: signal.signal(number, _handler(action)) for number, action in actions.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _handler(action: Callable[[], None]) -> Callable[[int, object], None]:
    return lambda number, frame: action()
