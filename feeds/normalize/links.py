"""Addresses: made absolute, kept to harmless schemes, and folded into one canonical key."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote, urljoin, urlsplit

from w3lib.url import canonicalize_url

from ..model import Link, Story
from .text import legal

URL_LIMIT = 4_000

# The common form, taken as it stands; all else is taken apart.
_COMMON = re.compile(r"https?://[A-Za-z0-9.-]+(?::\d{1,5})?(?:[/?#][!#$%&'()*+,./0-9:;=?@A-Z\[\]_a-z~-]*)?")
_WEB = re.compile(r"https?://", re.IGNORECASE)
_DROPPED = re.compile(r"[\x00-\x1f\x7f]+")
_UNSAFE = re.compile(r"[\s<>\"`^{}|]")

# A key of this form needs no folding but of its scheme.
_SIMPLE = re.compile(r"https?(://[a-z0-9-]+(?:\.[a-z0-9-]+)+)((?:/(?!\.)[A-Za-z0-9_.~-]*)*)")
_DEFAULT_PORT = re.compile(r"(?<=\w):(?:80|443)?(?=$|[/?#])")
_QUERY = re.compile(r"\?([^#]*)")
_ROUTE = re.compile(r"#[!/]")

# Parameters that tell who sent the reader, not what is shown. Keys lose them; the visible link stays as published.
TRACKING = frozenset((
    "fbclid", "gclid", "gclsrc", "dclid", "gbraid", "wbraid", "msclkid", "yclid", "ysclid", "twclid", "ttclid",
    "li_fat_id", "igshid", "igsh", "mc_cid", "mc_eid", "mkt_tok", "_hsenc", "_hsmi", "__hssc", "__hstc", "__hsfp",
    "vero_id", "vero_conv", "oly_anon_id", "oly_enc_id", "wickedid", "rb_clickid", "ml_subscriber",
    "ml_subscriber_hash", "ncid", "cmpid", "wt_mc", "wt.mc_id", "at_medium", "at_campaign", "at_link_id",
    "at_link_origin", "at_link_type", "at_ptr_name", "xtor", "spm", "guccounter", "guce_referrer",
    "guce_referrer_sig", "_openstat", "sr_share", "ref_src", "feature_source", "ocid",
))  # fmt: skip
_TRACKING_PREFIXES = ("utm_", "pk_", "mtm_", "piwik_", "matomo_", "hsa_", "itm_", "at_custom")

_HTML_TYPES = {None, "", "text/html", "application/xhtml+xml"}
_PERMALINK = "canonical"  # written beside a link that leads through a counter, or to a copy
_ELSEWHERE = "related"  # a link post may have no page of its own


def web_url(href: str | None, *bases: str | None) -> str | None:
    """An absolute http or https address, resolved against the first base there is; none for any other scheme (S7)."""
    if not href or len(href) > URL_LIMIT:
        return None
    if _COMMON.fullmatch(href):
        return href
    try:
        return _resolved(_DROPPED.sub("", legal(href)).strip(), bases)
    except ValueError:  # urllib's word for an impossible host or port
        return None


def _resolved(href: str, bases: Sequence[str | None]) -> str | None:
    href = _respelled(href)
    if href and not _WEB.match(href):
        href = urljoin(_base(bases) or ("https:" if href[:2] == "//" else ""), href)
    parts = urlsplit(href)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    return _UNSAFE.sub(lambda found: quote(found[0]), parts.scheme + href[len(parts.scheme) :])


def _base(bases: Sequence[str | None]) -> str | None:
    """The first base; one that is relative itself (`xml:base="/blog/"`) counts from those after it."""
    base = None
    for one in reversed(bases):
        joined = urljoin(base or "", one.strip()) if one else ""
        if _WEB.match(joined):
            base = joined
    return base


def _respelled(href: str) -> str:
    """What people write for an address, as a browser would take it."""
    lower = href[:8].lower()
    if lower.startswith("feed:"):
        href = f"http:{href[5:]}" if href[5:7] == "//" else href[5:]
    elif lower.startswith("www."):
        href = f"http://{href}"
    if "\\" in href:
        path, mark, query = href.partition("?")
        href = path.replace("\\", "/") + mark + query
    return href


def canonical_link(url: str) -> str:
    """The key of an address: one spelling for all that lead to the same page. It is frozen (R3): ids are made of it."""
    simple = _SIMPLE.fullmatch(url)
    if simple:
        return f"https{simple[1]}{simple[2] or '/'}"
    try:
        folded: str = canonicalize_url(_QUERY.sub(_telling, url, count=1), keep_fragments=bool(_ROUTE.search(url)))
    except ValueError:
        return url
    scheme, mark, rest = folded.partition("://")
    host, slash, path = rest.partition("/")
    return f"{'https' if scheme == 'http' else scheme}{mark}{_DEFAULT_PORT.sub('', host)}{slash}{path}"


def _telling(query: re.Match[str]) -> str:
    kept = [pair for pair in query[1].split("&") if pair and not _tracks(pair.partition("=")[0].lower())]
    return f"?{'&'.join(kept)}" if kept else ""


def _tracks(name: str) -> bool:
    return name in TRACKING or name.startswith(_TRACKING_PREFIXES)


def story_url(story: Story, *bases: str | None, guid: bool = True) -> str | None:
    """Where the story can be read: its own address before one that counts, HTML before other forms, then its guid."""
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
    if rel == _PERMALINK:
        return 0
    if rel == "alternate":
        return 1 if link.type in _HTML_TYPES else 2
    return 3 if rel == _ELSEWHERE else None
