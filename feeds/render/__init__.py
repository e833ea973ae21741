"""Editions as bytes, in each format of the registry. The same edition gives the same bytes, anywhere (R8)."""

from __future__ import annotations

from importlib.resources import files

from ..model import Document, Edition
from .addresses import spell_edition
from .formatting import STYLESHEETS, feed_formats, file_path, strip_illegal_characters
from .opml import render_feed_list
from .story_page import render_story_page

__all__ = ["render", "render_feed_list", "render_story_page", "render_stylesheets"]


def render(edition: Edition) -> tuple[Document, ...]:
    """Return the documents of an edition, one in each format of the feed; archive documents are not in all."""
    try:
        return _write_formats(edition)
    except ValueError:
        # Stored text is legal already (R6). If it ever is not, lxml and the codec refuse it: only then is it cleaned,
        # so that all other documents do not pay for the check.
        return _write_formats(strip_illegal_characters(edition))


def _write_formats(edition: Edition) -> tuple[Document, ...]:
    edition = spell_edition(edition)
    feed, archive = edition.feed, edition.archive
    return tuple(
        Document(file_path(feed, format, archive), format.writer(edition, format), format.media_type)
        for format in feed_formats(feed)
        if archive is None or format.archives
    )


def render_stylesheets() -> tuple[Document, ...]:
    """Return the stylesheets of feed documents and story pages, which all feeds share."""
    folder = files(__package__)
    colours = (folder / "colours.css").read_bytes()
    sheets = {path: (folder / path.rpartition("/")[2]).read_bytes() for path in STYLESHEETS}
    return tuple(
        Document(path, sheet.replace(b"  /* colours.css */\n", colours), "text/css") for path, sheet in sheets.items()
    )
