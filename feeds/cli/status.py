"""`status`: how every source and feed stands; it only reads, whoever holds the lock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import click

from ..model import Config, Cron, Failure, Feed, Kind, Ledger, Source, SourceStatus
from .common import common_options, json_option, present, print_json, print_lines, start_logging, styled, utcnow
from .configuration import load, looking, mask, source_of
from .formatting import ago, columns, count, iso, line, size, span, stamp

QUIET = timedelta(days=90)  # after which it is worth saying that nothing new has come

GONE = 410  # the status with which a server says that something is gone for good (E11)
WITHHELD = "quarantine"  # the kind of failure that takes nothing from a listing until the operator says so (F32)


@dataclass(frozen=True, slots=True)
class SourceReport:
    """A source as declared, what is remembered of it, and when that is said."""

    source: Source
    state: SourceStatus | None
    now: datetime

    @property
    def known(self) -> SourceStatus:
        """What is remembered, for conditions that stand behind `not visited yet`."""
        assert self.state is not None
        return self.state

    @property
    def failure(self) -> Failure | None:
        """What went wrong the last time, if anything did."""
        return self.state.failure if self.state else None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was strange about the last listing."""
        return self.state.warnings if self.state else ()

    @property
    def failing_for(self) -> str:
        """`3 h`, `now`."""
        return span(self.now - (self.known.failing_since or self.now))

    @property
    def newest_for(self) -> timedelta:
        """How old the newest article is; nothing when there is none."""
        return self.now - self.known.newest if self.known.newest else timedelta(0)


@dataclass(frozen=True, slots=True)
class SourceCondition:
    """One way to stand: `name` is for programs, `says` for people, `colour` for their eyes."""

    name: str
    holds: Callable[[SourceReport], object]
    says: Callable[[SourceReport], str]
    colour: str


def _sentence(standing: SourceReport) -> str:
    failure = standing.failure
    return line(failure.sentence).rstrip(".") if failure else ""


def _since(standing: SourceReport) -> str:
    """`for 3 h`, or for the first time."""
    tries = standing.known.failures
    return f"for {standing.failing_for}, {count(tries, 'visit')}" if tries > 1 else "at its last visit"


def _held(standing: SourceReport) -> str:
    known = standing.known
    newest = f", newest {ago(known.newest, standing.now)}" if known.newest else ""
    return f"{count(known.articles, 'article')}{newest}"


CONDITIONS: tuple[SourceCondition, ...] = (
    SourceCondition(
        "disabled",
        lambda standing: not standing.source.enabled,
        lambda standing: "disabled by `enabled: false`; its articles stay",
        "bright_black",
    ),
    SourceCondition(
        "unvisited",
        lambda standing: standing.state is None or (standing.state.last_at is None and not _planned(standing)),
        lambda standing: "not visited yet",
        "bright_black",
    ),
    SourceCondition(
        "interrupted",
        lambda standing: standing.known.last_at is None,
        lambda standing: "its first visit is under way or was interrupted; nothing is lost",
        "yellow",
    ),
    SourceCondition(
        "quarantined",
        lambda standing: standing.failure and standing.failure.kind == WITHHELD,
        lambda standing: (
            f"quarantined {_since(standing)}: {_sentence(standing)};"
            f" `feeds run {standing.source.id}` takes it as it is; {_held(standing)}"
        ),
        "yellow",
    ),
    SourceCondition(
        "gone",
        lambda standing: standing.failure and standing.failure.status == GONE,
        lambda standing: f"gone {_since(standing)}: {_sentence(standing)}; {_held(standing)}",
        "red",
    ),
    SourceCondition(
        "never_worked",
        lambda standing: standing.failure and standing.known.worked_at is None,
        lambda standing: f"has never worked, failing {_since(standing)}: {_sentence(standing)}",
        "red",
    ),
    SourceCondition(
        "failing",
        lambda standing: standing.failure,
        lambda standing: (
            f"failing {_since(standing)}, worked {ago(standing.known.worked_at, standing.now)}: {_sentence(standing)}"
        ),
        "red",
    ),
    SourceCondition(
        "empty",
        lambda standing: not standing.known.articles and not standing.known.pending,
        lambda standing: "works, but has no articles",
        "yellow",
    ),
    SourceCondition(
        "suspicious",
        lambda standing: standing.warnings,
        lambda standing: f"{_held(standing)}; {' '.join(map(line, standing.warnings)).rstrip('.')}",
        "yellow",
    ),
    SourceCondition(
        "quiet",
        lambda standing: standing.newest_for >= QUIET,
        lambda standing: f"works, but nothing new for {span(standing.newest_for)}; {_held(standing)}",
        "yellow",
    ),
    SourceCondition("fine", lambda standing: True, _held, "green"),
)


def _planned(standing: SourceReport) -> bool:
    """Whether a visit was claimed: only that moves the due time of a source that was never visited (E12)."""
    return standing.known.due_at > standing.now


# ── what is said besides ────────────────────────────────────────────────────────────────────────────────────────────


def _pending(standing: SourceReport) -> str:
    pending = standing.state.pending if standing.state else 0
    return f"{count(pending, 'story page')} still to be visited" if pending else ""


def _moving(standing: SourceReport) -> str:
    """E10: followed at once, believed after days, never written into the YAML."""
    move = standing.state.move if standing.state else None
    if move is None:
        return ""
    seen = f"{count(move.visits, 'visit')} since {ago(move.since, standing.now)}"
    return f"redirects permanently{_to(standing, move.target)} ({seen}): if that stays so, change its address"


def _moved(standing: SourceReport) -> str:
    state = standing.state
    if state is None or not state.url or state.url == standing.source.address or standing.source.root:
        return ""
    return f"has moved for good: in the YAML, put{_to(standing, state.url) or ' its new address'} in place of the old"


def _to(standing: SourceReport, address: str) -> str:
    """The address of a private source appears nowhere."""
    return "" if standing.source.private else f" {line(address)}"


def _next(standing: SourceReport) -> str:
    if not standing.source.enabled:
        return ""
    state, now = standing.state, standing.now
    if state is None or state.due_at <= now:
        return "due now"
    return f"next visit {ago(state.due_at, now)}"


BESIDES: tuple[Callable[[SourceReport], str], ...] = (_pending, _moving, _moved, _next)


def condition(standing: SourceReport) -> SourceCondition:
    """The one condition that holds."""
    return next(one for one in CONDITIONS if one.holds(standing))


def sentence(standing: SourceReport) -> str:
    """How the source stands, in one sentence."""
    besides = (say(standing) for say in BESIDES)
    return "; ".join([condition(standing).says(standing), *filter(None, besides)])


# ── `status`: how every source and feed stands; it only reads, whoever holds the lock ─────────────────────────────────


NOTHING_YET = "Nothing was pulled yet: `feeds run` does that once, `feeds daemon` all the time."


@dataclass(frozen=True, slots=True)
class Report:
    """All that is known at a moment; `began` is none when nothing was ever pulled."""

    config: Config
    now: datetime
    began: datetime | None
    states: Mapping[str, SourceStatus]
    ledgers: Mapping[str, Ledger]

    def standings(self) -> list[SourceReport]:
        """Every declared source, and each outline of an `opml:` source after it."""
        sources = self.config.sources
        members = [name for name in self.states if name not in sources and name.partition("/")[0] in sources]
        return [self.standing(name) for name in sorted([*sources, *members])]

    def standing(self, name: str) -> SourceReport:
        """How one of them stands. Raises ConfigError when there is none of that id."""
        state = self.states.get(name)
        if state is None or name in self.config.sources:
            return SourceReport(source_of(self.config, name), state, self.now)
        listing = source_of(self.config, name.partition("/")[0])
        return SourceReport(replace(listing, id=name, kind=Kind.FEED, address=state.url), state, self.now)


@click.command()
@click.argument("source_id", required=False, metavar="[SOURCE-ID]")
@json_option
@common_options
@click.pass_context
def status(ctx: click.Context, source_id: str | None, as_json: bool) -> None:
    """Say how every source and feed stands in one sentence each, or all about one source."""
    start_logging(ctx)
    config = load(ctx)
    report = _gathered(config)
    standings = report.standings() if source_id is None else [report.standing(source_id)]
    if as_json:
        told = [_told(standing) for standing in standings]
        everything = {"sources": told, "feeds": [_feed(report, feed) for feed in config.feeds.values()]}
        print_json(everything if source_id is None else told[0], mask(config))
    elif source_id is None:
        print_lines(_overview(report, standings), mask(config))
    else:
        print_lines(_all_about(standings[0]), mask(config))


def _gathered(config: Config) -> Report:
    """What the store holds, if there is one; nothing is made or changed."""
    with looking(config) as store:
        if store is None:
            return Report(config, utcnow(), None, {}, {})
        states = {state.source_id: state for state in store.states()}
        return Report(config, utcnow(), store.created, states, store.ledgers())


# ── a source ────────────────────────────────────────────────────────────────────────────────────────────────────────

FactValue = str | int | datetime | None


def _of_state(name: str) -> Callable[[SourceReport], FactValue]:
    return lambda standing: getattr(standing.state, name, None)


def _schedule(standing: SourceReport) -> str:
    schedule = standing.source.schedule
    if isinstance(schedule, Cron):
        return f"cron {schedule.expression} ({schedule.timezone})"
    most = f" to {span(timedelta(seconds=schedule.at_most))}" if schedule.at_most else ""
    return f"every {span(timedelta(seconds=schedule.seconds))}{most}"


def _address(standing: SourceReport) -> str | None:
    """`private: true` keeps addresses out of all output."""
    source = standing.source
    return None if source.private else str(source.root / source.address) if source.root else source.address


def _now_at(standing: SourceReport) -> str | None:
    """The address that is really visited, where that is another (E10)."""
    state, source = standing.state, standing.source
    return None if state is None or source.private or state.url == source.address else state.url


# The facts of a source, by their names in JSON; `last_visit` is `last visit` for people.
FACTS: Mapping[str, Callable[[SourceReport], FactValue]] = {
    "title": _of_state("title"),
    "kind": lambda standing: str(standing.source.kind),
    "url": _address,
    "moved_to": _now_at,
    "tags": lambda standing: ", ".join(standing.source.tags) or None,
    "schedule": _schedule,
    "articles": _of_state("articles"),
    "newest": _of_state("newest"),
    "last_visit": _of_state("last_at"),
    "worked": _of_state("worked_at"),
    "next_visit": lambda standing: standing.state.due_at if standing.state and standing.source.enabled else None,
    "failures": _of_state("failures"),
    "failing_since": _of_state("failing_since"),
    "pending": _of_state("pending"),
}


def _told(standing: SourceReport) -> dict[str, object]:
    """A source for programs: every fact, known or not."""
    facts = {name: value(standing) for name, value in FACTS.items()}
    failure = standing.failure
    return {
        "id": standing.source.id,
        "condition": condition(standing).name,
        "sentence": sentence(standing),
        "enabled": standing.source.enabled,
        **{name: iso(value) if isinstance(value, datetime) else value for name, value in facts.items()},
        "tags": list(standing.source.tags),
        "failure": failure
        and present(
            {"stage": failure.stage, "kind": failure.kind, "status": failure.status, "sentence": failure.sentence}
        ),
        "warnings": list(standing.warnings),
    }


def _all_about(standing: SourceReport) -> Iterator[str]:
    """A source for people: one sentence, then every fact that is known, a line each."""
    yield f"{styled(standing.source.id, fg=condition(standing).colour, bold=True)}: {sentence(standing)}"
    facts = {name.replace("_", " "): value(standing) for name, value in FACTS.items()}
    yield from columns([[f"  {name}", _words(value, standing.now)] for name, value in facts.items() if value])
    yield from (f"  warning: {line(warning)}" for warning in standing.warnings)


def _words(value: FactValue, now: datetime) -> str:
    return f"{stamp(value)} ({ago(value, now)})" if isinstance(value, datetime) else line(str(value))


# ── all of them, and the feeds ──────────────────────────────────────────────────────────────────────────────────────


def _overview(report: Report, standings: list[SourceReport]) -> Iterator[str]:
    if report.began is None:
        yield NOTHING_YET
        yield ""
    width = max((len(standing.source.id) for standing in standings), default=0)
    for standing in standings:
        name = styled(standing.source.id.ljust(width), fg=condition(standing).colour)
        yield f"{name}  {sentence(standing)}"
    if report.config.feeds:
        yield ""
        yield from columns([[feed.id, _feed_words(report, feed)] for feed in report.config.feeds.values()])


def _feed(report: Report, feed: Feed) -> dict[str, object]:
    """A feed for programs: its files with their sizes (none: missing), and how old its newest article is."""
    ledger = report.ledgers.get(feed.id)
    files = [{"path": name, "size": _size(report, name)} for name in ledger.files] if ledger else []
    return {"id": feed.id, "title": feed.title, "updated": iso(ledger.updated) if ledger else None, "files": files}


def _feed_words(report: Report, feed: Feed) -> str:
    ledger = report.ledgers.get(feed.id)
    if ledger is None:
        return "not published yet"
    sizes = [_size(report, name) for name in ledger.files]
    there = [octets for octets in sizes if octets is not None]
    facts = f"{count(len(there), 'file')}, {size(sum(there))}; newest article {ago(ledger.updated, report.now)}"
    missing = len(sizes) - len(there)
    return f"{facts}; {count(missing, 'file')} missing, the next turn writes them again" if missing else facts


def _size(report: Report, name: str) -> int | None:
    try:
        return (report.config.public / name).stat().st_size
    except OSError:
        return None
