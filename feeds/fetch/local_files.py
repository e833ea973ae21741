"""Local files as sources: regular files under their root, read whole or not at all."""

from __future__ import annotations

import logging
import os
import stat
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import islice
from operator import attrgetter
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from ..errors import FetchError
from ..model import Fetched, FileStamp, Kind, NotModified, Source, SourceFile, StoryFile, Validators, Visit

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
# What may be published beside a story: pictures, sound, film, subtitles, books. All of it is served inert (S9, S14);
# SVG is not among them, as it can carry script and is opened by its own address.
MEDIA = frozenset((
    ".avif", ".gif", ".jpeg", ".jpg", ".png", ".webp",
    ".aac", ".flac", ".m4a", ".mp3", ".oga", ".ogg", ".opus", ".wav",
    ".m4v", ".mp4", ".vtt", ".webm",
    ".epub", ".pdf",
))  # fmt: skip
LARGEST = 500_000_000  # bytes of a file beside a story
MOST_FILES = 20_000  # that are looked through for them
NO_STAMPS: Mapping[str, FileStamp] = {}


class RejectedFile(Exception):
    """Why one file is not taken: `kind` as in FetchError, and a sentence."""

    def __init__(self, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file that may be read, and what it was when that was found out."""

    path: Path
    name: str
    size: int
    modified_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class MatchedFiles:
    """What a pattern finds, and the names of what it finds and may not be read."""

    files: tuple[LocalFile, ...]
    unread: tuple[str, ...]


def fetch(visit: Visit) -> Fetched | NotModified:
    """What a source's local files hold now; NotModified, before any is read, when none of them changed."""
    source = visit.source
    root = _root(source)
    return _folder(visit, root) if source.kind is Kind.FILES else _document(visit, root)


def _folder(visit: Visit, root: Path) -> Fetched | NotModified:
    listing = _listed(root, visit.source)
    beside = _beside(root)
    validators = Validators(etag=_fingerprint([*listing.files, *beside]))
    if validators == visit.state.validators:
        return NotModified(visit.url, validators)
    parts, changing = _read(listing.files)
    if changing:  # they are to be looked at again
        validators = Validators()
    stamps = {file.name: FileStamp(file.size, file.modified_ns) for file in beside}
    unread = (*listing.unread, *changing)
    digest = _digest(parts, unread, stamps)
    if visit.state.body_digest == digest:
        return NotModified(visit.url, validators)
    return Fetched(visit.url, b"", validators=validators, body_digest=digest, parts=parts, unread=unread, beside=stamps)


def _document(visit: Visit, root: Path) -> Fetched | NotModified:
    file = _single(root, visit.url, visit.source.max_bytes)
    validators = Validators(etag=_fingerprint([file]))
    if validators == visit.state.validators:
        return NotModified(visit.url, validators)
    try:
        body = _body(file)
    except RejectedFile as reason:
        raise FetchError(str(reason), kind=reason.kind) from reason
    digest = _digest([SourceFile(file.name, body, _moment(file.modified_ns))])
    if visit.state.body_digest == digest:
        return NotModified(visit.url, validators)
    media_type = MEDIA_TYPES.get(PurePosixPath(visit.url).suffix.lower(), "")
    return Fetched(visit.url, body, media_type, validators=validators, body_digest=digest)


@contextmanager
def opened(source: Source, beside: StoryFile) -> Iterator[BinaryIO]:
    """The bytes of a file that goes with a story; FetchError when it is no longer what it was."""
    try:
        found = _found(_root(source), _root(source) / beside.file, LARGEST)
        if found is None or (found.size, found.modified_ns) != (beside.size, beside.modified_ns):
            raise RejectedFile("changing", f"{beside.file} has changed; the next visit takes it.")
        with _stream(found) as stream:
            yield stream
    except (RejectedFile, OSError) as reason:
        kind = reason.kind if isinstance(reason, RejectedFile) else "missing"
        raise FetchError(f"{source.id}: {reason}", kind=kind) from reason


def _root(source: Source) -> Path:
    if source.root is None:
        raise FetchError(f"{source.address!r} is no http(s) address. Write `files:` for local files.", kind="refused")
    try:
        return source.root.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise _missing(source.root, error) from error


def _listed(root: Path, source: Source) -> MatchedFiles:
    """The files a pattern finds, by name. Those that may not be read are left out, unless there are no others."""
    pattern = PurePosixPath(source.address)
    if pattern.is_absolute() or ".." in pattern.parts or "\0" in source.address or not pattern.parts:
        raise FetchError(f"{source.address!r} leads out of {root}. Files are read below it only.", kind="refused")
    files, unread, unfit = [], list(_closed_folders(root, pattern)), None
    for path in _matches(root, source.address):
        try:
            found = _found(root, path, source.max_bytes)
        except RejectedFile as reason:
            log.warning("%s: left out %s", source.id, reason)
            unfit = reason
            unread.append(_shown_name(root, path))
            continue
        if found is not None:
            files.append(found)
    if unfit is not None and not files:
        raise FetchError(str(unfit), kind=unfit.kind) from unfit
    return MatchedFiles(tuple(files), tuple(unread))


def _closed_folders(root: Path, pattern: PurePosixPath) -> Iterator[str]:
    """The folders that a pattern leads through and that may not be looked into: `glob` passes over them in silence."""
    deepest = None if "**" in pattern.parts else len(pattern.parts) - 1
    closed: list[OSError] = []
    for folder, names, _ in os.walk(root, onerror=closed.append):
        depth = len(Path(folder).relative_to(root).parts)
        names[:] = [] if depth == deepest else [name for name in names if not name.startswith(".")]
    for error in closed:
        place = Path(os.fsdecode(error.filename))
        if place == root:
            raise _missing(root, error) from error
        log.warning("cannot look into %s: %s", place, _reason(error))
        yield _shown_name(root, place)


def _shown_name(root: Path, path: Path) -> str:
    return os.fsencode(path.relative_to(root)).decode("utf-8", "replace")


def _beside(root: Path) -> list[LocalFile]:
    """The pictures, recordings and the like below the root, by name."""
    media = (path for path in islice(_visible(root), MOST_FILES) if path.suffix.lower() in MEDIA)
    return sorted(_fit(root, media), key=attrgetter("name"))


def _visible(root: Path) -> Iterator[Path]:
    """Every file below the root, without what is hidden."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(folder, name) for name in sorted(names) if not name.startswith("."))


def _fit(root: Path, paths: Iterable[Path]) -> Iterator[LocalFile]:
    for path in paths:
        try:
            found = _found(root, path, LARGEST)
        except RejectedFile as reason:
            log.warning("left out %s", reason)
            continue
        if found is not None:
            yield found


def _matches(root: Path, pattern: str) -> list[Path]:
    """What a pattern finds, less what goes beside stories, and what is hidden: there lies what is not finished."""
    try:
        return [
            path
            for path in sorted(root.glob(pattern))
            if path.suffix.lower() not in MEDIA
            and not any(part.startswith(".") for part in path.relative_to(root).parts)
        ]
    except ValueError as error:
        raise FetchError(f"{pattern!r} is no pattern for files: {error}.", kind="refused") from error


def _single(root: Path, name: str, most: int) -> LocalFile:
    try:
        found = _found(root, root / name, most)
    except RejectedFile as reason:
        raise FetchError(str(reason), kind=reason.kind) from reason
    if found is None:
        raise FetchError(f"{root / name} is a directory. Name the file, or use `files:` for many.", kind="refused")
    return found


def _found(root: Path, path: Path, most: int) -> LocalFile | None:
    """One file as it is now, None for a directory; Unfit when it may not be read (S14, F34)."""
    shown = ascii(str(path))
    try:
        real = path.resolve(strict=True)
        info = real.stat()
    except (OSError, RuntimeError, ValueError) as error:
        raise RejectedFile("missing", f"{shown}: {_reason(error)}.") from error
    if not (real.is_relative_to(root) and path.is_relative_to(root)):
        raise RejectedFile("refused", f"{shown} leads out of {root}. Files are read below it only.")
    name = path.relative_to(root).as_posix()
    if any("\ud800" <= letter <= "\udfff" for letter in name):  # what stands in for undecodable bytes
        raise RejectedFile("refused", f"{shown} has a name that is not UTF-8.")
    if stat.S_ISDIR(info.st_mode):
        return None
    if not stat.S_ISREG(info.st_mode):
        raise RejectedFile("refused", f"{shown} is no regular file.")
    if info.st_size > most:
        limit = "no file beside a story has more than" if most == LARGEST else "`max_bytes:` of the source allows"
        raise RejectedFile("too_large", f"{shown} has {info.st_size:,} bytes; {limit} {most:,}.")
    return LocalFile(real, name, info.st_size, info.st_mtime_ns, info.st_ino)


def _read(files: Sequence[LocalFile]) -> tuple[tuple[SourceFile, ...], tuple[str, ...]]:
    """The files that did not change while they were read, and the names of the others."""
    parts, changing = [], []
    for file in files:
        try:
            parts.append(SourceFile(file.name, _body(file), _moment(file.modified_ns)))
        except RejectedFile as reason:
            log.info("left out for now: %s", reason)
            changing.append(file.name)
    return tuple(parts), tuple(changing)


def _body(file: LocalFile) -> bytes:
    age = time.time() - file.modified_ns / 1e9
    if not file.size and 0 <= age < EMPTY:
        raise RejectedFile("changing", f"{file.name} is still empty; the next visit reads it.")
    if 0 <= age < SETTLED:
        time.sleep(SETTLED - age)
    try:
        with _stream(file) as stream:
            body = stream.read(file.size + 1)
            _must_be_the_same(file, stream)
    except OSError as error:
        raise RejectedFile("missing", f"{file.name}: {_reason(error)}.") from error
    if len(body) != file.size:
        raise RejectedFile("changing", f"{file.name} is being written; the next visit reads it.")
    return body


@contextmanager
def _stream(file: LocalFile) -> Iterator[BinaryIO]:
    # Neither a link nor a FIFO that took the file's place meanwhile is followed or waited for.
    descriptor = os.open(file.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as stream:
        _must_be_the_same(file, stream)
        yield stream


def _must_be_the_same(file: LocalFile, stream: BinaryIO) -> None:
    info = os.fstat(stream.fileno())
    if (info.st_size, info.st_mtime_ns, info.st_ino) != (file.size, file.modified_ns, file.inode):
        raise RejectedFile("changing", f"{file.name} is being written; the next visit reads it.")


def _moment(nanoseconds: int) -> datetime:
    """A file system may hold times that no calendar has."""
    return datetime.fromtimestamp(min(max(nanoseconds // 1_000_000_000, 0), LAST_SECOND), UTC)


def _fingerprint(files: Sequence[LocalFile]) -> str:
    digest = blake2b(digest_size=16)
    for file in files:
        digest.update(
            f"{file.name}\0{file.size}\0{file.modified_ns}\0{file.inode}\n".encode("utf-8", "surrogateescape")
        )
    return digest.hexdigest()


def _digest(
    parts: Sequence[SourceFile], unread: Sequence[str] = (), beside: Mapping[str, FileStamp] = NO_STAMPS
) -> str:
    digest = blake2b(digest_size=16)
    for part in parts:
        digest.update(os.fsencode(f"{part.name}\0{len(part.body)}\n"))
        digest.update(part.body)
    for line in (*unread, *(f"{name}\0{stamp.size}\0{stamp.modified_ns}" for name, stamp in beside.items())):
        digest.update(f"\0{line}\n".encode())
    return digest.hexdigest()


def _missing(path: Path, error: Exception) -> FetchError:
    return FetchError(f"{path}: {_reason(error)}. Check the path; it is relative to the YAML file.", kind="missing")


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
