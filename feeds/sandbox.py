"""Runs a module-level function in a process that can be killed, with limits on its time and memory (S11, S15).

Plain child processes over pipes: `multiprocessing` would run the caller's main script again in every child, which a
script without a `__main__` guard does not survive, and leave a tracker process behind.
"""

from __future__ import annotations

import math
import os
import pickle
import re
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
from pathlib import Path
from subprocess import DEVNULL, Popen, TimeoutExpired
from typing import TypeVar, TypeVarTuple, cast

from .errors import ParseError, SourceError
from .model import Fetched

_Answer = TypeVar("_Answer")
_Given = TypeVarTuple("_Given")

BOOT = "import sys; sys.path[:] = {path!r}; from feeds.sandbox import Limits, serve; serve({descriptor}, {limits!r})"
EXHAUSTED = 77  # exit code of a worker that was refused memory
GRACE = 0.5  # seconds to leave of one's own accord
# Libraries do not give back all they took: some 180 MB were still held after a document of 15 MB.
WORN = 20_000_000  # bytes read
# What a terminal or a service manager sends to all processes at once is for the parent, which ends its workers itself.
DEAF_TO = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call may use: seconds of CPU, seconds in all, bytes of memory (to which macOS holds no process).

    A worker makes way for a fresh one after so many `calls`, and is ended after `idle` seconds without any.
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
        self._all: set[_Worker] = set()
        self._idle: list[_Worker] = []
        self._closed = False

    def run(self, function: Callable[[*_Given], _Answer], *given: *_Given) -> _Answer:
        """What a module-level function makes of picklable arguments; waits until a worker is free.

        Raises the function's own SourceErrors; ParseError of kind `timeout`, `too_large` or `crashed` when the worker
        did not survive, `stopped` once closed; RuntimeError, with the worker's trace, for any other exception.
        """
        with self._turns:
            worker = self._taken()
            try:
                return cast(_Answer, worker.ask(pickle.dumps((function, given), pickle.HIGHEST_PROTOCOL)))
            finally:
                self._give_back(worker)

    def close(self) -> None:
        """End all workers now, whatever they are at."""
        with self._lock:
            self._closed = True
            idle, busy = self._idle, self._all.difference(self._idle)
            self._idle = []
        for worker in busy:
            worker.stop()
        for worker in idle:
            worker.dismiss()
        for worker in (*busy, *idle):
            worker.left()

    def _taken(self) -> _Worker:
        with self._lock:
            if self._closed:
                raise _stopped()
            while self._idle:
                worker = self._idle.pop()
                if worker.wakes():
                    return worker
                self._all.discard(worker)
            worker = _Worker(self._limits)
            self._all.add(worker)
            return worker

    def _give_back(self, worker: _Worker) -> None:
        with self._lock:
            if worker.ready and not self._closed:
                self._idle.append(worker)
                worker.rest(self._retire)
                return
        self._end(worker)

    def _retire(self, worker: _Worker) -> None:
        with self._lock:
            if worker not in self._idle:  # it was called just now
                return
            self._idle.remove(worker)
        self._end(worker)

    def _end(self, worker: _Worker) -> None:
        worker.end()
        with self._lock:
            self._all.discard(worker)


class _Worker:
    """The parent's end of one worker process."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._calls = self._read = 0
        self._asked = self._stopped = False
        self._rest: threading.Timer | None = None
        self._pipe, theirs = Pipe()
        with theirs:
            self._process = _started(theirs.fileno(), limits)

    @property
    def ready(self) -> bool:
        """Whether it is fit for another call."""
        fresh = self._calls < self._limits.calls and self._read < WORN
        return fresh and not self._asked and self._process.poll() is None

    def ask(self, call: bytes) -> object:
        """What the function answers or raises; a ParseError where the process does not live to tell."""
        self._asked = True
        self._calls += 1
        self._read += len(call)
        try:
            self._pipe.send_bytes(call)
            if not self._pipe.poll(self._limits.wall):
                raise _too_slow(self._limits.wall)
            reply = self._pipe.recv_bytes()
        except (EOFError, OSError):
            code = self.left()
            raise _stopped() if self._stopped else _death(code, self._limits) from None
        self._asked = False
        worked, answer = pickle.loads(reply)
        if not worked:
            raise answer
        return answer

    def rest(self, then: Callable[[_Worker], None]) -> None:
        """Wait for the next call, or for `then` after a while without any."""
        self._rest = threading.Timer(self._limits.idle, then, (self,))
        self._rest.daemon = True
        self._rest.start()

    def wakes(self) -> bool:
        """Rest no longer; false where it died meanwhile."""
        if self._rest:
            self._rest.cancel()
        if self.ready:
            return True
        self.end()
        return False

    def stop(self) -> None:
        """Kill it; whoever waits for its answer is told that this was meant."""
        self._stopped = True
        self._process.kill()

    def dismiss(self) -> None:
        """Let it know that no more calls will come."""
        if self._rest:
            self._rest.cancel()
        self._pipe.close()

    def end(self) -> None:
        """See it gone: at once where it does not listen, for it still works."""
        if self._asked:
            self._process.kill()
        self.dismiss()
        self.left()

    def left(self) -> int:
        """Its exit code, once it has left; it does not get long to do so."""
        try:
            return self._process.wait(GRACE)
        except TimeoutExpired:
            self._process.kill()
            return self._process.wait()


def _started(descriptor: int, limits: Limits) -> Popen[bytes]:
    """A process that has nothing of ours but its end of the pipe and the error stream."""
    boot = BOOT.format(path=sys.path, descriptor=descriptor, limits=limits)
    command = [sys.executable, "-c", boot]
    try:
        return Popen(command, stdin=DEVNULL, stdout=DEVNULL, pass_fds=[descriptor], start_new_session=True)
    except OSError as error:
        raise ParseError(f"No process could be started to read the document: {error}.", kind="crashed") from error


# ── what came of a call that did not come back ──────────────────────────────────────────────────────────────────────


def _death(code: int, limits: Limits) -> ParseError:
    """What an exit code means. Allocators that can do nothing else abort; the system kills when memory runs out."""
    if code == -signal.SIGXCPU:
        return _too_slow(limits.cpu)
    if code == -signal.SIGALRM:
        return _too_slow(limits.wall)
    if code in (EXHAUSTED, -signal.SIGABRT, -signal.SIGKILL):
        amount = f"{limits.memory / 1_000_000:,.0f} MB"
        return ParseError(f"Reading the document takes more than {amount} of memory.", kind="too_large")
    how = signal.strsignal(-code) if code < 0 else f"exit code {code}"
    return ParseError(f"The process that read the document crashed ({how}); please report it.", kind="crashed")


def _too_slow(limit: float) -> ParseError:
    return ParseError(f"The document took longer than {limit:g} s to read.", kind="timeout")


def _stopped() -> ParseError:
    return ParseError("The program was stopped before the document was read.", kind="stopped")


# ── in the worker ───────────────────────────────────────────────────────────────────────────────────────────────────


def serve(descriptor: int, limits: Limits) -> None:
    """Be a worker: answer the calls that come over the pipe, one after the other, until it is closed.

    The kernel holds it to the limits: also while no Python runs, and after the parent has died.
    """
    _settle(limits)
    with Connection(descriptor) as pipe, suppress(EOFError, OSError):  # the parent closed it, or died
        try:
            while True:
                call = pipe.recv_bytes()
                signal.setitimer(signal.ITIMER_REAL, limits.wall + GRACE)
                _limit(resource.RLIMIT_CPU, math.ceil(time.process_time() + limits.cpu))
                pipe.send_bytes(_reply(call))
                signal.setitimer(signal.ITIMER_REAL, 0)
        except MemoryError:
            os._exit(EXHAUSTED)  # too little may be left to do anything else


def _settle(limits: Limits) -> None:
    for number in DEAF_TO:
        signal.signal(number, signal.SIG_IGN)
    with suppress(OSError):  # Linux: the first to go when the machine runs out of memory
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_AS, limits.memory)


def _limit(which: int, most: int) -> None:
    """Set the soft limit, unless a lower one cannot be passed or the system has none (RLIMIT_AS on macOS)."""
    _, hard = resource.getrlimit(which)
    with suppress(OSError, ValueError):
        resource.setrlimit(which, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _reply(call: bytes) -> bytes:
    try:
        function, given = pickle.loads(call)
        return pickle.dumps((True, function(*given)), pickle.HIGHEST_PROTOCOL)
    except MemoryError:
        raise
    except SourceError as error:
        return pickle.dumps((False, error))
    except Exception as error:  # noqa: BLE001 - it is raised again where the function was called
        told = RuntimeError(f"{type(error).__name__}: {error}")
        told.add_note("in a worker:\n" + "".join(traceback.format_exception(error)))
        return pickle.dumps((False, told))


# ── which documents ─────────────────────────────────────────────────────────────────────────────────────────────────

# Below these a document costs at most half a second, however it is made (tests/bench/sandbox.py).
LARGE = 500_000
TAGS = 20_000  # feedparser needs 25 µs for each, and 2 µs for an ampersand
START = 2_000
PAGE = re.compile(rb"<(?:!(?i:doctype)\s+(?i:html)|(?i:html))\b")
FEED = re.compile(rb"\s*+[{\[]|[^\0]*?<(?:[A-Za-z_][\w.-]{0,40}:)?(?:rss|feed|RDF|channel|opml)[\s>/]", re.I)
PAGE_TYPES = ("text/html", "application/xhtml+xml")
SUBSET = re.compile(rb"<!(?i:doctype)[^><\[]*+[\[<]")  # a DOCTYPE with declarations of its own, or without an end
LONG_BASE = re.compile(rb"xml:base\s*+=\s*+[\"'][^\"'<>]{1000}")  # repeated in every link of the document


def needs_worker(fetched: Fetched) -> bool:
    """Whether bytes must not be read in this process: large, made to be slow, a page to extract from (S11, S15)."""
    body = fetched.body
    return (
        len(body) + sum(len(part.body) for part in fetched.files) > LARGE
        or b"\0" in body[:START]  # UTF-16 and the like, which the patterns cannot see through
        or body.count(b"<") + body.count(b"&") // 10 > TAGS
        or SUBSET.search(body) is not None
        or LONG_BASE.search(body) is not None
        or _is_page(body[:START], fetched.media_type)
    )


def _is_page(start: bytes, media_type: str) -> bool:
    return PAGE.search(start) is not None or (media_type in PAGE_TYPES and FEED.match(start) is None)
