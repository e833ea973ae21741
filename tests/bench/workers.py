"""What hostile documents cost in a worker: python tests/bench/workers.py [BYTES …] (50 kB, 1 MB and 15 MB unless given)."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from hostile import SHAPES, Cost, measured

from feeds.errors import ParseError
from feeds.model import Fetched
from feeds.workers import Limits, Workers

SIZES = (50_000, 1_000_000, 14_900_000)
LIMITS = Limits(cpu=60, wall=120, memory=4_000_000_000, calls=1)


def rows(sizes: tuple[int, ...]) -> Iterator[str]:
    """One line for each shape and size."""
    with closing(Workers(LIMITS)) as workers, ThreadPoolExecutor(2) as threads:
        def cost(job: tuple[str, int]) -> str:
            name, size = job
            fetched = Fetched("https://feeds.example/feed", SHAPES[name](size).encode())
            try:
                found = workers.run(measured, fetched)
            except ParseError as error:
                found = Cost(0, 0, 0, f"{error.kind}: {error}")
            return f"{name:32}{len(fetched.body):>12,}{found.seconds:9.2f} s{found.held:6} MB {found.asked:6} MB  {found.came}"
        yield from threads.map(cost, [(name, size) for name in SHAPES for size in sizes])


if __name__ == "__main__":
    for row in rows(tuple(map(int, sys.argv[1:])) or SIZES):
        print(row, flush=True)
