"""Finds the parts of a date wherever they stand in a text: clock, zone, and the day in one of its usual orders."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date as Day
from datetime import timedelta, timezone, tzinfo
from functools import lru_cache
from unicodedata import combining, normalize
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_SHORTEST, _LONGEST = 3, 8
# January to December: the beginnings that tell a month from all the others. Where two languages give one word to two
# months (Polish and Croatian `lipiec`, `lipanj`), the longer beginning decides.
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
_DAYS = (
    "mon lun mo lu seg пон пн δευ pzt pon ma maandag montag lunes lundi lunedi hetf man mandag",
    "tue di mar ter вто вт τρι sal wto uto dinsdag dienstag martes mardi martedi kedd tir tirsdag tis tisdag",
    "wed mi mer mie qua сре ср τετ car sro str woensdag mittwoch miercoles mercredi szer ons onsdag",
    "thu do jeu jue gio qui чет чт πεμ per czw cet ctv donderdag donnerstag jueves jeudi giovedi csut tor torsdag",
    "fri fr ven vie sex пят пт παρ cum pia pet pat vrijdag freitag viernes vendredi venerdi pent fre fredag",
    "sat sa sam sab суб сб σαβ cmt sob sub zaterdag samstag sonnabend sabado samedi sabato szom lor lordag lau",
    "sun so dim dom вос вс κυρ paz nie ned zondag sonntag domingo dimanche domenica vasa son sondag",
)


def folded(text: str) -> str:
    """Lower case, one width, no accents, Hangul whole: how names are compared here."""
    bare = "".join(char for char in normalize("NFKD", text.lower()) if not combining(char))
    return normalize("NFC", bare)


_MONTH_OF = {folded(name): number for number, names in enumerate(_MONTHS, 1) for name in names.split()}
_DAY_OF = {folded(name): number for number, names in enumerate(_DAYS) for name in names.split()}
_NAME = re.compile(r"[^\W\d_]+")


@lru_cache(maxsize=2048)
def month(word: str) -> int | None:
    """The number of the month that a folded word names."""
    for length in range(min(len(word), _LONGEST), _SHORTEST - 1, -1):
        if word[:length] in _MONTH_OF:
            return _MONTH_OF[word[:length]]
    return None


def weekday(text: str) -> int | None:
    """The day of the week that a folded text begins with, Monday being 0."""
    found = _NAME.match(text)
    if not found:
        return None
    word = found[0]
    return next((_DAY_OF[word[:size]] for size in (len(word), 4, 3) if word[:size] in _DAY_OF), None)


# ── Time zones as feeds spell them: offsets, the usual letters, and names of the time zone database ───────────────────


_OFFSET = re.compile(r"(?:utc|gmt|etc/gmt)?\s*([+\-−])(\d{1,2})(?::?(\d{2}))?(?::?\d{2})?")
_AREA = re.compile(r"[A-Za-z]+(?:/[A-Za-z_+\-0-9]+){1,2}")

# Letters → hours east of Greenwich. Where two zones share letters, the one met in more feeds stands.
_LETTERS = {
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
def zone(spelled: str) -> tzinfo | None:
    """The zone that is meant, none if nobody knows it."""
    lower = spelled.strip().lower()
    if lower in _LETTERS:
        return timezone(timedelta(hours=_LETTERS[lower]))
    found = _OFFSET.fullmatch(lower)
    if found:
        return _fixed(found)
    return named(spelled.strip()) if _AREA.fullmatch(spelled.strip()) else None


@lru_cache(maxsize=256)
def named(name: str) -> tzinfo | None:
    """A zone of the time zone database."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _fixed(found: re.Match[str]) -> tzinfo | None:
    away = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
    if away > timedelta(hours=15) or int(found[3] or 0) > 59:
        return None
    return timezone(-away if found[1] != "+" else away)


# ── Finds the parts of a date wherever they stand in a text: clock, zone, and the day in one of its usual orders ──────


@dataclass(frozen=True, slots=True)
class ParsedMoment:
    """A day with a time on the clock, in a zone if one was named. Hour 24 is the midnight after."""

    year: int
    month: int
    day: int
    clock: tuple[int, int, int] | None = None
    zone: tzinfo | None = None


# Folded words that stand for a sign.
_SIGNS = {
    "오전": " am ", "上午": " am ", "午前": " am ", "오후": " pm ", "下午": " pm ", "午後": " pm ", "晚上": " pm ",
    "πμ": " am ", "μμ": " pm ", "年": "-", "년": "-", "月": "-", "월": "-", "日": " ", "号": " ", "일": " ",
    "時": ":", "时": ":", "点": ":", "點": ":", "시": ":", "分": ":", "분": ":", "秒": " ", "초": " ",
    "−": "-", "–": "-", "—": "-", "․": ".", "，": ",", "’": "'", "º": " ", "ª": " ",
}  # fmt: skip
_SIGN = re.compile("|".join(sorted(map(re.escape, _SIGNS), key=len, reverse=True)))
_LOOSE = re.compile(r"(?<=\d)\s*([-:])\s*(?=\d)")
_TRAILING = re.compile(r"(?<=\d)[-:]+(?=\s|$)")

_CLOCK = re.compile(
    r"(?<![\d:+\-])(?:t\s*)?(?:(?P<before>[ap])\.?\s?m\.?\s*)?(?P<hour>\d{1,2})\s?(?::|h\s?(?=\d))\s?(?P<minute>\d{1,2})(?:[:m.](?P<second>\d{1,2}))?"
    r"(?:[.,:]\d{1,9})?s?(?!\d)(?:\s*(?P<after>[ap])\.?\s?m\b\.?)?"
)
_ISO_CLOCK = re.compile(r"(?<=\d)t(?P<hour>\d{1,2}):(?P<minute>\d{1,2})(?::(?P<second>\d{1,2}))?(?:[.,]\d{1,9})?(?!\d)")
_HOUR = re.compile(r"(?<![\d:.\-/])(?P<hour>\d{1,2})\s?(?:(?P<after>[ap])\.?\s?m\b\.?|h\b|uhr\b)")
_DOTTED = re.compile(
    r"(?:\s|kl\.?\s?|klo\s?)(?P<hour>\d{1,2})\.(?P<minute>\d{2})(?:\.(?P<second>\d{2}))?(?:\s*(?:uhr|h|hrs))?\s*$"
)
_ZONE = re.compile(
    r"\s*\(?((?:(?:etc/)?(?:gmt|utc)\s?)?[+-]\d{1,2}:?(?:\d{2})?(?!\d)|[a-z_]{2,}/[a-z_/]+|[^\W\d_]{1,5}\b)"
)
_LAST_ZONE = re.compile(r"\s((?:(?:gmt|utc)\s?)?[+-]\d{2}:?\d{2}|z|utc|gmt|[a-z]{3,4})$")

_WORD = r"([^\W\d_]{3,})"
_YEAR = r"'?(\d{4}|\d{2})(?!\d)"
_OF = r"(?:de\s|del\s|di\s|of\s|d'|van\s)?"
_NTH = r"(?:st|nd|rd|th|er|e|ος|η|-го|an)?"
_DAY_MONTH_YEAR = re.compile(rf"(?<!\d)(\d{{1,2}}){_NTH}[-/.,\s]*{_OF}\s?{_WORD}[-/.,\s]*{_OF}\s?{_YEAR}")
_MONTH_DAY_YEAR = re.compile(rf"{_WORD}[-/.,\s]*(\d{{1,2}}){_NTH}[-/.,\s]+{_OF}\s?(\d{{4}}|'\d{{2}}|\d{{2}})(?!\d)")
_YEAR_MONTH_DAY = re.compile(rf"(?<!\d)(\d{{4}})[-/.,\s]*{_WORD}[-/.,\s]*(\d{{1,2}})(?!\d)")
_MONTH_YEAR = re.compile(rf"(?:\D*[\s,])?{_WORD}[-/.,\s]*{_OF}(\d{{4}})\D*")
_YMD = re.compile(r"(?<!\d)(\d{4})\s?[-/.\s]\s?0?(\d{1,2})\s?[-/.\s]\s?(\d{1,2})(?!\d)")
_NUMBERS = re.compile(r"(?<!\d)(\d{1,2})\s?([-/.\s])\s?(\d{1,2})\s?[-/.\s]\s?(\d{4}|\d{1,2})(?!\d)")
_YEAR_MONTH = re.compile(r"\s*(\d{4})(?:[-/.](\d{1,2}))?\s*")
_VIETNAMESE = re.compile(r"\s*,?\s*\bthang\s?(\d{1,2})\b(?:\s?,?\s?nam\b)?\s*")


def scanned(text: str) -> ParsedMoment | None:
    """What a text says of a moment, if it says of which day."""
    text = _signed(text)
    clock, where, rest = _clock(text)
    day = next(_days(rest), None)
    if day is None:
        return None
    if clock is None:
        clock, where = _late_clock(rest), where or _late_zone(rest)
    return ParsedMoment(*day, clock, where)


def _signed(text: str) -> str:
    plain = _SIGN.sub(lambda found: _SIGNS[found[0]], folded(text))
    return _VIETNAMESE.sub(r"-\1-", _TRAILING.sub(" ", plain)).strip()


def _clock(text: str) -> tuple[tuple[int, int, int] | None, tzinfo | None, str]:
    """The time on the clock, the zone after it, and the text without both."""
    found = _ISO_CLOCK.search(text) or _CLOCK.search(text) or _HOUR.search(text)
    if not found:
        return None, None, text
    after = _ZONE.match(text, found.end())
    where = zone(_spelled(after[1])) if after else None
    end = after.end() if after and where else found.end()
    return _time(found), where or _late_zone(text), f"{text[: found.start()]} {text[end:]}"


def _spelled(name: str) -> str:
    return name.title() if "/" in name and not name.startswith("etc/") else name.replace(" ", "")


def _time(found: re.Match[str]) -> tuple[int, int, int] | None:
    parts = found.groupdict()
    hour, minute, second = int(parts["hour"]), int(parts.get("minute") or 0), int(parts.get("second") or 0)
    half = parts.get("after") or parts.get("before")
    if half and hour <= 12:
        hour = hour % 12 + (12 if half == "p" else 0)
    valid = minute < 60 and second <= 60 and (hour < 24 or (hour, minute, second) == (24, 0, 0))
    return (hour, minute, second) if valid else None


def _late_clock(rest: str) -> tuple[int, int, int] | None:
    found = _DOTTED.search(rest)
    return _time(found) if found else None


def _late_zone(text: str) -> tzinfo | None:
    found = _LAST_ZONE.search(text)
    return zone(_spelled(found[1])) if found else None


def _days(text: str) -> Iterator[tuple[int, int, int]]:
    """Days that exist, the surest reading first."""
    for read in ORDERS:
        for day in read(text):
            if _exists(*day):
                yield day


def _exists(year: int, number: int, day: int) -> bool:
    try:
        Day(year, number, day)
    except ValueError:
        return False
    return True


def full_year(year: int) -> int:
    """Two digits reach from 1969 to 2068, as in RFC 2822's readers."""
    return year + (2000 if year < 69 else 1900) if year < 100 else year


def _year(spelled: str) -> int:
    return full_year(int(spelled.lstrip("'")))


def _iso_order(text: str) -> Iterator[tuple[int, int, int]]:
    for found in _YMD.finditer(text):
        year, second, third = (int(part) for part in found.groups())
        yield year, second, third
        yield year, third, second


def _day_month_year(text: str) -> Iterator[tuple[int, int, int]]:
    for found in _DAY_MONTH_YEAR.finditer(text):
        number = month(found[2])
        if number:
            yield _year(found[3]), number, int(found[1])


def _month_day_year(text: str) -> Iterator[tuple[int, int, int]]:
    for found in _MONTH_DAY_YEAR.finditer(text):
        number = month(found[1])
        if number:
            yield _year(found[3]), number, int(found[2])


def _year_month_day(text: str) -> Iterator[tuple[int, int, int]]:
    for found in _YEAR_MONTH_DAY.finditer(text):
        number = month(found[2])
        if number:
            yield int(found[1]), number, int(found[3])


def _numbers(text: str) -> Iterator[tuple[int, int, int]]:
    """Numbers only: what the day of the week confirms; else days first where dots stand, months first at slashes."""
    found = _NUMBERS.search(text)
    if not found:
        return
    first, sign, second, third = int(found[1]), found[2], int(found[3]), found[4]
    readings = [(_year(third), first, second), (_year(third), second, first)]
    if sign in ".- ":
        readings.reverse()
    if len(third) == 1:
        readings.clear()
    if sign == "-" and len(found[1]) == 2 and len(third) < 3:
        readings.insert(0, (_year(found[1]), second, int(third)))
    told = weekday(text)
    confirmed = [day for day in readings if told is not None and _exists(*day) and Day(*day).weekday() == told]
    yield from confirmed
    yield from readings


def _month_year(text: str) -> Iterator[tuple[int, int, int]]:
    found = _YEAR_MONTH.fullmatch(text)
    if found:
        yield int(found[1]), int(found[2] or 1), 1
        return
    named = _MONTH_YEAR.fullmatch(text)
    number = month(named[1]) if named else None
    if named and number:
        yield int(named[2]), number, 1


ORDERS: tuple[Callable[[str], Iterator[tuple[int, int, int]]], ...] = (
    _iso_order,
    _day_month_year,
    _year_month_day,
    _month_day_year,
    _numbers,
    _month_year,
)
