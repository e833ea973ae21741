"""Sitemaps: news entries, indexes, order, limits and broken documents."""

from __future__ import annotations

import gzip
import re

import pytest

from feeds.errors import ParseError
from feeds.model import Fetched, Kind, Parsed, Source
from feeds.parse.sitemap import read_sitemap

NAMESPACES = (
    'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:news="http://www.google.com/schemas/sitemap-news/0.9" '
    'xmlns:image="http://www.google.com/schemas/sitemap-image/1.1"'
)
NEWS_NAMESPACE = "http://www.google.com/schemas/sitemap-news/0.9"
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
    return read_sitemap(Fetched(url, body), Source("map", Kind.SITEMAP, url, **settings))  # type: ignore[arg-type]


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gz"])
def test_F33_a_news_sitemap(pack: object) -> None:
    (story,) = read_map(pack(sitemap(NEWS))).stories  # type: ignore[operator]
    assert story.title is not None
    assert story.image is not None
    assert story.title.value == "Bridge & tunnel"
    assert (story.published, story.updated) == ("2026-11-20T08:15:00+01:00", "2026-11-21T09:00:00Z")
    assert [category.term for category in story.categories] == ["bridge", "harbour"]
    assert (story.language, story.image.href) == ("en", "https://cdn.example/b.jpg")


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
    assert [story.updated for story in parsed.stories] == [None] * 11
    assert "1 addresses of other hosts" in parsed.warnings[0]


def test_F33_the_newest_of_many_and_what_stands_before_a_break() -> None:
    entries = "".join(
        f"<url><loc>https://gazette.example/a/{at}</loc><lastmod>2026-01-{at:02d}</lastmod></url>"
        for at in range(1, 29)
    )
    newest = read_map(sitemap(entries), max_items=2)
    assert [story.links[0].href[-2:] for story in newest.stories] == ["28", "27"]
    broken = sitemap(entries)[:-400]
    assert len(read_map(broken).stories) > 15


def test_F33_50_000_addresses() -> None:
    entries = "".join(f"<url><loc>https://gazette.example/a/{at}</loc></url>" for at in range(50_010))
    parsed = read_map(gzip.compress(sitemap(entries)), max_items=5)
    assert len(parsed.stories) == 5
    assert any("50000" in warning for warning in parsed.warnings)


@pytest.mark.parametrize("body", [b"", b"<html><p>no", b"\x1f\x8bnot", b"{}", gzip.compress(bytes(6_000_000)) * 10])
def test_what_is_no_sitemap_is_refused(body: bytes) -> None:
    with pytest.raises(ParseError):
        read_sitemap(Fetched("https://gazette.example/sitemap.xml", body))


# ── broken ones ─────────────────────────────────────────────────────────────────────────────────────────────────────


def facts(entry: str, root: str = "<urlset>") -> tuple[object, ...]:
    """The address, title, date and image of a sitemap's first story."""
    name = root.strip("<>").partition(" ")[0]
    story = read_map(f"{root}<url>{entry}</url><url><loc>/2</loc></url></{name}>".encode()).stories[0]
    return story.links[0].href, story.title and story.title.value, story.published, story.image and story.image.href


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("/v?a=1&b=2&amp;c=3", "/v?a=1&b=2&c=3"),
        ("/&ordm;&eacute;", "/ºé"),
        ("/a&nosuch;b", "/a&nosuch;b"),
        ("/a\x0b\x01", "/a"),
        ("<![CDATA[/a?b&c]]>", "/a?b&c"),
    ],
)
def test_B12_addresses_are_repaired_as_those_of_feeds(written: str, meant: str) -> None:
    assert facts(f"<loc>https://gazette.example{written}</loc>")[0] == f"https://gazette.example{meant}"


LOC = "<loc>https://gazette.example/1</loc>"
NEWS_FIELDS = "<{0}publication_date>2026-01-01</{0}publication_date><{0}title>Bridge &amp; tunnel</{0}title>"


@pytest.mark.parametrize(
    ("entry", "root"),
    [
        (f"<news:news>{NEWS_FIELDS.format('news:')}</news:news>", "<urlset>"),
        (f"<news>{NEWS_FIELDS.format('')}</news>", "<urlset>"),
        (NEWS_FIELDS.format("news:"), "<urlset>"),
        (f"<n:news>{NEWS_FIELDS.format('n:')}</n:news>", f'<urlset xmlns:n="{NEWS_NAMESPACE}">'),
        (f'<news xmlns="{NEWS_NAMESPACE}">{NEWS_FIELDS.format("")}</news>', "<urlset>"),
        (f"<NEWS:News>{NEWS_FIELDS.format('NEWS:')}</NEWS:News>", "<URLSET>"),
        (f"<xhtml:link rel='alternate' href='/de'/><news:news>{NEWS_FIELDS.format('news:')}</news:news>", "<urlset>"),
    ],
)
def test_B12_news_is_found_by_prefix_namespace_or_element(entry: str, root: str) -> None:
    assert facts(LOC + entry, root)[1:3] == ("Bridge & tunnel", "2026-01-01")


@pytest.mark.parametrize("prefix", ["video:", "v:"])
def test_B12_title_and_date_of_a_video_or_picture_are_not_the_storys(prefix: str) -> None:
    root = '<urlset xmlns:v="http://www.google.com/schemas/sitemap-video/1.1">'
    entry = (
        "<image:image><image:loc>/i.jpg</image:loc><image:title>No</image:title></image:image>"
        f"<{prefix}video>{NEWS_FIELDS.format(prefix)}<{prefix}thumbnail_loc>/t.jpg</{prefix}thumbnail_loc></{prefix}video>"
    )
    assert facts(LOC + entry, root)[1:] == (None, None, "/i.jpg")
    assert facts(LOC + "<video:video><video:thumbnail_loc>/t.jpg</video:thumbnail_loc></video:video>")[3] == "/t.jpg"


def test_B12_an_index_junk_before_the_root_and_other_charsets() -> None:
    escaped = read_map(b"<urlset><url><loc>&lt;![CDATA[/1?a&amp;b]]&gt;</loc></url></urlset>").stories[0]
    assert escaped.links[0].href == "https://gazette.example/1?a&b"
    index = read_map(b"<sitemapindex><sitemap><loc>/s?a=1&b=2</loc></sitemap></sitemapindex>")
    assert [link.href for link in index.channel.links] == ["https://gazette.example/s?a=1&b=2"]
    assert index.warnings == ("the XML is not well-formed and was repaired",)
    junk = read_map(b"Notice: <br/>\n<?xml version='1.0'?><urlset><url><loc>/1</loc></url></urlset>")
    assert len(junk.stories) == 1
    entry = "<url><loc>/1&2</loc><news:title>Мост</news:title></url>"
    body = f"<?xml version='1.0' encoding='windows-1251'?><urlset>{entry}</urlset>"
    (story,) = read_map(body.encode("windows-1251")).stories
    assert story.title is not None and story.title.value == "Мост"
    assert len(read_map("<urlset><url><loc>/1é</loc></url></urlset>".encode("utf-16")).stories) == 1


def test_B12_an_entry_without_its_end_keeps_to_its_own_fields() -> None:
    body = b"<urlset><url><loc>/1<lastmod>2026-01-01</url><url><loc>/2</loc><lastmod>2026-01-02</lastmod></urlset>"
    stories = read_map(body).stories
    assert {(story.links[0].href[-1], story.updated) for story in stories} == {("1", "2026-01-01"), ("2", "2026-01-02")}
