"""Parsers of lengths of time and of sizes as the YAML spells them; ValueError says what was expected."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal, cast

from ..model import Interval
from ..steps import Age
from .problems import describe_value

_NUMBER = r"[0-9]{1,9}(\.[0-9]{1,3})?"
DURATION = "^" + "".join(f"({_NUMBER}{unit})?" for unit in "wdhms") + "$"
AGE = "^[<>]? ?" + DURATION[1:]
SIZE = r"^[0-9]{1,15}(\.[0-9]{1,3})? ?([kKMG]i?)?B?$"
TEN_YEARS = 10 * 365 * 86_400.0

_DURATION = re.compile(DURATION)
_DURATION_PART = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)([wdhms])")
_SECONDS = {"w": 604_800.0, "d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0}

_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,3})?) ?([kKMG]i?)?B?")
_BYTES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "ki": 2**10, "mi": 2**20, "gi": 2**30}


@lru_cache(maxsize=256)
def parse_duration(text: str) -> float:
    """Return the seconds of `15m`, `1h30m`, `2d`, `1w`, `0s`."""
    if text.isdecimal() and int(text) > 0:
        raise ValueError(f"`{text}` has no unit, expected a length of time such as {text}s, {text}m or {text}h")
    if text != "0" and (not text or not _DURATION.match(text)):
        raise ValueError(f"`{text}` is no length of time, expected such as 30s, 15m, 1h30m, 2d or 1w")
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in _DURATION_PART.findall(text))
    if seconds > TEN_YEARS:
        raise ValueError(f"`{text}` is too long, expected at most ten years")
    return seconds


def parse_interval(text: str) -> float:
    """Return the seconds between two visits, at least one."""
    seconds = parse_duration(text)
    if seconds < 1:
        raise ValueError(f"`{text}` is too short, expected at least 1s")
    return seconds


def parse_retention(text: str) -> float | None:
    """Return the seconds that articles are stored, at least a day; None for `forever`."""
    if text == "forever":
        return None
    seconds = parse_duration(text)
    if seconds < _SECONDS["d"]:
        raise ValueError(f"`{text}` is too short, expected at least 1d")
    return seconds


def parse_bounds(value: object) -> Interval:
    """Return the interval between two bounds, such as `[15m, 24h]`."""
    if not (isinstance(value, list) and len(value) == 2 and all(isinstance(bound, str) for bound in value)):
        raise ValueError(f"{describe_value(value)} stands here, expected two lengths of time such as [15m, 24h]")
    shortest, longest = (parse_interval(bound) for bound in value)
    if shortest > longest:
        raise ValueError(f"{value[0]} is longer than {value[1]}, expected the shorter one first")
    return Interval(shortest, longest)


def parse_age(text: str) -> Age:
    """Return the bound of an age: `30d`, `>30d` (older) or `<30d` (up to it)."""
    sign, length = (text[0], text[1:].strip()) if text[:1] in ("<", ">") else ("", text)
    return Age(parse_duration(length), cast(Literal["", "<", ">"], sign))


def parse_size(text: str) -> int:
    """Return the bytes of `15MB`, `500kB`, `1MiB`, `1000`."""
    match = _SIZE.fullmatch(text)
    if not match:
        raise ValueError(f"`{text}` is no size, expected such as 500kB, 15MB or 1MiB")
    number, unit = match.groups()
    return round(float(number) * _BYTES[(unit or "").lower()])


def parse_byte_limit(text: str) -> int:
    """Return a size of at least one byte."""
    size = parse_size(text)
    if size < 1:
        raise ValueError(f"`{text}` is too small, expected such as 15MB")
    return size
