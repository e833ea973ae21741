"""Due times: intervals, cron, publisher hints and jitter."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import blake2b
from zoneinfo import ZoneInfo

from cronsim import CronSim

from ..model import Cron, Hints, Interval, Kind, Visit, is_remote

MINUTE, HOUR, DAY, WEEK = 60.0, 3_600.0, 86_400.0, 604_800.0
JITTER = 0.1  # of the interval, only ever added (E13)
CRON_JITTER = MINUTE
PUSHED_INTERVAL = 12 * HOUR
LONGEST = WEEK * (1 + JITTER)  # no interval reaches further, so no due time may (F9)
STORY_RETRIES = (10 * MINUTE, 2 * HOUR)  # after the first and the second failed visit to a story's page

_HOURS_IN_A_WEEK = 168
_LOCAL_KINDS = frozenset({Kind.FILES, Kind.COMMAND})


def is_local(visit: Visit) -> bool:
    """Return whether the visit makes no request, and so needs no politeness: of local files, a program, or a push."""
    if visit.push is not None:
        return True
    return visit.story is None and (visit.source.kind in _LOCAL_KINDS or not is_remote(visit.url))


def runs_program(visit: Visit) -> bool:
    """Return whether the visit runs the program of its source."""
    return visit.source.kind is Kind.COMMAND and visit.story is None and visit.push is None


def jitter_fraction(visit: Visit) -> float:
    """Return a number in [0, 1) that is always the same for the same source, or story: its share of the jitter."""
    key = visit.source.id if visit.story is None else f"{visit.source.id} {visit.url}"
    return int.from_bytes(blake2b(key.encode(), digest_size=7).digest()) / 2**56


def interval_of(visit: Visit, at: datetime) -> float:
    """Return the seconds between two regular visits; for cron, between the next two ticks."""
    schedule = visit.source.schedule
    if isinstance(schedule, Cron):
        first = _tick(schedule, at)
        return (_tick(schedule, first) - first).total_seconds()
    if is_local(visit):
        return schedule.seconds
    return min(max(_interval_seconds(schedule, visit.state.interval), _hinted_seconds(visit.state.hints)), WEEK)


def next_due(visit: Visit, at: datetime, wait: float = 0.0) -> datetime:
    """Return the next regular time that is at least `wait` seconds away and not among the skipped hours (E8)."""
    schedule = visit.source.schedule
    if is_local(visit):
        return _tick(schedule, at) if isinstance(schedule, Cron) else at + timedelta(seconds=schedule.seconds)
    if isinstance(schedule, Cron):
        return _cron_due(visit, schedule, at, wait)
    length = max(interval_of(visit, at), wait)
    if not wait and (pushed_until := visit.state.pushed_until) and pushed_until > at:
        # While a hub pushes what is new, visits only make sure that it does (R52, F35).
        length = max(length, min(PUSHED_INTERVAL, (pushed_until - at).total_seconds()))
    jitter = timedelta(seconds=length * JITTER * jitter_fraction(visit))
    due_at = at + timedelta(seconds=length) + jitter
    unskipped = _skip_hours(due_at, visit.state.hints)
    return due_at if unskipped == due_at else unskipped + min(jitter, timedelta(minutes=59))  # not all at the full hour


def claim(visit: Visit, now: datetime) -> datetime:
    """Return the due time to store before the visit starts, so that a crash loop never visits more often (E12)."""
    if visit.story is not None:
        return now + timedelta(seconds=STORY_RETRIES[0])
    if is_local(visit) and not runs_program(visit):  # after a crash our own stories should not wait
        return min(next_due(visit, now), now + timedelta(seconds=MINUTE))
    return next_due(visit, now)


def clamp(due_at: datetime, now: datetime, longest: float = LONGEST) -> datetime:
    """Return a stored due time, limited to what it can be if the clock was once far ahead (F9)."""
    return min(due_at, now + timedelta(seconds=longest))


def _interval_seconds(schedule: Interval, learned: float | None) -> float:
    if schedule.at_most is None or learned is None:
        return schedule.seconds
    return min(max(learned, schedule.seconds), schedule.at_most)


def _hinted_seconds(hints: Hints) -> float:
    return min(max(hints.fresh_for or 0.0, hints.period or 0.0), DAY)


def _cron_due(visit: Visit, schedule: Cron, at: datetime, wait: float) -> datetime:
    # Reduced by the jitter, so that a daily cron fits `max-age=86400`.
    earliest = at + timedelta(seconds=max(wait, _hinted_seconds(visit.state.hints) * (1 - JITTER)))
    first = tick = _tick(schedule, earliest)
    for _ in range(_HOURS_IN_A_WEEK):
        unskipped = _skip_hours(tick, visit.state.hints)
        if unskipped == tick:
            break
        tick = _tick(schedule, unskipped - timedelta(seconds=1))
    else:
        tick = first  # the two never agree: the operator's schedule takes precedence
    return tick + timedelta(seconds=CRON_JITTER * jitter_fraction(visit))


def _tick(schedule: Cron, after: datetime) -> datetime:
    """Return the first tick after a time, in UTC; cronsim treats daylight saving as Debian's cron does."""
    ticks = CronSim(schedule.expression, after.astimezone(ZoneInfo(schedule.timezone)))
    moments: Iterator[datetime] = (tick.astimezone(after.tzinfo) for tick in ticks)
    return next(moment for moment in moments if moment > after)  # cronsim takes a repeated hour for its first pass


def _skip_hours(due_at: datetime, hints: Hints) -> datetime:
    """Return the time, or the start of the first hour that is not to be skipped (E8)."""
    moment = due_at
    for _ in range(_HOURS_IN_A_WEEK):
        if moment.hour not in hints.skip_hours and moment.weekday() not in hints.skip_days:
            return moment
        moment = moment.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    return due_at
