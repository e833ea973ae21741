"""Which articles the steps let through, and how little they read for it."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Literal

import factories
import pytest
from factories import NOON
from hypothesis import given
from hypothesis import strategies as st

from feeds.model import Article, Author, Kind, Source, Step, StepContext, replace
from feeds.steps import Age, Condition, Drop, Keep, Limit, apply_source_steps, apply_steps
from feeds.steps.conditions import FIELD_TEXTS

LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)

CONTEXT = StepContext(clean=str)


def article(number: int = 0, **fields: object) -> Article:
    usual = {
        "source_id": "bbc",
        "url": f"https://example.org/{number}",
        "title": "Rain over Rome",
        "summary": "It rained.",
        "html": "<p>It rained <em>cats</em> &amp; dogs.</p>",
        "published": NOON,
        "key": number,
    }
    return factories.article(str(number), **{**usual, **fields})


def where(field: str, pattern: str) -> tuple[Condition, ...]:
    return (Condition(field, re.compile(pattern)),)


def passing_keys(steps: list[Step], *articles: Article) -> list[int]:
    return [article.key for article in apply_steps(steps, iter(articles), CONTEXT)]


CONDITIONS: list[tuple[str, str, dict[str, object], bool]] = [
    ("title", "(?i)rome", {}, True),
    ("title", "rained", {}, False),
    ("summary", "rained", {}, True),
    ("text", "cats & dogs", {}, True),
    ("text", "em>", {}, False),
    ("text", r"one two", {"html": "<p>one</p><p>two</p>"}, True),
    ("text", r"one two", {"html": "one<br/>two"}, True),
    ("text", r"twofold", {"html": "<b>two</b>fold"}, True),
    ("text", r"leak", {"html": '<p><img alt="no > leak" src="x">fine</p>'}, False),
    ("text", r"a < b", {"html": "a &lt; b"}, True),
    ("url", r"example\.org/7", {}, True),
    ("url", "^$", {"url": None}, True),
    ("author", "Orwell", {"authors": (Author("A. Camus"), Author("G. Orwell"))}, True),
    ("author", "^$", {}, True),
    ("author", "^$", {"authors": (Author("A. Camus"),)}, False),
    ("tag", "^world$", {"tags": ("news", "world")}, True),
    ("tag", "^world$", {"tags": ("underworld",)}, False),
    ("tag", "^$", {}, True),
    ("language", "^de", {"language": "de-AT"}, True),
    ("language", "^$", {}, True),
    ("source", "^bbc$", {}, True),
    ("any", "Rome", {}, True),
    ("any", "It rained", {}, True),
    ("any", "dogs", {}, True),
    ("any", "snow", {}, False),
]


@pytest.mark.parametrize(("field", "pattern", "fields", "matches"), CONDITIONS)
def test_keep_and_drop_see_each_field(field: str, pattern: str, fields: dict[str, object], matches: bool) -> None:
    candidate = article(7, **fields)
    assert passing_keys([Keep(where(field, pattern))], candidate) == ([7] if matches else [])
    assert passing_keys([Drop(where(field, pattern))], candidate) == ([] if matches else [7])


def test_every_field_has_its_entry() -> None:
    assert {field for field, *_ in CONDITIONS} == set(FIELD_TEXTS)


# ── age ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

DAY = timedelta(days=1)
AGED = [article(days, published=NOON - days * DAY) for days in range(6)]


@pytest.mark.parametrize(
    ("step", "kept"),
    [
        (Drop((Age(2 * 86_400),)), [0, 1, 2]),
        (Drop((Age(2 * 86_400, ">"),)), [0, 1, 2]),
        (Drop((Age(2 * 86_400, "<"),)), [3, 4, 5]),
        (Keep((Age(2 * 86_400),)), [0, 1, 2]),
        (Keep((Age(2 * 86_400, "<"),)), [0, 1, 2]),
        (Keep((Age(2 * 86_400, ">"),)), [3, 4, 5]),
        (Drop((*where("url", "[0-4]$"), Age(2 * 86_400))), [0, 1, 2, 5]),
        (Keep((*where("url", "[1-9]$"), Age(2 * 86_400))), [1, 2]),
    ],
)
def test_R5_the_age_of_an_article_is_measured_before_the_newest_first_seen(step: Step, kept: list[int]) -> None:
    """After a year without news nothing has become older."""
    assert [entry.key for entry in apply_steps([step], iter(AGED), replace(CONTEXT, newest=lambda: NOON))] == kept
    later = replace(CONTEXT, newest=lambda: NOON + 300 * DAY)
    assert {entry.key for entry in apply_steps([Drop((Age(86_400),))], iter(AGED), later)} == set()


@pytest.mark.parametrize("sign", ["", "<", ">"])
def test_no_article_is_too_old_or_too_young_where_no_newest_is_known(sign: Literal["", "<", ">"]) -> None:
    """As in archives, which hold what was let through when it came."""
    for step in (Keep((Age(86_400, sign),)), Drop((Age(86_400, sign),)), Keep((*where("url", "."), Age(1, sign)))):
        assert passing_keys([step], *AGED) == [0, 1, 2, 3, 4, 5]


def test_an_age_ends_the_reading_where_no_older_article_can_pass() -> None:
    skipped: list[datetime] = []
    context = replace(CONTEXT, newest=lambda: NOON, skip_older=skipped.append)
    ends = (Drop((Age(86_400),)), Keep((Age(86_400),)), Keep((*where("title", "a"), Age(86_400))))
    goes_on = (Drop((Age(86_400, "<"),)), Keep((Age(86_400, ">"),)), Drop((*where("title", "a"), Age(86_400))))
    for step in (*ends, *goes_on):
        step.start(context)
    assert skipped == [NOON - DAY] * len(ends)


def test_all_conditions_must_hold() -> None:
    both = (*where("title", "Rome"), *where("tag", "world"))
    rome, world, neither = article(1), article(2, tags=("world",), title="X"), article(3, title="Y")
    whole = article(4, tags=("world",))
    assert passing_keys([Keep(both)], rome, world, neither, whole) == [4]
    assert passing_keys([Drop(both)], rome, world, neither, whole) == [1, 2, 3]


def test_steps_run_in_the_order_of_the_yaml() -> None:
    rain, sun = article(1), article(2, title="Sun")
    keep, limit = Keep(where("title", "Sun")), Limit(1, 0)
    assert passing_keys([keep, limit], rain, sun) == [2]
    assert passing_keys([limit, keep], rain, sun) == []


def test_S15_tags_are_stripped_in_linear_time() -> None:
    """A million opening brackets, quotes or half tags are gone through once."""
    for piece in ("<", "<a ", '<a b="', "<p title='", "</"):
        assert passing_keys([Keep(where("text", "snow"))], article(html=piece * 200_000)) == []


# ── limit ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def hourly() -> Iterator[Article]:
    for hours in count():
        at = NOON - timedelta(hours=hours)
        yield article(hours, published=at, first_seen=at)


def test_R14_limit_reads_one_article_more_than_it_gives() -> None:
    stream = hourly()
    assert [article.key for article in apply_steps([Limit(5, 48)], stream, CONTEXT)] == list(range(48))
    assert next(stream).key == 49


def test_A5_limit_reads_no_further_once_a_ceiling_has_closed_all_sources() -> None:
    stream = hourly()
    kept = apply_steps([Limit(count=2, hours=8, at_most=3)], stream, CONTEXT)
    assert [article.key for article in kept] == [0, 1, 2]
    assert next(stream).key == 9


@pytest.mark.parametrize(("limit", "given"), [(Limit(5, 0), 5), (Limit(5, 3), 5), (Limit(5, 8), 8), (Limit(0, 0), 0)])
def test_R5_both_limits_must_pass(limit: Limit, given: int) -> None:
    assert len(list(apply_steps([limit], hourly(), CONTEXT))) == given


def test_R5_the_age_is_that_of_the_data_not_of_the_clock() -> None:
    """After a year without news everything that was there is still there."""
    old = [article(n, published=LONG_AGO, first_seen=LONG_AGO) for n in range(80)]
    assert len(passing_keys([Limit(50, 48)], *old)) == 80


def test_R14_the_backlog_of_a_new_source_does_not_flood_the_feed() -> None:
    backlog = [article(n, published=LONG_AGO - timedelta(days=n)) for n in range(500)]
    assert passing_keys([Limit(50, 48)], *backlog) == list(range(50))


def test_limit_counts_what_the_steps_before_it_let_through() -> None:
    weekly = Keep((Condition("url", re.compile("[05]$")),))
    assert [article.key for article in apply_steps([weekly, Limit(3, 0)], hourly(), CONTEXT)] == [0, 5, 10]


times = st.integers(0, 200).map(lambda hours: NOON - timedelta(hours=hours))


@given(st.lists(st.tuples(times, times), max_size=40), st.integers(0, 10), st.integers(0, 60))
def test_R5_limit_gives_the_newest_and_all_within_the_hours(
    pairs: list[tuple[datetime, datetime]], number: int, hours: int
) -> None:
    """For any dates: the first `count`, then all dated within `hours` of the newest first-seen, in the order given."""
    articles = [article(0, published=date, first_seen=max(date, first_seen)) for date, first_seen in pairs]
    articles.sort(key=lambda article: (article.position, article.first_seen), reverse=True)
    selected = list(apply_steps([Limit(number, hours)], iter(articles), CONTEXT))
    assert selected == articles[: len(selected)]
    assert len(selected) >= min(number, len(articles))
    newest = max((entry.first_seen for entry in articles), default=NOON)
    recent = [entry for entry in articles if newest - entry.position < timedelta(hours=hours)]
    assert selected[: len(recent)] == recent


def flood(*counts: int, size: int = 0, **fields: object) -> list[Article]:
    """Articles of the last hours: so many of each source `s0`, `s1` …, the newest of all sources first."""
    numbers = [(n, source) for source, total in enumerate(counts) for n in range(total)]
    return [
        article(n, source_id=f"s{source}", published=NOON - timedelta(seconds=n), html="x" * size, **fields)
        for n, source in sorted(numbers)
    ]


def counts_by_source(limit: Limit, articles: list[Article]) -> dict[str, int]:
    """How many of each source are kept; they are its newest, and in the order given."""
    kept = list(apply_steps([limit], iter(articles), CONTEXT))
    assert [entry for entry in articles if entry in kept] == kept
    counts = Counter(entry.source_id for entry in kept)
    for id, number in counts.items():
        keys = [entry.key for entry in kept if entry.source_id == id]
        assert keys == list(range(number))
    return dict(counts)


@pytest.mark.parametrize(
    ("limit", "counts", "kept"),
    [
        (Limit(), (3000, 2000, 40), {"s0": 230, "s1": 230, "s2": 40}),
        (Limit(), (480, 20), {"s0": 480, "s1": 20}),
        (Limit(at_most=10), (9, 5, 1), {"s0": 5, "s1": 4, "s2": 1}),
        (Limit(at_most=3), (9, 9, 9, 9), {"s0": 1, "s1": 1, "s2": 1}),
        (Limit(count=1000), (1500,), {"s0": 1000}),
        (Limit(per_source=2), (9, 1, 5), {"s0": 2, "s1": 1, "s2": 2}),
        (Limit(count=5, hours=0, per_source=2), (9, 9, 9), {"s0": 2, "s1": 2, "s2": 1}),
    ],
)
def test_A5_over_the_ceiling_the_source_with_most_articles_is_cut_first(
    limit: Limit, counts: tuple[int, ...], kept: dict[str, int]
) -> None:
    assert counts_by_source(limit, flood(*counts)) == kept


def test_A5_over_the_ceiling_in_bytes_the_source_with_most_of_them_is_cut_first() -> None:
    """Few large articles cost a source with many small ones nothing, and one article is never too large."""
    large, small = flood(6, size=100_000), [replace(entry, source_id="small") for entry in flood(40)]
    kept = apply_steps([Limit(bytes=450_000)], iter([*large, *small]), CONTEXT)
    assert Counter(entry.source_id for entry in kept) == {"s0": 4, "small": 40}
    assert counts_by_source(Limit(bytes=1000), flood(9, size=100_000)) == {"s0": 1}


def test_L4_an_article_over_the_ceiling_costs_the_same_among_many_sources() -> None:
    """Calls of functions for each article: the source with most is not looked for among all."""

    def count_calls(sources: int) -> float:
        articles, calls = flood(*[2] * sources), 0

        def count_call(_frame: object, event: str, _argument: object) -> None:
            nonlocal calls
            calls += event == "call"

        sys.setprofile(count_call)
        try:
            kept = [*Limit(at_most=20).apply(iter(articles), CONTEXT)]
        finally:
            sys.setprofile(None)
        assert len(kept) == 20
        return calls / len(articles)

    assert count_calls(600) < 1.2 * count_calls(60)


def test_A5_the_ceiling_in_bytes_counts_the_html_as_atom_escapes_it() -> None:
    plain, markup = (Limit(bytes=100_000).apply(iter(flood(90, size=0)), CONTEXT) for _ in range(2))
    assert len([*plain, *markup]) == 180
    heavy = [replace(entry, html="<b>" * 1000) for entry in flood(90)]
    assert len([*Limit(bytes=100_000).apply(iter(heavy), CONTEXT)]) == 10


@pytest.mark.parametrize("limit", [Limit(at_most=3), Limit(per_source=3), Limit(bytes=3 * 600)])
def test_A5_the_ceilings_hold_for_the_limit_of_a_source(limit: Limit) -> None:
    sources = {"s0": Source("s0", Kind.FEED, "https://a.example/", steps=(limit,))}
    kept = [entry.source_id for entry in apply_source_steps(sources, iter(flood(9, 5)), CONTEXT)]
    assert Counter(kept) == {"s0": 3, "s1": 5}


def test_C5_the_hours_count_from_first_seen_but_for_the_first_listing_of_a_source() -> None:
    """A late addition with an old date is shown; a new source does not flood the feed."""
    late = [article(n, published=LONG_AGO - timedelta(days=n), is_addition=n % 2 == 0) for n in range(200)]
    skipped: list[datetime] = []
    context = replace(CONTEXT, skip_to_additions=skipped.append)
    kept = [entry.key for entry in Limit(10, 48).apply(iter(late), context)]
    assert kept == [*range(10), *range(10, 200, 2)]
    assert skipped[0] == NOON - timedelta(hours=48)
    older = [replace(entry, first_seen=NOON - timedelta(hours=48)) for entry in late[10:]]
    assert [entry.key for entry in Limit(10, 48).apply(iter([*late[:10], *older]), context)] == [*range(10)]


# ── per source ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_sources_own_steps_touch_its_articles_alone() -> None:
    sources = {
        "a": Source("a", Kind.FEED, "https://a.example/", steps=(Drop(where("title", "Ad")), Limit(2, 0))),
        "b": Source("b", Kind.FEED, "https://b.example/"),
    }
    titles = ["Ad", "x", "Ad", "x", "x", "x"]
    articles = [article(n, title=title, source_id=id) for n, title in enumerate(titles) for id in ("a", "b", "gone")]
    selected = [(entry.source_id, entry.key) for entry in apply_source_steps(sources, iter(articles), CONTEXT)]
    assert [key for id, key in selected if id == "a"] == [1, 3]
    assert [key for id, key in selected if id == "b"] == [0, 1, 2, 3, 4, 5]
    assert [key for id, key in selected if id == "gone"] == [0, 1, 2, 3, 4, 5]


def test_without_steps_the_stream_is_handed_through_untouched() -> None:
    stream = hourly()
    assert apply_source_steps({"bbc": Source("bbc", Kind.FEED, "https://a.example/")}, stream, CONTEXT) is stream
    assert apply_steps([], stream, CONTEXT) is stream
