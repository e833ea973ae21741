"""The step `sort`: another order than the newest first."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal

from ..model import Article, StepContext

MAX_SORTED = 1000  # articles held in memory

SortKey = Literal["newest", "oldest", "updated", "title", "source", "author"]


@dataclass(frozen=True, slots=True)
class Sort:
    """Put the newest 1,000 articles that reach the step into another order, and drop the others.

    Where several orders are named, a later one decides between articles that are equal in all before it.
    """

    by: tuple[SortKey, ...] = field(
        metadata={
            "description": "newest, oldest, updated, title, source or author; or several, the main one first.",
            "example": ["source", "oldest"],
        }
    )

    def apply(self, articles: Iterator[Article], context: StepContext) -> Iterator[Article]:
        """Return the articles in order."""
        ordered = [*islice(articles, MAX_SORTED)]
        for name in reversed(self.by):
            ordered.sort(key=SORT_KEYS[name])
        if context.explain:
            for article in articles:
                context.explain(article, f"not among the newest {MAX_SORTED:,}")
        return iter(ordered)


def _letters(text: str) -> str:
    """Return a text as it is sorted: the same in any locale, small and capital letters together, without accents."""
    letters = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).casefold()


def _newest_first(article: Article) -> tuple[float, float, str]:
    return -article.position.timestamp(), -article.first_seen.timestamp(), article.published_id


def _oldest_first(article: Article) -> tuple[float, float, str]:
    return article.position.timestamp(), article.first_seen.timestamp(), article.published_id


SORT_KEYS: Mapping[SortKey, Callable[[Article], Any]] = {
    "newest": _newest_first,
    "oldest": _oldest_first,
    "updated": lambda article: -article.updated.timestamp(),
    "title": lambda article: _letters(article.title),
    "source": lambda article: article.source_id,
    "author": lambda article: (not article.authors, [_letters(author.name) for author in article.authors]),
}
