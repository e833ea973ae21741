"""Where on a front page its stories may stand: not in menus, footers, advertisements, or lists of what is read most."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from lxml import etree

from . import boilerplate
from .html_tree import Element, words_of

HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
# Places on a front page that hold no list of its stories.
PLACES = frozenset(
    (
        "nav", "navigation", "navbar", "menu", "megamenu", "submenu", "footer", "breadcrumb", "breadcrumbs",
        "pagination", "pager", "social", "share", "newsletter", "login", "cookie", "consent", "comments", "ad",
        "ads", "advert", "advertisement", "advertorial", "sponsored", "sponsor", "anzeige", "werbung", "publicidad",
        "trending", "popular", "mostread", "tags", "taglist", "weather", "stocks", "taboola", "outbrain", "skip",
        "offcanvas", "hamburger", "masthead", "partner", "partners", "tagcloud", "ranking", "bestseller",
    )
)  # fmt: skip
PAIRS = frozenset(
    (
        ("most", "read"), ("most", "popular"), ("most", "viewed"), ("most", "shared"), ("most", "commented"),
        ("tag", "list"), ("tag", "cloud"), ("topic", "list"), ("site", "header"), ("quick", "links"), ("top", "10"),
        ("hot", "topics"),
    )
)  # fmt: skip
# How the heading of such a place reads.
OTHER_LISTS = re.compile(
    r"\W*(?:(?:the\s+)?most\s+(?:read|popular|viewed|shared|commented|watched)|popular|trending|top\s*\d+|tags?$|(?:hot\s+|popular\s+)?topics?$|sponsored|advert|partner|recommended\s+for"
    r"|meist\s?gelesen|am\s+meisten|beliebt|top-?themen|anzeige|les\s+plus\s+(?:lus|populaires|partagés)|lo\s+más|más\s+(?:leíd|vist|popular)|mais\s+lid|più\s+lett|i\s+più|meest\s+gelezen"
    r"|mest\s+(?:lest|läst|læst|sett|delt)|luetuim|najczęściej|najpopularn|en\s+çok|çok\s+okunan|popüler|популярн|самое\s+читаем|читаемо|人気|ランキング|アクセス|많이\s*본|인기|xem\s+nhiều|đọc\s+nhiều|热门|排行|الأكثر"
    r"|newsletter|follow\s+us|quick\s*links|useful\s+links|about\s+us|archives?$|categories$|kategorien$|rubriken$|weather|wetter)",
    re.I,
)
LARGE_LETTERS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")
TELLING = 25  # letters of a link that is a headline rather than a label
MANY_LINKS = 5_000


def links(root: Element) -> Iterator[Element]:
    """The links of a page, without those in places that hold no list of its stories."""
    telling = sum(map(_is_telling, root.iter("a")))
    count = 0
    walk = etree.iterwalk(root, events=("start",))
    for _, element in walk:
        if element.tag in ("script", "style", "head", "template", "noscript", "nav", "footer") or (
            _is_elsewhere(element) and 2 * sum(map(_is_telling, element.iter("a"))) <= telling
        ):
            walk.skip_subtree()
        elif element.tag == "a" and element.get("href"):
            count += 1
            if count > MANY_LINKS:
                return
            yield element


def _is_telling(link: Element) -> bool:
    """Whether a link has the words of a headline: what holds most of these is no menu, however it is named."""
    return length("".join(map(str, link.itertext())).strip()) >= TELLING


def _is_elsewhere(element: Element) -> bool:
    """Whether an element is named, or headed, as something else than a list of stories."""
    if element.tag in ("body", "html", "main", "a"):
        return False
    attributes = element.attrib
    if attributes.get("role") in ("navigation", "contentinfo", "search", "menu", "dialog"):
        return True
    for name in ("class", "id", "data-testid", "data-component"):
        if name in attributes and _names_elsewhere(str(attributes[name])):
            return next(element.iter("h1"), None) is None or element.tag == "aside"
    return element.tag in ("aside", "section", "div", "ul", "ol") and _is_headed_elsewhere(element)


def _names_elsewhere(value: str) -> bool:
    for token in value[:300].split():
        words = [word.lower() for word in boilerplate.SPLIT.split(token) if word]
        if words and words[0] in ("has", "with", "no", "is"):
            continue
        if not PLACES.isdisjoint(words) or not PAIRS.isdisjoint(pairwise(words)):
            return True
    return False


def _is_headed_elsewhere(element: Element) -> bool:
    """Whether the first thing in a block is a heading such as `Most read`."""
    first: Element | None = element
    for _ in range(4):
        first = next((one for one in first if isinstance(one.tag, str)), None) if first is not None else None
        if first is None:
            return False
        if first.tag in HEADINGS or first.tag in ("strong", "b", "p", "span", "header", "legend"):
            words = words_of(first)
            return 0 < len(words) < 60 and bool(OTHER_LISTS.match(words)) and next(first.iter("a"), None) is None
    return False


def length(text: str) -> int:
    """Letters; those of scripts that write a word in two count for more."""
    return len(text) + 2 * len(LARGE_LETTERS.findall(text))
