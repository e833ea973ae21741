"""`preview`: what would be pulled, or what a feed would hold. Nothing is stored, and no configuration is needed."""

from __future__ import annotations

import mimetypes
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import click

from .. import pipeline
from ..errors import FetchError, SourceError
from ..model import Fetched, HostState, Kind, Site, Source, Visit, VisitState
from .common import (
    Mask,
    as_it_is,
    common_options,
    json_option,
    loudness,
    print_json,
    print_lines,
    start_logging,
    styled,
    utcnow,
)
from .formatting import count, line, size


class Header(click.ParamType[tuple[str, str]]):
    """`Name: value`."""

    name = "header"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Name in lower case, and value."""
        name, colon, said = str(value).partition(":")
        if not colon or not name.strip():
            self.fail(f"{value!r} is no header; write 'Name: value'", param, ctx)
        return name.strip().lower(), said.strip()


@click.command()
@click.argument("places", nargs=-1, metavar="URL|SOURCE-ID|PATH...")
@click.option("--url", help="Where the files came from: makes their relative addresses absolute.")
@click.option(
    "--header",
    "headers",
    type=Header(),
    multiple=True,
    metavar="'K: V'",
    help="A header that came with the files, or that is sent to the addresses.",
)
@click.option("--as", "read_as", type=click.Choice(["story", "list", "feed"]), help="What is there.")
@click.option("--allow-private", is_flag=True, help="Ask addresses inside this network too.")
@click.option("--feed", "feed_id", metavar="ID", help="Show the articles that a feed of ours would hold.")
@click.option("--steps", is_flag=True, help="With --feed: which articles each of its steps drops.")
@json_option
@common_options
@click.pass_context
def preview(
    ctx: click.Context,
    places: tuple[str, ...],
    url: str | None,
    headers: tuple[tuple[str, str], ...],
    read_as: Literal["story", "list", "feed"] | None,
    allow_private: bool,
    feed_id: str | None,
    steps: bool,
    as_json: bool,
) -> None:
    """Show what would be pulled from addresses, sources or files, or with --feed what a feed would hold.

    Nothing is stored. With --json one place is printed as a JSON Feed, several as an array of them.
    """
    start_logging(ctx)
    if bool(places) == bool(feed_id) or (steps and not feed_id):
        raise click.UsageError("say what to look at: addresses, sources or files, or --feed ID [--steps]")
    if feed_id:
        from .preview_feed import show  # the database is read for nothing else

        show(ctx, feed_id, steps, as_json)
        return
    seen, mask = looks(ctx, places, PreviewOptions(url, dict(headers), read_as, allow_private))
    if as_json:
        print_json(seen[0] if len(seen) == 1 else seen, mask)
    else:
        for place, one in zip(places, seen, strict=True):
            print_lines([*described(place, one, found=loudness(ctx) > 0), ""], mask)
    if any("error" in one for one in seen):
        sys.exit(1)


# ── Places to look at → JSON Feeds: a file, an address, or a source of the configuration ──────────────────────────────


ANYONE = Site(title="preview", url="https://feeds.invalid/")  # who asks when there is no configuration
EVERYWHERE = ("0.0.0.0/0", "::/0")
ID = re.compile(r"[a-z0-9][a-z0-9_/-]*")
KINDS: Mapping[str | None, Kind] = {"feed": Kind.FEED, "story": Kind.PAGE, "list": Kind.PAGE, None: Kind.ANY}

Preview = dict[str, object]
ReadAs = Literal["story", "list", "feed"]


@dataclass(frozen=True, slots=True)
class PreviewOptions:
    """How to look: what is said of the files or sent to the addresses, and what is there."""

    url: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    read_as: ReadAs | None = None
    allow_private: bool = False

    def source(self, address: str) -> Source:
        """A source for what is not declared."""
        headers = tuple(self.headers.items())
        return Source("preview", KINDS[self.read_as], address, headers=headers, read_as=self.read_as)


def looks(ctx: click.Context, places: Iterable[str], look: PreviewOptions) -> tuple[list[Preview], Mask]:
    """Each place as a JSON Feed, or as what is wrong with it under `error`; and what hides the secrets in them."""
    asking = _Previewer(ctx, look)
    return [_seen(place, asking) for place in places], asking.mask


def _seen(place: str, asking: _Previewer) -> Preview:
    way = next(way for applies, way in WAYS if applies(place))
    try:
        return way(asking, place)
    except SourceError as error:
        return {"error": error.sentence, "place": place}


class _Previewer:
    """One call of the command: what it was asked, and the secrets of the configuration once that was needed."""

    def __init__(self, ctx: click.Context, look: PreviewOptions) -> None:
        self._ctx = ctx
        self._look = look
        self.mask: Mask = as_it_is

    def file(self, place: str) -> Preview:
        """A saved document."""
        path, look = Path(place), self._look
        headers = dict(look.headers)
        if "content-type" not in headers and (guessed := mimetypes.guess_type(path.name)[0]):
            headers["content-type"] = guessed
        try:
            body = path.read_bytes()
        except OSError as error:
            raise FetchError(f"{place} cannot be read: {error.strerror}.", kind="missing") from error
        return _read(pipeline.saved(body, look.url, headers), look.source(look.url or "") if look.read_as else None)

    def address(self, place: str) -> Preview:
        """What an address answers with now."""
        source = self._look.source(place)
        return _read(self._fetched(source, ANYONE), source if self._look.read_as else None)

    def declared(self, place: str) -> Preview:
        """What a source of the configuration answers with now."""
        from .configuration import load, mask, source_of  # a file or an address needs no configuration

        config = load(self._ctx)
        self.mask = mask(config)
        source = source_of(config, place)
        return _read(self._fetched(source, config.site), source)

    def nothing(self, place: str) -> Preview:
        """Neither of them."""
        what = "a directory" if Path(place).is_dir() else "neither a file, nor a URL, nor the id of a source"
        raise FetchError(f"{place} is {what}.", kind="missing")

    def _fetched(self, source: Source, site: Site) -> Fetched:
        from ..fetch import Fetcher  # a file needs no network

        fetcher = Fetcher(site, allow=EVERYWHERE if self._look.allow_private else ())
        try:
            answer = fetcher.fetch(Visit(source, VisitState(source.address), utcnow(), HostState("")))
        finally:
            fetcher.close()
        assert isinstance(answer, Fetched)  # nothing was sent that could be answered by 304
        return answer


WAYS: tuple[tuple[Callable[[str], object], Callable[[_Previewer, str], Preview]], ...] = (
    (lambda place: Path(place).is_file(), _Previewer.file),
    (lambda place: "://" in place, _Previewer.address),
    (ID.fullmatch, _Previewer.declared),
    (lambda place: True, _Previewer.nothing),
)


def _read(answer: Fetched, source: Source | None) -> Preview:
    """The document as a JSON Feed, read as the source says, or as what it is."""
    return pipeline.reading(pipeline.recognised(answer, source), utcnow(), source)


# ── A JSON Feed as lines for people ───────────────────────────────────────────────────────────────────────────────────


FeedObject = Mapping[str, Any]  # JSON
INDENT = " " * 18


def described(place: str, seen: FeedObject, *, found: bool = False) -> Iterator[str]:
    """The feed's title, reader and warnings, then each article; with `found` also where each field was found."""
    if "error" in seen:
        yield f"{place}: {styled(line(seen['error']), fg='red')}"
        return
    told = seen.get("_feeds", {})
    title = line(seen["title"]) or place
    yield f"{styled(title, bold=True)} ({told.get('reader', 'unknown')}, {count(len(seen['items']), 'article')})"
    yield from (line(seen[name]) for name in ("home_page_url", "description") if name in seen)
    yield from (styled(f"warning: {line(warning)}", fg="yellow") for warning in told.get("warnings", ()))
    for item in seen["items"]:
        yield from article(item, found=found)


def article(item: FeedObject, *, found: bool = False) -> Iterator[str]:
    """Date, title, authors, address and attachments of one article."""
    date = item.get("date_published") or item.get("date_modified") or ""
    title = styled(line(item.get("title") or "(no title)"), bold=True)
    yield f"{_date(date):16}  {title}{_by(item.get('authors', ()))}"
    if "url" in item:
        yield f"{INDENT}{line(item['url'])}"
    for attachment in item.get("attachments", ()):
        yield f"{INDENT}+ {_attachment(attachment)}"
    if found:
        yield from (f"{INDENT}{name}: {line(where)}" for name, where in item.get("_feeds", {}).get("found", {}).items())


def _date(text: str) -> str:
    return text[:16].replace("T", " ") or "no date"


def _by(authors: Sequence[FeedObject]) -> str:
    names = ", ".join(line(author["name"]) for author in authors if "name" in author)
    return f" — {names}" if names else ""


def _attachment(attachment: FeedObject) -> str:
    facts = [attachment["mime_type"]]
    if octets := attachment.get("size_in_bytes"):
        facts.append(size(octets))
    return f"{line(attachment['url'])} ({line(', '.join(facts))})"
