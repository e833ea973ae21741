"""The bench: that it runs, not what it says."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from bench.measure import Cost, Program
from bench.origin import OriginProcess, start_origin
from bench.plot import draw_plot
from bench.rounds import NAMES, RoundResult, run_rounds, subtract_base
from bench.serving import Load, measure_live, measure_requests, measure_rest
from bench.stages import STAGES
from bench.workers import Installation, measure_throughput

from feeds import App
from feeds.app import TurnOptions

FREE = Cost(0.0, 0.0, 0.0)
FEEDS = 21


class TinyReader:
    """A program that pulls the feeds and remembers their ETags."""

    program = Program()
    feeds = FEEDS

    def __init__(self, origin: OriginProcess) -> None:
        self.origin = origin
        self.etags: dict[int, str] = {}

    def pull(self, *, only_due: bool = False) -> tuple[Cost, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.origin.port, timeout=300)
        for number in range(0 if only_due else FEEDS):
            tag = {"If-None-Match": self.etags[number]} if number in self.etags else {}
            connection.request("GET", f"/{number}", headers=tag)
            response = connection.getresponse()
            assert len(response.read()) > 40_000 or response.status == 304
            self.etags[number] = response.headers.get("ETag", "")
        connection.close()
        return FREE, "tiny"

    def forget(self) -> None:
        self.etags.clear()


def test_the_rounds_are_what_their_names_say() -> None:
    with start_origin(FEEDS) as origin:
        results = {result.name: result.counts for result in run_rounds(TinyReader(origin), origin, NAMES)}
    assert tuple(results) == NAMES
    assert {name: (counts["requests"], counts["not_modified"]) for name, counts in results.items()} == {
        "cold": (FEEDS, 0),
        "nothing-due": (0, 0),
        "unchanged": (FEEDS, FEEDS),
        "changed": (FEEDS, FEEDS - 2),
        "no-validators": (FEEDS, 0),
        "delayed": (FEEDS, FEEDS),
    }
    assert results["cold"]["bytes"] > 40_000 * FEEDS > results["unchanged"]["bytes"] > 0


def test_rounds_are_measured_less_those_of_one_source() -> None:
    def result(name: str, cpu: float) -> RoundResult:
        return RoundResult(name, 1, "", Cost(cpu, cpu, 1.0), {})

    many = [result("cold", 9.0), result("cold", 7.0), result("cold", 8.0), result("nothing-due", 0.5)]
    less = subtract_base(many, [result("cold", 1.0), result("nothing-due", 0.4)])
    assert less == {"cold": (7.0, 7.0), "nothing-due": (0.5, 0.5)}


@pytest.mark.parametrize("name", STAGES)
def test_each_stage_is_measured(name: str) -> None:
    if name == "fetch":
        with start_origin(1) as origin:
            figures = STAGES[name](2, origin.port)
    else:
        figures = STAGES[name](2)
    assert figures and all(figure >= 0 for figure in figures.values())


class QuickProgram(Program):
    """Runs turns in this process; servers and daemons are processes of their own."""

    def run(self, arguments: object, home: Path) -> tuple[Cost, bytes]:
        with App(home / "feeds.yaml") as app:
            app.turn(TurnOptions(everything=True))
        return FREE, b""


def test_the_server_the_open_pages_and_the_daemon_at_rest_are_measured(tmp_path: Path) -> None:
    program = QuickProgram()
    cost, loads = measure_requests(program, tmp_path, Load(4, 2))
    assert cost.cpu > 0 and cost.peak_mb > 10
    assert [(load["status"], load["requests"]) for load in loads] == [(304, 4), (200, 4)]
    _, figures = measure_live(program, tmp_path, clients=3, events=1)
    assert figures["clients"] == 3 and figures["spread_ms"] >= 0  # type: ignore[operator]
    _, figures = measure_rest(program, tmp_path, 0.1)
    assert figures["share_of_core"] >= 0  # type: ignore[operator]


def test_the_processes_of_an_installation_are_measured(tmp_path: Path) -> None:
    with start_origin(4) as origin:
        figures = measure_throughput(Installation(Program(), tmp_path, origin, sources=4, hosts=2), 2, 0.1)
    assert figures["workers"] == 2 and len(figures["shares_of_core"]) == 2  # type: ignore[arg-type]


def test_each_result_is_a_line_and_curves_are_drawn(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.bench", "cold", "help", "--feeds", "1", "--runs", "1"]
    process = subprocess.run(
        [*command, "--plot", str(tmp_path / "plot.svg")],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    lines = [json.loads(line) for line in process.stdout.splitlines()]
    assert [line["scenario"] for line in lines] == ["cold", "cold", "floor", "help"]
    assert {"command", "cpu", "wall", "peak_mb", "requests", "bytes"} <= lines[0].keys()
    assert lines[1]["cpu_less_one_source"] > 0
    ElementTree.parse(tmp_path / "plot.svg")


def test_a_plot_has_a_curve_for_each_program_and_round(tmp_path: Path) -> None:
    draw_plot(tmp_path / "plot.svg", {"a & b": {10: 0.5, 1000: 2.0}, "c": {10: 70.0}, "nothing": {10: -0.1}})
    root = ElementTree.parse(tmp_path / "plot.svg").getroot()
    assert [element.text for element in root.iter() if element.text in ("a & b", "c", "nothing")] == ["a & b", "c"]
    assert len(root.findall("{*}polyline")) == 2 and len(root.findall("{*}circle")) == 3


def test_an_unknown_scenario_is_named() -> None:
    process = subprocess.run(
        [sys.executable, "-m", "tests.bench", "warm"],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 2 and "no scenario: warm" in process.stderr
