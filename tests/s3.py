"""An S3 server on loopback, moto's, a proxy before it that fails as it is told, and an installation that uses them."""

from __future__ import annotations

import http.client
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from wire import Wire

from feeds.model import Bucket

ACCESS_KEY, SECRET_KEY = "AKIATESTNAME", "a-key-nobody-may-see"
BUCKET, PREFIX = "wire", "some/folder"
OWNER = ".feeds-owner"
SERVER = Path(os.environ.get("FEEDS_S3_SERVER") or Path(sys.prefix, "s3-server"))


@contextmanager
def run_server() -> Iterator[int]:
    """Run the server; yield its port."""
    if not (SERVER / "moto").is_dir():
        pytest.skip(f"there is no S3 server in {SERVER}: see tests/s3-server.txt")
    command = [sys.executable, "-m", "moto.server", "--host", "127.0.0.1", "--port", "0"]
    env = os.environ | {"PYTHONPATH": str(SERVER), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        assert process.stderr
        try:
            for line in process.stderr:
                if found := re.search(r"Running on http://127\.0\.0\.1:(\d+)", line):
                    break
            else:
                pytest.fail("the S3 server did not start")
            threading.Thread(target=process.stderr.read, daemon=True).start()
            yield int(found[1])
        finally:
            process.kill()


@dataclass(frozen=True)
class S3Request:
    """A request as the proxy saw it; `key` is below the prefix."""

    method: str
    key: str
    headers: Mapping[str, str]


# What the proxy does with a request: None passes it on.
Fault = Callable[[S3Request], str | None]


@dataclass
class S3Proxy:
    """A proxy on loopback. `fault` says what becomes of a request: `503`, `cut` it, `lose` its answer, or be `slow`.

    `requests` are those that came, `in_flight` how many there were at most at the same time.
    """

    port: int
    fault: Fault = lambda request: None
    slow_seconds: float = 0.3
    requests: list[S3Request] = field(default_factory=list)
    in_flight: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._now = 0
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                with suppress(ConnectionError):
                    super().handle_one_request()

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

            def answer(self) -> None:
                proxy.answer(self)

            do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = answer

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()

    def take(self) -> list[S3Request]:
        """Return the requests since the last call."""
        with self._lock:
            requests, self.requests = self.requests, []
            self.in_flight = 0
        return requests

    def written(self) -> list[str]:
        """Return the keys that were written or removed since the last call, sorted."""
        return sorted(request.key for request in self.take() if request.method not in ("GET", "HEAD"))

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        key = unquote(handler.path.partition("?")[0]).removeprefix(f"/{BUCKET}/").removeprefix(f"{PREFIX}/")
        headers = {name.lower(): value for name, value in handler.headers.items()}
        request = S3Request(handler.command, key, headers)
        with self._lock:
            self.requests.append(request)
            self._now += 1
            self.in_flight = max(self.in_flight, self._now)
        try:
            self._answer(handler, request, body)
        finally:
            with self._lock:
                self._now -= 1

    def _answer(self, handler: BaseHTTPRequestHandler, request: S3Request, body: bytes) -> None:
        fault = self.fault(request)
        if fault == "slow":
            time.sleep(self.slow_seconds)
        if fault == "cut":
            handler.close_connection = True
            return
        if fault == "503":
            status, headers, answer = 503, [("Retry-After", "0")], b"<Error><Code>SlowDown</Code></Error>"
        else:
            status, headers, answer = self._pass_on(handler, body)
        if fault == "lose":
            handler.close_connection = True
            return
        handler.send_response_only(status)
        for name, value in headers:
            handler.send_header(name, value)
        if handler.command != "HEAD":
            handler.send_header("Content-Length", str(len(answer)))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(answer)

    def _pass_on(self, handler: BaseHTTPRequestHandler, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            headers = {name: value for name, value in handler.headers.items() if name.lower() != "connection"}
            connection.request(handler.command, handler.path, body, headers)
            response = connection.getresponse()
            kept = ("connection", "transfer-encoding") + (("content-length",) if handler.command != "HEAD" else ())
            passed = [(name, value) for name, value in response.getheaders() if name.lower() not in kept]
            return response.status, passed, response.read()
        finally:
            connection.close()


class S3Server:
    """The buckets of a server, read and written behind the proxy."""

    def __init__(self, port: int) -> None:
        self.port = port

    def request(self, method: str, path: str, body: bytes | None = None) -> tuple[int, dict[str, str], bytes]:
        """Send a request; moto asks for no signature."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, {"Authorization": f"AWS {ACCESS_KEY}:x"})
            response = connection.getresponse()
            return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        finally:
            connection.close()

    def reset(self) -> None:
        """Make the bucket anew, empty."""
        self.request("POST", "/moto-api/reset")
        self.request("PUT", f"/{BUCKET}")

    def keys(self) -> list[str]:
        """Return the keys below the prefix but that of the owner, sorted."""
        return sorted(self.etags())

    def etags(self) -> dict[str, str]:
        """Return the digests of the objects below the prefix but that of the owner, by key."""
        listing = self.request("GET", f"/{BUCKET}?list-type=2&prefix={quote(PREFIX)}/")[2].decode()
        found = re.findall(r"<Key>([^<]*)</Key>.*?<ETag>([^<]*)</ETag>", listing, re.DOTALL)
        return {key.removeprefix(f"{PREFIX}/"): etag for key, etag in found if key != f"{PREFIX}/{OWNER}"}

    def head(self, key: str) -> dict[str, str]:
        """Return the headers with which a reader gets an object."""
        return self.request("HEAD", f"/{BUCKET}/{PREFIX}/{quote(key)}")[1]

    def body(self, key: str) -> bytes | None:
        """Return the bytes that a reader gets; None where there is no object."""
        status, _, body = self.request("GET", f"/{BUCKET}/{PREFIX}/{quote(key)}")
        return body if status == 200 else None

    def put(self, key: str, body: bytes) -> None:
        """Write as another program does."""
        self.request("PUT", f"/{BUCKET}/{PREFIX}/{quote(key)}", body)

    def remove(self, key: str) -> None:
        """Remove an object."""
        self.request("DELETE", f"/{BUCKET}/{PREFIX}/{quote(key)}")


def bucket_at(endpoint: str) -> Bucket:
    """The place of the tests."""
    return Bucket(f"s3://{BUCKET}/{PREFIX}", endpoint, "us-east-1", ACCESS_KEY, SECRET_KEY)


@dataclass
class BucketWire(Wire):
    """An installation that publishes to the bucket of a server."""

    endpoint: str = ""
    port: int = 0
    _bodies: dict[tuple[str, str], bytes] = field(default_factory=dict)  # by key and digest

    def declare(self, sources: Mapping[str, object], feeds: Mapping[str, object] | None = None, **top: object) -> None:
        """Write the YAML."""
        public = {"url": f"s3://{BUCKET}/{PREFIX}", "endpoint": self.endpoint, "region": "us-east-1"}
        keys = {"access_key": ACCESS_KEY, "secret_key": SECRET_KEY}
        super().declare(sources, feeds, public=public | keys, **top)

    def files(self) -> dict[str, bytes]:
        """Every object; what was read before and has the same digest is not read again."""
        server = S3Server(self.port)
        known, self._bodies = self._bodies, {}
        for place in server.etags().items():
            self._bodies[place] = known[place] if place in known else server.body(place[0]) or b""
        return {key: body for (key, _), body in self._bodies.items()}


@pytest.fixture(scope="session")
def s3_port() -> Iterator[int]:
    """One server for all tests of a process."""
    with run_server() as port:
        yield port


@pytest.fixture
def s3_server(s3_port: int) -> S3Server:
    """The server, with an empty bucket."""
    server = S3Server(s3_port)
    server.reset()
    return server


@pytest.fixture
def s3_proxy(s3_server: S3Server) -> Iterator[S3Proxy]:
    """A proxy before it."""
    proxy = S3Proxy(s3_server.port)
    yield proxy
    proxy.close()
