"""Secrets: what `${NAME}` puts into the address, headers or auth of a source is private and masked."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

import pytest

from feeds.config import find_warnings, load, mask_secrets
from feeds.model import Config

TOKEN = "S3cret-Token/of mine"
IN_URL = quote(TOKEN, safe="")
# The same token as an address, a page or a library may spell it.
SPELLINGS = [
    TOKEN,
    TOKEN.upper(),
    TOKEN.lower(),
    IN_URL,
    IN_URL.lower(),
    IN_URL.upper(),
    IN_URL.replace("%2F", "%2f"),
    quote(IN_URL, safe=""),
    "".join(f"%{octet:02X}" for octet in TOKEN.encode()),
    "".join(f"%{octet:02x}" for octet in TOKEN.encode()),
    TOKEN.replace("/", "&#47;"),
    TOKEN.replace("e", "%65"),
]


def load_sources(tmp_path: Path, sources: Mapping[str, object], env: Mapping[str, str], **more: object) -> Config:
    """Return the configuration with these sources."""
    path = tmp_path / "feeds.yaml"
    tree = {"site": {"title": "A", "url": "https://wire.example/"}, "sources": sources, "feeds": {"all": {}}}
    path.write_text(json.dumps(tree | more), encoding="utf-8")
    return load(path, env)


@pytest.mark.parametrize(
    ("entry", "private"),
    [
        ("https://a.example/f?t=${T}", True),
        ({"feed": "https://a.example/${T}/f"}, True),
        ({"page": "https://a.example/#${T}"}, True),
        ({"feed": "https://${T}/f"}, True),
        ({"feed": "https://${T}.a.example/f"}, True),
        ({"feed": "${URL}"}, True),
        ({"feed": "https://a.example/f", "headers": {"X-Key": "a ${T}"}}, True),
        ({"feed": "https://a.example/f", "auth": {"basic": ["me", "${T}"]}}, True),
        ({"feed": "https://a.example/f", "auth": {"bearer": "${file:key}"}}, True),
        ({"command": ["wire", "--key=${T}"]}, True),
        ({"command": ["wire"], "env": {"KEY": "${T}"}}, True),
        ({"command": ["wire"], "env": {"KEY": "plain"}}, False),
        ({"feed": "https://a.example/f", "proxy": "http://${T}:80"}, False),
        ({"feed": "https://a.example/f", "tags": "${T}", "timezone": "${ZONE}"}, False),
        ({"feed": "https://a.example:${PORT}/f"}, False),
        ({"feed": "https://a.example/${NONE:-feed}"}, False),
        ({"feed": "https://a.example/$${T}"}, False),
        ({"feed": "${DIR}/f.xml"}, False),
        ({"files": "${DIR}/*.md", "headers": {"X-Key": "${T}"}}, False),
        ("https://a.example/f?t=written-out", False),
    ],
)
def test_S13_a_source_is_private_when_its_address_headers_or_auth_hold_a_secret(
    tmp_path: Path, entry: object, private: bool
) -> None:
    (tmp_path / "key").write_text("from-a-file\n", encoding="utf-8")
    env = {"T": "tok3n-of-mine", "URL": "https://a.example/f?x=1", "PORT": "8443", "ZONE": "UTC", "DIR": "/srv/feeds"}
    config = load_sources(tmp_path, {"a": entry}, env, allow_commands=True)
    assert config.sources["a"].private is private


def test_S13_a_secret_in_the_defaults_makes_each_source_private(tmp_path: Path) -> None:
    sources = {
        "a": "https://a.example/f",
        "b": {"feed": "https://b.example/f", "headers": {"X-Key": "open"}},
        "c": {"files": "*.md"},
    }
    config = load_sources(tmp_path, sources, {"T": "tok3n-of-mine"}, defaults={"headers": {"X-Key": "${T}"}})
    assert [source.private for source in config.sources.values()] == [True, False, False]


def test_S13_only_what_is_long_enough_and_not_ours_is_searched_for(tmp_path: Path) -> None:
    sources = {
        "short": "https://a.example/f?t=${SHORT}",
        "host": "https://${HOST}/f",
        "tenant": "https://${TENANT}.b.example/f",
        "login": {"feed": "https://c.example/f", "auth": {"basic": ["me", "${PW}"]}},
        "whole": "${URL}",
        "proxy": {"feed": "https://d.example/f", "proxy": "http://p.example:80", "tags": "${TAG}"},
    }
    env = {
        "SHORT": "abc1234",
        "HOST": "wire.example",
        "TENANT": "mycompany",
        "PW": "pass-of-mine",
        "URL": "https://e.example/private/9f8e7d6c5b/rss?key=fedcba98&n=1",
        "TAG": "technology",
    }
    config = load_sources(tmp_path, sources, env)
    assert config.searched_secrets == {
        "https://a.example/f?t=abc1234",
        "a.example/f?t=abc1234",
        "pass-of-mine",
        "bWU6cGFzcy1vZi1taW5l",
        "9f8e7d6c5b",
        "fedcba98",
        "key=fedcba98&n=1",
        env["URL"],
        env["URL"].removeprefix("https://"),
    }
    masked = mask_secrets("abc1234 MYCOMPANY.b.example pass-OF-mine technology", config)
    assert masked == "*** *** *** technology"


def test_A1_secrets_that_are_too_short_to_be_searched_for_are_warned_of(tmp_path: Path) -> None:
    sources = {
        "path": "https://a.example/${SHORT}",
        "login": {"feed": "https://c.example/f", "auth": {"basic": ["me", "${SHORT}"]}, "tags": "${SHORT}"},
        "proxy": {"feed": "https://d.example:${PORT}/f", "proxy": "http://me:${SHORT}@p.example"},
        "long": {"feed": "https://d.example/${LONG}", "headers": {"X-Key": "${LONG}"}},
    }
    config = load_sources(tmp_path, sources, {"SHORT": "abc1234", "LONG": "abc12345", "PORT": "80"})
    assert config.short_secrets == ("sources.path", "sources.login.auth.basic.1", "sources.proxy.proxy")
    (warning,) = (warning for warning in find_warnings(config) if "8 characters" in warning)
    assert warning.endswith("published files: sources.path, sources.login.auth.basic.1, sources.proxy.proxy")


@pytest.mark.parametrize("address", ["http://${T}.invalid/f", "http://a${T}.b.invalid/f", "http://${T}/f"])
def test_A1_a_host_that_is_not_ascii_is_masked_as_dns_has_it_too(tmp_path: Path, address: str) -> None:
    config = load_sources(tmp_path, {"a": address}, {"T": "GeheimesWörtchen"})
    host = config.sources["a"].address.split("/")[2]
    for spelling in (host, host.lower(), host.encode("idna").decode()):
        assert mask_secrets(f"no {spelling} here", config) in (
            "no *** here",
            "no ***.invalid here",
            "no a***.b.invalid here",
        )


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_S13_a_secret_is_masked_in_any_case_and_encoding(tmp_path: Path, spelling: str) -> None:
    (tmp_path / "key").write_text(TOKEN, encoding="utf-8")
    source = {"feed": "https://a.example/f", "headers": {"X-Key": "${file:key}"}}
    config = load_sources(tmp_path, {"a": source}, {})
    assert mask_secrets(f"before {spelling} after", config) == "before *** after"


@pytest.mark.parametrize("write", [ascii, json.dumps, repr, str, str.lower, lambda text: json.dumps(text.upper())])
def test_A1_a_secret_beyond_ascii_is_masked_however_it_is_escaped(tmp_path: Path, write: Callable[[str], str]) -> None:
    secret = "Wörtchen-秘密-😀"
    config = load_sources(tmp_path, {"a": "https://a.example/?t=${T}"}, {"T": secret})
    masked = mask_secrets(f"the {write(secret)} came", config)
    assert masked.replace('"', "").replace("'", "") == "the *** came"


def test_S13_what_resembles_a_secret_stays(tmp_path: Path) -> None:
    source = {"feed": "https://a.example/f", "headers": {"X-Key": "${T}"}}
    config = load_sources(tmp_path, {"a": source}, {"T": "tok3n-of-mine"})
    for text in ("tok3n-of-min", "100 % of tok3n", "a%20b &amp; c", '{"a": "\\u0041"}'):
        assert mask_secrets(text, config) == text
