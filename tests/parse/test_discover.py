"""Feed autodiscovery: the links of a web page that lead to a feed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from feeds.parse.discover import Candidate, find_feeds

CORPORA = os.environ.get("FEEDS_CORPORA")
URL = "https://site.example/blog/page.html"
RSS = "application/rss+xml"
ATOM = "application/atom+xml"
JSON = "application/feed+json"

HEADS = [
    (f'<link rel="alternate" type="{RSS}" href="/feed">', ["https://site.example/feed"]),
    (f"<LINK REL=ALTERNATE TYPE={ATOM} HREF=a.xml>", ["https://site.example/blog/a.xml"]),
    (
        f'<link rel="foo\n Alternate " type=" {JSON}; charset=utf-8 " href=" f.json ">',
        ["https://site.example/blog/f.json"],
    ),
    (f'<base href="https://cdn.example/x/"><link rel="alternate" type="{RSS}" href="../f">', ["https://cdn.example/f"]),
    (f'<link rel="alternate" type="{RSS}" href="feed://site.example/f">', ["http://site.example/f"]),
    ('<link rel="feed" href="/f">', ["https://site.example/f"]),
    ('<link rel="alternate" type="application/json" href="/wp-json/wp/v2/posts/1">', []),
    ('<link rel="alternate" type="application/json+oembed" href="/oembed?format=json">', []),
    ('<link rel="alternate" type="application/json" href="/feed.json">', ["https://site.example/feed.json"]),
    ('<link rel="alternate" type="text/xml" href="/x.xml">', ["https://site.example/x.xml"]),
    (f'<link rel="alternate stylesheet" type="{RSS}" href="/f">', []),
    (f'<link rel="alter nate" type="{RSS}" href="/f">', []),
    ('<link rel="alternate" type="application/ rss+xml" href="/f">', []),
    (f'<!-- <link rel="alternate" type="{RSS}" href="/f"> -->', []),
    (f'<script>"<link rel=alternate type={RSS} href=/f>"</script>', []),
    (f'<link rel="alternate" type="{RSS}" href="javascript:alert(1)">', []),
    (f'<link rel="alternate" type="{RSS}" href="http://[">', []),
    (f'<link rel="alternate" type="{RSS}">', []),
    (
        f'<link rel="alternate" type="{RSS}" href="/1" title=" One "><link rel="alternate" type="{ATOM}" href="/2">'
        f'<link rel="alternate" type="{RSS}" href="/1">',
        ["https://site.example/1", "https://site.example/2"],
    ),
]


@pytest.mark.parametrize(("head", "expected"), HEADS, ids=range(len(HEADS)))
def test_links_of_the_head(head: str, expected: list[str]) -> None:
    page = f"<!DOCTYPE html><html><head>{head}</head><body><p>text</p></body></html>"
    assert [
        candidate.url for candidate in find_feeds(page.encode(), URL, None) if candidate.method == "link"
    ] == expected


def test_links_of_the_body_come_after_those_of_the_head() -> None:
    head, body = (f'<link rel=alternate type="{RSS}" href=/{where}>' for where in ("head", "body"))
    page = f"<html><body>{body}</body></html>".replace("<body>", f"<head>{head}</head><body>")
    candidates = [candidate.url for candidate in find_feeds(page.encode(), URL, None)]
    assert candidates[:2] == ["https://site.example/head", "https://site.example/body"]


def test_anchors_that_look_like_feeds_come_after_links_and_guesses_last() -> None:
    page = (
        '<body><a href="https://other.example/rss.xml">theirs</a><a href="/news/rss">RSS</a><a href="/about">About</a>'
        '<a href="/?feed=rss2">Subscribe</a><a href="mailto:rss@site.example">rss</a></body>'
    )
    candidates = find_feeds(page.encode(), URL, None)
    assert [candidate.url for candidate in candidates if candidate.method == "anchor"] == [
        "https://site.example/news/rss",
        "https://site.example/?feed=rss2",
        "https://other.example/rss.xml",
    ]
    assert candidates[-1].method == "guessed" and candidates[-1].url.startswith("https://site.example/")
    assert candidates[0] == Candidate("https://site.example/news/rss", "RSS", None, "anchor")


@pytest.mark.parametrize("body", [b"", b"\0\0\0", b"<" * 10_000, b"<a>" * 50_000, b"\xff\xfe<\0"], ids=range(5))
def test_any_page_has_candidates(body: bytes) -> None:
    assert all(candidate.method == "guessed" for candidate in find_feeds(body, URL, None))


@pytest.mark.skipif(not CORPORA, reason="FEEDS_CORPORA names no folder")
def test_autodiscovery_finds_the_one_feed_of_each_page() -> None:
    for page in sorted((Path(CORPORA or "") / "autodiscovery").glob("html4-*.html")):
        links = [
            candidate
            for candidate in find_feeds(page.read_bytes(), f"https://x.example/{page.name}", None)
            if candidate.method == "link"
        ]
        assert len(links) == 1 and page.stem in links[0].url, page.name
