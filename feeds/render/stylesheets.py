"""The stylesheets: of a feed document that someone opens in a browser, and of the pages of our own stories."""

from __future__ import annotations

from importlib.resources import files

from ..model import Document

PATH = "assets/feed.css"
STORY = "assets/story.css"


def stylesheets() -> tuple[Document, ...]:
    """Give the stylesheets as they lie beside this module."""
    beside = files(__package__)
    return tuple(Document(path, (beside / path.rpartition("/")[2]).read_bytes(), "text/css") for path in (PATH, STORY))
