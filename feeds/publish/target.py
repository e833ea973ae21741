"""`Target`: what every place that documents are published to can do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from ..model import Document, FileStamp, PublishedFile

LARGE_SIZE = 1_000_000  # bytes; many readers take no larger document (R14)


@dataclass(frozen=True, slots=True)
class WriteResult:
    """A file as it stands after a write, and whether the write changed it."""

    file: PublishedFile
    differed: bool


class Target(Protocol):
    """A place that documents are published to.

    Paths are relative, with forward slashes: one slug a level. Each method raises PublishError for any other path, and
    where the place refuses, with what to do about it.
    """

    @property
    def location(self) -> str:
        """The place, for messages."""

    def hold(self) -> AbstractContextManager[None]:
        """Keep other installations from publishing here while inside; raise LockedError while one does."""

    def put(self, documents: Iterable[Document]) -> list[WriteResult]:
        """Write the documents that differ from what stands there, each whole or not at all, and their siblings.

        When it returns, all of them last, also those that an earlier call wrote and did not live to secure (F6).
        """

    def copy(
        self, path: str, stamp: FileStamp, open_source: Callable[[], AbstractContextManager[BinaryIO]]
    ) -> WriteResult:
        """Copy a file of any size, unless a copy with this stamp stands there; the result is then without a digest."""

    def remove(self, paths: Iterable[str]) -> list[str]:
        """Remove files and their siblings; return the paths of the files that were there."""

    def has(self, file: PublishedFile) -> bool:
        """Return whether a file stands there as it was published, with its siblings; reads no bytes.

        False where that was not recorded.
        """

    def size(self, path: str) -> int | None:
        """Return the size of a file in bytes; None where there is none."""

    def read(self, path: str) -> bytes:
        """Return the bytes of a file."""

    def digest(self, path: str) -> str | None:
        """Return the digest of the bytes of a file, as `PublishedFile` has it; None where there is no regular file."""

    def damaged_siblings(self, path: str) -> list[str]:
        """Return the paths of the compressed siblings of a file that hold other bytes than the file."""

    def leftovers(self) -> list[str]:
        """Return the paths of what writes that were killed left behind."""

    def sweep(self) -> list[str]:
        """Remove what writes that were killed left behind; return their paths."""
