"""Run a module-level function in a process that can be killed, with limits on its time and memory (S11, S15).

Plain child processes over pipes: `multiprocessing` would run the caller's main script again in every child, which a
script without a `__main__` guard does not survive, and leave a tracker process behind.
"""

from __future__ import annotations

import gc
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
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from subprocess import DEVNULL, Popen, TimeoutExpired
from types import FunctionType
from typing import Any, ClassVar, NamedTuple, TypeVar, TypeVarTuple, cast

from .cores import allow_all_cores
from .errors import FailureKind, ParseError, SourceError
from .model import Fetched

_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")

BOOTSTRAP = (
    "import sys; sys.path[:] = {path!r}; "
    "from feeds.sandbox import Limits, run_worker; run_worker({descriptor}, {limits!r})"
)
EXIT_OUT_OF_MEMORY = 77  # exit code of a worker that was refused memory
EXIT_GRACE = 0.5  # seconds in which a worker may exit by itself
# Libraries do not return all memory they took: some 180 MB were still held after a document of 15 MB.
MAX_BYTES_READ = 20_000_000  # by one worker
# What a terminal or a service manager sends to all processes at once is for the parent, which ends its workers itself.
IGNORED_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call may use: seconds of CPU, seconds in all, bytes of memory (which macOS does not enforce).

    A worker is replaced after so many `calls`, and ended after `idle` seconds without any.
    """

    cpu: float = 10.0
    wall: float = 20.0
    memory: int = 1_000_000_000
    calls: int = 2000
    idle: float = 60.0


class Workers:
    """Worker processes, started on demand and used again; safe to call from many threads.

    `run` makes up to `max_calls` calls at once; `start` and `call` are for a caller that counts by itself.
    """

    def __init__(self, limits: Limits = Limits(), max_calls: int = 2) -> None:
        self._limits = limits
        self._slots = threading.BoundedSemaphore(max_calls)
        self._lock = threading.Lock()
        self._all: set[Worker] = set()
        self._idle: list[Worker] = []  # the one used last at the end
        self._timer: threading.Timer | None = None  # runs while a worker is idle
        self._closed = False

    def run(self, function: Callable[[*_Arguments], _Result], *arguments: *_Arguments) -> _Result:
        """Return the result of a module-level function with picklable arguments; wait until a worker is free.

        Functions among the arguments that a worker cannot import are called in this process, by this thread.
        Raises the function's own SourceErrors; ParseError of kind `timeout`, `too_large` or `crashed` when the worker
        did not survive, `stopped` once closed; RuntimeError, with the worker's trace, for any other exception.
        """
        with self._slots:
            return self.call(self.take_idle() or self.start(), function, *arguments)

    @property
    def count(self) -> int:
        """Return how many workers there are."""
        return len(self._all)

    def take_idle(self) -> Worker | None:
        """Return a worker that has nothing to do, for one `call`; None where there is none."""
        with self._lock:
            while self._idle:
                worker = self._idle.pop()
                if worker.ready:
                    return worker
                worker.end()
                self._all.discard(worker)
        return None

    def start(self) -> Worker:
        """Return a new worker, for one `call`; raise ParseError where none can be started, or once closed."""
        with self._lock:
            if self._closed:
                raise _stop_error()
            worker = Worker(self._limits)
            self._all.add(worker)
            return worker

    def call(self, worker: Worker, function: Callable[[*_Arguments], _Result], *arguments: *_Arguments) -> _Result:
        """Return or raise what `run` does, with a worker that was taken or started for this call."""
        try:
            return cast(_Result, worker.call(*_pickle_call(function, arguments)))
        finally:
            self._release(worker)

    def close(self) -> None:
        """End all workers now, also those with a call."""
        with self._lock:
            self._closed = True
            idle, busy = self._idle, self._all.difference(self._idle)
            self._idle = []
            if self._timer:
                self._timer.cancel()
        for worker in busy:
            worker.kill()
        for worker in idle:
            worker.close_pipe()
        for worker in (*busy, *idle):
            worker.wait()

    def _release(self, worker: Worker) -> None:
        with self._lock:
            if worker.ready and not self._closed:
                worker.idle_since = time.monotonic()
                self._idle.append(worker)
                if not self._timer:
                    self._start_timer(self._limits.idle)
                return
        self._end(worker)

    def _start_timer(self, seconds: float) -> None:
        self._timer = threading.Timer(seconds, self._end_idle)
        self._timer.daemon = True
        self._timer.start()

    def _end_idle(self) -> None:
        """End the workers that were idle for as long as the limits say; come back when the next one may have been."""
        with self._lock:
            now = time.monotonic()
            ends = {worker: worker.idle_since + self._limits.idle - now for worker in self._idle}
            self._idle = [worker for worker in self._idle if ends[worker] > 0]
            self._timer = None
            if self._idle and not self._closed:
                self._start_timer(min(ends[worker] for worker in self._idle))
        for worker, seconds in ends.items():
            if seconds <= 0:
                self._end(worker)

    def _end(self, worker: Worker) -> None:
        worker.end()
        with self._lock:
            self._all.discard(worker)


class Worker:
    """The parent's end of one worker process."""

    def __init__(self, limits: Limits) -> None:
        self.idle_since = 0.0
        self._limits = limits
        self._calls = self._bytes_read = 0
        self._busy = self._killed = False
        self._pipe, child_end = Pipe()
        with child_end:
            self._process = _start_process(child_end.fileno(), limits)

    @property
    def ready(self) -> bool:
        """Return whether it can take another call."""
        fresh = self._calls < self._limits.calls and self._bytes_read < MAX_BYTES_READ
        return fresh and not self._busy and self._process.poll() is None

    def call(self, request: bytes, callbacks: Sequence[Callable[..., object]]) -> object:
        """Return or raise what the function does; raise ParseError when the process ends before that."""
        self._busy = True
        self._calls += 1
        self._bytes_read += len(request) if len(request) > MAX_SIZE else 0
        answer = self._exchange(request)
        while isinstance(answer, _Callback):
            value = callbacks[answer.number](*answer.arguments)
            answer = self._exchange(_pickle(value))
        self._busy = False
        if answer.error is not None:
            raise answer.error
        return answer.value

    def _exchange(self, message: bytes) -> _Reply | _Callback:
        """Return what the process answers to a message."""
        try:
            self._pipe.send_bytes(message)
            if not self._pipe.poll(self._limits.wall):
                raise _timeout_error(self._limits.wall)
            answer = self._pipe.recv_bytes()
        except (EOFError, OSError):
            exit_code = self.wait()
            raise _stop_error() if self._killed else _exit_error(exit_code, self._limits) from None
        return cast("_Reply | _Callback", pickle.loads(answer))

    def kill(self) -> None:
        """Kill the process on purpose: the call in progress raises ParseError `stopped`."""
        self._killed = True
        self._process.kill()

    def close_pipe(self) -> None:
        """Close the pipe, so that the process exits when it next reads from it."""
        self._pipe.close()

    def end(self) -> None:
        """End the process: at once when it is still busy with a call."""
        if self._busy:
            self._process.kill()
        self.close_pipe()
        self.wait()

    def wait(self) -> int:
        """Return the exit code, after killing a process that does not exit soon."""
        try:
            return self._process.wait(EXIT_GRACE)
        except TimeoutExpired:
            self._process.kill()
            return self._process.wait()


def _start_process(descriptor: int, limits: Limits) -> Popen[bytes]:
    """Start a process that inherits nothing but its end of the pipe and the error stream."""
    code = BOOTSTRAP.format(path=sys.path, descriptor=descriptor, limits=limits)
    command = [sys.executable, "-c", code]
    try:
        process = Popen(command, stdin=DEVNULL, stdout=DEVNULL, pass_fds=[descriptor], start_new_session=True)
    except OSError as error:
        raise ParseError(
            f"No process could be started to read the document: {error}.", kind=FailureKind.CRASHED
        ) from error
    allow_all_cores(process.pid)
    return process


# ── messages ────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Reply(NamedTuple):
    """What a function returned or raised."""

    value: object
    error: Exception | None = None


class _Callback(NamedTuple):
    """A call, out of a worker, of one of the functions among the arguments of its own call."""

    number: int
    arguments: tuple[object, ...]


class _RemoteFunction:
    """In a worker: a function of the process that called it."""

    pipe: ClassVar[Connection]

    def __init__(self, number: int) -> None:
        self._number = number

    def __call__(self, *arguments: object) -> object:
        """Return what the function returns there."""
        self.pipe.send_bytes(_pickle(_Callback(self._number, arguments)))
        return pickle.loads(self.pipe.recv_bytes())


class _CallPickler(pickle.Pickler):
    """Pickles a call; `callbacks` are the functions in it that another process cannot import."""

    def __init__(self, buffer: BytesIO) -> None:
        super().__init__(buffer, pickle.HIGHEST_PROTOCOL)
        self.callbacks: list[Callable[..., object]] = []

    def reducer_override(self, value: object) -> Any:
        """Return how to make a value in the other process, or NotImplemented for the usual way."""
        if not isinstance(value, FunctionType) or "<" not in value.__qualname__:
            return NotImplemented
        self.callbacks.append(value)
        return _RemoteFunction, (len(self.callbacks) - 1,)


def _pickle_call(
    function: Callable[..., object], arguments: tuple[object, ...]
) -> tuple[bytes, Sequence[Callable[..., object]]]:
    buffer = BytesIO()
    pickler = _CallPickler(buffer)
    pickler.dump((function, arguments))
    return buffer.getvalue(), pickler.callbacks


def _pickle(message: object) -> bytes:
    return pickle.dumps(message, pickle.HIGHEST_PROTOCOL)


# ── errors of calls ─────────────────────────────────────────────────────────────────────────────────────────────────


def _exit_error(code: int, limits: Limits) -> ParseError:
    """Return what an exit code means. Allocators abort when they get no memory; the system kills when it has none."""
    if code == -signal.SIGXCPU:
        return _timeout_error(limits.cpu)
    if code == -signal.SIGALRM:
        return _timeout_error(limits.wall)
    if code in (EXIT_OUT_OF_MEMORY, -signal.SIGABRT, -signal.SIGKILL):
        amount = f"{limits.memory / 1_000_000:,.0f} MB"
        return ParseError(f"Reading the document takes more than {amount} of memory.", kind=FailureKind.TOO_LARGE)
    reason = signal.strsignal(-code) if code < 0 else f"exit code {code}"
    return ParseError(
        f"The process that read the document crashed ({reason}); please report it.", kind=FailureKind.CRASHED
    )


def _timeout_error(limit: float) -> ParseError:
    return ParseError(f"The document took longer than {limit:g} s to read.", kind=FailureKind.TIMEOUT)


def _stop_error() -> ParseError:
    return ParseError("The program was stopped before the document was read.", kind=FailureKind.STOPPED)


# ── in the worker process ───────────────────────────────────────────────────────────────────────────────────────────


def run_worker(descriptor: int, limits: Limits) -> None:
    """Serve calls that come over the pipe, one after the other, until it is closed: the main function of a worker.

    The kernel enforces the limits, also while no Python runs, and after the parent has died.
    """
    _prepare_process(limits)
    with Connection(descriptor) as pipe, suppress(EOFError, OSError):  # the parent closed it, or died
        _RemoteFunction.pipe = pipe
        try:
            while True:
                request = pipe.recv_bytes()
                signal.setitimer(signal.ITIMER_REAL, limits.wall + EXIT_GRACE)
                _set_limit(resource.RLIMIT_CPU, math.ceil(time.process_time() + limits.cpu))
                pipe.send_bytes(_execute(request))
                signal.setitimer(signal.ITIMER_REAL, 0)
        except MemoryError:
            os._exit(EXIT_OUT_OF_MEMORY)  # too little may be left to do anything else
    gc.freeze()  # or the interpreter looks for cycles among all objects before it exits


def _prepare_process(limits: Limits) -> None:
    for number in IGNORED_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    with suppress(OSError):  # Linux: the first to go when the machine runs out of memory
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    _set_limit(resource.RLIMIT_CORE, 0)
    _set_limit(resource.RLIMIT_AS, limits.memory)


def _set_limit(kind: int, limit: int) -> None:
    """Set the soft limit, unless a lower one cannot be passed or the system has none (RLIMIT_AS on macOS)."""
    _, hard = resource.getrlimit(kind)
    with suppress(OSError, ValueError):
        resource.setrlimit(kind, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))


def _execute(request: bytes) -> bytes:
    try:
        function, arguments = pickle.loads(request)
        return _pickle(_Reply(function(*arguments)))
    except MemoryError:
        raise
    except SourceError as error:
        return _pickle(_Reply(None, error))
    except Exception as error:  # noqa: BLE001 - it is raised again where the function was called
        portable_error = RuntimeError(f"{type(error).__name__}: {error}")
        portable_error.add_note("in a worker:\n" + "".join(traceback.format_exception(error)))
        return _pickle(_Reply(None, portable_error))


# ── which documents need a worker ───────────────────────────────────────────────────────────────────────────────────

# Below these a document costs at most half a second, however it is made (tests/bench/sandbox.py).
MAX_SIZE = 500_000  # bytes
MAX_TAGS = 20_000  # feedparser needs 25 µs for each, and 2 µs for an ampersand
START_SIZE = 2_000
GZIP_MAGIC = b"\x1f\x8b"
_PAGE_START = re.compile(rb"<(?:!(?i:doctype)\s+(?i:html)|(?i:html))\b")
_FEED_START = re.compile(rb"\s*+[{\[]|[^\0]*?<(?:[A-Za-z_][\w.-]{0,40}:)?(?:rss|feed|RDF|channel|opml)[\s>/]", re.I)
_PAGE_TYPES = ("text/html", "application/xhtml+xml")
# A DOCTYPE with declarations of its own, or without an end.
_INTERNAL_SUBSET = re.compile(rb"<!(?i:doctype)[^><\[]*+[\[<]")
_LONG_BASE = re.compile(rb"xml:base\s*+=\s*+[\"'][^\"'<>]{1000}")  # repeated in every link of the document
# Far quicker to find than the patterns.
_DOCTYPE_STARTS = (b"<!d", b"<!D")


def needs_worker(fetched: Fetched) -> bool:
    """Return whether a document must not be read in this process (S11, S15).

    It is large, may be made to be slow, or is a page to extract from.
    """
    body = fetched.body
    return (
        len(body) + sum(len(part.body) for part in fetched.files) > MAX_SIZE
        or b"\0" in body[:START_SIZE]  # UTF-16 and the like, which the patterns cannot read
        or body.startswith(GZIP_MAGIC)  # a sitemap: unpacked it may be of any size
        or _has_many_tags(body)
        or (any(start in body for start in _DOCTYPE_STARTS) and _INTERNAL_SUBSET.search(body) is not None)
        or (b"xml:base" in body and _LONG_BASE.search(body) is not None)
        or _is_page(body[:START_SIZE], fetched.media_type)
    )


def _has_many_tags(body: bytes) -> bool:
    tag_count = body.count(b"<")
    # Ampersands are counted only where there can be enough of them.
    return tag_count + len(body) // 10 > MAX_TAGS and tag_count + body.count(b"&") // 10 > MAX_TAGS


def _is_page(start: bytes, media_type: str) -> bool:
    return _PAGE_START.search(start) is not None or (media_type in _PAGE_TYPES and _FEED_START.match(start) is None)
