"""The step `limit`: the newest articles, and besides them the recent ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import takewhile

from ..model import Article, ArticleFunction, StepContext


@dataclass(frozen=True, slots=True)
class Limit:
    """Keep the newest `count`, and besides them all first seen in the last `hours` of the candidates."""

    count: int = 50
    hours: float = 48

    def apply(self, articles: Iterator[Article], context: StepContext) -> Iterator[Article]:
        """Return the articles within the limit; what follows a refused one is refused too, and is not read."""
        return takewhile(self._create_predicate(), articles)

    def start(self, context: StepContext) -> ArticleFunction:
        """Return the function that passes on what is within the limit."""
        is_within_limit = self._create_predicate()
        return lambda article: article if is_within_limit(article) else None

    def _create_predicate(self) -> Callable[[Article], bool]:
        """Return a predicate that refuses what is beyond `count` and over `hours` older than the newest first-seen.

        The window is measured on the position, which is never later than the first-seen. Two things follow. The backlog
        of a source added today was first seen today but is dated long ago: it does not flood the feed. And the articles
        come by falling position while the newest first-seen can only rise, so a refusal holds for all that follow:
        reading ends there, however many articles the store holds.
        """
        window = self.hours * 3600
        number, newest = 0, None

        def is_within_limit(article: Article) -> bool:
            nonlocal number, newest
            newest = article.first_seen if newest is None else max(newest, article.first_seen)
            number += 1
            return number <= self.count or (newest - article.position).total_seconds() < window

        return is_within_limit
