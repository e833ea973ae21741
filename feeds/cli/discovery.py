"""Discovery of sources: what is at an address or in a file, the feeds that a page names, or its list of stories."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal
from urllib.parse import urljoin

from .. import pipeline, sanity
from ..errors import FailureKind, FetchError, ParseError, SourceError
from ..model import Fetched, Kind, Parsed, Shape, Source
from ..normalize import describe_channel, to_plain_text
from ..parse import parse
from ..parse.discover import Candidate, find_feeds, holds_comments
from ..parse.opml import read_opml
from ..parse.own_stories.reader import READERS as STORY_READERS
from ..parse.page import read_page
from ..parse.sitemap import read_sitemap
from .addresses import Fetch, fetch_first, is_web_address

MAX_CANDIDATES = 12  # that are fetched: a page may name hundreds
MAX_SITEMAPS = 3  # of those that robots.txt names
MIN_LISTED_STORIES = 3  # that a page must list to be offered as a list
SAMPLE_TITLES = 3
PERMANENT_REDIRECTS = frozenset({301, 308})

H_FEED = re.compile(rb"""class\s*=\s*["'][^"']*\bh-feed\b""")  # the microformat of a page that is a feed
SITEMAP_LINE = re.compile(r"^\s*sitemap\s*:\s*(\S+)", re.IGNORECASE | re.MULTILINE)
FEED_SOURCE = Source("add", Kind.FEED, "")  # without a source, any plain text would pass for a story

SourceKey = Literal["feed", "page", "sitemap", "opml", "files"]

# What an address alone may be, in the order in which it is tried.
READERS: Mapping[SourceKey, Callable[[Fetched], Parsed]] = {
    "feed": lambda response: parse(response, FEED_SOURCE),
    "sitemap": read_sitemap,
    "opml": read_opml,
}
LOCAL_KINDS: tuple[SourceKey, ...] = ("feed", "opml")  # of single files; the others are stories


@dataclass(frozen=True, slots=True)
class DiscoveredSource:
    """A document that can be followed: its address, title, reader, newest titles, and the YAML key that declares it."""

    url: str
    title: str
    reader: str
    articles: int
    newest: tuple[str, ...]
    kind: SourceKey = "feed"


# ── On the web ──────────────────────────────────────────────────────────────────────────────────────────────────────

ONE_STORY = "It holds one story: give the page that lists the stories."
NOTHING_LISTED = (
    "It names none, and no list of stories was recognised: give the page that lists them, or write a `page:` source"
    " with `stories:`, a CSS selector of the links, into the YAML."
)


def discover_sources(urls: Sequence[str], fetch: Fetch) -> list[DiscoveredSource]:
    """Return what can be followed behind the first of these addresses that can be reached, the likeliest first.

    Raises SourceError when none can be fetched or nothing behind it can be followed.
    """
    url, response = fetch_first(urls, fetch)
    if (source := _recognise(response, url, fetch)) is not None:
        return [source]
    candidates = find_feeds(response.body, response.url, response.charset, response.headers.get("link"))
    comments = [each for each in candidates if each.is_of_comments]
    stories = [each for each in candidates if not each.is_of_comments]
    if sources := _read_candidates((each for each in stories if each.method != "guessed"), fetch):
        return _sort_comments_last([*sources, *_read_candidates(comments, fetch)])
    diagnosis = sanity.diagnose(response.body, response.media_type, response.url)
    if diagnosis is not None and diagnosis.kind not in pipeline.WEB_PAGE_KINDS:
        raise FetchError(diagnosis.sentence, kind=diagnosis.kind)
    # The usual places are requested only where the page names nothing that is a feed of stories.
    sources = _read_candidates((each for each in stories if each.method == "guessed"), fetch)
    if not sources:
        page = read_page(response, None)
        sources = list(_find_stories(page, response, url, fetch))
    if sources := [*sources, *_read_candidates(comments, fetch)]:
        return sources
    reason = ONE_STORY if page.shape is Shape.STORY else NOTHING_LISTED
    raise FetchError(f"No feed was found at {url}. {reason}", kind=FailureKind.NOT_A_FEED)


def _recognise(response: Fetched, url: str, fetch: Fetch) -> DiscoveredSource | None:
    """Return the document as a source by itself; None for a page. Of a sitemap index the newest sitemap is read."""
    for kind, read in READERS.items():
        try:
            parsed = read(response)
        except ParseError:
            continue
        children = [read_sitemap(fetch(child)) for child in pipeline.child_sitemaps(parsed)[:1]]
        return describe(pipeline.with_child_sitemaps(parsed, children) if children else parsed, response, url, kind)
    return None


def _read_candidates(candidates: Iterable[Candidate], fetch: Fetch) -> list[DiscoveredSource]:
    """Return the candidates that are feeds, each address once."""
    sources: dict[str, DiscoveredSource] = {}
    for candidate in islice(candidates, MAX_CANDIDATES):
        try:
            response = fetch(candidate.url)
            source = describe(READERS["feed"](response), response, candidate.url, "feed")
        except SourceError:
            continue
        sources.setdefault(source.url, source)
    return list(sources.values())


def _sort_comments_last(sources: Iterable[DiscoveredSource]) -> list[DiscoveredSource]:
    """Return the sources, those last whose own titles say that they hold comments."""
    return sorted(sources, key=lambda source: holds_comments(source.url, source.title))


def _find_stories(page: Parsed, response: Fetched, url: str, fetch: Fetch) -> Iterator[DiscoveredSource]:
    """Yield the page if it is an h-feed, the sitemaps that robots.txt names, else the page as a list of stories."""
    is_list = page.shape is Shape.LISTING and len(page.stories) >= MIN_LISTED_STORIES
    is_h_feed = H_FEED.search(response.body) is not None
    if is_list and is_h_feed:
        yield describe(page, response, url, "page")
    for address in islice(_find_sitemaps(response.url, fetch), MAX_SITEMAPS):
        try:
            sitemap = _recognise(fetch(address), address, fetch)
        except SourceError:
            continue
        if sitemap is not None and sitemap.kind == "sitemap":
            yield sitemap
    if is_list and not is_h_feed:
        yield describe(page, response, url, "page")


def _find_sitemaps(url: str, fetch: Fetch) -> Iterator[str]:
    try:
        robots = fetch(urljoin(url, "/robots.txt")).body.decode("utf-8", "replace")
    except SourceError:
        return
    for address in SITEMAP_LINE.findall(robots):
        yield urljoin(url, address)


def describe(parsed: Parsed, response: Fetched, url: str, kind: SourceKey) -> DiscoveredSource:
    """Return a document as a source on offer."""
    titles = (to_plain_text(story.title) or to_plain_text(story.summary) for story in parsed.stories)
    newest = tuple(islice(filter(None, titles), SAMPLE_TITLES))
    title = describe_channel(parsed).title
    return DiscoveredSource(_lasting_url(response, url), title, parsed.reader, len(parsed.stories), newest, kind)


def _lasting_url(response: Fetched, url: str) -> str:
    """Return the address to visit from now on: the final one if every redirect was permanent, else the given one."""
    permanent = response.hops and all(hop.status in PERMANENT_REDIRECTS for hop in response.hops)
    return response.url if permanent else url


# ── On disk ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def is_local(place: str) -> bool:
    """Return whether a text names a file, a folder or a pattern for files."""
    return Path(place).exists() or (not is_web_address(place) and any(sign in place for sign in "*?["))


def locate_files(place: str, folder: Path) -> tuple[SourceKey, str]:
    """Return the YAML key that declares local files, and their address: a path or pattern relative to the folder.

    Raises FetchError for what cannot be a source.
    """
    path = Path(place)
    pattern = _find_pattern(path) if path.is_dir() else path
    address = Path(os.path.relpath(pattern.absolute(), folder.absolute())).as_posix()
    if not path.is_file():
        return "files", address
    try:
        response = Fetched(address, path.read_bytes())
    except OSError as error:
        raise FetchError(f"{place} cannot be read: {error.strerror}.", kind=FailureKind.MISSING) from error
    for kind in LOCAL_KINDS:
        with suppress(ParseError):
            READERS[kind](response)
            return kind, address
    if path.suffix.lower() not in STORY_READERS:
        suffixes = ", ".join(filter(None, STORY_READERS))
        message = f"{place} is neither a feed, nor an OPML list, nor a story ({suffixes})."
        raise FetchError(message, kind=FailureKind.NOT_A_FEED)
    return "files", address


def _find_pattern(folder: Path) -> Path:
    """Return the pattern of the stories in a folder: those of the most common suffix, below it where they are there."""
    paths = [path for path in folder.rglob("*") if path.suffix and path.suffix.lower() in STORY_READERS]
    if not paths:
        raise FetchError(f"{folder} holds no stories: no file ending in .md, .html or .txt.", kind=FailureKind.MISSING)
    [(suffix, _)] = Counter(path.suffix for path in paths).most_common(1)
    is_flat = all(path.parent == folder for path in paths if path.suffix == suffix)
    return folder / f"*{suffix}" if is_flat else folder / "**" / f"*{suffix}"
