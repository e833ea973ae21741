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


@pytest.mark.parametrize("body", [b"", b"<html><p>no", b"\x1f\x8bnot", b"{}", gzip.compress(b"\0" * 60_000_000)])
def test_what_is_no_sitemap_is_refused(body: bytes) -> None:
    with pytest.raises(ParseError):
        read_sitemap(Fetched("https://gazette.example/sitemap.xml", body))
