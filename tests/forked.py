"""`feeds` commands in processes that are forked from one that has imported the program: a start costs milliseconds.

`python forked.py SOCKET` is that process. Each byte on the socket asks for a command, and brings five open files: the
request, the standard input, output and error, and a pipe, into which the process id and then the exit code are written.
"""

from __future__ import annotations

import atexit
import gc
import json
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from multiprocessing.connection import wait
from pathlib import Path
from typing import IO, Any

# What commands import, themselves or once they need it.
PRELOADED = (
    *(
        f"feeds.cli.{name}"
        for name in ("run", "setup", "preview", "preview_feed", "subscribe", "status", "admin", "daemon")
    ),
    *(f"feeds.app.{name}" for name in ("operations", "visit_runner", "feed_issuer", "verification", "server_process")),
    *(f"feeds.render.{name}" for name in ("rss", "atom", "html")),
    "feeds.daemon.loop",
    "feeds.daemon.serving",
    "feeds.fetch",
    *(["feeds.store.postgres", "feeds.app.workers", "feeds.daemon.worker"] if find_spec("procrastinate") else []),
)


ENVIRONMENT = dict(os.environ)  # of no test


class ForkedCommand:
    """A command in a process of its own, as `subprocess.Popen` is one."""

    def __init__(self, answers: IO[bytes], *outputs: IO[str]) -> None:
        self._answers = answers
        self._outputs = outputs
        self.pid = int(answers.readline())
        self.returncode: int | None = None

    def poll(self, seconds: float = 0.0) -> int | None:
        """The exit code; None while it runs, which is waited for so long."""
        return self._read_code(seconds)

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once it has ended."""
        code = self._read_code(timeout)
        assert code is not None, "the command did not end"
        return code

    def communicate(self, timeout: float | None = None) -> tuple[str, ...]:
        """What it has written to its standard output and error, once it has ended."""
        self.wait(timeout)
        for file in self._outputs:
            file.seek(0)
        texts = tuple(file.read() for file in self._outputs)
        for file in self._outputs:
            file.close()
        return texts

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _read_code(self, timeout: float | None) -> int | None:
        if self.returncode is None and wait([self._answers], timeout):
            self.returncode = int(self._answers.readline())
            self._answers.close()
        return self.returncode


class _Server:
    """The process that commands are forked from."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests, theirs = socket.socketpair()
        with theirs:
            number = theirs.fileno()
            argv = [sys.executable, __file__, str(number)]
            self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, env=ENVIRONMENT, pass_fds=[number])

    def start(self, request: bytes, *standard_files: int) -> IO[bytes]:
        """Let it fork; return what comes back."""
        reading, writing = os.pipe()
        with tempfile.TemporaryFile() as file, os.fdopen(writing, "wb") as answers:
            file.write(request)
            file.seek(0)
            with self._lock:
                socket.send_fds(self._requests, [b"!"], [file.fileno(), *standard_files, answers.fileno()])
        return os.fdopen(reading, "rb", buffering=0)

    def close(self) -> None:
        self._requests.close()
        self._process.wait()


@cache
def _server() -> _Server:
    return _Server()


def start(
    arguments: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    output: int | IO[Any] | None = None,
    input: int = 0,
) -> ForkedCommand:
    """Start `feeds ARGUMENTS`; without an `output` for both, standard output and error are kept for `communicate`."""
    request = json.dumps([list(arguments), str(cwd), dict(env), ""]).encode()
    if output is not None:
        descriptor = output if isinstance(output, int) else output.fileno()
        return ForkedCommand(_server().start(request, input, descriptor, descriptor))
    files = [tempfile.TemporaryFile("w+") for _ in range(2)]  # noqa: SIM115 - `communicate` closes them
    return ForkedCommand(_server().start(request, input, *(file.fileno() for file in files)), *files)


def run(arguments: Sequence[str], cwd: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `feeds ARGUMENTS` to its end."""
    command = start(arguments, cwd, env)
    out, err = command.communicate(300)
    return subprocess.CompletedProcess(["feeds", *arguments], command.wait(), out, err)


def call(function: Callable[..., object], *arguments: object) -> ForkedCommand:
    """Start a call of a function that can be pickled; its exit code is 0 when it has returned."""
    pickled = pickle.dumps((function, arguments)).hex()
    request = json.dumps([[], str(Path.cwd()), dict(os.environ), pickled]).encode()
    with Path(os.devnull).open() as nothing, tempfile.TemporaryFile() as output:
        return ForkedCommand(_server().start(request, nothing.fileno(), output.fileno(), 2))


def close() -> None:
    """End the process that commands are forked from."""
    if _server.cache_info().currsize:
        _server().close()
        _server.cache_clear()


# ── the other process ─────────────────────────────────────────────────────────────────────────────────────────────────


def _serve(requests: socket.socket) -> bytes:
    """Fork for each request, until there are no more; the child returns the call that is to be made, or none."""
    while True:
        message, files, _, _ = socket.recv_fds(requests, 1, 5)
        if not message:
            os._exit(0)
        if not os.fork():
            requests.close()
            return _watch(*files)
        for file in files:
            os.close(file)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


def _watch(request: int, input: int, out: int, err: int, answers: int) -> bytes:
    """Fork once more; tell the process id of the child, which returns as `_serve` does, and how it ended."""
    if not (pid := os.fork()):
        os.close(answers)
        return _become_command(request, input, out, err)
    for file in (request, input, out, err):
        os.close(file)
    os.write(answers, f"{pid}\n".encode())
    _, status = os.waitpid(pid, 0)
    with suppress(BrokenPipeError):
        os.write(answers, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _become_command(request: int, *standard_files: int) -> bytes:
    """Take on the arguments, folder, environment and files of a command; return the call, or none."""
    with os.fdopen(request, "rb") as opened:
        arguments, cwd, env, pickled = json.load(opened)
    for number, file in enumerate(standard_files):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    paths = [path for path in env.get("PYTHONPATH", "").split(os.pathsep) if path and path not in sys.path]
    sys.path[:] = [cwd, *paths, *sys.path]
    sys.argv = ["feeds", *arguments]
    return bytes.fromhex(pickled)


def _run_command(pickled: bytes) -> None:
    """Run it and exit as Python does, except that nothing is freed: the memory is shared with the other process."""
    from feeds.__main__ import main

    try:
        if pickled:
            sys.path.insert(0, str(Path(__file__).parent))
            function, arguments = pickle.loads(pickled)
            function(*arguments)
            sys.exit()
        main()
    except SystemExit as exit:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(int(exit.code or 0))


if __name__ == "__main__":
    del sys.path[0]  # the folder of tests
    for name in PRELOADED:
        import_module(name)
    gc.freeze()
    _run_command(_serve(socket.socket(fileno=int(sys.argv[1]))))
