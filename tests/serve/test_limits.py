"""How many connections and requests there may be: rows A9, D2, F28."""

from __future__ import annotations

import http.client
import logging
import socket
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from serve.loopback import RSS, LoopbackServer, create_test_app, replace_file, run_server
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from wire import until

from feeds.serve import LiveStreams, Services, create_app
from feeds.serve.limits import ClientLimits
from feeds.serve.live import MAX_STREAMS_PER_CLIENT, RETRY_MILLISECONDS, SHED_RETRY_MILLISECONDS

CLIENTS = [
    # the client that has 100 open, another address, whether that one is refused
    ("203.0.113.7", "203.0.113.7", True),
    ("203.0.113.7", "203.0.113.8", False),
    ("203.0.113.7", "::ffff:203.0.113.7", True),
    ("2001:db8::1", "2001:db8::ffff:1", True),
    ("2001:db8::1", "2001:db8:0:1::1", False),
    ("unknown", "unknown", True),
    ("127.0.0.1", "127.0.0.1", False),
    ("127.0.0.1", "127.0.0.2", False),
    ("::1", "::1", False),
    ("10.1.2.3", "10.1.2.3", False),
    ("fd00::1", "fd00::1", False),
    ("10.2.0.1", "10.2.0.1", True),
]


@pytest.mark.parametrize(("first", "second", "refused"), CLIENTS)
def test_A9_each_client_has_its_limit(first: str, second: str, refused: bool) -> None:
    limits = ClientLimits("connections", trusted_proxies=["10.1.0.0/16", "fd00::/8"])
    assert all(limits.admit(first) for _ in range(100))
    assert limits.admit(second) is not refused
    limits.release(first)
    assert limits.admit(first)


def test_A9_all_clients_have_a_limit_and_loopback_has_the_last_places() -> None:
    limits = ClientLimits("connections", 200)
    addresses = [f"203.0.113.{number}" for number in range(250)]
    admitted = [address for address in addresses if limits.admit(address)]
    assert len(admitted) == 190
    assert [limits.admit("127.0.0.1") for _ in range(11)] == [True] * 10 + [False]
    for address in [*admitted, *["127.0.0.1"] * 10]:
        limits.release(address)
    assert all(limits.admit(address) for address in admitted)


def test_A9_refusals_are_logged_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    limits = ClientLimits("connections", 0)
    for _ in range(50):
        assert not limits.admit("203.0.113.7")
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage().startswith("too many connections: 1 refused, the last one from 203.0.113.7;")


PROGRAM = """
import resource, sys
from pathlib import Path
from feeds.serve import create_app, run

resource.setrlimit(resource.RLIMIT_NOFILE, (96, 96))
app = create_app(Path(sys.argv[1]), withdrawn_feeds=dict, is_healthy=lambda: True)
run(app, ("127.0.0.1", 0), on_ready=lambda port: print(port, flush=True), stall_timeout=600.0)
"""


def test_F28_more_connections_than_descriptors_suffice_for_are_refused(server: LoopbackServer) -> None:
    command = [sys.executable, "-c", PROGRAM, str(server.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        small = LoopbackServer(int(process.stdout.readline()), server.root)
        with ExitStack() as stack:
            for _ in range(16):  # each takes a socket and a file of the server
                request_film(stack, small, "/assets/film.mp4")
            refused = small.request("/health")
            assert (refused.status, refused["connection"]) == (503, "close")
            assert int(refused["retry-after"]) > 0
            assert "sandbox" in refused["content-security-policy"]
        until(lambda: small.request("/health").status == 200)
        process.terminate()
        _, errors = process.communicate(timeout=300)
    assert errors.count("too many connections") == 1
    assert "Traceback" not in errors


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a feed, and a recording that does not fit into the buffers of a connection."""
    replace_file(tmp_path / "world.rss", RSS)
    replace_file(tmp_path / "film.mp4", bytes(1_500_000))
    return tmp_path


def test_D2_clients_behind_a_trusted_proxy_are_limited_one_by_one(root: Path) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(run_server(create_test_app(root), root, trusted_proxies=["127.0.0.0/8"]))
        readers = stack.enter_context(ExitStack())
        for _ in range(100):
            request_film(readers, server, "/film.mp4", "x-forwarded-for: 203.0.113.7\r\n")
        for forwarded, status in [
            ("203.0.113.7", 503),
            ("198.51.100.9, 203.0.113.7", 503),  # what a client wrote itself stands further left
            ("203.0.113.7, 127.0.0.2", 503),  # two proxies
            ("203.0.113.7, 198.51.100.9", 200),
            ("198.51.100.9", 200),
        ]:
            response = server.request("/world.rss", x_forwarded_for=forwarded)
            assert (response.status, "retry-after" in response.headers) == (status, status == 503)
        assert server.request("/health").status == 200
        readers.close()
        until(lambda: server.request("/world.rss", x_forwarded_for="203.0.113.7").status == 200)


SPELLINGS = [
    # trusted_proxies, X-Forwarded-For, whose client the request is
    (["127.0.0.1"], "203.0.113.7", "203.0.113.7"),
    (["127.0.0.0/8"], "203.0.113.7", "203.0.113.7"),
    (["127.1.2.3/8"], "203.0.113.7", "203.0.113.7"),
    (["10.0.0.0/8", "127.0.0.1"], "203.0.113.7, 10.9.9.9", "203.0.113.7"),
    (["127.0.0.1"], "203.0.113.7, 10.9.9.9", "10.9.9.9"),
    (["127.0.0.1"], "10.0.0.1, 203.0.113.7", "203.0.113.7"),
    (["127.0.0.1"], "203.0.113.7:4711", "203.0.113.7"),
    (["127.0.0.1"], "[2001:db8::1]:4711", "2001:db8::1"),
    (["127.0.0.1"], "2001:db8::1", "2001:db8::1"),
    (["127.0.0.1"], "", "127.0.0.1"),
    (["10.0.0.0/8"], "203.0.113.7", "127.0.0.1"),
    ([], "203.0.113.7", "127.0.0.1"),
]


@pytest.mark.parametrize(("trusted", "forwarded", "client"), SPELLINGS)
def test_D2_a_trusted_proxy_names_the_client_and_nobody_else(
    tmp_path: Path, trusted: list[str], forwarded: str, client: str
) -> None:
    """What a client writes itself stands left of what the proxy adds: the last address that is no proxy counts."""

    async def echo(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse(scope["client"][0])(scope, receive, send)

    with run_server(echo, tmp_path, trusted_proxies=trusted) as server:
        assert server.request("/", x_forwarded_for=forwarded).body.decode() == client
    assert ClientLimits("requests", trusted_proxies=trusted).admit(client)


def test_D2_streams_are_limited_for_each_client_behind_a_proxy(tmp_path: Path) -> None:
    """R75: an IPv6 network of 64 bits is one client."""
    live = LiveStreams(lambda after, limit: (), lambda: range(1, 1), ["127.0.0.0/8"])
    app = create_app(tmp_path, withdrawn_feeds=dict, is_healthy=lambda: True, services=Services(live))
    with ExitStack() as stack:
        server = stack.enter_context(run_server(app, tmp_path, trusted_proxies=["127.0.0.0/8"]))

        def open_stream(client: str) -> bytes:
            """The first line of a stream: how long to wait when it is lost, in milliseconds."""
            reader = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=300))
            reader.sendall(f"GET /live HTTP/1.1\r\nhost: a\r\nx-forwarded-for: {client}\r\n\r\n".encode())
            response = stack.enter_context(http.client.HTTPResponse(reader))
            response.begin()
            return response.readline()

        def milliseconds(client: str) -> int:
            return int(open_stream(client).partition(b":")[2])

        waits = [milliseconds(f"2001:db8::{number:x}") for number in range(MAX_STREAMS_PER_CLIENT)]
        assert max(waits) <= RETRY_MILLISECONDS[1]
        assert milliseconds("2001:db8::ffff:1") >= SHED_RETRY_MILLISECONDS[0]
        assert milliseconds("2001:db8:0:1::1") <= RETRY_MILLISECONDS[1]


def test_D2_who_is_no_trusted_proxy_names_no_client(root: Path) -> None:
    with run_server(create_test_app(root), root) as server, ExitStack() as readers:
        for _ in range(101):
            request_film(readers, server, "/film.mp4", "x-forwarded-for: 203.0.113.7\r\n")


def request_film(stack: ExitStack, server: LoopbackServer, path: str, header: str = "") -> None:
    """Ask for a large file, and read nothing but the status."""
    reader = stack.enter_context(socket.create_connection(("127.0.0.1", server.port), timeout=300))
    reader.sendall(f"GET {path} HTTP/1.1\r\nhost: a\r\n{header}\r\n".encode())
    response = stack.enter_context(http.client.HTTPResponse(reader))
    response.begin()
    assert response.status == 200
