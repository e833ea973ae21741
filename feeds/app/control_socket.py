"""The control socket: commands have the running daemon perform their operation.

A Unix socket in `data` with mode 0600. A client sends one request and gets replies, each a line of JSON: progress, then
the report or an error. A client that closes the connection before does not wait for the result any more.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingMixIn, UnixStreamServer
from typing import Any, Self, cast

import msgspec

from ..errors import FeedsError, StoreError
from .operations import (
    OPERATIONS,
    AnyRequest,
    OperationIO,
    OperationProgress,
    OperationReport,
    OperationRequest,
    ReportT,
)
from .process_messages import ErrorReport

log = logging.getLogger("feeds.daemon")

SOCKET_NAME = "feeds.sock"
MAX_ADDRESS = 100  # bytes: the kernels take 103 (macOS) or 107 (Linux) as the path of a socket
MAX_REQUEST = 1_000_000  # bytes
SEND_TIMEOUT = 10.0  # seconds after which a client that does not read is taken for gone
POLL_SECONDS = 0.1  # between two looks at the operation and at the client
OTHER_VERSION = "the running daemon is of another version of this program; restart it"

Submit = Callable[[AnyRequest, OperationIO], Future[OperationReport]]


class Reply(msgspec.Struct, frozen=True, omit_defaults=True):
    """One message of the daemon: one of the fields is set."""

    progress: OperationProgress | None = None
    report: dict[str, Any] | None = None
    error: ErrorReport | None = None


# ── the daemon's side ───────────────────────────────────────────────────────────────────────────────────────────────


class ControlServer:
    """Listens on the control socket and submits the requests that come; the holder of the lock has only one."""

    def __init__(self, directory: Path, submit: Submit, mask: Callable[[str], str]) -> None:
        try:
            self._server = _SocketServer(directory / SOCKET_NAME, submit, mask)
        except OSError as error:
            raise StoreError(f"{directory / SOCKET_NAME} cannot be made: {error.strerror or error}") from error

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, name="control socket", daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class _SocketServer(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 20

    def __init__(self, path: Path, submit: Submit, mask: Callable[[str], str]) -> None:
        self.path, self.submit, self.mask = path, submit, mask
        super().__init__(str(path), _Handler)

    def server_bind(self) -> None:
        self.path.unlink(missing_ok=True)  # of a daemon that was killed: the lock is ours
        with _short_path(self.path) as path:
            self.socket.bind(path)
        self.path.chmod(0o600)  # before it listens

    def server_close(self) -> None:
        super().server_close()
        self.path.unlink(missing_ok=True)


class _Handler(StreamRequestHandler):
    """Serves one connection."""

    server: _SocketServer
    timeout = SEND_TIMEOUT

    def setup(self) -> None:
        super().setup()
        self._gone = threading.Event()
        self._progress: OperationProgress | None = None

    def handle(self) -> None:
        with suppress(OSError):  # the client went
            self._send(self._reply())

    def _reply(self) -> Reply:
        try:
            request: AnyRequest = msgspec.convert(json.loads(self.rfile.readline(MAX_REQUEST)), AnyRequest)
        except ValueError:
            return Reply(error=ErrorReport.of(FeedsError(OTHER_VERSION)))
        try:
            return Reply(report=self._perform(request).members())
        except FeedsError as error:
            return Reply(error=ErrorReport.of(error, self.server.mask))
        except Exception:
            log.exception("the operation %s failed", request)
            return Reply(error=ErrorReport.of(FeedsError("a fault of this program; the log of the daemon has it")))

    def _perform(self, request: AnyRequest) -> OperationReport:
        future = self.server.submit(request, OperationIO(self._set_progress, self._gone.is_set))
        while not future.done():
            # A client sends nothing after its request: there is something to read when it has closed.
            if self._gone.is_set() or wait([self.connection], POLL_SECONDS):
                self._gone.set()
                return future.result()
            progress, self._progress = self._progress, None
            if progress:
                self._send(Reply(progress=progress))
        return future.result()

    def _set_progress(self, progress: OperationProgress) -> None:
        self._progress = progress  # sent by the thread of the connection: a slow client must not delay a turn

    def _send(self, reply: Reply) -> None:
        try:
            self.wfile.write(_encode(reply))
        except OSError:
            self._gone.set()
            raise


# ── the command's side ──────────────────────────────────────────────────────────────────────────────────────────────


class DaemonConnection:
    """A connection to the running daemon, for one operation."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._connection.close()

    def perform(
        self, request: OperationRequest[ReportT], progress: Callable[[OperationProgress], None] = lambda progress: None
    ) -> ReportT:
        """Have the daemon perform an operation; return its report, or raise its error."""
        with suppress(OSError):
            self._connection.sendall(_encode(request))
        for reply in self._replies():
            if reply.error:
                raise reply.error.to_error()
            if reply.report is not None:
                return cast(ReportT, msgspec.convert(reply.report, OPERATIONS[type(request)].report))
            if reply.progress:
                progress(reply.progress)
        raise FeedsError("the daemon ended before it was done")

    def _replies(self) -> Iterator[Reply]:
        with self._connection.makefile("rb") as lines, suppress(ConnectionError):
            for line in lines:
                yield msgspec.convert(json.loads(line), Reply)


def connect(directory: Path) -> DaemonConnection | None:
    """Return a connection to the daemon that works on a data directory; None when none listens."""
    path = directory / SOCKET_NAME
    connection = socket.socket(socket.AF_UNIX)
    try:
        with _short_path(path) as address:
            connection.connect(address)
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        return None
    except OSError as error:
        connection.close()
        raise StoreError(
            f"{path} cannot be opened: {error.strerror or error}; run this as the user of the daemon"
        ) from error
    return DaemonConnection(connection)


# ── both sides ──────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _short_path(path: Path) -> Iterator[str]:
    """Yield a path that a socket can have: of one that is too long, a link to its folder makes a shorter one."""
    if len(os.fsencode(path)) <= MAX_ADDRESS:
        yield str(path)
        return
    with tempfile.TemporaryDirectory(prefix="feeds") as folder:
        link = Path(folder, "data")
        link.symlink_to(path.parent.absolute())
        yield str(link / path.name)


def _encode(value: msgspec.Struct) -> bytes:
    # The standard library's JSON: arguments of a command line and sentences may hold lone surrogates.
    return json.dumps(msgspec.to_builtins(value)).encode("ascii") + b"\n"
