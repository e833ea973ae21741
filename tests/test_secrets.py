"""Secrets: what `${NAME}` puts into the address, headers or auth of a source is neither shown nor published."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest
from origin import KEEP, Document, Origin, raw, reply
from wire import Wire, rss

from feeds.app.publication_gate import PublicationGate
from feeds.config import load, mask_secrets
from feeds.model import Article, Attachment, Config
from feeds.model import Document as Published
from feeds.model import Origin as Where

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


@pytest.fixture
def wire(tmp_path: Path) -> Wire:
    """An installation of one's own."""
    return Wire(tmp_path)


AT = datetime(2026, 3, 2, tzinfo=UTC)


def declared(tmp_path: Path, sources: Mapping[str, object], env: Mapping[str, str], **more: object) -> Config:
    """The configuration with these sources."""
    path = tmp_path / "feeds.yaml"
    tree = {"site": {"title": "A", "url": "https://wire.example/"}, "sources": sources, "feeds": {"all": {}}}
    path.write_text(json.dumps(tree | more), encoding="utf-8")
    return load(path, env)


# ── what is secret ──────────────────────────────────────────────────────────────────────────────────────────────────


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
    assert declared(tmp_path, {"a": entry}, env).sources["a"].private is private


def test_S13_what_the_defaults_hold_makes_private_whoever_takes_it(tmp_path: Path) -> None:
    sources = {
        "a": "https://a.example/f",
        "b": {"feed": "https://b.example/f", "headers": {"X-Key": "open"}},
        "c": {"files": "*.md"},
    }
    config = declared(tmp_path, sources, {"T": "tok3n-of-mine"}, defaults={"headers": {"X-Key": "${T}"}})
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
    config = declared(tmp_path, sources, env)
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
    told = mask_secrets("abc1234 MYCOMPANY.b.example pass-OF-mine technology", config)
    assert told == "*** *** *** technology"


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_S13_a_secret_is_masked_in_any_case_and_encoding(tmp_path: Path, spelling: str) -> None:
    (tmp_path / "key").write_text(TOKEN, encoding="utf-8")
    source = {"feed": "https://a.example/f", "headers": {"X-Key": "${file:key}"}}
    config = declared(tmp_path, {"a": source}, {})
    assert mask_secrets(f"before {spelling} after", config) == "before *** after"


def test_S13_what_resembles_a_secret_stays(tmp_path: Path) -> None:
    source = {"feed": "https://a.example/f", "headers": {"X-Key": "${T}"}}
    config = declared(tmp_path, {"a": source}, {"T": "tok3n-of-mine"})
    for text in ("tok3n-of-min", "100 % of tok3n", "a%20b &amp; c", '{"a": "\\u0041"}'):
        assert mask_secrets(text, config) == text


# ── what is published ───────────────────────────────────────────────────────────────────────────────────────────────


def leaks(wire: Wire, *secrets: str) -> list[str]:
    """The published files that hold one of these, in any case."""
    return [
        name for name, body in wire.files().items() for secret in secrets if secret.lower() in body.decode().lower()
    ]


@pytest.mark.parametrize("address", ["/{0}/feed", "/feed?t={0}", "/feed?a=1&t={0}&b=2", "/feed#{0}"])
def test_S13_a_secret_of_an_address_is_published_by_no_fall_back(
    wire: Wire, origin: Origin, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("TOKEN", "s3cret-of-mine")
    origin.put(address.format("s3cret-of-mine").partition("#")[0], Document(rss(("1", "One"))))
    wire.declare({"a": {"feed": origin.url(address.format("${TOKEN}"))}})
    wire.turn()
    assert [item["title"] for item in wire.items()] == ["One"]
    assert not leaks(wire, "s3cret-of-mine")
    ran, status = wire.command("run", "--all", "-vv"), wire.command("status", "a")
    assert "s3cret-of-mine" not in ran.stdout + ran.stderr + status.stdout + status.stderr


@pytest.mark.parametrize("value", ["abc", "s3cret-of-mine"])
def test_S13_a_feed_that_names_its_own_address_does_not_publish_it(
    wire: Wire, origin: Origin, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("TOKEN", value)
    own = origin.url(f"/feed?t={value}")
    atom = f"<atom:link xmlns:atom='http://www.w3.org/2005/Atom' rel='self' href='{own}'/>".encode()
    origin.put(f"/feed?t={value}", Document(rss(("1", "One")).replace(b"<channel>", b"<channel>" + atom)))
    wire.declare({"a": {"feed": origin.url("/feed?t=${TOKEN}")}})
    wire.turn()
    assert [item["title"] for item in wire.items()] == ["One"]
    assert not leaks(wire, f"t={value}")


@pytest.mark.parametrize("spelling", ["s3cret-of-mine", "S3CRET-OF-MINE", "s3cret%2Dof%2dmine", "%73%33cret-of-mine"])
def test_S13_one_source_that_repeats_its_secret_stalls_no_feed(
    wire: Wire, origin: Origin, monkeypatch: pytest.MonkeyPatch, spelling: str
) -> None:
    """Private podcasts repeat their token in every enclosure; servers echo headers."""
    monkeypatch.setenv("TOKEN", "s3cret-of-mine")
    item = (
        f"<item><guid>https://a.example/1?t={spelling}</guid><title>One for {spelling}</title>"
        f"<link>https://a.example/1?t={spelling}</link><category domain='https://a.example/{spelling}'>news</category>"
        f"<enclosure url='https://a.example/{spelling}/1.mp3' type='audio/mpeg' length='1'/>"
        f"<comments>https://{spelling}.a.example/1</comments><author>me@{spelling}.example</author>"
        f"<description>Key: {spelling}. &lt;a href='https://a.example/?t={spelling}'&gt;here&lt;/a&gt;"
        f"&lt;img src='https://a.example/{spelling}.png'&gt; Kept.</description></item>"
    )
    body = f"<rss version='2.0'><channel><title>A</title>{item}</channel></rss>".encode()
    origin.put("/keyed", Document(body))
    origin.put("/open", Document(rss(("2", "Two"))))
    headed = {"feed": origin.url("/keyed"), "headers": {"X-Key": "${TOKEN}"}}
    wire.declare({"keyed": headed, "open": origin.url("/open")})
    wire.turn()
    items = {str(item["title"]): item for item in wire.items()}
    assert set(items) == {"One for ***", "Two"}
    one = items["One for ***"]
    assert not {"url", "attachments", "image"} & set(one)
    assert str(one["id"]).startswith("tag:wire.example.org,2026:")
    assert "Key: ***." in str(one["content_html"])
    assert "Kept." in str(one["content_html"])
    assert not leaks(wire, "s3cret-of-mine", spelling)
    before = wire.inodes()
    wire.turn(everything=True)
    assert wire.inodes() == before


def test_S13_what_was_stored_before_it_became_a_secret_is_taken_out_of_the_files(
    wire: Wire, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "s3cret-of-mine")
    monkeypatch.setenv("SHORT", "abc")
    for path in ("/f?t=s3cret-of-mine", "/g?t=abc"):
        origin.put(path, Document(rss((path[1:2], path[1:2].upper()))))
    wire.declare({"f": origin.url("/f?t=s3cret-of-mine"), "g": origin.url("/g?t=abc")})
    wire.turn()
    assert leaks(wire, "s3cret-of-mine")
    assert leaks(wire, "t=abc")
    wire.declare({"f": origin.url("/f?t=${TOKEN}"), "g": origin.url("/g?t=${SHORT}")})
    with wire.app() as app:
        app.issue()
    assert {item["title"] for item in wire.items()} == {"F", "G"}
    assert not leaks(wire, "s3cret-of-mine", "t=abc")


def test_S13_a_story_whose_page_is_visited_does_not_name_a_private_listing(
    wire: Wire, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "abc")
    page = origin.put("/1", raw(reply(b"<h1>One</h1><p>" + b"A long story. " * 60, content_type="text/html"), KEEP))
    own = f"<atom:link xmlns:atom='http://www.w3.org/2005/Atom' rel='self' href='{origin.url('/feed?t=abc')}'/>"
    item = f"<item><guid>1</guid><title>One</title><link>{page}</link></item>"
    origin.put(
        "/feed?t=abc", Document(f"<rss version='2.0'><channel>{own}<title>A</title>{item}</channel></rss>".encode())
    )
    wire.declare({"a": {"feed": origin.url("/feed?t=${TOKEN}"), "full_text": True}})
    wire.turn()
    assert [item["title"] for item in wire.items()] == ["One"]
    assert not leaks(wire, "t=abc")


def test_R9_without_secrets_the_bytes_stay_as_they_are(wire: Wire, origin: Origin) -> None:
    gate = PublicationGate(frozenset(), "wire.example.org,2026")
    origin.put("/a", Document(rss(("1", "One"))))
    wire.declare({"a": origin.url("/a")})
    wire.turn()
    document = Published("all.json", (wire.public / "all.json").read_bytes(), "application/feed+json")
    assert gate.clean_document(document) is document
    assert origin.url("/a") in document.body.decode()


# ── the gate ────────────────────────────────────────────────────────────────────────────────────────────────────────


def article(**fields: object) -> Article:
    """An article with these fields."""
    told: dict[str, object] = {"url": None, "title": "A", "summary": "", "html": "", "published": AT, "modified": None}
    told |= {"updated": AT, "first_seen": AT, "story_digest": "d"}
    return Article("a", "upstream", "https://a.example/1", "tag:x,2026:a/1", **(told | fields))  # type: ignore[arg-type]


def test_S13_an_address_is_dropped_a_text_masked_and_the_rest_is_left_alone() -> None:
    gate = PublicationGate(frozenset({"category", "s3cret-of-mine"}), "x,2026")
    kept = Attachment("https://a.example/2.mp3", "audio/mpeg")
    lost = Attachment("https://a.example/1.mp3?k=S3CRET-of-mine", "audio/mpeg")
    titled = Attachment("https://a.example/3.mp3", "audio/mpeg", title="s3cret-of-mine, part 3")
    before = article(
        html='<p class="x">&lt;category&gt; <a href="https://a.example/?k=s3cret-of-mine" title="x">this</a></p>',
        attachments=(lost, kept, titled),
        origin=Where(id="urn:s3cret-of-mine", title="The category", feed="https://a.example/s3cret-of-mine"),
        extra={"category": "1", "place": "https://a.example/s3cret-of-mine", "where": "here"},
    )
    clean = gate.clean_article(before)
    assert clean.html == '<p class="x">&lt;***&gt; <a title="x">this</a></p>'
    assert clean.attachments == (kept, Attachment("https://a.example/3.mp3", "audio/mpeg", title="***, part 3"))
    assert clean.origin == Where(title="The ***")
    assert clean.extra == {"***": "1", "where": "here"}
    assert clean.published_id == before.published_id
    assert gate.clean_article(clean) is clean
    assert gate.clean_article(article(title="Nothing")) == article(title="Nothing")


def test_S13_a_document_that_still_holds_a_secret_is_masked_and_stays_well_formed() -> None:
    gate = PublicationGate(frozenset({"category", "s3cret&mine"}), "x,2026")
    xml = b'<?xml version="1.0"?><rss><category domain="https://a.example/?s3cret%26mine">S3CRET&amp;mine</category></rss>'
    assert gate.clean_document(Published("a.rss", xml, "application/rss+xml")).body == (
        b'<?xml version="1.0"?><rss><category domain="https://a.example/?***">***</category></rss>'
    )
    text = '{"category":"a\\n\\"s3cret&mine\\"","n":[1,{"x":"Category"}]}\n'
    assert gate.clean_document(Published("a.json", text.encode(), "application/feed+json")).body == (
        b'{"category":"a\\n\\"***\\"","n":[1,{"x":"***"}]}\n'
    )
    same = Published("b.rss", b"<rss><category>news</category></rss>", "application/rss+xml")
    assert gate.clean_document(same) is same
