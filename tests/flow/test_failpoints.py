"""Turns that end at named places, on disks that fill up, break or become read-only, and with clocks that jump."""

from __future__ import annotations

import os
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from disturbing import Files, KillAt, differences, killer_of, state
from wire import Wire

from feeds.app import TurnOptions
from feeds.errors import FeedsError

TESTS = Path(__file__).parents[1]


@pytest.fixture
def undisturbed(tmp_path: Path) -> Wire:
    return Wire(tmp_path / "undisturbed")


# ── named places ────────────────────────────────────────────────────────────────────────────────────────────────────

# Name → what is called there.
FAILPOINTS = {
    "visits are claimed": "feeds.store:SqlStore.claim",
    "a source is fetched": "feeds.app.visit_runner:VisitRunner._fetch",
    "outcomes are recorded": "feeds.store:SqlStore.record",
    "a transaction is committed": "sqlalchemy.engine:Connection.commit",
    "a file is written": "feeds.publish.folder:_write_file",
    "a file is renamed": "pathlib:Path.replace",
    "folders are flushed": "feeds.publish.folder:_sync_folders",
    "documents are replaced": "feeds.publish.folder:Folder.put",
    "files are removed": "feeds.publish.folder:Folder.remove",
    "a picture is copied": "feeds.publish.folder:Folder.copy",
    "an issue is recorded": "feeds.store:SqlStore.issued",
    "a feed is withdrawn": "feeds.store:SqlStore.withdraw",
}


@pytest.fixture
def kill_at(wire: Wire) -> KillAt:
    """Return a function that makes a turn end at a place, and returns whether it got there."""
    return killer_of(wire)


KILLS = [(name, is_after, nth) for nth in range(1, 14) for name in FAILPOINTS for is_after in (False, True)]
# Each place once, before or after; and all.
FEW = [(name, bool(number % 2), 1) for number, name in enumerate(FAILPOINTS)]


@pytest.mark.parametrize("kills", [FEW, pytest.param(KILLS, marks=[pytest.mark.slow, pytest.mark.timeout(7200)])])
def test_F1_R12_a_turn_killed_at_a_named_place_ends_where_an_undisturbed_one_does(
    wire: Wire, undisturbed: Wire, kill_at: KillAt, kills: list[tuple[str, bool, int]]
) -> None:
    """Nothing is torn, doubled or lost: files, events and articles are the same, and `verify` is clean."""
    files = Files(wire, undisturbed)
    for _ in range(2):
        files.change()
        for installation in files.installations:
            installation.turn()
    reached = set[str]()
    for name, is_after, nth in kills:
        files.change()
        undisturbed.turn()
        if kill_at(FAILPOINTS[name], is_after, nth):
            reached.add(name)
        wire.turn(everything=True)
        assert wire.files() == undisturbed.files(), (name, is_after, nth)
    assert reached == FAILPOINTS.keys()
    assert differences(state(wire), state(undisturbed)) == []
    assert state(wire)["faults"] == []


# ── disks ───────────────────────────────────────────────────────────────────────────────────────────────────────────

FOLDERS = ("data", "public")


def run_with_mounts(scenario: Callable[[Path], None], home: Path) -> None:
    """Run a scenario in a process that may mount file systems, which nobody else sees."""
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-rm", "true"], check=False).returncode:
        pytest.skip("file systems cannot be mounted here")
    path = os.pathsep.join([str(TESTS), str(TESTS / "flow"), *filter(None, sys.path)])
    code = f"import sys; from pathlib import Path; import {__name__} as t; t.{scenario.__name__}(Path(sys.argv[1]))"
    command = ["unshare", "-rm", sys.executable, "-c", code, str(home)]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def mounted(home: Path) -> tuple[Wire, Wire, Files]:
    """Return an installation on small disks of its own, one that is undisturbed, and the files of both."""
    wire, undisturbed = Wire(home / "small"), Wire(home / "undisturbed")
    for name in FOLDERS:
        folder = wire.home / name
        folder.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m,mode=0700", "tmpfs", folder], check=True)
    (wire.home / "public").chmod(0o755)
    files = Files(wire, undisturbed)
    files.change()
    wire.turn()
    undisturbed.turn()
    return wire, undisturbed, files


def heal_full_disks(home: Path) -> None:
    wire, undisturbed, files = mounted(home)
    for name in FOLDERS:
        before, filler = wire.files(), wire.home / name / "filler"
        files.change(size=300)
        undisturbed.turn()
        with suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        with pytest.raises(FeedsError, match=r"full|No space") as caught:
            wire.turn()
        assert "\n" not in str(caught.value)
        filler.unlink()
        after = undisturbed.files()
        assert all(body in (before.get(path), after.get(path)) for path, body in wire.files().items()), name
        wire.turn(everything=True)
        assert wire.files() == undisturbed.files(), name
    assert differences(state(wire), state(undisturbed)) == []
    assert state(wire)["faults"] == []


def name_full_disk(home: Path) -> None:
    """Not even the file that the connections of a database share has room."""
    wire, _, _ = mounted(home)
    with suppress(OSError), (wire.home / "data/filler").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    result = wire.command("status")
    assert (result.returncode, "feeds.db: the disk is full; free some space" in result.stderr) == (1, True), result


def heal_read_only_disks(home: Path) -> None:
    wire, undisturbed, files = mounted(home)
    for name in FOLDERS:
        before, folder = wire.files(), wire.home / name
        files.change()
        undisturbed.turn()
        subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
        with pytest.raises(FeedsError, match=r"[Rr]ead-only") as caught:
            wire.turn()
        assert "\n" not in str(caught.value)
        assert wire.files() == before, name
        subprocess.run(["mount", "-o", "remount,rw", folder], check=True)
        wire.turn(everything=True)
        assert wire.files() == undisturbed.files(), name
    assert differences(state(wire), state(undisturbed)) == []
    assert state(wire)["faults"] == []


def test_F4_F5_what_a_full_disk_stopped_is_made_good_once_there_is_space(tmp_path: Path) -> None:
    run_with_mounts(heal_full_disks, tmp_path)


def test_F4_a_disk_that_is_full_before_the_store_is_opened_is_named(tmp_path: Path) -> None:
    run_with_mounts(name_full_disk, tmp_path)


def test_F7_what_a_read_only_disk_stopped_is_made_good_once_it_can_be_written(tmp_path: Path) -> None:
    run_with_mounts(heal_read_only_disks, tmp_path)


needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


def trace_turn(wire: Wire, log: Path, *options: str) -> list[str]:
    """Make a turn in a process of its own; return the system calls that strace saw."""
    path = os.pathsep.join([str(TESTS), *filter(None, sys.path)])
    code = "import sys, pickle; pickle.loads(bytes.fromhex(sys.argv[1])).turn()"
    command = ["strace", "-f", "--seccomp-bpf", "-y", "-o", str(log), *options]
    command += [sys.executable, "-c", code, pickle.dumps(wire).hex()]
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False)
    if not log.exists() or "ptrace" in done.stderr:
        pytest.skip("strace may not trace here")
    return log.read_text().splitlines()


@needs_strace
@pytest.mark.parametrize("whens", [("2",), pytest.param([*map(str, range(1, 30)), "1+"], marks=pytest.mark.slow)])
def test_F6_a_flush_that_fails_is_made_good(wire: Wire, undisturbed: Wire, tmp_path: Path, whens: list[str]) -> None:
    files = Files(wire, undisturbed)
    files.change()
    for installation in files.installations:
        installation.turn()
    for when in whens:
        files.change()
        undisturbed.turn()
        inject = f"inject=fsync,fdatasync:error=EIO:when={when}"
        calls = trace_turn(wire, tmp_path / "trace", "-e", "trace=fsync,fdatasync", "-e", inject)
        assert any("EIO" in call for call in calls) or len(whens) > 1
        wire.turn(everything=True)
        assert wire.files() == undisturbed.files(), when
    assert differences(state(wire), state(undisturbed)) == []
    assert state(wire)["faults"] == []


WRITES = ("pwrite64", "fsync,fdatasync", "ftruncate", "openat", "rename,renameat,renameat2", "unlink,unlinkat")
KILLING_CALLS = [(call, 3**power) for power in range(7) for call in WRITES]


@needs_strace
@pytest.mark.parametrize("calls", [[("pwrite64", 4)], pytest.param(KILLING_CALLS, marks=pytest.mark.slow)])
def test_F1_F3_a_turn_killed_at_a_system_call_ends_where_an_undisturbed_one_does(
    wire: Wire, undisturbed: Wire, tmp_path: Path, calls: list[tuple[str, int]]
) -> None:
    """Between the places that have a name, too: in the middle of a transaction of SQLite, or of a file."""
    files = Files(wire, undisturbed)
    files.change()
    for installation in files.installations:
        installation.turn()
    for call, when in calls:
        files.change()
        undisturbed.turn()
        trace_turn(wire, tmp_path / "trace", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={when}")
        wire.turn(everything=True)
        assert wire.files() == undisturbed.files(), (call, when)
    assert differences(state(wire), state(undisturbed)) == []
    assert state(wire)["faults"] == []


@needs_strace
@pytest.mark.sqlite("the server of PostgreSQL flushes what is committed")
def test_F3_R12_articles_reach_the_disk_before_the_files_and_the_files_before_their_ledger(
    wire: Wire, tmp_path: Path
) -> None:
    """Commit, file, ledger: each is flushed before the next begins."""
    files = Files(wire)
    files.change()
    wire.turn()
    files.change()
    calls = trace_turn(wire, tmp_path / "trace", "-e", "trace=fsync,fdatasync,rename,renameat,renameat2")
    kinds = {r"sync\(.*feeds\.db-wal>": "commit", r"rename.*all\.rss": "file", r"fsync\(\d+<[^>]*/public>": "folder"}
    order = [kind for call in calls for pattern, kind in kinds.items() if re.search(pattern, call)]
    place = order.index("file")
    assert "commit" in order[:place]
    following = order[place:]
    assert following.index("folder") < following.index("commit")


# ── clocks ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_F9_R11_a_clock_that_jumps_loses_nothing_and_moves_no_date_back(wire: Wire, undisturbed: Wire) -> None:
    """A day back and forth, a start in 1970 before the network knows the time, and ten years ahead."""
    files = Files(wire, undisturbed)
    started, last = wire.now, dict[str, datetime]()
    for jump in (0, -1, 1, (datetime(1970, 1, 1, tzinfo=UTC) - started).days, 3650, 2):
        files.change()
        wire.now = started + timedelta(days=jump)
        with wire.app() as app:
            app.turn(TurnOptions(everything=True))
            updated = {article.published_id: article.updated for article in app.store.articles()}
        undisturbed.turn(everything=True)
        assert all(updated[id] >= before for id, before in last.items() if id in updated)
        last |= updated
        assert titles(wire) == titles(undisturbed)
    wire.now += timedelta(hours=2)
    files.change()
    wire.turn()  # nothing is put off until the clock of ten years ahead
    undisturbed.turn()
    assert titles(wire) == titles(undisturbed)
    assert state(wire)["faults"] == []


def titles(wire: Wire) -> set[object]:
    return {item["title"] for item in wire.items()}
