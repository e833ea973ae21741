"""The text of a story: what remains of its place on the page without the furniture, as blocks of HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from lxml import etree

from . import boilerplate, images
from .html_tree import HIDDEN, Element, squeezed, words_of
from .images import Picture
from .region import PARAGRAPHS, WRAPPERS, PageSurvey
from .title import fold

HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
LISTS = frozenset(("ul", "ol", "dl", "table"))
WHOLE = frozenset(("p", "blockquote", "pre", "hr", "video", "audio", "details", *LISTS, *HEADINGS))
QUOTED = ("blockquote", "table", "pre")
INLINE = frozenset(
    (
        "a", "abbr", "b", "bdi", "bdo", "big", "br", "cite", "code", "data", "del", "dfn", "em", "i", "ins", "kbd",
        "mark", "q", "s", "small", "span", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr", "font", "strike",
    )
)  # fmt: skip
ENDS = re.compile(r"[.!?…:;。！？：।][\"'”’»“)\]\s]*$")
TEASER = 250  # letters of an item, at most
LABEL = 40  # letters of a loose word or two: a button, a byline, a price


@dataclass(frozen=True, slots=True)
class Block:
    """One paragraph, heading, list or picture: its HTML, its words, and the share of them that are links."""

    tag: str
    html: str
    words: str = ""
    linked: float = 0.0
    loose: bool = False  # words that stood outside of any paragraph
    picture: Picture | None = None
    teasers: bool = False  # a list whose items are other stories, with headlines or pictures of their own


@dataclass(frozen=True, slots=True)
class StoryFacts:
    """What is known of the story before its text is chosen: it is not repeated there."""

    title: str = ""
    people: tuple[str, ...] = ()


class BlockCollector:
    """The blocks below an element in order; loose words become paragraphs."""

    def __init__(self, ground: PageSurvey, base: str) -> None:
        self.ground = ground
        self.base = base
        self.blocks: list[Block] = []
        self._run: list[str] = []
        self._words: list[str] = []

    def collect(self, place: Element) -> list[Block]:
        """Walk once through the place."""
        walk = etree.iterwalk(place, events=("start", "end"))
        for event, element in walk:
            if event == "end":
                self._leave(element, place)
            elif self._enter(element, place):
                walk.skip_subtree()
        self._flush()
        return self.blocks

    def _enter(self, element: Element, place: Element) -> bool:
        """Take what can be taken whole; whether what is inside is done with."""
        if element.tag in HIDDEN or (element is not place and element in self.ground.furniture):
            self._flush()
            if _is_captioned(element):
                self._picture(element)
            return True
        if element.tag in ("img", "picture") or (element.tag == "figure" and not _holds(element, QUOTED)):
            self._flush()
            self._picture(element)
            return True
        if element.tag in WHOLE:
            self._flush()
            self._whole(element)
            return True
        if element.tag in INLINE and not _holds_blocks(element):
            self._inline(element)
            return True
        self._flush()
        self._loose(element.text)
        return element.tag == "figcaption"

    def _leave(self, element: Element, place: Element) -> None:
        if element.tag in WRAPPERS:
            self._flush()
        if element is not place:
            self._loose(element.tail)

    def _loose(self, text: str | None) -> None:
        if text and text.strip():
            self._run.append(escape(text, quote=False))
            self._words.append(text)

    def _inline(self, element: Element) -> None:
        self._tidy(element)
        self._run.append(spelled(element))
        self._words.append(" " if element.tag == "br" else words_of(element))

    def _flush(self) -> None:
        words = squeezed("".join(self._words))
        if words:
            self.blocks.append(Block("p", f"<p>{''.join(self._run).strip()}</p>", words, loose=True))
        self._run.clear()
        self._words.clear()

    def _picture(self, element: Element) -> None:
        found = images.picture_of(element, self.base)
        if found:
            self.blocks.append(Block("img", shown(found), picture=found))

    def _tidy(self, element: Element) -> None:
        """Drop the furniture inside of what is taken whole."""
        if not len(element):
            return
        for inner in [one for one in element.iterdescendants(etree.Element) if one in self.ground.furniture]:
            if inner.getparent() is not None:
                inner.drop_tree()  # type: ignore[attr-defined]

    def _whole(self, element: Element) -> None:
        self._tidy(element)
        words = words_of(element)
        if words:
            linked = sum(len(words_of(anchor)) for anchor in element.iter("a")) / len(words)
            teasers = element.tag in ("ul", "ol") and _holds_teasers(element, words)
            self.blocks.append(Block(str(element.tag), spelled(element), words, linked, teasers=teasers))
        elif element.tag in ("video", "audio"):
            self.blocks.append(Block("media", spelled(element)))
        else:
            for image in element.iter("img"):
                self._picture(image)


def _holds_teasers(element: Element, words: str) -> bool:
    items = list(element.iterchildren("li"))
    if not items or len(words) / len(items) > TEASER:
        return False
    first = items[0]
    return _holds(first, ("a",)) and _holds(first, ("h2", "h3", "h4", "h5", "img", "article"))


def _is_captioned(element: Element) -> bool:
    """A picture with its caption, named after the caption."""
    return "caption" in (element.get("class") or "") and next(element.iter("img"), None) is not None


def _holds(element: Element, tags: tuple[str, ...]) -> bool:
    return next(element.iter(*tags), None) is not None


def _holds_blocks(element: Element) -> bool:
    return any(inner.tag not in INLINE for inner in element.iterdescendants(etree.Element))


def spelled(element: Element) -> str:
    """An element as HTML."""
    return etree.tostring(element, encoding="unicode", method="html", with_tail=False)


def shown(found: Picture) -> str:
    """A picture as HTML."""
    alt = f' alt="{escape(found.alt)}"' if found.alt else ""
    title = f' title="{escape(found.caption)}"' if found.caption else ""
    return f'<figure><img src="{escape(found.url)}"{alt}{title}></figure>'


def gathered(parts: list[Element], ground: PageSurvey, base: str, told: StoryFacts) -> list[Block]:
    """The blocks of the story in some parts of the page."""
    return chosen([block for part in parts for block in BlockCollector(ground, base).collect(part)], told)


# ── which blocks belong to the story ────────────────────────────────────────────────────────────────────────────────


def chosen(blocks: list[Block], told: StoryFacts) -> list[Block]:
    """The blocks of the story: what repeats, calls, stamps, or leads elsewhere is left out."""
    kept: list[Block] = []
    refrains = _refrains(blocks)
    for block in _once(blocks, told):
        if _is_list_of_links(block):
            while kept and kept[-1].tag in HEADINGS:
                kept.pop()
        elif not (
            _is_furniture(block) or (_leads_on(block) and _start(block) in refrains) or _is_before_the_text(block, kept)
        ):
            kept.append(block)
    while kept and (kept[-1].tag in HEADINGS or kept[-1].tag == "hr"):
        kept.pop()
    return kept


def _once(blocks: list[Block], told: StoryFacts) -> Iterator[Block]:
    seen = {fold(told.title)} | {fold(name) for name in told.people}
    for block in blocks:
        if block.tag in ("hr", "media"):
            yield block
            continue
        key = block.picture.url if block.picture else fold(block.words)
        if key and key not in seen:
            yield block
            if block.picture or len(key) > 30:
                seen.add(key)


def _start(block: Block) -> str:
    return " ".join(fold(block.words).split()[:2])


def _refrains(blocks: list[Block]) -> set[str]:
    """How several lines begin that hold a link: `More:`, in whatever language."""
    starts = [_start(block) for block in blocks if _leads_on(block)]
    return {start for start in starts if starts.count(start) > 1}


def _leads_on(block: Block) -> bool:
    return block.tag == "p" and block.linked > 0.35 and len(block.words) < 200


def _is_list_of_links(block: Block) -> bool:
    if block.tag not in LISTS:
        return False
    if block.linked > 0.6 or boilerplate.heads_a_list(block.words[:79]):
        return True
    return block.teasers


def _is_furniture(block: Block) -> bool:
    if block.tag in HEADINGS:
        return boilerplate.heads_a_list(block.words) or block.linked > 0.8
    if block.tag not in PARAGRAPHS:
        return False
    if block.loose and len(block.words) < LABEL and not ENDS.search(block.words):
        return True
    if block.words.startswith("<"):
        return True
    return boilerplate.leads_elsewhere(block.words, block.linked) or boilerplate.is_notice(block.words)


def _is_before_the_text(block: Block, kept: list[Block]) -> bool:
    """A heading or a label that stands above the first paragraph: a kicker, a byline, the headline in other words."""
    if any(one.tag in PARAGRAPHS or one.tag in LISTS for one in kept):
        return False
    if block.tag in HEADINGS:
        return len(block.words) < 120
    return block.tag == "p" and len(block.words) < LABEL and not ENDS.search(block.words)


def with_lead(blocks: list[Block], lead: str) -> list[Block]:
    """The blocks with the standfirst before them, unless one of the first says it already."""
    key = fold(lead)
    for at, block in enumerate(blocks[:6]):
        ours = fold(block.words)
        if block.words and (ours.startswith(key[:60]) or (key.startswith(ours[:60]) and len(ours) > 30)):
            return (
                [*blocks[:at], Block("p", f"<p>{escape(block.words, quote=False)}</p>", block.words), *blocks[at + 1 :]]
                if block.tag in HEADINGS
                else blocks
            )
    return [Block("p", f"<p>{escape(lead, quote=False)}</p>", lead), *blocks]
