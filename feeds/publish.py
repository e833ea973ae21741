"""Writing documents to the public folder: each file whole or not at all, and only if it differs.

The bytes go to a temporary file beside the target, are flushed to the disk, and get the target's name in one step: no
reader, crash or full disk ever leaves half a file (R1). A file that has the same bytes already is not touched (R9).
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

FILE_MODE = 0o644  # a web server under another account must be able to read
FOLDER_MODE = 0o755
COPY_BLOCK_SIZE = 1_000_000  # bytes

# One slug a level, then the format: nothing hidden, nothing that climbs, nothing a URL would have to quote (S14).
_SEGMENT = re.compile(r"[a-z0-9][a-z0-9_.-]{0,127}", re.ASCII)
_TEMPORARY_NAME = re.compile(r"\.[a-z0-9][a-z0-9_.-]{0,127}\.[0-9]+\.feeds-new", re.ASCII)


def publish(root: Path, documents: Iterable[Document]) -> list[str]:
    """Write the documents that differ from what is below `root`; return their paths in the order given."""
    changed: list[str] = []
    folders: dict[Path, None] = {}
    for document in documents:
        target = _resolve(root, document.path)
        with _explain_errors("write", target):
            _create_folder(target.parent)
            if not _has_content(target, document.body):
                _write_file(target, [document.body])
                changed.append(document.path)
        folders |= dict.fromkeys(_folders_to(root, target))
    # Even if nothing changed: a run that was killed or failed just before this line had renamed files already (F6).
    _sync_folders(folders)
    return changed


def copy_file(
    root: Path, path: str, stamp: FileStamp, open_source: Callable[[], AbstractContextManager[BinaryIO]]
) -> bool:
    """Copy a file of any size to a path below `root`, unless it is there already; return whether it was copied.

    The copy gets the size and the time of `stamp`, by which the next call recognizes it.
    """
    target = _resolve(root, path)
    with _explain_errors("write", target):
        if _has_stamp(target, stamp):
            return False
        _create_folder(target.parent)
        with open_source() as stream:
            _write_file(target, iter(partial(stream.read, COPY_BLOCK_SIZE), b""), stamp.modified_ns)
    _sync_folders(dict.fromkeys(_folders_to(root, target)))
    return True


def remove_files(root: Path, paths: Iterable[str]) -> list[str]:
    """Remove published files; return the paths that were there."""
    removed: list[str] = []
    folders: dict[Path, None] = {}
    for path in paths:
        with _explain_errors("remove", root / path):
            target = _resolve(root, path)
            if target.is_file() or target.is_symlink():
                target.unlink()
                removed.append(path)
                folders[target.parent] = None
    _sync_folders(folders)
    return removed


def files_exist(root: Path, paths: Iterable[str]) -> bool:
    """Tell whether all these published files are present."""
    return all((root / path).exists() for path in paths)


def remove_temporary_files(root: Path) -> list[str]:
    """Remove the temporary files that a killed run left below `root`; return their paths."""
    leftovers = [
        path for path in root.rglob(".*.feeds-new") if _TEMPORARY_NAME.fullmatch(path.name) and not path.is_symlink()
    ]
    for path in leftovers:
        with _explain_errors("remove", path):
            path.unlink(missing_ok=True)
    return sorted(path.relative_to(root).as_posix() for path in leftovers)


# ── one file ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _write_file(target: Path, blocks: Iterable[bytes], modified_ns: int | None = None) -> None:
    """Write a file and rename it over the target; a failure before that leaves the old file as it was (F5, F6)."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}.feeds-new")
    try:
        with _open_exclusively(temporary) as descriptor:
            for block in blocks:
                _write_all(descriptor, block)
            os.fchmod(descriptor, FILE_MODE)  # whatever the umask
            if modified_ns is not None:
                os.utime(descriptor, ns=(modified_ns, modified_ns))
            os.fsync(descriptor)
        temporary.replace(target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


@contextmanager
def _open_exclusively(path: Path) -> Iterator[int]:
    # O_EXCL, after removing a leftover of our own process id: a link planted there is never followed.
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, block: bytes) -> None:
    rest = memoryview(block)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _has_stamp(target: Path, stamp: FileStamp) -> bool:
    """Tell whether the target is a regular file of that size and time."""
    try:
        info = target.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISREG(info.st_mode) and (info.st_size, info.st_mtime_ns) == (stamp.size, stamp.modified_ns)


def _has_content(target: Path, body: bytes) -> bool:
    """Tell whether the target is a regular file with exactly these bytes."""
    try:
        descriptor = os.open(target, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False  # absent, a link or not readable: replaced
    with os.fdopen(descriptor, "rb") as file:
        return os.fstat(descriptor).st_size == len(body) and file.read() == body


# ── paths ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _resolve(root: Path, path: str) -> Path:
    """Return the path of a document below `root`. Raises PublishError for an illegal name or a link on the way."""
    parts = PurePosixPath(path).parts
    if not parts or "/".join(parts) != path or not all(_SEGMENT.fullmatch(part) for part in parts):
        raise PublishError(f"cannot publish {path!r}: a published name is made of a-z, 0-9, '_', '-' and '.' only")
    target = root.joinpath(*parts)
    for folder in _folders_to(root, target):
        if folder != root and folder.is_symlink():
            raise PublishError(f"cannot publish {target}: {folder} is a symbolic link, which may lead out; remove it")
    return target


def _create_folder(folder: Path) -> None:
    """Create a folder and its missing parents, readable by a web server's account whatever the umask."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        path.chmod(FOLDER_MODE)


def _folders_to(root: Path, target: Path) -> Iterator[Path]:
    """Return the folders from `root` down to the file: `root`, then from the innermost outwards."""
    yield root
    yield from takewhile(lambda folder: folder != root, target.parents)


def _sync_folders(folders: Iterable[Path]) -> None:
    """Flush the folders to the disk, so that the renames survive a power cut."""
    for folder in folders:
        with _explain_errors("flush", folder):
            descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
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
def _explain_errors(action: str, path: Path) -> Iterator[None]:
    """Raise an OSError inside as a PublishError that names the file, the reason and the remedy."""
    try:
        yield
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0, "the next run tries again")
        reason = error.strerror or type(error).__name__
        raise PublishError(f"cannot {action} {path}: {reason}; {remedy}") from error
