"""What headers mean: tables, one row a case."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds import http_headers

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
DATE = "Sun, 22 Nov 2026 12:00:00 GMT"
HOUR_LATER = "Sun, 22 Nov 2026 13:00:00 GMT"
MONTH = 31 * 86_400.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (DATE, NOW),
        ("Sunday, 22-Nov-26 12:00:00 GMT", NOW),
        ("Sun Nov 22 12:00:00 2026", NOW),
        ("Sun Nov  1 12:00:00 2026", NOW.replace(day=1)),
        ("sun, 22 nov 2026 12:00:00 gmt", NOW),
        ("Sun, 22-Nov-2026 12:00:00 GMT", NOW),
        ("Sun, 22 Nov 2026 12:00:60 GMT", NOW.replace(second=59)),
        ("Sunday, 22-Nov-94 12:00:00 GMT", NOW.replace(year=1994)),
        ("Sun, 31 Feb 2026 12:00:00 GMT", None),
        ("Sun, 22 Foo 2026 12:00:00 GMT", None),
        ("Sun, 22 Nov 2026 12:00:00 CET", None),
        ("0", None),
        ("", None),
        (None, None),
        ("２２", None),
    ],
)
def test_an_http_date_in_three_forms(text: str | None, expected: datetime | None) -> None:
    assert http_headers.parse_date(text) == expected


@given(st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC)))
def test_dates_are_read_as_they_were_written(moment: datetime) -> None:
    assert http_headers.parse_date(http_headers.format_date(moment)) == moment.replace(microsecond=0)


@given(st.text())
def test_any_text_is_a_date_or_none(text: str) -> None:
    found = http_headers.parse_date(text)
    assert found is None or found.tzinfo is UTC


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"cache-control": "max-age=600"}, 600),
        ({"cache-control": "public, Max-Age=600, must-revalidate"}, 600),
        ({"cache-control": 'max-age="600"'}, 600),
        ({"cache-control": "max-age=600, max-age=7"}, 600),
        ({"cache-control": "max-age=600", "age": "100"}, 500),
        ({"cache-control": "max-age=600", "age": "1000"}, 0),
        ({"cache-control": "max-age=600", "age": "soon"}, 600),
        ({"cache-control": "max-age=600", "expires": HOUR_LATER, "date": DATE}, 600),
        ({"cache-control": "no-cache, max-age=600"}, None),
        ({"cache-control": "no-store"}, None),
        ({"cache-control": "private"}, None),
        ({"cache-control": "max-age=-1"}, 0),
        ({"cache-control": "max-age=1000000000000"}, MONTH),
        ({"cache-control": "max-age=" + "9" * 400}, MONTH),
        ({"cache-control": "max-age=1e9"}, 0),
        ({"cache-control": "s-maxage=600"}, None),
        ({"cache-control": ", ;=,"}, None),
        ({"expires": HOUR_LATER, "date": DATE}, 3600),
        ({"expires": HOUR_LATER}, 3600),
        ({"expires": DATE, "date": HOUR_LATER}, 0),
        ({"expires": "0", "date": DATE}, 0),
        ({"expires": "-1"}, 0),
        ({"expires": "Fri, 31 Dec 9999 23:59:59 GMT", "date": DATE}, MONTH),
    ],
)
def test_E7_how_long_an_answer_is_fresh(headers: dict[str, str], expected: float | None) -> None:
    assert http_headers.freshness_lifetime(headers, NOW) == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"retry-after": "120"}, 120),
        ({"retry-after": " 120 "}, 120),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "1.5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "9" * 400}, MONTH),
        ({"retry-after": HOUR_LATER}, 3600),
        ({"retry-after": HOUR_LATER, "date": "Sun, 22 Nov 2026 12:30:00 GMT"}, 1800),
        ({"retry-after": DATE, "date": HOUR_LATER}, 0),
    ],
)
def test_E9_retry_after_in_both_forms(headers: dict[str, str], expected: float | None) -> None:
    assert http_headers.parse_retry_after(headers, NOW) == expected


def test_E9_a_date_with_nothing_to_count_from_says_nothing() -> None:
    assert http_headers.parse_retry_after({"retry-after": HOUR_LATER}) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text/xml", ("text/xml", None)),
        ("Application/RSS+XML; Charset=UTF-8", ("application/rss+xml", "UTF-8")),
        ('text/html;charset="windows-1251"', ("text/html", "windows-1251")),
        ("text/html; profile=x; charset=utf-8; charset=latin-1", ("text/html", "utf-8")),
        ("; charset=utf-8", ("", "utf-8")),
        ("xml", ("", None)),
        ("text/xml, text/html", ("", None)),
        ("", ("", None)),
        (None, ("", None)),
    ],
)
def test_content_types(value: str | None, expected: tuple[str, str | None]) -> None:
    assert http_headers.parse_content_type(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('W/"a"', 'W/"a"'),
        ("unquoted", "unquoted"),
        ('"x-gzip"', '"x-gzip"'),
        ("yesterday, maybe", "yesterday, maybe"),
        ('"\xe9"', '"\xe9"'),
        ('"a"\r\nX: y', None),
        ('"\x1b[31m"', None),
        ('"\x00"', None),
        ('"\x7f"', None),
        ('"日"', None),
        ('"' + "a" * 5000 + '"', None),
        ("", None),
        (None, None),
    ],
)
def test_E1_S13_validators_go_back_as_they_came_or_not_at_all(value: str | None, expected: str | None) -> None:
    assert http_headers.clean_validator(value) == expected


@pytest.mark.parametrize(
    ("match", "since", "expected"),
    [
        (None, None, False),
        ('"a"', None, True),
        ('W/"a"', None, True),
        ('"x", W/"a" , "y"', None, True),
        ('"a,b"', None, False),
        ("a", None, False),
        ('"A"', None, False),
        ("*", None, True),
        ("", None, False),
        (None, DATE, True),
        (None, HOUR_LATER, True),
        (None, "Sun, 22 Nov 2026 11:59:59 GMT", False),
        (None, "nonsense", False),
        ('"b"', HOUR_LATER, False),  # If-None-Match alone decides
        ('"a"', "Sun, 22 Nov 2026 11:59:59 GMT", True),
    ],
)
def test_when_a_get_is_answered_by_304(match: str | None, since: str | None, expected: bool) -> None:
    modified = NOW + timedelta(milliseconds=700)
    for etag in ('"a"', 'W/"a"'):
        assert http_headers.is_not_modified(match, since, etag, modified) is expected


def test_without_validators_of_our_own_nothing_is_unmodified() -> None:
    assert not http_headers.is_not_modified('"a"', None, None, None)
    assert not http_headers.is_not_modified("*", None, None, None)
    assert not http_headers.is_not_modified(None, DATE, '"a"', None)


@pytest.mark.parametrize(
    ("header", "alone", "of_three"),
    [
        (None, None, None),
        ("", None, None),
        ("identity", None, None),
        ("gzip, deflate", "gzip", "gzip"),
        ("GZIP;q=0.5", "gzip", "gzip"),
        ("gzip, deflate, br, zstd", "gzip", "br"),
        ("gzip;q=0.9, br;q=0.1, zstd;q=0.8", "gzip", "gzip"),
        ("zstd, br;q=0", None, "zstd"),
        ("gzip;q=0", None, None),
        ("gzip; q=0.000", None, None),
        ("*", "gzip", "br"),
        ("*;q=0", None, None),
        ("gzip;q=0.5, *;q=0.1", "gzip", "gzip"),
        ("identity;q=0, gzip", "gzip", "gzip"),
        ("br;q=1.0, *;q=0", None, "br"),
        ("gzip;q=nan", None, None),
        ("gzip;q=9", "gzip", "gzip"),
    ],
)
def test_R10_which_coding_an_accept_encoding_prefers(
    header: str | None, alone: str | None, of_three: str | None
) -> None:
    assert http_headers.select_coding(["gzip"], header) == alone
    assert http_headers.select_coding(["br", "zstd", "gzip"], header) == of_three
    assert http_headers.select_coding([], header) is None


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("application/atom+xml, application/rss+xml, text/html;q=0.5", False),
        ("application/rss+xml, text/html", False),
        ("*/*", False),
        ("text/html;q=0", False),
        ("", False),
        (None, False),
    ],
)
def test_who_navigates_prefers_html(accept: str | None, expected: bool) -> None:
    assert http_headers.prefers_html(accept) is expected
