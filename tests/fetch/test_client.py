"""Fetching over HTTP: request headers, documents, redirects, credentials, and the wording of failures."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from factories import SITE, visit_to
from fetching import expect_document, fetch_failure
from origin import ALLOW, KEEP, Document, Origin, Request, drip, raw, redirect, reply
from proxy import every_way

from feeds import __version__
from feeds.fetch import Fetcher
from feeds.model import Fetched, Hop, Kind, NotModified, Site, Story, Validators

DATA = Path(__file__).parent.parent / "data" / "fetch"
FEED = b"<rss><channel><item/></channel></rss>"
DATE = "Sun, 22 Nov 2026 12:00:00 GMT"


# ── request headers ─────────────────────────────────────────────────────────────────────────────────────────────────


@every_way
def test_E14_E15_E16_the_headers_are_these_and_no_others(origin: Origin, fetcher: Fetcher) -> None:
    url = origin.put("/feed", Document(FEED, '"1"', DATE))
    first = expect_document(fetcher.fetch(visit_to(url)))
    fetcher.fetch(visit_to(url, first.validators))
    fresh, again = origin.requests
    assert fresh.names == ("Host", "User-Agent", "Accept", "Accept-Encoding", "Connection")
    assert fresh.headers["host"] == f"127.0.0.1:{origin.port()}"
    assert fresh.headers["user-agent"] == f"feeds/{__version__} (+https://wire.example.org/)"
    assert fresh.headers["accept"].startswith("application/atom+xml, application/rss+xml, application/feed+json")
    assert fresh.headers["accept-encoding"] == "gzip, deflate"
    assert fresh.headers["connection"] == "keep-alive"
    assert set(again.names) - set(fresh.names) == {"If-None-Match", "If-Modified-Since"}


@every_way
@pytest.mark.parametrize(
    ("kind", "story", "first"),
    [
        (Kind.FEED, None, "application/atom+xml"),
        (Kind.ANY, None, "application/atom+xml"),
        (Kind.PAGE, None, "text/html"),
        (Kind.SITEMAP, None, "application/xml"),
        (Kind.OPML, None, "text/x-opml"),
        (Kind.FEED, Story(), "text/html"),
    ],
)
def test_E16_what_is_asked_for(kind: Kind, story: Story | None, first: str, origin: Origin, fetcher: Fetcher) -> None:
    fetcher.fetch(visit_to(origin.put("/", Document(FEED)), kind=kind, story=story))
    assert origin.requests[0].headers["accept"].startswith(first)


def test_E14_contact_and_override(origin: Origin) -> None:
    url = origin.put("/feed", Document(FEED))
    fetcher = Fetcher(Site("t", "https://w.example/", contact="editor@w.example"), allow=ALLOW)
    fetcher.fetch(visit_to(url))
    fetcher.fetch(visit_to(url, headers=(("user-agent", "special/1"), ("X-Mine", "yes"), ("Host", "evil.example"))))
    plain, special = origin.requests
    assert plain.headers["user-agent"] == f"feeds/{__version__} (+https://w.example/; editor@w.example)"
    assert special.headers["user-agent"] == "special/1"
    assert special.headers["x-mine"] == "yes"
    assert special.headers["host"].startswith("127.0.0.1")
    assert len(special.names) == len({name.lower() for name in special.names})


@pytest.mark.parametrize("value", ['a"\r\nX-Evil: 1', "\x00", "日"])
def test_S13_headers_cannot_break_out(value: str, origin: Origin, fetcher: Fetcher) -> None:
    url = origin.put("/feed", Document(FEED))
    assert fetch_failure(fetcher, url, headers=(("X-Mine", value),)).kind == "refused"
    assert origin.requests == []


ODD_VALIDATORS = [
    Validators('W/"a"', DATE),
    Validators("unquoted", None),
    Validators('"x-gzip"', "Sunday the 22nd, in the evening"),
    Validators('""', None),
    Validators(None, "0"),
    Validators('"\xe9\xff"', None),
]


@every_way
@pytest.mark.parametrize("validators", ODD_VALIDATORS)
def test_E1_validators_go_back_byte_for_byte(validators: Validators, origin: Origin, fetcher: Fetcher) -> None:
    url = origin.put("/feed", Document(FEED, validators.etag, validators.last_modified))
    first = expect_document(fetcher.fetch(visit_to(url)))
    assert first.validators == validators
    again = fetcher.fetch(visit_to(url, first.validators))
    assert again == NotModified(url, validators, status=304)
    assert origin.marks().bad == {}


@pytest.mark.parametrize("etag", ['"\x1b[31m"', '"a\x00b"', '"' + "x" * 5000 + '"'])
def test_S13_validators_that_are_none_are_dropped(etag: str, origin: Origin, fetcher: Fetcher) -> None:
    url = origin.put("/feed", Document(FEED, etag, DATE))
    first = expect_document(fetcher.fetch(visit_to(url)))
    assert first.validators == Validators(None, DATE)
    fetcher.fetch(visit_to(url, Validators(etag, DATE)))
    assert "if-none-match" not in origin.requests[-1].headers


# ── documents ───────────────────────────────────────────────────────────────────────────────────────────────────────


@every_way
def test_what_a_document_brings(origin: Origin, fetcher: Fetcher) -> None:
    headers = {
        "content_type": "Application/RSS+XML; charset=ISO-8859-2",
        "cache_control": "max-age=600",
        "set_cookie": "a=b",
        "X-Folded": "one\r\n two",
    }
    url = origin.put("/feed", Document(FEED, '"1"', DATE, headers, compressed=True))
    answer = expect_document(fetcher.fetch(visit_to(url + "#fragment")))
    assert (answer.url, answer.body) == (url, FEED)
    assert (answer.media_type, answer.charset) == ("application/rss+xml", "ISO-8859-2")
    assert answer.validators == Validators('"1"', DATE)
    assert answer.fresh_for == 600
    assert len(answer.body_digest) == 32
    assert answer.headers["x-folded"] == "one two"
    assert "set-cookie" not in answer.headers
    assert (answer.hops, answer.files) == ((), ())


@every_way
def test_E2_E3_validators_follow_the_last_answer(origin: Origin, fetcher: Fetcher) -> None:
    document = Document(FEED, '"1"', DATE)
    url = origin.put("/feed", document)
    first = expect_document(fetcher.fetch(visit_to(url)))
    document.body, document.etag, document.last_modified = b"<rss/>", '"2"', None
    changed = expect_document(fetcher.fetch(visit_to(url, first.validators)))
    assert changed.validators == Validators('"2"', None)  # E2: the missing one is forgotten
    origin.put("/feed", raw(reply(status=304, last_modified="later", cache_control="max-age=5"), KEEP))
    answer = fetcher.fetch(visit_to(url, changed.validators))
    assert answer == NotModified(url, Validators('"2"', "later"), 5.0, status=304)  # E3: the omitted one is kept
    origin.put("/feed", raw(reply(status=304), KEEP))
    assert fetcher.fetch(visit_to(url, answer.validators)).validators == Validators('"2"', "later")


@every_way
def test_E4_an_equal_body_or_tag_is_nothing_new(origin: Origin, fetcher: Fetcher) -> None:
    url = origin.put("/feed", lambda request: (reply(FEED, etag='"2"'), KEEP))
    first = expect_document(fetcher.fetch(visit_to(url)))
    new = Validators('"2"')
    equal_body = fetcher.fetch(visit_to(url, Validators('"1"'), body_digest=first.body_digest))
    assert equal_body == NotModified(url, new, status=200, size=len(FEED))
    assert fetcher.fetch(visit_to(url, new, body_digest="other")) == NotModified(url, new, status=200)
    assert isinstance(fetcher.fetch(visit_to(url, Validators('"1"'), body_digest="other")), Fetched)
    assert origin.connections == 1


def test_an_unasked_304_is_a_failure(origin: Origin, fetcher: Fetcher) -> None:
    assert fetch_failure(fetcher, origin.put("/feed", raw(reply(status=304), KEEP))).status == 304


@every_way
def test_interim_answers_are_passed_over(origin: Origin, fetcher: Fetcher) -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </s.css>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
    assert expect_document(fetcher.fetch(visit_to(origin.put("/feed", raw(hints + reply(FEED), KEEP))))).body == FEED
    assert (
        fetch_failure(fetcher, origin.put("/feed", drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.0))).kind
        == "connection"
    )


# ── redirects ───────────────────────────────────────────────────────────────────────────────────────────────────────


@every_way
def test_E10_hops_have_their_status(origin: Origin, fetcher: Fetcher) -> None:
    last = origin.put("/c", Document(FEED, '"1"'))
    origin.put("/b", redirect("c?", 308))
    url = origin.put("/a", redirect(origin.url("/b"), 301, body=b"moved"))
    hops = (Hop(301, origin.url("/b")), Hop(308, last))
    answer = expect_document(fetcher.fetch(visit_to(url)))
    assert (answer.url, answer.hops) == (last, hops)
    assert fetcher.fetch(visit_to(url, answer.validators)) == NotModified(
        last, answer.validators, hops=hops, status=304
    )
    assert origin.connections == 1


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("/größe?q=ü", "/gr%C3%B6%C3%9Fe?q=%C3%BC"),
        ("/a b", "/a%20b"),
        ("/%41?x=%zz", "/%41?x=%zz"),
        ("?x", "/start?x"),
        ("//127.0.0.1:{port}/other", "/other"),
        ("HTTP://127.0.0.1:{port}", "/"),
        ("/x#y", "/x"),
        ("  /x ", "/x"),
    ],
)
def test_how_locations_are_read(location: str, path: str, origin: Origin, fetcher: Fetcher) -> None:
    location = location.format(port=origin.port()).encode().decode("latin-1")
    origin.put(path, Document(FEED))
    fetcher.fetch(visit_to(origin.put("/start", redirect(location))))
    assert origin.paths() == ["/start", path]


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("faß.example", "xn--fa-hia.example"),
        ("a_b.example.", "a_b.example"),
        ("Ｅxample.example", "example.example"),
    ],
)
def test_international_names(name: str, host: str, origin: Origin) -> None:
    resolved = []

    def resolve(name: str, port: int) -> list[tuple[int, tuple[str, int]]]:
        resolved.append(name)
        return [(socket.AF_INET, ("127.0.0.1", origin.port()))]

    origin.put("/", Document(FEED))
    fetcher = Fetcher(SITE, allow=ALLOW, resolve=resolve)
    assert expect_document(fetcher.fetch(visit_to(f"http://{name}/"))).url == f"http://{host}/"
    assert resolved == [host] and origin.requests[0].headers["host"] == host


@every_way
def test_E18_five_redirects_and_no_more(origin: Origin, fetcher: Fetcher) -> None:
    for n in range(50):
        origin.put(f"/{n}", redirect(f"/{n + 1}"))
    origin.put("/5", Document(FEED))
    assert len(expect_document(fetcher.fetch(visit_to(origin.url("/0")))).hops) == 5
    origin.put("/5", redirect("/6"))
    error = fetch_failure(fetcher, origin.url("/0"))
    assert (error.kind, len(origin.requests)) == ("redirect", 12)
    assert fetch_failure(fetcher, origin.url("/0"), story=Story()).kind == "redirect"
    assert len(origin.requests) == 12 + 11


@every_way
@pytest.mark.parametrize(
    ("location", "kind"),
    [
        ("/loop", "redirect"),
        ("/other", "redirect"),
        ("", "redirect"),
        ("file:///etc/passwd", "refused"),
        ("ftp://127.0.0.1/", "refused"),
        ("http://user:secret@127.0.0.1/", "refused"),
        ("http://[", "refused"),
        ("http://127.0.0.1:99999/", "refused"),
    ],
)
def test_F18_redirects_that_lead_nowhere(location: str, kind: str, origin: Origin, fetcher: Fetcher) -> None:
    origin.put("/other", redirect("/loop"))
    error = fetch_failure(fetcher, origin.put("/loop", redirect(location)))
    assert error.kind == kind
    assert "secret" not in error.sentence


@every_way
def test_F18_a_growing_query(origin: Origin, fetcher: Fetcher) -> None:
    class Growing:
        def __call__(self, request: Request) -> tuple[bytes | object, ...]:
            return (reply(b"", 302, location=request.path + "x"), KEEP)

    origin.put("/", Growing())  # type: ignore[arg-type]
    for n in range(9):
        origin.put("/" + "x" * n, Growing())  # type: ignore[arg-type]
    assert fetch_failure(fetcher, origin.url("/")).kind == "redirect"
    assert len(origin.requests) == 6


# ── credentials and proxies ─────────────────────────────────────────────────────────────────────────────────────────

SECRETS: list[dict[str, object]] = [
    {"basic_auth": ("me", "geheim:ü")},
    {"bearer": "geheim"},
    {"headers": (("X-Api-Key", "geheim"),)},
    {"headers": (("Cookie", "geheim=1"), ("Authorization", "geheim"))},
]


@pytest.mark.parametrize("settings", SECRETS)
def test_S21_credentials_stay_with_their_origin(
    settings: dict[str, object], origin: Origin, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\nmachine 127.0.0.2 login a password b\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", "http://127.0.0.3:9/")
    back = origin.put("/back", Document(FEED), host="127.0.0.1")
    elsewhere = origin.put("/away", redirect(back), host="127.0.0.2")
    here = origin.put("/here", redirect("/there"), host="127.0.0.1")
    origin.put("/there", redirect(elsewhere), host="127.0.0.1")
    fetcher.fetch(visit_to(here, **settings))
    names = [set(request.headers) for request in origin.requests]
    assert origin.paths() == ["/here", "/there", "/away", "/back"]
    assert names[0] == names[1] == names[3] > names[2]
    assert names[2] == {"host", "user-agent", "accept", "accept-encoding", "connection"}


def test_S21_a_story_elsewhere_gets_no_credentials(origin: Origin, fetcher: Fetcher) -> None:
    url = origin.put("/story", Document(b"<p>"), host="127.0.0.2")
    fetcher.fetch(visit_to(url, address=origin.url("/feed"), bearer="geheim", story=Story()))
    assert "authorization" not in origin.requests[0].headers


@every_way
def test_S21_no_cookies(origin: Origin, fetcher: Fetcher) -> None:
    url = origin.put("/feed", Document(FEED, headers={"set_cookie": "id=1; Path=/"}))
    origin.put("/old", redirect("/feed", set_cookie="id=2"))
    for path in ("/feed", "/old", "/feed"):
        fetcher.fetch(visit_to(origin.url(path)))
    assert fetcher.fetch(visit_to(url)).url == url
    assert origin.marks().bad == {}


def test_a_login_in_the_address_belongs_elsewhere(origin: Origin, fetcher: Fetcher) -> None:
    error = fetch_failure(fetcher, f"http://me:geheim@127.0.0.1:{origin.port()}/feed")
    assert error.kind == "refused" and "auth: {basic: [" in error.sentence and "geheim" not in error.sentence


def test_a_declared_proxy_is_used(origin: Origin, fetcher: Fetcher) -> None:
    url = "http://feed.example/feed"
    origin.put(url, raw(reply(FEED), KEEP))
    address = f"http://me:geheim@127.0.0.1:{origin.port()}"
    assert expect_document(fetcher.fetch(visit_to(url, proxy=address))).body == FEED
    assert origin.requests[0].headers["host"] == "feed.example"
    assert origin.requests[0].headers["proxy-authorization"].startswith("Basic ")
    assert fetch_failure(Fetcher(SITE), "http://10.0.0.1/", proxy=address).kind == "refused"
    assert fetch_failure(fetcher, "https://feed.example/", proxy=address).sentence.count("proxy") == 1
    assert origin.requests[-1].method == "CONNECT"
    assert fetch_failure(fetcher, url, proxy="socks5://127.0.0.1:1").kind == "refused"


# ── failures ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (204, "did not ask for (204)"),
        (206, "did not ask for (206)"),
        (300, "did not ask for (300)"),
        (400, "does not accept our request (400)"),
        (401, "asks for a login (401). Add `auth: {basic: [user, password]}` or `auth: {bearer: token}`"),
        (403, "refuses to give us the document (403)"),
        (404, "does not have the document (404)"),
        (410, "gone for good (410)"),
        (429, "visited too often (429)"),
        (451, "legal reasons (451)"),
        (500, "a fault of its own (500)"),
        (503, "out of service (503)"),
    ],
)
def test_E20_statuses(status: int, words: str, origin: Origin, fetcher: Fetcher) -> None:
    url = origin.put("/feed", raw(reply(b"<rss/>", status, retry_after="120", content_encoding="gzip"), KEEP))
    error = fetch_failure(fetcher, url)
    assert (error.kind, error.status, error.retry_after) == ("status", status, 120)
    assert words in error.sentence and error.sentence.startswith(f"127.0.0.1:{origin.port()} ")
    fetch_failure(fetcher, url)
    assert origin.connections == 1


@pytest.mark.parametrize("status", [403, 503])
def test_E20_a_challenge_page(status: int, origin: Origin, fetcher: Fetcher) -> None:
    error = fetch_failure(fetcher, origin.put("/feed", raw(reply(b"<html>", status, cf_mitigated="challenge"), KEEP)))
    assert (error.kind, error.status) == ("challenge", status)
    assert "challenge" in error.sentence


def test_E20_a_refused_connection(fetcher: Fetcher) -> None:
    error = fetch_failure(fetcher, "http://127.0.0.1:1/feed")
    assert error.kind == "connection"
    assert error.sentence == "127.0.0.1:1 accepts no connections. The next visit tries again."
