"""The theme: the files of a folder that stand in the place of our templates and assets."""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path

from ..errors import ConfigError
from ..model import Theme


def read_theme(folder: Path) -> Theme:
    """Return the theme in a folder; its digest changes with each file. Raise ConfigError if one is unreadable."""
    digest = blake2b(digest_size=16)
    try:
        for path in sorted(folder.iterdir()):
            if path.is_file():
                digest.update(f"{path.name}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError([f"{error.filename or folder}: the theme cannot be read: {reason}"]) from error
    return Theme(folder, digest.hexdigest())
