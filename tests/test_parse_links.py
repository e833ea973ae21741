"""Where feeds are found: the links of a web page, and the outlines of an OPML list."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from feeds.errors import ParseError
from feeds.parse.discover import Candidate, candidates
from feeds.parse.opml import Outline, outlines

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
    assert [one.url for one in candidates(page.encode(), URL, None) if one.found == "link"] == expected


def test_links_of_the_body_come_after_those_of_the_head() -> None:
    head, body = (f'<link rel=alternate type="{RSS}" href=/{where}>' for where in ("head", "body"))
    page = f"<html><body>{body}</body></html>".replace("<body>", f"<head>{head}</head><body>")
    found = [one.url for one in candidates(page.encode(), URL, None)]
    assert found[:2] == ["https://site.example/head", "https://site.example/body"]


def test_anchors_that_look_like_feeds_come_after_links_and_guesses_last() -> None:
    page = (
        '<body><a href="https://other.example/rss.xml">theirs</a><a href="/news/rss">RSS</a><a href="/about">About</a>'
        '<a href="/?feed=rss2">Subscribe</a><a href="mailto:rss@site.example">rss</a></body>'
    )
    found = candidates(page.encode(), URL, None)
    assert [one.url for one in found if one.found == "anchor"] == [
        "https://site.example/news/rss",
        "https://site.example/?feed=rss2",
        "https://other.example/rss.xml",
    ]
    assert found[-1].found == "guessed" and found[-1].url.startswith("https://site.example/")
    assert found[0] == Candidate("https://site.example/news/rss", "RSS", None, "anchor")


@pytest.mark.parametrize("body", [b"", b"\0\0\0", b"<" * 10_000, b"<a>" * 50_000, b"\xff\xfe<\0"], ids=range(5))
def test_any_page_has_candidates(body: bytes) -> None:
    assert all(one.found == "guessed" for one in candidates(body, URL, None))


OPML = """<opml version="2.0"><head><title>t</title></head><body>
<outline text="News">
<outline text="A" type="rss" xmlURL=" https://a.example/feed " htmlUrl="https://a.example/" category="x,/y/z"/>
<outline title="B" xmlurl="https://b.example/feed"/></outline>
<outline text="Also"><outline text="A again" xmlUrl="https://a.example/feed"/></outline>
<outline text="More" type="include" url="https://lists.example/more.opml"/>
<outline text="A note"/><outline text="Page" htmlUrl="https://page.example/"/>
</body></opml>"""


def test_outlines_of_a_list() -> None:
    assert outlines(OPML.encode()) == (
        Outline("A", "https://a.example/feed", "https://a.example/", ("News", "x", "y", "z", "Also")),
        Outline("B", "https://b.example/feed", None, ("News",)),
        Outline("More", "https://lists.example/more.opml", None, (), "list"),
        Outline("Page", "https://page.example/", "https://page.example/", (), "page"),
    )


def test_a_broken_list_is_repaired() -> None:
    body = '<opml><body><outline text="A & B" xmlUrl="https://a.example/?x=1&y=2"></body>'
    assert outlines(body.encode()) == (Outline("A & B", "https://a.example/?x=1&y=2"),)


@pytest.mark.parametrize("body", [b"", b"<rss/>", b"<html><body/></html>", b"text"], ids=range(4))
def test_what_is_no_list_is_refused(body: bytes) -> None:
    with pytest.raises(ParseError):
        outlines(body)


def test_F17_a_deep_list_is_read_or_refused() -> None:
    assert outlines(("<opml><body>" + '<outline text="x">' * 50_000).encode()) == ()


# ── other people's documents ────────────────────────────────────────────────────────────────────────────────────────

CORPORA = os.environ.get("FEEDS_CORPORA")
needs_corpora = pytest.mark.skipif(not CORPORA, reason="FEEDS_CORPORA names no folder")


@needs_corpora
def test_autodiscovery_finds_the_one_feed_of_each_page() -> None:
    for page in sorted((Path(CORPORA or "") / "autodiscovery").glob("html4-*.html")):
        links = [
            one for one in candidates(page.read_bytes(), f"https://x.example/{page.name}", None) if one.found == "link"
        ]
        assert len(links) == 1 and page.stem in links[0].url, page.name


@needs_corpora
def test_lists_hold_what_their_comments_say() -> None:
    for file in sorted((Path(CORPORA or "") / "opml").glob("*.xml")):
        body = file.read_bytes()
        made = outlines(body)
        feeds = [one for one in made if one.kind == "feed"]
        said = body.decode("utf-8", "replace")
        if count := re.search(r"len\(result\['feeds'\]\) == (\d+)", said):
            assert len(feeds) == int(count[1]), file.name
        for url in re.findall(r"result\['feeds'\]\[0\]\['url'\] == ['\"](.*?)['\"]", said):
            assert feeds[0].feed_url == url, file.name
        for name in re.findall(r"result\['feeds'\]\[0\]\['title'\] == '(.*?)'", said):
            assert feeds[0].title == name, file.name
        for url in re.findall(r"result\['lists'\]\[0\]\['url'\] == ['\"](.*?)['\"]", said):
            assert [one.feed_url for one in made if one.kind == "list"] == [url], file.name
