"""The long-lived processes: the server under requests, the server with open pages, the daemon at rest."""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

from .documents import make_text
from .measure import Cost, Program, Running

_ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)/")
STORIES = 50  # in the feed that is requested
_PATIENCE = 120.0  # seconds for a process to listen


def write_installation(home: Path, **sources: object) -> None:
    """Write the YAML of a small installation, with a folder of stories beside other sources."""
    (home / "stories").mkdir(parents=True, exist_ok=True)
    tree = {
        "site": {"title": "Bench", "url": "https://wire.example.org/"},
        "data": "data",
        "public": "public",
        "hosts": {"gap": "0s"},
        "defaults": {"allow_private": ["127.0.0.0/8"]},
        "sources": {"desk": {"files": "stories/*.md"}, **sources},
        "feeds": {"all": {"title": "Everything"}},
    }
    (home / "feeds.yaml").write_text(json.dumps(tree), encoding="utf-8")
    write_story(home, 0)


def write_story(home: Path, number: int) -> None:
    """Save a story in the folder of the installation."""
    text = make_text(random.Random(number), 400)
    (home / "stories" / f"{number}.md").write_text(f"# Story {number}\n\n{text}\n", encoding="utf-8")


def run_turn(program: Program, home: Path) -> None:
    """Pull and publish."""
    program.run(["-m", "feeds", "run", "--all", "--config", "feeds.yaml"], home)


class Listening:
    """A server or a daemon in progress; `cost` is set at its end."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.cost = Cost(0.0, 0.0, 0.0)
        until = time.monotonic() + _PATIENCE
        while not (match := _ADDRESS.search(running.log)):
            if time.monotonic() > until:
                raise SystemExit(f"{running.command} does not listen:\n{running.log}")
            time.sleep(0.02)
        self.port = int(match[1])


@contextmanager
def listen(program: Program, home: Path, command: str) -> Iterator[Listening]:
    """Run `feeds serve` or `feeds daemon` while inside."""
    arguments = ["-m", "feeds", command, "--listen", "127.0.0.1:0", "--config", "feeds.yaml"]
    running = program.start(arguments, home, command)
    try:
        listening = Listening(running)
        yield listening
    finally:
        cost = running.stop()
    listening.cost = cost


# ── requests ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Load:
    """Requests over kept connections: how many, over how many, and how many a second (None: as fast as they are)."""

    requests: int
    connections: int = 32
    rate: float | None = None


@dataclass(frozen=True)
class Response:
    """A response to one request, in bytes; `etag` and `status` are from its head."""

    head: bytes
    size: int

    @property
    def etag(self) -> str:
        """The ETag."""
        match = re.search(rb"\r\netag: ([^\r]+)", self.head, re.IGNORECASE)
        return match[1].decode() if match else ""

    @property
    def status(self) -> int:
        """The status code."""
        return int(self.head.split(b" ", 2)[1])


async def _request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> Response:
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: (\d+)", head, re.IGNORECASE)
    body = await reader.readexactly(int(length[1])) if length and b" 304 " not in head[:16] else b""
    return Response(head, len(head) + len(body))


def format_request(path: str, **headers: str) -> bytes:
    """Return a GET request."""
    lines = [f"GET {path} HTTP/1.1", "host: wire.example.org", "user-agent: bench/1.0"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


async def request_once(port: int, request: bytes) -> Response:
    """Make one request on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    response = await _request(reader, writer, request)
    writer.close()
    await writer.wait_closed()
    return response


async def apply_load(port: int, request: bytes, load: Load) -> tuple[list[float], int]:
    """Make the requests; return the seconds that each took, and the bytes of the responses."""
    seconds: list[float] = []
    size = 0
    per_connection = max(load.requests // load.connections, 1)

    async def run(number: int) -> None:
        nonlocal size
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        period = load.connections / load.rate if load.rate else 0.0
        due = time.perf_counter() + period * number / load.connections
        for _ in range(per_connection):
            await asyncio.sleep(max(due - time.perf_counter(), 0.0) if load.rate else 0.0)
            began = time.perf_counter()
            response = await _request(reader, writer, request)
            seconds.append(time.perf_counter() - began)
            size += response.size
            due += period
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(run(number) for number in range(load.connections)))
    return seconds, size


Figures = dict[str, object]


def measure_requests(program: Program, home: Path, load: Load) -> tuple[Cost, list[Figures]]:
    """Return what requests cost for documents that did not change, then for whole documents, compressed."""
    write_installation(home)
    for number in range(1, STORIES):
        write_story(home, number)
    run_turn(program, home)
    figures: list[Figures] = []
    with listen(program, home, "serve") as server:
        time.sleep(_settle_seconds(home))
        first = asyncio.run(request_once(server.port, format_request("/all.rss", accept_encoding="gzip")))
        for status, headers in ((304, {"if_none_match": first.etag}), (200, {})):
            request = format_request("/all.rss", accept_encoding="gzip", **headers)
            assert asyncio.run(request_once(server.port, request)).status == status
            before = server.running.read_cpu()
            seconds, size = asyncio.run(apply_load(server.port, request, load))
            cpu = server.running.read_cpu() - before
            figures.append({"status": status, **_describe_load(seconds, size), "cpu_of_requests": cpu})
            figures[-1]["per_cpu_second"] = len(seconds) / max(cpu, 0.01)
    return server.cost, figures


def measure_during_round(program: Program, home: Path, load: Load, pull: Callable[[], object]) -> tuple[Cost, Figures]:
    """Return how long requests take while a round is pulled on the same machine."""
    write_installation(home)
    run_turn(program, home)
    with listen(program, home, "serve") as server:

        async def run() -> tuple[list[float], int]:
            pulling = asyncio.create_task(asyncio.to_thread(pull))
            result = await apply_load(server.port, format_request("/all.rss", accept_encoding="gzip"), load)
            await pulling
            return result

        seconds, size = asyncio.run(run())
    return server.cost, {"during_a_round": True, **_describe_load(seconds, size)}


def _settle_seconds(home: Path) -> float:
    """Return how long to wait until the stat of the published files proves that they are the same."""
    return max(2.1 - (time.time() - (home / "public" / "all.rss").stat().st_ctime), 0.0)


def _describe_load(seconds: list[float], size: int) -> Figures:
    percentiles = quantiles(seconds, n=100, method="inclusive") if len(seconds) > 1 else seconds * 99
    return {
        "requests": len(seconds),
        "bytes": size,
        "p50_ms": percentiles[49] * 1e3,
        "p99_ms": percentiles[98] * 1e3,
    }


# ── open pages ──────────────────────────────────────────────────────────────────────────────────────────────────────


def measure_live(program: Program, home: Path, clients: int, events: int) -> tuple[Cost, Figures]:
    """Return how far apart the first and the last of some open pages have an event, and what the events cost."""
    write_installation(home)
    run_turn(program, home)
    spreads: list[float] = []
    times: list[float] = []
    arrivals: list[asyncio.Queue[None]] = []
    with listen(program, home, "serve") as server:

        async def publish() -> float:
            before = server.running.read_cpu()
            for number in range(1, events + 1):
                write_story(home, STORIES + number)
                await asyncio.to_thread(run_turn, program, home)
                await asyncio.wait_for(asyncio.gather(*(queue.get() for queue in arrivals)), _PATIENCE)
                spreads.append(max(times) - min(times))
                times.clear()
            return server.running.read_cpu() - before

        cpu = asyncio.run(_with_open_pages(server.port, clients, times, arrivals, publish))
    return server.cost, {
        "clients": clients,
        "events": events,
        "cpu_of_events": cpu,
        "spread_ms": max(spreads) * 1e3,
    }


async def _with_open_pages(
    port: int,
    clients: int,
    times: list[float],
    arrivals: list[asyncio.Queue[None]],
    work: Callable[[], Awaitable[float]],
) -> float:
    opened: list[asyncio.Event] = []

    async def follow(queue: asyncio.Queue[None], is_open: asyncio.Event) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(format_request("/live"))
        with closing(writer):
            async for line in reader:
                is_open.set()
                if line.startswith(b"event: article"):
                    times.append(time.perf_counter())
                    queue.put_nowait(None)

    tasks = []
    for _ in range(clients):
        queue, is_open = asyncio.Queue[None](), asyncio.Event()
        arrivals.append(queue)
        tasks.append(asyncio.create_task(follow(queue, is_open)))
        opened.append(is_open)
    await asyncio.gather(*(is_open.wait() for is_open in opened))
    result = await work()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return result


# ── the daemon at rest ──────────────────────────────────────────────────────────────────────────────────────────────


def measure_rest(program: Program, home: Path, seconds: float) -> tuple[Cost, Figures]:
    """Return the share of a core that a daemon takes that has nothing to do, in an installation that is there."""
    with listen(program, home, "daemon") as daemon:
        time.sleep(seconds / 4)  # until what is done at the start is done
        before, began = daemon.running.read_cpu(), time.perf_counter()
        time.sleep(seconds)
        cpu, wall = daemon.running.read_cpu() - before, time.perf_counter() - began
    return daemon.cost, {"seconds": wall, "share_of_core": cpu / wall}
