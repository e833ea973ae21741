"""Ranges and large files: row S18."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import os

import pytest
from serve.loopback import (
    LARGE,
    LoopbackServer,
    create_test_app,
)
from starlette.types import Message

from feeds.serve.file_response import parse_range

RANGES = [
    ("bytes=0-0", range(1)),
    ("bytes=10-19", range(10, 20)),
    ("bytes=90-", range(90, 100)),
    ("bytes=90-500", range(90, 100)),
    ("bytes=-5", range(95, 100)),
    ("bytes=-500", range(100)),
    ("bytes=100-", range(0)),
    ("bytes=-0", range(0)),
    ("bytes=5-4", None),
    ("bytes=-", None),
    ("bytes=0-1,5-6", None),
    ("bytes=" + "0-," * 10_000, None),
    ("bytes=0-" + "9" * 60, None),
    ("bytes=a-b", None),
    ("items=0-1", None),
    ("bytes=\u0660-\u0661", None),
    ("", None),
    (None, None),
]


@pytest.mark.parametrize(("header", "span"), RANGES, ids=[str(header)[:20] for header, _ in RANGES])
def test_S18_one_range_or_the_whole_file(header: str | None, span: range | None) -> None:
    requested = parse_range(header, 100)
    assert (requested is None) == (span is None)
    assert list(requested or ()) == list(span or ())


def test_S18_a_player_gets_its_range(server: LoopbackServer) -> None:
    whole = server.request("/stories/desk/talk.mp3")
    assert whole["accept-ranges"] == "bytes"
    part = server.request("/stories/desk/talk.mp3", range="bytes=100-199", if_range=whole["etag"])
    assert (part.status, part["content-range"], part.body) == (206, "bytes 100-199/1024", whole.body[100:200])
    assert server.request("/stories/desk/talk.mp3", range="bytes=100-199", if_range='"other"').status == 200
    outside = server.request("/stories/desk/talk.mp3", range="bytes=5000-")
    assert (outside.status, outside["content-range"]) == (416, "bytes */1024")


@pytest.mark.parametrize("path", ["/world.rss", "/stories/desk/talk.mp3"])
@pytest.mark.parametrize("parts", ["0-,", "0-0,", "9-1,", "-1,", "0-1000,1-999,"])
def test_S18_ten_thousand_ranges_are_the_whole_file(server: LoopbackServer, path: str, parts: str) -> None:
    count = 60_000 // len(parts)
    response = server.request(path, range="bytes=" + (parts * count)[:-1])
    assert (response.status, response.body) == (200, (server.root / path[1:]).read_bytes())


# ── large files ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_large_file_is_streamed_with_the_same_answers(server: LoopbackServer) -> None:
    for path in ("/assets/film.mp4", "/large.json"):
        whole = server.request(path, accept_encoding="gzip")
        assert whole.body == LARGE
        assert whole["etag"] == f'"{hashlib.sha256(LARGE).hexdigest()[:32]}"'
        assert server.request(path, if_none_match=whole["etag"]).status == 304
        head = server.request(path, "HEAD")
        assert (head["content-length"], head.body) == (str(len(LARGE)), b"")
    part = server.request("/assets/film.mp4", range="bytes=1000000-1999999")
    assert (part.status, part.body) == (206, LARGE[1_000_000:2_000_000])


def test_a_large_file_that_is_cut_short_breaks_the_answer_off(
    own_server: LoopbackServer, caplog: pytest.LogCaptureFixture
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", own_server.port, timeout=300)
    connection.request("GET", "/assets/film.mp4")
    response = connection.getresponse()
    os.truncate(own_server.root / "assets" / "film.mp4", 1000)
    with pytest.raises(http.client.IncompleteRead):
        response.read()
    connection.close()
    assert "cannot serve all of '/assets/film.mp4': the file was cut short" in caplog.messages


def test_A9_a_file_is_read_no_further_when_the_client_is_gone(server: LoopbackServer) -> None:
    messages: list[Message] = []

    async def send(message: Message) -> None:
        messages.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    scope = {"type": "http", "method": "GET", "path": "/assets/film.mp4", "headers": []}
    asyncio.run(create_test_app(server.root)(scope, receive, send))
    assert sum(len(message.get("body", b"")) for message in messages) < len(LARGE) / 2
