"""Texts that would run in a careless page, and items of a feed that have one in every field.

The corpus of them is read where FEEDS_CORPORA names a folder; a few stand here.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from xml.sax.saxutils import quoteattr

from feeds.normalize.text import strip_illegal_xml

CORPORA = os.environ.get("FEEDS_CORPORA")
OWN = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "javascript:alert(1)",
    " JaVa&#x09;Script&colon;alert(1)",
    "<a href='java\nscript:alert(1)'>x</a>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<math><annotation-xml encoding='text/html'><img src onerror=alert(1)></annotation-xml></math>",
    "data:text/html,<script>alert(1)</script>",
    "<style>@import 'javascript:alert(1)'</style><base href='//evil.example/'>",
    "</mark></title><svg onload=alert(1)>",
    '"><script>alert(1)</script>',
)
ELEMENTS = (
    *("title", "link", "guid", "description", "author", "category", "comments", "pubDate", "source", "content:encoded"),
    *("dc:creator", "dc:rights", "dc:language", "media:title", "itunes:author", "itunes:summary", "wfw:commentRss"),
)
SPACES = (
    "xmlns:content='http://purl.org/rss/1.0/modules/content/' xmlns:dc='http://purl.org/dc/elements/1.1/' "
    "xmlns:media='http://search.yahoo.com/mrss/' xmlns:itunes='http://www.itunes.com/dtds/podcast-1.0.dtd' "
    "xmlns:wfw='http://wellformedweb.org/CommentAPI/'"
)


def payloads() -> list[str]:
    """All payloads, as XML can hold them."""
    found = json.loads(Path(CORPORA, "sanitize", "payloads.json").read_bytes()) if CORPORA else []
    return [strip_illegal_xml(payload) for payload in (*OWN, *(row["payload"] for row in found))]


def escape_cdata(text: str) -> str:
    """A text as XML holds it, without what would end it."""
    return f"<![CDATA[{text.replace(']]>', '')}]]>"


def payload_item(payload: str, *categories: str) -> str:
    """An RSS item that has a payload in every element and attribute, and these categories besides."""
    data, attribute = escape_cdata(payload), quoteattr(payload)
    words = "".join(f"<{name}>{data}</{name}>" for name in ELEMENTS)
    tags = "".join(f"<category>{name}</category>" for name in categories)
    files = f"<enclosure url={attribute} type={attribute} length='1'/><media:thumbnail url={attribute}/>"
    return f"<item>{words}{tags}{files}</item>"
