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
from factories import NOON, fetched, visit_to
from origin import Document, Origin
from wire import Wire

import feeds
from feeds import http_headers, pipeline, sanity
from feeds.errors import SourceError
from feeds.fetch.decoding import decode_body
from feeds.fetch.problems import FetchProblem
from feeds.harvest.listings import read_listing
from feeds.model import Category, Channel, Fetched, Kind, Link, Media, Parsed, Person, SeenItems, Source, Story, Text
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
from feeds.normalize.images import find_first_image, fix_images
from feeds.normalize.language import language_tag
from feeds.normalize.links import canonical_link
from feeds.normalize.media import clean_media, find_attachments, parse_duration
from feeds.normalize.people import resolve_bylines, select_authors
from feeds.normalize.text import clean_label, decode_label, is_inert
from feeds.parse import parse
from feeds.parse.charset import decode
from feeds.parse.discover import holds_comments
from feeds.parse.feed.text_constructs import unwrap_cdata
from feeds.parse.opml import parse_opml
from feeds.parse.own_stories import front_matter, html, markdown, plain_text
from feeds.parse.page import read_page
from feeds.parse.page.article import read_story
from feeds.parse.sitemap import read_sitemap
from feeds.pipeline.read import find_announced_feed
from feeds.registry import source_kinds
from feeds.rows.articles import encode_article
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
    "Link": http_headers.parse_links,
    "ETag, Last-Modified": http_headers.clean_validator,
    "If-None-Match": lambda text: http_headers.is_not_modified(text, text, '"a"', NOON),
    "Accept, Accept-Encoding": lambda text: (
        http_headers.prefers_html(text),
        http_headers.select_coding(["br", "gzip"], text),
    ),
    # whole bodies
    "charset": lambda text: decode(text.encode(), None),
    "charset, declared": lambda text: decode(f'<?xml version="1.0" encoding="{text}"?>'.encode(), text),
    "what may be parsed here": lambda text: needs_worker(fetched(text)),
    "what came instead of a feed": lambda text: sanity.diagnose(text.encode(), "text/html", PAGE),
    "title of what came instead": lambda text: sanity.diagnose(f"<title>{text}".encode(), "text/html", PAGE),
    "OPML": lambda text: parse_opml(f"<opml><outline xmlUrl='http://a/' text='a'>{text}".encode()),
    "sitemap": lambda text: read_sitemap(fetched(f"<urlset><url><loc>http://a.example/{text}")),
    "sitemap that is repaired": lambda text: read_sitemap(fetched(f"<urlset><news:title>{text}</urlset><loc>&x{text}")),
    "sitemap, plain": lambda text: read_sitemap(fetched(f"https://a.example/{text}")),
    "page that names UTF-8": lambda text: decode(f"<meta{text}é".encode(), "gbk"),
    "short text": lambda text: decode(text.encode() + b"\xe9", None),
    "comments by address and title": lambda text: holds_comments(PAGE + text, text),
    "JSON": lambda text: parse(fetched('{"items": [' + text), Source("a", Kind.FEED, PAGE)),
    "JSON, a string": lambda text: parse(fetched('{"items": ["' + text), Source("a", Kind.FEED, PAGE)),
    "section that was escaped": lambda text: unwrap_cdata("&amp;lt;![CDATA[" + text),
    "Content-Encoding": lambda text: decode_body([b"x"], text, 10),
    # texts of feeds and pages
    "HTML": lambda text: clean_html(text, PAGE),
    "attributes of HTML": lambda text: clean_html(f'<a title="{text.replace(chr(34), "")}" href="/x">x</a>', PAGE),
    "HTML of plain text": lambda text: to_html(Text(text, "text"), PAGE),
    "addresses of an image": lambda text: (
        fix_images(f'<img src="/a" srcset="{text.replace(chr(34), "")}x y">', PAGE),
        fix_images(f'<img data-srcset="{text.replace(chr(34), "")}x y">', PAGE),
    ),
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
    "front matter, first line": lambda text: front_matter.read_front_matter(f"---{text}x"),
    "front matter, YAML": lambda text: front_matter.read_front_matter(f"---\n{text}\n---\nText"),
    "plain text of our own": plain_text.read,
    "Markdown": lambda text: markdown.read(f"{text[: len(text) // 5]}x"),  # it is slow, but linear
    "HTML of our own": html.read,
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
    with suppress(SourceError, FetchProblem, front_matter.UnreadableFile):
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


@pytest.mark.parametrize("same_id", [False, True], ids=["titles alone", "one id"])
def test_F22_A3_to_judge_a_listing_takes_time_in_proportion_to_its_items(same_id: bool) -> None:
    def judge_new_ids(count: int) -> None:
        stories = [Story(id="1" if same_id else None, title=Text(f"Story {number}")) for number in range(count)]
        ids = [upstream_id(story, PAGE) for story in stories]
        seen = [f"earlier {id}" for id in ids]
        items = SeenItems("a,2026", dict.fromkeys(seen, ""), {f"link {id}": id for id in seen}, count)
        sanity.judge(Parsed("xml", PAGE, stories=tuple(stories)), ids, items, first=False)

    def seconds(count: int) -> float:
        return seconds_for(lambda _: judge_new_ids(count), "")

    assert any(seconds(37_000) < MAX_GROWTH * max(seconds(37_000 // FACTOR), SHORTEST) for _ in range(3))


# ── pages, which only a process of its own extracts from ────────────────────────────────────────────────────────────

EXTRACTING = {read_page, read_story, find_announced_feed}  # lxml, trafilatura, selectors
WORDS = "<p>" + "A page without a beginning that would tell it. " * 20


@pytest.mark.parametrize("story", [None, Story(links=(Link(PAGE),))], ids=["a list", "a story"])
@pytest.mark.parametrize("media_type", ["text/html", "text/plain", "application/rss+xml", ""])
@pytest.mark.parametrize("body", [WORDS, " " * 4_000 + "<html>" + WORDS], ids=["no beginning", "a late beginning"])
@pytest.mark.parametrize("kind", [Kind.PAGE, Kind.ANY])
def test_A3_pages_are_read_apart_whatever_they_are_said_to_be(
    kind: Kind, body: str, media_type: str, story: Story | None
) -> None:
    called: list[tuple[Fetched | None, object]] = []

    def run(fit_for: Fetched | None, function: Callable[..., object], *arguments: object) -> object:
        called.append((fit_for, function))
        return function(*arguments)

    io = pipeline.VisitIO(
        robots=lambda url, visit: (True, visit.host),
        fetch=lambda visit: fetched(body, PAGE, media_type=media_type),
        run=run,  # type: ignore[arg-type]
        seen_items=lambda source: SeenItems("a,2026"),
        now=lambda: NOON,
        encode=encode_article,
    )
    pipeline.pull(visit_to(PAGE, story=story, kind=kind), io)
    extracting = {*EXTRACTING, read_listing} if kind is Kind.PAGE else EXTRACTING  # it reads as the kind declares
    assert kind is Kind.ANY or extracting & {function for _, function in called}
    assert all(response is None for response, function in called if function in extracting)


def test_A3_the_readers_of_all_other_kinds_of_sources_are_linear() -> None:
    assert {kind.name for kind in source_kinds().values() if not kind.is_linear} == {Kind.PAGE}


def test_A3_what_is_packed_is_unpacked_apart() -> None:
    """The name of the file in its head keeps the body free of zeros for longer than is looked at."""
    head = b"\x1f\x8b\x08\x08\x01\x01\x01\x01\x01\x01" + b"a" * 3_000 + b"\0"
    assert needs_worker(fetched(head + b"...", media_type="application/gzip"))
