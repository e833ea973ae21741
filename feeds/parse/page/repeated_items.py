"""Groups of like elements behind a story that are no part of it: cards of other stories, and comments."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from urllib.parse import urlsplit

from lxml import etree

from ...wordlists import get_words
from ..document import resolve_http_url
from .boilerplate import is_label, split_names
from .html_tree import HEADING_TAGS, HIDDEN_TAGS, Element, contains_tag

MIN_ITEMS = 3
MIN_SHARE = 0.75  # of the items of a group that must be alike
MAX_CHECKED_ITEMS = 8  # of a group
MAX_CHECKED_TEXTS = 6  # of an item
MIN_COMMENT_LENGTH = 40  # letters, with the name
ITEM_TAGS = frozenset(("div", "li", "article", "section", "a"))


def find_repeated_items(parent: Element, url: str) -> list[Element]:
    """Return the children of an element that are cards of other stories, or comments; `url` is the page's."""
    if len(parent) < MIN_ITEMS:
        return []
    groups: dict[tuple[str, str], list[Element]] = {}
    for child in parent:
        if child.tag in ITEM_TAGS:
            groups.setdefault((str(child.tag), child.get("class") or ""), []).append(child)
    return [
        item
        for items in groups.values()
        if len(items) >= MIN_ITEMS and (_are_cards(items[:MAX_CHECKED_ITEMS], url) or _are_comments(items))
        for item in items
    ]


def is_gallery(element: Element, url: str) -> bool:
    """Return whether an element is a gallery by its class, and its pictures lead to no other pages."""
    if get_words("gallery_class").isdisjoint(split_names(element.get("class"))):
        return False
    has_pictures = len(list(islice(element.iter("img"), MIN_ITEMS))) == MIN_ITEMS
    return has_pictures and not any(_leads_elsewhere(link.get("href") or "", url) for link in element.iter("a"))


def _are_cards(items: list[Element], url: str) -> bool:
    """Return whether most items have a heading that leads to another page of the site, or one as a page has."""
    return sum(_is_card(item, url) for item in items) >= MIN_SHARE * len(items)


def _is_card(item: Element, url: str) -> bool:
    heading = next(item.iter(*HEADING_TAGS), None)
    if heading is None or heading.tag == "h1":
        return heading is not None
    links = [*islice(heading.iter("a"), 1), *islice(heading.iterancestors("a"), 1)]
    return any(_leads_elsewhere(link.get("href") or "", url) for link in links)


def _leads_elsewhere(reference: str, url: str) -> bool:
    target = urlsplit(resolve_http_url(url, reference) or url)
    own = urlsplit(url)
    is_same_site = (target.hostname or "").removeprefix("www.") == (own.hostname or "").removeprefix("www.")
    return is_same_site and target.path not in ("", "/", own.path)


def _are_comments(items: list[Element]) -> bool:
    """Return whether most items begin with a name each and go on with a paragraph."""
    checked = items[:MAX_CHECKED_ITEMS]
    names = [name for item in checked if (name := _find_writer(item))]
    return len(set(names)) >= MIN_SHARE * len(checked)


def _find_writer(item: Element) -> str:
    """Return the words that an item begins with, where they may name the writer of a comment."""
    if contains_tag(item, *HEADING_TAGS[:3], "figure") or not contains_tag(item, "p", "div", "blockquote"):
        return ""
    texts = list(islice(_iter_texts(item), MAX_CHECKED_TEXTS))
    is_named = len(texts) > 1 and is_label(texts[0]) and any(char.isalpha() for char in texts[0])
    return texts[0] if is_named and sum(map(len, texts)) >= MIN_COMMENT_LENGTH else ""


def _iter_texts(element: Element) -> Iterator[str]:
    for event, inner in etree.iterwalk(element, events=("start", "end")):
        text = inner.text if event == "start" else inner.tail if inner is not element else None
        if text and inner.tag not in HIDDEN_TAGS and not text.isspace():
            yield text.strip()
