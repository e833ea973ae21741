"""Blocks of a front page that list no stories, or repeat them: menus, footers, advertisements, the most read."""

from __future__ import annotations

from ...wordlists import match_start
from . import boilerplate
from .html_tree import HEADING_TAGS, HIDDEN_TAGS, Element, contains_tag, get_text

# How the heading of such a block begins.
OTHER_LIST_ROLES = ("other_list", "advertisement", "tags", "subscribe", "comments")
# What links say that are no headline.
LABEL_ROLES = (
    "read_more", "whole_list", "previous_story", "next_story", "comments", "share", "subscribe", "tags", "advertisement"
)  # fmt: skip
NON_WORDS = " \t\n\r\xa00123456789.,:;!?()[]{}<>«»‹›→←▶►|/+–—-…·•*#@&'\""
MAX_LIST_HEADING = 60  # letters
MAX_REST = 25  # letters behind the words that a heading begins with


def is_other_list(element: Element) -> bool:
    """Return whether an element's tag, role, names or heading say that it is no list of stories."""
    if element.tag in ("body", "html", "main", "a", "article"):
        return False
    if element.tag in HIDDEN_TAGS:
        return True
    if element.tag in ("nav", "footer"):
        return next(element.iterancestors("article"), None) is None
    attributes = element.attrib
    if attributes.get("role") in ("navigation", "contentinfo", "search", "menu", "dialog"):
        return True
    for name in ("class", "id", "data-testid", "data-component"):
        if name in attributes and boilerplate.names_role(attributes[name], "no_stories_class"):
            return not contains_tag(element, "h1") or element.tag == "aside"
    return _has_other_list_heading(element)


def is_link_label(text: str) -> bool:
    """Return whether the text of a link says what is done with it, such as `Read more about …`, or holds no words."""
    text = text.lstrip(NON_WORDS)
    end = match_start(text, *LABEL_ROLES)
    rest = text[end:].strip(NON_WORDS)
    return not rest or (end > 0 and (len(rest) <= end or (" " in text[:end] and match_start(text, "read_more") == end)))


def _has_other_list_heading(element: Element) -> bool:
    """Return whether the first thing in a block, or the one before it, is a heading such as `Most read`."""
    before = element.getprevious()
    first: Element | None = element
    for _ in range(4):
        first = next((child for child in first if isinstance(child.tag, str)), None) if first is not None else None
        if first is None or first.tag in ("a", "li"):
            break
        if first.tag in HEADING_TAGS or not len(first) or first.tag in ("strong", "b", "p", "header", "legend"):
            return _is_other_list_heading(first)
    return before is not None and isinstance(before.tag, str) and _is_other_list_heading(before)


def _is_other_list_heading(element: Element) -> bool:
    text = get_text(element) if len(element) < 4 else ""
    if not 0 < len(text) < MAX_LIST_HEADING or contains_tag(element, "a"):
        return False
    text = text.lstrip(NON_WORDS)
    end = match_start(text, *OTHER_LIST_ROLES)
    return end > 0 and len(text) - end <= MAX_REST
