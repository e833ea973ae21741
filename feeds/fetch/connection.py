"""Connections of urllib3 that are opened through the SSRF guard, keep to a deadline, and check each response.

urllib3 and http.client take some responses that can be read in two ways, and heads without end (F15, E18). What they
read passes a reader of ours, which checks heads, chunk sizes and trailers line by line; all parsing is theirs.
"""

from __future__ import annotations

import http.client
import io
import re
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.response import HTTPResponse

from ..errors import FailureKind
from .deadline import DeadlineSocket, DeadlineTlsSocket, OpenSockets, SocketState, new_connection_state
from .problems import OPERATOR_MUST_FIX, FetchProblem
from .ssrf import GuardedConnector
from .target import RequestTarget
from .throttle import Unthrottled

MAX_HEAD_SIZE = 65_536  # E18: status line and headers together; also of the trailers
MAX_CHUNK_LINE_SIZE = 4096
MAX_INTERIM_RESPONSES = 10
MAX_IDLE_SECONDS = 15.0
MIN_CHUNK_SIZE = 8  # bytes on average, once there are many chunks: smaller ones only cost time
MAX_SMALL_CHUNKS = 1000
_ANY_NETWORK = ("0.0.0.0/0", "::/0")  # the operator named the proxy

_STATUS = re.compile(rb"HTTP/1\.[01] ([1-9]\d\d)(?: [^\r\n]*)?\r?\n")
_FIELD = re.compile(rb"(?!set-cookie:)[!#$%&'*+.^_`|~0-9a-z-]+:", re.IGNORECASE)  # no cookies are kept (E15)
_LENGTH = re.compile(r"\d{1,18}", re.ASCII)
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\n]*)?\r?\n")
_BLANK_LINES = (b"\r\n", b"\n")


@dataclass(frozen=True, slots=True)
class Route:
    """How to reach a target: the networks that are allowed besides the public ones, and the proxy to go through."""

    allow: tuple[str, ...] = ()
    proxy: str | None = None


DIRECT = Route()


@dataclass(frozen=True, slots=True)
class Opener:
    """What all connections of one fetcher are opened with."""

    guard: GuardedConnector
    tls: Callable[[], ssl.SSLContext]
    clock: Callable[[], float]
    sockets: OpenSockets = field(default_factory=OpenSockets)


@dataclass(slots=True)
class Exchange:
    """One request on its way through the pools of urllib3, which have no other place for what belongs to a request.

    Its connection sets `state`, and `reused` when it has carried a request before.
    """

    target: RequestTarget
    throttle: Unthrottled
    state: SocketState | None = None
    reused: bool = False


current_exchange: ContextVar[Exchange] = ContextVar("current_exchange")


class CheckedReader(io.BufferedReader):
    """The bytes of one response, whose lines are checked on their way to http.client and urllib3."""

    def __init__(self, raw: io.RawIOBase, state: SocketState) -> None:
        super().__init__(raw)
        self._state = state
        self._next_line: Callable[[CheckedReader], bytes] = CheckedReader._read_status_line
        self._body_line = self._next_line
        self._interim = 0
        self._head_size = 0
        self._chunks = 0
        self._chunked_size = 0
        self._chunk_left: int | None = None  # None before the first chunk

    def readline(self, size: int | None = -1, /) -> bytes:
        """Return the next line that may be parsed; raise FetchProblem for one that may not."""
        return self._next_line(self)

    def read(self, size: int | None = -1, /) -> bytes:
        """Return bytes of the body; the two behind a chunk have to be the end of its line."""
        data = super().read(size)
        if self._chunk_left:
            self._chunk_left -= len(data)
        elif self._chunk_left == 0 and len(data) == 2 and data != b"\r\n":
            raise FetchProblem(FailureKind.TRUNCATED, "sent a chunk that is longer than it says")
        return data

    def close(self) -> None:
        """End the response; note whether more was received than belongs to it."""
        if not self.closed:
            self._state.reading = False
            try:
                self._state.surplus |= bool(self.peek(1))
            except (FetchProblem, OSError):
                self._state.surplus = True  # not known: the connection is not used again
            self._state.reading = True
        super().close()

    def _read_status_line(self) -> bytes:
        self._head_size = 0
        line = self._read_limited_line("a head", MAX_HEAD_SIZE)
        match = _STATUS.fullmatch(line)
        if match is None:
            raise FetchProblem(FailureKind.CONNECTION, "does not speak HTTP/1.1", "Check the address and its port.")
        if match[1] < b"200":  # RFC 9110 §15.2: another head follows
            self._interim += 1
            if self._interim > MAX_INTERIM_RESPONSES:
                raise FetchProblem(FailureKind.CONNECTION, "sends interim answers without end")
        else:
            self._body_line = CheckedReader._read_chunk_size
        self._next_line = CheckedReader._read_fields
        return line

    def _read_fields(self) -> bytes:
        """Return all header fields at once, which http.client takes for one line; it takes no more than 100.

        Lines that are no field are left out: the parser of http.client drops all that stands behind one.
        """
        self._next_line = CheckedReader._end_head
        fields: list[bytes] = []
        keep = False
        while (line := self._read_limited_line("a head", MAX_HEAD_SIZE)) not in _BLANK_LINES:
            text = line.strip().replace(b"\r", b" ")
            if line[0] not in b" \t":
                keep = _FIELD.match(line) is not None
                fields += [text] if keep else []
            elif keep:  # RFC 9112 §5.2: a folded line goes with the one before
                fields[-1] += b" " + text
        return b"\n".join([*fields, b""]) or self._end_head()

    def _end_head(self) -> bytes:
        self._next_line = self._body_line
        return b"\r\n"

    def _read_chunk_size(self) -> bytes:
        self._head_size = 0
        line = self._read_limited_line("a chunk size", MAX_CHUNK_LINE_SIZE)
        match = _CHUNK_SIZE.fullmatch(line)
        if match is None:
            raise FetchProblem(FailureKind.TRUNCATED, "sent something that is not the size of a chunk")
        self._chunk_left = size = int(match[1], 16)
        self._chunks += 1
        self._chunked_size += size
        if self._chunks > MAX_SMALL_CHUNKS and self._chunked_size < MIN_CHUNK_SIZE * self._chunks:
            what = f"sent more than {MAX_SMALL_CHUNKS:,} chunks of less than {MIN_CHUNK_SIZE} bytes"
            raise FetchProblem(FailureKind.TOO_LARGE, what, OPERATOR_MUST_FIX)
        if size == 0:
            self._head_size = 0
            self._next_line = CheckedReader._read_trailer
        return line

    def _read_trailer(self) -> bytes:
        line = self._read_limited_line("a trailer", MAX_HEAD_SIZE)
        return b"\r\n" if line in _BLANK_LINES else line

    def _read_limited_line(self, what: str, limit: int) -> bytes:
        line = super().readline(limit + 1 - self._head_size)
        self._head_size += len(line)
        if self._head_size > limit:
            raise FetchProblem(FailureKind.TOO_LARGE, f"sent {what} of more than {limit:,} bytes", OPERATOR_MUST_FIX)
        if not line.endswith(b"\n"):
            if not line and self._next_line is CheckedReader._read_status_line and not self._interim:
                raise FetchProblem(FailureKind.CONNECTION, "closed the connection without an answer")
            raise FetchProblem(FailureKind.TRUNCATED, f"closed the connection in the middle of {what}")
        return line


class CheckedResponse(http.client.HTTPResponse):
    """A response as http.client parses it, with one meaning only of where its body ends."""

    def __init__(self, sock: Any, debuglevel: int = 0, method: str | None = None, url: str | None = None) -> None:
        super().__init__(sock, debuglevel, method, url)
        state = current_exchange.get().state
        assert state is not None
        self._state = state
        self._is_head = method == "HEAD"
        self._announced: int | None = None
        self.fp = CheckedReader(self.fp.detach(), state)

    def begin(self) -> None:
        """Read the head; all interim responses are passed over, of which http.client knows 100 only."""
        super().begin()
        while self.status < 200:
            self.headers = self.msg = None  # type: ignore[assignment]
            super().begin()
        if self._is_head or self.status in (204, 304):  # a 304 may announce the body of a 200
            self.close()
        else:
            self._check_framing()

    def read(self, amt: int | None = None) -> bytes:
        """Return the next bytes of the body; raise FetchProblem when it ends and more was received."""
        data = super().read(amt)
        if self.isclosed() and self._announced is not None and self._state.surplus:
            what = f"sent more than the {self._announced:,} bytes it announced"
            raise FetchProblem(FailureKind.TRUNCATED, what)
        return data

    def _check_framing(self) -> None:
        """Refuse all that could be understood in two ways (RFC 9112 §6.3, F15)."""
        codings, lengths = self.headers.get_all("transfer-encoding"), self.headers.get_all("content-length")
        if codings is not None:
            coding = ", ".join(codings)
            if coding.lower() != "chunked":
                what = f"uses a transfer coding that we did not ask for ({coding[:40]!a})"
                raise FetchProblem(FailureKind.ENCODING, what)
            if lengths is not None:
                raise FetchProblem(FailureKind.TRUNCATED, "says in two ways where the document ends")
        elif lengths is not None:
            distinct = {length.strip() for length in ",".join(lengths).split(",")}
            length = distinct.pop()
            if distinct or not _LENGTH.fullmatch(length):
                shown = ", ".join(lengths)[:40]
                raise FetchProblem(FailureKind.TRUNCATED, f"gives no length that can be believed ({shown!a})")
            self.length = self._announced = int(length)


class GuardedConnection(HTTPConnection):
    """A connection of urllib3 that goes to the very address that was checked, and waits within the deadline."""

    response_class = CheckedResponse

    def __init__(self, *arguments: Any, opener: Opener, route: Route, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._opener = opener
        self._route = route
        self._address: str | None = None  # where it leads, None behind a proxy
        self._state: SocketState | None = None
        self._last_used: float | None = None  # None before the first response

    @property
    def is_connected(self) -> bool:
        """Return whether another request can be sent; what came unasked, bytes or an end, leaves no such connection."""
        if self.sock is None or self._state is None or self._last_used is None or self._state.surplus:
            return False
        return self._opener.clock() - self._last_used < MAX_IDLE_SECONDS and super().is_connected

    def connect(self) -> None:
        """Connect, through a tunnel where a proxy needs one."""
        try:
            super().connect()
        except OSError as error:  # those of sockets are FetchProblems already
            if self.proxy is None or isinstance(error, ssl.SSLError):
                raise
            what = f"cannot be reached: the proxy {self._endpoint.netloc} refuses ({str(error)[:100]!a})"
            raise FetchProblem(FailureKind.CONNECTION, what, "Check its address and its login.") from error

    def request(  # type: ignore[override]
        self, method: str, url: str, body: Any = None, headers: Mapping[str, str] | None = None, **options: Any
    ) -> None:
        """Send a request to the target of the exchange, whose path urllib3 would spell in another way."""
        exchange = current_exchange.get()
        if self.sock is not None and self._state is not None:
            exchange.reused = self._last_used is not None
            exchange.state = self._state
            self._state.deadline = exchange.throttle.deadline
            if self._address is not None:
                exchange.throttle.enter_address(self._address)
        target = exchange.target
        super().request(method, target.url if self.proxy_is_forwarding else target.path, body, headers, **options)

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        """Return the response, its body still on the connection."""
        response = super().getresponse()
        self._last_used = self._opener.clock()
        return response

    @property
    def _endpoint(self) -> RequestTarget:
        """Return where the connection goes to: the origin, or the proxy."""
        scheme = self.proxy.scheme or "http" if self.proxy else "http"
        return RequestTarget(scheme, self.host.strip("[]"), self.port, "/")

    def _new_conn(self) -> socket.socket:
        exchange, opener = current_exchange.get(), self._opener
        self._state = exchange.state = state = SocketState(exchange.throttle.deadline, opener.sockets)
        self._last_used = None
        new_connection_state.set(state)
        make_socket = partial(DeadlineSocket, state=state)
        if self.proxy is None:
            sock = opener.guard.connect(self._endpoint, self._route.allow, exchange.throttle, make_socket)
            self._address = exchange.throttle.address
            return sock
        try:
            return opener.guard.connect(self._endpoint, _ANY_NETWORK, Unthrottled(state.deadline), make_socket)
        except FetchProblem as problem:
            if problem.kind in (FailureKind.TIMEOUT, FailureKind.STOPPED):
                raise
            what = f"cannot be reached: the proxy {self._endpoint.netloc} {problem.what}"
            raise FetchProblem(problem.kind, what, problem.advice) from problem


class GuardedTlsConnection(GuardedConnection, HTTPSConnection):
    """The same with TLS, verified by the one context of the process."""

    def __init__(self, *arguments: Any, opener: Opener, route: Route, **options: Any) -> None:
        context = opener.tls()
        context.sslsocket_class = DeadlineTlsSocket
        options |= {"ssl_context": context, "assert_hostname": None if context.check_hostname else False}
        super().__init__(*arguments, opener=opener, route=route, **options)


def shared_tls_context() -> ssl.SSLContext:
    """Return the one TLS context of this process: reading the authorities takes 30 ms, so never once per host."""
    with _tls_lock:
        return _load_tls_context()


_tls_lock = threading.Lock()


@lru_cache(maxsize=1)
def _load_tls_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not context.cert_store_stats()["x509_ca"]:
        context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    return context
