"""The lines of the log."""

from __future__ import annotations

import json
import logging
import re
import sys

import pytest
from command import RunCommand
from origin import KEEP, Origin, raw, reply
from wire import Wire, document

from feeds.cli.log_format import JsonFormatter, TextFormatter
from feeds.cli.options import GlobalOptions

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
OPTIONS = GlobalOptions(mask=lambda text: text.replace("s3cret", "***"))


def make_record(message: str, **fields: object) -> logging.LogRecord:
    return logging.makeLogRecord({"name": "feeds.x", "levelno": 30, "levelname": "WARNING", "msg": message} | fields)


def test_D1_a_text_line_has_time_and_level() -> None:
    line = TextFormatter(OPTIONS).format(make_record("a s3cret came"))
    assert re.fullmatch(TIME + r" WARNING feeds\.x: a \*\*\* came", line)


def test_S13_no_message_forges_a_line_or_obeys_the_terminal() -> None:
    forged = make_record("a\r\n2026-01-01T00:00:00.000Z ERROR feeds.x: no\x1b[31m\u202e\x85b")
    first, *others = TextFormatter(OPTIONS).format(forged).split("\n")
    assert re.match(TIME, first)
    assert all(line.startswith("  ") for line in others)
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202e]", "".join([first, *others]))


def test_D1_a_json_line_has_the_fields_as_members() -> None:
    record = make_record("s3cret\nline", source="a", status=200, sentence="the s3cret", page=None)
    try:
        raise ValueError("s3cret inside")
    except ValueError:
        record.exc_info = sys.exc_info()
    line = JsonFormatter(OPTIONS).format(record)
    members = json.loads(line)
    assert re.fullmatch(TIME, members.pop("time"))
    assert "ValueError: *** inside" in members.pop("traceback")
    assert members == {
        "level": "warning",
        "logger": "feeds.x",
        "message": "***\nline",
        "source": "a",
        "status": 200,
        "sentence": "the ***",
    }
    assert "\n" not in line


@pytest.mark.parametrize("place", ["before", "after"])
def test_D1_v_prints_a_line_a_visit_and_log_format_makes_it_json(wire: Wire, origin: Origin, place: str) -> None:
    wire.declare({"a": origin.put("/a", document()), "b": origin.put("/b", raw(reply(b"", 500), KEEP))})
    options = ["-v", "--log-format", "json"]
    result = wire.command(*(["run", *options] if place == "after" else [*options, "run"]))
    lines = [json.loads(line) for line in result.stderr.splitlines()]
    visits = {line["source"]: line["status"] for line in lines if line["logger"] == "feeds.visit"}
    assert visits == {"a": 200, "b": 500}


def test_an_unknown_log_format_is_refused(wire: Wire, feeds: RunCommand) -> None:
    wire.declare({})
    assert feeds("run", "--log-format", "xml").code == 2
