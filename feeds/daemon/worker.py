"""`feeds worker`: one more process that visits and issues, in an installation on several machines."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager

from ..app import Turn
from ..app.shared_app import SharedApp
from ..app.workers import JobWorker, JobWorkerIO
from .reload import PendingReload, log_refusal
from .service_manager import ServiceManager
from .signals import Service

log = logging.getLogger("feeds.daemon")

CHECK_SECONDS = 1.0  # between two looks whether to reload


def run_worker(
    service: Service,
    open_app: Callable[[], AbstractContextManager[SharedApp]],
    on_turn: Callable[[SharedApp, Turn], None],
) -> None:
    """Visit and issue what jobs name until told to stop; SIGHUP or an edited configuration reloads."""
    manager = ServiceManager(os.environ)
    alive_at = time.monotonic()

    def note_progress() -> None:
        nonlocal alive_at
        alive_at = time.monotonic()

    with open_app() as app:
        io = JobWorkerIO(lambda turn: on_turn(app, turn), note_progress, service.fail, log.error)
        workers = JobWorker(app, io)
        pending_reload = PendingReload(app.config.path, service.reload)
        watching = threading.Thread(
            target=pending_reload.watch, args=[service.stop], name="watch configuration", daemon=True
        )
        watching.start()
        manager.ready("working")
        log.info("working for the installation at %s", app.config.site.url)
        while not service.stop.wait(min(CHECK_SECONDS, manager.ping_seconds)):
            if pending_reload.take():
                with manager.reloading(lambda: "working"), log_refusal(log):
                    pending_reload.note_read()
                    with workers.paused():
                        app.reload()
                    workers.renew()
                    log.info("configuration reloaded")
            manager.ping(alive_at)
        manager.stopping()
        workers.close()
