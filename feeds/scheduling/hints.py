"""Publisher hints on polling: ttl, sy:, skipHours, skipDays and Cache-Control, as `Hints` (E7, E8)."""

from __future__ import annotations

from collections.abc import Iterable

from ..model import Channel, Hints
from .intervals import DAY, HOUR, MINUTE, WEEK

PERIODS = {"hourly": HOUR, "daily": DAY, "weekly": WEEK, "monthly": 30 * DAY, "yearly": 365 * DAY}
DAYS = {"mon": 0, "tue": 1, "wed": 2, "thu": 3, "fri": 4, "sat": 5, "sun": 6}


def merge_hints(before: Hints, channel: Channel | None, fresh_for: float | None) -> Hints:
    """Return the hints in force: those of the new document and headers, else those remembered (E3)."""
    if channel is None:
        return before if fresh_for is None else Hints(fresh_for, before.period, before.skip_hours, before.skip_days)
    return Hints(
        fresh_for=fresh_for,
        period=max(_ttl_seconds(channel.ttl), _update_period_seconds(channel)) or None,
        skip_hours=_drop_if_complete((_hour(text) for text in channel.skip_hours), 24),
        skip_days=_drop_if_complete((DAYS.get(text.strip().lower()[:3]) for text in channel.skip_days), 7),
    )


def _ttl_seconds(text: str | None) -> float:
    return _number(text) * MINUTE


def _update_period_seconds(channel: Channel) -> float:
    """Return `sy:updatePeriod` over `sy:updateFrequency`, in seconds; the module defaults them to daily and 1."""
    if channel.update_period is None and channel.update_frequency is None:
        return 0.0
    period = PERIODS.get((channel.update_period or "daily").strip().lower(), 0.0)
    return period / (_number(channel.update_frequency) or 1.0)


def _number(text: str | None) -> float:
    """Return a positive number, else 0: `nan`, `1e999` and `-5` are no hints."""
    text = (text or "").strip()
    return float(text) if len(text) < 12 and text.replace(".", "", 1).isdecimal() else 0.0


def _hour(text: str) -> int | None:
    number = text.strip()
    if not number.isdecimal() or len(number) > 2 or int(number) > 24:
        return None
    return int(number) % 24  # some write midnight as 24


def _drop_if_complete(numbers: Iterable[int | None], total: int) -> tuple[int, ...]:
    values = {number for number in numbers if number is not None}
    return tuple(sorted(values)) if len(values) < total else ()
