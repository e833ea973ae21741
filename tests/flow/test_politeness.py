"""Politeness towards hosts, over turns and restarts: `App`, store and sockets together, on a clock of the tests."""

from __future__ import annotations

import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from origin import KEEP, Behaviour, Document, Origin, SlowDocument, raw, redirect, reply
from wire import Wire, rss

from feeds.app import App, Turn, TurnOptions
from feeds.fetch import Fetcher
from feeds.http_headers import format_date
from feeds.model import HostLimits, Site

ALLOWED = frozenset(
    ("Host", "User-Agent", "Accept", "Accept-Encoding", "Connection", "If-None-Match", "If-Modified-Since")
)
CERTIFICATES = Path(__file__).parents[1] / "data" / "fetch"


def feed(name: str, number: int = 1) -> bytes:
    """Return a feed of so many stories."""
    return rss(*((f"{name}-{item}", f"Story {item} of {name}") for item in range(number)))


def turn_after(wire: Wire, **span: float) -> Turn:
    """Make a turn some time after the last, as cron does."""
    wire.now += timedelta(**span)
    return wire.turn(max_wait=0)


def request_counts(origin: Origin, since: int = 0) -> Counter[str]:
    """Return how often each path was requested, after so many requests."""
    return Counter(origin.paths()[since:])


# ── Rachel Kroll's counters ───────────────────────────────────────────────────────────────────────────────────────────


DATE = "Mon, 02 Mar 2026 07:{:02}:00 GMT"
# What a publisher may give out at its n-th change: (ETag, Last-Modified).
VALIDATORS: tuple[Callable[[int], tuple[str | None, str | None]], ...] = (
    lambda n: (f'"{n}"', None),
    lambda n: (f'W/"{n}-gzip"', None),
    lambda n: (f"unquoted {n}", None),
    lambda n: (None, DATE.format(n)),
    lambda n: (None, f"yesterday at {n}"),
    lambda n: (f'"{n}"', DATE.format(n)),
    lambda n: ('"always the same"', DATE.format(n)),
    lambda n: (f'"{n}"', "Thu, 01 Jan 1970 00:00:00 GMT"),
    lambda n: (f'"{n}"', None) if n % 2 else (None, DATE.format(n)),
    lambda n: (None, None),
)


def test_E1_E2_E3_E15_a_thousand_visits_with_twenty_restarts_leave_no_bad_mark(wire: Wire, origin: Origin) -> None:
    documents = [Document(b"", compressed=bool(number % 3)) for number in range(50)]
    wire.declare({f"s{n}": origin.put(f"/s{n}", document) for n, document in enumerate(documents)})
    visits = 0
    for restart in range(20):
        for number, document in enumerate(documents):
            changes = (restart + number) // (1 + number % 7)
            document.etag, document.last_modified = VALIDATORS[number % len(VALIDATORS)](changes)
            # Some give out other validators for a body that is still the same (E2).
            document.body = feed(f"s{number}", 1 + (changes // 2 if number % 2 else changes))
        visits += turn_after(wire, minutes=70).visits
    assert visits == len(origin.requests) == 1000
    assert origin.marks().bad == {}
    assert all(set(request.names) <= ALLOWED for request in origin.requests)
    assert len({request.headers["user-agent"] for request in origin.requests}) == 1


def test_E5_E15_redirects_and_errors_leave_no_bad_mark(wire: Wire, origin: Origin) -> None:
    """Validators belong to the document behind a redirect, and outlast a failure."""
    origin.put("/moved", Document(feed("a"), etag='"1"'))
    first, second = redirect("/moved"), raw(reply(b"broken", 500), KEEP)
    wire.declare(
        {"a": origin.put("/a", first, first, second, first), "b": origin.put("/b", Document(feed("b"), etag='"1"'))}
    )
    for _ in range(6):
        turn_after(wire, hours=5)
    assert request_counts(origin) == {"/a": 6, "/b": 6, "/moved": 5}
    assert origin.marks().bad == {}
    conditional = [r for r in origin.requests if r.path in ("/moved", "/b") and "if-none-match" in r.headers]
    assert len(conditional) == 4 + 5


# ── hosts ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def slow_feed(seconds: float, together: int) -> SlowDocument:
    return SlowDocument(lambda request: feed(request.path), lambda request: (request.host,), seconds, together)


def test_E13_two_at_once_and_a_gap_for_each_host_name(wire: Wire, origin: Origin) -> None:
    """On the real clock, for lack of another: what is measured is never shorter on a busy machine."""
    gap, hosts, counting = 0.15, ("127.0.0.5", "127.0.0.6"), slow_feed(0.5, 2)
    sources = {f"{host[-1]}-{n}": origin.put(f"/{n}", counting, host=host) for host in hosts for n in range(8)}
    sources |= {name: url.replace("127.0.0.1", f"127.0.0.{name[0]}") for name, url in sources.items()}
    wire.declare(sources, hosts={"gap": f"{gap}s", "at_once": 2})
    began = time.monotonic()
    with App(wire.config) as app:
        assert app.turn().visits == 16
    assert counting.most == dict.fromkeys(hosts, 2)
    for host in hosts:
        times = [request.at - began for request in origin.requests if request.host == host]
        assert all(at >= gap * place for place, at in enumerate(sorted(times)))


def test_E13_one_run_after_another_keeps_the_gap_too(wire: Wire, origin: Origin) -> None:
    wire.declare({name: origin.put(f"/{name}", Document(feed(name))) for name in "ab"}, hosts={"gap": "30s"})
    assert wire.turn(sources=["a"], max_wait=0).visits == 1
    wire.now += timedelta(seconds=29)
    assert wire.turn(sources=["b"], max_wait=0).visits == 0
    wire.now += timedelta(seconds=1)
    assert wire.turn(sources=["b"], max_wait=0).visits == 1


def test_E13_five_hundred_sources_of_sixty_names_at_one_address_are_asked_eight_at_once(
    wire: Wire, origin: Origin
) -> None:
    """In two turns of one program: in the second one the host queue knows the address too."""
    limits, counting = {"gap": "0s", "at_once": 2}, slow_feed(0.005, 8)
    for n in range(500):
        origin.put(f"/{n}", counting)
    wire.declare({f"s{n}": f"http://n{n % 60}.example/{n}" for n in range(500)}, hosts=limits)
    everywhere = [(socket.AF_INET, ("127.0.0.1", origin.port()))]

    def network(site: Site) -> Fetcher:
        return Fetcher(site, hosts=HostLimits(0.0, 2), resolve=lambda host, port: everywhere)

    with wire.app(network) as app:
        for turns in (1, 2):
            assert app.turn(TurnOptions(everything=True)).failures == 0
            assert len(origin.requests) == 500 * turns
    assert counting.most == {"127.0.0.1": 8}


def test_E13_many_sources_that_redirect_to_one_host_keep_its_gap(wire: Wire, origin: Origin) -> None:
    """With the gap that the YAML declares, on the real clock."""
    gap, target = 0.1, "127.0.0.9"
    to = origin.put("/feed", Document(feed("a")), host=target)
    urls = [origin.put("/feed", redirect(to), host=f"127.0.0.{number}") for number in range(10, 18)]
    wire.declare({f"s{n}": url for n, url in enumerate(urls)}, hosts={"gap": f"{gap}s", "at_once": 2})
    began = time.monotonic()
    with App(wire.config) as app:
        assert app.turn().failures == 0
    times = [request.at - began for request in origin.requests if request.host == target]
    assert len(times) == len(urls)
    assert all(at >= gap * place for place, at in enumerate(sorted(times)))


# ── Retry-After ───────────────────────────────────────────────────────────────────────────────────────────────────────


FORMS: Mapping[str, Callable[[datetime], dict[str, str]]] = {
    "seconds": lambda now: {"retry_after": "7200"},
    "a date": lambda now: {"date": format_date(now), "retry_after": format_date(now + timedelta(hours=2))},
    "a date on a clock that is wrong": lambda now: {
        "date": "Thu, 01 Jan 2015 00:00:00 GMT",
        "retry_after": "Thu, 01 Jan 2015 02:00:00 GMT",
    },
}


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", FORMS)
def test_E9_retry_after_silences_the_whole_host_beyond_a_restart(
    form: str, status: int, wire: Wire, origin: Origin
) -> None:
    """For the two hours asked for, neither the schedule nor a run that names a source, or all, asks that host again."""
    healthy = {name: origin.put(f"/{name}", Document(feed(name))) for name in ("neighbour", "other")}
    healthy["other"] = healthy["other"].replace(origin.url(), origin.url(host="127.0.0.9"))
    angry = raw(reply(b"no", status, **FORMS[form](wire.now)), KEEP)
    wire.declare({"angry": origin.put("/angry", angry), **healthy})
    wire.turn(sources=["angry"])
    origin.put("/angry", Document(feed("angry")))
    assert request_counts(origin) == {"/angry": 1}
    wire.now += timedelta(minutes=119)
    for orders in ({}, {"sources": ["angry", "neighbour"]}, {"everything": True}, {"refetch": True}):
        wire.turn(max_wait=0, **orders)
    assert request_counts(origin) == {"/angry": 1, "/other": 2}
    turn_after(wire, minutes=20)
    assert request_counts(origin) == {"/angry": 2, "/other": 2, "/neighbour": 1}


def test_E9_behind_a_redirect_the_host_that_said_so_is_silenced_beyond_a_restart(wire: Wire, origin: Origin) -> None:
    """And no other: not the host that redirects, where others are still welcome."""
    near, far = "127.0.0.8", "127.0.0.9"
    angry = origin.put("/angry", raw(reply(b"no", 429, retry_after="7200"), KEEP), host=far)
    wire.declare(
        {
            "moved": origin.put("/moved", redirect(angry), host=near),
            "beside": origin.put("/beside", Document(feed("beside")), host=near),
            "neighbour": origin.put("/neighbour", Document(feed("neighbour")), host=far),
        }
    )
    wire.turn(sources=["moved"])
    assert request_counts(origin) == {"/moved": 1, "/angry": 1}
    wire.now += timedelta(minutes=119)
    for orders in ({}, {"sources": ["neighbour", "beside"]}):
        wire.turn(max_wait=0, **orders)
    assert request_counts(origin) == {"/moved": 1, "/angry": 1, "/beside": 2}
    origin.put("/angry", Document(feed("a")), host=far)
    turn_after(wire, minutes=20)
    assert request_counts(origin) == {"/moved": 2, "/angry": 2, "/beside": 2, "/neighbour": 1}


def test_E9_behind_a_redirect_the_others_of_that_host_wait_in_the_same_turn(wire: Wire, origin: Origin) -> None:
    near, far = "127.0.0.8", "127.0.0.9"
    angry = origin.put("/angry", raw(reply(b"no", 429, retry_after="7200"), KEEP), host=far)
    slow = raw(0.3, reply(feed("a"), content_type="text/xml"), KEEP)
    others = {f"n{number}": origin.put(f"/n{number}", slow, host=far) for number in range(6)}
    wire.declare(
        {"moved": origin.put("/moved", redirect(angry), host=near), **others}, hosts={"gap": "0s", "at_once": 1}
    )
    wire.turn(max_wait=0)
    counts = request_counts(origin)
    assert counts["/angry"] == 1
    assert sum(counts[f"/{name}"] for name in others) <= 2  # those that were under way


def test_E9_a_run_does_not_wait_for_a_host_that_is_silenced_for_long(wire: Wire, origin: Origin) -> None:
    """It ends, so that the next one from cron can visit what is due by then."""
    angry, calm = raw(reply(b"no", 429, retry_after="7200"), KEEP), Document(feed("n"))
    wire.declare({"angry": origin.put("/angry", angry), "neighbour": origin.put("/neighbour", calm)})
    for arguments in (["angry"], [], ["--all"]):
        assert wire.command("run", *arguments).returncode == 0
    assert request_counts(origin) == {"/angry": 1}


def test_E9_a_429_without_retry_after_silences_for_an_hour_and_more_each_time(wire: Wire, origin: Origin) -> None:
    wire.declare(
        {"a": {"feed": origin.put("/a", raw(reply(b"no", 429), KEEP)), "every": "5m"}, "b": origin.put("/b", raw())}
    )
    for _ in range(16 * 6):
        turn_after(wire, minutes=10)
    assert 4 <= request_counts(origin)["/a"] <= 5  # after 1, 2, 4, 8 hours


# ── failures and redirects ────────────────────────────────────────────────────────────────────────────────────────────


def test_E11_a_source_that_is_gone_is_looked_at_once_a_week(wire: Wire, origin: Origin) -> None:
    gone = raw(reply(b"gone", 410), KEEP)
    wire.declare({"a": origin.put("/a", Document(feed("a")), gone)})
    wire.turn()
    turn_after(wire, hours=2)
    for _ in range(6 * 24 // 3):
        turn_after(wire, hours=3)
    assert request_counts(origin) == {"/a": 2}
    for _ in range(24):
        turn_after(wire, hours=3)
    assert request_counts(origin) == {"/a": 3}
    assert wire.items()


def test_E11_a_source_that_fails_is_asked_ever_more_seldom_but_every_day(wire: Wire, origin: Origin) -> None:
    wire.declare({"a": origin.put("/a", raw(reply(b"no", 404), KEEP))})
    for _ in range(12 * 7):
        turn_after(wire, hours=2)
    assert 9 <= request_counts(origin)["/a"] <= 13


def test_E10_a_permanent_redirect_is_followed_at_once_and_believed_after_a_day(wire: Wire, origin: Origin) -> None:
    origin.put("/new", Document(feed("a"), etag='"1"'))
    wire.declare({"a": {"feed": origin.put("/old", redirect("/new", 301)), "every": "8h"}})
    for visits in range(1, 7):
        turn_after(wire, hours=9)
        assert request_counts(origin) == {"/old": min(visits, 4), "/new": visits}
    assert origin.marks().bad == {}
    assert "/old" in wire.config.read_text()


@pytest.mark.parametrize(
    "script",
    [
        [redirect("/new", 301), redirect("/other", 308)] * 4,
        [redirect("/new", 301), redirect("/new", 301), redirect("/new", 302)] * 3,
        [redirect("/new", 301), redirect("/new", 301), Document(feed("a"))] * 3,
        [redirect("/new", 307)],
    ],
    ids=["between two targets", "sometimes for a while only", "sometimes not at all", "never for good"],
)
def test_E10_a_redirect_that_wavers_is_never_believed(script: list[Behaviour], wire: Wire, origin: Origin) -> None:
    for path in ("/new", "/other"):
        origin.put(path, Document(feed("a")))
    wire.declare({"a": {"feed": origin.put("/old", *script), "every": "8h"}})
    for _ in range(8):
        turn_after(wire, hours=9)
    assert request_counts(origin)["/old"] == 8


def test_E10_a_redirect_from_https_to_http_is_never_believed(wire: Wire, origin: Origin) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / "server.pem")
    trusted = ssl.create_default_context(cafile=str(CERTIFICATES / "ca.pem"))
    secure = Origin(context)
    try:
        wire.declare({"a": secure.put("/a", redirect(origin.put("/a", Document(feed("a"))), 301))})
        for _ in range(6):
            wire.now += timedelta(hours=9)
            with wire.app(lambda site: Fetcher(site, tls=lambda: trusted)) as app:
                assert app.turn(TurnOptions(max_wait=0)).failures == 0
        assert len(secure.requests) == len(origin.requests) == 6
    finally:
        secure.close()


# ── robots.txt ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_E17_robots_txt_is_asked_for_once_a_day_and_obeyed(wire: Wire, origin: Origin) -> None:
    """One listing with links to ten stories on the same host: one robots.txt, whatever starts at the same moment."""
    names = [f"story-about-something-{number}" for number in range(10)]
    links = "".join(f"<h2><a href='/{where}/{name}'>A headline for {name}</a></h2>" for where in "ab" for name in names)
    page = f"<html><title>News</title><body><main>{links}</main></body></html>".encode()
    origin.put("/robots.txt", raw(reply(b"User-agent: *\nDisallow: /b/\n", content_type="text/plain"), KEEP))
    for name in names:
        text = f"<p>{'Some words of the story. ' * 40}</p>"
        html = f"<html><title>{name}</title><body><article><h1>{name}</h1>{text}</article></body></html>"
        origin.put(f"/a/{name}", raw(reply(html.encode(), content_type="text/html"), KEEP))
    front = origin.put("/news", raw(reply(page, content_type="text/html"), KEEP))
    wire.declare({"a": {"page": front, "stories": "h2 a"}}, hosts={"gap": "0s", "at_once": 8})
    wire.turn(max_wait=0)
    turn_after(wire, hours=2)
    counts = request_counts(origin)
    assert counts["/robots.txt"] == 1
    assert [counts[f"/a/{name}"] for name in names] == [1] * 10
    assert not any(path.startswith("/b/") for path in counts)


def test_E17_what_redirects_lead_on_to_is_asked_for_as_its_own_host_permits(wire: Wire, origin: Origin) -> None:
    """A sitemap that has moved to another host, whose children are there too."""
    near, far = "127.0.0.8", "127.0.0.9"
    space, xml = "xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'", {"content_type": "application/xml"}
    entries = "".join(f"<sitemap><loc>{origin.url(f'/map-{n}.xml', far)}</loc></sitemap>" for n in range(3))
    index = origin.put("/index.xml", Document(f"<sitemapindex {space}>{entries}</sitemapindex>".encode(), headers=xml))
    index = index.replace(origin.url(), origin.url(host=far))
    for n in range(3):
        url = f"<url><loc>{origin.url(f'/story-{n}', far)}</loc></url>"
        origin.put(f"/map-{n}.xml", Document(f"<urlset {space}>{url}</urlset>".encode(), headers=xml))
    rules = [raw(reply(f"User-agent: *\nDisallow: /{name}\n".encode()), KEEP) for name in ("map-", "story-")]
    origin.put("/robots.txt", rules[0], host=near)
    origin.put("/robots.txt", rules[1], host=far)
    wire.declare({"a": {"sitemap": origin.put("/moved.xml", redirect(index), host=near)}})
    wire.turn(sources=["a"], max_wait=0)
    expected = [(near, "/robots.txt"), (near, "/moved.xml"), (far, "/index.xml"), (far, "/robots.txt")]
    expected += [(far, f"/map-{n}.xml") for n in range(3)]
    assert [(request.host, request.path) for request in origin.requests[:7]] == expected
    before = len(origin.requests)
    origin.put("/robots.txt", rules[0], host=far)
    turn_after(wire, days=2)
    assert not any(path.startswith("/map-") for path in origin.paths()[before:])
