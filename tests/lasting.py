"""Worker processes that outlast their application: the next application of a test process takes them over.

They are those of the program, with its limits; one that was killed, or served its share of calls, is replaced.
"""

from __future__ import annotations

from typing import Any, ClassVar

from feeds.sandbox import Workers


class LastingWorkers(Workers):
    """Hands idle workers on instead of ending them."""

    idle: ClassVar[list[Any]] = []

    def __init__(self) -> None:
        super().__init__()
        while self.idle:
            self._idle.append(self.idle.pop())
        self._all.update(self._idle)

    def close(self) -> None:
        with self._lock:
            self.idle.extend(self._idle)
            self._all.difference_update(self._idle)
            self._idle = []
        super().close()

    @classmethod
    def end_all(cls) -> None:
        """End the workers that are left."""
        while cls.idle:
            cls.idle.pop().end()
