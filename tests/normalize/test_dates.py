"""Dates: whatever way they are written, the right instant or none at all."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.normalize import parse_date

AT = datetime(2026, 11, 22, tzinfo=UTC)
DATA = Path(__file__).parents[1] / "data" / "normalize"
TABLE = [
    pytest.param(text, expected, id=f"{group}: {text}")
    for group, rows in json.loads((DATA / "dates.json").read_text(encoding="utf-8")).items()
    for text, expected in rows.items()
]
BY_LANGUAGE = [
    pytest.param(text, None if language == "no language" else language, expected, id=f"{language}: {text}")
    for language, rows in json.loads((DATA / "dates_by_language.json").read_text(encoding="utf-8")).items()
    for text, expected in rows.items()
]
INSTANTS = st.datetimes(datetime(1990, 1, 2), datetime(2026, 11, 20), timezones=st.just(UTC))
OFFSETS = st.integers(-11 * 60, 13 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@pytest.mark.parametrize(("text", "expected"), TABLE)
def test_F23_a_date_is_read_or_refused(text: str, expected: str | None) -> None:
    assert parse_date(text, AT) == (datetime.fromisoformat(expected) if expected else None)


@pytest.mark.parametrize(("text", "language", "expected"), BY_LANGUAGE)
def test_B1_to_B5_a_date_is_read_as_its_language_writes_it(
    text: str, language: str | None, expected: str | None
) -> None:
    assert parse_date(text, AT, language=language) == (datetime.fromisoformat(expected) if expected else None)


@pytest.mark.parametrize(
    ("timezone", "language", "country", "expected"),
    [
        ("UTC", None, None, "2025-12-03"),
        ("UTC", None, "BR", "2025-03-12"),
        ("UTC", None, "US", "2025-12-03"),
        ("UTC", None, "PH", "2025-12-03"),
        ("UTC", "en", None, "2025-12-03"),
        ("UTC", "en", "GB", "2025-03-12"),
        ("UTC", "en", "DE", "2025-03-12"),
        ("UTC", "en-US", "DE", "2025-12-03"),
        ("UTC", "en-AU", "US", "2025-03-12"),
        ("UTC", "fr-CA", None, "2025-03-12"),
        ("UTC", "en-CA", None, "2025-12-03"),
        ("UTC", "tlh", "BR", "2025-03-12"),
        ("Europe/London", "en", None, "2025-03-12"),
        ("Europe/London", None, None, "2025-03-12"),
        ("America/New_York", None, None, "2025-12-03"),
    ],
)
def test_B4_day_or_month_first_follows_language_then_country(
    timezone: str, language: str | None, country: str | None, expected: str
) -> None:
    moment = parse_date("12/03/2025 10:15", AT, timezone, language, country)
    assert moment is not None
    assert str(moment.date()) == expected


def test_B4_the_zone_in_a_date_tells_its_country() -> None:
    assert parse_date("12/03/2025 10:15 Europe/London", AT) == datetime(2025, 3, 12, 10, 15, tzinfo=UTC)


def test_B4_a_weekday_decides_where_only_one_order_fits() -> None:
    assert parse_date("Tue, 11/02/2025", AT, language="en-GB") == datetime(2025, 2, 11, tzinfo=UTC)
    assert parse_date("Mon, 11/02/2026", AT, language="en-GB") == datetime(2026, 11, 2, tzinfo=UTC)


def test_R13_a_future_date_is_kept_and_an_absurd_one_is_not() -> None:
    assert parse_date("2031-05-01", AT) == datetime(2031, 5, 1, tzinfo=UTC)
    assert parse_date("2226-05-01", AT) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-07-05", "2024-07-04T22:00:00Z"),
        ("5 July 2024", "2024-07-04T22:00:00Z"),
        ("2024-07-05 10:00:00", "2024-07-05T08:00:00Z"),
        ("5. Juli 2024, 10:00 Uhr", "2024-07-05T08:00:00Z"),
        ("Fri, 05 Jul 2024 10:00:00 GMT", "2024-07-05T10:00:00Z"),
    ],
)
def test_a_date_without_a_zone_is_one_of_the_sources_time_zone(text: str, expected: str) -> None:
    assert parse_date(text, AT, "Europe/Berlin") == datetime.fromisoformat(expected)


def test_an_unknown_time_zone_counts_as_utc() -> None:
    assert parse_date("2024-07-05", AT, "Nowhere/Land") == datetime(2024, 7, 5, tzinfo=UTC)


@given(st.text(max_size=200) | st.text("0123456789-/.:, TZ+JanFebMoTu年月日오후", max_size=60))
def test_F23_no_text_makes_it_fail(text: str) -> None:
    moment = parse_date(text, AT)
    assert moment is None or (moment.tzinfo is UTC and datetime(1990, 1, 1, tzinfo=UTC) <= moment)


@given(INSTANTS, OFFSETS)
def test_F23_every_instant_reads_back_from_the_usual_forms(instant: datetime, zone: timezone) -> None:
    local = instant.replace(microsecond=0).astimezone(zone)
    for text in (local.isoformat(), local.isoformat(" "), format_datetime(local), f"{local:%d %B %Y %H:%M:%S %z}"):
        assert parse_date(text, AT) == local


def test_S15_a_long_text_is_not_read_to_its_end() -> None:
    assert parse_date("2024-03-05 " + "x" * 5_000_000, AT) == datetime(2024, 3, 5, tzinfo=UTC)


@pytest.mark.skipif("FEEDS_CORPORA" not in os.environ, reason="FEEDS_CORPORA names no folder of real documents")
def test_dates_seen_in_feeds() -> None:
    rows = json.loads((Path(os.environ["FEEDS_CORPORA"]) / "dates.json").read_text(encoding="utf-8"))
    right = sum(_agrees(row["string"], row["epoch"]) for row in rows)
    assert right >= 0.85 * len(rows)


def _agrees(text: str, epoch: float | None) -> bool:
    moment = parse_date(text, AT)
    return moment is not None and epoch in (None, moment.timestamp())
