"""`preview --feed`: which articles a feed would hold, and what each of its steps does to which article."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from functools import partial

import click

from .. import config as configuration
from ..app.application import with_outlines
from ..compose import select_sources
from ..model import Article, Feed, Source, Step, StepContext, field_names
from ..pipeline import STEP_CONTEXT, Reading
from ..registry import find_step_kind
from ..steps import Drop, Keep, Limit, apply_source_steps, apply_steps, effective_steps, only_select
from ..store import Store
from .common import print_json, print_lines, style
from .configuration import load_config, open_store
from .formatting import format_count, format_rfc3339, sanitize_line

StepFunction = Callable[[Iterator[Article], StepContext], Iterator[Article]]
ArticleMembers = dict[str, object]  # what is shown of an article, as JSON members
MAX_ARTICLE_LINES = 20  # of those that one step drops, changes or merges; --json prints all


@dataclass(slots=True)
class StepReport:
    """What one step did to which article. `dropped` is by article key, newest first."""

    step: str
    dropped: dict[int, ArticleMembers] = field(default_factory=dict)
    changed: list[ArticleMembers] = field(default_factory=list)  # with the names of the changed `fields`
    merged: list[ArticleMembers] = field(default_factory=list)  # with the published id that each went `into`


@dataclass(frozen=True, slots=True)
class _NamedStep:
    """A step as it is shown and run; a selection passes on articles only as they are."""

    name: str
    apply: StepFunction
    is_selection: bool


def print_feed_preview(ctx: click.Context, feed_id: str, with_steps: bool, as_json: bool) -> None:
    """Print the articles of a feed, and if asked what each step did to them."""
    config = load_config(ctx)
    configuration.require_ids(config, "feed", [feed_id], config.feeds)
    feed = config.feeds[feed_id]
    with open_store(config) as store:
        sources = with_outlines(config.sources, store.outlines() if store else {})
        reading = Reading()
        with closing(_read_articles(store, sources, feed, reading)) as stored:  # a limit leaves a rest
            articles, reports = _select_articles(sources, feed, stored, reading, with_steps)
    if as_json:
        steps = [{**asdict(report), "dropped": list(report.dropped.values())} for report in reports]
        members = {"feed": feed_id, "articles": articles} | ({"steps": steps} if with_steps else {})
        print_json(members)
    else:
        print_lines(_feed_lines(feed, articles, reports))


def _read_articles(
    store: Store | None, sources: Mapping[str, Source], feed: Feed, reading: Reading
) -> Generator[Article]:
    """Yield the articles that a feed selects, before its steps; none where nothing was ever stored."""
    if store is not None:
        yield from store.articles(select_sources(feed, sources), feed.tags, lambda: reading.additions_since)


def _select_articles(
    sources: Mapping[str, Source], feed: Feed, articles: Iterator[Article], reading: Reading, with_steps: bool
) -> tuple[list[ArticleMembers], list[StepReport]]:
    """Return the articles that come out of all steps, and `with_steps` what each step did."""
    reports: list[StepReport] = []
    for step in _list_steps(sources, feed):
        if with_steps:
            reports.append(StepReport(step.name))
            articles = _record_step(reports[-1], step, articles)
        else:
            articles = step.apply(articles, reading.step_context())
    return [_article_members(article) for article in articles], reports


def _list_steps(sources: Mapping[str, Source], feed: Feed) -> Iterator[_NamedStep]:
    """Yield what is between the store and an edition, in the order of `pipeline.issue`."""
    source_steps = [step for source in sources.values() for step in source.steps]
    if source_steps:
        apply = partial(apply_source_steps, sources)
        yield _NamedStep("steps of the sources", apply, only_select(source_steps))
    for step in effective_steps(feed):
        yield _NamedStep(_step_name(step), partial(apply_steps, [step]), only_select([step]))


def _step_name(step: Step) -> str:
    """Return a step as the YAML has it, without its patterns: `drop: title`."""
    name = find_step_kind(step).name
    if isinstance(step, (Keep, Drop)):
        return f"{name}: {', '.join(condition.field for condition in step.conditions)}"
    return f"{name}: {step.count}" if isinstance(step, Limit) else name


def _record_step(report: StepReport, step: _NamedStep, articles: Iterator[Article]) -> Iterator[Article]:
    """Run a step and record what goes in and does not come out, or comes out as another, whichever way it works."""
    originals: dict[int, Article] = {}

    def record_input() -> Iterator[Article]:
        for article in articles:
            report.dropped[article.key] = _article_members(article)
            if not step.is_selection:
                originals[article.key] = article
            yield article

    def record_merge(article: Article, into: Article) -> None:
        report.dropped.pop(article.key, None)
        report.merged.append({**_article_members(article), "into": into.published_id})

    recorded = record_input()
    for article in step.apply(recorded, replace(STEP_CONTEXT, report_merge=record_merge)):
        report.dropped.pop(article.key, None)
        if names := _changed_fields(originals.pop(article.key, article), article):
            report.changed.append({**_article_members(article), "fields": names})
        yield article
    for _ in recorded:  # what a limit leaves unread is dropped as well
        originals.clear()


def _changed_fields(before: Article, after: Article) -> list[str]:
    if before is after:
        return []
    return [name for name in field_names(Article) if getattr(before, name) != getattr(after, name)]


def _article_members(article: Article) -> ArticleMembers:
    return {
        "id": article.published_id,
        "source": article.source_id,
        "title": article.title,
        "url": article.url,
        "date": format_rfc3339(article.position),
    }


def _feed_lines(feed: Feed, articles: list[ArticleMembers], reports: list[StepReport]) -> Iterator[str]:
    yield f"{style(sanitize_line(feed.title), bold=True)} ({format_count(len(articles), 'article')})"
    yield from map(_article_line, articles)
    for report in reports:
        yield from _report_lines(f"{style(report.step, bold=True)} drops", list(report.dropped.values()))
        if report.changed:
            yield from _report_lines(f"{style(report.step, bold=True)} changes", report.changed)
        if report.merged:
            yield from _report_lines(f"{style(report.step, bold=True)} merges", report.merged)


def _report_lines(heading: str, articles: list[ArticleMembers]) -> Iterator[str]:
    yield ""
    yield f"{heading} {format_count(len(articles), 'article')}"
    yield from map(_article_line, articles[:MAX_ARTICLE_LINES])
    if len(articles) > MAX_ARTICLE_LINES:
        yield f"  and {len(articles) - MAX_ARTICLE_LINES} more"


def _article_line(article: ArticleMembers) -> str:
    date = str(article["date"])[:16].replace("T", " ")
    line = f"  {date}  {sanitize_line(str(article['title']))} ({article['source']})"
    match article:
        case {"fields": list(names)}:
            return f"{line}: {', '.join(names)}"
        case {"into": published_id}:
            return f"{line} into {sanitize_line(str(published_id))}"
    return line
