"""Dates in whatever way they are written, as instants in UTC (R13, F23).

The two common forms are read in about two microseconds. Then comes the chain: numbers, ISO 8601 as the interpreter
knows it and in its shortened forms, a reader of the parts wherever they stand (`scan`), and dateutil. Nothing raises,
nothing looks at the machine's clock or zone, and what is not plausible is no date at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from .date_grammar import ParsedMoment, full_year, named, scanned, zone

# Feeds are younger; an earlier date is a zero or a misread number.
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
# Announcements carry the date of the event: kept, and sorted by when they were first seen. Beyond this it is a typo.
FARTHEST = timedelta(days=3653)
LIMIT = 100

_MONTHS = {
    "Jan": 1, "Feb": 2, "Mar": 3, "Apr": 4, "May": 5, "Jun": 6,
    "Jul": 7, "Aug": 8, "Sep": 9, "Oct": 10, "Nov": 11, "Dec": 12,
}  # fmt: skip
_RFC822 = re.compile(
    r"(?:[A-Z][a-z]{2}, )?(\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) ([01]\d|2[0-3]):([0-5]\d):([0-5]\d) ([+-]\d{4}|[A-Z]{1,5})",
    re.ASCII,
)
_DIGITS = re.compile(r"(\d{10}|\d{13}|\d{16})(?:\.\d+)?", re.ASCII)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2})?)?", re.ASCII)
# ISO 8601:1988 without century: year and month, or year and day of the year; and the day of a full year.
_YEAR_MONTH = re.compile(r"-(\d{2})-?(\d{2})", re.ASCII)
_ORDINAL = re.compile(r"-?(\d{2}|\d{4})-?(\d{3})", re.ASCII)
_SHORT_DAY = re.compile(r"(\d{2})(\d{2})(\d{2})", re.ASCII)
_HANGUL = re.compile("[가-힣]")
_FALLBACKS = (datetime(2000, 1, 1), datetime(2004, 2, 2))
_REFUSED = (ValueError, OverflowError, TypeError, AttributeError, ArithmeticError, LookupError)


def date(text: str | None, at: datetime, home: str = "UTC") -> datetime | None:
    """The instant that a text names, none if it names no plausible one.

    `home` is the time zone of dates without one, a date without a time being 00:00 there; `at` is when we look.
    """
    if not text:
        return None
    text = text.strip()
    for read in CHAIN:
        try:
            when = read(text[:LIMIT], at, home)
        except _REFUSED:
            continue
        if when is not None and EARLIEST <= when <= at + FARTHEST:
            return when
    return None


def _common(text: str, at: datetime, home: str) -> datetime | None:
    if text[4:5] == "-" and text[10:11] in ("T", " "):
        when = datetime.fromisoformat(text)
        return when.astimezone(UTC) if when.tzinfo else _at_home(when, home)
    found = _RFC822.fullmatch(text)
    if not found:
        return None
    day, name, year, hour, minute, second, spelled = found.groups()
    where = zone(spelled)
    if where is None:
        return None
    when = datetime(int(year), _MONTHS[name], int(day), int(hour), int(minute), int(second), tzinfo=where)
    return when.astimezone(UTC)


def _number(text: str, at: datetime, home: str) -> datetime | None:
    """Seconds, milliseconds or microseconds since 1970; or a date in digits only."""
    counted = _DIGITS.fullmatch(text)
    if counted:
        since = int(counted[1]) / {10: 1, 13: 1_000, 16: 1_000_000}[len(counted[1])]
        return datetime.fromtimestamp(since, UTC)
    found = _COMPACT.fullmatch(text)
    return _at_home(datetime(*(int(part) for part in found.groups() if part)), home) if found else None  # type: ignore[arg-type]


def _iso(text: str, at: datetime, home: str) -> datetime | None:
    when = datetime.fromisoformat(text.upper().replace(" UTC", "Z").replace(" Z", "Z"))
    return when.astimezone(UTC) if when.tzinfo else _at_home(when, home)


def _scan(text: str, at: datetime, home: str) -> datetime | None:
    moment = scanned(text)
    if moment is None:
        return None
    korean = home == "UTC" and moment.clock and _HANGUL.search(text)  # a language of one zone
    return _instant(moment, "Asia/Seoul" if korean else home)


def _short(text: str, at: datetime, home: str) -> datetime | None:
    found = _YEAR_MONTH.fullmatch(text) or _SHORT_DAY.fullmatch(text)
    if found:
        day = int(found[3]) if found.re is _SHORT_DAY else 1
        return _at_home(datetime(full_year(int(found[1])), int(found[2]), day), home)
    ordinal = _ORDINAL.fullmatch(text)
    if not ordinal:
        return None
    first = datetime(full_year(int(ordinal[1])), 1, 1)
    then = first + timedelta(days=int(ordinal[2]) - 1)
    return _at_home(then, home) if then.year == first.year else None


def _dateutil(text: str, at: datetime, home: str) -> datetime | None:
    """Whatever dateutil finds, provided that year, month and day all stood in the text."""
    from dateutil import parser  # 60 ms, for one text in thousands

    one, other = (parser.parse(text, default=default, ignoretz=True) for default in _FALLBACKS)
    return _at_home(one, home) if one == other else None


CHAIN: tuple[Callable[[str, datetime, str], datetime | None], ...] = (
    _common,
    _number,
    _iso,
    _short,
    _scan,
    _dateutil,
)


def _instant(moment: ParsedMoment, home: str) -> datetime:
    hour, minute, second = moment.clock or (0, 0, 0)
    midnight = datetime(moment.year, moment.month, moment.day, tzinfo=moment.zone or named(home) or UTC)
    when = midnight.replace(hour=hour % 24, minute=minute, second=min(second, 59))
    return when.astimezone(UTC) + timedelta(days=hour // 24)


def _at_home(when: datetime, home: str) -> datetime:
    return when.replace(tzinfo=named(home) or UTC).astimezone(UTC)
