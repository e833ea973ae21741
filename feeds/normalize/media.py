"""What belongs to a story beside its text: files to download or play, media objects, and one image to stand for it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from ..model import Attachment, Link, Media, Story
from .images import is_minor
from .links import web_url
from .text import decoded, label

_MEDIUMS = {"image": "image/jpeg", "audio": "audio/mpeg", "video": "video/mp4"}
_NOT_FILES = ("image/", "text/html", "application/x-shockwave-flash")
_UNKNOWN = "application/octet-stream"
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9*][a-z0-9!#$&^_.+*-]{0,126}")
_SUFFIX = re.compile(r"\.([A-Za-z0-9]{1,5})(?=$|[?#])")
_CLOCK = re.compile(r"(?:(\d{1,4}):)?(\d{1,4}):(\d{1,2})(?:\.\d+)?")
_SECONDS = re.compile(r"\d{1,9}(?:\.\d+)?")
_DIGITS = re.compile(r"\d{1,15}")

# Our own table, not the machine's: the same bytes on every host (R8).
_TYPES = {
    "aac": "audio/aac", "avi": "video/x-msvideo", "avif": "image/avif", "bmp": "image/bmp",
    "epub": "application/epub+zip", "flac": "audio/flac", "gif": "image/gif", "gz": "application/gzip",
    "htm": "text/html", "html": "text/html", "ics": "text/calendar", "jpeg": "image/jpeg", "jpg": "image/jpeg",
    "json": "application/json", "m3u8": "application/vnd.apple.mpegurl", "m4a": "audio/mp4", "m4b": "audio/mp4",
    "m4v": "video/mp4", "mid": "audio/midi", "mkv": "video/x-matroska", "mov": "video/quicktime",
    "mp3": "audio/mpeg", "mp4": "video/mp4", "mpeg": "video/mpeg", "mpg": "video/mpeg", "oga": "audio/ogg",
    "ogg": "audio/ogg", "ogv": "video/ogg", "opus": "audio/opus", "pdf": "application/pdf", "png": "image/png",
    "srt": "application/x-subrip", "svg": "image/svg+xml", "swf": "application/x-shockwave-flash",
    "torrent": "application/x-bittorrent", "txt": "text/plain", "vtt": "text/vtt", "wav": "audio/wav",
    "webm": "video/webm", "webp": "image/webp", "wma": "audio/x-ms-wma", "wmv": "video/x-ms-wmv",
    "xml": "application/xml", "zip": "application/zip",
}  # fmt: skip

MANY = 100


def attachments(story: Story, *bases: str | None) -> tuple[Attachment, ...]:
    """Enclosures, and media objects other than images; each address once."""
    found: dict[str, Attachment] = {}
    for one in _candidates(story, bases):
        known = found.get(one.url)
        found[one.url] = one if known is None else _merged(known, one)
    made = list(found.values())[:MANY]
    length = seconds(story.podcast.get("duration")) if made and story.podcast else None
    if length is not None:
        index = next((i for i, one in enumerate(made) if one.media_type[:5] in ("audio", "video")), None)
        if index is not None and made[index].duration is None:
            made[index] = replace(made[index], duration=length)
    return tuple(made)


def _candidates(story: Story, bases: tuple[str | None, ...]) -> Iterator[Attachment]:
    for link in story.links:
        if link.rel == "enclosure":
            url = web_url(link.href, link.base, *bases)
            if url:
                yield Attachment(url, media_type(link.type, url), decoded(link.title) or None, number(link.length))
    for medium in story.media:
        url = web_url(medium.url, medium.base, *bases) if medium.role == "content" else None
        kind = media_type(medium.type, url, medium.medium) if url else _UNKNOWN
        if url and kind != _UNKNOWN and not kind.startswith(_NOT_FILES):
            yield Attachment(url, kind, decoded(medium.title) or None, number(medium.length), seconds(medium.duration))


def _merged(one: Attachment, other: Attachment) -> Attachment:
    return Attachment(
        one.url,
        one.media_type if one.media_type != _UNKNOWN else other.media_type,
        one.title or other.title,
        one.size or other.size,
        one.duration or other.duration,
    )


def media(story: Story, *bases: str | None) -> tuple[Media, ...]:
    """The media objects, clean."""
    made = (_clean(medium, web_url(medium.url, medium.base, *bases)) for medium in story.media[:MANY])
    return tuple(medium for medium in made if medium)


def _clean(medium: Media, url: str | None) -> Media | None:
    if url is None:
        return None
    return Media(
        url=url,
        role=label(medium.role),
        type=label(medium.type) or None,
        medium=label(medium.medium) or None,
        length=label(medium.length) or None,
        width=label(medium.width) or None,
        height=label(medium.height) or None,
        duration=label(medium.duration) or None,
        title=decoded(medium.title) or None,
        language=label(medium.language) or None,
    )


def lead_image(story: Story, *bases: str | None) -> str | None:
    """The image that the publisher chose for the story, if any."""
    if story.image:
        url = web_url(story.image.href, story.image.base, *bases)
        if url:
            return url
    for told in (_images(story.media), _thumbnails(story.media), _enclosed(story.links)):
        for href, base in told:
            url = web_url(href, base, *bases)
            if url:
                return url
    return None


def _images(told: tuple[Media, ...]) -> Iterator[tuple[str, str | None]]:
    """Images as content, the widest first."""
    images = [one for one in told if one.role == "content" and _is_image(one) and not is_minor(one.url)]
    images.sort(key=lambda one: -(number(one.width) or 0))
    return ((one.url, one.base) for one in images)


def _is_image(medium: Media) -> bool:
    return media_type(medium.type, medium.url, medium.medium).startswith("image/")


def _thumbnails(told: tuple[Media, ...]) -> Iterator[tuple[str, str | None]]:
    return ((one.url, one.base) for one in told if one.role == "thumbnail" and not is_minor(one.url))


def _enclosed(links: tuple[Link, ...]) -> Iterator[tuple[str, str | None]]:
    return (
        (link.href, link.base)
        for link in links
        if link.rel == "enclosure" and media_type(link.type, link.href).startswith("image/")
    )


def media_type(told: str | None, url: str, medium: str | None = None) -> str:
    """The media type as told, else by the suffix of the address, else by its medium."""
    spelled = told.partition(";")[0].strip().lower() if told else ""
    if spelled and spelled != _UNKNOWN and _TYPE.fullmatch(spelled):
        return spelled
    suffix = _SUFFIX.search(url.rpartition("/")[2])
    guess = _TYPES.get(suffix[1].lower()) if suffix else None
    return guess or _MEDIUMS.get(medium or "", _UNKNOWN)


def number(text: str | None) -> int | None:
    """A size in bytes; zero and nonsense mean unknown."""
    found = _DIGITS.fullmatch(text.strip()) if text else None
    return int(found[0]) or None if found else None


def seconds(text: str | None) -> float | None:
    """A length of time in seconds, from `3601`, `60:01` or `1:00:01`."""
    spelled = text.strip() if text else ""
    if _SECONDS.fullmatch(spelled):
        return float(spelled)
    found = _CLOCK.fullmatch(spelled)
    if not found:
        return None
    return float(int(found[1] or 0) * 3600 + int(found[2]) * 60 + int(found[3]))
