"""The lead image of a story."""

from __future__ import annotations

from feeds.parse import jsonld
from feeds.parse.webpage import WebPage, joined


def find(page: WebPage, story: jsonld.Node) -> tuple[str, str] | None:
    """The address of the lead image, and where it was found."""
    told = page.says("og:image", "twitter:image")
    return (joined(page.base, told) or told, "meta og:image") if told else None
