"""Every way to fail, as one tree. The name says whose trouble it is; the message says what to do about it.

FeedsError
├── ConfigError      the operator's YAML: all its mistakes at once, each with its place
├── SourceError      one source's trouble: ends in a recorded failure, never stops the turn
│   ├── FetchError   the bytes did not come
│   └── ParseError   the bytes came and could not be understood
├── StoreError       the database
├── LockedError      another instance holds the data directory
└── PublishError     the published files
"""

from __future__ import annotations

from collections.abc import Sequence


class FeedsError(Exception):
    """The root: whatever this program raises on purpose."""


class ConfigError(FeedsError):
    """The configuration is wrong. `problems` holds one line each: `file:line:column: what, expected, nearest key`."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class SourceError(FeedsError):
    """One source's trouble: the sentence is shown to the operator as it stands.

    `kind` is a short machine word (`dns`, `tls`, `timeout`, `refused`, `status`, `robots`, `too_large`, …) for tables
    and metrics; `status` the HTTP status where there was one; `retry_after` the seconds the server wants us away;
    `host` who said so, when redirects led to somebody else than was to be visited.
    """

    def __init__(
        self,
        sentence: str,
        *,
        kind: str = "other",
        status: int | None = None,
        retry_after: float | None = None,
        host: str | None = None,
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.kind = kind
        self.status = status
        self.retry_after = retry_after
        self.host = host

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the facts when the error crosses from a worker process."""
        state = {"kind": self.kind, "status": self.status, "retry_after": self.retry_after, "host": self.host}
        return (_restore, (type(self), self.sentence, state))


class FetchError(SourceError):
    """The bytes did not come, or may not be taken."""


class ParseError(SourceError):
    """The bytes are not what was expected."""


class StoreError(FeedsError):
    """The database cannot be used as it is."""


class LockedError(FeedsError):
    """Another instance works on the same data directory."""


class PublishError(FeedsError):
    """A published file could not be written."""


def _restore(kind: type[SourceError], sentence: str, state: dict[str, object]) -> SourceError:
    error = kind(sentence)
    error.__dict__.update(state)
    return error
