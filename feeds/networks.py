"""Networks that may be visited although they are not public, as the YAML spells them."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

_ALLOWANCE = re.compile(r"\[([^\[\]]+)\](?::([0-9]{1,5}))?|([^:\[\]]+)(?::([0-9]{1,5}))?|([^\[\]]+)")


# `allow_private: true`: loopback, RFC 1918, fc00::/7 and link-local.
PRIVATE_NETWORKS = (
    *("127.0.0.0/8", "::1", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"),
    *("169.254.0.0/16", "fe80::/10"),
)
# Where clouds give out the credentials of a machine: only a network of this address alone allows it.
_METADATA_SERVICES = {ipaddress.ip_address(address) for address in ("169.254.169.254", "fd00:ec2::254")}


@dataclass(frozen=True, slots=True)
class Allowance:
    """A network that may be visited, at one port or at all of them."""

    network: IPNetwork
    port: int | None = None

    def covers(self, address: IPAddress, port: int) -> bool:
        """Return whether the address is in this network and the port is allowed."""
        is_named = address not in _METADATA_SERVICES or self.network.num_addresses == 1
        return address in self.network and is_named and self.port in (None, port)


@lru_cache(maxsize=1024)
def parse_allowance(text: str) -> Allowance:
    """Parse `10.0.0.0/8`, `192.168.1.7`, `127.0.0.0/8:8080` or `[fc00::/7]:80`; raise ValueError for anything else."""
    match = _ALLOWANCE.fullmatch(text.strip())
    try:
        if match is not None:
            port = match[2] or match[4]
            network = ipaddress.ip_network(match[1] or match[3] or match[5], strict=False)
            return Allowance(network, None if port is None else int(port))
    except ValueError:
        pass
    raise ValueError(f"`{text}` is no network, expected such as 10.0.0.0/8 or 192.168.1.7")
