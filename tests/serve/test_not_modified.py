"""The shortest way of a request: row L5."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from asgi import ask
from serve.loopback import RSS, later, replace_file, write_files
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from feeds.serve.app import PublishedFiles
from feeds.serve.files import Files
from feeds.serve.not_modified import ConditionalRequests

Headers = Mapping[str, str]

REQUESTS: list[tuple[str, str, Callable[[str], Headers], bool]] = [
    # row, path, headers made from the ETag, whether it is answered from memory
    ("feed", "/world.rss", lambda tag: {"if_none_match": tag}, True),
    ("weakened by a proxy", "/world.rss", lambda tag: {"if_none_match": f"W/{tag}"}, True),
    ("tag before date", "/world.rss", lambda tag: {"if_none_match": tag, "if_modified_since": "yesterday"}, True),
    ("gzip", "/world.rss", lambda tag: {"if_none_match": tag, "accept_encoding": "gzip, deflate"}, True),
    ("page", "/world.html", lambda tag: {"if_none_match": tag}, True),
    ("archive", "/archive/world/1.atom", lambda tag: {"if_none_match": tag}, True),
    ("picture", "/assets/logo.png", lambda tag: {"if_none_match": tag, "accept_encoding": "gzip"}, True),
    ("front page", "/", lambda tag: {"if_none_match": tag}, False),
    ("other tag", "/world.rss", lambda tag: {"if_none_match": '"a"'}, False),
    ("list", "/world.rss", lambda tag: {"if_none_match": f'"a", {tag}'}, False),
    ("star", "/world.rss", lambda tag: {"if_none_match": "*"}, False),
    ("tag twice", "/world.rss", lambda tag: {"if_none_match": tag, "if-none-match": '"a"'}, False),
    ("date", "/world.rss", lambda tag: {"if_modified_since": "Sun, 06 Nov 2033 08:49:37 GMT"}, False),
    ("no condition", "/world.rss", lambda tag: {}, False),
    ("gzip refused", "/world.rss", lambda tag: {"if_none_match": tag, "accept_encoding": "gzip;q=0"}, True),
    (
        "browser",
        "/world.rss",
        lambda tag: {"if_none_match": tag, "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"},
        False,
    ),
]


class CountingApp:
    """An application, and how many requests it was asked."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.count = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.count += 1
        await self.app(scope, receive, send)


def make_apps(root: Path) -> tuple[ConditionalRequests, CountingApp]:
    def feed_links(path: str) -> str:
        return f"<https://wire.example.org{path}>; rel=self"

    files = Files(root, clock=later)
    other = CountingApp(PublishedFiles(files, PlainTextResponse("missing", 404), feed_links))
    return ConditionalRequests(files, other, feed_links), other


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(("row", "path", "headers", "is_short"), REQUESTS, ids=[row[0] for row in REQUESTS])
def test_L5_the_short_way_says_what_the_long_way_says(
    tmp_path: Path, row: str, path: str, headers: Callable[[str], Headers], is_short: bool, method: str
) -> None:
    write_files(tmp_path)
    replace_file(tmp_path / "index.html", b"<title>Front page</title>")
    app, other = make_apps(tmp_path)
    first = ask(app, path, **{k: v for k, v in headers('"a"').items() if k == "accept_encoding"})
    request = headers(first.headers["etag"])
    other.count = 0
    short = ask(app, path, method, **request)
    assert other.count == (0 if is_short else 1)
    assert short == ask(other, path, method, **request)
    assert short.status == 304 or not is_short


def test_L5_a_file_that_was_replaced_removed_or_cannot_be_read_is_not_answered_from_memory(tmp_path: Path) -> None:
    write_files(tmp_path)
    app, _ = make_apps(tmp_path)
    etag = ask(app, "/world.rss").headers["etag"]
    path = tmp_path / "world.rss"

    def status() -> int:
        return ask(app, "/world.rss", if_none_match=etag).status

    assert status() == 304
    replace_file(path, RSS + b"<!-- another -->")
    assert status() == 200
    replace_file(path, RSS)
    assert [status(), status()] == [304, 304]
    path.unlink()
    assert status() == 404
    path.mkdir()
    assert status() == 404
    path.rmdir()
    replace_file(path, RSS)
    assert status() == 304
    tmp_path.rename(tmp_path.with_name("moved"))
    tmp_path.write_bytes(b"")
    assert status() == 404


def test_R10_the_tag_of_one_coding_is_not_that_of_another(tmp_path: Path) -> None:
    write_files(tmp_path)
    app, _ = make_apps(tmp_path)
    plain, gzipped = ask(app, "/world.rss"), ask(app, "/world.rss", accept_encoding="gzip")
    for response, other_coding in ((plain, "gzip"), (gzipped, "identity")):
        headers = {"if_none_match": response.headers["etag"], "accept_encoding": other_coding}
        assert ask(app, "/world.rss", **headers).status == 200


def test_L5_a_file_that_changed_just_now_is_not_answered_from_memory(tmp_path: Path) -> None:
    """Its stat may stay the same in the next change."""
    write_files(tmp_path)
    files = Files(tmp_path)
    assert asyncio.run(files.find("/world.rss"))
    assert files.recall("/world.rss") is None
