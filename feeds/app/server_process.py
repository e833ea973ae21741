"""The server process: all inbound HTTP, beside a daemon or beside cron."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from .. import config as configuration
from ..model import Config
from ..serve import ASGIApp, create_app, run
from ..store import WithdrawnFeeds
from ..store.lock import hold_lock

log = logging.getLogger("feeds.server")

HostPort = tuple[str, int]

STOP_SECONDS = 3.0  # that the process may take to stop before it is killed


def serve(config_path: Path, listen: HostPort | None = None) -> None:
    """Serve the published files until SIGTERM or SIGINT. Raise LockedError when another server runs on this data."""
    config = configuration.load(config_path, os.environ)
    with hold_lock(config.data, "server.lock"):
        address = listen or config.server.listen
        log.info("serving %s at http://%s:%d/", config.public, *address)
        run(create_server_app(config), address, trusted_proxies=config.server.trusted_proxies)


def create_server_app(config: Config) -> ASGIApp:
    """Return the ASGI application for a configuration."""
    withdrawn = WithdrawnFeeds(config.data / "feeds.db")
    return create_app(
        config.public,
        withdrawn_feeds=withdrawn.feeds,
        is_healthy=lambda: True,
        base_path=urlsplit(config.site.url).path,
    )


@contextmanager
def server_process(config_path: Path, listen: HostPort | None) -> Iterator[multiprocessing.process.BaseProcess]:
    """Run the server in a process of its own while inside; it ends with this process, even when that is killed."""
    spawn = multiprocessing.get_context("spawn")
    process = spawn.Process(target=_run_child, args=(config_path, listen), name="server", daemon=True)
    process.start()
    try:
        yield process
    finally:
        process.terminate()
        process.join(timeout=STOP_SECONDS)
        process.kill()


def _run_child(config_path: Path, listen: HostPort | None) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    serve(config_path, listen)


def _end_with_parent() -> None:
    """Stop this process when its parent ends; one that is killed sends no signal, but its pipe is closed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
