"""Programs as sources: what one prints is the document. It is bounded in time, output and memory, and never runs twice.

The words of a command go to the system as they are declared; no shell reads them.
"""

from __future__ import annotations

import fcntl
import logging
import math
import os
import resource
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import IO

from ..cores import allow_all_cores
from ..errors import FailureKind, FetchError
from ..masking import ELLIPSIS, mask_secrets
from ..model import Config, Fetched, NotModified, Source, Validators, Visit
from .problems import RETRY_NEXT_VISIT

log = logging.getLogger("feeds.fetch")

MAX_MEMORY = 1_000_000_000  # bytes of each process, on Linux
END_GRACE = 0.5  # seconds between the request to end and the kill
POLL_SECONDS = 0.1  # between two looks whether the program has ended while something else holds its output open
WAIT_SECONDS = 0.005  # between two looks whether a program has ended that prints no more
CHUNK_SIZE = 65_536
MAX_ERROR_BYTES = 65_536  # of the error output, its last ones; a value from outside is no longer
MAX_LENGTH = 300  # characters of one of its lines
MAX_LOGGED_LINES = 20
KEPT_VARIABLES = {"PATH": os.defpath, "HOME": "/", "LANG": "C.UTF-8"}  # of our environment, and what stands in for them
START_PROBLEMS = {
    FileNotFoundError: "there is no such program, or its first line names an interpreter that is not there. A path is"
    " relative to the YAML file, and a bare name is looked for in PATH.",
    PermissionError: "it may not be run. `chmod +x` makes a file a program.",
}
NOT_ALLOWED = "Programs may not be run. `allow_commands: true` in the YAML allows it."


class CommandRunner:
    """Runs the programs of sources, from any number of threads, until it is closed."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._running: set[_Program] = set()
        self._closed = False

    def run(self, visit: Visit) -> Fetched | NotModified:
        """Return what the program of a source prints now; raise FetchError where it fails, or exceeds a bound."""
        if not self._config.allow_commands:
            raise FetchError(NOT_ALLOWED, kind=FailureKind.REFUSED)
        source = visit.source
        try:
            with self._hold_lock(source) as lock:
                body = self._run(source, lock)
        except FetchError as error:
            raise FetchError(mask_secrets(error.sentence, self._config), kind=error.kind) from error
        digest = blake2b(body, digest_size=16).hexdigest()
        if visit.state.body_digest == digest:
            return NotModified(source.base or "", Validators())
        return Fetched(source.base or "", body, body_digest=digest)

    def close(self) -> None:
        """End all programs now, and start no more."""
        with self._lock:
            self._closed = True
            programs = list(self._running)
        for program in programs:
            program.send(signal.SIGTERM)
        deadline = time.monotonic() + END_GRACE
        while any(not program.has_ended() for program in programs) and time.monotonic() < deadline:
            time.sleep(WAIT_SECONDS)
        for program in programs:
            program.send(signal.SIGKILL)

    @contextmanager
    def _hold_lock(self, source: Source) -> Iterator[IO[bytes] | None]:
        """Hold the lock of a source; raise FetchError where its program still runs, whoever started it.

        The program inherits the lock, so that it holds after this process was killed. None before anything is stored.
        """
        if not self._config.data.is_dir():
            yield None
            return
        folder = self._config.data / "commands"
        folder.mkdir(mode=0o700, exist_ok=True)
        with (folder / f"{source.id}.lock").open("ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                what = "still runs since an earlier visit, and is not run twice at once"
                sentence = f"{source.command[0]} {what}. {RETRY_NEXT_VISIT}"
                raise FetchError(sentence, kind=FailureKind.RUNNING) from error
            try:
                yield lock
            finally:
                fcntl.flock(lock, fcntl.LOCK_UN)  # also for what the program may have left behind

    def _run(self, source: Source, lock: IO[bytes] | None) -> bytes:
        program = self._start(source, [lock.fileno()] if lock else [])
        try:
            output = program.read(source.timeout, source.max_bytes)
        finally:
            program.end()
            with self._lock:
                self._running.discard(program)
        if self._closed:
            raise _stop_error(source)
        lines = [line for line in self._error_lines(program.errors) if line]
        for line in lines[-MAX_LOGGED_LINES:]:
            log.info("%s: %s wrote: %s", source.id, source.command[0], line)
        if program.exit_code:
            raise _exit_error(source, program.exit_code, lines[-1] if lines else "")
        return output

    def _start(self, source: Source, inherited: Sequence[int]) -> _Program:
        with self._lock:
            if self._closed:
                raise _stop_error(source)
            try:
                program = _Program(source, inherited)
            except (OSError, ValueError) as error:
                raise _start_error(source, error) from error
            self._running.add(program)
        return program

    def _error_lines(self, errors: bytes) -> list[str]:
        """Return the lines of an error output, masked as a whole and then shortened."""
        lines = mask_secrets(errors.decode("utf-8", "replace"), self._config).split("\n")
        joined = (" ".join(line.split()) for line in lines)
        return [line if len(line) <= MAX_LENGTH else line[:MAX_LENGTH] + ELLIPSIS for line in joined]


class _Program:
    """One run of a program, in a process group of its own; `errors` is the end of its error output."""

    def __init__(self, source: Source, inherited: Sequence[int]) -> None:
        self._source = source
        self._lock = threading.Lock()  # a process that was waited for is signalled no more: its number may be another's
        self._process = subprocess.Popen(
            [word.encode("utf-8", "surrogateescape") for word in source.command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=source.root,
            env=_make_environment(source.env),
            pass_fds=inherited,
            start_new_session=True,  # no terminal to ask for a password, and a process group
        )
        allow_all_cores(self._process.pid)
        _limit_resources(self._process.pid)
        self.errors = b""

    @property
    def exit_code(self) -> int | None:
        """Return the exit code, or the negative number of the signal that ended it; None while it runs."""
        return self._process.returncode

    def read(self, seconds: float, max_bytes: int) -> bytes:
        """Return the output, once the program has ended; raise FetchError where it exceeds a bound."""
        deadline = time.monotonic() + seconds
        chunks: list[bytes] = []
        size = 0
        assert self._process.stdout and self._process.stderr
        with selectors.DefaultSelector() as selector:
            for pipe in (self._process.stdout, self._process.stderr):
                os.set_blocking(pipe.fileno(), False)
                selector.register(pipe, selectors.EVENT_READ)
            ended = False
            while selector.get_map():
                remaining = deadline - time.monotonic()
                if remaining <= 0:
                    raise _timeout_error(self._source)
                ready = selector.select(0 if ended else min(remaining, POLL_SECONDS))
                if ended and not ready:
                    break  # another process holds the output open
                for key, _ in ready:
                    chunk = os.read(key.fd, CHUNK_SIZE)
                    if not chunk:
                        selector.unregister(key.fileobj)
                    elif key.fileobj is self._process.stderr:
                        self.errors = (self.errors + chunk)[-MAX_ERROR_BYTES:]
                    else:
                        chunks.append(chunk)
                        size += len(chunk)
                if size > max_bytes:
                    raise _size_error(self._source)
                ended = ended or (not ready and self.has_ended())
        if not self._wait(deadline):  # it closed its output, and goes on
            raise _timeout_error(self._source)
        return b"".join(chunks)

    def has_ended(self) -> bool:
        """Return whether the program itself has ended; what it left in its group is killed then."""
        with self._lock:
            if self._process.returncode is None and self._process.poll() is not None:
                self._send_to_group(signal.SIGKILL)
            return self._process.returncode is not None

    def send(self, number: int) -> None:
        """Send a signal to the process group of a program that has not ended."""
        with self._lock:
            if self._process.returncode is None:
                self._send_to_group(number)

    def end(self) -> None:
        """End the process group of a program that has not ended, and close its pipes."""
        self.send(signal.SIGTERM)
        if not self._wait(time.monotonic() + END_GRACE):
            self.send(signal.SIGKILL)
            self._wait(math.inf)
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe:
                pipe.close()

    def _wait(self, deadline: float) -> bool:
        """Return whether the program ends by a moment of the monotonic clock."""
        while not self.has_ended():
            if time.monotonic() >= deadline:
                return False
            time.sleep(WAIT_SECONDS)
        return True

    def _send_to_group(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):  # of macOS, for a group of processes that have ended
            os.killpg(self._process.pid, number)


def _make_environment(declared: Sequence[tuple[str, str]]) -> Mapping[str, str]:
    kept = {name: os.environ.get(name) or fallback for name, fallback in KEPT_VARIABLES.items()}
    return kept | dict(declared)


def _limit_resources(pid: int) -> None:
    """Bound the memory of a program, and let it leave no core file.

    RLIMIT_DATA counts what can be written to. RLIMIT_AS would also count what runtimes such as that of JavaScript
    reserve, many times of what they use.
    """
    if not hasattr(resource, "prlimit"):  # macOS, which has no such call and enforces neither limit
        return
    with suppress(OSError, ValueError):
        for kind, limit in ((resource.RLIMIT_DATA, MAX_MEMORY), (resource.RLIMIT_CORE, 0)):
            _, hard = resource.prlimit(pid, kind)
            resource.prlimit(pid, kind, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
    with suppress(OSError):  # the first to go when the machine runs out of memory
        Path(f"/proc/{pid}/oom_score_adj").write_text("1000", encoding="ascii")


# ── sentences ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _start_error(source: Source, error: Exception) -> FetchError:
    reason = next((text for kind, text in START_PROBLEMS.items() if isinstance(error, kind)), None)
    if reason is None:
        reason = (
            f"{error.strerror if isinstance(error, OSError) else error}. A script begins with #! and its interpreter."
        )
    return FetchError(f"{source.command[0]} cannot be started: {reason}", kind=FailureKind.MISSING)


def _exit_error(source: Source, code: int, line: str) -> FetchError:
    names = {number.value: number.name for number in signal.Signals}
    how = f"failed with exit code {code}" if code > 0 else f"was ended by {names.get(-code, f'signal {-code}')}"
    what = f": {line.rstrip('.')}" if line else ", and wrote nothing to its error output"
    return FetchError(f"{source.command[0]} {how}{what}. {RETRY_NEXT_VISIT}", kind=FailureKind.EXIT)


def _timeout_error(source: Source) -> FetchError:
    sentence = (
        f"{source.command[0]} was not done within {source.timeout:g} s, and was ended. If that is expected, raise"
    )
    return FetchError(f"{sentence} `timeout:` of the source.", kind=FailureKind.TIMEOUT)


def _size_error(source: Source) -> FetchError:
    sentence = f"{source.command[0]} printed more than {source.max_bytes:,} bytes, and was ended. If that is expected,"
    return FetchError(f"{sentence} raise `max_bytes:` of the source.", kind=FailureKind.TOO_LARGE)


def _stop_error(source: Source) -> FetchError:
    sentence = f"{source.command[0]} was not waited for, because this program is stopping. {RETRY_NEXT_VISIT}"
    return FetchError(sentence, kind=FailureKind.STOPPED)
