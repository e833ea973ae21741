"""How long one visit may take, and the sockets that keep to it: a limit for the whole, and one for every silence."""

from __future__ import annotations

import errno
import socket
import ssl
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

from ..errors import FailureKind
from .problems import FetchProblem, describe_socket_error, make_stop_problem

MAX_SILENCE = 20.0  # seconds
CONNECT_TIMEOUT = 10.0  # seconds, of the TCP connection and of the TLS handshake


class OpenSockets:
    """The sockets of one fetcher. `shut_down` ends all waiting on them, in whichever thread (F38)."""

    def __init__(self) -> None:
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()

    def add(self, sock: socket.socket) -> None:
        """Add a socket, before anything is waited for on it."""
        with self._lock:
            self._sockets.add(sock)

    def shut_down(self) -> None:
        """Shut all sockets down for good; those that are added later find `stopping` set."""
        self.stopping.set()
        with self._lock:
            sockets = list(self._sockets)
        for sock in sockets:
            # Not the method of SSLSocket, which takes the TLS layer from under a thread that reads.
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)


class Deadline:
    """The time of one visit, redirects included.

    The time-out of a socket starts anew with each byte and so never ends a drip (F11); here it is cut to what is left.
    """

    __slots__ = ("_clock", "_ends", "_stopping", "seconds")

    def __init__(self, seconds: float, clock: Callable[[], float], stopping: threading.Event) -> None:
        self.seconds = seconds
        self._clock = clock
        self._stopping = stopping
        self._ends = clock() + seconds

    def remaining(self) -> float:
        """Return the seconds left, more than 0; raise FetchProblem `timeout` after that, `stopped` once all stop."""
        if self._stopping.is_set():
            raise make_stop_problem()
        seconds = self._ends - self._clock()
        if seconds <= 0:
            raise FetchProblem(FailureKind.TIMEOUT, f"was not done within {self.seconds:g} s")
        return seconds

    def extend(self, seconds: float) -> None:
        """Add the seconds of a wait that the server did not cause."""
        self._ends += seconds


class SocketState:
    """What one connection shares with its sockets and with the readers of its responses.

    `deadline` is that of the request in progress. While `reading` is unset, a read takes only what was received before.
    `surplus` is set when more was received than the response has.
    """

    __slots__ = ("deadline", "reading", "sockets", "surplus")

    def __init__(self, deadline: Deadline, sockets: OpenSockets) -> None:
        self.deadline = deadline
        self.sockets = sockets
        self.reading = True
        self.surplus = False


# The state of the connection that is being opened: ssl makes the socket of a TLS connection, and takes no arguments.
new_connection_state: ContextVar[SocketState] = ContextVar("new_connection_state")


class _DeadlineMixin(socket.socket):
    """Waits as long as the deadline of its connection allows; raises FetchProblem for every error."""

    state: SocketState

    def settimeout(self, value: float | None, /) -> None:
        """Change nothing: each wait sets its own time-out; urllib3 sets one before each request and each response."""

    def recv(self, *arguments: Any) -> Any:
        """Return the next bytes, none at the end."""
        return self._read(super().recv, *arguments)

    def recv_into(self, *arguments: Any) -> Any:
        """Receive the next bytes into a buffer, and return their number."""
        return self._read(super().recv_into, *arguments)

    def send(self, *arguments: Any) -> Any:
        """Send some of the data, and return how much."""
        return self._wait(super().send, "took nothing for {:g} s", MAX_SILENCE, *arguments)

    def sendall(self, *arguments: Any) -> Any:
        """Send all of the data."""
        return self._wait(super().sendall, "took nothing for {:g} s", MAX_SILENCE, *arguments)

    def _read(self, operation: Callable[..., Any], *arguments: Any) -> Any:
        if not self.state.reading:
            raise BlockingIOError(errno.EAGAIN, "nothing more is to be read")
        data = self._wait(operation, "sent nothing for {:g} s", MAX_SILENCE, *arguments)
        if not data:
            self.state.deadline.remaining()
        return data

    def _wait(self, operation: Callable[..., Any], timeout_problem: str, limit: float, *arguments: Any) -> Any:
        deadline = self.state.deadline
        timeout = min(deadline.remaining(), limit)
        if timeout != self.gettimeout():  # to set it is a system call, for which other threads get the interpreter lock
            super().settimeout(timeout)
        try:
            return operation(*arguments)
        except TimeoutError as error:
            deadline.remaining()
            raise FetchProblem(FailureKind.TIMEOUT, timeout_problem.format(limit)) from error
        except OSError as error:
            deadline.remaining()
            raise describe_socket_error(error) from error


class DeadlineSocket(_DeadlineMixin):
    """A TCP socket with a deadline."""

    def __init__(self, family: int, state: SocketState) -> None:
        super().__init__(family, socket.SOCK_STREAM)
        self.state = state
        state.sockets.add(self)


class DeadlineTlsSocket(_DeadlineMixin, ssl.SSLSocket):
    """A TLS socket with a deadline, for `SSLContext.sslsocket_class`.

    It takes over the descriptor of the TCP socket before the handshake, so it is the one to shut down from then on.
    """

    def do_handshake(self, block: bool = False) -> None:
        """Do the handshake, in one time-out for the whole of it, not one for each of its reads."""
        self.state = new_connection_state.get()
        self.state.sockets.add(self)
        try:
            self._wait(super().do_handshake, "did not finish the TLS handshake within {:g} s", CONNECT_TIMEOUT, block)
        except FetchProblem:
            self.close()
            raise
