"""`feeds init`, `check` and `schema`."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from command import RunCommand
from wire import Wire


def test_init_writes_what_works_at_once_and_leaves_what_is_there(feeds: RunCommand, tmp_path: Path) -> None:
    """The sample runs offline, with a story of its own."""
    result = feeds("init", str(tmp_path / "new"))
    assert result.code == 0, result.err
    config = str(tmp_path / "new" / "config" / "feeds.yaml")
    assert result.out.splitlines()[-1] == f"Now run: feeds daemon --config {config}"
    assert feeds("check", "--config", config).code == 0
    assert "1 article new" in feeds("run", "--config", config).out
    assert (tmp_path / "new" / "public" / "desk.rss").exists()
    again = feeds("init", str(tmp_path / "new"))
    assert again.code == 1
    assert "exists already" in again.err
    assert feeds("init", "/proc/none").code == 1


def test_check_counts_warns_and_names_all_mistakes(wire: Wire, feeds: RunCommand) -> None:
    wire.declare({"a": "https://a.example/feed"})
    good = feeds("check")
    assert good.code == 0
    assert "1 source, 1 feed, no mistakes" in good.out
    assert feeds("check", "--json").json["problems"] == []
    wire.declare({"a": "ftp://a.example/feed", "B!": "https://b.example/"})
    wrong = feeds("check", "--json")
    assert wrong.code == 2
    assert len(wrong.json["problems"]) == 2


def test_schema_is_json(feeds: RunCommand) -> None:
    assert feeds("schema").json["type"] == "object"


def test_check_warns_of_a_database_that_cannot_be_reached(wire: Wire, feeds: RunCommand) -> None:
    pytest.importorskip("psycopg", reason="the extra [postgres] is not installed")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]  # free again in a moment
    wire.declare({"a": "https://a.example/"}, store=f"postgresql://feeds@127.0.0.1:{port}/feeds")
    result = feeds("check")
    assert result.code == 0 and "no mistakes" in result.out
    assert "warning: sources that were renamed are not looked for: " in result.out
