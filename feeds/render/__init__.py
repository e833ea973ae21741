"""Editions as bytes, in each format of the registry. The same edition gives the same bytes, anywhere (R8)."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from importlib.resources import files

from ..model import Article, Document, Edition, Feed, Site, StoryNeighbours
from .addresses import spell_edition
from .formatting import ASSETS, feed_formats, file_path, strip_illegal_characters
from .opml import render_feed_list

__all__ = [
    "render",
    "render_assets",
    "render_error_pages",
    "render_feed_list",
    "render_front_page",
    "render_story_page",
]

_INCLUDE = re.compile(rb"@include (\w+\.css);\n")


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


def render_front_page(edition: Edition, feeds: Sequence[Feed]) -> Document:
    """Return the front page with the articles of an edition, and links to `feeds`."""
    from .html.site_pages import render_front_page  # loads Jinja2 and babel, which cost 120 ms

    return render_front_page(spell_edition(edition), feeds)


def render_error_pages(site: Site) -> Sequence[Document]:
    """Return the pages that web servers show for what is not there, or no longer."""
    from .html.site_pages import render_error_pages  # as above

    return render_error_pages(site)


def render_story_page(
    article: Article, site: Site, feeds: Collection[Feed], neighbours: StoryNeighbours | None = None
) -> Document:
    """Return the page of a story of our own; `feeds` are those that may show it. Raises ValueError without a page."""
    from .html.story_page import render_story_page  # as above

    return render_story_page(article, site, feeds, neighbours)


def render_assets() -> tuple[Document, ...]:
    """Return the style sheets and the script that feed documents and pages share."""
    return tuple(
        Document(path, _read_asset(path.rpartition("/")[2]), media_type) for path, media_type in ASSETS.items()
    )


def _read_asset(name: str) -> bytes:
    """Return a file, with the files that it includes in the places of `@include NAME;`."""
    body = (files(__package__) / "html" / "assets" / name).read_bytes()
    return _INCLUDE.sub(lambda match: _read_asset(match[1].decode()), body)
