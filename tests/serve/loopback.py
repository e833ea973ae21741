"""A server on loopback, the files it serves, and a client for it."""

from __future__ import annotations

import http.client
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue

from feeds.codings import MAX_COMPRESSIBLE_SIZE
from feeds.serve import ASGIApp, LiveStreams, Services, create_app, run

RSS = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0">' + b"<item>news of the day</item>" * 400 + b"</rss>\n"
)
WITHDRAWN: Mapping[str, str | None] = {"closed": None, "before": "world", "each-source/bbc": "each-source/news"}
PUBLISHED = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
LARGE = bytes(range(251)) * (MAX_COMPRESSIBLE_SIZE // 251 + 9_999)
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"

FEED_VARY = "Sec-Fetch-Dest, Accept-Encoding"

TYPES = [
    # row, path, Accept, media type, Vary
    ("R35 RSS", "/world.rss", "*/*", "application/rss+xml; charset=utf-8", FEED_VARY),
    ("R25 Atom", "/world.atom", "*/*", "application/atom+xml; charset=utf-8", FEED_VARY),
    (
        "R25 archive",
        "/archive/world/1.atom",
        "*/*",
        "application/atom+xml; charset=utf-8",
        FEED_VARY,
    ),
    ("R40 JSON Feed", "/world.json", "*/*", "application/feed+json", FEED_VARY),
    (
        "R40 in a folder",
        "/each-source/bbc-news.json",
        "*/*",
        "application/feed+json",
        FEED_VARY,
    ),
    ("JSON that is no feed", "/assets/app.json", "*/*", "application/json", "Accept-Encoding"),
    ("C4 OPML", "/feeds.opml", "*/*", "text/x-opml; charset=utf-8", "Accept-Encoding"),
    ("page", "/world.html", BROWSER, "text/html; charset=utf-8", "Accept-Encoding"),
    ("story", "/stories/desk/first.html", BROWSER, "text/html; charset=utf-8", "Accept-Encoding"),
    ("picture", "/assets/logo.png", "*/*", "image/png", None),
    ("worker", "/sw.js", "*/*", "text/javascript; charset=utf-8", "Accept-Encoding"),
    ("manifest", "/manifest.webmanifest", "*/*", "application/manifest+json", "Accept-Encoding"),
    ("style", "/assets/page.css", "text/css,*/*;q=0.1", "text/css; charset=utf-8", "Accept-Encoding"),
    (
        "RSS, HTML accepted",
        "/world.rss",
        BROWSER,
        "application/rss+xml; charset=utf-8",
        FEED_VARY,
    ),
    ("JSON, HTML accepted", "/world.json", BROWSER, "application/feed+json", FEED_VARY),
    (
        "reader that also takes HTML",
        "/world.atom",
        "application/atom+xml, text/html;q=0.5",
        "application/atom+xml; charset=utf-8",
        FEED_VARY,
    ),
]


ABSENT = [
    ("/closed.rss", 410, None),
    ("/closed.atom", 410, None),
    ("/closed.json", 410, None),
    ("/closed.html", 410, None),
    ("/closed.css", 404, None),
    ("/closed", 404, None),
    ("/before.rss", 301, "/world.rss"),
    ("/before.json?a=//evil.example", 301, "/world.json"),
    ("/each-source/bbc.atom", 301, "/each-source/news.atom"),
    ("/closed/1.atom", 404, None),
    ("/archive/closed/1.atom", 410, None),
    ("/archive/closed.atom", 404, None),
    ("/archive/closed/one.atom", 404, None),
    ("/archive/before/12.atom", 301, "/archive/world/12.atom"),
    ("/archive/each-source/bbc/1.atom", 301, "/archive/each-source/news/1.atom"),
    ("/never.rss", 404, None),
]


@dataclass(frozen=True)
class Response:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def __getitem__(self, name: str) -> str:
        return self.headers[name]


@dataclass(frozen=True)
class LoopbackServer:
    port: int
    root: Path

    def request(self, path: str, method: str = "GET", **headers: str) -> Response:
        """Return the response to a request on its own connection; header names have _ for -."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in ({"host": "127.0.0.1"} | headers).items():
                connection.putheader(name.replace("_", "-"), value)
            connection.endheaders()
            response = connection.getresponse()
            body = response.read()
            names = {name.lower() for name in response.headers}
            lines = {name: response.headers.get_all(name, []) for name in names}
            assert all(len(values) == 1 or name == "vary" for name, values in lines.items()), "a header came twice"
            return Response(response.status, {name: ", ".join(values) for name, values in lines.items()}, body)
        finally:
            connection.close()

    def raw(self, request: bytes) -> bytes:
        """Send bytes as they are; return all that comes back until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=300) as connection:
            connection.sendall(request)
            return b"".join(iter(lambda: connection.recv(65_536), b""))


@contextmanager
def run_server(
    app: ASGIApp, root: Path, stall_timeout: float = 60.0, trusted_proxies: Sequence[str] = (), port: int = 0
) -> Iterator[LoopbackServer]:
    stop, ready = threading.Event(), SimpleQueue[int]()
    arguments = {"on_ready": ready.put, "should_stop": stop.is_set}
    arguments |= {"stall_timeout": stall_timeout, "trusted_proxies": trusted_proxies}
    thread = threading.Thread(target=run, args=(app, ("127.0.0.1", port)), kwargs=arguments)
    thread.start()
    try:
        yield LoopbackServer(ready.get(timeout=300), root)
    finally:
        stop.set()
        thread.join(timeout=300)
        assert not thread.is_alive()


def create_test_app(root: Path, *, is_healthy: Callable[[], bool] = lambda: True, base_path: str = "/") -> ASGIApp:
    live = LiveStreams(lambda after, limit: (), lambda: range(1, 1))
    return create_app(
        root, withdrawn_feeds=lambda: WITHDRAWN, is_healthy=is_healthy, base_path=base_path, services=Services(live)
    )


def write_files(root: Path) -> None:
    files = {
        "world.rss": RSS,
        "world.atom": b"<feed/>" + RSS,
        "world.json": b'{"version": "https://jsonfeed.org/version/1.1"}' + b" " * 400,
        "world.html": b"<!DOCTYPE html><title>World</title>" + b"<p>text</p>" * 40,
        "feeds.opml": b"<opml/>",
        "archive/world/1.atom": b"<feed>old</feed>",
        "each-source/bbc-news.json": b"{}",
        "assets/app.json": b"{}",
        "assets/logo.png": bytes(range(256)) * 8,
        "sw.js": b"addEventListener('push', () => {});" * 20,
        "manifest.webmanifest": b'{"name": "The Example Wire"}' + b" " * 400,
        "assets/page.css": b"p { margin: 0 }" * 40,
        "stories/desk/first.html": b"<p>first</p>",
        "stories/desk/talk.mp3": bytes(range(256)) * 4,
        ".hidden.rss": b"secret",
        ".git/config.txt": b"secret",
        "world.rss.tmp": b"secret",
        ".world.rss.123.feeds-new": b"secret",
        "feeds.db": b"secret",
        "unknown.xyz": b"secret",
        "folder.rss/inner.rss": b"<rss/>",
    }
    for name, body in files.items():
        replace_file(root / name, body)
    os.utime(root / "world.rss", (PUBLISHED.timestamp(), PUBLISHED.timestamp()))
    replace_file(root / "assets" / "film.mp4", LARGE)
    replace_file(root / "large.json", LARGE)


def write_hostile_files(root: Path) -> None:
    replace_file(root.parent / "outside.rss", b"secret")
    (root / "escape.rss").symlink_to(root.parent / "outside.rss")
    (root / "escape-folder").symlink_to(root.parent)
    (root / "loop.rss").symlink_to("loop.rss")
    (root / "to-hidden.rss").symlink_to(".hidden.rss")
    (root / "latest.rss").symlink_to("world.rss")
    os.mkfifo(root / "pipe.rss")
    with socket.socket(socket.AF_UNIX) as end:
        here = Path.cwd()
        os.chdir(root)  # the address of such a socket may not be long
        end.bind("socket.rss")
        os.chdir(here)


def replace_file(path: Path, body: bytes) -> None:
    """Replace a file as publish does: the whole bytes under another name, then the name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.0.feeds-new")
    temporary.write_bytes(body)
    temporary.replace(path)


def later() -> int:
    """A clock for which every file of the test is old."""
    return time.time_ns() + 60_000_000_000
