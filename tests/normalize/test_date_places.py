"""What is known of a place reaches the reader of dates: language of item, feed and page, else the country (B4)."""

from __future__ import annotations

import json

import pytest

import feeds
from feeds.countries import country_of

MARCH, DECEMBER = "2025-03-12", "2025-12-03"
ITEM = "<item><title>The old bridge</title><link>{site}bridge</link><pubDate>12/03/2025 10:15</pubDate>{item}</item>"
RSS = (
    '<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>Town</title><link>{site}</link>'
    f"<description>News</description>{{channel}}{ITEM}</channel></rss>"
)


def published_day(body: str, url: str = "https://town.example/feed") -> str:
    (item,) = feeds.read(body.encode(), url=url)["items"]  # type: ignore[misc]
    return str(item["date_published"])[:10]  # type: ignore[index]


@pytest.mark.parametrize(
    ("channel", "item", "site", "expected"),
    [
        ("", "", "https://town.example/", DECEMBER),
        ("<language>fr</language>", "", "https://town.example/", MARCH),
        ("<language>en-us</language>", "<dc:language>pt</dc:language>", "https://town.example/", MARCH),
        ("<language>en</language>", "", "https://town.example.co.uk/", MARCH),
        ("<language>en-us</language>", "", "https://town.example.co.uk/", DECEMBER),
        ("", "", "https://town.example.it/", MARCH),
        ("", "", "https://town.example.io/", DECEMBER),
    ],
)
def test_B4_language_of_item_then_of_feed_then_the_site_of_a_feed(
    channel: str, item: str, site: str, expected: str
) -> None:
    assert published_day(RSS.format(channel=channel, item=item, site=site)) == expected


def test_B4_json_feed_and_sitemap_tell_their_language_too() -> None:
    items = [{"id": "1", "content_text": "x", "date_published": "12/03/2025 10:15"}]
    document = {"version": "https://jsonfeed.org/version/1.1", "title": "T", "language": "nl", "items": items}
    assert published_day(json.dumps(document)) == MARCH
    sitemap = (
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:n="http://www.google.com/schemas/sitemap-news'
        '/0.9"><url><loc>https://town.example/a</loc><n:news><n:publication><n:language>pt</n:language></n:publication>'
        "<n:publication_date>12/03/2025 10:15</n:publication_date></n:news></url></urlset>"
    )
    assert published_day(sitemap, "https://town.example/sitemap.xml") == MARCH


@pytest.mark.parametrize(
    ("address", "country"),
    [
        ("https://www.town.example.co.uk/feed", "GB"),
        ("https://town.example.br", "BR"),
        ("https://town.example.com/", None),
        ("https://town.example.io/", None),
        ("https://[::1/", None),
        ("", None),
    ],
)
def test_the_country_of_an_address(address: str, country: str | None) -> None:
    assert country_of(address) == country
