"""One notification: how it is encrypted, what is sent with it, and what the answer means."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import http_ece
import pytest
from cryptography.exceptions import InvalidTag
from factories import SITE
from origin import ALLOW, HANG, drip, raw, redirect
from proxy import client_context
from push_service import Browser, PushService, decode, decrypt, encode, private_key, public_point, status, verify

from feeds.errors import PushError
from feeds.fetch import OutboundClient
from feeds.push import web_push
from feeds.push.vapid import Vapid, make_key
from feeds.push.web_push import Attempt, check_keys, make_topic, push

NOW = 1_795_000_000.0
VAPID = Vapid(make_key(), "mailto:me@wire.example", lambda: NOW)

# RFC 8291, §5 and appendix A
RFC_TEXT = b"When I grow up, I want to be a watermelon"
RFC_BODY = decode(
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_y"
    "l95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)
RFC_RECEIVER = private_key("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94")
RFC_SENDER = private_key("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw")
RFC_AUTH = decode("BTBZMqHH6r4Tts7J_aSIgg")
RFC_POINT = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"


@pytest.fixture
def service() -> Iterator[PushService]:
    service = PushService()
    yield service
    service.close()


@pytest.fixture
def client() -> Iterator[OutboundClient]:
    client = OutboundClient(SITE, ALLOW, allowed_only=True, tls=client_context)
    yield client
    client.close()


def push_to(browser: Browser, client: OutboundClient, *payloads: bytes) -> Attempt:
    return push(browser.subscription, payloads or (b'{"stories":[]}',), make_topic("all"), VAPID, client.send)


# ── encryption ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_R69_the_message_of_RFC_8291() -> None:
    assert public_point(RFC_RECEIVER) == decode(RFC_POINT)
    assert decrypt(RFC_BODY, RFC_RECEIVER, RFC_AUTH) == RFC_TEXT
    made = http_ece.encrypt(
        RFC_TEXT, RFC_BODY[:16], private_key=RFC_SENDER, dh=decode(RFC_POINT), auth_secret=RFC_AUTH, rs=4096
    )
    assert made == RFC_BODY
    with pytest.raises(InvalidTag):
        decrypt(RFC_BODY, RFC_RECEIVER, b"\0" * 16)


def test_R64_R66_R67_what_is_sent(service: PushService, client: OutboundClient) -> None:
    browser = service.subscribe()
    for size in (20, 3000):
        text = b'{"stories":[],"pad":"' + b"x" * (size - 20) + b'"}'
        assert push_to(browser, client, text).state == "sent"
        request = browser.requests[-1]
        assert decrypt(request.body, browser.key, browser.auth) == text
        assert len(request.body) <= 4096
    first, second = browser.requests
    assert first.body[:16] != second.body[:16] and first.body[21:86] != second.body[21:86]  # salt, sender key
    headers = first.headers
    assert (first.method, headers["content-encoding"], headers["ttl"]) == ("POST", "aes128gcm", "86400")
    assert headers["urgency"] == "normal"
    assert headers["topic"] == make_topic("all") and len(headers["topic"]) == 32
    assert headers["topic"] not in (make_topic(""), make_topic("all/a"))
    claims, key = verify(headers["authorization"])
    assert claims == {"aud": service.origin.url(""), "exp": NOW + 12 * 3600, "sub": "mailto:me@wire.example"}
    assert key == VAPID.public_key
    assert headers["user-agent"].startswith("feeds/")


GOOD = encode(public_point(RFC_RECEIVER))


@pytest.mark.parametrize("padding", ["", "="])
def test_R66_keys_are_stored_in_one_spelling(padding: str) -> None:
    assert check_keys(GOOD + padding, "AAAAAAAAAAAAAAAAAAAAAA" + 2 * padding) == (GOOD, "AAAAAAAAAAAAAAAAAAAAAA")


@pytest.mark.parametrize(
    ("p256dh", "auth"),
    [
        (GOOD, encode(b"x" * 15)),
        (GOOD, encode(b"x" * 17)),
        (GOOD, ""),
        (GOOD, "ä" * 22),
        ("", encode(b"x" * 16)),
        (encode(decode(GOOD)[:-1]), encode(b"x" * 16)),
        (encode(decode(GOOD) + b"x"), encode(b"x" * 16)),
        (encode(b"\4" + b"x" * 64), encode(b"x" * 16)),  # not on the curve
        (encode(b"\5" + decode(GOOD)[1:]), encode(b"x" * 16)),
        (encode(b"\4" + b"\0" * 64), encode(b"x" * 16)),
    ],
)
def test_R66_wrong_keys_are_refused_when_they_are_saved(p256dh: str, auth: str) -> None:
    with pytest.raises(PushError) as caught:
        check_keys(p256dh, auth)
    assert caught.value.kind == "refused"


# ── answers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("code", "headers", "state", "retry_after"),
    [
        (201, {}, "sent", None),
        (200, {}, "sent", None),
        (204, {}, "sent", None),
        (404, {}, "gone", None),
        (410, {}, "gone", None),
        (429, {"retry_after": "120"}, "limited", 120),
        (429, {}, "limited", None),
        (401, {}, "denied", None),
        (403, {}, "denied", None),
        (500, {}, "failed", None),
        (503, {"retry_after": "30"}, "failed", 30),
        (413, {}, "too large", None),
        (400, {}, "refused", None),
        (405, {}, "refused", None),
    ],
)
def test_R65_F37_what_an_answer_means(
    code: int, headers: dict[str, str], state: str, retry_after: float | None, service: PushService, client: Any
) -> None:
    attempt = push_to(service.subscribe(status(code, **headers)), client)
    assert (attempt.state, attempt.retry_after) == (state, retry_after)
    assert (str(code) in attempt.reason) is (state != "sent")


def test_R65_what_is_too_large_is_sent_smaller(service: PushService, client: OutboundClient) -> None:
    browser = service.subscribe(status(413), status(201))
    assert push_to(browser, client, b'{"stories":[1,2]}', b'{"stories":[1]}', b"{}").state == "sent"
    assert [message["stories"] for message in browser.messages] == [[1, 2], [1]]


def test_S5_a_redirect_to_loopback_is_not_followed(service: PushService, client: OutboundClient) -> None:
    inside = service.subscribe()
    browser = service.subscribe(redirect(inside.endpoint, 307))
    assert push_to(browser, client).state == "refused"
    assert (len(browser.requests), len(inside.requests)) == (1, 0)


def test_S5_an_address_that_became_private_or_public_is_not_contacted(service: PushService) -> None:
    """A name that led to a push service when it was saved leads elsewhere when something is sent."""
    for client in (
        OutboundClient(SITE, tls=client_context),
        OutboundClient(SITE, ["10.0.0.0/8"], allowed_only=True, tls=client_context),
    ):
        attempt = push_to(service.subscribe(), client)
        assert attempt.state == "refused"
        assert "127.0.0.1" in attempt.reason and "/push/" not in attempt.reason
        client.close()
    assert service.origin.requests == []


def test_F37_silence_and_drips_end_at_the_deadline(
    service: PushService, client: OutboundClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_push, "SECONDS", 0.3)
    for answer in (raw(HANG), drip(b"HTTP/1.1 201 Created\r\nX: ", b"y")):
        attempt = push_to(service.subscribe(answer), client)
        assert attempt.state == "failed" and "was not done within 0.3 s" in attempt.reason


def test_R61_F37_a_huge_answer_is_not_read(service: PushService, client: OutboundClient) -> None:
    head = b"HTTP/1.1 201 Created\r\nContent-Length: 1000000000\r\n\r\n"
    assert push_to(service.subscribe(raw(head, b"x" * 100_000, HANG)), client).state == "sent"
