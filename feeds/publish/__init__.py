"""Documents to where they are published: whole or not at all, and only what differs."""

from __future__ import annotations

from pathlib import Path

from .folder import Folder
from .target import PublishTarget, WriteResult

__all__ = ["PublishTarget", "WriteResult", "open_target"]


def open_target(public: Path) -> PublishTarget:
    """Return the target of a configuration, whose `public` is a folder."""
    return Folder(public)
