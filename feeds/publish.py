"""Documents onto the disk: each file whole or not at all, and only if it differs.

A reader, a crash or a full disk never meets half a file: the bytes go to a temporary file beside the target, reach the
disk, and take the target's name in one step (R1). What is already there byte for byte is not touched (R9).
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from .errors import PublishError
from .model import Document, FileStamp

MODE = 0o644  # a web server under another account must be able to read
DIRECTORY_MODE = 0o755
BLOCK = 1_000_000  # bytes copied at a time

# One slug a level, then the format: nothing hidden, nothing that climbs, nothing a URL would have to quote (S14).
_SEGMENT = re.compile(r"[a-z0-9][a-z0-9_.-]{0,127}", re.ASCII)
_TEMPORARY = re.compile(r"\.[a-z0-9][a-z0-9_.-]{0,127}\.[0-9]+\.feeds-new", re.ASCII)


def publish(root: Path, documents: Iterable[Document]) -> list[str]:
    """Write the documents that differ from what is below `root`; return their paths in the order given."""
    changed: list[str] = []
    places: dict[Path, None] = {}
    for document in documents:
        target = _inside(root, document.path)
        with _explained("write", target):
            _make(target.parent)
            if not _holds(target, document.body):
                _replace(target, [document.body])
                changed.append(document.path)
        places |= dict.fromkeys(_folders(root, target))
    # Also where nothing changed: a run that was killed or failed just before this line has renamed already (F6).
    _settle(places)
    return changed


def place(root: Path, path: str, stamp: FileStamp, opened: Callable[[], AbstractContextManager[BinaryIO]]) -> bool:
    """Copy a file of any size to a path below `root`, unless it is there already; whether it was copied.

    The copy keeps the time of its origin, by which the next call knows it.
    """
    target = _inside(root, path)
    with _explained("write", target):
        if _is_stamped(target, stamp):
            return False
        _make(target.parent)
        with opened() as stream:
            _replace(target, iter(partial(stream.read, BLOCK), b""), stamp.modified_ns)
    _settle(dict.fromkeys(_folders(root, target)))
    return True


def withdraw(root: Path, paths: Iterable[str]) -> list[str]:
    """Remove published files; return the paths that were there."""
    gone: list[str] = []
    places: dict[Path, None] = {}
    for path in paths:
        with _explained("remove", root / path):
            target = _inside(root, path)
            if target.is_file() or target.is_symlink():
                target.unlink()
                gone.append(path)
                places[target.parent] = None
    _settle(places)
    return gone


def are_there(root: Path, paths: Iterable[str]) -> bool:
    """Whether none of these published files is missing."""
    return all((root / path).exists() for path in paths)


def sweep(root: Path) -> list[str]:
    """Remove the temporary files that a killed run left below `root`, and nothing else; return their paths."""
    stale = [path for path in root.rglob(".*.feeds-new") if _TEMPORARY.fullmatch(path.name) and not path.is_symlink()]
    for path in stale:
        with _explained("remove", path):
            path.unlink(missing_ok=True)
    return sorted(path.relative_to(root).as_posix() for path in stale)


# ── one file ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _replace(target: Path, blocks: Iterable[bytes], modified_ns: int | None = None) -> None:
    """Put the bytes under the name in one step; whatever fails before that leaves the old file as it was (F5, F6)."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}.feeds-new")
    try:
        with _created(temporary) as descriptor:
            for block in blocks:
                _write(descriptor, block)
            os.fchmod(descriptor, MODE)  # whatever the umask
            if modified_ns is not None:
                os.utime(descriptor, ns=(modified_ns, modified_ns))
            os.fsync(descriptor)
        temporary.replace(target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


@contextmanager
def _created(path: Path) -> Iterator[int]:
    # O_EXCL, after clearing a leftover of our own process id: never through a link that somebody laid there.
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, MODE)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _write(descriptor: int, body: bytes) -> None:
    rest = memoryview(body)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _is_stamped(target: Path, stamp: FileStamp) -> bool:
    """Tell whether the target is a plain file of that size and time."""
    try:
        info = target.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISREG(info.st_mode) and (info.st_size, info.st_mtime_ns) == (stamp.size, stamp.modified_ns)


def _holds(target: Path, body: bytes) -> bool:
    """Tell whether the target is a plain file with just these bytes."""
    try:
        descriptor = os.open(target, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False  # absent, a link or not readable: replaced
    with os.fdopen(descriptor, "rb") as file:
        return os.fstat(descriptor).st_size == len(body) and file.read() == body


# ── places ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _inside(root: Path, path: str) -> Path:
    """Give the place of a document, having made sure that it is below `root` and no link leads elsewhere."""
    parts = PurePosixPath(path).parts
    if not parts or "/".join(parts) != path or not all(_SEGMENT.fullmatch(part) for part in parts):
        raise PublishError(f"cannot publish {path!r}: a published name is made of a-z, 0-9, '_', '-' and '.' only")
    target = root.joinpath(*parts)
    for folder in _folders(root, target):
        if folder != root and folder.is_symlink():
            raise PublishError(f"cannot publish {target}: {folder} is a symbolic link, which may lead out; remove it")
    return target


def _make(folder: Path) -> None:
    """Make a folder, and those above it that are missing, open to a web server's account whatever the umask."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    for place in reversed(missing):
        place.mkdir(exist_ok=True)
        place.chmod(DIRECTORY_MODE)


def _folders(root: Path, target: Path) -> Iterator[Path]:
    """Give the folders whose entries lead from `root` to the file."""
    yield root
    yield from takewhile(lambda folder: folder != root, target.parents)


def _settle(directories: Iterable[Path]) -> None:
    """Make the renames themselves last through a power cut, once for each directory."""
    for directory in directories:
        with _explained("flush", directory):
            descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


# ── errors ──────────────────────────────────────────────────────────────────────────────────────────────────────────

_REMEDIES = {
    errno.EACCES: "give the account that runs feeds the right to write there, or set `public` to another folder",
    errno.EPERM: "give the account that runs feeds the right to write there, or set `public` to another folder",
    errno.EROFS: "the file system is mounted read-only: remount it, or set `public` to another folder",
    errno.ENOSPC: "free space on that disk; the next run writes it again",
    errno.EDQUOT: "free space or raise the disk quota of this account; the next run writes it again",
    errno.EFBIG: "raise the size limit set for this process (ulimit -f)",
    errno.EIO: "the disk reports an error: check it before trusting it (dmesg, smartctl); the next run writes it again",
    errno.EISDIR: "a folder stands where the file belongs: move it away",
    errno.EEXIST: "a file stands where a folder belongs: move it away",
    errno.ENOTDIR: "a file stands where a folder belongs: move it away",
    errno.ELOOP: "a symbolic link leads in a circle: remove it",
}


@contextmanager
def _explained(action: str, path: Path) -> Iterator[None]:
    """Turn the system's refusal into a sentence that names the file and the way out."""
    try:
        yield
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0, "the next run tries again")
        reason = error.strerror or type(error).__name__
        raise PublishError(f"cannot {action} {path}: {reason}; {remedy}") from error
