"""The page at `/` while the operator has none of their own: the published feeds and their formats."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path

from .files import is_name
from .media_types import BESIDE, FORMATS, KINDS, PAGE, STYLE
from .responses import StaticDocument

STYLE_PATH = "/assets/listing.css"
_NAMES = {"rss": "RSS", "atom": "Atom", "json": "JSON Feed"}
_APART = {"archive", *(folder.strip("/") for folder in BESIDE)}
_RACY = 2_000_000_000  # as for files: a folder that changed just now is read again

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Feeds</title>
<link rel="stylesheet" href="{style}">
{alternates}
</head>
<body>
<main>
<h1>Feeds</h1>
<p>{lead}</p>
{feeds}
</main>
</body>
</html>
"""


class IndexPage:
    """The page, made anew when a folder with feeds has changed."""

    def __init__(self, root: Path, *, clock: Callable[[], int] = time.time_ns) -> None:
        self._root = root
        self._clock = clock
        self._folders: tuple[Path, ...] = ()
        self._seen: tuple[int, ...] = ()
        self._page = StaticDocument(PAGE, b"")

    def page(self) -> StaticDocument:
        """The page as of this moment."""
        if not self._seen or self._seen != _times(self._folders):
            self._folders = tuple(_folders(self._root))
            seen = _times(self._folders)
            self._page = StaticDocument(PAGE, _page(_feeds(self._root, self._folders)).encode())
            self._seen = seen if self._clock() - max(seen, default=0) > _RACY else ()
        return self._page


def style() -> StaticDocument:
    """The style of the page, for `STYLE_PATH`."""
    return StaticDocument(STYLE, Path(__file__).with_name("listing.css").read_bytes())


def _folders(root: Path) -> Iterator[Path]:
    """The public folder, and those below it that hold feeds: `each: source` and `each: tag` publish into their own."""
    if not root.is_dir():
        return
    yield root
    with os.scandir(root) as entries:
        yield from (
            root / entry.name
            for entry in entries
            if entry.is_dir(follow_symlinks=False) and entry.name not in _APART and is_name(f"/{entry.name}")
        )


def _times(folders: tuple[Path, ...]) -> tuple[int, ...]:
    return tuple(folder.stat().st_mtime_ns if folder.is_dir() else 0 for folder in folders)


def _feeds(root: Path, folders: tuple[Path, ...]) -> dict[str, list[str]]:
    """The formats of each feed id, as they lie in the folders."""
    found: dict[str, set[str]] = {}
    for folder in folders:
        prefix = "" if folder == root else f"{folder.name}/"
        for stem, suffix in _files(folder):
            found.setdefault(prefix + stem, set()).add(suffix)
    return {feed: [suffix for suffix in FORMATS if suffix in found[feed]] for feed in sorted(found)}


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            stem, _, suffix = entry.name.rpartition(".")
            if suffix in FORMATS and is_name(f"/{entry.name}") and entry.is_file(follow_symlinks=False):
                yield stem, suffix


def _page(feeds: dict[str, list[str]]) -> str:
    lead = "Choose a format and give its address to a feed reader." if feeds else "Nothing is published yet."
    return _PAGE.format(
        style=escape(STYLE_PATH.removeprefix("/")),
        lead=lead,
        alternates="\n".join(_alternate(feed, suffix) for feed, suffixes in feeds.items() for suffix in suffixes),
        feeds="\n".join(["<ul>", *map(_row, feeds.items()), "</ul>"]) if feeds else "",
    )


def _alternate(feed: str, suffix: str) -> str:
    media_type = KINDS[suffix].media_type.partition(";")[0]
    title = escape(f"{feed} ({_NAMES[suffix]})")
    return f'<link rel="alternate" type="{media_type}" title="{title}" href="{escape(feed)}.{suffix}">'


def _row(entry: tuple[str, list[str]]) -> str:
    feed, suffixes = entry
    links = " ".join(f'<a href="{escape(feed)}.{suffix}">{_NAMES[suffix]}</a>' for suffix in suffixes)
    return f"<li><b>{escape(feed)}</b> {links}</li>"
