"""What an item of a list says beside its link: the texts in it, the headline among them, date, picture and teaser."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, takewhile

from lxml import etree

from ..fact_lines import DATE, read_fact_line
from .dates import is_update_date
from .html_tree import HEADING_TAGS, HIDDEN_TAGS, Element, collapse_spaces, count_letters, get_text
from .images import parse_picture
from .lines import DATE_PATTERN, get_date_text
from .list_region import is_link_label
from .title import WORD, fold

# An element, or a text between elements.
Node = Element | str

HEADLINE_CLASS = re.compile(r"head-?line|title|titel|titre|titulo|heading|hed\b|\bttl\b", re.I)
TEASER_CLASS = re.compile(
    r"sub-?(?:title|head|line)|teaser|summary|excerpt|desc|intro|abstract|\blead\b|\bdek\b|snippet", re.I
)
KICKER_CLASS = re.compile(
    r"kicker|topline|eyebrow|overline|dachzeile|label|category|rubrik|section-?name|flag|badge|tag|date|time|author|byline|count|source",
    re.I,
)
CLASS_SCORES = ((TEASER_CLASS, -0.4), (HEADLINE_CLASS, 0.6), (KICKER_CLASS, -0.5))
TAG_SCORES = {"strong": 0.3, "b": 0.3, "dt": 0.3, "a": 0.3, "p": -0.3, "dd": -0.3, "time": -1.0}
NO_TITLE = -10.0
SENTENCE_END = re.compile(r"[.。।…]\W*$")
CUT_OFF = re.compile(r"\s?(?:…|\.{2,3}|。{3}|‥)$")
DIGITS = re.compile(r"\d+")
PUBLISHED_MARKS = frozenset(("dt-published", "published", "entry-date", "pubdate", "datepublished"))
MIN_TITLE_LENGTH, MAX_TITLE_LENGTH = 3, 400
MAX_COUNTER_LENGTH = 20  # letters; titles of a series may differ in nothing but a number
MAX_DATE_LINE = 120  # letters of a text that names a date, maybe beside other facts
MIN_SUMMARY_LENGTH, MAX_SUMMARY_LENGTH = 40, 1000


@dataclass(frozen=True, slots=True)
class TextPart:
    """One text of an item, what it is the text of (none between elements), and its place among the texts."""

    text: str
    element: Element | None = None
    index: int = 0

    @property
    def is_heading(self) -> bool:
        """Whether it is marked as a heading, or stands in one."""
        elements = () if self.element is None else (self.element, *islice(self.element.iterancestors(), 3))
        return any(element.tag in HEADING_TAGS or element.get("role") == "heading" for element in elements)

    @property
    def score(self) -> float:
        """How much the text is like a headline: NO_TITLE for none, 1 for a long one, more by its markup."""
        length = count_letters(self.text)
        if length < MIN_TITLE_LENGTH or len(self.text) > MAX_TITLE_LENGTH:
            return NO_TITLE
        score = min(length, 60) / 60 + self.is_heading - self.index / 20
        score -= 0.4 if SENTENCE_END.search(self.text) else 0.0
        score -= 0.6 if length > 160 or (len(self.text) <= MAX_DATE_LINE and DATE.search(self.text)) else 0.0
        if self.element is None:
            return score - 0.2
        wrappers = takewhile(lambda parent: len(parent) == 1, self.element.iterancestors())
        names = " ".join(element.get("class") or "" for element in (self.element, *islice(wrappers, 3)))
        score += next((weight for pattern, weight in CLASS_SCORES if pattern.search(names)), 0.0)
        return score + TAG_SCORES.get(str(self.element.tag), 0.0)


def fold_label(text: str) -> str:
    """Return a text for comparing with others of a list: `3 comments` and `12 comments` are the same label."""
    return DIGITS.sub("0", fold(text)) if count_letters(text) < MAX_COUNTER_LENGTH else fold(text)


def iter_parts(nodes: Iterable[Node], own_anchors: Container[Element] | None = None) -> Iterator[TextPart]:
    """Yield the headings, and the outermost elements with text of their own.

    With `own_anchors`, other anchors are left out, and headings that hold them; texts beside an anchor are parts.
    """
    for index, (text, element) in enumerate(_iter_texts(nodes, own_anchors)):
        yield TextPart(text, element, index)


def iter_nodes(element: Element) -> Iterator[Node]:
    """Yield the children of an element and the texts between them."""
    if (element.text or "").strip():
        yield element.text or ""
    for child in element:
        if isinstance(child.tag, str):
            yield child
        if (child.tail or "").strip():
            yield child.tail or ""


def _iter_texts(nodes: Iterable[Node], own_anchors: Container[Element] | None) -> Iterator[tuple[str, Element | None]]:
    stack = list(nodes)[::-1]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            if text := collapse_spaces(node):
                yield text, None
            continue
        is_heading = node.tag in HEADING_TAGS
        if node.tag in HIDDEN_TAGS or ((is_heading or node.tag == "a") and _holds_other(node, own_anchors)):
            continue
        if not is_heading and (not _has_own_text(node) or (own_anchors is not None and _is_mixed(node))):
            stack += list(iter_nodes(node))[::-1]
        elif text := _get_headline_text(node):
            yield _complete_text(text, node), node


def _complete_text(text: str, element: Element) -> str:
    """Return a text that is cut off as an attribute has it in full, as lists with short lines do."""
    stem = CUT_OFF.sub("", text)
    if stem == text or not stem:
        return text
    elements = (element, *islice(element.iterancestors("a"), 1), *islice(element.iter("a"), 1))
    values = (collapse_spaces(part.get(name) or "") for part in elements for name in ("title", "aria-label"))
    return next((value for value in values if value.startswith(stem) and len(value) > len(stem)), text)


def _holds_other(element: Element, own_anchors: Container[Element] | None) -> bool:
    return own_anchors is not None and any(anchor not in own_anchors for anchor in element.iter("a"))


def _is_mixed(element: Element) -> bool:
    """Return whether an element holds a text beside an anchor, or a strong one above another."""
    tags = {child.tag for child in element}
    return "a" in tags or ("br" in tags and not tags.isdisjoint(("b", "strong")))


def find_date(nodes: Iterable[Node]) -> str | None:
    """Return the first date of publication: of a `time` element or a marked one, else of a short text."""
    nodes = list(nodes)
    for node in nodes:
        for element in node.iter(etree.Element) if not isinstance(node, str) else ():
            if _is_marked_date(element) and DATE_PATTERN.search(text := get_date_text(element)):
                return text
    for part in iter_parts(nodes):
        is_line = len(part.text) <= MAX_DATE_LINE and not part.is_heading and DIGITS.search(part.text)
        facts = read_fact_line(part.text) if is_line else None
        if facts is not None and (date := facts.dates.get("published") or facts.dates.get("date")):
            return date
    return None


def find_summary(nodes: Iterable[Node], title: str) -> str | None:
    """Return the first text of an item that is as long as a teaser and does not repeat the title."""
    folded_title = fold(title)
    for part in iter_parts(nodes):
        anchors = () if part.element is None or part.is_heading else part.element.iter("a")
        label = next((label for anchor in anchors if is_link_label(label := get_text(anchor))), "")
        text = collapse_spaces(part.text.removesuffix(label))
        is_long_enough = count_letters(text) >= MIN_SUMMARY_LENGTH and len(text) <= MAX_SUMMARY_LENGTH
        if is_long_enough and not part.is_heading and folded_title not in fold(text):
            return text
    return None


def find_picture(nodes: Iterable[Node], base_url: str) -> str | None:
    """Return the URL of the first picture."""
    images = (image for node in nodes if not isinstance(node, str) for image in node.iter("img"))
    return next((picture.url for image in images if (picture := parse_picture(image, base_url))), None)


def has_picture(nodes: Iterable[Node]) -> bool:
    """Return whether there is any picture."""
    return any(next(node.iter("img"), None) is not None for node in nodes if not isinstance(node, str))


def _has_own_text(element: Element) -> bool:
    texts = (element.text, *(child.tail for child in element))
    return any(text and WORD.search(text) for text in texts)


def _get_headline_text(element: Element) -> str:
    """Return the text of an element without its kicker."""
    text = get_text(element)
    if not len(element):
        return text
    parts = [
        part for part in element.iter("span", "div", "em", "small", "strong", "time", "i", "b") if part is not element
    ]
    headline = next((part for part in parts if HEADLINE_CLASS.search(part.get("class") or "")), None)
    if headline is not None and (headline_text := get_text(headline)):
        return headline_text
    for part in parts:
        kicker = get_text(part)
        if KICKER_CLASS.search(part.get("class") or "") and 0 < len(kicker) < 0.6 * len(text):
            text = text.replace(kicker, " ", 1)
    return collapse_spaces(text)


def _is_marked_date(element: Element) -> bool:
    marks = {*(element.get("class") or "").split(), (element.get("itemprop") or "").lower()}
    return not marks.isdisjoint(PUBLISHED_MARKS) or (element.tag == "time" and not is_update_date(element))
