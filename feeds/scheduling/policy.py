"""What came of a visit, made into its outcome: the next due time and all that the next visit has to know.

Failures are a table: how long to stay away, and whether the whole host asked for it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

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
)
from .hints import hints_of
from .intervals import DAY, HOUR, JITTER, MINUTE, STORY_RETRIES, WEEK, interval_of, is_local, next_due, spread

FULL_EVERY = 8 * DAY  # some servers answer 304 for ever (E6)
MOVE_VISITS, MOVE_AGE = 3, timedelta(days=1)  # what a permanent redirect needs to be believed (E10)
PERMANENT = frozenset({301, 308})
ATTEMPTS = len(STORY_RETRIES) + 1

_LARGEST_EXPONENT = 16


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds to stay away: `first` (0: the interval), doubled with each failure before it, at most `longest`."""

    first: float
    longest: float
    whole_host: bool = False


A_DAY = DAY / (1 + JITTER)  # a day once the jitter is added
GROWING = Backoff(0.0, A_DAY)
THROTTLED = Backoff(HOUR, A_DAY, whole_host=True)  # E9
GONE = Backoff(WEEK, WEEK)  # E11
FORBIDDEN = Backoff(DAY, DAY)  # neither robots.txt nor our own guard changes its mind within the hour

BY_STATUS = {429: THROTTLED, 503: THROTTLED, 410: GONE}
BY_KIND = {"robots": FORBIDDEN, "refused": FORBIDDEN}


def conclude(
    visit: Visit,
    result: Result,
    at: datetime,
    *,
    answer: Fetched | NotModified | None = None,
    channel: Channel | None = None,
) -> Outcome:
    """The one outcome of a visit. `answer` is what was fetched, `channel` what the document says of itself.

    A harvest stores the validators that `answer` carries; a pipeline that does not trust a listing hands them in empty.
    """
    outcome = _carried(visit, result, at)
    if isinstance(answer, Fetched) and answer.partial:
        return outcome  # a push never replaces a poll (F35)
    if not is_local(visit):
        outcome = replace(outcome, host=replace(visit.host, last_request=at))
    if isinstance(result, Failure):
        return _failed(outcome, result)
    return _worked(outcome, result if isinstance(result, NotModified) else answer, channel)


def unconditional(visit: Visit, now: datetime) -> bool:
    """Whether this visit should go without validators, because no whole body has come for eight days (E6)."""
    if visit.full_at is None or is_local(visit):
        return False
    age = (now - visit.full_at).total_seconds()
    return age < 0 or age >= FULL_EVERY * (1 + JITTER * spread(visit))  # negative: the clock was wrong then or is now


def spent(visit: Visit, failure: Failure) -> bool:
    """Whether a story's page has had its last chance, so that the story is published as its listing told it."""
    return visit.attempts + 1 >= ATTEMPTS or _backoff(failure) in (GONE, FORBIDDEN)


def _carried(visit: Visit, result: Result, at: datetime) -> Outcome:
    """An outcome that changes nothing: the next visit knows what this one knew."""
    return Outcome(
        visit,
        at,
        visit.due_at,
        result,
        visit.host,
        visit.url,
        validators=visit.validators,
        body_digest=visit.body_digest,
        failures=visit.failures,
        attempts=visit.attempts,
        full_at=visit.full_at,
        move=visit.move,
        interval=visit.interval,
        hints=visit.hints,
    )


# ── it worked ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _worked(outcome: Outcome, answer: Fetched | NotModified | None, channel: Channel | None) -> Outcome:
    visit = outcome.visit
    hints = hints_of(visit.hints, channel, answer.fresh_for if answer else None)
    interval = _learned(visit, outcome.result)
    due_at = next_due(replace(visit, hints=hints, interval=interval), outcome.at)
    outcome = replace(outcome, due_at=due_at, failures=0, hints=hints, interval=interval)
    if answer is None:
        return outcome
    url, move = _moved(visit, answer, outcome.at)
    full_at = outcome.at if _whole(visit, answer, outcome.at) else visit.full_at
    digest = answer.body_digest if isinstance(answer, Fetched) else visit.body_digest
    return replace(
        outcome,
        url=url,
        move=move,
        validators=answer.validators,
        body_digest=digest or None,
        full_at=full_at,
        elsewhere=_led_to(visit, answer, outcome.at),
    )


def _learned(visit: Visit, result: Result) -> float | None:
    """The length an adaptive schedule goes on with: half after news, half as much again after none."""
    schedule = visit.source.schedule
    if not isinstance(schedule, Interval) or schedule.at_most is None:
        return None
    factor = 0.5 if isinstance(result, Harvest) and result.articles else 1.5
    return min(max((visit.interval or schedule.seconds) * factor, schedule.seconds), schedule.at_most)


def _whole(visit: Visit, answer: Fetched | NotModified, at: datetime) -> bool:
    """Whether a whole body came: what is not modified without a condition sent was a body equal to the last (E4)."""
    return isinstance(answer, Fetched) or visit.validators == Validators() or unconditional(visit, at)


def _led_to(visit: Visit, answer: Fetched | NotModified, at: datetime) -> HostState | None:
    """The host at the end of the redirects, when it is another one: it was asked just now, like that of the visit."""
    host = urlsplit(answer.url).hostname if answer.hops else None
    return HostState(host, last_request=at) if host and host != visit.host.host else None


def _moved(visit: Visit, answer: Fetched | NotModified, at: datetime) -> tuple[str, Move | None]:
    """The address to use from now on, and the move that is not believed yet (E10)."""
    if visit.story is not None or not _permanent(visit.url, answer):
        return visit.url, None
    before = visit.move
    if before is None or before.target != answer.url:
        return visit.url, Move(answer.url, at, 1)
    move = Move(answer.url, min(before.since, at), before.visits + 1)
    if move.visits >= MOVE_VISITS and at - move.since >= MOVE_AGE:
        return move.target, None
    return visit.url, move


def _permanent(url: str, answer: Fetched | NotModified) -> bool:
    """Whether every hop was permanent, and none led from https to http, where anybody on the way can answer."""
    if not answer.hops or answer.url == url or not all(hop.status in PERMANENT for hop in answer.hops):
        return False
    schemes = {urlsplit(address).scheme for address in (answer.url, *(hop.url for hop in answer.hops))}
    return schemes == {"https"} if url.startswith("https:") else schemes <= {"http", "https"}


# ── it failed ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _failed(outcome: Outcome, failure: Failure) -> Outcome:
    visit, at = outcome.visit, outcome.at
    backoff = _backoff(failure)
    wait = _wait(visit, failure, backoff, at)
    outcome = replace(_told(outcome, failure, wait if backoff.whole_host else None), failures=visit.failures + 1)
    if visit.story is None:
        return replace(outcome, due_at=next_due(visit, at, wait))
    return replace(
        outcome, attempts=visit.attempts + 1, due_at=at + timedelta(seconds=wait * (1 + JITTER * spread(visit)))
    )


def _told(outcome: Outcome, failure: Failure, wait: float | None) -> Outcome:
    """What is now known of the host that gave the answer: that it was asked, and with `wait` to be left alone (E9)."""
    state = HostState(failure.host, last_request=outcome.at) if failure.host else outcome.host
    if wait is not None:
        state = _paused(state, outcome.at, wait)
    return replace(outcome, elsewhere=state) if failure.host else replace(outcome, host=state)


def _backoff(failure: Failure) -> Backoff:
    return BY_STATUS.get(failure.status or 0) or BY_KIND.get(failure.kind, GROWING)


def _wait(visit: Visit, failure: Failure, backoff: Backoff, at: datetime) -> float:
    """Seconds to stay away: what the server asked for, or what the table says where that is longer or all there is."""
    asked = 0.0 if failure.retry_after is None else min(max(failure.retry_after, MINUTE), DAY)
    if backoff.whole_host and asked:
        return asked
    return max(min(_grown(visit, backoff, at), backoff.longest), asked)


def _grown(visit: Visit, backoff: Backoff, at: datetime) -> float:
    if visit.story is not None and not backoff.first:
        return STORY_RETRIES[min(visit.attempts, len(STORY_RETRIES) - 1)]
    first = backoff.first or interval_of(visit, at)
    return first * 2.0 ** min(visit.failures, _LARGEST_EXPONENT)


def _paused(host: HostState, at: datetime, wait: float) -> HostState:
    """The host with its pause; an earlier, longer one stands, unless it is longer than any can be (F9)."""
    until, longest = at + timedelta(seconds=wait), at + timedelta(seconds=DAY)
    before = host.paused_until
    return replace(host, paused_until=max(until, before) if before and before <= longest else until)
