"""Where on a page its story stands: letters of running text, weighed, with the furniture told apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from lxml import etree

from . import boilerplate, json_ld
from .html_tree import HIDDEN, Element, WebPage, words_of
from .title import fold

# Where authors of pages say that the text is: microdata and h-entry.
MARKED = etree.XPath("//*[@itemprop='articleBody' or contains(concat(' ', @class, ' '), ' e-content ')]")
PARAGRAPHS = frozenset(("p", "blockquote", "pre", "li", "dd", "td"))
WRAPPERS = frozenset(
    ("div", "section", "article", "main", "span", "header", "center", "body", "figure", "hgroup", "font")
)
SHORTEST = 60  # letters of a paragraph that tells where the story stands
ENOUGH = 250  # letters of a story
BULK = 0.4  # of all running text
THIN = 0.15  # of all running text, once furniture is left out: then the names misled
LENIENT = (BULK, 0.1, 0.0)


@dataclass(frozen=True)
class PageSurvey:
    """A page looked over once: letters of running text below each element, and the elements that are furniture."""

    weights: Mapping[Element, float]
    furniture: frozenset[Element]

    def weight(self, element: Element) -> float:
        """Letters of running text below an element, furniture left out."""
        return self.weights.get(element, 0.0)


def survey(root: Element) -> PageSurvey:
    """Look a page over. What holds the headline, or nearly all of the text, is no furniture, however it is named."""
    running, named = _walked(root)
    raw = _summed(running, frozenset())
    bulk = BULK * raw.get(root, 0.0)
    headed = {above for heading in root.iter("h1") for above in heading.iterancestors()}
    out = frozenset(
        one for one in named if one.tag in boilerplate.NEVER or raw.get(one, 0.0) < bulk or one not in headed
    )
    weights = _summed(running, out)
    for least in LENIENT:
        if weights.get(root, 0.0) >= THIN * raw.get(root, 0.0):
            break
        out = frozenset(
            one for one in out if one.tag in boilerplate.NEVER or raw.get(one, 0.0) < least * raw.get(root, 0.0)
        )
        weights = _summed(running, out)
    return PageSurvey(weights, out)


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
        if element.tag not in ("body", "html") and boilerplate.is_furniture(element):
            named.append(element)
        runs = element.tag in PARAGRAPHS or (element.tag in WRAPPERS and _own_words(element) >= SHORTEST)
        if runs and (weight := _weight(element)) > 0:
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
    if (len(words) < SHORTEST and not (len(words) > 25 and words.endswith((".", "。", "”", "”")))) or linked > len(
        words
    ) / 2:
        return 0.0
    return float(min(len(words), 1000)) * (0.5 if element.tag in ("li", "td", "dd") else 1.0)


def choose(page: WebPage, ground: PageSurvey) -> Element | None:
    """The smallest element that holds the story."""
    if not ground.weight(page.root):
        return None
    current = _start(page, ground)
    while True:
        child = max(current, key=ground.weight, default=None)
        if child is None or child.tag in PARAGRAPHS or ground.weight(child) < 0.8 * ground.weight(current):
            return current
        current = child


def _start(page: WebPage, ground: PageSurvey) -> Element:
    found = MARKED(page.root)
    marked = [one for one in found if isinstance(one, Element)] if isinstance(found, list) else []
    best = max(marked, key=ground.weight, default=None)
    total = ground.weight(page.root)
    if best is not None and ground.weight(best) >= max(0.4 * total, ENOUGH):
        return best
    best = max(page.root.iter("article", "main"), key=ground.weight, default=None)
    if best is not None and ground.weight(best) >= max(0.5 * total, ENOUGH):
        return best
    return page.root


# ── around the place ────────────────────────────────────────────────────────────────────────────────────────────────

DEK = frozenset(
    (
        "standfirst", "dek", "deck", "strapline", "subtitle", "subheadline", "subheading", "subhead", "subline",
        "excerpt", "synopsis", "lede", "lead", "intro", "introduction", "chapo", "ingress", "vorspann", "summary",
        "abstract", "spot", "sapo", "lid", "entradilla", "bajada", "zajawka", "anons", "preamble", "sottotitolo",
        "occhiello", "bijdrage", "teaser", "description",
    )
)  # fmt: skip
LEAD_TAGS = ("p", "h2", "h3", "h4", "h5", "div", "span", "strong", "li")
LONGEST_LEAD = 900


def headline_of(page: WebPage, title: str) -> Element | None:
    """The heading that shows the headline, else the first of its rank."""
    wanted = fold(title)
    for element in page.root.iter("h1", "h2"):
        if wanted and fold(words_of(element)) == wanted:
            return element
    return page.headings[0] if page.headings else None


def region(page: WebPage, place: Element, heading: Element | None) -> Element:
    """The smallest element that holds both the headline and the story."""
    if heading is None:
        return place
    above = set(_upwards(heading))
    return next((one for one in _upwards(place) if one in above), page.root)


class RegionView(Protocol):
    """A page looked over, as far as is needed here."""

    @property
    def ground(self) -> PageSurvey: ...

    @property
    def heading(self) -> Element | None: ...

    @property
    def place(self) -> Element | None: ...

    @property
    def region(self) -> Element: ...


def standfirst(page: WebPage, node: Mapping[str, object], view: RegionView) -> str | None:
    """The paragraph between headline and text: named so, described so, or simply standing there."""
    heading, place, ground = view.heading, view.place, view.ground
    told = [
        fold(text)
        for text in (page.says("description"), page.says("og:description"), json_ld.text(node.get("description")))
        if text
    ]
    best: tuple[int, str] | None = None
    after = heading is None
    walk = etree.iterwalk(view.region, events=("start",))
    for _, element in walk:
        if element is heading:
            after = True
            walk.skip_subtree()
            continue
        if element is place:
            break
        if element.tag in HIDDEN or element.tag in ("figure", "nav", "button", "form"):
            walk.skip_subtree()
            continue
        if element.tag not in LEAD_TAGS or not after:
            continue
        words = _leaf_words(element)
        if not 40 <= len(words) <= LONGEST_LEAD:
            continue
        rank = _rank(element, words, told, ground)
        if rank and (best is None or rank > best[0]):
            best = rank, words
    return best[1] if best else None


def _leaf_words(element: Element) -> str:
    """The words of an element that is one paragraph."""
    if any(
        inner.tag in ("div", "p", "section", "ul", "article", "figure", "h1", "h2", "h3")
        for inner in element.iterdescendants(etree.Element)
    ):
        return ""
    return words_of(element)


def _rank(element: Element, words: str, told: list[str], ground: PageSurvey) -> int:
    ours = fold(words)
    if any(len(one) > 30 and (ours.startswith(one[:60]) or one.startswith(ours[:60])) for one in told):
        return 3
    if any(above in ground.furniture for above in _upwards(element)):
        return 0
    linked = sum(len(words_of(anchor)) for anchor in element.iter("a"))
    if linked > len(words) / 3 or boilerplate.is_notice(words):
        return 0
    if not DEK.isdisjoint(boilerplate.names(element.get("class")) | boilerplate.names(element.get("itemprop"))):
        return 2
    return 1 if element.tag in ("p", "h2", "h3") and len(words) >= 60 else 0


def places(heading: Element | None, place: Element, ground: PageSurvey) -> list[Element]:
    """The place with what of the story stands beside it: before it, from the headline on, and like parts after it."""
    above = set(_upwards(heading)) if heading is not None else set()
    before: list[Element] = []
    for step in _upwards(place):
        if step in above or step.tag in ("body", "html"):
            break
        for sibling in step.itersiblings(preceding=True):
            if sibling in above:
                break
            if (
                ground.weight(sibling)
                and sibling not in ground.furniture
                and sibling.tag not in ("figure", "figcaption")
            ):
                before.insert(0, sibling)
        if heading is None:
            break
    name = place.get("class")
    after = [
        one
        for one in place.itersiblings()
        if name and one.get("class") == name and one.tag == place.tag and ground.weight(one)
    ]
    return [*before, place, *after]
