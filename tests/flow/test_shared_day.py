"""A day on several machines, on a pretended clock: intervals are kept, whichever machine visits a shard."""

from __future__ import annotations

import math
import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

pytest.importorskip("procrastinate", reason="the extra [postgres] is not installed")

from database import recorded_statements
from postgres import database
from wire import Wire, rss

from feeds import config as configuration
from feeds.app.held_shards import HeldShards
from feeds.app.shared_app import SharedApp
from feeds.app.sharing import Role
from feeds.model import Fetched, HostState, NotModified, Source, Visit, replace
from feeds.politeness import SHARDS
from feeds.scheduling.intervals import JITTER

NEWS_EVERY = 20  # visits to a source


class Network:
    """Sources that have something new now and then; it keeps when each was visited."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.visits: defaultdict[str, list[datetime]] = defaultdict(list)

    def fetch(self, visit: Visit) -> Fetched | NotModified:
        times = self.visits[visit.source.id]
        times.append(self._wire.now)
        count, rest = divmod(len(times) + int(visit.source.id[1:]) % NEWS_EVERY, NEWS_EVERY)
        if len(times) > 1 and rest:
            return NotModified(visit.url, visit.state.validators)
        body = rss(*((f"{visit.source.id}-{item}", f"Title {item}") for item in range(count + 1)))
        return Fetched(visit.url, body, "application/rss+xml", "utf-8")

    def robots(self, url: str, state: HostState, at: datetime, source: Source | None = None) -> tuple[bool, HostState]:
        return True, replace(state, robots_at=at)

    def address_of(self, host: str) -> str | None:
        return None

    def close(self) -> None: ...


@pytest.fixture
def url() -> Iterator[str]:
    with database(has_tables=True) as url:
        yield url


@pytest.mark.parametrize(
    ("count", "every", "step"),
    [(300, 8, 2), pytest.param(20_000, 2, 0.5, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])],
)
def test_E13_every_interval_of_a_day_is_kept_with_three_statements_a_visit(
    url: str, wire: Wire, count: int, every: float, step: float
) -> None:
    """Four processes; which one visits a shard changes with each step of the clock. `every`, `step`: hours."""
    sources: dict[str, object] = {f"s{n}": f"https://host-{n}.example/feed" for n in range(count)}
    wire.declare(sources, {"none": {"sources": ["s0"]}}, store=url, defaults={"every": f"{every}h"})
    config, network = configuration.load(wire.config, os.environ), Network(wire)
    began, end = wire.now, wire.now + timedelta(hours=24)
    with ExitStack() as apps:
        processes = [
            apps.enter_context(SharedApp(config, role, HeldShards(1), lambda: wire.now, lambda site: network))
            for role in (Role.DAEMON, Role.WORKER, Role.WORKER, Role.WORKER)
        ]
        for process in processes:
            # With more shards than its limit, a process waits for no visit: the clock does not move.
            process.held.valid_until = math.inf
        statements = apps.enter_context(recorded_statements())
        while wire.now < end:
            for number, process in enumerate(processes):
                first = (number + (wire.now - began) // timedelta(hours=step)) % 4 * (SHARDS // 4)
                for shard in range(first, first + SHARDS // 4):
                    process.held.take(shard, 600.0)
                process.visit_shards(lambda: False)
            wire.now += timedelta(hours=step)
    visits = sum(map(len, network.visits.values()))
    intervals = [later - earlier for times in network.visits.values() for earlier, later in pairwise(times)]
    assert network.visits.keys() == sources.keys()
    assert min(intervals) >= timedelta(hours=every)
    assert max(intervals) <= timedelta(hours=every * (1 + JITTER) + step)
    assert len(statements) <= 3 * visits, Counter(statement.split()[0] for statement in statements)
