"""The status of an installation beside its configuration: what `feeds status` and the operator's page report."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from .. import config as configuration
from ..formatting import format_time
from ..model import Config, Feed, FeedStatus, InstallationStatus, Kind, Source, SourceStatus, WebhookState, replace
from ..publish import open_target
from ..store import SqlStore
from .declarations import expand_feeds, with_outlines
from .health import read_problems
from .installation_status import read_status
from .source_sentence import ConditionGroup, SourceReport, find_group

GROUPS = list(ConditionGroup)
_NO_WEBHOOK = WebhookState()


@dataclass(frozen=True)
class StatusReport:
    """The status of an installation beside its configuration, at one time.

    `states` are those of the sources by id, `outlines` the number of the outlines of each OPML list, `problems` those
    of the installation as a whole, `store_size` the bytes of the database, `webhook` what that of `on_publish` was
    told.
    """

    config: Config
    now: datetime
    status: InstallationStatus
    states: Mapping[str, SourceStatus]
    outlines: Mapping[str, int]
    problems: Sequence[str] = ()
    feeds: Mapping[str, Feed] = field(default_factory=dict)  # those that are published, with what `each` stands for
    store_size: int = 0
    webhook: WebhookState = _NO_WEBHOOK

    @cached_property
    def sources(self) -> Sequence[SourceReport]:
        """Return a report for every declared source and every outline of an OPML list, the sick first."""
        return [source for group in GROUPS for source in self.by_group[group]]

    @cached_property
    def by_group(self) -> Mapping[ConditionGroup, Sequence[SourceReport]]:
        """Return the reports of the sources by how they are, each group sorted by id."""
        groups: dict[ConditionGroup, list[SourceReport]] = {group: [] for group in GROUPS}
        for id in sorted(self.config.sources.keys() | self.states.keys()):
            source = self.find_source(id)
            groups[find_group(source)].append(source)
        return groups

    def find_source(self, id: str) -> SourceReport:
        """Return the report for a source or an outline. Raises ConfigError when there is none of that id."""
        state = self.states.get(id)
        if state is None or id in self.config.sources:
            source = _find_declared(self.config, id)
        else:
            opml = _find_declared(self.config, id.partition("/")[0])
            source = replace(opml, id=id, kind=Kind.FEED, address=state.url)
        feeds = self.config.feeds.values() if source.unlisted else ()
        left_out_of = tuple(
            feed.id for feed in feeds if not feed.tags and configuration.find_left_out(feed, {id: source})
        )
        return SourceReport(
            source, state, self.now, left_out_of, self.outlines.get(id, 0), self.status.articles.get(id, 0)
        )


def _find_declared(config: Config, id: str) -> Source:
    if id not in config.sources:  # to say which id is near to it takes long
        configuration.require_ids(config, "source", [id], config.sources)
    return config.sources[id]


def find_webhook_problems(state: WebhookState) -> Iterator[str]:
    """Yield since when and why the webhook of `on_publish` fails, if it does."""
    if state.failing_since is not None:
        since = format_time(state.failing_since)
        yield f"the webhook of `on_publish` has not been told what is new since {since}: {state.error}"


def read_report(config: Config, now: datetime) -> StatusReport:
    """Read the store, if there is one; nothing is created or changed."""
    # Without declarations, which only visits and articles need.
    with SqlStore.open_read_only(config.database) or nullcontext() as store:
        if store is None:
            feeds = tuple(FeedStatus(feed.id, feed.title) for feed in config.feeds.values())
            return StatusReport(config, now, InstallationStatus(feeds=feeds), {}, {})
        outlines = store.outlines()
        sources = with_outlines(config.sources, outlines)
        expanded = expand_feeds(config, sources, store, store.ledgers().keys())
        size = store.size()
        webhook = store.webhook() if config.on_publish else WebhookState()
        status = read_status(expanded, sources.keys(), store, open_target(config.public, config.site.compress))
    states = {state.source_id: state for state in status.sources}
    outline_counts = {id: len(lines) for id, lines in outlines.items()}
    problems = [*read_problems(config, now), *find_webhook_problems(webhook)]
    return StatusReport(config, now, status, states, outline_counts, problems, expanded.feeds, size, webhook)
