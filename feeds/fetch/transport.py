"""The transport adapter of `requests` that every HTTP request goes through: guarded, with a deadline, without cookies.

It calls the pools of urllib3 itself. A prepared request given straight to it costs half of one that goes through a
session, and loses nothing.
"""

from __future__ import annotations

import logging
import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPException
from typing import Any
from urllib.parse import unquote

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPSConnectionPool, PoolManager, ProxyManager, Retry
from urllib3.exceptions import HTTPError
from urllib3.util import SKIP_HEADER

from ..errors import FailureKind
from .connection import (
    DIRECT,
    Exchange,
    GuardedConnection,
    GuardedTlsConnection,
    Opener,
    Route,
    current_exchange,
)
from .deadline import Deadline, SocketState
from .problems import FetchProblem, describe_library_error, raise_fetch_error
from .target import RequestTarget, parse_target
from .throttle import Unthrottled

DEFAULT_TIMEOUT = 30.0  # seconds
DRAIN_TIMEOUT = 0.5  # an unwanted body is not worth more time than a new connection
MAX_DRAIN_SIZE = 65_536  # an unwanted body is read up to here, to keep the connection
MAX_IDLE_PER_ROUTE = 8
MAX_IDLE_ROUTES = 64
CHUNK_SIZE = 65_536
NO_RETRIES = Retry(False)
LIBRARY_ERRORS = (HTTPError, HTTPException, OSError)
_FRAMING_HEADERS = frozenset(
    {"host", "connection", "content-length", "transfer-encoding", "keep-alive", "upgrade", "expect", "te"}
)
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")

logging.getLogger("urllib3").setLevel(logging.ERROR)  # what it warns of is a FetchError here, or no news


class _GuardedPool(HTTPConnectionPool):
    ConnectionCls = GuardedConnection


class _GuardedTlsPool(HTTPSConnectionPool):
    ConnectionCls = GuardedTlsConnection


class Pools:
    """The pools of urllib3 with our connections: one manager for all direct routes, and one for each proxy."""

    def __init__(self, opener: Opener, idle_per_route: int) -> None:
        self._opener = opener
        self._idle_per_route = idle_per_route
        self._managers: dict[str | None, PoolManager] = {}

    def pool_for(self, target: RequestTarget, route: Route) -> HTTPConnectionPool:
        """Return the pool of a target; connections are shared by requests of the same route only."""
        manager = self._managers.get(route.proxy) or self._make_manager(route)
        if route.proxy is not None:  # which resolves names itself; literal addresses are still checked here
            self._opener.guard.check_literal(target, route.allow)
        host = f"[{target.host}]" if ":" in target.host else target.host
        return manager.connection_from_host(host, target.port, target.scheme, {"route": route})

    def clear(self) -> None:
        """Close all idle connections."""
        for manager in list(self._managers.values()):
            manager.clear()

    def _make_manager(self, route: Route) -> PoolManager:
        options: dict[str, Any] = {
            "num_pools": MAX_IDLE_ROUTES,
            "maxsize": self._idle_per_route,
            "retries": NO_RETRIES,
            "opener": self._opener,
        }
        if route.proxy is None:
            manager = PoolManager(**options)
        else:
            proxy, headers = _parse_proxy(route.proxy)
            if proxy.scheme == "https":
                context = self._opener.tls()
                options["proxy_ssl_context"] = context
                options["proxy_assert_hostname"] = None if context.check_hostname else False
            manager = ProxyManager(proxy.url, proxy_headers=headers, **options)
        manager.pool_classes_by_scheme = {"http": _GuardedPool, "https": _GuardedTlsPool}
        manager.key_fn_by_scheme = dict.fromkeys(("http", "https"), _pool_key)  # type: ignore[arg-type]
        return self._managers.setdefault(route.proxy, manager)


def _pool_key(context: Mapping[str, Any]) -> tuple[object, ...]:
    return context["scheme"], context["host"], context["port"], context["route"]


def _parse_proxy(proxy_url: str) -> tuple[RequestTarget, Mapping[str, str]]:
    """Return the target of a proxy, and the header that logs in to it."""
    scheme, separator, rest = proxy_url.partition("://")
    login, _, address = rest.rpartition("@")
    try:
        target = parse_target(f"{scheme}{separator}{address}")
    except FetchProblem as problem:
        what = f"is to be requested through a proxy whose address {problem.what}"
        raise FetchProblem(problem.kind, what, problem.advice) from problem
    if not login:
        return target, {}
    user, _, password = login.partition(":")
    credentials = b64encode(f"{unquote(user)}:{unquote(password)}".encode()).decode()
    return target, {"Proxy-Authorization": f"Basic {credentials}"}


class OutboundRequest(requests.PreparedRequest):
    """A prepared request with its target, its throttle (which has the deadline), and its route."""

    target: RequestTarget
    throttle: Unthrottled
    route: Route
    place: str  # what the target is called when something goes wrong


def prepare_get(
    target: RequestTarget, headers: Mapping[str, str], throttle: Unthrottled, route: Route = DIRECT
) -> OutboundRequest:
    """Return a GET that is ready to be sent: what preparing it would do is done, or not wanted."""
    request = OutboundRequest()
    request.method, request.url, request.headers = "GET", target.url, CaseInsensitiveDict(headers)
    request.target, request.throttle, request.route, request.place = target, throttle, route, target.netloc
    return request


@contextmanager
def translate_library_errors() -> Iterator[None]:
    """Turn errors of urllib3 and http.client into FetchProblems."""
    try:
        yield
    except LIBRARY_ERRORS as error:
        raise describe_library_error(error) from error


class ResponseBody:
    """The body of a response, still on its connection: what a response of `requests` has as `raw`."""

    def __init__(
        self, raw: BaseHTTPResponse, state: SocketState, start_deadline: Callable[[float], Deadline], place: str
    ) -> None:
        self._raw = raw
        self._state = state
        self._start_deadline = start_deadline
        self._place = place
        self._started = False

    def stream(self, size: int, decode_content: bool = False) -> Iterator[bytes]:
        """Yield the body as it is sent, never decoded; raise FetchError, `truncated` when it ends early."""
        self._started = True
        try:
            with raise_fetch_error(self._place), translate_library_errors():
                yield from self._raw.stream(size, decode_content=False)
        finally:
            self.close()

    def close(self) -> None:
        """Return the connection to the pool, after reading a small unwanted body to its end, or close it."""
        if not self._started and not self._raw.closed:
            with suppress(FetchProblem), translate_library_errors():
                self._drain()
        if self._raw.closed:
            self._raw.release_conn()
        else:
            self._raw.close()

    def _drain(self) -> None:
        connection = self._raw.connection
        if connection is None or connection.is_closed or (self._raw.length_remaining or 0) > MAX_DRAIN_SIZE:
            return
        self._state.deadline = self._start_deadline(DRAIN_TIMEOUT)
        self._raw.read(MAX_DRAIN_SIZE, decode_content=False)


class Transport(BaseAdapter):
    """Sends prepared requests, one by one, without following redirects. Safe for many threads at once."""

    def __init__(self, opener: Opener, idle_per_route: int = 2) -> None:
        super().__init__()
        self._opener = opener
        self._pools = Pools(opener, idle_per_route)

    def send(  # type: ignore[override]
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: float | tuple[float, float] | None = None,
        verify: bool | str = True,
        cert: object = None,
        proxies: object = None,
    ) -> requests.Response:
        """Return the response to one request, its body still on the connection; raise FetchError when there is none.

        Certificates are always verified and proxies are never taken from the environment, whatever the caller says.
        """
        outbound = request if isinstance(request, OutboundRequest) else self._adopt(request, timeout)
        with raise_fetch_error(outbound.place):
            return self._exchange(outbound)

    def start_deadline(self, seconds: float) -> Deadline:
        """Start the deadline of one visit, which ends early when this transport is closed."""
        return Deadline(seconds, self._opener.clock, self._opener.sockets.stopping)

    def close(self) -> None:
        """Close all connections for good, also those that a thread waits on (F38)."""
        self._opener.sockets.shut_down()
        self._pools.clear()

    def _adopt(self, request: requests.PreparedRequest, timeout: float | tuple[float, float] | None) -> OutboundRequest:
        """Return our form of a request that came through a session of another library."""
        seconds = timeout if isinstance(timeout, (int, float)) else DEFAULT_TIMEOUT
        with raise_fetch_error("The address"):
            target = parse_target(request.url or "")
        outbound = prepare_get(target, request.headers, Unthrottled(self.start_deadline(seconds)))
        outbound.method, outbound.body = request.method, request.body
        return outbound

    def _exchange(self, request: OutboundRequest) -> requests.Response:
        """Send on an idle connection, or on a new one where there is none or it turns out to be closed."""
        headers, method = _check_headers(request.headers), request.method or "GET"
        pool = self._pools.pool_for(request.target, request.route)
        while True:
            exchange = Exchange(request.target, request.throttle)
            try:
                return self._make_response(request, exchange, _send(pool, exchange, method, headers, request.body))
            except FetchProblem as problem:
                if not exchange.reused or problem.kind is not FailureKind.CONNECTION or method not in ("GET", "HEAD"):
                    raise

    def _make_response(self, request: OutboundRequest, exchange: Exchange, raw: BaseHTTPResponse) -> requests.Response:
        assert exchange.state is not None
        response = requests.Response()
        response.status_code = raw.status
        response.headers = CaseInsensitiveDict(raw.headers.itermerged())
        response.url = request.target.url
        response.request = request
        response.raw = ResponseBody(raw, exchange.state, self.start_deadline, request.target.netloc)
        return response


def _send(
    pool: HTTPConnectionPool, exchange: Exchange, method: str, headers: Mapping[str, str], body: Any
) -> BaseHTTPResponse:
    token = current_exchange.set(exchange)
    try:
        with translate_library_errors():
            return pool.urlopen(
                method,
                exchange.target.url if pool.proxy is not None else "/",
                body,
                headers,
                NO_RETRIES,
                redirect=False,
                assert_same_host=False,
                preload_content=False,
                decode_content=False,
            )
    finally:
        current_exchange.reset(token)


def _check_headers(declared: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a request. Text that could break out of its line is refused (S13)."""
    headers = {}
    unwanted = {"user-agent": "User-Agent", "accept-encoding": "Accept-Encoding"}  # those that urllib3 adds
    for name, value in declared.items():
        lowered = name.lower()
        if lowered in _FRAMING_HEADERS:
            continue
        if not (_HEADER_NAME.fullmatch(name) and _HEADER_VALUE.fullmatch(value)):
            what = f"was to be sent a header that is not valid ({name[:40]!a})"
            raise FetchProblem(FailureKind.REFUSED, what, "It was not requested.")
        headers[name] = value
        unwanted.pop(lowered, None)
    return {**headers, **dict.fromkeys(unwanted.values(), SKIP_HEADER), "Connection": "keep-alive"}
