"""Documents to where they are published: whole or not at all, and only what differs."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from ..codings import select_codings
from .folder import Folder, digest_of
from .target import LARGE_SIZE, Target, WriteResult

__all__ = ["LARGE_SIZE", "Target", "WriteResult", "digest_of", "open_target"]


def open_target(public: Path, codings: Collection[str] = ()) -> Target:
    """Return the target of a configuration, whose `public` is a folder; `codings` are those of compressed siblings."""
    return Folder(public, select_codings(codings))
