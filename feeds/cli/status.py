"""`status`: the state of every source and feed. It only reads, and needs no lock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import click

from ..config import find_left_out
from ..errors import FailureKind
from ..model import Config, Cron, Failure, Feed, Kind, Ledger, Source, SourceStatus
from ..publish import open_target
from .common import common_options, drop_none, json_option, print_json, print_lines, start_logging, style, utcnow
from .configuration import find_source, load_config, open_store, secret_mask
from .formatting import (
    format_columns,
    format_count,
    format_duration,
    format_relative,
    format_rfc3339,
    format_size,
    format_time,
    sanitize_line,
)

QUIET_AFTER = timedelta(days=90)  # without a new article
GONE = 410  # the HTTP status of what is gone for good (E11)


@dataclass(frozen=True, slots=True)
class SourceReport:
    """A source as declared, its stored state (None: never visited), and the time of the report."""

    source: Source
    state: SourceStatus | None
    now: datetime
    left_out_of: tuple[str, ...] = ()  # the feeds that do not take from it because it is private

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


@dataclass(frozen=True, slots=True)
class SourceCondition:
    """One possible condition of a source: its name in JSON, when it holds, its text for people, and their colour."""

    name: str
    holds: Callable[[SourceReport], object]
    text: Callable[[SourceReport], str]
    colour: str


def _failure_text(report: SourceReport) -> str:
    return sanitize_line(report.failure.sentence).rstrip(".") if report.failure else ""


def _failing_since(report: SourceReport) -> str:
    """Return `for 3 h (4 visits)`, or `at its last visit` for the first failure."""
    state = report.stored_state
    if state.failures <= 1:
        return "at its last visit"
    duration = format_duration(report.now - (state.failing_since or report.now))
    return f"for {duration} ({format_count(state.failures, 'visit')})"


def _articles_text(report: SourceReport) -> str:
    """Return `12 articles, newest 3 h ago`."""
    state = report.stored_state
    newest = f", newest {format_relative(state.newest, report.now)}" if state.newest else ""
    return f"{format_count(state.articles, 'article')}{newest}"


def _is_claimed(report: SourceReport) -> bool:
    """Return whether a first visit was claimed: only that moves the due time of a source never visited (E12)."""
    return report.stored_state.due_at > report.now


# The first that holds is the condition.
CONDITIONS: tuple[SourceCondition, ...] = (
    SourceCondition(
        "disabled",
        lambda report: not report.source.enabled,
        lambda report: "disabled by `enabled: false`; its articles stay",
        "bright_black",
    ),
    SourceCondition(
        "unvisited",
        lambda report: report.state is None or (report.state.last_at is None and not _is_claimed(report)),
        lambda report: "not visited yet",
        "bright_black",
    ),
    SourceCondition(
        "interrupted",
        lambda report: report.stored_state.last_at is None,
        lambda report: "its first visit is in progress or was interrupted; nothing is lost",
        "yellow",
    ),
    SourceCondition(
        "quarantined",
        lambda report: report.failure and report.failure.kind is FailureKind.QUARANTINE,
        lambda report: (
            f"quarantined {_failing_since(report)}: {_failure_text(report)};"
            f" `feeds run {report.source.id}` accepts the listing as it is; {_articles_text(report)}"
        ),
        "yellow",
    ),
    SourceCondition(
        "gone",
        lambda report: report.failure and report.failure.status == GONE,
        lambda report: f"gone {_failing_since(report)}: {_failure_text(report)}; {_articles_text(report)}",
        "red",
    ),
    SourceCondition(
        "never_worked",
        lambda report: report.failure and report.stored_state.worked_at is None,
        lambda report: f"never worked, failing {_failing_since(report)}: {_failure_text(report)}",
        "red",
    ),
    SourceCondition(
        "failing",
        lambda report: report.failure,
        lambda report: (
            f"failing {_failing_since(report)},"
            f" last success {format_relative(report.stored_state.worked_at, report.now)}: {_failure_text(report)}"
        ),
        "red",
    ),
    SourceCondition(
        "empty",
        lambda report: not report.stored_state.articles and not report.stored_state.pending,
        lambda report: "works, but has no articles",
        "yellow",
    ),
    SourceCondition(
        "suspicious",
        lambda report: report.warnings,
        lambda report: f"{_articles_text(report)}; {' '.join(map(sanitize_line, report.warnings)).rstrip('.')}",
        "yellow",
    ),
    SourceCondition(
        "quiet",
        lambda report: report.newest_age >= QUIET_AFTER,
        lambda report: f"works, but no new article for {format_duration(report.newest_age)}; {_articles_text(report)}",
        "yellow",
    ),
    SourceCondition("fine", lambda report: True, _articles_text, "green"),
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
    _next_visit_note,
)


def find_condition(report: SourceReport) -> SourceCondition:
    """Return the first condition that holds; the last one always does."""
    return next(condition for condition in CONDITIONS if condition.holds(report))


def compose_sentence(report: SourceReport) -> str:
    """Return the state of a source in one sentence: its condition and the notes that apply."""
    notes = (note(report) for note in NOTES)
    return "; ".join([find_condition(report).text(report), *filter(None, notes)])


# ── The command ─────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class StatusReport:
    """The state of all sources and feeds at one time; `created` is None when the store does not exist yet."""

    config: Config
    now: datetime
    created: datetime | None
    states: Mapping[str, SourceStatus]
    ledgers: Mapping[str, Ledger]

    def list_sources(self) -> list[SourceReport]:
        """Return a report for every declared source, and after an `opml:` source for each of its outlines."""
        sources = self.config.sources
        outlines = [id for id in self.states if id not in sources and id.partition("/")[0] in sources]
        return [self.find_source(id) for id in sorted([*sources, *outlines])]

    def find_source(self, id: str) -> SourceReport:
        """Return the report for a source or an outline. Raises ConfigError when there is none of that id."""
        state = self.states.get(id)
        if state is None or id in self.config.sources:
            source = find_source(self.config, id)
        else:
            opml = find_source(self.config, id.partition("/")[0])
            source = replace(opml, id=id, kind=Kind.FEED, address=state.url)
        feeds = (feed for feed in self.config.feeds.values() if not feed.tags and find_left_out(feed, {id: source}))
        return SourceReport(source, state, self.now, tuple(feed.id for feed in feeds))


@click.command()
@click.argument("source_id", required=False, metavar="[SOURCE-ID]")
@json_option
@common_options
@click.pass_context
def status(ctx: click.Context, source_id: str | None, as_json: bool) -> None:
    """Show the state of every source and feed in one sentence each, or everything about one source."""
    start_logging(ctx)
    config = load_config(ctx)
    report = _read_report(config)
    sources = report.list_sources() if source_id is None else [report.find_source(source_id)]
    if as_json:
        members = [_source_members(source) for source in sources]
        everything = {"sources": members, "feeds": [_feed_members(report, feed) for feed in config.feeds.values()]}
        print_json(everything if source_id is None else members[0], secret_mask(config))
    elif source_id is None:
        print_lines(_overview_lines(report, sources), secret_mask(config))
    else:
        print_lines(_source_lines(sources[0]), secret_mask(config))


def _read_report(config: Config) -> StatusReport:
    """Read the store, if there is one; nothing is created or changed."""
    with open_store(config) as store:
        if store is None:
            return StatusReport(config, utcnow(), None, {}, {})
        states = {state.source_id: state for state in store.statuses()}
        return StatusReport(config, utcnow(), store.created, states, store.ledgers())


# ── One source ──────────────────────────────────────────────────────────────────────────────────────────────────────

FactValue = str | int | datetime | None


def _stored_fact(name: str) -> Callable[[SourceReport], FactValue]:
    return lambda report: getattr(report.state, name, None)


def _schedule_text(report: SourceReport) -> str:
    schedule = report.source.schedule
    if isinstance(schedule, Cron):
        return f"cron {schedule.expression} ({schedule.timezone})"
    longest = f" to {format_duration(timedelta(seconds=schedule.at_most))}" if schedule.at_most else ""
    return f"every {format_duration(timedelta(seconds=schedule.seconds))}{longest}"


def _declared_address(report: SourceReport) -> str | None:
    """Return the address of the YAML, None for a private source, whose addresses appear nowhere."""
    source = report.source
    if source.private:
        return None
    return str(source.root / source.address) if source.root else source.address


def _moved_address(report: SourceReport) -> str | None:
    """Return the address that is really visited, if that is another (E10)."""
    state, source = report.state, report.source
    return None if state is None or source.private or state.url == source.address else state.url


# The facts of a source, by their names in JSON; `last_visit` is `last visit` for people.
FACTS: Mapping[str, Callable[[SourceReport], FactValue]] = {
    "title": _stored_fact("title"),
    "kind": lambda report: str(report.source.kind),
    "url": _declared_address,
    "moved_to": _moved_address,
    "tags": lambda report: ", ".join(report.source.tags) or None,
    "schedule": _schedule_text,
    "articles": _stored_fact("articles"),
    "newest": _stored_fact("newest"),
    "last_visit": _stored_fact("last_at"),
    "worked": _stored_fact("worked_at"),
    "next_visit": lambda report: report.state.due_at if report.state and report.source.enabled else None,
    "failures": _stored_fact("failures"),
    "failing_since": _stored_fact("failing_since"),
    "pending": _stored_fact("pending"),
}


def _source_members(report: SourceReport) -> dict[str, object]:
    """Return the JSON members of a source: every fact, with null for what is not known."""
    facts = {name: value(report) for name, value in FACTS.items()}
    failure = report.failure
    return {
        "id": report.source.id,
        "condition": find_condition(report).name,
        "sentence": compose_sentence(report),
        "enabled": report.source.enabled,
        **{name: format_rfc3339(value) if isinstance(value, datetime) else value for name, value in facts.items()},
        "tags": list(report.source.tags),
        "failure": failure
        and drop_none(
            {"stage": failure.stage, "kind": failure.kind, "status": failure.status, "sentence": failure.sentence}
        ),
        "warnings": list(report.warnings),
    }


def _source_lines(report: SourceReport) -> Iterator[str]:
    """Yield the sentence about a source, then a line for every fact and warning."""
    yield f"{style(report.source.id, fg=find_condition(report).colour, bold=True)}: {compose_sentence(report)}"
    facts = {name.replace("_", " "): value(report) for name, value in FACTS.items()}
    yield from format_columns(
        [[f"  {name}", _format_fact(value, report.now)] for name, value in facts.items() if value]
    )
    yield from (f"  warning: {sanitize_line(warning)}" for warning in report.warnings)


def _format_fact(value: FactValue, now: datetime) -> str:
    if isinstance(value, datetime):
        return f"{format_time(value)} ({format_relative(value, now)})"
    return sanitize_line(str(value))


# ── All sources and feeds ───────────────────────────────────────────────────────────────────────────────────────────

NEVER_RUN = "Nothing was pulled yet. `feeds run` pulls once, `feeds daemon` continuously."


def _overview_lines(report: StatusReport, sources: list[SourceReport]) -> Iterator[str]:
    if report.created is None:
        yield NEVER_RUN
        yield ""
    width = max((len(source.source.id) for source in sources), default=0)
    for source in sources:
        id = style(source.source.id.ljust(width), fg=find_condition(source).colour)
        yield f"{id}  {compose_sentence(source)}"
    if report.config.feeds:
        yield ""
        yield from format_columns([[feed.id, _feed_text(report, feed)] for feed in report.config.feeds.values()])


def _feed_members(report: StatusReport, feed: Feed) -> dict[str, object]:
    """Return the JSON members of a feed; a file that is missing has the size null."""
    ledger = report.ledgers.get(feed.id)
    files = [{"path": path, "size": size} for path, size in _file_sizes(report, ledger).items()] if ledger else []
    updated = format_rfc3339(ledger.updated) if ledger else None
    return {"id": feed.id, "title": feed.title, "updated": updated, "files": files}


def _feed_text(report: StatusReport, feed: Feed) -> str:
    ledger = report.ledgers.get(feed.id)
    if ledger is None:
        return "not published yet"
    sizes = _file_sizes(report, ledger).values()
    existing = [octets for octets in sizes if octets is not None]
    files = f"{format_count(len(existing), 'file')}, {format_size(sum(existing))}"
    text = f"{files}; newest article {format_relative(ledger.updated, report.now)}"
    missing = len(sizes) - len(existing)
    return f"{text}; {format_count(missing, 'file')} missing, rewritten in the next turn" if missing else text


def _file_sizes(report: StatusReport, ledger: Ledger) -> dict[str, int | None]:
    """Return the size of each file of a feed by path; None where it is missing."""
    target = open_target(report.config.public)
    return {file.path: target.size(file.path) for file in ledger.files}
