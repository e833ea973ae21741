"""Years of other calendars, as years of ours: eras of East Asia, the Buddhist era, the Persian solar calendar.

All functions take folded texts (`date_words.fold`).
"""

from __future__ import annotations

import re
from datetime import date as Day
from datetime import timedelta

from .date_words import fold

# The year before the first one of an era.
_ERAS = {
    "令和": 2018, "平成": 1988, "昭和": 1925, "大正": 1911, "明治": 1867,
    "民國": 1911, "民国": 1911, "주체": 1911, "佛曆": -543, "佛历": -543, "仏暦": -543, "불기": -544, "단기": -2333,
}  # fmt: skip
_JAPANESE_LETTERS = {"r": 2018, "h": 1988, "s": 1925, "t": 1911, "m": 1867}
_ERA_YEAR = rf"(?:中華|中华)?({'|'.join(_ERAS)})\s?(\d{{1,4}}|元)\s?(年|년)?"
_COMMON_YEAR = r"((?:19|20)\d\d)\s?[年년]?"
_COMMON_IN_BRACKETS = re.compile(rf"{_ERA_YEAR}\s?\(\s?{_COMMON_YEAR}\s?\)\s?[年년]?")
_ERA_IN_BRACKETS = re.compile(rf"(?<!\d){_COMMON_YEAR}\s?\(\s?{_ERA_YEAR}\s?\)\s?[年년]?")
_ERA_ALONE = re.compile(_ERA_YEAR)
_JAPANESE_LETTER = re.compile(
    r"(?<![^\W_])([rhstm])\.?\s?(\d{1,2}|元)(?:\s?(年)|(?=\s?([./-])\s?\d{1,2}\s?\4\s?\d{1,2}(?!\d)))"
)
_MINGUO_NUMBER = re.compile(r"(?<!\d)(1[0-4]\d)(?:\s?(年)|(?=\s?([./-])\s?\d{1,2}\s?\3\s?\d{1,2}(?!\d)))")
_SHORT_YEAR = re.compile(r"(?<!\d)(\d\d)\s?[年년]")

_BUDDHIST_WORD = rf"(?:พ\.?\s?ศ\.?|{fold('พุทธศักราช')}|ພ\.?\s?ສ\.?|ព\.?\s?ស\.?|\bb\.?\s?e\b\.?|\be\.?\s?b\b\.?)"
_BUDDHIST = re.compile(rf"{_BUDDHIST_WORD}\s?(2[4-6]\d\d)(?!\d)|(?<!\d)(2[4-6]\d\d)\s?{_BUDDHIST_WORD}")
_BUDDHIST_YEAR = re.compile(r"(?<!\d)2[4-6]\d\d(?!\d)")
_BUDDHIST_OFFSET = 543
_BUDDHIST_PLACES = frozenset(("th", "lo", "km", "TH", "LA", "KH"))
_THAI = re.compile("[\u0e00-\u0eff\u1780-\u17ff]")

_CHINESE_NUMBER = re.compile("[〇零一二三四五六七八九十百廿]{1,7}(?=[年月日号號時时点點分秒])")
_CHINESE_DIGITS = {char: value for value, char in enumerate("零一二三四五六七八九")} | {"〇": 0}

_PERSIAN_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "فروردین|حمل", "اردیبهشت|ثور", "خرداد|جوزا", "تیر|سرطان", "مرداد|امرداد|اسد", "شهریور|سنبله",
            "مهر|میزان", "ابان|عقرب", "اذر|قوس", "دی|جدی", "بهمن|دلو", "اسفند|حوت",
        ),
        1,
    )
    for name in names.split("|")
}  # fmt: skip
_PERSIAN_NAMED = re.compile(
    rf"(?<!\d)(\d{{1,2}})\s?(?:ام\s)?({'|'.join(_PERSIAN_MONTHS)})(?:\s?ماه)?[\s,]{{0,3}}(?:سال\s)?(1[34]\d\d)(?!\d)"
)
_PERSIAN_NUMBERS = re.compile(
    r"(?<!\d)(?:(1[34]\d\d)\s?([/.-])\s?(\d{1,2})\s?\2\s?(\d{1,2})|(\d{1,2})\s?([/.-])\s?(\d{1,2})\s?\6\s?(1[34]\d\d))(?!\d)"
)
_PERSIAN_PLACES = frozenset(("fa", "prs", "ps", "IR", "AF"))
_PERSIAN_CYCLE, _PERSIAN_LEAP_YEARS = 33, (1, 5, 9, 13, 17, 22, 26, 30)
_NOWRUZ, _NOWRUZ_YEAR = Day(2020, 3, 20), 1399


def to_common_calendar(text: str, places: frozenset[str]) -> str:
    """Return a text with years of our calendar in place of those that another one counts.

    `places` are the language and the country of the text (`ja`, `TW`). Where no era is named, they must be those that
    count so.
    """
    text = _CHINESE_NUMBER.sub(lambda match: str(_chinese_number(match[0])), text)
    text = _ERA_IN_BRACKETS.sub(r"\1 ", _COMMON_IN_BRACKETS.sub(r"\4 ", text))
    text = _ERA_ALONE.sub(lambda match: _year_of_era(_ERAS[match[1]], match[2], match[3]), text)
    if not places or not places.isdisjoint(("ja", "JP")):
        text = _JAPANESE_LETTER.sub(lambda match: _year_of_era(_JAPANESE_LETTERS[match[1]], match[2], match[3]), text)
    if "年" in text or "TW" in places:
        text = _MINGUO_NUMBER.sub(lambda match: _year_of_era(_ERAS["民國"], match[1], match[2]), text)
    text = _SHORT_YEAR.sub(lambda match: f"{_short_east_asian_year(int(match[1]), places):04} ", text)
    text = _BUDDHIST.sub(lambda match: f" {int(match[1] or match[2]) - _BUDDHIST_OFFSET}", text)
    if counts_buddhist_years(text, places):
        text = _BUDDHIST_YEAR.sub(lambda match: str(int(match[0]) - _BUDDHIST_OFFSET), text)
    text = _PERSIAN_NAMED.sub(lambda match: _persian_day(int(match[3]), _PERSIAN_MONTHS[match[2]], int(match[1])), text)
    if not places.isdisjoint(_PERSIAN_PLACES):
        text = _PERSIAN_NUMBERS.sub(_persian_numbers, text)
    return text


def counts_buddhist_years(text: str, places: frozenset[str]) -> bool:
    """Return whether a year of four or two digits may be one of the Buddhist era."""
    return not places.isdisjoint(_BUDDHIST_PLACES) or bool(_THAI.search(text))


def common_year(digits: str) -> int:
    """Return a year with its century; two digits, and only these, are a year from 1969 to 2068."""
    year = int(digits)
    return year if len(digits) != 2 else year + (2000 if year < 69 else 1900)


def short_year(digits: str, text: str, places: frozenset[str]) -> int | None:
    """Return the year that two digits stand for, or None where that is open.

    In Thai a year of the Buddhist era is likelier where it was one of the last decades; in Persian either may be meant.
    """
    if not places.isdisjoint(_PERSIAN_PLACES):
        return None
    buddhist = int(digits) + 2500 - _BUDDHIST_OFFSET
    return buddhist if 1990 <= buddhist < 2050 and counts_buddhist_years(text, places) else common_year(digits)


def _year_of_era(before: int, year: str, sign: str | None) -> str:
    return f" {before + (1 if year == '元' else int(year)):04}{' ' if sign else ''}"


def _short_east_asian_year(year: int, places: frozenset[str]) -> int:
    """Return the year of `25年`, where no era is named; in Taiwan the nineties are those of the Minguo era."""
    return year + 1911 if year >= 79 and "TW" in places else common_year(f"{year:02}")


def _chinese_number(text: str) -> int:
    """Return a number as it is spoken (`二十五`) or spelled digit by digit (`二〇二五`)."""
    text = text.replace("廿", "二十")
    if not re.search("[十百]", text):
        return int("".join(str(_CHINESE_DIGITS[char]) for char in text))
    total, digit = 0, None
    for char in text:
        if char in "十百":
            total += (1 if digit is None else digit) * (10 if char == "十" else 100)
            digit = None
        else:
            digit = _CHINESE_DIGITS[char]
    return total + (digit or 0)


def _persian_numbers(match: re.Match[str]) -> str:
    year, month, day = (match[1], match[3], match[4]) if match[1] else (match[8], match[7], match[5])
    return _persian_day(int(year), int(month), int(day))


def _persian_day(year: int, month: int, day: int) -> str:
    """Return a day of the Persian calendar as one of ours; what is no such day, as nothing."""
    if not (1 <= month <= 12 and 1 <= day <= (31 if month < 7 else 30)):
        return " "
    years = range(min(year, _NOWRUZ_YEAR), max(year, _NOWRUZ_YEAR))
    days = sum(366 if number % _PERSIAN_CYCLE in _PERSIAN_LEAP_YEARS else 365 for number in years)
    new_year = _NOWRUZ + timedelta(days if year > _NOWRUZ_YEAR else -days)
    return f" {new_year + timedelta((month - 1) * 31 - max(0, month - 7) + day - 1)} "
