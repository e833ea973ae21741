"""What a reader is given: one document, decoded, with its base and how many items may be taken from it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.utils import parsedate
from ipaddress import ip_address
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

from ..model import Fetched, Source
from .charset import Decoded, decode

_Item = TypeVar("_Item")
DateOf = Callable[[_Item], str | None]
MAX_ITEMS = 1_000
ISO_DATE = re.compile(r"\s*(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d))?")


@dataclass(frozen=True, slots=True)
class SourceDocument:
    """One answer, decoded. `base` is what relative addresses in it are relative to, unless it says otherwise."""

    fetched: Fetched
    decoded: Decoded
    base: str | None
    max_items: int = MAX_ITEMS

    @property
    def text(self) -> str:
        """The whole text."""
        return self.decoded.text

    def newest(self, found: Sequence[_Item], date_of: Callable[[_Item], str | None]) -> Sequence[_Item]:
        """At most `max_items` of the items: the first ones, or the last where the oldest stands first (F16)."""
        if len(found) <= self.max_items:
            return found
        first, last = moment(date_of(found[0])), moment(date_of(found[-1]))
        return found[-self.max_items :] if first and last and first < last else found[: self.max_items]

    def warnings(self, found: Sequence[_Item]) -> tuple[str, ...]:
        """A sentence where not all items are taken."""
        most = self.max_items
        return (f"more than {most} items are listed; only the newest are read",) if len(found) > most else ()


def open_document(fetched: Fetched, source: Source | None) -> SourceDocument:
    """A document made of an answer."""
    return SourceDocument(
        fetched,
        decode(fetched.body, fetched.charset),
        _base(fetched),
        source.max_items if source else MAX_ITEMS,
    )


def is_included(address: str, source: Source | None) -> bool:
    """Tell whether `include` and `exclude` of a source let through what has this address, or this file name."""
    if source is None:
        return True
    if source.include and not source.include.search(address):
        return False
    return not (source.exclude and source.exclude.search(address))


def moment(date: str | None) -> tuple[int, ...] | None:
    """A date just well enough to tell which end of a list is the newer."""
    if not date:
        return None
    if match := ISO_DATE.match(date):
        return tuple(int(part or 0) for part in match.groups())
    try:
        found = parsedate(date[:100])
    except (ValueError, IndexError, TypeError):
        return None
    return found[:5] if found else None


def _base(fetched: Fetched) -> str | None:
    """RFC 3986 §5.1: Content-Location, unless it is the inner address of a machine behind a proxy, else the URL."""
    base = fetched.url or None
    location = fetched.headers.get("content-location", "").strip()
    if not location:
        return base
    try:
        joined = urljoin(base or "", location)
        parts = urlsplit(joined)
        host = parts.hostname or ""
    except ValueError:
        return base
    return joined if parts.scheme in ("http", "https") and "." in host and not _is_address(host) else base


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
