"""The commands that make one turn: run, publish."""

from __future__ import annotations

import sys

import click

from ..app.operations import PublishRequest, RunReport, RunRequest, count_articles
from ..app.turn import TurnEnd
from ..formatting import format_count, sanitize_line
from .application import perform
from .common import common_options, is_quiet, json_option, print_json, print_lines, start_logging
from .configuration import DurationOption
from .progress import show_progress

# Why visits are left, as far as that is not usual: a host that asked for rest is asked later.
ENDED_EARLY = {
    TurnEnd.TIME: "the time of `--for` is over",
    TurnEnd.NETWORK: "nothing can be reached",
    TurnEnd.STOPPED: "the run was stopped",
}
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
        print_lines(summarize(report, quiet=is_quiet(ctx)))
    if strict and report.failing:
        sys.exit(STRICT_EXIT_CODE)


def summarize(report: RunReport, *, quiet: bool = False) -> list[str]:
    """Return lines about what changed for the worse or the better, and about the sources that were named.

    There are none when nothing changed; `quiet` leaves only those about what is wrong.
    """
    worse = {failure.source: sanitize_line(failure.sentence) for failure in report.worse}
    if quiet:
        return [f"{id}: {sentence}" for id, sentence in worse.items()]
    better = dict.fromkeys(report.better, "works again")
    answers = {answer.source: sanitize_line(answer.sentence) for answer in report.answers}
    others = {id: sentence for id, sentence in {**worse, **better}.items() if id not in answers}
    lines = [f"{id}: {sentence}" for id, sentence in {**answers, **others}.items()]
    totals = [count_articles(report.articles)] if report.articles else []
    totals += [f"{format_count(len(report.files), 'file')} written"] if report.files else []
    lines += [", ".join(totals)] if totals else []
    if report.ended_by in ENDED_EARLY:
        reason = ENDED_EARLY[report.ended_by]
        lines.append(f"{format_count(report.left, 'visit')} left, because {reason}; what is due stays due")
    return lines


@click.command()
@click.argument("feed_ids", nargs=-1, metavar="[FEED-ID]...")
@json_option
@common_options
@click.pass_context
def publish(ctx: click.Context, feed_ids: tuple[str, ...], as_json: bool) -> None:
    """Regenerate the published files from the store, of all feeds or the named ones; print the files that changed."""
    start_logging(ctx)
    with show_progress() as progress:
        report = perform(ctx, PublishRequest(feed_ids), progress)
    if as_json:
        print_json(report.members())
    elif not is_quiet(ctx):
        print_lines([f"{format_count(len(report.files), 'file')} written", *(f"  {file}" for file in report.files)])
