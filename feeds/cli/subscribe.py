"""The commands that move sources into and out of the configuration: add, import, export."""

from __future__ import annotations

import os
import sys
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import click

from .. import config as configuration
from .. import pipeline
from ..app.operations import OperationProgress
from ..config.edit import NewSettings
from ..config.values import comparable_url, is_url
from ..errors import ConfigError, FailureKind, SourceError
from ..formatting import format_count, sanitize_line
from ..model import Config, Source
from ..normalize import make_source_id
from ..parse.opml import OpmlOutline, parse_opml
from ..registry import source_kinds
from ..render.opml import render_source_list
from .addresses import complete_url, is_web_address, list_urls, open_fetch
from .common import common_options, is_quiet, json_option, print_json, print_lines, start_logging, style
from .configuration import load_config, open_store, secret_mask
from .discovery import DiscoveredSource, describe, discover_sources, is_local, locate_files
from .progress import ShowProgress, show_progress

MISSING_STATUSES = frozenset({404, 410})
LOGIN_STATUSES = frozenset({401, 403})
BY_HAND_KINDS = frozenset({FailureKind.LOGIN, FailureKind.REFUSED})  # they need a setting

# ── add ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@click.command()
@click.argument("place", metavar="URL|PATH")
@click.option(
    "--id", "source_id", metavar="ID", help="The id of the source. The default is made from the feed's title."
)
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="A tag for its articles; may be repeated.")
@click.option("--every", metavar="DURATION", help="The interval between two visits, such as 2h.")
@click.option("--yes", is_flag=True, help="Take the first one found, without a question.")
@json_option
@common_options
@click.pass_context
def add(
    ctx: click.Context,
    place: str,
    source_id: str | None,
    tags: tuple[str, ...],
    every: str | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Find what can be followed at an address or in a file, and add it to the configuration. Its comments stay.

    An address may be that of a feed, a page that names feeds, a sitemap, an OPML list, or a page that lists stories; a
    path that of a feed, an OPML list, or stories of our own. If there are several feeds, a terminal asks which one;
    otherwise the first one, the likeliest, is taken.
    """
    start_logging(ctx)
    config = load_config(ctx)
    settings: dict[str, str | Sequence[str]] = {
        **({"tags": list(tags)} if tags else {}),
        **({"every": every} if every else {}),
    }
    adding = _Adding(config, source_id, settings)
    try:
        offered = adding.find_files(place) if is_local(place) else adding.find_urls(place)
    except SourceError as error:
        raise click.ClickException(f"{error.sentence}{_next_step(error, place)}") from error
    if not as_json and not is_quiet(ctx):
        print_lines(_offer_lines(offered))
    source = offered[0 if yes or as_json or is_quiet(ctx) else _choose(offered)]
    id, entry = adding.make_entry(source)
    configuration.add_sources(config.path, [(id, entry)])
    if as_json:
        found = [_offer_members(source) for source in offered]
        print_json({"id": id, "url": source.url, "candidates": found})
    elif not is_quiet(ctx):
        print_lines(
            [
                f"added {id} ({source.kind}: {sanitize_line(source.url)}) to {config.path}",
                f"`feeds run {id}` pulls it now; a running daemon does so by itself.",
            ]
        )


@dataclass(frozen=True, slots=True)
class _Adding:
    """The source that is to be added: its id where one was given, and its settings."""

    config: Config
    source_id: str | None
    settings: NewSettings

    def find_urls(self, place: str) -> list[DiscoveredSource]:
        """Return what can be followed on the web and is not declared yet."""
        urls = list_urls(place)
        if not is_web_address(place) or not urls[0].lower().startswith(("http://", "https://")):
            raise click.UsageError(
                f"{place} is neither a web address such as https://example.org/feed, nor a file here"
            )
        self._refuse_declared(urls[0])
        trial = self._propose("feed", urls[0])
        with open_fetch(trial, self.config) as fetch:
            offered = discover_sources(urls, fetch)
        new = [source for source in offered if self._find_declared(source.url) is None]
        if not new:
            self._refuse_declared(offered[0].url)
        return new

    def find_files(self, place: str) -> list[DiscoveredSource]:
        """Return the feed, the OPML list or the stories in local files."""
        kind, address = locate_files(place, self.config.path.parent)
        self._refuse_declared(address)
        trial = self._propose(kind, address)
        with open_fetch(trial, self.config) as fetch:
            response = fetch(trial.address)
        return [describe(pipeline.parse_document(response, trial), response, address, kind)]

    def make_entry(self, source: DiscoveredSource) -> tuple[str, NewSettings | str]:
        """Return the id and the YAML of a source; a feed without settings has the short form."""
        id = self.source_id or make_source_id(source.title, source.url, self.config.sources)
        is_short = source.kind == "feed" and is_url(source.url) and not self.settings
        return id, source.url if is_short else {source.kind: source.url, **self.settings}

    def _propose(self, kind: str, address: str) -> Source:
        """Return the source as it would be declared. What the configuration would refuse is refused here."""
        id = self.source_id or make_source_id(None, address, self.config.sources)
        trial = configuration.propose_sources(self.config.path, [(id, {kind: address, **self.settings})])
        return next(source for id, source in trial.sources.items() if id not in self.config.sources)

    def _find_declared(self, address: str) -> str | None:
        """Return the id of the source that has this address already."""
        place = address if is_url(address) else os.path.normpath(self.config.path.parent.absolute() / address)
        for source in self.config.sources.values():
            if comparable_url(source.place) == comparable_url(place):
                return source.id
        return None

    def _refuse_declared(self, address: str) -> None:
        """Raise ConfigError when a source has this address already."""
        if (id := self._find_declared(address)) is not None:
            raise ConfigError([f"{self.config.path}: {address} is declared already, as the source `{id}`"])


def _next_step(error: SourceError, place: str) -> str:
    """Return a sentence on what to try after an address failed, beginning with a space; empty where there is none."""
    parts = urlsplit(complete_url(place))
    if error.status in MISSING_STATUSES and parts.path.strip("/"):
        return f" `feeds add {parts.netloc}` looks for a feed on the front page of the site."
    if error.status in LOGIN_STATUSES or error.kind in BY_HAND_KINDS:
        return " Write such a source into the YAML by hand; `feeds preview SOURCE-ID` then shows whether it works."
    return ""


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
    with show_progress() as progress:
        entries, skipped = _new_entries(subscribed, config, progress)
        progress(OperationProgress(len(subscribed), len(subscribed), f"feeds read, adding {len(entries)}"))
        configuration.add_sources(config.path, list(entries.items()))
    if as_json:
        left_out = [{"url": url, "why": reason} for url, reason in skipped]
        print_json({"added": list(entries), "skipped": left_out})
        return
    if is_quiet(ctx):
        return
    lines = [f"{id}: {sanitize_line(str(entry['feed']))}" for id, entry in entries.items()]
    lines += [f"left out: {sanitize_line(url)}: {reason}" for url, reason in skipped]
    lines += [f"{format_count(len(entries), 'source')} added to {config.path}, {len(skipped)} left out"]
    print_lines(lines)


def _new_entries(
    subscribed: Sequence[OpmlOutline], config: Config, progress: ShowProgress
) -> tuple[dict[str, NewSettings], list[SkippedOutline]]:
    """Return the entries to add, by their new ids, and the outlines that are left out."""
    urls = {comparable_url(source.address) for source in config.sources.values()}
    ids = set(config.sources)
    entries: dict[str, NewSettings] = {}
    skipped: list[SkippedOutline] = []
    for number, outline in enumerate(subscribed):
        progress(OperationProgress(number, len(subscribed), f"feeds read, {len(entries)} new"))
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
        found = store.source_titles() if store else {}
        titles = {id: secret_mask(config)(title) for id, title in found.items()}
    sources = [source for source in config.sources.values() if _is_exportable(source, config)]
    click.echo(render_source_list(config.site.title, sources, titles), nl=False)
    if left_out := [source.id for source in config.sources.values() if source not in sources]:
        click.echo(f"left out (see `feeds export --help`): {', '.join(left_out)}", err=True)


def _is_exportable(source: Source, config: Config) -> bool:
    is_public = not source.private and secret_mask(config)(source.address) == source.address
    return source_kinds()[source.kind].outline is not None and source.root is None and is_public
