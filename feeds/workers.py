"""Runs a module-level function in a process that can be killed, with limits on its time and its memory (S11, S15).

Plain child processes over pipes, because `multiprocessing` runs the caller's main script again in every child (a script
without a `__main__` guard fails) and leaves a tracker process behind, and its pool breaks whole when a worker is killed.
"""

from __future__ import annotations

import math
import os
import pickle
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
from subprocess import DEVNULL, Popen, TimeoutExpired
from typing import TypeVar, TypeVarTuple, cast

from .errors import ParseError, SourceError
from .model import Fetched

Answer = TypeVar("Answer")
Given = TypeVarTuple("Given")

BOOT = "import sys; sys.path[:] = {path!r}; from feeds.workers import Limits, serve; serve({descriptor}, {limits!r})"
EXHAUSTED = 77  # exit code of a worker that was refused memory
GRACE = 0.5  # seconds to leave of one's own accord
# The parent ends its workers, by closing the pipe or by killing: what is sent to all processes at once is not for them.
DEAF_TO = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call may use: seconds of CPU, seconds in all, bytes of memory (macOS cannot hold a process to that).

    A worker makes way for a fresh one after `calls`, and is ended after `idle` seconds without any.
    """

    cpu: float = 10.0
    wall: float = 20.0
    memory: int = 1_000_000_000
    calls: int = 200
    idle: float = 60.0


class Workers:
    """Up to `most` worker processes, started when needed and used again; safe to call from many threads."""

    def __init__(self, limits: Limits = Limits(), most: int = 2) -> None:
        self._limits = limits
        self._turns = threading.BoundedSemaphore(most)
        self._lock = threading.Lock()
        self._busy: set[_Worker] = set()
        self._idle: list[_Worker] = []
        self._closed = False

    def run(self, function: Callable[[*Given], Answer], *given: *Given) -> Answer:
        """What a module-level function makes of picklable arguments; waits until a worker is free.

        Raises the function's own SourceErrors; ParseError of kind `timeout`, `too_large` or `crashed` when the worker
        did not survive, `stopped` once closed; RuntimeError, with the worker's trace, for any other exception.
        """
        call = pickle.dumps((function, given), pickle.HIGHEST_PROTOCOL)
        with self._turns:
            worker = self._taken()
            try:
                return cast(Answer, worker.ask(call))
            finally:
                self._given_back(worker)

    def close(self) -> None:
        """End all workers now, whatever they are at."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            for worker in self._busy:
                worker.stop()
        for worker in idle:
            worker.dismiss()
        for worker in idle:
            worker.end()

    def _taken(self) -> _Worker:
        with self._lock:
            if self._closed:
                raise _stopped()
            worker = self._idle.pop() if self._idle else _Worker(self._limits)
            if not worker.wakes():
                worker.end()
                worker = _Worker(self._limits)
            self._busy.add(worker)
            return worker

    def _given_back(self, worker: _Worker) -> None:
        with self._lock:
            self._busy.discard(worker)
            if worker.calls < self._limits.calls and worker.alive and not self._closed:
                self._idle.append(worker)
                worker.rests(self._retire)
                return
        worker.end()

    def _retire(self, worker: _Worker) -> None:
        with self._lock:
            if worker not in self._idle:
                return
            self._idle.remove(worker)
        worker.end()


class _Worker:
    """The parent's end of one worker process."""

    def __init__(self, limits: Limits) -> None:
        self.calls = 0
        self._limits = limits
        self._stopped = False
        self._rest: threading.Timer | None = None
        self._pipe, theirs = Pipe()
        with theirs:
            self._process = _started(theirs.fileno(), limits)

    @property
    def alive(self) -> bool:
        """Whether it can be asked again."""
        return self._process.poll() is None

    def ask(self, call: bytes) -> object:
        """What the function answers or raises; a ParseError when the process does not live to tell."""
        self.calls += 1
        try:
            self._pipe.send_bytes(call)
            if not self._pipe.poll(self._limits.wall):
                self._process.kill()
                raise _too_slow(self._limits.wall)
            worked, answer = pickle.loads(self._pipe.recv_bytes())
        except (EOFError, OSError):
            code = self._left()
            raise _stopped() if self._stopped else _death(code, self._limits) from None
        if not worked:
            raise answer
        return answer

    def rests(self, then: Callable[[_Worker], None]) -> None:
        """Wait for the next call, or for `then` after a while without any."""
        self._rest = threading.Timer(self._limits.idle, then, (self,))
        self._rest.daemon = True
        self._rest.start()

    def wakes(self) -> bool:
        """Stop resting; whether it still can."""
        if self._rest:
            self._rest.cancel()
        return self.alive

    def stop(self) -> None:
        """Kill it, and let whoever waits for its answer know that this was meant."""
        self._stopped = True
        self._process.kill()

    def dismiss(self) -> None:
        """Tell it to leave; it can be asked no more."""
        if self._rest:
            self._rest.cancel()
        self._pipe.close()

    def end(self) -> None:
        """See it gone."""
        self.dismiss()
        self._left()

    def _left(self) -> int:
        """Its exit code, once it has left; it does not get long to do so."""
        try:
            return self._process.wait(GRACE)
        except TimeoutExpired:
            self._process.kill()
            return self._process.wait()


def _started(descriptor: int, limits: Limits) -> Popen[bytes]:
    boot = BOOT.format(path=sys.path, descriptor=descriptor, limits=limits)
    command = [sys.executable, "-c", boot]
    try:
        # Neither the terminal's signals nor any file of ours but the one end of the pipe.
        return Popen(command, stdin=DEVNULL, stdout=DEVNULL, pass_fds=[descriptor], start_new_session=True)
    except OSError as error:
        raise ParseError(f"No process could be started to read the document: {error}.", kind="crashed") from error


# ── what came of a call that did not come back ──────────────────────────────────────────────────────────────────────


def _death(code: int, limits: Limits) -> ParseError:
    """What an exit code means: the limits end a process by a signal, and so does the system when memory runs out."""
    match code:
        case _ if code == -signal.SIGXCPU:
            return _too_slow(limits.cpu)
        case _ if code == -signal.SIGALRM:
            return _too_slow(limits.wall)
        case _ if code in (EXHAUSTED, -signal.SIGABRT, -signal.SIGKILL):
            amount = f"{limits.memory / 1_000_000:,.0f} MB"
            return ParseError(f"Reading the document takes more than {amount} of memory.", kind="too_large")
    how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    return ParseError(f"The process that read the document crashed ({how}); please report it.", kind="crashed")


def _too_slow(limit: float) -> ParseError:
    return ParseError(f"The document took longer than {limit:g} s to read.", kind="timeout")


def _stopped() -> ParseError:
    return ParseError("The program was stopped while it read the document.", kind="stopped")


# ── in the worker ───────────────────────────────────────────────────────────────────────────────────────────────────


def serve(descriptor: int, limits: Limits) -> None:
    """Be a worker: answer the calls that come over the pipe, one after the other, until it is closed.

    The limits are the kernel's, so that they hold where Python does not get a word in, and when the parent is gone.
    """
    for number in DEAF_TO:
        signal.signal(number, signal.SIG_IGN)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_AS, limits.memory)
    with Connection(descriptor) as pipe, suppress(EOFError, OSError):  # the parent has closed it, or died
        try:
            while True:
                call = pipe.recv_bytes()
                signal.setitimer(signal.ITIMER_REAL, limits.wall + GRACE)
                _limit(resource.RLIMIT_CPU, math.ceil(time.process_time() + limits.cpu))
                pipe.send_bytes(_answer(call))
                signal.setitimer(signal.ITIMER_REAL, 0)
        except MemoryError:
            os._exit(EXHAUSTED)  # there may be too little left for anything else


def _answer(call: bytes) -> bytes:
    try:
        function, given = pickle.loads(call)
        return pickle.dumps((True, function(*given)), pickle.HIGHEST_PROTOCOL)
    except (MemoryError, SourceError) as error:
        if isinstance(error, MemoryError):
            raise
        return pickle.dumps((False, error))
    except Exception as error:  # noqa: BLE001 - raised again where the function was called from
        told = RuntimeError(f"{type(error).__name__}: {error}")
        told.add_note("in a worker: " + "".join(traceback.format_exception(error)))
        return pickle.dumps((False, told))


def _limit(which: int, amount: int) -> None:
    """Lower the soft limit; where the system knows none (RLIMIT_AS on macOS) or a lower one holds, leave it."""
    _, hard = resource.getrlimit(which)
    if hard == resource.RLIM_INFINITY or amount <= hard:
        with suppress(OSError, ValueError):
            resource.setrlimit(which, (amount, hard))
