"""One instance a data directory: a kernel lock that ends with the process that holds it (F24)."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import LockedError, StoreError

_held: set[int] = set()


def _drop_in_child() -> None:
    """A forked child shares the open file and would keep the lock alive after its parent's death."""
    for handle in _held:
        with suppress(OSError):
            os.close(handle)
    _held.clear()


os.register_at_fork(after_in_child=_drop_in_child)


@contextmanager
def hold(directory: Path, name: str = "feeds.lock") -> Iterator[None]:
    """Hold a lock of the data directory for as long as the block runs; LockedError names who holds it already."""
    handle = _acquire(directory / name)
    _held.add(handle)
    try:
        yield
    finally:
        if handle in _held:  # not so in a forked child, which has let go of it
            _held.discard(handle)
            os.close(handle)


def make_private(directory: Path) -> None:
    """Make the data directory, for its owner alone (0700), unless it is there."""
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
    make_private(path.parent)
    while True:
        handle = _open(path)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(handle, 1000, 0).decode("utf-8", "replace").strip()
            os.close(handle)
            raise LockedError(_busy(path, holder)) from None
        except OSError as error:
            os.close(handle)
            raise StoreError(f"{path} cannot be locked: {error.strerror}; is `data:` on a network disk?") from error
        if _is_still(path, handle):
            _sign(handle)
            return handle
        os.close(handle)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(
            f"{path} cannot be written: {error.strerror}; the data directory must be writable by this user"
        ) from error


def _is_still(path: Path, handle: int) -> bool:
    """Whether the path still leads to the file that was locked: someone may have removed it in between."""
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _sign(handle: int) -> None:
    # A full disk must not keep the program from starting: the name is for people, the lock is the kernel's.
    with suppress(OSError):
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()} {' '.join(sys.argv)}\n".encode("utf-8", "replace"), 0)


def _busy(path: Path, holder: str) -> str:
    pid, _, command = holder.partition(" ")
    who = f"process {pid} ({command})" if command else f"process {pid}" if pid else "another process"
    return f"{path.parent} is in use by {who}; stop it first, or use another `data:`"
