"""The operator's site of an installation, on loopback."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from serve.loopback import LoopbackServer
from wire import Wire

from feeds.app.admin_server import AdminServer, ServerParts
from feeds.app.health import HealthMonitor, ProcessState, read_state, write_state
from feeds.config import load
from feeds.model import replace
from feeds.serve import LiveStreams, Traffic
from feeds.store import StoreReader


@dataclass(frozen=True)
class AdminSite:
    """The site: its server, and the counters of the server of the published files."""

    server: LoopbackServer
    traffic: Traffic
    parts: ServerParts


@contextmanager
def serve_admin(
    wire: Wire,
    env: Mapping[str, str] | None = None,
    parts: Callable[[ServerParts], ServerParts] = lambda parts: parts,
) -> Iterator[AdminSite]:
    """Serve the operator's site of an installation, whose clock is the one of the test; `parts` may replace some."""
    config, traffic = load(wire.config, env or {}), Traffic()
    with StoreReader(config.database) as reader:
        monitor = HealthMonitor(lambda: config, reader, lambda: wire.now)
        live = LiveStreams(reader.events, reader.event_range)
        made = parts(ServerParts(lambda: config, lambda: wire.now, monitor, reader, live, traffic))
        monitor.check()
        with AdminServer(made).serve(("127.0.0.1", 0), threading.Event()) as port:
            yield AdminSite(LoopbackServer(port, wire.public), traffic, made)


def pretend_daemon(wire: Wire) -> None:
    """Let the pages have buttons, although no daemon runs."""
    data = wire.home / "data"
    state = read_state(data) or ProcessState(wire.now)
    write_state(data, replace(state, is_daemon=True, turn_at=wire.now))
    (data / "feeds.sock").touch()
