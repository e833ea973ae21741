"""Worker processes: started on demand, used again, killed where a call exceeds its limits."""

from __future__ import annotations

import pickle
import sys
import threading
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Pipe
from subprocess import DEVNULL, Popen, TimeoutExpired
from typing import TypeVar, TypeVarTuple, cast

from ..cores import allow_all_cores
from ..errors import FailureKind, ParseError
from .documents import MAX_SIZE
from .limits import EXIT_GRACE, Limits, exit_error, stop_error, timeout_error
from .messages import ANSWER, CALL, Callback, CallResult, pickle_call, pickle_message

_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")

DEFAULT_LIMITS = Limits()
BOOTSTRAP = (
    "import sys; sys.path[:] = {path!r}; "
    "from feeds.sandbox.limits import Limits; from feeds.sandbox.process import run_worker; "
    "run_worker({descriptor}, {limits!r})"
)
# Libraries do not return all memory they took: some 180 MB were still held after a document of 15 MB.
MAX_BYTES_READ = 20_000_000  # by one worker


class Workers:
    """Worker processes, started on demand and used again; safe to call from many threads.

    `run` makes up to `max_calls` calls at once; `take`, `start` and `call` are for a caller that counts by itself.
    """

    def __init__(self, limits: Limits = DEFAULT_LIMITS, max_calls: int = 2) -> None:
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
            return self.call(self.take() or self.start(), function, *arguments)

    @property
    def count(self) -> int:
        """Return how many workers there are."""
        return len(self._all)

    def take(self, max_calls: int = 1) -> Worker | None:
        """Return a worker for one `call`, an idle one if there is one; None where all have `max_calls`."""
        with self._lock:
            worker = self._pop_idle() or next((w for w in self._all if w.calls < max_calls and w.ready), None)
            if worker is not None:
                worker.calls += 1
            return worker

    def _pop_idle(self) -> Worker | None:
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
                raise stop_error()
            worker = Worker(self._limits)
            worker.calls = 1
            self._all.add(worker)
            return worker

    def call(self, worker: Worker, function: Callable[[*_Arguments], _Result], *arguments: *_Arguments) -> _Result:
        """Return or raise what `run` does, with a worker that was taken or started for this call.

        Raise CallNotMade where the worker ended during the call before this one.
        """
        try:
            return cast(_Result, worker.call(*pickle_call(function, arguments)))
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
            worker.calls -= 1
            if worker.calls:
                return
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


class CallNotMade(Exception):
    """A call waited for the one before it, during which the worker ended; another worker can make it."""


class Worker:
    """The parent's end of one worker process, which makes one call after the other.

    The next call may be sent while one is in progress, so that the process need not wait for the parent in between.
    `calls`: how many are in progress or wait, as who gives the calls counts them.
    """

    def __init__(self, limits: Limits) -> None:
        self.idle_since = 0.0
        self.calls = 0
        self._limits = limits
        self._bytes_read = 0
        self._killed = self._failed = False
        self._sending = threading.Lock()
        self._sent = 0
        self._answered = threading.Condition()
        self._answered_calls = 0
        self._pipe, child_end = Pipe()
        with child_end:
            self._process = _start_process(child_end.fileno(), limits)

    @property
    def ready(self) -> bool:
        """Return whether it can take another call."""
        is_fresh = self._sent < self._limits.calls and self._bytes_read < MAX_BYTES_READ
        return is_fresh and not self._failed and self._process.poll() is None

    def call(self, request: bytes, callbacks: Sequence[Callable[..., object]]) -> object:
        """Return or raise what the function does; raise ParseError when the process ends before that."""
        self._bytes_read += len(request) if len(request) > MAX_SIZE else 0
        try:
            self._send_call(request)
            answer = self._receive()
            while isinstance(answer, Callback):
                value = callbacks[answer.number](*answer.arguments)
                self._send(ANSWER + pickle_message(value))
                answer = self._receive()
        except CallNotMade:
            raise
        except BaseException:
            self._fail()
            raise
        with self._answered:
            self._answered_calls += 1
            self._answered.notify_all()
        if answer.error is not None:
            raise answer.error
        return answer.value

    def _send_call(self, request: bytes) -> None:
        """Send a call, and wait until all those before it are answered."""
        with self._sending:
            number, self._sent = self._sent, self._sent + 1
            is_next = number == self._answered_calls
            try:
                self._pipe.send_bytes(CALL + request)
            except OSError:
                if is_next:
                    raise self._end_error() from None
                raise self._lost_error() from None
        with self._answered:
            self._answered.wait_for(lambda: self._failed or number == self._answered_calls)
            if self._failed:
                raise self._lost_error()

    def _send(self, message: bytes) -> None:
        try:
            with self._sending:
                self._pipe.send_bytes(message)
        except OSError:
            raise self._end_error() from None

    def _receive(self) -> CallResult | Callback:
        """Return the next message of the process."""
        try:
            if not self._pipe.poll(self._limits.wall):
                raise timeout_error(self._limits.wall)
            answer = self._pipe.recv_bytes()
        except (EOFError, OSError):
            raise self._end_error() from None
        return cast("CallResult | Callback", pickle.loads(answer))

    def _end_error(self) -> ParseError:
        """Return what the end of the process means for the call in progress."""
        exit_code = self.wait()
        return stop_error() if self._killed else exit_error(exit_code, self._limits)

    def _lost_error(self) -> Exception:
        """Return what it means for a call that was not begun."""
        return stop_error() if self._killed else CallNotMade()

    def _fail(self) -> None:
        """End the process, which does not answer any more, and the calls that wait for it."""
        self._process.kill()
        with self._answered:
            self._failed = True
            self._answered.notify_all()

    def kill(self) -> None:
        """Kill the process on purpose: the call in progress raises ParseError `stopped`."""
        self._killed = True
        self._process.kill()

    def close_pipe(self) -> None:
        """Close the pipe, so that the process exits when it next reads from it."""
        self._pipe.close()

    def end(self) -> None:
        """End the process: at once when it is still busy with a call."""
        if self.calls or self._failed:
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
