"""Documents made to hurt their reader, each of about a given size, and what reading one costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from feeds.errors import ParseError
from feeds.model import Fetched
from feeds.parse import parse

Shape = Callable[[int], str]
PUT = "<rss version='2.0'><channel><title>t</title><item><title>a</title>{}</item></channel></rss>"


def often(unit: str, whole: str = PUT) -> Shape:
    """The unit again and again, inside a whole."""
    return lambda size: whole.format(unit * (size // len(unit)))


def numbered(unit: str, whole: str = PUT) -> Shape:
    """The unit again and again, with a number of its own each time."""
    return lambda size: whole.format("".join(unit.replace("#", str(n)) for n in range(size // (len(unit) + 4))))


def nested(name: str, whole: str = PUT) -> Shape:
    """Elements in elements, all of them closed."""
    return lambda size: whole.format(
        f"<{name}>" * (size // (2 * len(name) + 5)) + f"</{name}>" * (size // (2 * len(name) + 5))
    )


def billion(size: int) -> str:
    """Nine levels of entities, as in CVE-2003-1564."""
    levels = "".join(f"<!ENTITY l{n} '{f'&l{n - 1};' * 10}'>" for n in range(1, 10))
    return f"<!DOCTYPE rss [<!ENTITY l0 'lol'>{levels}]>" + PUT.format("<description>&l9;</description>" + " " * size)


def quadratic(size: int) -> str:
    """One long entity, named often."""
    half = size // 2
    return f"<!DOCTYPE rss [<!ENTITY a '{'a' * half}'>]>" + PUT.format(
        f"<description>{'&a;' * (half // 3)}</description>"
    )


def entities(size: int) -> str:
    """Nothing but declarations."""
    return (
        "<!DOCTYPE rss ["
        + "".join(f"<!ENTITY e{n} 'x'>" for n in range(size // 20))
        + "]>"
        + PUT.format("<description>&e1;</description>")
    )


def based(size: int) -> str:
    """One long address that all links are relative to."""
    entry = "<entry>" + "<link href='b' xml:base='c'/>" * 400 + "</entry>"
    base = f"http://x.example/{'a' * (size // 2)}/"
    entries = entry * (1 + size // 2 // len(entry))
    return f"<feed xmlns='http://www.w3.org/2005/Atom' xml:base='{base}'><title>t</title>{entries}</feed>"


ITEM = "<item><title>Story number #</title><link>https://example.org/#</link><guid>#</guid></item>"
HTML = "&lt;p&gt;Some &lt;b&gt;text&lt;/b&gt; é&lt;/p&gt;"
RSS = "<rss version='2.0'><channel><title>t</title>{}</channel></rss>"
JSON = '{{"version": "https://jsonfeed.org/version/1.1", "title": "t", "items": [{}{{}}]}}'

SHAPES: Mapping[str, Shape] = {
    "honest items": numbered(ITEM, RSS),
    "honest text": numbered(f"<item><title>Story #</title><description>{HTML * 50}</description></item>", RSS),
    "honest text, not closed": numbered(
        f"<item><title>Story #</title><description>{HTML * 50}</description></item>", "<rss><channel>{}"
    ),
    "honest text, a bare &": numbered(
        f"<item><title>A & B #</title><description>{HTML * 50}</description></item>", RSS
    ),
    "honest text, wide, a bare &": numbered(
        f"<item><title>A & B # \U0001f600</title><description>{HTML * 50}</description></item>", RSS
    ),
    "honest json": numbered('{"id": "#", "title": "Story", "content_html": "<p>text</p>"},', JSON),
    "smallest items": often("<item/>", RSS),
    "one long item": often("text ", PUT.replace("{}", "<description>{}</description>")),
    "one long item in CDATA": often("<p>text</p> ", PUT.replace("{}", "<description><![CDATA[{}]]></description>")),
    "one long xhtml": often("<p>text</p>", PUT.replace("{}", "<description>{}</description>")),
    "billion laughs": billion,
    "quadratic entity": quadratic,
    "many entities": entities,
    "nested": nested("a"),
    "nested text": nested("a", PUT.replace("{}", "<description>{}</description>")),
    "nested items": nested("item"),
    "nested, never closed": often("<a>"),
    "nested items, never closed": often("<item>"),
    "nested json": lambda size: '{"items": ' + "[" * size,
    "nested json, closed": lambda size: '{"items": ' + "[" * (size // 2) + "]" * (size // 2) + "}",
    "long author": often("a", PUT.replace("{}", "<author>{}</author>")),
    "long author, broken": often("a", "<rss><channel><item><author>{}@</author><item><item>"),
    "long date": often("1", PUT.replace("{}", "<pubDate>{}</pubDate>")),
    "long link": often("a", PUT.replace("{}", "<link>http://{}</link>")),
    "long attribute": often("a", "<rss x='{}'><channel><item><title>a</title></item></channel></rss>"),
    "long attribute, broken": often("a", "<rss x='{}'><channel><item><title>a</title></item></channel>"),
    "long name": lambda size: PUT.format(f"<{'a' * size}/>"),
    "many attributes": numbered(" a#='x'", "<rss{}><channel><item><title>a</title></item></channel></rss>"),
    "many namespaces": numbered(" xmlns:a#='u#'", "<rss{}><channel><item><title>a</title></item></channel></rss>"),
    "many namespaces, one each": numbered("<a#:b xmlns:a#='u#'/>"),
    "many namespaces, then items": lambda size: (
        "<rss"
        + "".join(f" xmlns:a{n}='u{n}'" for n in range(size // 40))
        + "><channel>"
        + "<item/>" * (size // 14)
        + "</channel></rss>"
    ),
    "many categories": numbered("<category>c#</category>"),
    "many names": numbered("<x#/>"),
    "many bases": often("<item xml:base='a/'><link>b</link></item>", RSS),
    "long base, many links": based,
    "open CDATA": often("<![CDATA["),
    "open comments": often("<!--", "{}"),
    "open comments, a feed": often("<!--"),
    "open instructions": often("<?x ", "<rss>{}"),
    "open tags": often("<a "),
    "open quotes": often("<a b='"),
    "open doctypes": often("<!DOCTYPE a [", "{}<rss>"),
    "open doctype, quotes": often("\"'[", "<!DOCTYPE a {}<rss>"),
    "open doctype, comments": often("<!--", "<!DOCTYPE a [{}<rss>"),
    "white space": often(" ", "{}<rss>"),
    "white space in tags": often(" ", "<rss><channel{}"),
    "white space in titles": often("<title ", RSS),
    "titles, never closed": often("<title>"),
    "titles, one close": often("<title><b>", PUT.replace("{}", "{}</title>")),
    "descriptions": often("<description>a<b></description>"),
    "descriptions, spaces": often("<description>a<b " + " " * 50 + "</description>"),
    "ampersands": often("&"),
    "references": often("&#x80;"),
    "numbers": often("&#0000000", "<rss>{}"),
    "unknown entities": numbered("&e#;"),
    "loose <": often("< "),
    "two roots": often(
        "<rss><channel><item><author><![CDATA[aaaaaaaaaaaaaaaaaaaaaaaaaaaa]]></author></item></rss>", "{}"
    ),
    "e-mail letters": often("a.", "<rss><channel><item><title>{}@</title></item>"),
    "broken items": numbered(ITEM.replace("</link>", "").replace("</title>", ""), RSS + "<x"),
    "broken nesting": often("<item><b><i></b></i>", "<rss><channel>{}"),
    "broken html": often("<td><tr></table><p></b>", "<rss><channel><item><description>{}"),
    "zeros": often("\0", "<rss>{}</rss>"),
    "one wide letter": often("text ", PUT.replace("{}", "<description>{}\U0001f600</description>")),
    "one wide letter, broken": often("text ", "<rss><channel><item><description>{}\U0001f600</description>"),
    "html page": often("<div><p>text</p></div>", "<!DOCTYPE html><html><body>{}</body></html>"),
    "html page, nested": nested("div", "<!DOCTYPE html><html><body>{}</body></html>"),
    "json number": often("9", '{{"items": [{{"id": {}}}]}}'),
    "json strings": often("\\u0041", '{{"items": [{{"id": "{}"}}]}}'),
    "json keys": numbered('"#": 1,', '{{"items": [{{{}"id": "1"}}]}}'),
    "json smallest": often("1,", '{{"items": [{}1]}}'),
    "json lists": often("[],", '{{"items": [{}1]}}'),
    "json objects": often("{},", '{{"items": [{}1]}}'),
}


class Cost(NamedTuple):
    """Seconds of CPU, the most memory held and the most asked for, in MB, and what came of it."""

    seconds: float
    held: int
    asked: int
    came: str


def measured(fetched: Fetched) -> Cost:
    """Parse in this process and say what it cost; a process of its own each time, or the peak is another's."""
    start = time.process_time()
    try:
        parsed = parse(fetched)
        came = f"{parsed.reader}, {len(parsed.stories)} stories" + (", warns" if parsed.warnings else "")
    except ParseError as error:
        came = f"refused: {error.kind}"
    seconds = time.process_time() - start
    return Cost(seconds, peak("VmHWM"), peak("VmPeak"), came)


def peak(name: str) -> int:
    """A peak of this process in MB, as Linux counts it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith(f"{name}:"))) // 1000
