"""The daemon's clock: one tick that makes a turn, signals, watched files, and a clean stop."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from apscheduler.schedulers.background import BackgroundScheduler
from watchfiles import watch

from .app import App, Turn, TurnOptions
from .errors import ConfigError, FeedsError
from .model import Kind

log = logging.getLogger("feeds.daemon")

Folders = Mapping[tuple[Path, int], Collection[str]]  # with the ids of the sources in them

TICK = 0.5  # seconds between two looks at what is due
PAUSE = 30.0  # seconds without a tick after the store or the disk refused to work
GRACE = 4.0  # seconds a turn has to finish when asked to stop
QUIET, LONGEST = 1_000, 10_000  # milliseconds of quiet after which an edit is taken for whole, and at most (F25)
SAVED, SAVING = 50, 300  # the same for our own stories, which are only read once they stand still (F34)
ANEW = 5_000  # milliseconds between two looks whether other folders are to be watched


class Daemon:
    """Turns for ever. `on_turn` is told what came of each."""

    def __init__(self, app: App, on_turn: Callable[[Turn], None] = lambda turn: None) -> None:
        self._app = app
        self._on_turn = on_turn
        self._stop = threading.Event()
        self._reload = threading.Event()
        self._turning = threading.Lock()
        self._edited = threading.Event()
        self._seen = _bytes(app.config.path)  # of the configuration in use, or of the last one that was refused

    def run(self) -> None:
        """Tick until SIGTERM or SIGINT; SIGHUP or an edited configuration reloads."""
        scheduler = BackgroundScheduler(timezone="UTC")
        # A tick that comes while a turn is on is dropped, and a late one is made: the store knows what is due.
        scheduler.add_job(self._tick, "interval", seconds=TICK, max_instances=1, coalesce=True, misfire_grace_time=None)
        with _signals(stop=self._stop.set, reload=self._reload.set):
            scheduler.start()
            threading.Thread(target=self._watch, name="watch", daemon=True).start()
            threading.Thread(target=self._watch_stories, name="watch stories", daemon=True).start()
            self._stop.wait()
            self._app.stop()
            scheduler.shutdown(wait=False)
        if not self._turning.acquire(timeout=GRACE):
            log.warning("a turn did not end within %.0f s; what it had in flight is visited again when due", GRACE)

    def _tick(self) -> None:
        with self._turning:
            try:
                self._look_at_configuration()
                self._on_turn(self._app.turn(TurnOptions(again=True, patience=0, over=self._is_to_reload)))
            except FeedsError as error:
                log.error("%s; trying again in %.0f s", error, PAUSE)
                self._stop.wait(PAUSE)

    def _look_at_configuration(self) -> None:
        """Reload when told to, or when the file says something else than when it was last looked at."""
        if not self._is_to_reload():
            return
        told = self._reload.is_set()
        self._reload.clear()
        self._edited.clear()
        found = _bytes(self._app.config.path)
        if told or found != self._seen:
            self._seen = found
            self._take_configuration()

    def _is_to_reload(self) -> bool:
        return self._reload.is_set() or self._edited.is_set()

    def _take_configuration(self) -> None:
        try:
            self._app.reload()
            log.info("configuration reloaded")
        except ConfigError as error:
            log.error("configuration not reloaded, the last good one stays:\n%s", error)

    def _watch(self) -> None:
        """Notice an edited configuration; folders are watched, as editors replace the file and links are turned."""
        path = self._app.config.path
        places = {path, path.resolve()}
        folders, names = {place.parent for place in places}, {place.name for place in places}
        edits = watch(
            *folders, stop_event=self._stop, recursive=False, raise_interrupt=False, step=QUIET, debounce=LONGEST
        )
        for changes in edits:
            if any(Path(changed).name in names for _, changed in changes):
                self._edited.set()

    def _watch_stories(self) -> None:
        """Visit a source of files as soon as something in its folder changed; the schedule sees what this misses."""
        while not self._stop.is_set():
            folders = _folders(self._app)
            try:
                self._wake_until_moved(folders)
            except (OSError, RuntimeError) as error:  # the second is watchfiles' word for a limit of the system
                log.warning("cannot watch the folders of our stories, they are looked at when due: %s", error)
                self._stop.wait(PAUSE)

    def _wake_until_moved(self, folders: Folders) -> None:
        if not folders:
            self._stop.wait(ANEW / 1000)
            return
        edits = watch(
            *(path for path, _ in folders), stop_event=self._stop, raise_interrupt=False, ignore_permission_denied=True,
            step=SAVED, debounce=SAVING, rust_timeout=ANEW, yield_on_timeout=True,
        )  # fmt: skip
        for changes in edits:
            changed = [Path(name) for _, name in changes]
            for (folder, _), sources in folders.items():
                if any(name.is_relative_to(folder) for name in changed):
                    self._app.wake(sources)
            if _folders(self._app) != folders:
                return


def _folders(app: App) -> Folders:
    """The folders of our own stories by path and inode, as a new folder of the same name is watched anew."""
    folders: dict[tuple[Path, int], set[str]] = {}
    for source in app.config.sources.values():
        if source.kind is Kind.FILES and source.enabled and source.root is not None:
            with suppress(OSError):
                place = source.root.resolve(strict=True)
                folders.setdefault((place, place.stat().st_ino), set()).add(source.id)
    return folders


def _bytes(path: Path) -> bytes | None:
    """What a file holds; None when it cannot be read."""
    try:
        return path.read_bytes()
    except OSError:
        return None


@contextmanager
def _signals(stop: Callable[[], None], reload: Callable[[], None]) -> Iterator[None]:
    """Answer SIGTERM, SIGINT and SIGHUP while inside."""
    answers = {signal.SIGTERM: stop, signal.SIGINT: stop, signal.SIGHUP: reload}
    before = {number: signal.signal(number, _handler(answer)) for number, answer in answers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _handler(answer: Callable[[], None]) -> Callable[[int, object], None]:
    return lambda number, frame: answer()
