"""The headline of a story page: the text that most independent places agree on, without the site's name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from ...model import FieldCandidate
from ..document import resolve_http_url
from . import json_ld
from .html_tree import Element, WebPage, collapse_spaces, count_letters, get_path, get_text

MAX_TITLE_LENGTH = 500
MAX_HEADINGS = 8
MAX_CUTS = 12  # separators of a title that are looked at
MIN_PART_WIDTH = 16  # a narrower part of a title may be the site's name; letters of wide scripts count twice
MIN_FIRST_WIDTH = 10  # of the part that the title begins with
MIN_CONTAINED_LENGTH = 12
META_NAMES = (
    "og:title", "twitter:title", "dc.title", "dcterms.title", "parsely-title", "sailthru.title", "title", "headline",
)  # fmt: skip
# How far each place is trusted. What stands in one group is mostly written by one field of the editor's form, so that
# within a group only the most trusted place counts; the groups are independent of each other.
TRUST = {
    "json-ld headline": 2.0, "json-ld name": 1.5, "h1": 2.0, "h2": 2.0, "text": 1.5, "later h1": 0.5,
    "meta og:title": 2.0, "meta twitter:title": 2.5,
}  # fmt: skip
DEFAULT_TRUST = 1.0
REPEATED_SHARE = 0.25  # of a further place of the same group
GROUPS = {
    "json-ld headline": "data",
    "json-ld name": "data",
    "h1": "shown",
    "later h1": "shown",
    "h2": "shown",
    "text": "shown",
}
# A text that others contain agrees with them in part; one that contains others adds what they do not say.
CONTAINED_SHARE, CONTAINING_SHARE = 0.5, 0.1
# Signs and letters that stand for a bar between a title and the name of its site.
BARS = str.maketrans(dict.fromkeys("│┃∣ǀ丨︱￨ㅣ｜¦❘❙", "|"))
SEPARATOR = re.compile(
    r"\s{1,8}(?:[|–—\-·•»«›‹~/*]|::|\|\||--)\s{1,8}|\s{0,8}\|{1,2}\s{0,8}|\s{0,8}--\s{0,8}|\s{0,8}：(?=\S{2,20}$)|\s{1,8}\((?=[^()]{2,60}\)$)"
)
LOOSE_SEPARATOR = re.compile(rf"{SEPARATOR.pattern}|\s{{0,8}}[-–—_]\s{{0,8}}|:\s{{1,8}}")
# Any other sign between spaces, or `_`, divides a title from a text that is exactly the site's name.
ANY_SEPARATOR = re.compile(r"\s{1,8}(?:[^\w\s]{1,3}|_)\s{1,8}|_")
WORD = re.compile(r"\w+")
# Signs that no spelling needs; a space without width divides words only in the scripts of South East Asia.
INVISIBLE = re.compile(r"[\u00ad\u2060\ufeff]|(?<![\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff])\u200b")
ELLIPSIS = re.compile(r"\s{0,4}(?:\.\.\.|…)$")
HOST_SUFFIX = re.compile(r"\.(?:com|org|net|co\.\w\w|com\.\w\w|[a-z]{2})$", re.I)


class TitleCandidate(NamedTuple):
    """A text that may be the headline, and where on the page it was found."""

    text: str
    where: str


def find_title(page: WebPage, story: json_ld.JsonLdNode) -> tuple[TitleCandidate | None, tuple[FieldCandidate, ...]]:
    """Return the headline without the site's name, None where the page has none; and all candidates, weighed."""
    names = _find_site_names(page)
    located = [
        TitleCandidate(INVISIBLE.sub("", text[: 4 * MAX_TITLE_LENGTH]), where) for text, where in _locate(page, story)
    ]
    texts = {fold(text) for text, _ in located}
    candidates = []
    for text, where in located:
        # The headline of the data is whole; elsewhere a part that stands alone in another place is the title.
        stripped = strip_site_name(text, names, texts if where != "json-ld headline" else frozenset())
        if fold(stripped) and fold_name(stripped) not in names:
            candidates.append(TitleCandidate(stripped[:MAX_TITLE_LENGTH].strip(), where))
    weights = weigh(candidates)
    ranked = sorted(candidates, key=lambda candidate: -weights[fold(candidate.text)])
    evidence = tuple(FieldCandidate("title", text, where, f"weight {weights[fold(text)]:g}") for text, where in ranked)
    return (ranked[0] if ranked else None), evidence


def weigh(candidates: Sequence[TitleCandidate]) -> dict[str, float]:
    """Return the weight of each folded text: the trust of the groups that hold it, and a share of what contains it."""
    groups: dict[str, dict[str, float]] = {}
    for text, where in candidates:
        trusts = groups.setdefault(fold(text), {})
        group = GROUPS.get(where, "head")
        trust = TRUST.get(where, DEFAULT_TRUST) * (0.25 if ELLIPSIS.search(text) else 1)
        low, high = sorted((trusts.get(group, 0.0), trust))
        trusts[group] = high + REPEATED_SHARE * low
    own = {text: sum(trusts.values()) for text, trusts in groups.items()}
    weights = dict(own)
    for part in own:
        for whole in own:
            if part != whole and len(part) > MIN_CONTAINED_LENGTH and f" {part} " in f" {whole} ":
                weights[part] += CONTAINED_SHARE * own[whole]
                weights[whole] += CONTAINING_SHARE * own[part]
    return weights


def fold(text: str) -> str:
    """Return a text for comparing: its words in lower case."""
    return " ".join(WORD.findall(text.translate(BARS).lower()))


def fold_name(name: str) -> str:
    """Return a name for comparing: without spaces, signs, and the end of a host name."""
    return "".join(WORD.findall(HOST_SUFFIX.sub("", name.strip()).lower()))


def strip_site_name(text: str, names: set[str], texts: set[str] | frozenset[str]) -> str:
    """Return a title without the site's name at either end, or the part that stands alone in `texts`."""
    cuts = _find_cuts(LOOSE_SEPARATOR, text.translate(BARS))
    for start, end in cuts:
        is_plain = SEPARATOR.fullmatch(text.translate(BARS)[start:end]) is not None
        if fold(text[:start]) in texts and (is_plain or _ends_with_name(text[end:], names)):
            return text[:start]
        if fold(text[end:]) in texts and _is_site_name(text[:start], names):
            return text[end:]
    cuts = _find_cuts(SEPARATOR, text.translate(BARS))
    for start, end in reversed(cuts):
        if not _is_site_name(text[end:], names):
            break
        text = text[:start]
    for start, end in cuts[:1]:
        if end < len(text) and _is_site_name(text[:start], names):
            text = text[end:]
    return _strip_exact_name(text, names)


def _strip_exact_name(text: str, names: set[str]) -> str:
    """Return a title without the site's name at one end, whatever sign divides them."""
    cuts = _find_cuts(ANY_SEPARATOR, text)
    for start, end in cuts[-1:]:
        if fold_name(text[end:]) in names and fold(text[:start]):
            return text[:start]
    for start, end in cuts[:1]:
        if fold_name(text[:start]) in names and fold(text[end:]):
            return text[end:]
    return text


def _find_cuts(separator: re.Pattern[str], text: str) -> list[tuple[int, int]]:
    """Return where separators stand in a text, of many the first and the last ones."""
    cuts = [match.span() for match in separator.finditer(text)]
    return cuts if len(cuts) <= MAX_CUTS else [*cuts[: MAX_CUTS // 2], *cuts[-MAX_CUTS // 2 :]]


# ── the places that name a headline ─────────────────────────────────────────────────────────────────────────────────


def _locate(page: WebPage, story: json_ld.JsonLdNode) -> Iterator[TitleCandidate]:
    for name in ("headline", "name"):
        if text := json_ld.as_text(story.get(name)):
            yield TitleCandidate(collapse_spaces(text), f"json-ld {name}")
    yield from _locate_headings(page)
    for name in META_NAMES:
        for text in page.meta.get(name, ())[:1]:
            yield TitleCandidate(text, f"meta {name}")
    if text := _get_title_text(page):
        yield TitleCandidate(text, "title")


def _locate_headings(page: WebPage) -> Iterator[TitleCandidate]:
    """Yield the `h1` headings, then the first lower heading or line that the `title` element repeats.

    The first heading counts as `h1`, unless only a later one is in the text of the `title` element.
    """
    title = _get_title_text(page)
    headings = [get_text(element) for element in page.headings[:MAX_HEADINGS] if not _is_page_header(element, page)]
    headings = [text for text in headings if len(text) <= MAX_TITLE_LENGTH]
    parts, whole = _split_title(title), f" {fold(title)} "
    tags = ("h2",) if headings else ("h2", "h3", "div", "p", "b", "strong", "font")
    elements = (element for element in (page.root.iter(*tags) if parts else ()) if len(element) <= 2)
    line = next((element for element in elements if fold(get_text(element)) in parts), None)
    repeated = [text for text in headings if f" {fold(text)} " in whole]
    others = [fold(text) for text in (*repeated[1:], get_text(line) if line is not None else "") if fold(text)]
    if repeated and any(_divides_title(whole, fold(repeated[0]), other) for other in others):
        headings.remove(repeated.pop(0))  # the title names the site and the story: the upper heading is the site
    first = next(iter(repeated or headings), None)
    yield from (TitleCandidate(text, "h1" if text == first else "later h1") for text in headings)
    if line is not None:
        yield TitleCandidate(get_text(line), "h2" if line.tag == "h2" else "text")


def _divides_title(whole: str, first: str, second: str) -> bool:
    """Return whether one text begins the folded title and the other one ends it."""
    starts_ends = ((first, second), (second, first))
    return any(
        len(start) + len(end) < len(whole) - 2 and whole.startswith(f" {start} ") and whole.endswith(f" {end} ")
        for start, end in starts_ends
    )


def _get_title_text(page: WebPage) -> str:
    return next((get_text(element)[: 4 * MAX_TITLE_LENGTH] for element in page.root.iter("title")), "")


def _split_title(title: str) -> set[str]:
    """Return the folded parts of the text of a `title` element that are wide enough for a headline, and the whole."""
    text = title.translate(BARS)
    cuts = _find_cuts(LOOSE_SEPARATOR, text)
    firsts = [text[:start] for start, _ in cuts]
    others = [text, *(text[end:] for _, end in cuts), *SEPARATOR.split(text, MAX_CUTS)]
    return {fold(part) for part in firsts if count_letters(part) >= MIN_FIRST_WIDTH} | {
        fold(part) for part in others if count_letters(part) >= MIN_PART_WIDTH
    }


def _is_page_header(heading: Element, page: WebPage) -> bool:
    """Return whether a heading leads to the front page, or stands in a part beside the story: it names the site."""
    tags = {ancestor.tag for ancestor in heading.iterancestors()}
    if not tags.isdisjoint(("nav", "aside", "footer", "dialog")) and tags.isdisjoint(("main", "article")):
        return True
    anchor = next((element for element in (heading, *heading.iterancestors()) if element.tag == "a"), None)
    if anchor is None:
        anchor = next((inner for inner in heading.iter("a") if get_text(inner) == get_text(heading)), None)
    url = resolve_http_url(page.base_url, anchor.get("href") or "") if anchor is not None else None
    return url is not None and get_path(url).strip("/") in ("", "index.html", "index.php") and "?" not in url


# ── the names of the site ───────────────────────────────────────────────────────────────────────────────────────────


def _find_site_names(page: WebPage) -> set[str]:
    """Return the folded names of the site: those that the page gives, and the labels of its host name."""
    host = (urlsplit(page.url).hostname or "").removeprefix("www.")
    labels = host.split(".")
    names = [page.site_name, host, *(labels[:-1] if len(labels) < 4 else labels[-3:-1])]
    for node in page.json_ld.nodes:
        if json_ld.get_types(node) & json_ld.ORGANISATION_TYPES:
            names += [json_ld.as_text(node.get("name")), json_ld.as_text(node.get("alternateName"))]
        names.append(json_ld.as_text(node.get("publisher")) if isinstance(node.get("publisher"), dict) else None)
    return {fold_name(name) for name in names if name and 2 <= len(fold_name(name)) <= 60}


def _ends_with_name(text: str, names: set[str]) -> bool:
    """Return whether a text is the site's name, or ends with it behind a section's."""
    last = SEPARATOR.split(text.translate(BARS))[-1]
    return _is_site_name(text, names) or _is_site_name(last, names)


def _is_site_name(part: str, names: set[str]) -> bool:
    """Return whether a part of a title is the name of the site, alone or with a word beside it."""
    folded = fold_name(part)
    if not folded or len(part.split()) > 6:
        return False
    return any(
        folded == name
        or (len(name) > 2 and (folded.startswith(name) or folded.endswith(name)))
        or (len(folded) > 4 and name.startswith(folded))
        for name in names
    )
