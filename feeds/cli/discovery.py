"""What is behind an address: a feed, the feeds that a page leads to, or the stories of a site without one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby, islice
from typing import Literal
from urllib.parse import urljoin, urlsplit

from ..errors import FetchError, ParseError, SourceError
from ..fetch import Fetcher
from ..model import Config, Fetched, HostState, Kind, Parsed, Source, Visit, VisitState
from ..normalize import about, plain
from ..parse import parse
from ..parse.discover import Candidate, find_feeds
from ..parse.page import read_page
from ..parse.sitemap import read_sitemap
from .common import utcnow


def same(url: str) -> str:
    """What is equal for two spellings of one address: neither scheme, case of the host, nor a last slash counts."""
    try:
        parts = urlsplit(url.strip())
        port = f":{parts.port}" if parts.port not in (None, 80, 443) else ""
    except ValueError:
        return url
    query = f"?{parts.query}" if parts.query else ""
    return f"{(parts.hostname or '').removeprefix('www.')}{port}{parts.path.rstrip('/')}{query}"


def web_address(typed: str) -> str:
    """What somebody typed as a web address: `feed:` taken off, `https://` put before a bare host."""
    typed = typed.strip()
    if typed.lower().startswith("feed:"):
        rest = typed[5:]
        return f"https:{rest}" if rest.startswith("//") else web_address(rest)
    return typed if "://" in typed else f"https://{typed}"


# ── Fetching for somebody who waits: guarded as every visit is, with the gap between two requests to one host ─────────


@contextmanager
def fetching(config: Config, source: Source) -> Iterator[Fetch]:
    """What fetches addresses with the settings of a source."""
    fetcher = Fetcher(config.site, hosts=config.hosts)

    def fetch(url: str) -> Fetched:
        answer = fetcher.fetch(Visit(replace(source, address=url), VisitState(url), utcnow(), HostState("")))
        assert isinstance(answer, Fetched)  # without validators nobody can answer 304
        return answer

    try:
        yield fetch
    finally:
        fetcher.close()


# ── What is behind an address: a feed, the feeds that a page leads to, or the stories of a site without one ───────────


MOST = 12  # candidates asked for: a page may name hundreds
TITLES = 3
PERMANENT = frozenset({301, 308})

SITEMAPS = 3  # of those that robots.txt names
FEW = 3  # stories that a page must list to be offered as a list

Fetch = Callable[[str], Fetched]
Kinds = Literal["feed", "page", "sitemap"]
MICROFORMAT = re.compile(rb"""class\s*=\s*["'][^"']*\bh-feed\b""")
SITEMAP = re.compile(r"^\s*sitemap\s*:\s*(\S+)", re.IGNORECASE | re.MULTILINE)
READ_AS_FEED = Source("add", Kind.FEED, "")  # without a source, any plain text would pass for a story


@dataclass(frozen=True, slots=True)
class DiscoveredSource:
    """What was read: where it is, what it calls itself, who read it, what is new in it, and how it is declared."""

    url: str
    title: str
    reader: str
    articles: int
    newest: tuple[str, ...]
    kind: Kinds = "feed"


def behind(url: str, fetch: Fetch) -> list[DiscoveredSource]:
    """What can be followed behind an address, the likeliest first. Raises SourceError when nothing can, saying why."""
    answer = fetch(url)
    try:
        return [_found(answer, url)]
    except ParseError as error:
        for _, alike in groupby(_candidates(answer), key=lambda candidate: candidate.method == "guessed"):
            # The usual places are asked for only where the page names nothing that is a feed.
            if found := list(_each(alike, fetch)):
                return found
        if offered := list(_without_feed(answer, url, fetch)):
            return offered
        raise FetchError(f"No feed was found at {url}. {error.sentence}", kind="not_a_feed") from error


def _candidates(answer: Fetched) -> Iterator[Candidate]:
    return islice(find_feeds(answer.body, answer.url, answer.charset), MOST)


def _each(offered: Iterable[Candidate], fetch: Fetch) -> Iterator[DiscoveredSource]:
    """Those of the candidates that are feeds, each document once."""
    seen: set[str] = set()
    for candidate in offered:
        try:
            found = _found(fetch(candidate.url), candidate.url)
        except SourceError:
            continue
        if found.url not in seen:
            seen.add(found.url)
            yield found


def _without_feed(answer: Fetched, url: str, fetch: Fetch) -> Iterator[DiscoveredSource]:
    """The page itself if it is an h-feed, the sitemaps that robots.txt names, else the page as a list of stories."""
    page = [_told(read_page(answer, None), answer, url, "page")]
    is_list = page[0].reader == "page:list" and page[0].articles >= FEW
    if is_list and MICROFORMAT.search(answer.body):
        yield from page
    for address in islice(_sitemaps(answer.url, fetch), SITEMAPS):
        try:
            sitemap = fetch(address)
            yield _told(read_sitemap(sitemap, None), sitemap, address, "sitemap")
        except SourceError:
            continue
    if is_list and not MICROFORMAT.search(answer.body):
        yield from page


def _sitemaps(url: str, fetch: Fetch) -> Iterator[str]:
    try:
        robots = fetch(urljoin(url, "/robots.txt")).body.decode("utf-8", "replace")
    except SourceError:
        return
    for line in SITEMAP.findall(robots):
        yield urljoin(url, line)


def _found(answer: Fetched, asked: str) -> DiscoveredSource:
    return _told(parse(answer, READ_AS_FEED), answer, asked, "feed")


def _told(parsed: Parsed, answer: Fetched, asked: str, kind: Kinds) -> DiscoveredSource:
    titles = (plain(story.title) or plain(story.summary) for story in parsed.stories)
    newest = tuple(islice(titles, TITLES))
    title = about(parsed).title
    return DiscoveredSource(_address(answer, asked), title, parsed.reader, len(parsed.stories), newest, kind)


def _address(answer: Fetched, asked: str) -> str:
    """Where to ask from now on: what was typed, unless every redirect says it is for good."""
    return answer.url if answer.hops and all(hop.status in PERMANENT for hop in answer.hops) else asked
