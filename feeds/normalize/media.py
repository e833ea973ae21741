"""Media of a story: attachments to download or play, media objects, and the image that its publisher chose."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain

from ..model import Attachment, Link, Media, Story, replace
from ..wordlists import fold_case, get_words
from .images import is_decorative
from .links import web_url
from .text import clean_label, decode_label

_MEDIUM_TYPES = {"image": "image/jpeg", "audio": "audio/mpeg", "video": "video/mp4"}
_NOT_ATTACHED = ("image/", "text/html", "application/x-shockwave-flash")
_UNKNOWN_TYPE = "application/octet-stream"
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9*][a-z0-9!#$&^_.+*-]{0,126}")
_SUFFIX = re.compile(r"\.([A-Za-z0-9]{1,5})(?=$|[?#])")
_CLOCK = re.compile(r"(?:(\d{1,4}):)?(\d{1,4}):(\d{1,2})(?:[.,]\d+)?(?:\s+(\D+))?")
_DOTTED_CLOCK = re.compile(r"(\d{1,3})\.([0-5]\d)\.([0-5]\d)")
_SECONDS = re.compile(r"\d{1,9}(?:\.\d+)?")
_NUMBER = r"(\d{1,9}(?:[.,]\d{1,6})?)"
_ISO = re.compile(  # 8601; years and months have no length in seconds
    rf"P(?:0+Y)?(?:0+M)?(?:{_NUMBER}W)?(?:{_NUMBER}D)?(?:T(?:{_NUMBER}H)?(?:{_NUMBER}M)?(?:{_NUMBER}S)?)?",
    re.IGNORECASE,
)
_ISO_SECONDS = (604_800, 86_400, 3_600, 60, 1)
_NUMBERS = re.compile(_NUMBER)
_UNIT_SECONDS = {"hours": 3_600, "minutes": 60, "seconds": 1}
_MINUTE_SIGNS, _SECOND_SIGNS = ("'", "’", "′"), ('"', "”", "″", "''")
_MAX_DURATION_LENGTH = 100
_DIGITS = re.compile(r"\d{1,15}")

# Not the `mimetypes` table of the machine: the output is the same on every host (R8).
_SUFFIX_TYPES = {
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

MAX_ATTACHMENTS = 100


def find_attachments(story: Story, *bases: str | None) -> tuple[Attachment, ...]:
    """Return the enclosures of a story and its media objects other than images, each address once."""
    by_url: dict[str, Attachment] = {}
    for candidate in _candidates(story, bases):
        earlier = by_url.get(candidate.url)
        by_url[candidate.url] = candidate if earlier is None else _merge_attachments(earlier, candidate)
    attachments = list(by_url.values())[:MAX_ATTACHMENTS]
    duration = parse_duration(decode_label(story.podcast.get("duration"))) if attachments and story.podcast else None
    if duration is not None:
        playable = (index for index, item in enumerate(attachments) if item.media_type[:5] in ("audio", "video"))
        index = next(playable, None)
        if index is not None and attachments[index].duration is None:
            attachments[index] = replace(attachments[index], duration=duration)
    return tuple(attachments)


def _candidates(story: Story, bases: tuple[str | None, ...]) -> Iterator[Attachment]:
    for link in story.links:
        if link.rel == "enclosure":
            url = web_url(link.href, link.base, *bases)
            if url:
                yield Attachment(
                    url, media_type(link.type, url), decode_label(link.title) or None, parse_size(link.length)
                )
    for medium in story.media:
        url = web_url(medium.url, medium.base, *bases) if medium.role == "content" else None
        kind = media_type(medium.type, url, medium.medium) if url else _UNKNOWN_TYPE
        if url and kind != _UNKNOWN_TYPE and not kind.startswith(_NOT_ATTACHED):
            title, size = decode_label(medium.title) or None, parse_size(medium.length)
            yield Attachment(url, kind, title, size, parse_duration(medium.duration))


def _merge_attachments(first: Attachment, second: Attachment) -> Attachment:
    return Attachment(
        first.url,
        first.media_type if first.media_type != _UNKNOWN_TYPE else second.media_type,
        first.title or second.title,
        first.size or second.size,
        first.duration or second.duration,
    )


def clean_media(story: Story, *bases: str | None) -> tuple[Media, ...]:
    """Return the media objects of a story that have a web address, with clean texts."""
    addressed = ((medium, web_url(medium.url, medium.base, *bases)) for medium in story.media[:MAX_ATTACHMENTS])
    return tuple(_clean_medium(medium, url) for medium, url in addressed if url)


def _clean_medium(medium: Media, url: str) -> Media:
    return Media(
        url=url,
        role=clean_label(medium.role),
        type=clean_label(medium.type) or None,
        medium=clean_label(medium.medium) or None,
        length=clean_label(medium.length) or None,
        width=clean_label(medium.width) or None,
        height=clean_label(medium.height) or None,
        duration=clean_label(medium.duration) or None,
        title=decode_label(medium.title) or None,
        language=clean_label(medium.language) or None,
    )


def find_declared_image(story: Story, *bases: str | None) -> str | None:
    """Return the address of the image that the publisher chose for the story."""
    if story.image:
        url = web_url(story.image.href, story.image.base, *bases)
        if url:
            return url
    media = chain(_images(story.media), _thumbnails(story.media)) if story.media else ()
    for href, base in chain(media, _enclosed_images(story.links)):
        url = web_url(href, base, *bases)
        if url:
            return url
    return None


def _images(media: tuple[Media, ...]) -> Iterator[tuple[str, str | None]]:
    """Return the images among the media objects, the widest first."""
    images = [item for item in media if item.role == "content" and _is_image(item) and not is_decorative(item.url)]
    images.sort(key=lambda image: -(parse_size(image.width) or 0))
    return ((image.url, image.base) for image in images)


def _is_image(medium: Media) -> bool:
    return media_type(medium.type, medium.url, medium.medium).startswith("image/")


def _thumbnails(media: tuple[Media, ...]) -> Iterator[tuple[str, str | None]]:
    return ((item.url, item.base) for item in media if item.role == "thumbnail" and not is_decorative(item.url))


def _enclosed_images(links: tuple[Link, ...]) -> Iterator[tuple[str, str | None]]:
    return (
        (link.href, link.base)
        for link in links
        if link.rel == "enclosure" and media_type(link.type, link.href).startswith("image/")
    )


def media_type(declared: str | None, url: str, medium: str | None = None) -> str:
    """Return the declared media type, else that of the suffix of the URL, else that of the medium."""
    essence = declared.partition(";")[0].strip().lower() if declared else ""
    if essence and essence != _UNKNOWN_TYPE and _TYPE.fullmatch(essence):
        return essence
    suffix = _SUFFIX.search(url.rpartition("/")[2])
    by_suffix = _SUFFIX_TYPES.get(suffix[1].lower()) if suffix else None
    return by_suffix or _MEDIUM_TYPES.get(medium or "", _UNKNOWN_TYPE)


def parse_size(text: str | None) -> int | None:
    """Parse a size in bytes or pixels; zero and what is no number mean unknown, None."""
    match = _DIGITS.fullmatch(text.strip()) if text else None
    return int(match[0]) or None if match else None


def parse_duration(text: str | None) -> float | None:
    """Return the seconds of a duration such as `3601`, `60:01`, `1:00:01`, `1h 1s` or `PT1H1S`; None for zero.

    The words for the units may be of any language.
    """
    text = text.strip() if text else ""
    if _SECONDS.fullmatch(text):
        return float(text) or None
    text = text[:_MAX_DURATION_LENGTH].replace("：", ":")
    if match := _DOTTED_CLOCK.fullmatch(text):
        return _sum_clock(match[1], match[2], match[3], None) or None
    if match := _CLOCK.fullmatch(text):
        return _sum_clock(*match.groups()) or None
    if match := _ISO.fullmatch(text):
        numbers = (float((number or "0").replace(",", ".")) for number in match.groups())
        return sum(number * seconds for number, seconds in zip(numbers, _ISO_SECONDS, strict=True)) or None
    return _sum_units(_NUMBERS.split(text)) or None


def _sum_clock(hours: str | None, minutes: str, seconds: str, unit: str | None) -> float:
    """Return the seconds of a clock; `1:30 h` are hours and minutes."""
    size = _find_unit(unit) if unit else 1
    if size == _UNIT_SECONDS["hours"] and hours is None:
        hours, minutes, seconds = minutes, seconds, "0"
    return float(int(hours or 0) * 3_600 + int(minutes) * 60 + int(seconds)) if size else 0.0


def _sum_units(pieces: Sequence[str]) -> float:
    """Return the seconds of numbers with units between them; 0 where a unit is unknown or follows a smaller one."""
    total, size = 0.0, 86_400
    if pieces[0].strip(" ~≈") or len(pieces) == 1:
        return 0.0
    for number, word in zip(pieces[1::2], pieces[2::2], strict=True):
        unit = _find_unit(word) if word.strip() else size // 60 if size < 86_400 else 0  # `1h30`
        if not 0 < unit < size:
            return 0.0
        total, size = total + float(number.replace(",", ".")) * unit, unit
    return total


@lru_cache(maxsize=256)
def _find_unit(word: str) -> int:
    """Return the seconds of a unit, behind which `and` may stand; 0 for another word."""
    words = [part for part in fold_case(word).replace(",", " ").replace("+", " ").split() if part]
    if words and words[-1] in get_words("and"):
        words.pop()
    return _units().get(" ".join(words).strip(" .:;·"), 0)


@lru_cache(maxsize=1)
def _units() -> dict[str, int]:
    signs = {**dict.fromkeys(_MINUTE_SIGNS, 60), **dict.fromkeys(_SECOND_SIGNS, 1)}
    return signs | {fold_case(word): size for role, size in _UNIT_SECONDS.items() for word in get_words(role)}
