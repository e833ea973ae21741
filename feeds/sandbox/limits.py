"""What one call of a worker may use, and how the exit of its process tells that it wanted more."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from ..errors import FailureKind, ParseError

EXIT_OUT_OF_MEMORY = 77  # exit code of a worker that was refused memory
EXIT_GRACE = 0.5  # seconds in which a worker may exit by itself


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


def exit_error(code: int, limits: Limits) -> ParseError:
    """Return what an exit code means. Allocators abort when they get no memory; the system kills when it has none."""
    if code == -signal.SIGXCPU:
        return timeout_error(limits.cpu)
    if code == -signal.SIGALRM:
        return timeout_error(limits.wall)
    if code in (EXIT_OUT_OF_MEMORY, -signal.SIGABRT, -signal.SIGKILL):
        amount = f"{limits.memory / 1_000_000:,.0f} MB"
        return ParseError(f"Reading the document takes more than {amount} of memory.", kind=FailureKind.TOO_LARGE)
    reason = signal.strsignal(-code) if code < 0 else f"exit code {code}"
    return ParseError(
        f"The process that read the document crashed ({reason}); please report it.", kind=FailureKind.CRASHED
    )


def timeout_error(limit: float) -> ParseError:
    """Return the failure of a call that took more than so many seconds."""
    return ParseError(f"The document took longer than {limit:g} s to read.", kind=FailureKind.TIMEOUT)


def stop_error() -> ParseError:
    """Return the failure of a call that the program did not wait for."""
    return ParseError("The program was stopped before the document was read.", kind=FailureKind.STOPPED)
