"""The temporary files beside published ones: their names, and which of them no live process writes any more."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WRITE_SECONDS = 900.0  # in which a live process does something to one: writes a block, flushes it, renames it

_NAME = re.compile(r"\.[a-z0-9][a-z0-9_.-]{0,127}\.[0-9]+\.feeds-new", re.ASCII)


def temporary_path(target: Path) -> Path:
    """Return the path of a temporary file for a target, which no other has.

    It holds a random number: two containers, or two machines, that write to one folder may have the same process ids.
    """
    return target.with_name(f".{target.name}.{int.from_bytes(os.urandom(6))}.feeds-new")


def find_leftovers(root: Path) -> list[Path]:
    """Return the temporary files below a folder, sorted; those that are being written are among them."""
    return sorted(path for path in root.rglob(".*.feeds-new") if _NAME.fullmatch(path.name) and not path.is_symlink())


def changed_at(path: Path, default: float) -> float:
    """Return when a file was last written or renamed; `default` where it is gone.

    Not its modification time: that of a copy is the time of its source.
    """
    try:
        return os.lstat(path).st_ctime
    except OSError:
        return default


def read_clock(folder: Path) -> float:
    """Return the time of a folder, by which `changed_at` tells its own: of a mounted one, that of another machine."""
    probe = temporary_path(folder / "clock")
    try:
        with open_exclusively(probe) as descriptor:
            return os.fstat(descriptor).st_ctime
    finally:
        probe.unlink(missing_ok=True)


@contextmanager
def open_exclusively(path: Path) -> Iterator[int]:
    """Create a file and yield its descriptor; raise OSError where anything stands there."""
    # O_EXCL: a link planted there is never followed.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
