"""What a service tells its manager, systemd or one like it, by sd_notify(3): datagrams to $NOTIFY_SOCKET."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import MutableMapping
from contextlib import suppress

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

    def reloading(self) -> None:
        """Say that the service takes an edited configuration; `ready` follows."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Say that the service ends."""
        self._send("STOPPING=1", "STATUS=stopping")

    def ping(self) -> None:
        """Say that the service is alive."""
        if self.watchdog is not None:
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
