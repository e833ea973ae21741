"""Every reader of what comes from outside takes time in proportion to its size, or runs in the sandbox (A3, S15).

robots.txt has tests of its own (tests/fetch/test_robots.py), and so have whole feeds and what the sandbox does with
them (tests/test_sandbox.py), chunks and content codings (tests/fetch).
"""

from __future__ import annotations

import ast
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from factories import NOON, fetched
from origin import Document, Origin
from wire import Wire

import feeds
from feeds import http_headers, sanity
from feeds.errors import SourceError
from feeds.model import Category, Channel, Link, Media, Parsed, Person, Story, Text
from feeds.normalize import (
    describe_channel,
    merge_stories,
    story_digest,
    story_url,
    truncation_warnings,
    upstream_id,
)
from feeds.normalize.dates import parse_date
from feeds.normalize.html import clean_html, strip_tags, to_html, to_plain_text
from feeds.normalize.images import find_first_image
from feeds.normalize.language import language_tag
from feeds.normalize.links import canonical_link
from feeds.normalize.media import clean_media, find_attachments, parse_duration
from feeds.normalize.people import resolve_bylines, select_authors
from feeds.normalize.text import clean_label, decode_label, is_inert
from feeds.parse.charset import decode
from feeds.parse.own_stories import front_matter, plain_text
from feeds.sandbox import needs_worker

PAGE = "https://a.example/b/"
SMALL, FACTOR = 5_000, 4  # characters, and how many times as many are read for comparison
MAX_GROWTH = 2 * FACTOR  # of the time for these; with its square it would be FACTOR times FACTOR
SHORTEST = 0.1  # seconds of CPU that can be compared

READERS: dict[str, Callable[[str], object]] = {
    # headers of servers, and of the clients of ours
    "date of a header": http_headers.parse_date,
    "Cache-Control, Expires, Age": lambda text: http_headers.freshness_lifetime(
        dict.fromkeys(("cache-control", "expires", "date", "age"), text)
    ),
    "Retry-After": lambda text: http_headers.parse_retry_after({"retry-after": text, "date": text}),
    "Content-Type": http_headers.parse_content_type,
    "ETag, Last-Modified": http_headers.clean_validator,
    "If-None-Match": lambda text: http_headers.is_not_modified(text, text, '"a"', NOON),
    "Accept, Accept-Encoding": lambda text: (
        http_headers.prefers_html(text),
        http_headers.accepts_coding("gzip", text),
    ),
    # whole bodies
    "charset": lambda text: decode(text.encode(), None),
    "charset, declared": lambda text: decode(f'<?xml version="1.0" encoding="{text}"?>'.encode(), text),
    "what may be parsed here": lambda text: needs_worker(fetched(text)),
    "what came instead of a feed": lambda text: sanity.diagnose(text.encode(), "text/html", PAGE),
    "title of what came instead": lambda text: sanity.diagnose(f"<title>{text}".encode(), "text/html", PAGE),
    # texts of feeds and pages
    "HTML": lambda text: clean_html(text, PAGE),
    "attributes of HTML": lambda text: clean_html(f'<a title="{text.replace(chr(34), "")}" href="/x">x</a>', PAGE),
    "HTML of plain text": lambda text: to_html(Text(text, "text"), PAGE),
    "lead image": lambda text: find_first_image(clean_html(text, None)),
    "plain text": lambda text: to_plain_text(Text(text, "text")),
    "plain text of HTML": lambda text: to_plain_text(Text(text)),
    "plain text of escaped HTML": lambda text: to_plain_text(Text(text.replace("&", "&amp;").replace("<", "&lt;"))),
    "text of HTML": strip_tags,
    "label": clean_label,
    "label, decoded": decode_label,
    "id": is_inert,
    "date": lambda text: parse_date(text, NOON),
    "language": language_tag,
    "people": lambda text: select_authors((Person(text), Person(email=text), Person(text, text, text)), PAGE),
    "byline": lambda text: resolve_bylines(
        Story(people=tuple(Person(text, role=role, place="top", element=1) for role in ("byline", "author")))
    ),
    "address": lambda text: story_url(Story(id=text, id_is_permalink=True, links=(Link(text),)), PAGE),
    "address, canonical": lambda text: (canonical_link(PAGE + text), canonical_link(f"{PAGE}?{text}")),
    "enclosures and media": lambda text: (
        find_attachments(Story(links=(Link(text, "enclosure", text, text),)), PAGE),
        clean_media(Story(media=(Media(PAGE + "x.png", type=text, width=text, duration=text),)), PAGE),
    ),
    "duration": parse_duration,
    # stories as the turn compares and merges them
    "identity": lambda text: (upstream_id(Story(id=text), PAGE), upstream_id(Story(title=Text(text)), PAGE, "link")),
    "digest": lambda text: story_digest(
        Story(
            title=Text(text),
            content=(Text(text),),
            published=text,
            people=(Person(text),),
            categories=(Category(text),),
        )
    ),
    "listing and page": lambda text: merge_stories(
        Story(content=(Text(text),)), Story(content=(Text(text),)), prefer_listed=True
    ),
    "too long": lambda text: truncation_warnings((Story(content=(Text(text * 100),)),)),
    "channel": lambda text: describe_channel(
        Parsed("rss", PAGE, Channel(title=Text(text), links=(Link(text, "hub"),)))
    ),
    # our own stories
    "front matter": front_matter.read_front_matter,
    "front matter, YAML": lambda text: front_matter.read_front_matter(f"---\n{text}\n---\nText"),
    "plain text of our own": plain_text.read,
}
SHAPES = (
    *("a", "1", " ", "\n", "\t", "é", "日", "\U0001f600", "\r", "\x0b", "\u2028", "\u200b", "/", "%", "(", "[", ","),
    *(";", ":", "a@", "a@a.", "a.", "1.", "1-", "1:", "1 Jan ", "12:30 ", "年1月", "a und ", "By a, ", ")(", "//"),
    *("../", "%20", "?a&", "<", "</", "<a ", "<a b='", "<!--", "<![CDATA[", "<script>", "<style>", "<style></script>"),
    *("<div>", "<br>", "<p>", "<td><tr>", "<span><b></span>", "<img src=a ", "<img srcset='a 1x,", "<iframe src='x'>"),
    *(
        "<a href='javascript:",
        "&",
        "&#",
        "&#x80;",
        "&amp;",
        "&amp;amp;",
        '"',
        "'",
        "\\",
        '\\"',
        'W/"a"',
        "a=b,",
        'a="b",',
    ),
    *("q=1;", "http://", "a=1&", "\n\n", "  \n", "\n- ", "\n> ", "---\n", "a: b\n", "a: &a [*a]\n", "{", "[{", "- x\n"),
    *("PT1H", "utm_a=1&"),
)


def seconds_for(read: Callable[[str], object], text: str) -> float:
    """The CPU that a reader takes, whatever it makes of the text."""
    began = time.process_time()
    with suppress(SourceError, front_matter.UnreadableFile):
        read(text)
    return time.process_time() - began


@pytest.mark.parametrize("name", READERS)
def test_A3_S15_a_reader_takes_time_in_proportion_to_what_it_reads(name: str) -> None:
    read = READERS[name]
    for shape in SHAPES:
        small = shape * (SMALL // len(shape))
        if seconds_for(read, small * FACTOR) > SHORTEST:
            growths = (seconds_for(read, small * FACTOR) / seconds_for(read, small) for _ in range(3))
            assert any(growth < MAX_GROWTH for growth in growths), shape


def test_A3_S15_documents_are_parsed_only_where_a_worker_may_do_it() -> None:
    """`pipeline.visit` hands what it takes from `parse` to `run`, which decides by the bytes, and calls none itself."""
    tree = ast.parse((Path(feeds.__file__).parent / "pipeline" / "visit.py").read_text(encoding="utf-8"))
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("parse")
        for alias in node.names
    } | {"find_announced_feed"}
    assert {"parse_opml", "read_page", "read_story", "read_sitemap"} <= imported
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert not called & (imported - {"join_pages"})  # which joins what was read


def test_F16_A3_tens_of_thousands_of_items_with_a_title_alone_cost_little(wire: Wire, origin: Origin) -> None:
    """The newest 1,000 are taken, also when all of them are others at the next visit."""

    def titles(visit: int) -> bytes:
        items = "".join(f"<item><title>Story {n} of visit {visit}</title></item>" for n in range(37_000))
        return f"<rss version='2.0'><channel><title>t</title>{items}</channel></rss>".encode()

    document = Document(titles(0))
    wire.declare({"a": {"feed": origin.put("/a", document), "every": "1s"}})
    with wire.app() as app:
        began = time.process_time()
        for visit in range(3):
            document.body = titles(visit)
            app.turn()
            assert len(list(app.store.articles())) <= 1000 * (visit + 1)
        assert time.process_time() - began < 60
