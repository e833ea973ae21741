"""A whole installation that publishes to an object store, which is killed, cut off and slow: what readers get of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

pytest.importorskip("obstore", reason="obstore is not installed")

from browser import serve_live
from disturbing import Files, KillAt, differences, killer_of, state
from s3 import ACCESS_KEY, BUCKET, OWNER, PREFIX, SECRET_KEY, BucketWire, S3Proxy, S3Request, S3Server
from wire import Wire

from feeds.errors import PublishError
from feeds.publish import object_store
from feeds.publish.quick_check import check_document


@pytest.fixture
def kill_at(bucket: BucketWire) -> KillAt:
    """Return a function that makes a turn end at a place, and returns whether it got there."""
    return killer_of(bucket)


@pytest.fixture
def bucket(wire: Wire, s3_proxy: S3Proxy, s3_server: S3Server) -> BucketWire:
    """An installation that publishes to the bucket."""
    return BucketWire(wire.home / "bucket", store=wire.store, endpoint=s3_proxy.url, port=s3_server.port)


@pytest.fixture
def undisturbed(tmp_path: Path) -> Wire:
    """One that publishes the same to a folder."""
    return Wire(tmp_path / "undisturbed")


@pytest.fixture
def files(bucket: BucketWire, undisturbed: Wire) -> Files:
    """What both read; each has published it twice."""
    files = Files(bucket, undisturbed)
    for _ in range(2):
        files.change()
        for installation in files.installations:
            installation.turn()
    return files


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let requests end soon."""
    for name, seconds in {"REQUEST_SECONDS": 1.0, "RETRY_SECONDS": 0.5, "LONGEST_PAUSE_SECONDS": 0.1}.items():
        monkeypatch.setattr(object_store, name, seconds)


def publish(wire: Wire, *feeds: str) -> list[str]:
    with wire.app() as app:
        return app.publish(feeds or app.config.feeds.keys())


# ── what is written ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("files")
def test_the_bucket_holds_the_bytes_that_a_folder_does(bucket: BucketWire, undisturbed: Wire) -> None:
    assert bucket.files() == undisturbed.files()
    assert state(bucket)["faults"] == []


def test_a_turn_without_changes_makes_no_request(files: Files, bucket: BucketWire, s3_proxy: S3Proxy) -> None:
    s3_proxy.take()
    bucket.turn()
    bucket.turn(everything=True)
    assert s3_proxy.take() == []
    with bucket.app() as app:
        assert all(size is not None for feed in app.status().feeds for size in feed.files.values())
        assert app.issue() == []
    assert s3_proxy.take() == []


def test_a_turn_with_changes_writes_what_differs_and_nothing_else(
    files: Files, bucket: BucketWire, undisturbed: Wire, s3_proxy: S3Proxy
) -> None:
    files.change()
    before = undisturbed.files()
    undisturbed.turn()
    after = undisturbed.files()
    s3_proxy.take()
    bucket.turn()
    differing = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert set(s3_proxy.written()) == differing
    assert bucket.files() == after


def test_what_is_lost_is_written_again_by_publish(files: Files, bucket: BucketWire, s3_server: S3Server) -> None:
    before = bucket.files()
    s3_server.reset()
    assert bucket.files() == {}
    faults = state(bucket)["faults"]
    assert {fault.sentence for fault in faults} >= {"all.rss is missing"}
    publish(bucket)
    assert bucket.files() == before
    assert state(bucket)["faults"] == []


def test_what_another_program_wrote_is_told_and_written_again(
    files: Files, bucket: BucketWire, s3_server: S3Server, s3_proxy: S3Proxy
) -> None:
    before = bucket.files()
    s3_server.put("all.rss", b"spoilt")
    assert [fault.sentence for fault in state(bucket)["faults"]] == ["all.rss is not what was published"]
    s3_proxy.take()
    publish(bucket, "all")
    assert s3_proxy.written() == ["all.rss"]
    assert bucket.files() == before


def test_F40_a_restored_backup_is_published(files: Files, bucket: BucketWire, tmp_path: Path) -> None:
    """The bucket holds what is newer than the backup."""
    with bucket.app() as app:
        app.store.backup(tmp_path / "backup")
    before = bucket.files()
    files.change()
    bucket.turn()
    assert bucket.files() != before
    bucket.command("restore", str(tmp_path / "backup"))
    result = bucket.command("run")
    assert result.returncode == 0, result.stderr
    assert state(bucket)["faults"] == []


def test_a_folder_is_followed_by_a_bucket(
    wire: Wire, s3_proxy: S3Proxy, s3_server: S3Server, undisturbed: Wire
) -> None:
    files = Files(wire, undisturbed)
    files.change()
    for installation in files.installations:
        installation.turn()
    bucket = BucketWire(wire.home, wire.now, wire.store, endpoint=s3_proxy.url, port=s3_server.port)
    Files(bucket).change()
    bucket.turn()
    assert bucket.files() == undisturbed.files()
    assert state(bucket)["faults"] == []


# ── kills ───────────────────────────────────────────────────────────────────────────────────────────────────────────

PLACES = {
    "an object is looked at": "feeds.publish.object_store:ObjectStore._look",
    "an object is written": "feeds.publish.object_store:ObjectStore._write",
    "documents are put": "feeds.publish.object_store:ObjectStore.put",
    "objects are removed": "feeds.publish.object_store:ObjectStore.remove",
    "a picture is copied": "feeds.publish.object_store:ObjectStore.copy",
    "an issue is recorded": "feeds.store:SqlStore.issued",
    "a feed is withdrawn": "feeds.store:SqlStore.withdraw",
}
FEW = [(name, bool(number % 2), 1) for number, name in enumerate(PLACES) if "looked" not in name]
FEW += [("an object is written", is_after, nth) for nth in (2, 3, 5, 8) for is_after in (False, True)]
ALL = [
    [(name, is_after, nth) for nth in range(first, 24, 4) for name in PLACES for is_after in (False, True)]
    for first in range(1, 5)
]
SLOW = [pytest.mark.slow, pytest.mark.timeout(7200)]


@pytest.mark.parametrize("kills", [FEW, *(pytest.param(kills, marks=SLOW) for kills in ALL)])
def test_F1_R12_a_turn_killed_between_any_two_puts_ends_where_an_undisturbed_one_does(
    files: Files,
    bucket: BucketWire,
    undisturbed: Wire,
    kill_at: KillAt,
    kills: list[tuple[str, bool, int]],
) -> None:
    reached = set[str]()
    for name, is_after, nth in kills:
        before = bucket.files()
        files.change()
        undisturbed.turn()
        if kill_at(PLACES[name], is_after, nth):
            reached.add(name)
        after = undisturbed.files()
        torn = [key for key, body in bucket.files().items() if body not in (before.get(key), after.get(key))]
        assert torn == [], (name, is_after, nth)
        bucket.turn(everything=True)
        assert bucket.files() == after, (name, is_after, nth)
    assert reached >= {name for name, _, nth in kills if nth == 1} - {"an object is looked at"}
    assert differences(state(bucket), state(undisturbed)) == []
    assert state(bucket)["faults"] == []


def test_F1_the_run_after_a_kill_may_have_something_newer_to_publish(
    files: Files, bucket: BucketWire, undisturbed: Wire, kill_at: KillAt
) -> None:
    """What the killed one wrote is in no ledger, and is replaced all the same."""
    for nth in (2, 4, 6):
        files.change()
        undisturbed.turn()
        assert kill_at(PLACES["an object is written"], True, nth)
        files.change()
        undisturbed.turn()
        bucket.turn(everything=True)
        assert lasting(bucket) == lasting(undisturbed), nth


def lasting(wire: Wire) -> dict[str, bytes]:
    """The files but those of the feed that comes and goes: where it goes at once, those of a killed run stay."""
    return {path: body for path, body in wire.files().items() if "other" not in path}


# ── faults of the network and of the server ─────────────────────────────────────────────────────────────────────────


def every(number: int, fault: str) -> Callable[[S3Request], str | None]:
    """A fault of every so many requests."""
    numbers = count(1)
    return lambda request: fault if next(numbers) % number == 0 else None


@pytest.mark.parametrize("fault", ["503", "lose"])
def test_F7_a_turn_through_a_bad_network_ends_where_one_through_a_good_one_does(
    files: Files, bucket: BucketWire, undisturbed: Wire, s3_proxy: S3Proxy, fault: str
) -> None:
    """Readers meanwhile get each document whole."""
    with Readers(bucket) as readers:
        s3_proxy.fault = every(4, fault)
        for _ in range(2):
            files.change()
            undisturbed.turn()
            bucket.turn()
        assert bucket.files() == undisturbed.files()
    assert readers.faults == []
    assert readers.reads
    assert state(bucket)["faults"] == []


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("fault", ["503", "cut"])
def test_F7_without_a_network_the_last_good_stays_and_the_next_run_writes_it(
    files: Files, bucket: BucketWire, undisturbed: Wire, s3_proxy: S3Proxy, fault: str
) -> None:
    before = bucket.files()
    files.change()
    undisturbed.turn()
    s3_proxy.fault = lambda request: fault
    with pytest.raises(PublishError, match=r"s3://") as caught:
        bucket.turn()
    assert SECRET_KEY not in str(caught.value) and ACCESS_KEY not in str(caught.value)
    assert bucket.files() == before
    failing = json.loads(bucket.command("status", "--json").stdout)
    assert SECRET_KEY not in json.dumps(failing) and "s3://" in json.dumps(failing)
    s3_proxy.fault = lambda request: None
    bucket.turn(everything=True)
    assert bucket.files() == undisturbed.files()
    assert state(bucket)["faults"] == []


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("nth", [1, 2, 4, 7])
def test_F7_a_network_that_ends_between_two_puts(
    files: Files, bucket: BucketWire, undisturbed: Wire, s3_proxy: S3Proxy, nth: int
) -> None:
    before, numbers = bucket.files(), count(1)
    files.change()
    undisturbed.turn()
    after = undisturbed.files()
    s3_proxy.fault = lambda request: "cut" if request.method == "PUT" and next(numbers) >= nth else None
    with suppress(PublishError):
        bucket.turn()
    assert [key for key, body in bucket.files().items() if body not in (before.get(key), after.get(key))] == []
    s3_proxy.fault = lambda request: None
    bucket.turn(everything=True)
    assert bucket.files() == after
    assert differences(state(bucket), state(undisturbed)) == []


def test_an_edition_is_mixed_no_longer_than_its_longest_put(
    files: Files, bucket: BucketWire, s3_proxy: S3Proxy
) -> None:
    """Each of its documents is under way before the first of them is done."""
    underway, together = set[str](), threading.Barrier(4, timeout=60)

    def wait(request: S3Request) -> str | None:
        if request.method == "PUT" and request.key.startswith("all."):
            underway.add(request.key)
            together.wait()
        return None

    files.change()
    s3_proxy.fault = wait
    bucket.turn()
    assert underway == {"all.rss", "all.atom", "all.json", "all.html"}


class Readers:
    """A thread that reads the feeds again and again: `faults` are what it found wrong."""

    def __init__(self, wire: BucketWire) -> None:
        self.faults: list[str] = []
        self.reads = 0
        self._server = S3Server(wire.port)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Readers:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            for path in ("all.rss", "all.atom", "all.json"):
                # Once more where nothing stands there: moto replaces an object in two steps, of which S3 has one.
                body = self._server.body(path) or self._server.body(path)
                self.faults += [f"{path} {fault}" for fault in check_document(path, body or b"")]
                self.reads += 1


# ── several installations, commands ─────────────────────────────────────────────────────────────────────────────────


def test_A15_two_installations_do_not_share_a_place(
    files: Files, bucket: BucketWire, tmp_path: Path, s3_proxy: S3Proxy
) -> None:
    before = bucket.files()
    other = BucketWire(tmp_path / "other", bucket.now, endpoint=s3_proxy.url, port=bucket.port)
    Files(other).change()
    result = other.command("run")
    assert result.returncode == 1
    assert f"another installation publishes to s3://{BUCKET}/{PREFIX}" in result.stderr
    assert OWNER in result.stderr
    assert bucket.files() == before


def test_no_command_shows_a_key(files: Files, bucket: BucketWire) -> None:
    for command in (["run", "-v"], ["publish"], ["status"], ["verify"], ["check"]):
        result = bucket.command(*command)
        assert SECRET_KEY not in result.stdout + result.stderr, command
        assert ACCESS_KEY not in result.stdout + result.stderr, command
        assert result.returncode == 0, result.stderr


# ── the server ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_server_leads_readers_to_the_bucket_and_does_the_rest(
    files: Files, bucket: BucketWire, s3_proxy: S3Proxy
) -> None:
    s3_proxy.take()
    with serve_live(bucket) as server:
        for path in ("all.rss", "all.html", "archive/all/1.atom", "assets/page.css", ""):
            answer = server.request(f"/{path}")
            location = f"https://wire.example.org/{path}"
            assert (answer.status, answer.headers["location"]) == (307, location), path
            assert answer.headers["access-control-allow-origin"] == "*"
        assert server.request("/health").status in (200, 503)
        assert server.request("/favicon.ico").status == 200
        assert server.request("/search?q=desk").status == 200
        assert server.request("/nothing.exe").status == 404
        assert server.request("/live/nothing").status == 404
        assert server.request("/other1.rss").status == (410 if "other1.rss" not in bucket.files() else 307)
        assert server.request("/all.rss", host="wire.example.org").status == 503
    assert s3_proxy.take() == []
