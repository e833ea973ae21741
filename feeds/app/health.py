"""Whether an installation works: what /health answers by, and what `feeds status` says.

The process that makes turns writes its state into a small file in `data`; a server, which may run beside cron, reads
that file, the store and the disks. The file is written without fsync: after a crash of the machine it is only old.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from ..errors import StoreError
from ..formatting import format_count, format_size
from ..model import Config, PublishingStatus, replace
from ..store import StoreReader
from .visit_counts import VisitCounts

log = logging.getLogger("feeds.server")

STATE_NAME = "state.json"
MAX_TURN_AGE = timedelta(minutes=1)  # of a daemon, which looks twice a second for what is due
MAX_OVERDUE = timedelta(hours=1)  # beside cron, whose times this program does not know
MAX_LAG = timedelta(minutes=5)  # of a daemon, from a change until it is published
MIN_FREE_SPACE = 10_000_000  # bytes
CHECK_SECONDS = 5.0  # between two checks of a server


class ProcessState(msgspec.Struct, frozen=True, omit_defaults=True):
    """The state of the process that makes turns: a daemon, or (not `is_daemon`) the last `feeds run`.

    `turn_at`: when a turn last made progress. `turn_error`: why the last one failed. `server_error`: how the server of
    the daemon ended last. `reload_error`: why the edited configuration was refused. Secrets are masked in all of them.
    `counts` are of all turns since the file was first written.
    """

    turn_at: datetime
    is_daemon: bool = False
    turn_error: str = ""
    server_error: str = ""
    reload_error: str = ""
    counts: VisitCounts = VisitCounts()


def write_state(directory: Path, state: ProcessState) -> None:
    """Write the state; where that fails, what there is grows old, which is noticed too."""
    temporary = directory / f".{STATE_NAME}"  # only the holder of the lock writes it
    with suppress(OSError):
        temporary.write_bytes(msgspec.json.encode(state))
        temporary.replace(directory / STATE_NAME)


def read_state(directory: Path) -> ProcessState | None:
    """Return the state; None when none was written, or none that this version can read."""
    try:
        return msgspec.json.decode((directory / STATE_NAME).read_bytes(), type=ProcessState)
    except (OSError, msgspec.MsgspecError):
        return None


# ── judgement ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class DiskState:
    """A folder that is written to: whether that is permitted, and the free bytes and files of its disk."""

    folder: Path
    is_writable: bool
    free_bytes: int
    has_free_files: bool


@dataclass(frozen=True, slots=True)
class HealthFacts:
    """What health is judged by: `next_due` is the earliest in the store, `store_error` why it cannot be read.

    `server_since`: when the server of a daemon was started; it works beside cron or alone where there is none.
    """

    state: ProcessState | None = None
    next_due: datetime | None = None
    publishing: tuple[PublishingStatus, ...] = ()
    store_error: str = ""
    disks: tuple[DiskState, ...] = ()
    server_since: datetime | None = None

    @property
    def daemon_at(self) -> datetime | None:
        """Return when the daemon was last known to make turns; None where none is expected to."""
        turn_at = self.state.turn_at if self.state and self.state.is_daemon else None
        return max(filter(None, (turn_at, self.server_since)), default=None)


def find_problems(facts: HealthFacts, now: datetime) -> list[str]:
    """Return a sentence for each reason why the installation does not do its work; none when it does."""
    return [
        *_turn_problems(facts, now),
        *_publishing_problems(facts, now),
        *([facts.store_error] if facts.store_error else []),
        *(problem for disk in facts.disks for problem in _disk_problems(disk)),
    ]


def _turn_problems(facts: HealthFacts, now: datetime) -> Iterator[str]:
    state, next_due, daemon_at = facts.state, facts.next_due, facts.daemon_at
    if state and state.turn_error:
        yield f"the last turn failed: {state.turn_error}"
    if daemon_at:
        if now - daemon_at > MAX_TURN_AGE:
            yield f"the daemon has made no turn since {_format_time(daemon_at)}"
    elif next_due:
        overdue_since = max(next_due, state.turn_at) if state else next_due
        if now - overdue_since > MAX_OVERDUE:
            yield f"sources are due since {_format_time(next_due)}, and no turn was made"


def _publishing_problems(facts: HealthFacts, now: datetime) -> Iterator[str]:
    failures = [status for status in facts.publishing if status.error]
    if failures:
        others = f", and {format_count(len(failures) - 1, 'more feed')}" if len(failures) > 1 else ""
        yield f"a feed cannot be published: {failures[0].error}{others}"
    waits = [status.waiting_since for status in facts.publishing if status.waiting_since and not status.error]
    bound = MAX_LAG if facts.daemon_at else MAX_OVERDUE
    if waits and now - min(waits) > bound:
        yield f"changes wait since {_format_time(min(waits))} to be published"


def _disk_problems(disk: DiskState) -> Iterator[str]:
    if not disk.is_writable:
        yield f"{disk.folder} cannot be written"
    if disk.free_bytes < MIN_FREE_SPACE:
        yield f"the disk of {disk.folder} has less than {format_size(MIN_FREE_SPACE)} left"
    elif not disk.has_free_files:
        yield f"the disk of {disk.folder} takes no more files"


def _format_time(time: datetime) -> str:
    return time.isoformat(sep=" ", timespec="seconds").replace("+00:00", " UTC")


def read_problems(config: Config, now: datetime) -> list[str]:
    """Return what is wrong with an installation, other than with single sources and feeds."""
    with StoreReader(config.database) as reader:
        facts = replace(read_facts(config, reader), publishing=())
    problems = find_problems(facts, now)
    if facts.state and facts.state.is_daemon and facts.state.server_error:
        problems.append(f"the server of the daemon had to be started again: {facts.state.server_error}")
    if facts.state and facts.state.is_daemon and facts.state.reload_error:
        problems.append(f"the daemon uses the configuration before the last edit: {facts.state.reload_error}")
    return problems


# ── facts ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_facts(config: Config, reader: StoreReader, server_since: datetime | None = None) -> HealthFacts:
    """Return the facts about an installation."""
    state = read_state(config.data)
    next_due: datetime | None = None
    publishing: tuple[PublishingStatus, ...] = ()
    store_error = ""
    try:
        next_due, publishing = reader.next_due(), reader.publishing()
    except StoreError as error:
        store_error = str(error)
    # A server beside cron may run as a user who cannot write the public folder.
    folders = (config.data, config.public) if isinstance(config.public, Path) else (config.data,)
    written = folders if state and state.is_daemon else (config.data,)
    disks = (_read_disk(folder, folder in written) for folder in dict.fromkeys(folders))
    return HealthFacts(state, next_due, publishing, store_error, tuple(disk for disk in disks if disk), server_since)


def _read_disk(folder: Path, is_written: bool) -> DiskState | None:
    """Return the state of a folder and its disk; None when there is no such folder (yet)."""
    try:
        disk = os.statvfs(folder)
    except FileNotFoundError:
        return None
    except OSError:
        return DiskState(folder, False, MIN_FREE_SPACE, True)
    is_writable = not is_written or os.access(folder, os.W_OK | os.X_OK)
    return DiskState(folder, is_writable, disk.f_bavail * disk.f_frsize, disk.f_favail > 0 or not disk.f_files)


class HealthMonitor:
    """Checks health in a thread of its own and logs each problem once; `is_healthy` only looks at the result."""

    def __init__(
        self,
        current_config: Callable[[], Config],
        reader: StoreReader,
        now: Callable[[], datetime],
        *,
        beside_daemon: bool = False,
    ) -> None:
        self._current_config = current_config
        self._reader = reader
        self._now = now
        self._server_since = now() if beside_daemon else None
        self._problems: frozenset[str] = frozenset()

    def is_healthy(self) -> bool:
        """Return whether the last check found no problem."""
        return not self._problems

    @property
    def problems(self) -> Sequence[str]:
        """Return a sentence for each problem that the last check found."""
        return sorted(self._problems)

    def run(self, stop: threading.Event) -> None:
        """Check until told to stop."""
        while not stop.is_set():
            self.check()
            stop.wait(CHECK_SECONDS)

    def check(self) -> None:
        """Check now."""
        self._log(find_problems(read_facts(self._current_config(), self._reader, self._server_since), self._now()))

    def _log(self, problems: Iterable[str]) -> None:
        before, self._problems = self._problems, frozenset(problems)
        for problem in sorted(self._problems - before):
            log.warning("degraded: %s", problem)
        if before and not self._problems:
            log.warning("no longer degraded")
