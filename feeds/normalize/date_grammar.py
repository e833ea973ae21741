"""Grammar of dates in many languages: finds day, time and zone wherever they stand in a text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date as Day
from datetime import timedelta, timezone, tzinfo
from functools import lru_cache
from unicodedata import combining, normalize
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_MIN_MONTH_PREFIX, _MAX_MONTH_PREFIX = 3, 8
# January to December: prefixes that tell a month from all others. Where two languages use one word for two months
# (Polish and Croatian `lipiec`, `lipanj`), the longer prefix decides.
_MONTHS = (
    "jan jaan gen ene ian янв яну січ ιαν oca sty sij led tam يناير",
    "feb fev peb фев лют φεβ sub lut uno hel únor velja فبراير",
    "mar mrt мар бер μαρ bre bře ozu maa maal مارس",
    "apr avr abr апр кві απρ nis kwi dub trav huh أبريل ابريل",
    "mai may maj mei mag мая май тра μαι kvě kve svi tou maggio μάι مايو",
    "jun juin giu iun июн юни чер ιουν haz cze čer cer červen lipan lipn kes يونيو",
    "jul juil giul lug iul июл юли лип ιουλ tem lip cervenec cervenc srpan srpnj hei يوليو",
    "aug ago aou aoû avg авг сер αυγ agu ağu sie srp kolov elo أغسطس",
    "sep set сен вер септ σεπ eyl wrz zář zar ruj syy szep سبتمبر",
    "oct okt out ott окт жов οκτ eki paź paz říj rij loka أكتوبر",
    "nov noe noi ноя ное лис νοε kas lis stud marr نوفمبر",
    "dec dez dic des дек гру δεκ ara gru pro jou ديسمبر",
)
_WEEKDAYS = (
    "mon lun mo lu seg пон пн δευ pzt pon ma maandag montag lunes lundi lunedi hetf man mandag",
    "tue di mar ter вто вт τρι sal wto uto dinsdag dienstag martes mardi martedi kedd tir tirsdag tis tisdag",
    "wed mi mer mie qua сре ср τετ car sro str woensdag mittwoch miercoles mercredi szer ons onsdag",
    "thu do jeu jue gio qui чет чт πεμ per czw cet ctv donderdag donnerstag jueves jeudi giovedi csut tor torsdag",
    "fri fr ven vie sex пят пт παρ cum pia pet pat vrijdag freitag viernes vendredi venerdi pent fre fredag",
    "sat sa sam sab суб сб σαβ cmt sob sub zaterdag samstag sonnabend sabado samedi sabato szom lor lordag lau",
    "sun so dim dom вос вс κυρ paz nie ned zondag sonntag domingo dimanche domenica vasa son sondag",
)


def fold(text: str) -> str:
    """Return a text for comparison: lower case, one width, no accents, Hangul composed."""
    bare = "".join(char for char in normalize("NFKD", text.lower()) if not combining(char))
    return normalize("NFC", bare)


_MONTH_NUMBERS = {fold(name): number for number, names in enumerate(_MONTHS, 1) for name in names.split()}
_WEEKDAY_NUMBERS = {fold(name): number for number, names in enumerate(_WEEKDAYS) for name in names.split()}
_NAME = re.compile(r"[^\W\d_]+")


@lru_cache(maxsize=2048)
def month_number(word: str) -> int | None:
    """Return the number of the month that a folded word names."""
    for length in range(min(len(word), _MAX_MONTH_PREFIX), _MIN_MONTH_PREFIX - 1, -1):
        if word[:length] in _MONTH_NUMBERS:
            return _MONTH_NUMBERS[word[:length]]
    return None


def weekday_number(text: str) -> int | None:
    """Return the day of the week with which a folded text begins; Monday is 0."""
    match = _NAME.match(text)
    if not match:
        return None
    word = match[0]
    return next((_WEEKDAY_NUMBERS[word[:size]] for size in (len(word), 4, 3) if word[:size] in _WEEKDAY_NUMBERS), None)


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
    "nst": -3.5, "ndt": -2.5, "adt": -3, "at": -4, "est": -5, "edt": -4, "et": -5, "cst": -6, "cdt": -5, "ct": -6,
    "mst": -7, "mdt": -6, "mt": -7, "pst": -8, "pdt": -7, "pt": -8, "akst": -9, "akdt": -8, "hst": -10, "hdt": -9,
    "sst": -11,
}  # fmt: skip


@lru_cache(maxsize=1024)
def parse_zone(text: str) -> tzinfo | None:
    """Return the zone of an offset, an abbreviation or a name of the time zone database."""
    name = text.strip()
    lower = name.lower()
    if lower in _ZONE_HOURS:
        return timezone(timedelta(hours=_ZONE_HOURS[lower]))
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


# ── parts of a date ─────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class ParsedMoment:
    """A day, and the time and zone if the text names them. Hour 24 is the midnight at the end of the day."""

    year: int
    month: int
    day: int
    clock: tuple[int, int, int] | None = None
    zone: tzinfo | None = None


# Folded word → the sign or half of the day that it stands for.
_SIGN_WORDS = {
    "오전": " am ", "上午": " am ", "午前": " am ", "오후": " pm ", "下午": " pm ", "午後": " pm ", "晚上": " pm ",
    "πμ": " am ", "μμ": " pm ", "年": "-", "년": "-", "月": "-", "월": "-", "日": " ", "号": " ", "일": " ",
    "時": ":", "时": ":", "点": ":", "點": ":", "시": ":", "分": ":", "분": ":", "秒": " ", "초": " ",
    "−": "-", "–": "-", "—": "-", "․": ".", "，": ",", "’": "'", "º": " ", "ª": " ",
}  # fmt: skip
_SIGN_WORD = re.compile("|".join(sorted(map(re.escape, _SIGN_WORDS), key=len, reverse=True)))
_TRAILING_SIGNS = re.compile(r"(?<=\d)[-:]+(?=\s|$)")

_CLOCK = re.compile(
    r"(?<![\d:+\-])(?:t\s*)?(?:(?P<before>[ap])\.?\s?m\.?\s*)?(?P<hour>\d{1,2})\s?(?::|h\s?(?=\d))\s?(?P<minute>\d{1,2})(?:[:m.](?P<second>\d{1,2}))?"
    r"(?:[.,:]\d{1,9})?s?(?!\d)(?:\s*(?P<after>[ap])\.?\s?m\b\.?)?"
)
_ISO_CLOCK = re.compile(r"(?<=\d)t(?P<hour>\d{1,2}):(?P<minute>\d{1,2})(?::(?P<second>\d{1,2}))?(?:[.,]\d{1,9})?(?!\d)")
_HOUR_ONLY = re.compile(r"(?<![\d:.\-/])(?P<hour>\d{1,2})\s?(?:(?P<after>[ap])\.?\s?m\b\.?|h\b|uhr\b)")
_DOTTED_CLOCK = re.compile(
    r"(?:\s|kl\.?\s?|klo\s?)(?P<hour>\d{1,2})\.(?P<minute>\d{2})(?:\.(?P<second>\d{2}))?(?:\s*(?:uhr|h|hrs))?\s*$"
)
_ZONE = re.compile(
    r"\s*\(?((?:(?:etc/)?(?:gmt|utc)\s?)?[+-]\d{1,2}:?(?:\d{2})?(?!\d)|[a-z_]{2,}/[a-z_/]+|[^\W\d_]{1,5}\b)"
)
_LAST_ZONE = re.compile(r"\s((?:(?:gmt|utc)\s?)?[+-]\d{2}:?\d{2}|z|utc|gmt|[a-z]{3,4})$")

_WORD = r"([^\W\d_]{3,})"
_YEAR = r"'?(\d{4}|\d{2})(?!\d)"
_OF_WORD = r"(?:de\s|del\s|di\s|of\s|d'|van\s)?"
_ORDINAL_SUFFIX = r"(?:st|nd|rd|th|er|e|ος|η|-го|an)?"
_DAY_MONTH_YEAR = re.compile(
    rf"(?<!\d)(\d{{1,2}}){_ORDINAL_SUFFIX}[-/.,\s]*{_OF_WORD}\s?{_WORD}[-/.,\s]*{_OF_WORD}\s?{_YEAR}"
)
_MONTH_DAY_YEAR = re.compile(
    rf"{_WORD}[-/.,\s]*(\d{{1,2}}){_ORDINAL_SUFFIX}[-/.,\s]+{_OF_WORD}\s?(\d{{4}}|'\d{{2}}|\d{{2}})(?!\d)"
)
_YEAR_MONTH_DAY = re.compile(rf"(?<!\d)(\d{{4}})[-/.,\s]*{_WORD}[-/.,\s]*(\d{{1,2}})(?!\d)")
_MONTH_YEAR = re.compile(rf"(?:\D*[\s,])?{_WORD}[-/.,\s]*{_OF_WORD}(\d{{4}})\D*")
_YEAR_FIRST = re.compile(r"(?<!\d)(\d{4})\s?[-/.\s]\s?0?(\d{1,2})\s?[-/.\s]\s?(\d{1,2})(?!\d)")
_NUMBERS = re.compile(r"(?<!\d)(\d{1,2})\s?([-/.\s])\s?(\d{1,2})\s?[-/.\s]\s?(\d{4}|\d{1,2})(?!\d)")
_YEAR_MONTH = re.compile(r"\s*(\d{4})(?:[-/.](\d{1,2}))?\s*")
_VIETNAMESE_MONTH = re.compile(r"\s*,?\s*\bthang\s?(\d{1,2})\b(?:\s?,?\s?nam\b)?\s*")


def parse_moment(text: str) -> ParsedMoment | None:
    """Return the day, time and zone that a text names, or None if it names no day."""
    text = _replace_sign_words(text)
    clock, zone, rest = _split_clock(text)
    day = next(_days(rest), None)
    if day is None:
        return None
    if clock is None:
        clock, zone = _find_dotted_clock(rest), zone or _find_last_zone(rest)
    return ParsedMoment(*day, clock, zone)


def _replace_sign_words(text: str) -> str:
    plain = _SIGN_WORD.sub(lambda match: _SIGN_WORDS[match[0]], fold(text))
    return _VIETNAMESE_MONTH.sub(r"-\1-", _TRAILING_SIGNS.sub(" ", plain)).strip()


def _split_clock(text: str) -> tuple[tuple[int, int, int] | None, tzinfo | None, str]:
    """Return the time, the zone after it, and the text without both."""
    clock = _ISO_CLOCK.search(text) or _CLOCK.search(text) or _HOUR_ONLY.search(text)
    if not clock:
        return None, None, text
    after = _ZONE.match(text, clock.end())
    zone = parse_zone(_zone_name(after[1])) if after else None
    end = after.end() if after and zone else clock.end()
    return _time(clock), zone or _find_last_zone(text), f"{text[: clock.start()]} {text[end:]}"


def _zone_name(name: str) -> str:
    """Return a folded name as the time zone database writes it, or an offset without spaces."""
    return name.title() if "/" in name and not name.startswith("etc/") else name.replace(" ", "")


def _time(clock: re.Match[str]) -> tuple[int, int, int] | None:
    parts = clock.groupdict()
    hour, minute, second = int(parts["hour"]), int(parts.get("minute") or 0), int(parts.get("second") or 0)
    half = parts.get("after") or parts.get("before")
    if half and hour <= 12:
        hour = hour % 12 + (12 if half == "p" else 0)
    valid = minute < 60 and second <= 60 and (hour < 24 or (hour, minute, second) == (24, 0, 0))
    return (hour, minute, second) if valid else None


def _find_dotted_clock(text: str) -> tuple[int, int, int] | None:
    match = _DOTTED_CLOCK.search(text)
    return _time(match) if match else None


def _find_last_zone(text: str) -> tzinfo | None:
    match = _LAST_ZONE.search(text)
    return parse_zone(_zone_name(match[1])) if match else None


def _days(text: str) -> Iterator[tuple[int, int, int]]:
    """Yield days that exist, the most certain reading first."""
    for read_days in DAY_ORDERS:
        for day in read_days(text):
            if _exists(*day):
                yield day


def _exists(year: int, month: int, day: int) -> bool:
    try:
        Day(year, month, day)
    except ValueError:
        return False
    return True


def full_year(year: int) -> int:
    """Return a year with its century; two digits are a year from 1969 to 2068."""
    return year + (2000 if year < 69 else 1900) if year < 100 else year


def _year(text: str) -> int:
    return full_year(int(text.lstrip("'")))


def _year_first(text: str) -> Iterator[tuple[int, int, int]]:
    for match in _YEAR_FIRST.finditer(text):
        year, second, third = (int(part) for part in match.groups())
        yield year, second, third
        yield year, third, second


def _day_month_year(text: str) -> Iterator[tuple[int, int, int]]:
    for match in _DAY_MONTH_YEAR.finditer(text):
        month = month_number(match[2])
        if month:
            yield _year(match[3]), month, int(match[1])


def _month_day_year(text: str) -> Iterator[tuple[int, int, int]]:
    for match in _MONTH_DAY_YEAR.finditer(text):
        month = month_number(match[1])
        if month:
            yield _year(match[3]), month, int(match[2])


def _year_month_day(text: str) -> Iterator[tuple[int, int, int]]:
    for match in _YEAR_MONTH_DAY.finditer(text):
        month = month_number(match[2])
        if month:
            yield int(match[1]), month, int(match[3])


def _days_of_numbers(text: str) -> Iterator[tuple[int, int, int]]:
    """Yield days of three numbers: those that the weekday confirms, then day first at dots, month first at slashes."""
    match = _NUMBERS.search(text)
    if not match:
        return
    first, sign, second, third = int(match[1]), match[2], int(match[3]), match[4]
    readings = [(_year(third), first, second), (_year(third), second, first)]
    if sign in ".- ":
        readings.reverse()
    if len(third) == 1:
        readings.clear()
    if sign == "-" and len(match[1]) == 2 and len(third) < 3:
        readings.insert(0, (_year(match[1]), second, int(third)))
    weekday = weekday_number(text)
    if weekday is not None:
        yield from [day for day in readings if _exists(*day) and Day(*day).weekday() == weekday]
    yield from readings


def _month_year(text: str) -> Iterator[tuple[int, int, int]]:
    numbers = _YEAR_MONTH.fullmatch(text)
    if numbers:
        yield int(numbers[1]), int(numbers[2] or 1), 1
        return
    match = _MONTH_YEAR.fullmatch(text)
    month = month_number(match[1]) if match else None
    if match and month:
        yield int(match[2]), month, 1


DAY_ORDERS: tuple[Callable[[str], Iterator[tuple[int, int, int]]], ...] = (
    _year_first,
    _day_month_year,
    _year_month_day,
    _month_day_year,
    _days_of_numbers,
    _month_year,
)
