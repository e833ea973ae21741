"""Addresses taken apart strictly: whom to ask, and for what. Spellings that only attackers use are refused."""

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

from .problems import FetchProblem

PORTS = {"http": 80, "https": 443}
_USUAL = {scheme: f":{port}" for scheme, port in PORTS.items()}
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_][a-z0-9_-]{0,62})*", re.ASCII)
_DOTS = str.maketrans("。．｡", "...")  # what IDNA takes for a full stop
_KEPT = "!$%&'()*+,-./:;=?@_~"  # RFC 3986: may stand in a path and query as they are


@dataclass(frozen=True, slots=True)
class Target:
    """One address to ask: `host` is ASCII, in lower case and without brackets; `path` includes the query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """Who is asked: what credentials and connections are bound to."""
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """The host and its port."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def place(self) -> str:
        """The host as people write it, with its port where that is not the usual one."""
        return self.authority.removesuffix(_USUAL[self.scheme])

    @property
    def url(self) -> str:
        """The whole address, in one spelling."""
        return f"{self.scheme}://{self.place}{self.path}"


def is_remote(address: str) -> bool:
    """Whether an address names a scheme, whichever; all else is a local path."""
    return _SCHEME.match(address.strip()) is not None


@lru_cache(maxsize=4096)
def target_of(address: str) -> Target:
    """An http or https address taken apart; Trouble `refused` for every other one."""
    try:
        parts = urlsplit(address.strip())
        port = parts.port
    except ValueError as error:
        raise _odd("is not an address that can be asked", address) from error
    if parts.scheme not in PORTS:
        raise _odd("is neither http nor https", address)
    if "@" in parts.netloc:
        raise _odd("carries a login; put it into `auth: {basic: [user, password]}` of the source instead", address)
    host = _host(parts.hostname or "", bracketed=parts.netloc.startswith("["), address=address)
    path = quote(parts.path or "/", safe=_KEPT) + (f"?{quote(parts.query, safe=_KEPT)}" if parts.query else "")
    return Target(parts.scheme, host, PORTS[parts.scheme] if port is None else port, path)


def joined(base: str, location: str) -> str:
    """Where a `Location` leads from here; one in raw UTF-8 is taken as meant."""
    with suppress(UnicodeError):
        location = location.encode("latin-1").decode("utf-8")
    try:
        return urljoin(base, location.strip())
    except ValueError as error:
        raise _odd("is not an address that can be asked", location) from error


def _host(name: str, *, bracketed: bool, address: str) -> str:
    if bracketed:
        return _literal(name, 6, address)
    name = unicodedata.normalize("NFKC", name.translate(_DOTS)).lower().removesuffix(".")
    if not name.isascii():
        name = _punycode(name, address)
    if re.fullmatch(r"(0x[0-9a-f]*|[0-9]+)", name.rpartition(".")[2]):  # WHATWG URL: ends in a number
        return _literal(name, 4, address)
    if not _NAME.fullmatch(name):
        raise _odd("has no usable host name", address)
    return name


def _literal(text: str, version: int, address: str) -> str:
    try:
        literal = ipaddress.ip_address(text)
    except ValueError as error:
        raise _odd("spells an IP address in a way that only attackers use", address) from error
    if literal.version != version or "%" in text:
        raise _odd("spells an IP address in a way that only attackers use", address)
    return literal.compressed


def _punycode(name: str, address: str) -> str:
    try:
        return parse_url(f"http://{name}/").host or ""
    except LocationParseError as error:
        raise _odd("has a host name that is no international domain name", address) from error


def _odd(what: str, address: str) -> FetchProblem:
    shown = re.sub(r"//[^/@]*@", "//…@", address)
    return FetchProblem("refused", f"{what}: {shown[:200]!a}", "It was not asked. Check the address.")
