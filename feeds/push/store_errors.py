"""Logging of the errors of a store by what works in a loop: of equal ones in a row, the first."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import StoreError

log = logging.getLogger("feeds.server")


class StoreErrorLog:
    """The last error of a store; `consequence` says in the log what cannot be done because of it."""

    def __init__(self, consequence: str) -> None:
        self._consequence = consequence
        self._last = ""

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Log an error of the store instead of raising it, unless the use before had the same one."""
        try:
            yield
        except StoreError as error:
            if str(error) != self._last:
                log.warning("%s: %s", self._consequence, error)
            self._last = str(error)
        else:
            self._last = ""
