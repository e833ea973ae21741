"""Any bytes give a page's stories or a ParseError: bombs, and mutants of the pages in data/pages."""

from __future__ import annotations

import pickle
import random
from pathlib import Path

import pytest

from feeds.errors import ParseError
from feeds.model import Fetched, Parsed
from feeds.parse.page import read_page
from feeds.parse.page.article import read_story
from feeds.parse.page.html_tree import parse_page
from feeds.parse.page.story_links import extract_listing
from feeds.parse.sitemap import read_sitemap

PAGES = sorted((Path(__file__).parents[1] / "data" / "pages").rglob("*.html"))
URL = "https://gazette.example/news/bridge-reopens-4711.html"


def read_listing(fetched: Fetched) -> Parsed:
    return extract_listing(parse_page(fetched))


READERS = (read_page, read_story, read_listing, read_sitemap)
BOMBS = [
    b"",
    b"\0" * 500,
    b"\xff\xfe\xfd",
    b"<div>" * 20_000 + b"x" * 300,
    b"<p>" + b"<span>a " * 3_000,
    b'<script type="application/ld+json">' + b"[" * 100_000 + b"</script>",
    b'<script type="application/ld+json">{"a":1' + b" " * 200_000 + b"x</script>",
    b'<img srcset="' + b"a" * 200_000 + b' 2x"><img srcset="' + b"a 1w," * 20_000 + b'">',
    b'<div class="' + b"a b " * 100_000 + b'"><p>' + b"Hello world. " * 50,
    b"<title>" + b"a | " * 50_000 + b"</title><h1>b</h1>",
    b'<base href="http://["><a href="http://[x">y</a><link rel=canonical href="http://[">' + b"<p>Words. </p>" * 50,
    b'<script type="application/ld+json">{"@type":["Article",5,null],"author":[[1],{"name":{"a":[]}}],'
    b'"image":[[]],"url":7}</script>',
]


@pytest.mark.parametrize("body", BOMBS, ids=range(len(BOMBS)))
@pytest.mark.parametrize("read", READERS, ids=lambda read: read.__name__)
def test_a_bomb_is_read_or_refused(read: object, body: bytes) -> None:
    try:
        parsed = read(Fetched(URL, body, "text/html"))  # type: ignore[operator]
    except ParseError:
        return
    pickle.dumps(parsed)


@pytest.mark.parametrize("seed", range(12))
def test_any_bytes_make_a_document_or_a_parse_error(seed: int) -> None:
    """Pages with pieces cut, doubled, swapped and overwritten."""
    chance = random.Random(seed)
    for _ in range(12):
        body = bytearray(chance.choice(PAGES).read_bytes())
        for _ in range(chance.randint(1, 30)):
            at, length = chance.randrange(len(body)), chance.randint(1, 300)
            body[at : at + length] = chance.choice(
                (
                    b"",
                    bytes(body[at : at + length]) * 2,
                    chance.randbytes(3),
                    b"<",
                    b'"',
                    b"</div>",
                    b"<table>",
                    b"&#0;",
                )
            )
            if not body:
                break
        for read in READERS:
            try:
                parsed = read(Fetched(URL, bytes(body), "text/html"))
            except ParseError:
                continue
            pickle.dumps(parsed)
