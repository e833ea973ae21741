"""The server over a real loopback socket, asked by http.client: rows S14, S17–S19, R9, R10, R25, R35, R40, L5."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from queue import SimpleQueue

import pytest
from wire import until

from feeds.errors import FeedsError
from feeds.serve import ASGIApp, create_app, run
from feeds.serve.cache import BodyCache
from feeds.serve.file_response import wanted
from feeds.serve.files import WHOLE, Files

CONFIG = Path(__file__).parent.parent / "config"
RSS = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0">' + b"<item>news of the day</item>" * 400 + b"</rss>\n"
)
GONE: Mapping[str, str | None] = {"closed": None, "before": "world", "each-source/bbc": "each-source/news"}
PUBLISHED = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
LARGE = bytes(range(251)) * (WHOLE // 251 + 9_999)
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


# ── the rig ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Mapping[str, str]
    body: bytes

    def __getitem__(self, name: str) -> str:
        return self.headers[name]


@dataclass(frozen=True)
class Served:
    port: int
    root: Path

    def ask(self, path: str, method: str = "GET", **headers: str) -> Reply:
        """Ask over a connection of its own; header names with _ for -."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in ({"host": "127.0.0.1"} | headers).items():
                connection.putheader(name.replace("_", "-"), value)
            connection.endheaders()
            response = connection.getresponse()
            body = response.read()
            names = {name.lower() for name in response.headers}
            told = {name: response.headers.get_all(name, []) for name in names}
            assert all(len(values) == 1 or name == "vary" for name, values in told.items()), "a header came twice"
            return Reply(response.status, {name: ", ".join(values) for name, values in told.items()}, body)
        finally:
            connection.close()

    def raw(self, request: bytes) -> bytes:
        """Send bytes as they are; give all that comes back until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=300) as connection:
            connection.sendall(request)
            return b"".join(iter(lambda: connection.recv(65_536), b""))


@contextmanager
def serving(app: ASGIApp, root: Path, patience: float = 60.0) -> Iterator[Served]:
    stop, ready = threading.Event(), SimpleQueue[int]()
    arguments = {"on_ready": ready.put, "stop": stop.is_set, "patience": patience}
    thread = threading.Thread(target=run, args=(app, ("127.0.0.1", 0)), kwargs=arguments)
    thread.start()
    try:
        yield Served(ready.get(timeout=300), root)
    finally:
        stop.set()
        thread.join(timeout=300)
        assert not thread.is_alive()


def application(root: Path, *, well: Callable[[], bool] = lambda: True) -> ASGIApp:
    return create_app(root, gone=lambda: GONE, health=well)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One server for all tests that only ask."""
    root = tmp_path_factory.mktemp("served") / "public"
    fill(root)
    lay_traps(root)
    with serving(application(root), root) as server:
        yield server


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Served]:
    """A server for a test that changes files."""
    root = tmp_path / "public"
    fill(root)
    with serving(application(root), root) as server:
        yield server


def fill(root: Path) -> None:
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
        put(root / name, body)
    os.utime(root / "world.rss", (PUBLISHED.timestamp(), PUBLISHED.timestamp()))
    put(root / "assets" / "film.mp4", LARGE)
    put(root / "large.json", LARGE)


def lay_traps(root: Path) -> None:
    put(root.parent / "outside.rss", b"secret")
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


def put(path: Path, body: bytes) -> None:
    """Replace a file as publish does: the whole bytes under another name, then the name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.0.feeds-new")
    temporary.write_bytes(body)
    temporary.replace(path)


# ── media types ─────────────────────────────────────────────────────────────────────────────────────────────────────

TYPES = [
    # row, path, Accept, media type, Vary
    ("R35 RSS", "/world.rss", "*/*", "application/rss+xml; charset=utf-8", "Accept, Accept-Encoding"),
    ("R25 Atom", "/world.atom", "*/*", "application/atom+xml; charset=utf-8", "Accept, Accept-Encoding"),
    ("R25 archive", "/archive/world/1.atom", "*/*", "application/atom+xml; charset=utf-8", "Accept, Accept-Encoding"),
    ("R40 JSON Feed", "/world.json", "*/*", "application/feed+json", "Accept-Encoding"),
    ("R40 in a folder", "/each-source/bbc-news.json", "*/*", "application/feed+json", "Accept-Encoding"),
    ("JSON that is no feed", "/assets/app.json", "*/*", "application/json", "Accept-Encoding"),
    ("OPML", "/feeds.opml", "*/*", "text/x-opml", "Accept-Encoding"),
    ("page", "/world.html", BROWSER, "text/html; charset=utf-8", "Accept-Encoding"),
    ("story", "/stories/desk/first.html", BROWSER, "text/html; charset=utf-8", "Accept-Encoding"),
    ("picture", "/assets/logo.png", "*/*", "image/png", None),
    ("style", "/assets/page.css", "text/css,*/*;q=0.1", "text/css; charset=utf-8", "Accept-Encoding"),
    ("RSS navigated", "/world.rss", BROWSER, "application/xml; charset=utf-8", "Accept, Accept-Encoding"),
    ("Atom navigated", "/world.atom", BROWSER, "application/xml; charset=utf-8", "Accept, Accept-Encoding"),
    ("JSON navigated", "/world.json", BROWSER, "application/feed+json", "Accept-Encoding"),
    (
        "reader that also takes HTML",
        "/world.atom",
        "application/atom+xml, text/html;q=0.5",
        "application/atom+xml; charset=utf-8",
        "Accept, Accept-Encoding",
    ),
]


@pytest.mark.parametrize(("row", "path", "accept", "media_type", "vary"), TYPES, ids=[row[0] for row in TYPES])
def test_R25_R35_R40_media_types(
    served: Served, row: str, path: str, accept: str, media_type: str, vary: str | None
) -> None:
    reply = served.ask(path, accept=accept)
    assert (reply.status, reply["content-type"], reply.headers.get("vary")) == (200, media_type, vary)
    assert reply.body == (served.root / path[1:]).read_bytes()


# ── conditional requests ────────────────────────────────────────────────────────────────────────────────────────────

CONDITIONS = [
    # row, headers made from the ETag, status
    ("no condition", lambda tag: {}, 200),
    ("equal", lambda tag: {"if_none_match": tag}, 304),
    ("weak compare", lambda tag: {"if_none_match": f"W/{tag}"}, 304),
    ("star", lambda tag: {"if_none_match": "*"}, 304),
    ("in a list", lambda tag: {"if_none_match": f'"a", W/"b,c" ,{tag}'}, 304),
    ("other tag", lambda tag: {"if_none_match": '"a"'}, 200),
    ("part of the tag", lambda tag: {"if_none_match": f'{tag[:-4]}"'}, 200),
    ("without quotes", lambda tag: {"if_none_match": tag.strip('"')}, 200),
    ("empty", lambda tag: {"if_none_match": ""}, 200),
    ("same date", lambda tag: {"if_modified_since": format_datetime(PUBLISHED, usegmt=True)}, 304),
    ("later date", lambda tag: {"if_modified_since": "Sun, 06 Nov 2033 08:49:37 GMT"}, 304),
    ("earlier date", lambda tag: {"if_modified_since": "Sun, 06 Nov 1994 08:49:37 GMT"}, 200),
    ("old form of date", lambda tag: {"if_modified_since": "Sunday, 06-Nov-33 08:49:37 GMT"}, 304),
    ("no date", lambda tag: {"if_modified_since": "yesterday"}, 200),
    (
        "tag before date",
        lambda tag: {"if_none_match": '"a"', "if_modified_since": "Sun, 06 Nov 2033 08:49:37 GMT"},
        200,
    ),
]


@pytest.mark.parametrize("coding", ["identity", "gzip"])
@pytest.mark.parametrize(("row", "headers", "status"), CONDITIONS, ids=[row[0] for row in CONDITIONS])
def test_R10_conditional_requests(
    served: Served, row: str, headers: Callable[[str], dict[str, str]], status: int, coding: str
) -> None:
    whole = served.ask("/world.rss", accept_encoding=coding)
    for method in ("GET", "HEAD"):
        reply = served.ask("/world.rss", method, accept_encoding=coding, **headers(whole["etag"]))
        assert reply.status == status
        for name in ("etag", "cache-control", "vary", "last-modified", "access-control-allow-origin"):
            assert reply[name] == whole[name]
        assert reply.body == (whole.body if status == 200 and method == "GET" else b"")
        assert status == 200 or "content-type" not in reply.headers


def test_R10_the_etag_is_strong_and_of_the_served_bytes(served: Served) -> None:
    plain = served.ask("/world.rss")
    packed = served.ask("/world.rss", accept_encoding="gzip")
    for reply in (plain, packed):
        assert reply["etag"] == f'"{hashlib.sha256(reply.body).hexdigest()[:32]}"'
    assert plain["etag"] != packed["etag"]
    assert packed["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body == RSS
    assert served.ask("/world.rss", accept_encoding="gzip", if_none_match=plain["etag"]).status == 200


def test_R10_the_etag_survives_a_restart_and_a_rewrite_of_the_same_bytes(own: Served) -> None:
    tags = [own.ask("/world.rss", accept_encoding=coding)["etag"] for coding in ("identity", "gzip")]
    put(own.root / "world.rss", RSS)
    with serving(application(own.root), own.root) as again:
        for server in (own, again):
            assert tags == [server.ask("/world.rss", accept_encoding=coding)["etag"] for coding in ("identity", "gzip")]


def test_R10_last_modified_is_never_in_the_future_and_moves_on_with_the_bytes(own: Served) -> None:
    path = own.root / "world.rss"
    os.utime(path, (PUBLISHED.timestamp(), PUBLISHED.timestamp()))
    assert parsedate_to_datetime(own.ask("/world.rss")["last-modified"]) == PUBLISHED
    put(path, RSS + b"restored from a backup")
    earlier = PUBLISHED - timedelta(days=9)
    os.utime(path, (earlier.timestamp(), earlier.timestamp()))
    reply = own.ask("/world.rss", if_modified_since=format_datetime(PUBLISHED, usegmt=True))
    assert reply.status == 200
    assert PUBLISHED < parsedate_to_datetime(reply["last-modified"]) <= datetime.now(UTC)
    put(own.root / "world.atom", RSS)
    os.utime(own.root / "world.atom", (4e9, 4e9))
    assert parsedate_to_datetime(own.ask("/world.atom")["last-modified"]) <= datetime.now(UTC)


CODINGS = [
    ("gzip", True),
    ("GZIP", True),
    ("br, gzip;q=0.5", True),
    ("*", True),
    ("gzip;q=0", False),
    ("gzip;q=0.000, *;q=1", False),
    ("identity", False),
    ("", False),
    ("deflate, br, zstd", False),
    ("gzip;q=nonsense", False),
]


@pytest.mark.parametrize(("header", "packed"), CODINGS)
def test_R10_gzip_only_for_those_who_accept_it(served: Served, header: str, packed: bool) -> None:
    reply = served.ask("/world.rss", accept_encoding=header)
    assert ("content-encoding" in reply.headers) is packed
    assert (gzip.decompress(reply.body) if packed else reply.body) == RSS


def test_pictures_are_not_compressed_again(served: Served) -> None:
    assert "content-encoding" not in served.ask("/assets/logo.png", accept_encoding="gzip").headers


# ── methods ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", ["/world.rss", "/", "/health", "/none.rss", "/closed.rss", "/assets/listing.css"])
def test_HEAD_has_the_headers_of_GET_and_no_body(served: Served, path: str) -> None:
    get, head = served.ask(path), served.ask(path, "HEAD")
    assert (head.status, head.body) == (get.status, b"")
    assert {k: v for k, v in head.headers.items() if k != "date"} == {
        k: v for k, v in get.headers.items() if k != "date"
    }


@pytest.mark.parametrize("path", ["/world.rss", "/", "/health", "/none"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
def test_S19_other_methods_are_refused(served: Served, method: str, path: str) -> None:
    reply = served.ask(path, method)
    assert (reply.status, reply["allow"]) == (405, "GET, HEAD")


# ── names ───────────────────────────────────────────────────────────────────────────────────────────────────────────

HOSTILE = [
    "/.hidden.rss",
    "/%2ehidden.rss",
    "/.git/config.txt",
    "/.world.rss.123.feeds-new",
    "/world.rss.tmp",
    "/world.rss~",
    "/feeds.db",
    "/unknown.xyz",
    "/world",
    "/world.",
    "/.",
    "/..",
    "/../outside.rss",
    "/%2e%2e/outside.rss",
    "/..%2foutside.rss",
    "/..%5coutside.rss",
    "/assets/../world.rss",
    "/assets/%2e%2e/%2e%2e/outside.rss",
    "/assets//logo.png",
    "//world.rss",
    "/assets/",
    "/assets",
    "/folder.rss",
    "/folder.rss/",
    "/world.rss/",
    "/world.rss/inner.rss",
    "/world.rss%00",
    "/world.rss%00.png",
    "/world.rss%0d%0aSet-Cookie:%20a=b",
    "/WORLD.RSS",
    "/World.rss",
    "/CON.rss",
    "/world.rss%20",
    "/world%ff.rss",
    "/world\uff0e.rss".encode().decode("latin-1"),
    "/%e2%80%a4%e2%80%a4/outside.rss",
    "/" + "a" * 300 + ".rss",
    "/" + "a/" * 60 + "a.rss",
    "/world.rss;type=a",
    "/escape.rss",
    "/escape-folder/outside.rss",
    "/loop.rss",
    "/pipe.rss",
    "/socket.rss",
    "/to-hidden.rss",
]


@pytest.mark.parametrize("path", HOSTILE)
def test_S14_S18_what_is_no_published_file_is_not_found(served: Served, path: str) -> None:
    quoted = re.sub(r"[^\x21-\x7e]", lambda match: f"%{ord(match.group()):02x}", path)
    reply = served.ask(quoted)
    assert reply.status == 404
    assert reply.body == b"Not Found\n"


def test_S14_a_link_within_the_folder_is_followed(served: Served) -> None:
    assert served.ask("/latest.rss").body == RSS


def test_S14_a_file_that_becomes_a_link_out_is_not_served_from_memory(own: Served) -> None:
    assert own.ask("/world.rss").status == 200
    (own.root.parent / "outside.rss").write_bytes(RSS)
    (own.root / "world.rss").unlink()
    (own.root / "world.rss").symlink_to(own.root.parent / "outside.rss")
    assert own.ask("/world.rss").status == 404


@pytest.mark.parametrize("name", ["world.rss", "large.json"])
def test_S14_a_file_that_was_moved_out_and_linked_is_not_served(tmp_path: Path, name: str) -> None:
    """The bytes, size and inode stay; with a memory of nothing the file has to be opened again."""
    fill(tmp_path / "public")

    async def look() -> None:
        files = Files(tmp_path / "public", budget=0, clock=later)
        resource = await files.find(f"/{name}")
        assert resource
        (tmp_path / "public" / name).rename(tmp_path / name)
        (tmp_path / "public" / name).symlink_to(tmp_path / name)
        assert files.opened(resource) is None
        assert await files.body(resource, resource.plain) is None
        assert await files.find(f"/{name}") is None

    asyncio.run(look())


def test_the_public_folder_may_come_late_and_may_be_a_link(tmp_path: Path) -> None:
    root = tmp_path / "public"
    with serving(application(root), root) as server:
        assert server.ask("/world.rss").status == 404
        assert b"Nothing is published yet" in server.ask("/").body
        fill(tmp_path / "real")
        root.symlink_to(tmp_path / "real")
        assert server.ask("/world.rss").body == RSS


# ── gone and renamed ────────────────────────────────────────────────────────────────────────────────────────────────

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
    ("/never.rss", 404, None),
]


@pytest.mark.parametrize(("path", "status", "location"), ABSENT, ids=[row[0] for row in ABSENT])
def test_a_feed_that_is_gone_or_renamed(served: Served, path: str, status: int, location: str | None) -> None:
    reply = served.ask(path)
    assert (reply.status, reply.headers.get("location")) == (status, location)
    assert reply["access-control-allow-origin"] == "*"


def test_a_file_that_is_there_is_served_whatever_the_ledger_says(own: Served) -> None:
    put(own.root / "closed.rss", b"<rss/>")
    assert own.ask("/closed.rss").status == 200


# ── headers, errors, redirects ──────────────────────────────────────────────────────────────────────────────────────

EVERYWHERE = [
    *[path for _, path, _, _, _ in TYPES],
    *[path for path, _, _ in ABSENT],
    "/",
    "/health",
    "/assets/listing.css",
    "/none",
    "/..",
    "/<script>alert(1)</script>",
    "/%3Cscript%3Ealert(1)%3C/script%3E.rss",
    "/world.rss?q=<script>alert(1)</script>",
    "/?<script>",
    "/health?<script>",
]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", sorted(set(EVERYWHERE)))
def test_S17_security_headers_everywhere_and_nothing_reflected(served: Served, path: str, method: str) -> None:
    mark = "<script>mark</script>"
    marks = dict.fromkeys(("referer", "user_agent", "x_forwarded_host", "accept", "origin", "cookie"), mark)
    reply = served.ask(path, method, if_none_match=mark, range=mark, if_range=mark, **marks)
    assert reply["x-content-type-options"] == "nosniff"
    assert reply["referrer-policy"] == "no-referrer"
    policy = reply["content-security-policy"]
    for directive in ("default-src 'none'", "form-action 'none'", "frame-ancestors 'none'", "base-uri 'none'"):
        assert directive in policy
    assert "unsafe" not in policy
    assert policy.endswith("; sandbox") is not reply.headers.get("content-type", "").startswith("text/html")
    assert "server" not in reply.headers
    assert "set-cookie" not in reply.headers
    if reply.status >= 300:
        assert reply["content-type"] == "text/plain; charset=utf-8"
        assert reply["cache-control"] == "no-store"
    assert b"script>" not in reply.body
    assert "script" not in "".join(reply.headers.values())


MALFORMED = [
    b"nonsense\r\n\r\n",
    b"GET /<script> with spaces HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
    b"GET / HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
]


@pytest.mark.parametrize("request_bytes", MALFORMED, ids=range(len(MALFORMED)))
def test_S17_what_is_no_http_is_refused_with_the_same_headers(tmp_path: Path, request_bytes: bytes) -> None:
    with serving(application(tmp_path), tmp_path, patience=2.0) as server:
        answer = server.raw(request_bytes + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"x-content-type-options: nosniff\r\n" in answer
    assert b"content-security-policy: default-src 'none'" in answer
    assert b"script" not in answer


REDIRECTS = ["//evil.example", "//evil.example/%2e%2e", "/\\evil.example", "/%5cevil.example", "https:evil.example"]
REDIRECTS += ["https://evil.example/world.rss", "/%2f%2fevil.example", "///evil.example", "/%09/evil.example"]


@pytest.mark.parametrize("path", REDIRECTS)
def test_S19_no_open_redirect(served: Served, path: str) -> None:
    for spelling in (path, f"{path}/before.rss", f"{path}/"):
        reply = served.ask(spelling)
        assert "location" not in reply.headers
        assert b"evil" not in reply.body


@pytest.mark.parametrize("path", ["/world.rss", "/", "/before.rss", "/closed.rss", "/none", "/health", "/world.html"])
def test_S19_a_spoofed_host_appears_nowhere(served: Served, path: str) -> None:
    reply = served.ask(path, host="evil.example", x_forwarded_host="evil.example", forwarded="host=evil.example")
    assert b"evil" not in reply.body
    assert "evil" not in "".join(reply.headers.values())


def test_feeds_may_be_read_from_any_page_and_nothing_else_may(served: Served) -> None:
    for path in ("/world.rss", "/world.atom", "/world.json", "/feeds.opml", "/archive/world/1.atom"):
        assert served.ask(path, origin="https://reader.example")["access-control-allow-origin"] == "*"
    for path in ("/", "/health", "/world.html", "/assets/app.json", "/stories/desk/first.html"):
        assert "access-control-allow-origin" not in served.ask(path, origin="https://reader.example").headers


# ── health and the first page ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("well", "status", "word"), [(True, 200, b"ok\n"), (False, 503, b"degraded\n")])
def test_health_is_one_word(tmp_path: Path, well: bool, status: int, word: bytes) -> None:
    with serving(application(tmp_path, well=lambda: well), tmp_path) as server:
        reply = server.ask("/health")
    assert (reply.status, reply.body, reply["cache-control"]) == (status, word, "no-store")


def test_the_first_page_lists_the_feeds_with_their_formats(served: Served) -> None:
    page = served.ask("/", accept=BROWSER)
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
    assert served.ask(f"/{style.group(1)}")["content-type"] == "text/css; charset=utf-8"


def test_the_first_page_follows_what_is_published(own: Served) -> None:
    before = own.ask("/")
    assert own.ask("/", if_none_match=before["etag"]).status == 304
    put(own.root / "each-source" / "new.rss", RSS)
    assert b'href="each-source/new.rss"' in own.ask("/", if_none_match=before["etag"]).body
    (own.root / "world.rss").unlink()
    assert b'href="world.rss"' not in own.ask("/").body
    put(own.root / "index.html", b"<title>ours</title>")
    assert own.ask("/").body == b"<title>ours</title>"


# ── ranges ──────────────────────────────────────────────────────────────────────────────────────────────────────────

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
    found = wanted(header, 100)
    assert (found is None) == (span is None)
    assert list(found or ()) == list(span or ())


def test_S18_a_player_gets_its_range(served: Served) -> None:
    whole = served.ask("/stories/desk/talk.mp3")
    assert whole["accept-ranges"] == "bytes"
    part = served.ask("/stories/desk/talk.mp3", range="bytes=100-199", if_range=whole["etag"])
    assert (part.status, part["content-range"], part.body) == (206, "bytes 100-199/1024", whole.body[100:200])
    assert served.ask("/stories/desk/talk.mp3", range="bytes=100-199", if_range='"other"').status == 200
    outside = served.ask("/stories/desk/talk.mp3", range="bytes=5000-")
    assert (outside.status, outside["content-range"]) == (416, "bytes */1024")


@pytest.mark.parametrize("path", ["/world.rss", "/stories/desk/talk.mp3"])
@pytest.mark.parametrize("parts", ["0-,", "0-0,", "9-1,", "-1,", "0-1000,1-999,"])
def test_S18_ten_thousand_ranges_are_the_whole_file(served: Served, path: str, parts: str) -> None:
    count = 60_000 // len(parts)
    reply = served.ask(path, range="bytes=" + (parts * count)[:-1])
    assert (reply.status, reply.body) == (200, (served.root / path[1:]).read_bytes())


# ── large files ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_large_file_is_streamed_with_the_same_answers(served: Served) -> None:
    for path in ("/assets/film.mp4", "/large.json"):
        whole = served.ask(path, accept_encoding="gzip")
        assert whole.body == LARGE
        assert whole["etag"] == f'"{hashlib.sha256(LARGE).hexdigest()[:32]}"'
        assert served.ask(path, if_none_match=whole["etag"]).status == 304
        head = served.ask(path, "HEAD")
        assert (head["content-length"], head.body) == (str(len(LARGE)), b"")
    part = served.ask("/assets/film.mp4", range="bytes=1000000-1999999")
    assert (part.status, part.body) == (206, LARGE[1_000_000:2_000_000])


def test_a_large_file_that_is_cut_short_breaks_the_answer_off(own: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", own.port, timeout=300)
    connection.request("GET", "/assets/film.mp4")
    response = connection.getresponse()
    os.truncate(own.root / "assets" / "film.mp4", 1000)
    with pytest.raises(http.client.IncompleteRead):
        response.read()
    connection.close()


# ── memory and disk ─────────────────────────────────────────────────────────────────────────────────────────────────


class Opened:
    """Counts the files opened in a folder while inside; audit hooks cannot be taken away, so there is one."""

    folder: str | None = None
    count = 0

    @classmethod
    def hook(cls, event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and cls.folder and str(arguments[0]).startswith(cls.folder):
            cls.count += 1

    @classmethod
    @contextmanager
    def counted(cls, folder: Path) -> Iterator[type[Opened]]:
        cls.folder, cls.count = str(folder.resolve()), 0
        yield cls
        cls.folder = None


sys.addaudithook(Opened.hook)

Clock = Callable[[], int]
STARTED = time.time_ns()


def later() -> int:
    """A clock for which every file of the test is old."""
    return time.time_ns() + 60_000_000_000


def earlier() -> int:
    """A clock for which every file of the test changed just now."""
    return STARTED


@pytest.mark.parametrize(("clock", "opens"), [(later, 1), (earlier, 10)], ids=["settled", "changed just now"])
def test_L5_a_file_that_did_not_change_is_not_opened_again(tmp_path: Path, clock: Clock, opens: int) -> None:
    fill(tmp_path)

    async def look() -> None:
        files = Files(tmp_path, clock=clock)
        for _ in range(10):
            resource = await files.find("/world.rss")
            assert resource
            assert await files.packed(resource)
            assert await files.body(resource, resource.plain) == RSS

    with Opened.counted(tmp_path) as opened:
        asyncio.run(look())
    assert opened.count == opens


def test_a_body_that_had_to_leave_the_memory_is_read_again(tmp_path: Path) -> None:
    fill(tmp_path)

    async def look() -> None:
        files = Files(tmp_path, budget=10, clock=later)
        resource = await files.find("/world.rss")
        assert resource
        packed = await files.packed(resource)
        assert packed
        assert await files.body(resource, resource.plain) == RSS
        assert gzip.decompress(await files.body(resource, packed) or b"") == RSS
        put(tmp_path / "world.rss", b"<rss>other</rss>")
        assert await files.body(resource, resource.plain) is None
        assert await files.body(resource, packed) is None
        (tmp_path / "world.rss").unlink()
        assert await files.body(resource, resource.plain) is None
        assert await files.find("/world.rss") is None

    asyncio.run(look())


def test_who_asks_at_the_same_moment_shares_the_work(tmp_path: Path) -> None:
    put(tmp_path / "film.mp4", bytes(WHOLE + 1))

    async def look() -> None:
        files = Files(tmp_path, clock=later)
        found = await asyncio.gather(*(files.find("/film.mp4") for _ in range(50)))
        assert len({id(resource) for resource in found}) == 1

    with Opened.counted(tmp_path) as opened:
        asyncio.run(look())
    assert opened.count == 1


def test_bodies_stay_within_their_budget() -> None:
    bodies = BodyCache(100)
    for number in range(50):
        bodies.put(f"a{number}", bytes(30))
        bodies.get("a0")
    assert bodies.size == 90
    assert bodies.get("a0") is not None
    assert bodies.get("a1") is None
    bodies.put("whale", bytes(101))
    assert bodies.size == 0


def test_R9_R10_a_file_replaced_1000_times_is_never_cut_mixed_or_stale(own: Served) -> None:
    """Replaced as fast as the disk allows, often by bodies of the same length: a stat alone cannot tell them apart."""
    path, over = own.root / "world.rss", threading.Event()
    generation = [0]

    def body(number: int) -> bytes:
        return b"%06d," % number * (2_000 + number % 3 * 500)

    def replace() -> None:
        for number in range(1, 1_001):
            put(path, body(number))
            generation[0] = number
        over.set()

    def read(coding: str) -> int:
        asked = 0
        while not over.is_set() or asked == 0:
            oldest = generation[0]
            reply = own.ask("/world.rss", accept_encoding=coding)
            got = gzip.decompress(reply.body) if reply.headers.get("content-encoding") else reply.body
            number = int(got[:6])
            assert got == body(number)
            assert number >= oldest
            assert reply["etag"] == f'"{hashlib.sha256(reply.body).hexdigest()[:32]}"'
            asked += 1
        return asked

    put(path, body(0))
    with ThreadPoolExecutor() as pool:
        readers = [pool.submit(read, coding) for coding in ("gzip", "identity", "gzip", "identity")]
        pool.submit(replace).result()
        assert sum(reader.result() for reader in readers) >= 4
    assert own.ask("/world.rss").body == body(1_000)


# ── the server itself ───────────────────────────────────────────────────────────────────────────────────────────────

PROGRAM = """
import resource, sys
from pathlib import Path
from feeds.serve import create_app, run

def use_up() -> bool:
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    return True

app = create_app(Path(sys.argv[1]), gone=dict, health=use_up)
run(app, ("127.0.0.1", 0), on_ready=lambda port: print(port, flush=True))
print("stopped", flush=True)
"""


def test_a_file_that_cannot_be_opened_is_no_missing_file(served: Served) -> None:
    """Readers give up a feed that is said to be missing; here the server has run out of file descriptors."""
    command = [sys.executable, "-c", PROGRAM, str(served.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        connection = http.client.HTTPConnection("127.0.0.1", int(process.stdout.readline()), timeout=300)
        for path, status in (("/health", 200), ("/world.rss", 503), ("/none.rss", 404)):
            connection.request("GET", path)
            response = connection.getresponse()
            assert (response.status, path) == (status, path)
            response.read()
        connection.close()
        process.terminate()
        _, errors = process.communicate(timeout=300)
    assert "cannot serve '/world.rss'" in errors


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_the_server_though_clients_hang_on(served: Served, number: signal.Signals) -> None:
    command = [sys.executable, "-c", PROGRAM, str(served.root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        port = int(process.stdout.readline())
        address = ("127.0.0.1", port)
        with socket.create_connection(address) as silent, socket.create_connection(address) as greedy:
            silent.sendall(b"GET /world.rss HTT")
            greedy.sendall(b"GET /assets/film.mp4 HTTP/1.1\r\nhost: a\r\n\r\n")
            assert greedy.recv(1)
            process.send_signal(number)
            output, errors = process.communicate(timeout=300)
    assert (process.returncode, output) == (0, "stopped\n")
    assert "Traceback" not in errors


def test_an_address_that_is_taken_is_said_in_one_sentence(served: Served) -> None:
    with pytest.raises(FeedsError, match=rf"^cannot listen on 127\.0\.0\.1:{served.port} \(.*in use.*\): "):
        run(application(served.root), ("127.0.0.1", served.port))


def test_a_connection_that_makes_no_progress_is_dropped(tmp_path: Path) -> None:
    fill(tmp_path)
    put(tmp_path / "film.mp4", bytes(WHOLE * 8))
    with serving(application(tmp_path), tmp_path, patience=2.0) as server:
        assert server.raw(b"") == b""
        assert server.raw(b"GET /world.rss HTTP/1.1\r\nhost: a\r\nx-slow") == b""
        with socket.create_connection(("127.0.0.1", server.port), timeout=300) as idle:
            idle.sendall(b"GET /film.mp4 HTTP/1.1\r\nhost: a\r\n\r\n")
            until(lambda: is_closed(idle))
        assert server.ask("/world.rss").body == RSS


def is_closed(connection: socket.socket) -> bool:
    """Whether the server has closed a connection from which nothing is read."""
    try:
        connection.sendall(b"\r\n")
    except OSError:
        return True
    return False


def test_several_requests_on_one_connection(served: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=300)
    for _ in range(3):
        for path, status in (("/world.rss", 200), ("/none", 404), ("/closed.rss", 410), ("/health", 200)):
            connection.request("GET", path)
            response = connection.getresponse()
            assert response.status == status
            response.read()
    connection.close()


# ── the samples ─────────────────────────────────────────────────────────────────────────────────────────────────────

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/bin")


def nginx_files(folder: Path, root: Path, backend: int) -> tuple[Path, int]:
    """The sample with its three names changed, inside a configuration that needs no rights."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    sample = (CONFIG / "nginx.conf").read_text(encoding="utf-8")
    for old, new in (
        ("listen 80;", f"listen 127.0.0.1:{port};"),
        ("/srv/feeds/public", str(root)),
        ("127.0.0.1:8080", f"127.0.0.1:{backend}"),
    ):
        assert old in sample
        sample = sample.replace(old, new)
    (folder / "feeds.conf").write_text(sample, encoding="utf-8")
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main = f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/errors; events {{ }}"
    (folder / "main.conf").write_text(f"{main} http {{ access_log off; {temporary} include {folder}/feeds.conf; }}")
    return folder / "main.conf", port


@contextmanager
def nginx(folder: Path, served: Served) -> Iterator[Served]:
    assert NGINX
    path, port = nginx_files(folder, served.root, served.port)
    command = [NGINX, "-c", str(path), "-e", str(folder / "errors"), "-p", str(folder)]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, timeout=300, check=False)
    assert checked.returncode == 0, checked.stderr
    assert "warn" not in checked.stderr
    with subprocess.Popen(command) as process:
        try:
            until(lambda: is_listening(port))
            yield Served(port, served.root)
        finally:
            process.terminate()


def is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
def test_the_nginx_sample_is_valid_and_answers_as_we_do(served: Served, tmp_path: Path) -> None:
    (tmp_path / "nginx").mkdir()
    same = ("content-type", "access-control-allow-origin", "content-security-policy", "referrer-policy", "location")
    paths = [path for path, _, _ in ABSENT] + ["/", "/health", "/.hidden.rss", "/assets/listing.css"]
    with nginx(tmp_path / "nginx", served) as front:
        for path, accept in [(path, accept) for _, path, accept, _, _ in TYPES] + [(path, BROWSER) for path in paths]:
            if path == "/health":
                assert front.ask(path)["cache-control"] == "no-store"
            theirs, ours = front.ask(path, accept=accept), served.ask(path, accept=accept)
            assert theirs.status == ours.status, path
            if path != "/.hidden.rss":
                names = [name for name in same if theirs.headers.get(name) != ours.headers.get(name)]
                assert not names, (path, names)
        tag = front.ask("/world.rss")["etag"]
        assert front.ask("/world.rss", if_none_match=tag).status == 304


@pytest.mark.skipif(shutil.which("caddy") is None, reason="caddy is not installed")
def test_the_caddy_sample_is_valid(tmp_path: Path) -> None:
    command = ["caddy", "validate", "--adapter", "caddyfile", "--config", str(CONFIG / "Caddyfile")]
    environment = os.environ | {"HOME": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=environment)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_the_systemd_unit_is_valid(tmp_path: Path) -> None:
    unit = (CONFIG / "feeds.service").read_text(encoding="utf-8").replace("/opt/feeds/bin/feeds", "/bin/true")
    (tmp_path / "feeds.service").write_text(unit, encoding="utf-8")
    command = ["systemd-analyze", "verify", str(tmp_path / "feeds.service")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_unit_does_not_restart_what_cannot_start() -> None:
    unit = (CONFIG / "feeds.service").read_text(encoding="utf-8")
    for line in ("Type=exec", "DynamicUser=yes", "StateDirectory=feeds", "ProtectSystem=strict"):
        assert f"\n{line}\n" in unit
    assert "\nRestartPreventExitStatus=2 3\n" in unit
