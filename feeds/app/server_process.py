"""The server process: all inbound HTTP, beside a daemon or beside cron; and its supervision by the daemon."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from datetime import datetime
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from subprocess import DEVNULL, Popen, TimeoutExpired
from typing import Self
from urllib.parse import urlsplit

import msgspec

from .. import config as configuration
from ..cores import allow_all_cores
from ..errors import FeedsError, LockedError, StoreError
from ..fetch import OutboundClient
from ..model import Config
from ..push.outbox_follower import OutboxFollower
from ..serve import (
    NO_SERVICES,
    ASGIApp,
    Endpoint,
    LiveStreams,
    PublishedElsewhere,
    ReplaceableApp,
    Services,
    Traffic,
    create_app,
    run,
)
from ..store import EVENTS, REQUESTS, ServerDatabase, StoreReader, open_announcements
from ..store.lock import hold_lock
from .health import HealthMonitor
from .hub import HubService
from .process_messages import ServerMessage
from .published_documents import open_documents
from .site_search import SiteSearch
from .source_hubs import SourceHubs
from .subscribers import PushSubscribers

log = logging.getLogger("feeds.server")

HostPort = tuple[str, int]

BOOTSTRAP = "import sys; sys.path[:] = {path!r}; from feeds.__main__ import main; main()"
STOP_SECONDS = 3.0  # that the process may take to stop before it is killed
LOCK_PATIENCE = 3.0  # seconds in which another server on the same data may end
HEAR_SECONDS = 1.0  # in which a thread that waits for announcements notices that it is to stop
BEAT_SECONDS = 5.0  # between two signs of life of the server
HUNG_SECONDS = 60.0  # without one, after which it is killed
# A process that dies is started again, after a pause that doubles; one that died so often in so many seconds is not.
RESTART_PAUSE = 0.5
MAX_DEATHS, DEATHS_WINDOW = 5, 300.0


def format_address(address: HostPort) -> str:
    """Return HOST:PORT, with brackets around an IPv6 address."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


# ── in the server process ───────────────────────────────────────────────────────────────────────────────────────────


class FileServer:
    """Serves the published files of one installation, beside a daemon, beside cron or alone.

    Raises ConfigError for a wrong configuration.
    """

    def __init__(
        self, config_path: Path, listen: HostPort | None, now: Callable[[], datetime], *, beside_daemon: bool = False
    ) -> None:
        self.config = configuration.load(config_path, os.environ)
        self._address = listen or self.config.server.listen
        self._outbound = OutboundClient(self.config.site, self.config.server.allow_private)
        self._reader = StoreReader(self.config.database)
        self._monitor = HealthMonitor(lambda: self.config, self._reader, now, beside_daemon=beside_daemon)
        self._live = LiveStreams(self._reader.events, self._reader.event_range, self.config.server.trusted_proxies)
        self._database = self._index = ServerDatabase(self.config.server_database)
        if self.config.store:  # the index of each server is its own
            self._index = ServerDatabase(self.config.search_database)
        documents = open_documents(self.config.public, self._reader.feed_ids)
        self._hub = HubService(lambda: self.config, self._reader, self._database, self._outbound.send, now, documents)
        self._source_hubs = SourceHubs(lambda: self.config, self._reader, self._database, now)
        self._subscribers = PushSubscribers(lambda: self.config, self._reader, self._database, now, documents)
        self._search = SiteSearch(lambda: self.config, self._reader, self._index)
        listeners = (
            self._live.publish,
            self._hub.worker.publish,
            self._subscribers.wake,
            self._source_hubs.subscriber.publish,
            self._search.filler.publish,
        )
        self._follower = OutboxFollower(self._reader, *listeners)
        self._announcements = open_announcements(self.config.database)
        self._now = now
        self._traffic = Traffic()
        self._app = ReplaceableApp(self._create_app())

    def run(self, on_bound: Callable[[HostPort], None], stop: threading.Event, on_beat: Callable[[], None]) -> None:
        """Serve until told to stop. `on_bound` is called with the address once it is bound, `on_beat` all the time.

        Raise LockedError when another server runs on the same data, and does not end soon.
        """

        def should_stop() -> bool:
            on_beat()
            return stop.is_set()

        host, _ = self._address
        work = {"health": self._monitor.run, "outbox": self._follower.run}
        work |= {"hub": self._hub.worker.run, "push": self._subscribers.run}
        work |= {"subscriber": self._source_hubs.subscriber.run, "search": self._search.filler.run}
        if self._announcements:
            work["announcements"] = self._hear
        with (
            self._reader,
            _hold_server_lock(self.config.data, stop),
            self._open_database(),
            closing(self._outbound),
            closing(self._source_hubs),
            self._subscribers,
            self._serve_admin(stop),
        ):
            self._monitor.check()
            self._follower.poll()  # before a client asks
            for name, function in work.items():
                threading.Thread(target=function, args=[stop], name=name, daemon=True).start()
            run(
                self._app,
                self._address,
                on_ready=lambda port: on_bound((host, port)),
                should_stop=should_stop,
                trusted_proxies=self.config.server.trusted_proxies,
            )

    @contextmanager
    def _serve_admin(self, stop: threading.Event) -> Iterator[None]:
        """Serve the operator's site too, if it has an address."""
        address = self.config.server.admin
        if address is None:
            yield
            return
        from .admin_server import AdminServer, ServerParts  # with the library of the metrics, and templates
        from .metrics import DeliveryCounts

        def deliveries() -> Sequence[DeliveryCounts]:
            with suppress(StoreError):  # the log tells of it
                return [
                    DeliveryCounts("hub", *self._hub.counts(), self._hub.count_by_feed()),
                    DeliveryCounts("web_push", *self._subscribers.counts(), self._subscribers.count_by_feed()),
                ]
            return ()

        parts = ServerParts(
            lambda: self.config, self._now, self._monitor, self._reader, self._live, self._traffic, deliveries
        )
        with AdminServer(parts).serve(address, stop) as port:
            # With the logger that tells what a daemon does without -v, too.
            place = format_address((address[0], port))
            logging.getLogger("feeds.daemon").info("the operator's page is at http://%s/", place)
            yield

    def reload(self) -> None:
        """Take the edited configuration; raise ConfigError where it is wrong, or what is served cannot change."""
        self.config = configuration.reload(self.config, os.environ)
        self._app.replace(self._create_app())

    def _hear(self, stop: threading.Event) -> None:
        """Look at once at what other processes announce; without that, it is looked for now and then."""
        assert self._announcements
        with closing(self._announcements) as announcements:
            while not stop.is_set():
                subjects = announcements.wait(HEAR_SECONDS)
                if EVENTS in subjects:
                    self._follower.wake()
                if REQUESTS in subjects:
                    self._hub.worker.wake()

    @contextmanager
    def _open_database(self) -> Iterator[None]:
        """Open the server's database; files are served, too, beside one that cannot be opened."""
        with ExitStack() as stack:
            for database in dict.fromkeys((self._database, self._index)):
                stack.enter_context(closing(database))
                try:
                    database.open()
                except StoreError as error:
                    log.error("no subscription and no search is served: %s", error)
            yield

    def endpoints(self) -> Mapping[str, Endpoint]:
        """Return what is served beside the files: first part of the path → what answers there."""
        endpoints = {**self._hub.endpoints(), **self._source_hubs.endpoints(), **self._search.endpoint.endpoints()}
        endpoints["push"] = self._subscribers.routes().respond
        return endpoints

    def _create_app(self) -> ASGIApp:
        services = Services(self._live, self.endpoints(), self._hub.feed_links())
        app = create_server_app(self.config, self._reader, self._monitor.is_healthy, services)
        return self._traffic.count(app) if self.config.server.admin else app


@contextmanager
def _hold_server_lock(directory: Path, stop: threading.Event) -> Iterator[None]:
    """Hold the lock; the server of a daemon that was killed needs a moment to end."""
    patience_ends = time.monotonic() + LOCK_PATIENCE
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(hold_lock(directory, "server.lock"))
                break
            except LockedError:
                if time.monotonic() > patience_ends or stop.wait(0.1):
                    raise
        yield


def create_server_app(
    config: Config,
    reader: StoreReader | None = None,
    is_healthy: Callable[[], bool] = lambda: True,
    services: Services = NO_SERVICES,
) -> ASGIApp:
    """Return the ASGI application for a configuration."""
    reader = reader or StoreReader(config.database)
    return create_app(
        config.public if isinstance(config.public, Path) else PublishedElsewhere(config.site.url, reader.feed_ids),
        withdrawn_feeds=reader.withdrawn_feeds,
        is_healthy=is_healthy,
        base_path=urlsplit(config.site.url).path,
        services=services,
        trusted_proxies=config.server.trusted_proxies,
    )


class DaemonLink:
    """The connection of a server process to its daemon."""

    def __init__(self, descriptor: int) -> None:
        self._connection = Connection(descriptor)
        self._beat_at = 0.0

    def send(self, message: ServerMessage) -> None:
        """Send a message, unless the daemon has ended."""
        with suppress(OSError):
            self._connection.send_bytes(msgspec.json.encode(message))

    def beat(self) -> None:
        """Tell now and then that this process lives."""
        if time.monotonic() - self._beat_at >= BEAT_SECONDS:
            self._beat_at = time.monotonic()
            self.send(ServerMessage())

    def wait_for_end(self) -> None:
        """Wait for the end of the daemon; one that is killed sends no signal, but the connection is closed."""
        with suppress(EOFError, OSError):
            self._connection.recv_bytes()


# ── in the daemon ───────────────────────────────────────────────────────────────────────────────────────────────────


class ServerProcess:
    """The server as a child process, which is started again when it dies.

    `arguments` are those of `feeds`, with which the child serves. `on_failure` is called when it keeps dying.
    """

    def __init__(self, arguments: Sequence[str], on_failure: Callable[[FeedsError], None]) -> None:
        self._arguments = arguments
        self._on_failure = on_failure
        self._starting = threading.Lock()
        self._closing = threading.Event()
        self._decided = threading.Event()  # whether the address could be bound
        self._has_refused = False  # it said itself why it cannot serve
        self._process: Popen[bytes] | None = None
        self._deaths: list[float] = []
        self._thread = threading.Thread(target=self._supervise, name="server", daemon=True)
        self.address: HostPort | None = None
        self.error: FeedsError | None = None  # why it ended last

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        with self._starting:
            self._closing.set()
        if self._process:
            self._process.terminate()
            self._thread.join(STOP_SECONDS)
            self._process.kill()
        self._thread.join()

    @property
    def pid(self) -> int | None:
        """Return the number of the process, None before the first start."""
        return self._process.pid if self._process else None

    @property
    def is_supervised(self) -> bool:
        """Return whether the process runs, or will be started again."""
        return self._thread.is_alive()

    def wait_until_bound(self, stop: threading.Event) -> HostPort | None:
        """Return the address once it is bound, None when told to stop before; raise why it cannot be bound."""
        while not self._decided.wait(0.05):
            if stop.is_set():
                return None
        if self.address is None and self.error:
            raise self.error
        return self.address

    def reload(self) -> None:
        """Make the process take the edited configuration."""
        if self._process and self.address:
            self._process.send_signal(signal.SIGHUP)

    def _supervise(self) -> None:
        while (error := self._run_once()) and not self._closing.is_set():
            self.error = error
            if self._has_refused and self.address is None:
                break
            now = time.monotonic()
            self._deaths = [*(at for at in self._deaths if now - at < DEATHS_WINDOW), now]
            if len(self._deaths) >= MAX_DEATHS:
                self._on_failure(FeedsError(f"{error}, as {MAX_DEATHS} times within {DEATHS_WINDOW / 60:g} minutes"))
                break
            pause = RESTART_PAUSE * 2 ** len(self._deaths)
            log.error("%s; it is started again in %g s", error, pause)
            self._closing.wait(pause)
        self._decided.set()

    def _run_once(self) -> FeedsError | None:
        """Run the process until it ends; return why it did, None when it is not to be started."""
        try:
            ours, theirs = Pipe()
            with theirs, self._starting:
                if self._closing.is_set():
                    return None
                self._process = process = self._start(theirs.fileno())
        except OSError as error:
            return FeedsError(f"the server process cannot be started: {error}")
        with ours:
            reported = self._read_messages(ours)
        try:
            code = process.wait(STOP_SECONDS)
        except TimeoutExpired:
            process.kill()
            code = process.wait()
        reason = signal.strsignal(-code) if code < 0 else f"exit code {code}"
        return reported or FeedsError(f"the server process ended ({reason})")

    def _start(self, descriptor: int) -> Popen[bytes]:
        """Start a process in a session of its own: what a terminal sends to all is for the daemon."""
        address = ["--listen", format_address(self.address)] if self.address else []  # the same after a restart
        command = [sys.executable, "-c", BOOTSTRAP.format(path=sys.path), *self._arguments, *address]
        command += ["--supervised", str(descriptor)]
        process = Popen(command, stdin=DEVNULL, pass_fds=[descriptor], start_new_session=True)
        allow_all_cores(process.pid)
        return process

    def _read_messages(self, connection: Connection) -> FeedsError | None:
        """Read what the process tells until it ends or is silent for too long; return the error that it told."""
        error: FeedsError | None = None
        with suppress(EOFError, OSError):
            while connection.poll(HUNG_SECONDS):
                message = msgspec.json.decode(connection.recv_bytes(), type=ServerMessage)
                if message.address:
                    self.address = message.address
                    self._decided.set()
                if message.error:
                    error, self._has_refused = message.error.to_error(), True
            return FeedsError(f"the server gave no sign of life for {HUNG_SECONDS:g} s")
        return error
