"""The commands that run until they are stopped: daemon, serve."""

from __future__ import annotations

import click

from ..app.server_process import serve as serve_files
from ..app.server_process import server_process
from ..daemon import Daemon
from .common import common_options, print_lines, start_logging
from .configuration import ListenAddress, config_path, secret_mask
from .run import open_app, summarize

listen_option = click.option(
    "--listen", type=ListenAddress(), help="Serve at this address instead of `server.listen` of the configuration."
)


@click.command()
@listen_option
@common_options
@click.pass_context
def daemon(ctx: click.Context, listen: tuple[str, int] | None) -> None:
    """Pull and publish continuously, and serve the files.

    SIGTERM stops within 5 seconds. SIGHUP or an edited configuration file reloads.
    """
    start_logging(ctx)
    with open_app(ctx) as app, server_process(app.config.path, listen):
        host, port = listen or app.config.server.listen
        click.echo(f"serving {app.config.public} at http://{host}:{port}/", err=True)
        Daemon(app, lambda turn: print_lines(summarize(turn), secret_mask(app.config))).run()


@click.command()
@listen_option
@common_options
@click.pass_context
def serve(ctx: click.Context, listen: tuple[str, int] | None) -> None:
    """Serve the published files only, beside cron."""
    start_logging(ctx)
    serve_files(config_path(ctx), listen)
