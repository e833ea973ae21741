"""`include` and `exclude` choose among the stories of every kind of source, by address or file name."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta

import pytest
from origin import Document, Origin
from wire import NOON, Wire, rss

from feeds.config.patterns import compile_pattern
from feeds.model import Fetched, Kind, Source
from feeds.pipeline import as_json_feed, parse_document

PATHS = ("/2026/bread", "/2025/milk", "/2026/sponsored", "/2026/corn")
WANTED = {"include": "2026/", "exclude": "(?i)SPONSORED"}


def _story(path: str) -> Document:
    title = path.rpartition("/")[2]
    text = f"The market sold {title} from early morning, and all who came late went home without any. " * 8
    body = f"<html><head><title>{title}</title></head><body><article><h1>{title}</h1><p>{text}</p></article></body>"
    return Document(body.encode(), headers={"content_type": "text/html"})


def _feed(origin: Origin) -> dict[str, str]:
    """A feed whose links are relative, and which has a story without an address."""
    items = "".join(f"<item><guid>{path}</guid><title>{path}</title><link>{path}</link></item>" for path in PATHS)
    items += "<item><guid isPermaLink='false'>none</guid><title>none</title></item>"
    return {"feed": origin.put("/feed", Document(f"<rss version='2.0'><channel>{items}</channel></rss>".encode()))}


def _page(origin: Origin) -> dict[str, str]:
    links = "".join(f'<h2><a href="{path}">All the news about {path}</a></h2>' for path in PATHS)
    document = Document(f"<html><body>{links}</body></html>".encode(), headers={"content_type": "text/html"})
    return {"page": origin.put("/page", document), "stories": "h2 a"}


def _sitemap(origin: Origin) -> dict[str, str]:
    entries = "".join(f"<url><loc>{origin.url(path)}</loc></url>" for path in PATHS)
    body = f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{entries}</urlset>'
    return {"sitemap": origin.put("/sitemap", Document(body.encode()))}


def _list(origin: Origin) -> dict[str, str]:
    feed = _feed(origin)["feed"]
    body = f'<opml version="2.0"><body><outline type="rss" text="Ann" xmlUrl="{feed}"/></body></opml>'
    return {"opml": origin.put("/list", Document(body.encode()))}


@pytest.mark.parametrize("declare", [_feed, _page, _sitemap, _list])
def test_D2_include_and_exclude_choose_by_the_address_of_a_story(
    wire: Wire, origin: Origin, declare: Callable[[Origin], dict[str, str]]
) -> None:
    """The outlines of a list are sources with its settings."""
    for path in PATHS:
        origin.put(path, _story(path))
    wire.declare({"it": declare(origin) | WANTED})
    assert wire.turn().failures == 0
    urls = {str(item["url"]).removeprefix(origin.url("/").rstrip("/")) for item in wire.items()}
    assert urls == {"/2026/bread", "/2026/corn"}


def test_D2_include_and_exclude_choose_by_the_name_of_a_file(wire: Wire) -> None:
    """A file that is chosen no longer is as one that the pattern no longer finds."""
    folder = wire.config.parent / "stories"
    for path in PATHS:
        file = folder / f"{path[1:]}.txt"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{path}\n\nA text.\n", encoding="utf-8")
        os.utime(file, (0, 0))  # a file that was written just now is looked at again later
    wire.declare({"it": {"files": "stories/**/*"} | WANTED})
    wire.turn()
    assert {item["title"] for item in wire.items()} == {"/2026/bread", "/2026/corn"}
    wire.declare({"it": {"files": "stories/**/*", "include": "bread"}})
    wire.now += timedelta(hours=1)
    wire.turn()
    assert {item["title"] for item in wire.items()} == {"/2026/bread"}


def test_F31_a_feed_that_lists_nothing_wanted_is_not_suspicious(wire: Wire, origin: Origin) -> None:
    items = [(str(number), f"Story {number}") for number in range(12)]
    document = Document(rss(*items))
    wire.declare({"it": {"feed": origin.put("/a", document), "include": "/(0|1)$"}})
    assert wire.turn().articles == 2
    document.body = rss(*((f"n{number}", f"New {number}") for number in range(12)))
    wire.now += timedelta(hours=2)
    turn = wire.turn()
    assert (turn.articles, turn.failures) == (0, 0)
    assert len(wire.items()) == 2
    wire.now += timedelta(hours=2)
    assert wire.turn().not_modified == 1


def test_D2_a_preview_shows_what_would_be_pulled() -> None:
    answer = Fetched("https://a.example/f", rss(("1", "One"), ("2", "Two")), "text/xml")
    source = Source("it", Kind.FEED, answer.url, exclude=compile_pattern("/1$"))
    document = as_json_feed(parse_document(answer, source), NOON, source)
    assert [item["title"] for item in document["items"]] == ["Two"]  # type: ignore[attr-defined]
