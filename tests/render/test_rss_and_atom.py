"""The elements of RSS and Atom documents, rows R17–R33."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from lxml import etree
from render.editions import ATOM, CASES, FULL_EDITION, SITE, article, article_without_content, render_files

from feeds.model import Author, Category, Origin
from feeds.render.formatting import format_rfc822


def test_R29_the_first_attachment_is_the_enclosure_and_the_others_are_media() -> None:
    item = etree.fromstring(render_files(*FULL_EDITION.articles)["rss"]).find("channel/item")
    assert item is not None
    (enclosure,) = item.findall("enclosure")
    assert dict(enclosure.attrib) == {"url": "https://news.example.com/1.mp3", "length": "1234", "type": "audio/mpeg"}
    media = [content.get("url") for content in item.iter("{http://search.yahoo.com/mrss/}content")]
    assert media == [f"https://news.example.com/{name}" for name in ("2.mp4", "3.bin", "big.jpg")]


def test_R23_atom_links_keep_rel_type_and_length() -> None:
    """feedgen alone writes nothing but href."""
    entry = etree.fromstring(render_files(*FULL_EDITION.articles)["atom"]).find("a:entry", ATOM)
    assert entry is not None
    links = [dict(link.attrib) for link in entry.findall("a:link", ATOM)]
    assert links[0] == {"rel": "alternate", "href": "https://news.example.com/rain"}
    assert {
        "rel": "enclosure",
        "href": "https://news.example.com/1.mp3",
        "type": "audio/mpeg",
        "length": "1234",
        "title": "Listen",
    } in links
    assert [link["rel"] for link in links] == ["alternate", "related", "enclosure", "enclosure", "enclosure", "replies"]


def test_R24_an_entry_names_the_feed_it_came_from() -> None:
    source = etree.fromstring(render_files(*FULL_EDITION.articles)["atom"]).find("a:entry/a:source", ATOM)
    assert source is not None
    texts = {name: source.findtext(f"a:{name}", None, ATOM) for name in ("id", "title", "updated")}
    assert texts == {"id": "tag:news.example.com,2001:feed", "title": "News & Co", "updated": "2026-11-22T11:00:00Z"}


def test_R17_words_without_an_author_are_not_put_into_our_mouth() -> None:
    origin = Origin("urn:example:1", "The Source")
    tree = etree.fromstring(render_files(article(origin=origin))["atom"])
    assert tree.findtext("a:entry/a:source/a:author/a:name", None, ATOM) == "The Source"
    signed = etree.fromstring(render_files(article(origin=origin, authors=(Author("A"),)))["atom"])
    assert signed.find("a:entry/a:source/a:author", ATOM) is None


def test_R22_only_a_real_address_is_published_as_one() -> None:
    tree = etree.fromstring(render_files(*FULL_EDITION.articles)["atom"])
    assert [email.text for email in tree.iterfind(".//a:email", ATOM)] == ["jane@news.example.com"]


@pytest.mark.parametrize(
    ("id", "url", "permanent"),
    [
        ("https://x.example/1", "https://x.example/1", "true"),
        ("https://x.example/?p=1", "https://x.example/1", "false"),
        ("tag:x.example,2026:1", "https://x.example/1", "false"),
        ("mailto:a@x.example", "mailto:a@x.example", "false"),
        ("urn:x:1", None, "false"),
    ],
)
def test_R28_an_id_is_a_permalink_only_if_it_is_the_address(id: str, url: str | None, permanent: str) -> None:
    guid = etree.fromstring(render_files(article(published_id=id, url=url))["rss"]).find("channel/item/guid")
    assert guid is not None
    assert (guid.text, guid.get("isPermaLink")) == (id, permanent)


def test_R31_titles_are_spelled_as_the_profile_asks() -> None:
    body = render_files(article(title="AT&T <b> &amp; ]]>"))["rss"]
    assert b"<title>AT&#x26;T &#x3C;b&gt; &#x26;amp; ]]&gt;</title>" in body


def test_R32_a_summary_is_the_description_and_plain_text_stays_plain() -> None:
    item = etree.fromstring(render_files(article(summary="3 < 4"))["rss"]).find("channel/item")
    assert item is not None
    assert item.findtext("description") == "3 &lt; 4"
    assert item.findtext("{http://purl.org/rss/1.0/modules/content/}encoded") == "<p>It rained.</p>"
    alone = etree.fromstring(render_files(article())["rss"])
    assert alone.findtext("channel/item/description") == "<p>It rained.</p>"


def test_R18_an_entry_that_points_somewhere_needs_no_content() -> None:
    tree = etree.fromstring(render_files(article(html=""), article_without_content())["atom"])
    pointing, empty_entry = tree.findall("a:entry", ATOM)
    assert pointing.find("a:content", ATOM) is None
    assert pointing.findtext("a:summary", None, ATOM) == "Rain"
    assert empty_entry.findtext("a:content", None, ATOM) == "<p>tag:x.example,2026:1</p>"  # C2: none is empty


def test_R21_the_id_of_a_feed_outlives_its_address() -> None:
    moved = replace(SITE, url="https://elsewhere.example.org/")
    ids = {etree.fromstring(render_files(site=site)["atom"]).findtext("a:id", None, ATOM) for site in (SITE, moved)}
    assert ids == {"tag:wire.example.org,2026:world"}


def test_R27_dates_are_english_and_in_utc() -> None:
    east = timezone(timedelta(hours=14))
    assert format_rfc822(datetime(2026, 3, 1, 1, 2, 3, tzinfo=east)) == "Sat, 28 Feb 2026 11:02:03 +0000"
    assert format_rfc822(datetime(2, 1, 1, tzinfo=UTC)) == "Tue, 01 Jan 0002 00:00:00 +0000"


def test_a_category_named_by_a_tag_as_well_is_written_once() -> None:
    tagged = article(tags=("World", "sport"), categories=(Category("c1", None, "world"), Category("")))
    tree = etree.fromstring(render_files(tagged)["atom"])
    assert [dict(c.attrib) for c in tree.iterfind("a:entry/a:category", ATOM)] == [
        {"term": "c1", "label": "world"},
        {"term": "sport"},
    ]


@pytest.mark.parametrize("suffix", ["rss", "atom"])
def test_other_sources_of_a_story_are_related_links(suffix: str) -> None:
    tree = etree.fromstring(render_files(*CASES["at other sources"])[suffix])
    links = [
        dict(link.attrib) for link in tree.iter("{http://www.w3.org/2005/Atom}link") if link.get("rel") == "related"
    ]
    assert links == [
        {"rel": "related", "href": "https://wire.example/%C3%84?a&b", "title": "A & B"},
        {"rel": "related", "href": "https://desk.example/1"},
    ]
