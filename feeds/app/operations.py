"""Operations on an installation: a request record in, a report record out.

A command performs its operation on an `App` of its own, or has the daemon perform it that holds the lock
(`control_socket`). A report is all that the command prints; secrets are masked in it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar, cast

import msgspec

from .. import config as configuration
from ..errors import ConfigError, FeedsError, LockedError, PublishError, StoreError
from .application import App
from .turn import Turn, TurnOptions

# ── reports ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class OperationReport(msgspec.Struct, frozen=True):
    """The result of an operation. Its fields are the members of `--json`."""

    def members(self) -> dict[str, object]:
        """Return the members of its JSON."""
        members: dict[str, object] = msgspec.to_builtins(self)
        return members


ReportT = TypeVar("ReportT", bound=OperationReport)


class SourceSentence(msgspec.Struct, frozen=True):
    """A source, and the sentence of its failure."""

    source: str
    sentence: str


class RunReport(OperationReport, frozen=True):
    """The result of a turn, as `Turn`; `failing` counts the sources that fail, since now or an earlier turn."""

    visits: int
    not_modified: int
    failures: int
    failing: int
    articles: int
    files: tuple[str, ...]
    worse: tuple[SourceSentence, ...]
    better: tuple[str, ...]


class PublishReport(OperationReport, frozen=True):
    """The paths of the files that were written."""

    files: tuple[str, ...]


class RetractReport(OperationReport, frozen=True):
    """The article, whether it is retracted now, and the files that were written."""

    article: str
    retracted: bool
    files: tuple[str, ...]


class ForgetReport(OperationReport, frozen=True):
    """The source, how many articles were dropped, and the files that were written."""

    source: str
    articles: int
    files: tuple[str, ...]


class ReloadReport(OperationReport, frozen=True):
    """The configuration that is in use now."""

    config: str


class TurnProgress(msgspec.Struct, frozen=True):
    """A turn so far: visits made, queued or in progress, and failed; articles new or changed."""

    visits: int
    pending: int
    failures: int
    articles: int


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
        text = "\n".join(self.lines)
        return ConfigError(self.lines) if self.kind == ConfigError.__name__ else ERRORS.get(self.kind, FeedsError)(text)


ERRORS = {kind.__name__: kind for kind in (LockedError, PublishError, StoreError)}  # ConfigError has several lines

# ── requests ────────────────────────────────────────────────────────────────────────────────────────────────────────


class OperationRequest(msgspec.Struct, Generic[ReportT], frozen=True, tag_field="operation"):
    """A request for one operation, which has a report of this type."""


class RunRequest(OperationRequest[RunReport], frozen=True, tag="run"):
    """Make a turn: visit these sources, all, or (neither) what is due. `wait` and `time_limit` are seconds."""

    sources: tuple[str, ...] = ()
    everything: bool = False
    refetch: bool = False
    wait: float | None = None
    time_limit: float | None = None


class PublishRequest(OperationRequest[PublishReport], frozen=True, tag="publish"):
    """Regenerate these feeds, or (none named) all."""

    feeds: tuple[str, ...] = ()


class RetractRequest(OperationRequest[RetractReport], frozen=True, tag="retract"):
    """Take an article out of everything published, by its published id or its URL, or put it back."""

    article: str
    undo: bool = False


class ForgetRequest(OperationRequest[ForgetReport], frozen=True, tag="forget"):
    """Drop a source's articles."""

    source: str


class ReloadRequest(OperationRequest[ReloadReport], frozen=True, tag="reload"):
    """Take the edited configuration."""


AnyRequest = RunRequest | PublishRequest | RetractRequest | ForgetRequest | ReloadRequest

# ── operations ──────────────────────────────────────────────────────────────────────────────────────────────────────


class OperationIO(NamedTuple):
    """What an operation is given beside its request: where progress goes, and whether nobody waits for it any more."""

    progress: Callable[[TurnProgress], None] = lambda progress: None
    should_end: Callable[[], bool] = lambda: False


class Operation(NamedTuple):
    """A function from a request to a report, and the type of the report."""

    perform: Callable[[App, Any, OperationIO], OperationReport]
    report: type[OperationReport]


def run(app: App, request: RunRequest, io: OperationIO) -> RunReport:
    """Make one turn."""
    configuration.require_ids(app.config, "source", request.sources, app.sources)
    turn = app.turn(
        TurnOptions(
            request.sources or None,
            request.everything,
            request.refetch,
            request.wait,
            request.time_limit,
            should_end=io.should_end,
        ),
        lambda turn: io.progress(TurnProgress(turn.visits, turn.pending, turn.failures, turn.articles)),
    )
    selected = [state for state in app.statuses() if not request.sources or state.source_id in request.sources]
    return report_turn(app, turn, sum(state.failures > 0 for state in selected))


def report_turn(app: App, turn: Turn, failing: int = 0) -> RunReport:
    """Return the report of a turn."""
    return RunReport(
        turn.visits,
        turn.not_modified,
        turn.failures,
        failing,
        turn.articles,
        tuple(turn.files),
        tuple(SourceSentence(id, configuration.mask_secrets(sentence, app.config)) for id, sentence in turn.worse),
        tuple(turn.better),
    )


def publish(app: App, request: PublishRequest, io: OperationIO) -> PublishReport:
    """Regenerate published files from the store."""
    configuration.require_ids(app.config, "feed", request.feeds, app.config.feeds)
    return PublishReport(tuple(app.publish(request.feeds or app.config.feeds.keys())))


def retract(app: App, request: RetractRequest, io: OperationIO) -> RetractReport:
    """Take an article out of everything published, or put it back."""
    if not app.retract(request.article, request.undo):
        raise FeedsError(f"no article has the id or the URL {request.article}")
    return RetractReport(request.article, not request.undo, tuple(app.publish(app.config.feeds.keys())))


def forget(app: App, request: ForgetRequest, io: OperationIO) -> ForgetReport:
    """Drop a source's articles."""
    articles = app.store.forget(request.source, app.now())
    return ForgetReport(request.source, articles, tuple(app.publish(app.config.feeds.keys())))


def reload(app: App, request: ReloadRequest, io: OperationIO) -> ReloadReport:
    """Take the edited configuration."""
    app.reload()
    return ReloadReport(str(app.config.path))


OPERATIONS: dict[type[OperationRequest[Any]], Operation] = {
    RunRequest: Operation(run, RunReport),
    PublishRequest: Operation(publish, PublishReport),
    RetractRequest: Operation(retract, RetractReport),
    ForgetRequest: Operation(forget, ForgetReport),
    ReloadRequest: Operation(reload, ReloadReport),
}


def perform_operation(app: App, request: OperationRequest[ReportT], io: OperationIO) -> ReportT:
    """Perform the operation of a request."""
    return cast(ReportT, OPERATIONS[type(request)].perform(app, request, io))
