"""Documents of entries that were written before are those that are written whole; an entry is what feedgen makes."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import replace as replace_fields
from functools import partial
from html import escape

import factories
import pytest
from feedgen.entry import FeedEntry
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from render.editions import ANY_TEXT, CASES, FEED, FULL, NOON, SITE, article

from feeds.model import Article, Author, Comments, Document, Edition, Feed, Origin, Podcast, Site, replace
from feeds.publish.quick_check import check_document
from feeds.registry import formats
from feeds.render import atom, render, rss
from feeds.render.edition_writer import digest_article
from feeds.render.formatting import strip_illegal_characters
from feeds.render.html.story_list import MAX_BYTES, TITLE_BYTES
from feeds.render.namespaces import NAMESPACES

SHOW = Podcast(("Arts > Books",), explicit=True, owner="ann@x.example", author="Ann", image="https://ü.example/é.png")
FEEDS = (
    replace_fields(FEED, formats=("rss", "atom", "json")),
    Feed("each-source/bbc", "", author="The <b>desk</b>", link="https://ü.example/é", formats=("rss", "atom", "json")),
    Feed("shows", "Shows", podcast=SHOW, formats=("json", "atom")),
)
SITES = (
    SITE,
    Site("", "https://wire.example.org/", contact="ed@wire.example.org"),
    replace_fields(SITE, language=None, cloud="https://wire.example.org/hub/rsscloud"),
)
ARTICLES = (
    *(replace(each, published_id=f"{each.published_id}#{case}") for case, all in CASES.items() for each in all),
    article(published_id="urn:x:podcast", show=SHOW, **{**FULL, "language": "de-AT"}),
    article(published_id="urn:x:iri", url="https://ü.example/é", html='<p><a href="https://ü.example/é">a</a></p>'),
    article(published_id="urn:x:illegal", rights="a\x08b"),
)
EDITIONS = st.builds(
    lambda articles, feed, site, place: Edition(feed, site, tuple(articles), NOON, 1, **place),
    st.lists(st.sampled_from(ARTICLES), unique_by=lambda each: each.published_id, max_size=6),
    st.sampled_from(FEEDS),
    st.sampled_from(SITES),
    st.sampled_from(({}, {"prev_archive": 3}, {"archive": 3}, {"archive": 3, "prev_archive": 2})),
)


class Kept:
    """The entries of all documents that were rendered with it."""

    def __init__(self) -> None:
        self.entries: dict[bytes, dict[str, bytes]] = {}

    def get(self, digest: bytes) -> Mapping[str, bytes]:
        return self.entries.get(digest, {})

    def render(self, edition: Edition) -> list[Document]:
        documents = list(render(edition, self.get))
        for new in (document.new for document in documents if document.new):
            for digest, entry in new.entries.items():
                self.entries.setdefault(digest, {})[new.format_name] = entry
        return documents


def bodies(documents: list[Document]) -> dict[str, bytes]:
    return {document.path: document.body for document in documents}


@given(st.lists(EDITIONS, min_size=2, max_size=4))
def test_R8_a_document_of_kept_entries_is_the_one_that_is_written_whole(editions: list[Edition]) -> None:
    kept = Kept()
    for edition in editions:
        assert bodies(kept.render(edition)) == bodies(list(render(edition)))


@given(EDITIONS)
def test_R8_the_sample_of_a_document_holds_the_new_entries_alone(edition: Edition) -> None:
    kept, new = Kept(), article(published_id="urn:x:new")
    kept.render(edition)
    for document in kept.render(replace(edition, articles=(*edition.articles, new))):
        if document.new is not None:
            assert document.new.entries.keys() == {digest_article(new)}
            ids = [*PUBLISHED_ID[document.new.format_name].findall(document.new.sample)]
            assert ids == [b"urn:x:new"]
            assert check_document(document.path, document.new.sample) == []


@pytest.mark.parametrize("as_stored", [True, False])
def test_L2_the_entry_of_an_article_as_stored_is_kept_by_its_key_and_change_number(as_stored: bool) -> None:
    """What steps may have changed is known by all that it holds."""
    kept, before = Kept(), article(key=7, changed=1)
    editions = [
        factories.edition(each, feed=FEED, site=SITE, updated=NOON, as_stored=as_stored)
        for each in (before, replace(before, title="Another", changed=2), replace(before, title="Of a step"))
    ]
    written = [bodies(kept.render(edition)) for edition in editions]
    expected = [bodies(list(render(edition))) for edition in editions]
    assert written[:2] == expected[:2]
    assert (written[2] == expected[2]) != as_stored


PUBLISHED_ID = {
    "rss": re.compile(rb"<guid[^>]*>([^<]*)<"),
    "atom": re.compile(rb"<entry[^>]*><id>([^<]*)<"),
    "json": re.compile(rb'(?:\[|,)\{"id":"([^"]*)"'),
}


def test_an_id_that_stands_twice_leaves_the_document_whole() -> None:
    """So that the quick check sees both."""
    kept = Kept()
    first, second = article(), article(title="Another")
    kept.render(factories.edition(first, feed=FEED, site=SITE, updated=NOON))
    assert not [d for d in kept.render(factories.edition(first, second, feed=FEED, site=SITE, updated=NOON)) if d.new]


def test_F38_rendering_ends_before_any_article_or_document() -> None:
    edition = factories.edition(*(article(published_id=f"urn:x:{n}") for n in range(5)), feed=FEED, site=SITE)
    numbers = itertools.count()
    assert len(list(render(edition, checkpoint=lambda: stop(next(numbers), 0)))) == len(formats())
    call_count = next(numbers)
    assert call_count == 5 + len(formats())
    for stop_at in range(1, call_count + 1):
        numbers = itertools.count(1)
        with pytest.raises(KeyboardInterrupt):
            list(render(edition, checkpoint=partial(lambda numbers, at: stop(next(numbers), at), numbers, stop_at)))
        assert next(numbers) == stop_at + 1


def stop(number: int, stop_at: int) -> None:
    if number == stop_at != 0:
        raise KeyboardInterrupt


def test_a_page_is_given_all_the_articles_that_it_has_room_for() -> None:
    at_most = formats()["html"].at_most
    assert at_most is not None
    assert at_most >= MAX_BYTES // TITLE_BYTES


# ── what feedgen makes ──────────────────────────────────────────────────────────────────────────────────────────────

TEXTS = {
    "title": ANY_TEXT,
    "summary": ANY_TEXT,
    "html": st.sampled_from(("", "<p>3 &lt; 4 &amp; {x}</p>", "<p>%s</p>\r")),
    "url": st.sampled_from((None, "https://x.example/?a=1&b={2}")),
    "rights": st.none() | ANY_TEXT,
    "names": st.lists(ANY_TEXT, max_size=3),
    "comments": st.booleans(),
    "attachments": st.sampled_from((FULL["attachments"], ())),
    "source": st.none() | ANY_TEXT,
}


def built_article(texts: Mapping[str, object]) -> Article:
    fields = {name: value for name, value in texts.items() if name not in ("names", "comments", "source")}
    authors = tuple(Author(name, f"https://x.example/{number}") for number, name in enumerate(texts["names"]))
    comments = Comments("https://x.example/?c=1&d") if texts["comments"] else None
    origin = None if texts["source"] is None else Origin(title=texts["source"], feed="https://x.example/feed?a&b")
    built = article(authors=authors, comments=comments, origin=origin, published_id="urn:x:{id}", **fields)
    return strip_illegal_characters(built)


def parse_entry(entry: bytes, tag: str) -> list[tuple[object, str | None, dict[object, object]]]:
    """The elements of an entry, as two parsers of XML agree on them: no difference between spellings."""
    namespaces = {**NAMESPACES, "atom": "http://www.w3.org/2005/Atom", "content": CONTENT}
    declared = "".join(f' xmlns:{prefix}="{name}"' for prefix, name in namespaces.items())
    root = etree.fromstring(f"<root{declared}>".encode() + entry + b"</root>").find(tag)
    assert root is not None
    return list_elements(root)


def list_elements(parent: etree._Element) -> list[tuple[object, str | None, dict[object, object]]]:
    return [(each.tag, each.text, dict(each.attrib)) for child in parent for each in child.iter()]


CONTENT = "http://purl.org/rss/1.0/modules/content/"


@given(st.fixed_dictionaries(TEXTS))
def test_R26_to_R36_an_item_begins_with_what_feedgen_makes_of_the_article(texts: dict[str, object]) -> None:
    built, entry = built_article(texts), FeedEntry()
    entry.guid(built.published_id)
    if built.title:
        entry.title(built.title)
    if built.url:
        entry.link(href=built.url)
    if built.summary:
        entry.description(escape(built.summary, quote=False))
    if built.html:
        entry.content(built.html)
    elif not built.title and not built.summary:
        entry.description(escape(built.url or built.published_id, quote=False))
    if built.comments:
        entry.comments(built.comments.url)
    if built.attachments:
        entry.enclosure(built.attachments[0].url, built.attachments[0].size or 0, built.attachments[0].media_type)
    if built.origin:
        entry.source(url=built.origin.feed, title=built.origin.title or built.origin.feed)
    expected = list_elements(etree.fromstring(etree.tostring(entry.rss_entry())))
    assert parse_entry(rss.write_entry(built), "item")[: len(expected)] == expected


@given(st.fixed_dictionaries(TEXTS))
def test_R15_to_R25_an_entry_begins_with_what_feedgen_makes_of_the_article(texts: dict[str, object]) -> None:
    built, entry = built_article(texts), FeedEntry()
    entry.id(built.published_id)
    entry.title(built.title or built.url or built.published_id)
    entry.updated(built.updated)
    for author in built.authors:
        entry.author({"name": author.name, "uri": author.url})
    text = built.summary or built.title
    if built.summary or (text and built.url and not built.html):
        entry.summary(text)
    entry.content(built.html or f"<p>{escape(text or built.published_id, quote=False)}</p>", type="html")
    if built.rights:
        entry.rights(built.rights)
    expected = [
        (tag, text, attributes)
        for tag, text, attributes in list_elements(etree.fromstring(etree.tostring(entry.atom_entry())))
        if tag != "content" or built.html or not built.url  # the link to the page stands for it (R18)
    ]
    found = parse_entry(atom.write_entry(built), "entry")[: len(expected)]
    assert [tag for tag, _, _ in found] == [tag for tag, _, _ in expected]
    for (tag, text, attributes), (_, expected_text, expected_attributes) in zip(found, expected, strict=True):
        if tag == "updated":
            assert (text, expected_text) == ("2026-11-22T12:00:00Z", NOON.isoformat())
        elif attributes.get("type") == "html" and tag != "content":
            assert text == escape(expected_text or "", quote=False)  # RFC 4287 §3.1.1: it could be taken for HTML
        else:
            assert (text, attributes) == (expected_text, expected_attributes)
