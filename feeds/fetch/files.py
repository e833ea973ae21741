"""Local files as sources: regular files under their root, read whole or not at all."""

from __future__ import annotations

import logging
import os
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path, PurePosixPath

from feeds.errors import FetchError
from feeds.model import Fetched, Kind, NotModified, Part, Source, Validators, Visit

log = logging.getLogger(__name__)

# A file that was written a moment ago may be written to again within one tick of the file system's clock.
SETTLED = 0.1
EMPTY = 5.0  # a file is made empty before it is written
LAST_SECOND = 253_402_300_799  # of the year 9999
MEDIA_TYPES = {
    ".atom": "application/atom+xml",
    ".htm": "text/html",
    ".html": "text/html",
    ".json": "application/feed+json",
    ".md": "text/markdown",
    ".opml": "text/x-opml",
    ".rdf": "application/rdf+xml",
    ".rss": "application/rss+xml",
    ".txt": "text/plain",
    ".xhtml": "application/xhtml+xml",
    ".xml": "application/xml",
}


class Unfit(Exception):
    """Why one file is not taken: `kind` as in FetchError, and a sentence."""

    def __init__(self, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Found:
    """A file that may be read, and what it was when that was found out."""

    path: Path
    name: str
    size: int
    modified_ns: int
    inode: int


def fetch(visit: Visit) -> Fetched | NotModified:
    """What a source's local files hold now; NotModified, before any is read, when none of them changed."""
    source = visit.source
    root = _root(source)
    many = source.kind is Kind.FILES
    files = list(_listed(root, source)) if many else [_single(root, visit.url, source.max_bytes)]
    validators = Validators(etag=_fingerprint(files))
    if validators == visit.validators:
        return NotModified(visit.url, validators)
    parts = tuple(_read(files, strict=not many))
    if len(parts) < len(files):  # those left out are to be looked at again
        validators = Validators()
    digest = _digest(parts)
    if visit.body_digest == digest:
        return NotModified(visit.url, validators)
    if many:
        return Fetched(visit.url, b"", validators=validators, body_digest=digest, parts=parts)
    media_type = MEDIA_TYPES.get(PurePosixPath(visit.url).suffix.lower(), "")
    return Fetched(visit.url, parts[0].body, media_type, validators=validators, body_digest=digest)


def _root(source: Source) -> Path:
    if source.root is None:
        raise FetchError(f"{source.address!r} is no http(s) address. Write `files:` for local files.", kind="refused")
    try:
        return source.root.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise _missing(source.root, error) from error


def _listed(root: Path, source: Source) -> Iterator[Found]:
    """The files a pattern finds, by name. Those that may not be read are left out, unless there are no others."""
    pattern = PurePosixPath(source.address)
    if pattern.is_absolute() or ".." in pattern.parts or "\0" in source.address or not pattern.parts:
        raise FetchError(f"{source.address!r} leads out of {root}. Files are read below it only.", kind="refused")
    fit, unfit = 0, None
    for path in _matches(root, source.address):
        try:
            found = _found(root, path, source.max_bytes)
        except Unfit as reason:
            log.warning("%s: left out %s", source.id, reason)
            unfit = reason
            continue
        if found is not None:
            fit += 1
            yield found
    if unfit is not None and not fit:
        raise FetchError(str(unfit), kind=unfit.kind) from unfit


def _matches(root: Path, pattern: str) -> list[Path]:
    """What a pattern finds, less what is hidden: editors and writers keep there what is not finished."""
    try:
        return [
            path
            for path in sorted(root.glob(pattern))
            if not any(part.startswith(".") for part in path.relative_to(root).parts)
        ]
    except ValueError as error:
        raise FetchError(f"{pattern!r} is no pattern for files: {error}.", kind="refused") from error


def _single(root: Path, name: str, most: int) -> Found:
    try:
        found = _found(root, root / name, most)
    except Unfit as reason:
        raise FetchError(str(reason), kind=reason.kind) from reason
    if found is None:
        raise FetchError(f"{root / name} is a directory. Name the file, or use `files:` for many.", kind="refused")
    return found


def _found(root: Path, path: Path, most: int) -> Found | None:
    """One file as it is now, None for a directory; Unfit when it may not be read (S14, F34)."""
    shown = ascii(str(path))
    try:
        real = path.resolve(strict=True)
        info = real.stat()
    except (OSError, RuntimeError, ValueError) as error:
        raise Unfit("missing", f"{shown}: {_reason(error)}.") from error
    if not (real.is_relative_to(root) and path.is_relative_to(root)):
        raise Unfit("refused", f"{shown} leads out of {root}. Files are read below it only.")
    name = path.relative_to(root).as_posix()
    if any("\ud800" <= letter <= "\udfff" for letter in name):  # what stands in for undecodable bytes
        raise Unfit("refused", f"{shown} has a name that is not UTF-8.")
    if stat.S_ISDIR(info.st_mode):
        return None
    if not stat.S_ISREG(info.st_mode):
        raise Unfit("refused", f"{shown} is no regular file.")
    if info.st_size > most:
        raise Unfit("too_large", f"{shown} has {info.st_size:,} bytes; `max_bytes:` of the source allows {most:,}.")
    return Found(real, name, info.st_size, info.st_mtime_ns, info.st_ino)


def _read(files: Sequence[Found], *, strict: bool) -> Iterator[Part]:
    """The files that did not change while they were read."""
    for file in files:
        try:
            yield Part(file.name, _body(file), _moment(file.modified_ns))
        except Unfit as reason:
            if strict:
                raise FetchError(str(reason), kind=reason.kind) from reason
            log.info("left out for now: %s", reason)


def _body(file: Found) -> bytes:
    age = time.time() - file.modified_ns / 1e9
    if not file.size and 0 <= age < EMPTY:
        raise Unfit("changing", f"{file.name} is still empty; the next visit reads it.")
    if 0 <= age < SETTLED:
        time.sleep(SETTLED - age)
    try:
        # Neither a link nor a FIFO that took the file's place meanwhile is followed or waited for.
        descriptor = os.open(file.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as stream:
            before = os.fstat(descriptor)
            body = stream.read(file.size + 1) if stat.S_ISREG(before.st_mode) else b""
            after = os.fstat(descriptor)
    except OSError as error:
        raise Unfit("missing", f"{file.name}: {_reason(error)}.") from error
    states = {(info.st_size, info.st_mtime_ns, info.st_ino) for info in (before, after)}
    if states != {(file.size, file.modified_ns, file.inode)} or len(body) != file.size:
        raise Unfit("changing", f"{file.name} is being written; the next visit reads it.")
    return body


def _moment(nanoseconds: int) -> datetime:
    """A file system may hold times that no calendar has."""
    return datetime.fromtimestamp(min(max(nanoseconds // 1_000_000_000, 0), LAST_SECOND), UTC)


def _fingerprint(files: Sequence[Found]) -> str:
    digest = blake2b(digest_size=16)
    for file in files:
        digest.update(
            f"{file.name}\0{file.size}\0{file.modified_ns}\0{file.inode}\n".encode("utf-8", "surrogateescape")
        )
    return digest.hexdigest()


def _digest(parts: Sequence[Part]) -> str:
    digest = blake2b(digest_size=16)
    for part in parts:
        digest.update(os.fsencode(f"{part.name}\0{len(part.body)}\n"))
        digest.update(part.body)
    return digest.hexdigest()


def _missing(path: Path, error: Exception) -> FetchError:
    return FetchError(f"{path}: {_reason(error)}. Check the path; it is relative to the YAML file.", kind="missing")


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
