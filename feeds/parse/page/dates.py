"""The dates of a story page, published and updated, completed with the time and zone found elsewhere on it.

A date of the last update is never the date of publication.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from urllib.parse import urlsplit

from lxml import etree

from ... import wordlists
from ...countries import guess_timezone
from ...model import FieldCandidate
from ..document import resolve_http_url
from ..fact_lines import DATE, FactLine, read_fact_line
from . import boilerplate, json_ld
from .html_tree import HIDDEN_TAGS, Element, WebPage, count_letters, get_text
from .lines import (
    DATE_TAGS,
    ISO_DATE,
    MAX_DATE_LENGTH,
    MAX_LINES,
    UPDATE_NAMES,
    PageLine,
    find_lines_near_headline,
    get_date_text,
    get_names,
    iter_lines,
)
from .region import RegionView

PUBLISHED_META = (
    "article:published_time", "article:published", "og:published_time", "og:article:published_time",
    "parsely-pub-date", "sailthru.date", "article_date_original", "originalpublicationdate", "dc.date.issued",
    "dcterms.issued", "dcterms.created", "dc.date.created", "dc.date", "dcterms.date", "pubdate", "publishdate",
    "publish-date", "publish_date", "publication_date", "published_at", "published", "datecreated",
    "cxenseparse:recs:publishtime", "cxenseparse:publishtime", "iso-8601-publish-date", "citation_publication_date",
    "citation_online_date", "article.published", "article.created", "displaydate", "date",
    "release_date", "video:release_date", "created",
)  # fmt: skip
UPDATED_META = (
    "article:modified_time", "article:modified", "og:updated_time", "og:modified_time",
    "dcterms.modified", "dc.date.modified", "lastmod", "last-modified", "article.updated", "revised", "moddate",
)  # fmt: skip
JSON_LD_KEYS = {"published": ("datePublished", "dateCreated", "uploadDate"), "updated": ("dateModified",)}
META_NAMES = {"published": PUBLISHED_META, "updated": UPDATED_META}
ITEMPROP_FIELDS = {"datepublished": "published", "datecreated": "published", "datemodified": "updated"}
CLASS_FIELDS = {
    "dt-published": "published",
    "published": "published",
    "entry-date": "published",
    "dt-updated": "updated",
    "updated": "updated",
}
# Words in class and id of an element that holds a date, alone or joined (`postdate`).
DATE_NAME = re.compile(
    r"(?:publi\w{0,12}|post\w{0,4}|entry|article|news|story|content)?(?:date|datum|fecha|data|tarih|datetime|timestamp)"
    r"|time|published|pubdate|posted|dateline|postdate"
)
URL_DATE = re.compile(r"/((?:19|20)\d\d)[/-]([01]\d)[/-]([0-3]\d)(?=[/_-])")
UNCLEAR_NUMBERS = re.compile(r"\s*\d\d?/\d\d?/\d{4}")  # of day and month
DIGIT = re.compile(r"\d|元")
MIN_DIGITS = 4  # of a date: `元年3月12日` and `1 Mar 25` have four, a year and month five
MAX_RANKED = 400
WEAK_MARKS = ("mark updated", "mark dt-updated")
MAX_CANDIDATES = 12
MAX_CARD_DEPTH = 4
MAX_CARD_LINKS = 20
MIN_LINK_WORDS = 4
MIN_LINK_WIDTH = 24  # letters of a link that is another story's headline; those of wide scripts count twice
MAX_LETTERS_BESIDE = 60  # of a line of facts, beside its date
MAX_LETTERS_OF_PHRASE = 24  # beside the date, in a line that ends like a sentence
SENTENCE_ENDS = (".", "!", "?", "。", "！", "？", "।", "؟", "۔")
UTC_OFFSETS = ("Z", "+00:00", "+0000")


@dataclass(frozen=True, slots=True)
class DateMark:
    """A date on the page: its text, and where it was found."""

    text: str
    where: str


@dataclass(frozen=True, slots=True)
class StorySurroundings:
    """What tells the story's own elements from those of other stories: elements around it, and its addresses."""

    elements: frozenset[Element]
    urls: frozenset[str]
    base_url: str

    def is_in_card(self, element: Element) -> bool:
        """Return whether an element stands beside a link with a headline of another story."""
        for depth, ancestor in enumerate((element, *element.iterancestors())):
            if ancestor in self.elements or depth > MAX_CARD_DEPTH:
                return False
            if any(map(self._is_headline_link, islice(ancestor.iter("a"), MAX_CARD_LINKS))):
                return True
        return False

    def _is_headline_link(self, anchor: Element) -> bool:
        reference = (anchor.get("href") or "").strip()
        text = DATE.sub("", get_text(anchor))
        if not reference or reference.startswith("#") or count_letters(text) < MIN_LINK_WIDTH:
            return False
        is_sentence = len(text.split()) >= MIN_LINK_WORDS or count_letters(text) > 1.5 * len(text)
        return is_sentence and (resolve_http_url(self.base_url, reference) or "").partition("#")[0] not in self.urls


def find_dates(
    page: WebPage, story: json_ld.JsonLdNode, region: RegionView, timezone: str
) -> tuple[dict[str, DateMark], tuple[FieldCandidate, ...]]:
    """Return the dates `published` and `updated`, with zones where they can be known, and all candidates in order.

    `timezone` is the source's setting; the site's own zone is guessed only where that is UTC.
    """
    marks: dict[str, list[DateMark]] = {"published": [], "updated": []}
    for find in (_find_in_head, _find_in_body):
        for field, mark in find(page, story, region):
            if len(mark.text) <= MAX_DATE_LENGTH and len(DIGIT.findall(mark.text)) >= MIN_DIGITS:
                marks[field].append(mark)
        if any(match and match[4] for mark in marks["published"] if (match := ISO_DATE.match(mark.text))):
            break  # the instant is known: the body need not be searched
    if marks["published"] and _is_unsure(marks["published"][0]):
        marks["published"].sort(key=lambda mark: not mark.where.startswith(("label", "time")))
    if not marks["published"] and (match := URL_DATE.search(urlsplit(page.url).path)):
        marks["published"].append(DateMark("-".join(match.groups()), "address"))
    texts = [mark.text for field_marks in marks.values() for mark in field_marks]
    site_timezone = None if timezone != "UTC" else guess_timezone(page.url, page.language, page.meta_value("og:locale"))
    dates = {field: _complete(field_marks, texts, site_timezone) for field, field_marks in marks.items() if field_marks}
    evidence = (
        FieldCandidate(field, mark.text, mark.where) for field in marks for mark in marks[field][:MAX_CANDIDATES]
    )
    return dates, tuple(evidence)


def _is_unsure(mark: DateMark) -> bool:
    """Return whether a meta element has no time of day, often the day of the printed paper, or unclear numbers."""
    match = ISO_DATE.match(mark.text)
    is_vague = match[2] is None if match else UNCLEAR_NUMBERS.match(mark.text) is not None
    return mark.where.startswith("meta ") and is_vague


def is_update_date(element: Element) -> bool:
    """Return whether the element, or the words just before it, speak of an update."""
    parent, previous = element.getparent(), element.getprevious()
    named = [element, *([parent] if parent is not None and previous is None else [])]
    if any(not UPDATE_NAMES.isdisjoint(get_names(one)) for one in named):
        return True
    texts = [element.get("title"), get_text(element)]
    if previous is not None:
        texts += [previous.tail, get_text(previous)[-60:] if previous.tag != "time" else None]
    elif parent is not None:
        texts.append(parent.text)
    return any(wordlists.has_word(text, "updated") for text in texts if text)


# ── candidates, the most reliable first ─────────────────────────────────────────────────────────────────────────────


def _find_in_head(page: WebPage, story: json_ld.JsonLdNode, region: RegionView) -> Iterator[tuple[str, DateMark]]:
    yield from _find_in_json_ld(story, "json-ld")
    for field, names in META_NAMES.items():
        for name in names:
            yield from ((field, DateMark(value, f"meta {name}")) for value in page.meta.get(name, ())[:1])


def _find_in_body(page: WebPage, story: json_ld.JsonLdNode, region: RegionView) -> Iterator[tuple[str, DateMark]]:
    elements = [element for element in (region.heading, region.text_element, region.root) if element is not None]
    surroundings = StorySurroundings(
        frozenset(ancestor for element in elements for ancestor in (element, *element.iterancestors())),
        frozenset(url.partition("#")[0] for url in (page.url, page.canonical_url) if url),
        page.base_url,
    )
    marked = list(_find_marked(page.root, surroundings))
    yield from (row for row in marked if row[1].where not in WEAK_MARKS)
    for node in page.json_ld.page_nodes():
        yield from _find_in_json_ld(node, "json-ld page")
    yield from _find_in_lines(page.root, region, surroundings)
    for field, mark in marked:
        if mark.where in WEAK_MARKS:
            yield field, mark
            yield "published", mark  # hAtom asks for `updated` alone, and themes write the publication there


def _find_in_json_ld(node: json_ld.JsonLdNode, where: str) -> Iterator[tuple[str, DateMark]]:
    for field, keys in JSON_LD_KEYS.items():
        for key in keys:
            if text := json_ld.as_text(node.get(key)):
                yield field, DateMark(text.strip(), f"{where} {key}")


def _find_marked(root: Element, surroundings: StorySurroundings) -> Iterator[tuple[str, DateMark]]:
    """Yield the dates marked as microdata, h-entry or hAtom, wherever they stand but in another story's card."""
    for element in _iter_visible(root):
        attributes = element.attrib
        fields = {name: ITEMPROP_FIELDS.get(name) for name in (attributes.get("itemprop") or "").lower().split()}
        classes = (attributes.get("class") or "").split()
        if element.tag in DATE_TAGS or any(name.startswith("dt-") for name in classes):
            fields |= {name: CLASS_FIELDS.get(name) for name in classes}
        for name, field in fields.items():
            if field and (text := get_date_text(element)) and not surroundings.is_in_card(element):
                yield field, DateMark(text, f"mark {name}")


def _find_in_lines(
    root: Element, region: RegionView, surroundings: StorySurroundings
) -> Iterator[tuple[str, DateMark]]:
    """Yield the dates in lines of facts: those with labels, then marked ones, then others, near the headline first."""
    lines = list(islice(iter_lines(root), MAX_LINES))
    near = find_lines_near_headline(lines, region)
    ranked: list[tuple[int, int, str, DateMark]] = []
    for index, line in enumerate(lines):
        facts = read_fact_line(line.text) if any(char.isdigit() for char in line.text) else None
        if facts is None or len(ranked) > MAX_RANKED or surroundings.is_in_card(line.element):
            continue
        is_near, is_own = index in near, region.root in (line.element, *line.element.iterancestors())
        letters = len(facts.before) + len(facts.rest)
        for role, text in facts.dates.items():
            rank = _rank_date(role, line, facts, letters, is_near=is_near, is_own=is_own)
            if rank is not None:
                field = "updated" if role == "updated" else "published"
                ranked.append((rank, index, field, DateMark(text, _describe(role, line, is_near=is_near))))
    for _, _, field, mark in sorted(ranked, key=lambda row: row[:2]):
        yield field, mark


def _describe(role: str, line: PageLine, *, is_near: bool) -> str:
    kind = "label" if role != "date" else "time" if line.has_mark else "line"
    return kind if is_near else f"{kind} elsewhere"


def _rank_date(role: str, line: PageLine, facts: FactLine, letters: int, *, is_near: bool, is_own: bool) -> int | None:
    """Return how far down the order a date of a line stands; None where it is no date of the story."""
    if role != "date":
        return 0 if is_near else 2
    is_named = any(map(DATE_NAME.fullmatch, line.names))
    is_sentence = letters > MAX_LETTERS_OF_PHRASE and facts.rest and line.text.endswith(SENTENCE_ENDS)
    is_short = (letters <= MAX_LETTERS_BESIDE or facts.has_other_labels) and not is_sentence
    if is_near and (line.has_mark or is_named):
        return 1
    if is_near and is_short:
        return 3
    if line.has_mark:
        return 4 if is_own else 5
    if is_short and (is_named or facts.has_other_labels):
        return 6 if is_own else None
    return 7 if is_own and letters <= 12 else None


def _iter_visible(root: Element) -> Iterator[Element]:
    walk = etree.iterwalk(root, events=("start",))
    for _, element in walk:
        if element.tag in HIDDEN_TAGS or element.tag == "nav" or boilerplate.is_other_list(element):
            walk.skip_subtree()
        else:
            yield element


# ── the exact instant ───────────────────────────────────────────────────────────────────────────────────────────────


def _complete(marks: list[DateMark], texts: list[str], site_timezone: str | None) -> DateMark:
    """Return the first date, completed with the time of day, the seconds and the zone that others add to it.

    `marks` are the dates of one field, `texts` those of all fields.
    """
    first = marks[0]
    match = ISO_DATE.match(first.text)
    if match is None:
        return DateMark(_add_site_timezone(first.text, site_timezone), first.where)
    day, clock, _, zone = match.groups()
    others = [other for other in map(ISO_DATE.match, texts) if other]
    if clock is None:
        same_day = next(
            (other for mark in marks if (other := ISO_DATE.match(mark.text)) and other[1] == day and other[2]), None
        )
        return DateMark(_add_timezone(same_day, others, site_timezone), first.where) if same_day else first
    if zone is None:
        return DateMark(_add_timezone(match, others, site_timezone), first.where)
    if zone.upper() not in UTC_OFFSETS:
        return first
    # `Z` is often written behind a local time: another zone beside the same clock is more reliable.
    offsets = (other[4] for other in others if (other[1], other[2]) == (day, clock) and other[4])
    offset = next((offset for offset in offsets if offset.upper() not in UTC_OFFSETS), None)
    return DateMark(f"{first.text.strip()[: -len(zone)]}{offset}", first.where) if offset else first


def _add_timezone(match: re.Match[str], others: list[re.Match[str]], site_timezone: str | None) -> str:
    """Return a date and clock with the zone beside it elsewhere on the page, else with that of the site."""
    text = match[0].strip()
    if match[4]:
        return text
    for other in others:
        if other[4] and (other[1], other[2]) == (match[1], match[2]):
            return f"{text}{other[4]}"
    for other in others:
        if other[4] and other[2] and _is_same_instant(match, other):
            return other[0].strip()
    return f"{text} {site_timezone}" if site_timezone else text


def _is_same_instant(naive: re.Match[str], zoned: re.Match[str]) -> bool:
    """Return whether two clocks of one month agree in minutes and seconds: one instant in two zones."""
    if naive[3] is None or naive[3] != zoned[3] or naive[3] == "00":
        return False
    return naive[1][:7] == zoned[1][:7] and naive[2][3:] == zoned[2][3:]


def _add_site_timezone(text: str, site_timezone: str | None) -> str:
    """Return a date in words with the zone of the site, which counts only for a time that names no zone."""
    return text if text.isdigit() or not site_timezone else f"{text} {site_timezone}"
