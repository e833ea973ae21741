"""The retry and back-off policy: the result of a visit → its outcome, with the next due time and the next state.

Back-off is a table: how long to stay away, and whether the whole host asked for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from ..errors import FailureKind
from ..model import (
    Channel,
    Failure,
    Fetched,
    Harvest,
    HostState,
    Interval,
    Move,
    NotModified,
    Outcome,
    Result,
    Validators,
    Visit,
    replace,
)
from .hints import merge_hints
from .intervals import DAY, HOUR, JITTER, MINUTE, STORY_RETRIES, WEEK, interval_of, is_local, jitter_fraction, next_due

FULL_FETCH_EVERY = 8 * DAY  # some servers answer 304 for ever (E6)
MOVE_VISITS, MOVE_AGE = 3, timedelta(days=1)  # what a permanent redirect needs to be followed for good (E10)
PERMANENT_REDIRECTS = frozenset({301, 308})
STORY_ATTEMPTS = len(STORY_RETRIES) + 1

_MAX_EXPONENT = 16


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds to stay away: `first` (0: the interval), doubled with each failure before it, at most `longest`."""

    first: float
    longest: float
    whole_host: bool = False


_JITTERED_DAY = DAY / (1 + JITTER)  # a day once the jitter is added
GROWING = Backoff(0.0, _JITTERED_DAY)
THROTTLED = Backoff(HOUR, _JITTERED_DAY, whole_host=True)  # E9
GONE = Backoff(WEEK, WEEK)  # E11
FORBIDDEN = Backoff(DAY, DAY)  # neither robots.txt nor our own address check changes within the hour

BACKOFF_BY_STATUS = {429: THROTTLED, 503: THROTTLED, 410: GONE}
BACKOFF_BY_KIND = {FailureKind.ROBOTS: FORBIDDEN, FailureKind.REFUSED: FORBIDDEN}


def conclude(
    visit: Visit,
    result: Result,
    at: datetime,
    *,
    response: Fetched | NotModified | None = None,
    channel: Channel | None = None,
) -> Outcome:
    """Return the outcome of a visit. `response` is what was fetched, `channel` the feed-level facts of the document.

    A push changes neither the next due time nor what the next visit starts from.
    The new state takes the validators of `response`; for a listing that is not trusted the caller empties them first.
    """
    if visit.push:
        pushed_until = visit.state.pushed_until if isinstance(result, Failure) else visit.push.lease_ends
        state = replace(visit.state, pushed_until=pushed_until)
        return Outcome(visit, at, visit.due_at, result, state, visit.host)
    state = replace(visit.state, last_at=at)
    if not isinstance(result, Failure):
        state = replace(state, worked_at=at, failing_since=None)
    outcome = Outcome(visit, at, visit.due_at, result, state, visit.host)
    if not is_local(visit):
        outcome = replace(outcome, host=replace(visit.host, last_request=at))
    if isinstance(result, Failure):
        return _after_failure(outcome, result)
    return _after_success(outcome, result if isinstance(result, NotModified) else response, channel)


def is_unconditional(visit: Visit, now: datetime) -> bool:
    """Return whether a visit goes without validators, because no whole body came for eight days (E6)."""
    full_at = visit.state.full_at
    if full_at is None or is_local(visit):
        return False
    age = (now - full_at).total_seconds()
    # Negative: the clock was wrong then or is now.
    return age < 0 or age >= FULL_FETCH_EVERY * (1 + JITTER * jitter_fraction(visit))


def is_last_attempt(visit: Visit, failure: Failure) -> bool:
    """Return whether a story's page is given up with this failure, so that the story is published as listed."""
    return visit.state.attempts + 1 >= STORY_ATTEMPTS or _backoff_of(failure) in (GONE, FORBIDDEN)


# ── success ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _after_success(outcome: Outcome, response: Fetched | NotModified | None, channel: Channel | None) -> Outcome:
    visit = outcome.visit
    hints = merge_hints(visit.state.hints, channel, response.fresh_for if response else None)
    interval = _adapt_interval(visit, outcome.result)
    pushed_until = None if _has_news(outcome.result) else visit.state.pushed_until  # the hub did not push these
    scheduled = replace(visit, state=replace(visit.state, hints=hints, interval=interval, pushed_until=pushed_until))
    state = replace(outcome.state, failures=0, hints=hints, interval=interval, pushed_until=pushed_until)
    outcome = replace(outcome, due_at=next_due(scheduled, outcome.at), state=state)
    if response is None:
        return outcome
    url, move = _follow_move(visit, response, outcome.at)
    digest = response.body_digest if isinstance(response, Fetched) else state.body_digest
    state = replace(
        state,
        url=url,
        move=move,
        validators=response.validators,
        body_digest=digest or None,
        full_at=outcome.at if _is_full(visit, response, outcome.at) else state.full_at,
    )
    return replace(outcome, state=state, redirect_host=_find_redirect_host(visit, response, outcome.at))


def _has_news(result: Result) -> bool:
    """Return whether a visit brought stories that were not held."""
    return isinstance(result, Harvest) and len(result.articles) + len(result.story_visits) > result.changed


def _adapt_interval(visit: Visit, result: Result) -> float | None:
    """Return the next interval of an adaptive schedule: half after new articles, else half as much again."""
    schedule = visit.source.schedule
    if not isinstance(schedule, Interval) or schedule.at_most is None:
        return None
    factor = 0.5 if isinstance(result, Harvest) and result.articles else 1.5
    return min(max((visit.state.interval or schedule.seconds) * factor, schedule.seconds), schedule.at_most)


def _is_full(visit: Visit, response: Fetched | NotModified, at: datetime) -> bool:
    """Return whether a whole body came: "not modified" to a plain request was a body equal to the last (E4)."""
    return isinstance(response, Fetched) or visit.state.validators == Validators() or is_unconditional(visit, at)


def _find_redirect_host(visit: Visit, response: Fetched | NotModified, at: datetime) -> HostState | None:
    """Return the host at the end of the redirects, if it is another one: it was requested from just now too."""
    host = urlsplit(response.url).hostname if response.hops else None
    return HostState(host, last_request=at) if host and host != visit.host.host else None


def _follow_move(visit: Visit, response: Fetched | NotModified, at: datetime) -> tuple[str, Move | None]:
    """Return the address to use from now on, and the move that is not followed for good yet (E10)."""
    if visit.story is not None or not _is_permanent(visit.url, response):
        return visit.url, None
    before = visit.state.move
    if before is None or before.target != response.url:
        return visit.url, Move(response.url, at, 1)
    move = Move(response.url, min(before.since, at), before.visits + 1)
    if move.visits >= MOVE_VISITS and at - move.since >= MOVE_AGE:
        return move.target, None
    return visit.url, move


def _is_permanent(url: str, response: Fetched | NotModified) -> bool:
    """Return whether every hop was permanent, and none led from https to http, where anyone on the way can answer."""
    hops = response.hops
    if not hops or response.url == url or not all(hop.status in PERMANENT_REDIRECTS for hop in hops):
        return False
    schemes = {urlsplit(address).scheme for address in (response.url, *(hop.url for hop in hops))}
    return schemes == {"https"} if url.startswith("https:") else schemes <= {"http", "https"}


# ── failure ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _after_failure(outcome: Outcome, failure: Failure) -> Outcome:
    visit, at = outcome.visit, outcome.at
    before, backoff = visit.state, _backoff_of(failure)
    wait = _wait_seconds(visit, failure, backoff, at)
    state = replace(outcome.state, failures=before.failures + 1, failing_since=before.failing_since or at)
    outcome = replace(_update_host(outcome, failure, wait if backoff.whole_host else None), state=state)
    if visit.story is None:
        return replace(outcome, due_at=next_due(visit, at, wait))
    due_at = at + timedelta(seconds=wait * (1 + JITTER * jitter_fraction(visit)))
    return replace(outcome, state=replace(state, attempts=before.attempts + 1), due_at=due_at)


def _update_host(outcome: Outcome, failure: Failure, pause: float | None) -> Outcome:
    """Return the outcome with the host that failed: requested from now, and paused for `pause` seconds (E9)."""
    host = HostState(failure.host, last_request=outcome.at) if failure.host else outcome.host
    if pause is not None:
        host = _pause_host(host, outcome.at, pause)
    return replace(outcome, redirect_host=host) if failure.host else replace(outcome, host=host)


def _backoff_of(failure: Failure) -> Backoff:
    return BACKOFF_BY_STATUS.get(failure.status or 0) or BACKOFF_BY_KIND.get(failure.kind, GROWING)


def _wait_seconds(visit: Visit, failure: Failure, backoff: Backoff, at: datetime) -> float:
    """Return the seconds to stay away: Retry-After, or the table's back-off where that is longer or all there is."""
    retry_after = 0.0 if failure.retry_after is None else min(max(failure.retry_after, MINUTE), DAY)
    if backoff.whole_host and retry_after:
        return retry_after
    return max(min(_growing_seconds(visit, backoff, at), backoff.longest), retry_after)


def _growing_seconds(visit: Visit, backoff: Backoff, at: datetime) -> float:
    if visit.story is not None and not backoff.first:
        return STORY_RETRIES[min(visit.state.attempts, len(STORY_RETRIES) - 1)]
    first = backoff.first or interval_of(visit, at)
    return first * 2.0 ** min(visit.state.failures, _MAX_EXPONENT)


def _pause_host(host: HostState, at: datetime, wait: float) -> HostState:
    """Return the host with its pause; an earlier, longer one stands, unless it is longer than any can be (F9)."""
    until, longest = at + timedelta(seconds=wait), at + timedelta(seconds=DAY)
    before = host.paused_until
    return replace(host, paused_until=max(until, before) if before and before <= longest else until)
