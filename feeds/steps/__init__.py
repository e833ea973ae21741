"""The steps of feeds and sources, one file for each kind, run lazily in the order of the YAML.

Articles come as the store gives them: by position, newest first (R7).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from ..model import Article, ArticleFunction, Feed, FeedStep, Source, Step, StepContext, replace
from .conditions import WHEN, Age, Condition, Conditions
from .dedupe import Dedupe
from .keep_drop import Drop, Keep
from .limit import Limit
from .prefix import Prefix
from .rewrite import Rewrite, Substitution
from .sort import Sort
from .strip import Strip
from .tag import Tag

__all__ = [
    "WHEN",
    "Age",
    "Condition",
    "Conditions",
    "Dedupe",
    "Drop",
    "Keep",
    "Limit",
    "Prefix",
    "Rewrite",
    "Sort",
    "Strip",
    "Substitution",
    "Tag",
    "apply_source_steps",
    "apply_step",
    "apply_steps",
    "archive_steps",
    "effective_steps",
    "only_select",
    "without_limits",
]

_StepT = TypeVar("_StepT", bound=Step)


def effective_steps(feed: Feed) -> tuple[Step, ...]:
    """Return the steps to apply: the feed's own, and the default limit when they name none.

    It stands before a `sort`, which then orders what the feed holds, and does not decide what that is.
    """
    steps = feed.steps
    if any(isinstance(step, Limit) for step in steps):
        return steps
    end = next((index for index, step in enumerate(steps) if isinstance(step, Sort)), len(steps))
    return (*steps[:end], Limit(), *steps[end:])


def only_select(steps: Iterable[Step]) -> bool:
    """Return whether the steps are known to pass on articles only as they are."""
    return all(isinstance(step, (Keep, Drop, Limit, Sort)) for step in steps)


def archive_steps(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Return the steps that hold in archive documents: those that treat each article by itself, without `limit`."""
    return tuple(step for step in without_limits(steps) if not isinstance(step, FeedStep))


def without_limits(steps: Iterable[_StepT]) -> tuple[_StepT, ...]:
    """Return the steps without those that select articles by their number, as `sort` does above its bound."""
    return tuple(step for step in steps if not isinstance(step, (Limit, Sort)))


def apply_steps(steps: Sequence[Step], articles: Iterator[Article], context: StepContext) -> Iterator[Article]:
    """Return what all steps make of the articles, reading no further than the steps need."""
    for number in range(len(steps)):
        articles = apply_step(steps, number, articles, context)
    return articles


def apply_step(
    steps: Sequence[Step], number: int, articles: Iterator[Article], context: StepContext
) -> Iterator[Article]:
    """Return what the step of this number makes of the articles that those before it let through."""
    step = steps[number]
    if not isinstance(step, FeedStep):
        return _process_each([step.start(context)], articles)

    def find_twins(article: Article) -> Sequence[Article]:
        """Return the twins of an article that reach the step, too."""
        alone = replace(
            context,
            skip_to_additions=None,
            skip_older=None,
            skip_source=None,
            explain=None,
            report_merge=_ignore_merge,
        )
        return [*apply_steps(steps[:number], iter(context.find_twins(article)), alone)]

    # What a step before this one makes of an article may follow from those of other sources.
    is_first = not any(isinstance(before, FeedStep) for before in steps[:number])
    skip_source = context.skip_source if is_first else None
    return step.apply(articles, replace(context, find_twins=find_twins, skip_source=skip_source))


def _ignore_merge(article: Article, into: Article) -> None: ...


def apply_source_steps(
    sources: Mapping[str, Source], articles: Iterator[Article], context: StepContext
) -> Iterator[Article]:
    """Return what the steps of their own source make of the articles; a source's `limit` counts its articles alone."""
    functions = {id: [step.start(context) for step in source.steps] for id, source in sources.items() if source.steps}
    if not functions:
        return articles
    return (
        result
        for article in articles
        for result in _process_each(functions.get(article.source_id, ()), iter((article,)))
    )


def _process_each(functions: Sequence[ArticleFunction], articles: Iterator[Article]) -> Iterator[Article]:
    """Yield what the functions make of each article; one that a function drops reaches no function after it."""
    for article in articles:
        result: Article | None = article
        for process in functions:
            if result is None:
                break
            result = process(result)
        if result is not None:
            yield result
