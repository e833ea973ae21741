"""Many open live streams, some of them never read (F27): the others wait for none, and memory stays flat."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from database import open_store
from event_stream import EventStream
from factories import NOON, event, issue
from serve.test_live import ids, install
from wire import Wire, until

from feeds.model import LedgerEntry
from feeds.store import SqlStore

EVENT = re.compile(rb"id: (\d+)\nevent: article")
REQUEST = b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n"


def open_stopped(stack: ExitStack, port: int) -> socket.socket:
    """A client that asks for the stream and then reads nothing."""
    client = socket.socket()
    stack.callback(client.close)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port))
    client.sendall(REQUEST)
    return client


def test_F27_some_stopped_clients_delay_no_other_one(wire: Wire) -> None:
    """Each of the others has every event once and in order; those that stopped are disconnected."""
    with ExitStack() as stack:
        home = stack.enter_context(install(wire, stall_timeout=0.5))
        readers = [stack.enter_context(home.open()) for _ in range(20)]
        stopped = [open_stopped(stack, home.server.port) for _ in range(5)]
        until(lambda: len(home.live._waiting) == 25)
        text = "x" * 10_000
        for first in range(0, 500, 20):
            home.publish(
                *(
                    event(key, "world", item=json.dumps({"id": f"https://x.example/{key}", "content_text": text}))
                    for key in range(first, first + 20)
                )
            )
            for reader in readers:
                expected = [f"https://x.example/{key}" for key in range(first, first + 20)]
                assert ids(reader.read(20)) == expected
        until(lambda: len(home.live._waiting) == 20)
        for client in stopped:
            received = b"".join(iter(lambda client=client: client.recv(65_536), b""))
            numbers = re.findall(rb"^id: (\d+)\n(?:event: article\ndata: .*\n)?\n", received, re.MULTILINE)
            with home.open(last_id=numbers[-1].decode()) as again:
                assert ids(again.read(1)) == [f"https://x.example/{int(numbers[-1])}"]


# ── as large as F27 says, in a process of its own ─────────────────────────────────────────────────────────────────────


@contextmanager
def serve(wire: Wire) -> Iterator[tuple[int, int]]:
    """A server process beside cron; its port and its process id."""
    process = subprocess.Popen(
        wire.argv("serve", "--listen", "127.0.0.1:0"), cwd=wire.home, env=wire.env(), stderr=subprocess.PIPE, text=True
    )
    assert process.stderr
    try:
        line = next(line for line in process.stderr if "serving" in line)
        yield int(line.rstrip().rstrip("/").rpartition(":")[2]), process.pid
    finally:
        process.terminate()
        process.wait()
        process.stderr.close()


def read_memory(pid: int) -> float:
    """The resident memory of a process in megabytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1000


def publish_batch(store: SqlStore, first: int, count: int) -> None:
    text = "x" * 1_000
    events = [
        event(key, item=json.dumps({"id": f"{key}", "content_text": text})) for key in range(first, first + count)
    ]
    entries = {new.article_key: LedgerEntry(f"d{new.article_key}", NOON) for new in events}
    store.issued(issue("f", entries, *events), NOON)


class Reader:
    """A client that reads all: the numbers of the events as they came, and when the last one did."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.last_at = 0.0

    async def run(self, port: int) -> None:
        stream, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        rest = b""
        try:
            while chunk := await stream.read(1_000_000):
                *messages, rest = (rest + chunk).split(b"\n\n")
                found = [match for message in messages if (match := EVENT.search(message))]
                self.numbers += [int(match[1]) for match in found]
                self.last_at = time.monotonic() if found else self.last_at
        finally:
            writer.close()


async def crowd(
    store: SqlStore, port: int, pid: int, batches: int, size: int
) -> tuple[list[Reader], list[float], list[float]]:
    """Publish many events at once, and one alone after them, so often; return the readers, the delays, the memory."""
    memory: list[float] = []
    delays: list[float] = []
    with ExitStack() as stack:
        readers = [Reader() for _ in range(800)]
        tasks = [asyncio.create_task(reader.run(port)) for reader in readers]
        _ = [open_stopped(stack, port) for _ in range(200)]
        await asyncio.sleep(5)
        count = 0
        for number in range(2 * batches):
            new = size if number % 2 == 0 else 1
            began = time.monotonic()
            await asyncio.to_thread(publish_batch, store, count, new)
            count += new
            while any(len(reader.numbers) < count for reader in readers):
                await asyncio.sleep(0.01)
            if new == 1:
                delays += [reader.last_at - began for reader in readers]
                memory.append(read_memory(pid))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return readers, sorted(delays), memory


@pytest.mark.slow
def test_F27_a_thousand_clients_of_which_200_stopped(wire: Wire) -> None:
    wire.declare({}, {"f": {"title": "F"}})
    batches, size = 100, 99
    with open_store(wire.database) as store, serve(wire) as (port, pid):
        readers, delays, memory = asyncio.run(crowd(store, port, pid, batches, size))
    assert all(reader.numbers == [*range(1, batches * (size + 1) + 1)] for reader in readers)
    p99 = delays[len(delays) * 99 // 100]
    print(f"\nan event: median {delays[len(delays) // 2]:.3f} s, p99 {p99:.3f} s, longest {delays[-1]:.3f} s")
    print(f"memory after 1,000, 5,000 and 10,000 events: {memory[9]:.0f}, {memory[49]:.0f}, {memory[-1]:.0f} MB")
    assert memory[-1] - memory[9] < 20
    assert p99 < 1


@pytest.mark.slow
def test_F27_five_thousand_idle_clients(wire: Wire) -> None:
    wire.declare({}, {"f": {"title": "F"}})
    with ExitStack() as stack, serve(wire) as (port, pid):
        before = read_memory(pid)
        for _ in range(5_000):
            stack.enter_context(socket.create_connection(("127.0.0.1", port))).sendall(REQUEST)
        with EventStream(port) as last:
            last.wait_until_open()
            print(f"\n{before:.0f} MB before, {read_memory(pid):.0f} MB with 5,000 clients")
            assert read_memory(pid) < 200
