"""A web page: one story or a list of them, as the operator says, as the page says, or by what it holds."""

from __future__ import annotations

from urllib.parse import urlsplit

from ...model import Fetched, Parsed, Source
from ..own_stories import reader
from . import article, html_tree, json_ld, region, story_links
from .html_tree import WebPage

LETTERS = 700  # of running text that one story has and a teaser has not
LONG = 200  # of a paragraph
FEW = 4
SPREAD = 5  # other stories for each paragraph of a story


def read_page(fetched: Fetched, source: Source | None = None) -> Parsed:
    """The story, or the stories, of a page; `reader` says which: `page:story` or `page:list`."""
    if fetched.media_type in reader.TEXT_SUFFIXES:
        return article.read_story(fetched, source)
    page = html_tree.opened(fetched)
    if _is_story(page, source):
        return article.of_page(page, source)
    listed = story_links.of_page(page, source)
    if listed.stories or _is_declared_list(source) or not _running(page):
        return listed
    return article.of_page(page, source)


def _is_declared_list(source: Source | None) -> bool:
    return source is not None and (source.read_as == "list" or "stories" in source.selectors)


def _is_story(page: WebPage, source: Source | None) -> bool:
    """By the operator's word, then by the page's, then by its text."""
    if source is not None and source.read_as in ("story", "list"):
        return source.read_as == "story"
    if _is_declared_list(source):
        return False
    told = _says(page)
    return told if told is not None else _looks_like_one(page)


def _says(page: WebPage) -> bool | None:
    """What the page says of itself; none where it says nothing."""
    if urlsplit(page.url).path in ("", "/") and page.url.startswith("http"):
        return False
    kinds = [json_ld.types(node) for node in page.data.nodes]
    stories = len(page.data.stories())
    if any(kind & json_ld.LISTS - {"breadcrumblist"} for kind in kinds) and not stories:
        return False
    kind = (page.says("og:type") or "").lower()
    if kind == "article" or page.says("article:published_time"):
        return True
    if stories and stories <= 2:
        return True
    if stories > FEW or kind in ("website", "blog"):
        return False if not _running(page) or stories > FEW else None
    return None


def _looks_like_one(page: WebPage) -> bool:
    """One place holds long paragraphs, and more of them than a list of teasers would."""
    survey = region.survey(page.root)
    place = region.choose(page, survey)
    if place is None or sum(1 for _ in page.root.iter("article")) >= FEW:
        return False
    listed = len(story_links.of_page(page).stories)
    paragraphs = sum(1 for one in place.iter("p") if survey.weight(one) >= LONG)
    if listed == 0:
        return True
    return survey.weight(place) >= LETTERS and (listed <= FEW or paragraphs * SPREAD >= max(listed, FEW * SPREAD))


def _running(page: WebPage) -> bool:
    survey = region.survey(page.root)
    return survey.weight(page.root) >= LETTERS / 4
