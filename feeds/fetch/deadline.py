"""How long one visit may take: a limit for the whole of it, and one for every silence of the server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

from ..errors import FailureKind
from .problems import FetchProblem, describe_socket_error, make_stop_problem

MAX_SILENCE = 20.0  # seconds
CHUNK_SIZE = 65_536


class Deadline:
    """The time of one visit, redirects included. Every wait on a socket goes through here, so that none outlasts it.

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

    def receive(self, sock: socket.socket) -> bytes:
        """Return the next bytes of a connection; none at its end."""
        sock.settimeout(min(self.remaining(), MAX_SILENCE))
        try:
            data = sock.recv(CHUNK_SIZE)
        except TimeoutError as error:
            self.remaining()
            raise FetchProblem(FailureKind.TIMEOUT, f"sent nothing for {MAX_SILENCE:g} s") from error
        except OSError as error:
            self.remaining()
            raise describe_socket_error(error) from error
        if not data:
            self.remaining()
        return data

    def send(self, sock: socket.socket, data: bytes) -> None:
        """Send all of the data."""
        sock.settimeout(min(self.remaining(), MAX_SILENCE))
        try:
            sock.sendall(data)
        except TimeoutError as error:
            self.remaining()
            raise FetchProblem(FailureKind.TIMEOUT, f"took nothing for {MAX_SILENCE:g} s") from error
        except OSError as error:
            self.remaining()
            raise describe_socket_error(error) from error
