"""sd_notify(3), with a real datagram socket."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from wire import Wire

from feeds.daemon.service_manager import HUNG_SECONDS, ServiceManager


class Manager:
    """The service manager's end of the socket."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.socket.settimeout(300)
        self.environ = {"NOTIFY_SOCKET": address}

    def receive(self) -> dict[str, str]:
        """The next message."""
        lines = self.socket.recv(10_000).decode().split("\n")
        return dict(line.split("=", 1) for line in lines)

    def receive_until(self, name: str) -> dict[str, str]:
        """The next message with a variable of this name."""
        while name not in (message := self.receive()):
            pass
        return message


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(str(tmp_path / "notify"))
    with manager.socket:
        yield manager


def test_A6_the_manager_is_told_in_its_words(manager: Manager) -> None:
    environ = manager.environ | {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}
    service = ServiceManager(environ)
    assert environ == {}  # children do not speak for the service
    assert service.watchdog == 30
    service.ready("serving at\nhttp://127.0.0.1:8080/")
    assert manager.receive() == {"READY": "1", "STATUS": "serving at http://127.0.0.1:8080/"}
    with service.reloading(lambda: "working"):
        assert manager.receive().keys() == {"RELOADING", "MONOTONIC_USEC"}
    assert manager.receive() == {"READY": "1", "STATUS": "working"}
    service.ping(time.monotonic() - HUNG_SECONDS)  # without progress for too long: nothing is told
    service.ping()
    assert manager.receive() == {"WATCHDOG": "1"}
    service.stopping()
    assert manager.receive()["STOPPING"] == "1"


def test_A6_without_a_manager_nothing_is_told(manager: Manager) -> None:
    ServiceManager({}).ready("x")
    other = ServiceManager(manager.environ | {"WATCHDOG_USEC": "1", "WATCHDOG_PID": "1"})  # for another process
    other.ping()
    manager.socket.close()
    other.ready("x")  # nobody listens


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has such addresses")
def test_A6_the_address_may_be_abstract() -> None:
    manager = Manager(f"@feeds-test-{os.getpid()}")
    with manager.socket:
        ServiceManager(manager.environ).ready("x")
        assert manager.receive()["READY"] == "1"


@pytest.mark.parametrize("command", ["daemon", "serve"])
def test_A6_a_service_tells_its_manager_that_it_is_ready_reloads_lives_and_stops(
    wire: Wire, manager: Manager, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    wire.declare({"a": {"files": "stories/*.md"}})
    for name, value in (manager.environ | {"WATCHDOG_USEC": "60000000"}).items():
        monkeypatch.setenv(name, value)
    process = wire.fork(command, "--listen", "127.0.0.1:0")
    ready = manager.receive()
    assert ready["READY"] == "1"
    assert f"serving {wire.public} at http://127.0.0.1:" in ready["STATUS"]
    assert not ready["STATUS"].endswith(":0/")
    assert manager.receive_until("WATCHDOG")
    process.send_signal(signal.SIGHUP)
    reloading = manager.receive_until("RELOADING")
    assert int(reloading["MONOTONIC_USEC"]) > 0
    assert manager.receive_until("READY")
    process.terminate()
    assert manager.receive_until("STOPPING")
    assert process.wait(300) == 0
    process.communicate()
