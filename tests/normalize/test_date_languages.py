"""Dates as CLDR formats them, read back: in every language, and where nothing tells the language (B1, B4, B5)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from babel import Locale, localedata
from babel.dates import format_date, format_time

from feeds.normalize import parse_date
from feeds.normalize.date_words import script_languages

AT = datetime(2026, 11, 22, tzinfo=UTC)
# Days that are no months, and months whose short names languages share.
MOMENTS = (datetime(2025, 3, 12, 10, 15), datetime(2024, 11, 5, 21, 5))
LANGUAGES = sorted(name for name in localedata.locale_identifiers() if "_" not in name and name != "root")
# These write more than names around the parts: `sike #2025`, a clock with words before its numbers, `12.03 st. 2025`.
NOT_READ = {"tok", "dz", "prg"}
KOREAN_OFFSET = 9  # without a zone, Korean means Seoul


def texts(language: str, *widths: str) -> Iterator[tuple[str, datetime]]:
    """Yield dates with and without their time in the formats of a language, and the instants they stand for."""
    locale = Locale.parse(language)
    for moment in MOMENTS:
        for width in widths:
            date = format_date(moment, width, locale)  # type: ignore[arg-type]
            time = format_time(moment, "short", locale=locale)
            yield date, moment.replace(hour=0, minute=0, tzinfo=UTC)
            if language != "ko":
                pattern = str(locale.datetime_formats[width]).replace("'", "")
                yield pattern.replace("{1}", date).replace("{0}", time), moment.replace(tzinfo=UTC)


@pytest.mark.parametrize("part", range(4))
def test_B5_dates_of_every_language_are_read_as_it_formats_them(part: int) -> None:
    rows = [
        (language, text, expected, parse_date(text, AT, language=language))
        for language in LANGUAGES[part::4]
        if language not in NOT_READ
        for text, expected in texts(language, "short", "medium", "full")
    ]
    misses = [row for row in rows if row[3] != row[2]]
    assert len(misses) <= 0.002 * len(rows), misses[:20]


def test_B5_where_nothing_tells_the_language_names_do() -> None:
    scripts = ("a", "я", "α", "अ", "ع", "ა", "ก", "한")
    languages = {language for script in scripts for group in script_languages(script) for language in group}
    rows = [
        (language, text, expected, parse_date(text, AT))
        for language in sorted(languages - NOT_READ)
        for text, expected in texts(language, "full")
    ]
    right, refused = sum(row[3] == row[2] for row in rows), sum(row[3] is None for row in rows)
    assert right >= 0.98 * len(rows)
    assert len(rows) - right - refused <= 0.012 * len(rows), [row for row in rows if row[3] not in (row[2], None)]


def test_B5_names_that_two_languages_give_to_different_months_are_refused() -> None:
    assert parse_date("5 lip 2024", AT) is None  # July in Polish, June in Croatian
    assert parse_date("5 lip 2024", AT, language="pl") == datetime(2024, 7, 5, tzinfo=UTC)
    assert parse_date("5 lip 2024", AT, country="HR") == datetime(2024, 6, 5, tzinfo=UTC)


def test_common_dates_load_no_language() -> None:
    code = (
        "import sys; from datetime import UTC, datetime; from feeds.normalize import parse_date;"
        "texts = ('Wed, 12 Mar 2025 10:15:00 +0100', '2025-03-12T10:15:00Z', '2025-03-12', '1741774500');"
        "assert all(parse_date(text, datetime(2026, 1, 1, tzinfo=UTC), language='de') for text in texts);"
        "assert not {'babel', 'dateutil'} & sys.modules.keys()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
