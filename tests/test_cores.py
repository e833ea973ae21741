"""Threads of a large round stay on one core; processes that they start do not."""

from __future__ import annotations

import os
import threading

import pytest

from feeds.cores import SharedCore, allow_all_cores
from feeds.sandbox import Workers

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2, reason="needs two cores on Linux"
)
ALL = frozenset(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else frozenset[int]()


def cores_of_thread(core: SharedCore) -> frozenset[int]:
    found: list[frozenset[int]] = []

    def run() -> None:
        core.stay()
        found.append(frozenset(os.sched_getaffinity(0)))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return found[0]


def test_threads_stay_on_one_core_while_it_is_shared() -> None:
    core = SharedCore()
    assert cores_of_thread(core) == ALL
    core.share()
    first = cores_of_thread(core)
    assert len(first) == 1
    assert cores_of_thread(core) == first
    core.release()
    assert cores_of_thread(core) == ALL


def test_a_worker_that_such_a_thread_starts_runs_on_all_cores() -> None:
    core, workers = SharedCore(), Workers()
    core.share()
    before = core.stay()
    try:
        assert len(before) == 1
        assert workers.run(os.sched_getaffinity, 0) == ALL
    finally:
        workers.close()
        core.release()
        core.stay(before)
        allow_all_cores()
