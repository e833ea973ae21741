"""The shards that one process of several holds: which visits it starts, when it gives a shard up."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from factories import source, unchanged, visit

from feeds.app import turn
from feeds.app.held_shards import HeldShards
from feeds.app.shard_loop import ShardLoop
from feeds.app.turn import TurnIO
from feeds.model import Outcome, Visit, replace
from feeds.politeness import HostLimits, shard_of
from feeds.scheduling import HostQueue, Shard, find_shard

HOSTS = ("a.example", "b.example", "c.example")
LONG = 60.0
MANY = HostLimits(gap=0.0, at_once=64)


class Store:
    """Visits that are due until they are claimed, like those of a store."""

    def __init__(self, visits: Sequence[Visit]) -> None:
        self.due = list(visits)
        self.next_due: dict[int, datetime] = {}
        self.claimed: list[Visit] = []

    def claim(self, visits: Sequence[Visit]) -> None:
        self.claimed += visits
        self.due = [visit for visit in self.due if visit not in visits]


class World:
    """A loop in a thread of its own: `started` are the visits in flight, each of which ends when it is released."""

    def __init__(self, store: Store, held: HeldShards, limits: HostLimits = MANY) -> None:
        self.store, self.held = store, held
        self.released = threading.Event()
        self.stopping = threading.Event()
        self.recorded: list[Outcome] = []
        io = TurnIO(
            pull=self._pull,
            claim=store.claim,
            due=lambda: [visit for visit in store.due if find_shard(visit) in held.open],
            should_end=lambda: False,
            now=lambda: datetime.now(UTC),
        )
        self.loop = ShardLoop(HostQueue(limits, 64), io, self.stopping, 64, held, lambda seconds: store.next_due)
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _pull(self, visit: Visit) -> Outcome:
        self.released.wait(LONG)
        return unchanged(visit, datetime.now(UTC))

    def _run(self) -> None:
        for batch in self.loop.batches([], None):
            self.recorded += batch

    def end(self) -> None:
        self.released.set()
        self.stopping.set()
        self.thread.join(LONG)
        assert not self.thread.is_alive()


def due_now(*hosts: str) -> list[Visit]:
    now = datetime.now(UTC)
    return [replace(visit(source(host), host=host), due_at=now) for host in hosts]


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def held() -> HeldShards:
    held = HeldShards(16)
    held.valid_until = time.monotonic() + LONG
    return held


@pytest.fixture
def start(held: HeldShards) -> Iterator[Callable[..., World]]:
    worlds: list[World] = []

    def start(store: Store, **options: HostLimits) -> World:
        worlds.append(World(store, held, **options))
        return worlds[-1]

    yield start
    for world in worlds:
        world.end()


def shards(*hosts: str) -> list[Shard]:
    return [shard_of(host) for host in hosts]


def test_the_hosts_of_these_tests_are_in_different_shards() -> None:
    assert len(set(shards(*HOSTS))) == len(HOSTS)


def test_visits_of_a_shard_start_once_it_is_held_and_it_is_given_up_when_all_are_recorded(
    held: HeldShards, start: Callable[..., World]
) -> None:
    store = Store(due_now(*HOSTS))
    given_up = held.take(shard_of("a.example"), LONG)
    world = start(store)
    wait_for(lambda: store.claimed)
    other = held.take(shard_of("b.example"), LONG)
    wait_for(lambda: len(store.claimed) == 2)
    assert not given_up.done() and not other.done(), "visits are in flight"
    world.released.set()
    given_up.result(LONG)
    other.result(LONG)
    assert {outcome.visit.source.id for outcome in world.recorded} == {"a.example", "b.example"}
    assert [visit.source.id for visit in store.due] == ["c.example"], "of a shard that was never held"
    world.thread.join(LONG)
    assert not world.thread.is_alive(), "it ends when no shard is held"


def test_a_shard_whose_time_is_over_starts_nothing_more(held: HeldShards, start: Callable[..., World]) -> None:
    first, second = due_now("a.example", "a.example")
    store = Store([first, replace(second, source=source("second"))])
    given_up = held.take(shard_of("a.example"), 0.2)
    world = start(store, limits=HostLimits(gap=LONG, at_once=1))
    wait_for(lambda: store.claimed)
    wait_for(lambda: held.closing)
    assert not given_up.done()
    world.released.set()
    given_up.result(LONG)
    assert len(world.recorded) == 1 and len(store.due) == 1, "the other is left to the next holder"


@pytest.mark.parametrize("is_made", [False, True])
def test_a_batch_does_not_wait_where_it_keeps_a_closed_shard_from_others(
    held: HeldShards, start: Callable[..., World], monkeypatch: pytest.MonkeyPatch, is_made: bool
) -> None:
    """`is_made`: the last visit is over when the shard is closed; otherwise it is in flight."""
    monkeypatch.setattr(turn, "BATCH_SECONDS", LONG * 2)
    store = Store(due_now("a.example"))
    given_up = held.take(shard_of("a.example"), 0.2)
    world = start(store)
    if not is_made:
        wait_for(lambda: held.closing)
        assert store.claimed and not given_up.done()
    world.released.set()
    given_up.result(LONG)
    assert len(world.recorded) == 1


def test_a_shard_is_kept_while_a_visit_is_due_soon_unless_others_wait(
    held: HeldShards, start: Callable[..., World]
) -> None:
    store = Store([])
    for host in HOSTS:
        store.next_due[shard_of(host)] = datetime.now(UTC) + timedelta(seconds=LONG / 2)
    kept, later = held.take(shard_of("a.example"), LONG), held.take(shard_of("b.example"), LONG / 4)
    start(store)
    later.result(LONG)
    assert not kept.done()
    held.limit = 1
    kept.result(LONG)


def test_nothing_starts_once_the_process_gave_no_sign_of_life(held: HeldShards, start: Callable[..., World]) -> None:
    """The database lets others have its shards then."""
    store = Store(due_now("a.example"))
    held.valid_until = time.monotonic()
    given_up = held.take(shard_of("a.example"), LONG)
    start(store)
    given_up.result(LONG)
    assert not store.claimed and len(store.due) == 1


def test_a_process_that_stood_still_for_long_leaves_its_queue_to_others(
    held: HeldShards, start: Callable[..., World]
) -> None:
    """Its next sign of life does not bring back what it held: the visit that waits for the gap is not started."""
    first, second = due_now("a.example", "a.example")
    store = Store([first, replace(second, source=source("second"))])
    given_up = held.take(shard_of("a.example"), LONG)
    world = start(store, limits=HostLimits(gap=0.3, at_once=1))
    wait_for(lambda: store.claimed)
    held.valid_until = 0.0
    held.expire()
    held.valid_until = time.monotonic() + LONG
    world.released.set()
    given_up.result(LONG)
    assert len(world.recorded) == 1 and len(store.due) == 1


def test_a_paused_process_takes_no_shard(held: HeldShards) -> None:
    given_up = held.take(1, LONG)
    held.pause()
    assert given_up.done() and held.take(2, LONG).done() and not held.open
    held.resume()
    assert not held.take(3, LONG).done() and held.open == {3}
