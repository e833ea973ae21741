"""Which documents must be read in a worker."""

from __future__ import annotations

import re

from ..model import Fetched

# Below these a document costs at most half a second, however it is made (tests/bench/sandbox.py).
MAX_SIZE = 500_000  # bytes
MAX_TAGS = 20_000  # feedparser needs 25 µs for each, and 2 µs for an ampersand
START_SIZE = 2_000
GZIP_MAGIC = b"\x1f\x8b"
_PAGE_START = re.compile(rb"<(?:!(?i:doctype)\s+(?i:html)|(?i:html))\b")
_FEED_START = re.compile(rb"\s*+[{\[]|[^\0]*?<(?:[A-Za-z_][\w.-]{0,40}:)?(?:rss|feed|RDF|channel|opml)[\s>/]", re.I)
_PAGE_TYPES = ("text/html", "application/xhtml+xml")
# A DOCTYPE with declarations of its own, or without an end.
_INTERNAL_SUBSET = re.compile(rb"<!(?i:doctype)[^><\[]*+[\[<]")
_LONG_BASE = re.compile(rb"xml:base\s*+=\s*+[\"'][^\"'<>]{1000}")  # repeated in every link of the document
# Far quicker to find than the patterns.
_DOCTYPE_STARTS = (b"<!d", b"<!D")


def needs_worker(fetched: Fetched) -> bool:
    """Return whether a document must not be read in this process (S11, S15).

    It is large, may be made to be slow, or is a page to extract from.
    """
    body = fetched.body
    return (
        len(body) + sum(len(part.body) for part in fetched.files) > MAX_SIZE
        or b"\0" in body[:START_SIZE]  # UTF-16 and the like, which the patterns cannot read
        or body.startswith(GZIP_MAGIC)  # a sitemap: unpacked it may be of any size
        or _has_many_tags(body)
        or (any(start in body for start in _DOCTYPE_STARTS) and _INTERNAL_SUBSET.search(body) is not None)
        or (b"xml:base" in body and _LONG_BASE.search(body) is not None)
        or _is_page(body[:START_SIZE], fetched.media_type)
    )


def _has_many_tags(body: bytes) -> bool:
    tag_count = body.count(b"<")
    # Ampersands are counted only where there can be enough of them.
    return tag_count + len(body) // 10 > MAX_TAGS and tag_count + body.count(b"&") // 10 > MAX_TAGS


def _is_page(start: bytes, media_type: str) -> bool:
    return _PAGE_START.search(start) is not None or (media_type in _PAGE_TYPES and _FEED_START.match(start) is None)
