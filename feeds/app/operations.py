"""Operations on an installation: a request record in, a report record out.

A command performs its operation on an `App` of its own, or has the daemon perform it that holds the lock
(`control_socket`). A report is all that the command prints; secrets are masked in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar, cast

import msgspec

from .. import config as configuration
from ..errors import FeedsError, StoreError
from ..model import NOTHING, SourceStatus
from .application import App
from .health import ProcessState, write_state
from .turn import Turn, TurnEnd, TurnOptions

# ── reports ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class OperationReport(msgspec.Struct, frozen=True):
    """The result of an operation. Its fields are the members of `--json`."""

    def members(self) -> dict[str, object]:
        """Return the members of its JSON."""
        members: dict[str, object] = msgspec.to_builtins(self)
        return members


ReportT = TypeVar("ReportT", bound=OperationReport)


class SourceSentence(msgspec.Struct, frozen=True):
    """A source, and a sentence about it."""

    source: str
    sentence: str


class RunReport(OperationReport, frozen=True):
    """The result of a turn, as `Turn`; `failing` counts the sources that fail, since now or an earlier turn.

    `answers` are about the sources that were named. `left` is the number of visits left, `ended_by` why.
    """

    visits: int
    not_modified: int
    failures: int
    failing: int
    articles: int
    files: tuple[str, ...]
    worse: tuple[SourceSentence, ...]
    better: tuple[str, ...]
    changes: dict[str, int] = {}  # source id → its articles new or changed
    answers: tuple[SourceSentence, ...] = ()
    left: int = 0
    ended_by: TurnEnd | None = None


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


class OperationProgress(msgspec.Struct, frozen=True):
    """An operation so far: how much of it is done, and in words what, without the secrets of the configuration."""

    done: int
    total: int
    text: str


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

# Why a visit was not made.
REASONS = {
    TurnEnd.TIME: "the time of `--for` was over",
    TurnEnd.WAIT: "its host may not be asked yet; `--wait` waits longer",
    TurnEnd.NETWORK: "nothing can be reached, as if this machine had no network",
    TurnEnd.STOPPED: "the run was stopped",
}

# ── operations ──────────────────────────────────────────────────────────────────────────────────────────────────────


class OperationIO(NamedTuple):
    """What an operation is given beside its request: where progress goes, and whether nobody waits for it any more."""

    progress: Callable[[OperationProgress], None] = lambda progress: None
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
        lambda turn: io.progress(turn_progress(turn)),
    )
    failing = app.store.failing_sources()
    if not request.sources:
        return report_turn(app, turn, len(failing))
    states = {state.source_id: state for state in app.store.statuses(request.sources)}
    answers = {id: _answer(app, turn, id, states.get(id)) for id in request.sources}
    return report_turn(app, turn, len(failing & states.keys()), answers)


def turn_progress(turn: Turn) -> OperationProgress:
    """Return how far a turn is."""
    text = f"visits, {count_articles(turn.articles)}, {turn.failures} failed"
    last = f", {turn.last_source}" if turn.last_source else ""
    return OperationProgress(turn.visits, turn.visits + turn.pending, text + last)


def count_articles(number: int) -> str:
    """Return `1 article new or changed`."""
    return f"{number} article{'s' * (number != 1)} new or changed"


def _answer(app: App, turn: Turn, source_id: str, state: SourceStatus | None) -> str:
    """Return what became of a source that was named."""
    if not app.sources[source_id].enabled or state is None:
        return "not visited: it is disabled by `enabled: false`"
    if source_id not in turn.visited:
        hosts = [visit.host for visit in app.store.due(app.now(), [source_id]) if visit.story is None]
        paused = next((host for host in hosts if host.paused_until and host.paused_until > app.now()), None)
        if paused and paused.paused_until:
            return f"not visited: {paused.host} asked not to be visited before {_format_time(paused.paused_until)}"
        return f"not visited: {REASONS[turn.ended_by or TurnEnd.STOPPED]}"
    if state.failure:
        return state.failure.sentence
    changes = turn.changes[source_id]
    news = count_articles(changes) if changes else "nothing new"
    parts = ("works again" if source_id in turn.better else "", news, _pending_text(state.pending))
    return "; ".join(filter(None, parts))


def _pending_text(pages: int) -> str:
    return f"{pages} story page{'s' * (pages != 1)} still to visit" if pages else ""


def _format_time(time: datetime) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC")


def report_turn(app: App, turn: Turn, failing: int = 0, answers: Mapping[str, str] = NOTHING) -> RunReport:
    """Return the report of a turn; `answers` by source id."""
    return RunReport(
        turn.visits,
        turn.not_modified,
        turn.failures,
        failing,
        turn.articles,
        tuple(turn.files),
        _mask(app, turn.worse),
        tuple(turn.better),
        dict(turn.changes),
        _mask(app, answers.items()),
        turn.pending,
        turn.ended_by,
    )


def _mask(app: App, sentences: Iterable[tuple[str, str]]) -> tuple[SourceSentence, ...]:
    return tuple(SourceSentence(id, configuration.mask_secrets(sentence, app.config)) for id, sentence in sentences)


def publish(app: App, request: PublishRequest, io: OperationIO) -> PublishReport:
    """Regenerate published files from the store."""
    declared = app.config.feeds
    members = {id: [name for name in declared if name.startswith(f"{id}/")] for id in request.feeds}  # of an `each`
    configuration.require_ids(app.config, "feed", [id for id in request.feeds if not members[id]], declared)
    feeds = [name for id in request.feeds for name in members[id] or [id]] or declared.keys()

    def report(done: int, total: int, feed_id: str) -> None:
        io.progress(OperationProgress(done, total, f"feeds, {feed_id}"))

    return PublishReport(tuple(app.publish(feeds, report)))


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
    """Perform the operation of a request; of a turn, leave the state by which health is judged."""
    error = ""
    try:
        return cast(ReportT, OPERATIONS[type(request)].perform(app, request, io))
    except StoreError as store_error:
        error = configuration.mask_secrets(str(store_error), app.config)
        raise
    finally:
        if isinstance(request, RunRequest):
            write_state(app.config.data, ProcessState(app.now(), turn_error=error, counts=app.visit_counts))
