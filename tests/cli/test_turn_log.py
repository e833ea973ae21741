"""The log lines of a daemon about its turns."""

from __future__ import annotations

import logging

import pytest

from feeds.app.operations import RunReport, SourceSentence
from feeds.cli.turn_log import log_turn

NOTHING = RunReport(0, 0, 0, 0, 0, (), (), ())


def log_of(report: RunReport, caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    caplog.set_level(logging.INFO, "feeds.daemon")
    caplog.clear()
    log_turn(report)
    return [(record.levelno, record.getMessage()) for record in caplog.records]


def test_D1_the_lines_of_a_daemon_name_the_sources(caplog: pytest.LogCaptureFixture) -> None:
    changes = {"a": 2, "b": 0, "c": 7}
    report = RunReport(4, 0, 1, 1, 9, ("all.rss",), (SourceSentence("d", "is\ngone"),), ("e",), changes)
    assert log_of(report, caplog) == [
        (logging.WARNING, "d: is gone"),
        (logging.INFO, "e: works again"),
        (logging.INFO, "9 articles new or changed (c 7, a 2), 1 file written"),
    ]
    assert vars(caplog.records[0])["source"] == "d"
    assert vars(caplog.records[2])["changes"] == changes


def test_D1_a_turn_without_a_change_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    assert log_of(NOTHING, caplog) == []


def test_D1_a_first_round_names_only_the_sources_with_most_articles(caplog: pytest.LogCaptureFixture) -> None:
    report = RunReport(9, 0, 0, 0, 45, (), (), (), {f"s{number}": number for number in range(1, 10)})
    [(_, line)] = log_of(report, caplog)
    assert line == "45 articles new or changed (s9 9, s8 8, s7 7, s6 6, s5 5, 4 more sources)"
