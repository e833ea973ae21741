"""`status`: the state of every source and feed. It only reads, and needs no lock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import click

from ..app.source_sentence import ConditionGroup, SourceReport, compose_sentence, find_condition, find_group
from ..app.status_report import GROUPS, StatusReport, read_report
from ..app.worker_sentences import describe_waiting, describe_worker
from ..formatting import (
    format_columns,
    format_count,
    format_duration,
    format_relative,
    format_rfc3339,
    format_size,
    format_time,
    sanitize_line,
)
from ..model import Cron, FeedStatus, OrphanedSource, WaitingJobs, WorkerStatus
from ..publish import LARGE_SIZE
from .common import (
    common_options,
    drop_none,
    is_quiet,
    json_option,
    print_json,
    print_lines,
    start_logging,
    style,
    utcnow,
)
from .configuration import load_config

COLOURS = {
    ConditionGroup.FAILING: "red",
    ConditionGroup.DOUBTFUL: "yellow",
    ConditionGroup.NEW: "bright_black",
    ConditionGroup.OK: "green",
    ConditionGroup.DISABLED: "bright_black",
}


@click.command()
@click.argument("source_id", required=False, metavar="[SOURCE-ID]")
@click.option("--failing", is_flag=True, help="Show only sources that fail, and feeds that cannot be published.")
@json_option
@common_options
@click.pass_context
def status(ctx: click.Context, source_id: str | None, failing: bool, as_json: bool) -> None:
    """Show the state of every source and feed in one sentence each, the sick first, or everything about one source."""
    start_logging(ctx)
    config = load_config(ctx)
    report = read_report(config, utcnow())
    orphan = next((orphan for orphan in report.status.orphans if orphan.source_id == source_id), None)
    if orphan is not None and as_json:
        print_json(_orphan_members(orphan))
    elif orphan is not None:
        print_lines([f"{orphan.source_id}: {_orphan_text(orphan)}"])
    elif source_id is not None:
        source = report.find_source(source_id)
        if as_json:
            print_json(_source_members(source))
        else:
            print_lines(_source_lines(source))
    else:
        overview = _make_overview(report, only_failing=failing or is_quiet(ctx))
        if as_json:
            print_json(overview.members())
        else:
            print_lines(overview.lines(with_summary=not is_quiet(ctx)))


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
    return source.place


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
    "articles": lambda report: report.stored_articles,
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
    yield f"{style(report.source.id, fg=COLOURS[find_condition(report).group], bold=True)}: {compose_sentence(report)}"
    facts = {name.replace("_", " "): value(report) for name, value in FACTS.items()}
    yield from format_columns(
        [[f"  {name}", _format_fact(value, report.now)] for name, value in facts.items() if value]
    )
    yield from (f"  warning: {sanitize_line(warning)}" for warning in report.warnings)


def _format_fact(value: FactValue, now: datetime) -> str:
    if isinstance(value, datetime):
        return f"{format_time(value)} ({format_relative(value, now)})"
    return sanitize_line(str(value))


# ── Everything ──────────────────────────────────────────────────────────────────────────────────────────────────────

NEVER_RUN = "Nothing was pulled yet. `feeds run` pulls once, `feeds daemon` continuously."
LARGE_STORE = 1_000_000_000  # bytes
GROWTH_NOTE = "The store takes {size} and grows for ever. With `retain: 365d` it keeps a year, and what feeds hold."


@dataclass(frozen=True, slots=True)
class StatusOverview:
    """What is shown of an installation: all of it, or only what fails. The counts are always those of all."""

    report: StatusReport
    groups: Counter[ConditionGroup]
    sources: Sequence[SourceReport]
    orphans: tuple[OrphanedSource, ...]
    feeds: list[FeedStatus]

    def summary(self) -> dict[str, int]:
        """Return the counts."""
        status = self.report.status
        return {
            "sources": self.groups.total(),
            **{str(group): self.groups[group] for group in GROUPS},
            "articles": sum(status.articles.values()),
            "orphaned": sum(orphan.articles for orphan in status.orphans),
            "feeds": sum(feed.title is not None for feed in status.feeds),
            "unpublished": sum(_error(feed) is not None for feed in status.feeds),
        }

    def members(self) -> dict[str, object]:
        """Return the members of the JSON."""
        return {
            "summary": self.summary(),
            "problems": list(self.report.problems),
            "store_size": self.report.store_size,
            "sources": list(map(_source_members, self.sources)),
            "orphans": list(map(_orphan_members, self.orphans)),
            "feeds": list(map(_feed_members, self.feeds)),
            "workers": list(map(_worker_members, self.report.status.workers)),
            "waiting_jobs": list(map(_waiting_members, self.report.status.waiting_jobs)),
        }

    def lines(self, *, with_summary: bool) -> Iterator[str]:
        """Yield the lines for people, a block each for the summary, problems, sources, orphans, feeds and workers."""
        now = self.report.now
        summary = [*([NEVER_RUN] if self.report.status.created is None else []), _summary_text(self.summary())]
        if self.report.config.retain is None and self.report.store_size >= LARGE_STORE:
            summary.append(GROWTH_NOTE.format(size=format_size(self.report.store_size)))
        width = max((len(source.source.id) for source in self.sources), default=0)
        sources = [
            f"{style(source.source.id.ljust(width), fg=COLOURS[find_group(source)])}  {compose_sentence(source)}"
            for source in self.sources
        ]
        orphans = format_columns([[orphan.source_id, _orphan_text(orphan)] for orphan in self.orphans])
        feeds = format_columns([[feed.feed_id, _feed_text(feed, now)] for feed in self.feeds])
        workers = format_columns(
            [[f"{worker.role} {worker.name}", describe_worker(worker, now)] for worker in self.report.status.workers]
        )
        waiting = [describe_waiting(jobs, now) for jobs in self.report.status.waiting_jobs]
        problems = [style(sanitize_line(problem), fg="red") for problem in self.report.problems]
        work = [*workers, *waiting] if with_summary else []
        blocks = [summary if with_summary else [], problems, sources, orphans, feeds, work]
        for number, block in enumerate(filter(None, blocks)):
            yield from [""] * (number > 0)
            yield from block


def _make_overview(report: StatusReport, *, only_failing: bool) -> StatusOverview:
    sources, status = report.sources, report.status
    groups = Counter(map(find_group, sources))
    if not only_failing:
        return StatusOverview(report, groups, sources, status.orphans, list(status.feeds))
    failing = [source for source in sources if find_group(source) is ConditionGroup.FAILING]
    return StatusOverview(report, groups, failing, (), [feed for feed in status.feeds if _error(feed)])


def _summary_text(counts: Mapping[str, int]) -> str:
    """Return `37 sources: 3 failing, 34 ok; 4512 articles; 4 feeds`."""
    groups = ", ".join(f"{counts[group]} {group}" for group in GROUPS if counts[group])
    sources = format_count(counts["sources"], "source") + (f": {groups}" if groups else "")
    orphaned = f", {counts['orphaned']} of sources that are gone" if counts["orphaned"] else ""
    unpublished = f", {counts['unpublished']} cannot be published" if counts["unpublished"] else ""
    articles, feeds = format_count(counts["articles"], "article"), format_count(counts["feeds"], "feed")
    return f"{sources}; {articles}{orphaned}; {feeds}{unpublished}"


def _orphan_members(orphan: OrphanedSource) -> dict[str, object]:
    return {"id": orphan.source_id, "articles": orphan.articles, "sentence": _orphan_text(orphan)}


def _orphan_text(orphan: OrphanedSource) -> str:
    id = orphan.source_id
    return (
        f"no longer declared; {format_count(orphan.articles, 'article')} stored, in no feed: `feeds forget {id}` drops"
        f" them, `was: [{id}]` in another source takes them over"
    )


def _worker_members(worker: WorkerStatus) -> dict[str, object]:
    return {
        "name": worker.name,
        "role": worker.role,
        "version": worker.version,
        "seen": format_rfc3339(worker.seen_at),
        "shards": list(worker.shards),
        "feeds": list(worker.feeds),
    }


def _waiting_members(jobs: WaitingJobs) -> dict[str, object]:
    return {"kind": jobs.kind, "count": jobs.count, "since": format_rfc3339(jobs.since)}


def _error(feed: FeedStatus) -> str | None:
    """Return why a feed could not be published the last time; None when it could."""
    return feed.publishing.error if feed.publishing and feed.publishing.failed_at else None


def _feed_members(feed: FeedStatus) -> dict[str, object]:
    """Return the JSON members of a feed; a file that is missing has the size null."""
    publishing = feed.publishing
    return {
        "id": feed.feed_id,
        "title": feed.title,
        "updated": format_rfc3339(feed.newest),
        "files": [{"path": path, "size": size} for path, size in feed.files.items()],
        "written": format_rfc3339(feed.written_at),
        "waiting_since": format_rfc3339(publishing.waiting_since) if publishing else None,
        "failed_at": format_rfc3339(publishing.failed_at) if publishing else None,
        "error": _error(feed),
    }


def _feed_text(feed: FeedStatus, now: datetime) -> str:
    """Return what is published of a feed, and what is not."""
    sizes = [size for size in feed.files.values() if size is not None]
    missing = len(feed.files) - len(sizes)
    written = f", written {format_relative(feed.written_at, now)}" if feed.written_at else ""
    files = f"{format_count(len(sizes), 'file')}, {format_size(sum(sizes))}{written}"
    notes = (
        _error_text(feed, now),
        files if feed.files else "not published yet",
        f"newest article {format_relative(feed.newest, now)}" if feed.newest else "",
        f"{format_count(missing, 'file')} missing, rewritten in the next turn" if missing else "",
        _waiting_text(feed, now),
        "a file is larger than many readers take (1 MB)" if max(sizes, default=0) > LARGE_SIZE else "",
    )
    return "; ".join(filter(None, notes))


def _error_text(feed: FeedStatus, now: datetime) -> str:
    if not feed.publishing or not (error := _error(feed)):
        return ""
    tried = format_relative(feed.publishing.failed_at, now)
    return style(f"cannot be published, last tried {tried}: {sanitize_line(error).rstrip('.')}", fg="red")


def _waiting_text(feed: FeedStatus, now: datetime) -> str:
    since = feed.publishing.waiting_since if feed.publishing else None
    waits = format_duration(now - since) if since else "now"
    return f"a change has waited for {waits}" if waits != "now" else ""
