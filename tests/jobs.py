"""Functions that tests run in worker processes: at module level, so that they can be called there."""

from __future__ import annotations

import os
import re
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

from feeds.errors import FetchError


def identity(value: object) -> object:
    return value


def loaded(names: Collection[str]) -> set[str]:
    """Those of these modules that are loaded."""
    return sys.modules.keys() & set(names)


def whoami() -> int:
    return os.getpid()


def die_once(path: Path, parent: int) -> int:
    """Die of a crash, unless that has happened before, or this is the process that calls."""
    with suppress(FileExistsError):
        if os.getpid() != parent:
            path.touch(exist_ok=False)
            os.kill(os.getpid(), signal.SIGSEGV)
    return os.getpid()


def slowly() -> int:
    """Long enough that others have to wait for this worker."""
    time.sleep(0.02)
    return os.getpid()


def refuse() -> None:
    raise FetchError("Come back later.", kind="status", status=503, retry_after=7.5)


def add_up(numbers: list[int], add: Callable[[int, int], int]) -> int:
    """Add numbers with a function, one by one."""
    total = 0
    for number in numbers:
        total = add(total, number)
    return total


def stumble() -> None:
    raise KeyError("a bug")


def nested_function() -> Callable[[], None]:
    def inside() -> None: ...

    return inside


def spin() -> None:
    while True:
        pass


def backtrack() -> None:
    """A regular expression that never lets go of the interpreter."""
    re.match(r"(a+)+$", "a" * 60 + "b")


def work(seconds: float) -> None:
    """Use that much of the processor."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def end_of_time() -> int:
    """The seconds of processor after which the kernel would end this process."""
    return resource.getrlimit(resource.RLIMIT_CPU)[0]


def sleep() -> None:
    time.sleep(600)


def announce(path: Path) -> None:
    """Say who it is in a file, written at once."""
    part = path.with_suffix(".part")
    part.write_text(str(os.getpid()), encoding="ascii")
    part.rename(path)


def announce_and_spin(path: Path) -> None:
    """Say who it is, then never answer."""
    announce(path)
    spin()


def announce_and_sleep(path: Path) -> None:
    """Say who it is, then do nothing for long."""
    announce(path)
    sleep()


def linger() -> int:
    """Leave something behind that keeps the process alive."""
    threading.Thread(target=sleep).start()
    return os.getpid()


def eat() -> None:
    eaten = []
    while True:
        eaten.append(bytearray(10_000_000))


def eat_at_once() -> bytes:
    return bytes(10_000_000_000)


def exit_with(code: int) -> None:
    os._exit(code)


def die_of(number: int) -> int:
    """Send a signal to this process; one that ignores it returns."""
    os.kill(os.getpid(), number)
    return number


def descriptors() -> list[int]:
    """The open files."""
    return [number for number in range(1000) if _is_open(number)]


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True
