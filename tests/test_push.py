"""Where deliveries may go, and that nobody can lead them elsewhere."""

from __future__ import annotations

import socket
from collections.abc import Mapping

import pytest

from feeds.errors import PushError
from feeds.fetch import Fetcher
from feeds.model import Site
from feeds.push import deliver, endpoint

SITE = Site("The Example Wire", "https://wire.example.org/")
GOOD = "https://fcm.googleapis.com/fcm/send/abc:DEF_123"


@pytest.mark.parametrize(
    "url",
    [
        GOOD,
        "https://fcm.googleapis.com:443/fcm/send/abc",
        "https://updates.push.services.mozilla.com/wpush/v2/gAAAA",
        "https://web.push.apple.com/QAbc",
        "https://wns2-par02p.notify.windows.com/w/?token=BQ%3d",
    ],
)
def test_S5_push_services_are_taken_as_they_are_spelled(url: str) -> None:
    assert endpoint(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://fcm.googleapis.com/fcm/send/abc",
        "https://fcm.googleapis.com:9200/fcm/send/abc",
        "https://fcm.googleapis.com:x/",
        "https://me:pw@fcm.googleapis.com/fcm/send/abc",
        "https://fcm.googleapis.com@127.0.0.1/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://10.0.0.1/fcm.googleapis.com",
        "https://metadata.internal/",
        "https://fcm.googleapis.com.example.org/",
        "https://notfcm.googleapis.com/",
        "https://fcm.googleapis.com./",
        "https://fcm.googleapis.com\\@example.org/",
        "https://fcm.googleapis.com/\r\nHost: example.org",
        "https://fcm.googleapis.com/ x",
        "https://fcm.googleapis.com/" + "x" * 2000,
        "file:///etc/passwd",
        "//fcm.googleapis.com/",
        "https://[/",
        "",
    ],
)
def test_S5_every_other_endpoint_is_refused_when_registered_and_when_sent_to(url: str) -> None:
    sent: list[str] = []

    def post(url: str, headers: Mapping[str, str], body: bytes) -> int:
        sent.append(url)
        return 201

    with pytest.raises(PushError):
        endpoint(url)
    with pytest.raises(PushError):
        deliver(url, {}, b"", post)
    assert sent == []


@pytest.mark.parametrize("status", [200, 201, 202, 404, 410])
def test_what_a_push_service_may_answer(status: int) -> None:
    assert deliver(GOOD, {}, b"", lambda *_: status) == status


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 400, 413, 429, 500])
def test_S5_a_redirect_is_no_delivery_and_is_not_followed(status: int) -> None:
    sent: list[str] = []

    def post(url: str, headers: Mapping[str, str], body: bytes) -> int:
        sent.append(url)
        return status

    with pytest.raises(PushError, match=str(status)):
        deliver(GOOD, {}, b"", post)
    assert sent == [GOOD]


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["10.1.2.3"], ["93.184.216.34", "127.0.0.1"], ["169.254.169.254"]]
)
def test_S5_S2_a_push_service_whose_name_leads_inside_is_not_contacted(addresses: list[str]) -> None:
    """The name was right when it was registered; the address is looked at when something is sent."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        fetcher = Fetcher(SITE, resolve=lambda host, _: [(socket.AF_INET, (address, port)) for address in addresses])
        with pytest.raises(PushError, match="not public"):
            deliver(
                GOOD, {"TTL": "60"}, b"x", lambda url, headers, body: fetcher.send("POST", url, headers, body).status
            )
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
