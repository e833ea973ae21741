"""The lock of the data directory: a kernel lock, which ends with the process that holds it (F24)."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import LockedError, StoreError

_open_handles: set[int] = set()


def _close_in_child() -> None:
    """Close the lock files in a forked child, which would keep the lock alive after its parent's death."""
    for handle in _open_handles:
        with suppress(OSError):
            os.close(handle)
    _open_handles.clear()


os.register_at_fork(after_in_child=_close_in_child)


@contextmanager
def hold_lock(directory: Path, name: str = "feeds.lock") -> Iterator[None]:
    """Hold a lock of the data directory while the block runs; LockedError names the process that holds it already."""
    handle = _acquire(directory / name)
    _open_handles.add(handle)
    try:
        yield
    finally:
        if handle in _open_handles:  # not in a forked child, which has closed it
            _open_handles.discard(handle)
            os.close(handle)


def create_private_directory(directory: Path) -> None:
    """Create the data directory with mode 0700 unless it exists."""
    try:
        directory.mkdir(mode=0o700)
    except FileExistsError:
        if not directory.is_dir():
            raise StoreError(f"{directory} is not a directory; correct `data:` in the configuration") from None
    except FileNotFoundError:
        raise StoreError(
            f"{directory.parent} does not exist, so {directory} cannot be made; create it or correct `data:`"
        ) from None
    except OSError as error:
        raise StoreError(f"{directory} cannot be made: {error.strerror}; correct its owner or `data:`") from error


def _acquire(path: Path) -> int:
    create_private_directory(path.parent)
    while True:
        handle = _open(path)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(handle, 1000, 0).decode("utf-8", "replace").strip()
            os.close(handle)
            raise LockedError(_describe_holder(path, holder), path.parent) from None
        except OSError as error:
            os.close(handle)
            raise StoreError(f"{path} cannot be locked: {error.strerror}; is `data:` on a network disk?") from error
        if _is_same_file(path, handle):
            _write_holder(handle)
            return handle
        os.close(handle)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(
            f"{path} cannot be written: {error.strerror}; the data directory must be writable by this user"
        ) from error


def _is_same_file(path: Path, handle: int) -> bool:
    """Return whether the path still names the locked file: it may have been removed in between."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _write_holder(handle: int) -> None:
    # A full disk must not keep the program from starting: the text is for people, the lock is the kernel's.
    with suppress(OSError):
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()} {' '.join(sys.argv)}\n".encode("utf-8", "replace"), 0)


def _describe_holder(path: Path, holder: str) -> str:
    pid, _, command = holder.partition(" ")
    process = f"process {pid} ({command})" if command else f"process {pid}" if pid else "another process"
    return f"{path.parent} is in use by {process}; stop it first, or use another `data:`"
