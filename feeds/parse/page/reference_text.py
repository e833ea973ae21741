"""The text of a story as others give it: a second opinion on where the page's text stands and where it ends.

Structured data gives it as a whole; trafilatura extracts it by rules of its own. Only letters are compared.
"""

from __future__ import annotations

import copy
import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from html import unescape

from lxml import etree

from . import json_ld
from .html_tree import Element, count_letters

STRUCTURED = "json-ld articleBody"
MAX_ELEMENTS = 20_000  # of a page given to trafilatura; its time grows with them
MAX_TEXT_LENGTH = 300_000  # letters; paragraphs are looked for in all of it
MIN_TEXT_LENGTH = 200  # letters; a shorter text of the structured data is a summary
MIN_KEY_LENGTH = 12  # letters; a shorter paragraph must be a whole line, for it may stand inside another one
KEY_LENGTH = 60  # letters at either end of a paragraph that are looked for
LETTERS = re.compile(r"\w+")
TAG = re.compile(r"<[^>]{1,500}>")
BLOCK_TAG = re.compile(r"<(?:p|br|div|h\d)\b", re.I)
PARAGRAPH_END = re.compile(r"</(?:p|div|h\d|li)\s*>|<br\s*/?>|\n", re.I)


@dataclass(frozen=True)
class ReferenceText:
    """The paragraphs of a text as plain text, and where it was found."""

    paragraphs: tuple[str, ...] = ()
    where: str = ""

    @property
    def is_structured(self) -> bool:
        """Whether the page gives the text as data."""
        return self.where == STRUCTURED

    @cached_property
    def length(self) -> int:
        """The length of the text in Latin letters."""
        return sum(map(count_letters, self.paragraphs))

    @cached_property
    def letters(self) -> str:
        """The letters of all paragraphs."""
        return "".join(map(make_key, self.paragraphs))

    @cached_property
    def lines(self) -> Counter[str]:
        """The letters of each paragraph, and how often it stands in the text."""
        return Counter(map(make_key, self.paragraphs))

    def count(self, text: str) -> int:
        """Return how often a paragraph stands in the text; once where only its ends do, within other paragraphs."""
        key = make_key(text)
        if key in self.lines or count_letters(key) < MIN_KEY_LENGTH:
            return self.lines[key]
        return int(key[:KEY_LENGTH] in self.letters and key[-KEY_LENGTH:] in self.letters)


def make_key(text: str) -> str:
    """Return the letters and digits of a text in lower case."""
    return "".join(LETTERS.findall(text.lower()))


def read_structured_text(node: json_ld.JsonLdNode) -> ReferenceText:
    """Return the text that the story's node holds; an empty one where it holds a summary or none."""
    text = json_ld.as_text(node.get("articleBody")) or json_ld.as_text(node.get("text")) or ""
    paragraphs = split_paragraphs(text)
    is_whole = MIN_TEXT_LENGTH <= sum(map(len, paragraphs)) <= MAX_TEXT_LENGTH
    return ReferenceText(paragraphs, STRUCTURED) if is_whole else ReferenceText()


def split_paragraphs(text: str) -> tuple[str, ...]:
    """Return the paragraphs of a text that is plain or has markup, as plain text."""
    text = unescape(text) if "&lt;" in text else text
    has_markup = BLOCK_TAG.search(text)
    parts = PARAGRAPH_END.split(text)
    plain = (" ".join(unescape(TAG.sub("", part)).split()) if has_markup else " ".join(part.split()) for part in parts)
    return tuple(filter(None, plain))


def extract_text(root: Element) -> ReferenceText:
    """Return the text that trafilatura extracts by its rules alone; an empty one from a page that is too large.

    Without its fallbacks it is faster, and errs less towards more than the story.
    """
    import trafilatura  # heavy, and needed for story pages only

    if sum(1 for _ in root.iter(etree.Element)) > MAX_ELEMENTS:
        return ReferenceText()
    tree = copy.deepcopy(root)  # trafilatura removes elements
    text = trafilatura.extract(tree, fast=True, include_comments=False) or ""
    if len(text) > MAX_TEXT_LENGTH:
        return ReferenceText()
    return ReferenceText(tuple(filter(None, (line.strip("- ") for line in text.splitlines()))), "trafilatura")
