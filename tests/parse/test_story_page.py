"""Pages of one story: whole pages are the files of data/pages/stories, single facts are tables."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from feeds.errors import ParseError
from feeds.model import Fetched, Kind, Person, Source, Story, replace
from feeds.normalize import parse_date
from feeds.normalize.people import resolve_bylines
from feeds.parse.page import read_page
from feeds.parse.page.article import is_next_page, join_pages, read_story

STORIES = sorted((Path(__file__).parents[1] / "data" / "pages" / "stories").glob("*.html"))
AT = datetime(2026, 11, 22, tzinfo=UTC)
URL = "https://gazette.example/news/bridge-reopens-4711.html"
PARAGRAPH = "<p>Eleven months after the storm the harbour bridge carries traffic again, and nobody counts the cars.</p>"


def html(head: str = "", body: str = "", lang: str = "en") -> bytes:
    top = f'<!DOCTYPE html><html lang="{lang}"><head><meta charset="utf-8">{head}</head>'
    return f"{top}<body>{body}</body></html>".encode()


def data(node: object) -> str:
    return f'<script type="application/ld+json">{node if isinstance(node, str) else json.dumps(node)}</script>'


def parse_story(body: bytes, url: str = URL, **settings: object) -> Story:
    source = Source("page", Kind.PAGE, url, read_as="story", **settings)  # type: ignore[arg-type]
    return read_story(Fetched(url, body, "text/html"), source).stories[0]


def plain_text(story: Story) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", " ".join(text.value for text in story.content)).split())


def author_names(story: Story) -> list[str | None]:
    return [person.name for person in resolve_bylines(story).people]


# ── whole stories, as files ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_a_story_page_is_read_whole(path: Path) -> None:
    """Issue 5, 2: each fact the case names; every line of `has` is in the text, none of `has_not`."""
    expected = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    parsed = read_page(Fetched(expected["url"], path.read_bytes(), "text/html"), None)
    assert parsed.reader == "page:story"
    (story,) = parsed.stories
    facts = {
        "title": story.title.value if story.title else None,
        "authors": author_names(story),
        "published": str(parse_date(story.published, AT)),
        "updated": str(parse_date(story.updated, AT)),
        "image": story.image.href if story.image else None,
        "language": story.language,
        "tags": [category.term for category in story.categories],
    }
    assert {name: facts[name] for name in expected if name in facts} == {
        name: value for name, value in expected.items() if name in facts
    }
    text = plain_text(story)
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
    story = parse_story(body, "https://archive.example/1999/stories/pilot.html".replace("/1999", ""))
    assert story.title is not None
    assert story.title.value == "Ferry Pilot Retires After Forty Winters"
    assert (story.published, story.updated) == (None, "07/27/2016")
    assert story.content[0].value.count("<p>") == 3
    assert plain_text(story).startswith("PORT MARLING, Estuary -- The oldest pilot")
    assert "Last Updated" not in plain_text(story)
    assert "right on your browser" not in plain_text(story)


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
    story = parse_story(html(head, body + PARAGRAPH * 4))
    assert story.title is not None
    assert story.title.value == expected


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
    story = parse_story(html(head, f"<article><h1>Bridge reopens</h1>{body}{PARAGRAPH * 4}</article>"))
    assert author_names(story) == expected


def test_bylines_are_kept_as_spelled_with_place_and_mark() -> None:
    head = _by({"@type": "Organization", "name": "Gazette"}) + '<meta property="og:site_name" content="Gazette">'
    body = (
        '<p class="byline">By  Ida Fenn, Harbour Editor</p><p><a href="/authors/jo-marsh">Jo Marsh</a></p>'
        '<i itemprop="author"><a href="/authors/al-one">By Al One</a> and <a href="/authors/bo-two">Bo Two</a></i>'
    )
    story = parse_story(html(head, f"<article><h1>Bridge reopens</h1>{body}{PARAGRAPH * 4}</article>"))
    site = "https://gazette.example/authors"
    assert story.people == (
        Person("Gazette", role="organisation", place="json-ld author"),
        Person("By Al One", url=f"{site}/al-one", role="byline", place="byline", mark="explicit"),
        Person("Bo Two", url=f"{site}/bo-two", role="byline", place="byline", mark="explicit"),
        Person("By Ida Fenn, Harbour Editor", role="byline", place="byline", mark="class", element=1),
        Person("Jo Marsh", url=f"{site}/jo-marsh", role="byline", place="byline", mark="link", element=2),
        Person("Gazette", role="publisher", place="site name"),
    )
    assert author_names(story) == ["Al One", "Bo Two"]


@pytest.mark.parametrize(
    ("head", "authors", "is_in_text"),
    [("", ["Ida Fenn"], False), (_by("dpa"), ["Ida Fenn"], False), (_by("By Jo Marsh, Berlin"), ["Jo Marsh"], True)],
)
def test_a_strong_name_below_the_text_is_the_author_of_a_page_that_names_no_other(
    head: str, authors: list[str], is_in_text: bool
) -> None:
    body = (
        f"<article><h1>Bridge reopens</h1>{PARAGRAPH}<p>{'More. ' * 80}</p><p><strong>Ida Fenn</strong></p></article>"
    )
    story = parse_story(html(head, body))
    assert author_names(story) == authors
    assert ("Ida Fenn" in plain_text(story)) is is_in_text


def test_the_text_does_not_repeat_the_names_of_a_byline() -> None:
    body = f"{PARAGRAPH}<p>Jo Marsh</p><p>Berlin</p><p>{'More. ' * 80}</p>"
    story = parse_story(html(_by("By Ida Fenn and Jo Marsh, Berlin"), f"<article><h1>Bridge</h1>{body}</article>"))
    assert "Jo Marsh" not in plain_text(story)
    assert "Berlin" in plain_text(story)


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
    story = parse_story(
        html(head + (more or ""), f"<article><h1>Bridge reopens</h1>{body}{PARAGRAPH * 4}</article>"), url
    )
    assert str(parse_date(story.published, AT)).removesuffix("+00:00") == expected


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
    assert str(parse_date(parse_story(body, url).published, AT)) == expected


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


@pytest.mark.parametrize("boilerplate", LEFT_OUT, ids=range(len(LEFT_OUT)))
def test_boilerplate_is_left_out_of_the_text(boilerplate: str) -> None:
    second = PARAGRAPH.replace("Eleven", "Twelve")
    body = f"<article><h1>Bridge reopens</h1>{PARAGRAPH}{boilerplate}{second}<p>{'More. ' * 40}</p></article>"
    text = plain_text(parse_story(html("", body)))
    plain = " ".join(re.sub(r"<[^>]+>", " ", boilerplate).split())
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
    value = parse_story(html("", body)).content[0].value
    assert '<a href="/people/engineer">engineer</a>' in value
    assert '<img src="https://gazette.example/img/dawn.jpg" alt="Dawn">' in value


def test_the_text_of_the_data_helps_where_the_page_has_none() -> None:
    """A page whose text is drawn by a script."""
    node = {
        "@type": "NewsArticle",
        "headline": "Bridge reopens",
        "articleBody": "First & last.\n\n" + "Words on it. " * 60,
    }
    story = parse_story(html(data(node), "<div id='root'></div>"))
    assert story.content[0].value.startswith("<p>First &amp; last.</p>")
    assert story.found["content"] == "json-ld articleBody"


def test_broken_data_is_read_as_far_as_it_goes() -> None:
    for script in (
        '{"@type": "NewsArticle", "headline": "Bridge reopens", "datePublished": "2026-11-20T08:15:00Z",}',
        '<!-- {"@type": "NewsArticle", "headline": "Bridge reopens", "datePublished": "2026-11-20T08:15:00Z"} -->',
        '{"@type": "NewsArticle", "headline": "Bridge\n reopens", "datePublished": "2026-11-20T08:15:00Z"};',
        '{"@type": "NewsArticle", "headline": "Bridge reopens", "datePublished": "2026-11-20T08:15:00Z", "author": ',
    ):
        story = parse_story(html(data(script), PARAGRAPH * 4))
        assert story.title is not None
        assert story.title.value == "Bridge reopens"
        assert story.published == "2026-11-20T08:15:00Z"


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
    story = parse_story(html(data(node), PARAGRAPH * 4))
    assert story.published == "2026-11-20T08:00:00Z"


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
    story = parse_story(html(head, f"<article><h1>Bridge reopens</h1>{body}{PARAGRAPH * 4}</article>"))
    assert story.image is not None
    assert story.image.href == expected


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
    story = parse_story(body, selectors=SELECTORS)
    assert story.title is not None
    assert story.image is not None
    assert (story.title.value, story.published, author_names(story)) == ("Right", "2026-11-20T08:15:00Z", ["Ida Fenn"])
    assert (story.image.href, plain_text(story)) == ("https://gazette.example/right.jpg", "The right text is here.")
    assert story.found["content"] == "content:"


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
    first = parse_story(
        html('<link rel="next" href="?page=2">', f"<h1>Bridge reopens</h1>{PARAGRAPH * 1}<p>{'One. ' * 60}</p>")
    )
    second = parse_story(html("", f"<h1>Bridge reopens</h1><p>{'Two. ' * 60}</p>{PARAGRAPH}"))
    assert [link.href for link in first.links if link.rel == "next"] == [f"{URL}?page=2"]
    whole = join_pages([first, second])
    assert plain_text(whole).count("Eleven months") == 1
    assert plain_text(whole).index("One.") < plain_text(whole).index("Two.")
    assert not [link for link in whole.links if link.rel == "next"]


# ── real pages, and the heavy library ────────────────────────────────────────────────────────────────────────────────


def test_a_page_that_says_enough_needs_no_library() -> None:
    """Start-up: the heavy library is imported when a page asks for it, not before."""
    text = "More cars cross the bridge than before. " * 12
    node = {"@type": "NewsArticle", "headline": "Bridge reopens", "articleBody": text}
    body = html(data(node), f"<h1>Bridge reopens</h1><p>{text}</p>")
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
