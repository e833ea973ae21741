"""Digests of what was declared: they differ when what a visit yields, or what a feed's files hold, may differ."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import fields, is_dataclass, replace
from pathlib import Path

from ..model import Feed, Kind, Site, Source
from .patterns import Regexp

# Raised when readers find other stories in the same bytes: every source is then fetched whole once (E5).
SOURCE_FORMAT = 1
# Raised when writers make other bytes of the same articles: every feed is then issued once.
FEED_FORMAT = 1
# Raised when the template of a story's page changes: every page is then made once.
PAGE_FORMAT = 1

# What decides when and by what way we visit, or what is done afterwards, changes nothing in what a visit yields.
_OUTSIDE_A_VISIT = {
    "id",
    "schedule",
    "was",
    "steps",
    "enabled",
    "fingerprint",
    "private",
    "proxy",
    "timeout",
    "allow_private",
}
_OF_A_VISIT = tuple(field.name for field in fields(Source) if field.name not in _OUTSIDE_A_VISIT)


def of_source(source: Source, site_url: str) -> str:
    """The fingerprint of a source; where our own stories are published shows in them."""
    home = site_url if source.kind is Kind.FILES else None
    return _digest("source", SOURCE_FORMAT, {name: getattr(source, name) for name in _OF_A_VISIT}, home)


def of_pages(source: Source, site: Site, feeds: Iterable[Feed], secrets: Iterable[str]) -> str:
    """Return the fingerprint of the pages of a source; they name `feeds`, and may not hold `secrets`."""
    names = [(feed.id, feed.title) for feed in feeds]
    return _digest("pages", PAGE_FORMAT, trace(source), _fields(site), names, *sorted(secrets))


def of_feed(feed: Feed, site: Site, chosen: Iterable[str]) -> str:
    """The fingerprint of a feed; `chosen` are the `trace`s of its sources, and the secrets that it may not hold."""
    return _digest("feed", FEED_FORMAT, _fields(replace(feed, fingerprint="", was=())), _fields(site), list(chosen))


def trace(source: Source) -> str:
    """What of a source shows in the feeds that take from it."""
    return _digest(source.id, source.was, source.steps, source.tags, source.private, source.enabled)


def _digest(*parts: object) -> str:
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=_plain)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _plain(value: object) -> object:
    if isinstance(value, Regexp):
        return value.text
    if is_dataclass(value):
        return [type(value).__name__, _fields(value)]
    if isinstance(value, Path):
        return value.as_posix()
    raise TypeError(f"{type(value).__name__} has no digest")


def _fields(record: object) -> dict[str, object]:
    return {field.name: getattr(record, field.name) for field in fields(record)}  # type: ignore[arg-type]
