"""The operator's listener beside that of the published files: as a command, where it is taken, and short of files."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO

import pytest
from origin import Origin
from serve.loopback import LoopbackServer
from wire import Wire, document, until

PROGRAM = """
import logging, resource, sys, threading
from datetime import UTC, datetime
from pathlib import Path
from feeds.app.server_process import FileServer

logging.basicConfig(level=logging.INFO)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
server = FileServer(Path(sys.argv[1]), ("127.0.0.1", 0), lambda: datetime(2026, 3, 2, 12, tzinfo=UTC))
server.run(lambda address: print(address[1], flush=True), threading.Event(), lambda: None)
"""


def find_port(log: IO[str]) -> int:
    """The port of the operator's page, once the log tells it."""
    matches = (re.search(r"the operator's page is at http://127.0.0.1:(\d+)/", line) for line in iter(log.readline, ""))
    return next(int(match[1]) for match in matches if match)


@contextmanager
def connections(port: int, number: int) -> Iterator[None]:
    """So many idle connections."""
    with ExitStack() as stack:
        for _ in range(number):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=300))
        yield


def test_F28_the_operator_and_the_readers_are_served_with_64_open_files(wire: Wire, origin: Origin) -> None:
    wire.declare({"a": origin.put("/a", document())}, server={"admin": "127.0.0.1:0"})
    wire.turn()
    command = [sys.executable, "-c", PROGRAM, str(wire.config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stderr
        admin = LoopbackServer(find_port(process.stderr), wire.public)
        public = LoopbackServer(int(process.stdout.readline()), wire.public)
        with connections(public.port, 15), connections(admin.port, 15):
            assert b"feeds_healthy 1.0" in admin.request("/metrics").body
            assert public.request("/all.rss").status == 200
        with connections(public.port, 60), connections(admin.port, 60):
            pass
        until(lambda: admin.request("/health").status == 200)
        until(lambda: public.request("/all.rss").status == 200)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=300)
    assert "Traceback" not in errors, errors


def test_the_daemon_serves_the_operator_and_tells_where(wire: Wire, origin: Origin) -> None:
    wire.declare({"a": origin.put("/a", document())}, server={"admin": "127.0.0.1:0"})
    daemon = wire.start("daemon", "--listen", "127.0.0.1:0")
    try:
        assert daemon.stderr
        admin = LoopbackServer(find_port(daemon.stderr), wire.public)
        until(lambda: b'feeds_visits_total{outcome="harvest"} 1.0' in admin.request("/metrics").body)
        for kind in ("hub", "web_push"):
            assert f'feeds_delivery_queue{{kind="{kind}"}} 0.0'.encode() in admin.request("/metrics").body
        details = json.loads(admin.request("/health").body)
        assert details["status"] == "ok" and details["turns"]["by"] == "daemon"
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.communicate(timeout=300)
    assert daemon.returncode == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", admin.port), timeout=300)


def test_an_address_of_the_operator_that_is_taken_ends_the_server_with_a_sentence(wire: Wire) -> None:
    with socket.create_server(("127.0.0.1", 0)) as occupied:
        place = f"127.0.0.1:{occupied.getsockname()[1]}"
        wire.declare({}, server={"admin": place})
        result = wire.command("serve", "--listen", "127.0.0.1:0")
    assert result.returncode == 1
    assert f"cannot listen on {place} (address already in use): free it, or name another under `server: admin`" in (
        result.stderr
    )
