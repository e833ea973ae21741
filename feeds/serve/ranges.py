"""The one range that a player asks for; lists of ranges are not worth their danger (S18) and get the whole file."""

from __future__ import annotations

import re

_ONE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
_LONGEST = 64  # of a header with one range


def wanted(header: str | None, size: int) -> range | None:
    """The bytes asked for: none means the whole file, an empty range that the file has no such bytes (RFC 9110 §14)."""
    match = _ONE.fullmatch(header) if header and len(header) <= _LONGEST else None
    if match is None:
        return None
    first, last = match.groups()
    if not first:
        return range(max(size - int(last), 0), size) if last else None
    start, stop = int(first), min(int(last) + 1, size) if last else size
    if last and int(last) < start:
        return None  # invalid, so as if it were not there
    return range(start, stop)
