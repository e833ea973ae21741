"""Connections: opened through the SSRF guard, pooled for the next request to the same origin."""

from __future__ import annotations

import socket
import ssl
import threading
import weakref
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from urllib.parse import unquote, urlsplit

from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.util import wait_for_read

from ..errors import FailureKind
from .deadline import Deadline
from .http1_parser import HttpResponse, SocketReader
from .problems import FetchProblem, describe_socket_error
from .ssrf import CONNECT_TIMEOUT, GuardedConnector
from .target import Target, parse_target
from .throttle import Unthrottled

MAX_IDLE_PER_ROUTE = 2
MAX_IDLE = 64
MAX_IDLE_SECONDS = 15.0
_ANY_NETWORK = ("0.0.0.0/0", "::/0")  # the operator named the proxy


@dataclass(frozen=True, slots=True)
class Route:
    """How to reach a target: the networks that are allowed besides the public ones, and the proxy to go through."""

    allow: tuple[str, ...] = ()
    proxy: str | None = None


DIRECT = Route()


class Connection:
    """One open connection and the buffer of what it has received.

    `address` is where it leads, None behind a proxy; `prefix` and `extra_headers` are what a proxy wants in each
    request.
    """

    __slots__ = ("address", "extra_headers", "idle_since", "prefix", "reader", "socket")

    def __init__(self, sock: socket.socket, address: str | None = None) -> None:
        self.socket = sock
        self.address = address
        self.reader = SocketReader()
        self.idle_since = 0.0
        self.prefix = ""
        self.extra_headers = ""

    def exchange(self, request: bytes, method: str, deadline: Deadline) -> HttpResponse:
        """Send a request and read the head of its response."""
        self.reader.receive = partial(deadline.receive, self.socket)
        deadline.send(self.socket, request)
        return HttpResponse(self.reader, method)

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()


class ConnectionPool:
    """Opens connections and keeps idle ones: `MAX_IDLE_PER_ROUTE` for one origin, `MAX_IDLE` in all, newest first."""

    def __init__(self, guard: GuardedConnector, tls: Callable[[], ssl.SSLContext], clock: Callable[[], float]) -> None:
        self._guard = guard
        self._tls = tls
        self._clock = clock
        self._lock = threading.Lock()
        self._idle: OrderedDict[tuple[object, ...], list[Connection]] = OrderedDict()
        self._count = 0
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self.stopping = threading.Event()
        weakref.finalize(self, _close_all, self._idle)

    def take(self, target: Target, route: Route) -> Connection | None:
        """Return an idle connection to the same origin by the same route, if one is still usable."""
        while connection := self._pop_newest((target.origin, route)):
            # Bytes or an end that was not asked for: neither leaves a connection that can be used.
            if self._clock() - connection.idle_since < MAX_IDLE_SECONDS and not wait_for_read(connection.socket, 0):
                return connection
            connection.close()
        return None

    def put(self, target: Target, route: Route, connection: Connection) -> None:
        """Keep a connection for the next request; the ones that were idle longest make room."""
        connection.idle_since = self._clock()
        key = (target.origin, route)
        with self._lock:
            self._idle.setdefault(key, []).append(connection)
            self._idle.move_to_end(key)
            self._count += 1
            surplus = self._pop_surplus(key)
        for old_connection in surplus:
            old_connection.close()

    def _pop_newest(self, key: tuple[object, ...]) -> Connection | None:
        with self._lock:
            connections = self._idle.get(key)
            if connections is None:
                return None
            self._count -= 1
            connection = connections.pop()
            if not connections:
                del self._idle[key]
            return connection

    def _pop_surplus(self, newest: tuple[object, ...]) -> list[Connection]:
        surplus = []
        if len(self._idle[newest]) > MAX_IDLE_PER_ROUTE:
            surplus.append(self._idle[newest].pop(0))
        oldest = self._clock() - MAX_IDLE_SECONDS
        while self._count - len(surplus) > MAX_IDLE or next(iter(self._idle.values()))[-1].idle_since < oldest:
            surplus += self._idle.popitem(last=False)[1]
        self._count -= len(surplus)
        return surplus

    def close(self) -> None:
        """Close all connections for good, also those that a thread waits on (F38)."""
        self.stopping.set()
        with self._lock:
            idle = dict(self._idle)
            self._idle.clear()
            self._count = 0
            sockets = list(self._sockets)
        _close_all(idle)
        for sock in sockets:
            # Not the method of SSLSocket, which takes the TLS layer from under a thread that reads.
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _watch(self, sock: socket.socket) -> socket.socket:
        with self._lock:
            self._sockets.add(sock)
        return sock

    def open(self, target: Target, route: Route, throttle: Unthrottled) -> Connection:
        """Open a new connection, with TLS where the target wants it."""
        if route.proxy is not None:
            return self._open_through_proxy(route.proxy, target, route, throttle.deadline)
        sock = self._guard.connect(target, route.allow, throttle, self._watch)
        if target.scheme == "http":
            return Connection(sock, throttle.address)
        with close_on_failure(sock):
            return Connection(self._start_tls(sock, target, throttle.deadline), throttle.address)

    def _start_tls(self, sock: socket.socket, target: Target, deadline: Deadline) -> socket.socket:
        try:
            # The time-out covers the handshake as a whole, not each of its reads.
            sock.settimeout(min(CONNECT_TIMEOUT, deadline.remaining()))
            tls_socket = self._tls().wrap_socket(sock, server_hostname=target.host, do_handshake_on_connect=False)
            with close_on_failure(self._watch(tls_socket)):
                tls_socket.do_handshake()
            return tls_socket
        except TimeoutError as error:
            deadline.remaining()
            raise FetchProblem(FailureKind.TIMEOUT, "did not finish the TLS handshake in time") from error
        except OSError as error:
            deadline.remaining()
            raise describe_socket_error(error) from error

    def _open_through_proxy(self, proxy_url: str, target: Target, route: Route, deadline: Deadline) -> Connection:
        """Open a connection through a proxy, which resolves names itself; literal addresses are still checked here."""
        proxy, login = _parse_proxy(proxy_url)
        self._guard.check_literal(target, route.allow)
        sock = self._guard.connect(proxy, _ANY_NETWORK, Unthrottled(deadline), self._watch)
        connection = Connection(sock)
        if target.scheme == "http":
            connection.prefix, connection.extra_headers = target.url.removesuffix(target.path), login
            return connection
        with close_on_failure(sock):
            request = f"CONNECT {target.authority} HTTP/1.1\r\nHost: {target.authority}\r\n{login}\r\n"
            response = connection.exchange(request.encode(), "CONNECT", deadline)
            if response.status != 200:
                what = f"cannot be reached: the proxy {proxy.netloc} answered {response.status}"
                raise FetchProblem(FailureKind.CONNECTION, what)
            return Connection(self._start_tls(sock, target, deadline))


def _close_all(idle: Mapping[tuple[object, ...], Iterable[Connection]]) -> None:
    for connections in idle.values():
        for connection in connections:
            connection.close()


@contextmanager
def close_on_failure(sock: socket.socket) -> Iterator[None]:
    """Close a socket when what was begun on it fails."""
    try:
        yield
    except BaseException:
        sock.close()
        raise


@lru_cache(maxsize=64)
def _parse_proxy(proxy_url: str) -> tuple[Target, str]:
    """Return the target of a proxy, and the header line that logs in to it."""
    parts = urlsplit(proxy_url)
    host = parts.netloc.rpartition("@")[2]
    target = parse_target(f"{parts.scheme}://{host}/")
    if target.scheme != "http":
        raise FetchProblem(
            FailureKind.REFUSED, f"is to be requested through the proxy {target.netloc}, which is not an http proxy"
        )
    if parts.username is None:
        return target, ""
    login = b64encode(f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()).decode()
    return target, f"Proxy-Authorization: Basic {login}\r\n"


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
