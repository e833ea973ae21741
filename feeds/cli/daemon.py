"""The commands that run until they are stopped: daemon, serve."""

from __future__ import annotations

import click

from ..app.control_socket import ControlServer
from ..app.operations import report_turn
from ..app.server_process import serve as serve_files
from ..app.server_process import server_process
from ..config import mask_secrets
from ..daemon import Daemon
from .application import open_app
from .common import common_options, print_lines, start_logging
from .configuration import ListenAddress, config_path
from .run import summarize

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
        daemon = Daemon(app, lambda turn: print_lines(summarize(report_turn(app, turn))))
        with ControlServer(app.config.data, daemon.submit, lambda text: mask_secrets(text, app.config)):
            daemon.run()


@click.command()
@listen_option
@common_options
@click.pass_context
def serve(ctx: click.Context, listen: tuple[str, int] | None) -> None:
    """Serve the published files only, beside cron."""
    start_logging(ctx)
    serve_files(config_path(ctx), listen)
