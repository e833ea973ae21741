"""What a process asks before it visits or issues: nothing where it is alone, locks where others share its store."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple, Protocol, TypeVar

from ..errors import OutdatedError, StoreError
from ..model import Visit
from ..scheduling import Shard, find_shard

_Answer = TypeVar("_Answer")

PATIENCE_SECONDS = 300.0  # that a process waits for a database that is away
RETRY_SECONDS = 1.0


class Role(StrEnum):
    """What a process does in an installation on several machines."""

    COMMAND = "command"  # one operation, then it ends
    DAEMON = "daemon"  # visits and issues, serves, and has jobs done; its YAML says which sources there are
    WORKER = "worker"  # visits and issues; it takes the sources as a daemon or a command stored them


class IssueOrder(NamedTuple):
    """A feed to issue, as the process declares it that orders this; without a fingerprint, to withdraw."""

    feed_id: str
    fingerprint: str = ""
    own_source: str = ""  # where these are the pages of our own stories, which only those can make who have the files


class Sharing(Protocol):
    """How one process shares the work with others."""

    def admit(self, find: Callable[[], Iterable[Visit]], seconds: float | None) -> list[Visit]:
        """Return the visits that this process may make, waiting for others for so long (None: without limit)."""

    def end_turn(self) -> None:
        """Leave what this process was admitted to."""

    def issuing(self, feed_id: str) -> AbstractContextManager[object]:
        """Let no other process issue a feed while inside."""

    def patiently(self, ask: Callable[[], _Answer]) -> _Answer:
        """Return what the store answers."""

    def close(self) -> None:
        """Leave everything."""


class Alone:
    """The only process that visits and issues: the lock of the data directory keeps others away."""

    def admit(self, find: Callable[[], Iterable[Visit]], seconds: float | None) -> list[Visit]:
        """Return all."""
        return list(find())

    def end_turn(self) -> None:
        """Do nothing."""

    def issuing(self, feed_id: str) -> AbstractContextManager[object]:
        """Do nothing."""
        return nullcontext()

    def patiently(self, ask: Callable[[], _Answer]) -> _Answer:
        """Return what the store answers at once."""
        return ask()

    def close(self) -> None:
        """Do nothing."""


class LockService(Protocol):
    """What takes the locks of jobs: `feeds.app.job_queue.JobQueue`."""

    def lock(self, names: Collection[str], seconds: float) -> set[str]:
        """Take locks; return those that are held after so many seconds at most."""

    def release(self, names: Collection[str] | None = None) -> None:
        """Release locks; by default all."""

    def holding(self, name: str) -> AbstractContextManager[None]:
        """Hold a lock while inside."""

    def close(self) -> None:
        """Release all locks for good."""


class Shared:
    """One of several processes: it takes the locks of the jobs that would do the same. `open_locks` is called once."""

    def __init__(self, open_locks: Callable[[], LockService], stopping: threading.Event) -> None:
        self._open_locks = open_locks
        self._stopping = stopping

    @cached_property
    def _locks(self) -> LockService:
        return self._open_locks()

    def admit(self, find: Callable[[], Iterable[Visit]], seconds: float | None) -> list[Visit]:
        """Return the visits to the shards that this process holds now; others may hold some for longer than that."""
        shards = {find_shard(visit) for visit in find() if not visit.push}
        if not shards:
            return list(find())
        held = self._locks.lock(set(map(pull_lock, shards)), math.inf if seconds is None else seconds)
        # Once more: another process may have made some until then.
        return [visit for visit in find() if visit.push or pull_lock(find_shard(visit)) in held]

    def end_turn(self) -> None:
        """Leave all shards to others."""
        if "_locks" in vars(self):
            self._locks.release()

    def issuing(self, feed_id: str) -> AbstractContextManager[object]:
        """Hold the lock of a feed."""
        return self._locks.holding(issue_lock(feed_id))

    def patiently(self, ask: Callable[[], _Answer]) -> _Answer:
        """Return what the store answers, once the database is there."""
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return ask()
            except OutdatedError:
                raise
            except StoreError:
                if self._stopping.wait(RETRY_SECONDS) or time.monotonic() >= until:
                    raise

    def close(self) -> None:
        """Leave all locks to others, for good."""
        if "_locks" in vars(self):
            self._locks.close()


def open_sharing(
    address: str, role: Role, stopping: threading.Event, mark_requested: Callable[[Collection[int]], None]
) -> Sharing:
    """Return how a process shares the work: by the jobs in the database at an address; without one, it is alone."""

    def open_locks() -> LockService:
        from .job_queue import JobQueue, name_process  # with the libraries of PostgreSQL

        return JobQueue(address, name_process(role), mark_requested=mark_requested)

    return Shared(open_locks, stopping) if address else Alone()


def pull_lock(shard: Shard) -> str:
    """Return the name of the lock under which a shard is visited."""
    return f"pull/{shard}"


def find_numbered_shard(lock: str | None) -> int | None:
    """Return the shard that is visited under a lock; None for other locks, and for one of our own files."""
    kind, _, name = (lock or "").partition("/")
    return int(name) if kind == "pull" and name.isdecimal() else None


def issue_lock(feed_id: str) -> str:
    """Return the name of the lock under which a feed is issued."""
    return f"issue/{feed_id}"
