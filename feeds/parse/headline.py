"""The headline of a story page: what most places agree on, without the site's name."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree

from feeds.parse import jsonld
from feeds.parse.webpage import WebPage, squeezed, words_of

Told = tuple[str, str]  # what, and where it was found

SEPARATOR = re.compile(r"\s+[|–—\-·•:»›~/]\s+|\s*[|｜»]\s*|(?<=\S)[:：]\s+")
WORD = re.compile(r"\w+")
CLIPPED = re.compile(r"\s*(?:\.\.\.|…)$")
HEADLINE_CLASS = re.compile(r"head-?line|(?:article|entry|post|story|content)[-_]*(?:main[-_]*)?title", re.I)
LONGEST = 400


def find(page: WebPage, story: jsonld.Node) -> Told | None:
    """The headline and where it stood."""
    told = [(squeezed(text)[:LONGEST], where) for text, where in _told(page, story)]
    told = [(text, where) for text, where in told if text and fold(text) not in _names(page)]
    if not told:
        return None
    shown = _shown(page, [text for text, _ in told])
    best = shown or told[0]
    return without_site(best[0], page, [text for text, _ in told]), best[1]


def fold(text: str) -> str:
    """A text for comparing: words in lower case."""
    return " ".join(WORD.findall(text.lower()))


def _told(page: WebPage, story: jsonld.Node) -> Iterator[Told]:
    for name in ("headline", "name"):
        if text := jsonld.text(story.get(name)):
            yield text, f"json-ld {name}"
    for name in ("og:title", "twitter:title", "dc.title", "dcterms.title", "parsely-title", "sailthru.title", "title"):
        for text in page.meta.get(name, ()):
            yield text, f"meta {name}"
    for element in page.headings:
        yield words_of(element), "h1"
    for element in page.root.iter("title"):
        yield words_of(element), "title"
        break


def _shown(page: WebPage, told: list[str]) -> Told | None:
    """The heading that a reader sees, where what is told elsewhere agrees with it."""
    folded = [fold(CLIPPED.sub("", text)) for text in told if text]
    best: tuple[float, str] | None = None
    for element in _candidates(page):
        text = words_of(element)
        if not 0 < len(text) <= LONGEST:
            continue
        agreed = max((likeness(fold(text), other) for other in folded), default=0.0)
        if agreed >= 0.5 and (best is None or agreed > best[0] + 0.2):
            best = agreed, text
    return (best[1], "h1") if best else None


def _candidates(page: WebPage) -> list[etree._Element]:
    return list(page.headings[:5])


def likeness(one: str, other: str) -> float:
    """How many of the words two folded texts share, by the shorter one."""
    ours, theirs = set(one.split()), set(other.split())
    if not ours or not theirs:
        return 0.0
    return (
        len(ours & theirs) / min(len(ours), len(theirs)) if min(len(ours), len(theirs)) > 2 else float(ours == theirs)
    )


def _names(page: WebPage) -> set[str]:
    host = re.sub(r"^www\.", "", page.url.split("/")[2]) if page.url.count("/") >= 2 else ""
    return {fold(name) for name in (page.site or "", host, host.rpartition(".")[0]) if name}


def without_site(text: str, page: WebPage, told: list[str]) -> str:
    """The text without the site's name at either end."""
    return text
