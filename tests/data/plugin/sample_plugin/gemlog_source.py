"""A remote source: a log for the Gemini protocol's readers, fetched over HTTP (one `=> ADDRESS DATE TITLE` a line)."""

from __future__ import annotations

import re
from urllib.parse import urljoin

from feeds.errors import FailureKind, ParseError
from feeds.model import Fetched, Link, Parsed, Source, Story, Text
from feeds.registry import SourceKind

ENTRY = re.compile(r"=>[ \t]*(\S+)[ \t]+(\d{4}-\d\d-\d\d)[ \t:-]*(.*)")


def locate(text: str) -> str:
    """Return the address of a log that is given as `HOST/PATH`."""
    if "://" in text:
        raise ValueError(f"`{text}` has a scheme, expected HOST/PATH")
    return f"http://{text}"


def parse(fetched: Fetched, source: Source) -> Parsed:
    """Return the entries of a log; raise ParseError if there are none."""
    entries = [match.groups() for line in fetched.body.decode().splitlines() if (match := ENTRY.match(line))]
    if not entries:
        raise ParseError("No line of the log is an entry.", kind=FailureKind.NOT_A_FEED)
    stories = (
        Story(
            links=(Link(urljoin(fetched.url, address)),),
            title=Text(title, "text"),
            published=date,
            found={"title": "gemlog/line"},
        )
        for address, date, title in entries[: source.max_items]
    )
    return Parsed("gemlog", fetched.url, stories=tuple(stories))


SOURCE = SourceKind(
    "gemlog",
    "HOST/PATH of a Gemini log.",
    accept="text/gemini, text/plain;q=0.5",
    example="example.org/log/",
    value="text",
    locate=locate,
    parse=parse,
    robots=True,
)
