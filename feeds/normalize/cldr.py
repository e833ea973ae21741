"""What CLDR knows of dates in a language or a country, through babel: names, and the order of numbers.

Loading a language takes 10 ms and half a megabyte, so this module is imported where a date needs it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from babel import Locale, UnknownLocaleError, localedata
from babel.core import get_global

_LANGUAGE_ONLY = re.compile(r"[a-z]{2,3}(?:-[a-z]{4})?", re.IGNORECASE)
# The locales of countries with names of months that the language alone lacks.
_OTHER_COUNTRIES = {
    "ar": "ar_IQ ar_DZ ar_MA ar_MR", "bn": "bn_IN", "de": "de_AT", "es": "es_PE", "fa": "fa_AF", "fr": "fr_CA",
    "pt": "pt_PT",
}  # fmt: skip
_HALF_DAYS = {"am": (0, 12), "pm": (12, 24), "noon": (12, 13), "midnight": (0, 1)}
_CONTEXTS = ("format", "stand-alone")
_MAX_LANGUAGES = 4  # of a country


def is_year_first(language: str | None, country: str | None) -> bool | None:
    """Return whether a language in a country, else the country, begins short dates with the year; None if unknown."""
    orders = _orders(language, country)
    return orders[0].startswith("y") if orders else None


def is_month_first(language: str | None, country: str | None) -> bool | None:
    """Return whether dates that end with the year begin with the month there; None if unknown."""
    orders = _orders(language, country)
    return next((order for order in orders if order.endswith("y")), "dmy").startswith("m") if orders else None


@lru_cache(maxsize=256)
def _orders(language: str | None, country: str | None) -> tuple[str, ...]:
    """Return the order of day, month and year (`dmy`) in the formats of a place, the shortest first."""
    locale = _find_locale(language, country)
    formats = [locale.date_formats[width].pattern for width in ("short", "medium", "long")] if locale else []
    letters = (re.sub(r"'[^']*'|[^dMLyY]", "", pattern).replace("L", "M").lower() for pattern in formats)
    return tuple("".join(dict.fromkeys(order)) for order in letters)


def month_names(language: str) -> Iterator[tuple[str, int]]:
    """Yield names of months, alone and with the letters that date formats join to them (he `במרץ`)."""
    for locale in _locales(language):
        patterns = (date_format.pattern for date_format in locale.date_formats.values())
        joined = re.findall(r"([^\W\d_a-zA-Z]*)[ML]{3,4}'?([^\W\d_a-zA-Z]*|(?<=')\w+)'?", " ".join(patterns))
        for width in ("wide", "abbreviated"):
            for context in _CONTEXTS:
                for month, name in locale.months[context][width].items():
                    yield from ((f"{before}{name}{after}", month) for before, after in (("", ""), *joined))


def weekday_names(language: str) -> Iterator[tuple[str, int]]:
    """Yield names of the days of the week; Monday is 0."""
    for locale in _locales(language):
        for width in ("wide", "abbreviated", "short"):
            for context in _CONTEXTS:
                yield from ((name, day) for day, name in locale.days[context].get(width, {}).items())


def half_day_names(language: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield words for parts of the day with the hours from which, and before which, they are used."""
    for locale in _locales(language):
        rules = locale.day_period_rules
        spans = rules[None] if rules and None in rules else {}
        hours = {
            name: (span[0].get("from", 0) // 3600, span[0].get("before", 0) // 3600) for name, span in spans.items()
        }
        hours |= _HALF_DAYS
        for widths in locale.day_periods.values():
            for width, names in widths.items():
                # A narrow `a` or `n` may be any word.
                used = (name for name in names.items() if name[0] in hours and (width != "narrow" or len(name[1]) > 1))
                yield from ((name, hours[period]) for period, name in used)


@lru_cache(maxsize=256)
def country_languages(country: str) -> tuple[str, ...]:
    """Return the official languages of a country, the one of most people first."""
    official = [
        (-fact["population_percent"], code)
        for code, fact in get_global("territory_languages").get(country, {}).items()
        if fact["official_status"] in ("official", "de_facto_official") and localedata.exists(code)
    ]
    return tuple(code.replace("_", "-") for _, code in sorted(official)[:_MAX_LANGUAGES])


def zone_country(zone: str) -> str | None:
    """Return the country of a zone of the time zone database."""
    country = get_global("zone_territories").get(get_global("zone_aliases").get(zone, zone), "001")
    return country if country.isalpha() and country != "ZZ" else None


@lru_cache(maxsize=256)
def _find_locale(language: str | None, country: str | None) -> Locale | None:
    """Return the locale of a language in a country, of the language, or of the first language of the country."""
    tag = (language or "").replace("_", "-")
    if country and _LANGUAGE_ONLY.fullmatch(tag):
        tag = f"{tag}-{country}"
    while tag:
        try:
            return Locale.parse(tag, sep="-")
        except (UnknownLocaleError, ValueError):
            tag = tag.rpartition("-")[0]
    languages = country_languages(country) if country else ()
    return _find_locale(languages[0], country) if languages else None


def _locales(language: str) -> Iterator[Locale]:
    """Yield the locale of a language, then those of its scripts and countries that have other names for months."""
    locale = _find_locale(language, None)
    if locale is None:
        return
    yield locale
    scripts = re.compile(rf"{locale.language}_[A-Z][a-z]{{3}}")
    variants = [name for name in localedata.locale_identifiers() if scripts.fullmatch(name)]
    for identifier in (*sorted(variants), *_OTHER_COUNTRIES.get(locale.language, "").split()):
        yield Locale.parse(identifier)
