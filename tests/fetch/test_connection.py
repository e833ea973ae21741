"""Connections, TLS, robots.txt and sessions of `requests`."""

from __future__ import annotations

import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta

import pytest
import requests
from factories import NOON, SITE, visit_to
from fetching import expect_document, fetch_failure
from origin import ALLOW, HANG, KEEP, RESET, Document, Origin, raw, redirect, reply
from proxy import WAYS, Way, client_context, every_way, server_context
from wire import until

from feeds.errors import FailureKind, FetchError
from feeds.fetch import Fetcher
from feeds.fetch.connection import shared_tls_context
from feeds.fetch.transport import MAX_IDLE_ROUTES
from feeds.model import HostState, Kind, Source

FEED = b"<rss><channel><item/></channel></rss>"
DATE = "Sun, 22 Nov 2026 12:00:00 GMT"


# ── TLS ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def secure() -> Iterator[Origin]:
    server = Origin(server_context())
    yield server
    server.close()


def trusting() -> Callable[[], ssl.SSLContext]:
    context = client_context()
    return lambda: context


def test_tls_is_verified(secure: Origin) -> None:
    url = secure.put("/feed", Document(FEED, '"1"'))
    fetcher = Fetcher(SITE, allow=ALLOW, tls=trusting())
    for _ in range(3):
        assert expect_document(fetcher.fetch(visit_to(url))).body == FEED
    assert secure.connections == 1
    assert fetch_failure(Fetcher(SITE, allow=ALLOW), url).kind == "tls"
    stranger = secure.put("/feed", Document(FEED), host="127.0.0.2")
    error = fetch_failure(fetcher, stranger)
    assert error.kind == "tls" and "certificate" in error.sentence
    fetcher.close()
    until(lambda: secure.open_now == 0)


def test_the_authorities_are_read_once_for_all_hosts(secure: Origin) -> None:
    made = []

    def counted() -> ssl.SSLContext:
        made.append(1)
        return context

    context = client_context(names=False)
    fetcher = Fetcher(SITE, allow=ALLOW, tls=counted)
    loaded = context.cert_store_stats()
    for n in range(2, 10):
        fetcher.fetch(visit_to(secure.put("/feed", Document(FEED), host=f"127.0.0.{n}")))
    assert len(made) == 8 and context.cert_store_stats() == loaded
    fetcher.close()


@pytest.mark.parametrize("way", WAYS[::2], indirect=True)  # those without TLS
def test_F12_tls_with_a_server_that_speaks_none(origin: Origin, fetcher: Fetcher) -> None:
    url = origin.put("/", raw(b"220 mail.example ESMTP\r\n")).replace("http:", "https:")
    assert fetch_failure(fetcher, url, timeout=0.5).kind in ("tls", "connection", "timeout")


# ── connections ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_connection_is_kept_and_replaced_when_it_was_closed(origin: Origin, fetcher: Fetcher) -> None:
    kept, closed = raw(reply(FEED), KEEP), raw(reply(FEED))
    url = origin.put("/feed", kept, closed, kept, raw(RESET), closed)
    for _ in range(4):
        assert expect_document(fetcher.fetch(visit_to(url))).body == FEED
    assert [request.connection for request in origin.requests] == [1, 1, 2, 2, 3]


def test_a_fresh_connection_that_fails_is_not_tried_again(origin: Origin, fetcher: Fetcher) -> None:
    assert fetch_failure(fetcher, origin.put("/feed", raw(RESET))).kind == "connection"
    assert len(origin.requests) == 1


def test_many_hosts_leave_few_connections_open(origin: Origin, fetcher: Fetcher) -> None:
    for n in range(2, 202):
        fetcher.fetch(visit_to(origin.put("/feed", Document(FEED), host=f"127.0.0.{n}")))
        until(lambda: origin.open_now <= MAX_IDLE_ROUTES)  # one that was just closed by us ends a moment later


def test_F38_closing_ends_all_waiting_at_once(origin: Origin, secure: Origin) -> None:
    fetcher = Fetcher(SITE, allow=ALLOW, tls=trusting())
    for server in (origin, secure):
        server.put("/kept", raw(reply(FEED), KEEP))
        server.put("/hang", raw(HANG))
        server.put("/body", raw(reply(FEED)[:-1], HANG))
        fetcher.fetch(visit_to(server.url("/kept")))
    urls = [server.url(path) for server in (origin, secure) for path in ("/hang", "/body", "/hang")]
    with socket.create_server(("127.0.0.1", 0)) as deaf, ThreadPoolExecutor(7) as pool:
        urls.append(f"https://127.0.0.1:{deaf.getsockname()[1]}/")  # waits in the handshake
        waiting = [pool.submit(fetch_failure, fetcher, url, timeout=60.0) for url in urls]
        until(lambda: len(origin.requests) + len(secure.requests) >= 8)
        fetcher.close()
        assert [each.result().kind for each in waiting] == ["stopped"] * 7
    assert fetch_failure(fetcher, origin.url("/kept")).kind == "stopped"


def test_many_threads_share_one_fetcher(origin: Origin, fetcher: Fetcher) -> None:
    start = threading.Barrier(64)

    def poll(n: int) -> bytes:
        start.wait()
        return b"".join(expect_document(fetcher.fetch(visit_to(origin.url(f"/{n}")))).body for _ in range(5))

    for n in range(64):
        origin.put(f"/{n}", Document(f"<rss>{n}</rss>".encode() * 500, compressed=bool(n % 2)))
    with ThreadPoolExecutor(64) as pool:
        bodies = list(pool.map(poll, range(64)))
    assert bodies == [f"<rss>{n}</rss>".encode() * 2500 for n in range(64)]


def test_a_thousand_polls_with_restarts_leave_no_bad_mark(origin: Origin) -> None:
    """E1–E4, E15: Rachel Kroll's counters stay at zero."""
    documents = [Document(FEED, '"0"', DATE), Document(FEED, None, "day 0"), Document(FEED, 'W/"0"')]
    visits = [visit_to(origin.put(f"/{n}", document)) for n, document in enumerate(documents)]
    fetcher = Fetcher(SITE, allow=ALLOW)
    for turn in range(334):
        if turn % 17 == 0:
            fetcher.close()
            fetcher = Fetcher(SITE, allow=ALLOW)
        if turn % 5 == 0:
            for document in documents:
                document.body = b"<rss>%d</rss>" % turn
                document.etag = document.etag and f'"{turn}"'
                document.last_modified = document.last_modified and f"day {turn}"
        answers = [fetcher.fetch(each) for each in visits]
        visits = [visit_to(each.url, answer.validators) for each, answer in zip(visits, answers, strict=True)]
    fetcher.close()
    assert origin.marks().requests == 1002
    assert origin.marks().bad == {}


def test_E18_a_handshake_that_does_not_end_has_its_limit(fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feeds.fetch.deadline.CONNECT_TIMEOUT", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        error = fetch_failure(fetcher, f"https://127.0.0.1:{deaf.getsockname()[1]}/")
        with deaf.accept()[0] as abandoned:
            while abandoned.recv(65_536):  # to the end: its descriptor is closed
                pass
    assert error.kind == "timeout" and "TLS handshake" in error.sentence


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a full backlog refuses")
def test_E18_a_connection_that_is_not_taken_has_its_limit(fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feeds.fetch.ssrf.CONNECT_TIMEOUT", 0.05)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, ExitStack() as closing:
        for _ in range(4):
            waiting = closing.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        error = fetch_failure(fetcher, f"http://127.0.0.1:{full.getsockname()[1]}/")
    assert error.kind == "timeout" and "did not take the connection" in error.sentence


# ── robots.txt ──────────────────────────────────────────────────────────────────────────────────────────────────────

RULES = b"\xef\xbb\xbfUser-agent: *\nDisallow: /private\n\nUser-agent: feeds\nDisallow: /no/*.html$\n"


@every_way
def test_E17_robots_are_asked_once_a_day(origin: Origin, fetcher: Fetcher) -> None:
    origin.put("/robots.txt", Document(RULES))
    allowed, state = fetcher.robots(origin.url("/yes"), HostState("h"), NOON)
    assert allowed and state.robots_at == NOON
    later = NOON + timedelta(hours=23)
    assert fetcher.robots(origin.url("/no/a.html"), state, later) == (False, state)
    assert fetcher.robots(origin.url("/private"), state, later) == (True, state)  # our own group speaks for us
    assert origin.paths() == ["/robots.txt"]
    fetcher.robots(origin.url("/yes"), state, NOON + timedelta(hours=24))
    assert len(origin.requests) == 2
    assert origin.requests[0].headers["user-agent"].startswith("feeds/")


@every_way
@pytest.mark.parametrize(
    ("status", "allowed"),
    [
        *((status, True) for status in (204, 304, 400, 401, 403, 404, 429)),
        *((status, False) for status in (200, 500, 502, 503)),
    ],
)
def test_E17_what_the_status_of_robots_means(status: int, allowed: bool, origin: Origin, fetcher: Fetcher) -> None:
    origin.put("/robots.txt", raw(reply(b"User-agent: *\nDisallow: /", status), KEEP))
    found, state = fetcher.robots(origin.url("/page"), HostState("h"), NOON)
    assert found is allowed
    assert fetcher.robots(origin.url("/page"), state, NOON + timedelta(minutes=30)) == (allowed, state)
    assert len(origin.requests) == 1


@every_way
def test_E17_unreachable_robots_forbid_and_are_asked_for_again_soon(origin: Origin, fetcher: Fetcher) -> None:
    origin.put("/robots.txt", raw(RESET))
    url = origin.url("/yes")
    allowed, state = fetcher.robots(url, HostState("h"), NOON)
    assert not allowed
    origin.put("/robots.txt", Document(RULES))
    assert fetcher.robots(url, state, NOON + timedelta(hours=1))[0]
    known = HostState("h", robots=RULES.decode("utf-8-sig"), robots_at=NOON - timedelta(days=2))
    origin.put("/robots.txt", raw(RESET))
    assert fetcher.robots(url, known, NOON)[0]  # what was known before still holds


def test_E17_F38_robots_that_we_did_not_wait_for_say_nothing(origin: Origin, fetcher: Fetcher) -> None:
    """They would forbid the host for an hour after a stop."""
    fetcher.close()
    with pytest.raises(FetchError) as stopped:
        fetcher.robots(origin.url("/page"), HostState("127.0.0.1"), NOON)
    assert stopped.value.kind is FailureKind.STOPPED


@every_way
def test_E17_redirects_and_size_of_robots(origin: Origin, fetcher: Fetcher) -> None:
    origin.put("/robots.txt", redirect("/elsewhere", 301))
    rule = b"User-agent: *\nDisallow: /seen\n"
    filler = b"#" * (512_000 - len(rule)) + b"\nDisallow: /unseen\n"
    origin.put("/elsewhere", Document(rule + filler, compressed=True))
    _, state = fetcher.robots(origin.url("/"), HostState("h"), NOON)
    assert not fetcher.robots(origin.url("/seen"), state, NOON)[0]
    assert fetcher.robots(origin.url("/unseen"), state, NOON)[0]


def test_robots_of_a_refused_host_are_not_asked_for(origin: Origin) -> None:
    state = HostState("h")
    origin.put("/robots.txt", Document(b"User-agent: *\nDisallow: /"))
    url = origin.url("/page")
    assert Fetcher(SITE).robots(url, state, NOON)[0]
    assert origin.connections == 0
    private = Source("wire", Kind.PAGE, url, allow_private=("127.0.0.0/8",))
    assert Fetcher(SITE).robots(url, state, NOON, private)[0] is False


# ── requests of other libraries ─────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def session(fetcher: Fetcher) -> Iterator[requests.Session]:
    """A session of `requests` that goes through the transport of a fetcher."""
    with requests.Session() as made:
        made.trust_env = False
        made.mount("http://", fetcher.transport)
        yield made


def test_a_session_goes_through_the_transport(origin: Origin, session: requests.Session) -> None:
    url = origin.put("/hook", raw(reply(b"done", 201, content_type="text/plain"), KEEP))
    response = session.post(url, data=b"payload", headers={"TTL": "60"}, timeout=5)
    assert (response.status_code, response.text, response.ok) == (201, "done", True)
    assert origin.requests[0].body == b"payload" and origin.requests[0].headers["ttl"] == "60"
    session.mount("http://", Fetcher(SITE).transport)
    with pytest.raises(FetchError):
        session.post(url, data=b"payload")
    assert len(origin.requests) == 1


def test_a_post_is_never_sent_twice(origin: Origin, session: requests.Session) -> None:
    url = origin.put("/hook", raw(reply(), KEEP), raw(RESET))
    session.post(url)
    with pytest.raises(FetchError):
        session.post(url)
    assert len(origin.requests) == 2


def test_a_receiver_that_does_not_answer_is_left(origin: Origin, session: requests.Session) -> None:
    with pytest.raises(FetchError) as caught:
        session.post(origin.put("/hook", raw(HANG)), timeout=0.1)
    assert caught.value.kind == "timeout"


def test_a_receiver_that_does_not_read_is_left(session: requests.Session) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf, pytest.raises(FetchError) as caught:
        session.post(f"http://127.0.0.1:{deaf.getsockname()[1]}/", bytes(30_000_000), timeout=0.2)
    assert caught.value.kind == "timeout"


@every_way
def test_E18_every_silence_has_its_limit(origin: Origin, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feeds.fetch.deadline.MAX_SILENCE", 0.05)
    error = fetch_failure(fetcher, origin.put("/feed", raw(HANG)))
    assert error.kind == "timeout" and "sent nothing for" in error.sentence


def test_E18_a_receiver_that_takes_nothing_has_the_same_limit(
    session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("feeds.fetch.deadline.MAX_SILENCE", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as deaf, pytest.raises(FetchError, match="took nothing"):
        session.post(f"http://127.0.0.1:{deaf.getsockname()[1]}/", bytes(30_000_000))


@every_way
def test_S5_a_session_goes_through_the_guard_and_through_no_proxy_of_the_environment(
    way: Way, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Push services get their messages this way. Each redirect that the session follows passes the guard again."""
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, way.proxy.url if way.proxy else "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    fetcher = way.fetcher(allow=["127.0.0.1/32"])
    push = origin.put("/push", raw(reply(b"", 201), KEEP))
    inner = origin.put("/push", Document(FEED), host="127.0.0.2")
    away = origin.put("/away", redirect(inner))
    with requests.Session() as session:
        session.mount(f"{way.scheme}://", fetcher.transport)
        assert session.post(push, b"message").status_code == 201
        for url in (inner, away):
            with pytest.raises(FetchError) as caught:
                session.post(url, b"message")
            assert caught.value.kind == "refused"
    assert origin.paths() == ["/push", "/away"]
    assert origin.connections == 1 and way.proxy_connections == 0
    fetcher.close()


def test_the_shared_context_is_one() -> None:
    assert shared_tls_context() is shared_tls_context()
    assert shared_tls_context().verify_mode is ssl.CERT_REQUIRED and shared_tls_context().check_hostname
