"""The visits of turns: those that are due, those to make at once, and what hubs pushed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from .. import scheduling
from ..model import Config, Outcome, Visit
from ..push.store_errors import StoreErrorLog
from ..store import Store
from .push_visits import PushVisits
from .sharing import Sharing
from .turn import Turn, TurnEnd, TurnIO, TurnLoop, TurnOptions, VisitService, is_aborted, is_follow_up

VISIT_SLOTS = 64  # visits at once: waiting on the network dominates up to about that many


@dataclass(frozen=True, slots=True)
class TurnVisitsIO:
    """What the visits of turns need. `source_ids` returns those of all sources; `open_service` makes what visits them.

    Where the work is shared (`is_shared`), the time of a request is stored before it is made.
    """

    store: Store
    pushes: PushVisits
    sharing: Sharing
    stopping: threading.Event
    now: Callable[[], datetime]
    source_ids: Callable[[], Collection[str]]
    open_service: Callable[[], VisitService]
    is_shared: bool


class TurnVisits:
    """Makes the visits of turns. One for the life of an `App`; `configure` comes before the first turn."""

    def __init__(self, io: TurnVisitsIO) -> None:
        self._io = io
        self._push_errors = StoreErrorLog("what hubs push is not taken")
        self.requested = set[str]()  # ids of the sources to visit at once; one leaves when its visit starts

    def configure(self, config: Config) -> None:
        """Take a configuration, between two turns."""
        self.close()
        vars(self).pop("_service", None)
        self._hosts = config.hosts
        self._connectivity = scheduling.Connectivity(source.address for source in config.sources.values())
        self.requested.intersection_update(config.sources)

    @cached_property
    def _service(self) -> VisitService:
        """Made when the first visit is due: a turn without one need not load HTTP and the parsers."""
        return self._io.open_service()

    def close(self) -> None:
        """Abort the visits in progress; no other is made before `configure`."""
        if "_service" in vars(self):
            self._service.close()

    def batches(self, options: TurnOptions, turn: Turn) -> Iterator[list[Outcome]]:
        """Yield the outcomes of a turn as they come, without visits that we aborted; keep `turn.pending` up to date."""
        start = self._io.now()
        end = None if options.time_limit is None else start + timedelta(seconds=options.time_limit)

        def should_end() -> bool:
            """Return whether to start nothing more; without a network only a turn that repeats waits for it."""
            return (
                options.should_end()
                or (end is not None and self._io.now() >= end)
                or (self._connectivity.down and not options.repeat)
            )

        visits = self._first(options, start)
        if visits is None:
            return
        io = TurnIO(
            pull=self._service.visit_function(refetch=options.refetch, accept_any_listing=options.sources is not None),
            claim=self._claim,
            due=lambda: self._due(options, start),
            should_end=should_end,
            now=self._io.now,
        )
        host_queue = scheduling.HostQueue(
            self._hosts, VISIT_SLOTS, address_of=self._service.address_of, connectivity=self._connectivity
        )
        loop = self._make_loop(host_queue, io)
        try:
            for batch in loop.batches(visits, options.max_wait):
                turn.pending = loop.pending - len(batch)
                yield self._connectivity.observe_batch([outcome for outcome in batch if not is_aborted(outcome)])
        finally:
            self._io.pushes.end_turn()
        self._io.sharing.end_turn()
        turn.pending = loop.pending
        if turn.pending and self._connectivity.down:
            turn.ended_by = TurnEnd.NETWORK
        elif turn.pending and end is not None and self._io.now() >= end:
            turn.ended_by = TurnEnd.TIME
        elif turn.pending:
            turn.ended_by = TurnEnd.STOPPED if self._io.stopping.is_set() or options.should_end() else TurnEnd.WAIT

    def _make_loop(self, host_queue: scheduling.HostQueue, io: TurnIO) -> TurnLoop:
        return TurnLoop(host_queue, io, self._io.stopping, VISIT_SLOTS)

    def _first(self, options: TurnOptions, start: datetime) -> list[Visit] | None:
        """Return the visits that a turn begins with; None where it has nothing to do."""
        source_ids = self._io.source_ids() if options.everything else options.sources
        due = self._io.sharing.admit(lambda: self._io.store.due(start, source_ids), options.max_wait)
        return [*due, *self._find_requested(), *self._find_pushed(options)] or None

    def _due(self, options: TurnOptions, start: datetime) -> list[Visit]:
        """Return what has become due since the turn began: follow-up visits, and sources it has not visited yet."""
        visits = [
            visit
            for visit in self._io.sharing.admit(lambda: self._io.store.due(self._io.now()), 0.0)
            if (options.sources is None or visit.source.id in options.sources)
            and (options.repeat or is_follow_up(visit) or visit.state.last_at is None or visit.state.last_at < start)
        ]
        return [*visits, *self._find_requested(), *self._find_pushed(options)]

    def _find_requested(self) -> list[Visit]:
        return self._io.store.due(self._io.now(), tuple(self.requested)) if self.requested else []

    def _find_pushed(self, options: TurnOptions) -> list[Visit]:
        """Return the visits of what hubs pushed, in a turn of all sources."""
        if options.sources is not None:
            return []
        visits = list[Visit]()
        with self._push_errors.caught():  # of the server's database, which concerns no other source
            visits += self._io.pushes.make()
        return visits

    def _claim(self, visits: Sequence[Visit]) -> None:
        visits = [visit for visit in visits if not visit.push]
        self.requested.difference_update(visit.source.id for visit in visits)
        claims = [(visit, scheduling.claim(visit, self._io.now())) for visit in visits]
        requested_at = self._io.now() if self._io.is_shared else None
        self._io.sharing.patiently(lambda: self._io.store.claim(claims, requested_at))
