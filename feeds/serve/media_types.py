"""What each kind of file is called, and the headers all its answers carry. Nothing else is served."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

Headers = list[tuple[bytes, bytes]]

FRESH = b"public, max-age=300, must-revalidate"

# S17. No script, frame or form anywhere; pictures and sound of an article may come from its publisher.
_POLICY = (
    b"default-src 'none'; style-src 'self'; img-src https: data: 'self'; media-src https: 'self'; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SANDBOX = _POLICY + b"; sandbox"


@dataclass(frozen=True, slots=True, eq=False)
class MediaType:
    """How files of one suffix are served.

    `navigated` is the media type for a browser that navigates to the file, so that it shows the file with its style.
    `text` is worth compressing. `role` is `feed` for what other people's pages may read, `page` for documents of ours,
    `file` for what lies beside them.
    """

    media_type: str
    text: bool = False
    role: Literal["feed", "page", "file"] = "file"
    navigated: str | None = None


PLAIN = MediaType("text/plain; charset=utf-8", text=True)
PAGE = MediaType("text/html; charset=utf-8", text=True, role="page")
STYLE = MediaType("text/css; charset=utf-8", text=True)
_XML = "application/xml; charset=utf-8"
_JSON = MediaType("application/json", text=True)

KINDS: dict[str, MediaType] = {
    # R25, R35, R40
    "rss": MediaType("application/rss+xml; charset=utf-8", text=True, role="feed", navigated=_XML),
    "atom": MediaType("application/atom+xml; charset=utf-8", text=True, role="feed", navigated=_XML),
    "json": MediaType("application/feed+json", text=True, role="feed"),
    "opml": MediaType("text/x-opml", text=True, role="feed"),
    "html": PAGE,
    "css": STYLE,
    "js": MediaType("text/javascript; charset=utf-8", text=True),
    "txt": PLAIN,
    "xml": MediaType(_XML, text=True),
    "svg": MediaType("image/svg+xml", text=True),
    "vtt": MediaType("text/vtt; charset=utf-8", text=True),
    "webmanifest": MediaType("application/manifest+json", text=True),
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

FORMATS = tuple(suffix for suffix, kind in KINDS.items() if kind.role == "feed" and suffix != "opml")
BESIDE = ("/assets/", "/stories/")  # JSON in these folders is no feed


def kind_of(path: str) -> MediaType | None:
    """The kind of a file by its suffix, none when such files are not served."""
    suffix = path.rpartition(".")[2]
    return _JSON if suffix == "json" and path.startswith(BESIDE) else KINDS.get(suffix)


@cache
def common(kind: MediaType) -> Headers:
    """The headers of every answer about a file of this kind, 304 included (RFC 9110 §15.4.5)."""
    headers = [*security(sandbox=kind.role != "page"), (b"cache-control", FRESH)]
    vary = [b"Accept"] * bool(kind.navigated) + [b"Accept-Encoding"] * kind.text
    if vary:
        headers.append((b"vary", b", ".join(vary)))
    if not kind.text:
        headers.append((b"accept-ranges", b"bytes"))
    if kind.role == "feed":
        headers.extend(PUBLIC)
    return headers


# What we publish is public and holds no credentials: readers that run in a browser may fetch it from any page.
PUBLIC: Headers = [(b"access-control-allow-origin", b"*")]


@cache
def security(*, sandbox: bool = True) -> Headers:
    """The headers of every answer at all (S17)."""
    return [
        (b"x-content-type-options", b"nosniff"),
        (b"content-security-policy", _SANDBOX if sandbox else _POLICY),
        (b"referrer-policy", b"no-referrer"),
    ]
