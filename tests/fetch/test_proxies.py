"""Proxies: http and https ones, with a login, for origins with TLS and without; and what they never get to see."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from factories import NOON, SITE, visit_to
from fetching import expect_document, fetch_failure
from origin import ALLOW, HANG, KEEP, Document, Origin, raw, redirect, reply
from proxy import Proxy, Way, client_context, every_way, server_context, through_proxies

from feeds.config.values import parse_proxy
from feeds.fetch import Fetcher
from feeds.model import HostState, replace

FEED = b"<rss><channel><item/></channel></rss>"
LOGIN = "Basic bWU6Z2VoZWltOsO8"  # me, geheim:ü


@pytest.fixture(params=["http", "https"])
def guarded_proxy(request: pytest.FixtureRequest) -> Iterator[Proxy]:
    """A proxy that wants a login."""
    proxy = Proxy(server_context() if request.param == "https" else None, login=LOGIN)
    yield proxy
    proxy.close()


@pytest.fixture(params=[False, True], ids=["plain", "tls"])
def origin(request: pytest.FixtureRequest) -> Iterator[Origin]:
    """An origin with TLS or without."""
    server = Origin(server_context() if request.param else None)
    yield server
    server.close()


def test_A13_the_login_goes_to_the_proxy_and_not_to_the_origin(guarded_proxy: Proxy, origin: Origin) -> None:
    context = client_context()
    fetcher = Fetcher(SITE, allow=ALLOW, tls=lambda: context)
    url = origin.put("/feed", Document(FEED, '"1"'))
    scheme, _, netloc = guarded_proxy.url.partition("://")
    address = f"{scheme}://me:geheim%3A%C3%BC@{netloc}"
    first = expect_document(fetcher.fetch(visit_to(url, proxy=address)))
    assert first.body == FEED
    assert fetcher.fetch(visit_to(url, first.validators, proxy=address)).validators == first.validators
    assert guarded_proxy.logins == {LOGIN}
    assert guarded_proxy.connections == 1
    sent = ("host", "user-agent", "accept", "accept-encoding", "connection")
    assert set(origin.requests[0].headers) == set(sent)
    wrong = fetch_failure(fetcher, url, proxy=f"{scheme}://me:falsch@{netloc}")
    assert "407" in wrong.sentence and "falsch" not in wrong.sentence
    assert len(origin.requests) == 2
    fetcher.close()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_dead_proxy_is_named(scheme: str, origin: Origin) -> None:
    error = fetch_failure(Fetcher(SITE, allow=ALLOW), origin.url("/feed"), proxy=f"{scheme}://me:geheim@127.0.0.1:1")
    assert error.kind == "connection"
    assert "the proxy 127.0.0.1:1 accepts no connections" in error.sentence and "geheim" not in error.sentence
    assert origin.connections == 0


@every_way
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_S3_redirects_to_private_addresses(status: int, way: Way) -> None:
    origin = Origin(server_context() if way.tls else None)
    url = origin.put("/feed", redirect(f"http://127.0.0.2:{origin.port('127.0.0.2')}/", status))
    fetcher = way.fetcher(allow=["127.0.0.1/32"])
    assert fetch_failure(fetcher, url).kind == "refused"
    assert len(origin.requests) == origin.connections == 1
    fetcher.close()
    origin.close()


@through_proxies
def test_a_connection_through_a_proxy_is_kept(way: Way) -> None:
    origin = Origin(server_context() if way.tls else None)
    fetcher = way.fetcher()
    url = origin.put("/feed", raw(reply(FEED), KEEP))
    for _ in range(3):
        assert expect_document(fetcher.fetch(visit_to(url))).body == FEED
    assert way.proxy is not None and way.proxy.connections == origin.connections == 1
    fetcher.close()
    origin.close()


@pytest.mark.parametrize("head", [b"X: y\r\n" * 20_000, b"X: " + b"y" * 70_000], ids=["many lines", "a long line"])
def test_E18_the_head_of_a_tunnel_has_its_limit(head: bytes) -> None:
    proxy = Origin()
    proxy.put("feed.example:443", raw(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\n", HANG))
    fetcher = Fetcher(SITE)
    error = fetch_failure(fetcher, "https://feed.example/", proxy=f"http://127.0.0.1:{proxy.port()}")
    assert error.kind == "too_large"
    fetcher.close()
    proxy.close()


def test_E17_robots_are_asked_for_by_the_same_proxy(guarded_proxy: Proxy) -> None:
    origin = Origin()
    origin.put("/robots.txt", Document(b"User-agent: *\nDisallow: /"))
    context = client_context()
    source = replace(
        visit_to(origin.url("/page")).source, proxy=guarded_proxy.url.replace("://", "://me:geheim%3A%C3%BC@")
    )
    fetcher = Fetcher(SITE, allow=ALLOW, tls=lambda: context)
    allowed, _ = fetcher.robots(origin.url("/page"), HostState("h"), NOON, source)
    assert not allowed and guarded_proxy.connections == 1
    fetcher.close()
    origin.close()


@pytest.mark.parametrize(
    "address", ["http://me:a@b/c#d@127.0.0.1:3128", "https://me@proxy.example", "http://proxy.example/"]
)
def test_A13_the_configuration_takes_a_login_of_a_proxy(address: str) -> None:
    assert parse_proxy(address) == address


@pytest.mark.parametrize("address", ["http://@a.example/", "http://me:pw@", "socks5://me:pw@a.example", "me:pw@proxy"])
def test_what_is_no_proxy(address: str) -> None:
    with pytest.raises(ValueError, match="expected") as caught:
        parse_proxy(address)
    assert "pw" not in str(caught.value)
