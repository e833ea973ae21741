"""Requests that are no visits: guarded as visits are, never redirected, bounded in time and size."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from factories import SITE
from origin import ALLOW, HANG, KEEP, Origin, drip, raw, redirect, reply
from proxy import Way, client_context, with_or_without_tls

from feeds import __version__
from feeds.errors import PushError
from feeds.fetch import OutboundClient
from feeds.model import OutboundAnswer

OK = b"HTTP/1.1 200 OK\r\n"
SECRET = "/send/secret-of-one-browser"


def make_client(way: Way, **options: object) -> OutboundClient:
    context = client_context(names=False)
    return OutboundClient(SITE, **{"allow": ALLOW, "tls": lambda: context} | options)  # type: ignore[arg-type]


@pytest.fixture
def client(way: Way) -> Iterator[OutboundClient]:
    """A client that may contact loopback."""
    shared = make_client(way)
    yield shared
    shared.close()


def failure(client: OutboundClient, url: str, seconds: float = 20.0) -> PushError:
    with pytest.raises(PushError) as caught:
        client.send("POST", url, {}, b"x", seconds=seconds)
    assert "secret" not in str(caught.value)
    return caught.value


@with_or_without_tls
def test_a_request_goes_out_as_it_is_given(origin: Origin, client: OutboundClient) -> None:
    url = origin.put(SECRET, raw(reply(b"made", 201, location="/receipt"), KEEP))
    answer = client.send("POST", url, {"TTL": "60", "Content-Encoding": "aes128gcm"}, b"\0body", seconds=20)
    assert (answer.status, answer.body, answer.headers["location"]) == (201, b"made", "/receipt")
    assert client.send("GET", url, {}, seconds=20).status == 201
    post, get = origin.requests
    assert (post.method, post.body, post.headers["ttl"], post.headers["content-length"]) == (
        "POST",
        b"\0body",
        "60",
        "5",
    )
    assert post.headers["user-agent"] == f"feeds/{__version__} (+https://wire.example.org/)"
    assert post.headers["content-encoding"] == "aes128gcm"
    assert (get.method, get.body) == ("GET", b"")
    assert not {"accept-encoding", "cookie", "referer"} & {*post.headers, *get.headers}
    assert origin.connections == 1


@pytest.mark.parametrize("status", [204, 301, 404, 410, 429, 500])
def test_R61_R65_every_status_is_an_answer(status: int, origin: Origin, client: OutboundClient) -> None:
    url = origin.put("/", raw(reply(b"", status, retry_after="7"), KEEP))
    assert client.send("POST", url, {}, b"x", seconds=20).status == status


@with_or_without_tls
def test_S5_a_redirect_is_not_followed(origin: Origin, client: OutboundClient) -> None:
    origin.put("/inside", raw(reply(b"secret of the intranet"), KEEP))
    url = origin.put("/", redirect(origin.url("/inside"), 307))
    answer = client.send("POST", url, {}, b"x", seconds=20)
    assert (answer.status, answer.body) == (307, b"")
    assert origin.paths() == ["/"]


@with_or_without_tls
def test_S5_refused_addresses_are_not_contacted(origin: Origin, way: Way) -> None:
    rebinding = make_client(way, allow=(), resolve=lambda host, port: [(socket.AF_INET, ("127.0.0.1", origin.port()))])
    for url in (origin.put(SECRET), f"{way.scheme}://push.example:{origin.port()}{SECRET}"):
        error = failure(rebinding, url)
        assert error.kind == "refused"
        assert str(error).endswith("name its network under `server: {allow_private: […]}`.")
        assert "source" not in str(error)
    assert origin.connections == 0


def test_S5_a_client_of_our_own_networks_contacts_no_others() -> None:
    addresses = {"inside.example": "127.0.0.1", "outside.example": "93.184.215.14", "other.example": "10.0.0.1"}
    client = OutboundClient(
        SITE, ALLOW, allowed_only=True, resolve=lambda host, port: [(socket.AF_INET, (addresses[host], port))]
    )
    urls = [*(f"https://{host}/" for host in addresses), "https://127.0.0.7:9/", "https://10.0.0.1/", "https://[1]/"]
    assert [client.may_contact(url, seconds=20) for url in urls] == [True, False, False, True, False, False]
    assert failure(client, "https://outside.example/").kind == "refused"


@pytest.mark.parametrize(
    "url", ["ftp://push.example/secret", "https://me:secret@push.example/", "secret", "http://[1]/"]
)
def test_S5_what_is_no_address_is_refused(url: str, client: OutboundClient) -> None:
    assert failure(client, url).kind == "refused"


@with_or_without_tls
def test_R61_the_body_is_capped(origin: Origin, client: OutboundClient) -> None:
    ends = {
        "long": raw(OK + b"Content-Length: 1000000000\r\n\r\n", b"x" * 500_000, HANG),
        "chunked": raw(OK + b"Transfer-Encoding: chunked\r\n\r\n80000\r\n", b"x" * 0x80000, HANG),
        "endless": raw(OK + b"\r\n", b"x" * 500_000, HANG),
    }
    for name, behaviour in ends.items():
        answer = client.send("POST", origin.put(f"/{name}", behaviour), {}, b"x", seconds=20)
        assert answer.body == b"x" * 1024, name


def test_a_body_that_breaks_off_leaves_the_status(origin: Origin, client: OutboundClient) -> None:
    url = origin.put("/", raw(reply(b"abc")[:-1]))
    answer = client.send("POST", url, {}, b"x", seconds=20)
    assert (answer.status, answer.body) == (200, b"ab")


@with_or_without_tls
def test_R61_F36_F37_silence_and_drips_end_at_the_deadline(origin: Origin, client: OutboundClient) -> None:
    for name, behaviour in {"silence": raw(HANG), "drip": drip(OK + b"X: ", b"y")}.items():
        error = failure(client, origin.put(f"/{name}", behaviour), seconds=0.2)
        assert (error.kind, str(error)) == ("timeout", f"127.0.0.1:{origin.port()} was not done within 0.2 s.")
    url = origin.put("/body", drip(OK + b"\r\n", b"y"))
    assert set(client.send("POST", url, {}, b"x", seconds=0.2).body) <= {ord("y")}


def test_S13_headers_cannot_break_out(origin: Origin, client: OutboundClient) -> None:
    with pytest.raises(PushError, match="header that is not valid"):
        client.send("POST", origin.put("/"), {"Topic": "a\r\nX-Evil: 1"}, b"", seconds=20)
    assert origin.requests == []


def test_no_proxy_is_taken_from_the_environment(
    origin: Origin, client: OutboundClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1/")
    assert client.send("POST", origin.put("/", raw(reply(), KEEP)), {}, b"", seconds=20).status == 200


def test_closing_ends_requests_in_progress(origin: Origin, client: OutboundClient) -> None:
    arrived = threading.Event()
    url = origin.put("/", lambda request: (arrived.set(), (HANG,))[1])
    results: list[PushError | OutboundAnswer] = []
    thread = threading.Thread(target=lambda: results.append(failure(client, url)))
    thread.start()
    assert arrived.wait(60)
    client.close()
    thread.join(60)
    assert [error.kind for error in results if isinstance(error, PushError)] == ["stopped"]
