"""Our identity towards push services."""

from __future__ import annotations

import json

import pytest
from push_service import decode, verify

from feeds.model import Site
from feeds.push.vapid import RENEWAL_SECONDS, TOKEN_SECONDS, Vapid, contact_of, make_key

NOW = 1_795_000_000.0

# RFC 8292 §2.4
TOKEN = (
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9.eyJhdWQiOiJodHRwczovL3B1c2guZXhhbXBsZS5uZXQiLCJleHAiOjE0NTM1MjM3NjgsInN1YiI6"
    "Im1haWx0bzpwdXNoQGV4YW1wbGUuY29tIn0.i3CYb7t4xfxCDquptFOepC9GAu_HLGkMlMuCGSK2rpiUfnK9ojFwDXb1JrErtmysazNjjvW2L9OkSS"
    "HzvoD1oA"
)
KEY = "BA1Hxzyi1RUM1b5wjxsn7nGxAszw2u61m164i3MrAIxHF6YK5h4SDYic-dRuU_RCPCfA5aq9ojSwk5Y2EmClBPs"


class Clock:
    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def test_R69_the_token_of_RFC_8292_is_one_as_we_make_them() -> None:
    claims, key = verify(f"vapid t={TOKEN}, k={KEY}")
    assert (claims, key) == (
        {"aud": "https://push.example.net", "exp": 1453523768, "sub": "mailto:push@example.com"},
        KEY,
    )
    vapid = Vapid(make_key(), "mailto:push@example.com", Clock(1453523768 - TOKEN_SECONDS))
    header = vapid.authorization("https://push.example.net/p/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV")
    signed = header.removeprefix("vapid t=").partition(",")[0].rpartition(".")[0]
    assert signed == TOKEN.rpartition(".")[0]
    assert verify(header) == (claims, vapid.public_key)


def test_R67_a_token_is_signed_for_each_origin_and_holds_twelve_hours() -> None:
    clock = Clock()
    vapid = Vapid(make_key(), "https://wire.example.org", clock)
    first = vapid.authorization("https://push.example:8443/p/1")
    claims, key = verify(first)
    assert claims == {
        "aud": "https://push.example:8443",
        "exp": int(NOW) + TOKEN_SECONDS,
        "sub": "https://wire.example.org",
    }
    assert key == vapid.public_key and len(decode(key)) == 65
    assert vapid.authorization("https://push.example:8443/p/2") is first
    assert verify(vapid.authorization("https://push.example/p/2"))[0]["aud"] == "https://push.example"
    clock.now += TOKEN_SECONDS - RENEWAL_SECONDS + 1
    renewed, _ = verify(vapid.authorization("https://push.example:8443/p/1"))
    assert 0 < renewed["exp"] - clock.now <= 86_400
    clock.now = NOW - 86_400  # a clock that was wrong is set back
    assert verify(vapid.authorization("https://push.example:8443/p/1"))[0]["exp"] - clock.now <= 86_400


def test_R68_a_key_stays_what_it_is() -> None:
    key = make_key()
    assert len(decode(key)) == 32 and key != make_key()
    assert Vapid(key, "mailto:a@b.example", Clock()).public_key == Vapid(key, "mailto:c@d.example", Clock()).public_key


@pytest.mark.parametrize(
    ("contact", "url", "expected"),
    [
        ("editor@wire.example", "http://localhost/", "mailto:editor@wire.example"),
        ("mailto:editor@wire.example", "http://localhost/", "mailto:editor@wire.example"),
        ("https://wire.example/about", "https://wire.example/news/", "https://wire.example"),
        (None, "https://wire.example:8443/news/", "https://wire.example:8443"),
        (None, "http://127.0.0.1:8080/", "https://127.0.0.1:8080"),
    ],
)
def test_R67_whom_a_service_may_write_to(contact: str | None, url: str, expected: str) -> None:
    site = Site("t", url, contact=contact)
    assert contact_of(site) == expected
    header = Vapid(make_key(), expected, Clock()).authorization("https://push.example/")
    assert json.loads(decode(header.split(".")[1]))["sub"] == expected
