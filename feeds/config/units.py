"""Lengths of time, sizes and listening addresses: their spelling in YAML → numbers."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

_NUMBER = r"[0-9]{1,9}(\.[0-9]{1,3})?"
DURATION = "^" + "".join(f"({_NUMBER}{unit})?" for unit in "wdhms") + "$"
SIZE = r"^[0-9]{1,15}(\.[0-9]{1,3})? ?([kKMG]i?)?B?$"
TEN_YEARS = 10 * 365 * 86_400.0

_PARTS = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)([wdhms])")
_DURATION = re.compile(DURATION)
_SECONDS = {"w": 604_800.0, "d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0}

_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,3})?) ?([kKMG]i?)?B?")
_BYTES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}


@lru_cache(maxsize=256)
def seconds(text: str) -> float:
    """The seconds of `15m`, `1h30m`, `2d`, `1w`, `0s`; ValueError says what was expected."""
    if text.isdecimal() and int(text) > 0:
        raise ValueError(f"`{text}` has no unit, expected a length of time such as {text}s, {text}m or {text}h")
    if text != "0" and (not text or not _DURATION.match(text)):
        raise ValueError(f"`{text}` is no length of time, expected such as 30s, 15m, 1h30m, 2d or 1w")
    total = sum(float(number) * _SECONDS[unit] for number, unit in _PARTS.findall(text))
    if total > TEN_YEARS:
        raise ValueError(f"`{text}` is too long, expected at most ten years")
    return total


def size(text: str) -> int:
    """The bytes of `15MB`, `500kB`, `1MiB`, `1000`; ValueError says what was expected."""
    found = _SIZE.fullmatch(text)
    if not found:
        raise ValueError(f"`{text}` is no size, expected such as 500kB, 15MB or 1MiB")
    number, unit = found.groups()
    return round(float(number) * _BYTES[(unit or "").lower()])


def endpoint(text: str) -> tuple[str, int]:
    """The (host, port) of `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080`; ValueError says what was expected."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    if not colon or not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65_535 or not _is_host(host):
        raise ValueError(f"`{text}` is no place to listen, expected HOST:PORT such as 127.0.0.1:8080")
    return host, int(port)


def network(text: str) -> str:
    """A network or one address as given, checked; ValueError says what was expected."""
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise ValueError(f"`{text}` is no network, expected such as 10.0.0.0/8 or 192.168.1.7") from error
    return text


def allowance(text: str) -> str:
    """A network or address, maybe with one port, as in `10.0.0.0/8` or `127.0.0.1:8000`; checked, as given."""
    bare = re.fullmatch(r"\[([^\[\]]+)\](?::[0-9]{1,5})?|([^:]+)(?::[0-9]{1,5})?|(.+)", text)
    if bare is None:
        raise ValueError(f"`{text}` is no network, expected such as 10.0.0.0/8 or 192.168.1.7")
    network(bare[1] or bare[2] or bare[3])
    return text


def _is_host(host: str) -> bool:
    if ":" in host:
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            return False
        return True
    return bool(re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?", host))
