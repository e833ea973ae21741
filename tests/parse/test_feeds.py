"""Feeds of every format are read into stories, as the source gave them, and safely whatever the bytes are."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import factories
import pytest

from feeds.errors import ParseError
from feeds.model import Fetched, Kind, Parsed, Source, Story, field_names
from feeds.parse import READERS, parse, xml_tree
from feeds.parse.document import open_document
from feeds.parse.feed import feedparser_fallback

DATA = Path(__file__).parents[1] / "data" / "parse" / "feeds"
CASES = sorted(file for file in DATA.iterdir() if not file.name.endswith(".expect.json"))
WELL_FORMED = [file for file in CASES if file.suffix in (".xml", ".rdf") and file.stem not in ("broken", "rss091")]


def fetched(body: bytes | str, name: str = "x", **fields: Any) -> Fetched:
    return factories.fetched(body, f"https://feeds.example/doc/{name}", **fields)


def item(inside: str, outside: str = "") -> Story:
    """The story of a single RSS item."""
    return parse(fetched(f"<rss {outside}><channel><title>c</title><item>{inside}</item></channel></rss>")).stories[0]


def plain(value: object) -> object:
    """Return a record as a dict, whatever records it holds likewise."""
    if names := field_names(value):
        return {name: plain(getattr(value, name)) for name in names}
    return tuple(map(plain, value)) if isinstance(value, tuple) else value


def differences(expected: object, actual: object, where: str = "") -> Iterator[str]:
    """Yield where a record differs from an expectation; members that the expectation lacks may be anything."""
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        for name, value in expected.items():
            yield from differences(value, actual.get(name), f"{where}.{name}")
    elif isinstance(expected, list) and isinstance(actual, Sequence) and not isinstance(actual, str):
        if len(expected) != len(actual):
            yield f"{where}: {len(actual)} instead of {len(expected)}: {actual}"
        for index, (value, element) in enumerate(zip(expected, actual, strict=False)):
            yield from differences(value, element, f"{where}[{index}]")
    elif expected != actual:
        yield f"{where}: {actual!r} instead of {expected!r}"


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.name)
def test_a_feed_says_what_its_expectation_says(file: Path) -> None:
    expected = json.loads((DATA / f"{file.stem}.expect.json").read_text(encoding="utf-8"))
    assert not list(differences(expected, plain(parse(fetched(file.read_bytes(), file.name)))))


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.name)
def test_F30_the_same_bytes_give_the_same_answer(file: Path) -> None:
    assert parse(fetched(file.read_bytes())) == parse(fetched(file.read_bytes()))


# ── all readers give the same stories ───────────────────────────────────────────────────────────────────────────────


def comparable(story: Story, base: str) -> dict[str, object]:
    """Return the fields that both readers fill, in a common form."""

    def bare(value: str) -> str:
        return re.sub(r"\s|<[^<>]+>|/(?=>)", "", value)

    return {
        "id": story.id,
        "title": story.title and (bare(story.title.value), story.title.type),
        "summary": story.summary and bare(story.summary.value),
        "content": [bare(text.value) for text in story.content],
        "dates": sorted(filter(None, (story.published, story.updated))),
        "links": sorted(
            (urljoin(link.base or base, link.href), link.rel)
            for link in story.links
            if link.rel in ("alternate", "enclosure")
        ),
        "categories": {category.term for category in story.categories},
        "comments": story.comments and story.comments.count,
        "media": sorted(medium.url for medium in story.media if medium.role == "content"),
    }


@pytest.mark.parametrize("file", [file for file in WELL_FORMED if file.stem != "media"], ids=lambda file: file.name)
def test_F30_xml_reader_and_feedparser_give_the_same_stories(file: Path) -> None:
    body = file.read_bytes()
    first, last = parse(fetched(body)), feedparser_fallback.read(open_document(fetched(body), None))
    assert first.reader == "xml" and last.reader == "feedparser"
    for story, fallback_story in zip(first.stories, last.stories, strict=True):
        actual, expected = (comparable(record, "https://feeds.example/doc/x") for record in (story, fallback_story))
        expected = {name: value for name, value in expected.items() if value}
        assert {name: actual[name] for name in expected} == expected


@pytest.mark.parametrize("file", WELL_FORMED, ids=lambda file: file.name)
def test_F30_repair_gives_the_same_stories(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    broken = re.sub(r"</(rss|feed|rdf:RDF|CHANNEL|RSS)>\s*$", "", text)
    assert broken != text
    well_formed, repaired = parse(fetched(text)), parse(fetched(broken))
    assert repaired.stories == well_formed.stories
    assert repaired.warnings == ("the XML is not well-formed and was repaired",)


def test_F30_feedparser_reads_what_repair_would_lose() -> None:
    body = "".join(f"<rss><channel><item><title>t{number}</title></item></channel></rss>" for number in range(3))
    parsed = parse(fetched(body))
    assert [story.title and story.title.value for story in parsed.stories] == ["t0", "t1", "t2"]
    assert parsed.reader == "feedparser" and parsed.warnings


# ── single facts ────────────────────────────────────────────────────────────────────────────────────────────────────

TITLES = [
    ("1 &lt; 2", "1 < 2", "text"),
    ("the &lt;blink&gt; tag", "the <blink> tag", "text"),
    ("A &amp;amp; B", "A &amp; B", "html"),
    ("A &amp; B", "A & B", "text"),
    ("<![CDATA[a <b>bold</b> word]]>", "a <b>bold</b> word", "html"),
    ("a <b>bold</b> word", "a <b>bold</b> word", "html"),
    ("don&#146;t", "don’t", "text"),
    ("don\x92t", "don’t", "text"),
]


@pytest.mark.parametrize(("written", "value", "kind"), TITLES, ids=[row[0] for row in TITLES])
def test_a_title_of_rss_is_html_only_where_it_holds_markup(written: str, value: str, kind: str) -> None:
    title = item(f"<title>{written}</title>").title
    assert title is not None
    assert (title.value, title.type) == (value, kind)


DATES = [
    ("<pubDate>a</pubDate><dc:date>b</dc:date>", "a", None, "pubDate"),
    ("<dc:date>b</dc:date><pubDate>a</pubDate>", "a", None, "pubDate"),
    ("<dc:date>b</dc:date>", "b", None, "dc:date"),
    ("<dcterms:issued>c</dcterms:issued><dcterms:modified>d</dcterms:modified>", "c", "d", "dcterms:issued"),
    ("<dcterms:created>e</dcterms:created>", "e", None, "dcterms:created"),
]


@pytest.mark.parametrize(("written", "published", "updated", "where"), DATES, ids=[row[0] for row in DATES])
def test_the_best_date_is_taken_wherever_it_stands(
    written: str, published: str, updated: str | None, where: str
) -> None:
    story = item(written, 'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/"')
    assert (story.published, story.updated, story.found["published"]) == (published, updated, where)


def test_summary_and_description_of_one_item() -> None:
    story = item("<summary>short</summary><description>whole</description>")
    assert story.summary and story.summary.value == "short"
    assert [text.value for text in story.content] == ["whole"]


def test_a_link_that_is_closed_before_its_address() -> None:
    assert item("<link/>https://void.example/1\n<title>t</title>").links[0].href == "https://void.example/1"


def test_the_date_of_the_channel_is_not_that_of_its_items() -> None:
    parsed = parse(fetched("<rss><channel><pubDate>x</pubDate><item><title>t</title></item></channel></rss>"))
    assert (parsed.channel.published, parsed.stories[0].published) == ("x", None)


def test_found_is_one_dictionary_for_like_items() -> None:
    items = "".join(f"<item><title>{number}</title><guid>{number}</guid></item>" for number in range(3))
    identities = [id(story.found) for story in parse(fetched(f"<rss><channel>{items}</channel></rss>")).stories]
    assert len(set(identities)) == 1


def test_the_base_is_content_location_but_no_inner_address() -> None:
    body = "<rss><channel><title>t</title></channel></rss>"
    outer = parse(fetched(body, headers={"content-location": "https://public.example/feed/"}))
    inner = parse(fetched(body, headers={"content-location": "http://10.0.0.3/index.xml"}))
    assert (outer.base, inner.base) == ("https://public.example/feed/", "https://feeds.example/doc/x")


@pytest.mark.parametrize(
    ("header", "language"), [("de", "de"), ("de, en", None), ("", None)], ids=["one", "several", "none"]
)
def test_the_language_of_the_header_counts_where_the_feed_names_none(header: str, language: str | None) -> None:
    body = "<rss><channel><title>t</title></channel></rss>"
    assert parse(fetched(body, headers={"content-language": header})).channel.language == language


def test_S24_instructions_are_ignored() -> None:
    channel = "<channel><title>a<?php evil ?>b</title></channel>"
    parsed = parse(fetched(f'<?xml version="1.0"?><?xml-stylesheet href="x.xsl"?><rss>{channel}</rss>'))
    assert parsed.channel.title and parsed.channel.title.value == "ab"
    assert not parsed.warnings


# ── what is no feed ─────────────────────────────────────────────────────────────────────────────────────────────────

REFUSED = [
    (b"", "empty"),
    (b" \r\n\t", "empty"),
    (b"\xef\xbb\xbf", "empty"),
    (b"<!DOCTYPE html><html><head><title>Log in</title></head><body>Please log in</body></html>", "html"),
    (b"<html><body>we write about <rss> here</body></html>", "html"),
    (b"<opml><body/></opml>", "opml"),
    (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not_a_feed"),
    (b"{}", "not_a_feed"),
    (b'{"items": 3}', "not_a_feed"),
    (b"{not json", "json"),
    (b"[" * 100_000, "json"),
    (b"\x89PNG\r\n\x1a\n\0\0\0", "not_a_feed"),
    ("<rss><channel><title>x</title></channel></rss>".encode("utf-7").replace(b"<", b"+ADw-"), "not_a_feed"),
]


@pytest.mark.parametrize(("body", "kind"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_no_feed_is_refused_with_a_reason(body: bytes, kind: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse(fetched(body))
    assert caught.value.kind == kind
    assert caught.value.sentence.endswith(".")


def test_an_empty_feed_is_a_feed() -> None:
    parsed = parse(fetched("<rss><channel><title>New here</title></channel></rss>"))
    assert parsed.stories == ()


# ── hostile bytes ───────────────────────────────────────────────────────────────────────────────────────────────────

LAUGHS = "<!ENTITY l0 'ha'>" + "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 10))
SUBSETS = [
    LAUGHS,
    f"<!ENTITY l9 '{'x' * 50_000}'>",
    "<!ENTITY l9 SYSTEM 'file:///etc/passwd'>",
    "<!ENTITY l9 SYSTEM 'http://127.0.0.1:9/x'>",
    "<!ENTITY % p SYSTEM 'file:///etc/passwd'> %p; <!ENTITY l9 'y'>",
    '<!-- a ] bracket \' and " quotes --><!ENTITY l9 "it\'s ]">',
]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("subset", SUBSETS, ids=range(len(SUBSETS)))
def test_S11_no_entity_is_ever_defined(subset: str, encoding: str) -> None:
    used = f"<item><title>[{'&l9;' * 200}]</title></item>"
    text = f"<!DOCTYPE rss [{subset}]><rss><channel><title>t</title>{used}</channel></rss>"
    title = parse(fetched(text.encode(encoding))).stories[0].title
    assert title is not None
    assert title.value == f"[{'&l9;' * 200}]"


@pytest.mark.parametrize(
    "opening", ["<!DOCTYPE rss [ <!ENTITY l9 'x", "<!DOCTYPE rss [<!ENTITY a ']>'> ", "<!DOCTYPE rss '"]
)
def test_S11_a_doctype_that_never_ends_defines_nothing(opening: str) -> None:
    text = f"{opening}<rss><channel><title>&l9;</title><item><title>t</title></item></channel></rss>"
    try:
        parsed = parse(fetched(text))
    except ParseError:
        return
    assert not parsed.channel.title or "x" not in parsed.channel.title.value


HOSTILE = {
    "F17 deep": "<rss><channel>" + "<a>" * 100_000,
    "F17 deep item": f"<rss><channel><item><description>{'<b>' * 50_000}</description></item></channel></rss>",
    "F17 attribute": f"<rss a='{'x' * 1_000_000}'><channel><item><title>t</title></item></channel></rss>",
    "F17 namespaces": "<rss><channel><item>"
    + "".join(f"<a xmlns:n{n}='u{n}'/>" for n in range(20_000))
    + "</item></channel></rss>",
    "F16 categories": f"<rss><channel><item>{'<category>c</category><category/>' * 50_000}</item></channel></rss>",
    "F16 many names": "<rss><channel><item>" + "".join(f"<x{n}/>" for n in range(20_000)) + "</item></channel></rss>",
    "S15 author": f"<rss><channel><item><author>{'a' * 1_000_000}</author></item></channel></rss>",
    "S15 author, broken": f"<rss><channel><item><author>{'a' * 1_000_000}@</author>" + "<item>" * 3,
    "S15 author, CDATA, two roots": f"<rss><channel><item><author><![CDATA[{'a' * 300_000}]]></author></item></rss>"
    * 2,
    "S15 date": f"<rss><channel><item><pubDate>{'1' * 1_000_000}</pubDate></item></channel></rss>",
    "S15 link": f"<rss><channel><item><link>http://{'a' * 1_000_000}</link></item></channel></rss>",
    "S15 open CDATA": "<rss><channel><item>" + "<![CDATA[" * 100_000,
    "S15 open comments": "<!--" * 200_000,
    "S15 ampersands": "<rss><channel><title>" + "&" * 500_000,
    "S15 brackets": "<rss><" * 100_000,
    "S15 json": '{"items": [' + '{"id": 1},' * 50_000 + "{}]}",
    "S15 json number": '{"items": [{"id": ' + "9" * 10_000 + "}]}",
    "bad base": "<feed xml:base='http://['><entry xml:base='//[x'><title>t</title></entry></feed>",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_bytes_are_read_or_refused(text: str) -> None:
    """F16, F17, S15: bounded depth, counts and lengths, and no work that grows with the square of the size."""
    try:
        parsed = parse(fetched(text))
    except ParseError:
        return
    for story in parsed.stories:
        assert len(story.categories) <= 500
        assert all(len(person.name or "") <= 2_000 for person in story.people)
        assert len(story.published or "") <= 2_000
        assert all(len(link.href) <= 8_000 for link in story.links)


def listing(order: Sequence[int]) -> str:
    dated = "".join(f"<item><title>{n}</title><pubDate>2026-01-{n + 1:02}</pubDate></item>" for n in order)
    return f"<rss><channel>{dated}</channel></rss>"


@pytest.mark.parametrize("order", [range(20), range(19, -1, -1)], ids=["oldest first", "newest first"])
def test_F16_only_the_newest_items_are_taken(order: Sequence[int]) -> None:
    source = Source("s", Kind.FEED, "https://feeds.example/", max_items=5)
    parsed = parse(fetched(listing(order)), source)
    assert {story.title and story.title.value for story in parsed.stories} == {"15", "16", "17", "18", "19"}
    assert parsed.warnings == ("more than 5 items are listed; only the newest are read",)


def mutants(seed: int, count: int) -> Iterator[bytes]:
    """Yield documents of every format, cut, spliced and damaged."""
    rng = random.Random(seed)
    bodies = [file.read_bytes() for file in CASES]
    scraps = [
        b"\0",
        b"\xff\xfe",
        b"\xfe\xff",
        b"&",
        b"<",
        b"]]>",
        b"<![CDATA[",
        b"<!DOCTYPE a [",
        b"\x1b$B",
        b"&#xD800;",
    ]
    scraps += [
        b"<item>",
        b"</channel>",
        b' encoding="utf-16"',
        b"\xed\xa0\x80",
        b"<!--",
        b"<?",
        b"{",
        b'"',
        b"\xe2\x80",
    ]
    for _ in range(count):
        body = bytearray(rng.choice(bodies))
        for _ in range(rng.randint(1, 12)):
            at = rng.randrange(len(body) + 1)
            match rng.randrange(4):
                case 0:
                    body[at:at] = rng.choice(scraps)
                case 1:
                    del body[at : at + rng.randint(1, 300)]
                case 2:
                    body[at : at + 1] = bytes([rng.randrange(256)])
                case _:
                    other = rng.choice(bodies)
                    start = rng.randrange(len(other))
                    body[at:at] = other[start : start + rng.randint(1, 400)]
        yield bytes(body)


@pytest.mark.parametrize("seed", range(4))
def test_any_bytes_become_parsed_or_parse_error(seed: int) -> None:
    """Whatever the bytes are, parse returns `Parsed` or raises ParseError."""
    charsets = (None, "utf-8", "utf-7", "utf-16", "iso-8859-1", "shift_jis", "nonsense", "zlib", "idna", "")
    for number, body in enumerate(mutants(seed, 250)):
        try:
            parsed = parse(fetched(body, charset=charsets[number % len(charsets)]))
        except ParseError:
            continue
        assert isinstance(parsed, Parsed)
        repr(parsed).encode("utf-8")  # no lone surrogates


def test_every_reader_is_reached() -> None:
    assert set(READERS) == {"json", "xml", "other"}
    assert xml_tree.parse("no xml at all") is None


# ── sections escaped twice, odd shapes, plain text, addresses ───────────────────────────────────────────────────────

MODULES = (
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:content="http://purl.org/rss/1.0/modules/content/" '
    'xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd" xmlns:media="http://search.yahoo.com/mrss/"'
)
SECTIONS = (
    "&lt;![CDATA[{}]]&gt;",
    " &#60;![CDATA[ {} ]]&#62; ",
    "&amp;lt;![CDATA[{}]]&amp;gt;",
    "<![CDATA[<![CDATA[{}]]>]]>",
    "&lt;![CDATA[{}",
)


@pytest.mark.parametrize("section", SECTIONS)
def test_B10_a_section_that_was_escaped_is_unwrapped_in_every_field(section: str) -> None:
    fields = {
        "title": "Bridge",
        "link": "https://a.example/1",
        "guid": "id-1",
        "description": "Short",
        "category": "Roads",
        "pubDate": "Wed, 12 Mar 2025 10:00:00 GMT",
        "dc:creator": "Ann Lee",
        "content:encoded": "Long",
        "itunes:duration": "61",
        "comments": "https://a.example/1/c",
    }
    story = item("".join(f"<{name}>{section.format(value)}</{name}>" for name, value in fields.items()), MODULES)
    assert story.title and story.summary and story.comments
    assert [story.title.value, story.links[0].href, story.id, story.summary.value] == list(fields.values())[:4]
    assert [story.categories[0].term, story.published, story.people[0].name] == list(fields.values())[4:7]
    assert [story.content[0].value, story.podcast["duration"], story.comments.url] == list(fields.values())[7:]


def test_B10_attributes_json_and_feedparser_unwrap_sections_too() -> None:
    address = "&lt;![CDATA[https://a.example/1]]&gt;"
    links = item(f"<enclosure url='{address}'/><atom:link href='{address}'/><media:content url='{address}'/>", MODULES)
    assert {link.href for link in links.links} | {medium.url for medium in links.media} == {"https://a.example/1"}
    entry = {
        "id": "1",
        "title": "<![CDATA[Bridge]]>",
        "content_html": "<![CDATA[<p>x</p>]]>",
        "tags": ["<![CDATA[R]]>"],
    }
    story = parse(fetched(json.dumps({"items": [entry]}))).stories[0]
    assert story.title and (story.title.value, story.content[0].value) == ("Bridge", "<p>x</p>")
    assert story.categories[0].term == "R"
    body = "<rss><channel><item><title>&lt;![CDATA[Bridge]]&gt;</title></item></channel></rss>"
    last = feedparser_fallback.read(open_document(fetched(body), None)).stories[0]
    assert last.title and last.title.value == "Bridge"


def test_B10_a_section_inside_a_text_is_text() -> None:
    story = item("<title>How &lt;![CDATA[ works</title>")
    assert story.title and story.title.value == "How <![CDATA[ works"


ENTRY = "<id>urn:1</id><title>Tide</title><link href='https://a.example/1'/>"
ODD_SHAPES = [
    f"<entry xmlns='http://www.w3.org/2005/Atom'>{ENTRY}</entry>",
    f"\ufeff<?xml version='1.0'?>\n<!-- <feed> --><entry>{ENTRY}</entry>",
    f"<atom:entry>{ENTRY}</atom:entry>",
    f"<?xml version='1.0'?><entry>{ENTRY}<p>not closed</entry>",
    "<item><title>Tide</title><link>https://a.example/1</link></item>",
    "<channel><title>c</title><link>/</link><item><title>Tide</title><link>https://a.example/1</link></item></channel>",
    "<rss><item><title>Tide</title><link>https://a.example/1</link></item></rss>",
    "<RSS><CHANNEL><ITEM><TITLE>Tide</TITLE><LINK>https://a.example/1</LINK></ITEM></CHANNEL></RSS>",
    "<Feed><Entry><Title>Tide</Title><Link HREF='https://a.example/1'/></Entry></Feed>",
    f"<a:feed><a:entry>{ENTRY.replace('<', '<a:').replace('<a:/', '</a:')}</a:entry></a:feed>".replace("a:", "atom:"),
    "<feed xmlns='http://www.w3.org/2005/Atom' xmlns:a='http://www.w3.org/2005/Atom'><entry><title>Tide</title>"
    "<link a:href='https://a.example/1' a:rel='alternate'/></entry></feed>",
    "<feed xmlns='http://www.w3.org/2005/Atom'><entry><title>Tide</title><link atom:href='https://a.example/1'/>"
    "</entry></feed>",
    "<rss xmlns='http://www.w3.org/2005/Atom'><channel><item><title>Tide</title><link>https://a.example/1</link></item>"
    "</channel></rss>",
    "<feed xmlns='http://www.w3.org/2005/Atom'><entry><title>Tide</title><link>https://a.example/1</link></entry></feed>",
    '{"items": [{"title": "Tide", "url": "https://a.example/1", "tags": ["a, ]",],},],}',
    '{"rss": {"channel": {"title": "c", "item": {"title": "Tide", "link": "https://a.example/1"}}}}',
]


@pytest.mark.parametrize("body", ODD_SHAPES, ids=range(len(ODD_SHAPES)))
def test_B16_what_says_that_it_is_a_feed_is_read(body: str) -> None:
    (story,) = parse(fetched(body)).stories
    assert story.title and story.title.value == "Tide"
    assert [(link.href, link.rel) for link in story.links] == [("https://a.example/1", "alternate")]


@pytest.mark.parametrize("items", ["", ', "items": null', ', "items": {}', ', "items": []'])
def test_B16_json_feed_without_items_is_an_empty_feed(items: str) -> None:
    parsed = parse(fetched(f'{{"version": "https://jsonfeed.org/version/1", "title": "x"{items}}}'))
    assert parsed.channel.title and not parsed.stories


@pytest.mark.parametrize("body", ['{"title": "x"}', '{"items": {"a": 1}}', '{"items": "x", "version": "2.0"}'])
def test_B16_json_that_says_nothing_of_feeds_is_none(body: str) -> None:
    with pytest.raises(ParseError):
        parse(fetched(body))


def test_B16_elements_of_rss_in_the_namespace_of_atom_are_those_of_rss() -> None:
    body = (
        "<rss xmlns='http://www.w3.org/2005/Atom'><channel><item><guid>g</guid><pubDate>2026-01-01</pubDate>"
        "<description>&lt;p>x&lt;/p></description><enclosure url='/a.mp3'/><author>a@a.example (Ann)</author></item>"
        "</channel></rss>"
    )
    (story,) = parse(fetched(body)).stories
    assert story.summary and (story.summary.type, story.summary.value) == ("html", "<p>x</p>")
    assert (story.id, story.published, story.links[0].rel) == ("g", "2026-01-01", "enclosure")


def test_B16_attributes_with_a_prefix_or_in_capitals() -> None:
    story = item(
        "<enclosure URL='/a.mp3' TYPE='audio/mpeg' Length='5'/><guid ispermalink='false'>x</guid>"
        "<media:content media:url='/a.mp4' media:type='video/mp4'/><itunes:image itunes:href='/i.jpg'/>"
        "<category TERM='Roads' Scheme='s:'/>",
        MODULES,
    )
    assert [(link.href, link.type, link.length) for link in story.links] == [("/a.mp3", "audio/mpeg", "5")]
    assert (story.media[0].url, story.media[0].type, story.id_is_permalink) == ("/a.mp4", "video/mp4", False)
    assert story.image and story.image.href == "/i.jpg"
    assert (story.categories[0].term, story.categories[0].scheme) == ("Roads", "s:")
    atom = "http://www.w3.org/2005/Atom"
    body = f"<entry xmlns='{atom}' xmlns:a='{atom}'><content a:type='html'>&lt;b>x&lt;/b></content></entry>"
    content = parse(fetched(body)).stories[0].content[0]
    assert (content.type, content.value) == ("html", "<b>x</b>")


LINES = "One &lt;two&gt; &amp;amp; three\n\n0:00 Start"


@pytest.mark.parametrize(
    "name",
    ["itunes:summary", "itunes:subtitle", "media:description", "dc:description", "media:description type='plain'"],
)
def test_B10_what_is_defined_as_plain_text_is_plain(name: str) -> None:
    story = item(f"<{name}>{LINES}</{name.partition(' ')[0]}>", MODULES)
    assert story.summary and (story.summary.type, story.summary.value) == (
        "text",
        "One <two> &amp; three\n\n0:00 Start",
    )


@pytest.mark.parametrize(
    ("written", "type", "value"),
    [
        ("<media:description type='html'>a</media:description>", "html", "a"),
        ("<media:description type='plain'>a &lt;b>c&lt;/b></media:description>", "text", "a <b>c</b>"),
        ("<media:description>&lt;p>a&lt;/p>\nb</media:description>", "html", "<p>a</p>\nb"),
        ("<itunes:summary>&lt;p>a &lt;p>b</itunes:summary>", "html", "<p>a <p>b"),
        (
            "<itunes:summary>See &lt;a href='/x'>x&lt;/a>\n0:00 b</itunes:summary>",
            "html",
            "See <a href='/x'>x</a><br>\n0:00 b",
        ),
        ("<itunes:summary>a &lt;br/>\nb</itunes:summary>", "html", "a <br/>\nb"),
    ],
)
def test_B10_text_with_certain_tags_is_html_unless_its_type_says_otherwise(written: str, type: str, value: str) -> None:
    story = item(written, MODULES)
    assert story.summary and (story.summary.type, story.summary.value) == (type, value)


@pytest.mark.parametrize(
    ("type", "expected"),
    [("", "html"), (" type='plain'", "text"), (" type='html'", "html")],
)
def test_B10_a_title_keeps_to_its_type(type: str, expected: str) -> None:
    title = item(f"<media:title{type}>A &lt;b>big&lt;/b> crane</media:title>", MODULES).title
    assert title and (title.type, title.value) == (expected, "A <b>big</b> crane")


@pytest.mark.parametrize(
    ("body", "is_permalink"),
    [
        ("<feed xmlns='http://www.w3.org/2005/Atom'><entry><id>https://a.example/1</id></entry></feed>", True),
        ("<feed xmlns='http://www.w3.org/2005/Atom'><entry><id>urn:1</id></entry></feed>", False),
        ("<rss><channel><item><guid>https://a.example/1</guid></item></channel></rss>", True),
        ("<rss><channel><item><guid isPermaLink='false'>https://a.example/1</guid></item></channel></rss>", False),
        ('{"items": [{"id": "https://a.example/1"}]}', True),
        ('{"items": [{"id": "1"}]}', False),
    ],
)
def test_B16_an_id_that_is_an_address_is_one_to_open(body: str, is_permalink: bool) -> None:
    assert parse(fetched(body)).stories[0].id_is_permalink is is_permalink
