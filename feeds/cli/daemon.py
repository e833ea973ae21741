"""The commands that run until they are stopped: daemon, serve. They import nothing heavy before signals are handled."""

from __future__ import annotations

import logging
from contextlib import closing

import click

from ..daemon.signals import Service, run_service
from .common import common_options, is_quiet, start_logging, utcnow
from .options import GlobalOptions, ListenAddress

log = logging.getLogger("feeds.daemon")

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
    _start_service_logging(ctx)
    run_service(lambda service: _run_daemon(ctx, listen, service))


@click.command()
@listen_option
@click.option("--supervised", type=int, hidden=True, help="The connection to the daemon that started this.")
@common_options
@click.pass_context
def serve(ctx: click.Context, listen: tuple[str, int] | None, supervised: int | None) -> None:
    """Serve the published files only, beside cron.

    SIGTERM stops within 5 seconds, SIGHUP reloads.
    """
    _start_service_logging(ctx)
    run_service(lambda service: _run_server(ctx, listen, supervised, service))


def _start_service_logging(ctx: click.Context) -> None:
    """Log what a daemon does without -v too, though no line for each visit: it prints nothing else."""
    start_logging(ctx)
    if not is_quiet(ctx):
        log.setLevel(min(logging.INFO, log.getEffectiveLevel()))


def _run_daemon(ctx: click.Context, listen: tuple[str, int] | None, service: Service) -> None:
    from ..app import App, Turn
    from ..app.operations import report_turn
    from ..app.server_process import HostPort, format_address
    from ..daemon.loop import Reporter, run_daemon
    from .application import open_app
    from .configuration import config_path
    from .progress import FirstRound
    from .turn_log import log_turn

    if service.stop.is_set():
        return
    options = ctx.ensure_object(GlobalOptions)

    def report(app: App, turn: Turn) -> None:
        first_round.end_turn(turn)
        log_turn(report_turn(app, turn))

    def log_address(app: App, address: HostPort) -> None:
        log.info("serving %s at http://%s/", app.config.public, format_address(address))

    server = [*options.arguments(config_path(ctx)), "serve"]
    server += ["--listen", format_address(listen)] if listen else []
    with closing(FirstRound()) as first_round:
        reporter = Reporter(log_address, first_round.follow, report, lambda text: options.mask(text))
        run_daemon(service, lambda: open_app(ctx), server, reporter)


def _run_server(ctx: click.Context, listen: tuple[str, int] | None, supervised: int | None, service: Service) -> None:
    from ..app.server_process import FileServer, HostPort, format_address
    from ..daemon.serving import serve_alone, serve_for_daemon
    from .configuration import config_path, mask_logs

    if service.stop.is_set():
        return

    def open_server() -> FileServer:
        server = FileServer(config_path(ctx), listen, utcnow, beside_daemon=supervised is not None)
        mask_logs(ctx, lambda: server.config)
        return server

    if supervised is not None:
        serve_for_daemon(service, open_server, supervised)
        return
    server = open_server()

    def log_address(address: HostPort) -> None:
        log.info("serving %s at http://%s/", server.config.public, format_address(address))

    serve_alone(service, server, log_address)
