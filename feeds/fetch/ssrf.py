"""Protection against SSRF: every address is checked just before it is connected to, and refused unless it is public.

Names are resolved once, and the connection goes to the very address that was checked, so that no second answer of a
DNS server can lead elsewhere (S2).
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from ..errors import FailureKind
from ..networks import Allowance, IPAddress, IPNetwork, parse_allowance
from .deadline import CONNECT_TIMEOUT, Deadline
from .problems import FetchProblem, describe_socket_error
from .target import RequestTarget
from .throttle import Unthrottled

IPv4 = ipaddress.IPv4Address
SocketAddress = tuple[Any, ...]  # as `socket` has it: (host, port) or (host, port, flow, scope)
AddressInfo = list[tuple[int, SocketAddress]]
MakeSocket = Callable[[int], socket.socket]
Resolve = Callable[[str, int], AddressInfo]

# S1, S4: no publisher is there. The public internet of IPv6 is 2000::/3; the rest of IPv6 is refused as a whole.
REFUSED_NETWORKS: Sequence[tuple[IPNetwork, str]] = tuple(
    (ipaddress.ip_network(network), name)
    for network, name in (
        ("0.0.0.0/8", "this host"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "carrier-grade NAT"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "protocol assignment"),
        ("192.0.2.0/24", "documentation"),
        ("192.88.99.0/24", "6to4 relay"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("255.255.255.255/32", "broadcast"),
        ("240.0.0.0/4", "reserved"),
        ("::/128", "this host"),
        ("::1/128", "loopback"),
        ("::ffff:0:0/96", "IPv4-mapped"),
        ("::/96", "IPv4-compatible"),
        ("64:ff9b::/96", "NAT64"),
        ("64:ff9b:1::/48", "local NAT64"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
        ("2001::/32", "Teredo"),
        ("2001:2::/48", "benchmarking"),
        ("2001:10::/28", "ORCHID"),
        ("2001:20::/28", "ORCHID"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4"),
        ("3fff::/20", "documentation"),
        ("::/3", "reserved"),
        ("4000::/2", "reserved"),
        ("8000::/1", "reserved"),
    )
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_IPV4_COMPATIBLE = ipaddress.IPv6Network("::/96")


def find_refusal(address: IPAddress, port: int, allowances: Sequence[Allowance]) -> str | None:
    """Return why an address may not be visited, as in `loopback`; None when it may."""
    if not any(allowance.covers(address, port) for allowance in allowances):
        for network, reason in REFUSED_NETWORKS:
            if address in network:
                return reason
    embedded = _embedded_ipv4(address)
    return find_refusal(embedded, port, allowances) if embedded is not None else None


def _embedded_ipv4(address: IPAddress) -> IPv4 | None:
    """Return the IPv4 address that a translator would make of an IPv6 one."""
    if isinstance(address, IPv4):
        return None
    if address in _NAT64 or (address in _IPV4_COMPATIBLE and int(address) > 1):
        return IPv4(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


def resolve_with_system(host: str, port: int) -> AddressInfo:
    """Return the addresses of a name, in the order this machine prefers."""
    return [(family, address) for family, _, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class GuardedConnector:
    """Opens connections to addresses that may be visited, and to no others.

    `allow` names networks beside the public ones or, with `allowed_only`, the only ones.
    """

    def __init__(
        self, allow: Sequence[str] = (), resolve: Resolve = resolve_with_system, *, allowed_only: bool = False
    ) -> None:
        self._allow = tuple(map(parse_allowance, allow))
        self._resolve = resolve
        self._allowed_only = allowed_only

    def connect(
        self, target: RequestTarget, allow: Sequence[str], throttle: Unthrottled, make_socket: MakeSocket
    ) -> socket.socket:
        """Connect to the first address of a target that answers; raise FetchProblem when none does or may be visited.

        `allow` are the networks of this target besides those of the connector. `make_socket` returns a socket of a
        family on which another thread can end the waiting.
        """
        deadline = throttle.deadline
        addresses = self._resolve_and_check(target, self._allowances(allow), deadline)
        problem = FetchProblem(FailureKind.DNS, "has no address")
        for left, (family, address) in zip(range(len(addresses), 0, -1), addresses, strict=True):
            throttle.enter_address(str(address[0]))
            try:
                seconds = min(CONNECT_TIMEOUT, deadline.remaining() / left)
                return _connect(make_socket(family), address, seconds)
            except TimeoutError:
                problem = FetchProblem(FailureKind.TIMEOUT, "did not take the connection in time")
            except OSError as error:
                problem = describe_socket_error(error)
        raise problem

    def check_literal(self, target: RequestTarget, allow: Sequence[str]) -> None:
        """Refuse a target that is itself a refused address; names are left to the proxy, which resolves them."""
        _check_addresses(_literal_address(target), target.port, self._allowances(allow))

    def _allowances(self, allow: Sequence[str]) -> Sequence[Allowance]:
        return (*self._allow, *map(parse_allowance, allow))

    def _resolve_and_check(
        self, target: RequestTarget, allowances: Sequence[Allowance], deadline: Deadline
    ) -> AddressInfo:
        """Return the addresses of a target; one refused address among public ones refuses them all (S2)."""
        addresses = _literal_address(target) or self._resolve_name(target, deadline)
        _check_addresses(addresses, target.port, allowances)
        if self._allowed_only:
            _require_allowance(addresses, target.port, allowances)
        return addresses

    def check(self, target: RequestTarget, deadline: Deadline) -> None:
        """Raise FetchProblem unless a target may be contacted now."""
        self._resolve_and_check(target, self._allow, deadline)

    def _resolve_name(self, target: RequestTarget, deadline: Deadline) -> AddressInfo:
        """Resolve in a thread of its own, which is left behind when it takes longer than the visit may (F10)."""
        future: Future[AddressInfo] = Future()
        arguments = (self._resolve, target.host, target.port, future)
        threading.Thread(target=_run_resolver, args=arguments, name="feeds-dns", daemon=True).start()
        try:
            addresses = future.result(deadline.remaining())
        except TimeoutError as error:
            raise FetchProblem(FailureKind.DNS, f"had no address within {deadline.seconds:g} s") from error
        except UnicodeError as error:
            raise FetchProblem(FailureKind.DNS, "has no address: its name cannot be looked up") from error
        except OSError as error:
            raise describe_socket_error(error) from error
        return [(family, address) for family, address in addresses if family in (socket.AF_INET, socket.AF_INET6)]


def _run_resolver(resolve: Resolve, host: str, port: int, future: Future[AddressInfo]) -> None:
    try:
        future.set_result(resolve(host, port))
    except Exception as error:  # noqa: BLE001 - raised where the result is waited for
        future.set_exception(error)


def _literal_address(target: RequestTarget) -> AddressInfo:
    try:
        address = ipaddress.ip_address(target.host)
    except ValueError:
        return []
    if address.version == 4:
        return [(socket.AF_INET, (target.host, target.port))]
    return [(socket.AF_INET6, (target.host, target.port, 0, 0))]


def _check_addresses(addresses: AddressInfo, port: int, allowances: Sequence[Allowance]) -> None:
    for _, socket_address in addresses:
        address = str(socket_address[0]).partition("%")[0]
        if reason := find_refusal(ipaddress.ip_address(address), port, allowances):
            network = f"{address}/{128 if ':' in address else 32}"
            raise FetchProblem(
                FailureKind.REFUSED,
                f"has the address {address} ({reason}), which is not public",
                f"It was not contacted. If it is yours and meant, add `allow_private: [{network}]` to the source.",
            )


def _require_allowance(addresses: AddressInfo, port: int, allowances: Sequence[Allowance]) -> None:
    for _, (host, *_) in addresses:
        address = ipaddress.ip_address(str(host).partition("%")[0])
        if not any(allowance.covers(address, port) for allowance in allowances):
            raise FetchProblem(FailureKind.REFUSED, f"has the address {address}, which is in none of our networks", "")


def _connect(sock: socket.socket, address: SocketAddress, seconds: float) -> socket.socket:
    try:
        socket.socket.settimeout(sock, seconds)  # not that of a socket with a deadline, which sets its own in each wait
        sock.connect(address)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        sock.close()
        raise
    return sock
