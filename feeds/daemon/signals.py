"""Signals of the commands that run until they are stopped.

The main thread does nothing but handle them. The work is done in another thread, where no import and no long statement
of the database delays a signal. This module is loaded before all else, so it imports nothing of ours.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger("feeds.daemon")

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
SIGNALS = (*STOP_SIGNALS, signal.SIGHUP)
STOP_SECONDS = 4.5  # after which the process ends although its work has not
WAKE_UP = b"\0"  # no number of a signal


class Service:
    """What a service is told: to stop, to reload; and what it tells: that it failed, that its work has ended."""

    def __init__(self, wake: Callable[[], object]) -> None:
        self.stop = threading.Event()
        self.reload = threading.Event()
        self.ended = threading.Event()
        self.error: BaseException | None = None
        self._wake = wake

    def fail(self, error: BaseException) -> None:
        """Stop; `run_service` raises the first error of a service in the end."""
        self.error = self.error or error
        self.stop.set()
        if not self.ended.is_set():
            self._wake()

    def do(self, work: Callable[[Service], None]) -> None:
        """Do the work."""
        try:
            work(self)
        except BaseException as error:  # noqa: BLE001 - raised in the main thread
            self.fail(error)
        self.ended.set()
        self._wake()


def release_signals() -> None:
    """Let the signals act that were held since the first line of the program."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def run_service(work: Callable[[Service], None]) -> None:
    """Do the work in a thread, which ends soon after `stop` is set; raise what it raises.

    SIGTERM and SIGINT set `stop`, SIGHUP sets `reload`. A process that does not stop in time exits.
    """
    with _wake_up_pipe() as (reader, writer):
        service = Service(lambda: os.write(writer, WAKE_UP))
        thread = threading.Thread(target=service.do, args=[work], name="service", daemon=True)
        thread.start()
        _handle_signals(reader, service)
        thread.join()
    if service.error:
        raise service.error


@contextmanager
def _wake_up_pipe() -> Iterator[tuple[int, int]]:
    """Yield the ends of a pipe to which each signal writes its number, whatever thread the system gives it to."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = {number: signal.signal(number, lambda number, frame: None) for number in SIGNALS}
    pipe_before = signal.set_wakeup_fd(writer)
    release_signals()
    try:
        yield reader, writer
    finally:
        signal.set_wakeup_fd(pipe_before)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reader)
        os.close(writer)


def _handle_signals(reader: int, service: Service) -> None:
    """Handle signals until the work has ended; exit when it does not end in time."""
    deadline = None
    while not service.ended.is_set():
        if service.stop.is_set():
            deadline = deadline or time.monotonic() + STOP_SECONDS
        if not select.select([reader], [], [], deadline and max(0.0, deadline - time.monotonic()))[0]:
            _exit(service)
        for number in os.read(reader, 1000):
            if number in STOP_SIGNALS:
                service.stop.set()
            elif number == signal.SIGHUP:
                service.reload.set()


def _exit(service: Service) -> None:
    """End the process although a thread still works: what it does is completed at the next start."""
    log.warning("the work in progress did not end within %g s; the next start completes it", STOP_SECONDS)
    if service.error:
        sys.stderr.write(f"Error: {service.error}\n")
    sys.stderr.flush()
    os._exit(1 if service.error else 0)
