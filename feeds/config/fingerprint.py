"""Digests of what is declared: one differs when what a visit yields, or what a feed's files hold, may differ."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path

from ..model import Feed, Kind, Podcast, Site, Source, field_names, replace
from ..registry import format_versions
from .patterns import Regexp

# Raised when readers find other stories in the same bytes: every source is then fetched whole once (E5).
SOURCE_FORMAT = 1
# Raised when all formats hold something else of the same articles: every feed is then issued once.
FEED_FORMAT = 1
# Raised when the template of a story's page changes: every page is then made once.
PAGE_FORMAT = 2

# When and how we visit, and what is done afterwards, changes nothing in what a visit yields.
_OUTSIDE_A_VISIT = {
    "id",
    "schedule",
    "was",
    "steps",
    "enabled",
    "fingerprint",
    "private",
    "unlisted",
    "proxy",
    "timeout",
    "allow_private",
    "command",
    "env",
    "base",
}
_OF_A_VISIT = tuple(name for name in field_names(Source) if name not in _OUTSIDE_A_VISIT)


def fingerprint_source(source: Source, site_url: str) -> str:
    """Return the digest of what a visit to a source yields; our own stories contain the site's address."""
    own_site = site_url if source.kind is Kind.FILES else None
    program = [source.command, source.env, source.base] if source.kind is Kind.COMMAND else []
    return _digest("source", SOURCE_FORMAT, {name: getattr(source, name) for name in _OF_A_VISIT}, own_site, *program)


def fingerprint_pages(source: Source, site: Site, feeds: Iterable[Feed], secrets: Iterable[str]) -> str:
    """Return the digest of a source's pages; they name `feeds` and may not contain `secrets`."""
    names = [(feed.id, feed.title) for feed in feeds]
    parts = [*format_versions(), *sorted(secrets)]  # a page links to each format
    return _digest("pages", PAGE_FORMAT, fingerprint_effect_on_feeds(source), _fields(site), names, *parts)


def fingerprint_front_page(feeds: Iterable[Feed], site: Site) -> str:
    """Return the digest of the front page, which shows the articles of these feeds as they do, and names them."""
    return _digest(
        "front page", PAGE_FORMAT, [(feed.id, feed.title, feed.fingerprint) for feed in feeds], _fields(site)
    )


def fingerprint_feed(feed: Feed, site: Site, contents: Iterable[str]) -> str:
    """Return the digest of a feed; `contents`: the effects of its sources, and the secrets that it may not hold."""
    declared = _fields(replace(feed, was=()))
    del declared["fingerprint"]
    declared["recipe"] = ""  # the name of that field when the first fingerprints were stored; without it all differ
    return _digest("feed", FEED_FORMAT, declared, _fields(site), list(contents), *format_versions())


def add_fingerprints(
    feeds: Mapping[str, Feed], site: Site, sources: Mapping[str, Source], searched: frozenset[str]
) -> dict[str, Feed]:
    """Return the feeds with their fingerprints; `sources` are the declared ones, `searched` the secrets."""
    source_digests = {name: fingerprint_effect_on_feeds(source) for name, source in sources.items()}
    all_digests = sorted(source_digests.values())
    done: dict[str, Feed] = {}
    for name, feed in feeds.items():
        chosen = {source_digests[reference.partition("/")[0]] for reference in feed.sources}
        contents = [*(sorted(chosen) if feed.sources else all_digests), *sorted(searched)]
        done[name] = replace(feed, fingerprint=fingerprint_feed(feed, site, contents))
    return done


def fingerprint_shared_files(secrets: Iterable[str], codings: Iterable[str]) -> str:
    """Return the digest of the secrets, and of what files are compressed with; empty where there are none."""
    values = [*sorted(secrets), *codings]
    return _digest("secrets", *values) if values else ""


def fingerprint_effect_on_feeds(source: Source) -> str:
    """Return the digest of what a source changes in the feeds that take from it."""
    facts = source.id, source.was, source.steps, source.tags, source.private, source.enabled
    return _digest(*facts, *(["unlisted"] if source.unlisted else []))


def _digest(*parts: object) -> str:
    return hashlib.sha256(_encode(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _to_json(value: object) -> object:
    if isinstance(value, Regexp):
        return value.text
    if is_dataclass(value):
        return [type(value).__name__, _fields(value)]
    if isinstance(value, Podcast):
        return [type(value).__name__, {name: getattr(value, name) for name in field_names(value)}]
    if isinstance(value, Path):
        return value.as_posix()
    raise TypeError(f"{type(value).__name__} has no digest")


_encode = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=_to_json).encode


def _fields(record: object) -> dict[str, object]:
    values = {field: getattr(record, field.name) for field in fields(record)}  # type: ignore[arg-type]
    return {f.name: value for f, value in values.items() if not f.metadata.get("later") or value != f.default}
