"""Texts from other places, for pages whose own markup does not give them away: the data of the head, or a library."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import escape

from lxml import etree

from . import jsonld
from .webpage import WebPage, squeezed

LITTLE = 250  # letters: less is no story, ask elsewhere
MARKUP = re.compile(r"<(?:p|br|div|h\d)\b", re.I)
TAG = re.compile(r"<[^>]{1,500}>")
PARAGRAPH = re.compile(r"</p\s*>|<br\s*/?>\s*<br\s*/?>|\n\s*\n|\r?\n", re.I)
LARGEST = 1_500_000


@dataclass(frozen=True, slots=True)
class Other:
    """A text found elsewhere: paragraphs of HTML, and where."""

    blocks: tuple[str, ...]
    where: str


def better(page: WebPage, story: jsonld.Node, letters: int) -> Other | None:
    """A text that tells clearly more than the `letters` found on the page; none where that is whole."""
    body = jsonld.text(story.get("articleBody")) or jsonld.text(story.get("text")) or ""
    if len(body) > LITTLE and letters < 0.3 * len(body):
        return Other(tuple(_paragraphs(body)), "json-ld articleBody")
    if letters >= LITTLE:
        return None
    found = _extracted(page)
    return Other((found,), "trafilatura") if len(TAG.sub("", found)) > max(letters, 80) else None


def _paragraphs(body: str) -> list[str]:
    plain = [squeezed(TAG.sub("", part)) if MARKUP.search(body) else squeezed(part) for part in PARAGRAPH.split(body)]
    return [f"<p>{escape(part, quote=False)}</p>" for part in plain if part]


def _extracted(page: WebPage) -> str:
    """What the library makes of the page; it is heavy, and few pages need it."""
    import trafilatura

    source = etree.tostring(page.root, encoding="unicode", method="html")
    if len(source) > LARGEST:
        return ""
    return (
        trafilatura.extract(
            source,
            url=page.url,
            output_format="html",
            include_comments=False,
            include_links=True,
            include_images=True,
            include_formatting=True,
            favor_precision=True,
        )
        or ""
    )
