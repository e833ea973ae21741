"""What the program costs: `python -m tests.bench [SCENARIO …] [--feeds N …] [--peer [PYTHON]] …`.

Each result is a line of JSON: the command, CPU seconds with all children, wall seconds, the peak memory of the largest
process, requests and bytes. Rounds of pulling are measured less those of one source, and, with --peer, beside the
library `reader` in the same run. Without a scenario all are run.

Rounds     cold: everything new; nothing-due; unchanged: all 304; changed: 5 % have a new entry; no-validators: nothing
           new, and nothing to tell it by; delayed: unchanged, each answer after 100 ms.
Stages     fetch, parse, render, publish, search: in one process, without imports.
Processes  serve: requests a CPU second; serve-busy: how long they take during a cold round; live: an event to open
           pages; idle: the daemon at rest; help: `feeds --help`.
Machines   workers: visits a second of one process and of two on one PostgreSQL; hand-over: of a shard between them.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from .documents import measure_floor
from .measure import Cost, Program, print_line
from .origin import OriginProcess, start_origin
from .plot import draw_plot
from .rounds import (
    NAMES,
    PEER_NAME,
    PEER_ROUNDS,
    TARGETS,
    OurPuller,
    PeerPuller,
    Puller,
    RoundResult,
    Seconds,
    install_peer,
    run_rounds,
    subtract_base,
)
from .serving import Load, measure_during_round, measure_live, measure_requests, measure_rest
from .workers import Installation, measure_hand_over, measure_throughput

# How many visits, documents, articles, articles of a source, and stories.
STAGES = {"fetch": 1000, "parse": 200, "render": 1000, "publish": 200, "search": 20_000}


@dataclasses.dataclass(frozen=True)
class Options:
    """The command line."""

    scenarios: Sequence[str]
    feeds: Sequence[int]
    hosts: int
    runs: int
    peer: str | None
    against: Path | None
    scale: float
    plot: Path | None

    @property
    def programs(self) -> list[Program]:
        """What is measured in turn."""
        before = [Program("before", checkout=self.against.resolve())] if self.against else []
        return [Program(), *before]

    def scaled(self, count: float) -> int:
        """Return a usual number in this run."""
        return max(round(count * self.scale), 1)


# ── rounds ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def measure_rounds(options: Options, home: Path) -> None:
    """Print each round, then the costs less those of one source, and draw them."""
    names = [name for name in NAMES if name in options.scenarios]
    curves: dict[str, dict[int, float]] = {}
    for feeds in options.feeds if names else ():
        with start_origin(feeds) as origin:
            costs = dict(_measure_programs(options, home, origin, feeds, names))
        peer = costs.get(PEER_NAME, {})
        for program, rounds in costs.items():
            for name, seconds in rounds.items():
                curves.setdefault(f"{program}, {name}", {})[feeds] = seconds.cpu
                figures = {"cpu_less_one_source": seconds.cpu, "wall_less_one_source": seconds.wall}
                if peer and program != PEER_NAME and name in TARGETS:
                    figures |= {
                        "share_of_peer": seconds.cpu / peer.get(name, peer["cold"]).cpu,
                        "target": TARGETS[name],
                    }
                print_line(scenario=name, program=program, feeds=feeds, **figures)
    if names:
        print_line(scenario="floor", feeds=200, cpu=measure_floor(200), what="lxml and nh3 alone")
    if options.plot:
        draw_plot(options.plot, curves)


def _measure_programs(
    options: Options, home: Path, origin: OriginProcess, feeds: int, names: Sequence[str]
) -> Iterator[tuple[str, Mapping[str, Seconds]]]:
    """Yield each program with what its rounds take, less those of one source."""
    pullers: dict[str, Callable[[int], Puller]] = {
        program.name: lambda count, program=program: OurPuller(  # type: ignore[misc]
            program, home / f"{program.name}-{count}", origin, count, options.hosts
        )
        for program in options.programs
    }
    if options.peer is not None:
        peer = Program(PEER_NAME, options.peer or install_peer(home / "venv"), checkout=None)
        pullers[PEER_NAME] = lambda count: PeerPuller(peer, home / f"peer-{count}", origin, count)
    results: dict[tuple[str, int], list[RoundResult]] = {(name, n): [] for name in pullers for n in (1, feeds)}
    for run in range(options.runs):
        for name, make in pullers.items():
            if name == PEER_NAME and run:
                continue  # it is slow
            # The shares of rounds that the peer does not run are of its cold one.
            wanted = {"cold", *names}.intersection(PEER_ROUNDS) if name == PEER_NAME else names
            for count in dict.fromkeys((1, feeds)):
                for result in run_rounds(make(count), origin, wanted):
                    results[name, count].append(result)
                    print_result(result.name, name, result.command, result.cost, feeds=count, **result.counts)
    for name in pullers:
        base = results[name, 1] if feeds > 1 else []
        yield name, subtract_base(results[name, feeds], base)


def print_result(scenario: str, program: str, command: str, cost: Cost, **figures: object) -> None:
    """Print what one run cost."""
    if "cpu" in figures:
        figures["origin_cpu"] = figures.pop("cpu")
    print_line(scenario=scenario, program=program, command=command, **dataclasses.asdict(cost), **figures)


# ── all else ────────────────────────────────────────────────────────────────────────────────────────────────────────


def measure_stage(name: str, program: Program, options: Options, home: Path) -> None:
    """Print what a part of the program costs."""
    count = options.scaled(STAGES[name])
    arguments = ["-m", "tests.bench.stages", name, str(count)]
    with _origin_for(name) as port:
        cost, output = program.run([*arguments, *port], home / program.name)
    print_result(name, program.name, " ".join(arguments), cost, count=count, seconds=json.loads(output))


@contextmanager
def _origin_for(stage: str) -> Iterator[list[str]]:
    if stage != "fetch":
        yield []
        return
    with start_origin(1) as origin:
        yield [str(origin.port)]


def measure_serve(name: str, program: Program, options: Options, home: Path) -> None:
    """Print what requests cost."""
    load = Load(options.scaled(20_000), options.scaled(32))
    cost, loads = measure_requests(program, home / program.name, load)
    for figures in loads:
        print_result(name, program.name, "feeds serve", cost, **figures)


def measure_busy(name: str, program: Program, options: Options, home: Path) -> None:
    """Print how long requests take while a cold round is pulled."""
    feeds = options.scaled(1000)
    with start_origin(feeds) as origin:
        puller = OurPuller(program, home / f"{program.name}-round", origin, feeds, options.hosts)
        paced = Load(options.scaled(1000), options.scaled(32), rate=200.0)
        cost, figures = measure_during_round(program, home / f"{program.name}-paced", paced, puller.pull)
    print_result(name, program.name, "feeds serve, beside feeds run", cost, **figures)


def measure_events(name: str, program: Program, options: Options, home: Path) -> None:
    """Print what an event to open pages costs."""
    cost, figures = measure_live(program, home / program.name, options.scaled(1000), options.scaled(5))
    print_result(name, program.name, "feeds serve", cost, **figures)


def measure_idle(name: str, program: Program, options: Options, home: Path) -> None:
    """Print what a daemon at rest costs."""
    feeds = max(options.feeds)
    with start_origin(feeds) as origin:
        folder = home / f"{program.name}-{feeds}"
        OurPuller(program, folder, origin, feeds, options.hosts).pull()
        cost, figures = measure_rest(program, folder, 40 * options.scale)
    print_result(name, program.name, "feeds daemon", cost, feeds=feeds, **figures)


def measure_help(name: str, program: Program, options: Options, home: Path) -> None:
    """Print what the start of the command line costs."""
    for _ in range(options.runs + 1):
        cost, _ = program.run(["-m", "feeds", "--help"], home / program.name)
    print_result(name, program.name, "feeds --help", cost)


def measure_workers(name: str, program: Program, options: Options, home: Path) -> None:
    """Print the visits a second of one process and of two, while each answer takes 100 ms."""
    sources, hosts = options.scaled(1000), options.scaled(64)
    with start_origin(sources) as origin:
        for count in (1, 2):
            installation = Installation(program, home / f"{program.name}-{count}", origin, sources, hosts)
            figures = measure_throughput(installation, count, 20 * options.scale)
            print_line(scenario=name, program=program.name, feeds=sources, hosts=hosts, **figures)


def measure_shards(name: str, program: Program, options: Options, home: Path) -> None:
    """Print what it takes to hand over a shard."""
    with start_origin(100) as origin:
        installation = Installation(program, home / program.name, origin, sources=100, hosts=1)
        figures = measure_hand_over(installation, options.scaled(10))
    print_line(scenario=name, program=program.name, **figures)


SCENARIOS: Mapping[str, Callable[[str, Program, Options, Path], None]] = {
    **dict.fromkeys(STAGES, measure_stage),
    "serve": measure_serve,
    "serve-busy": measure_busy,
    "live": measure_events,
    "idle": measure_idle,
    "help": measure_help,
    "workers": measure_workers,
    "hand-over": measure_shards,
}


def parse_options(arguments: Sequence[str]) -> Options:
    """Return what the command line says."""
    parser = argparse.ArgumentParser("python -m tests.bench", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    names = [*NAMES, *SCENARIOS]
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=f"any of {', '.join(names)}")
    parser.add_argument("--feeds", type=int, nargs="+", default=[1000], help="numbers of sources of the rounds")
    parser.add_argument("--hosts", type=int, default=1, help="host names that they are spread over (up to 250)")
    parser.add_argument("--runs", type=int, default=3, help="of which the medians are taken")
    parser.add_argument("--peer", nargs="?", const="", help="an interpreter with `reader`; installed if none is named")
    parser.add_argument("--against", type=Path, help="another checkout of the program, measured in turn with this one")
    parser.add_argument("--scale", type=float, default=1.0, help="of all that is not a number of sources")
    parser.add_argument("--plot", type=Path, help="draw the costs of the rounds against the number of sources (SVG)")
    options = Options(**vars(parser.parse_args(arguments)))
    if unknown := set(options.scenarios).difference(names):
        parser.error(f"no scenario: {', '.join(sorted(unknown))}")
    return dataclasses.replace(options, scenarios=options.scenarios or names)


def main(arguments: Sequence[str]) -> None:
    """Run the scenarios."""
    options = parse_options(arguments)
    for program in options.programs:
        program.compile()
    with tempfile.TemporaryDirectory() as folder:
        measure_rounds(options, Path(folder))
        for name, measure in SCENARIOS.items():
            if name in options.scenarios:
                for program in options.programs:
                    measure(name, program, options, Path(folder) / name)


if __name__ == "__main__":
    main(sys.argv[1:])
