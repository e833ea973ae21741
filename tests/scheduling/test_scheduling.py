"""When to visit again: tables of single decisions, and simulated hours in which they add up to good manners."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import pairwise
from pathlib import Path
from typing import Any

import factories
import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.model import (
    Channel,
    Cron,
    Failure,
    Fetched,
    Harvest,
    Hints,
    Hop,
    HostLimits,
    HostState,
    Interval,
    Kind,
    Move,
    NotModified,
    Outcome,
    Result,
    Schedule,
    Source,
    Story,
    Validators,
    Visit,
    replace,
)
from feeds.politeness import SHARDS, shard_of
from feeds.scheduling import (
    LONGEST,
    Connectivity,
    HostQueue,
    claim,
    clamp,
    conclude,
    discount_failure,
    is_last_attempt,
    is_unconditional,
    visit_key,
)
from feeds.scheduling.host_queue import CHECK_INTERVAL, MAX_PROGRAMS, MIN_PRUNED

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)  # a Wednesday
MINUTE, HOUR, DAY, WEEK = 60.0, 3_600.0, 86_400.0, 604_800.0
OLD = Validators('W/"old"', "Tue, 03 Mar 2026 12:00:00 GMT")
NEW = Validators('"new"', None)
HOURLY = Interval(HOUR)
NOTHING_NEW = Harvest((), ())
BROKEN = Failure("fetch", "example.org has a fault of its own (500).", "status", 500)
SILENT = Failure("fetch", "example.org accepts no connections.", "connection")

CASES = json.loads(
    (Path(__file__).parent.parent / "data" / "scheduling" / "intervals.json").read_text(encoding="utf-8")
)


def source(id: str = "example", schedule: Schedule = HOURLY, kind: Kind = Kind.FEED) -> Source:
    address = "notes/*.md" if kind is Kind.FILES else "https://example.org/feed"
    return factories.source(id, kind=kind, address=address, schedule=schedule)


def visit(of: Source | None = None, *, host: str = "example.org", due_at: datetime = NOON, **state: Any) -> Visit:
    state = {"validators": OLD, "body_digest": "old", **state}
    return replace(factories.visit(of or source(), host=host, **state), due_at=due_at)


def fetched(**fields: Any) -> Fetched:
    new = {"url": "https://example.org/feed", "validators": NEW, "body_digest": "new"}
    return factories.fetched(**{**new, **fields})


def worked(of: Visit, at: datetime = NOON, channel: Channel | None = None, **fields: Any) -> Outcome:
    return conclude(of, NOTHING_NEW, at, response=fetched(**fields), channel=channel or Channel())


def unchanged(of: Visit, at: datetime = NOON, **facts: object) -> Outcome:
    answer = NotModified(of.url, OLD, **facts)  # type: ignore[arg-type]
    return conclude(of, answer, at, response=answer)


def seconds(outcome: Outcome) -> float:
    return (outcome.due_at - outcome.at).total_seconds()


def following(outcome: Outcome) -> Visit:
    """The next visit, as a store that keeps everything hands it out."""
    return replace(outcome.visit, state=outcome.state, due_at=outcome.due_at, host=outcome.host)


def no_earlier(outcome: Outcome, length: float) -> bool:
    """At this distance, or up to the jitter later."""
    return length <= seconds(outcome) <= length * 1.1


# ── the regular interval ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_E7_publisher_hints_only_lengthen_the_interval(case: dict[str, object]) -> None:
    schedule = Interval(float(case.get("every", HOUR)))  # type: ignore[arg-type]
    channel = Channel(**case.get("channel", {}))  # type: ignore[arg-type]
    outcome = worked(visit(source(schedule=schedule)), channel=channel, fresh_for=case.get("fresh_for"))
    assert no_earlier(outcome, case["due"])  # type: ignore[arg-type]


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20), st.floats(), st.lists(st.text(max_size=4)))
def test_E7_whatever_a_publisher_writes_the_next_visit_is_within_bounds(
    ttl: str, period: str, frequency: str, fresh_for: float, words: list[str]
) -> None:
    channel = Channel(
        ttl=ttl, update_period=period, update_frequency=frequency, skip_hours=tuple(words), skip_days=tuple(words)
    )
    outcome = worked(visit(), channel=channel, fresh_for=fresh_for)
    assert HOUR <= seconds(outcome) <= 2 * WEEK


def test_E7_E3_hints_are_remembered_while_the_document_stays_the_same() -> None:
    first = worked(visit(), channel=Channel(ttl="180"), fresh_for=2 * HOUR)
    assert first.state.hints == Hints(fresh_for=2 * HOUR, period=3 * HOUR)
    second = unchanged(following(first))
    assert no_earlier(second, 3 * HOUR), "a 304 without a document repeats its ttl"
    third = unchanged(following(second), fresh_for=5 * HOUR)
    assert no_earlier(third, 5 * HOUR), "a 304 may bring new freshness"
    fourth = worked(following(third))
    assert no_earlier(fourth, HOUR), "a new document without hints takes them back"


def test_E7_an_operators_longer_interval_stands_but_not_beyond_a_week() -> None:
    assert no_earlier(worked(visit(source(schedule=Interval(3 * DAY)))), 3 * DAY)
    assert no_earlier(worked(visit(source(schedule=Interval(30 * DAY)))), WEEK)


SKIPS = [
    # hours, days, visited at, the hour or day it must not be before
    (("13", "14"), (), NOON, NOON.replace(hour=15)),
    (("13",), (), NOON.replace(hour=10), NOON.replace(hour=11)),
    (tuple(str(hour) for hour in range(12, 24)), (), NOON, NOON.replace(day=5, hour=0)),
    (("24", "1"), (), NOON.replace(hour=23), NOON.replace(day=5, hour=2)),
    ((), ("Wednesday", "thursday"), NOON, NOON.replace(day=6, hour=0)),
    (("0", "1"), ("Wednesday",), NOON, NOON.replace(day=5, hour=2)),
    (tuple(str(hour) for hour in range(24)), (), NOON, NOON.replace(hour=13)),  # covers everything: ignored
    ((), ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), NOON, NOON.replace(hour=13)),
    (("99", "-1", "noon", ""), ("Caturday",), NOON, NOON.replace(hour=13)),
]


@pytest.mark.parametrize(("hours", "days", "at", "earliest"), SKIPS)
def test_E8_skipped_hours_and_days_are_in_gmt(
    hours: tuple[str, ...], days: tuple[str, ...], at: datetime, earliest: datetime
) -> None:
    due_at = worked(visit(), at, Channel(skip_hours=hours, skip_days=days)).due_at
    assert earliest <= due_at < earliest + timedelta(hours=1)


def test_E8_skipped_hours_hold_after_a_304_and_after_a_failure() -> None:
    first = worked(visit(), channel=Channel(skip_hours=tuple(str(hour) for hour in range(12, 20))))
    for later in (unchanged(following(first)), conclude(following(first), BROKEN, NOON)):
        assert later.due_at.hour == 20


def test_E13_jitter_is_a_tenth_stable_for_a_source_and_spread_over_sources() -> None:
    lengths = [seconds(worked(visit(source(f"source-{number}")))) for number in range(1000)]
    assert lengths == [seconds(worked(visit(source(f"source-{number}")))) for number in range(1000)]
    buckets = Counter(int((length - HOUR) / 36) for length in lengths)
    assert set(buckets) == set(range(10)), "every tenth of the jitter is used"
    assert max(buckets.values()) < 150


def test_local_files_keep_their_interval_to_the_second() -> None:
    notes = visit(source(schedule=Interval(5), kind=Kind.FILES), failures=9)
    assert seconds(worked(notes, fresh_for=DAY)) == 5
    assert seconds(conclude(notes, BROKEN, NOON)) == 5
    assert worked(notes).host.last_request is None


# ── cron ────────────────────────────────────────────────────────────────────────────────────────────────────────────

BERLIN = "Europe/Berlin"
TICKS = [
    ("*/10 7-20 * * mon-fri", "UTC", "2026-03-04T12:00:30+00:00", "2026-03-04T12:10:00+00:00"),
    ("*/10 7-20 * * mon-fri", BERLIN, "2026-03-06T19:55:00+00:00", "2026-03-09T06:00:00+00:00"),
    ("0 0 * * 0", "UTC", "2026-03-04T12:00:00+00:00", "2026-03-08T00:00:00+00:00"),  # 0 is Sunday
    ("0 7 * * *", BERLIN, "2026-03-28T12:00:00+00:00", "2026-03-29T05:00:00+00:00"),  # summer time begins
    ("30 2 * * *", BERLIN, "2026-03-28T12:00:00+00:00", "2026-03-29T01:00:00+00:00"),  # 02:30 does not exist
    ("30 2 * * *", BERLIN, "2026-10-24T12:00:00+00:00", "2026-10-25T00:30:00+00:00"),  # 02:30 comes twice
    ("30 2 * * *", BERLIN, "2026-10-25T00:30:30+00:00", "2026-10-26T01:30:00+00:00"),  # and counts once
    ("45 2 * * *", BERLIN, "2026-10-25T01:30:00+00:00", "2026-10-26T01:45:00+00:00"),
    ("0 7 * * *", BERLIN, "2026-10-24T12:00:00+00:00", "2026-10-25T06:00:00+00:00"),
]


@pytest.mark.parametrize(("expression", "zone", "at", "tick"), TICKS)
def test_cron_means_its_time_zone_at_both_clock_changes(expression: str, zone: str, at: str, tick: str) -> None:
    of = visit(source(schedule=Cron(expression, zone)))
    lateness = worked(of, datetime.fromisoformat(at)).due_at - datetime.fromisoformat(tick)
    assert timedelta(0) <= lateness <= timedelta(seconds=60)


def test_E13_cron_runs_on_every_tick_although_jitter_and_transfer_take_time() -> None:
    daily = visit(source(schedule=Cron("0 7 * * *")))
    at = NOON.replace(hour=7, second=40)
    for day in range(5, 12):
        due_at = worked(daily, at, fresh_for=DAY).due_at
        assert due_at.replace(second=0, microsecond=0) == datetime(2026, 3, day, 7, tzinfo=UTC)
        at = due_at + timedelta(seconds=20)


def test_E7_hints_lengthen_cron_too_and_E8_move_it() -> None:
    often = visit(source(schedule=Cron("*/10 * * * *")))
    assert worked(often, fresh_for=HOUR).due_at >= NOON + timedelta(minutes=54)
    assert worked(often, channel=Channel(skip_hours=("12", "13"))).due_at.hour == 14
    nightly = visit(source(schedule=Cron("0 3 * * *")))
    assert worked(nightly, channel=Channel(skip_hours=("3",))).due_at.hour == 3, "the operator's word, if they exclude"


def test_cron_that_fails_backs_off_to_a_later_tick() -> None:
    often = visit(source(schedule=Cron("*/10 * * * *")), failures=4)
    assert conclude(often, BROKEN, NOON).due_at >= NOON + timedelta(minutes=160)


def test_cron_of_our_own_files_has_no_jitter() -> None:
    notes = visit(source(schedule=Cron("*/5 * * * *"), kind=Kind.FILES))
    assert worked(notes).due_at == NOON + timedelta(minutes=5)


# ── adaptive ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_adaptive_interval_halves_after_news_and_grows_by_half_after_none() -> None:
    of = visit(source(schedule=Interval(15 * MINUTE, at_most=4 * HOUR)))
    lengths = []
    for _ in range(9):
        of = following(unchanged(of))
        lengths.append(of.state.interval)
    assert lengths[:3] == [22.5 * MINUTE, 33.75 * MINUTE, 50.625 * MINUTE]
    assert lengths[-1] == 4 * HOUR
    news = Harvest((object(),), ("1",))  # type: ignore[arg-type]
    lengths = []
    for _ in range(6):
        outcome = conclude(of, news, NOON, response=fetched(), channel=Channel())
        of = following(outcome)
        assert no_earlier(outcome, of.state.interval or 0)
        lengths.append(of.state.interval)
    assert lengths[:2] == [2 * HOUR, HOUR]
    assert lengths[-1] == 15 * MINUTE


def test_an_adaptive_interval_stays_within_edited_bounds_and_a_failure_teaches_nothing() -> None:
    of = visit(source(schedule=Interval(HOUR, at_most=2 * HOUR)), interval=9 * HOUR)
    failed = conclude(of, BROKEN, NOON)
    assert failed.state.interval == 9 * HOUR
    assert no_earlier(failed, 2 * HOUR)
    assert unchanged(of).state.interval == 2 * HOUR
    assert worked(visit(interval=9 * HOUR)).state.interval is None, "no longer adaptive"


# ── failures ────────────────────────────────────────────────────────────────────────────────────────────────────────


def failure(status: int | None = None, kind: str = "status", retry_after: float | None = None) -> Failure:
    return Failure("fetch", "it failed", kind, status, retry_after)


@pytest.mark.parametrize(
    "kind", [failure(404), failure(500), failure(None, "timeout"), failure(None, "tls"), failure(None, "other")]
)
def test_E11_failures_back_off_to_a_day_and_never_stop(kind: Failure) -> None:
    of, lengths = visit(), []
    for _ in range(60):
        outcome = conclude(of, kind, NOON)
        lengths.append(seconds(outcome))
        of = following(outcome)
    assert HOUR <= lengths[0] <= 1.1 * HOUR
    assert all(later >= earlier for earlier, later in pairwise(lengths))
    assert 20 * HOUR < lengths[-1] <= DAY
    assert of.state.failures == 60


def test_E11_a_million_failures_overflow_nothing() -> None:
    assert seconds(conclude(visit(failures=10**6), BROKEN, NOON)) <= DAY


def test_E11_gone_is_looked_at_weekly_at_most() -> None:
    for failures in (0, 1, 50):
        assert WEEK <= seconds(conclude(visit(failures=failures), failure(410), NOON)) <= LONGEST


def test_E11_E17_a_refusal_is_looked_at_daily() -> None:
    for kind in ("robots", "refused"):
        assert no_earlier(conclude(visit(), failure(None, kind), NOON), DAY)


def test_E11_a_success_forgives_everything() -> None:
    of = visit(failures=20, failing_since=NOON - timedelta(days=9))
    for outcome in (worked(of), unchanged(of)):
        assert outcome.state.failures == 0
        assert no_earlier(outcome, HOUR)


def test_backing_off_is_never_sooner_than_the_regular_visit() -> None:
    slow = source(schedule=Interval(3 * DAY))
    for kind in (BROKEN, failure(429, retry_after=60), failure(503), failure(None, "robots")):
        assert seconds(conclude(visit(slow), kind, NOON)) >= 3 * DAY


THROTTLED = [
    # status, Retry-After in seconds, failures before, pause of the host
    (429, 7_200.0, 0, 7_200.0),
    (503, 7_200.0, 0, 7_200.0),
    (429, 5.0, 0, MINUTE),
    (429, -300.0, 0, MINUTE),
    (503, 1e12, 0, DAY),
    (429, None, 0, HOUR),
    (503, None, 1, 2 * HOUR),
    (429, None, 3, 8 * HOUR),
]


@pytest.mark.parametrize(("status", "asked", "failures", "pause"), THROTTLED)
def test_E9_429_and_503_pause_the_whole_host(status: int, asked: float | None, failures: int, pause: float) -> None:
    outcome = conclude(visit(failures=failures), failure(status, retry_after=asked), NOON)
    assert outcome.host.paused_until == NOON + timedelta(seconds=pause)
    assert outcome.due_at >= max(outcome.host.paused_until, NOON + timedelta(hours=1))


def test_E9_the_pause_without_a_header_never_exceeds_a_day() -> None:
    outcome = conclude(visit(failures=40), failure(429), NOON)
    assert outcome.host.paused_until is not None
    assert 20 * HOUR < (outcome.host.paused_until - NOON).total_seconds() <= DAY


def test_E8_hints_that_leave_no_hour_delay_no_visit() -> None:
    assert no_earlier(unchanged(visit(hints=Hints(skip_hours=tuple(range(24))))), HOUR)


def test_E9_a_longer_pause_stands_unless_no_pause_can_be_that_long() -> None:
    for before, after in ((timedelta(hours=5), timedelta(hours=5)), (timedelta(days=400), timedelta(hours=2))):
        of = replace(visit(), host=HostState("example.org", paused_until=NOON + before))
        assert conclude(of, failure(429, retry_after=7_200), NOON).host.paused_until == NOON + after


@pytest.mark.parametrize(("status", "asked", "failures", "pause"), THROTTLED)
def test_E9_behind_a_redirect_the_host_that_said_so_is_paused_and_the_visit_backs_off(
    status: int, asked: float | None, failures: int, pause: float
) -> None:
    told = replace(failure(status, retry_after=asked), host="far.example")
    outcome = conclude(visit(failures=failures), told, NOON)
    until = NOON + timedelta(seconds=pause)
    assert outcome.redirect_host == HostState("far.example", last_request=NOON, paused_until=until)
    assert outcome.host == HostState("example.org", last_request=NOON)
    assert outcome.due_at >= max(until, NOON + timedelta(hours=1))


def test_E13_the_host_that_redirects_led_to_was_asked_too() -> None:
    asked = HostState("far.example", last_request=NOON)
    hops = (Hop(302, "https://far.example/feed"),)
    assert worked(visit(), url="https://far.example/feed", hops=hops).redirect_host == asked
    assert worked(visit(), hops=(Hop(302, "https://example.org/feed"),)).redirect_host is None
    assert conclude(visit(), replace(failure(404), host="far.example"), NOON).redirect_host == asked
    assert unchanged(visit()).redirect_host is conclude(visit(), BROKEN, NOON).redirect_host is None


def test_E9_other_failures_with_a_wish_keep_it_for_themselves() -> None:
    outcome = conclude(visit(), failure(500, retry_after=6 * HOUR), NOON)
    assert no_earlier(outcome, 6 * HOUR)
    assert outcome.host.paused_until is None


# ── validators ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_E2_a_whole_answer_replaces_both_validators() -> None:
    outcome = worked(visit())
    assert (outcome.state.validators, outcome.state.body_digest, outcome.state.full_at) == (NEW, "new", NOON)


def test_E3_a_304_brings_the_validators_fetch_settled_on() -> None:
    of = visit(full_at=NOON - timedelta(days=1))
    answer = NotModified(of.url, replace(OLD, last_modified="Wed, 04 Mar 2026 11:00:00 GMT"))
    outcome = conclude(of, answer, NOON, response=answer)
    assert outcome.state.validators == answer.validators
    assert (outcome.state.body_digest, outcome.state.full_at) == ("old", NOON - timedelta(days=1))


@pytest.mark.parametrize("stage", ["fetch", "parse", "normalize"])
def test_E19_F31_a_failure_keeps_the_old_validators(stage: str) -> None:
    outcome = conclude(visit(full_at=NOON), Failure(stage, "broken"), NOON, response=fetched(), channel=Channel())
    assert (outcome.state.validators, outcome.state.body_digest, outcome.state.full_at) == (OLD, "old", NOON)


def test_E6_a_source_that_says_304_for_ever_is_asked_without_conditions_every_eight_days() -> None:
    of = following(worked(visit()))
    unconditional_at = []
    for hour in range(1, 24 * 40):
        at = NOON + timedelta(hours=hour)
        if is_unconditional(of, at):
            unconditional_at.append(hour)
            outcome = worked(of, at)
        else:
            outcome = unchanged(of, at)
        of = following(outcome)
    assert len(unconditional_at) == 4
    assert all(24 * 8 <= hours <= 24 * 9 for hours in map(int.__sub__, unconditional_at[1:], unconditional_at))


def test_E6_is_jittered_and_leaves_files_and_the_never_seen_alone() -> None:
    week_ago = NOON - timedelta(days=8, hours=9)
    of = [visit(source(f"source-{number}"), full_at=week_ago) for number in range(100)]
    assert 20 < sum(is_unconditional(one, NOON) for one in of) < 80
    assert not is_unconditional(visit(full_at=None), NOON)
    assert not is_unconditional(visit(source(kind=Kind.FILES), full_at=week_ago - timedelta(days=30)), NOON)
    assert is_unconditional(visit(full_at=NOON + timedelta(days=300)), NOON), (
        "the clock was wrong when that was written"
    )


def test_E6_an_equal_body_that_came_without_conditions_counts_as_whole() -> None:
    of = visit(full_at=NOON - timedelta(days=9), validators=Validators())
    assert unchanged(of).state.full_at == NOON


# ── permanent redirects ─────────────────────────────────────────────────────────────────────────────────────────────

TARGET = "https://example.org/new"
TO_TARGET = (Hop(301, TARGET),)


def moving(answers: list[tuple[str, tuple[Hop, ...]] | Result], every: timedelta = timedelta(hours=12)) -> Visit:
    of = visit()
    for number, given_answer in enumerate(answers):
        at = NOON + number * every
        if isinstance(given_answer, tuple):
            of = following(worked(of, at, url=given_answer[0], hops=given_answer[1]))
        else:
            of = following(conclude(of, given_answer, at))
    return of


def test_E10_a_permanent_redirect_is_believed_after_three_visits_and_a_day() -> None:
    waiting = moving([(TARGET, TO_TARGET)] * 2)
    assert (waiting.url, waiting.state.move) == ("https://example.org/feed", Move(TARGET, NOON, 2))
    believed = moving([(TARGET, TO_TARGET)] * 3)
    assert (believed.url, believed.state.move) == (TARGET, None)


def test_E10_three_visits_within_a_day_are_not_enough() -> None:
    assert moving([(TARGET, TO_TARGET)] * 20, timedelta(hours=1)).url != TARGET
    assert moving([(TARGET, TO_TARGET)] * 2, timedelta(days=30)).url != TARGET


DISBELIEVED = {
    "flapping": [(TARGET, TO_TARGET), (TARGET + "2", (Hop(301, TARGET + "2"),))] * 4,
    "a visit without": [(TARGET, TO_TARGET), (TARGET, TO_TARGET), ("https://example.org/feed", ())] * 4,
    "temporary": [(TARGET, (Hop(302, TARGET),))] * 9,
    "see other": [(TARGET, (Hop(303, TARGET),))] * 9,
    "temporary hop on the way": [(TARGET, (Hop(301, TARGET + "/"), Hop(307, TARGET)))] * 9,
    "less safe": [("http://example.org/new", (Hop(301, "http://example.org/new"),))] * 9,
    "less safe on the way": [(TARGET, (Hop(301, "http://example.org/feed"), Hop(301, TARGET)))] * 9,
    "back to itself": [("https://example.org/feed", (Hop(301, TARGET), Hop(301, "https://example.org/feed")))] * 9,
    "a captive portal": [("https://portal.example/", (Hop(301, "https://portal.example/"),))] * 2
    + [("https://example.org/feed", ())],
}


@pytest.mark.parametrize("answers", DISBELIEVED.values(), ids=DISBELIEVED)
def test_E10_what_is_never_believed(answers: list[tuple[str, tuple[Hop, ...]] | Result]) -> None:
    assert moving(answers).url == "https://example.org/feed"


def test_E10_a_failure_neither_counts_nor_resets() -> None:
    assert moving([(TARGET, TO_TARGET), BROKEN, (TARGET, TO_TARGET)]).state.move == Move(TARGET, NOON, 2)
    assert moving([(TARGET, TO_TARGET), BROKEN, (TARGET, TO_TARGET), (TARGET, TO_TARGET)]).url == TARGET


def test_E10_chains_308_304_and_a_safer_scheme_count() -> None:
    chain = (Hop(308, "https://example.org/x"), Hop(301, TARGET))
    assert moving([(TARGET, chain)] * 3).url == TARGET
    of = visit(url="http://example.org/feed")
    for hour in (0, 12, 24):
        answer = NotModified(TARGET, OLD, hops=(Hop(301, TARGET),))
        of = following(conclude(of, answer, NOON + timedelta(hours=hour), response=answer))
    assert of.url == TARGET


# ── story pages ─────────────────────────────────────────────────────────────────────────────────────────────────────


def story_visit(name: str = "a", of: Source | None = None, **facts: object) -> Visit:
    given = visit(of, **facts)
    return replace(given, state=replace(given.state, url=f"https://example.org/{name}"), story=Story(id=name))


def test_a_story_page_is_tried_three_times_later_and_later() -> None:
    of, lengths = story_visit(), []
    while not is_last_attempt(of, BROKEN):
        outcome = conclude(of, BROKEN, NOON)
        lengths.append(seconds(outcome))
        of = following(outcome)
    assert of.state.attempts == 2
    assert [round(length, -3) for length in lengths] == [1_000, 7_000] or lengths[0] < lengths[1] < 3 * HOUR
    assert lengths[0] >= 10 * MINUTE


def test_a_story_page_that_is_forbidden_or_gone_is_tried_once() -> None:
    assert all(
        is_last_attempt(story_visit(), kind)
        for kind in (failure(410), failure(None, "robots"), failure(None, "refused"))
    )
    assert not is_last_attempt(story_visit(), failure(429))


def test_E9_a_story_page_pauses_the_host_like_any_other() -> None:
    outcome = conclude(story_visit(), failure(429, retry_after=6 * HOUR), NOON)
    assert outcome.host.paused_until == NOON + timedelta(hours=6)
    assert outcome.due_at >= outcome.host.paused_until


def test_a_story_that_is_published_as_listed_needs_no_response() -> None:
    outcome = conclude(story_visit(attempts=2), Harvest((), ("a",)), NOON)
    assert (outcome.state.failures, outcome.state.validators) == (0, OLD)


# ── the clock, and crashes ──────────────────────────────────────────────────────────────────────────────────────────


def test_F9_no_due_time_outlives_a_clock_that_was_ahead() -> None:
    far, near = NOON + timedelta(days=4000), NOON + timedelta(hours=1)
    assert clamp(far, NOON) == NOON + timedelta(seconds=LONGEST)
    assert clamp(far, NOON, HOUR) == NOON + timedelta(hours=1)
    assert clamp(near, NOON) == near
    assert clamp(NOON - timedelta(days=9), NOON) == NOON - timedelta(days=9)


@given(st.integers(0, 60), st.sampled_from([BROKEN, SILENT, failure(410), failure(429), NOTHING_NEW]))
def test_F9_no_outcome_is_due_later_than_the_longest_interval(failures: int, result: Result) -> None:
    for every in (MINUTE, HOUR, 100 * DAY):
        outcome = conclude(visit(source(schedule=Interval(every)), failures=failures), result, NOON, response=fetched())
        assert NOON < outcome.due_at <= clamp(outcome.due_at, NOON)


@pytest.mark.parametrize("schedule", [Interval(HOUR), Interval(20 * MINUTE, at_most=DAY), Cron("0 * * * *")])
def test_E12_F2_fifty_crashes_in_an_hour_visit_no_source_more_often_than_planned(schedule: Schedule) -> None:
    """Each start visits what is due, having first persisted the claim, and dies before any outcome is recorded."""
    due = {f"source-{number}": NOON for number in range(20)}
    visits: Counter[str] = Counter()
    for start in range(50):
        now = NOON + timedelta(seconds=start * 72 + 5)
        for name, due_at in due.items():
            if due_at <= now:
                due[name] = claim(visit(source(name, schedule), due_at=due_at), now)
                visits[name] += 1
    allowed = 3 if isinstance(schedule, Interval) and schedule.at_most else 1
    assert max(visits.values()) <= allowed
    assert min(visits.values()) >= 1


def test_E12_the_claim_of_our_own_files_is_short_and_of_a_story_is_its_first_retry() -> None:
    assert claim(visit(source(kind=Kind.FILES)), NOON) == NOON + timedelta(seconds=60)
    assert claim(visit(source(schedule=Interval(5), kind=Kind.FILES)), NOON) == NOON + timedelta(seconds=5)
    assert claim(story_visit(), NOON) == NOON + timedelta(minutes=10)


# ── which may start ─────────────────────────────────────────────────────────────────────────────────────────────────


class World:
    """Simulated time in which each picked visit takes as long as its host does."""

    def __init__(self, host_queue: HostQueue, takes: dict[str, float] | None = None, usual: float = 0.2) -> None:
        self.host_queue, self.takes, self.usual = host_queue, takes or {}, usual
        self.now = NOON
        self.in_flight: list[tuple[datetime, int, Visit]] = []
        self.started: list[tuple[datetime, Visit]] = []
        self.ended: list[tuple[datetime, Visit]] = []
        self.most: Counter[str] = Counter()

    def run(self, until: datetime | None = None) -> None:
        while until is None or self.now < until:
            self._start()
            wait = self.host_queue.seconds_until_ready(self.now)
            if not self.in_flight and wait is None:
                return
            soonest = self.in_flight[0][0] if self.in_flight else None
            woken = None if wait is None else self.now + timedelta(seconds=max(wait, 0.001))
            self.now = min(moment for moment in (soonest, woken, until) if moment)
            while self.in_flight and self.in_flight[0][0] <= self.now:
                _, _, ended = heappop(self.in_flight)
                self.ended.append((self.now, ended))
                self.host_queue.finish(ended, ended.host, self.now)

    def _start(self) -> None:
        for picked in self.host_queue.pick(self.now):
            self.started.append((self.now, picked))
            ends = self.now + timedelta(seconds=self.takes.get(picked.host.host, self.usual))
            heappush(self.in_flight, (ends, len(self.started), picked))
        for host, number in Counter(one.host.host for _, _, one in self.in_flight).items():
            self.most[host] = max(self.most[host], number)


def queue(number: int, host: str = "example.org", prefix: str = "source", **facts: object) -> Iterator[Visit]:
    for index in range(number):
        yield visit(source(f"{prefix}-{index}"), host=host.format(index), **facts)  # type: ignore[arg-type]


def test_E13_five_hundred_sources_on_one_host_are_asked_two_at_once_a_second_apart() -> None:
    host_queue = HostQueue(HostLimits(gap=1.0, at_once=2), slots=64)
    host_queue.add(queue(500))
    world = World(host_queue, usual=3.0)
    world.run()
    assert len(world.ended) == 500
    assert world.most == {"example.org": 2}
    starts = [at for at, _ in world.started]
    assert min(later - earlier for earlier, later in pairwise(starts)) >= timedelta(seconds=1)


def test_E13_the_gap_is_kept_from_one_process_to_the_next() -> None:
    host_queue = HostQueue(HostLimits(gap=10.0), slots=4)
    asked = HostState("example.org", last_request=NOON - timedelta(seconds=3))
    host_queue.add([replace(visit(), host=asked)])
    assert host_queue.pick(NOON) == []
    assert host_queue.seconds_until_ready(NOON) == 7.0
    assert len(host_queue.pick(NOON + timedelta(seconds=7))) == 1


def test_E9_a_paused_host_is_not_requested_until_its_time() -> None:
    host_queue = HostQueue(HostLimits(gap=0.0, at_once=1), slots=8)
    first, second = queue(2)
    host_queue.add([first, second, visit(source("other"), host="other.example")])
    assert [one.source.id for one in host_queue.pick(NOON)] == ["source-0", "other"]
    host_queue.finish(first, HostState("example.org", paused_until=NOON + timedelta(hours=1)), NOON)
    assert host_queue.pick(NOON) == []
    assert host_queue.seconds_until_ready(NOON) == HOUR
    host_queue.add([visit(source("third"))])
    assert host_queue.pick(NOON + timedelta(minutes=59)) == [], "a visit that knows of no pause does not end it"
    assert [one.source.id for one in host_queue.pick(NOON + timedelta(hours=1))] == ["source-1"]


def test_E9_a_host_that_a_redirect_found_paused_waits_too() -> None:
    host_queue = HostQueue(HostLimits(gap=1.0, at_once=1), slots=8)
    led = visit(source("led"), host="near.example")
    host_queue.add([led, *queue(2, "far.example")])
    assert [one.source.id for one in host_queue.pick(NOON)] == ["led", "source-0"]
    (first, second) = queue(2, "far.example")
    later = NOON + timedelta(seconds=3)
    paused = HostState("far.example", last_request=later, paused_until=NOON + timedelta(hours=1))
    host_queue.finish(led, led.host, later, paused)
    host_queue.finish(first, first.host, later)
    assert host_queue.pick(later) == []
    assert host_queue.seconds_until_ready(later) == HOUR - 3
    host_queue.add([visit(source("new"), host="far.example"), visit(source("near"), host="near.example")])
    assert [one.source.id for one in host_queue.pick(later)] == ["near"]
    assert host_queue.pick(NOON + timedelta(hours=1)) == [second]


def test_E13_a_host_that_a_redirect_led_to_keeps_its_gap() -> None:
    host_queue = HostQueue(HostLimits(gap=10.0), slots=8)
    led, one = visit(source("led"), host="near.example"), visit(source("one"), host="far.example")
    host_queue.add([led])
    assert host_queue.pick(NOON) == [led]
    host_queue.finish(led, led.host, NOON, HostState("far.example", last_request=NOON))
    host_queue.add([one])
    assert host_queue.pick(NOON) == []
    assert host_queue.seconds_until_ready(NOON) == 10.0


def test_E9_a_pause_outlasts_the_gap() -> None:
    host_queue = HostQueue(HostLimits(gap=1.0), slots=8)
    host_queue.add(queue(2))
    (first,) = host_queue.pick(NOON)
    host_queue.finish(first, HostState("example.org", paused_until=NOON + timedelta(hours=1)), NOON)
    assert host_queue.pick(NOON + timedelta(seconds=2)) == []
    assert host_queue.seconds_until_ready(NOON + timedelta(seconds=2)) == HOUR - 2


def test_E13_the_oldest_comes_first_and_no_host_takes_all() -> None:
    host_queue = HostQueue(HostLimits(gap=0.0, at_once=64), slots=10)
    earlier = NOON - timedelta(hours=1)
    host_queue.add(queue(20, "big.example", "big", due_at=earlier))
    host_queue.add(queue(9, "small-{}.example", "small"))
    picked = Counter(one.host.host for one in host_queue.pick(NOON))
    assert picked["big.example"] == 1
    assert len(picked) == 10
    alone = HostQueue(HostLimits(gap=0.0, at_once=3), slots=10)
    dues = [NOON - timedelta(minutes=minutes) for minutes in (5, 50, 1, 20)]
    alone.add(visit(source(f"s{index}"), due_at=due_at) for index, due_at in enumerate(dues))
    assert [one.source.id for one in alone.pick(NOON)] == ["s1", "s3", "s0"]


def test_E13_L2_a_thousand_dead_hosts_do_not_delay_the_healthy() -> None:
    host_queue = HostQueue(HostLimits(), slots=16)
    host_queue.add(queue(1000, "dead-{}.example", "dead", due_at=NOON - timedelta(hours=1), failures=3))
    world = World(host_queue, {f"dead-{index}.example": 30.0 for index in range(1000)})
    world.run(NOON + timedelta(seconds=45))
    assert len(world.in_flight) == 12, "all slots but a reserve while nobody healthy waits"
    began = world.now
    host_queue.add(queue(100, "good-{}.example", "good"))
    world.run(began + timedelta(seconds=60))
    good = [at for at, one in world.ended if one.source.id.startswith("good")]
    assert len(good) == 100
    assert max(good) - began <= timedelta(seconds=35), (
        "four slots at once at worst, and twelve when the dead have ended"
    )


def test_E13_sources_that_failed_get_a_quarter_while_others_wait_but_never_starve() -> None:
    host_queue = HostQueue(HostLimits(), slots=16)
    host_queue.add(queue(100, "dead-{}.example", "dead", due_at=NOON - timedelta(hours=1), failures=3))
    host_queue.add(queue(2000, "good-{}.example", "good"))
    picked = Counter(one.source.id.split("-")[0] for one in host_queue.pick(NOON))
    assert picked == {"dead": 4, "good": 12}
    for slots in (1, 2, 3):
        small = HostQueue(HostLimits(), slots)
        small.add(queue(3, "dead-{}.example", "dead", failures=3))
        world = World(small)
        world.run()
        assert len(world.ended) == 3


def test_local_files_wait_for_no_host() -> None:
    host_queue = HostQueue(HostLimits(), slots=2)
    host_queue.add(queue(50, "host-{}.example"))
    host_queue.add(visit(source(f"desk-{index}", kind=Kind.FILES), host="") for index in range(30))
    picked = Counter(one.source.kind for one in host_queue.pick(NOON))
    assert picked == {Kind.FILES: 30, Kind.FEED: 2}


def test_some_programs_run_at_once_and_the_queue_waits_for_one_to_end() -> None:
    host_queue = HostQueue(HostLimits(), slots=2)
    visits = [visit(source(f"prog-{index}", kind=Kind.COMMAND), host="") for index in range(MAX_PROGRAMS + 2)]
    host_queue.add(visits)
    running = host_queue.pick(NOON)
    assert len(running) == MAX_PROGRAMS and host_queue.pick(NOON) == []
    assert host_queue.seconds_until_ready(NOON) == CHECK_INTERVAL
    host_queue.add([visit(source("desk", kind=Kind.FILES), host="")])
    assert [each.source.kind for each in host_queue.pick(NOON)] == [Kind.FILES]
    host_queue.finish(running[0], running[0].host, NOON)
    assert host_queue.seconds_until_ready(NOON) == 0
    assert len(host_queue.pick(NOON)) == 1


def test_E12_a_program_is_claimed_for_its_whole_interval_as_one_on_a_server_is() -> None:
    """It asks servers of others, most likely: a crash loop must not run it more often."""
    program = visit(source(kind=Kind.COMMAND), host="")
    assert claim(program, NOON) == NOON + timedelta(seconds=HOUR)
    assert claim(visit(source(kind=Kind.FILES), host=""), NOON) == NOON + timedelta(seconds=MINUTE)


def test_one_source_is_never_visited_twice_at_once() -> None:
    host_queue = HostQueue(HostLimits(gap=0.0, at_once=9), slots=32)
    host_queue.add([visit(host="feeds.example"), *(story_visit(f"p{index}") for index in range(40))])
    host_queue.add(replace(story_visit(f"q{index}"), host=HostState(f"h{index}.example")) for index in range(40))
    world = World(host_queue)
    world.run()
    assert len(world.ended) == 81
    assert max(world.most.values()) == 1
    spans = sorted(at for at, _ in world.started)
    assert min(later - earlier for earlier, later in pairwise(spans)) >= timedelta(seconds=0.2)


def test_a_source_whose_stories_are_on_a_paused_host_goes_on_with_the_others() -> None:
    host_queue = HostQueue(HostLimits(gap=0.0), slots=4)
    paused = HostState("slow.example", paused_until=NOON + timedelta(hours=9))
    host_queue.add(
        [replace(story_visit("a"), host=paused), visit(), replace(story_visit("b"), host=HostState("b.example"))]
    )
    world = World(host_queue)
    world.run(NOON + timedelta(minutes=1))
    assert {one.url for _, one in world.ended} == {"https://example.org/feed", "https://example.org/b"}


def test_a_visit_is_queued_once_until_it_is_done() -> None:
    host_queue = HostQueue(HostLimits(gap=0.0), slots=4)
    one = visit()
    host_queue.add([one, one])
    host_queue.add([replace(one, due_at=NOON - timedelta(hours=1))])
    assert len(host_queue.pick(NOON)) == 1
    host_queue.add([one])
    host_queue.finish(one, one.host, NOON)
    assert host_queue.seconds_until_ready(NOON) is None
    host_queue.add([one])
    assert len(host_queue.pick(NOON)) == 1


def test_a_machine_leaves_the_visits_of_a_shard_that_wait_to_another_one() -> None:
    host_queue = HostQueue(HostLimits(gap=0.0, at_once=1), slots=64)
    desk = visit(source("desk", kind=Kind.FILES), host="")
    first = visit(source("first"), host="left.example")
    busy = replace(story_visit("x", first.source), host=HostState("other.example"))  # waits until its source is done
    parked = replace(story_visit("y", first.source), host=HostState("left.example"))
    failing = visit(source("failing"), host="left.example", failures=1)
    kept = visit(source("kept"), host="kept.example")
    assert len({shard_of(name) for name in ("left.example", "other.example", "kept.example")}) == 3
    host_queue.add([first])
    assert host_queue.pick(NOON) == [first]
    host_queue.add([busy, parked, failing, desk])
    assert host_queue.pick(NOON) == [desk]
    host_queue.add([kept])
    assert set(map(visit_key, host_queue.remove(shard_of("left.example")))) == {visit_key(parked), visit_key(failing)}
    assert host_queue.remove(shard_of("left.example")) == host_queue.remove("desk") == []
    assert host_queue.pick(NOON) == [kept]
    for done in (first, desk, kept):
        host_queue.finish(done, done.host, NOON)
    assert host_queue.pick(NOON) == [busy]
    host_queue.finish(busy, busy.host, NOON)
    assert host_queue.seconds_until_ready(NOON) is None, "nothing is left counted"
    host_queue.add([failing, desk])
    assert host_queue.remove("desk") == [desk]
    assert host_queue.pick(NOON) == [failing], "what was taken out may come back"


def test_the_shard_of_a_host_is_the_same_on_every_machine() -> None:
    assert [shard_of(name) for name in ("a.example", "b.example", "xn--bcher-kva.example", "")] == [12, 9, 54, -1]
    counts = Counter(shard_of(f"host-{number}.example") for number in range(64_000))
    assert set(counts) == set(range(SHARDS)) and max(counts.values()) < 1_200


def test_our_own_files_are_read_one_source_at_a_time() -> None:
    host_queue = HostQueue(HostLimits(), slots=1)
    desk = visit(source("desk", kind=Kind.FILES), host="")
    page = replace(story_visit("x", desk.source), host=HostState("h.example"))
    host_queue.add([page])
    assert host_queue.pick(NOON) == [page]
    host_queue.add([desk])
    assert host_queue.pick(NOON) == []
    assert host_queue.seconds_until_ready(NOON) == 60.0
    host_queue.finish(page, page.host, NOON)
    assert host_queue.pick(NOON) == [desk]
    host_queue.finish(desk, desk.host, NOON)


def test_F10_F11_a_visit_that_lingers_gives_its_slot_to_another_and_keeps_its_host_busy() -> None:
    host_queue = HostQueue(HostLimits(gap=0.0, at_once=1), slots=4)
    host_queue.add([*queue(8, "h-{}.example"), visit(source("second"), host="h-0.example")])
    first = host_queue.pick(NOON)
    assert len(first) == 4 and host_queue.pick(NOON) == []
    for one in first:
        host_queue.release_slot(one)
    second = host_queue.pick(NOON)
    assert len(second) == 4 and not {one.host.host for one in first} & {one.host.host for one in second}
    for one in (*first, *second):
        host_queue.finish(one, one.host, NOON)
    assert [one.source.id for one in host_queue.pick(NOON)] == ["second"], "nothing is left counted"
    failing = [visit(source(f"f-{n}"), host=f"f-{n}.example", failures=1) for n in range(9)]
    host_queue.add([*failing, *queue(1, "late-{}.example")])
    slow = [one for one in host_queue.pick(NOON) if one.state.failures]
    for one in slow:
        host_queue.release_slot(one)
    assert not [one for one in host_queue.pick(NOON) if one.state.failures], "those that failed keep to their quarter"


def test_E13_at_most_eight_at_once_at_one_address() -> None:
    host_queue = HostQueue(
        HostLimits(gap=0.0), slots=64, address_of=lambda host: "192.0.2.1" if "shared" in host else None
    )
    host_queue.add(queue(100, "shared-{}.example", "shared"))
    host_queue.add(queue(20, "own-{}.example", "own"))
    first = Counter(one.host.host.split("-")[0] for one in host_queue.pick(NOON))
    assert first == {"shared": 8, "own": 20}
    world = World(host_queue)
    world.in_flight = []
    again = HostQueue(HostLimits(gap=0.0), slots=64, address_of=lambda host: "192.0.2.1")
    again.add(queue(100, "shared-{}.example", "shared"))
    world = World(again)
    world.run()
    assert len(world.ended) == 100
    spans = Counter(at for at, _ in world.started)
    assert max(spans.values()) == 8


def test_E13_a_host_that_sleeps_does_not_hold_a_place_at_its_address() -> None:
    host_queue = HostQueue(HostLimits(gap=0.0), slots=64, address_of=lambda host: "192.0.2.1")
    eight = list(queue(8, "a-{}.example", "a"))
    more = list(queue(30, "b-{}.example", "b"))
    host_queue.add(eight)
    assert len(host_queue.pick(NOON)) == 8
    host_queue.add(more)
    assert host_queue.pick(NOON) == []
    for one in eight:
        host_queue.finish(one, one.host, NOON)
    for number, one in enumerate(host_queue.pick(NOON)):
        assert number < 8
        host_queue.finish(one, one.host, NOON)
    assert len(host_queue.pick(NOON)) == 8


def test_F9_a_clock_that_jumps_back_leaves_no_host_waiting_for_a_day() -> None:
    host_queue = HostQueue(HostLimits(gap=1.0), slots=4)
    host_queue.add(queue(3))
    assert len(host_queue.pick(NOON)) == 1
    yesterday = NOON - timedelta(days=1)
    wait = host_queue.seconds_until_ready(yesterday)
    assert wait is not None
    assert wait <= 1.0
    assert len(host_queue.pick(yesterday + timedelta(seconds=1.1))) == 1


def test_F9_what_a_wrong_clock_wrote_delays_no_visit() -> None:
    host_queue = HostQueue(HostLimits(gap=1.0), slots=4)
    wrong = HostState("a.example", NOON + timedelta(days=30), NOON + timedelta(days=99))
    host_queue.add([replace(visit(), host=wrong)])
    assert len(host_queue.pick(NOON)) == 1


def test_wait_says_what_the_picker_is_waiting_for() -> None:
    host_queue = HostQueue(HostLimits(gap=0.0, at_once=1), slots=8)
    assert host_queue.seconds_until_ready(NOON) is None
    host_queue.add(queue(2))
    assert host_queue.seconds_until_ready(NOON) == 0.0
    host_queue.pick(NOON)
    assert host_queue.seconds_until_ready(NOON) == 60.0, "only a visit in flight stands in the way"


def test_E13_ten_thousand_visits_on_five_thousand_hosts_cost_a_few_heap_moves_each() -> None:
    """Counted, not timed: how many hosts are offered a place for each visit made."""
    host_queue = Counting(HostLimits(gap=0.5), slots=64)
    host_queue.add(visit(source(f"s{index}"), host=f"h{index % 5000}.example") for index in range(10_000))
    world = World(host_queue, usual=0.3)
    world.run()
    assert len(world.ended) == 10_000
    assert host_queue.offers < 5 * 10_000


def test_F41_hosts_that_delay_no_visit_are_forgotten() -> None:
    host_queue = HostQueue(HostLimits(gap=1.0), slots=64, address_of=lambda name: f"address of {name}")
    host_queue.add([replace(visit(source("paused"), host="paused.example"), due_at=NOON)])
    (paused,) = host_queue.pick(NOON)
    host_queue.finish(paused, HostState("paused.example", paused_until=NOON + timedelta(hours=9)), NOON)
    world = World(host_queue)
    for start in range(0, 4000, 100):
        host_queue.add(visit(source(f"s{n}"), host=f"h{n}.example") for n in range(start, start + 100))
        world.run()
    assert len(world.ended) == 4000
    assert max(map(len, (host_queue._hosts, host_queue._addresses, host_queue._waiting))) <= 2 * MIN_PRUNED
    host_queue.add([visit(source("paused"), host="paused.example")])
    assert host_queue.pick(world.now) == []


def test_F41_a_visit_that_waits_for_its_source_outlives_its_host() -> None:
    """Two visits of one source to two hosts; that of the second waits until the first one has ended."""
    host_queue = HostQueue(HostLimits(gap=1.0), slots=64)
    pages = [
        visit(source("one"), host=f"{name}.example", url=f"https://{name}.example/", story=Story()) for name in "ab"
    ]
    host_queue.add(pages)
    (first,) = host_queue.pick(NOON)
    world = World(host_queue)
    for start in range(0, 1000, 100):
        host_queue.add(visit(source(f"s{n}"), host=f"h{n}.example") for n in range(start, start + 100))
        world.run(until=world.now + timedelta(minutes=1))
    assert len(host_queue._hosts) < 1000
    host_queue.finish(first, first.host, world.now)
    (second,) = host_queue.pick(world.now)
    assert {first.url, second.url} == {page.url for page in pages}


class Counting(HostQueue):
    """A host_queue that counts how often it looks at a host."""

    offers = 0

    def _offer(self, host: object, moment: float) -> None:
        self.offers += 1
        super()._offer(host, moment)  # type: ignore[arg-type]


# ── our own line ────────────────────────────────────────────────────────────────────────────────────────────────────


def silence(index: int, **facts: object) -> Outcome:
    of = visit(source(f"source-{index}"), host=f"host-{index}.example", **facts)  # type: ignore[arg-type]
    return conclude(of, SILENT, NOON)


def test_F26_host_after_host_falling_silent_means_our_line_is_down() -> None:
    connectivity = Connectivity()
    recorded = [connectivity.observe(silence(index)) for index in range(5_000)]
    assert connectivity.down
    assert sum(outcome.state.failures for outcome in recorded) <= 8
    assert all(outcome.state.failures == 0 for outcome in recorded[8:])
    assert all(MINUTE <= seconds(outcome) <= 10 * MINUTE for outcome in recorded[8:])
    assert len({outcome.due_at for outcome in recorded[8:]}) > 1_000, "the catching up is spread"


def test_F26_one_answer_and_the_line_is_up_again() -> None:
    connectivity = Connectivity()
    for index in range(100):
        connectivity.observe(silence(index))
    answered = conclude(visit(), failure(404), NOON)
    assert connectivity.observe(answered) is answered
    assert not connectivity.down


def test_F26_dead_publishers_are_not_a_dead_line() -> None:
    connectivity = Connectivity()
    for index in range(1_000):
        connectivity.observe(silence(index, failures=5))
    assert not connectivity.down, "what failed last time too proves nothing"
    for index in range(1_000):
        connectivity.observe(silence(index % 7))
    assert not connectivity.down, "neither do few hosts with many sources"
    for index in range(1_000):
        connectivity.observe(silence(index))
        connectivity.observe(worked(visit()))
    assert not connectivity.down, "nor many among which somebody answers"


def test_F26_those_who_hang_come_last_and_are_not_a_dead_line() -> None:
    connectivity = Connectivity()
    connectivity.observe(worked(visit()))
    for index in range(1_000):
        hung = visit(source(f"source-{index}"), host=f"host-{index}.example")
        connectivity.observe(conclude(hung, Failure("fetch", "sent nothing", "timeout"), NOON + timedelta(seconds=29)))
    assert not connectivity.down, "somebody answered while they were waited for"
    connectivity.observe(worked(visit()))
    for index in range(8):
        dead = visit(source(f"source-{index}"), host=f"host-{index}.example")
        connectivity.observe(conclude(dead, SILENT, NOON + timedelta(seconds=31)))
    assert connectivity.down


def test_F26_outcomes_that_come_together_are_judged_together() -> None:
    connectivity = Connectivity()
    answered = worked(visit())
    sifted = connectivity.observe_batch(
        [silence(100), answered, *map(silence, range(30)), worked(visit(source(kind=Kind.FILES)))]
    )
    assert not connectivity.down and sifted[0].state.failures == 1 and sifted[1] is answered
    later = [
        conclude(visit(source(f"s-{n}"), host=f"h-{n}.example"), SILENT, NOON + timedelta(hours=1)) for n in range(30)
    ]
    assert connectivity.down is False
    assert [outcome.state.failures for outcome in connectivity.observe_batch(later)] == [0] * 30
    assert connectivity.down


def test_F26_a_small_set_of_sources_needs_all_its_hosts() -> None:
    connectivity = Connectivity(f"https://h{number % 4}.example/{number}" for number in range(9))
    for index in range(3):
        connectivity.observe(silence(index))
    assert not connectivity.down
    connectivity.observe(silence(3))
    assert connectivity.down


def test_F26_our_own_files_tell_nothing_about_the_line() -> None:
    connectivity = Connectivity()
    for index in range(20):
        connectivity.observe(silence(index))
    connectivity.observe(worked(visit(source(kind=Kind.FILES))))
    assert connectivity.down


def test_F26_after_an_hour_without_a_line_all_catch_up_within_an_interval_and_none_was_counted_out() -> None:
    connectivity = Connectivity()
    host_queue = HostQueue(HostLimits(), slots=16, connectivity=connectivity)
    of = {f"source-{index}": one for index, one in enumerate(queue(2_000, "host-{}.example"))}
    of = {
        name: replace(one, due_at=NOON + timedelta(seconds=1.8 * index)) for index, (name, one) in enumerate(of.items())
    }
    back = NOON + timedelta(hours=1, minutes=5)
    tries: list[datetime] = []
    caught_up: dict[str, datetime] = {}
    for second in range(int(2 * HOUR)):
        now = NOON + timedelta(seconds=second)
        host_queue.add(one for one in of.values() if one.due_at <= now and now - one.due_at < timedelta(seconds=1))
        for one in host_queue.pick(now):
            tries.append(now)
            dead = NOON + timedelta(minutes=5) <= now < back
            outcome = connectivity.observe(conclude(one, SILENT, now) if dead else worked(one, now))
            host_queue.finish(one, outcome.host, now)
            of[one.source.id] = following(outcome)
            if now >= back:
                caught_up.setdefault(one.source.id, now)
    assert len(caught_up) == 2_000
    assert max(caught_up.values()) - back < timedelta(hours=1, minutes=6)
    assert sum(one.state.failures > 0 for one in of.values()) == 0
    while_down = [at for at in tries if NOON + timedelta(minutes=6) <= at < back]
    assert len(while_down) <= 60 * 4, "a probe every fifteen seconds"


def test_F26_a_probe_is_one_visit_and_files_go_on() -> None:
    connectivity = Connectivity()
    for index in range(9):
        connectivity.observe(silence(index))
    host_queue = HostQueue(HostLimits(), slots=16, connectivity=connectivity)
    host_queue.add([*queue(9, "h-{}.example"), visit(source("desk", kind=Kind.FILES), host="")])
    probe = host_queue.pick(NOON)
    assert len(probe) == 2
    assert host_queue.pick(NOON + timedelta(seconds=4)) == [], "one at a time"
    remote = next(one for one in probe if one.source.id != "desk")
    host_queue.finish(remote, remote.host, NOON + timedelta(seconds=5))
    assert host_queue.seconds_until_ready(NOON + timedelta(seconds=5)) == 10.0
    connectivity.observe(worked(remote))
    assert len(host_queue.pick(NOON + timedelta(seconds=6))) == 8


def test_F26_what_is_spared_keeps_its_count_and_comes_soon() -> None:
    outcome = conclude(visit(failures=6), SILENT, NOON)
    spared = discount_failure(outcome)
    assert (spared.state.failures, spared.result) == (6, SILENT)
    assert NOON + timedelta(minutes=5) <= spared.due_at <= NOON + timedelta(minutes=10)
    quick = discount_failure(conclude(visit(source(schedule=Interval(60))), SILENT, NOON))
    assert seconds(quick) <= 2 * MINUTE
    assert seconds(discount_failure(conclude(visit(source(schedule=Cron("0 7 * * *"))), SILENT, NOON))) <= 10 * MINUTE
    assert discount_failure(conclude(story_visit(attempts=1), SILENT, NOON)).state.attempts == 1
