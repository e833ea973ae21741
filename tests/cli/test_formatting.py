"""Durations, counts, sizes and lines as people read them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from wire import NOON

from feeds.formatting import (
    format_columns,
    format_count,
    format_duration,
    format_relative,
    format_size,
    sanitize_line,
)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "now"),
        (1, "1 s"),
        (59, "59 s"),
        (3599, "59 min"),
        (3600, "1 h"),
        (86400 * 2, "2 days"),
        (86400 * 70, "2 months"),
    ],
)
def test_a_length_of_time_in_words(seconds: float, words: str) -> None:
    assert format_duration(timedelta(seconds=seconds)) == words


def test_words() -> None:
    assert format_relative(None, NOON) == "never"
    assert format_relative(NOON + timedelta(hours=2), NOON) == "in 2 h"
    assert (format_count(1, "file"), format_count(0, "file")) == ("1 file", "0 files")
    assert (format_size(1), format_size(3_100_000)) == ("1 byte", "3.1 MB")
    assert format_columns([["a", "x"], ["bbb", ""]]) == ["a    x", "bbb"]
    assert format_columns([]) == []


def test_S22_what_a_terminal_would_obey_is_not_printed() -> None:
    assert sanitize_line("a\x1b[31mb\x9bc\u202ed\ne") == "a [31mb c d e"
