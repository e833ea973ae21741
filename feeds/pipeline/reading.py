"""How far the articles of a feed are read: as far as its steps take any."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from ..model import Article, PublishedTwin, StepContext, Text, replace
from ..normalize.html import clean_html, to_plain_text
from ..normalize.links import web_url

MAX_PASSED_OVER = 64  # articles of closed sources, beyond the number of those read

STEP_CONTEXT = StepContext(
    clean=partial(clean_html, base=None),
    clean_text=lambda text: to_plain_text(Text(text, "text")),
    clean_url=web_url,
)


@dataclass(slots=True)
class Reading:
    """How far the articles of a feed are read, which its steps decide.

    A step may take no more but additions first seen after a time, none of an older position, or no more of the sources
    that are `closed`. `newest` returns the newest first-seen of the articles that the feed selects, `find_twins` those
    of the same story, and `find_published` which of some articles it published first; who reads them puts these in.
    `merged`: the key of each article that a step merged → that of the entry it went into.
    """

    additions_since: datetime | None = None
    oldest: datetime | None = None
    closed: set[str] = field(default_factory=set)
    newest: Callable[[], datetime | None] = lambda: None
    find_twins: Callable[[Article], Sequence[Article]] = STEP_CONTEXT.find_twins
    find_published: Callable[[Sequence[Article]], PublishedTwin | None] = STEP_CONTEXT.find_published
    merged: dict[int, int] = field(default_factory=dict)
    passed: list[int] = field(default_factory=list)  # how many articles were read, and how many each step passed on

    def count(self, number: int, articles: Iterator[Article]) -> Iterator[Article]:
        """Yield the articles, and count them as those that so many steps have passed on."""
        for article in articles:
            self.passed[number] += 1
            yield article

    def read_open(
        self, source_ids: Sequence[str], select: Callable[[Collection[str]], Iterator[Article]]
    ) -> Iterator[Article]:
        """Yield what `select` returns of these sources, newest first, until they are closed.

        Where more is passed over of closed sources than was read, it is selected anew without them.
        """
        read_count, last, resume_after = 0, None, None
        while open_ids := [id for id in source_ids if id not in self.closed]:
            passed_over = -MAX_PASSED_OVER
            for article in select(open_ids):
                if resume_after and _place(article) <= resume_after:
                    continue
                last = article
                if article.source_id not in self.closed:
                    read_count += 1
                    yield article
                elif (passed_over := passed_over + 1) > read_count or len(self.closed) == len(source_ids):
                    break
            else:
                return
            resume_after = _place(last)

    def source_context(self) -> StepContext:
        """Return the context of the steps of sources: what one of them does not take, other sources may have."""
        return replace(STEP_CONTEXT, newest=self.newest, find_twins=self.find_twins, find_published=self.find_published)

    def step_context(self) -> StepContext:
        """Return the context of the steps of the feed."""
        return replace(
            self.source_context(),
            skip_to_additions=partial(setattr, self, "additions_since"),
            skip_older=self._skip_older,
            skip_source=self.closed.add,
            report_merge=lambda article, into: self.merged.update({article.key: into.key}),
        )

    def is_needed(self, article: Article) -> bool:
        """Return whether an article, and so maybe one after it, is of a position that the steps take."""
        return self.oldest is None or article.position >= self.oldest

    def _skip_older(self, position: datetime) -> None:
        self.oldest = max(position, self.oldest or position)


def _place(article: Article) -> tuple[float, float, str]:
    """Return what the store sorts articles by: newest first."""
    return -article.position.timestamp(), -article.first_seen.timestamp(), article.published_id
