"""Feeds that break the rules of their formats in ways that users of many readers reported: read as they were meant."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

import feeds

URL = "https://town.example/feed.xml"
STORY = "<title>Bridge</title><link>https://town.example/1</link>"
AUDIO = '<enclosure url="https://town.example/a.mp3" type="audio/mpeg" length="5"/>'


def rss(item: str, attributes: str = "", channel: str = "<title>Town</title><link>https://town.example/</link>") -> str:
    return f'<rss version="2.0" {attributes}><channel>{channel}<item>{item}</item></channel></rss>'


def read(document: str | bytes, url: str = URL) -> dict:  # type: ignore[type-arg]
    body = document.encode() if isinstance(document, str) else document
    return feeds.read(body, url)


def look(value: object, path: str) -> object:
    for part in path.split("."):
        if isinstance(value, list):
            value = value[int(part)] if int(part) < len(value) else None
        elif isinstance(value, dict):
            value = value.get(part)
    return value


LINKS = {
    "no address": "<link>N/A</link><guid>https://town.example/1</guid>",
    "only a sign": "<link>#</link><guid>https://town.example/1</guid>",
    "host without scheme": "<link>town.example/1</link>",
    "www host without scheme": "<link>www.town.example/1</link>",
    "two schemes": "<link>http://https://town.example/1</link>",
    "permalink that is a path": '<guid isPermaLink="true">/1</guid>',
    "escaped twice": "<link>https://town.example/1?a=1&amp;amp;b=2</link>",
}


@pytest.mark.parametrize("links", LINKS.values(), ids=LINKS)
def test_B16_a_link_is_the_address_that_was_meant(links: str) -> None:
    url = read(rss(f"<title>Bridge</title>{links}"))["items"][0]["url"]
    assert url.replace("www.", "").replace("http:", "https:") in (
        "https://town.example/1",
        "https://town.example/1?a=1&b=2",
    )


FACTS: Iterable[tuple[str, str, str, object]] = (
    ("surrogates", "<title>A &#55357;&#56832; b</title>", "title", "A 😀 b"),
    ("surrogates in hexadecimals", "<title>A &#xD83D;&#xDE00; b</title>", "title", "A 😀 b"),
    ("surrogates escaped twice", "<title>A &amp;#55357;&amp;#56832; b</title>", "title", "A 😀 b"),
    ("a sign that opens no tag", "<title>if a&lt;b then</title>", "title", "if a<b then"),
    ("an e-mail address", "<title>write &lt;me@a.example&gt; now</title>", "title", "write <me@a.example> now"),
    ("a heart", "<title>I &lt;3 you</title>", "title", "I <3 you"),
    ("a torn tag", '<title>Bridge &lt;a href="x</title>', "title", "Bridge"),
    ("a person's address first", f"{STORY}<author>&lt;a@b.example&gt; Ann Lee</author>", "authors.0.name", "Ann Lee"),
    ("an attribute without quotes", f"{STORY}<enclosure url=https://town.example/a.mp3 length=5 />",
     "attachments.0.url", "https://town.example/a.mp3"),
    ("an enclosure as text", f"{STORY}<enclosure>https://town.example/a.mp3</enclosure>",
     "attachments.0.url", "https://town.example/a.mp3"),
    ("an enclosure escaped twice", f'{STORY}<enclosure url="/a.mp3?x=1&amp;amp;y=2"/>',
     "attachments.0.url", "https://town.example/a.mp3?x=1&y=2"),
    ("a thumbnail of no module", f"{STORY}<thumbnail>https://town.example/i.jpg</thumbnail>",
     "image", "https://town.example/i.jpg"),
    ("a duration with dots", f"{STORY}{AUDIO}<itunes:duration>1.02.03</itunes:duration>",
     "attachments.0.duration_in_seconds", 3723),
    ("a term of Dublin Core in the wrong set", f"{STORY}<dc:issued>2025-03-12T10:15:00Z</dc:issued>",
     "date_published", "2025-03-12T10:15:00Z"),
    ("an offset with a blank", f"{STORY}<pubDate>Wed, 12 Mar 2025 14:05:00 + 0100</pubDate>",
     "date_published", "2025-03-12T13:05:00Z"),
    ("an escaped offset", f"{STORY}<pubDate>Wed, 12 Mar 2025 14:05:00 &amp;#43;0100</pubDate>",
     "date_published", "2025-03-12T13:05:00Z"),
    ("a date of .NET", f"{STORY}<pubDate>/Date(1741788300000+0100)/</pubDate>",
     "date_published", "2025-03-12T14:05:00Z"),
)  # fmt: skip


@pytest.mark.parametrize(("item", "path", "expected"), [row[1:] for row in FACTS], ids=[row[0] for row in FACTS])
def test_B16_a_fact_is_read_as_it_was_meant(item: str, path: str, expected: object) -> None:
    assert look(read(rss(item))["items"][0], path) == expected


PIXELS = (
    "https://stats.town.example/b.gif?x=1",
    "https://town.example/counter.php?id=5",
    "https://analytics.town.example/piwik.php?idsite=1",
    "https://track.town.example/open/12345",
)


@pytest.mark.parametrize("source", PIXELS)
def test_B16_a_picture_that_counts_visitors_is_no_picture_of_a_story(source: str) -> None:
    item = read(rss(f"{STORY}<description>&lt;img src='{source}'&gt;Text</description>"))["items"][0]
    assert "image" not in item
    assert "<img" not in item["content_html"]


def test_a_channel_without_rss_element_holds_rss_items() -> None:
    item = read(f"<channel><title>Town</title><item>{STORY}<pubDate>12 Mar 2025</pubDate></item></channel>")["items"][0]
    assert (item["url"], item["date_published"]) == ("https://town.example/1", "2025-03-12T00:00:00Z")


@pytest.mark.parametrize("charset", ["shift_jis", "euc-jp"])
def test_B15_japanese_that_names_no_charset(charset: str) -> None:
    document = rss("<title>古い橋の修復工事、冬までに完了へ</title>")
    assert read(document.encode(charset))["items"][0]["title"] == "古い橋の修復工事、冬までに完了へ"
