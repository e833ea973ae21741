"""Hostile documents of about a given size, and the cost of parsing one."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from feeds.errors import ParseError
from feeds.model import Fetched
from feeds.parse import parse

DocumentMaker = Callable[[int], str]
ITEM_TEMPLATE = "<rss version='2.0'><channel><title>t</title><item><title>a</title>{}</item></channel></rss>"


def repeat(unit: str, template: str = ITEM_TEMPLATE) -> DocumentMaker:
    """Repeat the unit inside a template."""
    return lambda size: template.format(unit * (size // len(unit)))


def repeat_numbered(unit: str, template: str = ITEM_TEMPLATE) -> DocumentMaker:
    """Repeat the unit inside a template, each time with another number for `#`."""
    return lambda size: template.format("".join(unit.replace("#", str(n)) for n in range(size // (len(unit) + 4))))


def nest(name: str, template: str = ITEM_TEMPLATE) -> DocumentMaker:
    """Nest elements, all of them closed."""
    return lambda size: template.format(
        f"<{name}>" * (size // (2 * len(name) + 5)) + f"</{name}>" * (size // (2 * len(name) + 5))
    )


def billion_laughs(size: int) -> str:
    """Nest nine levels of entities, as in CVE-2003-1564."""
    levels = "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 10))
    return f"<!DOCTYPE rss [<!ENTITY l0 'lol'>{levels}]>" + ITEM_TEMPLATE.format(
        "<description>&l9;</description>" + " " * size
    )


def quadratic_blowup(size: int) -> str:
    """Reference one long entity many times."""
    half = size // 2
    return f"<!DOCTYPE rss [<!ENTITY a '{'a' * half}'>]>" + ITEM_TEMPLATE.format(
        f"<description>{'&a;' * (half // 3)}</description>"
    )


def many_entities(size: int) -> str:
    """Declare many entities."""
    return (
        "<!DOCTYPE rss ["
        + "".join(f"<!ENTITY e{n} 'x'>" for n in range(size // 20))
        + "]>"
        + ITEM_TEMPLATE.format("<description>&e1;</description>")
    )


def long_base(size: int) -> str:
    """Make all links relative to one long address."""
    entry = "<entry>" + "<link href='b' xml:base='c'/>" * 400 + "</entry>"
    base = f"http://x.example/{'a' * (size // 2)}/"
    entries = entry * (1 + size // 2 // len(entry))
    return f"<feed xmlns='http://www.w3.org/2005/Atom' xml:base='{base}'><title>t</title>{entries}</feed>"


ITEM = "<item><title>Story number #</title><link>https://example.org/#</link><guid>#</guid></item>"
HTML = "&lt;p&gt;Some &lt;b&gt;text&lt;/b&gt; é&lt;/p&gt;"
RSS = "<rss version='2.0'><channel><title>t</title>{}</channel></rss>"
JSON = '{{"version": "https://jsonfeed.org/version/1.1", "title": "t", "items": [{}{{}}]}}'

HOSTILE_DOCUMENTS: Mapping[str, DocumentMaker] = {
    "honest items": repeat_numbered(ITEM, RSS),
    "honest text": repeat_numbered(f"<item><title>Story #</title><description>{HTML * 50}</description></item>", RSS),
    "honest text, not closed": repeat_numbered(
        f"<item><title>Story #</title><description>{HTML * 50}</description></item>", "<rss><channel>{}"
    ),
    "honest text, a bare &": repeat_numbered(
        f"<item><title>A & B #</title><description>{HTML * 50}</description></item>", RSS
    ),
    "honest text, wide, a bare &": repeat_numbered(
        f"<item><title>A & B # \U0001f600</title><description>{HTML * 50}</description></item>", RSS
    ),
    "honest json": repeat_numbered('{"id": "#", "title": "Story", "content_html": "<p>text</p>"},', JSON),
    "smallest items": repeat("<item/>", RSS),
    "one long item": repeat("text ", ITEM_TEMPLATE.replace("{}", "<description>{}</description>")),
    "one long item in CDATA": repeat(
        "<p>text</p> ", ITEM_TEMPLATE.replace("{}", "<description><![CDATA[{}]]></description>")
    ),
    "one long xhtml": repeat("<p>text</p>", ITEM_TEMPLATE.replace("{}", "<description>{}</description>")),
    "billion laughs": billion_laughs,
    "quadratic entity": quadratic_blowup,
    "many entities": many_entities,
    "nested": nest("a"),
    "nested text": nest("a", ITEM_TEMPLATE.replace("{}", "<description>{}</description>")),
    "nested items": nest("item"),
    "nested, never closed": repeat("<a>"),
    "nested items, never closed": repeat("<item>"),
    "nested json": lambda size: '{"items": ' + "[" * size,
    "nested json, closed": lambda size: '{"items": ' + "[" * (size // 2) + "]" * (size // 2) + "}",
    "long author": repeat("a", ITEM_TEMPLATE.replace("{}", "<author>{}</author>")),
    "long author, broken": repeat("a", "<rss><channel><item><author>{}@</author><item><item>"),
    "long date": repeat("1", ITEM_TEMPLATE.replace("{}", "<pubDate>{}</pubDate>")),
    "long link": repeat("a", ITEM_TEMPLATE.replace("{}", "<link>http://{}</link>")),
    "long attribute": repeat("a", "<rss x='{}'><channel><item><title>a</title></item></channel></rss>"),
    "long attribute, broken": repeat("a", "<rss x='{}'><channel><item><title>a</title></item></channel>"),
    "long name": lambda size: ITEM_TEMPLATE.format(f"<{'a' * size}/>"),
    "many attributes": repeat_numbered(" a#='x'", "<rss{}><channel><item><title>a</title></item></channel></rss>"),
    "many namespaces": repeat_numbered(
        " xmlns:a#='u#'", "<rss{}><channel><item><title>a</title></item></channel></rss>"
    ),
    "many namespaces, one each": repeat_numbered("<a#:b xmlns:a#='u#'/>"),
    "many namespaces, then items": lambda size: (
        "<rss"
        + "".join(f" xmlns:a{n}='u{n}'" for n in range(size // 40))
        + "><channel>"
        + "<item/>" * (size // 14)
        + "</channel></rss>"
    ),
    "many categories": repeat_numbered("<category>c#</category>"),
    "many names": repeat_numbered("<x#/>"),
    "many bases": repeat("<item xml:base='a/'><link>b</link></item>", RSS),
    "long base, many links": long_base,
    "open CDATA": repeat("<![CDATA["),
    "open comments": repeat("<!--", "{}"),
    "open comments, a feed": repeat("<!--"),
    "open instructions": repeat("<?x ", "<rss>{}"),
    "open tags": repeat("<a "),
    "open quotes": repeat("<a b='"),
    "open doctypes": repeat("<!DOCTYPE a [", "{}<rss>"),
    "open doctype, quotes": repeat("\"'[", "<!DOCTYPE a {}<rss>"),
    "open doctype, comments": repeat("<!--", "<!DOCTYPE a [{}<rss>"),
    "white space": repeat(" ", "{}<rss>"),
    "white space in tags": repeat(" ", "<rss><channel{}"),
    "white space in titles": repeat("<title ", RSS),
    "titles, never closed": repeat("<title>"),
    "titles, one close": repeat("<title><b>", ITEM_TEMPLATE.replace("{}", "{}</title>")),
    "descriptions": repeat("<description>a<b></description>"),
    "descriptions, spaces": repeat("<description>a<b " + " " * 50 + "</description>"),
    "ampersands": repeat("&"),
    "references": repeat("&#x80;"),
    "numbers": repeat("&#0000000", "<rss>{}"),
    "unknown entities": repeat_numbered("&e#;"),
    "loose <": repeat("< "),
    "two roots": repeat(
        "<rss><channel><item><author><![CDATA[aaaaaaaaaaaaaaaaaaaaaaaaaaaa]]></author></item></rss>", "{}"
    ),
    "e-mail letters": repeat("a.", "<rss><channel><item><title>{}@</title></item>"),
    "broken items": repeat_numbered(ITEM.replace("</link>", "").replace("</title>", ""), RSS + "<x"),
    "broken nesting": repeat("<item><b><i></b></i>", "<rss><channel>{}"),
    "broken html": repeat("<td><tr></table><p></b>", "<rss><channel><item><description>{}"),
    "zeros": repeat("\0", "<rss>{}</rss>"),
    "one wide letter": repeat("text ", ITEM_TEMPLATE.replace("{}", "<description>{}\U0001f600</description>")),
    "one wide letter, broken": repeat("text ", "<rss><channel><item><description>{}\U0001f600</description>"),
    "html page": repeat("<div><p>text</p></div>", "<!DOCTYPE html><html><body>{}</body></html>"),
    "html page, nested": nest("div", "<!DOCTYPE html><html><body>{}</body></html>"),
    "json number": repeat("9", '{{"items": [{{"id": {}}}]}}'),
    "json strings": repeat("\\u0041", '{{"items": [{{"id": "{}"}}]}}'),
    "json keys": repeat_numbered('"#": 1,', '{{"items": [{{{}"id": "1"}}]}}'),
    "json smallest": repeat("1,", '{{"items": [{}1]}}'),
    "json lists": repeat("[],", '{{"items": [{}1]}}'),
    "json objects": repeat("{},", '{{"items": [{}1]}}'),
}


class Cost(NamedTuple):
    """Seconds of CPU, peaks of resident and of virtual memory in MB, and the result."""

    seconds: float
    resident_mb: int
    virtual_mb: int
    result: str


def measure_parse(fetched: Fetched) -> Cost:
    """Parse in this process and return the cost; each document needs a new process, as peaks do not go down."""
    start = time.process_time()
    try:
        parsed = parse(fetched)
        result = f"{parsed.reader}, {len(parsed.stories)} stories" + (", warns" if parsed.warnings else "")
    except ParseError as error:
        result = f"refused: {error.kind}"
    seconds = time.process_time() - start
    return Cost(seconds, read_peak("VmHWM"), read_peak("VmPeak"), result)


def read_peak(name: str) -> int:
    """Return a peak of this process in MB, as Linux counts it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith(f"{name}:"))) // 1000
