"""Who wrote a story: every person named as its author, or the organisation where nobody is."""

from __future__ import annotations

from collections.abc import Iterator

from feeds.model import Person
from feeds.parse import jsonld
from feeds.parse.webpage import WebPage


def find(page: WebPage, story: jsonld.Node) -> tuple[tuple[Person, ...], str]:
    """The authors, and where they were found."""
    people = list(_of_data(page, story))
    return tuple(people), "json-ld author" if people else ""


def _of_data(page: WebPage, story: jsonld.Node) -> Iterator[Person]:
    for name in ("author", "creator"):
        for value in jsonld.several(story.get(name)):
            value = page.data.resolved(value)
            if text := jsonld.text(value):
                yield Person(text)
