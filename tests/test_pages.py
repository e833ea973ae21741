"""Story pages, listing pages and sitemaps: cases are the files of data/pages, and tables."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import random
import re
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from feeds.errors import ParseError
from feeds.model import Fetched, Kind, Parsed, Source, Story
from feeds.normalize.dates import date
from feeds.parse import parse
from feeds.parse.page import read_page
from feeds.parse.page.article import is_next_page, join_pages, read_story
from feeds.parse.page.story_links import read_listing
from feeds.parse.page.url_patterns import url_key
from feeds.parse.sitemap import read_sitemap

PAGES = Path(__file__).parent / "data" / "pages"
LISTINGS = sorted((PAGES / "listings").glob("*.html"))
STORIES = sorted((PAGES / "stories").glob("*.html"))
AT = datetime(2026, 11, 22, tzinfo=UTC)
URL = "https://gazette.example/news/bridge-reopens-4711.html"
PARAGRAPH = "<p>Eleven months after the storm the harbour bridge carries traffic again, and nobody counts the cars.</p>"


def html(head: str = "", body: str = "", lang: str = "en") -> bytes:
    top = f'<!DOCTYPE html><html lang="{lang}"><head><meta charset="utf-8">{head}</head>'
    return f"{top}<body>{body}</body></html>".encode()


def data(node: object) -> str:
    return f'<script type="application/ld+json">{node if isinstance(node, str) else json.dumps(node)}</script>'


def story(body: bytes, url: str = URL, **settings: object) -> Story:
    source = Source("page", Kind.PAGE, url, read_as="story", **settings)  # type: ignore[arg-type]
    return read_story(Fetched(url, body, "text/html"), source).stories[0]


def words(found: Story) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", " ".join(text.value for text in found.content)).split())


def names(found: Story) -> list[str | None]:
    return [person.name for person in found.people]


# ── whole stories, as files ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_a_story_page_is_read_whole(path: Path) -> None:
    """Issue 5, 2: each fact the case names; every line of `has` is in the text, none of `has_not`."""
    expected = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    parsed = read_page(Fetched(expected["url"], path.read_bytes(), "text/html"), None)
    assert parsed.reader == "page:story"
    (found,) = parsed.stories
    facts = {
        "title": found.title.value if found.title else None,
        "authors": names(found),
        "published": str(date(found.published, AT)),
        "updated": str(date(found.updated, AT)),
        "image": found.image.href if found.image else None,
        "language": found.language,
        "tags": [category.term for category in found.categories],
    }
    assert {name: facts[name] for name in expected if name in facts} == {
        name: value for name, value in expected.items() if name in facts
    }
    text = words(found)
    assert [line for line in expected["has"] if line not in text] == []
    assert [line for line in expected["has_not"] if line in text] == []


def test_an_archived_page_with_a_stamp_has_no_date_of_publication() -> None:
    """Seed: the stamp is the modified date, the banner is not the story, the dateline is."""
    body = html(
        "<title>Ferry Pilot Retires After Forty Winters | The Archive</title>",
        "<div>Get the latest updates as we post them — right on your browser</div>"
        "<table><tr><td><p>. Last Updated: 07/27/2016</p><h2>Ferry Pilot Retires After Forty Winters</h2>"
        "<p>PORT MARLING, Estuary -- The oldest pilot of the bay tied up for the last time on Wednesday.</p>"
        f"{PARAGRAPH}<p>His lamp goes to the museum now, and his dog to a neighbour.</p></td></tr></table>",
    )
    found = story(body, "https://archive.example/1999/stories/pilot.html".replace("/1999", ""))
    assert found.title is not None
    assert found.title.value == "Ferry Pilot Retires After Forty Winters"
    assert (found.published, found.updated) == (None, "07/27/2016")
    assert found.content[0].value.count("<p>") == 3
    assert words(found).startswith("PORT MARLING, Estuary -- The oldest pilot")
    assert "Last Updated" not in words(found)
    assert "right on your browser" not in words(found)


def test_plain_text_is_one_story() -> None:
    text = (
        b"Ferry Pilot Retires\n\nPORT MARLING -- The oldest pilot tied up on Wednesday.\n\nHis lamp goes there too.\n"
    )
    parsed = read_page(Fetched("https://archive.example/pilot.txt", text, "text/plain"), None)
    assert parsed.reader == "page:story"
    assert parsed.stories[0].title is not None
    assert parsed.stories[0].title.value == "Ferry Pilot Retires"


# ── titles ──────────────────────────────────────────────────────────────────────────────────────────────────────────

TITLES = [
    (
        "<title>Bridge reopens at last | The Gazette</title>",
        "<h1>Bridge reopens at last</h1>",
        "Bridge reopens at last",
    ),
    ("<title>Bridge reopens - Gazette</title>", "<h1>Gazette</h1><h2>Bridge reopens</h2>", "Bridge reopens"),
    (
        '<meta property="og:site_name" content="港新聞"><meta property="og:title" content="港の橋が再開：港新聞">',
        "",
        "港の橋が再開",
    ),
    (
        '<meta property="og:site_name" content="Gazette"><title>Gazette: | Bridge reopens — Gazette.example</title>',
        "",
        "Bridge reopens",
    ),
    ("<title>Rain - and more rain | Gazette</title>", "<h1>Rain - and more rain</h1>", "Rain - and more rain"),
    (
        data({"@type": "NewsArticle", "headline": "Bridge &amp; tunnel reopen"}),
        "<h1>Other</h1>",
        "Bridge & tunnel reopen",
    ),
    ('<meta property="og:title" content="Har\u00adbour bridge reopens">', "", "Harbour bridge reopens"),
]


@pytest.mark.parametrize(("head", "body", "expected"), TITLES, ids=range(len(TITLES)))
def test_the_headline_comes_without_the_name_of_the_site(head: str, body: str, expected: str) -> None:
    found = story(html(head, body + PARAGRAPH * 4))
    assert found.title is not None
    assert found.title.value == expected


# ── people ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _by(author: object) -> str:
    return data({"@type": "NewsArticle", "headline": "Bridge reopens", "author": author})


PEOPLE = [
    (
        _by([{"@type": "Person", "name": "Ida Fenn"}, {"@type": "Person", "name": "Jo Marsh"}]),
        "",
        ["Ida Fenn", "Jo Marsh"],
    ),
    (_by({"@type": "Person", "name": ["Ida Fenn", "Jo Marsh"]}), "", ["Ida Fenn", "Jo Marsh"]),
    (_by("By Ida Fenn and Jo Marsh, Staff Writer"), "", ["Ida Fenn", "Jo Marsh"]),
    (_by([{"@type": "Organization", "name": "Gazette"}, {"@type": "Person", "name": "Ida Fenn"}]), "", ["Ida Fenn"]),
    (_by({"@type": "Organization", "name": "The Wire Agency"}), "", ["The Wire Agency"]),
    ('<meta name="author" content="https://facebook.com/gazette">', '<p class="byline">By Ida Fenn</p>', ["Ida Fenn"]),
    (
        "",
        '<a rel="author" href="/authors/ida-fenn">Ida Fenn</a> <a rel="author" href="/x">Jo Marsh</a>',
        ["Ida Fenn", "Jo Marsh"],
    ),
    ("", '<span itemprop="author"><span itemprop="name">Ida Fenn</span>, reporter</span>', ["Ida Fenn"]),
    ('<meta name="author" content="Ida Fenn, Jo Marsh">', "", ["Ida Fenn", "Jo Marsh"]),
    (_by({"@id": "#ida"}) + data({"@type": "Person", "@id": "#ida", "name": "Ida Fenn"}), "", ["Ida Fenn"]),
]


@pytest.mark.parametrize(("head", "body", "expected"), PEOPLE, ids=range(len(PEOPLE)))
def test_all_authors_are_named_and_nothing_else(head: str, body: str, expected: list[str]) -> None:
    found = story(html(head, f"<article><h1>Bridge reopens</h1>{body}{PARAGRAPH * 4}</article>"))
    assert names(found) == expected


# ── instants ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _dated(**dates: str) -> str:
    return data({"@type": "NewsArticle", "headline": "Bridge reopens", **dates})


INSTANTS = [
    ("zone given", _dated(datePublished="2026-11-20T08:15:30+01:00"), "", "2026-11-20 07:15:30", None),
    (
        "zone elsewhere",
        _dated(datePublished="2026-11-20T08:15:30")
        + '<meta property="article:published_time" content="2026-11-20T08:15:30+02:00">',
        "",
        "2026-11-20 06:15:30",
        None,
    ),
    (
        "clock elsewhere",
        _dated(datePublished="2026-11-20"),
        '<time datetime="2026-11-20T08:15:00Z">today</time>',
        "2026-11-20 08:15:00",
        None,
    ),
    (
        "Z behind a local time",
        _dated(datePublished="2026-07-20T08:15:00Z"),
        "",
        "2026-07-20 07:15:00",
        '<meta property="article:published_time" content="2026-07-20T08:15:00+01:00">',
    ),
    ("a time element", "", '<time datetime="2026-11-20T08:15:00+01:00">8:15</time>', "2026-11-20 07:15:00", None),
    ("microdata", "", '<meta itemprop="datePublished" content="2026-11-20T08:15:00Z">', "2026-11-20 08:15:00", None),
    ("hAtom", "", '<abbr class="published" title="2026-11-20T08:15:00Z">today</abbr>', "2026-11-20 08:15:00", None),
    (
        "an update first",
        "",
        '<p>Updated <time datetime="2026-11-21T09:00:00Z">yesterday</time></p>'
        '<p>Published <time datetime="2026-11-20T08:15:00Z">x</time></p>',
        "2026-11-20 08:15:00",
        None,
    ),
    ("only an update", "", '<p>Last updated: <time datetime="2026-11-21T09:00:00Z">yesterday</time></p>', "None", None),
]


@pytest.mark.parametrize(
    ("head", "body", "expected", "more"), [row[1:] for row in INSTANTS], ids=[row[0] for row in INSTANTS]
)
def test_R13_the_exact_instant(head: str, body: str, expected: str, more: str | None) -> None:
    url = "https://gazette.example/news/bridge-reopens.html"
    found = story(html(head + (more or ""), f"<article><h1>Bridge reopens</h1>{body}{PARAGRAPH * 4}</article>"), url)
    assert str(date(found.published, AT)).removesuffix("+00:00") == expected


@pytest.mark.parametrize(
    ("url", "language", "expected"),
    [
        ("https://bote.example.de/a-b-c", "de", "2026-07-20 06:15:00+00:00"),
        ("https://minato.example.com/a", "ja", "2026-07-19 23:15:00+00:00"),
        ("https://gazette.example.com/a", "en-GB", "2026-07-20 07:15:00+00:00"),
        ("https://gazette.example.com/a", "en", "2026-07-20 08:15:00+00:00"),
    ],
)
def test_a_clock_without_zone_is_that_of_the_site(url: str, language: str, expected: str) -> None:
    body = html(_dated(datePublished="2026-07-20T08:15:00"), f"<h1>Bridge reopens</h1>{PARAGRAPH * 4}", language)
    assert str(date(story(body, url).published, AT)) == expected


# ── the text ────────────────────────────────────────────────────────────────────────────────────────────────────────

LEFT_OUT = [
    '<p>Read more: <a href="/x">The bridge that was never finished</a></p>',
    '<div class="newsletter-signup"><p>Get the best of the Gazette every morning before breakfast.</p></div>',
    '<ul class="share-buttons"><li><a href="#">Facebook</a></li></ul>',
    '<aside><h3>Most read</h3><ul><li><a href="/y">A tide table explained</a></li></ul></aside>',
    '<figure><img src="/img/bridge.jpg" width="800"><figcaption>The bridge on Tuesday.</figcaption></figure>',
    "<h3>Related stories</h3><ul><li><a href='/z'>Night bus saved by one vote</a></li></ul>",
    "<p>Copyright 2026 The Gazette. All rights reserved.</p>",
    "<script>var said = 'A sentence that nobody was meant to read on this page at all.'</script>",
    "<div style='display: none'><p>A hidden paragraph which is long enough for a text.</p></div>",
]


@pytest.mark.parametrize("furniture", LEFT_OUT, ids=range(len(LEFT_OUT)))
def test_furniture_is_left_out_of_the_text(furniture: str) -> None:
    second = PARAGRAPH.replace("Eleven", "Twelve")
    body = f"<article><h1>Bridge reopens</h1>{PARAGRAPH}{furniture}{second}<p>{'More. ' * 40}</p></article>"
    text = words(story(html("", body)))
    plain = " ".join(re.sub(r"<[^>]+>", " ", furniture).split())
    assert plain not in text
    assert text.startswith("Eleven months after the storm the harbour bridge")
    assert "Twelve months" in text


def test_links_and_pictures_stay_in_the_text() -> None:
    body = (
        "<article><h1>Bridge reopens</h1>"
        '<p>The <a href="/people/engineer">engineer</a> was there when the first of the cars went over it at dawn.</p>'
        '<figure><img src="s.gif" data-src="/img/dawn.jpg" alt="Dawn"></figure>'
        f"{PARAGRAPH}<p>{'More of it. ' * 30}</p></article>"
    )
    value = story(html("", body)).content[0].value
    assert '<a href="/people/engineer">engineer</a>' in value
    assert '<img src="https://gazette.example/img/dawn.jpg" alt="Dawn">' in value


def test_the_text_of_the_data_helps_where_the_page_has_none() -> None:
    """A page whose text is drawn by a script."""
    node = {
        "@type": "NewsArticle",
        "headline": "Bridge reopens",
        "articleBody": "First & last.\n\n" + "Words on it. " * 60,
    }
    found = story(html(data(node), "<div id='root'></div>"))
    assert found.content[0].value.startswith("<p>First &amp; last.</p>")
    assert found.found["content"] == "json-ld articleBody"


def test_broken_data_is_read_as_far_as_it_goes() -> None:
    for script in (
        '{"@type": "NewsArticle", "headline": "Bridge reopens", "datePublished": "2026-11-20T08:15:00Z",}',
        '<!-- {"@type": "NewsArticle", "headline": "Bridge reopens", "datePublished": "2026-11-20T08:15:00Z"} -->',
        '{"@type": "NewsArticle", "headline": "Bridge\n reopens", "datePublished": "2026-11-20T08:15:00Z"};',
        '{"@type": "NewsArticle", "headline": "Bridge reopens", "datePublished": "2026-11-20T08:15:00Z", "author": ',
    ):
        found = story(html(data(script), PARAGRAPH * 4))
        assert found.title is not None
        assert found.title.value == "Bridge reopens"
        assert found.published == "2026-11-20T08:15:00Z"


def test_an_update_of_a_live_report_is_not_the_report() -> None:
    node = {
        "@type": "LiveBlogPosting",
        "headline": "Bridge reopens: live",
        "datePublished": "2026-11-20T08:00:00Z",
        "liveBlogUpdate": [
            {
                "@type": "BlogPosting",
                "headline": "First car",
                "datePublished": "2026-11-20T09:00:00Z",
                "articleBody": "x",
            }
        ],
    }
    found = story(html(data(node), PARAGRAPH * 4))
    assert found.published == "2026-11-20T08:00:00Z"


# ── lead images ─────────────────────────────────────────────────────────────────────────────────────────────────────

IMAGES = [
    (
        '<meta property="og:image" content="/crop/1200x630/bridge_48211.jpg">',
        '<figure><img srcset="/crop/400/bridge_48211.jpg 400w, /crop/1600/bridge_48211.jpg 1600w"'
        ' src="/crop/400/bridge_48211.jpg"></figure>',
        "https://gazette.example/crop/1600/bridge_48211.jpg",
    ),
    ('<meta property="og:image" content="/social/bridge.jpg">', "", "https://gazette.example/social/bridge.jpg"),
    (
        "",
        '<img class="author-avatar" src="/ida.jpg"><img src="/img/bridge.jpg">',
        "https://gazette.example/img/bridge.jpg",
    ),
    (
        data({"@type": "NewsArticle", "headline": "x", "image": [{"url": "/b.jpg"}]}),
        "",
        "https://gazette.example/b.jpg",
    ),
]


@pytest.mark.parametrize(("head", "body", "expected"), IMAGES, ids=range(len(IMAGES)))
def test_the_lead_image_is_the_one_shown(head: str, body: str, expected: str) -> None:
    found = story(html(head, f"<article><h1>Bridge reopens</h1>{body}{PARAGRAPH * 4}</article>"))
    assert found.image is not None
    assert found.image.href == expected


# ── selectors ───────────────────────────────────────────────────────────────────────────────────────────────────────

SELECTORS = {
    "title": "//h3[@class='t']",
    "content": "div.c",
    "date": ".d::attr(data-at)",
    "author": ".who",
    "image": "img.lead",
    "remove": ".junk",
}


def test_selectors_overrule_what_is_found() -> None:
    body = html(
        data({"@type": "NewsArticle", "headline": "Wrong", "author": "Wrong Person", "datePublished": "2020-01-01"}),
        f"<h1>Wrong</h1>{PARAGRAPH * 4}<h3 class=t>Right</h3>"
        "<i class=d data-at='2026-11-20T08:15:00Z'></i><b class=who>By Ida Fenn</b>"
        "<img class=lead src=/right.jpg><div class=c><p>The right text is here.</p><p class=junk>Junk in it.</p></div>",
    )
    found = story(body, selectors=SELECTORS)
    assert found.title is not None
    assert found.image is not None
    assert (found.title.value, found.published, names(found)) == ("Right", "2026-11-20T08:15:00Z", ["Ida Fenn"])
    assert (found.image.href, words(found)) == ("https://gazette.example/right.jpg", "The right text is here.")
    assert found.found["content"] == "content:"


def test_a_selector_that_matches_nothing_is_said_and_one_that_is_none_is_refused() -> None:
    page = Fetched(URL, html("", f"<h1>Bridge reopens</h1>{PARAGRAPH * 4}"), "text/html")
    source = Source("page", Kind.PAGE, URL, read_as="story", selectors={"title": "h4.none"})
    assert "matches nothing" in read_story(page, source).warnings[0]
    for wrong in ("h1[", "//h1[", "p:nosuch(3)", "x::attr("):
        with pytest.raises(ParseError, match="neither a CSS selector nor an XPath"):
            read_story(page, replace(source, selectors={"title": wrong}))


# ── several pages ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("here", "there", "expected"),
    [
        ("https://a.example/story-4711.html", "https://a.example/story-4711.html?page=2", True),
        ("https://a.example/story/bridge", "https://a.example/story/bridge/2", True),
        ("https://a.example/story/bridge/2", "https://a.example/story/bridge/3", True),
        ("https://a.example/story.html?page=2", "https://a.example/story.html?page=3", True),
        ("https://a.example/story-one", "https://a.example/story-two", False),
        ("https://a.example/story/bridge", "https://b.example/story/bridge/2", False),
        ("https://a.example/story.html?page=2", "https://a.example/story.html?page=2", False),
        ("https://a.example/story.html?page=10", "https://a.example/story.html?page=11", False),
        ("https://a.example/", "https://a.example/page/2", False),
    ],
)
def test_the_next_page_of_a_story_is_told_from_the_next_story(here: str, there: str, expected: bool) -> None:
    assert bool(is_next_page(here, there)) is expected


def test_pages_of_one_story_are_joined() -> None:
    first = story(
        html('<link rel="next" href="?page=2">', f"<h1>Bridge reopens</h1>{PARAGRAPH * 1}<p>{'One. ' * 60}</p>")
    )
    second = story(html("", f"<h1>Bridge reopens</h1><p>{'Two. ' * 60}</p>{PARAGRAPH}"))
    assert [link.href for link in first.links if link.rel == "next"] == [f"{URL}?page=2"]
    whole = join_pages([first, second])
    assert words(whole).count("Eleven months") == 1
    assert words(whole).index("One.") < words(whole).index("Two.")
    assert not [link for link in whole.links if link.rel == "next"]


# ── listings ────────────────────────────────────────────────────────────────────────────────────────────────────────


def listed(path: Path) -> tuple[set[str], set[str]]:
    """The addresses found and expected."""
    expected = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    parsed = read_listing(Fetched(expected["url"], path.read_bytes(), "text/html"))
    return {url_key(found.links[0].href) for found in parsed.stories}, set(map(url_key, expected["stories"]))


def test_lists_find_themselves() -> None:
    """Issue 5: precision and recall of at least 0.95 without selectors."""
    assert len(LISTINGS) >= 12
    found = [listed(path) for path in LISTINGS]
    hits = sum(len(ours & theirs) for ours, theirs in found)
    assert hits / sum(len(ours) for ours, _ in found) >= 0.95
    assert hits / sum(len(theirs) for _, theirs in found) >= 0.95


@pytest.mark.parametrize("path", LISTINGS, ids=lambda path: path.stem)
def test_a_front_page_is_a_list(path: Path) -> None:
    url = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["url"]
    parsed = read_page(Fetched(url, path.read_bytes(), "text/html"))
    assert parsed.reader == "page:list"
    assert all(found.title and found.title.value for found in parsed.stories)


def test_a_selector_says_what_the_list_is() -> None:
    """F32: it matches links, or what holds one; no match is no story."""
    page = Fetched("https://gazette.example/", (PAGES / "listings" / "cards.html").read_bytes(), "text/html")
    for selector in ("article.card", "h3 a", "//article//h3/a", ".card__title"):
        source = Source("page", Kind.PAGE, page.url, selectors={"stories": selector})
        parsed = read_page(page, source)
        assert parsed.reader == "page:list"
        assert len(parsed.stories) == 12
        assert parsed.stories[0].title is not None
        assert parsed.stories[0].title.value == "Harbour bridge reopens after eleven months of repairs"
    assert read_page(page, Source("page", Kind.PAGE, page.url, selectors={"stories": "h6 a"})).stories == ()


def test_a_listing_tells_dates_pictures_and_teasers() -> None:
    page = Fetched("https://gazette.example/", (PAGES / "listings" / "cards.html").read_bytes(), "text/html")
    first = read_listing(page).stories[0]
    assert first.published == "2026-11-10T08:15:00Z"
    assert first.image is not None
    assert first.summary is not None
    assert first.image.href == "https://gazette.example/img/1000.jpg"
    assert first.summary.value.startswith("People who have waited")


def test_include_exclude_and_max_items_choose_among_the_links() -> None:
    page = Fetched("https://gazette.example/", (PAGES / "listings" / "cards.html").read_bytes(), "text/html")
    source = Source("page", Kind.PAGE, page.url, include=re.compile("/2026/11/1"), exclude=re.compile("ferry|bridge"))
    links = [found.links[0].href for found in parse(page, source).stories]
    assert links
    assert all("/2026/11/1" in link and "bridge" not in link for link in links)
    few = read_listing(page, replace(source, include=None, exclude=None, max_items=3))
    assert len(few.stories) == 3
    assert "only the first 3" in few.warnings[0]


@pytest.mark.parametrize(("read_as", "reader"), [("story", "page:story"), ("list", "page:list")])
def test_the_operators_word_decides(read_as: str, reader: str) -> None:
    page = Fetched("https://gazette.example/", (PAGES / "listings" / "cards.html").read_bytes(), "text/html")
    source = Source("page", Kind.PAGE, page.url, read_as=read_as)  # type: ignore[arg-type]
    assert parse(page, source).reader == reader


# ── sitemaps ────────────────────────────────────────────────────────────────────────────────────────────────────────

NAMESPACES = (
    'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:news="http://www.google.com/schemas/sitemap-news/0.9" '
    'xmlns:image="http://www.google.com/schemas/sitemap-image/1.1"'
)
NEWS = (
    "<url><loc>https://gazette.example/n/1</loc><lastmod>2026-11-21T09:00:00Z</lastmod><news:news><news:publication>"
    "<news:name>Gazette</news:name><news:language>en</news:language></news:publication>"
    "<news:publication_date>2026-11-20T08:15:00+01:00</news:publication_date>"
    "<news:title>Bridge &amp; tunnel</news:title>"
    "<news:keywords>bridge, harbour</news:keywords></news:news><image:image><image:loc>https://cdn.example/b.jpg</image:loc>"
    "<image:title>Not the title</image:title></image:image></url>"
)


def sitemap(entries: str, root: str = "urlset") -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?><{root} {NAMESPACES}>{entries}</{root}>'.encode()


def read_map(body: bytes, **settings: object) -> Parsed:
    url = "https://gazette.example/sitemap.xml"
    return parse(Fetched(url, body), Source("map", Kind.SITEMAP, url, **settings))  # type: ignore[arg-type]


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gz"])
def test_F33_a_news_sitemap(pack: object) -> None:
    (found,) = read_map(pack(sitemap(NEWS))).stories  # type: ignore[operator]
    assert found.title is not None
    assert found.image is not None
    assert found.title.value == "Bridge & tunnel"
    assert (found.published, found.updated) == ("2026-11-20T08:15:00+01:00", "2026-11-21T09:00:00Z")
    assert [category.term for category in found.categories] == ["bridge", "harbour"]
    assert (found.language, found.image.href) == ("en", "https://cdn.example/b.jpg")


def test_F33_an_index_names_its_children_newest_first_and_capped() -> None:
    children = "".join(
        f"<sitemap><loc>https://gazette.example/s{day}.xml</loc>"
        f"<lastmod>2026-{1 + day // 28:02d}-{1 + day % 28:02d}</lastmod></sitemap>"
        for day in range(300)
    )
    parsed = read_map(sitemap(children, "sitemapindex"))
    assert parsed.stories == ()
    assert [link.rel for link in parsed.channel.links] == ["sitemap"] * 200
    assert parsed.channel.links[0].href.endswith("s299.xml")


def test_F33_other_hosts_doubles_and_lastmods_that_tell_nothing() -> None:
    entries = "".join(
        f"<url><loc>https://gazette.example/a/{at}</loc><lastmod>2026-11-22T06:00:{at:02d}Z</lastmod></url>"
        for at in range(20)
    )
    other = "<url><loc>https://elsewhere.example/a</loc></url><url><loc>https://gazette.example/a/1</loc></url>"
    parsed = read_map(sitemap(entries + other), include=re.compile("/a/1"))
    assert [found.updated for found in parsed.stories] == [None] * 11
    assert "1 addresses of other hosts" in parsed.warnings[0]


def test_F33_the_newest_of_many_and_what_stands_before_a_break() -> None:
    entries = "".join(
        f"<url><loc>https://gazette.example/a/{at}</loc><lastmod>2026-01-{at:02d}</lastmod></url>"
        for at in range(1, 29)
    )
    newest = read_map(sitemap(entries), max_items=2)
    assert [found.links[0].href[-2:] for found in newest.stories] == ["28", "27"]
    broken = sitemap(entries)[:-400]
    assert len(read_map(broken).stories) > 15


def test_F33_50_000_addresses() -> None:
    entries = "".join(f"<url><loc>https://gazette.example/a/{at}</loc></url>" for at in range(50_010))
    parsed = read_map(gzip.compress(sitemap(entries)), max_items=5)
    assert len(parsed.stories) == 5
    assert any("50000" in warning for warning in parsed.warnings)


@pytest.mark.parametrize("body", [b"", b"<html><p>no", b"\x1f\x8bnot", b"{}", gzip.compress(b"\0" * 60_000_000)])
def test_what_is_no_sitemap_is_refused(body: bytes) -> None:
    with pytest.raises(ParseError):
        read_sitemap(Fetched("https://gazette.example/sitemap.xml", body))


# ── whatever comes ──────────────────────────────────────────────────────────────────────────────────────────────────

READERS = (read_page, read_story, read_listing, read_sitemap)
BOMBS = [
    b"",
    b"\0" * 500,
    b"\xff\xfe\xfd",
    b"<div>" * 20_000 + b"x" * 300,
    b"<p>" + b"<span>a " * 3_000,
    b'<script type="application/ld+json">' + b"[" * 100_000 + b"</script>",
    b'<script type="application/ld+json">{"a":1' + b" " * 200_000 + b"x</script>",
    b'<img srcset="' + b"a" * 200_000 + b' 2x"><img srcset="' + b"a 1w," * 20_000 + b'">',
    b'<div class="' + b"a b " * 100_000 + b'"><p>' + b"Hello world. " * 50,
    b"<title>" + b"a | " * 50_000 + b"</title><h1>b</h1>",
    b'<base href="http://["><a href="http://[x">y</a><link rel=canonical href="http://[">' + b"<p>Words. </p>" * 50,
    b'<script type="application/ld+json">{"@type":["Article",5,null],"author":[[1],{"name":{"a":[]}}],'
    b'"image":[[]],"url":7}</script>',
]


@pytest.mark.parametrize("body", BOMBS, ids=range(len(BOMBS)))
@pytest.mark.parametrize("read", READERS, ids=lambda read: read.__name__)
def test_a_bomb_is_read_or_refused(read: object, body: bytes) -> None:
    try:
        parsed = read(Fetched(URL, body, "text/html"))  # type: ignore[operator]
    except ParseError:
        return
    pickle.dumps(parsed)


@pytest.mark.parametrize("seed", range(12))
def test_any_bytes_make_a_document_or_a_parse_error(seed: int) -> None:
    """Pages with pieces cut, doubled, swapped and overwritten."""
    chance = random.Random(seed)
    paths = [*LISTINGS, *STORIES]
    for _ in range(12):
        body = bytearray(chance.choice(paths).read_bytes())
        for _ in range(chance.randint(1, 30)):
            at, length = chance.randrange(len(body)), chance.randint(1, 300)
            body[at : at + length] = chance.choice(
                (
                    b"",
                    bytes(body[at : at + length]) * 2,
                    chance.randbytes(3),
                    b"<",
                    b'"',
                    b"</div>",
                    b"<table>",
                    b"&#0;",
                )
            )
            if not body:
                break
        for read in READERS:
            try:
                parsed = read(Fetched(URL, bytes(body), "text/html"))
            except ParseError:
                continue
            pickle.dumps(parsed)


def test_a_page_that_says_enough_needs_no_library() -> None:
    """Start-up: the heavy library is imported when a page asks for it, not before."""
    body = html("", f"<h1>Bridge reopens</h1>{PARAGRAPH}<p>{'More. ' * 80}</p>")
    code = (
        "import sys; from feeds.parse.page import read_page; from feeds.model import Fetched; "
        f"read_page(Fetched('{URL}', {body!r}, 'text/html')); sys.exit('trafilatura' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], check=False, env=environment).returncode == 0


@pytest.mark.skipif("FEEDS_CORPORA" not in os.environ, reason="FEEDS_CORPORA is not set")
def test_newspaper_pages_are_stories() -> None:
    root = Path(os.environ["FEEDS_CORPORA"]) / "extraction" / "fundus"
    readers = []
    for path in sorted(root.glob("*/*.html.gz"))[::6]:
        url = json.loads(path.with_name(f"{path.name}.meta.json").read_text(encoding="utf-8"))["url"]
        readers.append(read_page(Fetched(url, gzip.decompress(path.read_bytes()), "text/html")).reader)
    assert readers == ["page:story"] * len(readers)
