"""The application of a command: opened here, or that of the running daemon."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from ..app import App, control_socket
from ..app.operations import OperationIO, OperationProgress, OperationRequest, ReportT, perform_operation
from ..errors import LockedError
from .configuration import config_path, mask_logs


def perform(
    ctx: click.Context,
    request: OperationRequest[ReportT],
    progress: Callable[[OperationProgress], None] = lambda progress: None,
) -> ReportT:
    """Perform an operation; where a daemon holds the lock, it does. Return its report."""
    try:
        with open_app(ctx) as app, stop_on_signals(app):
            return perform_operation(app, request, OperationIO(progress))
    except LockedError as error:
        connection = control_socket.connect(error.directory) if error.directory else None
        if connection is None:  # the holder is another command
            raise
    with connection:
        return connection.perform(request, progress)


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
