"""The text of a story: where on the page it stands, and what remains of that place without the furniture."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape

from lxml import etree

from feeds.parse import furniture
from feeds.parse.headline import fold
from feeds.parse.webpage import HIDDEN, WebPage, squeezed, words_of

Element = etree._Element

PARAGRAPHS = frozenset(("p", "blockquote", "pre", "li", "dd", "td"))
WRAPPERS = frozenset(("div", "section", "article", "main", "span", "header", "center", "body", "figure", "hgroup", "font"))
HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
WHOLE = frozenset(("p", "blockquote", "pre", "ul", "ol", "dl", "table", "hr", "video", "audio", "iframe", "details", *HEADINGS))
INLINE = frozenset(
    (
        "a", "abbr", "b", "bdi", "bdo", "big", "br", "cite", "code", "data", "del", "dfn", "em", "i", "ins", "kbd", "mark", "q",
        "s", "small", "span", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr", "font", "strike",
    )
)  # fmt: skip
SHORTEST = 60  # letters of a paragraph that tells where the story stands
ENOUGH = 250  # letters of a story
BULK = 0.4  # of all running text
THIN = 0.2


@dataclass(frozen=True)
class Ground:
    """A page looked over once: letters of running text below each element, and the elements that are furniture."""

    weights: Mapping[Element, float]
    furniture: frozenset[Element]

    def weight(self, element: Element) -> float:
        """Letters of running text below an element, furniture left out."""
        return self.weights.get(element, 0.0)


def survey(root: Element) -> Ground:
    """Look a page over. What holds the headline, or nearly all of the text, is no furniture, however it is named."""
    running, named = _walked(root)
    raw = _summed(running, frozenset())
    bulk = BULK * raw.get(root, 0.0)
    headed = {above for heading in root.iter("h1") for above in heading.iterancestors()}
    out = frozenset(one for one in named if one.tag in furniture.NEVER or raw.get(one, 0.0) < bulk or one not in headed)
    weights = _summed(running, out)
    if weights.get(root, 0.0) < THIN * raw.get(root, 0.0):
        out = frozenset(one for one in out if one.tag in furniture.NEVER or raw.get(one, 0.0) < bulk)
        weights = _summed(running, out)
    return Ground(weights, out)


def _summed(running: list[tuple[Element, float]], out: frozenset[Element]) -> dict[Element, float]:
    """The weights below each element, without those inside of what is out."""
    found: dict[Element, float] = {}
    for element, weight in running:
        line = list(_upwards(element))
        if out.isdisjoint(line):
            for above in line:
                found[above] = found.get(above, 0.0) + weight
    return found


def _upwards(element: Element) -> Iterator[Element]:
    yield element
    yield from element.iterancestors()


def _walked(root: Element) -> tuple[list[tuple[Element, float]], list[Element]]:
    """Paragraphs with their weights, also wrappers with words of their own; and what is named like furniture."""
    running: list[tuple[Element, float]] = []
    named: list[Element] = []
    walk = etree.iterwalk(root, events=("start",))
    for _, element in walk:
        if element.tag in HIDDEN or element.tag == "head":
            walk.skip_subtree()
            continue
        if element.tag not in ("body", "html") and furniture.is_furniture(element):
            named.append(element)
        if element.tag in PARAGRAPHS or (element.tag in WRAPPERS and _own_words(element) >= SHORTEST):
            if (weight := _weight(element)) > 0:
                running.append((element, weight))
    return running, named


def _own_words(element: Element) -> int:
    own = len((element.text or "").strip())
    for child in element:
        own += len((child.tail or "").strip())
    return own


def _weight(element: Element) -> float:
    if element.tag in WRAPPERS:
        return float(_own_words(element))
    words = words_of(element)
    linked = sum(len(words_of(anchor)) for anchor in element.iter("a"))
    if len(words) < SHORTEST and not (len(words) > 25 and words.endswith((".", "。", "”", "”"))) or linked > len(words) / 2:
        return 0.0
    return float(min(len(words), 1000)) * (0.5 if element.tag in ("li", "td", "dd") else 1.0)


def choose(page: WebPage, ground: Ground) -> Element | None:
    """The smallest element that holds the story."""
    if not ground.weight(page.root):
        return None
    current = _start(page, ground)
    while True:
        child = max(current, key=ground.weight, default=None)
        if child is None or child.tag in PARAGRAPHS or ground.weight(child) < 0.8 * ground.weight(current):
            return current
        current = child


def _start(page: WebPage, ground: Ground) -> Element:
    marked = [
        element
        for element in page.root.iter(etree.Element)
        if "articlebody" in (element.get("itemprop") or "").lower().split() or "e-content" in (element.get("class") or "").split()
    ]
    best = max(marked, key=ground.weight, default=None)
    total = ground.weight(page.root)
    if best is not None and ground.weight(best) >= max(0.4 * total, ENOUGH):
        return best
    best = max(page.root.iter("article", "main"), key=ground.weight, default=None)
    if best is not None and ground.weight(best) >= max(0.5 * total, ENOUGH):
        return best
    return page.root


# ── what remains of the place ───────────────────────────────────────────────────────────────────────────────────────


def text_of(place: Element, ground: Ground, title: str) -> list[str]:
    """The blocks of the story as HTML."""
    blocks: list[Block] = list(_blocks(place, ground, fold(title)))
    return [block.html for block in _kept(blocks)]


@dataclass(frozen=True, slots=True)
class Block:
    """One paragraph, heading, list or picture: its HTML and its words."""

    tag: str
    html: str
    words: str
    linked: float = 0.0


def _blocks(place: Element, ground: Ground, title: str) -> Iterator[Block]:
    seen: set[str] = set()
    for block in _raw_blocks(place, ground):
        if block.tag != "img":
            key = fold(block.words)
            if not key or key == title or (key in seen and len(key) > 30):
                continue
            seen.add(key)
        yield block


def _raw_blocks(place: Element, ground: Ground) -> Iterator[Block]:
    """The blocks below an element in order; loose words become paragraphs."""
    run: list[str] = []
    words: list[str] = []

    def flushed() -> Iterator[Block]:
        text = squeezed("".join(words))
        if text:
            yield Block("p", f"<p>{''.join(run).strip()}</p>", text)
        run.clear()
        words.clear()

    walk = etree.iterwalk(place, events=("start", "end"))
    skipped: Element | None = None
    for event, element in walk:
        if event == "end":
            if element.tag in WRAPPERS and element is not skipped:
                yield from flushed()
            if element is not place and element.tail and element.tail.strip():
                run.append(escape(element.tail, quote=False))
                words.append(element.tail)
            continue
        skipped = None
        if element.tag in HIDDEN or (element is not place and element in ground.furniture):
            yield from flushed()
            walk.skip_subtree()
            skipped = element
        elif element.tag in WHOLE:
            yield from flushed()
            yield from _whole(element, ground)
            walk.skip_subtree()
        elif element.tag in ("img", "picture"):
            yield from flushed()
            walk.skip_subtree()
        elif element.tag == "figcaption":
            walk.skip_subtree()
            skipped = element
        elif element.tag in INLINE and not _holds_blocks(element):
            if element.tag == "br":
                run.append("<br>")
                words.append(" ")
            else:
                run.append(_spelled(element))
                words.append(words_of(element))
            walk.skip_subtree()
        else:
            yield from flushed()
            if element.text and element.text.strip():
                run.append(escape(element.text, quote=False))
                words.append(element.text)


def _holds_blocks(element: Element) -> bool:
    return any(inner.tag not in INLINE for inner in element.iterdescendants(etree.Element))


def _whole(element: Element, ground: Ground) -> Iterator[Block]:
    for inner in [one for one in element.iterdescendants(etree.Element) if one in ground.furniture]:
        parent = inner.getparent()
        if parent is not None:
            _drop(inner)
    words = words_of(element)
    if not words:
        return
    linked = sum(len(words_of(anchor)) for anchor in element.iter("a")) / len(words)
    yield Block(str(element.tag), _spelled(element), words, linked)


def _drop(element: Element) -> None:
    element.drop_tree()  # type: ignore[attr-defined]


def _spelled(element: Element) -> str:
    return etree.tostring(element, encoding="unicode", method="html", with_tail=False)


def _kept(blocks: list[Block]) -> list[Block]:
    kept: list[Block] = []
    for block in blocks:
        if block.tag in ("ul", "ol", "dl", "table") and block.linked > 0.6:
            if kept and kept[-1].tag in HEADINGS:
                kept.pop()
            continue
        if block.tag in HEADINGS and (furniture.heads_a_list(block.words) or block.linked > 0.8):
            continue
        if block.tag in ("p", "blockquote") and (
            furniture.leads_elsewhere(block.words, block.linked) or furniture.is_notice(block.words)
        ):
            continue
        kept.append(block)
    while kept and kept[-1].tag in HEADINGS:
        kept.pop()
    return kept


def find(page: WebPage, node: Mapping[str, object], title: str = "") -> tuple[str, str] | None:
    """The text as HTML, and where it was found."""
    ground = survey(page.root)
    place = choose(page, ground)
    if place is None:
        return None
    return "\n".join(text_of(place, ground, title)), "page"
