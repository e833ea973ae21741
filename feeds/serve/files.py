"""The published files: found by strict names, remembered by their stat, read whole.

A file is opened once, and what is given is what that one open file held, so a replacement in the middle neither cuts
nor mixes it. What is remembered is a digest for each file and, within a budget, bodies; while the stat of a file stays
the same it is not opened again (L5).
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import re
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import NamedTuple

from .cache import BodyCache, SingleFlight
from .media_types import kind_of
from .responses import Representation, pack, tag_of

WHOLE = 4_000_000  # a larger file is streamed, and never compressed
_REMEMBERED = 20_000  # files; about 1 KB each

# The names that publish writes (S14): nothing hidden, nothing that climbs, nothing temporary.
_NAME = re.compile(r"(?:/[a-z0-9][a-z0-9_.-]{0,127}){1,8}", re.ASCII)

# Two changes within one tick of the file system's clock can leave a stat as it was, so a stat proves nothing about a
# file that changed just now. Two seconds cover the coarsest clocks in use.
_RACY = 2_000_000_000

# Only what is not there is told as such: readers give up a feed for which they hear 404 for long.
_ABSENT = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG}
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # never wait for the other end of a pipe


class _Stamp(NamedTuple):
    """What of a stat changes when a file is replaced or written."""

    device: int
    inode: int
    size: int
    modified: int
    changed: int

    @classmethod
    def of(cls, found: os.stat_result) -> _Stamp:
        return cls(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


@dataclass(slots=True, eq=False)
class Resource:
    """One file as last looked at; once `settled`, an equal stamp means equal bytes."""

    path: Path
    stamp: _Stamp
    settled: bool
    plain: Representation
    packed: Representation | None = None


class Files:
    """The regular files below `root` that have a strict name and a known kind."""

    def __init__(self, root: Path, *, budget: int = 64_000_000, clock: Callable[[], int] = time.time_ns) -> None:
        self._root = root
        self._clock = clock
        self._bodies = BodyCache(budget)
        self._known: dict[str, Resource] = {}
        self._packing: SingleFlight[bytes | None] = SingleFlight()
        self._digesting: SingleFlight[Resource | None] = SingleFlight()

    async def find(self, name: str) -> Resource | None:
        """What stands under this name at this moment; none when nothing does."""
        known = self._known.get(name)
        path = known.path if known else self._place(name)
        stamp = _look(path) if path else None
        if path is None or stamp is None:
            self._known.pop(name, None)
            return None
        if known and known.settled and known.stamp == stamp:
            return known
        if stamp.size > WHOLE:
            return await self._digesting(name, lambda: self._digest(name, path))
        return self._read(name, path)

    async def packed(self, resource: Resource) -> Representation | None:
        """The gzipped representation; none when the file was replaced meanwhile."""
        if resource.packed is None:
            await self._packing(resource.plain.tag, lambda: self._pack(resource))
        return resource.packed

    async def body(self, resource: Resource, chosen: Representation) -> bytes | None:
        """The bytes of a representation; none when the file was replaced meanwhile."""
        body = self._bodies.get(chosen.tag)
        if body is not None:
            return body
        if chosen.packed:
            return await self._packing(resource.plain.tag, lambda: self._pack(resource))
        return self._read_again(resource)

    def opened(self, resource: Resource) -> FileIO | None:
        """The open file, to be streamed; none when it was replaced meanwhile."""
        file = self._open(resource.path)
        if file and _Stamp.of(os.fstat(file.fileno())) == resource.stamp:
            return file
        if file:
            file.close()
        resource.settled = False
        return None

    # ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _read(self, name: str, path: Path) -> Resource | None:
        file = self._open(path)
        if file is None:
            return None
        with file:
            stamp = _Stamp.of(os.fstat(file.fileno()))
            body = file.readall()
        tag = tag_of(hashlib.sha256(body))
        self._bodies.put(tag, body)
        return self._learn(name, path, stamp, tag, len(body))

    async def _digest(self, name: str, path: Path) -> Resource | None:
        file = self._open(path)
        if file is None:
            return None
        with file:
            stamp = _Stamp.of(os.fstat(file.fileno()))
            digest = await asyncio.to_thread(hashlib.file_digest, file, "sha256")
        return self._learn(name, path, stamp, tag_of(digest), stamp.size)

    def _read_again(self, resource: Resource) -> bytes | None:
        """Read what has left the memory; if it is not what it was, the next look is into the file."""
        if file := self._open(resource.path):
            with file:
                body = file.readall()
            if tag_of(hashlib.sha256(body)) == resource.plain.tag:
                self._bodies.put(resource.plain.tag, body)
                return body
        resource.settled = False
        return None

    async def _pack(self, resource: Resource) -> bytes | None:
        body = self._bodies.get(resource.plain.tag) or self._read_again(resource)
        if body is None:
            return None
        packed = await asyncio.to_thread(pack, body)
        plain = resource.plain
        tag = tag_of(hashlib.sha256(packed))
        self._bodies.put(tag, packed)
        resource.packed = Representation(plain.kind, tag, len(packed), plain.modified, packed=True)
        return packed

    def _learn(self, name: str, path: Path, stamp: _Stamp, tag: str, size: int) -> Resource | None:
        """Remember what a look has shown."""
        kind, now, known = kind_of(name), self._clock(), self._known.get(name)
        settled = now - stamp.changed > _RACY
        if known and known.plain.tag == tag:
            known.stamp, known.settled = stamp, settled
            return known
        if kind is None:
            return None
        modified = _modified(stamp, now, known.plain.modified if known else None)
        resource = Resource(path, stamp, settled, Representation(kind, tag, size, modified))
        self._known[name] = resource
        if len(self._known) > _REMEMBERED:
            del self._known[next(iter(self._known))]
        return resource

    # ── places ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _place(self, name: str) -> Path | None:
        return self._root / name[1:] if is_name(name) and kind_of(name) else None

    def _open(self, path: Path) -> FileIO | None:
        """Open a regular file, links resolved, unless it lies outside the root or has no published name (S14, S18)."""
        real, root = os.path.realpath(path), os.path.realpath(self._root)
        if not real.startswith(root) or not is_name(real[len(root) :]):
            return None
        try:
            descriptor = os.open(real, _FLAGS)
        except OSError as error:
            if error.errno in _ABSENT:
                return None
            raise
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return FileIO(descriptor)
        os.close(descriptor)
        return None


def is_name(path: str) -> bool:
    """Whether a published file can have this path, counted from the public folder and beginning with a slash."""
    return _NAME.fullmatch(path) is not None


def _look(path: Path) -> _Stamp | None:
    try:
        found = path.stat()
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise
    return _Stamp.of(found) if stat.S_ISREG(found.st_mode) else None


def _modified(stamp: _Stamp, now: int, told: datetime | None) -> datetime:
    """When the bytes changed: never in the future, and later than what was told of the bytes before (R10)."""
    modified, moment = _instant(min(stamp.modified, now)), _instant(now)
    return modified if told is None or modified > told else max(moment, told)


def _instant(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC)
