"""Parsing of dates, however they are written, into instants in UTC (R13, F23).

The two most common forms take about two microseconds. The others are tried in turn: numbers, ISO 8601 as Python reads
it, its shortened forms, and the parts of a date in any language and order (`date_grammar`). Nothing raises, and nothing
reads the clock or the time zone of the machine.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from .date_calendars import common_year
from .date_grammar import load_zone, parse_moment, parse_zone

# There were no feeds before; an earlier date is a zero or a misread number.
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
# Announcements carry the date of the event; a date later than this is a typo.
MAX_FUTURE = timedelta(days=3653)
MAX_DATE_LENGTH = 140

_MONTHS = {
    "Jan": 1, "Feb": 2, "Mar": 3, "Apr": 4, "May": 5, "Jun": 6,
    "Jul": 7, "Aug": 8, "Sep": 9, "Oct": 10, "Nov": 11, "Dec": 12,
}  # fmt: skip
_RFC822 = re.compile(
    r"(?:[A-Z][a-z]{2}, )?(\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) ([01]\d|2[0-3]):([0-5]\d):([0-5]\d) ([+-]\d{4}|[A-Z]{1,5})",
    re.ASCII,
)
_TIMESTAMP = re.compile(
    r"(?:/Date\()?(\d{10}|\d{13}|\d{16})(?:\.\d+)?(?:(?:[+-]\d{4})?\)/)?", re.ASCII
)  # `/Date(…)/` is the spelling of .NET
_COMPACT_ISO = re.compile(r"(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2})?)?", re.ASCII)
# ISO 8601:1988 without century: year and month, or year and day of the year; and the day of a full year.
_YEAR_MONTH = re.compile(r"-(\d{2})-?(\d{2})", re.ASCII)
_ORDINAL = re.compile(r"-?(\d{2}|\d{4})-?(\d{3})", re.ASCII)
_SHORT_DAY = re.compile(r"(\d{2})(\d{2})(\d{2})", re.ASCII)
# Python would take the minutes of `10.15` for a fraction of the hour.
_DOTTED_CLOCK = re.compile(r"\d[\d-]{7,9}[Tt ]\d\d(?::\d\d)?[.,]", re.ASCII)
_HANGUL = re.compile("[가-힣]")
_PARSE_ERRORS = (ValueError, OverflowError, TypeError, AttributeError, ArithmeticError, LookupError)


class Place(NamedTuple):
    """What is known of where a date was written."""

    timezone: str = "UTC"
    language: str | None = None
    country: str | None = None


NOWHERE = Place()


def parse_date(
    text: str | None, now: datetime, timezone: str = "UTC", language: str | None = None, country: str | None = None
) -> datetime | None:
    """Return the instant that a text names, or None if it names no plausible one.

    `timezone` is the zone of dates that name none; a date without a time is 00:00 there. `language` (BCP 47) and
    `country` (ISO 3166; else that of the zone) tell the names of months and the order of day and month.
    """
    if not text:
        return None
    if "&" in text:
        text = html.unescape(text)
    text, place = text.strip()[:MAX_DATE_LENGTH], Place(timezone, language, country)
    for parse in PARSERS:
        try:
            instant = parse(text, place)
        except _PARSE_ERRORS:
            continue
        if instant is not None and EARLIEST <= instant <= now + MAX_FUTURE:
            return instant
    return None


def _parse_common(text: str, place: Place) -> datetime | None:
    """Parse the common form of ISO 8601, or RFC 822 with English month names."""
    if text[4:5] == "-" and text[10:11] in ("T", " ") and text[13:14] == ":" and text[16:17] not in (".", ","):
        return _to_utc(datetime.fromisoformat(text), place.timezone)
    match = _RFC822.fullmatch(text)
    if not match:
        return None
    day, month_name, year, hour, minute, second, zone_name = match.groups()
    zone = parse_zone(zone_name)
    if zone is None:
        return None
    local = datetime(int(year), _MONTHS[month_name], int(day), int(hour), int(minute), int(second), tzinfo=zone)
    return local if zone is UTC else local.astimezone(UTC)


def _parse_number(text: str, place: Place) -> datetime | None:
    """Parse seconds, milliseconds or microseconds since 1970, or a date in digits only."""
    timestamp = _TIMESTAMP.fullmatch(text)
    if timestamp:
        seconds = int(timestamp[1]) / {10: 1, 13: 1_000, 16: 1_000_000}[len(timestamp[1])]
        return datetime.fromtimestamp(seconds, UTC)
    match = _COMPACT_ISO.fullmatch(text)
    return _to_utc(datetime(*(int(part) for part in match.groups() if part)), place.timezone) if match else None  # type: ignore[arg-type]


def _parse_iso(text: str, place: Place) -> datetime | None:
    if _DOTTED_CLOCK.match(text):
        return None
    return _to_utc(datetime.fromisoformat(text.upper().replace(" UTC", "Z").replace(" Z", "Z")), place.timezone)


def _parse_short_iso(text: str, place: Place) -> datetime | None:
    """Parse the shortened forms of ISO 8601:1988: without century, without day, or with the day of the year."""
    match = _YEAR_MONTH.fullmatch(text) or _SHORT_DAY.fullmatch(text)
    if match:
        day = int(match[3]) if match.re is _SHORT_DAY else 1
        return _to_utc(datetime(common_year(match[1]), int(match[2]), day), place.timezone)
    ordinal = _ORDINAL.fullmatch(text)
    if not ordinal:
        return None
    new_year = datetime(common_year(ordinal[1]), 1, 1)
    local = new_year + timedelta(days=int(ordinal[2]) - 1)
    return _to_utc(local, place.timezone) if local.year == new_year.year else None


def _parse_parts(text: str, place: Place) -> datetime | None:
    """Parse a date whose parts stand anywhere in the text, in the languages of `date_grammar`."""
    moment = parse_moment(text, place.language, place.country, place.timezone)
    if moment is None:
        return None
    timezone = place.timezone
    if timezone == "UTC" and moment.clock and _HANGUL.search(text):
        timezone = "Asia/Seoul"  # the zone of all places where Korean is spoken
    hour, minute, second = moment.clock or (0, 0, 0)
    zone = moment.zone or load_zone(timezone) or UTC
    local = datetime(moment.year, moment.month, moment.day, hour % 24, minute, min(second, 59), tzinfo=zone)
    return local.astimezone(UTC) + timedelta(days=hour // 24)


PARSERS: tuple[Callable[[str, Place], datetime | None], ...] = (
    _parse_common,
    _parse_number,
    _parse_iso,
    _parse_short_iso,
    _parse_parts,
)


def _to_utc(local: datetime, timezone: str) -> datetime:
    """Return a date in UTC; one without a zone is in `timezone`, or in UTC where there is no such zone."""
    return (local if local.tzinfo else local.replace(tzinfo=load_zone(timezone) or UTC)).astimezone(UTC)
