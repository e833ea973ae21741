"""The state of one source in a sentence: its condition and what is to be noted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ..errors import FailureKind
from ..formatting import format_count, format_duration, format_relative, sanitize_line
from ..model import Failure, Kind, Source, SourceStatus

QUIET_AFTER = timedelta(days=90)  # without a new article
GONE = 410  # the HTTP status of what is gone for good (E11)


@dataclass(frozen=True, slots=True)
class SourceReport:
    """A source as declared, its stored state (None: never visited), and the time of the report."""

    source: Source
    state: SourceStatus | None
    now: datetime
    left_out_of: tuple[str, ...] = ()  # the feeds that do not take from it because it is private
    outlines: int = 0  # of an OPML list
    stored_articles: int = 0

    @property
    def stored_state(self) -> SourceStatus:
        """Return the state; only for conditions after `unvisited`, where there is one."""
        assert self.state is not None
        return self.state

    @property
    def failure(self) -> Failure | None:
        """Return the failure of the last visit, None when it succeeded."""
        return self.state.failure if self.state else None

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return the warnings about the last listing."""
        return self.state.warnings if self.state else ()

    @property
    def newest_age(self) -> timedelta:
        """Return the age of the newest article, zero when there is none."""
        return self.now - self.stored_state.newest if self.stored_state.newest else timedelta(0)


# ── The sentence about a source: its condition, then notes ──────────────────────────────────────────────────────────


class ConditionGroup(StrEnum):
    """How a source is: the worst first, in the order of the status."""

    FAILING = "failing"
    DOUBTFUL = "doubtful"
    NEW = "new"
    OK = "ok"
    DISABLED = "disabled"


@dataclass(frozen=True, slots=True)
class SourceCondition:
    """One possible condition of a source: its name in JSON, its group, when it holds, and its text for people."""

    name: str
    group: ConditionGroup
    holds: Callable[[SourceReport], object]
    text: Callable[[SourceReport], str]


def _failure_text(report: SourceReport) -> str:
    return sanitize_line(report.failure.sentence).rstrip(".") if report.failure else ""


def _failing_since(report: SourceReport) -> str:
    """Return `for 3 h (4 visits)`, or `at its last visit` for the first failure."""
    state = report.stored_state
    if state.failures <= 1:
        return "at its last visit"
    duration = format_duration(report.now - (state.failing_since or report.now))
    return f"for {duration} ({format_count(state.failures, 'visit')})"


def _content_text(report: SourceReport) -> str:
    """Return `12 articles, newest 3 h ago`, or what a list lists."""
    if report.source.kind == Kind.OPML:
        return f"a list of {format_count(report.outlines, 'feed')}"
    state = report.stored_state
    newest = f", newest {format_relative(state.newest, report.now)}" if state.newest else ""
    return f"{format_count(state.articles, 'article')}{newest}"


def _is_claimed(report: SourceReport) -> bool:
    """Return whether a first visit was claimed: only that moves the due time of a source never visited (E12)."""
    return report.stored_state.due_at > report.now


def _is_empty(report: SourceReport) -> bool:
    state = report.stored_state
    return not (report.outlines if report.source.kind == Kind.OPML else state.articles or state.pending)


# The first that holds is the condition.
CONDITIONS: tuple[SourceCondition, ...] = (
    SourceCondition(
        "disabled",
        ConditionGroup.DISABLED,
        lambda report: not report.source.enabled,
        lambda report: "disabled by `enabled: false`; its articles stay",
    ),
    SourceCondition(
        "unvisited",
        ConditionGroup.NEW,
        lambda report: report.state is None or (report.state.last_at is None and not _is_claimed(report)),
        lambda report: "not visited yet",
    ),
    SourceCondition(
        "interrupted",
        ConditionGroup.NEW,
        lambda report: report.stored_state.last_at is None,
        lambda report: "its first visit is in progress or was interrupted; nothing is lost",
    ),
    SourceCondition(
        "quarantined",
        ConditionGroup.FAILING,
        lambda report: report.failure and report.failure.kind is FailureKind.QUARANTINE,
        lambda report: (
            f"quarantined {_failing_since(report)}: {_failure_text(report)};"
            f" `feeds run {report.source.id}` accepts the listing as it is; {_content_text(report)}"
        ),
    ),
    SourceCondition(
        "gone",
        ConditionGroup.FAILING,
        lambda report: report.failure and report.failure.status == GONE,
        lambda report: f"gone {_failing_since(report)}: {_failure_text(report)}; {_content_text(report)}",
    ),
    SourceCondition(
        "never_worked",
        ConditionGroup.FAILING,
        lambda report: report.failure and report.stored_state.worked_at is None,
        lambda report: f"never worked, failing {_failing_since(report)}: {_failure_text(report)}",
    ),
    SourceCondition(
        "failing",
        ConditionGroup.FAILING,
        lambda report: report.failure,
        lambda report: (
            f"failing {_failing_since(report)},"
            f" last success {format_relative(report.stored_state.worked_at, report.now)}: {_failure_text(report)}"
        ),
    ),
    SourceCondition(
        "empty",
        ConditionGroup.DOUBTFUL,
        _is_empty,
        lambda report: f"works, but {'lists no feeds' if report.source.kind == Kind.OPML else 'has no articles'}",
    ),
    SourceCondition(
        "suspicious",
        ConditionGroup.DOUBTFUL,
        lambda report: report.warnings,
        lambda report: (
            f"{_content_text(report)}; {'. '.join(sanitize_line(warning).rstrip('.') for warning in report.warnings)}"
        ),
    ),
    SourceCondition(
        "quiet",
        ConditionGroup.DOUBTFUL,
        lambda report: report.newest_age >= QUIET_AFTER,
        lambda report: f"works, but no new article for {format_duration(report.newest_age)}; {_content_text(report)}",
    ),
    SourceCondition("fine", ConditionGroup.OK, lambda report: True, _content_text),
)


def _pending_note(report: SourceReport) -> str:
    pending = report.state.pending if report.state else 0
    return f"{format_count(pending, 'story page')} still to visit" if pending else ""


def _moving_note(report: SourceReport) -> str:
    """Return the note about a permanent redirect, which is stored as the new address only after days (E10)."""
    move = report.state.move if report.state else None
    if move is None:
        return ""
    visits = f"{format_count(move.visits, 'visit')} since {format_relative(move.since, report.now)}"
    return f"redirects permanently{_to_address(report, move.target)} ({visits}): if this lasts, change its address"


def _moved_note(report: SourceReport) -> str:
    state = report.state
    if state is None or not state.url or state.url == report.source.address or report.source.root:
        return ""
    return f"moved permanently: change its address in the YAML{_to_address(report, state.url)}"


def _to_address(report: SourceReport, address: str) -> str:
    """Return ` to ADDRESS`, or nothing for a private source, whose addresses appear nowhere."""
    return "" if report.source.private else f" to {sanitize_line(address)}"


def _private_note(report: SourceReport) -> str:
    """Return the note about a private source that a feed leaves out."""
    feeds = ", ".join(report.left_out_of)
    return f"private, and so left out of {feeds} until that names it or one of its tags" if feeds else ""


def _pushed_note(report: SourceReport) -> str:
    """Return the note about a hub that pushes what is new, which is why the next visit is hours away."""
    pushed_until = report.state.pushed_until if report.state else None
    return "pushed by its hub" if pushed_until and pushed_until > report.now else ""


def _next_visit_note(report: SourceReport) -> str:
    if not report.source.enabled:
        return ""
    state, now = report.state, report.now
    if state is None or state.due_at <= now:
        return "due now"
    return f"next visit {format_relative(state.due_at, now)}"


NOTES: tuple[Callable[[SourceReport], str], ...] = (
    _pending_note,
    _moving_note,
    _moved_note,
    _private_note,
    _pushed_note,
    _next_visit_note,
)


def find_condition(report: SourceReport) -> SourceCondition:
    """Return the first condition that holds; the last one always does."""
    return next(condition for condition in CONDITIONS if condition.holds(report))


def find_group(report: SourceReport) -> ConditionGroup:
    """Return how a source is, from the first condition that holds."""
    return find_condition(report).group


def compose_sentence(report: SourceReport) -> str:
    """Return the state of a source in one sentence: its condition and the notes that apply."""
    notes = (note(report) for note in NOTES)
    return "; ".join([find_condition(report).text(report), *filter(None, notes)])
