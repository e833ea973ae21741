"""A scripted origin on loopback: answers as it is told, well or badly, keeps every request, and marks its clients.

origin.put("/feed", Document(b"<rss/>", etag='"1"'))        a polite server, with conditional GET
origin.put("/feed", raw(b"HTTP/1.1 200 OK\\r\\n", 0.5, RESET))  whatever bytes, pauses and endings
origin.url("/feed", host="127.0.0.7")                        any address of 127.0.0.0/8 is a host of its own
origin.requests, origin.connections, origin.marks()
"""

from __future__ import annotations

import gzip
import selectors
import socket
import ssl
import struct
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from itertools import pairwise, repeat

ALLOW = ("127.0.0.0/8",)  # what a Fetcher of a test is told to allow


class End(Enum):
    """How a raw answer ends, other than by closing the connection."""

    RESET = "reset"
    HANG = "hang"  # until the client leaves
    KEEP = "keep"  # the connection is good for another request


RESET, HANG, KEEP = End.RESET, End.HANG, End.KEEP
Piece = bytes | float | End


@dataclass(frozen=True)
class Request:
    """One request as it came in. `host` is the address it came to; `names` are header names as spelled, in order."""

    at: float
    host: str
    connection: int
    method: str
    path: str
    names: tuple[str, ...]
    headers: dict[str, str]
    body: bytes = b""


Behaviour = Callable[[Request], Iterable[Piece]]


def reply(body: bytes = b"", status: int = 200, **headers: str) -> bytes:
    """A whole answer as bytes; `content_type="text/xml"` becomes `Content-Type: text/xml`."""
    fields = {"content-length": str(len(body))} | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", *(f"{name}: {fields[name]}" for name in fields)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (b"" if status in (204, 304) else body)


class SlowDocument:
    """A slow document that counts the requests for it at the same moment, by the names that `names` returns.

    None is answered before so many came `together` under the first name: a busy machine brings them late.
    """

    def __init__(
        self,
        body: Callable[[Request], bytes],
        names: Callable[[Request], tuple[str, ...]],
        seconds: float = 0.02,
        together: int = 1,
    ) -> None:
        self._body = body
        self._names = names
        self._seconds = seconds
        self._together = together
        self._lock = threading.Condition()
        self._now: Counter[str] = Counter()
        self.most: Counter[str] = Counter()

    def __call__(self, request: Request) -> Iterable[Piece]:
        names = self._names(request)
        with self._lock:
            for name in names:
                self._now[name] += 1
                self.most[name] = max(self.most[name], self._now[name])
            self._lock.notify_all()
            assert self._lock.wait_for(lambda: self.most[names[0]] >= self._together, 300)
        yield self._seconds
        with self._lock:
            self._now.subtract(names)
        yield reply(self._body(request), content_type="text/xml")
        yield KEEP


def raw(*pieces: Piece) -> Behaviour:
    """Bytes to send as they are, seconds to wait, and maybe an ending."""
    return lambda request: pieces


def drip(start: bytes, piece: bytes = b"x", every: float = 0.02) -> Behaviour:
    """A beginning, then the same piece again and again, for ever."""
    return lambda request: _endless(start, piece, every)


def _endless(start: bytes, piece: bytes, every: float) -> Iterator[Piece]:
    yield start
    for pause in repeat(every):
        yield piece
        yield pause


def redirect(location: str, status: int = 302, body: bytes = b"", **headers: str) -> Behaviour:
    """A redirect."""
    return raw(reply(body, status, location=location, **headers), KEEP)


@dataclass
class Document:
    """A document with validators that knows conditional requests. Change `body`, `etag` … at will: what was given
    out before is remembered, to tell a client that is late from one that makes things up."""

    body: bytes
    etag: str | None = None
    last_modified: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    compressed: bool = False
    etags: list[str] = field(default_factory=list)
    dates: list[str] = field(default_factory=list)

    def __call__(self, request: Request) -> Iterable[Piece]:
        headers = {"content_type": "application/rss+xml"} | self.headers
        if self.etag is not None:
            headers["etag"] = self.etag
        if self.last_modified is not None:
            headers["last_modified"] = self.last_modified
        unchanged = self._unchanged(request)
        self.etags += [self.etag] if self.etag is not None and self.etag not in self.etags[-1:] else []
        known = self.last_modified in self.dates[-1:]
        self.dates += [self.last_modified] if self.last_modified is not None and not known else []
        if unchanged:
            return (reply(b"", 304, **headers), KEEP)
        if self.compressed:
            return (reply(gzip.compress(self.body), content_encoding="gzip", **headers), KEEP)
        return (reply(self.body, **headers), KEEP)

    def _unchanged(self, request: Request) -> bool:
        if (tag := request.headers.get("if-none-match")) is not None:
            return tag == self.etag
        since = request.headers.get("if-modified-since")
        return since is not None and since == self.last_modified


@dataclass(frozen=True)
class Marks:
    """Rachel Kroll's counters, for all clients together: every one but `requests` is better at 0."""

    requests: int = 0
    unconditional: int = 0  # although validators had been given out before
    etag_late: int = 0  # given out before, but not the last time
    etag_made_up: int = 0
    date_late: int = 0
    date_made_up: int = 0
    cookies: int = 0
    referers: int = 0
    queries: int = 0  # added to a path that has none
    not_get: int = 0
    closest: float | None = None  # seconds between two requests for the same document

    @property
    def bad(self) -> dict[str, int]:
        """The counters that are not 0."""
        counters = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: n for name, n in counters.items() if n and name not in ("requests", "closest")}


class Origin:
    """The server: one thread that accepts, one for each connection. Close it when done."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self.open_now = 0
        self.most_open = 0
        self._tls = tls
        self._scripts: dict[tuple[str | None, str], list[Behaviour]] = {}
        self._counts: Counter[str] = Counter()
        self._last: dict[tuple[str, str], float] = {}
        self._gaps: list[float] = []
        self._ports: dict[str, int] = {}
        self._sockets: set[socket.socket] = set()
        self._lock = threading.RLock()
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._closing = False
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        """The address of a path on one of the hosts; the host comes into being when it is first named."""
        return f"{'https' if self._tls else 'http'}://{host}:{self.port(host)}{path}"

    def port(self, host: str = "127.0.0.1") -> int:
        """The port this host listens on."""
        with self._lock:
            if host not in self._ports:
                listener = socket.create_server((host, 0), backlog=256)
                listener.setblocking(False)
                self._ports[host] = listener.getsockname()[1]
                self._selector.register(listener, selectors.EVENT_READ)
                self._wake.send(b"!")
            return self._ports[host]

    def put(self, path: str, *behaviours: Behaviour, host: str | None = None) -> str:
        """Say what a path answers: each behaviour once, the last for ever; on all hosts if none is named.

        One that ends with `?` is for all queries.
        """
        self._scripts[host, path] = list(behaviours)
        return self.url(path, host or "127.0.0.1")

    def marks(self) -> Marks:
        """How the clients behaved so far."""
        with self._lock:
            return Marks(len(self.requests), **self._counts, closest=min(self._gaps, default=None))

    def paths(self) -> list[str]:
        """The paths asked for so far."""
        return [request.path for request in self.requests]

    def close(self) -> None:
        """Hang up and stop."""
        self._closing = True
        self._wake.send(b"!")
        self._thread.join()
        with self._lock:
            for connection in self._sockets:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()
        self._wake.close()

    def _accept(self) -> None:
        while not self._closing:
            for key, _ in self._selector.select():
                if key.fileobj is self._woken:
                    self._woken.recv(64)
                    continue
                with suppress(OSError):
                    connection, _ = key.fileobj.accept()  # type: ignore[union-attr]
                    with self._lock:
                        self.connections += 1
                        self._sockets.add(connection)
                        number = self.connections
                    threading.Thread(target=self._talk, args=(connection, number), daemon=True).start()

    def _talk(self, connection: socket.socket, number: int) -> None:
        connection.setblocking(True)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain = connection
        with self._lock:
            self.open_now += 1
            self.most_open = max(self.most_open, self.open_now)
        try:
            with suppress(OSError):
                if self._tls:
                    connection = self._tls.wrap_socket(connection, server_side=True)
                    with self._lock:
                        self._sockets.add(connection)
                with connection, connection.makefile("rb") as lines:
                    while (request := self._read(lines, connection, number)) and self._answer(connection, request):
                        pass
        finally:
            with self._lock:
                self.open_now -= 1
                self._sockets -= {plain, connection}
            plain.close()

    def _read(self, lines: Iterable[bytes], connection: socket.socket, number: int) -> Request | None:
        head = []
        for line in lines:
            if line in (b"\r\n", b"\n"):
                break
            head.append(line.decode("latin-1").rstrip("\r\n"))
        if not head:
            return None
        method, path, _ = (head[0] + "  ").split(" ", 2)
        fields = [(name, value.strip()) for name, _, value in (line.partition(":") for line in head[1:])]
        headers = {name.lower(): value for name, value in fields}
        body = lines.read(int(headers.get("content-length", 0)))  # type: ignore[attr-defined]
        host = connection.getsockname()[0]
        names = tuple(name for name, _ in fields)
        return Request(time.monotonic(), host, number, method, path, names, headers, body)

    def _answer(self, connection: socket.socket, request: Request) -> bool:
        behaviour = self._behaviour(request)
        for piece in behaviour(request):
            if isinstance(piece, bytes):
                connection.sendall(piece)
            elif isinstance(piece, float):
                time.sleep(piece)
            elif piece is KEEP:
                return True
            elif piece is HANG:
                connection.recv(1)
            elif piece is RESET:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False

    def _behaviour(self, request: Request) -> Behaviour:
        with self._lock:
            self.requests.append(request)
            any_query = request.path.partition("?")[0] + "?"
            for key in [(host, path) for path in (request.path, any_query) for host in (request.host, None)]:
                if script := self._scripts.get(key):
                    chosen = script[0] if len(script) == 1 else script.pop(0)
                    self._mark(request, chosen)
                    return chosen
            if (None, request.path.partition("?")[0]) in self._scripts:
                self._counts["queries"] += 1
        return raw(reply(b"not here", 404), KEEP)

    def _mark(self, request: Request, behaviour: Behaviour) -> None:
        headers, counts = request.headers, self._counts
        key = (request.host, request.path)
        if key in self._last:
            self._gaps.append(request.at - self._last[key])
        self._last[key] = request.at
        counts["cookies"] += "cookie" in headers
        counts["referers"] += "referer" in headers
        counts["not_get"] += request.method != "GET"
        if not isinstance(behaviour, Document):
            return
        tag, date = headers.get("if-none-match"), headers.get("if-modified-since")
        counts["unconditional"] += tag is None and date is None and bool(behaviour.etags or behaviour.dates)
        for name, sent, given in (("etag", tag, behaviour.etags), ("date", date, behaviour.dates)):
            if sent is not None and sent not in given:
                counts[f"{name}_made_up"] += 1
            elif sent is not None and sent != given[-1]:
                counts[f"{name}_late"] += 1


def spacing(requests: Iterable[Request]) -> dict[str, list[float]]:
    """The seconds between the requests to each host."""
    times: dict[str, list[float]] = defaultdict(list)
    for request in requests:
        times[request.host].append(request.at)
    return {host: [later - earlier for earlier, later in pairwise(at)] for host, at in times.items()}
