"""Pages that list stories: the files of data/pages/listings, each with the addresses it lists."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from feeds.model import Fetched, Kind, Source, replace
from feeds.parse.page import read_page
from feeds.parse.page.html_tree import parse_page
from feeds.parse.page.story_links import extract_listing
from feeds.parse.page.url_patterns import url_key

LISTINGS = sorted((Path(__file__).parents[1] / "data" / "pages" / "listings").glob("*.html"))
CARDS = next(path for path in LISTINGS if path.stem == "cards")


def listed(path: Path) -> tuple[set[str], set[str]]:
    """The keys of the URLs read and expected."""
    expected = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    parsed = extract_listing(parse_page(Fetched(expected["url"], path.read_bytes(), "text/html")))
    return {url_key(story.links[0].href) for story in parsed.stories}, set(map(url_key, expected["stories"]))


def test_lists_find_themselves() -> None:
    """Issue 5: precision and recall of at least 0.95 without selectors."""
    assert len(LISTINGS) >= 12
    keys = [listed(path) for path in LISTINGS]
    hits = sum(len(ours & theirs) for ours, theirs in keys)
    assert hits / sum(len(ours) for ours, _ in keys) >= 0.95
    assert hits / sum(len(theirs) for _, theirs in keys) >= 0.95


@pytest.mark.parametrize("path", LISTINGS, ids=lambda path: path.stem)
def test_a_front_page_is_a_list(path: Path) -> None:
    url = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))["url"]
    parsed = read_page(Fetched(url, path.read_bytes(), "text/html"))
    assert parsed.reader == "page:list"
    assert all(story.title and story.title.value for story in parsed.stories)


def test_a_selector_says_what_the_list_is() -> None:
    """F32: it matches links, or what holds one; no match is no story."""
    page = Fetched("https://gazette.example/", CARDS.read_bytes(), "text/html")
    for selector in ("article.card", "h3 a", "//article//h3/a", ".card__title"):
        source = Source("page", Kind.PAGE, page.url, selectors={"stories": selector})
        parsed = read_page(page, source)
        assert parsed.reader == "page:list"
        assert len(parsed.stories) == 12
        assert parsed.stories[0].title is not None
        assert parsed.stories[0].title.value == "Harbour bridge reopens after eleven months of repairs"
    assert read_page(page, Source("page", Kind.PAGE, page.url, selectors={"stories": "h6 a"})).stories == ()


def test_a_listing_tells_dates_pictures_and_teasers() -> None:
    page = Fetched("https://gazette.example/", CARDS.read_bytes(), "text/html")
    first = extract_listing(parse_page(page)).stories[0]
    assert first.published == "2026-11-10T08:15:00Z"
    assert first.image is not None
    assert first.summary is not None
    assert first.image.href == "https://gazette.example/img/1000.jpg"
    assert first.summary.value.startswith("People who have waited")


def test_include_exclude_and_max_items_choose_among_the_links() -> None:
    page = Fetched("https://gazette.example/", CARDS.read_bytes(), "text/html")
    source = Source("page", Kind.PAGE, page.url, include=re.compile("/2026/11/1"), exclude=re.compile("ferry|bridge"))
    links = [story.links[0].href for story in read_page(page, source).stories]
    assert links
    assert all("/2026/11/1" in link and "bridge" not in link for link in links)
    few = extract_listing(parse_page(page), replace(source, include=None, exclude=None, max_items=3))
    assert len(few.stories) == 3
    assert "only the first 3" in few.warnings[0]


@pytest.mark.parametrize(("read_as", "reader"), [("story", "page:story"), ("list", "page:list")])
def test_the_operators_word_decides(read_as: str, reader: str) -> None:
    page = Fetched("https://gazette.example/", CARDS.read_bytes(), "text/html")
    source = Source("page", Kind.PAGE, page.url, read_as=read_as)  # type: ignore[arg-type]
    assert read_page(page, source).reader == reader


@pytest.mark.parametrize("dots", ["…", "...", " ..."])
def test_a_title_that_is_cut_off_is_completed_by_its_attribute(dots: str) -> None:
    """B14: lists of one line a story show the beginning, and the whole in `title`."""
    titles = [f"老桥修缮工程第{number}期将在冬季前完成" for number in "一二三四五六"]
    rows = "".join(
        f'<li><a href="/a/{number}.html" title="{title}">{title[:8]}{dots}</a></li>'
        for number, title in enumerate(titles)
    )
    page = f'<html lang="zh"><head><meta charset="utf-8"></head><body><main><ul>{rows}</ul></main></body></html>'
    parsed = extract_listing(parse_page(Fetched("https://town.example/news/", page.encode(), "text/html")))
    assert [story.title and story.title.value for story in parsed.stories] == titles
