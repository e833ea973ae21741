"""`preview`: what would be pulled, or what a feed would hold. Nothing is stored, and no configuration is needed."""

from __future__ import annotations

import mimetypes
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from .. import pipeline
from ..errors import FailureKind, FetchError, SourceError
from ..formatting import format_count, format_size, sanitize_line
from ..model import Fetched, Source
from ..networks import PRIVATE_NETWORKS
from .addresses import Fetch, fetch_first, is_web_address, list_urls, open_fetch
from .common import (
    common_options,
    json_option,
    print_json,
    print_lines,
    start_logging,
    style,
    utcnow,
    verbosity,
)

LOGIN_STATUSES = frozenset({401, 403})
SOURCE_ID = re.compile(r"[a-z0-9][a-z0-9_/-]*")
INDENT = " " * 18

JsonObject = Mapping[str, Any]
Preview = dict[str, object]  # a JSON Feed, or `error` and `place`


class Header(click.ParamType[tuple[str, str]]):
    """`Name: value`."""

    name = "header"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Return the name in lower case, and the value."""
        header_name, colon, header_value = str(value).partition(":")
        if not colon or not header_name.strip():
            self.fail(f"{value!r} is not a header; write 'Name: value'", param, ctx)
        return header_name.strip().lower(), header_value.strip()


@dataclass(frozen=True, slots=True)
class PreviewOptions:
    """How to read the places: where the files came from, headers, what the places are, and which networks are allowed.

    `headers` are those that came with a file, or that are sent to an address.
    """

    url: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    read_as: pipeline.ReadAs | None = None
    allow_private: bool = False

    def make_source(self, address: str) -> Source:
        """Return a source for an address that is not declared."""
        return pipeline.source_to_read(self.read_as, address, self.headers)


@click.command()
@click.argument("places", nargs=-1, metavar="URL|SOURCE-ID|PATH...")
@click.option("--url", metavar="URL", help="Where the files came from: makes their relative addresses absolute.")
@click.option(
    "--header",
    "headers",
    type=Header(),
    multiple=True,
    metavar="'K: V'",
    help="A header that came with the files, or that is sent to the addresses.",
)
@click.option(
    "--as",
    "read_as",
    type=click.Choice(["story", "list", "feed"]),
    help="What the files or URLs are, instead of a guess.",
)
@click.option("--allow-private", is_flag=True, help="Fetch from addresses inside this network too.")
@click.option("--feed", "feed_id", metavar="ID", help="Show the articles that a declared feed would hold.")
@click.option("--steps", is_flag=True, help="With --feed: show what each step does to which article, and why.")
@json_option
@common_options
@click.pass_context
def preview(
    ctx: click.Context,
    places: tuple[str, ...],
    url: str | None,
    headers: tuple[tuple[str, str], ...],
    read_as: pipeline.ReadAs | None,
    allow_private: bool,
    feed_id: str | None,
    steps: bool,
    as_json: bool,
) -> None:
    """Show what would be pulled from URLs, sources or files, or with --feed what a feed would hold.

    Nothing is stored. With --json one place is printed as a JSON Feed, several as an array of them.
    """
    start_logging(ctx)
    if bool(places) == bool(feed_id) or (steps and not feed_id):
        raise click.UsageError("name URLs, sources or files, or give --feed ID [--steps]")
    if feed_id:
        from .preview_feed import print_feed_preview  # only this reads the database

        print_feed_preview(ctx, feed_id, steps, as_json)
        return
    previewer = _Previewer(ctx, PreviewOptions(url, dict(headers), read_as, allow_private))
    previews = [previewer.preview(place) for place in places]
    if as_json:
        print_json(previews[0] if len(previews) == 1 else previews)
    else:
        for place, document in zip(places, previews, strict=True):
            print_lines([*_preview_lines(place, document, with_origins=verbosity(ctx) > 0), ""])
    if any("error" in document for document in previews):
        sys.exit(1)


# ── A place (file, URL or source id) → JSON Feed ────────────────────────────────────────────────────────────────────


class _Previewer:
    """Reads places with the options of one command."""

    def __init__(self, ctx: click.Context, options: PreviewOptions) -> None:
        self._ctx = ctx
        self._options = options

    def preview(self, place: str) -> Preview:
        """Return a place as a JSON Feed, or `error` and `place` when it cannot be read."""
        read = next(read for applies, read in PLACE_READERS if applies(place))
        try:
            return read(self, place)
        except SourceError as error:
            return {"error": f"{error.sentence}{_next_step(error)}", "place": place}

    def read_file(self, place: str) -> Preview:
        """Read a saved document."""
        path, options = Path(place), self._options
        headers = dict(options.headers)
        if "content-type" not in headers and (media_type := mimetypes.guess_type(path.name)[0]):
            headers["content-type"] = media_type
        try:
            body = path.read_bytes()
        except OSError as error:
            raise FetchError(f"{place} cannot be read: {error.strerror}.", kind=FailureKind.MISSING) from error
        source = options.make_source(options.url or "") if options.read_as else None
        return _to_json_feed(pipeline.saved_document(body, options.url, headers), source)

    def read_url(self, place: str) -> Preview:
        """Fetch an address and read the response."""
        options = self._options
        allow = PRIVATE_NETWORKS if options.allow_private else ()
        with open_fetch(options.make_source(place), allow=allow) as fetch:
            url, response = fetch_first(list_urls(place), fetch)
            return _to_json_feed(response, options.make_source(url) if options.read_as else None, fetch)

    def read_source(self, place: str) -> Preview:
        """Fetch a source of the configuration and read the response."""
        from .configuration import find_source, load_config  # a file or a URL needs no configuration

        config = load_config(self._ctx)
        source = find_source(config, place)
        with open_fetch(source, config, PRIVATE_NETWORKS if self._options.allow_private else ()) as fetch:
            return _to_json_feed(fetch(source.address), source, fetch)

    def refuse(self, place: str) -> Preview:
        """Raise FetchError for what is neither a file, nor a URL, nor a source id."""
        what = "a directory" if Path(place).is_dir() else "neither a file, nor a URL, nor the id of a source"
        raise FetchError(f"{place} is {what}.", kind=FailureKind.MISSING)


PLACE_READERS: tuple[tuple[Callable[[str], object], Callable[[_Previewer, str], Preview]], ...] = (
    (lambda place: Path(place).is_file(), _Previewer.read_file),
    (is_web_address, _Previewer.read_url),
    (SOURCE_ID.fullmatch, _Previewer.read_source),
    (lambda place: True, _Previewer.refuse),
)


def _next_step(error: SourceError) -> str:
    """Return a sentence about the option that may help, beginning with a space; empty where there is none."""
    if error.kind is FailureKind.REFUSED:
        return " `--allow-private` fetches it here."
    if error.kind is FailureKind.LOGIN or error.status in LOGIN_STATUSES:
        return " `--header 'Authorization: …'` sends a login from here."
    return ""


def _to_json_feed(response: Fetched, source: Source | None, fetch: Fetch | None = None) -> Preview:
    """Return a document as a JSON Feed, read as the source says; without a source its kind is recognised.

    Of a sitemap index the newest sitemaps are fetched too, where there is a way to.
    """
    parsed = pipeline.parse_document(response, source)
    if fetch and (children := pipeline.child_sitemaps(parsed)):
        documents = [pipeline.parse_document(fetch(url), source) for url in children]
        parsed = pipeline.with_child_sitemaps(parsed, documents)
    return pipeline.as_json_feed(parsed, utcnow(), source)


# ── JSON Feed → lines for people ────────────────────────────────────────────────────────────────────────────────────


def _preview_lines(place: str, document: JsonObject, *, with_origins: bool) -> Iterator[str]:
    """Yield the feed's title, reader and warnings, then each article, `with_origins` with the place of each field."""
    if "error" in document:
        error = sanitize_line(document["error"])
        yield style(error if error.startswith(place) else f"{place}: {error}", fg="red")
        return
    extension = document.get("_feeds", {})
    title = style(sanitize_line(document["title"]) or place, bold=True)
    yield f"{title} ({extension.get('reader', 'unknown')}, {format_count(len(document['items']), 'article')})"
    yield from (sanitize_line(document[name]) for name in ("home_page_url", "description") if name in document)
    for warning in extension.get("warnings", ()):
        yield style(f"warning: {sanitize_line(warning)}", fg="yellow")
    for item in document["items"]:
        yield from _item_lines(item, with_origins=with_origins)


def _item_lines(item: JsonObject, *, with_origins: bool) -> Iterator[str]:
    """Yield date, title and authors of an item, then its address and attachments."""
    date = str(item.get("date_published") or item.get("date_modified") or "")[:16].replace("T", " ") or "no date"
    title = style(sanitize_line(item.get("title") or "(no title)"), bold=True)
    yield f"{date:16}  {title}{_byline(item.get('authors', ()))}"
    if "url" in item:
        yield f"{INDENT}{sanitize_line(item['url'])}"
    for attachment in item.get("attachments", ()):
        yield f"{INDENT}+ {_attachment_line(attachment)}"
    if with_origins:
        found = dict(item.get("_feeds", {}).get("found", {}))
        candidates = found.pop("candidates", {})
        for name, where in found.items():
            yield f"{INDENT}{name}: {sanitize_line(where)}"
            yield from map(_candidate_line, candidates.pop(name, ()))
        for name, rows in candidates.items():
            yield f"{INDENT}{name}: none"
            yield from map(_candidate_line, rows)


def _candidate_line(candidate: JsonObject) -> str:
    note = f", {candidate['note']}" if "note" in candidate else ""
    where = style(sanitize_line(f"({candidate['where']}{note})"), dim=True)
    return f"{INDENT}    {sanitize_line(candidate['value'])} {where}"


def _byline(authors: Sequence[JsonObject]) -> str:
    names = ", ".join(sanitize_line(author["name"]) for author in authors if "name" in author)
    return f" — {names}" if names else ""


def _attachment_line(attachment: JsonObject) -> str:
    facts = [attachment["mime_type"]]
    if octets := attachment.get("size_in_bytes"):
        facts.append(format_size(octets))
    return f"{sanitize_line(attachment['url'])} ({sanitize_line(', '.join(facts))})"
