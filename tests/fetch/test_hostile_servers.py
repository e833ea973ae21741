"""Hostile and broken servers: every one ends as a FetchError of the right kind, in time and within bounds."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache

import pytest
from factories import fetched, visit_to
from fetching import expect_document, fetch_failure
from origin import HANG, KEEP, RESET, Behaviour, Document, Origin, Piece, Request, drip, raw, redirect, reply
from proxy import every_way

from feeds.errors import ParseError
from feeds.fetch import Fetcher
from feeds.model import NotModified, Validators
from feeds.parse import parse

pytestmark = every_way

FEED = b"<rss><channel>" + b"<item><title>\xc3\xbc</title></item>" * 5 + b"</channel></rss>"
OK = b"HTTP/1.1 200 OK\r\n"
MEGABYTE = 1_000_000


def body(fetcher: Fetcher, url: str, **settings: object) -> bytes:
    return expect_document(fetcher.fetch(visit_to(url, **settings))).body  # type: ignore[arg-type]


def encoded(data: bytes, coding: str = "gzip", **headers: str) -> Behaviour:
    return raw(reply(data, content_encoding=coding, **headers), KEEP)


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    framed = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return OK + b"Transfer-Encoding: chunked\r\n\r\n" + framed + end


def interim(status: int) -> bytes:
    return b"HTTP/1.1 %d Wait\r\nContent-Length: 9\r\n\r\n" % status


# ── time ────────────────────────────────────────────────────────────────────────────────────────────────────────────

SLOW = {
    "F11 a drip before the head": drip(b"", b"H"),
    "F11 a drip in the status line": drip(b"HTTP/1.1 200 ", b"x"),
    "F11 a drip in a header": drip(OK + b"X-Long: ", b"x"),
    "F11 headers without end": drip(OK, b"X: y\r\n"),
    "F11 a drip in the body": drip(OK + b"Content-Length: 1000000\r\n\r\n", b"<"),
    "F11 a body without length or end": drip(OK + b"\r\n", b"<"),
    "F11 chunks without end": drip(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n<\r\n"),
    "F11 a chunk size without end": drip(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "F11 trailers without end": drip(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: y\r\n"),
    "F11 a compressed drip": raw(OK + b"Content-Encoding: gzip\r\n\r\n" + gzip.compress(FEED)[:-20], HANG),
    "F12 nothing is ever said": raw(HANG),
    "F15 trailers that never end": drip(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: ", b"y"),
    "F12 half a head": raw(OK, HANG),
    "F12 half a body": raw(OK + b"Content-Length: 100\r\n\r\n<rss>", HANG),
}


def test_F11_F12_every_drip_ends_at_the_deadline(origin: Origin, fetcher: Fetcher) -> None:
    urls = [origin.put(f"/{n}", behaviour) for n, behaviour in enumerate(SLOW.values())]
    with ThreadPoolExecutor(len(urls)) as pool:
        errors = list(pool.map(lambda url: fetch_failure(fetcher, url, timeout=3.0), urls))
    assert {name: error.kind for name, error in zip(SLOW, errors, strict=True)} == dict.fromkeys(SLOW, "timeout")
    assert all("was not done within 3 s" in error.sentence for error in errors)


def test_F11_the_deadline_covers_all_redirects_together(origin: Origin, fetcher: Fetcher) -> None:
    for n in range(5):
        origin.put(f"/{n}", raw(0.15, reply(b"", 302, location=f"/{n + 1}"), KEEP))
    assert fetch_failure(fetcher, origin.url("/0"), timeout=0.4).kind == "timeout"
    assert len(origin.requests) <= 4


def test_a_dripping_body_on_a_redirect_does_not_keep_us(origin: Origin, fetcher: Fetcher) -> None:
    origin.put("/feed", Document(FEED))
    url = origin.put("/old", drip(b"HTTP/1.1 302 Found\r\nLocation: /feed\r\nContent-Length: 9999\r\n\r\n"))
    assert body(fetcher, url) == FEED


# ── framing ─────────────────────────────────────────────────────────────────────────────────────────────────────────

BROKEN: dict[str, tuple[Behaviour, str]] = {
    "F12 closed without a word": (raw(), "connection"),
    "F12 reset after the request": (raw(RESET), "connection"),
    "F12 another protocol": (raw(b"220 mail.example ESMTP\r\n\r\n"), "connection"),
    "F12 HTTP/0.9": (raw(FEED + b"\r\n\r\n"), "connection"),
    "F12 HTTP/2": (raw(b"HTTP/2 200\r\n\r\n" + FEED), "connection"),
    "F14 a head that stops": (raw(OK + b"Content-Ty"), "truncated"),
    "F14 a body that stops": (raw(OK + b"Content-Length: 100\r\n\r\n<rss></rss>"), "truncated"),
    "F14 a reset in the body": (raw(OK + b"Content-Length: 100\r\n\r\n<rss>", 0.05, RESET), "connection"),
    "F14 a chunked body that stops between chunks": (raw(chunked(b"<rss/>", end=b"")), "truncated"),
    "F14 a chunked body that stops in a chunk": (raw(chunked(end=b"9\r\n<rss/>")), "truncated"),
    "F14 a chunked body that stops before its end": (raw(chunked(b"<rss/>", end=b"0\r\n")), "truncated"),
    "F15 a negative length": (raw(OK + b"Content-Length: -1\r\n\r\n<rss/>"), "truncated"),
    "F15 a length with a sign": (raw(OK + b"Content-Length: +6\r\n\r\n<rss/>"), "truncated"),
    "F15 a length in other digits": (raw(OK + b"Content-Length: \xb2\r\n\r\n<rss/>"), "truncated"),
    "F15 a length with underscores": (raw(OK + b"Content-Length: 1_0\r\n\r\n<rss/>1234"), "truncated"),
    "F15 an empty length": (raw(OK + b"Content-Length:\r\n\r\n<rss/>"), "truncated"),
    "F15 an absurd length": (raw(OK + b"Content-Length: " + b"9" * 40 + b"\r\n\r\n<rss/>"), "truncated"),
    "F15 two lengths": (raw(OK + b"Content-Length: 6\r\nContent-Length: 5\r\n\r\n<rss/>"), "truncated"),
    "F15 two lengths in one": (raw(OK + b"Content-Length: 6, 5\r\n\r\n<rss/>"), "truncated"),
    "F15 a length that is too small": (raw(OK + b"Content-Length: 3\r\n\r\n<rss/>"), "truncated"),
    "F15 a length beside chunks": (
        raw(OK + b"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n<rss/>\r\n0\r\n\r\n"),
        "truncated",
    ),
    "F15 a transfer coding that was not asked for": (raw(OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n"), "encoding"),
    "F15 a negative chunk": (raw(chunked(end=b"-6\r\n<rss/>\r\n0\r\n\r\n")), "truncated"),
    "F15 a chunk size with 0x": (raw(chunked(end=b"0x6\r\n<rss/>\r\n0\r\n\r\n")), "truncated"),
    "F15 a chunk size with underscores": (raw(chunked(end=b"0_6\r\n<rss/>\r\n0\r\n\r\n")), "truncated"),
    "F15 no chunk size": (raw(chunked(end=b"\r\n<rss/>\r\n0\r\n\r\n")), "truncated"),
    "F15 words for a chunk size": (raw(chunked(end=b"six\r\n<rss/>\r\n0\r\n\r\n")), "truncated"),
    "F15 a chunk longer than it says": (raw(chunked(end=b"3\r\n<rss/>\r\n0\r\n\r\n")), "truncated"),
    "F15 an endless chunk size": (raw(chunked(end=b"0" * 100_000)), "too_large"),
    "F15 a length beside chunks, said first": (
        raw(OK + b"Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n6\r\n<rss/>\r\n0\r\n\r\n", HANG),
        "truncated",
    ),
    "F15 a negative length, and the connection stays": (
        raw(OK + b"Content-Length: -1\r\n\r\n<rss/>", HANG),
        "truncated",
    ),
    "F15 two bytes more in a chunk": (raw(chunked(end=b"4\r\n<rss/>0\r\n\r\n")), "truncated"),
    "F15 interim answers without end": (drip(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", 0.0), "connection"),
    "F15 other interim answers without end": (drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.0), "connection"),
    "E18 trailers of more than 64 KiB": (raw(chunked(end=b"0\r\n" + b"X: y\r\n" * 20_000 + b"\r\n")), "too_large"),
    "E18 one trailer of more than 64 KiB": (raw(chunked(end=b"0\r\nX: " + b"y" * 70_000)), "too_large"),
    "A16 chunks of one byte": (drip(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n<\r\n" * 100, 0.0), "too_large"),
    "E18 headers of more than 64 KiB": (raw(OK + b"X: y\r\n" * 20_000 + b"\r\n"), "too_large"),
    "E18 one header of more than 64 KiB": (raw(OK + b"X: " + b"y" * 70_000 + b"\r\n\r\n"), "too_large"),
    "S12 compressed three times": (encoded(FEED, "gzip, gzip, gzip"), "encoding"),
    "E16 a coding that was not asked for": (encoded(FEED, "br"), "encoding"),
    "E16 a coding that was not asked for, in a list": (encoded(FEED, "utf-8, X-Compress"), "encoding"),
    "F13 a wrong check sum": (encoded(gzip.compress(FEED)[:-8] + b"\x00" * 8), "truncated"),
    "F13 damage in the middle": (
        encoded(gzip.compress(FEED)[:20] + b"\xff" + gzip.compress(FEED)[21:]),
        "truncated",
    ),
    "F13 garbage behind": (encoded(gzip.compress(FEED) + b"garbage"), "truncated"),
    "F13 zeros behind": (encoded(gzip.compress(FEED) + b"\x00" * 8), "truncated"),
    "F13 half a second member": (encoded(gzip.compress(FEED) + gzip.compress(FEED)[:-1]), "truncated"),
    "F13 garbage behind deflate": (encoded(zlib.compress(FEED) + b"garbage", "deflate"), "truncated"),
    "F13 deflate cut short": (encoded(zlib.compress(FEED)[:-1], "deflate"), "truncated"),
    "F13 deflate cut to one byte": (encoded(zlib.compress(FEED)[:1], "deflate"), "truncated"),
    "F13 nothing at all": (encoded(b""), "truncated"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_answers_are_failures(name: str, origin: Origin, fetcher: Fetcher) -> None:
    behaviour, kind = BROKEN[name]
    url = origin.put("/feed", behaviour)
    outcome = fetch_failure(fetcher, url).kind
    assert outcome == kind or (name == "F14 a reset in the body" and outcome == "truncated")  # as TLS reports it
    origin.put("/feed", raw(reply(FEED), KEEP))
    assert body(fetcher, url) == FEED
    if kind != "encoding" and not name.startswith("F13"):
        assert origin.connections == 2  # a connection that lied is never used again


WHOLE: dict[str, tuple[Behaviour, bytes]] = {
    "chunks": (raw(chunked(b"<rss", b"/>"), KEEP), b"<rss/>"),
    "chunks with extensions and trailers": (
        raw(chunked(end=b'6;a=b;c="d"\r\n<rss/>\r\n0\r\nX: y\r\n\r\n'), KEEP),
        b"<rss/>",
    ),
    "no length, closed": (raw(OK + b"\r\n<rss/>"), b"<rss/>"),
    "HTTP/1.0": (raw(b"HTTP/1.0 200 OK\r\n\r\n<rss/>"), b"<rss/>"),
    "bare line feeds": (raw(b"HTTP/1.1 200\nContent-Length: 6\n\n<rss/>"), b"<rss/>"),
    "the same length twice": (raw(OK + b"Content-Length: 6\r\nContent-Length: 6\r\n\r\n<rss/>"), b"<rss/>"),
    "lines that are no headers": (raw(OK + b"PHP Warning\r\nContent-Length: 6\r\n: x\r\n\r\n<rss/>"), b"<rss/>"),
    "lines that are no headers, folded": (
        raw(OK + b" x\r\nNo header\r\n folded\r\nA B: c\r\nContent-Length:6 \r\nX:\r\n \r\n\r\n<rss/>", KEEP),
        b"<rss/>",
    ),
    "two hundred headers": (
        raw(OK + b"X: y\r\nSet-Cookie: a=b\r\n" * 100 + b"Content-Length: 6\r\n\r\n<rss/>", KEEP),
        b"<rss/>",
    ),
    "the same length twice in one": (raw(OK + b"Content-Length: 6, 6\r\n\r\n<rss/>", KEEP), b"<rss/>"),
    "interim answers": (raw(*map(interim, (100, 102, 103, 101, 100, 199)), reply(b"<rss/>"), KEEP), b"<rss/>"),
    "an empty body": (raw(reply(b""), KEEP), b""),
    "one byte": (raw(reply(b"<"), KEEP), b"<"),
    "gzip": (encoded(gzip.compress(FEED)), FEED),
    "x-gzip": (encoded(gzip.compress(FEED), "X-GZIP"), FEED),
    "gzip in two members": (encoded(gzip.compress(FEED[:9]) + gzip.compress(FEED[9:])), FEED),
    "deflate with its wrapping": (encoded(zlib.compress(FEED), "deflate"), FEED),
    "deflate of the fastest kind": (encoded(zlib.compress(FEED, 1), "deflate"), FEED),
    "deflate without": (encoded(zlib.compress(FEED)[2:-4], "deflate"), FEED),
    "identity, said": (encoded(FEED, "identity"), FEED),
    "E16 compressed, unsaid": (raw(reply(gzip.compress(FEED)), KEEP), FEED),
    "E16 gzip, but it is plain": (encoded(FEED), FEED),
    "E16 deflate, but it is plain": (encoded(b"<rss>" + b" " * 100, "deflate"), b"<rss>" + b" " * 100),
    "E16 deflate, but it is gzip": (encoded(gzip.compress(FEED), "deflate"), FEED),
    "B11 a word of an object store": (encoded(FEED, "aws-chunked"), FEED),
    "B11 a charset": (encoded(FEED, "ISO-8859-1"), FEED),
    "B11 a word for nothing": (encoded(FEED, "None"), FEED),
    "B11 a media type": (encoded(FEED, "text/xml; charset=utf-8"), FEED),
    "B11 a coding and a word": (encoded(gzip.compress(FEED), "gzip,aws-chunked"), FEED),
    "B11 a word and a coding": (encoded(zlib.compress(FEED, 1), " 8bit ,, Deflate"), FEED),
    "B11 a word, and compressed all the same": (encoded(gzip.compress(FEED), "utf-8"), FEED),
}


@pytest.mark.parametrize("name", WHOLE)
def test_whole_answers_in_all_their_forms(name: str, origin: Origin, fetcher: Fetcher) -> None:
    behaviour, expected = WHOLE[name]
    assert body(fetcher, origin.put("/feed", behaviour)) == expected


@pytest.mark.parametrize(
    "name", ["gzip", "deflate with its wrapping", "deflate of the fastest kind", "chunks", "gzip in two members"]
)
def test_whole_answers_byte_by_byte(name: str, origin: Origin, fetcher: Fetcher) -> None:
    behaviour, expected = WHOLE[name]

    def slowly(request: Request) -> Iterator[Piece]:
        for piece in behaviour(request):
            yield from (piece[n : n + 1] for n in range(len(piece))) if isinstance(piece, bytes) else (piece,)

    assert body(fetcher, origin.put("/feed", slowly)) == expected


def test_F13_gzip_cut_at_every_byte(origin: Origin, fetcher: Fetcher) -> None:
    whole = gzip.compress(FEED)
    url = origin.put("/feed", *(encoded(whole[:length]) for length in range(len(whole))), encoded(whole))
    for _ in range(len(whole)):
        assert fetch_failure(fetcher, url).kind == "truncated"
    assert body(fetcher, url) == FEED
    assert origin.connections == 1


def test_a_304_of_a_chunked_document_has_no_body(origin: Origin, fetcher: Fetcher) -> None:
    head = b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\nContent-Length: 99\r\n\r\n"
    url = origin.put("/feed", raw(head, KEEP), raw(head + b"<rss/>", KEEP), raw(reply(FEED), KEEP))
    for _ in range(2):
        assert isinstance(fetcher.fetch(visit_to(url, Validators('"1"'))), NotModified)
    assert origin.connections == 1
    assert body(fetcher, url) == FEED
    assert origin.connections == 2  # what was sent behind the 304 is no answer to the next request


def test_F14_a_body_cut_at_every_byte(origin: Origin, fetcher: Fetcher) -> None:
    whole = b"<rss><item/><item/></rss>"
    for answer in (reply(whole), chunked(whole[:12], whole[12:])):
        start = answer.index(b"\r\n\r\n") + 4
        url = origin.put("/feed", *(raw(answer[:length]) for length in range(start, len(answer))))
        for _ in range(start, len(answer)):
            assert fetch_failure(fetcher, url).kind == "truncated"


# ── size ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("form", ["plain", "gzip", "deflate", "chunked", "closed"])
def test_E18_the_cap_is_exact(form: str, origin: Origin, fetcher: Fetcher) -> None:
    for extra in (-1, 0, 1):
        text = b"x" * (MEGABYTE + extra)
        answers = {
            "plain": reply(text),
            "gzip": reply(gzip.compress(text), content_encoding="gzip"),
            "deflate": reply(zlib.compress(text), content_encoding="deflate"),
            "chunked": chunked(text[:5], text[5:]),
            "closed": OK + b"\r\n" + text,
        }
        url = origin.put("/feed", raw(answers[form]))
        if extra <= 0:
            assert len(body(fetcher, url, max_bytes=MEGABYTE)) == MEGABYTE + extra
        else:
            error = fetch_failure(fetcher, url, max_bytes=MEGABYTE)
            assert error.kind == "too_large" and "1,000,000" in error.sentence and "max_bytes:" in error.sentence


@pytest.mark.parametrize(("extra", "fits"), [(-1, True), (0, True), (1, False)])
def test_E18_the_cap_on_the_head_is_exact(extra: int, fits: bool, origin: Origin, fetcher: Fetcher) -> None:
    frame = OK + b"Content-Length: 0\r\nX: \r\n\r\n"
    head = frame.replace(b"X: ", b"X: " + b"y" * (65_536 + extra - len(frame)))
    url = origin.put("/feed", raw(head))
    if fits:
        assert body(fetcher, url) == b""
    else:
        assert fetch_failure(fetcher, url).kind == "too_large"


@cache
def bomb(megabytes: int) -> bytes:
    """Zeros in several gzip members, which a decoder must take for one body."""
    member = gzip.compress(bytes(10 * MEGABYTE))
    return member * (megabytes // 10)


@pytest.mark.parametrize("megabytes", [20, 100, 1000])
@pytest.mark.parametrize("status", [200, 302])
def test_S12_bombs_burst_at_the_cap(megabytes: int, status: int, origin: Origin, fetcher: Fetcher) -> None:
    cap = 5 * MEGABYTE
    origin.put("/feed", Document(FEED))
    url = (
        origin.put("/bomb", encoded(bomb(megabytes)))
        if status == 200
        else origin.put("/bomb", redirect("/feed", body=bomb(megabytes), content_encoding="gzip"))
    )
    tracemalloc.start()
    try:
        if status == 200:
            assert fetch_failure(fetcher, url, max_bytes=cap).kind == "too_large"
        else:
            assert body(fetcher, url, max_bytes=cap) == FEED
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.5 * cap + 2 * len(bomb(megabytes))  # what the origin holds is counted too


def test_S12_one_member_of_a_gigabyte(origin: Origin, fetcher: Fetcher) -> None:
    packer = zlib.compressobj(1, wbits=31)
    start = packer.compress(bytes(20 * MEGABYTE))
    url = origin.put(
        "/bomb", drip(OK + b"Content-Encoding: gzip\r\n\r\n" + start, packer.compress(bytes(MEGABYTE)), 0.0)
    )
    assert fetch_failure(fetcher, url).kind == "too_large"


@pytest.mark.parametrize(
    "piece", [gzip.compress(b""), b"\x1f\x8b\x08\x10\x00\x00\x00\x00\x00\x03" + b"x" * 10_000], ids=["empty", "comment"]
)
def test_A16_S12_padding_without_end(piece: bytes, origin: Origin, fetcher: Fetcher) -> None:
    head = OK + b"Content-Encoding: gzip\r\n\r\n"
    padding = piece * 100 if len(piece) < 100 else b"x" * 10_000
    assert (
        fetch_failure(fetcher, origin.put("/feed", drip(head + piece, padding, 0.0)), max_bytes=100_000).kind
        == "too_large"
    )


@pytest.mark.parametrize(
    "start", [OK + b"\r\n", OK + b"Content-Length: 99999999999\r\n\r\n", OK + b"Transfer-Encoding: chunked\r\n\r\n"]
)
def test_F16_bodies_without_end(start: bytes, origin: Origin, fetcher: Fetcher) -> None:
    piece = b"2710\r\n" + b"x" * 10_000 + b"\r\n"
    assert fetch_failure(fetcher, origin.put("/feed", drip(start, piece, 0.0)), max_bytes=MEGABYTE).kind == "too_large"


def test_F17_a_document_that_nests_without_end_is_read_or_refused(origin: Origin, fetcher: Fetcher) -> None:
    nested = b"<rss><channel>" + b"<a>" * 100_000
    assert body(fetcher, origin.put("/feed", encoded(gzip.compress(nested)))) == nested
    with suppress(ParseError):
        parse(fetched(nested))


@pytest.mark.slow
def test_F11_five_hundred_drips_do_not_delay_a_hundred_good_ones(origin: Origin, fetcher: Fetcher) -> None:
    bad = [origin.put(f"/bad/{n}", drip(OK, b"X: y\r\n", 0.5)) for n in range(500)]
    good = [origin.put(f"/good/{n}", Document(FEED)) for n in range(100)]
    with ThreadPoolExecutor(600) as pool:
        errors = pool.map(lambda url: fetch_failure(fetcher, url, timeout=5.0), bad)
        assert list(pool.map(lambda url: body(fetcher, url, timeout=5.0), good)) == [FEED] * 100
        assert {error.kind for error in errors} == {"timeout"}
