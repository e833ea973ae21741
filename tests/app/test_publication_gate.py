"""`PublicationGate`: secrets are removed from articles and documents."""

from __future__ import annotations

from typing import Any

import factories
from origin import Document, Origin
from wire import Wire, rss

from feeds.app.publication_gate import PublicationGate
from feeds.model import Article, Attachment
from feeds.model import Document as Published
from feeds.model import Origin as Where


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
