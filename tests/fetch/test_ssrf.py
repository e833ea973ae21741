"""The SSRF guard: addresses that are never connected to, however they are spelled, resolved or redirected to."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable, Sequence

import pytest
from factories import NOON, SITE, visit_to
from fetching import expect_document, fetch_failure
from origin import ALLOW, Document, Origin, redirect
from proxy import Way, every_way, through_proxies, with_or_without_tls

from feeds.errors import FetchError
from feeds.fetch import Fetcher
from feeds.fetch.ssrf import find_refusal
from feeds.model import HostState, Kind, Story
from feeds.networks import PRIVATE_NETWORKS, Allowance, parse_allowance

PUBLIC = "93.184.215.14"

# S1, S4: one address of each class, and the edges of the larger ones.
REFUSED = [
    "127.0.0.1",
    "127.255.255.255",
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.0",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "169.254.0.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.127.255.255",
    "192.0.0.1",
    "192.0.0.255",
    "198.18.0.1",
    "198.19.255.255",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "198.51.100.1",
    "203.0.113.1",
    "192.88.99.1",
    "::",
    "::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "febf::1",
    "fec0::1",
    "ff02::1",
    "ffff::1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::808:808",
    "64:ff9b:1::1",
    "64:ff9b:1:ffff::a00:1",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2002:808:808::",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "::127.0.0.1",
    "::10.0.0.1",
    "::8.8.8.8",
    "2001:db8::1",
    "2001:10::1",
    "2001:20::1",
    "2001:2::1",
    "100::1",
    "3fff::1",
    "5f00::1",
    "4000::1",
]
PASSED = [
    "1.1.1.1",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "191.255.255.255",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "2606:4700::1111",
    "2a00:1450::1",
    "2001:4860:4860::8888",
    "2003::1",
]


def resolver(*answers: Sequence[str], port: int) -> Callable[[str, int], list[tuple[int, tuple[str, int]]]]:
    """A resolver that gives these answers one after the other, the last for ever."""
    left = list(answers)

    def resolve(host: str, asked: int) -> list[tuple[int, tuple[str, int]]]:
        answer = left[0] if len(left) == 1 else left.pop(0)
        return [(socket.AF_INET6 if ":" in text else socket.AF_INET, (text, port)) for text in answer]

    return resolve


def scheme_of(origin: Origin) -> str:
    return origin.url().partition(":")[0]


def refused(fetcher: Fetcher, url: str, **settings: object) -> str:
    error = fetch_failure(fetcher, url, **settings)
    assert error.kind == "refused", error
    return error.sentence


@with_or_without_tls
@pytest.mark.parametrize("address", REFUSED)
def test_S1_S4_refused_addresses(address: str, origin: Origin) -> None:
    port = origin.port()
    literal = f"[{address}]" if ":" in address else address
    sentence = refused(Fetcher(SITE), f"{scheme_of(origin)}://{literal}:{port}/feed")
    assert "allow_private:" in sentence and "not contacted" in sentence
    refused(
        Fetcher(SITE, resolve=resolver([address], port=port)), f"{scheme_of(origin)}://innocent.example:{port}/feed"
    )
    assert origin.connections == 0


@every_way
def test_S1_S3_S4_refused_addresses_on_every_way(way: Way) -> None:
    fetcher = way.fetcher(allow=())
    for address in REFUSED:
        refused(fetcher, f"{way.scheme}://{f'[{address}]' if ':' in address else address}/")
    assert way.proxy_connections == 0
    fetcher.close()


@pytest.mark.parametrize("address", PASSED)
def test_S1_public_addresses_pass(address: str) -> None:
    assert find_refusal(ipaddress.ip_address(address), 80, ()) is None


def test_S4_every_refused_address_is_refused_by_our_own_table() -> None:
    for text in REFUSED:
        assert find_refusal(ipaddress.ip_address(text), 80, ()), text


@with_or_without_tls
@pytest.mark.parametrize(
    "spelling",
    [
        "http://0177.0.0.1:{port}/",
        "http://0x7f.1:{port}/",
        "http://0x7f000001:{port}/",
        "http://2130706433:{port}/",
        "http://127.1:{port}/",
        "http://127.0.0.1.:{port}/",
        "http://localhost:{port}/",
        "http://localhost.:{port}/",
        "http://LOCALHOST:{port}/",
        "http://[::]:{port}/",
        "http://[::1]:{port}/",
        "http://[::ffff:7f00:1]:{port}/",
        "http://[fe80::1%25lo]:{port}/",
        "http://0:{port}/",
        "http://0.0.0.0:{port}/",
        "http://public.example@127.0.0.1:{port}/",
        "http://public.example:80@127.0.0.1:{port}/",
        "http://127.0.0.1:{port}\\@public.example/",
        "http://１２７.０.０.１:{port}/",
        "http://①②⑦.⓪.⓪.①:{port}/",
        "http://127。0。0。1:{port}/",
        "http://127.0.0.1%2e:{port}/",
        "http://1.1.1.1 &@127.0.0.1:{port}# @3.3.3.3/",
        "http://127.0.0.1:{port}:80/",
        "http://:{port}/",
        "http://[127.0.0.1]:{port}/",
        "http://999.1.1.1:{port}/",
        "http://a..b:{port}/",
        "http://xn--:{port}/",
        "//127.0.0.1:{port}/",
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "file://host/etc/passwd",
        "source:file:/etc/passwd",
        "gopher://127.0.0.1:{port}/",
        "javascript:alert(1)",
    ],
)
def test_S1_odd_spellings(spelling: str, origin: Origin) -> None:
    url = spelling.format(port=origin.port()).replace("http://", f"{scheme_of(origin)}://")
    with pytest.raises(FetchError) as caught:
        Fetcher(SITE).fetch(visit_to(url))
    assert caught.value.kind in ("refused", "dns")
    assert caught.value.kind == "refused" or "xn--" in url
    assert origin.connections == 0


@with_or_without_tls
def test_S2_a_name_that_turns_private_is_refused(origin: Origin, blocked: list[object]) -> None:
    port = origin.port()
    fetcher = Fetcher(SITE, resolve=resolver([PUBLIC], ["127.0.0.1"], port=port))
    with pytest.raises(FetchError) as caught:  # goes to the public address that was looked at, and nowhere else
        fetcher.fetch(visit_to(f"{scheme_of(origin)}://rebinding.example:{port}/"))
    assert caught.value.kind == "connection"
    assert blocked == [(PUBLIC, port)]
    blocked.clear()
    assert "127.0.0.1 (loopback)" in refused(fetcher, f"{scheme_of(origin)}://rebinding.example:{port}/")
    assert origin.connections == 0


@with_or_without_tls
@pytest.mark.parametrize("answer", [[PUBLIC, "127.0.0.1"], ["127.0.0.1", PUBLIC], [PUBLIC, "::1"]])
def test_S2_mixed_answers_are_refused_as_a_whole(answer: list[str], origin: Origin) -> None:
    port = origin.port()
    refused(Fetcher(SITE, resolve=resolver(answer, port=port)), f"{scheme_of(origin)}://mixed.example:{port}/")
    assert origin.connections == 0


@through_proxies
def test_S2_behind_a_proxy_only_the_proxy_looks_names_up(way: Way, origin: Origin) -> None:
    lookups: list[str] = []

    def resolve(host: str, port: int) -> list[tuple[int, tuple[str, int]]]:
        lookups.append(host)
        return [(socket.AF_INET, (PUBLIC, port))]

    url = origin.put("/feed", Document(b"<rss/>")).replace("127.0.0.1", "rebinding.example")
    fetcher = way.fetcher(allow=(), resolve=resolve)
    assert expect_document(fetcher.fetch(visit_to(url))).body == b"<rss/>"
    assert lookups == []
    fetcher.close()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("target", ["http://127.0.0.2:{port}/", "http://2130706434:{port}/", "http://inner.example/"])
def test_S3_redirects_to_private_addresses(status: int, target: str, origin: Origin) -> None:
    port = origin.port("127.0.0.2")
    addresses = {"outer.example": "127.0.0.1", "inner.example": "127.0.0.2"}

    def resolve(host: str, asked: int) -> list[tuple[int, tuple[str, int]]]:
        return [(socket.AF_INET, (addresses[host], origin.port()))]

    origin.put("/feed", redirect(target.format(port=port), status))
    fetcher = Fetcher(SITE, allow=[f"127.0.0.1/32:{origin.port()}"], resolve=resolve)
    sentence = refused(fetcher, f"http://outer.example:{origin.port()}/feed")
    assert "outer.example" in sentence
    assert origin.connections == 1


@every_way
def test_S6_what_a_document_names_passes_the_same_guard(way: Way, origin: Origin) -> None:
    inner = origin.put("/inner", Document(b"<html>"), host="127.0.0.2")
    fetcher = way.fetcher(allow=["127.0.0.1/32"])
    refused(fetcher, inner, address=origin.url("/sitemap.xml"), kind=Kind.SITEMAP)
    refused(fetcher, inner, address=origin.url("/feed"), story=Story())
    assert fetcher.robots(inner, HostState("127.0.0.2"), NOON)[0]  # its page is refused itself
    assert origin.connections == way.proxy_connections == 0
    fetcher.close()


def test_S1_the_allowance_of_tests_is_off_by_default(origin: Origin) -> None:
    url = origin.put("/feed", Document(b"<rss/>"))
    refused(Fetcher(SITE), url)
    assert origin.connections == 0
    assert Fetcher(SITE, allow=ALLOW).fetch(visit_to(url)).url == url


def test_S1_a_source_may_allow_its_own_networks(origin: Origin) -> None:
    url = origin.put("/feed", Document(b"<rss/>"))
    fetcher = Fetcher(SITE)
    assert fetcher.fetch(visit_to(url, allow_private=("127.0.0.0/24",))).url == url
    refused(fetcher, url)  # nor does another source use its connection
    refused(fetcher, url, allow_private=("10.0.0.0/8", "127.0.0.2/32"))
    assert origin.connections == 1


def test_an_allowance_may_name_a_port(origin: Origin) -> None:
    url = origin.put("/feed", Document(b"<rss/>"))
    assert Fetcher(SITE, allow=[f"127.0.0.0/8:{origin.port()}"]).fetch(visit_to(url)).url == url
    refused(Fetcher(SITE, allow=["127.0.0.0/8:1"]), url)


@pytest.mark.parametrize(
    ("pattern", "network", "port"),
    [
        ("10.0.0.0/8", "10.0.0.0/8", None),
        ("10.1.2.3/8:80", "10.0.0.0/8", 80),
        ("10.1.2.3", "10.1.2.3/32", None),
        ("fc00::/7", "fc00::/7", None),
        ("[fc00::/7]", "fc00::/7", None),
        ("[fc00::/7]:443", "fc00::/7", 443),
    ],
)
def test_how_allowances_are_written(pattern: str, network: str, port: int | None) -> None:
    assert parse_allowance(pattern) == Allowance(ipaddress.ip_network(network), port)


@pytest.mark.parametrize("pattern", ["", "localhost", "10.0.0.0/99", "10.0.0.0/8:x", "[::1"])
def test_what_is_no_allowance(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_allowance(pattern)


def test_S4_an_allowed_translation_still_hides_no_private_address() -> None:
    allowed = (parse_allowance("64:ff9b::/96"),)
    assert find_refusal(ipaddress.ip_address("64:ff9b::7f00:1"), 80, allowed) == "loopback"
    assert find_refusal(ipaddress.ip_address("64:ff9b::808:808"), 80, allowed) is None


def test_the_next_address_is_tried_when_one_is_dead(origin: Origin) -> None:
    origin.put("/feed", Document(b"<rss/>"))
    fetcher = Fetcher(SITE, allow=ALLOW, resolve=resolver(["127.0.0.9", "127.0.0.1"], port=origin.port()))
    fetcher.fetch(visit_to(f"http://twohomes.example:{origin.port()}/feed"))
    assert origin.connections == 1


def test_F10_names_that_do_not_resolve() -> None:
    def unknown(host: str, port: int) -> list[tuple[int, tuple[str, int]]]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    for resolve in (unknown, resolver([], port=80)):
        with pytest.raises(FetchError, match=r"nowhere\.example has no address") as caught:
            Fetcher(SITE, resolve=resolve).fetch(visit_to("http://nowhere.example/"))
        assert caught.value.kind == "dns"


def test_F10_a_name_server_that_hangs_is_left_behind() -> None:
    release = threading.Event()

    def hanging(host: str, port: int) -> list[tuple[int, tuple[str, int]]]:
        release.wait(300)
        return []

    with pytest.raises(FetchError) as caught:
        Fetcher(SITE, resolve=hanging).fetch(visit_to("http://slow.example/", timeout=0.1))
    release.set()
    assert caught.value.kind == "dns"


def test_a_resolver_that_breaks_is_not_waited_for() -> None:
    def broken(host: str, port: int) -> list[tuple[int, tuple[str, int]]]:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        Fetcher(SITE, resolve=broken).fetch(visit_to("http://any.example/"))


def test_the_fence_around_the_tests_holds(blocked: list[object]) -> None:
    for family, address in ((socket.AF_INET, (PUBLIC, 80)), (socket.AF_INET6, ("2606:4700::1111", 80))):
        with socket.socket(family) as outside, pytest.raises(OSError, match="loopback only"):
            outside.connect(address)
    assert len(blocked) == 2
    blocked.clear()
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("example.org", 80)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "172.31.255.255", "192.168.1.7", "169.254.1.1"])
@pytest.mark.parametrize("other", ["::1", "fc00::1", "fdff::1", "fe80::1"])
def test_D7_all_private_networks_are_allowed_together(address: str, other: str) -> None:
    for text in (address, other):
        assert find_refusal(ipaddress.ip_address(text), 80, [*map(parse_allowance, PRIVATE_NETWORKS)]) is None


NEVER = [
    "169.254.169.254",
    "fd00:ec2::254",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "0.0.0.0",
    "::",
    "224.0.0.1",
]


@pytest.mark.parametrize("address", [*NEVER, "ff02::1", "100.64.0.1", "255.255.255.255", "198.18.0.1", "fec0::1"])
def test_D7_and_nothing_else_is_allowed_by_that(address: str) -> None:
    assert find_refusal(ipaddress.ip_address(address), 80, [*map(parse_allowance, PRIVATE_NETWORKS)])


def test_D7_the_metadata_of_a_cloud_is_allowed_only_by_name() -> None:
    for text, network in (("169.254.169.254", "169.254.0.0/16"), ("fd00:ec2::254", "::/0")):
        address = ipaddress.ip_address(text)
        assert find_refusal(address, 80, [parse_allowance(network)])
        assert find_refusal(address, 80, [parse_allowance(text)]) is None
