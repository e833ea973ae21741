"""Editions as bytes, in each format of the registry. The same edition gives the same bytes, anywhere (R8)."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from ..model import Article, Document, Edition, Feed, SearchResults, Site, Source, StoryNeighbours
from .addresses import spell_edition
from .edition_writer import EditionWriter, KeptEntries
from .formatting import ASSETS, UNKNOWN_MEDIA_TYPE, feed_formats, strip_illegal_characters
from .opml import MEDIA_TYPE as OPML_MEDIA_TYPE
from .opml import render_feed_list, render_source_list

__all__ = [
    "read_admin_style",
    "render",
    "render_assets",
    "render_blogroll",
    "render_error_pages",
    "render_feed_list",
    "render_front_page",
    "render_search_feed",
    "render_search_page",
    "render_story_page",
    "render_web_app",
]

# What a theme may hold beside templates; it may replace the parts of our style sheets, which are no files of their own.
_THEME_SUFFIXES = {".css", ".js", ".svg", ".png", ".jpg", ".jpeg", ".gif", ".webp", ".avif", ".ico", ".woff2"}
_PARTS = ("colours.css", "dark.css")
_PAPER = re.compile(r"--paper:\s*([#\w]+(?:\([^()]{1,60}\))?)")
_INCLUDE = re.compile(rb"@include (\w+\.css);\n")


def render(
    edition: Edition, kept: KeptEntries | None = None, checkpoint: Callable[[], None] = lambda: None
) -> Iterator[Document]:
    """Yield the documents of an edition, one in each format of the feed; archive documents are not in all.

    `kept` returns the entries of the article with a digest that need not be written again. `checkpoint` is called
    before each article that is written, and before each document; what it raises ends the rendering.
    """
    formats = [format for format in feed_formats(edition.feed) if edition.archive is None or format.archives]
    writer = EditionWriter(edition, formats, kept, checkpoint)
    for format in formats:
        checkpoint()
        try:
            yield writer.write(format)
        except ValueError:
            # Stored text is legal already (R6). If it ever is not, lxml and the codec refuse it: only then is it
            # cleaned, so that all other documents do not pay for the check.
            writer = EditionWriter(strip_illegal_characters(edition), formats, kept, checkpoint)
            yield writer.write(format)


def render_front_page(edition: Edition, feeds: Sequence[Feed]) -> Document:
    """Return the front page with the articles of an edition, and links to `feeds`."""
    from .html.site_pages import render_front_page  # loads Jinja2 and babel, which cost 120 ms

    return render_front_page(spell_edition(edition), feeds)


def render_blogroll(site: Site, sources: Sequence[Source], titles: Mapping[str, str]) -> Sequence[Document]:
    """Return the list of sources, as a page and as OPML; `titles` are what they call themselves, by id."""
    from .html.site_pages import render_source_page  # as above

    opml = Document("blogroll.opml", render_source_list(site.title, sources, titles), OPML_MEDIA_TYPE)
    return opml, render_source_page(site, sources, titles)


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


def render_search_page(site: Site, results: SearchResults) -> bytes:
    """Return the page of a search."""
    from .html.search_page import render_search_page  # as above

    return render_search_page(site, results)


def render_search_feed(site: Site, results: SearchResults) -> bytes:
    """Return what a search found as a JSON Feed."""
    from .json_feed import write_search  # the server loads it with the first search

    return write_search(site, results)


def render_assets(site: Site) -> tuple[Document, ...]:
    """Return the style sheets and the script that feed documents and pages share, and the assets of the theme."""
    folder = site.theme.folder if site.theme else None
    own = sorted(path.name for path in folder.iterdir() if path.suffix in _THEME_SUFFIXES) if folder else ()
    paths = dict.fromkeys((*ASSETS, *(f"assets/{name}" for name in own if name not in _PARTS)))
    return tuple(
        Document(path, _read_asset(path.rpartition("/")[2], folder), ASSETS.get(path, UNKNOWN_MEDIA_TYPE))
        for path in paths
    )


def read_admin_style(site: Site) -> bytes:
    """Return the style sheet of the operator's site, which is not published."""
    return _read_asset("admin.css", site.theme.folder if site.theme else None)


def render_web_app(site: Site) -> Sequence[Document]:
    """Return what makes an app of the site: its manifest, and the worker, whose scope is the folder that it is in."""
    from .html.site_pages import render_manifest  # as above

    theme = site.theme.folder if site.theme else None
    paper = _PAPER.search(_read_asset("colours.css", theme).decode("utf-8", "replace"))
    worker = Document("sw.js", _read_asset("sw.js", theme), "text/javascript")
    return render_manifest(site, paper[1] if paper else "#fff"), worker


def _read_asset(name: str, theme: Path | None) -> bytes:
    """Return a file of the theme, or else of ours; in style sheets with the files that `@include NAME;` names."""
    own = theme / name if theme else None
    ours = files(__package__) / "html" / "assets" / name
    body = own.read_bytes() if own and own.is_file() else ours.read_bytes()
    return _INCLUDE.sub(lambda match: _read_asset(match[1].decode(), theme), body) if name.endswith(".css") else body
