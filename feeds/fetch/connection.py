"""Connections: opened through the guard, kept a little while for the next visit of the same host, and few in all."""

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

from .deadline import Deadline
from .http1_parser import HttpResponse, SocketReader
from .problems import FetchProblem, of_socket
from .ssrf import CONNECT, GuardedConnector
from .target import Target, target_of
from .throttle import Unthrottled

PER_ROUTE = 2
IN_ALL = 64
IDLE_FOR = 15.0
_ANYWHERE = ("0.0.0.0/0", "::/0")  # the operator named the proxy


@dataclass(frozen=True, slots=True)
class Route:
    """How to get to a target: the networks that are allowed besides the public ones, and the proxy to go through."""

    allow: tuple[str, ...] = ()
    proxy: str | None = None


DIRECT = Route()


class Connection:
    """One open connection and what has come in on it. `address` is where it leads, unless that is a proxy's business;
    `prefix` and `extra` are what a proxy wants in each request."""

    __slots__ = ("address", "extra", "prefix", "reader", "since", "socket")

    def __init__(self, connection: socket.socket, address: str | None = None) -> None:
        self.socket = connection
        self.address = address
        self.reader = SocketReader()
        self.since = 0.0
        self.prefix = ""
        self.extra = ""

    def exchange(self, request: bytes, method: str, budget: Deadline) -> HttpResponse:
        """Send a request and read the head of its answer."""
        self.reader.receive = partial(budget.receive, self.socket)
        budget.send(self.socket, request)
        return HttpResponse(self.reader, method)

    def close(self) -> None:
        """Hang up."""
        self.socket.close()


class ConnectionPool:
    """Opens connections and keeps a few: `PER_ROUTE` for one origin and `IN_ALL` together, the stalest closed first."""

    def __init__(self, guard: GuardedConnector, tls: Callable[[], ssl.SSLContext], clock: Callable[[], float]) -> None:
        self._guard = guard
        self._tls = tls
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[object, ...], list[Connection]] = OrderedDict()
        self._count = 0
        self._open: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self.stopping = threading.Event()
        weakref.finalize(self, _hang_up, self._kept)

    def kept(self, target: Target, route: Route) -> Connection | None:
        """A connection that is still open from an earlier request to the same origin, by the same route."""
        while line := self._newest((target.origin, route)):
            # Bytes or an end that nobody asked for: neither leaves a connection that can be used.
            if self._clock() - line.since < IDLE_FOR and not wait_for_read(line.socket, 0):
                return line
            line.close()
        return None

    def keep(self, target: Target, route: Route, line: Connection) -> None:
        """Leave a connection for the next request; the stalest make room."""
        line.since = self._clock()
        key = (target.origin, route)
        with self._lock:
            self._kept.setdefault(key, []).append(line)
            self._kept.move_to_end(key)
            self._count += 1
            surplus = self._surplus(key)
        for stale in surplus:
            stale.close()

    def _newest(self, key: tuple[object, ...]) -> Connection | None:
        with self._lock:
            lines = self._kept.get(key)
            if lines is None:
                return None
            self._count -= 1
            line = lines.pop()
            if not lines:
                del self._kept[key]
            return line

    def _surplus(self, newest: tuple[object, ...]) -> list[Connection]:
        surplus = []
        if len(self._kept[newest]) > PER_ROUTE:
            surplus.append(self._kept[newest].pop(0))
        oldest = self._clock() - IDLE_FOR
        while self._count - len(surplus) > IN_ALL or next(iter(self._kept.values()))[-1].since < oldest:
            surplus += self._kept.popitem(last=False)[1]
        self._count -= len(surplus)
        return surplus

    def close(self) -> None:
        """Hang up on everybody for good, also on those who are being waited for (F38)."""
        self.stopping.set()
        with self._lock:
            kept = dict(self._kept)
            self._kept.clear()
            self._count = 0
            waiting = list(self._open)
        _hang_up(kept)
        for connection in waiting:
            # Not the method of SSLSocket, which takes the TLS layer from under a thread that reads.
            with suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def _watched(self, connection: socket.socket) -> socket.socket:
        with self._lock:
            self._open.add(connection)
        return connection

    def open(self, target: Target, route: Route, passage: Unthrottled) -> Connection:
        """A new connection, with TLS where the target wants it."""
        if route.proxy is not None:
            return self._through(route.proxy, target, route, passage.budget)
        connection = self._guard.connect(target, route.allow, passage, self._watched)
        if target.scheme == "http":
            return Connection(connection, passage.address)
        with closed_on_failure(connection):
            return Connection(self._secured(connection, target, passage.budget), passage.address)

    def _secured(self, connection: socket.socket, target: Target, budget: Deadline) -> socket.socket:
        try:
            # The time-out covers the handshake as a whole, not each of its reads.
            connection.settimeout(min(CONNECT, budget.left()))
            secured = self._tls().wrap_socket(connection, server_hostname=target.host, do_handshake_on_connect=False)
            with closed_on_failure(self._watched(secured)):
                secured.do_handshake()
            return secured
        except TimeoutError as error:
            budget.left()
            raise FetchProblem("timeout", "did not finish the TLS handshake in time") from error
        except OSError as error:
            budget.left()
            raise of_socket(error) from error

    def _through(self, address: str, target: Target, route: Route, budget: Deadline) -> Connection:
        """A connection by way of a proxy, which looks names up itself; addresses are still checked here."""
        proxy, login = _proxy(address)
        self._guard.check_literal(target, route.allow)
        connection = self._guard.connect(proxy, _ANYWHERE, Unthrottled(budget), self._watched)
        line = Connection(connection)
        if target.scheme == "http":
            line.prefix, line.extra = target.url.removesuffix(target.path), login
            return line
        with closed_on_failure(connection):
            name = target.authority
            request = f"CONNECT {name} HTTP/1.1\r\nHost: {name}\r\n{login}\r\n"
            answer = line.exchange(request.encode(), "CONNECT", budget)
            if answer.status != 200:
                raise FetchProblem("connection", f"cannot be reached: the proxy {proxy.place} answered {answer.status}")
            return Connection(self._secured(connection, target, budget))


def _hang_up(kept: Mapping[tuple[object, ...], Iterable[Connection]]) -> None:
    for lines in kept.values():
        for line in lines:
            line.close()


@contextmanager
def closed_on_failure(connection: socket.socket) -> Iterator[None]:
    """Hang up when what was begun on a connection fails."""
    try:
        yield
    except BaseException:
        connection.close()
        raise


@lru_cache(maxsize=64)
def _proxy(address: str) -> tuple[Target, str]:
    """Where a proxy is, and the header that logs in to it."""
    parts = urlsplit(address)
    host = parts.netloc.rpartition("@")[2]
    target = target_of(f"{parts.scheme}://{host}/")
    if target.scheme != "http":
        raise FetchProblem("refused", f"is to be asked through the proxy {target.place}, which is not an http proxy")
    if parts.username is None:
        return target, ""
    login = b64encode(f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()).decode()
    return target, f"Proxy-Authorization: Basic {login}\r\n"


def shared_tls() -> ssl.SSLContext:
    """The one TLS context of this process: reading the authorities takes 30 ms, so never once per host."""
    with _making_tls:
        return _tls()


_making_tls = threading.Lock()


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not context.cert_store_stats()["x509_ca"]:
        context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    return context
