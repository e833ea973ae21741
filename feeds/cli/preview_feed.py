"""`preview --feed`: which articles a feed would hold, and what each of its steps does to which article."""

from __future__ import annotations

from collections.abc import Iterator

import click

from .. import config as configuration
from ..app.declarations import expand_feeds, with_outlines
from ..app.feed_preview import preview_feed
from ..app.step_report import ArticleMembers, StepReport
from ..formatting import format_count, sanitize_line
from ..model import Feed
from .common import print_json, print_lines, style
from .configuration import load_config, open_store
from .step_report import article_line, report_lines


def print_feed_preview(ctx: click.Context, feed_id: str, with_steps: bool, as_json: bool) -> None:
    """Print the articles of a feed, and if asked what each step did to them."""
    config = load_config(ctx)
    with open_store(config) as store:
        sources = with_outlines(config.sources, store.outlines() if store else {})
        if store:
            config = expand_feeds(config, sources, store, store.ledgers().keys())
        configuration.require_ids(config, "feed", [feed_id], config.feeds)
        feed = config.feeds[feed_id]
        articles, reports = preview_feed(store, sources, feed, with_steps=with_steps)
    if as_json:
        steps = [report.members() for report in reports]
        members = {"feed": feed_id, "articles": articles} | ({"steps": steps} if with_steps else {})
        print_json(members)
    else:
        print_lines(_feed_lines(feed, articles, reports))


def _feed_lines(feed: Feed, articles: list[ArticleMembers], reports: list[StepReport]) -> Iterator[str]:
    yield f"{style(sanitize_line(feed.title), bold=True)} ({format_count(len(articles), 'article')})"
    yield from map(article_line, articles)
    for report in reports:
        yield from report_lines(report)
