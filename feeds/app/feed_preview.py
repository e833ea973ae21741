"""Which articles a feed would hold, and what each of its steps does to which article."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from functools import cache, partial
from itertools import takewhile

from ..compose import select_sources
from ..model import Article, Feed, Source, Step, replace
from ..pipeline import Reading
from ..registry import find_step_kind
from ..steps import (
    Age,
    Drop,
    Keep,
    Limit,
    Prefix,
    Rewrite,
    Sort,
    apply_source_steps,
    apply_step,
    apply_steps,
    effective_steps,
    only_select,
)
from ..store import Store
from .step_report import ArticleMembers, NamedStep, StepReport, article_members, record_step


def preview_feed(
    store: Store | None, sources: Mapping[str, Source], feed: Feed, *, with_steps: bool
) -> tuple[list[ArticleMembers], list[StepReport]]:
    """Return the articles that come out of all steps of a feed, and `with_steps` what each step did.

    There are none without a store, where nothing was ever stored.
    """
    reading = Reading()
    if store:
        _prepare_reading(reading, store, feed, sources)
    with closing(_read_articles(store, sources, feed, reading)) as stored:  # a limit leaves a rest
        return _select_articles(sources, feed, stored, reading, with_steps)


def _prepare_reading(reading: Reading, store: Store, feed: Feed, sources: Mapping[str, Source]) -> None:
    """Put in what the steps of a feed may ask for."""
    ids = select_sources(feed, sources)

    def find_twins(article: Article) -> list[Article]:
        twins = iter(store.twins(article.story_key, ids, feed.tags))
        return [*apply_source_steps(sources, twins, reading.source_context())]

    reading.newest = cache(partial(store.newest_first_seen, ids, feed.tags))
    reading.find_twins = find_twins
    reading.find_published = lambda articles: store.published_twin(feed.id, [article.key for article in articles])


def _read_articles(
    store: Store | None, sources: Mapping[str, Source], feed: Feed, reading: Reading
) -> Generator[Article]:
    """Yield the articles that a feed selects, before its steps; none where nothing was ever stored."""
    if store is not None:
        ids = select_sources(feed, sources)
        yield from store.articles(ids, feed.tags, lambda: reading.additions_since)


def _select_articles(
    sources: Mapping[str, Source], feed: Feed, articles: Iterator[Article], reading: Reading, with_steps: bool
) -> tuple[list[ArticleMembers], list[StepReport]]:
    """Return the articles that come out of all steps, and `with_steps` what each step did."""
    reports: list[StepReport] = []
    if with_steps:
        for step in _list_steps(sources, feed):
            reports.append(StepReport(step.name))
            articles = record_step(reports[-1], step, articles, reading.source_context())
    else:
        articles = apply_source_steps(sources, takewhile(reading.is_needed, articles), reading.source_context())
        articles = apply_steps(effective_steps(feed), articles, reading.step_context())
    return [article_members(article) for article in articles], reports


def _list_steps(sources: Mapping[str, Source], feed: Feed) -> Iterator[NamedStep]:
    """Yield what is between the store and an edition, in the order of `pipeline.issue`."""
    for id in select_sources(feed, sources):
        for step in sources[id].steps:
            apply = partial(apply_source_steps, {id: replace(sources[id], steps=(step,))})
            yield NamedStep(f"{id}: {_step_name(step)}", apply, only_select([step]))
    feed_steps = effective_steps(feed)
    for number, feed_step in enumerate(feed_steps):
        yield NamedStep(_step_name(feed_step), partial(apply_step, feed_steps, number), only_select([feed_step]))


def _step_name(step: Step) -> str:
    """Return a step as the YAML has it, without its patterns: `drop: title`."""
    details: list[str] = []
    match step:
        case Keep() | Drop():
            details = ["age" if isinstance(condition, Age) else condition.field for condition in step.conditions]
        case Rewrite():
            details = list(dict.fromkeys(substitution.field for substitution in step.substitutions))
        case Prefix():
            details = [step.text]
        case Sort():
            details = [*step.by]
        case Limit():
            details = [str(step.count)]
    name = find_step_kind(step).name
    return f"{name}: {', '.join(details)}" if details else name
