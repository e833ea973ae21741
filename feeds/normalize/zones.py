"""Time zones as feeds spell them: offsets, the usual letters, and names of the time zone database."""

from __future__ import annotations

import re
from datetime import timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_OFFSET = re.compile(r"(?:utc|gmt|etc/gmt)?\s*([+\-−])(\d{1,2})(?::?(\d{2}))?(?::?\d{2})?")
_AREA = re.compile(r"[A-Za-z]+(?:/[A-Za-z_+\-0-9]+){1,2}")

# Letters → hours east of Greenwich. Where two zones share letters, the one met in more feeds stands.
_LETTERS = {
    "z": 0, "ut": 0, "utc": 0, "gmt": 0, "wet": 0, "etc/gmt": 0, "etc/utc": 0, "uct": 0, "zulu": 0,
    "bst": 1, "ist": 5.5, "west": 1, "cet": 1, "mez": 1, "met": 1, "wat": 1, "cest": 2, "mesz": 2, "mest": 2, "eet": 2,
    "sast": 2, "cat": 2, "eest": 3, "msk": 3, "мск": 3, "trt": 3, "eat": 3,
    "ast": -4, "msd": 4, "samt": 4, "gst": 4, "amt": -4,
    "irst": 3.5, "irdt": 4.5, "aft": 4.5, "pkt": 5, "uzt": 5, "yekt": 5, "npt": 5.75, "bdt": 6, "omst": 6, "mmt": 6.5,
    "ict": 7, "wib": 7, "krat": 7, "novt": 7, "hkt": 8, "sgt": 8, "myt": 8, "awst": 8, "pht": 8, "wita": 8, "irkt": 8,
    "jst": 9, "kst": 9, "wit": 9, "yakt": 9, "acst": 9.5, "acdt": 10.5, "aest": 10, "vlat": 10, "aedt": 11, "magt": 11,
    "nzst": 12, "nzdt": 13, "brt": -3, "brst": -2, "art": -3, "clt": -4, "clst": -3, "cot": -5, "pet": -5, "vet": -4,
    "nst": -3.5, "ndt": -2.5, "adt": -3, "at": -4, "est": -5, "edt": -4, "et": -5, "cst": -6, "cdt": -5, "ct": -6,
    "mst": -7, "mdt": -6, "mt": -7, "pst": -8, "pdt": -7, "pt": -8, "akst": -9, "akdt": -8, "hst": -10, "hdt": -9,
    "sst": -11,
}  # fmt: skip


@lru_cache(maxsize=1024)
def zone(spelled: str) -> tzinfo | None:
    """The zone that is meant, none if nobody knows it."""
    lower = spelled.strip().lower()
    if lower in _LETTERS:
        return timezone(timedelta(hours=_LETTERS[lower]))
    found = _OFFSET.fullmatch(lower)
    if found:
        return _fixed(found)
    return named(spelled.strip()) if _AREA.fullmatch(spelled.strip()) else None


@lru_cache(maxsize=256)
def named(name: str) -> tzinfo | None:
    """A zone of the time zone database."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _fixed(found: re.Match[str]) -> tzinfo | None:
    away = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
    if away > timedelta(hours=15) or int(found[3] or 0) > 59:
        return None
    return timezone(-away if found[1] != "+" else away)
