"""Words and columns for people: how long ago, how many, how large. No clock, no printing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

UNITS = (
    ("years", 365 * 86400, 2),
    ("months", 30 * 86400, 2),
    ("days", 86400, 2),
    ("h", 3600, 1),
    ("min", 60, 1),
    ("s", 1, 1),
)
SIZES = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))

# What a terminal would obey instead of showing it: control characters, and marks that turn the direction of a text.
_COMMANDS = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+")


def span(length: timedelta) -> str:
    """A length of time in the largest unit that fits, `now` for none."""
    seconds = int(length.total_seconds())
    return next((f"{seconds // size} {unit}" for unit, size, least in UNITS if seconds >= least * size), "now")


def ago(then: datetime | None, now: datetime) -> str:
    """`3 h ago`, `in 12 min`, `now`, `never`."""
    if then is None:
        return "never"
    words = span(abs(then - now))
    if words == "now":
        return words
    return f"in {words}" if then > now else f"{words} ago"


def count(number: int, noun: str) -> str:
    """`1 article`, `2 articles`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def size(octets: float) -> str:
    """`812 bytes`, `3.1 MB`."""
    return next((f"{octets / unit:.1f} {name}" for name, unit in SIZES if octets >= unit), count(int(octets), "byte"))


def stamp(moment: datetime) -> str:
    """`2026-03-02 08:00`, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def iso(moment: datetime | None) -> str | None:
    """RFC 3339, in UTC, whole seconds."""
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def line(text: str) -> str:
    """A text from outside on one line, with nothing in it that a terminal would obey."""
    return " ".join(_COMMANDS.sub(" ", text).split())


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Left-aligned columns, two spaces apart; the last one as long as it is."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    return ["  ".join([*map(str.ljust, row, widths), row[-1]]).rstrip() for row in rows]
