"""Publishing beside the visits: a feed that takes long to write keeps no visit waiting."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, MutableMapping
from types import TracebackType
from typing import Self

from ..model import Feed

SHARE = 10.0  # a feed rests so many times as long as issuing it took
LOOK = 0.2  # seconds until one that rests is looked at again
GRACE = 1.0  # seconds that one who is asked to stop waits for the feed that is being written

Job = tuple[Feed, int]  # with the newest change among its sources


class Issuing:
    """While inside, issues the feeds that are due in a thread, each time it is told that something changed.

    `rests` says until when each feed rests (by the monotonic clock): one that changes all the time takes a part of the
    time and not all of it. `files` are those written so far.
    """

    def __init__(
        self,
        due: Callable[[], Iterable[Job]],
        issue: Callable[[Feed, int], list[str]],
        rests: MutableMapping[str, float],
        stopping: threading.Event,
    ) -> None:
        self._due = due
        self._issue = issue
        self._rests = rests
        self._stopping = stopping
        self._changed = threading.Event()
        self._left = threading.Event()
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        self.files: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left.set()
        self._changed.set()
        if self._thread is not None:
            self._thread.join(GRACE if self._stopping.is_set() else None)
        if error is None:
            self._complain()

    def tell(self) -> None:
        """Say that something changed; what went wrong since the last time is raised."""
        self._complain()
        self._changed.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="issuing", daemon=True)
            self._thread.start()

    def pass_once(self, *, rested: bool = True) -> bool:
        """Issue what is due (`rested`: and does not rest); whether something due was left."""
        left = False
        for feed, changed in self._due():
            if self._stopping.is_set():
                return False
            began = time.monotonic()
            if rested and self._rests.get(feed.id, 0.0) > began:
                left = True
                continue
            self.files += self._issue(feed, changed)
            ended = time.monotonic()
            self._rests[feed.id] = ended + SHARE * (ended - began)
        return left

    def _run(self) -> None:
        try:
            left = False
            while not self._left.is_set():
                if self._changed.wait(LOOK if left else None) or left:
                    self._changed.clear()
                    left = self.pass_once()
        except BaseException as error:  # noqa: BLE001 - raised where the turn is made
            self._error = error

    def _complain(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error
