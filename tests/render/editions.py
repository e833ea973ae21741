"""Articles, feeds and editions to render, and their documents by suffix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import factories
from hypothesis import strategies as st

from feeds.model import Article, Attachment, Author, Category, Comments, Edition, Feed, Media, Origin, Site, Twin
from feeds.render import render

NOON = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)
ATOM = {"a": "http://www.w3.org/2005/Atom"}

SITE = Site(
    "The Example Wire",
    "https://wire.example.org/",
    language="en",
    hubs=("https://wire.example.org/hub",),
    authority="wire.example.org,2026",
)
FEED = Feed(
    "world",
    "World <news> & more",
    description="What matters",
    image="https://wire.example.org/logo.png",
    icon="https://wire.example.org/icon.png",
)

PLAIN: Mapping[str, object] = {
    "source_id": "bbc",
    "upstream_id": "u1",
    "published_id": "https://news.example.com/rain",
    "url": "https://news.example.com/rain",
    "title": "Rain",
    "summary": "",
    "html": "<p>It rained.</p>",
    "published": NOON,
    "updated": NOON,
    "first_seen": NOON,
    "key": 1,
}

FULL: Mapping[str, object] = {
    "title": "Rain & <i>fog</i> over “Rome”",
    "summary": "It rained, 3 < 4 & so on.",
    "html": '<p>It <em>rained</em> &amp; <a href="https://news.example.com/a?b=1&amp;c=2">poured</a>: ]]&gt;</p>',
    "modified": NOON + timedelta(hours=2),
    "updated": NOON + timedelta(hours=3),
    "authors": (
        Author("Jane Doe", "https://news.example.com/jane", "jane@news.example.com", "https://news.example.com/j.png"),
        Author("Bo Li", email="not an address"),
    ),
    "tags": ("weather", "World", "rome"),
    "categories": (Category("world", "https://news.example.com/topics", "World"), Category("weather")),
    "language": "en-GB",
    "image": "https://news.example.com/rain.jpg",
    "external_url": "https://elsewhere.example.net/",
    "attachments": (
        Attachment("https://news.example.com/1.mp3", "audio/mpeg", "Listen", 1234, 65.0),
        Attachment("https://news.example.com/2.mp4", "video/mp4", None, None, 7.5),
        Attachment("https://news.example.com/3.bin", "", None, None, None),
    ),
    "media": (
        Media("https://news.example.com/1.mp3", type="audio/mpeg"),
        Media("https://news.example.com/rain.jpg", role="thumbnail", width="64"),
        Media("https://news.example.com/big.jpg", type="image/jpeg", medium="image", width="800", title="Big & wet"),
    ),
    "rights": "© 2026 Example & Co",
    "comments": Comments("https://news.example.com/rain#c", "12", "https://news.example.com/rain.comments"),
    "origin": Origin(
        "tag:news.example.com,2001:feed",
        "News & Co",
        "https://news.example.com/",
        "https://news.example.com/feed.xml",
        "2026-11-22T11:00:00Z",
    ),
    "podcast": {
        "duration": "1:05",
        "episodeType": "full",
        "season": "2",
        "image": "https://news.example.com/cover.jpg",
    },
    "extra": {"license": "https://creativecommons.org/licenses/by/4.0/"},
    "found": {"title": "rss/title"},
    "reader": "rss",
}


def article(**fields: object) -> Article:
    return factories.article("1", **{**PLAIN, **fields})


def edition(*articles: Article, feed: Feed = FEED, site: Site = SITE) -> Edition:
    return factories.edition(*articles, feed=feed, site=site, updated=NOON)


def render_files(*articles: Article, feed: Feed = FEED, site: Site = SITE) -> dict[str, bytes]:
    documents = render(edition(*articles, feed=feed, site=site))
    return {document.path.rpartition(".")[2]: document.body for document in documents}


def article_without_content(id: str = "tag:x.example,2026:1", **fields: object) -> Article:
    """An article that has nothing but an id."""
    return article(published_id=id, url=None, title="", summary="", html="", published=None, **fields)


FULL_EDITION = edition(
    article(**FULL),
    article(
        published_id="tag:wire.example.org,2026:bbc/2", url="https://news.example.com/2", html="", summary="Short."
    ),
    article_without_content(),
)

CASES: Mapping[str, Sequence[Article]] = {
    "nothing": (),
    "plain": (article(),),
    "full": FULL_EDITION.articles,
    "bare": (article_without_content(),),
    "untitled": (article(title=""),),
    "untitled link": (article(title="", html=""),),
    "only a summary": (article(html="", summary="Short."),),
    "undated": (article(published=None),),
    "the epoch": (article(published=datetime(1970, 1, 1, tzinfo=UTC), updated=datetime(1970, 1, 1, tzinfo=UTC)),),
    "origin without a date": (article(origin=Origin("urn:x:1", "X", updated="yesterday")),),
    "origin with a wrong date": (article(origin=Origin("urn:x:1", "X", updated="2026-13-40T00:00:00Z")),),
    "origin with a feed alone": (article(origin=Origin(feed="https://x.example/feed")),),
    "origin with a title alone": (article(origin=Origin(title="X")),),
    "illegal characters": (article(title="a\x00b\ud800c\uffff", html="<p>\x1b]0;\x07</p>", tags=("\x01",)),),
    "line ends": (article(title="a\rb\nc\u2028d", summary="\r\n"),),
    "every byte of markup": (article(title="]]><!--&amp;\"'-->", summary="<script>alert(1)</script>"),),
    "uncountable comments": (article(comments=Comments(count="many")),),
    "at other sources": (
        article(also_at=(Twin("wire", "https://wire.example/Ä?a&b", "A & B"), Twin("desk", "https://desk.example/1"))),
    ),
    "no type": (article(attachments=(Attachment("https://x.example/a", ""),)),),
}

# Lone surrogates and control characters too.
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=30)
