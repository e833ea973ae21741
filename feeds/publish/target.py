"""`Target`: what every place that documents are published to can do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
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


@dataclass(frozen=True, slots=True)
class LastPublished:
    """What a ledger says of files by path, read before documents were made of the store to replace them.

    `changed` is the highest change number of the store that the documents are made of. With `replaces_newer`, they
    replace what stands there whatever it is made of, and the ledger is not believed: no `files` are given.
    """

    files: Mapping[str, PublishedFile]
    changed: int = 0
    replaces_newer: bool = False


class Target(Protocol):
    """A place that documents are published to.

    Paths are relative, with forward slashes: one slug a level. Each method raises PublishError for any other path, and
    where the place refuses, with what to do about it.
    """

    @property
    def location(self) -> str:
        """The place, for messages."""

    @property
    def is_remote(self) -> bool:
        """Return whether a write waits for the network, for seconds where that is slow."""

    def hold(self) -> AbstractContextManager[None]:
        """Keep other installations from publishing here while inside; raise LockedError while one does.

        A remote place tells it by a PublishError of the first write.
        """

    def put(self, documents: Iterable[Document], last: LastPublished | None = None) -> list[WriteResult]:
        """Write the documents that differ from what stands there, each whole or not at all, and their siblings.

        When it returns, all of them last, also those that an earlier call wrote and did not live to secure (F6). A
        remote place takes what stands there from `last`, and replaces nothing that is newer; None: it looks.
        """

    def copy(
        self,
        path: str,
        stamp: FileStamp,
        open_source: Callable[[], AbstractContextManager[BinaryIO]],
        last: LastPublished | None = None,
    ) -> WriteResult:
        """Copy a file of any size, unless a copy with this stamp stands there; the result is then without a digest."""

    def remove(self, paths: Iterable[str]) -> list[str]:
        """Remove files and their siblings; return the paths of the files that were there."""

    def has(self, file: PublishedFile) -> bool:
        """Return whether a file stands there as it was published, with its siblings; reads no bytes.

        False where that was not recorded. Of a remote place: whether it was published there.
        """

    def size(self, path: str) -> int | None:
        """Return the size of a file in bytes; None where there is none."""

    def size_of(self, file: PublishedFile) -> int | None:
        """Return the size of a published file, None where it is missing; of a remote place, as it was recorded."""

    def read(self, path: str) -> bytes:
        """Return the bytes of a file."""

    def digest(self, path: str) -> str | None:
        """Return the digest of the bytes of a file, as `PublishedFile` has it; None where there is no regular file."""

    def damaged_siblings(self, path: str) -> list[str]:
        """Return the paths of the compressed siblings of a file that hold other bytes than the file."""

    def leftovers(self) -> list[str]:
        """Return the paths of what writes that were killed left behind."""

    def sweep(self, *, is_shared: bool = False) -> list[str]:
        """Remove what writes that were killed left behind; return their paths.

        `is_shared`: other processes may be writing here, whose files stay.
        """
