"""The outlines of an OPML list."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from feeds.errors import ParseError
from feeds.parse.opml import OpmlOutline, parse_opml

CORPORA = os.environ.get("FEEDS_CORPORA")

OPML = """<opml version="2.0"><head><title>t</title></head><body>
<outline text="News">
<outline text="A" type="rss" xmlURL=" https://a.example/feed " htmlUrl="https://a.example/" category="x,/y/z"/>
<outline title="B" xmlurl="https://b.example/feed"/></outline>
<outline text="Also"><outline text="A again" xmlUrl="https://a.example/feed"/></outline>
<outline text="More" type="include" url="https://lists.example/more.opml"/>
<outline text="A note"/><outline text="Page" htmlUrl="https://page.example/"/>
</body></opml>"""


def test_outlines_of_a_list() -> None:
    assert parse_opml(OPML.encode()) == (
        OpmlOutline("A", "https://a.example/feed", "https://a.example/", ("News", "x", "y", "z", "Also")),
        OpmlOutline("B", "https://b.example/feed", None, ("News",)),
        OpmlOutline("More", "https://lists.example/more.opml", None, (), "list"),
        OpmlOutline("Page", "https://page.example/", "https://page.example/", (), "page"),
    )


def test_a_broken_list_is_repaired() -> None:
    body = '<opml><body><outline text="A & B" xmlUrl="https://a.example/?x=1&y=2"></body>'
    assert parse_opml(body.encode()) == (OpmlOutline("A & B", "https://a.example/?x=1&y=2"),)


@pytest.mark.parametrize("body", [b"", b"<rss/>", b"<html><body/></html>", b"text"], ids=range(4))
def test_what_is_no_list_is_refused(body: bytes) -> None:
    with pytest.raises(ParseError):
        parse_opml(body)


def test_F17_a_deep_list_is_read_or_refused() -> None:
    assert parse_opml(("<opml><body>" + '<outline text="x">' * 50_000).encode()) == ()


@pytest.mark.skipif(not CORPORA, reason="FEEDS_CORPORA names no folder")
def test_lists_hold_what_their_comments_say() -> None:
    for file in sorted((Path(CORPORA or "") / "opml").glob("*.xml")):
        body = file.read_bytes()
        outlines = parse_opml(body)
        feeds = [outline for outline in outlines if outline.kind == "feed"]
        text = body.decode("utf-8", "replace")
        if count := re.search(r"len\(result\['feeds'\]\) == (\d+)", text):
            assert len(feeds) == int(count[1]), file.name
        for url in re.findall(r"result\['feeds'\]\[0\]\['url'\] == ['\"](.*?)['\"]", text):
            assert feeds[0].feed_url == url, file.name
        for name in re.findall(r"result\['feeds'\]\[0\]\['title'\] == '(.*?)'", text):
            assert feeds[0].title == name, file.name
        for url in re.findall(r"result\['lists'\]\[0\]\['url'\] == ['\"](.*?)['\"]", text):
            assert [outline.feed_url for outline in outlines if outline.kind == "list"] == [url], file.name


def test_B10_a_section_that_was_escaped_is_unwrapped() -> None:
    text, address = ("&lt;![CDATA[" + value + "]]&gt;" for value in ("Bridge", "https://a.example/feed"))
    (outline,) = parse_opml(f"<opml><body><outline text='{text}' xmlUrl='{address}'/></body></opml>".encode())
    assert (outline.title, outline.feed_url) == ("Bridge", "https://a.example/feed")


def test_B10_titles_and_categories_are_the_text_of_their_markup() -> None:
    body = (
        "<opml><body><outline text='R&amp;amp;D'><outline text='&lt;b>Bridge&lt;/b> news' xmlUrl='/f?a&amp;amp;b'"
        " category='&lt;i>Roads&lt;/i>,A &lt; B'/></outline></body></opml>"
    )
    (outline,) = parse_opml(body.encode())
    assert (outline.title, outline.categories) == ("Bridge news", ("R&D", "Roads", "A < B"))
    assert outline.feed_url == "/f?a&amp;b"
