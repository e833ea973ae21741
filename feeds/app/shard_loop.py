"""The visits of the shards which this process of several holds, and the loop that makes them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta

from ..model import Visit
from ..scheduling import LOCAL_SHARD, HostQueue, Shard, find_shard, visit_key
from .held_shards import HeldShards
from .turn import DUE_CHECK_SECONDS, TurnIO, TurnLoop, TurnOptions
from .turn_visits import VISIT_SLOTS, TurnVisits, TurnVisitsIO


class ShardLoop(TurnLoop):
    """Makes the visits of the shards that are held, until none is held any more.

    `due_shards` returns by the number of a shard when its first visit is due, of those due by a time.
    """

    def __init__(
        self,
        host_queue: HostQueue,
        io: TurnIO,
        stopping: threading.Event,
        slots: int,
        held: HeldShards,
        due_shards: Callable[[float], Mapping[int, datetime]],
    ) -> None:
        super().__init__(host_queue, io, stopping, slots)
        self._held = held
        self._due_shards = due_shards
        self._emptied: set[Shard] = set()  # closed, and their visits taken out of the queue
        held.follow(self._threads.wake)

    def _check_due(self) -> None:
        self._give_up_shards()
        if self._held.has_taken():
            self._due_check_at = 0.0
        checks_at = self._due_check_at
        super()._check_due()
        if self._due_check_at != checks_at:
            self._close_idle_shards()

    def _give_up_shards(self) -> None:
        """Take the visits out of the queue that may not start any more; give up the shards without one in flight."""
        self._held.expire()
        closing = set(self._held.closing)
        for shard in closing - self._emptied:
            for visit in self._host_queue.remove(shard):
                del self._pending[visit_key(visit)]
        done = closing - self._pending_shards() if closing else closing
        self._emptied = closing - done
        for shard in done:
            self._held.give_up(shard)
        if self._outcomes and any(map(self._waits_for_batch, self._emptied)):
            self._batch_due_at = 0.0

    def _waits_for_batch(self, shard: Shard) -> bool:
        """Return whether all visits of a shard are made, and it is kept from others until they are recorded."""
        made = sum(find_shard(outcome.visit) == shard for outcome in self._outcomes)
        return made == sum(find_shard(visit) == shard for visit in self._pending.values())

    def _close_idle_shards(self) -> None:
        """Close the shards without a visit, now or soon: others that wait would be taken instead."""
        idle = set(self._held.open) - self._pending_shards()
        if not idle:
            return
        left = {shard: self._held.seconds_left(shard) for shard in idle}
        due = {} if self._held.is_full else self._due_shards(max(left.values()))
        now = self._io.now()
        for shard in idle:
            due_at = due.get(shard) if isinstance(shard, int) else None
            if due_at is None or (due_at - now).total_seconds() > left[shard]:
                self._held.close(shard)

    def _pending_shards(self) -> set[Shard]:
        return set(map(find_shard, self._pending.values()))

    def _wait_for_host(self, max_wait: float | None) -> bool:
        """Wait until a visit may start or a shard is taken; return False when no shard is held."""
        self._give_up_shards()
        if not self._held.wait(0.0):
            return False
        if self._due_check_at:
            delay = self._host_queue.seconds_until_ready(self._io.now())
            seconds = min(DUE_CHECK_SECONDS if delay is None else delay, DUE_CHECK_SECONDS, self._batch_seconds())
            self._threads.next_result(max(0.0, seconds))
        return True


class ShardVisits(TurnVisits):
    """Makes the visits of the shards that are held, and in between those that a command asks for."""

    def __init__(self, io: TurnVisitsIO, held: HeldShards, *, takes_pushes: bool) -> None:
        super().__init__(io)
        self._held = held
        self._takes_pushes = takes_pushes
        self._are_of_held_shards = False

    @contextmanager
    def of_held_shards(self) -> Iterator[None]:
        """Let a turn make the visits of the shards that are held, for as long as one is, while inside."""
        self._are_of_held_shards = True
        try:
            yield
        finally:
            self._are_of_held_shards = False

    def has_pushes(self) -> bool:
        """Return whether there is a push to take that no visit was made of yet."""
        if self._takes_pushes:
            with self._push_errors.caught():
                if self._io.pushes.has_new():
                    return True
        return False

    def _make_loop(self, host_queue: HostQueue, io: TurnIO) -> TurnLoop:
        if not self._are_of_held_shards:
            return super()._make_loop(host_queue, io)
        return ShardLoop(host_queue, io, self._io.stopping, VISIT_SLOTS, self._held, self._due_shards)

    def _first(self, options: TurnOptions, start: datetime) -> list[Visit] | None:
        if not self._are_of_held_shards:
            return super()._first(options, start)
        return self._take_pushes(options)  # visits of the shards come when the loop first looks for what is due

    def _due(self, options: TurnOptions, start: datetime) -> list[Visit]:
        if not self._are_of_held_shards:
            return super()._due(options, start)
        visits = self._io.sharing.patiently(lambda: self._find_due_of(self._held.open))
        return [*visits, *self._take_pushes(options)]

    def _find_due_of(self, shards: Collection[Shard]) -> list[Visit]:
        """Return the due visits of some shards."""
        if not shards:
            return []
        numbers = {shard if isinstance(shard, int) else LOCAL_SHARD for shard in shards}
        visits = [*self._io.store.due(self._io.now(), shards=numbers), *self._find_requested()]
        return [visit for visit in visits if find_shard(visit) in shards]

    def _take_pushes(self, options: TurnOptions) -> list[Visit]:
        """Return the visits of what hubs pushed to the server of a daemon."""
        return self._find_pushed(options) if self._takes_pushes else []

    def _due_shards(self, seconds: float) -> Mapping[int, datetime]:
        store, now = self._io.store, self._io.now
        return self._io.sharing.patiently(lambda: store.due_shards(now() + timedelta(seconds=seconds)))
