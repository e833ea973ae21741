"""Documents to where they are published: whole or not at all, and only what differs."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from ..codings import select_codings
from ..model import Bucket
from .folder import Folder, digest_of
from .target import LARGE_SIZE, LastPublished, Target, WriteResult

__all__ = ["LARGE_SIZE", "LastPublished", "Target", "WriteResult", "digest_of", "open_target"]


def open_target(public: Path | Bucket, codings: Collection[str] = (), installation: str = "") -> Target:
    """Return the target of a configuration; `codings` are those of the siblings that the files of a folder have.

    `installation` is the name under which it writes to a place that several machines reach.
    """
    if isinstance(public, Path):
        return Folder(public, select_codings(codings))
    from .object_store import ObjectStore  # whose media types a folder does without

    return ObjectStore(public, installation)
