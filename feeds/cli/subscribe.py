"""The commands that move sources into and out of the configuration: add, import, export."""

from __future__ import annotations

import sys
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path

import click

from .. import config as configuration
from ..config.edit import NewSettings
from ..config.values import comparable_url, is_url
from ..errors import ConfigError, SourceError
from ..model import Config, Source
from ..normalize import make_source_id
from ..parse.opml import OpmlOutline, parse_opml
from ..registry import source_kinds
from ..render.opml import render_source_list
from .common import common_options, json_option, print_json, print_lines, start_logging, style
from .configuration import load_config, open_store, secret_mask
from .discovery import DiscoveredSource, complete_url, discover_sources, open_fetch
from .formatting import format_count, sanitize_line

# ── add ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@click.command()
@click.argument("url")
@click.option(
    "--id", "source_id", metavar="ID", help="The id of the source. The default is made from the feed's title."
)
@click.option("--yes", is_flag=True, help="Take the first one found, without a question.")
@json_option
@common_options
@click.pass_context
def add(ctx: click.Context, url: str, source_id: str | None, yes: bool, as_json: bool) -> None:
    """Find the feed behind a URL and add it to the configuration. Comments in the file stay.

    Found are: a feed; the feeds that a page links to; a sitemap that robots.txt names; the page's own list of stories.
    If there are several, a terminal asks which one; otherwise the first one, the likeliest, is taken.
    """
    start_logging(ctx)
    config, url = load_config(ctx), complete_url(url)
    if not url.lower().startswith(("http://", "https://")):
        raise click.UsageError(f"{url} is not a web address; write one such as https://example.org/feed")
    _refuse_duplicate(config, url)
    # A trial entry under the name to be: what the configuration would refuse is refused before anything is fetched.
    trial = configuration.propose_sources(config.path, [(source_id or make_source_id(None, url, config.sources), url)])
    with open_fetch(config, next(source for id, source in trial.sources.items() if id not in config.sources)) as fetch:
        try:
            offered = discover_sources(url, fetch)
        except SourceError as error:
            raise click.ClickException(error.sentence) from error
    if not as_json:
        print_lines(_offer_lines(offered), secret_mask(config))
    source = offered[0 if yes or as_json else _choose(offered)]
    _refuse_duplicate(config, source.url)
    id = source_id or make_source_id(source.title, source.url, config.sources)
    entry: str | NewSettings = source.url if source.kind == "feed" else {source.kind: source.url}
    configuration.add_sources(config.path, [(id, entry)])
    if as_json:
        found = [_offer_members(source) for source in offered]
        print_json({"id": id, "url": source.url, "candidates": found}, secret_mask(config))
    else:
        print_lines([f"added {id} ({sanitize_line(source.url)}) to {config.path}"], secret_mask(config))


def _refuse_duplicate(config: Config, url: str) -> None:
    """Raise ConfigError when a source has this address already."""
    for source in config.sources.values():
        if comparable_url(source.address) == comparable_url(url):
            raise ConfigError([f"{config.path}: {url} is declared already, as the source `{source.id}`"])


def _offer_lines(offered: Sequence[DiscoveredSource]) -> Iterator[str]:
    for number, source in enumerate(offered, 1):
        yield f"{number}. {style(sanitize_line(source.title) or '(no title)', bold=True)}"
        yield f"   {sanitize_line(source.url)} ({source.reader}, {format_count(source.articles, 'article')})"
        yield from (f"   · {sanitize_line(title)}" for title in source.newest)


def _choose(offered: Sequence[DiscoveredSource]) -> int:
    """Return the index of the source to add: on a terminal the answer to a question, otherwise 0."""
    if len(offered) == 1:
        return 0
    if sys.stdin.isatty() and sys.stdout.isatty():
        return int(click.prompt("Which one", type=click.IntRange(1, len(offered)), default=1)) - 1
    click.echo("The first one is taken; to add another, run `feeds add` with its address.")
    return 0


def _offer_members(source: DiscoveredSource) -> dict[str, object]:
    """Return the JSON members of a source on offer."""
    return {
        "url": source.url,
        "kind": source.kind,
        "title": source.title,
        "reader": source.reader,
        "newest": list(source.newest),
    }


# ── import ──────────────────────────────────────────────────────────────────────────────────────────────────────────

NOT_FEEDS: Mapping[str, str] = {
    "list": "another list: declare it as `opml:`",
    "page": "a page without the address of a feed: try `feeds add`",
}

SkippedOutline = tuple[str, str]  # URL, and the reason


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
@common_options
@click.pass_context
def import_(ctx: click.Context, file: Path, as_json: bool) -> None:
    """Add the subscriptions of an OPML file to the configuration, with its folders as tags.

    What is declared already is left alone.
    """
    start_logging(ctx)
    config = load_config(ctx)
    try:
        subscribed = parse_opml(file.read_bytes())
    except SourceError as error:
        raise click.ClickException(f"{file}: {error.sentence}") from error
    entries, skipped = _new_entries(subscribed, config)
    configuration.add_sources(config.path, list(entries.items()))
    if as_json:
        left_out = [{"url": url, "why": reason} for url, reason in skipped]
        print_json({"added": list(entries), "skipped": left_out}, secret_mask(config))
        return
    lines = [f"{id}: {sanitize_line(str(entry['feed']))}" for id, entry in entries.items()]
    lines += [f"left out: {sanitize_line(url)}: {reason}" for url, reason in skipped]
    lines += [f"{format_count(len(entries), 'source')} added to {config.path}, {len(skipped)} left out"]
    print_lines(lines, secret_mask(config))


def _new_entries(
    subscribed: Sequence[OpmlOutline], config: Config
) -> tuple[dict[str, NewSettings], list[SkippedOutline]]:
    """Return the entries to add, by their new ids, and the outlines that are left out."""
    urls = {comparable_url(source.address) for source in config.sources.values()}
    ids = set(config.sources)
    entries: dict[str, NewSettings] = {}
    skipped: list[SkippedOutline] = []
    for outline in subscribed:
        url = complete_url(outline.feed_url)
        if reason := _reason_to_skip(outline, url, urls):
            skipped.append((url, reason))
            continue
        id = make_source_id(outline.title, url, ids)
        ids.add(id)
        urls.add(comparable_url(url))
        entries[id] = {"feed": url} | ({"tags": outline.categories} if outline.categories else {})
    return entries, skipped


def _reason_to_skip(outline: OpmlOutline, url: str, urls: Container[str]) -> str:
    if outline.kind in NOT_FEEDS:
        return NOT_FEEDS[outline.kind]
    if not is_url(url):
        return "not a web address"
    return "declared already" if comparable_url(url) in urls else ""


# ── export ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@click.command()
@common_options
@click.pass_context
def export(ctx: click.Context) -> None:
    """Print the sources as OPML, for other feed readers.

    Left out are sources that other readers cannot fetch or must not see: files, sitemaps, private sources, and
    addresses that hold a secret.
    """
    start_logging(ctx)
    config = load_config(ctx)
    with open_store(config) as store:
        titles = (
            {state.source_id: secret_mask(config)(state.title or "") for state in store.statuses()} if store else {}
        )
    sources = [source for source in config.sources.values() if _is_exportable(source, config)]
    click.echo(render_source_list(config.site.title, sources, titles), nl=False)
    if left_out := [source.id for source in config.sources.values() if source not in sources]:
        click.echo(f"left out: {', '.join(left_out)}", err=True)


def _is_exportable(source: Source, config: Config) -> bool:
    is_public = not source.private and secret_mask(config)(source.address) == source.address
    return source_kinds()[source.kind].outline is not None and source.root is None and is_public
