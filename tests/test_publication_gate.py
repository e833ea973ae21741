"""`PublicationGate`: secrets are removed from articles and documents."""

from __future__ import annotations

from typing import Any

import factories
import pytest
from origin import Document, Origin
from wire import Wire, rss

from feeds.errors import PublishError
from feeds.model import Article, Attachment
from feeds.model import Document as Published
from feeds.model import Origin as Where
from feeds.publication_gate import PublicationGate


def article(**fields: Any) -> Article:
    """An article that has nothing but a title, and these fields."""
    return factories.article(**{"url": None, "title": "A", "summary": "", "html": "", **fields})


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


def test_R9_without_secrets_the_bytes_stay_as_they_are(wire: Wire, origin: Origin) -> None:
    gate = PublicationGate(frozenset(), "wire.example.org,2026")
    origin.put("/a", Document(rss(("1", "One"))))
    wire.declare({"a": origin.url("/a")})
    wire.turn()
    document = Published("all.json", (wire.public / "all.json").read_bytes(), "application/feed+json")
    assert gate.clean_document(document) is document
    assert origin.url("/a") in document.body.decode()


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ("<a href=https://x.example/s3cret-of-mine>a</a>", "<a href=https://x.example/***>a</a>"),
        ('<a><![CDATA[<b>s3cret-of-mine</b> "]]> s3cret-of-mine</a>', '<a><![CDATA[<b>***</b> "]]> ***</a>'),
        ("<!-- s3cret-of-mine > --><a>b</a>", "<!-- *** > --><a>b</a>"),
        ("<!-- <![CDATA[ s3cret-of-mine", "<!-- <![CDATA[ ***"),
        ("date,title\n2026,s3cret-of-mine < 3\n", "date,title\n2026,*** < 3\n"),
    ],
)
def test_A1_a_secret_is_masked_wherever_a_text_can_hold_one(markup: str, expected: str) -> None:
    gate = PublicationGate(frozenset({"s3cret-of-mine"}), "x,2026")
    assert gate.clean_document(Published("a.x", markup.encode(), "text/plain")).body.decode() == expected


def test_A1_a_long_document_with_beginnings_of_comments_takes_no_time() -> None:
    gate = PublicationGate(frozenset({"s3cret-of-mine"}), "x,2026")
    body = b"<!-- <![CDATA[ " * 100_000
    assert gate.clean_document(Published("a.x", body + b"s3cret-of-mine", "text/plain")).body == body + b"***"


@pytest.mark.parametrize("text", ['{"a":"s3cret-of-mine"}\n{"b":1}\n', "a: s3cret-of-mine\n"])
def test_A1_json_of_another_kind_is_masked_as_text(text: str) -> None:
    gate = PublicationGate(frozenset({"s3cret-of-mine"}), "x,2026")
    masked = gate.clean_document(Published("a.json", text.encode(), "application/json")).body.decode()
    assert masked == text.replace("s3cret-of-mine", "***")


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-8"])
def test_A1_a_document_that_is_no_text_is_published_only_without_a_secret(encoding: str) -> None:
    gate = PublicationGate(frozenset({"pässwörter-of-mine", "s3cret-of-mine"}), "x,2026")
    harmless = Published("a.bin", b"\xff\xd8\xff\x00 " + "no seçrèt".encode(encoding), "application/x-bin")
    assert gate.clean_document(harmless) is harmless
    for secret in ("S3CRET-of-mine", "pässwörter-of-mine"):
        with pytest.raises(PublishError, match=r"a\.bin is not published: it contains a secret"):
            gate.clean_document(Published("a.bin", b"\xff\xd8\xff\x00 " + secret.encode(encoding), "application/x-bin"))
