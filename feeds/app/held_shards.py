"""The shards that this process of several holds, between the jobs that take them and the visits that end them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import Future
from dataclasses import dataclass, field

from ..scheduling import Shard


@dataclass(slots=True)
class _Hold:
    """A shard that is held: until when its visits start, and what is done once it is given up."""

    ends_at: float
    given_up: Future[None] = field(default_factory=Future)


class HeldShards:
    """The shards that this process holds: jobs take them in one thread, the loop of the visits gives them up.

    A held shard's visits start until its time is over; then those in flight end and are recorded, and it is given up.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit  # of shards at once
        self.valid_until = 0.0  # by the monotonic clock: until then no other process is given them
        self._lock = threading.Lock()
        self._open: dict[Shard, _Hold] = {}  # whose visits start
        self._closing: dict[Shard, _Hold] = {}  # whose visits in flight are to end
        self._taken = threading.Event()
        self._wake: Callable[[], None] = lambda: None
        self._is_paused = False

    def take(self, shard: Shard, seconds: float) -> Future[None]:
        """Hold a shard, whose visits start for so many seconds; return what is done once it is given up."""
        hold = _Hold(time.monotonic() + seconds)
        hold.given_up.set_running_or_notify_cancel()  # so that a job which is cancelled does not end it
        with self._lock:
            if self._is_paused:
                hold.given_up.set_result(None)
                return hold.given_up
            self._open[shard] = hold
            self._taken.set()
            self._wake()
        return hold.given_up

    def wait(self, seconds: float) -> bool:
        """Wait until a shard is held; return whether one is."""
        return bool(self._open or self._closing) or self._taken.wait(seconds)

    def wake(self) -> None:
        """Wake what waits for a shard."""
        self._taken.set()
        self._wake()

    def follow(self, wake: Callable[[], None]) -> None:
        """Let `wake` be called in the thread that takes a shard."""
        with self._lock:
            self._wake = wake

    def has_taken(self) -> bool:
        """Return whether a shard was taken since the last call."""
        taken = self._taken.is_set()
        self._taken.clear()
        return taken

    @property
    def open(self) -> Collection[Shard]:
        """The shards whose visits may start."""
        with self._lock:
            return set(self._open) if time.monotonic() < self.valid_until else set()

    @property
    def closing(self) -> Collection[Shard]:
        """The shards that are given up once their visits in flight have ended."""
        with self._lock:
            return set(self._closing)

    @property
    def numbers(self) -> Collection[int]:
        """The shards that are not given up yet, but for those of our own files."""
        with self._lock:
            return {shard for shard in (*self._open, *self._closing) if isinstance(shard, int)}

    @property
    def is_full(self) -> bool:
        """Return whether others may wait for this process to give up a shard."""
        return len(self._open) + len(self._closing) >= self.limit

    def seconds_left(self, shard: Shard) -> float:
        """Return for how long visits of a shard may start."""
        with self._lock:
            hold = self._open.get(shard)
            return max(0.0, hold.ends_at - time.monotonic()) if hold else 0.0

    def expire(self) -> None:
        """Close the shards whose time is over."""
        now = time.monotonic()
        with self._lock:
            over = [shard for shard, hold in self._open.items() if now >= min(hold.ends_at, self.valid_until)]
        for shard in over:
            self.close(shard)

    def close(self, shard: Shard) -> None:
        """Start no more visits of a shard."""
        with self._lock:
            if shard in self._open:
                self._closing[shard] = self._open.pop(shard)

    def give_up(self, shard: Shard) -> None:
        """Leave a shard to whoever takes it next."""
        with self._lock:
            hold = self._closing.pop(shard, None) or self._open.pop(shard, None)
        if hold is not None:
            hold.given_up.set_result(None)

    def give_up_all(self) -> None:
        """Leave all shards: no visit is in flight any more, or none will be recorded."""
        for shard in [*self._open, *self._closing]:
            self.give_up(shard)

    def pause(self) -> None:
        """Leave all shards, and take none until `resume`."""
        with self._lock:
            self._is_paused = True
        self.give_up_all()

    def resume(self) -> None:
        """Take shards again."""
        with self._lock:
            self._is_paused = False
