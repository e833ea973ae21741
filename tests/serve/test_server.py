"""The server itself: malformed requests, signals, ports and slow clients."""

from __future__ import annotations

import http.client
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from serve.loopback import (
    RSS,
    LoopbackServer,
    create_test_app,
    replace_file,
    run_server,
    write_files,
)
from wire import until

from feeds.codings import MAX_COMPRESSIBLE_SIZE
from feeds.errors import FeedsError
from feeds.serve import run

MALFORMED = [
    b"nonsense\r\n\r\n",
    b"GET /<script> with spaces HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
]


@pytest.mark.parametrize("request_bytes", MALFORMED, ids=range(len(MALFORMED)))
def test_S17_what_is_no_http_is_refused_with_the_same_headers(tmp_path: Path, request_bytes: bytes) -> None:
    with run_server(create_test_app(tmp_path), tmp_path, stall_timeout=2.0) as server:
        answer = server.raw(request_bytes + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"x-content-type-options: nosniff\r\n" in answer
    assert b"content-security-policy: default-src 'none'" in answer
    assert b"script" not in answer


@pytest.mark.parametrize("headers", [b"a: b\r\n" * 20_000, b"a: " + b"b" * 100_000], ids=["many", "long"])
def test_A9_headers_that_do_not_end_are_refused(tmp_path: Path, headers: bytes) -> None:
    with (
        run_server(create_test_app(tmp_path), tmp_path) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=300) as connection,
        suppress(ConnectionError),  # the response may be lost with what the server did not read
    ):
        connection.sendall(b"GET /health HTTP/1.1\r\nhost: a\r\n" + headers)
        assert connection.recv(100)[:13] in (b"", b"HTTP/1.1 400 ")


PROGRAM = """
import resource, sys
from pathlib import Path
from feeds.serve import create_app, run

def exhaust_descriptors() -> bool:
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    return True

app = create_app(Path(sys.argv[1]), withdrawn_feeds=dict, is_healthy=exhaust_descriptors)
run(app, ("127.0.0.1", 0), on_ready=lambda port: print(port, flush=True))
print("stopped", flush=True)
"""


def test_a_file_that_cannot_be_opened_is_no_missing_file(server: LoopbackServer) -> None:
    """Readers give up a feed that is said to be missing; here the server has run out of file descriptors."""
    command = [sys.executable, "-c", PROGRAM, str(server.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        connection = http.client.HTTPConnection("127.0.0.1", int(process.stdout.readline()), timeout=300)
        for path, status in (("/health", 200), ("/world.rss", 503), ("/none.rss", 404)):
            connection.request("GET", path)
            response = connection.getresponse()
            assert (response.status, path) == (status, path)
            response.read()
        connection.close()
        process.terminate()
        _, errors = process.communicate(timeout=300)
    assert "cannot serve '/world.rss'" in errors


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_server_though_clients_hang_on(server: LoopbackServer, number: signal.Signals) -> None:
    command = [sys.executable, "-c", PROGRAM, str(server.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        port = int(process.stdout.readline())
        address = ("127.0.0.1", port)
        with socket.create_connection(address) as silent, socket.create_connection(address) as greedy:
            silent.sendall(b"GET /world.rss HTT")
            greedy.sendall(b"GET /assets/film.mp4 HTTP/1.1\r\nhost: a\r\n\r\n")
            assert greedy.recv(1)
            process.send_signal(number)
            output, errors = process.communicate(timeout=300)
    assert (process.returncode, output) == (0, "stopped\n")
    assert "Traceback" not in errors


def test_an_address_that_is_taken_is_said_in_one_sentence(server: LoopbackServer) -> None:
    with pytest.raises(FeedsError, match=rf"^cannot listen on 127\.0\.0\.1:{server.port} \(.*in use.*\): "):
        run(create_test_app(server.root), ("127.0.0.1", server.port))


def test_a_connection_that_makes_no_progress_is_dropped(tmp_path: Path) -> None:
    write_files(tmp_path)
    replace_file(tmp_path / "film.mp4", bytes(MAX_COMPRESSIBLE_SIZE * 8))
    with run_server(create_test_app(tmp_path), tmp_path, stall_timeout=2.0) as server:
        assert server.raw(b"") == b""
        assert server.raw(b"GET /world.rss HTTP/1.1\r\nhost: a\r\nx-slow") == b""
        with socket.create_connection(("127.0.0.1", server.port), timeout=300) as idle:
            idle.sendall(b"GET /film.mp4 HTTP/1.1\r\nhost: a\r\n\r\n")
            until(lambda: is_closed(idle))
        assert server.request("/world.rss").body == RSS


def is_closed(connection: socket.socket) -> bool:
    """Whether the server has closed a connection from which nothing is read."""
    try:
        connection.sendall(b"\r\n")
    except OSError:
        return True
    return False


def test_several_requests_on_one_connection(server: LoopbackServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=300)
    for _ in range(3):
        for path, status in (("/world.rss", 200), ("/none", 404), ("/closed.rss", 410), ("/health", 200)):
            connection.request("GET", path)
            response = connection.getresponse()
            assert response.status == status
            response.read()
    connection.close()
