"""What a service tells its manager, systemd or one like it, by sd_notify(3): datagrams to $NOTIFY_SOCKET."""

from __future__ import annotations

import math
import os
import socket
import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager, suppress

HUNG_SECONDS = 60.0  # without progress, after which the manager is told nothing any more
VARIABLES = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


class ServiceManager:
    """The service manager of this process; one that there is none of hears nothing.

    Takes its variables out of the environment, so that child processes do not speak for this one. `watchdog` is the
    longest time between two calls of `ping` in seconds, None when it does not care.
    """

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        address, watchdog, pid = (environ.pop(name, "") for name in VARIABLES)
        self._address = "\0" + address[1:] if address.startswith("@") else address
        is_watched = watchdog.isdecimal() and pid in ("", str(os.getpid()))
        self.watchdog = int(watchdog) / 1_000_000 if is_watched else None

    def ready(self, status: str) -> None:
        """Say that the service does its work, at the start and after a reload."""
        self._send("READY=1", f"STATUS={status}")

    @contextmanager
    def reloading(self, status: Callable[[], str]) -> Iterator[None]:
        """Say that the service takes an edited configuration while inside, and then that it is ready."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            yield
        finally:
            self.ready(status())

    def stopping(self) -> None:
        """Say that the service ends."""
        self._send("STOPPING=1", "STATUS=stopping")

    @property
    def ping_seconds(self) -> float:
        """The longest pause between two pings that leaves time for a late one."""
        return math.inf if self.watchdog is None else self.watchdog / 3

    def ping(self, progress_at: float = math.inf) -> None:
        """Say that the service is alive, unless its last progress (monotonic clock) is too long ago."""
        if self.watchdog is not None and time.monotonic() < progress_at + HUNG_SECONDS:
            self._send("WATCHDOG=1")

    def status(self, status: str) -> None:
        """Say what the service does, for people."""
        self._send(f"STATUS={status}")

    def _send(self, *lines: str) -> None:
        if not self._address:
            return
        # A manager that does not listen must not disturb the service.
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
            channel.sendto("\n".join(line.replace("\n", " ") for line in lines).encode(), self._address)
