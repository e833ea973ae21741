"""The main function of a worker process."""

from __future__ import annotations

import gc
import math
import os
import pickle
import resource
import signal
import time
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from ..errors import SourceError
from .limits import EXIT_GRACE, EXIT_OUT_OF_MEMORY, Limits
from .messages import CallResult, Messages, RemoteFunction, pickle_message

# What a terminal or a service manager sends to all processes at once is for the parent, which ends its workers itself.
IGNORED_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_worker(descriptor: int, limits: Limits) -> None:
    """Serve calls that come over the pipe, one after the other, until it is closed: the main function of a worker.

    The kernel enforces the limits, also while no Python runs, and after the parent has died.
    """
    _prepare_process(limits)
    with Connection(descriptor) as pipe, suppress(EOFError, OSError):  # the parent closed it, or died
        messages = RemoteFunction.messages = Messages(pipe)
        try:
            while True:
                request = messages.receive_call()
                signal.setitimer(signal.ITIMER_REAL, limits.wall + EXIT_GRACE)
                _set_limit(resource.RLIMIT_CPU, math.ceil(time.process_time() + limits.cpu))
                messages.send(_execute(request))
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
        return pickle_message(CallResult(function(*arguments)))
    except MemoryError:
        raise
    except SourceError as error:
        return pickle_message(CallResult(None, error))
    except Exception as error:  # noqa: BLE001 - it is raised again where the function was called
        portable_error = RuntimeError(f"{type(error).__name__}: {error}")
        portable_error.add_note("in a worker:\n" + "".join(traceback.format_exception(error)))
        return pickle_message(CallResult(None, portable_error))
