"""A merging step: of articles with one title, the newest is kept, and the texts of the others are added to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from feeds.model import Article, FeedStep, StepContext, replace
from feeds.registry import StepKind


@dataclass(frozen=True, slots=True)
class Merge(FeedStep):
    """Merge the articles with the same title among the newest `count`."""

    count: int = 100

    def apply(self, articles: Iterator[Article], context: StepContext) -> Iterator[Article]:
        """Return the merged articles, in the order of the newest of each, then the rest."""
        merged: dict[str, Article] = {}
        for article in islice(articles, self.count):
            first = merged.get(article.title)
            merged[article.title] = _merge(first, article) if first else article
            if first:
                context.report_merge(article, first)
        yield from merged.values()
        yield from articles


def _merge(first: Article, other: Article) -> Article:
    return replace(
        first,
        html=first.html + other.html,
        updated=max(first.updated, other.updated),
        story_digest=f"{first.story_digest} {other.story_digest}",
    )


STEP = StepKind("merge", "Merge articles with the same title.", Merge, "50", short="count")
