"""Withdrawn feeds, health and the index page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from serve.loopback import (
    ABSENT,
    BROWSER,
    RSS,
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


def test_the_first_page_lists_the_feeds_with_their_formats(server: LoopbackServer) -> None:
    page = server.request("/", accept=BROWSER)
    text = page.body.decode()
    assert page["content-type"] == "text/html; charset=utf-8"
    for name in ("world.rss", "world.atom", "world.json", "each-source/bbc-news.json"):
        assert f'<a href="{name}">' in text
        assert re.search(f'<link rel="alternate" type="application/[a-z+]+" title="[^"]+" href="{name}">', text)
    for word in (
        "hidden",
        "secret",
        "archive",
        "assets/app",
        "folder.rss<",
        "escape",
        "outside",
        "loop",
        "pipe",
        "feeds-new",
        "<style",
        "style=",
        "<script",
    ):
        assert word not in text
    style = re.search(r'<link rel="stylesheet" href="([^"]+)">', text)
    assert style
    assert server.request(f"/{style.group(1)}")["content-type"] == "text/css; charset=utf-8"


def test_the_first_page_follows_what_is_published(own_server: LoopbackServer) -> None:
    before = own_server.request("/")
    assert own_server.request("/", if_none_match=before["etag"]).status == 304
    replace_file(own_server.root / "each-source" / "new.rss", RSS)
    assert b'href="each-source/new.rss"' in own_server.request("/", if_none_match=before["etag"]).body
    (own_server.root / "world.rss").unlink()
    assert b'href="world.rss"' not in own_server.request("/").body
    replace_file(own_server.root / "index.html", b"<title>ours</title>")
    assert own_server.request("/").body == b"<title>ours</title>"
