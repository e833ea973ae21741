"""Which feeds a web page offers: what its head names, then links that look like feeds, then the usual places."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urljoin, urlsplit

from lxml import etree

from .charset import decode
from .feed import text_constructs
from .own_stories import html

FEED_TYPES = frozenset(
    (
        "application/atom+xml",
        "application/rss+xml",
        "application/rdf+xml",
        "application/feed+json",
        "application/x-rss+xml",
        "application/x-atom+xml",
        "application/x.atom+xml",
        "application/x-netcdf",
        "application/x-cdf",
        "text/rss+xml",
        "text/atom+xml",
    )
)
# Types that are used for feeds as well as for other things: believed when the address agrees.
VAGUE_TYPES = frozenset(("application/json", "application/xml", "text/xml", "text/rss", "text/atom", "text/rdf"))
# Ways of a publisher's own program, not of feeds.
NOT_FEEDS = ("/wp-json", "oembed", "/xmlrpc", "rsd.xml", "opensearch", "manifest.json", "wlwmanifest")
ENDINGS = (
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
WORDS = ("rss", "atom", "feed", "rdf")
LABELS = frozenset(
    ("rss", "atom", "feed", "xml", "rss feed", "atom feed", "rss 2.0", "rss-feed", "syndicate", "newsfeed")
)
USUAL = (
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
MOST = 200


@dataclass(frozen=True, slots=True)
class Candidate:
    """An address where a feed may be; `method` says how it was found, most reliable first."""

    url: str
    title: str | None = None
    media_type: str | None = None
    method: Literal["link", "anchor", "guessed"] = "link"


def find_feeds(body: bytes, url: str, charset: str | None) -> tuple[Candidate, ...]:
    """The feeds a page may lead to, the likeliest first; guesses come last and only from the page's own host."""
    root = html.parse_html(decode(body, charset or html.find_charset(body)).text)
    base = _base(root, url)
    found: dict[str, Candidate] = {}
    sources = [] if root is None else [_linked(root, base), _anchored(root, base)]
    for candidate in (one for source in [*sources, _guessed(url)] for one in source):
        if len(found) < MOST:
            found.setdefault(candidate.url, candidate)
    return tuple(found.values())


def _base(root: etree._Element | None, url: str) -> str:
    """The address others are relative to: the first `base` with one (HTML §4.2.3)."""
    for element in root.iter("base") if root is not None else ():
        href = (element.get("href") or "").strip()
        if href:
            return text_constructs.joined(url, href) or url
    return url


def _linked(root: etree._Element, base: str) -> Iterator[Candidate]:
    """Links that say so themselves: those of the head first, for a link in the body is someone else's word."""
    for link in sorted(root.iter("link"), key=lambda link: any(above.tag == "body" for above in link.iterancestors())):
        rel = set((link.get("rel") or "").lower().split())
        kind = _kind(link)
        address = _address(base, link.get("href"))
        if address and _is_feed_link(rel, kind, address):
            yield Candidate(address, (link.get("title") or "").strip() or None, kind or None)


def _is_feed_link(rel: set[str], kind: str, address: str) -> bool:
    if "feed" in rel and not kind:
        return True
    if not rel & {"alternate", "feed"} or "stylesheet" in rel:
        return False
    if kind in FEED_TYPES:
        return True
    known = kind in VAGUE_TYPES
    return (
        known and ("json" not in kind or _looks_like_feed(address)) and not any(word in address for word in NOT_FEEDS)
    )


def _kind(element: etree._Element) -> str:
    """The media type, without parameters; blanks inside it make it another one."""
    return (element.get("type") or "").partition(";")[0].strip().lower()


def _anchored(root: etree._Element, base: str) -> Iterator[Candidate]:
    """Links in the text that look like feeds, those of the page's own host first."""
    found = []
    for anchor in root.iter("a"):
        address = _address(base, anchor.get("href"))
        if not address:
            continue
        label = " ".join(text_constructs.plain(anchor).lower().split())
        if _kind(anchor) in FEED_TYPES or _looks_like_feed(address) or (label in LABELS and _hints(address)):
            found.append(Candidate(address, text_constructs.plain(anchor) or None, _kind(anchor) or None, "anchor"))
    host = urlsplit(base).hostname
    yield from sorted(found, key=lambda candidate: urlsplit(candidate.url).hostname != host)


def _looks_like_feed(address: str) -> bool:
    parts = urlsplit(address)
    path = parts.path.lower().rstrip("/")
    if path.endswith(ENDINGS):
        return True
    name = path.rpartition("/")[2]
    if name.endswith((".xml", ".json")) and any(word in path for word in WORDS):
        return True
    query = parts.query.lower()
    return (
        parts.hostname in ("feeds.feedburner.com", "feeds2.feedburner.com")
        or any(query.startswith(f"{key}=") or f"&{key}=" in query for key in ("feed", "rss", "atom"))
        or any(f"={word}" in query for word in ("rss", "atom", "rss2"))
    )


def _hints(address: str) -> bool:
    lower = address.lower()
    return any(word in lower for word in (*WORDS, "xml"))


def _guessed(url: str) -> Iterator[Candidate]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return
    if parts.scheme in ("http", "https"):
        for path in USUAL:
            yield Candidate(urljoin(url, f"/{path}"), method="guessed")


def _address(base: str, href: str | None) -> str | None:
    """An absolute web address, also where it is written `feed:`."""
    if not href or not href.strip():
        return None
    href = href.strip()
    if href.lower().startswith("feed:"):
        rest = href[5:]
        href = f"http:{rest}" if rest.startswith("//") else rest
    try:
        joined = urljoin(base, href)
        return joined if urlsplit(joined).scheme in ("http", "https") and urlsplit(joined).hostname else None
    except ValueError:
        return None
