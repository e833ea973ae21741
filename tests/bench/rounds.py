"""Rounds of pulling: the same feeds by our program and by the peer, the library `reader`, each as a whole process.

A round of N sources is measured less one of a single source, in an installation of its own, so that start-up counts
apart. Both start their first round from nothing.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import NamedTuple, Protocol

from .measure import Cost, Program
from .origin import OriginProcess

GROUPS = 20  # published feeds beside the one that holds everything
PEER_NAME = "reader"
PEER_PACKAGES = ("reader==3.26", "sgmllib3k==1.0.0")  # which it imports, and does not name
_PEER_PROGRAM = """
import sys
from reader import make_reader
reader = make_reader(sys.argv[1])
for number in range(int(sys.argv[3])):
    reader.add_feed(f"{sys.argv[2]}/{number}", exist_ok=True)
reader.update_feeds(scheduled=False, workers=8)
"""
# Round → the largest share of the peer's cost that it should have; those that the peer does not run, of its cold round.
TARGETS = {"cold": 0.125, "unchanged": 0.22, "changed": 0.18, "no-validators": 0.03, "nothing-due": 0.02}
NAMES = ("cold", "nothing-due", "unchanged", "changed", "no-validators", "delayed")
PEER_ROUNDS = ("cold", "unchanged", "changed")


@dataclass(frozen=True)
class RoundResult:
    """A round, and what the origin counted in it."""

    name: str
    feeds: int
    command: str
    cost: Cost
    counts: dict[str, float]


class Puller(Protocol):
    """A program that pulls `feeds` feeds of an origin."""

    program: Program
    feeds: int

    def pull(self, *, only_due: bool = False) -> tuple[Cost, str]:
        """Pull all feeds, or only what is due; return what it cost, and the command."""

    def forget(self) -> None:
        """Go back to the beginning."""


class OurPuller:
    """`feeds run` in a folder of its own."""

    def __init__(self, program: Program, home: Path, origin: OriginProcess, feeds: int, hosts: int = 1) -> None:
        self.program = program
        self.feeds = feeds
        self._home = home
        home.mkdir(parents=True, exist_ok=True)
        sources = {
            f"s{n}": {"feed": f"http://127.0.0.{n % hosts + 1}:{origin.port}/{n}", "tags": [f"g{n % GROUPS}"]}
            for n in range(feeds)
        }
        published = {f"g{n}": {"title": f"Group {n}", "tags": [f"g{n}"]} for n in range(GROUPS)}
        tree = {
            "site": {"title": "Bench", "url": "https://wire.example.org/"},
            "data": "data",
            "public": "public",
            "hosts": {"gap": "0s", "at_once": 64},
            "defaults": {"allow_private": ["127.0.0.0/8"]},
            "sources": sources,
            "feeds": {"all": {"title": "Everything"}, **published},
        }
        self.config.write_text(json.dumps(tree), encoding="utf-8")  # JSON is YAML

    @property
    def config(self) -> Path:
        """The YAML."""
        return self._home / "feeds.yaml"

    def pull(self, *, only_due: bool = False) -> tuple[Cost, str]:
        """Run one turn."""
        arguments = ["-m", "feeds", "run", "--json", "--config", "feeds.yaml", *([] if only_due else ["--all"])]
        cost, output = self.program.run(arguments, self._home)
        if not only_due and json.loads(output)["visits"] != self.feeds:
            raise SystemExit(f"not all sources were visited: {output.decode()}")
        return cost, " ".join(["python", *arguments])

    def forget(self) -> None:
        """Remove the store and the published files."""
        for name in ("data", "public"):
            shutil.rmtree(self._home / name, ignore_errors=True)


class PeerPuller:
    """`reader` with a database of its own."""

    def __init__(self, program: Program, home: Path, origin: OriginProcess, feeds: int) -> None:
        self.program = program
        self.feeds = feeds
        self._home = home
        self._address = f"http://127.0.0.1:{origin.port}"

    def pull(self, *, only_due: bool = False) -> tuple[Cost, str]:
        """Update all feeds."""
        arguments = ["-c", _PEER_PROGRAM, "peer.sqlite", self._address, str(self.feeds)]
        return self.program.run(arguments, self._home)[0], f"reader: update {self.feeds} feeds"

    def forget(self) -> None:
        """Remove the database."""
        (self._home / "peer.sqlite").unlink(missing_ok=True)


def run_rounds(puller: Puller, origin: OriginProcess, names: Iterable[str]) -> Iterator[RoundResult]:
    """Yield the result of each round of these names, in the order of `NAMES`; each needs those before it."""
    wanted = set(names)

    def measure(name: str, *, only_due: bool = False) -> Iterator[RoundResult]:
        origin.take_counts()
        cost, command = puller.pull(only_due=only_due)
        if name in wanted:
            yield RoundResult(name, puller.feeds, command, cost, origin.take_counts())

    origin.set(every=1)
    puller.forget()
    yield from measure("cold")
    if "nothing-due" in wanted:
        yield from measure("nothing-due", only_due=True)
    if "unchanged" in wanted:
        yield from measure("unchanged")
    if "changed" in wanted:
        origin.set(first=1, every=20)
        yield from measure("changed")
    for name, options in (("no-validators", {"validators": 0}), ("delayed", {"delay": 0.1})):
        if name in wanted:
            origin.set(**options)
            puller.pull()
            yield from measure(name)
    origin.set()


class Seconds(NamedTuple):
    """CPU and wall seconds."""

    cpu: float
    wall: float


def subtract_base(results: Sequence[RoundResult], base: Sequence[RoundResult]) -> dict[str, Seconds]:
    """Return the medians of each round, less those of one source; nothing due is not made less."""

    def find_medians(rounds: Sequence[RoundResult], name: str) -> Seconds:
        costs = [result.cost for result in rounds if result.name == name] or [Cost(0.0, 0.0, 0.0)]
        return Seconds(median(cost.cpu for cost in costs), median(cost.wall for cost in costs))

    seconds: dict[str, Seconds] = {}
    for name in dict.fromkeys(result.name for result in results):
        of_all, of_one = find_medians(results, name), find_medians([] if name == "nothing-due" else base, name)
        seconds[name] = Seconds(of_all.cpu - of_one.cpu, of_all.wall - of_one.wall)
    return seconds


def install_peer(folder: Path) -> str:
    """Install the peer into a new virtual environment; return its interpreter."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", *PEER_PACKAGES], check=True, stdout=sys.stderr)
    return str(python)
