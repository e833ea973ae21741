"""The commands that bring sources in and out: add, import, export."""

from __future__ import annotations

import sys
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path

import click

from .. import config as configuration
from ..config.edit import NewSettings
from ..config.values import is_url
from ..errors import ConfigError, SourceError
from ..model import Config, Source
from ..normalize import id_for
from ..parse.opml import OpmlOutline, parse_opml
from ..render.opml import SPELLED, subscriptions
from .common import common_options, json_option, print_json, print_lines, start_logging, styled
from .configuration import load, looking, mask
from .discovery import DiscoveredSource, Fetch, behind, fetching, same, web_address
from .formatting import count, line

# ── add ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@click.command()
@click.argument("url")
@click.option("--id", "source_id", help="The id of the source; by default it is made of the feed's title.")
@click.option("--yes", is_flag=True, help="Take the likeliest feed without asking.")
@json_option
@common_options
@click.pass_context
def add(ctx: click.Context, url: str, source_id: str | None, yes: bool, as_json: bool) -> None:
    """Find what can be followed behind an address, and add it to the configuration.

    That is a feed, the feeds that a page leads to, a sitemap that robots.txt names, or the page's own list of stories.

    On a terminal you are asked which one; otherwise the likeliest is taken. Comments in the file stay.
    """
    start_logging(ctx)
    config, url = load(ctx), web_address(url)
    _refuse_known(config, url)
    # A trial entry under the name to be: what the configuration would refuse is refused before anything is fetched.
    trial = configuration.proposed(config.path, [(source_id or id_for(None, url, config.sources), url)])
    with fetching(config, next(source for id, source in trial.sources.items() if id not in config.sources)) as fetch:
        offered = _behind(url, fetch)
    if not as_json:
        print_lines(_offer(offered), mask(config))
    chosen = offered[0 if yes or as_json else _choice(offered)]
    _refuse_known(config, chosen.url)
    name = source_id or id_for(chosen.title, chosen.url, config.sources)
    entry: str | NewSettings = chosen.url if chosen.kind == "feed" else {chosen.kind: chosen.url}
    configuration.add_sources(config.path, [(name, entry)])
    if as_json:
        print_json({"id": name, "url": chosen.url, "candidates": [_told(found) for found in offered]}, mask(config))
    else:
        print_lines([f"added {name}: {line(chosen.url)} to {config.path}"], mask(config))


def _refuse_known(config: Config, url: str) -> None:
    known = next((source.id for source in config.sources.values() if same(source.address) == same(url)), None)
    if known is not None:
        raise ConfigError([f"{config.path}: {url} is there already, as the source {known}"])


def _behind(url: str, fetch: Fetch) -> list[DiscoveredSource]:
    try:
        return behind(url, fetch)
    except SourceError as error:
        raise click.ClickException(error.sentence) from error


def _offer(offered: Sequence[DiscoveredSource]) -> Iterator[str]:
    for number, found in enumerate(offered, 1):
        yield f"{number}. {styled(line(found.title) or '(no title)', bold=True)}"
        yield f"   {line(found.url)} ({found.reader}, {count(found.articles, 'article')})"
        yield from (f"   · {line(title)}" for title in found.newest)


def _choice(offered: Sequence[DiscoveredSource]) -> int:
    """Which one: asked for on a terminal where there are several, and otherwise the first."""
    if len(offered) == 1:
        return 0
    if sys.stdin.isatty() and sys.stdout.isatty():
        return int(click.prompt("Which one", type=click.IntRange(1, len(offered)), default=1)) - 1
    click.echo("The first one is taken; `feeds add` with the address of another takes that.")
    return 0


def _told(found: DiscoveredSource) -> dict[str, object]:
    told = {"url": found.url, "kind": found.kind, "title": found.title, "reader": found.reader}
    return {**told, "newest": list(found.newest)}


# ── import ──────────────────────────────────────────────────────────────────────────────────────────────────────────

NOT_FEEDS: Mapping[str, str] = {
    "list": "another list: declare it as `opml:`",
    "page": "a page without the address of a feed: try `feeds add`",
}

Skipped = tuple[str, str]  # what, and why


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
@common_options
@click.pass_context
def import_(ctx: click.Context, file: Path, as_json: bool) -> None:
    """Add the subscriptions of an OPML file to the configuration, its folders as tags; what is there already stays."""
    start_logging(ctx)
    config = load(ctx)
    try:
        listed = parse_opml(file.read_bytes())
    except SourceError as error:
        raise click.ClickException(f"{file}: {error.sentence}") from error
    entries, skipped = _wanted(listed, config)
    configuration.add_sources(config.path, list(entries.items()))
    if as_json:
        told = [{"url": what, "why": why} for what, why in skipped]
        print_json({"added": list(entries), "skipped": told}, mask(config))
        return
    lines = [f"{name}: {line(str(entry['feed']))}" for name, entry in entries.items()]
    lines += [f"left out: {line(what)}: {why}" for what, why in skipped]
    print_lines(
        [*lines, f"{count(len(entries), 'source')} added to {config.path}, {len(skipped)} left out"], mask(config)
    )


def _wanted(listed: Sequence[OpmlOutline], config: Config) -> tuple[dict[str, NewSettings], list[Skipped]]:
    """The entries to add, by their new ids, and what is left out."""
    known = {same(source.address) for source in config.sources.values()}
    taken = set(config.sources)
    entries: dict[str, NewSettings] = {}
    skipped: list[Skipped] = []
    for outline in listed:
        url = web_address(outline.feed_url)
        why = _why_not(outline, url, known)
        if why:
            skipped.append((url, why))
            continue
        name = id_for(outline.title, url, taken)
        taken.add(name)
        known.add(same(url))
        entries[name] = {"feed": url} | ({"tags": outline.categories} if outline.categories else {})
    return entries, skipped


def _why_not(outline: OpmlOutline, url: str, known: Container[str]) -> str:
    if outline.kind in NOT_FEEDS:
        return NOT_FEEDS[outline.kind]
    if not is_url(url):
        return "no address that can be visited"
    return "there already" if same(url) in known else ""


# ── export ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@click.command()
@common_options
@click.pass_context
def export(ctx: click.Context) -> None:
    """Print the sources as OPML, for other feed readers.

    Left out is what others cannot read or must not see: our own files, sitemaps, and what is private or holds a secret.
    """
    start_logging(ctx)
    config = load(ctx)
    with looking(config) as store:
        titles = {state.source_id: mask(config)(state.title or "") for state in store.states()} if store else {}
    given = [source for source in config.sources.values() if _shared(source, config)]
    click.echo(subscriptions(config.site.title, given, titles), nl=False)
    if kept := [source.id for source in config.sources.values() if source not in given]:
        click.echo(f"left out: {', '.join(kept)}", err=True)


def _shared(source: Source, config: Config) -> bool:
    is_open = not source.private and configuration.masked(source.address, config) == source.address
    return source.kind in SPELLED and source.root is None and is_open
