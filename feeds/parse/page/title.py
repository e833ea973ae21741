"""The headline of a story page: what most of the places agree on that tell it, without the site's name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from . import json_ld
from .html_tree import WebPage, squeezed, words_of

TitleCandidate = tuple[str, str]  # what, and where it was found

# Where a headline is told, and how far each place is trusted: an agreement of two outweighs any one, so that what is
# written for social networks alone, or for one column of the front page, is not taken.
TRUST = {"json-ld headline": 4, "meta og:title": 4, "h1": 2, "h2": 2, "headline": 2}
LITTLE = 1
METAS = (
    "og:title",
    "twitter:title",
    "dc.title",
    "dcterms.title",
    "parsely-title",
    "sailthru.title",
    "title",
    "headline",
)
SEPARATOR = re.compile(r"\s+(?:[|–—\-·•»«›~/]|::|\|\|)\s+|\s*[|｜]\s*|\s*：(?=\S{2,20}$)")
WORD = re.compile(r"\w+")
INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u2060\ufeff"))
CLIPPED = re.compile(r"\s*(?:\.\.\.|…)$")
LONGEST = 500
SHORT = 15  # letters of what may be a name as well
MANY = 5  # headings of the first rank


def find(page: WebPage, story: json_ld.JsonLdNode) -> TitleCandidate | None:
    """The headline and where it stood."""
    told = [(text[: 4 * LONGEST].translate(INVISIBLE), where) for text, where in _told(page, story)]
    names = _names(page)
    bare = {fold(text) for text, _ in told}
    whole = {fold(text) for text, where in told if where == "json-ld headline"}
    clean = [
        (without_site(text, names, bare if fold(text) not in whole else set())[:LONGEST], where) for text, where in told
    ]
    clean = [(text, where) for text, where in clean if fold(text) and squashed(text) not in names]
    if not clean:
        return None
    weights: dict[str, int] = {}
    for where, key in dict.fromkeys((where, fold(text)) for text, where in clean):
        weights[key] = weights.get(key, 0) + TRUST.get(where, LITTLE)
    best = max((fold(text) for text, _ in clean), key=lambda key: weights[key])
    return next((text, where) for text, where in clean if fold(text) == best)


def fold(text: str) -> str:
    """A text for comparing: its words in lower case."""
    return " ".join(WORD.findall(text.lower()))


def squashed(text: str) -> str:
    """A name for comparing: without blanks, signs, and the end of a host name."""
    return "".join(
        WORD.findall(re.sub(r"(?i)\.(?:com|org|net|co\.\w\w|com\.\w\w|[a-z]{2})$", "", text.strip()).lower())
    )


def _told(page: WebPage, story: json_ld.JsonLdNode) -> Iterator[TitleCandidate]:
    for name in ("headline", "name"):
        if text := json_ld.text(story.get(name)):
            yield squeezed(text), f"json-ld {name}"
    yield from _shown(page)
    for name in METAS:
        for text in page.meta.get(name, ())[:1]:
            yield text, f"meta {name}"
    for element in page.root.iter("title"):
        yield words_of(element), "title"
        break


def _shown(page: WebPage) -> Iterator[TitleCandidate]:
    """Headings; those of the second rank only where the page itself is called so."""
    for element in page.headings[:MANY]:
        text = words_of(element)
        if len(text) <= LONGEST and not CLIPPED.search(text):
            yield text, "h1"
    titles = [words_of(element) for element in page.root.iter("title")][:1]
    parts = {fold(part) for title in titles for part in (title, *SEPARATOR.split(title)) if len(part) > SHORT}
    for element in (
        page.root.iter("h2") if page.headings else page.root.iter("h2", "h3", "div", "p", "b", "strong", "font")
    ):
        if len(element) <= 2 and fold(words_of(element)) in parts:
            yield words_of(element), "h2" if element.tag == "h2" else "headline"
            break


def _names(page: WebPage) -> set[str]:
    """The names of the site, as far as the page and its address tell them."""
    host = (urlsplit(page.url).hostname or "").removeprefix("www.")
    labels = host.split(".")
    told = [page.site, host, *(labels[:-1] if len(labels) < 4 else labels[-3:-1])]
    for node in page.data.nodes:
        if json_ld.types(node) & json_ld.ORGANISATIONS:
            told += [json_ld.text(node.get("name")), json_ld.text(node.get("alternateName"))]
        told.append(json_ld.text(node.get("publisher")) if isinstance(node.get("publisher"), dict) else None)
    return {squashed(name) for name in told if name and 2 <= len(squashed(name)) <= 60}


def without_site(text: str, names: set[str], bare: set[str]) -> str:
    """The text without the site's name at either end; or as it is told bare elsewhere."""
    cuts = [(match.start(), match.end()) for match in SEPARATOR.finditer(text)]
    for start, end in cuts:
        if fold(text[:start]) in bare:
            return text[:start]
        if fold(text[end:]) in bare and _is_site(text[:start], names):
            return text[end:]
    for start, end in reversed(cuts):
        if not _is_site(text[end:], names):
            break
        text = text[:start]
    for start, end in cuts[:1]:
        if end < len(text) and _is_site(text[:start], names):
            text = text[end:]
    return text


def _is_site(part: str, names: set[str]) -> bool:
    """Whether a part of a title is the name of the site, alone or with a word of what it is."""
    ours = squashed(part)
    if not ours or len(part.split()) > 6:
        return False
    return any(
        ours == name
        or (len(name) > 2 and (ours.startswith(name) or ours.endswith(name)))
        or (len(ours) > 4 and name.startswith(ours))
        for name in names
    )
