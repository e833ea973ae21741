"""Several processes on one PostgreSQL: the visits a second of one and of two, and the hand-over of a shard."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parent.parent))

from postgres import database

from .measure import Program, Running
from .origin import OriginProcess

DELAY = 0.1  # seconds that the origin takes for an answer
AT_ONCE = 2  # requests to a host
PULL_SECONDS = 10.0  # for which a process keeps a shard that has visits due
_PATIENCE = 120.0  # seconds for all sources to be visited


@dataclass(frozen=True)
class Installation:
    """Sources that are always due, spread over hosts, which are addresses of the loopback network."""

    program: Program
    home: Path
    origin: OriginProcess
    sources: int
    hosts: int

    @contextmanager
    def run(self, count: int) -> Iterator[list[Running]]:
        """Run a daemon, which is the first worker, and further ones on an empty database, once all was visited."""
        with database() as url:
            self._declare(url)
            self.origin.set(delay=DELAY)
            commands = ["daemon", *["worker"] * (count - 1)]
            processes = [
                self.program.start(["-m", "feeds", command, "--config", "feeds.yaml"], self.home, f"{command}-{number}")
                for number, command in enumerate(commands)
            ]
            try:
                self._wait_until_visited()
                yield processes
            finally:
                for process in processes:
                    process.stop()

    def _declare(self, url: str) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        places = [f"http://127.0.1.{n % self.hosts + 1}:{self.origin.port}/{n}" for n in range(self.sources)]
        tree = {
            "site": {"title": "Bench", "url": "https://wire.example.org/"},
            "store": url,
            "data": "data",
            "public": "public",
            "hosts": {"gap": "0s", "at_once": AT_ONCE},
            "server": {"listen": "127.0.0.1:0"},
            "defaults": {"allow_private": ["127.0.0.0/8"], "every": "1s"},
            "sources": {f"s{n}": {"feed": place} for n, place in enumerate(places)},
            "feeds": {"first": {"title": "The first", "sources": ["s0"]}},
        }
        (self.home / "feeds.yaml").write_text(json.dumps(tree), encoding="utf-8")

    def _wait_until_visited(self) -> None:
        """Wait until the first visits are over: they bring articles, the next ones nothing new."""
        until, requests = time.monotonic() + _PATIENCE, 0.0
        while requests < self.sources * 2:
            if time.monotonic() > until:
                raise SystemExit(f"{requests:.0f} requests, and not two for each of {self.sources} sources")
            time.sleep(0.2)
            requests += self.origin.take_counts()["requests"]


def measure_throughput(installation: Installation, count: int, seconds: float) -> dict[str, object]:
    """Return the visits a second of so many processes, and the share of a core that each takes."""
    origin = installation.origin
    with installation.run(count) as processes:
        origin.take_counts()
        before, began = [process.read_cpu() for process in processes], time.perf_counter()
        time.sleep(seconds)
        requests, wall = origin.take_counts()["requests"], time.perf_counter() - began
        shares = [(process.read_cpu() - cpu) / wall for process, cpu in zip(processes, before, strict=True)]
    return {"workers": count, "visits_per_second": requests / wall, "shares_of_core": [round(s, 3) for s in shares]}


def measure_hand_over(installation: Installation, times: int) -> dict[str, object]:
    """Return for how long a host that always has visits due is asked nothing while its shard is handed over.

    Every ten seconds the shard is given up, and taken by either of two processes.
    """
    pauses = []
    with installation.run(2):
        installation.origin.take_longest_pause()
        for _ in range(times):
            time.sleep(PULL_SECONDS + 1)
            pauses.append(installation.origin.take_longest_pause())
    return {"times": times, "median_ms": median(pauses) * 1e3, "longest_ms": max(pauses) * 1e3}
