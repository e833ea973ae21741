"""`feeds.read`: one document as a JSON Feed, clean in every field."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import lxml.html
import pytest
from origin import Document, Origin
from payloads import SPACES, payload_item, payloads
from wire import Wire, rss

import feeds
from feeds import pipeline
from feeds.model import Channel, Link, Parsed, Person, Story, Text

AT = datetime(2026, 3, 2, tzinfo=UTC)


def test_a_document_that_was_read_has_all_that_its_channel_told() -> None:
    channel = Channel(
        id="urn:x:1",
        title=Text("<b>News</b> &amp; more"),
        description=Text("a < b", type="text"),
        links=(
            Link("/"),
            Link("https://second.example/"),
            Link("feed.json", rel="self"),
            Link("https://hub.example/", rel="hub"),
            Link("https://hub.example/", rel="hub"),
            Link("javascript:alert(1)", rel="hub"),
        ),
        language="en",
        people=(Person("Jo", url="https://x.example/jo"), Person()),
        rights=Text("(c)"),
        image=Link("logo.png", base="https://img.example/"),
        icon=Link("http://[broken"),
        generator="G 1.0",
    )
    story = Story(id="u1", title=Text("One", "text"))
    read = pipeline.as_json_feed(Parsed("atom", "https://x.example/a/", channel, (story,)), AT)
    items = read.pop("items")
    assert read == {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "News & more",
        "home_page_url": "https://x.example/",
        "feed_url": "https://x.example/a/feed.json",
        "description": "a < b",
        "icon": "https://img.example/logo.png",
        "language": "en",
        "authors": [{"name": "Jo", "url": "https://x.example/jo"}],
        "author": {"name": "Jo", "url": "https://x.example/jo"},
        "hubs": [{"type": "WebSub", "url": "https://hub.example/"}],
        "_feeds": {"rights": "(c)", "id": "urn:x:1", "generator": "G 1.0", "reader": "atom"},
    }
    assert isinstance(items, list)
    assert items[0]["id"] == "u1"


def test_R37_a_document_of_nothing_still_has_title_and_items() -> None:
    assert pipeline.as_json_feed(Parsed("rss", None), AT) == {
        "version": "https://jsonfeed.org/version/1.1",
        "title": "",
        "_feeds": {"reader": "rss"},
        "items": [],
    }


# ── nothing executes ────────────────────────────────────────────────────────────────────────────────────────────────

# An empty element without attributes does nothing, nor does a form, svg or math: a text may mention it.
ACTIVE = frozenset({"script", "iframe", "object", "embed", "style", "base", "meta", "link", "frame"})
ADDRESSES = frozenset({"href", "src", "srcset", "action", "poster", "data", "cite", "background"})
SCHEME = re.compile(r"^[\x00-\x20]*(javascript|vbscript|data|file)[\x00-\x20]*:", re.I)


def _strings(value: object, member: str = "") -> Iterator[tuple[str, str]]:
    """Every string, with the name of the member it stands in."""
    if isinstance(value, str):
        yield member, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            if name not in ("found", "warnings"):
                yield from _strings(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner, member)


def _active(member: str, text: str) -> list[str]:
    """What would run if a careless reader put the text into a page, or made a link of an address."""
    is_address = member in ("id", "image", "icon", "favicon", "avatar", "feed", "published_id") or "url" in member
    problems = ["scheme"] if is_address and SCHEME.match(text) else []
    for element in lxml.html.fragment_fromstring(text, create_parent="div").iter():
        name = str(element.tag).lower()
        problems += [name] if name in ACTIVE and (element.attrib or element.text) else []
        for attribute, value in element.attrib.items():
            if attribute.lower().startswith("on") or attribute.lower() in ("style", "srcdoc", "formaction"):
                problems.append(attribute)
            if attribute.lower() in ADDRESSES and SCHEME.match(value):
                problems.append(f"{attribute}={value[:40]}")
    return problems


def _running(document: object) -> list[tuple[str, str, list[str]]]:
    return [(member, text, found) for member, text in _strings(document) if (found := _active(member, text))]


def test_S7_S8_S9_S10_no_payload_executes_in_any_field_of_any_output(tmp_path: Path, origin: Origin) -> None:
    """Every payload in every field of a feed: nothing that runs is left in what is read, nor in what is published."""
    items = "".join(map(payload_item, payloads()))
    body = f"<rss version='2.0' {SPACES}><channel><title>t</title>{items}</channel></rss>".encode()
    read = feeds.read(body, "https://a.example/feed")
    assert len(read["items"]) > 5  # type: ignore[arg-type]
    assert _running(read) == []
    wire = Wire(tmp_path)
    wire.declare({"a": origin.put("/a", Document(body))})
    wire.turn()
    for suffix in ("rss", "atom", "json"):
        published = feeds.read((wire.public / f"all.{suffix}").read_bytes(), "https://wire.example.org/")
        assert _running(published) == []


# ── what a caller is told (D8) ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("body", "url", "subject"),
    [(b"", None, "The source "), (b"", "https://a.example/x", "a.example "), (b"<html><p>x", None, "The page ")],
)
def test_D8_an_error_has_a_subject_and_says_what_to_do(body: bytes, url: str | None, subject: str) -> None:
    with pytest.raises(feeds.ParseError) as error:
        feeds.read(body, url)
    assert str(error.value).startswith(subject)
    assert str(error.value).count(". ") == 1


def test_D8_only_bytes_are_read() -> None:
    with pytest.raises(TypeError, match="not str: open the file with mode 'rb', or encode the text"):
        feeds.read("<rss/>")  # type: ignore[arg-type]
    assert feeds.read(bytearray(rss(("1", "One"))))["title"] == "A source"


def test_D8_a_caller_may_say_what_it_is() -> None:
    links = "".join(f"<p><a href='/{number}'>The ferry of day {number}</a>" for number in range(3)).encode()
    as_list = feeds.read(b"<html>" + links, "https://a.example/news", read_as="list")
    assert as_list["_feeds"] == {"reader": "page:list"}
    assert feeds.read(b"<html><p>x", read_as="list")["items"] == []
    with pytest.raises(feeds.ParseError):
        feeds.read(b"<html>" + links, read_as="feed")
    with pytest.raises(ValueError, match="'story', 'list', 'feed' or None"):
        feeds.read(links, read_as="page")  # type: ignore[arg-type]


def test_a_document_tells_its_categories_dates_and_people() -> None:
    body = (
        b"<rss><channel><title>T</title><pubDate>Wed, 12 Mar 2025 10:00:00 +0100</pubDate><generator>G 1</generator>"
        b"<lastBuildDate>soon</lastBuildDate><managingEditor>ann@a.example (Ann Lee)</managingEditor>"
        b"<webMaster>bo@a.example</webMaster><category domain='s:'>Roads &amp;amp; rails</category>"
        b"<item><title>x</title><author>cy@a.example (Cy)</author></item></channel></rss>"
    )
    document = feeds.read(body, "https://a.example/feed")
    assert document["_feeds"] == {
        "generator": "G 1",
        "published": "2025-03-12T09:00:00Z",
        "categories": [{"term": "Roads & rails", "scheme": "s:"}],
        "people": [
            {"role": "author", "name": "Ann Lee", "email": "ann@a.example"},
            {"role": "webmaster", "name": "bo@a.example", "email": "bo@a.example"},
        ],
        "reader": "xml",
    }
    (item,) = cast(list[dict[str, dict[str, object]]], document["items"])
    assert item["_feeds"]["people"] == [{"role": "author", "name": "Cy", "email": "cy@a.example"}]
