"""Withdrawn feeds, health and the first page."""

from __future__ import annotations

from pathlib import Path

import pytest
from serve.loopback import (
    ABSENT,
    LoopbackServer,
    create_test_app,
    replace_file,
    run_server,
)


@pytest.mark.parametrize(("path", "status", "location"), ABSENT, ids=[row[0] for row in ABSENT])
def test_a_feed_that_is_gone_or_renamed(server: LoopbackServer, path: str, status: int, location: str | None) -> None:
    response = server.request(path)
    assert (response.status, response.headers.get("location")) == (status, location)
    assert response["access-control-allow-origin"] == "*"


def test_a_file_that_is_there_is_served_whatever_the_ledger_says(own_server: LoopbackServer) -> None:
    replace_file(own_server.root / "closed.rss", b"<rss/>")
    assert own_server.request("/closed.rss").status == 200


@pytest.mark.parametrize(("healthy", "status", "word"), [(True, 200, b"ok\n"), (False, 503, b"degraded\n")])
def test_health_is_one_word(tmp_path: Path, healthy: bool, status: int, word: bytes) -> None:
    with run_server(create_test_app(tmp_path, is_healthy=lambda: healthy), tmp_path) as server:
        response = server.request("/health")
    assert (response.status, response.body, response["cache-control"]) == (status, word, "no-store")


def test_S17_a_bug_is_a_500_with_the_same_headers_and_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with run_server(create_test_app(tmp_path, is_healthy=lambda: bool(1 // 0)), tmp_path) as server:
        response = server.request("/health")
    assert (response.status, response.body) == (500, b"Internal Server Error\n")
    assert response["content-security-policy"].endswith("; sandbox")
    assert response["x-content-type-options"] == "nosniff"
    (record,) = caplog.records
    assert record.getMessage().startswith("cannot serve '/health'")
    assert record.exc_info


def test_the_first_page_is_the_published_one_once_there_is_one(own_server: LoopbackServer) -> None:
    assert b"Nothing is published yet" in own_server.request("/").body
    replace_file(own_server.root / "index.html", b"<title>ours</title>")
    assert own_server.request("/").body == b"<title>ours</title>"
