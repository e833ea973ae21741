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
from ..errors import ConfigError
from .service_manager import ServiceManager
from .signals import Service
from .watch import read_bytes, watch_config

log = logging.getLogger("feeds.daemon")

CHECK_SECONDS = 1.0  # between two looks whether to reload
HUNG_SECONDS = 60.0  # without progress, after which the service manager is told nothing any more


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
        last_config = read_bytes(app.config.path)
        edited = threading.Event()
        watch = [app.config.path, service.stop, edited.set]
        threading.Thread(target=watch_config, args=watch, name="watch configuration", daemon=True).start()
        manager.ready("working")
        log.info("working for the installation at %s", app.config.site.url)
        pause = min(CHECK_SECONDS, (manager.watchdog or CHECK_SECONDS) / 3)
        while not service.stop.wait(pause):
            is_requested = service.reload.is_set()
            if is_requested or edited.is_set():
                service.reload.clear()
                edited.clear()
                config = read_bytes(app.config.path)
                if is_requested or config != last_config:
                    last_config = config
                    _reload(app, workers, manager)
            if time.monotonic() < alive_at + HUNG_SECONDS:
                manager.ping()
        manager.stopping()
        workers.close()


def _reload(app: SharedApp, workers: JobWorker, manager: ServiceManager) -> None:
    manager.reloading()
    try:
        with workers.paused():
            app.reload()
        workers.renew()
        log.info("configuration reloaded")
    except ConfigError as error:
        log.error("configuration not reloaded, the last good one stays in use:\n%s", error)
    manager.ready("working")
