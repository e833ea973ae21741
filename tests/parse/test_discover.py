"""Feed autodiscovery: the links of a web page that lead to a feed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from feeds.parse.discover import Candidate, find_feeds, holds_comments

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


# ── comments, and the header Link ───────────────────────────────────────────────────────────────────────────────────

OF_COMMENTS = [
    ("/comments/feed/", None),
    ("/feed/comments", None),
    ("/?feed=comments-rss2", None),
    ("/feeds/comments/default", None),
    ("/feeds/42/comments/default?alt=rss", None),
    ("/index-comments.xml", None),
    ("/comments.rss", None),
    ("/commentsrss.aspx", None),
    ("/rss_comments.php", None),
    ("/crss", None),
    ("/node/7/crss", None),
    ("/t/the-bridge/12.rss", None),
    ("/r/town/comments/1x/.rss", None),
    ("/spip.php?page=backend-commentaires", None),
    ("/kommentare/feed", None),
    ("/2026/01/bridge/feed/", "Town » Bridge Comments Feed"),
    ("/2026/01/bruecke/feed/", "Stadt » Kommentar-Feed zu Brücke"),
    ("/f", "Ville » Flux des commentaires"),
    ("/f", "Ciudad » Feed de los comentarios"),
    ("/f", "Cidade » Feed de comentários"),
    ("/f", "Città » Feed dei commenti"),
    ("/f", "Stad » reactiefeed"),
    ("/f", "Stad » Kommentarsflöde"),
    ("/f", "Miasto » Kanał z komentarzami"),
    ("/f", "Město » Kanál komentářů"),
    ("/f", "Город » Лента комментариев"),
    ("/f", "Місто » стрічка коментарів"),
    ("/f", "Πόλη » Ροή Σχολίων"),
    ("/f", "Kent » yorum akışı"),
    ("/f", "مدينة » خلاصة التعليقات"),
    ("/f", "עיר » פיד תגובות"),
    ("/f", "町 » コメントフィード"),
    ("/f", "城 » 评论 feed"),
    ("/f", "마을 » 댓글 피드"),
    ("/f", "Thị trấn » Dòng phản hồi"),
]


@pytest.mark.parametrize(("path", "title"), OF_COMMENTS)
def test_B16_the_feed_of_comments_comes_after_those_of_stories(path: str, title: str | None) -> None:
    link = f'<link rel="alternate" type="{RSS}" href="{path}" title="{title or ""}">'
    head = f'<head>{link}<link rel="alternate" type="{RSS}" href="/stories" title="Town"></head>'
    candidates = find_feeds(f'<html>{head}<body><a href="/rss.xml">RSS</a></body></html>'.encode(), URL, None)
    urls = [candidate.url for candidate in candidates]
    assert urls[:2] == ["https://site.example/stories", "https://site.example/rss.xml"]
    assert [candidate.is_of_comments for candidate in candidates].index(True) == len(candidates) - 1


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("/feed/", "Town » Feed"),
        ("/feed", "Comment ça marche"),
        ("/comment-faire-un-pont/feed", None),
        ("/commentary/rss", "Commentary"),
        ("/feeds/posts/default", "Town – Atom"),
        ("/posts.rss", "Posts"),
    ],
)
def test_B16_words_that_only_begin_alike_are_no_comments(path: str, title: str | None) -> None:
    assert not holds_comments(f"https://site.example{path}", title)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (f'</feed>; rel="alternate"; type="{RSS}"', ["https://site.example/feed"]),
        (f"<//cdn.example/f>; rel=alternate; type={ATOM}", ["https://cdn.example/f"]),
        (
            f'<f.json>; type="{JSON}"; rel="ALTERNATE home"; title="Town, the feed"',
            ["https://site.example/blog/f.json"],
        ),
        ('</a>; rel="preload", </f>; rel=feed, </s.css>; rel=stylesheet', ["https://site.example/f"]),
        (
            f'</comments/feed>; rel=alternate; type="{RSS}", </f>; rel=alternate; type="{RSS}"',
            ["https://site.example/f"],
        ),
        ('</wp-json/>; rel="https://api.w.org/", </?p=1>; rel=shortlink', []),
        ('<javascript:x>; rel="alternate"; type="application/rss+xml", <<>, "<x>', []),
    ],
)
def test_B16_a_feed_may_be_named_in_a_header_only(header: str, expected: list[str]) -> None:
    candidates = find_feeds(b"<base href='https://cdn.example/'><p>x</p>", URL, None, header)
    stories = [each.url for each in candidates if each.method == "link" and not each.is_of_comments]
    assert stories == expected
