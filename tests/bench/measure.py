"""What a command costs, with all processes that it starts."""

from __future__ import annotations

import compileall
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import feeds

HERE = Path(__file__).parents[2]
_TICKS = os.sysconf("SC_CLK_TCK")
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes


@dataclass(frozen=True)
class Cost:
    """CPU and wall seconds; the peak of the resident memory of the largest process, in megabytes."""

    cpu: float
    wall: float
    peak_mb: float


@dataclass(frozen=True)
class Program:
    """What is measured: an interpreter, and the folder from which it imports the program, if it is ours."""

    name: str = "feeds"
    python: str = sys.executable
    checkout: Path | None = Path(feeds.__file__).parents[1]

    def compile(self) -> None:
        """Compile what has no bytecode yet, so that no command does."""
        if self.checkout:
            compileall.compile_dir(self.checkout / "feeds", quiet=1)

    def start(self, arguments: Sequence[str], home: Path, output: str = "output") -> Running:
        """Start `python ARGUMENTS` in the folder `home`, with its output in a file there."""
        home.mkdir(parents=True, exist_ok=True)
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        if self.checkout:
            places = [self.checkout, self.checkout / "tests", HERE, HERE / "tests", environment.get("PYTHONPATH", "")]
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, map(str, places)))
        return Running([self.python, *arguments], environment, home, output)

    def run(self, arguments: Sequence[str], home: Path) -> tuple[Cost, bytes]:
        """Run `python ARGUMENTS`; return what it cost, and its output."""
        running = self.start(arguments, home)
        return running.wait(), running.output.read_bytes()


class Running:
    """A command in progress."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], home: Path, name: str) -> None:
        self.output = output = home / name
        self.command = command
        self._began = time.perf_counter()
        with output.open("wb") as stdout, output.with_suffix(".log").open("wb") as stderr:
            self._process = subprocess.Popen(command, env=environment, cwd=home, stdout=stdout, stderr=stderr)

    @property
    def log(self) -> str:
        """What it has written to its standard error."""
        return self.output.with_suffix(".log").read_text(encoding="utf-8", errors="replace")

    def read_cpu(self) -> float:
        """Return the CPU seconds that it and its children have taken until now."""
        processes = _list_processes()
        tree, total = {self._process.pid}, 0.0
        for pid, (parent, cpu) in sorted(processes.items()):  # a child has nearly always the higher number
            if pid in tree or parent in tree:
                tree.add(pid)
                total += cpu
        return total

    def stop(self) -> Cost:
        """End it by SIGTERM."""
        self._process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> Cost:
        """Wait for its end; leave the program where it fails."""
        _, status, usage = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        if self._process.returncode:
            raise SystemExit(f"{self.command} ended with {self._process.returncode}:\n{self.log}")
        wall = time.perf_counter() - self._began
        return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss * _MAXRSS_UNIT / 1e6)


def _list_processes() -> dict[int, tuple[int, float]]:
    """Return each process with its parent and its CPU seconds, to the hundredth."""
    processes: dict[int, tuple[int, float]] = {}
    if sys.platform == "linux":
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                fields = path.read_text().rpartition(")")[2].split()
                processes[int(path.parent.name)] = int(fields[1]), (int(fields[11]) + int(fields[12])) / _TICKS
    else:
        table = subprocess.run(["ps", "-A", "-o", "pid=,ppid=,time="], capture_output=True, text=True, check=True)
        for pid, parent, clock in map(str.split, table.stdout.splitlines()):
            seconds = sum(float(part) * 60**power for power, part in enumerate(reversed(clock.split(":"))))
            processes[int(pid)] = int(parent), seconds
    return processes


def print_line(**fields: object) -> None:
    """Print one result as a line of JSON."""
    rounded = {name: round(value, 5) if isinstance(value, float) else value for name, value in fields.items()}
    print(json.dumps(rounded), flush=True)
