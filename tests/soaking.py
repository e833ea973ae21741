"""What the soaks share: a daemon as a process, origins that do harm, and figures that must not grow."""

from __future__ import annotations

import gzip
import signal
import statistics
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from hostile import HOSTILE_DOCUMENTS
from origin import HANG, KEEP, RESET, Behaviour, drip, raw, reply
from wire import Wire

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/rss+xml\r\n"
BOMB = gzip.compress(bytes(10_000_000), 9) * 20
ZEROS = b"10000\r\n" + bytes(65_536) + b"\r\n"


def hostile(name: str, size: int) -> Behaviour:
    """A document that is hard to read."""
    return raw(reply(HOSTILE_DOCUMENTS[name](size).encode(), content_type="application/rss+xml"), KEEP)


# What hostile sources do; one is not there at all.
BAD: tuple[Behaviour | None, ...] = (
    None,
    raw(HANG),
    raw(RESET),
    drip(b"HTTP/1.1 200 OK\r\nX-Drip: "),
    drip(HEAD + b"\r\n<rss>"),
    drip(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", ZEROS, every=0.0),
    raw(reply(BOMB, content_type="application/rss+xml", content_encoding="gzip"), KEEP),
    raw(reply(b"later", 429, retry_after="90"), KEEP),
    raw(reply(b"broken", 500), KEEP),
    raw(reply(b"gone", 410), KEEP),
    hostile("quadratic entity", 1_000_000),
    hostile("billion laughs", 100_000),
    hostile("many namespaces, one each", 1_000_000),
    hostile("nested, never closed", 1_000_000),
    hostile("long author, broken", 1_000_000),
    hostile("smallest items", 2_000_000),
    hostile("one long item", 10_000_000),
)


@contextmanager
def daemon(wire: Wire) -> Iterator[subprocess.Popen[bytes]]:
    """The program, while inside; its log is kept beside it."""
    with (wire.home / "log").open("wb") as log:
        process = subprocess.Popen(
            wire.argv("daemon", "--listen", "127.0.0.1:0"), cwd=wire.home, env=wire.env(), stdout=log, stderr=log
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=15) == 0, (wire.home / "log").read_text()[-2000:]


def part(numbers: Sequence[float], share: float) -> float:
    """The value below which this share of the numbers lies."""
    return sorted(numbers)[min(len(numbers) - 1, int(share * len(numbers)))]


def spelled(seconds: Sequence[float]) -> str:
    """The shape of many times."""
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    return ", ".join(f"{name} {part(seconds, share):.2f} s" for name, share in shares.items())


# ── processes, as Linux counts them ─────────────────────────────────────────────────────────────────────────────────


class Usage(NamedTuple):
    """What a process, or several, hold: MB (what is shared by several counts in parts), descriptors, threads."""

    megabytes: float = 0.0
    descriptors: int = 0
    threads: int = 0


def usage(process: int) -> Usage:
    """What one process holds; nothing once it has ended."""
    place = Path("/proc", str(process))
    with suppress(OSError):
        lines = (place / "smaps_rollup").read_text(encoding="ascii").splitlines()
        kilobytes = next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
        return Usage(kilobytes / 1000, len([*(place / "fd").iterdir()]), len([*(place / "task").iterdir()]))
    return Usage()


def family(process: int) -> dict[int, bytes]:
    """The descendants of a process, and itself: id → command line."""
    commands = {}
    with suppress(OSError):
        commands[process] = Path("/proc", str(process), "cmdline").read_bytes()
        for task in Path("/proc", str(process), "task").iterdir():
            for child in (task / "children").read_text(encoding="ascii").split():
                commands |= family(int(child))
    return commands


@dataclass(frozen=True)
class Growth:
    """A row of figures over time: the medians of its halves, and what its slope adds from its begin to its end."""

    first: float
    second: float
    rise: float

    def is_flat(self, slack: float) -> bool:
        """Whether it grew by no more than a tenth and `slack`, by both measures."""
        limit = 0.1 * self.first + slack
        return self.second - self.first <= limit and self.rise <= limit


def growth(figures: Sequence[float]) -> Growth:
    """How figures taken at even distances grow; the slope is the median of those between all pairs (Theil–Sen)."""
    half, piece = len(figures) // 2, max(1, len(figures) // 60)
    points = [statistics.median(figures[start : start + piece]) for start in range(0, len(figures), piece)]
    slope = statistics.median((points[b] - points[a]) / (b - a) for a, b in combinations(range(len(points)), 2))
    return Growth(statistics.median(figures[:half]), statistics.median(figures[half:]), slope * (len(points) - 1))
