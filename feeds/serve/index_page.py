"""The page at `/` unless the public folder has an index.html: the published feeds and their formats."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path

from ..registry import Format, formats
from .files import STAT_RESOLUTION_NS, is_published_path
from .html_page import render_page
from .media_types import FOLDERS_WITHOUT_FEEDS, HTML
from .responses import StaticDocument

_SKIPPED_FOLDERS = {"archive", *(folder.strip("/") for folder in FOLDERS_WITHOUT_FEEDS)}


class IndexPage:
    """The page, rendered again when a folder with feeds has changed."""

    def __init__(self, root: Path, *, clock: Callable[[], int] = time.time_ns) -> None:
        self._root = root
        self._clock = clock
        self._folders: tuple[Path, ...] = ()
        self._folder_times: tuple[int, ...] = ()
        self._document = StaticDocument(HTML, b"")

    def document(self) -> StaticDocument:
        """Return the page as of this moment."""
        if not self._folder_times or self._folder_times != _modification_times(self._folders):
            self._folders = tuple(_find_folders(self._root))
            times = _modification_times(self._folders)
            self._document = StaticDocument(HTML, _render_page(_find_feeds(self._root, self._folders)).encode())
            # As for files: a folder that changed just now is read again.
            self._folder_times = times if self._clock() - max(times, default=0) > STAT_RESOLUTION_NS else ()
        return self._document


def _find_folders(root: Path) -> Iterator[Path]:
    """Return the public folder and those below it that may hold feeds, as `each: source` and `each: tag` make them."""
    if not root.is_dir():
        return
    yield root
    with os.scandir(root) as entries:
        yield from (
            root / entry.name
            for entry in entries
            if entry.is_dir(follow_symlinks=False)
            and entry.name not in _SKIPPED_FOLDERS
            and is_published_path(f"/{entry.name}")
        )


def _modification_times(folders: tuple[Path, ...]) -> tuple[int, ...]:
    return tuple(folder.stat().st_mtime_ns if folder.is_dir() else 0 for folder in folders)


def _find_feeds(root: Path, folders: tuple[Path, ...]) -> dict[str, list[str]]:
    """Return the names of the formats of each feed id, in the order of the formats."""
    suffixes: dict[str, set[str]] = {}
    for folder in folders:
        prefix = "" if folder == root else f"{folder.name}/"
        for stem, suffix in _find_files(folder):
            suffixes.setdefault(prefix + stem, set()).add(suffix)
    return {id: [name for name in formats() if name in suffixes[id]] for id in sorted(suffixes)}


def _find_files(folder: Path) -> Iterator[tuple[str, str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            stem, _, suffix = entry.name.rpartition(".")
            if _is_feed(suffix) and is_published_path(f"/{entry.name}") and entry.is_file(follow_symlinks=False):
                yield stem, suffix


def _is_feed(suffix: str) -> bool:
    return suffix in formats() and not formats()[suffix].is_page


def _render_page(feeds: dict[str, list[str]]) -> str:
    return render_page(
        "Feeds",
        "Choose a format and give its address to a feed reader." if feeds else "Nothing is published yet.",
        "\n".join(["<ul>", *map(_list_item, feeds.items()), "</ul>"]) if feeds else "",
        links="\n".join(_alternate(id, formats()[name]) for id, names in feeds.items() for name in names),
    )


def _alternate(feed_id: str, format: Format) -> str:
    title = escape(f"{feed_id} ({format.label})")
    address = escape(f"{feed_id}.{format.name}")
    return f'<link rel="alternate" type="{escape(format.media_type)}" title="{title}" href="{address}">'


def _list_item(entry: tuple[str, list[str]]) -> str:
    feed_id, names = entry
    links = " ".join(f'<a href="{escape(feed_id)}.{name}">{escape(formats()[name].label)}</a>' for name in names)
    return f"<li><b>{escape(feed_id)}</b> {links}</li>"
