"""The control socket: requests, replies, and clients that go away."""

from __future__ import annotations

import os
import socket
import stat
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import pytest

from feeds.app.control_socket import SOCKET_NAME, ControlServer, DaemonConnection, connect
from feeds.app.operations import (
    AnyRequest,
    ForgetReport,
    ForgetRequest,
    OperationIO,
    OperationProgress,
    OperationReport,
    ReloadReport,
    ReloadRequest,
    RunRequest,
)
from feeds.errors import ConfigError, FeedsError, PublishError, StoreError


class Daemon:
    """Keeps what is submitted; the test sets the reports."""

    def __init__(self) -> None:
        self.submitted = threading.Event()
        self.io = OperationIO()
        self.report: Future[OperationReport] = Future()

    def submit(self, request: AnyRequest, io: OperationIO) -> Future[OperationReport]:
        self.request, self.io = request, io
        self.submitted.set()
        return self.report


@contextmanager
def listening(directory: Path) -> Iterator[Daemon]:
    daemon = Daemon()
    with ControlServer(directory, daemon.submit, lambda text: text.replace("hunter2!", "***")):
        yield daemon


def connected(directory: Path) -> DaemonConnection:
    connection = connect(directory)
    assert connection
    return connection


def test_A8_the_socket_is_for_its_user_and_a_stale_one_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / SOCKET_NAME
    assert connect(tmp_path) is None
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(path))
    assert connect(tmp_path) is None
    with listening(tmp_path) as daemon, connected(tmp_path) as connection:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        daemon.report.set_result(ReloadReport("x"))
        assert connection.perform(ReloadRequest()) == ReloadReport("x")
    assert not path.exists()


def test_A8_a_data_directory_may_have_a_longer_path_than_a_socket(tmp_path: Path) -> None:
    directory = tmp_path / ("d" * 100) / ("e" * 100)
    directory.mkdir(parents=True)
    with listening(directory) as daemon, connected(directory) as connection:
        daemon.report.set_result(ForgetReport("a", 3, ("all.rss",)))
        assert connection.perform(ForgetRequest("a")) == ForgetReport("a", 3, ("all.rss",))


def test_A8_a_socket_that_cannot_be_made_or_opened_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / SOCKET_NAME).mkdir()
    with pytest.raises(StoreError, match=SOCKET_NAME), listening(tmp_path):
        pass
    if os.geteuid():
        folder = tmp_path / "closed"
        folder.mkdir(mode=0o000)
        with pytest.raises(StoreError, match="as the user of the daemon"):
            connect(folder)


@pytest.mark.parametrize(
    "error",
    [ConfigError(["a.yaml:1:1: wrong", "a.yaml:2:1: wrong, too"]), StoreError("a"), PublishError("b"), FeedsError("c")],
    ids=lambda error: type(error).__name__,
)
def test_A8_an_error_is_raised_where_it_is_awaited(tmp_path: Path, error: FeedsError) -> None:
    with listening(tmp_path) as daemon, connected(tmp_path) as connection:
        daemon.report.set_exception(error)
        with pytest.raises(type(error)) as raised:
            connection.perform(ReloadRequest())
        assert str(raised.value) == str(error)


def test_A8_a_fault_of_an_operation_is_logged_and_said_without_secrets(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with listening(tmp_path) as daemon, connected(tmp_path) as connection:
        daemon.report.set_exception(KeyError("a bug"))
        with pytest.raises(FeedsError, match="fault"):
            connection.perform(ReloadRequest())
    assert "a bug" in caplog.text
    with listening(tmp_path) as daemon, connected(tmp_path) as connection:
        daemon.report.set_exception(StoreError("cannot reach hunter2!"))
        with pytest.raises(StoreError, match=r"cannot reach \*\*\*"):
            connection.perform(ReloadRequest())


def test_A8_progress_comes_before_the_report(tmp_path: Path) -> None:
    seen: list[OperationProgress] = []

    def make_progress(daemon: Daemon) -> None:
        assert daemon.submitted.wait(300)
        daemon.io.progress(OperationProgress(1, 2, "visits"))

    def end_turn(progress: OperationProgress) -> None:
        seen.append(progress)
        daemon.report.set_result(ReloadReport("x"))

    with listening(tmp_path) as daemon, connected(tmp_path) as connection:
        thread = threading.Thread(target=make_progress, args=[daemon])
        thread.start()
        connection.perform(ReloadRequest(), end_turn)
        thread.join()
    assert seen == [OperationProgress(1, 2, "visits")]


def test_A8_a_command_that_ends_ends_its_turn(tmp_path: Path) -> None:
    """As Ctrl-C ends a `feeds run` that works alone."""
    with listening(tmp_path) as daemon:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(tmp_path / SOCKET_NAME))
            client.sendall(b'{"operation": "run"}\n')
            assert daemon.submitted.wait(300)
            assert daemon.request == RunRequest()
            assert not daemon.io.should_end()
        while not daemon.io.should_end():
            threading.Event().wait(0.01)
        daemon.report.set_result(ReloadReport("x"))


def test_A8_what_another_version_says_is_a_sentence(tmp_path: Path) -> None:
    with listening(tmp_path), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / SOCKET_NAME))
        client.sendall(b'{"operation": "fly"}\n')
        assert b"another version" in client.recv(10_000)


def test_A8_a_daemon_that_ends_before_it_is_done_is_a_sentence(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / SOCKET_NAME))
        server.listen()
        with connected(tmp_path) as connection:
            server.accept()[0].close()
            with pytest.raises(FeedsError, match="ended before"):
                connection.perform(ReloadRequest())
