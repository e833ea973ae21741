"""A turn that is killed at a place, in a process of its own: its module is found there, too."""

from __future__ import annotations

import os
import signal
from importlib import import_module
from itertools import count
from typing import Any

from wire import Wire


def turn_until(wire: Wire, place: str, is_after: bool, nth: int) -> None:
    """Make a turn whose process is killed before or after the nth call of a place."""
    module, _, path = place.partition(":")
    owner: Any = import_module(module)
    *parents, name = path.split(".")
    for parent in parents:
        owner = getattr(owner, parent)
    original, calls = getattr(owner, name), count(1)

    def replacement(*arguments: Any, **options: Any) -> Any:
        is_last = next(calls) == nth
        if is_last and not is_after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = original(*arguments, **options)
        if is_last:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, replacement)
    wire.turn()
