"""A forward proxy on loopback, and the ways on which an origin is reached: plain, with TLS, and through proxies.

Each connection of a client has one connection to an origin, so that pauses, resets and endings pass through.
"""

from __future__ import annotations

import selectors
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from factories import SITE
from msgspec import structs
from origin import ALLOW

from feeds.fetch import Fetcher
from feeds.model import Fetched, HostState, Kind, NotModified, Source, Visit, replace

DATA = Path(__file__).parent / "data" / "fetch"


@cache
def server_context() -> ssl.SSLContext:
    """The certificate of 127.0.0.1, for servers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(DATA / "server.pem")
    return context


@cache
def client_context(*, names: bool = True) -> ssl.SSLContext:
    """A context that trusts our authority; without `names`, for whatever host."""
    context = ssl.create_default_context(cafile=str(DATA / "ca.pem"))
    context.check_hostname = names
    return context


class Proxy:
    """The server: `heads` are the heads of requests as they came, `logins` what they logged in with.

    It finds every name below `.example` at 127.0.0.1.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, login: str | None = None) -> None:
        self.heads: list[list[str]] = []
        self.connections = 0
        self._tls = tls
        self._login = login
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.netloc = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.url = f"{'https' if tls else 'http'}://{self.netloc}"
        self._start(self._accept)

    @property
    def logins(self) -> set[str | None]:
        """The values of `Proxy-Authorization`."""
        return {
            next((line.partition(": ")[2] for line in head if line.lower().startswith("proxy-authorization:")), None)
            for head in self.heads
        }

    def close(self) -> None:
        """Hang up and stop."""
        for sock in (self._listener, *self._sockets):
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                self._sockets.append(client)
                self._start(self._serve, client)

    def _start(self, function: Callable[..., None], *arguments: Any) -> threading.Thread:
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def _serve(self, client: socket.socket) -> None:
        with ExitStack() as closing, suppress(OSError, ValueError):
            closing.enter_context(client)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                client = closing.enter_context(self._tls.wrap_socket(client, server_side=True))
                self._sockets.append(client)
            lines = closing.enter_context(client.makefile("rb"))
            server, peer = None, None
            while head := self._read_head(lines):
                if self._login is not None and f"Proxy-Authorization: {self._login}" not in head:
                    client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                    continue
                method, url, version = head[0].split(" ")
                authority, slash, path = url.removeprefix("http://").partition("/")
                if server is None or peer != authority:
                    server, peer = closing.enter_context(self._connect(authority)), authority
                if method == "CONNECT":
                    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                else:
                    kept = (line for line in head[1:] if not line.lower().startswith("proxy-"))
                    server.sendall("\r\n".join([f"{method} {slash}{path} {version}", *kept, "", ""]).encode("latin-1"))
                if not self._relay(client, server, tunnel=method == "CONNECT"):
                    return

    def _read_head(self, lines: Any) -> list[str]:
        head = []
        while (line := lines.readline()) not in (b"\r\n", b""):
            head.append(line.decode("latin-1").rstrip("\r\n"))
        if head:
            self.heads.append(head)
        return head

    def _connect(self, authority: str) -> socket.socket:
        host, _, port = authority.rpartition(":")
        address = "127.0.0.1" if host.endswith(".example") else host.strip("[]")
        server = socket.create_connection((address, int(port)))
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sockets.append(server)
        return server

    def _relay(self, client: socket.socket, server: socket.socket, *, tunnel: bool) -> bool:
        """Pass on what comes, until one side ends; return whether the client sends another head. One thread does it
        all: OpenSSL takes no two on one connection."""
        sides = selectors.PollSelector()  # takes any descriptor, where `select` stops at 1,024
        for side in (client, server):
            sides.register(side, selectors.EVENT_READ)
        while True:
            pending = isinstance(client, ssl.SSLSocket) and client.pending()
            ready = {key.fileobj for key, _ in sides.select(0 if pending else None)}
            if server in ready:
                try:
                    data = server.recv(65_536)
                except ConnectionResetError:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return False
                if not data:
                    return False
                client.sendall(data)
            if pending or client in ready:
                if not tunnel:
                    return True
                if not (data := client.recv(65_536)):
                    return False
                server.sendall(data)


@dataclass(frozen=True)
class Way:
    """How an origin is reached: with TLS or not, and through which proxy."""

    tls: bool = False
    proxy: Proxy | None = None

    @property
    def scheme(self) -> str:
        """The scheme of the origin."""
        return "https" if self.tls else "http"

    @property
    def proxy_connections(self) -> int:
        """How often the proxy was connected to."""
        return self.proxy.connections if self.proxy is not None else 0

    def fetcher(self, **options: Any) -> Fetcher:
        """A fetcher whose visits all go this way; it may visit loopback."""
        context = client_context(names=False)
        options = {"allow": ALLOW, "tls": lambda: context} | options
        return WayFetcher(self, **options)


class WayFetcher(Fetcher):
    """A fetcher that sends every visit through one proxy, if there is one."""

    def __init__(self, way: Way, **options: Any) -> None:
        super().__init__(SITE, **options)
        self._way = way

    def fetch(self, visit: Visit) -> Fetched | NotModified:
        """Fetch a visit, on the way."""
        return super().fetch(structs.replace(visit, source=self._on_the_way(visit.source)))

    def robots(self, url: str, state: HostState, at: datetime, source: Source | None = None) -> tuple[bool, HostState]:
        """Fetch a robots.txt, on the way."""
        return super().robots(url, state, at, self._on_the_way(source or Source("s", Kind.PAGE, url)))

    def _on_the_way(self, source: Source) -> Source:
        return source if self._way.proxy is None else replace(source, proxy=self._way.proxy.url)


WAYS = ("plain", "tls", "proxied", "tls proxied", "https-proxied", "tls https-proxied")
every_way = pytest.mark.parametrize("way", WAYS, indirect=True)
through_proxies = pytest.mark.parametrize("way", WAYS[2:], indirect=True)
with_or_without_tls = pytest.mark.parametrize("way", WAYS[:2], indirect=True)


def make_way(name: str) -> Iterator[Way]:
    """Make one of `WAYS`, and close its proxy in the end."""
    proxy = Proxy(server_context() if "https-" in name else None) if "proxied" in name else None
    yield Way(name.startswith("tls"), proxy)
    if proxy is not None:
        proxy.close()
