"""Editions as bytes: one entry of `WRITERS` for each format. The same edition gives the same bytes, anywhere (R8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.resources import files

from ..model import Document, Edition
from . import atom, json_feed, rss
from .formatting import STYLESHEETS, strip_illegal_characters
from .opml import render_feed_list
from .story_page import render_story_page

__all__ = ["WRITERS", "render", "render_feed_list", "render_story_page", "render_stylesheets"]

WRITERS: Mapping[str, Callable[[Edition], Document]] = {
    "rss": rss.write,
    "atom": atom.write,
    "json": json_feed.write,
}


def render(edition: Edition) -> tuple[Document, ...]:
    """Return the documents of a feed, one in each format."""
    try:
        return _write_formats(edition)
    except ValueError:
        # Stored text is legal already (R6). If it ever is not, lxml and the codec refuse it: only then is it cleaned,
        # so that all other documents do not pay for the check.
        return _write_formats(strip_illegal_characters(edition))


def _write_formats(edition: Edition) -> tuple[Document, ...]:
    return tuple(write(edition) for write in WRITERS.values())


def render_stylesheets() -> tuple[Document, ...]:
    """Return the stylesheets of feed documents and story pages, which all feeds share."""
    package = files(__package__)
    return tuple(Document(path, (package / path.rpartition("/")[2]).read_bytes(), "text/css") for path in STYLESHEETS)
