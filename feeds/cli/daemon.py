"""The commands that run until they are stopped: daemon, worker, serve.

They import nothing heavy before signals are handled.
"""

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

shards_option = click.option(
    "--shards",
    type=click.IntRange(1, 64),
    default=16,
    show_default=True,
    help="With PostgreSQL, visit so many of the 64 parts of all sources at once; others are left to other processes.",
)


@click.command()
@listen_option
@shards_option
@common_options
@click.pass_context
def daemon(ctx: click.Context, listen: tuple[str, int] | None, shards: int) -> None:
    """Pull and publish continuously, and serve the files.

    SIGTERM stops within 5 seconds. SIGHUP or an edited configuration file reloads.
    """
    _start_service_logging(ctx)
    run_service(lambda service: _run_daemon(ctx, listen, shards, service))


@click.command()
@shards_option
@common_options
@click.pass_context
def worker(ctx: click.Context, shards: int) -> None:
    """Pull and publish beside a daemon, in an installation on several machines: with `store: postgresql://…`.

    SIGTERM stops within 5 seconds. SIGHUP or an edited configuration file reloads.
    """
    _start_service_logging(ctx)
    run_service(lambda service: _run_worker(ctx, shards, service))


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


def _run_worker(ctx: click.Context, shards: int, service: Service) -> None:
    from ..app.held_shards import HeldShards
    from ..app.operations import report_turn
    from ..app.shared_app import SharedApp
    from ..app.sharing import Role
    from ..daemon.worker import run_worker
    from ..errors import ConfigError
    from .configuration import load_config, mask_logs
    from .turn_log import log_turn

    if service.stop.is_set():
        return

    def open_app() -> SharedApp:
        config = load_config(ctx)
        if config.store is None:
            raise ConfigError([f"{config.path}: a worker needs `store: postgresql://…`, which it shares with a daemon"])
        app = SharedApp(config, Role.WORKER, HeldShards(shards))
        mask_logs(ctx, lambda: app.config)
        return app

    run_worker(service, open_app, lambda app, turn: log_turn(report_turn(app, turn)))


def _run_daemon(ctx: click.Context, listen: tuple[str, int] | None, shards: int, service: Service) -> None:
    from ..app import App, Turn
    from ..app.application import open_loaded
    from ..app.held_shards import HeldShards
    from ..app.operations import report_turn
    from ..app.server_process import HostPort, format_address
    from ..app.shared_app import SharedApp
    from ..app.sharing import Role
    from ..daemon.loop import Reporter, run_daemon
    from .configuration import config_path, load_config, mask_logs
    from .progress import FirstRound
    from .turn_log import log_turn

    if service.stop.is_set():
        return
    options = ctx.ensure_object(GlobalOptions)

    def report(app: App, turn: Turn) -> None:
        first_round.end_turn(turn)
        log_turn(report_turn(app, turn))

    def open_app() -> App:
        config = load_config(ctx)
        app = SharedApp(config, Role.DAEMON, HeldShards(shards)) if config.store else open_loaded(config)
        mask_logs(ctx, lambda: app.config)  # which may be loaded again
        return app

    def log_address(app: App, address: HostPort) -> None:
        log.info("serving %s at http://%s/", app.config.public, format_address(address))

    server = [*options.arguments(config_path(ctx)), "serve"]
    server += ["--listen", format_address(listen)] if listen else []
    with closing(FirstRound()) as first_round:
        reporter = Reporter(log_address, first_round.follow, report, lambda text: options.mask(text))
        run_daemon(service, open_app, server, reporter)


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
