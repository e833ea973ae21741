"""Documents in every format: valid, complete, and the same bytes whatever the clock, the host and the locale."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any, TypedDict

import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from render.editions import ANY_TEXT, ATOM, CASES, FEED, FULL, FULL_EDITION, NOON, PLAIN, SITE, article, render_files
from render.schemas import schema_errors
from render.validators import VALIDATORS

from feeds import model
from feeds.model import Author, Feed, Media, Site
from feeds.registry import formats
from feeds.render import render, render_assets, render_feed_list, render_web_app
from feeds.render.formatting import strip_illegal_characters

DATA = Path(__file__).parent.parent / "data" / "render"


@pytest.mark.parametrize("suffix", formats())
@pytest.mark.parametrize("case", CASES)
def test_R15_to_R40_every_document_is_valid(suffix: str, case: str) -> None:
    body = render_files(*CASES[case])[suffix]
    assert (VALIDATORS[suffix](body), schema_errors(suffix, body)) == ([], [])


@pytest.mark.parametrize("suffix", formats())
def test_R15_to_R40_a_feed_and_a_site_that_say_nothing_are_enough(suffix: str) -> None:
    body = render_files(article(), feed=Feed("world", ""), site=Site("", "https://wire.example.org/"))[suffix]
    assert VALIDATORS[suffix](body) == []


@pytest.mark.parametrize("path", sorted((DATA / "broken").iterdir()), ids=lambda path: path.name)
def test_the_validators_find_what_is_broken(path: Path) -> None:
    """Each file is named after the row that it breaks, and breaks no other."""
    row = path.name.partition("-")[0]
    assert {problem.split()[0] for problem in VALIDATORS[path.suffix[1:]](path.read_bytes())} == {row}


@pytest.mark.parametrize("suffix", formats())
def test_R8_the_bytes_are_those_of_the_golden_file(suffix: str) -> None:
    assert render_files(*FULL_EDITION.articles)[suffix] == (DATA / f"full.{suffix}").read_bytes()


PRINT_DIGESTS = """
import hashlib, pickle, sys
from pathlib import Path
from feeds.render import render, render_feed_list, render_assets, render_web_app
edition = pickle.loads(Path(sys.argv[1]).read_bytes())
shared = (render_feed_list(edition.site, [edition.feed]), *render_assets(edition.site), *render_web_app(edition.site))
documents = (*render(edition), *shared)
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
    documents = (*render(FULL_EDITION), render_feed_list(SITE, [FEED]), *render_assets(SITE), *render_web_app(SITE))
    expected = [(document.path, hashlib.sha256(document.body).hexdigest()) for document in documents]
    command = [sys.executable, "-c", PRINT_DIGESTS, str(tmp_path / "edition")]
    package = Path(sys.modules["feeds"].__file__ or "").parent.parent
    environment = {**os.environ, **surroundings, "PYTHONPATH": str(package)}
    process = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert process.stdout.strip() == str(expected)


ABSENT_OR_FULL = {name: st.sampled_from([PLAIN[name], value]) for name, value in FULL.items() if name in PLAIN} | {
    name: st.sampled_from([value, getattr(article(), name)]) for name, value in FULL.items() if name not in PLAIN
}
EMPTIED = {
    "title": st.sampled_from(["", "Rain"]),
    "html": st.sampled_from(["", "<p>It rained.</p>"]),
    "url": st.sampled_from([None, "https://news.example.com/rain"]),
    "published": st.sampled_from([None, NOON]),
}


@given(st.fixed_dictionaries(ABSENT_OR_FULL | EMPTIED))
def test_R15_to_R40_whatever_an_article_lacks_its_documents_are_valid(fields: dict[str, object]) -> None:
    for suffix, body in render_files(article(**fields)).items():
        assert (VALIDATORS[suffix](body), schema_errors(suffix, body)) == ([], [])


# ── text that XML can hold ──────────────────────────────────────────────────────────────────────────────────────────


def _text(element: Any) -> str:
    """The text of a text construct of Atom."""
    text = "" if element is None else element.text or ""
    return unescape(text) if element is not None and element.get("type") == "html" else text


@given(title=ANY_TEXT, summary=ANY_TEXT, html=ANY_TEXT, tag=ANY_TEXT, name=ANY_TEXT, rights=ANY_TEXT, media=ANY_TEXT)
def test_R6_two_parsers_read_every_code_point_back(**texts: str) -> None:
    dirty = article(
        title=texts["title"],
        summary=texts["summary"],
        html=texts["html"],
        tags=(texts["tag"],),
        authors=(Author(texts["name"]),),
        rights=texts["rights"],
        media=(Media("https://x.example/" + texts["media"], title=texts["media"]),),
    )
    files, cleaned = render_files(dirty), strip_illegal_characters(dirty)
    summary = cleaned.summary or ("" if cleaned.html else cleaned.title)  # C2: an entry has a text
    entry = etree.fromstring(files["atom"]).find("a:entry", ATOM)
    stdlib_entry = ElementTree.fromstring(files["atom"]).find("a:entry", ATOM)
    assert entry is not None
    assert stdlib_entry is not None
    title = cleaned.title or cleaned.url  # and a title
    for tag, value in (("a:title", title), ("a:summary", summary), ("a:rights", cleaned.rights)):
        assert (_text(entry.find(tag, ATOM)), _text(stdlib_entry.find(tag, ATOM))) == (value, value)
    if cleaned.html:
        assert entry.findtext("a:content", None, ATOM) == stdlib_entry.findtext("a:content", None, ATOM) == cleaned.html
    item = etree.fromstring(files["rss"]).find("channel/item")
    assert item is not None
    assert item.findtext("title", "") == ElementTree.fromstring(files["rss"]).findtext("channel/item/title", "")
    assert item.findtext("title", "") == cleaned.title
    assert json.loads(files["json"])["items"][0].get("title", "") == cleaned.title


def test_R6_documents_are_utf_8_without_a_mark() -> None:
    for body in render_files(*FULL_EDITION.articles).values():
        assert not body.startswith(b"\xef\xbb\xbf")
        body.decode("utf-8")
    assert render_files()["rss"].startswith(b"<?xml version='1.0' encoding='UTF-8'?>")


def test_S24_the_only_processing_instruction_is_our_stylesheet() -> None:
    hostile = article(title='<?xml-stylesheet href="evil.xsl"?>', html="<?xml-stylesheet?>")
    for suffix in ("rss", "atom"):
        body = render_files(hostile)[suffix]
        assert body.count(b"<?xml-stylesheet") == 1
        assert b'<?xml-stylesheet type="text/css" href="assets/feed.css"?>' in body


def test_a_feed_one_level_down_finds_the_stylesheet_above() -> None:
    assert b'href="../assets/feed.css"' in render_files(feed=replace(FEED, id="each-source/bbc"))["rss"]
    asset = render_assets(SITE)[0]
    assert (asset.path, asset.media_type) == ("assets/feed.css", "text/css")
    assert b"This is a web feed" in asset.body


# ── read by another parser ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("address", "port", "protocol"),
    [
        ("http://wire.example.org:8080/hub/rsscloud", "8080", "http-post"),
        ("https://wire.example.org/hub/rsscloud", "443", "https-post"),
    ],
)
def test_R44_an_rss_document_names_the_address_for_rsscloud(address: str, port: str, protocol: str) -> None:
    edition = model.replace(FULL_EDITION, site=replace(SITE, cloud=address))
    documents = {document.path.rpartition(".")[2]: document.body for document in render(edition)}
    cloud = feedparser.parse(documents["rss"]).feed.cloud
    assert cloud == {
        "domain": "wire.example.org",
        "port": port,
        "path": "/hub/rsscloud",
        "registerprocedure": "",
        "protocol": protocol,
    }
    assert b"cloud" not in documents["atom"]


@pytest.mark.parametrize("suffix", ["rss", "atom"])
def test_feedparser_reads_back_what_was_written(suffix: str) -> None:
    full = FULL_EDITION.articles[0]
    document = feedparser.parse(
        render_files(*FULL_EDITION.articles)[suffix], sanitize_html=False, resolve_relative_uris=False
    )
    assert not document.bozo
    assert document.feed.title == FEED.title
    assert [link.href for link in document.feed.links if link.rel == "hub"] == list(SITE.hubs)
    assert document.feed.link == SITE.url
    entry = document.entries[0]
    title = unescape(entry.title) if entry.title_detail.type == "text/html" else entry.title
    assert (entry.id, entry.link, title) == (full.published_id, full.url, full.title)
    assert entry.content[0].value == full.html
    assert entry.published_parsed[:6] == NOON.timetuple()[:6]
    assert [author.name for author in entry.authors] == ["Jane Doe", "Bo Li"]
    assert [tag.term for tag in entry.tags] == ["world", "weather", "rome"]
    assert entry.tags[0].scheme == "https://news.example.com/topics"
    assert entry.slash_comments == "12"
    assert entry.media_thumbnail[0]["url"] == full.image
    assert entry.itunes_duration == "1:05"
    assert "published" in document.entries[2]  # the date of the first sight (C1)
    assert len({entry.id for entry in document.entries}) == 3


def test_R7_entries_stand_in_the_order_of_the_edition() -> None:
    articles = [article(published_id=f"urn:x:{n}", upstream_id=str(n)) for n in (3, 1, 2)]
    files = render_files(*articles)
    order = ["urn:x:3", "urn:x:1", "urn:x:2"]
    assert [guid.text for guid in etree.fromstring(files["rss"]).iterfind("channel/item/guid")] == order
    assert [id.text for id in etree.fromstring(files["atom"]).iterfind("a:entry/a:id", ATOM)] == order
    assert [item["id"] for item in json.loads(files["json"])["items"]] == order
