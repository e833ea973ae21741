"""The commands that work: run, daemon, serve, publish."""

from __future__ import annotations

import sys
from collections.abc import Container, Iterable

import click

from ..app import App, Orders, Turn
from ..app.serving import serve as serve_files
from ..app.serving import server_process
from ..errors import ConfigError
from ..schedule import Daemon
from .common import Address, Duration, common_options, config_path, count, print_json, start_logging


@click.command()
@click.argument("source_ids", nargs=-1, metavar="[SOURCE-ID]...")
@click.option("--all", "everything", is_flag=True, help="Every source, whatever the schedule says.")
@click.option("--refetch", is_flag=True, help="Without validators: get everything whole.")
@click.option("--wait", type=Duration(), help="Wait at most this long for a host that must not be asked yet.")
@click.option("--for", "limit", type=Duration(), help="Start nothing new after this long.")
@click.option("--strict", is_flag=True, help="Exit with 4 when some source fails.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole outcome as JSON.")
@common_options
@click.pass_context
def run(
    ctx: click.Context,
    source_ids: tuple[str, ...],
    everything: bool,
    refetch: bool,
    wait: float | None,
    limit: float | None,
    strict: bool,
    as_json: bool,
) -> None:
    """Pull what is due, publish what changed, and end.

    Named sources, or --all, ignore the schedule, but never Retry-After nor the gap between two requests to one host.
    """
    start_logging(ctx)
    with App(config_path(ctx)) as app:
        _must_be_known(app, "source", source_ids, app.config.sources)
        turn = app.turn(Orders(source_ids or None, everything, refetch, wait, limit))
    if as_json:
        print_json(_as_json(turn))
    else:
        report(turn)
    if strict and turn.failures:
        sys.exit(4)


def _must_be_known(app: App, noun: str, ids: Iterable[str], known: Container[str]) -> None:
    unknown = [f"{app.config.path}: no {noun} is called {name!r}" for name in ids if name not in known]
    if unknown:
        raise ConfigError(unknown)


def report(turn: Turn) -> None:
    """Print what changed for the worse or the better; nothing when all is as it was."""
    for source_id, sentence in turn.worse:
        click.echo(f"{source_id}: {sentence}")
    for source_id in turn.better:
        click.echo(f"{source_id}: works again")
    if turn.articles or turn.files:
        click.echo(f"{count(turn.articles, 'article')} new or changed, {count(len(turn.files), 'file')} written")


def _as_json(turn: Turn) -> dict[str, object]:
    return {
        "visits": turn.visits,
        "not_modified": turn.not_modified,
        "failures": turn.failures,
        "articles": turn.articles,
        "files": turn.files,
        "worse": [{"source": source_id, "sentence": sentence} for source_id, sentence in turn.worse],
        "better": turn.better,
    }


@click.command()
@click.option("--listen", type=Address(), help="Serve at this address instead of the configured one.")
@common_options
@click.pass_context
def daemon(ctx: click.Context, listen: tuple[str, int] | None) -> None:
    """Pull and publish for ever, and serve the files.

    SIGTERM stops within 5 seconds; SIGHUP or an edited configuration reloads.
    """
    start_logging(ctx)
    path = config_path(ctx)
    with App(path) as app, server_process(path, listen):
        host, port = listen or app.config.server.listen
        click.echo(f"feeds at http://{host}:{port}/ from {app.config.public}", err=True)
        Daemon(app, report).run()


@click.command()
@click.option("--listen", type=Address(), help="Serve at this address instead of the configured one.")
@common_options
@click.pass_context
def serve(ctx: click.Context, listen: tuple[str, int] | None) -> None:
    """Only serve the published files, beside cron."""
    start_logging(ctx)
    serve_files(config_path(ctx), listen)


@click.command()
@click.argument("feed_ids", nargs=-1, metavar="[FEED-ID]...")
@common_options
@click.pass_context
def publish(ctx: click.Context, feed_ids: tuple[str, ...]) -> None:
    """Regenerate the published files from the store, all feeds or these."""
    start_logging(ctx)
    with App(config_path(ctx)) as app:
        _must_be_known(app, "feed", feed_ids, app.config.feeds)
        paths = app.issue(feed_ids or app.config.feeds.keys())
    click.echo(f"{count(len(paths), 'file')} written")
    for path in paths:
        click.echo(f"  {path}")
