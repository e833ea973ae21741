"""The reload of an edited configuration: when it is to be made, and what is logged where it is refused."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import ConfigError
from .watch import watch_config


class PendingReload:
    """Whether to reload: when requested, or when the file differs from when it was last read."""

    def __init__(self, path: Path, requested: threading.Event) -> None:
        self._path = path
        self._requested = requested
        self._edited = threading.Event()
        self.note_read()

    def watch(self, stop: threading.Event) -> None:
        """Watch the file until told to stop."""
        watch_config(self._path, stop, self._edited.set)

    def __bool__(self) -> bool:
        return self._requested.is_set() or self._edited.is_set()

    def take(self) -> bool:
        """Return whether to reload now; nothing is pending after that."""
        if not self:
            return False
        requested = self._requested.is_set()
        self._requested.clear()
        self._edited.clear()
        return requested or self._read() != self._last

    def note_read(self) -> None:
        """Take it that the file is read now, whether it is refused or not."""
        self._last = self._read()

    def _read(self) -> bytes | None:
        try:
            return self._path.read_bytes()
        except OSError:
            return None


@contextmanager
def log_refusal(log: logging.Logger) -> Iterator[None]:
    """Log a ConfigError of a reload; the service goes on."""
    try:
        yield
    except ConfigError as error:
        log.error("configuration not reloaded, the last good one stays in use:\n%s", error)
