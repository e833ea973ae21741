"""R6: no parser yields a lone surrogate, which UTF-8 cannot encode, whatever a document spells."""

from __future__ import annotations

import msgspec
import pytest
from factories import NOON, fetched, source

from feeds.model import Kind, SourceFile
from feeds.pipeline.read import parse_document

WORDS = b"Words of the story, one after another, to the end of the line. " * 30
DOCUMENTS = {
    "JSON Feed": rb"""{"version": "https://jsonfeed.org/version/1.1", "title": "\ud800", "home_page_url": "https://x/\udfff",
        "items": [{"id": "\ud800", "url": "https://x/\ud800", "content_html": "\udfff", "tags": ["\ud800"],
        "authors": [{"name": "\udfff"}], "attachments": [{"url": "\ud800", "mime_type": "\ud800"}]}]}""",
    "RSS": b"<rss><channel><item><title>&#xD800; &#55296; &amp;#xD800; \xed\xa0\x80</title></item></channel></rss>",
    "broken RSS": b"<rss><channel><item><title>&#xD800; &#55296; &amp;#xD800; &bla; <link>https://x/%ED%A0%80",
    "UTF-7": b'<?xml version="1.0" encoding="utf-7"?><rss><channel><item><title>+2AA-</title></item></channel></rss>',
    "page": rb"""<script type="application/ld+json">{"@context": "https://schema.org", "@type": "NewsArticle",
        "headline": "A \ud800 line", "author": {"@type": "Person", "name": "Ann \udfff Other"}, "keywords": ["\uD800"],
        "datePublished": "2026-01-01", "image": "https://x/\ud800.png", "\ud800": 1}</script>
        <article><h1>A line</h1><p>&#xD800;"""
    + WORDS,
    "OPML": b'<opml><body><outline text="&#xD800;" xmlUrl="https://x/"/></body></opml>',
}


@pytest.mark.parametrize("charset", [None, "utf-7", "utf-16", "unicode_escape"])
@pytest.mark.parametrize("name", DOCUMENTS)
def test_R6_what_is_parsed_can_be_encoded(name: str, charset: str | None) -> None:
    parsed = parse_document(fetched(DOCUMENTS[name], charset=charset))
    assert b"\\u" not in msgspec.json.encode(parsed)


@pytest.mark.parametrize("body", [b'---\ntitle: "a \\ud800 b"\n---\nx', b"# \xed\xa0\x80\n\n&#xD800;"])
def test_R6_our_own_stories_can_be_encoded(body: bytes) -> None:
    files = source(kind=Kind.FILES, address="*.md")
    parsed = parse_document(fetched(b"", files=(SourceFile("a.md", body, NOON),)), files)
    assert parsed.stories or parsed.warnings
    assert msgspec.json.encode(parsed)
