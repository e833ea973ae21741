"""The bylines of a story page: where a page names its authors, as it spells them. Who they are is decided later."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby, islice

from lxml import etree

from ... import wordlists
from ...model import AuthorMark, Person
from ...person_names import WIDE, contains_person_name, is_person_name
from ..document import MAX_REFERENCE_LENGTH, resolve_http_url
from ..fact_lines import DATE
from . import boilerplate, json_ld
from .html_tree import HIDDEN_TAGS, Element, WebPage, collapse_spaces, count_letters, get_path, get_text
from .lines import MAX_LINES, find_lines_near_headline, iter_lines
from .region import RegionView

META_NAMES = (
    "author", "article:author", "dc.creator", "dcterms.creator", "dc.contributor.author", "parsely-author",
    "sailthru.author", "byl", "cxenseparse:author", "dcsext.author", "articleauthor", "article:author_name",
    "citation_author", "citation_authors",
)  # fmt: skip
NOT_A_NAME = re.compile(
    r"https?:|www\.|@|(?<!\w)\d|[<>{}=]|\b(?:min(?:ute)?s?\s+read|updated|published|comments?|share|follow|read|view|more|about|profile|posts|photo|foto|image|bild)\b",
    re.I,
)
BESIDE_NAME = re.compile(r"\s*[\[【][^\]】]{1,30}[\]】]|[^\s@]{1,64}@[^\s@]{1,255}")  # places, e-mail addresses
# Words in class and id for the author, alone or joined with others (`authorname`, `writtenby`).
AUTHOR_NAME = re.compile(
    r"(?:post|entry|article|story|news|meta)?(?:authors?|bylines?|autor(?:en|in|es|a)?|auteurs?|autrice|autore|writers?|writtenby|yazar|muhabir"
    r"|contributors?|creator|skribent|forfatter|journalist[ea]?|redakteur(?:in)?|redactor|reporter|penulis|wartawan"
    r"|kirjoittaja|szerzo|avtor|firma|nickname|username|postedby)"
    r"(?:s|names?|info|line|title|block|box|link|url|meta|list|bio)?"
)
NAME_ATTRIBUTES = ("class", "data-testid", "id")
PROFILE_PATH = re.compile(
    r"/(?:authors?|autor(?:en|es|as|a|i)?|auteurs?|profiles?|people|staff|journalists?|redakteure?|reporter|contributors?|by|byline|person(?:en)?|yazar(?:lar)?"
    r"|muhabir|correspondents?|team|firma|skribent|redactie|autorzy|autorius|journalist|writers?|user)/[^/?#]{3,}",
    re.I,
)
MAX_PLACES = 20  # elements, or values of a member, that name authors
MAX_CANDIDATES = 50  # of one element
MAX_ELEMENT_TEXT_LENGTH = 200  # letters; a longer text is no byline
MAX_BYLINE_LENGTH = 800
FACT_SEPARATOR = re.compile(r"\s?[|•·]|\s[–—-]\s|[.!?。]\s")
MARKS: tuple[AuthorMark, ...] = ("explicit", "class", "link")  # the plainest first


def find_bylines(page: WebPage, story: json_ld.JsonLdNode, region: RegionView) -> tuple[Person, ...]:
    """Return all that may name the authors, the best place and the plainest mark first; the site as publisher last."""
    bylines = (*_find_in_json_ld(page, story), *_find_marked(page), *_find_in_meta(page))
    if not any(contains_person_name(byline.name or "") for byline in bylines if byline.role == "byline"):
        bylines = (*bylines, *_find_in_lines(page.root, region))
    if not bylines or not page.site_name:
        return bylines
    return (*bylines, Person(page.site_name, role="publisher", place="site name"))


def make_byline(text: str, place: str, mark: AuthorMark = "", element: int = 0, url: str | None = None) -> Person:
    """Return a byline as a page spells it, in one line."""
    return Person(collapse_spaces(text)[:MAX_BYLINE_LENGTH], None, url, None, "byline", place, mark, element)


def select_leading_texts(bylines: tuple[Person, ...]) -> list[str]:
    """Return the texts of the place and element that most likely name the authors, which a story's text may repeat."""
    groups = [list(group) for _, group in groupby(bylines, _get_group)]
    texts = [[byline.name or "" for byline in group if byline.role == "byline"] for group in groups]
    named = (group for group in texts if any(map(contains_person_name, group)))
    return next(named, [byline.name or "" for group in groups[:1] for byline in group])


def _get_group(byline: Person) -> tuple[str, AuthorMark, int]:
    return byline.place, byline.mark, 0 if byline.mark == "explicit" else byline.element


# ── in JSON-LD and meta elements ────────────────────────────────────────────────────────────────────────────────────


def _find_in_json_ld(page: WebPage, story: json_ld.JsonLdNode) -> Iterator[Person]:
    for key in ("author", "creator"):
        values = [page.json_ld.resolve(value) for value in json_ld.as_list(story.get(key))[:MAX_PLACES]]
        for value in values:
            yield from _parse_author(value)
        if any(values):
            return


def _parse_author(value: object) -> Iterator[Person]:
    """Yield the names in a value of `author`: a node or a text, with one name or several."""
    node: json_ld.JsonLdNode = value if isinstance(value, dict) else {}
    is_organisation = bool(json_ld.get_types(node) & json_ld.ORGANISATION_TYPES)
    profile = json_ld.as_text(node.get("url")) or ""
    url = profile if profile.startswith(("http://", "https://")) else None
    names = json_ld.as_list(node.get("name") if node else value)[:MAX_PLACES]
    texts = [text for name in names if (text := json_ld.as_text(name))] or [_join_name_parts(node)]
    for text in filter(None, texts):
        if is_organisation:
            yield Person(text, url=url, role="organisation", place="json-ld author")
        else:
            yield make_byline(text, "json-ld author", url=url)


def _join_name_parts(node: json_ld.JsonLdNode) -> str:
    """Return the name of a schema.org Person that is told in parts."""
    parts = (json_ld.as_text(node.get(key)) for key in ("givenName", "additionalName", "familyName"))
    return " ".join(filter(None, parts))


def _find_in_meta(page: WebPage) -> Iterator[Person]:
    for name in META_NAMES:
        for value in page.meta.get(name, ()):
            if not NOT_A_NAME.search(value):
                yield make_byline(value, "meta author")
    label, value = page.meta_value("twitter:label1") or "", page.meta_value("twitter:data1") or ""
    if value and not any(char.isdigit() for char in label + value) and len(value) < 60:
        yield make_byline(value, "meta author")


# ── in the visible page ─────────────────────────────────────────────────────────────────────────────────────────────


def _find_in_lines(root: Element, region: RegionView) -> Iterator[Person]:
    """Yield what stands behind a label such as `By` or `作者：` in short lines, those near the headline first.

    Elsewhere a label must have a colon; near the headline a name alone beside a date counts, too.
    """
    lines = list(islice(iter_lines(root), MAX_LINES))
    near = find_lines_near_headline(lines, region)
    for number in (*near, *(number for number in range(len(lines)) if number not in near)):
        if number >= len(lines) or len(lines[number].text) > MAX_ELEMENT_TEXT_LENGTH:
            continue
        text = DATE.sub(" | ", lines[number].text)
        for label in wordlists.find_labels(text, "byline", "author")[:2]:
            is_first = not text[: label.start].rstrip()[-1:].isalpha() or (number in near and " | " in text)
            if is_first and (number in near or text[label.end :].lstrip()[:1] in (":", "：")):
                end = FACT_SEPARATOR.search(text, label.end)
                yield make_byline(text[label.start : end.start() if end else None], "label", "class", number)
            is_job = label.role == "author" and label.end - label.start > 1 and WIDE.match(text[label.start])
            if number in near and is_job and not text[label.end :].strip(" |"):
                yield make_byline(text[: label.end], "label", "class", number)  # `홍길동 기자`
        name = FACT_SEPARATOR.split(text.strip(" |,–—-·•"), 1)[0].strip(" |,–—-·•")
        if number in near and " | " in f" {text} " and is_person_name(name) and not WIDE.search(name):
            yield make_byline(name, "line", "class", number)


def _find_marked(page: WebPage) -> Iterator[Person]:
    elements = sorted(_iter_author_elements(page.root), key=lambda marked: MARKS.index(marked[1]))
    for number, (element, mark) in enumerate(elements):
        for text, url in islice(_parse_author_element(element, page.base_url), MAX_CANDIDATES):
            yield make_byline(text, "byline", mark, number, url)


def _iter_author_elements(root: Element) -> Iterator[tuple[Element, AuthorMark]]:
    """Yield the elements that name authors and how they are marked, except in lists of other stories."""
    walk = etree.iterwalk(root, events=("start",))
    count = 0
    for _, element in walk:
        if (
            element.tag in HIDDEN_TAGS
            or element.tag in ("nav", "aside", "head", "figure", "figcaption")
            or (element.tag == "footer" and next(element.iterancestors("article", "main"), None) is None)
            or boilerplate.is_other_list(element)
        ):
            walk.skip_subtree()
        elif mark := _find_mark(element):
            count += 1
            yield element, mark
            walk.skip_subtree()
        if count > MAX_PLACES:
            return


def _find_mark(element: Element) -> AuthorMark:
    """Return what marks an element as naming the author; an empty string where nothing does."""
    attributes = element.attrib
    if "author" in (attributes.get("rel") or "").lower().split():
        return "explicit"
    if not {"author", "creator"}.isdisjoint((attributes.get("itemprop") or "").lower().split()):
        return "explicit"
    names = (boilerplate.split_names(attributes[name]) for name in NAME_ATTRIBUTES if name in attributes)
    if any(AUTHOR_NAME.fullmatch(word) for words in names for word in words):
        return "class"
    return "link" if element.tag == "a" and _is_profile_link(element) else ""


def _is_profile_link(anchor: Element) -> bool:
    return PROFILE_PATH.search(get_path((anchor.get("href") or "")[:MAX_REFERENCE_LENGTH])) is not None


def _parse_author_element(element: Element, base_url: str) -> Iterator[tuple[str, str | None]]:
    """Yield the texts in an element that name authors, with URLs: its links to profiles, else its whole text."""
    for inner in element.iter(etree.Element):
        if (inner.get("itemprop") or "") == "name" and (text := inner.get("content") or get_text(inner)):
            yield text, None
            return
    anchors = [anchor for anchor in element.iter("a") if anchor is element or _is_profile_link(anchor)]
    texts = [(anchor, get_text(anchor)) for anchor in anchors]
    profiles = [
        (anchor, text) for anchor, text in texts if 3 < count_letters(text) < 60 and not NOT_A_NAME.search(text)
    ]
    for anchor, text in profiles:
        yield text, resolve_http_url(base_url, anchor.get("href") or "")
    text = element.get("content") or get_text(element)
    if not profiles and 3 < count_letters(text) < MAX_ELEMENT_TEXT_LENGTH:
        text = DATE.sub(" | ", text)
        if not NOT_A_NAME.search(BESIDE_NAME.sub(" ", text)):
            yield text, None
