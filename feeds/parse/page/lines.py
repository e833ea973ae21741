"""The lines of a visible page: text between the beginnings and ends of blocks, with the dates that are marked in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from . import boilerplate
from .html_tree import BLOCK_TAGS, HIDDEN_TAGS, Element, collapse_spaces, count_letters, get_text
from .region import RegionView

DATE_TAGS = ("time", "abbr", "data", "relative-time", "time-ago", "local-time")
UPDATE_NAMES = frozenset(
    ("updated", "update", "modified", "datemodified", "lastmod", "revised", "edited", "aktualisiert")
)
DATE_PATTERN = re.compile(r"(?<!\d)\d{4}(?!\d)|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d\s?年|元年")
ISO_DATE = re.compile(
    r"\s*(\d{4}-\d\d-\d\d)(?:[T ]+(\d\d:\d\d)(?::(\d\d)(?:[.,]\d+)?)?\s*(Z|[+-]\d\d:?(?:\d\d)?)?)?\s*\Z", re.I
)
MAX_DATE_LENGTH = 100
MAX_LINES = 4_000
LINES_BEFORE_HEADING, LINES_AFTER_TEXT_BEGINS = 12, 2  # that are near the headline
MIN_PARAGRAPH_WIDTH = 120
LINE_TAGS = BLOCK_TAGS | {
    "h5", "h6", "dd", "dt", "dl", "ol", "article", "main", "footer", "aside", "nav", "table", "blockquote",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PageLine:
    """A line of the visible page; `names` are the words in class and id of the elements that it consists of."""

    text: str
    element: Element
    names: frozenset[str]
    has_mark: bool  # a `time` element or the like


def find_lines_near_headline(lines: list[PageLine], region: RegionView) -> range:
    """Return the positions of the lines from a little before the headline to where the text begins."""
    heading, text = region.heading, region.text_element
    inside = [index for index, line in enumerate(lines) if _is_inside(line.element, heading)]
    start = inside[0] if inside else None
    begins = (
        index
        for index, line in enumerate(lines)
        if index > (start or 0)
        and count_letters(line.text) >= MIN_PARAGRAPH_WIDTH
        and (text is None or _is_inside(line.element, text))
    )
    begin = next(begins, None)
    if begin is None:
        begin = (start or 0) + LINES_BEFORE_HEADING
    first = (start if start is not None else begin) - LINES_BEFORE_HEADING
    return range(max(first, 0), begin + LINES_AFTER_TEXT_BEGINS)


def _is_inside(element: Element, container: Element | None) -> bool:
    return container is not None and (element is container or container in element.iterancestors())


def iter_lines(root: Element) -> Iterator[PageLine]:
    """Yield the lines of the visible page; of an element that marks a date its attribute, else its text."""
    line = _LineBuilder(root)
    walk = etree.iterwalk(root, events=("start", "end"))
    for event, element in walk:
        is_block = element.tag in LINE_TAGS
        if is_block and (finished := line.finish()):
            yield finished
        if event == "end":
            line.begin_after(element, is_block=is_block)
        elif element.tag in HIDDEN_TAGS or element.tag in ("nav", "head") or boilerplate.is_other_list(element):
            walk.skip_subtree()
        elif element.tag in DATE_TAGS and DATE_PATTERN.search(text := get_date_text(element)):
            line.add_mark(element, text)
            walk.skip_subtree()
        else:
            line.add(element, is_block=is_block)
    if finished := line.finish():
        yield finished


class _LineBuilder:
    """Collects the text of inline elements until a block begins or ends."""

    def __init__(self, block: Element) -> None:
        self._block = block
        self._parts: list[str] = []
        self._names: set[str] = set()
        self._has_mark = False

    def add(self, element: Element, *, is_block: bool) -> None:
        """Add the text at the beginning of an element."""
        if is_block:
            self._block = element
        self._names |= get_names(element)
        self._parts.append(element.text or "")

    def add_mark(self, element: Element, text: str) -> None:
        """Add the date of an element that marks one; its names may say that it is of an update."""
        names = get_names(element)
        self._names |= names
        self._has_mark = True
        self._parts += [" ", text if UPDATE_NAMES.isdisjoint(names) else f"updated {text}", " "]

    def begin_after(self, element: Element, *, is_block: bool) -> None:
        """Add the text behind an element; behind a block it belongs to the element around it."""
        parent = element.getparent()
        if is_block and parent is not None:
            self._block = parent
        self._parts += [" ", element.tail or ""]

    def finish(self) -> PageLine | None:
        """Return the line so far, None where it is empty, and begin a new one."""
        text = collapse_spaces("".join(self._parts))
        line = PageLine(text, self._block, frozenset(self._names), self._has_mark) if text else None
        self._parts, self._names, self._has_mark = [], set(), False
        return line


def get_names(element: Element) -> frozenset[str]:
    """Return the words in class, id and itemprop of an element."""
    attributes = element.attrib
    values = (attributes[name] for name in ("class", "id", "itemprop") if name in attributes)
    return frozenset().union(*map(boilerplate.split_names, values))


def get_date_text(element: Element) -> str:
    """Return the date of an element: that of an attribute where it has one, the most exact one, else its text."""
    values = ((element.get(name) or "").strip() for name in ("datetime", "content", "title", "data-datetime", "value"))
    dates = [value[: MAX_DATE_LENGTH + 1] for value in values if any(char.isdigit() for char in value)]
    return max(dates, key=_count_clock_parts, default="") or get_text(element)[: MAX_DATE_LENGTH + 1]


def _count_clock_parts(text: str) -> int:
    match = ISO_DATE.match(text)
    return sum(part is not None for part in match.groups()) if match else 0
