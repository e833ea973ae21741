"""Every way to fail, as one tree. The name says whose trouble it is; the message says what to do about it.

FeedsError
├── ConfigError      the operator's YAML: all its mistakes at once, each with its place
├── SourceError      one source's trouble: ends in a recorded failure, never stops the turn
│   ├── FetchError   the bytes did not come
│   └── ParseError   the bytes came and could not be understood
├── StoreError       the database
│   └── OutdatedError  which a newer version of this program uses now
├── LockedError      another instance holds the data directory, or another installation the public folder
├── PublishError     the published files
└── PushError        a push service, a hub or a callback did not take what was sent
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path


class FailureKind(StrEnum):
    """The kind of a failure, as a short machine word for tables, `--json` and metrics."""

    # the network
    DNS = "dns"
    CONNECTION = "connection"
    TIMEOUT = "timeout"
    TLS = "tls"
    REFUSED = "refused"
    REDIRECT = "redirect"
    ROBOTS = "robots"
    STATUS = "status"
    CHALLENGE = "challenge"
    ENCODING = "encoding"
    TRUNCATED = "truncated"
    STOPPED = "stopped"
    # local files
    MISSING = "missing"
    CHANGING = "changing"
    # programs
    EXIT = "exit"
    RUNNING = "running"
    # the document
    TOO_LARGE = "too_large"
    EMPTY = "empty"
    HTML = "html"
    OPML = "opml"
    JSON = "json"
    BROKEN = "broken"
    SELECTOR = "selector"
    NOT_A_FEED = "not_a_feed"
    NOT_A_SITEMAP = "not_a_sitemap"
    NOT_OPML = "not_opml"
    CRASHED = "crashed"
    QUARANTINE = "quarantine"
    # what came instead of a feed
    ANNOUNCES = "announces"
    CAPTCHA = "captcha"
    DENIED = "denied"
    DOCUMENT = "document"
    LOGIN = "login"
    MAINTENANCE = "maintenance"
    PAGE = "page"
    PARKED = "parked"
    PORTAL = "portal"
    SITEMAP = "sitemap"
    SUSPENDED = "suspended"
    WELCOME = "welcome"
    # ours
    INTERNAL = "internal"
    OTHER = "other"


class FeedsError(Exception):
    """The root: whatever this program raises on purpose."""


class ConfigError(FeedsError):
    """The configuration is wrong. `problems` holds one line each: `file:line:column: what, expected, nearest key`."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class SourceError(FeedsError):
    """One source's trouble: the sentence is shown to the operator as it stands.

    `status` is the HTTP status where there was one; `retry_after` the seconds that the server asked us to stay away;
    `host` the host that answered so, where redirects led to another one than that of the visit.
    """

    def __init__(
        self,
        sentence: str,
        *,
        kind: FailureKind = FailureKind.OTHER,
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


class OutdatedError(StoreError):
    """Another version of this program has changed the database, which this one must not touch any more."""


class LockedError(FeedsError):
    """Another instance works on the same data `directory`; None: another installation publishes to the same place."""

    def __init__(self, sentence: str, directory: Path | None = None) -> None:
        super().__init__(sentence)
        self.directory = directory


class PublishError(FeedsError):
    """A published file could not be written."""


class PushError(FeedsError):
    """A request to a push service, a hub, a callback or a webhook has no answer; `kind` says why."""

    def __init__(self, sentence: str, *, kind: FailureKind = FailureKind.OTHER) -> None:
        super().__init__(sentence)
        self.kind = kind


def _restore(kind: type[SourceError], sentence: str, state: dict[str, object]) -> SourceError:
    error = kind(sentence)
    error.__dict__.update(state)
    return error
