"""CPU time of a visit that brings a 304: python tests/bench/not_modified.py [--against CHECKOUT] [--visits N] …

Prints microseconds a visit, of the client only, from a server on loopback: each visit to a new host, on a new
connection to the same host, and on a kept connection. With `--against`, the same for another checkout of the program in
turn with this one, as old as fdb0796, and the ratios: the median of all rounds, and the worst.
"""

from __future__ import annotations

import argparse
import json
import os
import socketserver
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

AT = datetime(2026, 11, 22, tzinfo=UTC)
WARM_UP = 30  # visits
HEAD = b"HTTP/1.1 304 Not Modified\r\nServer: nginx\r\nDate: Sun, 22 Nov 2026 12:00:00 GMT\r\n" + (
    b"Last-Modified: Sun, 22 Nov 2026 11:00:00 GMT\r\nConnection: %b\r\n" + b'ETag: "6743f1a0-cc3f"\r\n\r\n'
)


class NotModifiedHandler(socketserver.StreamRequestHandler):
    """Answers every request with a 304; a request for /close is the last one of its connection."""

    def handle(self) -> None:
        """Answer until the client leaves."""
        closes = False
        for line in self.rfile:
            closes = closes or line.startswith(b"GET /close")
            if line == b"\r\n":
                self.wfile.write(HEAD % (b"close" if closes else b"keep-alive"))
                if closes:
                    return


class NotModifiedServer(socketserver.ThreadingTCPServer):
    """A server at all addresses of 127.0.0.0/8."""

    daemon_threads = True
    request_queue_size = 256


@contextmanager
def serve() -> Iterator[int]:
    """Run the server, and yield its port."""
    with NotModifiedServer(("0.0.0.0", 0), NotModifiedHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def measure(port: int, visits: int) -> dict[str, float]:
    """Measure the program that is imported, whatever its version; return microseconds a visit."""
    from feeds import model
    from feeds.fetch import Fetcher

    def make_visit(url: str) -> Any:
        source = model.Source("a", model.Kind.FEED, url)
        host, validators = model.HostState("h"), model.Validators('"6743f1a0-cc3f"', "Sun, 22 Nov 2026 11:00:00 GMT")
        if hasattr(model, "VisitState"):
            return model.Visit(source, model.VisitState(url, validators), AT, host)
        return model.Visit(source, url, AT, host, validators=validators)  # fdb0796

    total = WARM_UP + visits
    urls = {
        "a new host": [f"http://127.0.{n // 250}.{n % 250 + 1}:{port}/keep" for n in range(1, total + 1)],
        "a new connection": [f"http://127.0.0.1:{port}/close"] * total,
        "a kept connection": [f"http://127.0.0.1:{port}/keep"] * total,
    }
    return {name: measure_visits(Fetcher, list(map(make_visit, addresses))) for name, addresses in urls.items()}


def measure_visits(make_fetcher: Any, visits: list[Any]) -> float:
    """Return microseconds a visit, those to warm up left out."""
    from feeds.model import NotModified, Site

    fetcher = make_fetcher(Site("Bench", "https://bench.example/"), allow=("127.0.0.0/8",))
    for visit in visits[:WARM_UP]:
        fetcher.fetch(visit)
    began = time.process_time()
    for visit in visits[WARM_UP:]:
        assert isinstance(fetcher.fetch(visit), NotModified)
    seconds = time.process_time() - began
    fetcher.close()
    return seconds * 1e6 / (len(visits) - WARM_UP)


def run(checkout: Path, port: int, visits: int) -> dict[str, float]:
    """Measure a checkout in a process of its own."""
    command = [sys.executable, __file__, "--measure", str(port), "--visits", str(visits)]
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    answer = subprocess.run(command, env=environment, cwd="/", stdout=subprocess.PIPE, text=True, check=True)
    times: dict[str, float] = json.loads(answer.stdout)
    return times


def report(ours: Sequence[dict[str, float]], others: Sequence[dict[str, float]] = ()) -> Iterator[str]:
    """Yield a line for each kind of visit."""
    for name in ours[0]:
        best = min(times[name] for times in ours)
        line = f"{name:18}{best:7.0f} µs"
        if others:
            ratios = [mine[name] / other[name] for mine, other in zip(ours, others, strict=True)]
            before = min(times[name] for times in others)
            line += f"   before {before:5.0f} µs   ratio {statistics.median(ratios):.2f}, worst {max(ratios):.2f}"
        yield line


def main() -> None:
    """Measure, and print the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--visits", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--measure", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure, options.visits)))
        return
    checkouts = [Path(__file__).resolve().parents[2], *filter(None, [options.against])]
    with serve() as port:
        rounds = [[run(checkout, port, options.visits) for checkout in checkouts] for _ in range(options.rounds)]
    print("\n".join(report(*zip(*rounds, strict=True))))


if __name__ == "__main__":
    main()
