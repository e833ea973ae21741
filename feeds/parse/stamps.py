"""When a story was published and when it was changed."""

from __future__ import annotations

from feeds.parse import jsonld
from feeds.parse.webpage import WebPage


def find(page: WebPage, story: jsonld.Node) -> dict[str, tuple[str, str]]:
    """`published` and `updated`, each with where it was found."""
    found = {}
    for field, name, metas in (
        ("published", "datePublished", ("article:published_time",)),
        ("updated", "dateModified", ("article:modified_time",)),
    ):
        if text := jsonld.text(story.get(name)):
            found[field] = (text, f"json-ld {name}")
        elif text := page.says(*metas):
            found[field] = (text, "meta")
    return found
