"""Turns that are killed at any moment: the next one completes what they began."""

from __future__ import annotations

import itertools
import math
import random
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import forked
import pytest
from origin import KEEP, Document, Origin, reply
from wire import Wire, rss

from feeds.store import SqlStore


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def killed_turn(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that makes a turn which ends just before or after the nth call of a method of the store."""

    def turn(method: str, after: bool, nth: int = 1) -> None:
        original, numbers = getattr(SqlStore, method), itertools.count(1)

        def replacement(*arguments: object, **options: object) -> None:
            is_last = next(numbers) == nth
            if after or not is_last:
                original(*arguments, **options)
            if is_last:
                raise Killed

        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(SqlStore, method, replacement)
            wire.turn()

    return turn


@pytest.mark.parametrize("nth", [1, 2], ids=["of the shared files", "of the feed"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_F1_a_turn_killed_at_a_ledger_is_completed(
    wire: Wire, origin: Origin, tmp_path: Path, killed_turn: Callable[..., None], after: bool, nth: int
) -> None:
    """The list of feeds and the style sheets are there too, though the only feed may count as issued."""
    undisturbed = Wire(tmp_path / "undisturbed")
    for installation in (wire, undisturbed):
        installation.declare({"a": origin.put("/a", Document(rss(("1", "One"))))})
    undisturbed.turn()
    killed_turn("issued", after, nth)
    wire.turn()
    assert wire.files() == undisturbed.files()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_F1_a_turn_killed_while_a_feed_is_withdrawn_is_completed(
    wire: Wire, origin: Origin, tmp_path: Path, killed_turn: Callable[..., None], after: bool
) -> None:
    undisturbed = Wire(tmp_path / "undisturbed")
    source = {"a": origin.put("/a", Document(rss(("1", "One"))))}
    for declared in ({"all": {"title": "All"}, "old": {"title": "Old"}}, {"all": {"title": "All"}}):
        for installation in (wire, undisturbed):
            installation.declare(source, declared)
        undisturbed.turn()
        if "old" in declared:
            wire.turn()
    killed_turn("withdraw", after)
    wire.turn()
    assert wire.files() == undisturbed.files()


def test_F1_a_killed_run_converges(wire: Wire, origin: Origin, tmp_path: Path) -> None:
    """kill -9 at ten random moments, then a run: the same files as an undisturbed one."""
    sources = {}
    for number in range(12):
        when = f"Mon, 02 Mar 2026 08:{number:02}:00 GMT"  # ties are broken by who was seen first: here are none
        items = [(f"urn:x:{number}-{item}", f"Item {item}") for item in range(40)]
        document = Document(rss(*items, title=f"Source {number}", when=when))
        sources[f"s{number}"] = origin.put(f"/s{number}", document)
    undisturbed = Wire(tmp_path / "undisturbed")
    for installation in (wire, undisturbed):
        installation.declare(sources)
    assert undisturbed.command("run").returncode == 0
    rng = random.Random(20260302)
    with (tmp_path / "log").open("w") as log:
        for _ in range(10):
            process = forked.start(("run", "--all"), wire.home, wire.env(), log)
            time.sleep(rng.uniform(0.0, 1.0))
            process.kill()
            process.wait(300)
    finished = wire.command("run", "--all")
    assert finished.returncode == 0, finished.stderr
    assert wire.files() == undisturbed.files()


def test_E12_F2_fifty_kills_in_an_hour_visit_no_source_more_often_than_its_interval(wire: Wire, origin: Origin) -> None:
    """Every 72 seconds of a simulated hour the program is started, and killed with -9 at a random moment."""
    every = {"s": 3600.0, "t": 600.0, "u": 1500.0}
    sources = {f"{kind}{n}": f"/{kind}{n}" for kind in every for n in range(10)}
    slow = lambda request: (random.uniform(0.0, 0.05), reply(rss(("1", "One")), content_type="text/xml"), KEEP)  # noqa: E731
    wire.declare(
        {name: {"feed": origin.put(path, slow), "every": f"{every[name[0]]:g}s"} for name, path in sources.items()}
    )
    rng, start, times = random.Random(20260302), wire.now, Counter[str]()
    last: dict[str, datetime] = {}
    for number in range(50):
        before = len(origin.requests)
        process = forked.call(wire.turn)
        seconds, requests = rng.uniform(0.0, 0.4), rng.randint(1, 30)
        if number % 2:
            process.poll(seconds)
        while not number % 2 and len(origin.requests) < before + requests and process.poll(0.01) is None:
            pass  # on a slow machine it would never get anywhere otherwise
        process.kill()
        process.wait()
        for path in origin.paths()[before:]:
            assert path not in last or (wire.now - last[path]).total_seconds() >= every[path[1]]
            last[path] = wire.now
            times[path] += 1
        wire.now += timedelta(seconds=72)
    assert wire.now - start == timedelta(hours=1)
    assert all(times[path] <= math.ceil(3600 / every[path[1]]) for path in times)
    assert len(times) > 20  # it did get somewhere
    before = len(origin.requests)
    wire.now += timedelta(hours=2)
    wire.turn(max_wait=60)  # what the last killed one held in a shared store is free after 8 s
    assert Counter(origin.paths()[before:]) == dict.fromkeys(sources.values(), 1)
