"""The commands that make one turn: run, publish."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from ..app.operations import PublishRequest, RunReport, RunRequest, TurnProgress
from .application import perform
from .common import common_options, json_option, print_json, print_lines, start_logging
from .configuration import DurationOption
from .formatting import format_count, sanitize_line

STRICT_EXIT_CODE = 4  # the turn is done, but a source fails


@click.command()
@click.argument("source_ids", nargs=-1, metavar="[SOURCE-ID]...")
@click.option("--all", "everything", is_flag=True, help="Visit every source, whatever its schedule.")
@click.option("--refetch", is_flag=True, help="Fetch without validators: everything whole.")
@click.option(
    "--wait",
    type=DurationOption(),
    default="1m",
    show_default=True,
    help="Wait at most this long for a host that may not be asked yet.",
)
@click.option("--for", "limit", type=DurationOption(), help="Start no new visit after this long.")
@click.option("--strict", is_flag=True, help="Exit with 4 if a source fails, now or since an earlier turn.")
@json_option
@common_options
@click.pass_context
def run(
    ctx: click.Context,
    source_ids: tuple[str, ...],
    everything: bool,
    refetch: bool,
    wait: float,
    limit: float | None,
    strict: bool,
    as_json: bool,
) -> None:
    """Pull what is due, publish what changed, and exit.

    Named sources, or --all, ignore the schedule, but never Retry-After nor the gap between two requests to one host.
    """
    start_logging(ctx)
    with show_progress() as progress:
        report = perform(ctx, RunRequest(source_ids, everything, refetch, wait, limit), progress)
    if as_json:
        print_json(report.members())
    else:
        print_lines(summarize(report))
    if strict and report.failing:
        sys.exit(STRICT_EXIT_CODE)


def summarize(report: RunReport) -> list[str]:
    """Return lines about what changed for the worse or the better; none when nothing changed."""
    lines = [f"{failure.source}: {sanitize_line(failure.sentence)}" for failure in report.worse]
    lines += [f"{source_id}: works again" for source_id in report.better]
    totals = [f"{format_count(report.articles, 'article')} new or changed"] if report.articles else []
    totals += [f"{format_count(len(report.files), 'file')} written"] if report.files else []
    return [*lines, ", ".join(totals)] if totals else lines


@click.command()
@click.argument("feed_ids", nargs=-1, metavar="[FEED-ID]...")
@json_option
@common_options
@click.pass_context
def publish(ctx: click.Context, feed_ids: tuple[str, ...], as_json: bool) -> None:
    """Regenerate the published files from the store, of all feeds or the named ones; print the files that changed."""
    start_logging(ctx)
    report = perform(ctx, PublishRequest(feed_ids))
    if as_json:
        print_json(report.members())
    else:
        print_lines([f"{format_count(len(report.files), 'file')} written", *(f"  {file}" for file in report.files)])


@contextmanager
def show_progress() -> Iterator[Callable[[TurnProgress], None]]:
    """Show a progress bar of a turn on stderr if that is a terminal; yield the function that updates it."""
    if not sys.stderr.isatty():
        yield lambda progress: None
        return
    from rich.console import Console  # only terminals pay for it
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = BarColumn(), MofNCompleteColumn(), TextColumn("visits, {task.description}"), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("pulling what is due", total=None)

        def update(progress: TurnProgress) -> None:
            total = progress.visits + progress.pending
            bar.update(task, description=_counts(progress), completed=progress.visits, total=total)

        yield update


def _counts(progress: TurnProgress) -> str:
    return f"{format_count(progress.articles, 'article')} new or changed, {progress.failures} failed"
