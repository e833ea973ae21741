"""The commands that make one turn: run, publish."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from ..app import App, Turn, TurnOptions
from .common import common_options, json_option, print_json, print_lines, start_logging
from .configuration import DurationOption, config_path, mask_logs, require_ids, secret_mask
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
    with open_app(ctx) as app, stop_on_signals(app):
        require_ids(app.config, "source", source_ids, app.sources)
        with show_progress() as progress:
            turn = app.turn(TurnOptions(source_ids or None, everything, refetch, wait, limit), progress)
        selected = [state for state in app.statuses() if not source_ids or state.source_id in source_ids]
        failing = sum(state.failures > 0 for state in selected)
    if as_json:
        print_json(_turn_members(turn, failing), secret_mask(app.config))
    else:
        print_lines(summarize(turn), secret_mask(app.config))
    if strict and failing:
        sys.exit(STRICT_EXIT_CODE)


def summarize(turn: Turn) -> list[str]:
    """Return lines about what changed for the worse or the better; none when nothing changed."""
    lines = [f"{source_id}: {sanitize_line(sentence)}" for source_id, sentence in turn.worse]
    lines += [f"{source_id}: works again" for source_id in turn.better]
    totals = [f"{format_count(turn.articles, 'article')} new or changed"] if turn.articles else []
    totals += [f"{format_count(len(turn.files), 'file')} written"] if turn.files else []
    return [*lines, ", ".join(totals)] if totals else lines


def _turn_members(turn: Turn, failing: int) -> dict[str, object]:
    """Return the JSON members of a turn."""
    return {
        "visits": turn.visits,
        "not_modified": turn.not_modified,
        "failures": turn.failures,
        "failing": failing,
        "articles": turn.articles,
        "files": turn.files,
        "worse": [{"source": source_id, "sentence": sentence} for source_id, sentence in turn.worse],
        "better": turn.better,
    }


@click.command()
@click.argument("feed_ids", nargs=-1, metavar="[FEED-ID]...")
@json_option
@common_options
@click.pass_context
def publish(ctx: click.Context, feed_ids: tuple[str, ...], as_json: bool) -> None:
    """Regenerate the published files from the store, of all feeds or the named ones; print the files that changed."""
    start_logging(ctx)
    with open_app(ctx) as app:
        require_ids(app.config, "feed", feed_ids, app.config.feeds)
        files = app.issue(feed_ids or app.config.feeds.keys())
    if as_json:
        print_json({"files": files})
    else:
        print_lines([f"{format_count(len(files), 'file')} written", *(f"  {file}" for file in files)])


# ── Context managers around the application ─────────────────────────────────────────────────────────────────────────


@contextmanager
def open_app(ctx: click.Context) -> Iterator[App]:
    """Open the application of the command's configuration, with its secrets masked in the log."""
    with App(config_path(ctx)) as app:
        mask_logs(ctx, lambda: app.config)
        yield app


@contextmanager
def stop_on_signals(app: App) -> Iterator[None]:
    """Stop the turn at SIGTERM and at Ctrl-C: outcomes so far are recorded and published, the rest stays due (F38)."""
    # In a thread of its own: a handler runs in the middle of anything, and stopping takes locks.
    before = signal.signal(signal.SIGTERM, lambda number, frame: threading.Thread(target=app.stop).start())
    try:
        yield
    except KeyboardInterrupt:
        app.stop()
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def show_progress() -> Iterator[Callable[[Turn], None]]:
    """Show a progress bar of a turn on stderr if that is a terminal; yield the function that updates it."""
    if not sys.stderr.isatty():
        yield lambda turn: None
        return
    from rich.console import Console  # only terminals pay for it
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = BarColumn(), MofNCompleteColumn(), TextColumn("visits, {task.description}"), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("pulling what is due", total=None)

        def update(turn: Turn) -> None:
            bar.update(task, description=_counts(turn), completed=turn.visits, total=turn.visits + turn.pending)

        yield update


def _counts(turn: Turn) -> str:
    return f"{format_count(turn.articles, 'article')} new or changed, {turn.failures} failed"
