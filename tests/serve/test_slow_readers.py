"""Clients that ask and do not read: row A9."""

from __future__ import annotations

import random
import resource
import socket
import subprocess
import sys
from contextlib import ExitStack
from itertools import cycle, islice
from pathlib import Path

from serve.loopback import LoopbackServer, replace_file

PROGRAM = """
import resource, sys
from pathlib import Path
from feeds.serve import create_app, run

def print_peak() -> bool:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, flush=True)
    return True

app = create_app(Path(sys.argv[1]), withdrawn_feeds=dict, is_healthy=print_peak)
run(app, ("127.0.0.1", 0), on_ready=lambda port: print(port, flush=True), stall_timeout=600.0)
"""
UNIT = 1_000_000 if sys.platform == "darwin" else 1_000  # of ru_maxrss, to MB

FEED, RECORDINGS = "feed.atom", ["1.mp3", "2.mp3", "3.mp3", "4.mp3"]
REQUESTS = [(FEED, ""), (FEED, "Accept-Encoding: gzip\r\n"), *((name, "") for name in RECORDINGS)]


def test_A9_500_slow_readers_cost_little_memory_and_health_is_answered(tmp_path: Path) -> None:
    numbers = random.Random(1)
    for name in (FEED, *RECORDINGS):
        replace_file(tmp_path / name, numbers.randbytes(1_500_000).hex().encode())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 1_024)), hard))
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process, ExitStack() as stack:
        assert process.stdout
        server = LoopbackServer(int(process.stdout.readline()), tmp_path)
        assert len(server.request(f"/{FEED}", accept_encoding="gzip").body) > 1_000_000
        assert server.request("/health").status == 200
        before = int(process.stdout.readline())
        for name, coding in islice(cycle(REQUESTS), 500):
            reader = stack.enter_context(socket.socket())
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            reader.settimeout(300)
            reader.connect(("127.0.0.1", server.port))
            reader.sendall(f"GET /{name} HTTP/1.1\r\nHost: a\r\n{coding}\r\n".encode())
            assert reader.recv(1) == b"H"
        assert server.request("/health").status == 200
        assert (int(process.stdout.readline()) - before) / UNIT <= 100
        process.terminate()
