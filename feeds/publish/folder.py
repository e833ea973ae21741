"""Publishing to a folder: each file whole or not at all, and only if it differs.

The bytes go to a temporary file beside the target, are flushed to the disk, and get the target's name in one step: no
reader, crash or full disk ever leaves half a file (R1). A file that has the same bytes already is not touched (R9).
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import partial
from hashlib import blake2b
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from ..codings import SIBLING_SUFFIXES, Coding, find_codings, has_siblings
from ..errors import LockedError, PublishError
from ..model import Document, FileStamp, PublishedFile
from .target import LastPublished, WriteResult
from .temporary_files import (
    WRITE_SECONDS,
    changed_at,
    find_leftovers,
    open_exclusively,
    read_clock,
    temporary_path,
)

FILE_MODE = 0o644  # a web server under another account must be able to read
FOLDER_MODE = 0o755
COPY_BLOCK_SIZE = 1_000_000  # bytes
DIGEST_SIZE = 16  # bytes

# One slug a level, then the format: nothing hidden, nothing that climbs, nothing a URL would have to quote (S14).
_SEGMENT = re.compile(r"[a-z0-9][a-z0-9_.-]{0,127}", re.ASCII)


class Folder:
    """The files below `root`, readable by a web server under another account.

    `codings` are those in which each file that gets smaller has a compressed sibling (see `codings`).
    """

    def __init__(self, root: Path, codings: Sequence[Coding] = ()) -> None:
        self._root = root
        self._codings = {coding.suffix: coding for coding in codings}

    @property
    def location(self) -> str:
        """The place, for messages."""
        return str(self._root)

    @property
    def is_remote(self) -> bool:
        """Return that a write waits for no network."""
        return False

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Hold a kernel lock of the folder while inside; raise LockedError while another process holds it (A15).

        Where the folder cannot be made or locked there is none; writing to it will say why.
        """
        with ExitStack() as held:
            try:
                _create_folder(self._root)
                descriptor = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                held.callback(os.close, descriptor)
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LockedError(
                    f"another installation publishes to {self._root}; give each a `public` of its own, or stop that one"
                ) from None
            except OSError:
                held.close()
            yield

    def put(self, documents: Iterable[Document], last: LastPublished | None = None) -> list[WriteResult]:
        """Write the documents that differ from what stands there."""
        results: list[WriteResult] = []
        folders: dict[Path, None] = {}
        for document in documents:
            target, body = _resolve(self._root, document.path), document.body
            with _explain_errors("write", target):
                kept = _keep_file(target, body)
                info, differed = kept or (_write_file(target, [body], prepare=self._put_siblings), True)
                if kept and self._put_siblings(target, target, info):
                    differed = True
            results.append(WriteResult(_published_file(document.path, info, digest_of(body)), differed))
            folders |= dict.fromkeys(_folders_to(self._root, target))
        # Even if nothing changed: a run that was killed or failed just before this line had renamed files already (F6).
        _sync_folders(folders)
        return results

    def copy(
        self,
        path: str,
        stamp: FileStamp,
        open_source: Callable[[], AbstractContextManager[BinaryIO]],
        last: LastPublished | None = None,
    ) -> WriteResult:
        """Copy a file, unless one with this size and time stands there; the copy gets the time of `stamp`."""
        target = _resolve(self._root, path)
        with _explain_errors("write", target):
            if kept := _keep_file(target, stamp):
                info, differed = kept
                differed |= self._put_siblings(target, target, info)
                return WriteResult(_published_file(path, info), differed)
            digest = blake2b(digest_size=DIGEST_SIZE)
            with open_source() as stream:
                blocks = _read_blocks(stream, digest.update)
                info = _write_file(target, blocks, stamp.modified_ns, prepare=self._put_siblings)
        _sync_folders(dict.fromkeys(_folders_to(self._root, target)))
        return WriteResult(_published_file(path, info, digest.hexdigest()), differed=True)

    def remove(self, paths: Iterable[str]) -> list[str]:
        """Remove files; return the paths of those that were there."""
        removed: list[str] = []
        folders: dict[Path, None] = {}
        for path in paths:
            with _explain_errors("remove", self._root / path):
                target = _resolve(self._root, path)
                for sibling in _siblings(target).values():
                    sibling.unlink(missing_ok=True)
                if target.is_file() or target.is_symlink():
                    target.unlink()
                    removed.append(path)
                    folders[target.parent] = None
        _sync_folders(folders)
        return removed

    def has(self, file: PublishedFile) -> bool:
        """Return whether a file is regular and has the size, time and mode that it was published with, and siblings."""
        target = self._root / file.path
        try:
            info = os.lstat(target)
        except OSError:
            return False
        is_same = stat.S_ISREG(info.st_mode) and _published_file(file.path, info, file.digest) == file
        if not is_same or not self._codings or not has_siblings(file.path, info.st_size):
            return is_same
        siblings = _siblings(target)
        return all(_is_sibling(siblings[suffix], info) for suffix in self._codings)

    def size(self, path: str) -> int | None:
        """Return the size of a file in bytes; None where there is none."""
        try:
            return (self._root / path).stat().st_size
        except OSError:
            return None

    def size_of(self, file: PublishedFile) -> int | None:
        """Return the size of a published file in bytes; None where it is missing."""
        return self.size(file.path)

    def read(self, path: str) -> bytes:
        """Return the bytes of a file."""
        with _explain_errors("read", self._root / path):
            return (self._root / path).read_bytes()

    def digest(self, path: str) -> str | None:
        """Return the digest of the bytes of a file; None where there is no regular file."""
        target = self._root / path
        with _explain_errors("read", target):
            try:
                descriptor = os.open(target, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.ELOOP, errno.ENOTDIR, errno.ENXIO):
                    return None
                raise
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    return None
                digest = blake2b(digest_size=DIGEST_SIZE)
                for _ in _read_blocks(file, digest.update):
                    pass
                return digest.hexdigest()

    def damaged_siblings(self, path: str) -> list[str]:
        """Return the paths of the compressed siblings of a file that hold other bytes than the file."""
        siblings = {coding: self._root / f"{path}{coding.suffix}" for coding in find_codings()}
        with _explain_errors("read", self._root / path):
            return [
                sibling.relative_to(self._root).as_posix()
                for coding, sibling in siblings.items()
                if sibling.is_file() and not _decompresses_to(self.read(path), sibling.read_bytes(), coding)
            ]

    def _put_siblings(self, content: Path, target: Path, info: os.stat_result) -> bool:
        """Write the siblings of a file that has this content and state; return whether one differed.

        They are there before the file itself, and have its time, by which one is known as that of other bytes.
        """
        is_wanted, differed = has_siblings(target.name, info.st_size), False
        for suffix, sibling in _siblings(target).items():
            coding = self._codings.get(suffix) if is_wanted else None
            if coding is None:
                differed |= _remove_file(sibling)
            elif not _is_sibling(sibling, info):
                _write_file(sibling, [coding.compress(content.read_bytes())], info.st_mtime_ns)
                differed = True
        return differed

    def leftovers(self) -> list[str]:
        """Return the paths of the temporary files that a killed run left."""
        return [path.relative_to(self._root).as_posix() for path in find_leftovers(self._root)]

    def sweep(self, *, is_shared: bool = False) -> list[str]:
        """Remove the temporary files that a killed run left; return their paths.

        Where other processes write too (`is_shared`), those stay to which something happened in the last
        `WRITE_SECONDS`, by the clock of the folder, which is that of another machine where it is mounted.
        """
        leftovers = find_leftovers(self._root)
        if leftovers and is_shared:
            with _explain_errors("write a file into", self._root):
                until = read_clock(self._root) - WRITE_SECONDS
            leftovers = [path for path in leftovers if changed_at(path, until) < until]
        for path in leftovers:
            with _explain_errors("remove", path):
                path.unlink(missing_ok=True)
        return [path.relative_to(self._root).as_posix() for path in leftovers]


def digest_of(body: bytes) -> str:
    """Return the digest of the bytes of a file, as `PublishedFile` has it."""
    return blake2b(body, digest_size=DIGEST_SIZE).hexdigest()


# ── one file ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _published_file(path: str, info: os.stat_result, digest: str = "") -> PublishedFile:
    return PublishedFile(path, digest, info.st_size, info.st_mtime_ns, stat.S_IMODE(info.st_mode))


def _keep_file(target: Path, content: bytes | FileStamp) -> tuple[os.stat_result, bool] | None:
    """Return the state of a file that has this content already, and whether its mode was repaired; else None."""
    try:
        descriptor = os.open(target, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None  # absent, a link or not readable: replaced
    with os.fdopen(descriptor, "rb") as file:
        info = os.fstat(descriptor)
        if isinstance(content, bytes):
            is_same = info.st_size == len(content) and file.read() == content
        else:
            is_same = (info.st_size, info.st_mtime_ns) == (content.size, content.modified_ns)
        if not is_same or not stat.S_ISREG(info.st_mode):
            return None
        if stat.S_IMODE(info.st_mode) == FILE_MODE:
            return info, False
        try:
            os.fchmod(descriptor, FILE_MODE)
        except OSError:
            return None  # of another account: replaced
        repaired = os.fstat(descriptor)
        return repaired, repaired.st_mode != info.st_mode  # some file systems know no modes


def _write_file(
    target: Path,
    blocks: Iterable[bytes],
    modified_ns: int | None = None,
    *,
    prepare: Callable[[Path, Path, os.stat_result], object] = lambda temporary, target, info: None,
) -> os.stat_result:
    """Write a file and rename it over the target; a failure before that leaves the old file as it was (F5, F6).

    `prepare` is called just before with the temporary file, the target, and the state that the target will have.
    """
    _create_folder(target.parent)
    temporary = temporary_path(target)
    try:
        with open_exclusively(temporary) as descriptor:
            for block in blocks:
                _write_all(descriptor, block)
            os.fchmod(descriptor, FILE_MODE)  # whatever the umask
            if modified_ns is not None:
                os.utime(descriptor, ns=(modified_ns, modified_ns))
            os.fsync(descriptor)
            info = os.fstat(descriptor)
        prepare(temporary, target, info)
        temporary.replace(target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    return info


def _siblings(target: Path) -> dict[str, Path]:
    """Return the paths that compressed siblings of a file can have, by what is added to its name."""
    return {suffix: target.with_name(target.name + suffix) for suffix in SIBLING_SUFFIXES}


def _is_sibling(path: Path, info: os.stat_result) -> bool:
    """Return whether a regular file stands there that was written as the sibling of a file in this state."""
    try:
        sibling = os.lstat(path)
    except OSError:
        return False
    return (sibling.st_mode, sibling.st_mtime_ns) == (info.st_mode, info.st_mtime_ns)


def _decompresses_to(body: bytes, compressed: bytes, coding: Coding) -> bool:
    try:
        return coding.decompress(compressed) == body
    except ValueError:
        return False


def _remove_file(path: Path) -> bool:
    """Remove a file; return whether it was there."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True


def _write_all(descriptor: int, block: bytes) -> None:
    rest = memoryview(block)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _read_blocks(stream: BinaryIO, observe: Callable[[bytes], object]) -> Iterator[bytes]:
    for block in iter(partial(stream.read, COPY_BLOCK_SIZE), b""):
        observe(block)
        yield block


# ── paths ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _resolve(root: Path, path: str) -> Path:
    """Return the path of a document below `root`. Raises PublishError for an illegal name or a link on the way."""
    target = root.joinpath(require_published_path(path))
    for folder in _folders_to(root, target):
        if folder != root and folder.is_symlink():
            raise PublishError(f"cannot publish {target}: {folder} is a symbolic link, which may lead out; remove it")
    return target


def require_published_path(path: str) -> str:
    """Return the path of a document. Raises PublishError for an illegal name."""
    parts = PurePosixPath(path).parts
    if not parts or "/".join(parts) != path or not all(_SEGMENT.fullmatch(part) for part in parts):
        raise PublishError(f"cannot publish {path!r}: a published name is made of a-z, 0-9, '_', '-' and '.' only")
    return path


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
