"""How many connections and requests there may be at once: in all, and of each client (A9, F28)."""

from __future__ import annotations

import logging
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from .responses import text_response

MAX_REQUESTS = 1000  # in progress, besides live streams
MAX_CONNECTIONS = 8000
_MAX_PER_CLIENT = 100
_WANTED_DESCRIPTORS = 16_384
_OTHER_DESCRIPTORS = 96  # of log, databases, listeners and event loops, and of the operator's page
LOG_INTERVAL = 60.0  # seconds
_REMEMBERED_ADDRESSES = 4096
_LOOPBACK = ("127.0.0.0/8", "::1/128")

_log = logging.getLogger(__name__)


class Clients:
    """Tells clients apart: an IPv4 address, or an IPv6 network of 64 bits, is one, but not those that many share.

    These are loopback addresses and the networks `trusted_proxies`.
    """

    def __init__(self, trusted_proxies: Iterable[str] = ()) -> None:
        self._shared_networks = [ip_network(network, strict=False) for network in (*_LOOPBACK, *trusted_proxies)]
        # Returns whom an address belongs to; none if to many. To parse one takes longer than most of a 304.
        self.find = lru_cache(maxsize=_REMEMBERED_ADDRESSES)(self._find)

    def _find(self, address: str) -> str | None:
        try:
            parsed = ip_address(address)
        except ValueError:
            return address  # a proxy may write a name, or `unknown`
        if isinstance(parsed, IPv6Address):
            parsed = parsed.ipv4_mapped or parsed
        if any(parsed in network for network in self._shared_networks):
            return None
        return str(ip_network((parsed, 64), strict=False) if isinstance(parsed, IPv6Address) else parsed)


class RequestRate:
    """A limit of requests a minute, of all and of each client. Those that many share have no limit of their own."""

    def __init__(
        self,
        total: int,
        per_client: int,
        trusted_proxies: Iterable[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._total = total
        self._per_client = per_client
        self._clients = Clients(trusted_proxies)
        self._clock = clock
        self._minute = 0
        self._counts: Counter[str | None] = Counter()

    def admit(self, address: str) -> bool:
        """Count one more request of this address; return false where that is too many."""
        if (minute := int(self._clock() // 60)) != self._minute:
            self._minute = minute
            self._counts.clear()
        client = self._clients.find(address)
        if self._counts.total() >= self._total or (client is not None and self._counts[client] >= self._per_client):
            return False
        self._counts[client] += 1
        return True


class ClientLimits:
    """A count of what is open, by client (see `Clients`).

    Those that many share have no limit of their own, and a twentieth of all is theirs alone, so that `/health` is
    answered while others use up the rest.
    """

    def __init__(
        self,
        name: str,
        total: int = MAX_CONNECTIONS,
        trusted_proxies: Iterable[str] = (),
        per_client: int = _MAX_PER_CLIENT,
    ) -> None:
        self._name = name
        self._total = total
        self._per_client = per_client
        self._clients = Clients(trusted_proxies)
        self._open_count = 0
        self._counts: Counter[str | None] = Counter()
        self._refused_count = 0
        self._logged_at = -LOG_INTERVAL

    def admit(self, address: str) -> bool:
        """Count one more of this address; return false, and count nothing, where that is too many."""
        client = self._clients.find(address)
        total = self._total if client is None else self._total - self._total // 20
        if self._open_count >= total or (client is not None and self._counts[client] >= self._per_client):
            self._log_refusal(address)
            return False
        self._open_count += 1
        self._counts[client] += 1
        return True

    def release(self, address: str) -> None:
        """Count one less of an address that was admitted."""
        client = self._clients.find(address)
        self._open_count -= 1
        self._counts[client] -= 1
        if not self._counts[client]:
            del self._counts[client]

    def _log_refusal(self, address: str) -> None:
        self._refused_count += 1
        now = time.monotonic()
        if now - self._logged_at >= LOG_INTERVAL:
            _log.warning(
                "too many %s: %d refused, the last one from %s; at most %d at once, and %d from one address that is not"
                " named under `server: trusted_proxies`",
                self._name,
                self._refused_count,
                address,
                self._total,
                self._per_client,
            )
            self._refused_count, self._logged_at = 0, now


class RequestLimit:
    """Middleware: limit the requests in progress, and those of each client, whom proxies name in X-Forwarded-For."""

    def __init__(self, app: ASGIApp, limits: ClientLimits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 503 to what is too many."""
        address = scope["client"][0]
        if not self._limits.admit(address):
            await busy_response()(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        finally:
            self._limits.release(address)


def busy_response() -> Response:
    """Return what a client gets that has too much open."""
    return text_response("Service Unavailable", 503, {"retry-after": "60", "connection": "close"})


def reserve_descriptors() -> int:
    """Raise the limit of open files as far as needed; return the number of connections for which it suffices."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limits = [limit for limit in (hard, _WANTED_DESCRIPTORS) if limit != resource.RLIM_INFINITY]
    if soft != resource.RLIM_INFINITY and soft < min(limits):
        soft = min(limits)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    # A connection takes two: its socket, and the file that it is sent.
    return min(MAX_CONNECTIONS, max(16, (soft - _OTHER_DESCRIPTORS) // 2))
