"""Editions as bytes: one entry of `WRITERS` for each format. The same edition gives the same bytes, anywhere (R8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..model import Document, Edition
from . import atom, json_feed, rss
from .formatting import legal
from .opml import opml
from .story_page import story_page
from .stylesheets import stylesheets

__all__ = ["WRITERS", "assets", "opml", "render", "story_page"]

WRITERS: Mapping[str, Callable[[Edition], Document]] = {
    "rss": rss.write,
    "atom": atom.write,
    "json": json_feed.write,
}


def render(edition: Edition) -> tuple[Document, ...]:
    """Give the files of a feed, in every format."""
    try:
        return _written(edition)
    except ValueError:
        # Stored text is legal already (R6). Should it once not be, lxml and the codec refuse it without a cost to
        # all the other documents, and one that is cleaned here is better than none.
        return _written(legal(edition))


def assets() -> tuple[Document, ...]:
    """Give the files that all feeds share."""
    return stylesheets()


def _written(edition: Edition) -> tuple[Document, ...]:
    return tuple(write(edition) for write in WRITERS.values())
