"""The media type of each kind of published file, and how long caches keep one: of the server and of object stores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from .codings import is_compressible
from .registry import formats

CACHE_CONTROL = "public, max-age=300, must-revalidate"


@dataclass(frozen=True, slots=True, eq=False)
class MediaType:
    """How files of one suffix are served.

    `content_type` is the header. A browser that navigates to a file with `has_page` gets the page beside it; where none
    is published, `navigation_type` replaces the header, so that the browser shows the file with its stylesheet. `role`
    is `feed` for what pages of other sites may read, `page` for HTML of ours, `worker` for the script that runs beside
    our pages, `file` for all else.
    """

    content_type: str
    compressible: bool = False
    role: Literal["feed", "page", "worker", "file"] = "file"
    navigation_type: str | None = None
    has_page: bool = False


HTML = MediaType("text/html; charset=utf-8", compressible=True, role="page")
_JSON = MediaType("application/json", compressible=True)
_WORKER = MediaType("text/javascript; charset=utf-8", compressible=True, role="worker")
_WORKER_PATH = "/sw.js"

# Of the files beside the feeds.
_OTHER_MEDIA_TYPES: Mapping[str, MediaType] = {
    "opml": MediaType("text/x-opml; charset=utf-8", role="feed"),
    "html": HTML,
    "css": MediaType("text/css; charset=utf-8"),
    "js": MediaType("text/javascript; charset=utf-8"),
    "txt": MediaType("text/plain; charset=utf-8"),
    "xml": MediaType("application/xml; charset=utf-8"),
    "svg": MediaType("image/svg+xml"),
    "vtt": MediaType("text/vtt; charset=utf-8"),
    "webmanifest": MediaType("application/manifest+json"),
    "png": MediaType("image/png"),
    "jpg": MediaType("image/jpeg"),
    "jpeg": MediaType("image/jpeg"),
    "gif": MediaType("image/gif"),
    "webp": MediaType("image/webp"),
    "avif": MediaType("image/avif"),
    "ico": MediaType("image/x-icon"),
    "mp3": MediaType("audio/mpeg"),
    "m4a": MediaType("audio/mp4"),
    "aac": MediaType("audio/aac"),
    "ogg": MediaType("audio/ogg"),
    "oga": MediaType("audio/ogg"),
    "opus": MediaType("audio/ogg"),
    "flac": MediaType("audio/flac"),
    "wav": MediaType("audio/wav"),
    "mp4": MediaType("video/mp4"),
    "m4v": MediaType("video/mp4"),
    "webm": MediaType("video/webm"),
    "pdf": MediaType("application/pdf"),
    "epub": MediaType("application/epub+zip"),
    "zip": MediaType("application/zip"),
    "woff2": MediaType("font/woff2"),
}

FOLDERS_WITHOUT_FEEDS = ("/assets/", "/stories/")  # JSON in these folders is no feed


def find_media_type(path: str) -> MediaType | None:
    """Return the media type of a file by its suffix, none when such files are not served."""
    if path == _WORKER_PATH:
        return _WORKER
    suffix = path.rpartition(".")[2]
    return _JSON if suffix == "json" and path.startswith(FOLDERS_WITHOUT_FEEDS) else _media_types().get(suffix)


def is_feed_path(path: str) -> bool:
    """Tell whether a document at this path is that of a feed, which can be subscribed to."""
    format = formats().get(path.rpartition(".")[2])
    return format is not None and not format.is_page and not path.startswith((*FOLDERS_WITHOUT_FEEDS, "/archive/"))


@cache
def _media_types() -> Mapping[str, MediaType]:
    """Return the media type of each suffix (R25, R35, R40)."""
    feeds = {
        format.name: MediaType(
            format.content_type,
            compressible=True,
            role="page" if format.is_page else "feed",
            navigation_type=format.navigation_type,
            has_page=not format.is_page,
        )
        for format in formats().values()
    }
    others = {
        suffix: replace(media_type, compressible=is_compressible(suffix))
        for suffix, media_type in _OTHER_MEDIA_TYPES.items()
    }
    return {**others, **feeds}
