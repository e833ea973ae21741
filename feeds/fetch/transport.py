"""The transport adapter of `requests` that everything goes through: guarded, bounded in time, without cookies.

A prepared request handed straight to it costs a fraction of one that goes through a session, and loses nothing.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from .connection import DIRECT, Connection, ConnectionPool, Route
from .deadline import Deadline
from .http1_parser import HttpResponse, nothing
from .problems import FetchProblem, told_of
from .target import Target, target_of
from .throttle import Unthrottled

SECONDS = 30.0
DRAINING = 0.5  # a body that nobody wants is not worth more time than a new connection
_OURS = frozenset(
    {"host", "connection", "content-length", "transfer-encoding", "keep-alive", "upgrade", "expect", "te"}
)
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


class OutboundRequest(requests.PreparedRequest):
    """A prepared request that knows its target, its passage with its time, and its route."""

    target: Target
    passage: Unthrottled
    route: Route
    place: str  # how the target is called when something goes wrong


def call(target: Target, headers: Mapping[str, str], passage: Unthrottled, route: Route = DIRECT) -> OutboundRequest:
    """A GET that is ready to be sent: what preparing it would do is done, or not wanted."""
    prepared = OutboundRequest()
    prepared.method, prepared.url, prepared.headers = "GET", target.url, CaseInsensitiveDict(headers)
    prepared.target, prepared.passage, prepared.route, prepared.place = target, passage, route, target.place
    return prepared


class RawBody:
    """The body of an answer as `requests` reads it, for sessions of other libraries."""

    def __init__(self, answer: HttpResponse, place: str) -> None:
        self._answer = answer
        self._place = place

    def stream(self, size: int, decode_content: bool = False) -> Iterator[bytes]:
        """The body as it is on the line: a session that wants no coding must not ask for one."""
        with told_of(self._place):
            try:
                yield from self._answer.chunks()
            finally:
                self.close()

    def close(self) -> None:
        """No more is wanted."""
        self._answer.done()


class StreamedResponse(requests.Response):
    """A response whose body is still on the line, as `answer` has it."""

    answer: HttpResponse


class Transport(BaseAdapter):
    """Sends prepared requests, one by one, following nothing. Safe for many threads at once."""

    def __init__(self, lines: ConnectionPool, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._lines = lines
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
        """The answer to one request, its body still on the line; FetchError when there is none.

        Certificates are always verified and proxies are never taken from the environment, whatever the caller says.
        """
        asked = request if isinstance(request, OutboundRequest) else self._adopted(request, timeout)
        with told_of(asked.place):
            line, answer = self._exchange(asked)
        return self._response(asked, line, answer)

    def budget(self, seconds: float) -> Deadline:
        """The time of one visit, which ends early when this transport is closed."""
        return Deadline(seconds, self._clock, self._lines.stopping)

    def close(self) -> None:
        """Hang up on everybody for good."""
        self._lines.close()

    def _adopted(
        self, request: requests.PreparedRequest, timeout: float | tuple[float, float] | None
    ) -> OutboundRequest:
        """A request that came through a session of somebody else."""
        seconds = timeout if isinstance(timeout, (int, float)) else SECONDS
        with told_of("The address"):
            adopted = call(target_of(request.url or ""), request.headers, Unthrottled(self.budget(seconds)))
        adopted.method, adopted.body = request.method, request.body
        return adopted

    def _exchange(self, call: OutboundRequest) -> tuple[Connection, HttpResponse]:
        """Send on a kept connection, or on a new one where there is none or it turns out to be closed."""
        line = self._lines.kept(call.target, call.route)
        if line is not None:
            try:
                return line, self._on(line, call)
            except FetchProblem as trouble:
                if trouble.kind != "connection" or call.method not in ("GET", "HEAD"):
                    raise
        line = self._lines.open(call.target, call.route, call.passage)
        return line, self._on(line, call)

    def _on(self, line: Connection, call: OutboundRequest) -> HttpResponse:
        try:
            if line.address is not None:
                call.passage.at(line.address)
            return line.exchange(_spelled(call, line), call.method or "GET", call.passage.budget)
        except BaseException:
            line.close()
            raise

    def _response(self, call: OutboundRequest, line: Connection, answer: HttpResponse) -> StreamedResponse:
        def done() -> None:
            answer.done = nothing  # lets go of the line, and of this function
            line.reader.receive = partial(self.budget(DRAINING).receive, line.socket)
            answer.drain()
            if answer.over and answer.reusable and line.reader.idle:
                self._lines.keep(call.target, call.route, line)
            else:
                line.close()

        answer.done = done
        response = StreamedResponse()
        response.status_code = answer.status
        response.headers = CaseInsensitiveDict(answer.headers)
        response.url = call.target.url
        response.request = call
        response.answer = answer
        response.raw = RawBody(answer, call.place)
        return response


def _spelled(call: OutboundRequest, line: Connection) -> bytes:
    """The request as bytes. Header text that could break out of its line is refused (S13)."""
    target, body = call.target, call.body
    payload = body.encode() if isinstance(body, str) else bytes(body or b"")
    fields = [f"{call.method} {line.prefix}{target.path} HTTP/1.1\r\nHost: {target.place}\r\n{line.extra}"]
    for name, value in call.headers.items():
        if name.lower() in _OURS:
            continue
        if not (_NAME.fullmatch(name) and _VALUE.fullmatch(value)):
            raise FetchProblem("refused", f"was to be sent a header that is none ({name[:40]!a})", "It was not asked.")
        fields.append(f"{name}: {value}\r\n")
    if payload or call.method in ("POST", "PUT", "PATCH"):
        fields.append(f"Content-Length: {len(payload)}\r\n")
    fields.append("Connection: keep-alive\r\n\r\n")
    return "".join(fields).encode("latin-1") + payload
