"""The cost of parsing hostile documents: python tests/bench/sandbox.py [BYTES …]; by default 50 kB, 500 kB, 15 MB.

One line each: bytes, seconds of CPU, peaks of resident and virtual memory (Linux), whether `needs_worker` sends it to a
worker, and the result. A star marks what would cost this process more than half a second.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from hostile import HOSTILE_DOCUMENTS, Cost, measure_parse

from feeds.errors import ParseError
from feeds.model import Fetched
from feeds.sandbox import Limits, Workers, needs_worker

SIZES = (50_000, 500_000, 14_900_000)
ALONE = Limits(cpu=60, wall=120, memory=2_000_000_000, calls=1)


def rows(sizes: Sequence[int]) -> Iterator[str]:
    """Yield one line for each document and size."""
    with closing(Workers(ALONE)) as workers, ThreadPoolExecutor(2) as threads:

        def row(job: tuple[str, int]) -> str:
            name, size = job
            fetched = Fetched("https://feeds.example/feed", HOSTILE_DOCUMENTS[name](size).encode())
            try:
                cost = workers.run(measure_parse, fetched)
            except ParseError as error:
                cost = Cost(ALONE.cpu, 0, 0, f"{error.kind}: {error}")
            apart = needs_worker(fetched)
            star = "*" if cost.seconds > 0.5 and not apart else " "
            facts = f"{len(fetched.body):>12,}{cost.seconds:8.2f} s{star}{cost.resident_mb:6} MB {cost.virtual_mb:6} MB"
            return f"{name:32}{facts}  {'worker' if apart else 'here  '}  {cost.result}"

        yield from threads.map(row, [(name, size) for name in HOSTILE_DOCUMENTS for size in sizes])


if __name__ == "__main__":
    for line in rows([int(argument) for argument in sys.argv[1:]] or SIZES):
        print(line, flush=True)
