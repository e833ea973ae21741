"""The links of a front page outside of menus, footers, advertisements and lists of the most read stories."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from lxml import etree

from . import boilerplate
from .html_tree import HEADING_TAGS, Element, contains_tag, get_text

# Words in class and id of blocks that hold no list of stories.
NON_STORY_WORDS = frozenset(
    (
        "nav", "navigation", "navbar", "menu", "megamenu", "submenu", "footer", "breadcrumb", "breadcrumbs",
        "pagination", "pager", "social", "share", "newsletter", "login", "cookie", "consent", "comments", "ad",
        "ads", "advert", "advertisement", "advertorial", "sponsored", "sponsor", "anzeige", "werbung", "publicidad",
        "trending", "popular", "mostread", "tags", "taglist", "weather", "stocks", "taboola", "outbrain", "skip",
        "offcanvas", "hamburger", "masthead", "partner", "partners", "tagcloud", "ranking", "bestseller",
    )
)  # fmt: skip
NON_STORY_WORD_PAIRS = frozenset(
    (
        ("most", "read"), ("most", "popular"), ("most", "viewed"), ("most", "shared"), ("most", "commented"),
        ("tag", "list"), ("tag", "cloud"), ("topic", "list"), ("site", "header"), ("quick", "links"), ("top", "10"),
        ("hot", "topics"),
    )
)  # fmt: skip
# How the heading of such a block begins.
OTHER_LIST_HEADING = re.compile(
    r"\W*(?:(?:the\s+)?most\s+(?:read|popular|viewed|shared|commented|watched)|popular|trending|top\s*\d+|tags?$|(?:hot\s+|popular\s+)?topics?$|sponsored|advert|partner|recommended\s+for"
    r"|meist\s?gelesen|am\s+meisten|beliebt|top-?themen|anzeige|les\s+plus\s+(?:lus|populaires|partagés)|lo\s+más|más\s+(?:leíd|vist|popular)|mais\s+lid|più\s+lett|i\s+più|meest\s+gelezen"
    r"|mest\s+(?:lest|läst|læst|sett|delt)|luetuim|najczęściej|najpopularn|en\s+çok|çok\s+okunan|popüler|популярн|самое\s+читаем|читаемо|人気|ランキング|アクセス|많이\s*본|인기|xem\s+nhiều|đọc\s+nhiều|热门|排行|الأكثر"
    r"|newsletter|follow\s+us|quick\s*links|useful\s+links|about\s+us|archives?$|categories$|kategorien$|rubriken$|weather|wetter)",
    re.I,
)
DENSE_LETTERS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")
MIN_HEADLINE_LENGTH = 25  # letters; a shorter link is a label
MAX_LINKS = 5_000


def iter_story_anchors(root: Element) -> Iterator[Element]:
    """Yield the links of a page, without those in blocks that hold no list of its stories."""
    headline_count = sum(map(_is_headline_anchor, root.iter("a")))
    count = 0
    walk = etree.iterwalk(root, events=("start",))
    for _, element in walk:
        if element.tag in ("script", "style", "head", "template", "noscript", "nav", "footer") or (
            _is_non_story_block(element) and 2 * sum(map(_is_headline_anchor, element.iter("a"))) <= headline_count
        ):
            walk.skip_subtree()
        elif element.tag == "a" and element.get("href"):
            count += 1
            if count > MAX_LINKS:
                return
            yield element


def weigh_length(text: str) -> int:
    """Return the letters of a text; those of scripts that write a word in two count three times."""
    return len(text) + 2 * len(DENSE_LETTERS.findall(text))


def _is_headline_anchor(anchor: Element) -> bool:
    """Return whether a link is as long as a headline: a block with most of these is no menu, whatever its name."""
    return weigh_length("".join(map(str, anchor.itertext())).strip()) >= MIN_HEADLINE_LENGTH


def _is_non_story_block(element: Element) -> bool:
    """Return whether an element's role, names or heading say that it is no list of stories."""
    if element.tag in ("body", "html", "main", "a"):
        return False
    attributes = element.attrib
    if attributes.get("role") in ("navigation", "contentinfo", "search", "menu", "dialog"):
        return True
    for name in ("class", "id", "data-testid", "data-component"):
        if name in attributes and _names_non_story_block(str(attributes[name])):
            return not contains_tag(element, "h1") or element.tag == "aside"
    return element.tag in ("aside", "section", "div", "ul", "ol") and _has_other_list_heading(element)


def _names_non_story_block(value: str) -> bool:
    for name in value[:300].split():
        words = [word.lower() for word in boilerplate.WORD_BOUNDARY.split(name) if word]
        if words and words[0] in ("has", "with", "no", "is"):
            continue
        if not NON_STORY_WORDS.isdisjoint(words) or not NON_STORY_WORD_PAIRS.isdisjoint(pairwise(words)):
            return True
    return False


def _has_other_list_heading(element: Element) -> bool:
    """Return whether the first thing in a block is a heading such as `Most read`."""
    first: Element | None = element
    for _ in range(4):
        first = next((child for child in first if isinstance(child.tag, str)), None) if first is not None else None
        if first is None:
            return False
        if first.tag in HEADING_TAGS or first.tag in ("strong", "b", "p", "span", "header", "legend"):
            text = get_text(first)
            return 0 < len(text) < 60 and bool(OTHER_LIST_HEADING.match(text)) and not contains_tag(first, "a")
    return False
