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


@pytest.mark.parametrize(
    ("date", "language", "domain", "expected"),
    [
        ("12/03/2025 10:15", "en-GB", "com", "2025-03-12T10:15:00Z"),
        ("12/03/2025 10:15", "en", "co.uk", "2025-03-12T10:15:00Z"),
        ("12/03/2025 10:15", "en", "com", "2025-12-03T10:15:00Z"),
        ("12.3.2025 10.15", "fi", "fi", "2025-03-12T08:15:00Z"),
        ("12.3.2025", "fi", "fi", "2025-03-12T00:00:00Z"),  # of a day without a time no zone is known
        ("12. marts 2025 kl. 10.15", "da", "dk", "2025-03-12T09:15:00Z"),
        ("2025年3月12日 14時 3分", "ja", "jp", "2025-03-12T05:03:00Z"),
        ("2025년 3월 12일 14시 3분", "ko", "kr", "2025-03-12T05:03:00Z"),
        ("Thứ tư, 12/3/2025, 14 giờ 3 phút", "vi", "vn", "2025-03-12T07:03:00Z"),
        ("令和7年3月12日 10時15分", "ja", "jp", "2025-03-12T01:15:00Z"),
        ("12 มี.ค. 2568 10:15 น.", "th", "th", "2025-03-12T03:15:00Z"),
        ("民國114年3月12日 10:15", "zh-TW", "tw", "2025-03-12T02:15:00Z"),
        ("۲۲ اسفند ۱۴۰۳ - ۱۰:۱۵", "fa", "ir", "2025-03-12T06:45:00Z"),
        ("12 آذار 2025 10:15 م", "ar", "com", "2025-03-12T22:15:00Z"),
        ("12 मार्च 2025 शाम 6:05", "hi", "in", "2025-03-12T12:35:00Z"),
        ("2025 m. kovo 12 d. 10:15", "lt", "lt", "2025-03-12T08:15:00Z"),
    ],
)
def test_B1_to_B5_dates_of_pages_are_read_as_those_of_feeds(
    date: str, language: str, domain: str, expected: str
) -> None:
    text = "The council confirmed this week that the old bridge will be ready before winter, as the mayor said. " * 3
    page = (
        f'<!DOCTYPE html><html lang="{language}"><meta charset="utf-8"><title>Old bridge ready soon</title><body><main>'
        f'<article><h1>Old bridge ready soon</h1><div class="date">{date}</div>{f"<p>{text}</p>" * 4}</article></main>'
    )
    (item,) = feeds.read(page.encode(), url=f"https://town.example.{domain}/1.html", read_as="story")["items"]  # type: ignore[misc]
    assert item["date_published"] == expected  # type: ignore[index]
