"""How far articles are read: not whole sources of which a feed takes no more, whatever its steps."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta

import factories
import pytest
from factories import NOON
from hypothesis import given
from hypothesis import strategies as st

from feeds.model import Article, Feed, FeedStep, StepContext, replace
from feeds.pipeline import Reading, choose_articles
from feeds.pipeline.reading import MAX_PASSED_OVER
from feeds.steps import Limit, Sort

SOURCES = ("a", "b", "c")


class Stored:
    """Articles as the store yields them, and how many were read."""

    def __init__(self, articles: Sequence[Article]) -> None:
        self.articles = sorted(articles, key=lambda each: (-each.position.timestamp(), each.published_id))
        self.read_count = 0

    def select(self, source_ids: Collection[str]) -> Iterator[Article]:
        for article in self.articles:
            if article.source_id in source_ids:
                self.read_count += 1
                yield article

    def choose(self, *steps: object, is_whole: bool = False) -> list[int]:
        def read(feed: Feed, reading: Reading) -> Iterator[Article]:
            return self.select(SOURCES) if is_whole else reading.read_open(SOURCES, self.select)

        return [article.key for article in choose_articles(Feed("f", "F", steps=steps), read)]  # type: ignore[arg-type]


def article(number: int, source_id: str = "a", size: int = 0, **fields: object) -> Article:
    time = NOON - number * timedelta(minutes=1)
    times = {"published": time, "first_seen": time, "updated": time}
    return factories.article(f"{number:05}", source_id, html="x" * size, key=number, **{**times, **fields})


LIMITS = st.builds(
    Limit,
    count=st.integers(1, 30),
    hours=st.sampled_from((0, 1, 48)),
    at_most=st.none() | st.integers(1, 30),
    per_source=st.none() | st.integers(1, 9),
    bytes=st.sampled_from((1_000, 9_000, 5_000_000)),
)
ARTICLES = st.lists(st.tuples(st.sampled_from("aaaaab"), st.integers(0, 3_000), st.booleans()), max_size=300).map(
    lambda kinds: [
        article(number, source_id, size, is_addition=is_addition)
        for number, (source_id, size, is_addition) in enumerate(kinds)
    ]
)


@given(ARTICLES, LIMITS, st.sampled_from(((), (Sort(("title",)),), (Limit(20, 0),))))
def test_A5_what_is_chosen_does_not_depend_on_how_far_is_read(
    articles: list[Article], limit: Limit, others: tuple[FeedStep, ...]
) -> None:
    for steps in ((limit, *others), (*others, limit)):
        assert Stored(articles).choose(*steps) == Stored(articles).choose(*steps, is_whole=True)


@pytest.mark.parametrize(
    "limit", [Limit(count=10**6, bytes=100_000), Limit(count=10, hours=10**4, at_most=100), Limit(per_source=20)]
)
def test_A5_no_source_is_read_whole_once_a_ceiling_is_reached(limit: Limit) -> None:
    """Neither for a feed of one source, nor where another one has a single old story."""
    flood = [article(number, size=500, is_addition=True) for number in range(5_000)]
    alone, beside = Stored(flood), Stored([*flood, article(9_999, "b")])
    chosen = alone.choose(limit)
    assert len(chosen) <= 100
    assert alone.read_count <= 2 * len(chosen) + MAX_PASSED_OVER + 9
    assert beside.choose(limit)[-1] == 9_999
    assert beside.read_count <= 3 * len(chosen) + MAX_PASSED_OVER + 9


def test_A5_a_step_that_compares_articles_is_given_all_of_them() -> None:
    """It may pass on one source's article in the place of another's."""

    class Compare:
        def apply(self, articles: Iterator[Article], context: StepContext) -> Iterator[Article]:
            return (replace(each, source_id="z") if each.key == 1_000 else each for each in articles)

    stored = Stored([article(number) for number in range(1_001)])
    assert stored.choose(Compare(), Limit(count=10**4, per_source=3)) == [0, 1, 2, 1_000]


def test_A5_a_limit_that_must_explain_itself_reads_on() -> None:
    closed: list[str] = []
    reasons: list[str] = []
    context = StepContext(str, skip_source=closed.append, explain=lambda article, reason: reasons.append(reason))
    assert len([*Limit(per_source=2).apply(map(article, range(9)), context)]) == 2
    assert (closed, len(reasons)) == ([], 7)
