"""The published files: found by strict names and cached by their stat.

A file is opened once, and the response is what that open file held, so a replacement in the middle neither cuts nor
mixes it. The cache holds a digest for each file and, up to a limit, bodies; while the stat of a file stays the same it
is not opened again (L5).
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
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import NamedTuple

from ..codings import MAX_COMPRESSIBLE_SIZE, Coding, find_codings
from ..media_types import find_media_type
from .cache import BodyCache, SingleFlight
from .responses import Representation, body_etag, make_etag

SLICE_SIZE = 65_536  # bytes sent at a time; what is larger is read from the file as it is sent, unless compressed
_MAX_RESOURCES = 20_000  # about 1 KB each

# The paths that publish writes (S14): no hidden or temporary file, no `..`.
_PUBLISHED_PATH = re.compile(r"(?:/[a-z0-9][a-z0-9_.-]{0,127}){1,8}", re.ASCII)

# Two changes within one tick of the file system's clock can leave a stat as it was, so a stat proves nothing about a
# file that changed just now. Two seconds cover the coarsest clocks in use.
STAT_RESOLUTION_NS = 2_000_000_000

# Only these errors mean 404: feed readers give up a feed that answers 404 for long.
_NOT_FOUND_ERRORS = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG}
_OPEN_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # never wait for the other end of a pipe


class _FileStat(NamedTuple):
    """The fields of a stat that change when a file is replaced or written."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int

    @classmethod
    def from_stat(cls, result: os.stat_result) -> _FileStat:
        return cls(result.st_dev, result.st_ino, result.st_size, result.st_mtime_ns, result.st_ctime_ns)


@dataclass(slots=True, eq=False)
class Resource:
    """A file as of the last read. Once `settled`, an equal stat means equal bytes."""

    location: Path
    file_stat: _FileStat
    settled: bool
    plain: Representation
    encoded: dict[str, Representation] = field(default_factory=dict)  # by the name of the coding

    @property
    def is_encodable(self) -> bool:
        """Return whether the file may be sent compressed."""
        return self.plain.media_type.compressible and self.plain.size <= MAX_COMPRESSIBLE_SIZE


class Files:
    """The regular files below `root` that have a published path and a known media type.

    `cache_size` limits the bodies held in memory, in bytes; `clock` returns nanoseconds since the epoch.
    """

    def __init__(self, root: Path, *, cache_size: int = 64_000_000, clock: Callable[[], int] = time.time_ns) -> None:
        self._root = root
        self._clock = clock
        self._bodies = BodyCache(cache_size)
        self._resources: dict[str, Resource] = {}
        self._encode_tasks: SingleFlight[bytes | None] = SingleFlight()
        self._digest_tasks: SingleFlight[Resource | None] = SingleFlight()

    async def find(self, path: str) -> Resource | None:
        """Return the file that has this URL path now; none when there is none."""
        if resource := self.recall(path):
            return resource
        location = self._locate(path)
        file_stat = _read_stat(location) if location else None
        if location is None or file_stat is None:
            self._resources.pop(path, None)
            return None
        media_type = find_media_type(path)
        if file_stat.size > (MAX_COMPRESSIBLE_SIZE if media_type and media_type.compressible else SLICE_SIZE):
            return await self._digest_tasks(path, lambda: self._digest_file(path, location))
        return self._read_file(path, location)

    def recall(self, path: str) -> Resource | None:
        """Return the file at a path if it stands there as it was last read; costs one stat."""
        resource = self._resources.get(path)
        if resource is None or not resource.settled:
            return None
        try:
            file_stat = _read_stat(resource.location)
        except OSError:
            return None  # `find` raises it
        return resource if file_stat == resource.file_stat else None

    async def encode(self, resource: Resource, coding: Coding) -> Representation | None:
        """Return the representation in a coding; none when the file was replaced since it was found."""
        if coding.name not in resource.encoded:
            await self._encode_once(resource, coding)
        return resource.encoded.get(coding.name)

    async def read(self, resource: Resource, representation: Representation) -> bytes | None:
        """Return the bytes of a representation; none when the file was replaced since it was found."""
        body = self._bodies.get(representation.etag)
        if body is not None:
            return body
        coding = next((coding for coding in find_codings() if coding.name == representation.coding), None)
        return await self._encode_once(resource, coding) if coding else self._read_again(resource)

    async def open(self, resource: Resource) -> FileIO | None:
        """Return the open file, to be sent in slices; none when it was replaced since it was found."""
        with ExitStack() as stack:
            file = self._open_regular(resource.location)
            if file and await self._is_same(stack.enter_context(file), resource):
                stack.pop_all()  # the caller closes it
                return file
        resource.settled = False
        return None

    async def _is_same(self, file: FileIO, resource: Resource) -> bool:
        if _FileStat.from_stat(os.fstat(file.fileno())) != resource.file_stat:
            return False
        return resource.settled or await _digest(file) == resource.plain.etag

    # ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _read_file(self, path: str, location: Path) -> Resource | None:
        file = self._open_regular(location)
        if file is None:
            return None
        with file:
            file_stat = _FileStat.from_stat(os.fstat(file.fileno()))
            body = file.readall()
        etag = body_etag(body)
        self._bodies.put(etag, body)
        return self._remember(path, location, file_stat, etag, len(body))

    async def _digest_file(self, path: str, location: Path) -> Resource | None:
        file = self._open_regular(location)
        if file is None:
            return None
        with file:
            file_stat = _FileStat.from_stat(os.fstat(file.fileno()))
            etag = await _digest(file)
        return self._remember(path, location, file_stat, etag, file_stat.size)

    def _read_again(self, resource: Resource) -> bytes | None:
        """Return bytes that left the cache; none if they changed, and the next `find` reads the file."""
        if file := self._open_regular(resource.location):
            with file:
                body = file.readall()
            if body_etag(body) == resource.plain.etag:
                self._bodies.put(resource.plain.etag, body)
                return body
        resource.settled = False
        return None

    async def _encode_once(self, resource: Resource, coding: Coding) -> bytes | None:
        name = f"{coding.name} {resource.plain.etag}"
        return await self._encode_tasks(name, lambda: self._encode(resource, coding))

    async def _encode(self, resource: Resource, coding: Coding) -> bytes | None:
        plain = resource.plain
        encoded = self._read_sibling(resource, coding)
        if encoded is None:
            body = self._bodies.get(plain.etag) or self._read_again(resource)
            if body is None:
                return None
            encoded = await asyncio.to_thread(coding.compress, body)
        etag = body_etag(encoded)
        self._bodies.put(etag, encoded)
        resource.encoded[coding.name] = Representation(
            plain.media_type, etag, len(encoded), plain.modified, coding=coding.name
        )
        return encoded

    def _read_sibling(self, resource: Resource, coding: Coding) -> bytes | None:
        """Return the bytes of the compressed file beside a file; none unless it was published with it."""
        location = resource.location.with_name(resource.location.name + coding.suffix)
        file = self._open_regular(location) if _read_stat(location) else None
        if file is None:
            return None
        with file:
            is_published_with_it = os.fstat(file.fileno()).st_mtime_ns == resource.file_stat.modified_ns
            return file.readall() if is_published_with_it else None

    def _remember(self, path: str, location: Path, file_stat: _FileStat, etag: str, size: int) -> Resource | None:
        """Update or add the resource of a file that was just read."""
        media_type, now, earlier = find_media_type(path), self._clock(), self._resources.get(path)
        settled = now - file_stat.changed_ns > STAT_RESOLUTION_NS
        if earlier and earlier.plain.etag == etag:
            earlier.file_stat, earlier.settled = file_stat, settled
            return earlier
        if media_type is None:
            return None
        modified = _last_modified(file_stat, now, earlier.plain.modified if earlier else None)
        resource = Resource(location, file_stat, settled, Representation(media_type, etag, size, modified))
        self._resources[path] = resource
        if len(self._resources) > _MAX_RESOURCES:
            del self._resources[next(iter(self._resources))]
        return resource

    # ── paths ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _locate(self, path: str) -> Path | None:
        return self._root / path[1:] if is_published_path(path) and find_media_type(path) else None

    def _open_regular(self, location: Path) -> FileIO | None:
        """Open a regular file, links resolved; none when it is outside the root or no published path (S14, S18)."""
        real, root = os.path.realpath(location), os.path.realpath(self._root)
        if not real.startswith(root) or not is_published_path(real[len(root) :]):
            return None
        try:
            descriptor = os.open(real, _OPEN_FLAGS)
        except OSError as error:
            if error.errno in _NOT_FOUND_ERRORS:
                return None
            raise
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return FileIO(descriptor)
        os.close(descriptor)
        return None


def is_published_path(path: str) -> bool:
    """Tell whether a published file can have this path, which is relative to the public folder and begins with `/`."""
    return _PUBLISHED_PATH.fullmatch(path) is not None


def _read_stat(location: Path) -> _FileStat | None:
    """Return the stat of a regular file; none when there is none."""
    try:
        result = location.stat()
    except OSError as error:
        if error.errno in _NOT_FOUND_ERRORS:
            return None
        raise
    return _FileStat.from_stat(result) if stat.S_ISREG(result.st_mode) else None


async def _digest(file: FileIO) -> str:
    """Return the ETag of a file."""
    digest = await asyncio.to_thread(hashlib.file_digest, file, "sha256")
    return make_etag(digest.hexdigest())


def _last_modified(file_stat: _FileStat, now: int, earlier: datetime | None) -> datetime:
    """Return when the bytes changed: never in the future, and later than that of the bytes before (R10)."""
    modified = _to_datetime(min(file_stat.modified_ns, now))
    return modified if earlier is None or modified > earlier else max(_to_datetime(now), earlier)


def _to_datetime(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC)
