"""`SourceDocument`: one response decoded to text, with its base URL and the limit on its items."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.utils import parsedate
from ipaddress import ip_address
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

from ..model import Fetched, Source
from .charset import DecodedText, decode

_Item = TypeVar("_Item")
MAX_ITEMS = 1_000
MAX_DATE_LENGTH = 100
MAX_REFERENCE_LENGTH = 4_000
ISO_DATE = re.compile(r"\s*(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d))?")


@dataclass(frozen=True, slots=True)
class SourceDocument:
    """One response, decoded. Relative addresses in it are relative to `base`, unless it says otherwise."""

    fetched: Fetched
    decoded: DecodedText
    base: str | None
    max_items: int = MAX_ITEMS

    @property
    def text(self) -> str:
        """The whole text."""
        return self.decoded.text

    def newest_items(self, items: Sequence[_Item], date_of: Callable[[_Item], str | None]) -> Sequence[_Item]:
        """Return at most `max_items` items: the first ones, or the last ones where the oldest comes first (F16)."""
        if len(items) <= self.max_items:
            return items
        first, last = _parse_date(date_of(items[0])), _parse_date(date_of(items[-1]))
        return items[-self.max_items :] if first and last and first < last else items[: self.max_items]

    def item_warnings(self, items: Sequence[_Item]) -> tuple[str, ...]:
        """Return a warning where there are more items than `max_items`."""
        if len(items) <= self.max_items:
            return ()
        return (f"more than {self.max_items} items are listed; only the newest are read",)


def open_document(fetched: Fetched, source: Source | None) -> SourceDocument:
    """Return the document of a response; without a source, the default limits apply."""
    return SourceDocument(
        fetched,
        decode(fetched.body, fetched.charset),
        _find_base(fetched),
        source.max_items if source else MAX_ITEMS,
    )


def is_included(address: str, source: Source | None) -> bool:
    """Return whether `include` and `exclude` of a source allow an item with this address or file name."""
    if source is None:
        return True
    if source.include and not source.include.search(address):
        return False
    return not (source.exclude and source.exclude.search(address))


def _parse_date(text: str | None) -> tuple[int, ...] | None:
    """Return year, month, day, hour and minute, precise enough to tell which end of a list is the newer one."""
    if not text:
        return None
    if match := ISO_DATE.match(text):
        return tuple(int(part or 0) for part in match.groups())
    try:
        date = parsedate(text[:MAX_DATE_LENGTH])
    except (ValueError, IndexError, TypeError):
        return None
    return date[:5] if date else None


def _find_base(fetched: Fetched) -> str | None:
    """Return the base URL (RFC 3986 §5.1): Content-Location, else the URL of the response.

    A Content-Location without a public host name is ignored: it is an internal address behind a proxy.
    """
    base = fetched.url or None
    location = fetched.headers.get("content-location", "").strip()
    if not location:
        return base
    try:
        url = urljoin(base or "", location)
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return base
    return url if parts.scheme in ("http", "https") and "." in host and not _is_address(host) else base


def resolve_http_url(base: str | None, reference: str) -> str | None:
    """Return the absolute form of a reference; None where that is no http(s) URL, or the reference is too long."""
    if len(reference) > MAX_REFERENCE_LENGTH:
        return None
    try:
        url = urljoin(base or "", reference.strip())
        parts = urlsplit(url)
        return url if parts.scheme in ("http", "https") and parts.hostname else None
    except ValueError:
        return None


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
