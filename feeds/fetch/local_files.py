"""Local files as sources: regular files below their root folder, read whole or not at all.

Names are UTF-8 in composed form (NFC), whatever the locale of the process, and whatever form the disk has them in.
"""

from __future__ import annotations

import logging
import os
import stat
import time
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from itertools import islice
from operator import attrgetter
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from ..errors import FailureKind, FetchError
from ..model import Fetched, FileStamp, Kind, NotModified, Source, SourceFile, StoryFile, Validators, Visit

log = logging.getLogger(__name__)

# Seconds. A file that was written a moment ago may be written to again within one tick of the file system's clock.
MIN_FILE_AGE = 0.1
MIN_EMPTY_FILE_AGE = 5.0  # a file is made empty before it is written
MAX_TIMESTAMP = 253_402_300_799  # the last second of the year 9999
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
MEDIA_SUFFIXES = frozenset((
    ".avif", ".gif", ".jpeg", ".jpg", ".png", ".webp",
    ".aac", ".flac", ".m4a", ".mp3", ".oga", ".ogg", ".opus", ".wav",
    ".m4v", ".mp4", ".vtt", ".webm",
    ".epub", ".pdf",
))  # fmt: skip
MAX_MEDIA_BYTES = 500_000_000  # of one media file
MAX_FILES_SCANNED = 20_000  # in the search for media files
NO_STAMPS: Mapping[str, FileStamp] = {}


class RejectedFile(Exception):
    """Why one file is not read: `kind` as in FetchError, and a sentence."""

    def __init__(self, kind: FailureKind, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file that may be read, and its state when that was checked. `name` is its path below the root, in NFC."""

    path: Path
    name: str
    size: int
    modified_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class MatchedFiles:
    """The files that a pattern matches, and the names of those that may not be read."""

    files: tuple[LocalFile, ...]
    unreadable: tuple[str, ...]


def fetch(visit: Visit) -> Fetched | NotModified:
    """Return what a source's local files hold now; NotModified, before any is read, when none of them changed."""
    source = visit.source
    root = _resolve_root(source)
    return _fetch_folder(visit, root) if source.kind is Kind.FILES else _fetch_document(visit, root)


def _fetch_folder(visit: Visit, root: Path) -> Fetched | NotModified:
    matched = _match_files(root, visit.source)
    media = _find_media(root)
    validators = Validators(etag=_stat_digest([*matched.files, *media]))
    if validators == visit.state.validators:
        return NotModified(visit.url, validators)
    files, changing = _read_files(matched.files)
    if changing:  # the next visit has to read them
        validators = Validators()
    stamps = {file.name: FileStamp(file.size, file.modified_ns) for file in media}
    unreadable = (*matched.unreadable, *changing)
    digest = _content_digest(files, unreadable, stamps)
    if visit.state.body_digest == digest:
        return NotModified(visit.url, validators)
    return Fetched(
        visit.url,
        b"",
        validators=validators,
        body_digest=digest,
        files=files,
        unreadable=unreadable,
        media_files=stamps,
    )


def _fetch_document(visit: Visit, root: Path) -> Fetched | NotModified:
    path = _locate(root, visit.url)
    try:
        file = _check_file(root, path, visit.source.max_bytes)
        if file is None:
            raise RejectedFile(FailureKind.REFUSED, f"{path} is a directory. Name the file, or use `files:` for many.")
        validators = Validators(etag=_stat_digest([file]))
        if validators == visit.state.validators:
            return NotModified(visit.url, validators)
        body = _read_file(file)
    except RejectedFile as rejection:
        raise FetchError(str(rejection), kind=rejection.kind) from rejection
    digest = _content_digest([SourceFile(file.name, body, _to_datetime(file.modified_ns))])
    if visit.state.body_digest == digest:
        return NotModified(visit.url, validators)
    media_type = MEDIA_TYPES.get(PurePosixPath(visit.url).suffix.lower(), "")
    return Fetched(visit.url, body, media_type, validators=validators, body_digest=digest)


@contextmanager
def open_media(source: Source, media: StoryFile) -> Iterator[BinaryIO]:
    """Open a file that is published beside a story; raise FetchError when it has changed since it was listed."""
    try:
        root = _resolve_root(source)
        file = _check_file(root, _locate(root, media.file), MAX_MEDIA_BYTES)
        if file is None or (file.size, file.modified_ns) != (media.size, media.modified_ns):
            raise RejectedFile(FailureKind.CHANGING, f"{media.file} has changed; the next visit takes it.")
        with _open_unchanged(file) as stream:
            yield stream
    except (RejectedFile, OSError) as error:
        kind = error.kind if isinstance(error, RejectedFile) else FailureKind.MISSING
        raise FetchError(f"{source.id}: {error}", kind=kind) from error


# ── finding files ───────────────────────────────────────────────────────────────────────────────────────────────────


def _resolve_root(source: Source) -> Path:
    if source.root is None:
        raise FetchError(
            f"{source.address!r} is no http(s) address. Write `files:` for local files.", kind=FailureKind.REFUSED
        )
    try:
        return source.root.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise _missing_error(source.root, error) from error


def _match_files(root: Path, source: Source) -> MatchedFiles:
    """Return the files that a source's pattern matches, by name.

    Those that may not be read are left out; FetchError is raised when there are no others.
    """
    pattern = PurePosixPath(source.address)
    if pattern.is_absolute() or ".." in pattern.parts or "\0" in source.address or not pattern.parts:
        raise FetchError(
            f"{source.address!r} leads out of {root}. Files are read below it only.", kind=FailureKind.REFUSED
        )
    files, unreadable, last_rejection = [], list(_find_unreadable_folders(root, pattern)), None
    for path in _glob(root, source.address):
        try:
            file = _check_file(root, path, source.max_bytes)
        except RejectedFile as rejection:
            log.warning("%s: left out %s", source.id, rejection)
            last_rejection = rejection
            unreadable.append(_printable_name(root, path))
            continue
        if file is not None:
            files.append(file)
    if last_rejection is not None and not files:
        raise FetchError(str(last_rejection), kind=last_rejection.kind) from last_rejection
    return MatchedFiles(tuple(files), tuple(unreadable))


def _find_unreadable_folders(root: Path, pattern: PurePosixPath) -> Iterator[str]:
    """Yield the folders that a pattern leads through and that cannot be read: `glob` skips them in silence."""
    max_depth = None if "**" in pattern.parts else len(pattern.parts) - 1
    errors: list[OSError] = []
    for folder, names, _ in os.walk(root, onerror=errors.append):
        depth = len(Path(folder).relative_to(root).parts)
        names[:] = [] if depth == max_depth else [name for name in names if not name.startswith(".")]
    for error in errors:
        path = Path(os.fsdecode(error.filename))
        if path == root:
            raise _missing_error(root, error) from error
        log.warning("cannot look into %s: %s", path, _error_text(error))
        yield _printable_name(root, path)


def _printable_name(root: Path, path: Path) -> str:
    return _name(root, path, errors="replace")


def _name(root: Path, path: Path, errors: str = "strict") -> str:
    """Return the name of a file below the root in NFC; raise UnicodeDecodeError where it is not UTF-8."""
    return unicodedata.normalize("NFC", os.fsencode(path.relative_to(root)).decode("utf-8", errors))


def _locate(root: Path, name: str) -> Path:
    """Return the path of a file by its name, in the form that the disk has it in."""
    path = root
    for part in PurePosixPath(name).parts:
        path /= next((entry for entry in _spellings(part) if os.path.lexists(path / entry)), None) or next(
            (entry.name for entry in _list_folder(path) if _name(path, entry, "replace") == part), part
        )
    return path


def _list_folder(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except (OSError, ValueError):
        return []


def _spellings(name: str) -> Iterator[str]:
    """Yield a name or pattern as the file system takes it: as it is, composed, and decomposed (macOS)."""
    forms = name, unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name)
    yield from dict.fromkeys(os.fsdecode(form.encode("utf-8", "surrogateescape")) for form in forms)


def _find_media(root: Path) -> list[LocalFile]:
    """Return the pictures, recordings and the like below the root, by name."""
    files = []
    for path in islice(_walk(root), MAX_FILES_SCANNED):
        if path.suffix.lower() not in MEDIA_SUFFIXES:
            continue
        try:
            file = _check_file(root, path, MAX_MEDIA_BYTES)
        except RejectedFile as rejection:
            log.warning("left out %s", rejection)
            continue
        if file is not None:
            files.append(file)
    return sorted(files, key=attrgetter("name"))


def _walk(root: Path) -> Iterator[Path]:
    """Yield every file below the root that is not hidden, nor in a hidden folder."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(folder, name) for name in sorted(names) if not name.startswith("."))


def _glob(root: Path, pattern: str) -> list[Path]:
    """Return what a pattern matches, without media files, and without hidden ones: these may be unfinished."""
    if any("**" in part and part != "**" for part in PurePosixPath(pattern).parts):  # one version of Python takes it
        raise FetchError(f"{pattern!r} is no pattern for files: `**` is a whole part.", kind=FailureKind.REFUSED)
    try:
        return [
            path
            for path in sorted({path for spelling in _spellings(pattern) for path in root.glob(spelling)})
            if path.suffix.lower() not in MEDIA_SUFFIXES
            and not any(part.startswith(".") for part in path.relative_to(root).parts)
        ]
    except ValueError as error:
        raise FetchError(f"{pattern!r} is no pattern for files: {error}.", kind=FailureKind.REFUSED) from error


def _check_file(root: Path, path: Path, max_bytes: int) -> LocalFile | None:
    """Return one file as it is now, None for a directory; raise RejectedFile when it may not be read (S14, F34)."""
    shown = ascii(str(path))
    try:
        real_path = path.resolve(strict=True)
        info = real_path.stat()
    except (OSError, RuntimeError, ValueError) as error:
        raise RejectedFile(FailureKind.MISSING, f"{shown}: {_error_text(error)}.") from error
    if not (real_path.is_relative_to(root) and path.is_relative_to(root)):
        raise RejectedFile(FailureKind.REFUSED, f"{shown} leads out of {root}. Files are read below it only.")
    try:
        name = _name(root, path)
    except UnicodeDecodeError:
        raise RejectedFile(FailureKind.REFUSED, f"{shown} has a name that is not UTF-8.") from None
    if stat.S_ISDIR(info.st_mode):
        return None
    if not stat.S_ISREG(info.st_mode):
        raise RejectedFile(FailureKind.REFUSED, f"{shown} is no regular file.")
    if info.st_size > max_bytes:
        rule = (
            "no file beside a story has more than"
            if max_bytes == MAX_MEDIA_BYTES
            else "`max_bytes:` of the source allows"
        )
        raise RejectedFile(FailureKind.TOO_LARGE, f"{shown} has {info.st_size:,} bytes; {rule} {max_bytes:,}.")
    return LocalFile(real_path, name, info.st_size, info.st_mtime_ns, info.st_ino)


# ── reading files ───────────────────────────────────────────────────────────────────────────────────────────────────


def _read_files(files: Sequence[LocalFile]) -> tuple[tuple[SourceFile, ...], tuple[str, ...]]:
    """Return the files that did not change while they were read, and the names of the others."""
    source_files, changing = [], []
    for file in files:
        try:
            source_files.append(SourceFile(file.name, _read_file(file), _to_datetime(file.modified_ns)))
        except RejectedFile as rejection:
            log.info("left out for now: %s", rejection)
            changing.append(file.name)
    return tuple(source_files), tuple(changing)


def _read_file(file: LocalFile) -> bytes:
    age = time.time() - file.modified_ns / 1e9
    if not file.size and 0 <= age < MIN_EMPTY_FILE_AGE:
        raise RejectedFile(FailureKind.CHANGING, f"{file.name} is still empty; the next visit reads it.")
    if 0 <= age < MIN_FILE_AGE:
        time.sleep(MIN_FILE_AGE - age)
    try:
        with _open_unchanged(file) as stream:
            body = stream.read(file.size + 1)
            _check_unchanged(file, stream)
    except OSError as error:
        raise RejectedFile(FailureKind.MISSING, f"{file.name}: {_error_text(error)}.") from error
    if len(body) != file.size:
        raise _being_written(file)
    return body


@contextmanager
def _open_unchanged(file: LocalFile) -> Iterator[BinaryIO]:
    # If a link or a FIFO has taken the file's place, it is neither followed nor waited for.
    descriptor = os.open(file.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as stream:
        _check_unchanged(file, stream)
        yield stream


def _check_unchanged(file: LocalFile, stream: BinaryIO) -> None:
    info = os.fstat(stream.fileno())
    if (info.st_size, info.st_mtime_ns, info.st_ino) != (file.size, file.modified_ns, file.inode):
        raise _being_written(file)


def _being_written(file: LocalFile) -> RejectedFile:
    return RejectedFile(FailureKind.CHANGING, f"{file.name} is being written; the next visit reads it.")


def _to_datetime(nanoseconds: int) -> datetime:
    """Convert a time of a file system, which may hold times that no calendar has."""
    return datetime.fromtimestamp(min(max(nanoseconds // 1_000_000_000, 0), MAX_TIMESTAMP), UTC)


def _stat_digest(files: Sequence[LocalFile]) -> str:
    digest = blake2b(digest_size=16)
    for file in files:
        digest.update(
            f"{file.name}\0{file.size}\0{file.modified_ns}\0{file.inode}\n".encode("utf-8", "surrogateescape")
        )
    return digest.hexdigest()


def _content_digest(
    files: Sequence[SourceFile], unreadable: Sequence[str] = (), media: Mapping[str, FileStamp] = NO_STAMPS
) -> str:
    digest = blake2b(digest_size=16)
    for file in files:
        digest.update(os.fsencode(f"{file.name}\0{len(file.body)}\n"))
        digest.update(file.body)
    for line in (*unreadable, *(f"{name}\0{stamp.size}\0{stamp.modified_ns}" for name, stamp in media.items())):
        digest.update(f"\0{line}\n".encode())
    return digest.hexdigest()


def _missing_error(path: Path, error: Exception) -> FetchError:
    message = f"{path}: {_error_text(error)}. Check the path; it is relative to the YAML file."
    return FetchError(message, kind=FailureKind.MISSING)


def _error_text(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
