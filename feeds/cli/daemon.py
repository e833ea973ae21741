"""The commands that go on until they are stopped: daemon, serve."""

from __future__ import annotations

import click

from ..app import App
from ..app.server_process import serve as serve_files
from ..app.server_process import server_process
from ..daemon import Daemon
from .common import common_options, print_lines, start_logging
from .configuration import ListenAddress, config_path, mask, mask_logs
from .run import report


@click.command()
@click.option("--listen", type=ListenAddress(), help="Serve at this address instead of the configured one.")
@common_options
@click.pass_context
def daemon(ctx: click.Context, listen: tuple[str, int] | None) -> None:
    """Pull and publish for ever, and serve the files.

    SIGTERM stops within 5 seconds; SIGHUP or an edited configuration reloads.
    """
    start_logging(ctx)
    path = config_path(ctx)
    with App(path) as app, server_process(path, listen):
        mask_logs(ctx, lambda: app.config)
        host, port = listen or app.config.server.listen
        click.echo(f"feeds at http://{host}:{port}/ from {app.config.public}", err=True)
        Daemon(app, lambda turn: print_lines(report(turn), mask(app.config))).run()


@click.command()
@click.option("--listen", type=ListenAddress(), help="Serve at this address instead of the configured one.")
@common_options
@click.pass_context
def serve(ctx: click.Context, listen: tuple[str, int] | None) -> None:
    """Only serve the published files, beside cron."""
    start_logging(ctx)
    serve_files(config_path(ctx), listen)
