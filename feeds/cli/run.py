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
from .configuration import DurationOption, config_path, mask, mask_logs, must_be_known
from .formatting import count, line

STRICT = 4  # the exit code of a turn that is done although some source fails


@click.command()
@click.argument("source_ids", nargs=-1, metavar="[SOURCE-ID]...")
@click.option("--all", "everything", is_flag=True, help="Every source, whatever the schedule says.")
@click.option("--refetch", is_flag=True, help="Without validators: get everything whole.")
@click.option(
    "--wait",
    type=DurationOption(),
    default="1m",
    show_default=True,
    help="Wait at most this long for a host that must rest.",
)
@click.option("--for", "limit", type=DurationOption(), help="Start nothing new after this long.")
@click.option("--strict", is_flag=True, help="Exit with 4 when some source fails, now or since an earlier turn.")
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
    """Pull what is due, publish what changed, and end.

    Named sources, or --all, ignore the schedule, but never Retry-After nor the gap between two requests to one host.
    """
    start_logging(ctx)
    with App(config_path(ctx)) as app, stopped_by_signals(app):
        mask_logs(ctx, lambda: app.config)
        must_be_known(app.config, "source", source_ids, app.config.sources)
        with shown() as progress:
            turn = app.turn(TurnOptions(source_ids or None, everything, refetch, wait, limit), progress)
        failing = sum(
            bool(state.failures) for state in app.states() if state.source_id in (source_ids or [state.source_id])
        )
    if as_json:
        print_json(_told(turn, failing), mask(app.config))
    else:
        print_lines(report(turn), mask(app.config))
    if strict and failing:
        sys.exit(STRICT)


def report(turn: Turn) -> list[str]:
    """What changed for the worse or the better; nothing when all is as it was."""
    lines = [f"{source_id}: {line(sentence)}" for source_id, sentence in turn.worse]
    lines += [f"{source_id}: works again" for source_id in turn.better]
    told = [f"{count(turn.articles, 'article')} new or changed"] if turn.articles else []
    told += [f"{count(len(turn.files), 'file')} written"] if turn.files else []
    return [*lines, ", ".join(told)] if told else lines


def _told(turn: Turn, failing: int) -> dict[str, object]:
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
    """Regenerate the published files from the store, all feeds or these; print the files that changed."""
    start_logging(ctx)
    with App(config_path(ctx)) as app:
        mask_logs(ctx, lambda: app.config)
        must_be_known(app.config, "feed", feed_ids, app.config.feeds)
        paths = app.issue(feed_ids or app.config.feeds.keys())
    if as_json:
        print_json({"files": paths})
    else:
        print_lines([f"{count(len(paths), 'file')} written", *(f"  {path}" for path in paths)])


# ── A clean end of a turn that is asked to stop: what came is recorded and published, the rest stays due (F38) ────────


@contextmanager
def stopped_by_signals(app: App) -> Iterator[None]:
    """Stop the turn at SIGTERM, and at Ctrl-C before it ends the program; what hangs is cut off."""
    # In a thread of its own: a handler runs in the middle of anything, and stopping takes locks.
    before = signal.signal(signal.SIGTERM, lambda number, frame: threading.Thread(target=app.stop).start())
    try:
        yield
    except KeyboardInterrupt:
        app.stop()
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


# ── A line on the terminal that says how far a turn has come. In a pipe, a file or a cron job there is none ───────────


@contextmanager
def shown() -> Iterator[Callable[[Turn], None]]:
    """Give what is to be told of the turn as it goes on; it is shown while inside."""
    if not sys.stderr.isatty():
        yield lambda turn: None
        return
    from rich.console import Console  # only terminals pay for it

    with Console(stderr=True).status("pulling what is due") as status:
        yield lambda turn: status.update(_words(turn))


def _words(turn: Turn) -> str:
    return f"{count(turn.visits, 'visit')}, {count(turn.articles, 'article')} new or changed, {turn.failures} failed"
