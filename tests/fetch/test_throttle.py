"""The gap and the caps of all requests of a fetcher: redirects, robots.txt, many names at one address."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest
from factories import NOON, SITE, visit_to
from fetching import expect_document, fetch_failure
from origin import ALLOW, HANG, KEEP, Document, Origin, Piece, Request, SlowDocument, raw, redirect, reply
from proxy import Way, every_way, with_or_without_tls
from wire import until

from feeds.errors import FetchError
from feeds.fetch import Fetcher
from feeds.fetch.throttle import MAX_ADDRESSES, PacedGate, Throttle
from feeds.model import HostState, replace
from feeds.politeness import HostLimits

FEED = b"<rss><channel><item/></channel></rss>"
GAP = 0.05
TARGET = "127.0.0.9"

Resolve = Callable[[str, int], list[tuple[int, tuple[str, int]]]]


def slow_document(seconds: float = 0.02, together: int = 1) -> SlowDocument:
    return SlowDocument(lambda request: FEED, lambda request: ("all", request.headers["host"]), seconds, together)


def everything_at(address: str, port: int) -> Resolve:
    return lambda host, asked: [(socket.AF_INET, (address, port))]


def at_once(fetcher: Fetcher, urls: Iterable[str], threads: int = 32) -> None:
    """Visit all of them, as many at once as there are threads."""
    with ThreadPoolExecutor(threads) as pool:
        for answer in pool.map(lambda url: fetcher.fetch(visit_to(url)), urls):
            assert expect_document(answer).body == FEED


def keeps_gap(gap: float, requests: Iterable[Request], began: float) -> bool:
    """Whether each came at least a gap after the one before. Measured from the first: a busy machine reads one of them
    late, but none early."""
    return all(at - began >= gap * place for place, at in enumerate(sorted(request.at for request in requests)))


def no_request_active(fetcher: Fetcher) -> bool:
    return fetcher.throttle.hosts.active() == fetcher.throttle.addresses.active() == 0


# ── one host name ───────────────────────────────────────────────────────────────────────────────────────────────────


@every_way
@pytest.mark.parametrize(("most", "seconds"), [(1, 0.01), (2, 0.12)])
def test_E13_redirects_of_many_sources_to_one_host_keep_its_gap_and_cap(
    most: int, seconds: float, way: Way, origin: Origin
) -> None:
    document = slow_document(seconds)
    to = origin.put("/feed", document, host=TARGET)
    urls = [origin.put("/feed", redirect(to), host=f"127.0.0.{n}") for n in range(10, 18)]
    fetcher = way.fetcher(hosts=HostLimits(GAP, most))
    began = time.monotonic()
    at_once(fetcher, urls)
    fetcher.close()
    target = [request for request in origin.requests if request.host == TARGET]
    assert len(target) == 8
    assert keeps_gap(GAP, target, began)
    assert document.most["all"] <= most


def test_E10_a_redirect_within_a_host_is_followed_at_once(origin: Origin) -> None:
    origin.put("/new", Document(FEED))
    fetcher = Fetcher(SITE, allow=ALLOW, hosts=HostLimits(600.0, 1))
    assert expect_document(fetcher.fetch(visit_to(origin.put("/old", redirect("/new", 301))))).body == FEED
    fetcher.close()


@every_way
def test_E13_the_gap_counts_from_the_last_request_of_redirects_within_a_host(way: Way, origin: Origin) -> None:
    gap, slow = 1.5, 0.15
    origin.put("/new", Document(FEED))
    url = origin.put("/old", raw(slow, reply(b"", 301, location="/new"), KEEP))
    fetcher = way.fetcher(hosts=HostLimits(gap, 2))
    began = time.monotonic()
    at_once(fetcher, [url, url])
    *_, old, new = origin.requests
    assert [request.path for request in origin.requests] == ["/old", "/new"] * 2
    assert old.at - began >= slow + gap and new.at >= old.at
    fetcher.close()


@every_way
def test_E13_E17_robots_and_then_the_page_keep_the_gap(way: Way, origin: Origin) -> None:
    origin.put("/robots.txt", Document(b"User-agent: *\nAllow: /"))
    page = origin.put("/page", Document(FEED))
    fetcher = way.fetcher(hosts=HostLimits(0.2))
    began = time.monotonic()
    assert fetcher.robots(page, HostState("127.0.0.1"), NOON)[0]
    fetcher.fetch(visit_to(page))
    assert origin.paths() == ["/robots.txt", "/page"]
    assert keeps_gap(0.2, origin.requests, began)
    fetcher.close()


def test_E13_a_request_after_the_gap_does_not_wait_again() -> None:
    now = 0.0
    gate = PacedGate(HostLimits(1.0, 2).host_slots, lambda: now, threading.Event())
    assert gate.enter("a") == gate.enter("b") == 0.0
    now = 1.0
    assert gate.enter("a") == 0.0
    gate.leave("a")
    now = 7.0
    assert gate.enter("a") == 0.0


def test_E18_waiting_for_others_is_not_the_fault_of_the_server(origin: Origin) -> None:
    urls = [origin.put(f"/{n}", Document(FEED)) for n in range(4)]
    fetcher = Fetcher(SITE, allow=ALLOW, hosts=HostLimits(1.5))
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda url: fetcher.fetch(visit_to(url, timeout=4.0)), urls))
    assert [expect_document(answer).body for answer in answers] == [FEED] * 4  # the last one after three gaps
    fetcher.close()


# ── one address ─────────────────────────────────────────────────────────────────────────────────────────────────────


@with_or_without_tls
@pytest.mark.parametrize("keep", [True, False], ids=["connections are kept", "every request opens one"])
def test_E13_many_names_at_one_address_are_asked_eight_at_once(keep: bool, way: Way, origin: Origin) -> None:
    document = slow_document(0.005, together=8)

    def answer(request: Request) -> Iterable[Piece]:
        yield from (piece for piece in document(request) if keep or piece is not KEEP)

    origin.put("/feed", answer)
    urls = [f"{way.scheme}://n{n % 60}.example:{origin.port()}/feed" for n in range(200)]
    resolve = everything_at("127.0.0.1", origin.port())
    fetcher = way.fetcher(hosts=HostLimits(0.0, 2), resolve=resolve)
    at_once(fetcher, urls, threads=64)
    assert len(origin.requests) == 200
    assert document.most["all"] == 8
    assert {most for name, most in document.most.items() if name != "all"} <= {1, 2}
    assert fetcher.address_of("n7.example") == "127.0.0.1"
    assert fetcher.address_of("other.example") is None
    fetcher.close()


@with_or_without_tls
def test_E13_F26_a_host_that_redirects_counts_where_it_leads(way: Way, origin: Origin) -> None:
    """Hundreds that redirect to one host would else be started only to wait at its gate, while no other host is."""
    there = origin.put("/feed", Document(FEED), host="127.0.0.2")
    origin.put("/feed", redirect(there, 302))
    fetcher = way.fetcher(hosts=HostLimits(0.0), resolve=everything_at("127.0.0.1", origin.port()))
    expect_document(fetcher.fetch(visit_to(f"{way.scheme}://one.example:{origin.port()}/feed")))
    assert fetcher.address_of("one.example") == "127.0.0.2"
    fetcher.close()


def test_E13_a_request_delayed_at_the_address_keeps_the_gap_of_its_host_once_more(origin: Origin) -> None:
    """Two requests to one name wait for a full address; when all its places become free at once, they go one by one."""
    go_on = threading.Event()

    def held(request: Request) -> Iterable[Piece]:
        assert go_on.wait(300)
        return (reply(FEED), KEEP)

    origin.put("/held", held)
    origin.put("/feed", Document(FEED))
    fetcher = Fetcher(SITE, allow=ALLOW, hosts=HostLimits(0.15, 2), resolve=everything_at("127.0.0.1", origin.port()))
    with ThreadPoolExecutor(10) as pool:
        waiting = [
            pool.submit(fetcher.fetch, visit_to(f"http://full{n}.example/held", timeout=300.0)) for n in range(8)
        ]
        until(lambda: len(origin.requests) == 8)
        waiting += [pool.submit(fetcher.fetch, visit_to("http://late.example/feed")) for _ in range(2)]
        until(lambda: fetcher.throttle.addresses.waiting() == 2)
        began = time.monotonic()
        go_on.set()
        for each in waiting:
            expect_document(each.result())
    late = [request for request in origin.requests if request.headers["host"] == "late.example"]
    assert len(late) == 2 and keeps_gap(0.15, late, began)
    fetcher.close()


def test_E13_more_than_eight_where_the_operator_says_so(origin: Origin) -> None:
    document, twelve = slow_document(0.0), threading.Barrier(12)

    def together(request: Request) -> Iterable[Piece]:
        twelve.wait(300)
        return document(request)

    url = origin.put("/feed", together)
    fetcher = Fetcher(SITE, allow=ALLOW, hosts=HostLimits(0.0, 12))
    at_once(fetcher, [url] * 36, threads=36)
    assert document.most["all"] <= 12
    fetcher.close()


def test_behind_a_proxy_no_address_has_a_cap(origin: Origin) -> None:
    all_of_them = threading.Barrier(20)

    def together(request: Request) -> Iterable[Piece]:
        all_of_them.wait(300)
        return (reply(FEED), KEEP)

    urls = [f"http://n{n}.example/feed" for n in range(20)]
    for url in urls:
        origin.put(url, together)
    proxy = f"http://127.0.0.1:{origin.port()}"
    fetcher = Fetcher(SITE, hosts=HostLimits())
    with ThreadPoolExecutor(20) as pool:
        for answer in pool.map(lambda url: fetcher.fetch(visit_to(url, proxy=proxy)), urls):
            expect_document(answer)
    assert fetcher.address_of("n1.example") is None
    fetcher.close()


def test_a_dead_address_is_left_before_the_next_one_is_tried(origin: Origin) -> None:
    origin.put("/feed", Document(FEED))
    both = [(socket.AF_INET, (host, origin.port())) for host in ("127.0.0.99", "127.0.0.1")]
    fetcher = Fetcher(SITE, allow=ALLOW, hosts=HostLimits(0.0), resolve=lambda host, port: both)
    at_once(fetcher, [f"http://n{n}.example/feed" for n in range(40)])
    assert fetcher.address_of("n3.example") == "127.0.0.1"
    assert no_request_active(fetcher)
    fetcher.close()


def test_memory_of_addresses_has_its_limit() -> None:
    throttle = Throttle(HostLimits(), time.monotonic, threading.Event())
    for n in range(MAX_ADDRESSES + 10):
        throttle.remember_address(f"h{n}.example", f"address {n}")
        throttle.remember_address("often.example", "near")
    assert throttle.address_of("h0.example") is None
    assert throttle.address_of("often.example") == "near"
    assert throttle.address_of(f"h{MAX_ADDRESSES}.example") == f"address {MAX_ADDRESSES}"


# ── waiting ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("where", ["host", "gap", "address"])
def test_F38_closing_ends_the_waiting_at_once(where: str, origin: Origin) -> None:
    limits = {"host": HostLimits(0.0, 1), "gap": HostLimits(600.0, 8), "address": HostLimits(0.0, 1)}[where]
    name = "n{}.example" if where == "address" else "same.example"
    origin.put("/hang", raw(HANG))
    fetcher = Fetcher(SITE, allow=ALLOW, hosts=limits, resolve=everything_at("127.0.0.1", origin.port()))
    expected = 8 if where == "address" else 1
    with ThreadPoolExecutor(12) as pool:
        urls = [f"http://{name.format(n)}/hang" for n in range(12)]
        waiting = [pool.submit(fetch_failure, fetcher, url, timeout=60.0) for url in urls]
        gates = (fetcher.throttle.hosts, fetcher.throttle.addresses)
        until(lambda: len(origin.requests) + sum(gate.waiting() for gate in gates) == 12)
        fetcher.close()
        assert {each.result(timeout=300).kind for each in waiting} == {"stopped"}
    assert len(origin.requests) == expected
    assert fetch_failure(fetcher, urls[0]).kind == "stopped"


def test_two_hosts_that_redirect_to_each_other_do_not_block(origin: Origin) -> None:
    hosts = ("127.0.0.2", "127.0.0.3")
    for here, there in (hosts, hosts[::-1]):
        origin.put("/a", redirect(origin.url("/b", there)), host=here)
        origin.put("/b", redirect(origin.url("/c", there)), host=here)
        origin.put("/c", Document(FEED), host=here)
    fetcher = Fetcher(SITE, allow=ALLOW, hosts=HostLimits(0.001, 1))
    at_once(fetcher, [origin.url("/a", hosts[n % 2]) for n in range(40)])
    assert len(origin.requests) == 120
    assert no_request_active(fetcher)
    fetcher.close()


BROKEN_SERVERS = {
    "closes": raw(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "leads in a circle": redirect("/feed"),
    "leads nowhere": redirect("ftp://x.example/"),
    "does not have it": raw(reply(b"no", 404), KEEP),
    "is too long": raw(reply(b"x" * 9999), KEEP),
    "hangs": raw(HANG),
}


@pytest.mark.parametrize("server", BROKEN_SERVERS)
def test_a_request_that_fails_returns_its_slots(server: str, origin: Origin) -> None:
    origin.put("/robots.txt", BROKEN_SERVERS["closes"])
    url = origin.put("/feed", BROKEN_SERVERS[server])
    fetcher = Fetcher(SITE, allow=ALLOW, hosts=HostLimits(0.0, 1))
    for _ in range(3):
        fetch_failure(fetcher, url, max_bytes=1000, timeout=0.1)
        fetcher.robots(url, HostState("h"), NOON)
    assert no_request_active(fetcher)
    fetcher.close()


def test_first_come_first_served() -> None:
    gate = PacedGate(HostLimits(0.0, 1).host_slots, time.monotonic, threading.Event())
    gate.enter("a")
    served: list[int] = []

    def come(n: int) -> None:
        gate.enter("a")
        served.append(n)
        gate.leave("a")

    with ThreadPoolExecutor(9) as pool:
        for n in range(9):
            pool.submit(come, n)
            until(lambda number=n: gate.waiting() == number + 1)  # type: ignore[misc]
        gate.leave("a")
    assert served == list(range(9))


def test_hosts_that_were_asked_once_are_forgotten() -> None:
    ticks = count(0.0, 0.001)
    gate = PacedGate(HostLimits(0.1, 2).host_slots, lambda: next(ticks), threading.Event())
    gate.enter("stays")
    for n in range(20_000):
        gate.enter(f"h{n}.example")
        gate.leave(f"h{n}.example")
    assert len(gate) <= 512
    gate.leave("stays")


# ── the host of a refusal ───────────────────────────────────────────────────────────────────────────────────────────


def refusal(fetcher: Fetcher, url: str, host: str) -> FetchError:
    """How a visit of this host fails."""
    with pytest.raises(FetchError) as caught:
        fetcher.fetch(replace(visit_to(url), host=HostState(host)))
    return caught.value


@pytest.mark.parametrize("status", [404, 429, 503])
def test_E9_a_refusal_behind_a_redirect_names_its_host(status: int, origin: Origin, fetcher: Fetcher) -> None:
    origin.put("/feed", raw(reply(b"no", status, retry_after="120"), KEEP), host=TARGET)
    origin.put("/feed", raw(reply(b"no", status), KEEP))
    origin.put("/away", redirect(origin.url("/feed", TARGET)))
    origin.put("/here", redirect("/feed"))
    hosts = {path: refusal(fetcher, origin.url(path), "127.0.0.1").host for path in ("/away", "/here", "/feed")}
    assert hosts == {"/away": TARGET, "/here": None, "/feed": None}
    further = refusal(fetcher, origin.url("/feed", TARGET), "127.0.0.1")  # as the children of a sitemap may be
    assert (further.host, further.status, further.retry_after) == (TARGET, status, 120.0)


def test_E9_a_name_that_is_spelled_in_another_alphabet_is_the_same_host(origin: Origin) -> None:
    origin.put("/feed", raw(reply(b"no", 429), KEEP))
    fetcher = Fetcher(SITE, allow=ALLOW, resolve=everything_at("127.0.0.1", origin.port()))
    assert refusal(fetcher, "http://bücher.example/feed", "bücher.example").host is None
    fetcher.close()
