"""The headline of a story page: what most of its sources on the page agree on, without the site's name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

from . import json_ld
from .html_tree import WebPage, collapse_spaces, get_text

# How far each source of a headline is trusted: an agreement of two outweighs any single one, so that what is written
# for social networks alone, or for one column of the front page, is not taken.
TRUST = {"json-ld headline": 4, "meta og:title": 4, "h1": 2, "h2": 2, "headline": 2}
DEFAULT_TRUST = 1
META_NAMES = (
    "og:title",
    "twitter:title",
    "dc.title",
    "dcterms.title",
    "parsely-title",
    "sailthru.title",
    "title",
    "headline",
)
TITLE_SEPARATOR = re.compile(r"\s+(?:[|–—\-·•»«›~/]|::|\|\|)\s+|\s*[|｜]\s*|\s*：(?=\S{2,20}$)")
WORD = re.compile(r"\w+")
INVISIBLE_CHARACTERS = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u2060\ufeff"))
TRAILING_ELLIPSIS = re.compile(r"\s*(?:\.\.\.|…)$")
HOST_SUFFIX = re.compile(r"\.(?:com|org|net|co\.\w\w|com\.\w\w|[a-z]{2})$", re.I)
MAX_TITLE_LENGTH = 500
MAX_NAME_LENGTH = 15  # a shorter part of a title may be the site's name
MAX_HEADINGS = 5


class TitleCandidate(NamedTuple):
    """A text that may be the headline, and where on the page it was found."""

    text: str
    where: str


def find_title(page: WebPage, story: json_ld.JsonLdNode) -> TitleCandidate | None:
    """Return the headline without the site's name; None where the page has none."""
    candidates = [
        TitleCandidate(text[: 4 * MAX_TITLE_LENGTH].translate(INVISIBLE_CHARACTERS), where)
        for text, where in _find_candidates(page, story)
    ]
    names = _find_site_names(page)
    texts = {fold(text) for text, _ in candidates}
    headlines = {fold(text) for text, where in candidates if where == "json-ld headline"}
    stripped = [
        TitleCandidate(
            _strip_site_name(text, names, texts if fold(text) not in headlines else set())[:MAX_TITLE_LENGTH], where
        )
        for text, where in candidates
    ]
    stripped = [candidate for candidate in stripped if fold(candidate.text) and fold_name(candidate.text) not in names]
    if not stripped:
        return None
    weights: dict[str, int] = {}
    for where, key in dict.fromkeys((where, fold(text)) for text, where in stripped):
        weights[key] = weights.get(key, 0) + TRUST.get(where, DEFAULT_TRUST)
    return max(stripped, key=lambda candidate: weights[fold(candidate.text)])


def fold(text: str) -> str:
    """Return a text for comparing: its words in lower case."""
    return " ".join(WORD.findall(text.lower()))


def fold_name(name: str) -> str:
    """Return a name for comparing: without spaces, signs, and the end of a host name."""
    return "".join(WORD.findall(HOST_SUFFIX.sub("", name.strip()).lower()))


def _strip_site_name(text: str, names: set[str], texts: set[str]) -> str:
    """Return a title without the site's name at either end, or the part that stands alone in `texts`."""
    cuts = [(match.start(), match.end()) for match in TITLE_SEPARATOR.finditer(text)]
    for start, end in cuts:
        if fold(text[:start]) in texts:
            return text[:start]
        if fold(text[end:]) in texts and _is_site_name(text[:start], names):
            return text[end:]
    for start, end in reversed(cuts):
        if not _is_site_name(text[end:], names):
            break
        text = text[:start]
    for start, end in cuts[:1]:
        if end < len(text) and _is_site_name(text[:start], names):
            text = text[end:]
    return text


def _find_candidates(page: WebPage, story: json_ld.JsonLdNode) -> Iterator[TitleCandidate]:
    for name in ("headline", "name"):
        if text := json_ld.as_text(story.get(name)):
            yield TitleCandidate(collapse_spaces(text), f"json-ld {name}")
    yield from _find_headings(page)
    for name in META_NAMES:
        for text in page.meta.get(name, ())[:1]:
            yield TitleCandidate(text, f"meta {name}")
    for element in page.root.iter("title"):
        yield TitleCandidate(get_text(element), "title")
        break


def _find_headings(page: WebPage) -> Iterator[TitleCandidate]:
    """Yield the `h1` headings, then the first lower heading that the `title` element repeats."""
    for element in page.headings[:MAX_HEADINGS]:
        text = get_text(element)
        if len(text) <= MAX_TITLE_LENGTH and not TRAILING_ELLIPSIS.search(text):
            yield TitleCandidate(text, "h1")
    titles = [get_text(element) for element in page.root.iter("title")][:1]
    parts = {
        fold(part) for title in titles for part in (title, *TITLE_SEPARATOR.split(title)) if len(part) > MAX_NAME_LENGTH
    }
    for element in (
        page.root.iter("h2") if page.headings else page.root.iter("h2", "h3", "div", "p", "b", "strong", "font")
    ):
        if len(element) <= 2 and fold(get_text(element)) in parts:
            yield TitleCandidate(get_text(element), "h2" if element.tag == "h2" else "headline")
            break


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
