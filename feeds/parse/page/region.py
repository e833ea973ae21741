"""Where on a page its story stands: the element with the most running text, its heading and its lead paragraph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lxml import etree

from ...wordlists import get_words
from . import boilerplate, json_ld
from .html_tree import (
    HIDDEN_TAGS,
    Element,
    WebPage,
    contains_tag,
    get_link_length,
    get_text,
)
from .reference_text import ReferenceText, extract_text, read_structured_text
from .survey import (
    PARAGRAPH_TAGS,
    PageSurvey,
    WeighedText,
    iter_upwards,
    sum_weights,
    survey_page,
)
from .title import fold

# Where authors of pages mark the text: microdata and h-entry.
MARKED_TEXT = etree.XPath("//*[@itemprop='articleBody' or contains(concat(' ', @class, ' '), ' e-content ')]")
MIN_TEXT_LENGTH = 250  # letters; a marked element with less is no story
NO_REFERENCE = ReferenceText()
SINGLE_TAGS = ("p", "blockquote", "pre")
MIN_SHOWN_SHARE = 0.5  # of the structured data's text: where the markup has less, a script shows it
MIN_REFERENCE_SHARE = 0.25  # of the text: a second opinion with less is a part of it
MAX_PART = 0.6  # of the text: a second opinion that confirms more is none of its parts
MIN_ALIKE = 0.8  # of the text: so much is marked up as its confirmed part
MIN_OUTSIDE_BOILERPLATE = 0.5  # of the confirmed text; where it has less, class names marked too much
MIN_AGREEMENT = 0.5  # F1 of a text and a second opinion
MAX_DISAGREEMENT = 0.1  # F1 that another element may have more
LEAD_TAGS = ("p", "h2", "h3", "h4", "h5", "div", "span", "strong", "li")
MAX_LEAD_LENGTH = 900


@dataclass(frozen=True)
class RegionView:
    """The part of a page that holds its story: `root` is the smallest element around both heading and text."""

    survey: PageSurvey
    heading: Element | None
    text_element: Element | None
    root: Element
    reference: ReferenceText = NO_REFERENCE


def find_region(page: WebPage, node: json_ld.JsonLdNode, title: str) -> RegionView:
    """Return the heading and the text of a page's story, and the smallest element around both."""
    survey = survey_page(page)
    text_element = find_text_element(page, survey)
    reference, confirmed = _find_reference(page, node, survey, text_element)
    survey = _restore(survey, confirmed, page.root)
    text_element = _find_agreeing_element(survey, confirmed, page.root, text_element)
    heading = _find_heading(page, title)
    if text_element is None:
        return RegionView(survey, heading, None, page.root, reference)
    if heading is None:
        return RegionView(survey, None, text_element, text_element, reference)
    path = set(iter_upwards(heading))
    root = next((element for element in iter_upwards(text_element) if element in path), page.root)
    return RegionView(survey, heading, text_element, root, reference)


def _find_reference(
    page: WebPage, node: json_ld.JsonLdNode, survey: PageSurvey, text_element: Element | None
) -> tuple[ReferenceText, list[WeighedText]]:
    """Return a second opinion that has the whole text of the page, and the texts that it confirms."""
    weight = 0.0 if text_element is None else survey.weight(text_element)
    structured = read_structured_text(node)
    if structured.paragraphs and weight < MIN_SHOWN_SHARE * structured.length:
        return structured, []  # a script shows the text
    for reference in _iter_references(structured, page.root):
        confirmed = [text for text in survey.texts if reference.count(text.text)]
        if text_element is None or not _is_part(reference, confirmed, survey, text_element):
            return reference, confirmed
    return NO_REFERENCE, []


def _iter_references(structured: ReferenceText, root: Element) -> Iterator[ReferenceText]:
    """Yield the second opinions that there are, the one that costs nothing first."""
    if structured.paragraphs:
        yield structured
    yield extract_text(root)


def _restore(survey: PageSurvey, confirmed: list[WeighedText], root: Element) -> PageSurvey:
    """Return the survey without boilerplate that holds most of what a second opinion confirms."""
    total = sum(text.weight for text in confirmed)
    if sum_weights(confirmed, survey.boilerplate).get(root, 0.0) >= MIN_OUTSIDE_BOILERPLATE * total:
        return survey
    restored = {element for text in confirmed for element in iter_upwards(text.element)}
    excluded = frozenset(
        element
        for element in survey.boilerplate
        if element not in restored or element.tag in boilerplate.NON_STORY_TAGS
    )
    return PageSurvey(sum_weights(survey.texts, excluded), excluded, survey.texts)


def _find_agreeing_element(
    survey: PageSurvey, confirmed: list[WeighedText], root: Element, text_element: Element | None
) -> Element | None:
    """Return the element whose text agrees best with the confirmed ones, unless the given one is nearly as good."""
    agreements = _compute_agreements(confirmed, survey, root)
    best = max(agreements, key=agreements.__getitem__, default=text_element)
    agreement = agreements.get(best, 0.0) if best is not None else 0.0
    own = agreements.get(text_element, 0.0) if text_element is not None else 0.0
    return best if agreement >= MIN_AGREEMENT and agreement > own + MAX_DISAGREEMENT else text_element


def _is_part(reference: ReferenceText, confirmed: list[WeighedText], survey: PageSurvey, text_element: Element) -> bool:
    """Return whether a second opinion has only a part of a text: most of the rest is marked up as that part is."""
    weight = survey.weight(text_element)
    if reference.length < MIN_REFERENCE_SHARE * weight:
        return True
    kinds = {_get_kind(text.element) for text in confirmed}
    alike = sum_weights((text for text in survey.texts if _get_kind(text.element) in kinds), survey.boilerplate)
    confirmed_weight = sum_weights(confirmed, survey.boilerplate).get(text_element, 0.0)
    return confirmed_weight < MAX_PART * weight and alike.get(text_element, 0.0) >= MIN_ALIKE * weight


def _get_kind(element: Element) -> tuple[object, ...]:
    parent = element.getparent()
    outer = (None, None) if parent is None else (parent.tag, parent.get("class"))
    return (element.tag, element.get("class"), *outer)


def _compute_agreements(confirmed: list[WeighedText], survey: PageSurvey, root: Element) -> Mapping[Element, float]:
    """Return the F1 of the text below each element, measured by a second opinion; the inner elements first."""
    weights = sum_weights(confirmed, survey.boilerplate)
    return {
        element: 2 * weight / (survey.weight(element) + weights[root])
        for element, weight in weights.items()
        if element.tag not in SINGLE_TAGS
    }


def find_text_element(page: WebPage, survey: PageSurvey) -> Element | None:
    """Return the smallest element that holds the text of the story; None where the page has no running text."""
    if not survey.weight(page.root):
        return None
    current = _find_marked_element(page, survey)
    while True:
        child = max(current, key=survey.weight, default=None)
        if child is None or child.tag in PARAGRAPH_TAGS or survey.weight(child) < 0.8 * survey.weight(current):
            return current
        current = child


def _find_marked_element(page: WebPage, survey: PageSurvey) -> Element:
    """Return the element marked as the text, else an `article` or `main` with most of it, else the root."""
    matches = MARKED_TEXT(page.root)
    marked = [match for match in matches if isinstance(match, Element)] if isinstance(matches, list) else []
    total = survey.weight(page.root)
    for elements, share in ((marked, 0.4), (page.root.iter("article", "main"), 0.5)):
        best = max(elements, key=survey.weight, default=None)
        if best is not None and survey.weight(best) >= max(share * total, MIN_TEXT_LENGTH):
            return best
    return page.root


def _find_heading(page: WebPage, title: str) -> Element | None:
    """Return the heading that shows the title, else the first `h1`."""
    folded_title = fold(title)
    for element in page.root.iter("h1", "h2"):
        if folded_title and fold(get_text(element)) == folded_title:
            return element
    return page.headings[0] if page.headings else None


def find_lead(page: WebPage, node: Mapping[str, object], region: RegionView) -> str | None:
    """Return the paragraph between heading and text, by its class, by the page's description or by its position."""
    descriptions = [
        fold(text)
        for text in (
            page.meta_value("description"),
            page.meta_value("og:description"),
            json_ld.as_text(node.get("description")),
        )
        if text
    ]
    best: tuple[int, str] | None = None
    is_after_heading = region.heading is None
    walk = etree.iterwalk(region.root, events=("start",))
    for _, element in walk:
        if element is region.heading:
            is_after_heading = True
            walk.skip_subtree()
            continue
        if element is region.text_element:
            break
        if element.tag in HIDDEN_TAGS or element.tag in ("figure", "nav", "button", "form"):
            walk.skip_subtree()
            continue
        if element.tag not in LEAD_TAGS or not is_after_heading:
            continue
        text = _get_paragraph_text(element)
        if not 40 <= len(text) <= MAX_LEAD_LENGTH:
            continue
        rank = _rank_lead(element, text, descriptions, region.survey)
        if rank and (best is None or rank > best[0]):
            best = rank, text
    return best[1] if best else None


def _get_paragraph_text(element: Element) -> str:
    """Return the text of an element that is one paragraph; an empty one for any other."""
    is_block = any(
        contains_tag(child, "div", "p", "section", "ul", "article", "figure", "h1", "h2", "h3") for child in element
    )
    return "" if is_block else get_text(element)


def _rank_lead(element: Element, text: str, descriptions: list[str], survey: PageSurvey) -> int:
    """Return how likely a text is the lead: 3 described so, 2 named so, 1 by its position; 0 where it is none."""
    folded = fold(text)
    if any(
        len(other) > 30 and (folded.startswith(other[:60]) or other.startswith(folded[:60])) for other in descriptions
    ):
        return 3
    if not survey.boilerplate.isdisjoint(iter_upwards(element)):
        return 0
    if get_link_length(element) > len(text) / 3:
        return 0
    names = boilerplate.split_names(element.get("class")) | boilerplate.split_names(element.get("itemprop"))
    if not get_words("lead_class").isdisjoint(names):
        return 2
    if boilerplate.is_notice(text):
        return 0
    return 1 if element.tag in ("p", "h2", "h3") and len(text) >= 60 else 0


def find_story_parts(region: RegionView, text_element: Element) -> list[Element]:
    """Return the text element with what stands between the heading and it, and with like elements after it."""
    survey, heading = region.survey, region.heading
    heading_path = set(iter_upwards(heading)) if heading is not None else set()
    before: list[Element] = []
    for step in iter_upwards(text_element):
        if step in heading_path or step.tag in ("body", "html"):
            break
        for sibling in step.itersiblings(preceding=True):
            if sibling in heading_path:
                break
            is_part = survey.weight(sibling) and sibling not in survey.boilerplate
            if is_part and sibling.tag not in ("figure", "figcaption"):
                before.insert(0, sibling)
        if heading is None:
            break
    name = text_element.get("class")
    after = [
        sibling
        for sibling in text_element.itersiblings()
        if name and sibling.get("class") == name and sibling.tag == text_element.tag and survey.weight(sibling)
    ]
    return [*before, text_element, *after]
