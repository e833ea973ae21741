"""Run a module-level function in a process that can be killed, with limits on its time and memory (S11, S15).

Plain child processes over pipes: `multiprocessing` would run the caller's main script again in every child, which a
script without a `__main__` guard does not survive, and leave a tracker process behind.
"""

from __future__ import annotations

from .documents import needs_worker
from .limits import Limits
from .workers import CallNotMade, Worker, Workers

__all__ = ["CallNotMade", "Limits", "Worker", "Workers", "needs_worker"]
