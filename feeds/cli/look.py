"""The commands that look: preview, status."""

from __future__ import annotations

import mimetypes
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from .. import config as configuration
from .. import pipeline
from ..app import open_store, utcnow
from ..errors import ConfigError, SourceError
from ..fetch import Fetcher
from ..model import Config, Feed, Fetched, HostState, Kind, Ledger, Site, Source, SourceState, Visit
from ..parse import parse
from .common import ago, columns, common_options, config_path, count, print_json, start_logging

ANYONE = Site(title="preview", url="https://feeds.invalid/")  # who asks when there is no configuration


# ── preview ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@click.command()
@click.argument("places", nargs=-1, required=True, metavar="URL|SOURCE-ID|PATH...")
@click.option("--url", help="Where the file came from: makes its relative addresses absolute.")
@click.option("--header", "headers", multiple=True, metavar="'K: V'", help="An HTTP header that came with the file.")
@click.option("--allow-private", is_flag=True, help="Ask addresses inside this network too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON Feed 1.1; an array of them for several places.")
@common_options
@click.pass_context
def preview(
    ctx: click.Context,
    places: tuple[str, ...],
    url: str | None,
    headers: tuple[str, ...],
    allow_private: bool,
    as_json: bool,
) -> None:
    """Show what would be pulled from an address, a source or a file; store nothing."""
    start_logging(ctx)
    looked = [_look(ctx, place, url, headers, allow_private) for place in places]
    if as_json:
        print_json(looked[0] if len(looked) == 1 else looked)
    else:
        for place, seen in zip(places, looked, strict=True):
            click.echo(_describe(place, seen))
    if any("error" in seen for seen in looked):
        sys.exit(1)


def _look(
    ctx: click.Context, place: str, url: str | None, headers: tuple[str, ...], allow_private: bool
) -> dict[str, object]:
    """One place as a JSON Feed, or what is wrong with it under `error`."""
    try:
        if (path := Path(place)).is_file():
            return pipeline.read(path.read_bytes(), url, _headers(headers, path))
        answer = _ask(_source(ctx, place), allow_private)
        return pipeline.reading(parse(answer), utcnow())
    except SourceError as error:
        return {"error": error.sentence, "place": place}


def _headers(given: Sequence[str], path: Path) -> dict[str, str]:
    """The headers given, and a media type by the file's name when they hold none."""
    headers = {}
    for header in given:
        name, colon, value = header.partition(":")
        if not colon:
            raise click.BadParameter(f"{header!r} is no header; write 'Name: value'", param_hint="--header")
        headers[name.strip().lower()] = value.strip()
    if "content-type" not in headers and (guessed := mimetypes.guess_type(path.name)[0]):
        headers["content-type"] = guessed
    return headers


def _source(ctx: click.Context, place: str) -> Source:
    if "://" in place:
        return Source("preview", Kind.ANY, place)
    path = config_path(ctx)
    loaded = configuration.load(path, os.environ)
    if place not in loaded.sources:
        raise ConfigError([f"{path}: no source is called {place!r}, and there is no such file"])
    return loaded.sources[place]


def _ask(source: Source, allow_private: bool) -> Fetched:
    fetcher = Fetcher(ANYONE, allow=("0.0.0.0/0", "::/0") if allow_private else ())
    try:
        answer = fetcher.fetch(Visit(source, source.address, utcnow(), HostState("")))
    finally:
        fetcher.close()
    assert isinstance(answer, Fetched)  # nothing was sent that could be answered by 304
    return answer


def _describe(place: str, seen: Mapping[str, object]) -> str:
    if "error" in seen:
        return f"{place}: {seen['error']}"
    items = seen["items"]
    assert isinstance(items, list)
    rows = [[str(item.get("date_published", "no date"))[:16], str(item.get("title", "")), item["id"]] for item in items]
    return "\n".join([f"{seen['title']} ({count(len(items), 'article')})", *columns(rows).splitlines()])


# ── status ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@click.command()
@click.argument("source_id", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@common_options
@click.pass_context
def status(ctx: click.Context, source_id: str | None, as_json: bool) -> None:
    """Say how every source and feed stands, or all about one source."""
    start_logging(ctx)
    loaded = configuration.load(config_path(ctx), os.environ)
    now = utcnow()
    with open_store(loaded, now) as store:
        states, ledgers = store.states(), store.ledgers()
    if source_id is not None:
        states = [state for state in states if state.source_id == source_id]
        if not states:
            raise ConfigError([f"{loaded.path}: no source is called {source_id!r}"])
    if as_json:
        print_json({"sources": [_state_json(state) for state in states]})
        return
    rows = [[state.source_id, sentence(state, now)] for state in states]
    click.echo(configuration.masked(columns(rows), loaded))
    if source_id is None:
        click.echo()
        click.echo(columns([_feed_row(loaded, feed, ledgers.get(feed.id), now) for feed in loaded.feeds.values()]))


def sentence(state: SourceState, now: datetime) -> str:
    """How one source stands, in one sentence."""
    upcoming = f"next visit {ago(max(state.due_at, now), now)}"
    if state.failure is not None:
        since = ago(state.failing_since, now).removesuffix(" ago")
        history = f"failing for {since}, worked {ago(state.worked_at, now)}" if state.worked_at else "has never worked"
        return f"{history}: {state.failure.sentence}; {upcoming}"
    if state.last_at is None:
        return f"not visited yet; {upcoming}"
    news = f", newest {ago(state.newest, now)}" if state.newest else ""
    parts = [f"{count(state.articles, 'article')}{news}", *state.warnings]
    if state.pending:
        parts.append(f"{count(state.pending, 'story page')} to visit")
    if state.move:
        parts.append(f"it moved to {state.move.target}: change its address in the YAML")
    return f"{'; '.join(parts)}; {upcoming}"


def _feed_row(config: Config, feed: Feed, ledger: Ledger | None, now: datetime) -> list[str]:
    if ledger is None:
        return [feed.id, "not published yet"]
    sizes = [size for name in ledger.files if (size := _size(config.public / name))]
    return [feed.id, f"{len(sizes)} files, {sum(sizes) / 1000:.0f} kB; newest article {ago(ledger.updated, now)}"]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _state_json(state: SourceState) -> dict[str, object]:
    failure = state.failure
    return {
        "id": state.source_id,
        "url": state.url,
        "title": state.title,
        "articles": state.articles,
        "newest": _iso(state.newest),
        "last_visit": _iso(state.last_at),
        "worked": _iso(state.worked_at),
        "next_visit": _iso(state.due_at),
        "failures": state.failures,
        "failing_since": _iso(state.failing_since),
        "failure": failure and {"stage": failure.stage, "kind": failure.kind, "sentence": failure.sentence},
        "warnings": list(state.warnings),
    }


def _iso(when: datetime | None) -> str | None:
    return when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z") if when else None
