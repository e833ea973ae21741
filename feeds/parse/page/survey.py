"""The running text of a page: how much of it stands below each element, without what is boilerplate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from lxml import etree

from . import boilerplate
from .html_tree import (
    HEADING_TAGS,
    HIDDEN_TAGS,
    Element,
    WebPage,
    count_letters,
    ends_sentence,
    get_link_length,
    get_text,
)
from .repeated_items import find_repeated_items, is_gallery

PARAGRAPH_TAGS = frozenset(("p", "blockquote", "pre", "li", "dd", "td"))
WRAPPER_TAGS = frozenset(
    ("div", "section", "article", "main", "span", "header", "center", "body", "figure", "hgroup", "font")
)
MIN_PARAGRAPH_LENGTH = 60  # letters; a shorter one does not say where the story stands
BULK_SHARE = 0.4  # of all running text: an element with more is no boilerplate where it holds the headline
MIN_REMAINING_SHARE = 0.15  # of all running text: where less remains, class names marked too much as boilerplate
RETRY_SHARES = (BULK_SHARE, 0.1, 0.0)  # then only elements with less of the text than this count as boilerplate
MIN_PARAGRAPHS_BEFORE = 2  # a story has more text than its standfirst before comments and other stories follow


class WeighedText(NamedTuple):
    """A paragraph, or the text of its own in a wrapper, and its weight."""

    element: Element
    text: str
    weight: float


@dataclass(frozen=True)
class PageSurvey:
    """The letters of running text below each element of a page, and the elements that are boilerplate."""

    weights: Mapping[Element, float]
    boilerplate: frozenset[Element]
    texts: tuple[WeighedText, ...] = ()

    def weight(self, element: Element) -> float:
        """Return the letters of running text below an element, without boilerplate."""
        return self.weights.get(element, 0.0)


def survey_page(page: WebPage) -> PageSurvey:
    """Weigh the text of a page and find its boilerplate.

    What holds the headline, or nearly all of the text, is no boilerplate, however it is named.
    """
    root = page.root
    texts, suspects, others = _collect_texts(page)
    all_weights = sum_weights(texts, frozenset())
    total = all_weights.get(root, 0.0)
    heading_ancestors = {ancestor for heading in root.iter("h1") for ancestor in heading.iterancestors()}
    excluded = frozenset(
        element
        for element in suspects
        if element.tag in boilerplate.NON_STORY_TAGS
        or all_weights.get(element, 0.0) < BULK_SHARE * total
        or element not in heading_ancestors
    )
    weights = sum_weights(texts, excluded)
    for share in RETRY_SHARES:
        if weights.get(root, 0.0) >= MIN_REMAINING_SHARE * total:
            break
        excluded = frozenset(
            element
            for element in excluded
            if element.tag in boilerplate.NON_STORY_TAGS or all_weights.get(element, 0.0) < share * total
        )
        weights = sum_weights(texts, excluded)
    return PageSurvey(weights, excluded | others, tuple(texts))


def sum_weights(texts: Iterable[WeighedText], excluded: frozenset[Element]) -> dict[Element, float]:
    """Return the weight below each element, without texts inside of excluded ones."""
    weights: dict[Element, float] = {}
    for element, _, weight in texts:
        path = list(iter_upwards(element))
        if excluded.isdisjoint(path):
            for ancestor in path:
                weights[ancestor] = weights.get(ancestor, 0.0) + weight
    return weights


def iter_upwards(element: Element) -> Iterator[Element]:
    """Yield an element, then its ancestors."""
    yield element
    yield from element.iterancestors()


def _collect_texts(page: WebPage) -> tuple[list[WeighedText], list[Element], frozenset[Element]]:
    """Return the weighed texts, what is named like boilerplate, and the comments and other stories that follow."""
    texts: list[WeighedText] = []
    suspects: list[Element] = []
    items: set[Element] = set()
    others: set[Element] = set()
    walk = etree.iterwalk(page.root, events=("start",))
    for _, element in walk:
        if element.tag in HIDDEN_TAGS or element.tag == "head":
            walk.skip_subtree()
            continue
        if len(texts) >= MIN_PARAGRAPHS_BEFORE:
            others.update(_find_others(element, items))
        if element in others:
            walk.skip_subtree()
            continue
        items.update(find_repeated_items(element, page.url))
        is_named = element.tag not in ("body", "html") and boilerplate.is_boilerplate(element)
        if is_named and not is_gallery(element, page.url):
            suspects.append(element)
        if element.tag in PARAGRAPH_TAGS:
            text = get_text(element)
            weight = _weigh_paragraph(element, text)
        elif element.tag in WRAPPER_TAGS:
            text = _get_own_text(element)
            weight = length if (length := count_letters(text)) >= MIN_PARAGRAPH_LENGTH else 0.0
        else:
            continue
        if weight:
            texts.append(WeighedText(element, text, weight))
    return texts, suspects, frozenset(others)


def _find_others(element: Element, items: set[Element]) -> Iterator[Element]:
    """Yield an element behind a story that is a card or comments, and what follows a heading above comments."""
    if element in items or boilerplate.is_comments(element):
        yield element
    elif element.tag in HEADING_TAGS and boilerplate.is_comments_heading(get_text(element)):
        yield from element.itersiblings(etree.Element)


def _get_own_text(element: Element) -> str:
    """Return the text that stands directly in an element."""
    parts = (element.text or "", *(child.tail or "" for child in element))
    return " ".join(filter(None, map(str.strip, parts)))


def _weigh_paragraph(element: Element, text: str) -> float:
    length = count_letters(text)
    if length < MIN_PARAGRAPH_LENGTH and not (length > 25 and ends_sentence(text)):
        return 0.0
    if get_link_length(element) > len(text) / 2:
        return 0.0
    return min(length, 1000) * (0.5 if element.tag in ("li", "td", "dd") else 1.0)
