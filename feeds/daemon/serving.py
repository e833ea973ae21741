"""`feeds serve`: the server alone, beside cron or as the child of a daemon."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable

from ..app.process_messages import ErrorReport, ServerMessage
from ..app.server_process import DaemonLink, FileServer, HostPort, format_address
from ..errors import FeedsError
from .reload import log_refusal
from .service_manager import ServiceManager
from .signals import Service

log = logging.getLogger("feeds.server")


def serve_alone(service: Service, server: FileServer, on_bound: Callable[[HostPort], None]) -> None:
    """Serve until told to stop. Raise LockedError when another server runs on this data."""
    manager = ServiceManager(os.environ)
    pinged_at, status = 0.0, ""

    def announce(address: HostPort) -> None:
        nonlocal status
        status = f"serving {server.config.public} at http://{format_address(address)}/"
        manager.ready(status)
        on_bound(address)

    def ping() -> None:
        nonlocal pinged_at
        if time.monotonic() - pinged_at >= manager.ping_seconds:
            pinged_at = time.monotonic()
            manager.ping()

    def reload() -> None:
        with manager.reloading(lambda: status):
            _reload(server)

    _reload_on_signals(service, reload)
    server.run(announce, service.stop, ping)
    manager.stopping()


def serve_for_daemon(service: Service, open_server: Callable[[], FileServer], descriptor: int) -> None:
    """Serve until told to stop, or until the daemon at the other end of this connection ends; it prints the errors."""
    link = DaemonLink(descriptor)

    def stop_with_daemon() -> None:
        link.wait_for_end()
        service.stop.set()

    threading.Thread(target=stop_with_daemon, name="daemon", daemon=True).start()
    try:
        server = open_server()
        _reload_on_signals(service, lambda: _reload(server))
        server.run(lambda address: link.send(ServerMessage(address)), service.stop, link.beat)
    except FeedsError as error:
        link.send(ServerMessage(error=ErrorReport.of(error)))


def _reload_on_signals(service: Service, reload: Callable[[], None]) -> None:
    """Reload each time the service is told to, in a thread beside the event loop."""

    def wait() -> None:
        while service.reload.wait():
            service.reload.clear()
            reload()

    threading.Thread(target=wait, name="reload", daemon=True).start()


def _reload(server: FileServer) -> None:
    with log_refusal(log):
        server.reload()
        log.info("the server uses the edited configuration")
