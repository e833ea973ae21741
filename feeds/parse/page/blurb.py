"""What a front page says of a story beside its headline: a date, a picture, a sentence or two."""

from __future__ import annotations

from lxml import etree

from ...model import Link, Story, Text
from . import picture, stamps
from .headline import fold
from .webpage import words_of

SHORTEST, LONGEST = 40, 1000


def read(block: etree._Element, title: str, base: str) -> Story:
    """The facts of one block of a list, the headline and the link left out."""
    image = next((found for one in block.iter("img") if (found := picture.picture_of(one, base))), None)
    summary = _summary(block, title)
    return Story(
        published=_date(block),
        image=Link(image.url, "image") if image else None,
        summary=Text(summary, "text") if summary else None,
    )


def _date(block: etree._Element) -> str | None:
    for element in block.iter("time"):
        text = stamps.value_of(element)
        if stamps.DATED.search(text) and not stamps.tells_of_change(element):
            return text
    return None


def _summary(block: etree._Element, title: str) -> str | None:
    told = fold(title)
    for element in block.iter("p", "div", "span"):
        if any(
            isinstance(inner.tag, str) and inner.tag in ("p", "div", "a", "h2", "h3", "ul", "img") for inner in element
        ):
            continue
        words = words_of(element)
        if SHORTEST <= len(words) <= LONGEST and fold(words) != told and told not in fold(words):
            return words
    return None
