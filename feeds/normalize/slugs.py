"""Ids made of titles, host names and tags, where the user gave none."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterable, Iterator
from itertools import chain, count, takewhile
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from ..model import Outline, replace
from .text import digest, to_ascii

MAX_SLUG_LENGTH = 40  # ids are typed by hand; the configuration takes up to 64

_NOT_IN_SLUG = re.compile(r"[^a-z0-9]+")
# Parts of host names that do not tell one site from another.
_COMMON_HOST_PARTS = re.compile(r"^(?:www\d?|feeds?|rss|blog|news)\.(?=[^.]+\.)|\.[a-z]{2,}$")
_TAG_SEPARATORS = re.compile(r"[\s_-]+")
_DEFAULT_ID = "source"


def slug(text: str) -> str:
    """Return the text as an id, cut between words; empty when no character of it is allowed in an id."""
    plain = to_ascii(text).replace("'", "")
    joined = _NOT_IN_SLUG.sub("-", plain).strip("-")
    if len(joined) <= MAX_SLUG_LENGTH:
        return joined
    return joined[: MAX_SLUG_LENGTH + 1].rpartition("-")[0] or joined[:MAX_SLUG_LENGTH]


def tag_slug(tag: str) -> str:
    """Return a tag as part of a feed's id, without its case and accents.

    What says less than the tag, as that of `C++` or `新聞`, ends with a digest, so that two tags never share it.
    """
    words = "-".join(_TAG_SEPARATORS.split(unicodedata.normalize("NFKD", tag.casefold()).strip()))
    letters = "".join(letter for letter in words if not unicodedata.combining(letter)).strip("-")
    stem = slug(tag)
    if stem and stem == letters:
        return stem
    return f"{stem or 'tag'}-{digest(tag.casefold())[:6]}"


def make_source_id(title: str | None, url: str, taken: Container[str]) -> str:
    """Return an id for a source, made of its title, its host or its folder, with a number when that is taken."""
    stem = slug(title or "") or slug(_host(url) or _folder(url)) or _DEFAULT_ID
    names: Iterator[str] = chain([stem], (f"{stem}-{number}" for number in count(2)))
    return next(name for name in names if name not in taken)


def _host(url: str) -> str:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:  # no address
        return ""
    return _COMMON_HOST_PARTS.sub("", _COMMON_HOST_PARTS.sub("", host))


def _folder(path: str) -> str:
    """Return the name of the folder of a file, or of the files that a pattern names."""
    folders = () if "://" in path else PurePosixPath(path).parts[:-1]
    return next(reversed([*takewhile(lambda name: not set(name).intersection("*?["), folders)]), "")


def name_outlines(outlines: Iterable[Outline], earlier: Iterable[Outline]) -> tuple[Outline, ...]:
    """Return the outlines with a name each: that of the earlier outline with its address, else a new one (R2)."""
    names = {outline.address: outline.name for outline in earlier}
    taken = set(names.values())
    named = []
    for outline in outlines:
        name = names.get(outline.address) or make_source_id(outline.title, outline.address, taken)
        taken.add(name)
        named.append(replace(outline, name=name))
    return tuple(named)
