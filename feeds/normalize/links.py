"""Links: absolute http and https URLs, canonical URLs as keys, and the URL of a story."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote, urljoin, urlsplit

from w3lib.url import canonicalize_url

from ..iri import is_tracking
from ..model import Link, Story, replace
from .text import strip_illegal_xml

URL_LIMIT = 4_000

# The common form, which needs no parsing.
_PLAIN_URL = re.compile(r"https?://[A-Za-z0-9.-]+(?::\d{1,5})?(?:[/?#][!#$%&'()*+,./0-9:;=?@A-Z\[\]_a-z~-]*)?")
_WEB_SCHEME = re.compile(r"https?://", re.IGNORECASE)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]+")
_UNSAFE = re.compile(r"[\s<>\"`^{}|]")

# A URL of which only the scheme differs from its canonical form.
_NEARLY_CANONICAL = re.compile(r"https?(://[a-z0-9-]+(?:\.[a-z0-9-]+)+)((?:/(?!\.)[A-Za-z0-9_.~-]*)*)")
_DEFAULT_PORT = re.compile(r"(?<=\w):(?:80|443)?(?=$|[/?#])")
_QUERY = re.compile(r"\?([^#]*)")
_ROUTE_FRAGMENT = re.compile(r"#[!/]")

# What stands where an address is unknown.
_NO_ADDRESSES = frozenset(
    ("#", "n/a", "na", "none", "null", "nil", "undefined", "nan", "false", "-", "[object object]")
)
_SOUND_URL = re.compile(r"https?://(?!https?:)", re.IGNORECASE)
_SECOND_SCHEME = re.compile(r"\Ahttps?:/{0,3}(?=https?://)", re.IGNORECASE)
_HOST = re.compile(r"(?:https?:)?//([^/?#:@\s]+)", re.IGNORECASE)

_HTML_TYPES = {None, "", "text/html", "application/xhtml+xml"}


def web_url(href: str | None, *bases: str | None) -> str | None:
    """Return an absolute http or https URL, resolved against the first base given; None for another scheme (S7)."""
    if not href or len(href) > URL_LIMIT:
        return None
    if _PLAIN_URL.fullmatch(href):
        return href
    try:
        return _resolve(_CONTROLS.sub("", strip_illegal_xml(href)).strip(), bases)
    except ValueError:  # urllib's error for an impossible host or port
        return None


def _resolve(href: str, bases: Sequence[str | None]) -> str | None:
    href = _repair_url(href)
    if href and not _WEB_SCHEME.match(href):
        href = urljoin(_absolute_base(bases) or ("https:" if href[:2] == "//" else ""), href)
    parts = urlsplit(href)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    return _UNSAFE.sub(lambda match: quote(match[0]), parts.scheme + href[len(parts.scheme) :])


def _absolute_base(bases: Sequence[str | None]) -> str | None:
    """Return the first base; a relative one (`xml:base="/blog/"`) is resolved against those after it."""
    absolute = None
    for base in reversed(bases):
        joined = urljoin(absolute or "", base.strip()) if base else ""
        if _WEB_SCHEME.match(joined):
            absolute = joined
    return absolute


def _repair_url(href: str) -> str:
    """Return a URL as a browser would read it: `feed:`, a missing scheme and backslashes are replaced."""
    lower = href[:8].lower()
    if lower.startswith("feed:"):
        href = f"http:{href[5:]}" if href[5:7] == "//" else href[5:]
    elif lower.startswith("www."):
        href = f"http://{href}"
    if "\\" in href:
        path, mark, query = href.partition("?")
        href = path.replace("\\", "/") + mark + query
    return href


def is_web_address(text: str | None) -> bool:
    """Return whether a text begins as an absolute http or https URL."""
    return bool(text and _WEB_SCHEME.match(text))


def canonical_link(url: str) -> str:
    """Return one spelling for all URLs of the same page. It is frozen (R3), because ids are made of it."""
    match = _NEARLY_CANONICAL.fullmatch(url)
    if match:
        return f"https{match[1]}{match[2] or '/'}"
    try:
        without_tracking = _QUERY.sub(_drop_tracking, url, count=1)
        canonical: str = canonicalize_url(without_tracking, keep_fragments=bool(_ROUTE_FRAGMENT.search(url)))
    except ValueError:
        return url
    scheme, separator, rest = canonical.partition("://")
    host, slash, path = rest.partition("/")
    return f"{'https' if scheme == 'http' else scheme}{separator}{_DEFAULT_PORT.sub('', host)}{slash}{path}"


def _drop_tracking(query: re.Match[str]) -> str:
    pairs = [pair for pair in query[1].split("&") if pair and not is_tracking(pair.partition("=")[0].lower())]
    return f"?{'&'.join(pairs)}" if pairs else ""


def reader_url(story: Story, *bases: str | None) -> str | None:
    """Return the URL of a story that readers open: as `story_url`, without what is no address, and with repairs.

    Ids are made of `story_url`, which is frozen.
    """
    for link in story.links:
        if not _is_sound(link.href):
            story = _repair_links(story, *bases)
            break
    url = story_url(story, *bases)
    if url is None and story.id_is_permalink and story.id and story.id.startswith("/"):
        return web_url(story.id, *bases)
    return url


def _repair_links(story: Story, *bases: str | None) -> Story:
    repaired = ((link, _repair_reference(link.href, (link.base, *bases))) for link in story.links)
    return replace(story, links=tuple(replace(link, href=href) for link, href in repaired if href))


def _is_sound(href: str) -> bool:
    return _SOUND_URL.match(href) is not None and "&amp;" not in href


def _repair_reference(href: str, bases: Sequence[str | None]) -> str:
    """Return a reference as its publisher meant it; an empty string where it is none."""
    if _is_sound(href):
        return href
    reference = href.strip()
    if reference.casefold() in _NO_ADDRESSES:
        return ""
    while "&amp;" in reference:
        reference = reference.replace("&amp;", "&")
    reference = _SECOND_SCHEME.sub("", reference, count=1)
    host = reference.partition("/")[0].casefold().removeprefix("www.")
    if "." in host and any(base and _host(base) == host for base in bases):
        return f"//{reference}"  # the scheme is missing
    return reference


def _host(url: str) -> str:
    match = _HOST.match(url)
    return match[1].casefold().removeprefix("www.") if match else ""


def story_url(story: Story, *bases: str | None, guid: bool = True) -> str | None:
    """Return the URL of a story: its canonical link, an HTML link, any link, a related page, or its permalink guid."""
    best: tuple[int, str] | None = None
    for link in story.links:
        rank = _rank(link)
        if rank is not None and (best is None or rank < best[0]):
            url = web_url(link.href, link.base, *bases)
            if url:
                best = (rank, url)
                if rank == 0:
                    break
    if best:
        return best[1]
    return web_url(story.id) if guid and story.id_is_permalink else None


def _rank(link: Link) -> int | None:
    rel = link.rel.lower() if link.rel else "alternate"
    if rel == "canonical":  # stands beside a link through a click counter, or to a copy
        return 0
    if rel == "alternate":
        return 1 if link.type in _HTML_TYPES else 2
    return 3 if rel == "related" else None  # a link post may have no page of its own
