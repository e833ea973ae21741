"""Web pages as sources: one story or a list of stories, as the source, the page or its text says."""

from __future__ import annotations

from collections import Counter
from urllib.parse import urlsplit

from ...model import Fetched, Parsed, Source
from ..own_stories import reader
from . import json_ld
from .article import extract_story, read_story
from .html_tree import WebPage, parse_page
from .link_groups import MIN_LIST, find_story_links
from .region import find_text_element
from .story_links import extract_listing
from .survey import survey_page

MIN_STORY_LENGTH = 300  # letters of running text; a list may have as many above it
LENGTH_PER_LINK = 20  # letters of running text more, for each link that the page lists
MAX_STORY_LENGTH = 1200  # letters that no list has beside its teasers
MAX_LINKED_STORIES = 2  # on a page that is never a list
MAX_RELATED_STORIES = 4  # on the page of one story


def read_page(fetched: Fetched, source: Source | None = None) -> Parsed:
    """Return the story or the stories of a page; `reader` says which: `page:story` or `page:list`."""
    if fetched.media_type in reader.TEXT_SUFFIXES:
        return read_story(fetched, source)
    page = parse_page(fetched)
    if _is_story(page, source):
        return extract_story(page, source)
    listing = extract_listing(page, source)
    if listing.stories or _is_declared_list(source) or not _has_running_text(page):
        return listing
    return extract_story(page, source)


def _is_declared_list(source: Source | None) -> bool:
    return source is not None and (source.read_as == "list" or "stories" in source.selectors)


def _is_story(page: WebPage, source: Source | None) -> bool:
    """Return whether a page is one story: by the source's settings, then by its metadata, then by its text."""
    if source is not None and source.read_as in ("story", "list"):
        return source.read_as == "story"
    if _is_declared_list(source):
        return False
    declared = _declares_story(page)
    return declared if declared is not None else _looks_like_story(page)


def _declares_story(page: WebPage) -> bool | None:
    """Return whether the URL and the metadata of a page say that it is one story; None where they do not say."""
    if urlsplit(page.url).path in ("", "/") and page.url.startswith("http"):
        return False
    types = [json_ld.get_types(node) for node in page.json_ld.nodes]
    count = len(page.json_ld.story_nodes())
    if any(node_types & json_ld.LIST_TYPES - {"breadcrumblist"} for node_types in types) and not count:
        return False
    og_type = (page.meta_value("og:type") or "").lower()
    if og_type == "article" or page.meta_value("article:published_time") or 0 < count <= 2:
        return True
    if count > MAX_RELATED_STORIES or (og_type in ("website", "blog") and not _has_running_text(page)):
        return False
    return None


def _looks_like_story(page: WebPage) -> bool:
    """Return whether one element holds more running text than teasers and an introduction to the links of a list."""
    survey = survey_page(page)
    text_element = find_text_element(page, survey)
    if text_element is None:
        return False
    links = find_story_links(page)
    nodes = {node for link in links for node in link.item if not isinstance(node, str)}
    siblings = Counter(node.getparent() for node in nodes)
    items = {node for node in nodes if siblings[node.getparent()] >= MIN_LIST}
    is_item_text = not items.isdisjoint((text_element, *text_element.iterancestors()))
    region = page.root if is_item_text else text_element
    outermost = (item for item in items if items.isdisjoint(item.iterancestors()))
    teasers = sum(survey.weight(item) for item in outermost if region in item.iterancestors())
    length = survey.weight(region) - teasers
    expected = min(MIN_STORY_LENGTH + LENGTH_PER_LINK * len(links), MAX_STORY_LENGTH)
    return length >= expected or (len(links) <= MAX_LINKED_STORIES and length > 0)


def _has_running_text(page: WebPage) -> bool:
    return survey_page(page).weight(page.root) >= MIN_STORY_LENGTH / 2
