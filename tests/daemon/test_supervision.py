"""What a daemon does when a part of it dies."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from origin import Origin
from wire import Wire, document, until

from feeds.app import App, Turn, publisher, server_process
from feeds.app.health import read_state
from feeds.app.server_process import FileServer, HostPort, ServerProcess
from feeds.daemon import loop, watch
from feeds.daemon.loop import Daemon, Reporter
from feeds.daemon.service_manager import ServiceManager
from feeds.daemon.signals import Service
from feeds.errors import ConfigError, FeedsError, LockedError, StoreError
from feeds.store.lock import hold_lock

BOUND = 'connection.send_bytes(b\'{"address": ["127.0.0.1", 9]}\')'


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that sets what the child process does."""
    monkeypatch.setattr(server_process, "RESTART_PAUSE", 0.01)

    def set_program(program: str) -> None:
        head = "import sys, time\nfrom multiprocessing.connection import Connection\n"
        program = f"{head}connection = Connection(int(sys.argv[-1]))\n{program}"
        monkeypatch.setattr(server_process, "BOOTSTRAP", program.replace("{", "{{").replace("}", "}}"))

    return set_program


def test_A6_a_server_that_keeps_dying_is_started_again_some_times(
    child: Callable[[str], None], caplog: pytest.LogCaptureFixture
) -> None:
    failures: list[BaseException] = []
    child(f"{BOUND}; sys.exit(7)")
    with ServerProcess(["serve"], failures.append) as server:
        assert server.wait_until_bound(threading.Event()) == ("127.0.0.1", 9)
        until(lambda: failures)
    assert caplog.text.count("started again") == server_process.MAX_DEATHS - 1
    assert "exit code 7" in str(failures[0])


def test_A6_a_server_that_hangs_is_killed_and_started_again(
    child: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_process, "HUNG_SECONDS", 2.0)
    monkeypatch.setattr(server_process, "STOP_SECONDS", 0.1)
    child(f"{BOUND}; time.sleep(600)")
    with ServerProcess(["serve"], lambda error: None) as server:
        until(lambda: server.error)
        assert "no sign of life" in str(server.error)


def test_A6_a_server_that_cannot_begin_says_why(child: Callable[[str], None]) -> None:
    child('connection.send_bytes(b\'{"error": {"kind": "LockedError", "lines": ["in use"]}}\')')
    with ServerProcess(["serve"], lambda error: None) as server, pytest.raises(LockedError, match="in use"):
        server.wait_until_bound(threading.Event())


def test_A6_a_server_that_cannot_be_started_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_process, "RESTART_PAUSE", 0.01)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    failures: list[BaseException] = []
    with ServerProcess(["serve"], failures.append) as server, pytest.raises(FeedsError, match="cannot be started"):
        server.wait_until_bound(threading.Event())
    assert len(failures) == 1


def test_A6_a_killed_server_serves_again_at_the_same_address(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_process, "RESTART_PAUSE", 0.01)
    wire.declare({})
    wire.public.mkdir()
    (wire.public / "all.rss").write_bytes(b"<rss/>")
    arguments = ["--config", str(wire.config), "serve", "--listen", "127.0.0.1:0"]
    with ServerProcess(arguments, lambda error: None) as server:
        address = server.wait_until_bound(threading.Event())
        assert address and address[1] != 0

        def is_served() -> bool:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{address[1]}/all.rss") as response:
                    return response.read() == b"<rss/>"
            except OSError:
                return False

        assert is_served()
        os.kill(server.pid or 0, signal.SIGKILL)
        until(lambda: server.error)
        until(is_served)
        assert server.address == address


@pytest.mark.parametrize("is_locked", [False, True], ids=["port in use", "server.lock held"])
def test_A6_a_daemon_that_cannot_serve_ends_with_one_sentence(wire: Wire, is_locked: bool) -> None:
    wire.declare({"a": {"files": "stories/*.md"}})
    (wire.home / "data").mkdir()
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        if is_locked:
            with hold_lock(wire.home / "data", "server.lock"):
                ended = wire.command("daemon", "--listen", "127.0.0.1:0")
        else:
            ended = wire.command("daemon", "--listen", f"127.0.0.1:{port}")
    (line,) = ended.stderr.splitlines()
    assert str(os.getpid() if is_locked else port) in line
    assert ended.returncode == (3 if is_locked else 1)
    assert "serving" not in ended.stderr


def test_F8_files_are_served_beside_a_damaged_database_of_the_server(
    wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    wire.declare({})
    wire.public.mkdir()
    (wire.public / "all.rss").write_bytes(b"<rss/>")
    (wire.home / "data").mkdir()
    (wire.home / "data" / "server.db").write_bytes(b"no database" * 999)
    server, stop, bodies = FileServer(wire.config, ("127.0.0.1", 0), lambda: wire.now), threading.Event(), []

    def read(address: HostPort) -> None:
        with urllib.request.urlopen(f"http://127.0.0.1:{address[1]}/all.rss") as response:
            bodies.append(response.read())
        stop.set()

    server.run(lambda address: threading.Thread(target=read, args=[address]).start(), stop, lambda: None)
    assert bodies == [b"<rss/>"]
    assert "no subscription and no search is served: " in caplog.text
    assert "server.db: the file is not a database" in caplog.text


def test_A7_a_server_takes_what_can_change_while_it_serves(wire: Wire) -> None:
    wire.declare({})
    server = FileServer(wire.config, None, lambda: wire.now)
    wire.declare({}, site={"title": "Wire", "url": "https://other.example/"})
    server.reload()
    assert server.config.site.url == "https://other.example/"
    wire.declare({}, public="../elsewhere")
    with pytest.raises(ConfigError, match="`public` cannot change without a restart"):
        server.reload()
    assert server.config.public == wire.public


# ── a daemon in this process ────────────────────────────────────────────────────────────────────────────────────────


class Server:
    """Stands for a server process that lives."""

    address: HostPort = "127.0.0.1", 9
    error: FeedsError | None = None
    is_supervised = True

    def reload(self) -> None: ...


class Running:
    """A daemon that runs in a thread."""

    def __init__(self, app: App) -> None:
        self.turns: list[Turn] = []
        self.service = Service(lambda: None)
        reporter = Reporter(
            lambda app, address: None, lambda turn: None, lambda app, turn: self.turns.append(turn), str
        )
        self.daemon = Daemon(app, self.service, Server(), ServiceManager({}), reporter)  # type: ignore[arg-type]
        self.thread = threading.Thread(target=self.daemon.run)
        self.thread.start()


@contextmanager
def running(app: App) -> Iterator[Running]:
    with app:
        daemon = Running(app)
        try:
            yield daemon
        finally:
            daemon.service.stop.set()
            daemon.thread.join(300)
            assert not daemon.thread.is_alive()


class FailingApp(App):
    """Its turns raise these errors first, and work after them."""

    errors: list[BaseException]

    def turn(self, *arguments: object, **options: object) -> Turn:
        if self.errors:
            raise self.errors.pop()
        return super().turn(*arguments, **options)  # type: ignore[arg-type]


@pytest.fixture
def failing(wire: Wire) -> Callable[..., FailingApp]:
    def open_app(*errors: BaseException) -> FailingApp:
        wire.declare({})
        app = FailingApp(wire.config)
        app.errors = list(errors)
        return app

    return open_app


def test_A6_a_fault_of_this_program_ends_the_daemon(
    failing: Callable[..., FailingApp], caplog: pytest.LogCaptureFixture
) -> None:
    with running(failing(KeyError("a bug"))) as daemon:
        assert daemon.service.stop.wait(300)
    assert isinstance(daemon.service.error, FeedsError)
    assert "a bug" in str(daemon.service.error)
    assert "Traceback" in caplog.text


def test_A6_a_store_that_refuses_is_tried_again_and_told(
    wire: Wire, failing: Callable[..., FailingApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "CHECK_SECONDS", 0.01)
    monkeypatch.setattr(loop, "RETRY_SECONDS", 1.0)

    def turn_error() -> str:
        state = read_state(wire.home / "data")
        assert state and state.is_daemon
        return state.turn_error

    with running(failing(StoreError("the disk is full"))) as daemon:
        until(lambda: turn_error() == "the disk is full")
        assert not daemon.turns
        until(lambda: daemon.turns)
        until(lambda: turn_error() == "")
    state = read_state(wire.home / "data")
    assert state and not state.is_daemon


def test_A6_a_file_that_cannot_be_published_delays_no_turn_and_is_logged_once(
    wire: Wire, origin: Origin, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(publisher, "MAX_PAUSE_SECONDS", 0.01)
    wire.declare({"a": origin.put("/a", document())})
    (wire.public / "all.rss").mkdir(parents=True)
    with running(App(wire.config)) as daemon:
        until(lambda: sum(len(turn.publish_errors) for turn in daemon.turns) >= 3)
        assert sum(turn.articles for turn in daemon.turns) == 4
    assert caplog.text.count("a folder stands where the file belongs") == 1


def test_F34_a_story_saved_before_its_folder_is_watched_is_visited(
    wire: Wire, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "FOLDER_CHECK", 20)
    stories = wire.config.parent / "stories"
    stories.mkdir(parents=True)
    wire.declare({"desk": {"files": "stories/*.md", "every": "10h"}, "a": origin.put("/a", document())})
    with wire.app() as app:
        assert app.turn().visits == 2
        assert app.turn().visits == 0
        stop = threading.Event()
        thread = threading.Thread(target=watch.watch_stories, args=[app, app.wake, stop])
        thread.start()
        until(lambda: app.turn().visits == 1)
        stop.set()
        thread.join(300)


def test_A6_a_folder_that_cannot_be_watched_is_told_and_tried_again(
    wire: Wire, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(watch, "FOLDER_CHECK", 20)
    monkeypatch.setattr(watch, "RETRY_SECONDS", 0.01)
    folder = wire.home / "none"
    stop, changes = threading.Event(), threading.Event()
    thread = threading.Thread(target=watch.watch_config, args=[folder / "feeds.yaml", stop, changes.set])
    thread.start()
    until(lambda: "cannot watch the configuration" in caplog.text)
    folder.mkdir()
    assert changes.wait(300)
    stop.set()
    thread.join(300)
