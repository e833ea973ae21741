"""Feed autodiscovery: the feeds a response names, links that look like feeds, and common feed addresses.

The feeds of comments come after all others, as following a site is following its stories.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Literal
from urllib.parse import unquote, urljoin, urlsplit

from lxml import etree

from .. import http_headers, wordlists
from .charset import decode
from .document import resolve_http_url
from .feed.elements import FEED_TYPES
from .feed.text_constructs import get_string, resolve_url
from .own_stories import html

# Of links to feeds, with the types of old formats and the wrong ones that are in use.
LINKED_TYPES = frozenset(
    (
        *FEED_TYPES,
        "application/rdf+xml",
        "application/x-rss+xml",
        "application/x-atom+xml",
        "application/x.atom+xml",
        "application/x-netcdf",
        "application/x-cdf",
        "text/rss+xml",
        "text/atom+xml",
    )
)
# Types that are used for feeds and for other documents: the address decides.
AMBIGUOUS_TYPES = frozenset(("application/json", "application/xml", "text/xml", "text/rss", "text/atom", "text/rdf"))
# Parts of the addresses of programming interfaces and descriptions, which are not feeds.
NOT_FEEDS = ("/wp-json", "oembed", "/xmlrpc", "rsd.xml", "opensearch", "manifest.json", "wlwmanifest")
FEED_SUFFIXES = (
    ".rss",
    ".atom",
    ".rdf",
    "/rss",
    "/atom",
    "/feed",
    "/rss.xml",
    "/atom.xml",
    "/feed.xml",
    "/index.xml",
    "/feed.json",
)
FEED_WORDS = ("rss", "atom", "feed", "rdf")
FEED_LABELS = frozenset(
    ("rss", "atom", "feed", "xml", "rss feed", "atom feed", "rss 2.0", "rss-feed", "syndicate", "newsfeed")
)
COMMON_PATHS = (
    "feed",
    "feed/",
    "rss",
    "rss.xml",
    "atom.xml",
    "feed.xml",
    "index.xml",
    "feed.json",
    "feeds/posts/default",
    "rss/",
)
FEEDBURNER_HOSTS = ("feeds.feedburner.com", "feeds2.feedburner.com")
MAX_CANDIDATES = 200
# Addresses of comments: of Drupal, Discourse (one topic), Reddit (one thread), and in the usual abbreviations.
COMMENTS_PATH = re.compile(
    r"/crss(?:/|$)|/t/[^/]{1,200}/\d{1,12}\.rss$|[/?&=.]comments?(?:$|[/?&=.])|[_-]comments(?:$|[/?&=._-])"
    r"|[/?&=._-]comments?[_-]?(?:feed|rss2?|atom|xml)(?:$|[/?&=._-])|(?:feed|rss2?|atom)[_-]?comments?(?:$|[/?&=._-])",
    re.IGNORECASE,
)
COMMENTS_HOST = re.compile(r"(?:\A|\.)disqus\.com\Z")


@dataclass(frozen=True, slots=True)
class Candidate:
    """An address where a feed may be; `method` says how it was found, most reliable first."""

    url: str
    title: str | None = None
    media_type: str | None = None
    method: Literal["link", "anchor", "guessed"] = "link"

    @property
    def is_of_comments(self) -> bool:
        """Whether address or title say that the feed holds comments."""
        return holds_comments(self.url, self.title)


def find_feeds(body: bytes, url: str, charset: str | None, header: str | None = None) -> tuple[Candidate, ...]:
    """Return the feeds a page may lead to, the likeliest first; guesses on the page's own host come last but comments.

    `header` is the header `Link` of the response, whose addresses are relative to `url` (RFC 8288 §3.2).
    """
    root = html.parse_html(decode(body, charset or html.find_charset(body)).text)
    base = _find_base(root, url)
    links = () if root is None else chain(_find_links(root, base), _find_anchors(root, base))
    candidates: dict[str, Candidate] = {}
    for candidate in chain(_find_header_links(header, url), links, _guess(url)):
        if len(candidates) < MAX_CANDIDATES:
            candidates.setdefault(candidate.url, candidate)
    return tuple(sorted(candidates.values(), key=lambda candidate: candidate.is_of_comments))


def holds_comments(url: str, title: str | None) -> bool:
    """Return whether the address or the title of a feed say that it holds comments."""
    parts = urlsplit(url)
    place = unquote(f"{parts.path}?{parts.query}").rstrip("?")
    return bool(
        COMMENTS_PATH.search(place)
        or COMMENTS_HOST.search(parts.hostname or "")
        or wordlists.has_word(place, "comments_feed")
        or (title and wordlists.has_word(title, "comments_feed"))
    )


def _find_header_links(header: str | None, url: str) -> Iterator[Candidate]:
    """Yield the feeds that the header `Link` names."""
    for reference, parameters in http_headers.parse_links(header):
        address, media_type = _resolve(url, reference), parameters.get("type", "").partition(";")[0].strip().lower()
        if address and _is_feed_link(set(parameters.get("rel", "").lower().split()), media_type, address):
            yield Candidate(address, parameters.get("title") or None, media_type or None)


def _find_base(root: etree._Element | None, url: str) -> str:
    """Return the base URL: that of the first `base` element with an address (HTML §4.2.3)."""
    for element in root.iter("base") if root is not None else ():
        href = (element.get("href") or "").strip()
        if href:
            return resolve_url(url, href) or url
    return url


def _find_links(root: etree._Element, base: str) -> Iterator[Candidate]:
    """Yield `link` elements that name a feed, those of the head first: the body may hold other people's text."""
    for link in sorted(root.iter("link"), key=lambda link: any(above.tag == "body" for above in link.iterancestors())):
        rel = set((link.get("rel") or "").lower().split())
        media_type = _media_type(link)
        address = _resolve(base, link.get("href"))
        if address and _is_feed_link(rel, media_type, address):
            yield Candidate(address, (link.get("title") or "").strip() or None, media_type or None)


def _is_feed_link(rel: set[str], media_type: str, address: str) -> bool:
    if "feed" in rel and not media_type:
        return True
    if not rel & {"alternate", "feed"} or "stylesheet" in rel:
        return False
    if media_type in LINKED_TYPES:
        return True
    if media_type not in AMBIGUOUS_TYPES or any(part in address for part in NOT_FEEDS):
        return False
    return "json" not in media_type or _looks_like_feed(address)


def _media_type(element: etree._Element) -> str:
    """Return the media type without parameters; with a blank inside it is another one."""
    return (element.get("type") or "").partition(";")[0].strip().lower()


def _find_anchors(root: etree._Element, base: str) -> Iterator[Candidate]:
    """Yield links in the text that look like feeds, those to the page's own host first."""
    candidates = []
    for anchor in root.iter("a"):
        address = _resolve(base, anchor.get("href"))
        if not address:
            continue
        text, media_type = get_string(anchor), _media_type(anchor)
        is_labelled = " ".join(text.lower().split()) in FEED_LABELS and _has_feed_word(address)
        if media_type in LINKED_TYPES or _looks_like_feed(address) or is_labelled:
            candidates.append(Candidate(address, text or None, media_type or None, "anchor"))
    host = urlsplit(base).hostname
    yield from sorted(candidates, key=lambda candidate: urlsplit(candidate.url).hostname != host)


def _looks_like_feed(address: str) -> bool:
    parts = urlsplit(address)
    path = parts.path.lower().rstrip("/")
    if path.endswith(FEED_SUFFIXES) or parts.hostname in FEEDBURNER_HOSTS:
        return True
    name = path.rpartition("/")[2]
    if name.endswith((".xml", ".json")) and any(word in path for word in FEED_WORDS):
        return True
    query = parts.query.lower()
    return any(query.startswith(f"{key}=") or f"&{key}=" in query for key in ("feed", "rss", "atom")) or any(
        f"={word}" in query for word in ("rss", "atom", "rss2")
    )


def _has_feed_word(address: str) -> bool:
    lower = address.lower()
    return any(word in lower for word in (*FEED_WORDS, "xml"))


def _guess(url: str) -> Iterator[Candidate]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return
    if parts.scheme in ("http", "https"):
        for path in COMMON_PATHS:
            yield Candidate(urljoin(url, f"/{path}"), method="guessed")


def _resolve(base: str, href: str | None) -> str | None:
    """Return an absolute http(s) URL, also for the scheme `feed:`; None where the reference is none."""
    if not href or not href.strip():
        return None
    href = href.strip()
    if href.lower().startswith("feed:"):
        rest = href[5:]
        href = f"http:{rest}" if rest.startswith("//") else rest
    return resolve_http_url(base, href)
