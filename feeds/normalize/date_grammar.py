"""Grammar of dates in any language: the clock is taken out first, then the day is read from what is left.

A text is folded, years of other calendars become years of ours, and names of months, weekdays and halves of the day
become signs (`date_words`). What then stands between the numbers hardly matters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date as Day
from datetime import timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from . import date_words
from .date_calendars import short_year, to_common_calendar
from .date_words import HALF_DAY, LETTER, MONTH, WEEKDAY, fold

# No feed is older, and an event that is announced is not farther away; other years are of other calendars, or zeros.
_YEARS = range(1900, 2200)

# ── patterns over a folded text with signs ──────────────────────────────────────────────────────────────────────────

_WORD = re.compile(rf"{LETTER}+")
_FOREIGN_LETTER, _FOREIGN_SCRIPT = re.compile(r"[^\W\d_a-zA-Z]"), re.compile(r"[^\W\d_a-zA-Z\u00aa-\u024f]")
_CAPITALS = re.compile(r"\b[A-Z]{2}\b")
_AREA_IN_TEXT = re.compile(r"\b[A-Z][A-Za-z_]{1,20}/[A-Z][A-Za-z_\-]{1,30}(?:/[A-Z][A-Za-z_\-]{1,30})?")
_CLOCK_WORDS = frozenset(("t", "h", "m", "s", "am", "pm", "a", "p"))


def _any_of(words: str) -> str:
    return "|".join(sorted(map(re.escape, fold(words).split()), key=len, reverse=True))


_HOURS = _any_of("h hr hrs hod uhr u uur ora óra ore orakor godz giờ ч час часа часов год година ώρα")
_MINUTES = _any_of("m min mn mins perc phút мин минут минуты хв хвилин λεπτά")
_SECONDS = _any_of("s sec sek giây с сек секунд")
_UNSPACED_HOURS = _any_of("時 时 點 点 點鐘 点钟 시 นาฬิกา โมง ໂມງ ម៉ោង बजे बजकर वाजता টা بجے ਵਜੇ વાગ્યે")
_HOUR = rf"(?:(?:{_HOURS})\.?(?!{LETTER})|{_UNSPACED_HOURS})"
_MINUTE = rf"(?:(?:{_MINUTES})\.?(?!{LETTER})|{_any_of('分 분 นาที ນາທີ នាទី मिनट মিনিট')}|')"
_SECOND = rf"(?:(?:{_SECONDS})\.?(?!{LETTER})|{_any_of('秒 초 วินาที ວິນາທີ វិនាទី')}|'')"
_BEFORE = rf"(?:(?P<before>{HALF_DAY})[\s.,]{{0,3}}(?:{LETTER}{{1,5}}\s)?)?"
_AFTER = rf"(?:\s?(?:{LETTER}{{1,4}}\.?)?[\s.,]{{0,3}}(?P<after>{HALF_DAY}))?"

_COLON_CLOCK = re.compile(
    rf"{_BEFORE}(?:(?<![\d:+\-])(?<!\d\.)|(?<=\d{{4}}:))(?P<hour>\d{{1,2}})\s?:\s?(?P<minute>\d{{1,2}})(?:\s?[:.]\s?(?P<second>\d{{1,2}}))?"
    rf"(?:[.,:]\d{{1,9}})?s?(?!\d){_AFTER}"
)
_WORD_CLOCK = re.compile(
    rf"{_BEFORE}(?<![\d.:/\-])(?P<hour>\d{{1,2}})\s?{_HOUR}"
    rf"(?:\s?(?P<half_hour>半|반)|\s?(?P<minute>\d{{1,2}})(?![./\-:]?\d|[^\d\s]?\s?{MONTH}|\s?[月월日일])(?:\s?{_MINUTE})?"
    rf"(?:\s?(?P<second>\d{{1,2}})\s?{_SECOND})?)?{_AFTER}"
)
_HALF_DAY_HOUR = re.compile(rf"(?<![\d.:/\-])(?P<hour>\d{{1,2}})\s?(?P<after>{HALF_DAY})")
_DOTTED_CLOCK = re.compile(
    rf"{_BEFORE}(?<![\d.:/\-])(?P<hour>\d{{1,2}})\.(?P<minute>[0-5]\d)(?:[.:](?P<second>[0-5]\d))?(?![.:]?\d){_AFTER}"
)
_MARKED_HOUR = re.compile(
    rf"(?<!{LETTER})(?:klo|kl|klokken|klockan|um|at|las|alle|ore)\.?\s?(?P<hour>\d{{1,2}})(?![.:/\-]?\d|\.?\s?{MONTH})"
)
_MILITARY_CLOCK = re.compile(
    rf"(?<!\d)(?P<hour>[01]\d|2[0-4])(?P<minute>[0-5]\d)"
    rf"(?=\s?(?:h|hrs?|hours|uhr|gmt|utc|z)(?!{LETTER}))(?:\s?(?:h|hrs?|hours|uhr))?"
)
# A clock with a hyphen is one only beside a day whose month has its name.
_HYPHENATED_CLOCK = re.compile(r"(?<![\d.:/\-])(?P<hour>[01]\d|2[0-3])-(?P<minute>[0-5]\d)(?![\d.:/\-])")
_NOON = re.compile(date_words.NOON)
_ZONE = re.compile(
    rf"\s?\.?\s*\(?((?:(?:etc/)?(?:gmt|utc)\s?)?(?:[+-]\d{{1,2}}:?(?:\d{{2}})?(?![\d./]|-\d)|\+\s\d{{4}}(?!\d))"
    rf"|{LETTER}{{1,5}}(?!{LETTER}))"
)
_LAST_ZONE = re.compile(r"\s((?:(?:gmt|utc)\s?)?[+-]\d{2}:?\d{2}|z|utc|gmt|[a-z]{3,4})$")

# `M03` is what stands for a month in locales that have no names.
_NUMBERED_MONTH = re.compile(
    rf"(?<!\d)0?(1[0-2]|[1-9])\s?(?:[月월]|(?:-?р\s)?сар(?:ын)?(?!{LETTER}))|(?<!{LETTER})m0?(1[0-2]|[1-9])(?!\d)"
)
_ROMAN = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii")
_ROMAN_MONTH = re.compile(
    rf"(?<!\d)(?:(\d{{1,2}}[./\s\-]{{1,2}})({'|'.join(reversed(_ROMAN))})([./\s\-]{{1,2}}\d{{4}}(?!\d))"
    rf"|(\d{{4}}[./\-]\s?)({'|'.join(reversed(_ROMAN))})([./\-]\s?\d{{1,2}}(?!\d)))"
)
_SAME_MONTH = re.compile(rf"({MONTH})\s?[/-]?\s?\1")  # in two calendars, as Arabic newspapers write it
_NO_PART = re.compile(r"[年년日일号號()\[\]|_\"*]")
_WEEKDAY, _NAMED_MONTH = re.compile(WEEKDAY), re.compile(MONTH)
# What stands between the parts of a date: signs, and two short words (`th of`, `de`, `gada`).
_GAP = rf"[\s.,/'\-]{{0,4}}(?:(?:{LETTER}{{1,6}}|{WEEKDAY})[\s.,/'\-]{{1,3}}){{0,2}}"
_DAY, _SHORT_YEAR = r"(?<!\d)(?P<day>\d{1,2})(?!\d)", r"(?<!\d)(?P<year>\d{4}|\d{2})(?!\d)"
_FULL_YEAR, _NAME = r"(?<!\d)(?P<year>\d{4})(?!\d)", rf"(?P<month>{MONTH})"
_NAMED = tuple(
    re.compile(_GAP.join(parts))
    for parts in (
        (_DAY, _NAME, _FULL_YEAR),
        (_FULL_YEAR, _NAME, _DAY),
        (_FULL_YEAR, _DAY, _NAME),
        (_NAME, _DAY, _FULL_YEAR),
        (_DAY, _NAME, _SHORT_YEAR),
        (_NAME, _DAY, _SHORT_YEAR),
    )
)
_YEAR_FIRST = re.compile(r"(?<!\d)(\d{4})\s?([-/.\s])\s?0?(\d{1,2})\s?\2\s?(\d{1,2})(?!\d)")
_NUMBERS = re.compile(
    r"(?<!\d)(?P<first>\d{1,2})\s?(?P<sign>[-/.\s])\s?(?P<second>\d{1,2})\s?(?P=sign)\s?'?(?P<third>\d{4}|\d{1,2})(?!\d)"
)
_DETACHED_YEAR = re.compile(
    r"(?<!\d)(?P<first>\d{1,2})(?P<sign>/)(?P<second>\d{1,2})[\s,\-]{1,2}(?P<third>\d{4})(?!\d)"
)
_COMPACT = re.compile(r"(?<!\d)((?:19|20)\d\d)(\d\d)(\d\d)(?!\d)")
_YEAR_MONTH = re.compile(r"(\d{4})(?:[-/.](\d{1,2}))?")
_MONTH_YEAR = re.compile(rf"\D*?({MONTH})\D*(\d{{4}})\D*|\D*?(\d{{4}})\D*({MONTH})\D*")

# ── time zones ──────────────────────────────────────────────────────────────────────────────────────────────────────


_OFFSET = re.compile(r"(?:utc|gmt|etc/gmt)?\s*([+\-−])(\d{1,2})(?::?(\d{2}))?(?::?\d{2})?")
_AREA = re.compile(r"[A-Za-z]+(?:/[A-Za-z_+\-0-9]+){1,2}")

# Abbreviation → hours east of Greenwich. Where two zones share one, it is the zone that more feeds mean.
_ZONE_HOURS = {
    "z": 0, "ut": 0, "utc": 0, "gmt": 0, "wet": 0, "etc/gmt": 0, "etc/utc": 0, "uct": 0, "zulu": 0,
    "bst": 1, "ist": 5.5, "west": 1, "cet": 1, "mez": 1, "met": 1, "wat": 1, "cest": 2, "mesz": 2, "mest": 2, "eet": 2,
    "sast": 2, "cat": 2, "eest": 3, "msk": 3, "мск": 3, "trt": 3, "eat": 3,
    "ast": -4, "msd": 4, "samt": 4, "gst": 4, "amt": -4,
    "irst": 3.5, "irdt": 4.5, "aft": 4.5, "pkt": 5, "uzt": 5, "yekt": 5, "npt": 5.75, "bdt": 6, "omst": 6, "mmt": 6.5,
    "ict": 7, "wib": 7, "krat": 7, "novt": 7, "hkt": 8, "sgt": 8, "myt": 8, "awst": 8, "pht": 8, "wita": 8, "irkt": 8,
    "jst": 9, "kst": 9, "wit": 9, "yakt": 9, "acst": 9.5, "acdt": 10.5, "aest": 10, "vlat": 10, "aedt": 11, "magt": 11,
    "nzst": 12, "nzdt": 13, "brt": -3, "brst": -2, "art": -3, "clt": -4, "clst": -3, "cot": -5, "pet": -5, "vet": -4,
    "nst": -3.5, "ndt": -2.5, "adt": -3, "est": -5, "edt": -4, "cst": -6, "cdt": -5, "mst": -7, "mdt": -6,
    "pst": -8, "pdt": -7, "akst": -9, "akdt": -8, "hst": -10, "hdt": -9, "sst": -11,
}  # fmt: skip
# Abbreviation → a place of it, where summer and winter share one.
_ZONE_PLACES = {
    "at": "America/Halifax", "et": "America/New_York", "ct": "America/Chicago", "mt": "America/Denver",
    "pt": "America/Los_Angeles",
}  # fmt: skip


@lru_cache(maxsize=1024)
def parse_zone(text: str) -> tzinfo | None:
    """Return the zone of an offset, an abbreviation or a name of the time zone database."""
    name = text.strip()
    lower = name.lower()
    if lower in _ZONE_HOURS:
        return timezone(timedelta(hours=_ZONE_HOURS[lower]))
    if lower in _ZONE_PLACES:
        return load_zone(_ZONE_PLACES[lower])
    match = _OFFSET.fullmatch(lower)
    if match:
        return _fixed_zone(match)
    return load_zone(name) if _AREA.fullmatch(name) else None


@lru_cache(maxsize=256)
def load_zone(name: str) -> tzinfo | None:
    """Return a zone of the time zone database."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _fixed_zone(match: re.Match[str]) -> tzinfo | None:
    offset = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
    if offset > timedelta(hours=15) or int(match[3] or 0) > 59:
        return None
    return timezone(-offset if match[1] != "+" else offset)


def _take_area(text: str) -> tuple[tzinfo | None, str | None, str]:
    """Return the zone of the time zone database that a text names, its name, and the text without it."""
    for match in _AREA_IN_TEXT.finditer(text):
        if zone := load_zone(match[0]):
            return zone, match[0], f"{text[: match.start()]} {text[match.end() :]}"
    return None, None, text


# ── languages ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class ParsedMoment:
    """A day, and the time and zone if the text names them. Hour 24 is the midnight at the end of the day.

    A zone of the time zone database counts for a time only: behind a day it tells the place of the site.
    """

    year: int
    month: int
    day: int
    clock: tuple[int, int, int] | None = None
    zone: tzinfo | None = None


@dataclass(frozen=True, slots=True)
class _Text:
    """A folded text with signs in place of names, and what is known of the place where it was written."""

    signs: str
    places: frozenset[str]
    year_first: bool | None  # in dates with a short year; None where the place is not known
    month_first: bool | None  # in dates that end with the year
    zone: tzinfo | None
    capitals: frozenset[str]  # words that were written in capitals, as zones are


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a text says in one language, and how many letters of names the language explains, and leaves unread."""

    is_english: bool
    letters: int
    unread: int
    moment: ParsedMoment | None


@lru_cache(maxsize=4096)
def parse_moment(
    text: str, language: str | None = None, country: str | None = None, timezone: str = "UTC"
) -> ParsedMoment | None:
    """Return the day, time and zone that a text names, or None if it names no day.

    Names are those of `language` (BCP 47), of `country` (ISO 3166; else of the zone) or English, whichever explains
    most of the text. Where none does, all languages of its script are asked, and those that explain most must agree.
    """
    from . import cldr  # loads babel, which takes 80 ms, for one date in thousands

    zone, zone_name, text = _take_area(text)
    language, country = (language or "").lower() or None, country or cldr.zone_country(zone_name or timezone)
    capitals = frozenset(_CAPITALS.findall(text))
    folded = date_words.fold(text)

    def read_in(languages: Iterable[str | None]) -> Iterator[_Reading]:
        """Yield what each language reads, the one that explains most letters first."""
        replaced = [(code, date_words.vocabulary(code).replace(folded)) for code in languages]
        for code, (signs, letters) in sorted(replaced, key=lambda entry: -entry[1][1]):
            yield read(code if letters and code not in (None, "en") else language, signs, letters)

    def read(own: str | None, signs: str, letters: int) -> _Reading:
        places = frozenset(filter(None, ((own or "").partition("-")[0].lower(), country or _region(own))))
        orders = cldr.is_year_first(own, country), cldr.is_month_first(own, country)
        parts = _Text(to_common_calendar(signs, places), places, *orders, zone, capitals)
        unread = sum(map(len, _words(signs)))
        return _Reading((own or "en").startswith("en"), letters, unread, _parse_signs(parts))

    words = _words(folded)
    if not words and not (language and _WORD.search(folded)):
        return next(read_in([None])).moment
    is_placed = bool(language or country)
    near = [*filter(None, [language]), *(cldr.country_languages(country) if country else ())]
    readings = read_in(dict.fromkeys(near if (language or "").startswith("en") else [*near, "en"]))
    best = next(readings)
    moment = best.moment or next((reading.moment for reading in readings if reading.moment), None)
    is_foreign = _FOREIGN_LETTER.search(text) if not is_placed else best.is_english and _FOREIGN_SCRIPT.search(text)
    if not is_foreign and (not best.unread or (moment and (is_placed or best.letters))):
        return moment
    found: list[_Reading] = []
    for group in date_words.script_languages("".join(words)):
        found += [reading for reading in read_in(group) if reading.moment and reading.letters >= max(best.letters, 1)]
        if any(reading.letters > reading.unread for reading in found):
            break
    moments = {reading.moment for reading in found if reading.letters == max(other.letters for other in found)}
    return moment if not moments else moments.pop() if len(moments) == 1 else None


def _words(text: str) -> set[str]:
    """Return the words of a folded text that are neither marks of a clock nor zones."""
    return set(_WORD.findall(text)) - _CLOCK_WORDS - _ZONE_HOURS.keys() - _ZONE_PLACES.keys()


def _region(language: str | None) -> str | None:
    """Return the country that a language tag names."""
    return next((part.upper() for part in (language or "").split("-")[1:] if len(part) == 2), None)


# ── the clock ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _parse_signs(text: _Text) -> ParsedMoment | None:
    for rest, clock, zone in _clocks(text):
        day = next(_days(rest, text), None)
        if day:
            return ParsedMoment(*day, clock, zone or (text.zone if clock else None))
    return None


def _clocks(text: _Text) -> Iterator[tuple[str, tuple[int, int, int] | None, tzinfo | None]]:
    """Yield the text without its clock, the time, and the zone, for each clock there may be, the surest first.

    A clock that could be part of a date is one only if what is left still names a day.
    """
    if clock := _COLON_CLOCK.search(text.signs):
        yield _without(clock, text)
        return
    for pattern in (_WORD_CLOCK, _DOTTED_CLOCK, _HALF_DAY_HOUR, _MARKED_HOUR, _MILITARY_CLOCK):
        for clock in reversed(list(pattern.finditer(text.signs))):
            rest, time, zone = _without(clock, text)
            if time and next(_full_days(rest, text), None):
                yield rest, time, zone
    if (clock := _HYPHENATED_CLOCK.search(text.signs)) and _NAMED_MONTH.search(text.signs):
        rest, time, zone = _without(clock, text)
        if next(_full_days(rest, text), None):
            yield rest, time, zone
    if clock := _NOON.search(text.signs):
        yield f"{text.signs[: clock.start()]} {text.signs[clock.end() :]}", (12, 0, 0), None
    zone, rest = _take_zone(text.signs, text)
    yield rest, None, zone


def _without(clock: re.Match[str], text: _Text) -> tuple[str, tuple[int, int, int] | None, tzinfo | None]:
    before, after = text.signs[: clock.start()], text.signs[clock.end() :]
    zone = None
    if (match := _ZONE.match(after)) and (zone := _zone(match[1], text)):
        after = after[match.end() :]
    rest = f"{before} {after}"
    if zone is None:
        zone, rest = _take_zone(rest, text)
    return rest, _time(clock), zone


def _take_zone(rest: str, text: _Text) -> tuple[tzinfo | None, str]:
    """Return the zone at the end of a text, and the text without it."""
    match = _LAST_ZONE.search(rest)
    zone = _zone(match[1], text) if match else None
    return (zone, rest[: match.start()]) if match and zone else (None, rest)


def _zone(name: str, text: _Text) -> tzinfo | None:
    """Return the zone of a folded name; one of two letters must have been written in capitals."""
    if len(name) == 2 and name.isalpha() and name.upper() not in text.capitals:
        return None
    return parse_zone(name.replace(" ", ""))


def _time(clock: re.Match[str]) -> tuple[int, int, int] | None:
    parts = clock.groupdict()
    hour, minute, second = int(parts["hour"]), int(parts.get("minute") or 0), int(parts.get("second") or 0)
    if parts.get("half_hour"):
        minute = 30
    if sign := parts.get("before") or parts.get("after"):
        hour = date_words.hour_of_day(hour, sign)
    valid = minute < 60 and second <= 60 and (hour < 24 or (hour, minute, second) == (24, 0, 0))
    return (hour, minute, second) if valid else None


# ── the day ─────────────────────────────────────────────────────────────────────────────────────────────────────────


_Day = tuple[int, int, int]


def _days(rest: str, text: _Text) -> Iterator[_Day]:
    """Yield the days that a text without its clock may name, the most certain first."""
    yield from _full_days(rest, text)
    yield from filter(_exists, _read_month(_plain(rest)))


def _full_days(rest: str, text: _Text) -> Iterator[_Day]:
    rest = _plain(rest)
    for read in (_read_year_first, _read_named, _read_numbers, _read_compact):
        yield from filter(_exists, read(rest, text))


def _plain(rest: str) -> str:
    """Return a text with `3月` and `III` as months, without other signs behind numbers and without brackets."""
    named = _ROMAN_MONTH.sub(_name_roman_month, rest)
    named = _NUMBERED_MONTH.sub(lambda match: date_words.month_sign(int(match[1] or match[2])), named)
    return _SAME_MONTH.sub(r"\1", " ".join(_NO_PART.sub(" ", named).split()))


def _name_roman_month(match: re.Match[str]) -> str:
    before, numeral, after = (part for part in match.groups() if part)
    return f"{before}{date_words.month_sign(_ROMAN.index(numeral) + 1)}{after}"


def _exists(day: _Day) -> bool:
    try:
        return Day(*day).year in _YEARS
    except ValueError:
        return False


def _year(digits: str, text: _Text) -> int:
    """Return a year with its century, or 0; only two digits lack it."""
    return int(digits) if len(digits) == 4 else short_year(digits, text.signs, text.places) or 0


def _read_year_first(rest: str, text: _Text) -> Iterator[_Day]:
    for match in _YEAR_FIRST.finditer(rest):
        year, second, third = int(match[1]), int(match[3]), int(match[4])
        yield year, second, third
        yield year, third, second


def _read_named(rest: str, text: _Text) -> Iterator[_Day]:
    for pattern in _NAMED:
        for match in pattern.finditer(rest):
            yield _year(match["year"], text), date_words.month_of(match["month"]), int(match["day"])


def _read_numbers(rest: str, text: _Text) -> Iterator[_Day]:
    """Yield days of three numbers: those that the weekday confirms first, then in the order of the place.

    Where that is not known, the sign decides: the month is first at slashes, the day at dots.
    """
    weekday = _WEEKDAY.search(rest)
    for match in (*_NUMBERS.finditer(rest), *_DETACHED_YEAR.finditer(rest)):
        days = list(filter(_exists, _orders(match["first"], match["second"], match["third"], match["sign"], text)))
        if weekday:
            number = date_words.weekday_of(weekday[0])
            days.sort(key=lambda day: Day(*day).weekday() != number)
        yield from days


def _orders(first: str, second: str, third: str, sign: str, text: _Text) -> Iterator[_Day]:
    day_first = _year(third, text), int(second), int(first)
    month_first = _year(third, text), int(first), int(second)
    year_first = _year(first, text) if len(first) == 2 else 0, int(second), int(third)
    is_short = len(third) <= 2
    if is_short and (sign == "-" if text.year_first is None else text.year_first):
        yield year_first
    if len(third) == 1:
        return
    if sign == "/" if text.month_first is None else text.month_first and sign != ".":
        yield month_first
    yield day_first
    yield month_first
    if is_short and sign == "-":
        yield year_first


def _read_compact(rest: str, text: _Text) -> Iterator[_Day]:
    for match in _COMPACT.finditer(rest):
        yield int(match[1]), int(match[2]), int(match[3])


def _read_month(rest: str) -> Iterator[_Day]:
    """Yield the first day of a month, or of a year, where the text names nothing else."""
    if match := _YEAR_MONTH.fullmatch(rest):
        yield int(match[1]), int(match[2] or 1), 1
    elif match := _MONTH_YEAR.fullmatch(rest):
        yield int(match[2] or match[3]), date_words.month_of(match[1] or match[4]), 1
