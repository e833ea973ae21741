"""Places to look at → JSON Feeds: a file, an address, or a source of the configuration."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import click

from .. import pipeline
from ..errors import FetchError, SourceError
from ..model import Fetched, HostState, Kind, Site, Source, Visit
from .common import Mask, as_it_is, utcnow

ANYONE = Site(title="preview", url="https://feeds.invalid/")  # who asks when there is no configuration
EVERYWHERE = ("0.0.0.0/0", "::/0")
ID = re.compile(r"[a-z0-9][a-z0-9_/-]*")
KINDS: Mapping[str | None, Kind] = {"feed": Kind.FEED, "story": Kind.PAGE, "list": Kind.PAGE, None: Kind.ANY}

Seen = dict[str, object]
ReadAs = Literal["story", "list", "feed"]


@dataclass(frozen=True, slots=True)
class Look:
    """How to look: what is said of the files or sent to the addresses, and what is there."""

    url: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    read_as: ReadAs | None = None
    allow_private: bool = False

    def source(self, address: str) -> Source:
        """A source for what is not declared."""
        headers = tuple(self.headers.items())
        return Source("preview", KINDS[self.read_as], address, headers=headers, read_as=self.read_as)


def looks(ctx: click.Context, places: Iterable[str], look: Look) -> tuple[list[Seen], Mask]:
    """Each place as a JSON Feed, or as what is wrong with it under `error`; and what hides the secrets in them."""
    asking = _Asking(ctx, look)
    return [_seen(place, asking) for place in places], asking.mask


def _seen(place: str, asking: _Asking) -> Seen:
    way = next(way for applies, way in WAYS if applies(place))
    try:
        return way(asking, place)
    except SourceError as error:
        return {"error": error.sentence, "place": place}


class _Asking:
    """One call of the command: what it was asked, and the secrets of the configuration once that was needed."""

    def __init__(self, ctx: click.Context, look: Look) -> None:
        self._ctx = ctx
        self._look = look
        self.mask: Mask = as_it_is

    def file(self, place: str) -> Seen:
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

    def address(self, place: str) -> Seen:
        """What an address answers with now."""
        source = self._look.source(place)
        return _read(self._fetched(source, ANYONE), source if self._look.read_as else None)

    def declared(self, place: str) -> Seen:
        """What a source of the configuration answers with now."""
        from .configured import load, mask, source_of  # a file or an address needs no configuration

        config = load(self._ctx)
        self.mask = mask(config)
        source = source_of(config, place)
        return _read(self._fetched(source, config.site), source)

    def nothing(self, place: str) -> Seen:
        """Neither of them."""
        what = "a directory" if Path(place).is_dir() else "neither a file, nor a URL, nor the id of a source"
        raise FetchError(f"{place} is {what}.", kind="missing")

    def _fetched(self, source: Source, site: Site) -> Fetched:
        from ..fetch import Fetcher  # a file needs no network

        fetcher = Fetcher(site, allow=EVERYWHERE if self._look.allow_private else ())
        try:
            answer = fetcher.fetch(Visit(source, source.address, utcnow(), HostState("")))
        finally:
            fetcher.close()
        assert isinstance(answer, Fetched)  # nothing was sent that could be answered by 304
        return answer


WAYS: tuple[tuple[Callable[[str], object], Callable[[_Asking, str], Seen]], ...] = (
    (lambda place: Path(place).is_file(), _Asking.file),
    (lambda place: "://" in place, _Asking.address),
    (ID.fullmatch, _Asking.declared),
    (lambda place: True, _Asking.nothing),
)


def _read(answer: Fetched, source: Source | None) -> Seen:
    """The document as a JSON Feed, read as the source says, or as what it is."""
    return pipeline.reading(pipeline.recognised(answer, source), utcnow(), source)
