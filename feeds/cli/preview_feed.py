"""`preview --feed`: which articles a feed would hold, and which articles each of its steps drops."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import click

from ..compose import effective_steps
from ..model import Article, Config, Drop, Feed, Keep, Step
from ..steps import apply_source_steps, apply_steps
from .common import print_json, print_lines, style
from .configuration import load_config, open_store, require_ids, secret_mask
from .formatting import format_count, format_rfc3339, sanitize_line

StepFunction = Callable[[Iterator[Article]], Iterator[Article]]
ArticleMembers = dict[str, object]  # what is shown of an article, as JSON members
MAX_DROPPED_LINES = 20  # of one step; --json prints all


@dataclass(frozen=True, slots=True)
class DroppedArticles:
    """The articles that one step dropped, by article key, newest first."""

    step: str
    articles: dict[int, ArticleMembers] = field(default_factory=dict)


def print_feed_preview(ctx: click.Context, feed_id: str, with_steps: bool, as_json: bool) -> None:
    """Print the articles of a feed, and if asked those that each step dropped."""
    config = load_config(ctx)
    require_ids(config, "feed", [feed_id], config.feeds)
    feed = config.feeds[feed_id]
    with open_store(config) as store:
        stored = store.articles(feed.sources or config.sources.keys(), feed.tags) if store else iter(())
        articles, dropped = _select_articles(config, feed, stored, with_steps)
    if as_json:
        steps = [{"step": drop.step, "dropped": list(drop.articles.values())} for drop in dropped]
        members = {"feed": feed_id, "articles": articles} | ({"steps": steps} if with_steps else {})
        print_json(members, secret_mask(config))
    else:
        print_lines(_feed_lines(feed, articles, dropped), secret_mask(config))


def _select_articles(
    config: Config, feed: Feed, articles: Iterator[Article], with_steps: bool
) -> tuple[list[ArticleMembers], list[DroppedArticles]]:
    """Return the articles that pass all steps, and `with_steps` those that each step dropped."""
    dropped: list[DroppedArticles] = []
    for name, step in _named_steps(config, feed):
        if with_steps:
            dropped.append(DroppedArticles(name))
            articles = _record_dropped(dropped[-1], step, articles)
        else:
            articles = step(articles)
    return [_article_members(article) for article in articles], dropped


def _named_steps(config: Config, feed: Feed) -> Iterator[tuple[str, StepFunction]]:
    """Yield what is between the store and an edition, in the order of `pipeline.issue`."""
    if any(source.steps for source in config.sources.values()):
        yield "steps of the sources", partial(apply_source_steps, config.sources)
    for step in effective_steps(feed):
        yield _step_name(step), partial(apply_steps, [step])


def _step_name(step: Step) -> str:
    """Return a step as the YAML has it, without its patterns: `drop: title`."""
    kind = type(step).__name__.lower()
    if isinstance(step, (Keep, Drop)):
        return f"{kind}: {', '.join(condition.field for condition in step.conditions)}"
    return f"{kind}: {step.count}"


def _record_dropped(dropped: DroppedArticles, step: StepFunction, articles: Iterator[Article]) -> Iterator[Article]:
    """Run a step and record every article that goes in and does not come out, whichever way the step works."""

    def record_input() -> Iterator[Article]:
        for article in articles:
            dropped.articles[article.key] = _article_members(article)
            yield article

    recorded = record_input()
    for article in step(recorded):
        dropped.articles.pop(article.key, None)
        yield article
    for _ in recorded:  # what a limit leaves unread is dropped as well
        pass


def _article_members(article: Article) -> ArticleMembers:
    return {
        "id": article.published_id,
        "source": article.source_id,
        "title": article.title,
        "url": article.url,
        "date": format_rfc3339(article.position),
    }


def _feed_lines(feed: Feed, articles: list[ArticleMembers], dropped: list[DroppedArticles]) -> Iterator[str]:
    yield f"{style(sanitize_line(feed.title), bold=True)} ({format_count(len(articles), 'article')})"
    yield from map(_article_line, articles)
    for drop in dropped:
        yield ""
        yield f"{style(drop.step, bold=True)} drops {format_count(len(drop.articles), 'article')}"
        yield from map(_article_line, list(drop.articles.values())[:MAX_DROPPED_LINES])
        if len(drop.articles) > MAX_DROPPED_LINES:
            yield f"  and {len(drop.articles) - MAX_DROPPED_LINES} more"


def _article_line(article: ArticleMembers) -> str:
    date = str(article["date"])[:16].replace("T", " ")
    return f"  {date}  {sanitize_line(str(article['title']))} ({article['source']})"
