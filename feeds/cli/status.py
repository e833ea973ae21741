"""`status`: how every source and feed stands; it only reads, whoever holds the lock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import click

from ..model import Config, Cron, Feed, Ledger, Schedule, Source, SourceState
from .common import common_options, json_option, present, print_json, print_lines, start_logging, styled, utcnow
from .configured import load, looking, mask, source_of
from .standing import Standing, condition, sentence
from .words import ago, columns, count, iso, line, size, span, stamp

NOTHING_YET = "Nothing was pulled yet: `feeds run` does that once, `feeds daemon` all the time."


@dataclass(frozen=True, slots=True)
class Report:
    """All that is known: `began` is none when nothing was ever pulled."""

    config: Config
    now: datetime
    began: datetime | None
    states: Mapping[str, SourceState]
    ledgers: Mapping[str, Ledger]

    def standings(self) -> list[Standing]:
        """Every declared source, and each outline of an `opml:` source under it."""
        sources = self.config.sources
        members = [name for name in self.states if name not in sources and name.partition("/")[0] in sources]
        named = {name: sources[name.partition("/")[0]] for name in (*sources, *members)}
        return [Standing(named[name], self.states.get(name), self.now) for name in sorted(named)]


@click.command()
@click.argument("source_id", required=False, metavar="[SOURCE-ID]")
@json_option
@common_options
@click.pass_context
def status(ctx: click.Context, source_id: str | None, as_json: bool) -> None:
    """Say how every source and feed stands in one sentence each, or all about one source."""
    start_logging(ctx)
    config = load(ctx)
    report = gather(config)
    if source_id is not None:
        standing = Standing(source_of(config, source_id), report.states.get(source_id), report.now)
        printed, lines = source_facts(standing), one_source(standing)
    else:
        printed, lines = everything(report), overview(report)
    if as_json:
        print_json(printed, mask(config))
    else:
        print_lines(lines, mask(config))


def gather(config: Config) -> Report:
    """What the store holds, if there is one; nothing is made or changed."""
    with looking(config) as store:
        if store is None:
            return Report(config, utcnow(), None, {}, {})
        states = {state.source_id: state for state in store.states()}
        return Report(config, utcnow(), store.created, states, store.ledgers())
