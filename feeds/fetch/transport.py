"""The transport adapter of `requests` that every HTTP request goes through: guarded, with a deadline, without cookies.

A prepared request given straight to it costs a fraction of one that goes through a session, and loses nothing.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from ..errors import FailureKind
from .connection import DIRECT, Connection, ConnectionPool, Route
from .deadline import Deadline
from .http1_parser import HttpResponse, do_nothing
from .problems import FetchProblem, raise_fetch_error
from .target import Target, parse_target
from .throttle import Unthrottled

DEFAULT_TIMEOUT = 30.0  # seconds
DRAIN_TIMEOUT = 0.5  # an unwanted body is not worth more time than a new connection
_FRAMING_HEADERS = frozenset(
    {"host", "connection", "content-length", "transfer-encoding", "keep-alive", "upgrade", "expect", "te"}
)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


class OutboundRequest(requests.PreparedRequest):
    """A prepared request with its target, its throttle (which has the deadline), and its route."""

    target: Target
    throttle: Unthrottled
    route: Route
    place: str  # what the target is called when something goes wrong


def prepare_get(
    target: Target, headers: Mapping[str, str], throttle: Unthrottled, route: Route = DIRECT
) -> OutboundRequest:
    """Return a GET that is ready to be sent: what preparing it would do is done, or not wanted."""
    request = OutboundRequest()
    request.method, request.url, request.headers = "GET", target.url, CaseInsensitiveDict(headers)
    request.target, request.throttle, request.route, request.place = target, throttle, route, target.netloc
    return request


class RawBody:
    """The body of a response as `requests` reads it, for sessions of other libraries."""

    def __init__(self, response: HttpResponse, place: str) -> None:
        self._response = response
        self._place = place

    def stream(self, size: int, decode_content: bool = False) -> Iterator[bytes]:
        """Yield the body as it is sent: a session that wants no coding must not ask for one."""
        with raise_fetch_error(self._place):
            try:
                yield from self._response.chunks()
            finally:
                self.close()

    def close(self) -> None:
        """Release the connection."""
        self._response.release()


class StreamedResponse(requests.Response):
    """A response whose body is still on the connection, read through `http_response`."""

    http_response: HttpResponse


class Transport(BaseAdapter):
    """Sends prepared requests, one by one, without following redirects. Safe for many threads at once."""

    def __init__(self, pool: ConnectionPool, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._pool = pool
        self._clock = clock

    def send(  # type: ignore[override]
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: float | tuple[float, float] | None = None,
        verify: bool | str = True,
        cert: object = None,
        proxies: object = None,
    ) -> StreamedResponse:
        """Return the response to one request, its body still on the connection; raise FetchError when there is none.

        Certificates are always verified and proxies are never taken from the environment, whatever the caller says.
        """
        outbound = request if isinstance(request, OutboundRequest) else self._adopt(request, timeout)
        with raise_fetch_error(outbound.place):
            connection, response = self._exchange(outbound)
        return self._make_response(outbound, connection, response)

    def start_deadline(self, seconds: float) -> Deadline:
        """Start the deadline of one visit, which ends early when this transport is closed."""
        return Deadline(seconds, self._clock, self._pool.stopping)

    def close(self) -> None:
        """Close all connections for good."""
        self._pool.close()

    def _adopt(self, request: requests.PreparedRequest, timeout: float | tuple[float, float] | None) -> OutboundRequest:
        """Return our form of a request that came through a session of another library."""
        seconds = timeout if isinstance(timeout, (int, float)) else DEFAULT_TIMEOUT
        with raise_fetch_error("The address"):
            target = parse_target(request.url or "")
        outbound = prepare_get(target, request.headers, Unthrottled(self.start_deadline(seconds)))
        outbound.method, outbound.body = request.method, request.body
        return outbound

    def _exchange(self, request: OutboundRequest) -> tuple[Connection, HttpResponse]:
        """Send on an idle connection, or on a new one where there is none or it turns out to be closed."""
        connection = self._pool.take(request.target, request.route)
        if connection is not None:
            try:
                return connection, self._send_on(connection, request)
            except FetchProblem as problem:
                if problem.kind is not FailureKind.CONNECTION or request.method not in ("GET", "HEAD"):
                    raise
        connection = self._pool.open(request.target, request.route, request.throttle)
        return connection, self._send_on(connection, request)

    def _send_on(self, connection: Connection, request: OutboundRequest) -> HttpResponse:
        try:
            if connection.address is not None:
                request.throttle.enter_address(connection.address)
            data = _serialize(request, connection)
            return connection.exchange(data, request.method or "GET", request.throttle.deadline)
        except BaseException:
            connection.close()
            raise

    def _make_response(
        self, request: OutboundRequest, connection: Connection, http_response: HttpResponse
    ) -> StreamedResponse:
        def release() -> None:
            http_response.release = do_nothing  # lets go of the connection, and of this function
            connection.reader.receive = partial(self.start_deadline(DRAIN_TIMEOUT).receive, connection.socket)
            http_response.drain()
            if http_response.complete and http_response.reusable and connection.reader.empty:
                self._pool.put(request.target, request.route, connection)
            else:
                connection.close()

        http_response.release = release
        response = StreamedResponse()
        response.status_code = http_response.status
        response.headers = CaseInsensitiveDict(http_response.headers)
        response.url = request.target.url
        response.request = request
        response.http_response = http_response
        response.raw = RawBody(http_response, request.place)
        return response


def _serialize(request: OutboundRequest, connection: Connection) -> bytes:
    """Return the request as bytes. Header text that could break out of its line is refused (S13)."""
    target, body = request.target, request.body
    payload = body.encode() if isinstance(body, str) else bytes(body or b"")
    request_line = f"{request.method} {connection.prefix}{target.path} HTTP/1.1\r\n"
    lines = [f"{request_line}Host: {target.netloc}\r\n{connection.extra_headers}"]
    for name, value in request.headers.items():
        if name.lower() in _FRAMING_HEADERS:
            continue
        if not (_HEADER_NAME.fullmatch(name) and _HEADER_VALUE.fullmatch(value)):
            what = f"was to be sent a header that is not valid ({name[:40]!a})"
            raise FetchProblem(FailureKind.REFUSED, what, "It was not requested.")
        lines.append(f"{name}: {value}\r\n")
    if payload or request.method in ("POST", "PUT", "PATCH"):
        lines.append(f"Content-Length: {len(payload)}\r\n")
    lines.append("Connection: keep-alive\r\n\r\n")
    return "".join(lines).encode("latin-1") + payload
