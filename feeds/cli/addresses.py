"""Addresses as people type them, and one-off fetches from them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from ..errors import FailureKind, FetchError
from ..model import Config, Fetched, HostState, Site, Source, Visit, VisitState, replace
from .common import utcnow

Fetch = Callable[[str], Fetched]

DEFAULT_SITE = Site(title="preview", url="https://feeds.invalid/")  # for requests without a configuration

# `mailto:`, `about:` …; not `host:8080`, which is a port.
_OTHER_SCHEME = re.compile(r"[a-z][a-z0-9+-]*:(?!\d)", re.IGNORECASE)
_HOST = re.compile(r"(?:[^\s/:@]+\.[a-z]{2,}|localhost|\d+(?:\.\d+){3}|\[[0-9a-f:.]+\])(?::\d+)?", re.IGNORECASE)
_FILE_NAME = re.compile(r".*\.(?:atom|gz|html?|json|markdown|md|opml|rdf|rss|te?xt|xhtml|xml|ya?ml)", re.IGNORECASE)
_LOOPBACK = re.compile(r"(?:localhost|127(?:\.\d+){3}|\[::1\])(?:[:/].*)?", re.IGNORECASE)
# What an address may fail with where one of another scheme works.
_WITH_OTHER_SCHEME = frozenset({FailureKind.CONNECTION, FailureKind.TLS, FailureKind.TIMEOUT})


def is_web_address(text: str) -> bool:
    """Return whether a text is meant as an address on the web: it names a scheme or begins with a host."""
    head, slash, _ = text.strip().partition("/")
    is_host = _HOST.fullmatch(head) and (slash or not _FILE_NAME.fullmatch(head))
    return bool("://" in text or text.lower().startswith("feed:") or is_host)


def list_urls(text: str) -> tuple[str, ...]:
    """Return the URLs that a typed address may mean, in the order to try them: without a scheme https, then http.

    On this machine http comes first: nothing leaves it, and such a server may wait for the end of a TLS handshake.
    """
    text = text.strip()
    if text.lower().startswith("feed:"):
        rest = text[5:]
        return list_urls(rest.removeprefix("//"))
    if "://" in text or _OTHER_SCHEME.match(text):
        return (text,)
    schemes = ("http", "https") if _LOOPBACK.fullmatch(text) else ("https", "http")
    return tuple(f"{scheme}://{text}" for scheme in schemes)


def complete_url(text: str) -> str:
    """Return a typed address as a URL: `feed:` is taken off, a bare host gets a scheme."""
    return list_urls(text)[0]


@contextmanager
def open_fetch(source: Source, config: Config | None = None, allow: Sequence[str] = ()) -> Iterator[Fetch]:
    """Yield a function that fetches addresses with the settings of a source.

    It has the same guard as scheduled visits, and with a configuration the same gap between two requests to one host.
    """
    from ..fetch import Fetcher  # files need no network

    fetcher = Fetcher.for_installation(config, allow) if config else Fetcher(DEFAULT_SITE, allow=allow)

    def fetch(url: str) -> Fetched:
        response = fetcher.fetch(Visit(replace(source, address=url), VisitState(url), utcnow(), HostState("")))
        assert isinstance(response, Fetched)  # a request without validators is not answered by 304
        return response

    try:
        yield fetch
    finally:
        fetcher.close()


def fetch_first(urls: Sequence[str], fetch: Fetch) -> tuple[str, Fetched]:
    """Return the first URL that can be reached, and its response. Raises the first FetchError when none can be."""
    first_error: FetchError | None = None
    for url in urls:
        try:
            return url, fetch(url)
        except FetchError as error:
            if error.kind not in _WITH_OTHER_SCHEME:
                raise
            first_error = first_error or error
    assert first_error is not None  # there is at least one URL
    raise first_error
