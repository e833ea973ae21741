"""Discovery of sources: the feed at an address, the feeds that a page links to, or a site's list of stories."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby, islice
from typing import Literal
from urllib.parse import urljoin

from ..errors import FailureKind, FetchError, ParseError, SourceError
from ..fetch import Fetcher
from ..model import Config, Fetched, HostState, Kind, Parsed, Source, Visit, VisitState
from ..normalize import describe_channel, to_plain_text
from ..parse import parse
from ..parse.discover import Candidate, find_feeds
from ..parse.page import read_page
from ..parse.sitemap import read_sitemap
from .common import utcnow

MAX_CANDIDATES = 12  # that are fetched: a page may name hundreds
MAX_SITEMAPS = 3  # of those that robots.txt names
MIN_LISTED_STORIES = 3  # that a page must list to be offered as a list
SAMPLE_TITLES = 3
PERMANENT_REDIRECTS = frozenset({301, 308})

H_FEED = re.compile(rb"""class\s*=\s*["'][^"']*\bh-feed\b""")  # the microformat of a page that is a feed
SITEMAP_LINE = re.compile(r"^\s*sitemap\s*:\s*(\S+)", re.IGNORECASE | re.MULTILINE)
# `mailto:`, `about:` …; not `host:8080`, which is a port.
OTHER_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+-]*:(?!\d)")
FEED_SOURCE = Source("add", Kind.FEED, "")  # without a source, any plain text would pass for a story

Fetch = Callable[[str], Fetched]
SourceKey = Literal["feed", "page", "sitemap"]


@dataclass(frozen=True, slots=True)
class DiscoveredSource:
    """A document that can be followed: its address, title, reader, newest titles, and the YAML key that declares it."""

    url: str
    title: str
    reader: str
    articles: int
    newest: tuple[str, ...]
    kind: SourceKey = "feed"


# ── Addresses ───────────────────────────────────────────────────────────────────────────────────────────────────────


def complete_url(text: str) -> str:
    """Return a typed address as a URL: `feed:` is taken off, a bare host gets `https://`."""
    text = text.strip()
    if text.lower().startswith("feed:"):
        rest = text[5:]
        return f"https:{rest}" if rest.startswith("//") else complete_url(rest)
    return text if "://" in text or OTHER_SCHEME.match(text) else f"https://{text}"


def _lasting_url(response: Fetched, url: str) -> str:
    """Return the address to visit from now on: the final one if every redirect was permanent, else the given one."""
    permanent = response.hops and all(hop.status in PERMANENT_REDIRECTS for hop in response.hops)
    return response.url if permanent else url


# ── Fetching and discovery ──────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def open_fetch(config: Config, source: Source) -> Iterator[Fetch]:
    """Yield a function that fetches addresses with the settings of a source.

    It has the same guard and the same gap between two requests to one host as scheduled visits.
    """
    fetcher = Fetcher(config.site, hosts=config.hosts)

    def fetch(url: str) -> Fetched:
        response = fetcher.fetch(Visit(replace(source, address=url), VisitState(url), utcnow(), HostState("")))
        assert isinstance(response, Fetched)  # a request without validators is not answered by 304
        return response

    try:
        yield fetch
    finally:
        fetcher.close()


def discover_sources(url: str, fetch: Fetch) -> list[DiscoveredSource]:
    """Return what can be followed behind an address, the likeliest first.

    Raises SourceError when the address cannot be fetched or nothing behind it can be followed.
    """
    response = fetch(url)
    try:
        return [_read_feed(response, url)]
    except ParseError as error:
        offered = islice(find_feeds(response.body, response.url, response.charset), MAX_CANDIDATES)
        for _, group in groupby(offered, key=lambda candidate: candidate.method == "guessed"):
            # The usual places are requested only where the page names nothing that is a feed.
            if sources := list(_read_candidates(group, fetch)):
                return sources
        if sources := list(_find_stories(response, url, fetch)):
            return sources
        raise FetchError(f"No feed was found at {url}. {error.sentence}", kind=FailureKind.NOT_A_FEED) from error


def _read_candidates(offered: Iterable[Candidate], fetch: Fetch) -> Iterator[DiscoveredSource]:
    """Yield the candidates that are feeds, each address once."""
    urls: set[str] = set()
    for candidate in offered:
        try:
            source = _read_feed(fetch(candidate.url), candidate.url)
        except SourceError:
            continue
        if source.url not in urls:
            urls.add(source.url)
            yield source


def _find_stories(response: Fetched, url: str, fetch: Fetch) -> Iterator[DiscoveredSource]:
    """Yield the page if it is an h-feed, the sitemaps that robots.txt names, else the page as a list of stories."""
    page = _describe(read_page(response, None), response, url, "page")
    is_list = page.reader == "page:list" and page.articles >= MIN_LISTED_STORIES
    is_h_feed = H_FEED.search(response.body) is not None
    if is_list and is_h_feed:
        yield page
    for address in islice(_find_sitemaps(response.url, fetch), MAX_SITEMAPS):
        try:
            sitemap = fetch(address)
            yield _describe(read_sitemap(sitemap, None), sitemap, address, "sitemap")
        except SourceError:
            continue
    if is_list and not is_h_feed:
        yield page


def _find_sitemaps(url: str, fetch: Fetch) -> Iterator[str]:
    try:
        robots = fetch(urljoin(url, "/robots.txt")).body.decode("utf-8", "replace")
    except SourceError:
        return
    for address in SITEMAP_LINE.findall(robots):
        yield urljoin(url, address)


def _read_feed(response: Fetched, url: str) -> DiscoveredSource:
    return _describe(parse(response, FEED_SOURCE), response, url, "feed")


def _describe(parsed: Parsed, response: Fetched, url: str, kind: SourceKey) -> DiscoveredSource:
    titles = (to_plain_text(story.title) or to_plain_text(story.summary) for story in parsed.stories)
    newest = tuple(islice(titles, SAMPLE_TITLES))
    title = describe_channel(parsed).title
    return DiscoveredSource(_lasting_url(response, url), title, parsed.reader, len(parsed.stories), newest, kind)
