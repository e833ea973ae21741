"""The text of a story as blocks of HTML: what remains of its elements without boilerplate."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from html import escape
from itertools import compress

from lxml import etree

from ...person_names import is_person_name
from . import boilerplate
from .html_tree import (
    HEADING_TAGS,
    HIDDEN_TAGS,
    Element,
    collapse_spaces,
    contains_tag,
    count_letters,
    get_link_length,
    get_text,
)
from .images import Picture, parse_picture
from .reference_text import ReferenceText
from .survey import PARAGRAPH_TAGS, WRAPPER_TAGS, PageSurvey
from .title import fold

LIST_TAGS = frozenset(("ul", "ol", "dl", "table"))
WHOLE_BLOCK_TAGS = frozenset(("p", "blockquote", "pre", "hr", "video", "audio", "details", *LIST_TAGS, *HEADING_TAGS))
QUOTE_TAGS = ("blockquote", "table", "pre")
INLINE_TAGS = frozenset(
    (
        "a", "abbr", "b", "bdi", "bdo", "big", "br", "cite", "code", "data", "del", "dfn", "em", "i", "ins", "kbd",
        "mark", "q", "s", "small", "span", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr", "font", "strike",
    )
)  # fmt: skip
NAME_SEPARATOR = re.compile(r"[,;，、]")
MAX_NAME_WORDS = 7
MIN_CONFIRMED_SHARE = 0.3  # of the letters of a text: where a second opinion confirms less, it is of another text
MIN_REPEATED_LENGTH = 30  # letters; a shorter paragraph may stand twice
MAX_TITLE_LENGTH = 120
MAX_CAPTION_LENGTH = 500
MIN_CAPTIONS = 3  # of a picture story


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph, heading, list or picture: its HTML, its text, and the share of the text that is links."""

    tag: str
    html: str
    text: str = ""
    link_share: float = 0.0
    is_loose: bool = False  # the text stood outside of any paragraph
    picture: Picture | None = None


@dataclass(frozen=True, slots=True)
class StoryFacts:
    """The facts of the story that its text does not repeat."""

    title: str = ""
    bylines: tuple[str, ...] = ()  # as the page spells them


class BlockCollector:
    """A walk through an element that collects its blocks in order; loose words become paragraphs."""

    def __init__(self, survey: PageSurvey, base_url: str) -> None:
        self.survey = survey
        self.base_url = base_url
        self.blocks: list[Block] = []
        self._loose_html: list[str] = []
        self._loose_text: list[str] = []

    def collect(self, root: Element) -> list[Block]:
        """Walk once through an element; return all blocks collected so far."""
        walk = etree.iterwalk(root, events=("start", "end"))
        for event, element in walk:
            if event == "end":
                self._end(element, root)
            elif self._start(element, root):
                walk.skip_subtree()
        self._flush()
        return self.blocks

    def _start(self, element: Element, root: Element) -> bool:
        """Add what can be added whole; return whether the inside of the element is done with."""
        if element.tag in HIDDEN_TAGS or (element is not root and element in self.survey.boilerplate):
            self._flush()
            if boilerplate.is_caption(element):
                self._add_caption(element)
            return True
        if element.tag in ("img", "picture") or (element.tag == "figure" and not contains_tag(element, *QUOTE_TAGS)):
            self._flush()
            self._add_picture(element)
            return True
        if element.tag in WHOLE_BLOCK_TAGS and not _is_picture_list(element):
            self._flush()
            self._add_block(element)
            return True
        if element.tag in INLINE_TAGS and not _contains_blocks(element):
            self._add_inline(element)
            return True
        self._flush()
        self._add_text(element.text)
        return element.tag == "figcaption"

    def _end(self, element: Element, root: Element) -> None:
        if element.tag in WRAPPER_TAGS or element.tag == "li":
            self._flush()
        if element is not root:
            self._add_text(element.tail)

    def _add_text(self, text: str | None) -> None:
        if text and text.strip():
            self._loose_html.append(escape(text, quote=False))
            self._loose_text.append(text)

    def _add_inline(self, element: Element) -> None:
        self._drop_boilerplate(element)
        self._loose_html.append(_to_html(element))
        self._loose_text.append(" " if element.tag == "br" else get_text(element))

    def _flush(self) -> None:
        """Make a paragraph of the loose words."""
        text = collapse_spaces("".join(self._loose_text))
        if text:
            self.blocks.append(Block("p", f"<p>{''.join(self._loose_html).strip()}</p>", text, is_loose=True))
        self._loose_html.clear()
        self._loose_text.clear()

    def _add_picture(self, element: Element) -> None:
        picture = parse_picture(element, self.base_url)
        if picture:
            self.blocks.append(Block("img", _format_picture(picture), picture=picture))

    def _add_caption(self, element: Element) -> None:
        """Add the caption to the picture before it; one that holds the picture itself is a figure."""
        if contains_tag(element, "img"):
            self._add_picture(element)
        elif self.blocks and (picture := self.blocks[-1].picture) and not picture.caption:
            picture = replace(picture, caption=get_text(element)[:MAX_CAPTION_LENGTH])
            self.blocks[-1] = Block("img", _format_picture(picture), picture=picture)

    def _drop_boilerplate(self, element: Element) -> None:
        """Drop the boilerplate inside of what is added whole."""
        if not len(element):
            return
        for inner in [inner for inner in element.iterdescendants(etree.Element) if inner in self.survey.boilerplate]:
            if inner.getparent() is not None:
                inner.drop_tree()  # type: ignore[attr-defined]

    def _add_block(self, element: Element) -> None:
        self._drop_boilerplate(element)
        text = get_text(element)
        if text:
            link_share = get_link_length(element) / len(text)
            self.blocks.append(Block(str(element.tag), _to_html(element), text, link_share))
        elif element.tag in ("video", "audio"):
            self.blocks.append(Block("media", _to_html(element)))
        else:
            for image in element.iter("img"):
                self._add_picture(image)


def _format_picture(picture: Picture, *, shows_caption: bool = False) -> str:
    alt = f' alt="{escape(picture.alt)}"' if picture.alt else ""
    title = f' title="{escape(picture.caption)}"' if picture.caption and not shows_caption else ""
    caption = f"<figcaption>{escape(picture.caption, quote=False)}</figcaption>" if shows_caption else ""
    return f'<figure><img src="{escape(picture.url)}"{alt}{title}>{caption}</figure>'


def _is_picture_list(element: Element) -> bool:
    """Return whether the items of a list are pictures, rather than links with pictures."""
    item = next(iter(element), None) if element.tag in ("ul", "ol") else None
    return item is not None and contains_tag(item, "img") and not contains_tag(item, "a")


def _contains_blocks(element: Element) -> bool:
    return any(inner.tag not in INLINE_TAGS for inner in element.iterdescendants(etree.Element))


def _to_html(element: Element) -> str:
    return etree.tostring(element, encoding="unicode", method="html", with_tail=False)


# ── the blocks that belong to the story ─────────────────────────────────────────────────────────────────────────────


def collect_blocks(parts: list[Element], survey: PageSurvey, base_url: str) -> list[Block]:
    """Return all blocks in some elements of the page."""
    return [block for part in parts for block in BlockCollector(survey, base_url).collect(part)]


def select_story_blocks(blocks: list[Block], facts: StoryFacts, reference: ReferenceText) -> list[Block]:
    """Return the blocks of the story: no repetitions, calls, facts or lists of links, and nothing behind its end."""
    kept: list[Block] = []
    heading_tags = Counter(block.tag for block in blocks if block.tag in HEADING_TAGS)
    for block in _drop_repetitions(_drop_unconfirmed(blocks, reference), facts, reference):
        if boilerplate.is_comments_heading(block.text) and not _is_before_text(kept):
            break
        if _is_link_list(block):
            _drop_trailing_headings(kept)
        elif not (
            _is_boilerplate(block) or (_is_before_text(kept) and _is_heading_of_page(block, facts, heading_tags))
        ):
            kept.append(block)
    _drop_trailing_headings(kept)
    return _show_captions(kept)


def _show_captions(blocks: list[Block]) -> list[Block]:
    """Return the blocks with the captions as text, where they are most of it: those of a picture story."""
    captions = [block.picture.caption for block in blocks if block.picture and block.picture.caption]
    if len(captions) < MIN_CAPTIONS or sum(map(len, captions)) < sum(len(block.text) for block in blocks):
        return blocks
    return [
        replace(block, html=_format_picture(block.picture, shows_caption=True)) if block.picture else block
        for block in blocks
    ]


def _drop_trailing_headings(blocks: list[Block]) -> None:
    """Drop headings and lines that nothing follows."""
    while blocks and (blocks[-1].tag in HEADING_TAGS or blocks[-1].tag == "hr"):
        blocks.pop()


def _drop_unconfirmed(blocks: list[Block], reference: ReferenceText) -> list[Block]:
    """Return the blocks without loose words that a second opinion leaves out, and without what follows its last one."""
    confirmed = [bool(block.text) and reference.count(block.text) > 0 for block in blocks]
    lengths = [count_letters(block.text) for block in blocks]
    if sum(compress(lengths, confirmed)) < MIN_CONFIRMED_SHARE * sum(lengths):
        return blocks
    end = max((index for index, is_confirmed in enumerate(confirmed) if is_confirmed), default=len(blocks))
    end = next((index for index in range(end + 1, len(blocks)) if blocks[index].text), len(blocks))
    return [
        block
        for block, is_confirmed in zip(blocks[:end], confirmed, strict=False)
        if is_confirmed or not block.is_loose
    ]


def add_lead(blocks: list[Block], lead: str) -> list[Block]:
    """Return the blocks with the lead before them, unless one of the first repeats it."""
    key = fold(lead)
    for index, block in enumerate(blocks[:6]):
        folded = fold(block.text)
        if block.text and (folded.startswith(key[:60]) or (key.startswith(folded[:60]) and len(folded) > 30)):
            if block.tag not in HEADING_TAGS:
                return blocks
            return [*blocks[:index], make_paragraph(block.text), *blocks[index + 1 :]]
    return [make_paragraph(lead), *blocks]


def make_paragraph(text: str) -> Block:
    """Return a text as a paragraph."""
    return Block("p", f"<p>{escape(text, quote=False)}</p>", text)


def _drop_repetitions(blocks: list[Block], facts: StoryFacts, reference: ReferenceText) -> Iterator[Block]:
    """Yield the blocks but the title, the names of the authors, and what stood above; a reference may repeat it too."""
    bylines = [fold(byline) for byline in facts.bylines]
    counts: Counter[str] = Counter()
    for block in blocks:
        key = block.picture.url if block.picture else fold(block.text)
        if block.tag in ("hr", "media"):
            yield block
        elif key and key != fold(facts.title) and not _is_author_name(block, key, bylines):
            if counts[key] == 0 or reference.count(block.text) > counts[key]:
                yield block
            if block.picture or len(key) > MIN_REPEATED_LENGTH:
                counts[key] += 1


def _is_author_name(block: Block, key: str, bylines: list[str]) -> bool:
    """Return whether a block is a name and no more: one of those in a byline, or the whole of one."""
    if NAME_SEPARATOR.search(block.text) or len(block.text.split()) > MAX_NAME_WORDS:
        return False
    return key in bylines or (is_person_name(block.text) and any(f" {key} " in f" {byline} " for byline in bylines))


def _is_link_list(block: Block) -> bool:
    if block.tag not in LIST_TAGS:
        return False
    return block.link_share > 0.6 or boilerplate.is_link_list_heading(block.text[:79])


def _is_boilerplate(block: Block) -> bool:
    if block.tag in HEADING_TAGS:
        return boilerplate.is_link_list_heading(block.text) or block.link_share > 0.8
    if block.tag not in PARAGRAPH_TAGS:
        return False
    if (block.is_loose and boilerplate.is_label(block.text)) or block.text.startswith("<"):
        return True
    return boilerplate.is_link_line(block.text, block.link_share) or boilerplate.is_notice(block.text)


def _is_before_text(kept: list[Block]) -> bool:
    return not any(block.tag in PARAGRAPH_TAGS or block.tag in LIST_TAGS for block in kept)


def _is_heading_of_page(block: Block, facts: StoryFacts, heading_tags: Mapping[str, int]) -> bool:
    """Return whether a block above the first paragraph is a kicker, a byline or the headline in other words.

    A heading of a kind that recurs is the first of those within the text.
    """
    if block.tag not in HEADING_TAGS:
        return block.tag == "p" and boilerplate.is_label(block.text)
    return len(block.text) < MAX_TITLE_LENGTH and (block.tag == "h1" or heading_tags[block.tag] < 2)
