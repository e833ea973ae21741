"""Files on a real disk: whole or not at all, and only if they differ."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from feeds.errors import PublishError
from feeds.model import Document, FileStamp, PublishedFile, replace
from feeds.publish import WriteResult, folder, open_target
from feeds.publish.temporary_files import open_exclusively, temporary_path


def document(path: str = "world.rss", body: bytes = b"<rss/>") -> Document:
    return Document(path, body, "application/rss+xml")


def publish(root: Path, documents: list[Document]) -> list[str]:
    """Put documents; return the paths of those that differed."""
    return [result.file.path for result in open_target(root).put(documents) if result.differed]


def names(root: Path) -> list[str]:
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir())


@pytest.fixture
def restrictive_umask() -> Iterator[None]:
    before = os.umask(0o077)
    yield
    os.umask(before)


# ── writing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_documents_are_written_below_the_root(tmp_path: Path) -> None:
    root = tmp_path / "not" / "there"
    documents = [document(), document("each-source/bbc.atom", b"<feed/>"), document("archive/world/1.atom", b"")]
    assert publish(root, documents) == ["world.rss", "each-source/bbc.atom", "archive/world/1.atom"]
    assert names(root) == ["archive/world/1.atom", "each-source/bbc.atom", "world.rss"]
    assert (root / "each-source/bbc.atom").read_bytes() == b"<feed/>"


@pytest.mark.usefixtures("restrictive_umask")
def test_R1_a_web_server_can_read_them_whatever_the_umask(tmp_path: Path) -> None:
    publish(tmp_path, [document("a/b/world.rss")])
    assert stat.S_IMODE((tmp_path / "a/b/world.rss").stat().st_mode) == 0o644
    assert stat.S_IMODE((tmp_path / "a/b").stat().st_mode) == stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o755


def test_R9_what_does_not_differ_is_not_touched(tmp_path: Path) -> None:
    publish(tmp_path, [document(), document("a.json", b"1")])
    os.utime(tmp_path / "world.rss", ns=(1, 1))
    before = (tmp_path / "world.rss").stat()
    assert publish(tmp_path, [document(), document("a.json", b"2")]) == ["a.json"]
    after = (tmp_path / "world.rss").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_equal_length_is_not_equal_content(tmp_path: Path) -> None:
    publish(tmp_path, [document(body=b"one")])
    assert publish(tmp_path, [document(body=b"two")]) == ["world.rss"]
    assert (tmp_path / "world.rss").read_bytes() == b"two"


def test_R1_a_reader_never_sees_a_short_file(tmp_path: Path) -> None:
    """500 rewrites of 200 kB, read all the while."""
    bodies = [bytes([48 + n]) * (200_000 + n) for n in range(2)]
    publish(tmp_path, [document(body=bodies[0])])
    contents: set[bytes] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            contents.add((tmp_path / "world.rss").read_bytes())
            time.sleep(0.0005)  # or it would read most of the time while nothing is written

    reader = threading.Thread(target=read)
    reader.start()
    for n in range(500):
        publish(tmp_path, [document(body=bodies[n % 2])])
    done.set()
    reader.join()
    assert contents <= set(bodies)
    assert names(tmp_path) == ["world.rss"]


WRITER = """
import sys
from pathlib import Path
from feeds.model import Document
from feeds.publish import open_target
open_target(Path(sys.argv[1])).put([Document("a/world.rss", b"new" * 1000, ""), Document("a/world.atom", b"new", "")])
"""


def run_traced(root: Path, *options: str) -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """Run the writer under strace; return the process and the calls that concern the root, in order."""
    log = root.parent / "strace.log"
    calls = "trace=openat,write,fsync,fdatasync,rename,renameat,renameat2,unlink,fchmod"
    command = [
        "strace",
        "-f",
        "-y",
        "-o",
        str(log),
        "-e",
        calls,
        *options,
        sys.executable,
        "-B",
        "-c",
        WRITER,
        str(root),
    ]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    if not log.exists() or "ptrace" in process.stderr:
        pytest.skip("strace may not trace here")
    return process, [line for line in log.read_text().splitlines() if str(root) in line]


needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


@needs_strace
def test_R1_F3_bytes_reach_the_disk_before_the_name_and_the_name_before_the_end(tmp_path: Path) -> None:
    root = tmp_path / "public"
    publish(root, [document("a/world.rss", b"old")])
    process, calls = run_traced(root)
    assert process.returncode == 0, process.stderr
    order = [name for line in calls if (name := call_kind(line, root))]
    assert order == ["write", "mode", "flush", "rename"] * 2 + ["flush folder"] * 2


def call_kind(line: str, root: Path) -> str | None:
    kinds = {
        r"write\(\d+<[^>]*\.feeds-new>": "write",
        r"fchmod\(\d+<[^>]*\.feeds-new>, 0644": "mode",
        r"fsync\(\d+<[^>]*\.feeds-new>": "flush",
        r"rename\w*\(.*\.feeds-new\".*world": "rename",
        rf"fsync\(\d+<{re.escape(str(root))}(/a)?>": "flush folder",
    }
    return next((kind for pattern, kind in kinds.items() if re.search(pattern, line)), None)


# ── when it cannot be done ──────────────────────────────────────────────────────────────────────────────────────────


@needs_strace
@pytest.mark.parametrize(
    ("inject", "word"),
    [
        ("fsync:error=EIO:when=1", "disk reports an error"),
        ("rename,renameat,renameat2:error=EIO:when=1", "disk reports an error"),
        ("fchmod:error=EPERM:when=1", "right to write"),
        ("fsync:error=ENOSPC:when=1", "free space"),
    ],
)
def test_F5_F6_a_failed_write_leaves_the_old_file_and_no_temporary(tmp_path: Path, inject: str, word: str) -> None:
    root = tmp_path / "public"
    publish(root, [document("a/world.rss", b"old")])
    process, _ = run_traced(root, "-e", f"inject={inject}")
    assert "PublishError" in process.stderr
    assert str(root / "a/world.rss") in process.stderr
    assert word in process.stderr
    assert names(root) == ["a/world.rss"]
    assert (root / "a/world.rss").read_bytes() == b"old"


@needs_strace
def test_F6_a_folder_that_could_not_be_flushed_is_flushed_by_the_next_run(tmp_path: Path) -> None:
    root = tmp_path / "public"
    process, _ = run_traced(root, "-e", "inject=fsync:error=EIO:when=3+")
    assert "cannot flush" in process.stderr
    process, calls = run_traced(root)
    assert process.returncode == 0
    assert [call_kind(line, root) for line in calls if "fsync" in line] == ["flush folder"] * 2


@needs_strace
@pytest.mark.parametrize("call", ["write", "fsync", "rename,renameat,renameat2"])
def test_F1_killed_at_any_point_old_or_new_file_is_whole_and_the_rest_is_swept(tmp_path: Path, call: str) -> None:
    root = tmp_path / "public"
    publish(root, [document("a/world.rss", b"old")])
    process, _ = run_traced(root, "-e", f"inject={call}:signal=KILL:when=1")
    assert process.returncode != 0
    assert (root / "a/world.rss").read_bytes() in (b"old", b"new" * 1000)
    open_target(root).sweep()
    assert {"a/world.rss"} <= set(names(root)) <= {"a/world.rss", "a/world.atom"}
    run_traced(root)
    assert (root / "a/world.rss").read_bytes() == b"new" * 1000


def test_F5_a_file_that_grows_too_large_says_so(tmp_path: Path) -> None:
    publish(tmp_path, [document(body=b"old")])
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        with pytest.raises(PublishError, match=r"cannot write .*world\.rss: .*ulimit"):
            publish(tmp_path, [document(body=b"x" * 2000)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert names(tmp_path) == ["world.rss"]
    assert (tmp_path / "world.rss").read_bytes() == b"old"


def test_a_folder_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "world.rss").mkdir()
    with pytest.raises(PublishError, match=r"world\.rss: .*a folder stands where the file belongs"):
        publish(tmp_path, [document()])
    (tmp_path / "a").write_text("x")
    with pytest.raises(PublishError, match="a file stands where a folder belongs"):
        publish(tmp_path, [document("a/world.rss")])
    assert names(tmp_path) == ["a"]


# ── what stands there ───────────────────────────────────────────────────────────────────────────────────────────────


def edit(file: Path) -> None:
    info = file.stat()
    file.write_bytes(b"<RSS/>")
    os.utime(file, ns=(info.st_atime_ns, info.st_mtime_ns + 1))


def replace_by_link(file: Path) -> None:
    copy = file.with_name("copy")
    file.rename(copy)
    file.symlink_to(copy)


CHANGES: dict[str, Callable[[Path], object]] = {
    "removed": Path.unlink,
    "cut": lambda file: os.truncate(file, 3),
    "edited": edit,
    "replaced by a link": replace_by_link,
    "closed": lambda file: file.chmod(0o600),
    "opened for writing": lambda file: file.chmod(0o666),
    "replaced by a pipe": lambda file: (file.unlink(), os.mkfifo(file)),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_file_that_was_changed_is_noticed_and_put_right(tmp_path: Path, change: Callable[[Path], object]) -> None:
    target, file = open_target(tmp_path), tmp_path / "world.rss"
    (result,) = target.put([document()])
    assert result.differed and target.has(result.file)
    change(file)
    assert not target.has(result.file)
    (result,) = target.put([document()])
    assert result.differed and target.has(result.file)
    assert not file.is_symlink() and file.read_bytes() == b"<rss/>"
    assert stat.S_IMODE(file.stat().st_mode) == 0o644


def test_a_file_of_which_only_the_path_is_known_is_not_touched_if_it_is_right(tmp_path: Path) -> None:
    """As of a store that an older version wrote."""
    target = open_target(tmp_path)
    before = target.put([document()])
    assert not target.has(PublishedFile("world.rss"))
    (result,) = target.put([document()])
    assert not result.differed and result.file == before[0].file


def test_a_result_tells_digest_size_time_and_mode(tmp_path: Path) -> None:
    target = open_target(tmp_path)
    one, other = (result.file for result in target.put([document(), document("a/b.rss", b"<RSS/>")]))
    info = (tmp_path / "world.rss").stat()
    assert (one.size, one.modified_ns, one.mode) == (6, info.st_mtime_ns, 0o644)
    assert one.digest and one.digest != other.digest
    assert (target.size("world.rss"), target.size("none.rss")) == (6, None)


def test_a_copy_is_made_once_and_again_when_it_was_changed(tmp_path: Path) -> None:
    target, source = open_target(tmp_path / "public"), tmp_path / "loaf.jpg"
    source.write_bytes(b"x" * 2_500_000)
    stamp = FileStamp(2_500_000, source.stat().st_mtime_ns)

    def copy() -> WriteResult:
        return target.copy("a/loaf.jpg", stamp, lambda: source.open("rb"))

    first, second = copy(), copy()
    assert first.differed and not second.differed
    assert second.file == replace(first.file, digest="")
    copied = tmp_path / "public/a/loaf.jpg"
    assert copied.read_bytes() == source.read_bytes()
    copied.chmod(0o600)
    assert copy() == replace(second, differed=True)
    os.truncate(copied, 3)
    assert copy() == first


# ── names stay inside ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "path",
    [
        *("", ".", "..", "../world.rss", "a/../../world.rss", "/etc/passwd", "a//b.rss", "./a.rss", "a/", "a\\b.rss"),
        *("%2e%2e/a.rss", "a\x00.rss", "World.rss", "wörld.rss", "a b.rss", ".htaccess", "a/.git", "‥/a", "a\n.rss"),
        "x" * 300 + ".rss",
    ],
)
def test_S14_a_name_that_is_no_slug_is_refused(tmp_path: Path, path: str) -> None:
    root = tmp_path / "public"
    with pytest.raises(PublishError, match="cannot publish"):
        publish(root, [document(path)])
    with pytest.raises(PublishError, match="cannot publish"):
        open_target(root).remove([path])
    assert names(tmp_path) == []


def test_S14_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "public", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (root / "a").symlink_to(outside)
    with pytest.raises(PublishError, match="is a symbolic link"):
        publish(root, [document("a/world.rss")])
    assert names(outside) == []


def test_S14_a_link_in_place_of_a_file_is_replaced_not_written_through(tmp_path: Path) -> None:
    root, secret = tmp_path / "public", tmp_path / "secret"
    root.mkdir()
    secret.write_bytes(b"<rss/>")
    (root / "world.rss").symlink_to(secret)
    assert publish(root, [document(body=b"<rss/>")]) == ["world.rss"]
    assert not (root / "world.rss").is_symlink()
    publish(root, [document(body=b"other")])
    assert secret.read_bytes() == b"<rss/>"


def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "public").symlink_to(tmp_path / "disk")
    publish(tmp_path / "public", [document("a/world.rss")])
    assert names(tmp_path / "disk") == ["a/world.rss"]


# ── removing ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_only_the_named_files_are_removed(tmp_path: Path) -> None:
    target = open_target(tmp_path)
    target.put([document(), document("a/b.rss"), document("kept.rss")])
    assert target.remove(["world.rss", "a/b.rss", "never-there.rss"]) == ["world.rss", "a/b.rss"]
    assert names(tmp_path) == ["kept.rss"]
    assert target.remove(["world.rss"]) == []


def test_R1_temporary_files_of_ours_are_removed_and_no_others(tmp_path: Path) -> None:
    publish(tmp_path, [document("a/world.rss")])
    leftover, foreign = tmp_path / "a/.world.rss.4711.feeds-new", tmp_path / ".notes.feeds-new"
    leftover.write_bytes(b"<rs")
    foreign.write_bytes(b"mine")
    (tmp_path / "a/.hidden").write_bytes(b"mine")
    assert open_target(tmp_path).sweep() == ["a/.world.rss.4711.feeds-new"]
    assert names(tmp_path) == [".notes.feeds-new", "a/.hidden", "a/world.rss"]
    assert open_target(tmp_path / "missing").sweep() == []


def test_R1_F24_in_a_shared_folder_what_a_live_process_may_be_writing_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy has the time of its source before it has its name: that says nothing of when it was written."""
    leftover = tmp_path / "a/.pic.png.4711.feeds-new"
    leftover.parent.mkdir()
    leftover.write_bytes(b"<rs")
    os.utime(leftover, (0, 0))
    assert open_target(tmp_path).sweep(is_shared=True) == []
    monkeypatch.setattr(folder, "WRITE_SECONDS", -1.0)  # older than what is written now
    assert open_target(tmp_path).sweep(is_shared=True) == ["a/.pic.png.4711.feeds-new"]
    assert names(tmp_path) == []
    assert open_target(tmp_path / "missing").sweep(is_shared=True) == []


def test_R1_two_processes_with_one_id_write_to_two_temporary_files(tmp_path: Path) -> None:
    """As in two containers that publish to one folder."""
    target = tmp_path / "world.rss"
    with open_exclusively(temporary_path(target)), open_exclusively(temporary_path(target)):
        assert len(names(tmp_path)) == 2
        assert open_target(tmp_path).leftovers() == names(tmp_path)
