"""What the server process reads of the published documents: in a folder, or in an object store."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Protocol

from ..errors import PublishError, StoreError
from ..model import Bucket
from ..publish import Target, open_target


class PublishedDocuments(Protocol):
    """The documents of the feeds, by paths that are relative to where they are published."""

    def has(self, path: str) -> bool:
        """Return whether a document is published."""

    def read(self, path: str) -> bytes | None:
        """Return its bytes, None where there is none; raise StoreError where that cannot be found out now."""


class FolderDocuments:
    """The documents in a folder."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def has(self, path: str) -> bool:
        """Return whether there is such a file."""
        return (self._root / path).is_file()

    def read(self, path: str) -> bytes | None:
        """Return the bytes of the file."""
        try:
            return (self._root / path).read_bytes()
        except OSError:
            return None


class RemoteDocuments:
    """The documents in an object store, of the feeds that have a ledger: `feed_ids` returns them."""

    def __init__(self, target: Target, feed_ids: Callable[[], Collection[str]]) -> None:
        self._target = target
        self._feed_ids = feed_ids

    def has(self, path: str) -> bool:
        """Return whether the feed of the document is published; makes no request."""
        return path.rpartition(".")[0] in self._feed_ids()

    def read(self, path: str) -> bytes | None:
        """Return the bytes of the object."""
        if not self.has(path):
            return None
        try:
            return self._target.read(path)
        except PublishError as error:
            raise StoreError(str(error)) from error


def open_documents(public: Path | Bucket, feed_ids: Callable[[], Collection[str]]) -> PublishedDocuments:
    """Return the documents of a configuration."""
    return FolderDocuments(public) if isinstance(public, Path) else RemoteDocuments(open_target(public), feed_ids)
