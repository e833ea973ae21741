"""How long one visit may take: a limit for the whole of it, and one for every silence."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

from .problems import FetchProblem, of_socket, stopped

IDLE = 20.0
CHUNK = 65_536


class Deadline:
    """The time of one visit, redirects and all. Every wait on a socket goes through here, so that none outlasts it.

    The time-out of a socket counts from each byte anew and so never ends a drip (F11); here it is cut to what is left.
    """

    __slots__ = ("_clock", "_ends", "_stopping", "seconds")

    def __init__(self, seconds: float, clock: Callable[[], float], stopping: threading.Event) -> None:
        self.seconds = seconds
        self._clock = clock
        self._stopping = stopping
        self._ends = clock() + seconds

    def left(self) -> float:
        """Seconds left, more than none; Trouble `timeout` after that, or `stopped` when all are to stop."""
        if self._stopping.is_set():
            raise stopped()
        left = self._ends - self._clock()
        if left <= 0:
            raise FetchProblem("timeout", f"was not done within {self.seconds:g} s")
        return left

    def grant(self, seconds: float) -> None:
        """Add what was waited through no fault of the server."""
        self._ends += seconds

    def receive(self, line: socket.socket) -> bytes:
        """The next bytes from a connection; none at its end."""
        line.settimeout(min(self.left(), IDLE))
        try:
            data = line.recv(CHUNK)
        except TimeoutError as error:
            self.left()
            raise FetchProblem("timeout", f"sent nothing for {IDLE:g} s") from error
        except OSError as error:
            self.left()
            raise of_socket(error) from error
        if not data:
            self.left()
        return data

    def send(self, line: socket.socket, data: bytes) -> None:
        """Send everything."""
        line.settimeout(min(self.left(), IDLE))
        try:
            line.sendall(data)
        except TimeoutError as error:
            self.left()
            raise FetchProblem("timeout", f"took nothing for {IDLE:g} s") from error
        except OSError as error:
            self.left()
            raise of_socket(error) from error
