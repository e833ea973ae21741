"""Whom we connect to: every address is looked at just before it is connected to, and denied unless it is public.

Names are resolved once, and the connection goes to the very address that was looked at, so that no second answer of
a DNS server can lead elsewhere (S2).
"""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from .deadline import Deadline
from .problems import FetchProblem, of_socket
from .target import Target
from .throttle import Unthrottled

IPv4 = ipaddress.IPv4Address
IPAddress = IPv4 | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
SocketAddress = tuple[Any, ...]  # as `socket` has it: (host, port) or (host, port, flow, scope)
AddressInfo = list[tuple[int, SocketAddress]]
Watch = Callable[[socket.socket], socket.socket]
Resolve = Callable[[str, int], AddressInfo]

CONNECT = 10.0

# S1, S4: what is never a publisher. The public internet of IPv6 is 2000::/3; the rest of it is refused as a whole.
REFUSED: Sequence[tuple[IPNetwork, str]] = tuple(
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
_COMPATIBLE = ipaddress.IPv6Network("::/96")


@dataclass(frozen=True, slots=True)
class Allowance:
    """A network that may be visited although it is not public, at one port or at all of them."""

    network: IPNetwork
    port: int | None = None

    def covers(self, address: IPAddress, port: int) -> bool:
        """Whether this address at this port is meant."""
        return address in self.network and self.port in (None, port)


@lru_cache(maxsize=1024)
def allowance(pattern: str) -> Allowance:
    """`10.0.0.0/8`, `127.0.0.0/8:8080` or `[fc00::/7]:80`; ValueError for anything else."""
    found = re.fullmatch(r"\[([^\[\]]+)\](?::(\d+))?|([^:\[\]]+)(?::(\d+))?|([^\[\]]+)", pattern.strip())
    if found is None:
        raise ValueError(f"{pattern!r} is not a network, as in 10.0.0.0/8")
    port = found[2] or found[4]
    return Allowance(
        ipaddress.ip_network(found[1] or found[3] or found[5], strict=False), None if port is None else int(port)
    )


def refusal(address: IPAddress, port: int, allowances: Sequence[Allowance]) -> str | None:
    """What makes an address one that may not be visited, as in `loopback`; None when it may."""
    if not any(allowed.covers(address, port) for allowed in allowances):
        for network, name in REFUSED:
            if address in network:
                return name
    inner = _embedded(address)
    return refusal(inner, port, allowances) if inner is not None else None


def _embedded(address: IPAddress) -> IPv4 | None:
    """The IPv4 address a translator would make of an IPv6 one."""
    if isinstance(address, IPv4):
        return None
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        return IPv4(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)


def system_resolver(host: str, port: int) -> AddressInfo:
    """The addresses of a name, in the order this machine prefers."""
    return [(family, address) for family, _, _, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


class GuardedConnector:
    """Opens connections, to addresses that may be visited and to no others."""

    def __init__(self, allow: Sequence[str] = (), resolve: Resolve = system_resolver) -> None:
        self._allow = tuple(allowance(pattern) for pattern in allow)
        self._resolve = resolve

    def connect(self, target: Target, allow: Sequence[str], passage: Unthrottled, watch: Watch) -> socket.socket:
        """A connection to the first address of this target that answers; Trouble when there is none, or none may be.

        Each socket is handed to `watch` before it is connected, so that somebody else can end the waiting.
        """
        budget = passage.budget
        answer = self._checked(target, self._allowances(allow), budget)
        trouble = FetchProblem("dns", "has no address")
        for left, (family, address) in zip(range(len(answer), 0, -1), answer, strict=True):
            passage.at(str(address[0]))
            try:
                seconds = min(CONNECT, budget.left() / left)
                return _connected(watch(socket.socket(family, socket.SOCK_STREAM)), address, seconds)
            except TimeoutError:
                trouble = FetchProblem("timeout", "did not take the connection in time")
            except OSError as error:
                trouble = of_socket(error)
        raise trouble

    def check_literal(self, target: Target, allow: Sequence[str]) -> None:
        """Refuse a target that is itself a refused address; names are left to whoever looks them up."""
        _check(_literal(target), target.port, self._allowances(allow))

    def _allowances(self, allow: Sequence[str]) -> Sequence[Allowance]:
        return (*self._allow, *(allowance(pattern) for pattern in allow))

    def _checked(self, target: Target, allowances: Sequence[Allowance], budget: Deadline) -> AddressInfo:
        """What the name resolves to; one refused address among public ones condemns them all (S2)."""
        answer = _literal(target) or self._looked_up(target, budget)
        _check(answer, target.port, allowances)
        return answer

    def _looked_up(self, target: Target, budget: Deadline) -> AddressInfo:
        """Ask in a thread of its own, which is left behind when the answer takes longer than the visit may (F10)."""
        future: Future[AddressInfo] = Future()
        asking = (self._resolve, target.host, target.port, future)
        threading.Thread(target=_ask, args=asking, name="feeds-dns", daemon=True).start()
        try:
            answer = future.result(budget.left())
        except TimeoutError as error:
            raise FetchProblem("dns", f"had no address within {budget.seconds:g} s") from error
        except UnicodeError as error:
            raise FetchProblem("dns", "has no address: its name cannot be looked up") from error
        except OSError as error:
            raise of_socket(error) from error
        return [(family, address) for family, address in answer if family in (socket.AF_INET, socket.AF_INET6)]


def _ask(resolve: Resolve, host: str, port: int, future: Future[AddressInfo]) -> None:
    try:
        future.set_result(resolve(host, port))
    except Exception as error:  # noqa: BLE001 - raised where the answer is waited for
        future.set_exception(error)


def _literal(target: Target) -> AddressInfo:
    try:
        address = ipaddress.ip_address(target.host)
    except ValueError:
        return []
    if address.version == 4:
        return [(socket.AF_INET, (target.host, target.port))]
    return [(socket.AF_INET6, (target.host, target.port, 0, 0))]


def _check(answer: AddressInfo, port: int, allowances: Sequence[Allowance]) -> None:
    for _, address in answer:
        text = str(address[0]).partition("%")[0]
        if reason := refusal(ipaddress.ip_address(text), port, allowances):
            raise _refused(text, reason)


def _connected(line: socket.socket, address: SocketAddress, seconds: float) -> socket.socket:
    try:
        line.settimeout(seconds)
        line.connect(address)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        line.close()
        raise
    return line


def _refused(address: str, reason: str) -> FetchProblem:
    network = f"{address}/{128 if ':' in address else 32}"
    return FetchProblem(
        "refused",
        f"has the address {address} ({reason}), which is not public",
        f"It was not contacted. If it is yours and meant, add `allow_private: [{network}]` to the source.",
    )
