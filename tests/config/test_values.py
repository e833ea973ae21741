"""Single values: lengths of time, sizes, addresses to listen at, networks and patterns."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.config.patterns import Regexp, compile_pattern, compile_words
from feeds.config.units import parse_duration, parse_size
from feeds.config.values import parse_allowance, parse_endpoint

# ── single values ───────────────────────────────────────────────────────────────────────────────────────────────────

UNITS = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}


@given(st.dictionaries(st.sampled_from("wdhms"), st.integers(0, 400), min_size=1))
def test_durations_add_up(parts: dict[str, int]) -> None:
    text = "".join(f"{parts[unit]}{unit}" for unit in UNITS if unit in parts)
    assert parse_duration(text) == sum(parts[unit] * UNITS[unit] for unit in parts)


@pytest.mark.parametrize("text", ["", "15", "m", "1m1h", "1h 30m", "-1m", "PT15M", "1.m", "1mo", "١m", "1e3s", "11y"])
def test_durations_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_duration(text)


def test_durations_in_the_words_of_the_design() -> None:
    texts = {"15m": 900, "1h30m": 5400, "2d": 172_800, "1w": 604_800, "30s": 30, "0s": 0, "0": 0, "0.5s": 0.5}
    assert {text: parse_duration(text) for text in texts} == texts


@given(st.integers(0, 10**6), st.sampled_from([("", 1), ("kB", 10**3), ("MB", 10**6), ("GB", 10**9), ("MiB", 2**20)]))
def test_sizes_multiply(number: int, unit: tuple[str, int]) -> None:
    assert parse_size(f"{number}{unit[0]}") == number * unit[1]


@pytest.mark.parametrize("text", ["", "MB", "15 megabytes", "-1MB", "1TB", "1,5MB", "15mm"])
def test_sizes_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_size(text)


def test_places_to_listen() -> None:
    assert parse_endpoint("127.0.0.1:8080") == ("127.0.0.1", 8080)
    assert parse_endpoint("[::1]:0") == ("::1", 0)
    assert parse_endpoint("localhost:80") == ("localhost", 80)
    for text in ("8080", ":8080", "host", "host:x", "host:65536", "::1:80:", "[::x]:80", "a b:1", "-:1"):
        with pytest.raises(ValueError, match="expected HOST:PORT"):
            parse_endpoint(text)


def test_S1_networks_may_name_one_port() -> None:
    for text in ("10.0.0.0/8", "192.168.1.7", "127.0.0.0/8:8080", "fc00::/7", "[fc00::/7]:80"):
        assert parse_allowance(text) == text
    for text in ("lan", "10.0.0.0/33", "10.0.0.0/8:http", "", "[]"):
        with pytest.raises(ValueError, match="expected such as"):
            parse_allowance(text)


# ── patterns ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_words_are_found_whole_in_any_case_and_script() -> None:
    found = compile_words(["Äpfel", "heavy  weather", "C++", "東京", "naïve"])
    for text in ("drei äpfel.", "ÄPFEL", "in Heavy\nWeather today", "why c++?", "今日の東京都は", "so NAÏVE!"):
        assert found.search(text), text
    for text in ("Bratäpfel", "Äpfelmus", "heavy", "C++x", "京都", "naïveté", ""):
        assert not found.search(text), text


def test_S15_patterns_run_in_linear_time_and_know_unicode() -> None:
    assert not compile_pattern("(a+)+$").search("a" * 50_000 + "b")
    assert compile_pattern("(?i)größe").search("Die GRÖSSE und die GRÖßE")
    assert compile_pattern("(b+)").sub(r"<\1>", "äbbé") == "ä<bb>é"
    assert not compile_pattern("x").search("\ud800")


def test_patterns_are_equal_by_their_text_and_travel_between_processes() -> None:
    pattern = compile_pattern("(?i)rain")
    assert pickle.loads(pickle.dumps(pattern)) == pattern == Regexp("(?i)rain")
    assert pickle.loads(pickle.dumps(pattern)).search("RAIN")
    assert hash(pattern) == hash(compile_pattern("(?i)rain"))
