"""Media types, conditional requests, methods and headers over a real socket: rows R10, R25, R35, R40, S17, S19."""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path

import pytest
from serve.loopback import (
    ABSENT,
    BROWSER,
    PUBLISHED,
    RSS,
    TYPES,
    LoopbackServer,
    create_test_app,
    replace_file,
    run_server,
)

from feeds.codings import find_codings, select_codings


@pytest.mark.parametrize(("row", "path", "accept", "media_type", "vary"), TYPES, ids=[row[0] for row in TYPES])
def test_R25_R35_R40_media_types(
    server: LoopbackServer, row: str, path: str, accept: str, media_type: str, vary: str | None
) -> None:
    response = server.request(path, accept=accept)
    assert (response.status, response["content-type"], response.headers.get("vary")) == (200, media_type, vary)
    assert response.body == (server.root / path[1:]).read_bytes()


NAVIGATION = {"sec_fetch_mode": "navigate", "sec_fetch_dest": "document", "accept": BROWSER}


@pytest.mark.parametrize("suffix", ["rss", "atom", "json"])
def test_a_browser_that_navigates_to_a_feed_gets_its_page(server: LoopbackServer, suffix: str) -> None:
    """A shared cache must not give the page to a feed reader."""
    response, page = server.request(f"/world.{suffix}", **NAVIGATION), server.request("/world.html")
    assert (response.status, response.body, response["content-type"]) == (200, page.body, "text/html; charset=utf-8")
    assert response["vary"] == "Sec-Fetch-Dest, Accept-Encoding"
    assert response["cache-control"].startswith("private")
    assert "sandbox" not in response["content-security-policy"]
    cached = server.request(f"/world.{suffix}", if_none_match=response["etag"], **NAVIGATION)
    assert (cached.status, cached["vary"], cached["cache-control"]) == (
        304,
        response["vary"],
        response["cache-control"],
    )
    assert server.request(f"/world.{suffix}", if_none_match=response["etag"]).status == 200
    for own in (server.request("/world.html"), server.request("/world.html", if_none_match=response["etag"])):
        assert own["vary"] == "Accept-Encoding"
        assert own["cache-control"].startswith("public")


@pytest.mark.parametrize(
    "headers",
    [
        {"accept": BROWSER},
        {"sec_fetch_mode": "navigate", "sec_fetch_dest": "iframe"},
        {"sec_fetch_mode": "cors", "sec_fetch_dest": "empty"},
        {"sec_fetch_mode": "no-cors", "sec_fetch_dest": "document"},
    ],
)
def test_every_other_client_gets_the_feed(server: LoopbackServer, headers: dict[str, str]) -> None:
    response = server.request("/world.atom", **headers)
    assert response["content-type"] == "application/atom+xml; charset=utf-8"
    assert response["cache-control"].startswith("public")


def test_without_a_page_a_navigating_browser_gets_xml_with_its_style(server: LoopbackServer) -> None:
    response = server.request("/archive/world/1.atom", **NAVIGATION)
    assert (response.body, response["content-type"]) == (b"<feed>old</feed>", "application/xml; charset=utf-8")


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
    server: LoopbackServer, row: str, headers: Callable[[str], dict[str, str]], status: int, coding: str
) -> None:
    whole = server.request("/world.rss", accept_encoding=coding)
    for method in ("GET", "HEAD"):
        response = server.request("/world.rss", method, accept_encoding=coding, **headers(whole["etag"]))
        assert response.status == status
        for name in ("etag", "cache-control", "vary", "last-modified", "access-control-allow-origin"):
            assert response[name] == whole[name]
        assert response.body == (whole.body if status == 200 and method == "GET" else b"")
        assert status == 200 or "content-type" not in response.headers


def test_R10_the_etag_is_strong_and_of_the_served_bytes(server: LoopbackServer) -> None:
    plain = server.request("/world.rss")
    gzipped = server.request("/world.rss", accept_encoding="gzip")
    for response in (plain, gzipped):
        assert response["etag"] == f'"{hashlib.sha256(response.body).hexdigest()[:32]}"'
    assert plain["etag"] != gzipped["etag"]
    assert gzipped["content-encoding"] == "gzip"
    assert gzip.decompress(gzipped.body) == plain.body == RSS
    assert server.request("/world.rss", accept_encoding="gzip", if_none_match=plain["etag"]).status == 200


def test_R10_the_etag_survives_a_restart_and_a_rewrite_of_the_same_bytes(own_server: LoopbackServer) -> None:
    tags = [own_server.request("/world.rss", accept_encoding=coding)["etag"] for coding in ("identity", "gzip")]
    replace_file(own_server.root / "world.rss", RSS)
    with run_server(create_test_app(own_server.root), own_server.root) as second_server:
        for server in (own_server, second_server):
            assert tags == [
                server.request("/world.rss", accept_encoding=coding)["etag"] for coding in ("identity", "gzip")
            ]


def test_R10_last_modified_is_never_in_the_future_and_moves_on_with_the_bytes(own_server: LoopbackServer) -> None:
    path = own_server.root / "world.rss"
    os.utime(path, (PUBLISHED.timestamp(), PUBLISHED.timestamp()))
    assert parsedate_to_datetime(own_server.request("/world.rss")["last-modified"]) == PUBLISHED
    replace_file(path, RSS + b"restored from a backup")
    earlier = PUBLISHED - timedelta(days=9)
    os.utime(path, (earlier.timestamp(), earlier.timestamp()))
    response = own_server.request("/world.rss", if_modified_since=format_datetime(PUBLISHED, usegmt=True))
    assert response.status == 200
    assert PUBLISHED < parsedate_to_datetime(response["last-modified"]) <= datetime.now(UTC)
    replace_file(own_server.root / "world.atom", RSS)
    os.utime(own_server.root / "world.atom", (4e9, 4e9))
    assert parsedate_to_datetime(own_server.request("/world.atom")["last-modified"]) <= datetime.now(UTC)


CODINGS = [
    # Accept-Encoding, coding of the response; of the extra `speed`, where that is installed
    ("gzip", "gzip", "gzip"),
    ("GZIP", "gzip", "gzip"),
    ("br, gzip;q=0.5", "gzip", "br"),
    ("*", "gzip", "br"),
    ("gzip;q=0", None, None),
    ("gzip;q=0.000, *;q=1", None, "br"),
    ("identity", None, None),
    ("", None, None),
    ("deflate, br, zstd", None, "br"),
    ("deflate, zstd", None, "zstd"),
    ("gzip;q=nonsense", None, None),
]


@pytest.mark.parametrize(("header", "coding", "coding_with_extra"), CODINGS)
def test_R10_a_body_is_compressed_only_for_those_who_accept_it(
    server: LoopbackServer, header: str, coding: str | None, coding_with_extra: str | None
) -> None:
    response = server.request("/world.rss", accept_encoding=header)
    expected = coding_with_extra if len(find_codings()) == 3 else coding
    assert response.headers.get("content-encoding") == expected
    (decompress,) = [each.decompress for each in select_codings([expected or ""])] or [bytes]
    assert decompress(response.body) == RSS


def test_pictures_are_not_compressed_again(server: LoopbackServer) -> None:
    assert "content-encoding" not in server.request("/assets/logo.png", accept_encoding="gzip").headers


# ── methods ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", ["/world.rss", "/", "/health", "/none.rss", "/closed.rss", "/favicon.ico"])
def test_HEAD_has_the_headers_of_GET_and_no_body(server: LoopbackServer, path: str) -> None:
    get, head = server.request(path), server.request(path, "HEAD")
    assert (head.status, head.body) == (get.status, b"")
    assert {k: v for k, v in head.headers.items() if k != "date"} == {
        k: v for k, v in get.headers.items() if k != "date"
    }


@pytest.mark.parametrize("path", ["/world.rss", "/", "/health", "/none"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"])
def test_S19_other_methods_are_refused(server: LoopbackServer, method: str, path: str) -> None:
    response = server.request(path, method)
    assert (response.status, response["allow"]) == (405, "GET, HEAD, OPTIONS")


# ── headers, errors, redirects ──────────────────────────────────────────────────────────────────────────────────────

EVERYWHERE = [
    *[path for _, path, _, _, _ in TYPES],
    *[path for path, _, _ in ABSENT],
    "/",
    "/health",
    "/favicon.ico",
    "/none",
    "/..",
    "/<script>alert(1)</script>",
    "/%3Cscript%3Ealert(1)%3C/script%3E.rss",
    "/world.rss?q=<script>alert(1)</script>",
    "/?<script>",
    "/health?<script>",
]


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
@pytest.mark.parametrize("path", sorted(set(EVERYWHERE)))
def test_S17_security_headers_everywhere_and_nothing_reflected(server: LoopbackServer, path: str, method: str) -> None:
    mark = "<script>mark</script>"
    names = ["referer", "user_agent", "x_forwarded_host", "accept", "origin", "cookie"]
    names.append("access_control_request_headers")
    marks = dict.fromkeys(names, mark)
    response = server.request(path, method, if_none_match=mark, range=mark, if_range=mark, **marks)
    assert response["x-content-type-options"] == "nosniff"
    assert response["referrer-policy"] == "no-referrer"
    policy = response["content-security-policy"]
    is_page = response.headers.get("content-type", "").startswith("text/html")
    form_action = f"form-action '{'self' if is_page else 'none'}'"
    for directive in ("default-src 'none'", form_action, "frame-ancestors 'none'", "base-uri 'none'"):
        assert directive in policy
    assert "unsafe" not in policy
    is_worker = (path, method) == ("/sw.js", "GET")  # which requests pages, as they do
    assert policy.endswith("; sandbox") is not (is_page or is_worker)
    assert "server" not in response.headers
    assert "set-cookie" not in response.headers
    if response.status >= 300:
        assert response["content-type"] == "text/plain; charset=utf-8"
        assert response["cache-control"] == "no-store"
    assert b"script>" not in response.body
    others = [value for name, value in response.headers.items() if name != "content-type"]
    assert "script" not in "".join(others).replace("; script-src 'self'", "")


REDIRECTS = ["//evil.example", "//evil.example/%2e%2e", "/\\evil.example", "/%5cevil.example", "https:evil.example"]
REDIRECTS += ["https://evil.example/world.rss", "/%2f%2fevil.example", "///evil.example", "/%09/evil.example"]


@pytest.mark.parametrize("path", REDIRECTS)
def test_S19_no_open_redirect(server: LoopbackServer, path: str) -> None:
    for spelling in (path, f"{path}/before.rss", f"{path}/"):
        response = server.request(spelling)
        assert "location" not in response.headers
        assert b"evil" not in response.body


@pytest.mark.parametrize("path", ["/world.rss", "/", "/before.rss", "/closed.rss", "/none", "/health", "/world.html"])
def test_S19_a_spoofed_host_appears_nowhere(server: LoopbackServer, path: str) -> None:
    response = server.request(path, host="evil.example", x_forwarded_host="evil.example", forwarded="host=evil.example")
    assert b"evil" not in response.body
    assert "evil" not in "".join(response.headers.values())


# ── what a careful web server also answers ──────────────────────────────────────────────────────────────────────────


def test_feeds_may_be_read_from_any_page_and_nothing_else_may(server: LoopbackServer) -> None:
    for path in ("/world.rss", "/world.atom", "/world.json", "/feeds.opml", "/archive/world/1.atom"):
        response = server.request(path, origin="https://reader.example")
        assert response["access-control-allow-origin"] == "*"
        assert "ETag" in response["access-control-expose-headers"]
    for path in ("/", "/health", "/world.html", "/assets/app.json", "/stories/desk/first.html"):
        assert "access-control-allow-origin" not in server.request(path, origin="https://reader.example").headers


PREFLIGHTS = [
    # headers asked for, headers allowed
    ("if-none-match", "if-none-match"),
    ("cache-control, If-Modified-Since,x-reader", "cache-control, If-Modified-Since,x-reader"),
    (None, "*"),
    ("<script>", "*"),
    ("x, " * 1_000, "*"),
]


@pytest.mark.parametrize(("asked", "allowed"), PREFLIGHTS, ids=[str(asked)[:20] for asked, _ in PREFLIGHTS])
@pytest.mark.parametrize("path", ["/world.rss", "/world.json", "/feeds.opml", "/archive/world/1.atom", "/none.atom"])
def test_C4_a_page_may_ask_for_a_feed_with_any_header(
    server: LoopbackServer, path: str, asked: str | None, allowed: str
) -> None:
    headers = {"origin": "https://reader.example", "access_control_request_method": "GET"}
    response = server.request(
        path, "OPTIONS", **headers, **({"access_control_request_headers": asked} if asked else {})
    )
    assert (response.status, response.body) == (204, b"")
    assert response["access-control-allow-origin"] == "*"
    assert response["access-control-allow-methods"] == "GET, HEAD"
    assert response["access-control-allow-headers"] == allowed
    assert int(response["access-control-max-age"]) > 0


@pytest.mark.parametrize("path", ["/", "/health", "/world.html", "/assets/app.json", "/none"])
def test_C4_options_of_what_is_no_feed(server: LoopbackServer, path: str) -> None:
    response = server.request(path, "OPTIONS", origin="https://a.example", access_control_request_method="GET")
    assert (response.status, response["allow"], response.body) == (204, "GET, HEAD, OPTIONS", b"")
    assert not [name for name in response.headers if name.startswith("access-control")]


def test_C4_the_icon_is_our_own_unless_one_is_published(own_server: LoopbackServer) -> None:
    icon = own_server.request("/favicon.ico", accept_encoding="gzip")
    assert (icon.status, icon["content-type"]) == (200, "image/x-icon")
    assert "content-encoding" not in icon.headers
    assert icon.body.startswith(b"\0\0\1\0")
    assert own_server.request("/favicon.ico", if_none_match=icon["etag"]).status == 304
    replace_file(own_server.root / "favicon.ico", b"theirs")
    assert own_server.request("/favicon.ico").body == b"theirs"


@pytest.mark.parametrize(("path", "status"), [("/none", 404), ("/none<script>.rss", 404), ("/closed.atom", 410)])
@pytest.mark.parametrize("base_path", ["/", "/wire/"])
def test_C4_a_browser_gets_a_page_that_leads_to_the_front_page(
    tmp_path: Path, path: str, status: int, base_path: str
) -> None:
    with run_server(create_test_app(tmp_path, base_path=base_path), tmp_path) as server:
        response = server.request(path, accept=BROWSER)
        assert (
            server.request(path, accept="application/rss+xml, */*").body == HTTPStatus(status).phrase.encode() + b"\n"
        )
    assert (response.status, response["content-type"]) == (status, "text/html; charset=utf-8")
    assert response["cache-control"] == "no-store"
    text = response.body.decode()
    assert f'<a href="{base_path}">' in text
    assert "none" not in text and "script" not in text


def test_C4_the_published_error_pages_are_shown(own_server: LoopbackServer) -> None:
    for path, status in (("/none", 404), ("/closed.rss", 410)):
        body = f"<title>{status}</title>".encode()
        replace_file(own_server.root / f"{status}.html", body)
        response = own_server.request(path, accept=BROWSER, if_none_match="*")
        assert (response.status, response.body, response["cache-control"]) == (status, body, "no-store")
        assert own_server.request(path).body != body


@pytest.mark.parametrize("suffix", ["rss", "atom", "json", "html"])
def test_A14_the_new_address_of_a_feed_is_below_the_path_of_the_site(tmp_path: Path, suffix: str) -> None:
    with run_server(create_test_app(tmp_path, base_path="/the%20wire/"), tmp_path) as server:
        for old, new in (("before", "world"), ("each-source/bbc", "each-source/news")):
            response = server.request(f"/{old}.{suffix}")
            assert (response.status, response["location"]) == (301, f"/the%20wire/{new}.{suffix}")
