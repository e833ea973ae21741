"""The origin of the measured rounds, in a process of its own: generated feeds from memory, with counters.

`python -m tests.bench.origin FEEDS` prints its port, and ends with its input. It answers at every loopback address.
`/N` is a feed, with ETag and Last-Modified, gzipped for those who accept it; `/close/N` also ends the connection.
`/-/set?…` changes feeds and how they are served (see `Origin.set`), `/-/take-counts` returns the counters and sets them
to 0, and so does `/-/take-longest-pause` with the longest time without a request in progress.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email.utils import format_datetime, formatdate
from hashlib import blake2b
from pathlib import Path
from subprocess import PIPE, Popen
from typing import NamedTuple
from urllib.parse import parse_qsl

from .documents import START, make_document

_REQUEST = re.compile(rb"GET (/[^ ?]*)\??([^ ]*) HTTP/1\.1\r\n")
_IF_NONE_MATCH = re.compile(rb"\r\nif-none-match: *([^\r]+)", re.IGNORECASE)
_ACCEPTS_GZIP = re.compile(rb"\r\naccept-encoding:[^\r]*gzip", re.IGNORECASE)


class _Feed(NamedTuple):
    etag: bytes
    last_modified: bytes
    gzipped: bytes

    @classmethod
    def make(cls, number: int, first: int = 0) -> _Feed:
        body = make_document(number, first)
        etag = b'"%s"' % blake2b(body, digest_size=8).hexdigest().encode()
        last_modified = format_datetime(START + timedelta(hours=first), usegmt=True).encode()
        return cls(etag, last_modified, gzip.compress(body, 1, mtime=0))


class Origin:
    """The feeds, how they are served, and what was."""

    def __init__(self, feeds: int) -> None:
        self._feeds = [_Feed.make(number) for number in range(feeds)]
        self._has_validators = True
        self.delay = 0.0
        self._counts = {"requests": 0, "not_modified": 0, "bytes": 0}
        self._cpu = time.process_time()
        self._in_progress = 0
        self._idle_since = time.perf_counter()
        self._longest_pause = 0.0

    def set(self, first: int = 0, every: int = 0, validators: int = 1, delay: float = 0.0) -> None:
        """Replace every so-many-th feed by one with newer entries; say whether to send validators, and how late."""
        for number in range(0, len(self._feeds) if every else 0, every or 1):
            self._feeds[number] = _Feed.make(number, first)
        self._has_validators, self.delay = bool(validators), delay

    def take_counts(self) -> dict[str, float]:
        """Return requests, those answered by 304, bytes sent and CPU seconds since the last call."""
        now = time.process_time()
        counts = {**self._counts, "cpu": now - self._cpu}
        self._counts, self._cpu = dict.fromkeys(self._counts, 0), now
        return counts

    def take_longest_pause(self) -> float:
        """Return the longest time without a request in progress since the last call, in seconds."""
        pause, self._longest_pause = self._longest_pause, 0.0
        return pause

    def begin(self) -> None:
        """Note that a request came."""
        if not self._in_progress:
            self._longest_pause = max(self._longest_pause, time.perf_counter() - self._idle_since)
        self._in_progress += 1

    def end(self) -> None:
        """Note that a request was answered."""
        self._in_progress -= 1
        self._idle_since = time.perf_counter()

    def respond(self, head: bytes) -> tuple[bytes, bool]:
        """Return the response to the head of a request, and whether the connection ends with it."""
        match = _REQUEST.match(head)
        path, query = (match[1].decode(), match[2].decode()) if match else ("", "")
        if path.startswith("/-/"):
            return _format_response(b"200 OK", [], self._control(path, dict(parse_qsl(query)))), False
        closes = path.startswith("/close/")
        number = path.rpartition("/")[2]
        feed = self._feeds[int(number)] if number.isdigit() and int(number) < len(self._feeds) else None
        headers = [b"server: bench", b"date: " + formatdate(usegmt=True).encode()]
        response = self._format(feed, head, [*headers, b"connection: close"] if closes else headers)
        self._counts["requests"] += 1
        self._counts["bytes"] += len(response)
        return response, closes

    def _format(self, feed: _Feed | None, head: bytes, headers: list[bytes]) -> bytes:
        if feed is None:
            return _format_response(b"404 Not Found", headers, b"")
        if self._has_validators:
            headers += [b"etag: " + feed.etag, b"last-modified: " + feed.last_modified]
            if (tag := _IF_NONE_MATCH.search(head)) and tag[1] == feed.etag:
                self._counts["not_modified"] += 1
                return _format_response(b"304 Not Modified", headers, None)
        headers.append(b"content-type: application/rss+xml")
        if _ACCEPTS_GZIP.search(head):
            return _format_response(b"200 OK", [*headers, b"content-encoding: gzip"], feed.gzipped)
        return _format_response(b"200 OK", headers, gzip.decompress(feed.gzipped))

    def _control(self, path: str, options: dict[str, str]) -> bytes:
        if path == "/-/set":
            self.set(**{name: float(value) if name == "delay" else int(value) for name, value in options.items()})  # type: ignore[arg-type]
            return b"{}"
        if path == "/-/take-longest-pause":
            return json.dumps(self.take_longest_pause()).encode()
        return json.dumps(self.take_counts()).encode()


def _format_response(status: bytes, headers: list[bytes], body: bytes | None) -> bytes:
    length = [] if body is None else [b"content-length: %d" % len(body)]
    return b"\r\n".join([b"HTTP/1.1 " + status, *headers, *length, b"", body or b""])


class _Connection(asyncio.Protocol):
    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while b"\r\n\r\n" in self._buffer:
            head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
            response, closes = self._origin.respond(head + b"\r\n")
            if head.startswith(b"GET /-/"):
                self._send(response, closes)
                continue
            self._origin.begin()
            if self._origin.delay:
                asyncio.get_running_loop().call_later(self._origin.delay, self._end, response, closes)
            else:
                self._end(response, closes)

    def _end(self, response: bytes, closes: bool) -> None:
        self._send(response, closes)
        self._origin.end()

    def _send(self, response: bytes, closes: bool) -> None:
        self._transport.write(response)
        if closes:
            self._transport.close()


async def _serve(feeds: int) -> None:
    origin = Origin(feeds)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(origin), "0.0.0.0", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


class OriginProcess:
    """The origin as a child process."""

    def __init__(self, port: int) -> None:
        self.port = port

    def set(self, **options: float) -> None:
        """Change what is served, see `Origin.set`."""
        self._request("set", "&".join(f"{name}={value}" for name, value in options.items()))

    def take_counts(self) -> dict[str, float]:
        """Return the counters since the last call."""
        counts: dict[str, float] = json.loads(self._request("take-counts"))
        return counts

    def take_longest_pause(self) -> float:
        """Return the longest time without a request in progress since the last call, in seconds."""
        return float(self._request("take-longest-pause"))

    def _request(self, name: str, query: str = "") -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/-/{name}?{query}") as response:
            return bytes(response.read())


@contextmanager
def start_origin(feeds: int) -> Iterator[OriginProcess]:
    """Run the origin while inside."""
    command = [sys.executable, "-m", "tests.bench.origin", str(feeds)]
    with Popen(command, stdin=PIPE, stdout=PIPE, cwd=Path(__file__).parents[2]) as process:
        assert process.stdin and process.stdout
        yield OriginProcess(int(process.stdout.readline()))
        process.stdin.close()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1])))
