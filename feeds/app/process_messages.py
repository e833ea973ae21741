"""Messages between processes of the program."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from ..errors import ConfigError, FeedsError, LockedError, PublishError, StoreError


class ErrorReport(msgspec.Struct, frozen=True):
    """An error that crosses from one process to another: the name of its type, and its lines."""

    kind: str
    lines: tuple[str, ...]

    @classmethod
    def of(cls, error: FeedsError, mask: Callable[[str], str] = str) -> ErrorReport:
        """Return the report of an error."""
        lines = error.problems if isinstance(error, ConfigError) else (str(error),)
        return cls(type(error).__name__, tuple(map(mask, lines)))

    def to_error(self) -> FeedsError:
        """Return the error again."""
        if self.kind == ConfigError.__name__:
            return ConfigError(self.lines)
        return ERRORS.get(self.kind, FeedsError)("\n".join(self.lines))


ERRORS = {kind.__name__: kind for kind in (LockedError, PublishError, StoreError)}  # ConfigError has several lines


class ServerMessage(msgspec.Struct, frozen=True):
    """What a server process tells the daemon: the address it listens at, why it ends, or (neither) that it lives."""

    address: tuple[str, int] | None = None
    error: ErrorReport | None = None
