"""A merging step: of articles with one title, the newest is kept, and the texts of the others are added to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice

from feeds.model import Article, FeedStep, StepContext, replace
from feeds.registry import StepKind


@dataclass(frozen=True, slots=True)
class Merge(FeedStep):
    """Merge the articles with the same title among the newest `count`."""

    count: int = field(default=100, metadata={"description": "How many of the newest articles.", "example": 50})
    hours: float = field(default=48.0, metadata={"description": "The most hours between two of them.", "example": 12})

    def apply(self, articles: Iterator[Article], context: StepContext) -> Iterator[Article]:
        """Return the merged articles, in the order of the newest of each, then the rest."""
        merged: list[Article] = []
        positions: dict[str, int] = {}  # of the newest article of each title
        window = timedelta(hours=self.hours)
        for article in islice(articles, self.count):
            position = positions.get(article.title)
            if position is None or merged[position].updated - article.updated > window:
                positions[article.title] = len(merged)
                merged.append(article)
            else:
                context.report_merge(article, merged[position])
                merged[position] = _merge(merged[position], article)
        yield from merged
        yield from articles


def _merge(first: Article, other: Article) -> Article:
    return replace(
        first,
        html=first.html + other.html,
        updated=max(first.updated, other.updated),
        story_digest=f"{first.story_digest} {other.story_digest}",
    )


STEP = StepKind("merge", "Merge articles with the same title.", Merge, "50", short="count")
