"""The daemon as a process of its own: its lock and its end."""

from __future__ import annotations

import signal
import time

import pytest
from origin import HANG, Document, Origin, raw
from wire import Wire, rss, until


def test_F24_F38_a_second_instance_is_refused_and_sigterm_waits_for_no_source(wire: Wire, origin: Origin) -> None:
    hanging = {"feed": origin.put("/b", raw(HANG)), "timeout": "10m"}
    wire.declare({"a": origin.put("/a", Document(rss(("1", "One")))), "b": hanging})
    daemon = wire.fork("daemon", "--listen", "127.0.0.1:0")
    try:
        until(lambda: (wire.public / "all.json").exists() and len(wire.items()) == 1)
        second = wire.command("daemon", "--listen", "127.0.0.1:0")
        assert second.returncode == 3
        assert str(daemon.pid) in second.stderr
    finally:
        daemon.send_signal(signal.SIGTERM)
        _, errors = daemon.communicate(timeout=300)
    assert daemon.returncode == 0, errors


@pytest.mark.slow
def test_F38_sigterm_stops_a_daemon_within_five_seconds(wire: Wire, origin: Origin) -> None:
    """On a machine with nothing else to do."""
    wire.declare({"a": origin.put("/a", Document(rss(("1", "One")))), "b": origin.put("/b", raw(HANG))})
    with wire.start("daemon", "--listen", "127.0.0.1:0") as daemon:
        until(lambda: (wire.public / "all.json").exists() and len(wire.items()) == 1)
        began = time.monotonic()
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait() == 0
        assert time.monotonic() - began < 5
