"""Whatever an article holds, its documents are valid: addresses, ids, podcast facts and dates (C1, C2)."""

from __future__ import annotations

import json
from datetime import timedelta
from html import escape
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from render.editions import ANY_TEXT, ATOM, FEED, NOON, SITE, article, article_without_content, render_files
from render.schemas import RELAX_NG, schema_errors
from render.validators import VALIDATORS

from feeds.iri import is_absolute_iri, uri
from feeds.model import Attachment, Author, Category, Comments, Media, Origin, Podcast, replace

BROKEN = Path(__file__).parent.parent / "data" / "render" / "broken"
ITUNES = "{http://www.itunes.com/dtds/podcast-1.0.dtd}"


@pytest.mark.parametrize(
    ("iri", "expected"),
    [
        ("https://x.example/a?b=%20&c=1#d", "https://x.example/a?b=%20&c=1#d"),
        ("https://faß.example:8080/ö?ä#ü", "https://xn--fa-hia.example:8080/%C3%B6?%C3%A4#%C3%BC"),
        ("https://ann@münchen.example/100%", "https://ann@xn--mnchen-3ya.example/100%25"),
        ("http://[2001:db8::1]:80/a[1]", "http://[2001:db8::1]:80/a%5B1%5D"),
        ("HTTPS://X.example/a b|c", "HTTPS://X.example/a%20b%7Cc"),
        ("https://-ü-.example/", "https://-%C3%BC-.example/"),
        ("mailto:ö@x.example", "mailto:%C3%B6@x.example"),
        ("", ""),
    ],
)
def test_C2_an_iri_is_spelled_as_a_uri_once(iri: str, expected: str) -> None:
    assert uri(iri) == expected
    assert uri(expected) == expected


@pytest.mark.parametrize(
    ("text", "is_id"),
    [
        ("https://x.example/ö", True),
        ("http://[::1]/", True),
        ("tag:ann@x.example,2026-01-02:a/b", True),
        ("urn:uuid:1225c695-cfb8-4ebb-aaaa-80da344efa6a", True),
        ("urn:isbn:0451450523", True),
        ("yt:video:abc", True),
        ("tag:https://x.example/1", False),
        ("tag:x.example:1", False),
        ("tag:x.example,26:1", False),
        ("tag:x.example,2026:ö", False),
        ("urn:uuid:12", False),
        ("urn:x", False),
        ("https:///a", False),
        ("https://x.example/a b", False),
        ("https://x.example/?a[]=1", False),
        ("/relative", False),
        ("", False),
    ],
)
def test_C2_an_id_is_an_absolute_iri_by_the_rules_of_its_scheme(text: str, is_id: bool) -> None:
    assert is_absolute_iri(text) is is_id


def test_C2_all_addresses_are_uris_and_ids_stay() -> None:
    html = (
        '<a href="https://ü.example/?a=1&amp;b=ö">a</a> <img src="https://x.example/ö 1.png" '
        'srcset="https://x.example/ö.png 2x, https://x.example/b.png 3x" alt="ö"> <a href="mailto:a@x.example">ö</a>'
    )
    files = render_files(
        article(
            published_id="https://x.example/ä",
            url="https://x.example/ä",
            html=html,
            image="https://x.example/潮.jpg",
            authors=(Author("Ann", "https://x.example/Ä"),),
            attachments=(Attachment("https://x.example/Größe.mp3", "audio/mpeg"),),
            media=(Media("https://x.example/é.jpg", type="image/jpeg"),),
            comments=Comments("https://x.example/ä#c", None, "https://x.example/ä/feed"),
            origin=Origin("tag:x.example,2026:f", "X", "https://ü.example/", "https://ü.example/feed"),
        )
    )
    rss, atom = (etree.fromstring(files[suffix]) for suffix in ("rss", "atom"))
    item = json.loads(files["json"])["items"][0]
    assert (item["id"], item["url"]) == ("https://x.example/ä", "https://x.example/%C3%A4")
    assert atom.findtext("a:entry/a:id", None, ATOM) == item["id"]
    guid = rss.find("channel/item/guid")
    assert guid is not None
    assert (guid.text, guid.get("isPermaLink")) == (item["id"], "false")
    assert item["content_html"] == (
        '<a href="https://xn--tda.example/?a=1&amp;b=%C3%B6">a</a> <img src="https://x.example/%C3%B6%201.png" '
        'srcset="https://x.example/%C3%B6.png 2x, https://x.example/b.png 3x" alt="ö"> '
        '<a href="mailto:a@x.example">ö</a>'
    )
    for tree in (rss, atom):
        values = [value for element in tree.iter() for name, value in element.items() if name in ("url", "href", "src")]
        assert all(value.isascii() for value in values), values


def test_C2_the_addresses_of_a_feed_and_its_hubs_are_uris() -> None:
    feed = replace(FEED, link="https://ü.example/ö", image="https://ü.example/ö.png", icon="https://ü.example/i.png")
    site = replace(SITE, hubs=("https://ü.example/hub",))
    for suffix, body in render_files(article(), feed=feed, site=site).items():
        assert "ü".encode() not in body
        assert (VALIDATORS[suffix](body), schema_errors(suffix, body)) == ([], [])


@pytest.mark.parametrize(
    ("fact", "value", "expected"),
    [
        ("explicit", "Yes", "true"),
        ("explicit", " CLEAN ", "false"),
        ("explicit", "perhaps", None),
        ("block", "YES", "yes"),
        ("duration", "3600.9", "3600"),
        ("duration", "1:02:03", "1:02:03"),
        ("duration", "1:75", None),
        ("duration", "PT5M", None),
        ("duration", "00:00:00", None),
        ("season", "02", "2"),
        ("episode", "0", None),
        ("episode", "Episode 4", None),
        ("episode_type", "BONUS", "bonus"),
        ("episodeType", "special", None),
        ("keywords", "word " * 100, "word " * 49 + "word…"),
    ],
)
def test_C2_podcast_facts_are_spelled_as_their_readers_take_them(fact: str, value: str, expected: str | None) -> None:
    files = render_files(article(podcast={fact: value}))
    name = {"episode_type": "episodeType"}.get(fact, fact)
    for suffix in ("rss", "atom"):
        assert etree.fromstring(files[suffix]).findtext(f".//{ITUNES}{name}") == expected


def test_C2_a_duration_in_other_words_is_that_of_the_recording() -> None:
    recording = Attachment("https://x.example/a.mp3", "audio/mpeg", duration=300.0)
    tree = etree.fromstring(render_files(article(podcast={"duration": "5 min"}, attachments=(recording,)))["rss"])
    assert tree.findtext(f".//{ITUNES}duration") == "300"


def test_C2_the_picture_of_an_episode_is_its_cover() -> None:
    audio, document = (Attachment(f"https://x.example/{n}", kind) for n, kind in enumerate(("audio/ogg", "text/plain")))
    picture, cover = "https://x.example/e.jpg", "https://x.example/cover.jpg"
    for attachment, facts, expected in (
        (audio, {"season": "1"}, picture),
        (document, {"season": "1"}, None),
        (audio, {"image": cover}, cover),
        (audio, {}, None),  # a story with a recording is not a podcast, of which directories would ask more
    ):
        item = article(attachments=(attachment,), image=picture, podcast=facts)
        element = etree.fromstring(render_files(item)["rss"]).find(f".//{ITUNES}image")
        assert (None if element is None else element.get("href")) == expected


def test_C2_what_atom_does_not_allow_is_replaced_or_left_out() -> None:
    origin = Origin("a word", None, "https://x.example/", "https://x.example/feed")
    author = Author("Ann", email="ann@x.example?subject=Feed")
    files = render_files(article(origin=origin, authors=(author,), categories=(Category("a", "PAID"),)))
    entry = etree.fromstring(files["atom"]).find("a:entry", ATOM)
    assert entry is not None
    texts = [entry.findtext(f"a:{path}", None, ATOM) for path in ("source/a:id", "source/a:title", "author/a:email")]
    assert texts == ["https://x.example/feed", "https://x.example/feed", "ann@x.example"]
    assert [dict(category.attrib) for category in entry.iterfind("a:category", ATOM)] == [{"term": "a"}]


@pytest.mark.parametrize(
    ("fields", "rss", "published", "modified"),
    [
        ({"published": None}, NOON - timedelta(days=1), NOON - timedelta(days=1), None),
        ({"published": None, "modified": NOON - timedelta(hours=1)}, NOON, None, NOON),
        ({"modified": NOON + timedelta(days=9)}, NOON, NOON, NOON),
    ],
    ids=["undated", "modified alone", "modified in the future"],
)
def test_C1_every_item_is_dated_in_every_format(
    fields: dict[str, Any], rss: Any, published: Any, modified: Any
) -> None:
    files = render_files(article(first_seen=NOON - timedelta(days=1), **fields))
    item = json.loads(files["json"])["items"][0]
    dates = [None if date is None else f"{date:%Y-%m-%dT%H:%M:%SZ}" for date in (published, modified)]
    assert [item.get("date_published"), item.get("date_modified")] == dates
    assert etree.fromstring(files["rss"]).findtext("channel/item/pubDate") == f"{rss:%a, %d %b %Y %H:%M:%S} +0000"


def test_C2_an_entry_that_is_nothing_but_a_title_has_a_text() -> None:
    atom = etree.fromstring(render_files(article(html="", url=None), article_without_content())["atom"])
    assert [content.text for content in atom.iterfind("a:entry/a:content", ATOM)] == [
        "<p>Rain</p>",
        "<p>tag:x.example,2026:1</p>",
    ]


@pytest.mark.parametrize(
    "name",
    (
        *("R15-date-with-small-t", "R16-two-titles", "R17-no-id", "R20-html-as-elements", "R22-link-without-href"),
        *("R17-two-contents", "R20-unknown-type", "R22-category-without-term", "R22-person-with-two-names"),
    ),
)
def test_the_grammar_of_atom_finds_what_is_broken(name: str) -> None:
    assert not RELAX_NG.validate(etree.parse(BROKEN / f"{name}.atom"))


FACTS = st.sampled_from(
    ("duration", "season", "episode", "episodeType", "explicit", "block", "subtitle", "keywords", "image")
)


@given(
    path=ANY_TEXT,
    scheme=ANY_TEXT,
    origin_id=ANY_TEXT,
    origin_title=ANY_TEXT,
    email=ANY_TEXT,
    podcast=st.dictionaries(FACTS, ANY_TEXT | st.sampled_from(("yes", "No", "1:02:03", "12.5", "7", "Trailer"))),
)
def test_C2_documents_are_valid_whatever_addresses_and_facts_are(
    path: str, scheme: str, origin_id: str, origin_title: str, email: str, podcast: dict[str, str]
) -> None:
    address = f"https://x.example/{path}"
    files = render_files(
        article(
            url=address,
            image=address,
            html=f'<p><img src="{escape(address)}" alt=""></p>',
            categories=(Category("a", scheme),),
            authors=(Author("Ann", address, email),),
            attachments=(Attachment(address, "audio/mpeg"),),
            media=(Media(address + "2"),),
            comments=Comments(address, "1", address),
            origin=Origin(origin_id, origin_title, address, address),
            podcast=podcast,
        )
    )
    for suffix, body in files.items():
        assert (VALIDATORS[suffix](body), schema_errors(suffix, body)) == ([], [])


# ── the channel of a podcast ────────────────────────────────────────────────────────────────────────────────────────

SHOW = Podcast(
    ("Arts > Books", "News"), owner="ann@x.example", author="Ann", type="serial", image="https://x.example/c"
)


def _channel_facts(body: bytes) -> dict[str, object]:
    channel = etree.fromstring(body)[0]
    owner, cover = channel.find(f"{ITUNES}owner"), channel.find(f"{ITUNES}image")
    return {
        "category": [[part.get("text") for part in it.iter()] for it in channel.findall(f"{ITUNES}category")],
        "explicit": channel.findtext(f"{ITUNES}explicit"),
        "owner": None if owner is None else owner.findtext(f"{ITUNES}email"),
        "image": None if cover is None else cover.get("href"),
        "type": channel.findtext(f"{ITUNES}type"),
    }


def test_C2_a_feed_of_one_show_says_what_the_show_says() -> None:
    feed = replace(FEED, image=None)
    files = render_files(article(show=SHOW, podcast={"season": "1"}), feed=feed)
    assert _channel_facts(files["rss"]) == {
        "category": [["Arts", "Books"], ["News"]],
        "explicit": "false",
        "owner": "ann@x.example",
        "image": "https://x.example/c",
        "type": "serial",
    }
    assert json.loads(files["json"])["_feeds"]["podcast"]["category"] == ["Arts > Books", "News"]


def test_C2_a_feed_of_several_shows_speaks_for_itself() -> None:
    other = article(source_id="other", published_id="urn:x:2", show=Podcast(("History", "News"), explicit=True))
    body = render_files(article(show=SHOW), other, site=replace(SITE, contact="desk@wire.example"))["rss"]
    assert _channel_facts(body) == {
        "category": [["Arts", "Books"], ["News"], ["History"]],
        "explicit": "true",
        "owner": "desk@wire.example",
        "image": FEED.image,
        "type": None,
    }


def test_C2_what_is_declared_of_a_podcast_outranks_what_its_source_says() -> None:
    feed = replace(FEED, podcast=Podcast(("Comedy",), explicit=True, owner="me@wire.example"))
    facts = _channel_facts(render_files(article(show=SHOW), feed=feed)["rss"])
    assert facts["category"] == [["Comedy"]]
    assert (facts["explicit"], facts["owner"]) == ("true", "me@wire.example")


def test_C2_the_language_of_a_podcast_is_that_of_its_newest_episode_where_none_is_declared() -> None:
    site, items = replace(SITE, language=None), (article(language="fi", show=SHOW), article(published_id="urn:x:2"))
    files = render_files(*items, site=site)
    assert etree.fromstring(files["rss"]).findtext("channel/language") == "fi"
    assert json.loads(files["json"])["language"] == "fi"
    assert etree.fromstring(render_files(article(language="fi"), site=site)["rss"]).find("channel/language") is None


def test_C2_transcripts_and_chapters_of_an_episode_are_kept() -> None:
    facts = {"transcript": "https://x.example/1.SRT", "chapters": "https://x.example/1"}
    for suffix in ("rss", "atom"):
        tree = etree.fromstring(render_files(article(podcast=facts))[suffix])
        elements = tree.iter("{https://podcastindex.org/namespace/1.0}*")
        assert [(etree.QName(it).localname, it.get("url"), it.get("type")) for it in elements] == [
            ("transcript", "https://x.example/1.SRT", "application/srt"),
            ("chapters", "https://x.example/1", "application/json+chapters"),
        ]


def test_C2_an_episode_of_an_explicit_show_is_explicit() -> None:
    show = Podcast(("News",), explicit=True)
    items = [article(show=show, podcast={"season": "1"}), article(published_id="urn:x:2", podcast={"season": "1"})]
    tree = etree.fromstring(render_files(*items)["rss"])
    assert [item.findtext(f"{ITUNES}explicit") for item in tree.iter("item")] == ["true", None]


# ── text that a reader could take for markup ────────────────────────────────────────────────────────────────────────


def test_R20_atom_declares_html_where_a_text_looks_like_it() -> None:
    origin = Origin("urn:example:1", "</b>")
    looks = article(title="</b> in &lt;", summary="&copy 1", rights="AT&T", origin=origin)
    entry = etree.fromstring(render_files(looks)["atom"]).find("a:entry", ATOM)
    assert entry is not None
    texts = {name: entry.find(f"a:{name}", ATOM) for name in ("title", "summary", "rights", "source/a:title")}
    assert {name: None if it is None else (it.get("type"), it.text) for name, it in texts.items()} == {
        "title": ("html", "&lt;/b&gt; in &amp;lt;"),
        "summary": ("html", "&amp;copy 1"),
        "rights": (None, "AT&T"),
        "source/a:title": ("html", "&lt;/b&gt;"),
    }


def test_R31_texts_of_rss_are_spelled_as_titles_are() -> None:
    body = render_files(article(rights="a </b>", tags=("R&D",), authors=(Author("<Ann>"),)))["rss"]
    for text in (b"<dc:rights>a &#x3C;/b&gt;<", b"<category>R&#x26;D<", b"<dc:creator>&#x3C;Ann&gt;<"):
        assert text in body


def test_R17_an_entry_without_a_title_is_called_by_its_address() -> None:
    files = render_files(article(title=""), article_without_content())
    atom = etree.fromstring(files["atom"])
    titles = [title.text for title in atom.iterfind("a:entry/a:title", ATOM)]
    assert titles == ["https://news.example.com/rain", "tag:x.example,2026:1"]
    assert b"<title></title>" not in files["rss"] and all(
        "title" not in it for it in json.loads(files["json"])["items"]
    )


def test_R29_a_duration_is_told_where_no_podcast_tells_it() -> None:
    files = render_files(article(attachments=(Attachment("https://x.example/a.mp3", "audio/mpeg", duration=65.0),)))
    for suffix in ("rss", "atom"):
        content = etree.fromstring(files[suffix]).find(".//{http://search.yahoo.com/mrss/}content")
        assert content is not None
        assert (content.get("url"), content.get("duration")) == ("https://x.example/a.mp3", "65")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"width": "640", "height": "480", "length": "12345678901"}, {"width": "640", "height": "480"}),
        ({"width": "100px", "height": "50%", "length": "1,024"}, {}),
        ({"type": "jpg", "medium": "picture", "language": "en_US"}, {}),
        ({"type": "image/jpeg", "medium": "image", "language": "en-US"}, {"type": "image/jpeg", "medium": "image"}),
        ({"duration": "12.7"}, {"duration": "12"}),
        ({"duration": "1:02:03"}, {"duration": "3723"}),
        ({"duration": "a while"}, {}),
    ],
)
def test_C2_media_rss_holds_only_what_it_defines(fields: dict[str, str], expected: dict[str, str]) -> None:
    media = Media("https://x.example/a", **fields), Media("https://x.example/t", role="thumbnail", **fields)
    for suffix in ("rss", "atom"):
        tree = etree.fromstring(render_files(article(media=media))[suffix])
        content, thumbnail = (tree.find(f".//{{http://search.yahoo.com/mrss/}}{it}") for it in ("content", "thumbnail"))
        assert content is not None
        assert thumbnail is not None
        attributes = {name: value for name, value in content.items() if name not in ("url", "fileSize", "lang")}
        assert attributes == expected
        assert thumbnail.get("width") == expected.get("width")
        assert content.get("fileSize") == (fields.get("length") if "640" in expected.values() else None)
        assert content.get("lang") == (fields.get("language") if "image" in expected.values() else None)
