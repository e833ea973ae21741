"""Text formatting for people: durations, counts, sizes, times and columns. It reads no clock and prints nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

# Unit, its seconds, and the least number of it that is shown: 1 day is `24 h`.
DURATION_UNITS = (
    ("years", 365 * 86400, 2),
    ("months", 30 * 86400, 2),
    ("days", 86400, 2),
    ("h", 3600, 1),
    ("min", 60, 1),
    ("s", 1, 1),
)
SIZE_UNITS = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))

# What a terminal interprets instead of showing it: control characters, and marks of text direction.
CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+")


def format_duration(length: timedelta) -> str:
    """Return a length of time in the largest unit that fits; below one second it is `now`."""
    seconds = int(length.total_seconds())
    return next((f"{seconds // unit} {name}" for name, unit, least in DURATION_UNITS if seconds >= least * unit), "now")


def format_relative(then: datetime | None, now: datetime) -> str:
    """Return `3 h ago`, `in 12 min`, `now`, or `never` for None."""
    if then is None:
        return "never"
    duration = format_duration(abs(then - now))
    if duration == "now":
        return duration
    return f"in {duration}" if then > now else f"{duration} ago"


def format_count(number: int, noun: str) -> str:
    """Return `1 article`, `2 articles`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def format_size(octets: float) -> str:
    """Return `812 bytes`, `3.1 MB`."""
    scaled = (f"{octets / unit:.1f} {name}" for name, unit in SIZE_UNITS if octets >= unit)
    return next(scaled, format_count(int(octets), "byte"))


def format_time(moment: datetime) -> str:
    """Return `2026-03-02 08:00`, in UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M")


def format_rfc3339(moment: datetime | None) -> str | None:
    """Return `2026-03-02T08:00:00Z` (RFC 3339, UTC, whole seconds), or None for None."""
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def sanitize_line(text: str) -> str:
    """Return a text from outside on one line, without the characters that a terminal interprets."""
    return " ".join(CONTROL_CHARACTERS.sub(" ", text).split())


def format_columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return one line a row: left-aligned columns, two spaces apart; the last column is not padded."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)][:-1]
    return ["  ".join([*map(str.ljust, row, widths), row[-1]]).rstrip() for row in rows]
