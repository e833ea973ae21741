"""Parse http and https addresses strictly; spellings that only attackers use are refused."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, urljoin, urlsplit

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from ..errors import FailureKind
from .problems import FetchProblem

DEFAULT_PORTS = {"http": 80, "https": 443}
_DEFAULT_PORT_SUFFIX = {scheme: f":{port}" for scheme, port in DEFAULT_PORTS.items()}
_HOST_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_][a-z0-9_-]{0,62})*", re.ASCII)
_IDNA_DOTS = str.maketrans("。．｡", "...")  # what IDNA takes for a full stop
_UNQUOTED = "!$%&'()*+,-./:;=?@_~"  # RFC 3986: may stand in a path and query as they are


@dataclass(frozen=True, slots=True)
class RequestTarget:
    """One parsed address: `host` is ASCII, in lower case and without brackets; `path` includes the query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """Return scheme, host and port, to which credentials and connections are bound (RFC 6454)."""
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """Return the host and its port."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def netloc(self) -> str:
        """Return the host, with its port where that is not the default one: for `Host`, URLs and messages."""
        return self.authority.removesuffix(_DEFAULT_PORT_SUFFIX[self.scheme])

    @property
    def url(self) -> str:
        """Return the whole address, in its one normal spelling."""
        return f"{self.scheme}://{self.netloc}{self.path}"


@lru_cache(maxsize=4096)
def parse_target(address: str) -> RequestTarget:
    """Parse an http or https address; raise FetchProblem `refused` for every other one."""
    try:
        parts = urlsplit(address.strip())
        port = parts.port
    except ValueError as error:
        raise _address_problem("cannot be parsed", address) from error
    if parts.scheme not in DEFAULT_PORTS:
        raise _address_problem("is neither http nor https", address)
    if "@" in parts.netloc:
        raise _address_problem(
            "carries a login; put it into `auth: {basic: [user, password]}` of the source instead", address
        )
    host = _parse_host(parts.hostname or "", bracketed=parts.netloc.startswith("["), address=address)
    path = quote(parts.path or "/", safe=_UNQUOTED) + (f"?{quote(parts.query, safe=_UNQUOTED)}" if parts.query else "")
    return RequestTarget(parts.scheme, host, DEFAULT_PORTS[parts.scheme] if port is None else port, path)


def join_url(base: str, location: str) -> str:
    """Resolve a `Location` against the address it came from; raw UTF-8 in it is read as UTF-8."""
    with suppress(UnicodeError):
        location = location.encode("latin-1").decode("utf-8")
    try:
        return urljoin(base, location.strip())
    except ValueError as error:
        raise _address_problem("cannot be parsed", location) from error


def _parse_host(name: str, *, bracketed: bool, address: str) -> str:
    if bracketed:
        return _parse_ip(name, 6, address)
    name = unicodedata.normalize("NFKC", name.translate(_IDNA_DOTS)).lower().removesuffix(".")
    if not name.isascii():
        name = _encode_idna(name, address)
    if re.fullmatch(r"(0x[0-9a-f]*|[0-9]+)", name.rpartition(".")[2]):  # WHATWG URL: ends in a number
        return _parse_ip(name, 4, address)
    if not _HOST_NAME.fullmatch(name):
        raise _address_problem("has no usable host name", address)
    return name


def _parse_ip(text: str, version: int, address: str) -> str:
    with suppress(ValueError):
        ip = ipaddress.ip_address(text)
        if ip.version == version and "%" not in text:
            return ip.compressed
    raise _address_problem("spells an IP address in a way that only attackers use", address)


def _encode_idna(name: str, address: str) -> str:
    try:
        return parse_url(f"http://{name}/").host or ""
    except LocationParseError as error:
        raise _address_problem("has a host name that is no international domain name", address) from error


def _address_problem(what: str, address: str) -> FetchProblem:
    shown = re.sub(r"//[^/@]*@", "//…@", address)
    return FetchProblem(FailureKind.REFUSED, f"{what}: {shown[:200]!a}", "It was not requested. Check the address.")
