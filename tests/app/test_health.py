"""What /health answers by."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from origin import Origin
from wire import NOON, Wire, document, until

from feeds.app.health import (
    MIN_FREE_SPACE,
    DiskState,
    HealthFacts,
    HealthMonitor,
    ProcessState,
    find_problems,
    read_state,
    write_state,
)
from feeds.config import load
from feeds.errors import PublishError
from feeds.model import PublishingStatus
from feeds.store import StoreReader

FOLDER = Path("/srv/data")
MINUTES = timedelta(minutes=1)


def daemon(minutes: float, **errors: str) -> ProcessState:
    return ProcessState(NOON - minutes * MINUTES, is_daemon=True, **errors)


def run(minutes: float, **errors: str) -> ProcessState:
    return ProcessState(NOON - minutes * MINUTES, **errors)


def waiting(minutes: float) -> tuple[PublishingStatus, ...]:
    return PublishingStatus("a"), PublishingStatus("b", NOON - minutes * MINUTES)


@pytest.mark.parametrize(
    "facts",
    [
        HealthFacts(),
        HealthFacts(daemon(0.5, reload_error="wrong", server_error="it was killed"), NOON - 70 * MINUTES),
        HealthFacts(daemon(0.5), publishing=waiting(4)),
        HealthFacts(daemon(90), server_since=NOON - 0.5 * MINUTES),
        HealthFacts(None, server_since=NOON - 0.5 * MINUTES),
        HealthFacts(run(300), NOON + MINUTES),
        HealthFacts(run(300), NOON - 50 * MINUTES),
        HealthFacts(run(50), NOON - 300 * MINUTES),
        HealthFacts(run(50), publishing=waiting(50)),
        HealthFacts(disks=(DiskState(FOLDER, True, MIN_FREE_SPACE, True),)),
    ],
)
def test_A6_what_does_its_work_is_healthy(facts: HealthFacts) -> None:
    assert find_problems(facts, NOON) == []


@pytest.mark.parametrize(
    ("facts", "part"),
    [
        (HealthFacts(daemon(2)), "no turn since 2026-03-02 11:58:00 UTC"),
        (HealthFacts(None, server_since=NOON - 2 * MINUTES), "no turn since 2026-03-02 11:58:00 UTC"),
        (HealthFacts(run(0), server_since=NOON - 2 * MINUTES), "no turn since 2026-03-02 11:58:00 UTC"),
        (HealthFacts(daemon(0, turn_error="the disk is full")), "the disk is full"),
        (HealthFacts(run(0, turn_error="the disk is full")), "the disk is full"),
        (HealthFacts(run(70), NOON - 70 * MINUTES), "due since 2026-03-02 10:50:00 UTC"),
        (HealthFacts(None, NOON - 70 * MINUTES), "due since 2026-03-02 10:50:00 UTC"),
        (HealthFacts(daemon(0), publishing=waiting(6)), "wait since 2026-03-02 11:54:00 UTC"),
        (HealthFacts(run(70), publishing=waiting(70)), "wait since 2026-03-02 10:50:00 UTC"),
        (HealthFacts(publishing=(PublishingStatus("a", error="all.rss is a folder"),)), "all.rss is a folder"),
        (HealthFacts(store_error="feeds.db is damaged"), "feeds.db is damaged"),
        (HealthFacts(disks=(DiskState(FOLDER, False, MIN_FREE_SPACE, True),)), "/srv/data cannot be written"),
        (
            HealthFacts(disks=(DiskState(FOLDER, True, MIN_FREE_SPACE - 1, True),)),
            "disk of /srv/data has less than 10.0 MB left",
        ),
        (HealthFacts(disks=(DiskState(FOLDER, True, MIN_FREE_SPACE, False),)), "disk of /srv/data takes no more files"),
    ],
)
def test_A6_what_does_not_is_degraded_for_a_reason(facts: HealthFacts, part: str) -> None:
    (problem,) = find_problems(facts, NOON)
    assert part in problem


def test_A6_a_monitor_logs_each_problem_once(wire: Wire, origin: Origin, caplog: pytest.LogCaptureFixture) -> None:
    wire.declare({"a": origin.put("/a", document())})
    with wire.app() as app, StoreReader(app.config.data / "feeds.db") as reader:
        monitor = HealthMonitor(lambda: app.config, reader, app.now)
        (wire.public / "all.rss").mkdir(parents=True)
        with pytest.raises(PublishError):
            app.turn()
        for _ in range(2):
            monitor.check()
            assert not monitor.is_healthy()
        assert caplog.text.count("degraded: a feed cannot be published") == 1
        (wire.public / "all.rss").rmdir()
        app.turn()
        monitor.check()
        assert monitor.is_healthy()
    assert "no longer degraded" in caplog.text


def test_A6_a_damaged_store_is_a_problem(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    wire.declare({})
    config, stopped = load(wire.config, {}), threading.Event()
    with StoreReader(config.data / "feeds.db") as reader:
        monitor = HealthMonitor(lambda: config, reader, lambda: NOON)
        assert monitor.is_healthy()
        config.data.mkdir()
        (config.data / "feeds.db").write_bytes(bytes(10_000))
        thread = threading.Thread(target=monitor.run, args=[stopped])
        thread.start()
        until(lambda: not monitor.is_healthy())
        stopped.set()
        thread.join(300)
    assert "feeds.db" in caplog.text


def test_A6_a_state_that_cannot_be_read_or_written_is_none(tmp_path: Path) -> None:
    assert read_state(tmp_path) is None
    state = ProcessState(NOON, turn_error="x")
    write_state(tmp_path, state)
    assert read_state(tmp_path) == state
    (tmp_path / "state.json").write_text("{")
    assert read_state(tmp_path) is None
    write_state(tmp_path / "none", state)
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]
