"""How memory is given back to the system: at once, where documents of many megabytes come and go."""

from __future__ import annotations

import ctypes
from contextlib import suppress

# What glibc's malloc.h calls M_MMAP_THRESHOLD and M_ARENA_MAX, with what they are set to. Left alone, the threshold
# grows to the largest document that was ever let go of, and each thread's arena keeps what it once held: a dozen
# documents of 10 MB left a process of 250 MB behind, which is 125 MB with these. With a threshold of 1 MB what is
# just below it still stayed: 18 MB after some minutes among a thousand sources.
SETTINGS = {-3: 262_144, -8: 2}


def give_back_early() -> None:
    """Let the allocator of this process return large blocks as soon as they are free; call it before threads start."""
    with suppress(OSError, AttributeError):  # other C libraries have no such function, and do so anyway
        mallopt = ctypes.CDLL(None).mallopt
        for parameter, value in SETTINGS.items():
            mallopt(parameter, value)
