"""`preview --feed`: which articles a feed would hold, and which of them each of its steps drops."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import click

from ..compose import plan
from ..model import Article, Config, Drop, Feed, Keep, Step
from ..steps import apply, apply_per_source
from .common import print_json, print_lines, styled
from .configuration import load, looking, mask, must_be_known
from .formatting import count, iso, line

_Stage = Callable[[Iterator[Article]], Iterator[Article]]
Brief = dict[str, object]
SHOWN = 20  # dropped articles of one step, unless all are asked for with --json


@dataclass(frozen=True, slots=True)
class Dropped:
    """What one step dropped: article key → article in brief, newest first."""

    step: str
    articles: dict[int, Brief] = field(default_factory=dict)


def show(ctx: click.Context, feed_id: str, steps: bool, as_json: bool) -> None:
    """Print the articles of a feed, and with `steps` what each step dropped."""
    config = load(ctx)
    must_be_known(config, "feed", [feed_id], config.feeds)
    feed = config.feeds[feed_id]
    with looking(config) as store:
        stored = store.articles(feed.sources or config.sources.keys(), feed.tags) if store else iter(())
        kept, dropped = select(config, feed, stored, noted=steps)
    if as_json:
        told = [{"step": one.step, "dropped": list(one.articles.values())} for one in dropped]
        print_json({"feed": feed_id, "articles": kept} | ({"steps": told} if steps else {}), mask(config))
    else:
        print_lines(_lines(feed, kept, dropped), mask(config))


def select(
    config: Config, feed: Feed, articles: Iterator[Article], *, noted: bool
) -> tuple[list[Brief], list[Dropped]]:
    """The articles that come through, and if they are to be noted, those that each step dropped."""
    dropped: list[Dropped] = []
    for name, stage in _stages(config, feed):
        if noted:
            dropped.append(Dropped(name))
            articles = _noting(dropped[-1], stage, articles)
        else:
            articles = stage(articles)
    return [_brief(article) for article in articles], dropped


def _stages(config: Config, feed: Feed) -> Iterator[tuple[str, _Stage]]:
    """What stands between the store and an edition, in order, as `pipeline.issue` has it."""
    if any(source.steps for source in config.sources.values()):
        yield "steps of the sources", partial(apply_per_source, config.sources)
    for step in plan(feed):
        yield _name(step), partial(apply, [step])


def _name(step: Step) -> str:
    """The step as the YAML has it, without its patterns: `drop: title`."""
    kind = type(step).__name__.lower()
    if isinstance(step, (Keep, Drop)):
        return f"{kind}: {', '.join(condition.field for condition in step.conditions)}"
    return f"{kind}: {step.count}"


def _noting(dropped: Dropped, stage: _Stage, articles: Iterator[Article]) -> Iterator[Article]:
    """Run a stage; whatever goes in and does not come out is noted, whichever way the stage works."""

    def noted() -> Iterator[Article]:
        for article in articles:
            dropped.articles[article.key] = _brief(article)
            yield article

    going_in = noted()
    for article in stage(going_in):
        dropped.articles.pop(article.key, None)
        yield article
    for _ in going_in:  # what a limit leaves unread is dropped as well
        pass


def _brief(article: Article) -> Brief:
    return {
        "id": article.published_id,
        "source": article.source_id,
        "title": article.title,
        "url": article.url,
        "date": iso(article.position),
    }


def _lines(feed: Feed, kept: list[Brief], dropped: list[Dropped]) -> Iterator[str]:
    yield f"{styled(line(feed.title), bold=True)} ({count(len(kept), 'article')})"
    yield from map(_line, kept)
    for one in dropped:
        yield ""
        yield f"{styled(one.step, bold=True)} drops {count(len(one.articles), 'article')}"
        yield from map(_line, list(one.articles.values())[:SHOWN])
        if len(one.articles) > SHOWN:
            yield f"  and {len(one.articles) - SHOWN} more"


def _line(brief: Brief) -> str:
    date = str(brief["date"])[:16].replace("T", " ")
    return f"  {date}  {line(str(brief['title']))} ({brief['source']})"
