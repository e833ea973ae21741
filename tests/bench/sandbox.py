"""What hostile documents cost their reader: python tests/bench/sandbox.py [BYTES …]; by default 50 kB, 500 kB, 15 MB.

One line each: bytes, seconds of CPU, most memory held and most asked for (Linux), whether `needs_worker` sends it to a
worker, and what came of it there. A star marks what would cost this process more than half a second.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from hostile import SHAPES, Cost, measured

from feeds.errors import ParseError
from feeds.model import Fetched
from feeds.sandbox import Limits, Workers, needs_worker

SIZES = (50_000, 500_000, 14_900_000)
ALONE = Limits(cpu=60, wall=120, memory=2_000_000_000, calls=1)


def rows(sizes: Sequence[int]) -> Iterator[str]:
    """One line for each shape and size."""
    with closing(Workers(ALONE)) as workers, ThreadPoolExecutor(2) as threads:

        def row(job: tuple[str, int]) -> str:
            name, size = job
            fetched = Fetched("https://feeds.example/feed", SHAPES[name](size).encode())
            try:
                cost = workers.run(measured, fetched)
            except ParseError as error:
                cost = Cost(ALONE.cpu, 0, 0, f"{error.kind}: {error}")
            apart = needs_worker(fetched)
            star = "*" if cost.seconds > 0.5 and not apart else " "
            facts = f"{len(fetched.body):>12,}{cost.seconds:8.2f} s{star}{cost.held:6} MB {cost.asked:6} MB"
            return f"{name:32}{facts}  {'worker' if apart else 'here  '}  {cost.came}"

        yield from threads.map(row, [(name, size) for name in SHAPES for size in sizes])


if __name__ == "__main__":
    for line in rows([int(argument) for argument in sys.argv[1:]] or SIZES):
        print(line, flush=True)
