"""Published documents: valid, complete, and the same bytes whatever the clock, the host and the locale."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import TypedDict

import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from feeds.model import (
    Article,
    Attachment,
    Author,
    Category,
    Comments,
    Edition,
    Feed,
    Media,
    Origin,
    Site,
)
from feeds.render import WRITERS, assets, json_feed, opml, render
from feeds.render.formatting import legal, rfc822
from tests.validate import VALIDATORS

DATA = Path(__file__).parent / "data" / "render"
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
    "minted_id": "tag:wire.example.org,2026:bbc/1",
    "url": "https://news.example.com/rain",
    "title": "Rain",
    "summary": "",
    "html": "<p>It rained.</p>",
    "published": NOON,
    "modified": None,
    "updated": NOON,
    "first_seen": NOON,
    "story_digest": "d",
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
    return Article(**{**PLAIN, **fields})  # type: ignore[arg-type]


def edition(*articles: Article, feed: Feed = FEED, site: Site = SITE) -> Edition:
    return Edition(feed, site, articles, NOON, 1)


def rendered(*articles: Article, feed: Feed = FEED, site: Site = SITE) -> dict[str, bytes]:
    documents = render(edition(*articles, feed=feed, site=site))
    return {document.path.rpartition(".")[2]: document.body for document in documents}


def bare(id: str = "tag:x.example,2026:1", **fields: object) -> Article:
    """An article that has nothing but an id."""
    return article(published_id=id, url=None, title="", summary="", html="", published=None, **fields)


FULL_EDITION = edition(
    article(**FULL),
    article(
        published_id="tag:wire.example.org,2026:bbc/2", url="https://news.example.com/2", html="", summary="Short."
    ),
    bare(),
)

CASES: Mapping[str, Sequence[Article]] = {
    "nothing": (),
    "plain": (article(),),
    "full": FULL_EDITION.articles,
    "bare": (bare(),),
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
    "no type": (article(attachments=(Attachment("https://x.example/a", ""),)),),
}


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize("case", CASES)
def test_R15_to_R40_every_document_is_valid(suffix: str, case: str) -> None:
    assert VALIDATORS[suffix](rendered(*CASES[case])[suffix]) == []


@pytest.mark.parametrize("suffix", WRITERS)
def test_R15_to_R40_a_feed_and_a_site_that_say_nothing_are_enough(suffix: str) -> None:
    body = rendered(article(), feed=Feed("world", ""), site=Site("", "https://wire.example.org/"))[suffix]
    assert VALIDATORS[suffix](body) == []


@pytest.mark.parametrize("path", sorted((DATA / "broken").iterdir()), ids=lambda path: path.name)
def test_the_validator_finds_what_is_broken(path: Path) -> None:
    """Each file is named after the row that it breaks, and breaks no other."""
    row = path.name.partition("-")[0]
    assert {problem.split()[0] for problem in VALIDATORS[path.suffix[1:]](path.read_bytes())} == {row}


@pytest.mark.parametrize("suffix", WRITERS)
def test_R8_the_bytes_are_those_of_the_golden_file(suffix: str) -> None:
    assert rendered(*FULL_EDITION.articles)[suffix] == (DATA / f"full.{suffix}").read_bytes()


PRINT_DIGESTS = """
import hashlib, pickle, sys
from pathlib import Path
from feeds.render import assets, opml, render
edition = pickle.loads(Path(sys.argv[1]).read_bytes())
documents = (*render(edition), opml(edition.site, [edition.feed]), *assets())
print([(document.path, hashlib.sha256(document.body).hexdigest()) for document in documents])
"""


class Surroundings(TypedDict):
    PYTHONHASHSEED: str
    TZ: str
    LANG: str
    LC_ALL: str


@pytest.mark.parametrize(
    "surroundings",
    [
        Surroundings(PYTHONHASHSEED="0", TZ="UTC", LANG="C", LC_ALL="C"),
        Surroundings(PYTHONHASHSEED="4711", TZ="Pacific/Kiritimati", LANG="de_DE.UTF-8", LC_ALL=""),
        Surroundings(PYTHONHASHSEED="31", TZ="America/Caracas", LANG="ar_EG.UTF-8", LC_ALL="tr_TR.UTF-8"),
    ],
    ids=lambda surroundings: surroundings["TZ"],
)
def test_R8_fresh_processes_anywhere_write_the_same_bytes(surroundings: Surroundings, tmp_path: Path) -> None:
    (tmp_path / "edition").write_bytes(pickle.dumps(FULL_EDITION))
    documents = (*render(FULL_EDITION), opml(SITE, [FEED]), *assets())
    expected = [(document.path, hashlib.sha256(document.body).hexdigest()) for document in documents]
    command = [sys.executable, "-c", PRINT_DIGESTS, str(tmp_path / "edition")]
    package = Path(sys.modules["feeds"].__file__ or "").parent.parent
    environment = {**os.environ, **surroundings, "PYTHONPATH": str(package)}
    ended = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == str(expected)


absent_or_full = {name: st.sampled_from([PLAIN[name], value]) for name, value in FULL.items() if name in PLAIN} | {
    name: st.sampled_from([value, getattr(article(), name)]) for name, value in FULL.items() if name not in PLAIN
}
emptied = {
    "title": st.sampled_from(["", "Rain"]),
    "html": st.sampled_from(["", "<p>It rained.</p>"]),
    "url": st.sampled_from([None, "https://news.example.com/rain"]),
    "published": st.sampled_from([None, NOON]),
}


@given(st.fixed_dictionaries(absent_or_full | emptied))
def test_R15_to_R40_whatever_an_article_lacks_its_documents_are_valid(fields: dict[str, object]) -> None:
    for suffix, body in rendered(article(**fields)).items():
        assert VALIDATORS[suffix](body) == []


# ── text that XML can hold ──────────────────────────────────────────────────────────────────────────────────────────

anything = st.text(st.characters(exclude_categories=()), max_size=30)  # lone surrogates and control characters too


@given(title=anything, summary=anything, html=anything, tag=anything, name=anything, rights=anything, media=anything)
def test_R6_two_parsers_read_every_code_point_back(**texts: str) -> None:
    it = article(
        title=texts["title"],
        summary=texts["summary"],
        html=texts["html"],
        tags=(texts["tag"],),
        authors=(Author(texts["name"]),),
        rights=texts["rights"],
        media=(Media("https://x.example/" + texts["media"], title=texts["media"]),),
    )
    files, clean = rendered(it), legal(it)
    entry = etree.fromstring(files["atom"]).find("a:entry", ATOM)
    again = ElementTree.fromstring(files["atom"]).find("a:entry", ATOM)
    assert entry is not None
    assert again is not None
    for tag, value in (("a:title", clean.title), ("a:summary", clean.summary), ("a:rights", clean.rights)):
        assert (entry.findtext(tag, "", ATOM), again.findtext(tag, "", ATOM)) == (value, value)
    if clean.html:
        assert entry.findtext("a:content", None, ATOM) == again.findtext("a:content", None, ATOM) == clean.html
    item = etree.fromstring(files["rss"]).find("channel/item")
    assert item is not None
    assert item.findtext("title", "") == ElementTree.fromstring(files["rss"]).findtext("channel/item/title", "")
    assert item.findtext("title", "") == clean.title
    assert json.loads(files["json"])["items"][0].get("title", "") == clean.title


def test_R6_documents_are_utf_8_without_a_mark() -> None:
    for body in rendered(*FULL_EDITION.articles).values():
        assert not body.startswith(b"\xef\xbb\xbf")
        body.decode("utf-8")
    assert rendered()["rss"].startswith(b"<?xml version='1.0' encoding='UTF-8'?>")


def test_S24_the_only_processing_instruction_is_our_stylesheet() -> None:
    hostile = article(title='<?xml-stylesheet href="evil.xsl"?>', html="<?xml-stylesheet?>")
    for suffix in ("rss", "atom"):
        body = rendered(hostile)[suffix]
        assert body.count(b"<?xml-stylesheet") == 1
        assert b'<?xml-stylesheet type="text/css" href="assets/feed.css"?>' in body


def test_a_feed_one_level_down_finds_the_stylesheet_above() -> None:
    assert b'href="../assets/feed.css"' in rendered(feed=replace(FEED, id="each-source/bbc"))["rss"]
    asset, _ = assets()
    assert (asset.path, asset.media_type) == ("assets/feed.css", "text/css")
    assert b"This is a web feed" in asset.body


# ── a stranger reads it back ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("suffix", ["rss", "atom"])
def test_feedparser_reads_back_what_was_written(suffix: str) -> None:
    full = FULL_EDITION.articles[0]
    read = feedparser.parse(rendered(*FULL_EDITION.articles)[suffix], sanitize_html=False, resolve_relative_uris=False)
    assert not read.bozo
    assert read.feed.title == FEED.title
    assert [link.href for link in read.feed.links if link.rel == "hub"] == list(SITE.hubs)
    assert read.feed.link == SITE.url
    entry = read.entries[0]
    assert (entry.id, entry.link, entry.title) == (full.published_id, full.url, full.title)
    assert entry.content[0].value == full.html
    assert entry.published_parsed[:6] == NOON.timetuple()[:6]
    assert [author.name for author in entry.authors] == ["Jane Doe", "Bo Li"]
    assert [tag.term for tag in entry.tags] == ["world", "weather", "rome"]
    assert entry.tags[0].scheme == "https://news.example.com/topics"
    assert entry.slash_comments == "12"
    assert entry.media_thumbnail[0]["url"] == full.image
    assert entry.itunes_duration == "1:05"
    assert "published" not in read.entries[2]
    assert len({it.id for it in read.entries}) == 3


def test_R29_the_first_attachment_is_the_enclosure_and_the_others_are_media() -> None:
    item = etree.fromstring(rendered(*FULL_EDITION.articles)["rss"]).find("channel/item")
    assert item is not None
    (enclosure,) = item.findall("enclosure")
    assert dict(enclosure.attrib) == {"url": "https://news.example.com/1.mp3", "length": "1234", "type": "audio/mpeg"}
    media = [it.get("url") for it in item.iter("{http://search.yahoo.com/mrss/}content")]
    assert media == [f"https://news.example.com/{name}" for name in ("2.mp4", "3.bin", "big.jpg")]


def test_R23_atom_links_keep_rel_type_and_length() -> None:
    """feedgen alone writes nothing but href."""
    entry = etree.fromstring(rendered(*FULL_EDITION.articles)["atom"]).find("a:entry", ATOM)
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
    source = etree.fromstring(rendered(*FULL_EDITION.articles)["atom"]).find("a:entry/a:source", ATOM)
    assert source is not None
    told = {name: source.findtext(f"a:{name}", None, ATOM) for name in ("id", "title", "updated")}
    assert told == {"id": "tag:news.example.com,2001:feed", "title": "News & Co", "updated": "2026-11-22T11:00:00Z"}


def test_R17_words_without_an_author_are_not_put_into_our_mouth() -> None:
    origin = Origin("urn:x:1", "The Source")
    tree = etree.fromstring(rendered(article(origin=origin))["atom"])
    assert tree.findtext("a:entry/a:source/a:author/a:name", None, ATOM) == "The Source"
    signed = etree.fromstring(rendered(article(origin=origin, authors=(Author("A"),)))["atom"])
    assert signed.find("a:entry/a:source/a:author", ATOM) is None


def test_R22_only_a_real_address_is_published_as_one() -> None:
    tree = etree.fromstring(rendered(*FULL_EDITION.articles)["atom"])
    assert [it.text for it in tree.iterfind(".//a:email", ATOM)] == ["jane@news.example.com"]


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
    guid = etree.fromstring(rendered(article(published_id=id, url=url))["rss"]).find("channel/item/guid")
    assert guid is not None
    assert (guid.text, guid.get("isPermaLink")) == (id, permanent)


def test_R31_titles_are_spelled_as_the_profile_asks() -> None:
    body = rendered(article(title="AT&T <b> &amp; ]]>"))["rss"]
    assert b"<title>AT&#x26;T &#x3C;b&gt; &#x26;amp; ]]&gt;</title>" in body


def test_R32_a_summary_is_the_description_and_plain_text_stays_plain() -> None:
    item = etree.fromstring(rendered(article(summary="3 < 4"))["rss"]).find("channel/item")
    assert item is not None
    assert item.findtext("description") == "3 &lt; 4"
    assert item.findtext("{http://purl.org/rss/1.0/modules/content/}encoded") == "<p>It rained.</p>"
    alone = etree.fromstring(rendered(article())["rss"])
    assert alone.findtext("channel/item/description") == "<p>It rained.</p>"


def test_R18_an_entry_that_points_somewhere_needs_no_content() -> None:
    tree = etree.fromstring(rendered(article(html=""), bare())["atom"])
    pointing, bare_entry = tree.findall("a:entry", ATOM)
    assert pointing.find("a:content", ATOM) is None
    assert bare_entry.findtext("a:content", None, ATOM) == ""


def test_R21_the_id_of_a_feed_outlives_its_address() -> None:
    moved = replace(SITE, url="https://elsewhere.example.org/")
    ids = {etree.fromstring(rendered(site=site)["atom"]).findtext("a:id", None, ATOM) for site in (SITE, moved)}
    assert ids == {"tag:wire.example.org,2026:world"}


def test_R27_dates_are_english_and_in_utc() -> None:
    east = timezone(timedelta(hours=14))
    assert rfc822(datetime(2026, 3, 1, 1, 2, 3, tzinfo=east)) == "Sat, 28 Feb 2026 11:02:03 +0000"
    assert rfc822(datetime(2, 1, 1, tzinfo=UTC)) == "Tue, 01 Jan 0002 00:00:00 +0000"


def test_R7_entries_stand_in_the_order_of_the_edition() -> None:
    articles = [article(published_id=f"urn:x:{n}", upstream_id=str(n)) for n in (3, 1, 2)]
    files = rendered(*articles)
    order = ["urn:x:3", "urn:x:1", "urn:x:2"]
    assert [it.text for it in etree.fromstring(files["rss"]).iterfind("channel/item/guid")] == order
    assert [it.text for it in etree.fromstring(files["atom"]).iterfind("a:entry/a:id", ATOM)] == order
    assert [it["id"] for it in json.loads(files["json"])["items"]] == order


def test_a_category_named_by_a_tag_as_well_is_written_once() -> None:
    it = article(tags=("World", "sport"), categories=(Category("c1", None, "world"), Category("")))
    tree = etree.fromstring(rendered(it)["atom"])
    assert [dict(c.attrib) for c in tree.iterfind("a:entry/a:category", ATOM)] == [
        {"term": "c1", "label": "world"},
        {"term": "sport"},
    ]


# ── JSON Feed ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_R37_a_published_item_tells_nothing_of_how_it_was_read() -> None:
    item = json_feed.item(FULL_EDITION.articles[0])
    assert item["id"] == "https://news.example.com/rain"
    extension = item["_feeds"]
    assert isinstance(extension, dict)
    assert set(extension) == {"rights", "categories", "comments", "media", "podcast", "source", "extra"}
    assert item["author"] == {
        "name": "Jane Doe",
        "url": "https://news.example.com/jane",
        "avatar": "https://news.example.com/j.png",
    }
    assert item["attachments"] == [
        {
            "url": "https://news.example.com/1.mp3",
            "mime_type": "audio/mpeg",
            "title": "Listen",
            "size_in_bytes": 1234,
            "duration_in_seconds": 65,
        },
        {"url": "https://news.example.com/2.mp4", "mime_type": "video/mp4", "duration_in_seconds": 7.5},
        {"url": "https://news.example.com/3.bin", "mime_type": "application/octet-stream"},
    ]


def test_an_item_that_was_read_tells_all() -> None:
    item = json_feed.item(FULL_EDITION.articles[0], id="u1", feeds=["world"])
    assert item["id"] == "u1"
    extension = item["_feeds"]
    assert isinstance(extension, dict)
    assert extension["published_id"] == "https://news.example.com/rain"
    assert extension["found"] == {"title": "rss/title"}
    assert (extension["reader"], extension["feeds"]) == ("rss", ["world"])


@given(anything)
def test_S16_an_item_for_the_live_stream_is_one_line(title: str) -> None:
    line = json_feed.line(json_feed.item(article(title=title), feeds=["world"]))
    assert not set("\r\n\0") & set(line)
    assert json.loads(line).get("title", "") == title


# ── OPML ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_list_of_our_feeds_names_each_with_its_address() -> None:
    document = opml(SITE, [FEED, Feed("plain", "Plain\x00")])
    root = etree.fromstring(document.body)
    assert (document.path, root.get("version"), root.findtext("head/title")) == ("feeds.opml", "2.0", SITE.title)
    first, second = (dict(outline.attrib) for outline in root.iterfind("body/outline"))
    assert first == {
        "type": "rss",
        "text": "World <news> & more",
        "title": "World <news> & more",
        "description": "What matters",
        "xmlUrl": "https://wire.example.org/world.rss",
        "htmlUrl": "https://wire.example.org/",
        "language": "en",
    }
    assert second["text"] == "Plain"
