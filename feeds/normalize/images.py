"""Images inside HTML: lazy ones get their address, tracking pixels are removed, and the first one is found.

All of it works on sanitised HTML, where every tag is closed and every value is in double quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape, unescape

from .links import URL_LIMIT, web_url

# Where pages that load images by script keep the address: the first table overrules `src`, the second replaces none.
_LAZY_SOURCES = (
    "data-src", "data-lazy-src", "data-original", "data-lazy", "data-actualsrc", "data-echo", "data-img-src",
)  # fmt: skip
_SPARE_SOURCES = ("data-orig-file", "data-large-file", "data-hi-res-src", "data-full-url", "data-image", "data-url")
_LAZY_SRCSETS = ("data-srcset", "data-lazy-srcset")
LAZY_ATTRIBUTES = frozenset(_LAZY_SOURCES + _SPARE_SOURCES + _LAZY_SRCSETS)
_LAZY_HINT = re.compile(r" data-(?:src|la|or|ac|ec|im|hi|fu|ur)")

_ATTRIBUTE = re.compile(r'([a-z-]+)="([^"]*)"')
_SRCSET = re.compile(r'( srcset=")([^"]*)"')
# An address, which ends at a blank, and its size; or a blank, where something else follows that is the address then.
# Possessive, and without a way to fail once a word has begun, so that the time is linear (S15).
_CANDIDATE = re.compile(r"([^\s,]\S*+)(?:(?<=,)|(?>(?:\s++([\d.]++[wxh]))?)\s*+(?:,|\Z)|(\s))")
# A `srcset` that needs no change, as most are: its addresses need not be parsed one by one.
_ABSOLUTE_CANDIDATE = r"https?://[A-Za-z0-9.-]+/(?>(?:[!#$%()*+./0-9:;=?@A-Z_a-z~-]++|&amp;)*) [\d.]+[wxh]"
_CLEAN_SRCSET = re.compile(rf"{_ABSOLUTE_CANDIDATE}(?:, {_ABSOLUTE_CANDIDATE})*")
_SRCSET_LIMIT = 8_000
_ADDRESS = re.compile(r"[^\s{}\[\]\"<>]+[./][^\s{}\[\]\"<>]+")

# The sanitiser writes one blank between attributes, which is found far quicker than any white space.
_SMALL = re.compile(r' (?:width|height)="\s*[1-4]?\d(?:px)?\s*"')
_TRACKING_PIXEL = re.compile(
    r' (?:(?:width|height)="\s*[01](?:px)?\s*"'
    r'|src="https?://(?:[^"/]*\.)?(?:'
    r"feeds?\.feedburner\.com/~|feedproxy\.google\.com/~|feedsportal\.com/|pheedo\.com/|feedblitz\.com/|pixel\."
    r"|pixel\w*\.wp\.com/|stats\.wordpress\.com/|feeds\.wordpress\.com/|scorecardresearch\.com/|doubleclick\.net/"
    r"|google-analytics\.com/|googleadservices\.com/|quantserve\.com/|facebook\.com/tr\b|medium\.com/_/stat"
    r"|blogger\.googleusercontent\.com/tracker/|tracking\.feedpress\.|feedpress\.me/|api\.follow\.it/track"
    r"|statcounter\.com/|chartbeat\.net/|hits\.|counter\.|count\.|rss\.buysellads\.|pi\.feedsportal\.|mf\.gif"
    r"|(?:stats?|analytics|metrics?|track(?:er|ing)?|beacon|piwik|matomo)\d?\.[^\"?]*(?:\.(?:gif|php)|/[^\"?./]*)[\"?]"
    r')|src="[^"?]*/(?:counter|piwik|matomo|hits?|stats?|count|pixel|track(?:er|ing)?|beacon)\.(?:php|aspx?|cgi|gif|pl)["?]'
    r'|src="[^"]*/(?:pixel|tracker|beacon|spacer|blank|transparent|1x1|\w{0,40}(?:[a-z]|_)(?:Pixel|_pixel|Beacon|Tracker))'
    r'\.(?:gif|png|jpg|webp)(?:\?[^"]*)?")'
)
_DECORATIVE_PARTS = (
    "/emoji/", "/smilies/", "/smiley", "gravatar.com", "/avatar", "_avatar", "-avatar", "avatar.",
    "wp-includes/images", "/icon", "/ico/", "_icon.", "-icon.", "badge", "/share_", "/share-", "feedburner",
    "addthis", "addtoany", "/button", "spacer", "placeholder", "/blank.",
)  # fmt: skip


def fix_images(html: str, base: str | None, *, drop_copies: bool = False) -> str:
    """Return sanitised HTML with eager images and without tracking pixels.

    With `drop_copies`, an image that occurs again (a `noscript` copy) is removed.
    """
    sources: set[str] | None = set() if drop_copies else None
    pieces, copied = list[str](), 0
    for start, end in _find_images(html):
        tag = html[start:end]
        fixed = _fix_image(tag, base, sources)
        if fixed != tag:
            pieces += (html[copied:start], fixed)
            copied = end
    html = "".join((*pieces, html[copied:])) if pieces else html
    return _SRCSET.sub(lambda match: _fix_srcset(match, base), html) if "srcset=" in html else html


def _find_images(html: str) -> Iterator[tuple[int, int]]:
    """Yield the start and the end of each image tag of sanitised HTML."""
    end = 0
    while (start := html.find("<img", end)) >= 0 and (end := html.find(">", start) + 1):
        yield start, end


def _fix_image(tag: str, base: str | None, sources: set[str] | None) -> str:
    if " src=" not in tag or (" data-" in tag and _LAZY_HINT.search(tag)):
        tag = _eager_image(dict(_ATTRIBUTE.findall(tag)), base)
    if " src=" not in tag or _TRACKING_PIXEL.search(tag):
        return ""
    if sources is not None:
        source = _source(tag)
        if source in sources:
            return ""
        sources.add(source)
    return tag


def _source(tag: str) -> str:
    return tag.partition(' src="')[2].partition('"')[0]


def _eager_image(values: dict[str, str], base: str | None) -> str:
    """Return the image tag with the addresses that a script would have filled in."""
    srcset = next((values[name] for name in _LAZY_SRCSETS if values.get(name)), values.get("srcset", ""))
    source = (
        _first_address(values, _LAZY_SOURCES, base)
        or values.get("src")
        or _first_address(values, _SPARE_SOURCES, base)
        or _last_candidate(srcset, base)
    )
    attributes = {"src": source, "srcset": srcset}
    attributes |= {name: value for name, value in values.items() if name not in LAZY_ATTRIBUTES | attributes.keys()}
    written = "".join(f' {name}="{value}"' for name, value in attributes.items() if value)
    return f"<img{written}>"


def _first_address(values: dict[str, str], names: tuple[str, ...], base: str | None) -> str:
    for name in names:
        value = unescape(values.get(name, ""))
        url = web_url(value, base) if _ADDRESS.fullmatch(value.strip()) else None
        if url:
            return escape(url)
    return ""


def _last_candidate(srcset: str, base: str | None) -> str:
    urls = [web_url(address, base) for address, _ in _candidates(srcset)]
    return escape(urls[-1] or "") if urls else ""


def _candidates(srcset: str) -> Iterator[tuple[str, str]]:
    """Yield each (address, size) of a `srcset`."""
    for address, size, is_other_word in _CANDIDATE.findall(unescape(srcset)):
        if not is_other_word:
            yield address.rstrip(","), size


def _fix_srcset(match: re.Match[str], base: str | None) -> str:
    value = match[2]
    if len(value) >= _SRCSET_LIMIT:
        return ""
    if len(value) < URL_LIMIT and _CLEAN_SRCSET.fullmatch(value):
        return match[0]
    candidates = ((web_url(address, base), size) for address, size in _candidates(value))
    srcset = ", ".join(f"{url.replace(',', '%2C')} {size}".rstrip() for url, size in candidates if url)
    return f'{match[1]}{escape(srcset)}"' if srcset else ""


def find_first_image(html: str) -> str | None:
    """Return the address of the first image of sanitised HTML that is no emoji, avatar, button or icon."""
    for start, end in _find_images(html):
        tag = html[start:end]
        source = _source(tag)
        if source and not is_decorative(source) and not _SMALL.search(tag):
            return web_url(unescape(source) if "&" in source else source)
    return None


def is_decorative(source: str) -> bool:
    """Return whether an image address is that of an emoji, avatar, button or icon."""
    lower = source.lower()
    for part in _DECORATIVE_PARTS:  # noqa: SIM110 - `any` with a generator takes three times as long
        if part in lower:
            return True
    return False
