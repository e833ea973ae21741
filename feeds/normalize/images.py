"""Images inside HTML: those that load late are given their address, those that only count readers are taken out.

It works on what the sanitiser wrote, where every tag is whole and every value stands in double quotes.
"""

from __future__ import annotations

import re
from html import escape, unescape

from .links import URL_LIMIT, web_url

# Where pages that load images by script keep the true address; the first table overrules `src`, the second helps out.
_TRUE = ("data-src", "data-lazy-src", "data-original", "data-lazy", "data-actualsrc", "data-echo", "data-img-src")
_SPARE = ("data-orig-file", "data-large-file", "data-hi-res-src", "data-full-url", "data-image", "data-url")
_TRUE_SETS = ("data-srcset", "data-lazy-srcset")
LAZY = frozenset(_TRUE + _SPARE + _TRUE_SETS)
_LAZY_HINT = re.compile(r"\sdata-(?:src|la|or|ac|ec|im|hi|fu|ur)")

_IMG = re.compile(r"<img\b([^>]*)>")
_ATTRIBUTE = re.compile(r'([a-z-]+)="([^"]*)"')
_SRCSET = re.compile(r'(\ssrcset=")([^"]*)"')
_CANDIDATE = re.compile(r"\s*([^\s,](?:\S*[^\s,])?)(?:\s+([\d.]+[wxh]))?\s*(?:,|$)")
# A set as it is to be: publishers write most of theirs like this, and a dozen addresses need not be taken apart.
_ABSOLUTE = r"https?://[A-Za-z0-9.-]+/(?:[!#$%()*+./0-9:;=?@A-Z_a-z~-]++|&amp;)*+ [\d.]+[wxh]"
_SETTLED_SET = re.compile(rf"{_ABSOLUTE}(?:, {_ABSOLUTE})*")
_SET_LIMIT = 8_000
_ADDRESS = re.compile(r"[^\s{}\[\]\"<>]+[./][^\s{}\[\]\"<>]+")

_SMALL = re.compile(r'\s(?:width|height)="\s*[1-4]?\d(?:px)?\s*"')
_UNSEEN = re.compile(
    r'\s(?:(?:width|height)="\s*[01](?:px)?\s*"'
    r'|src="https?://(?:[^"/]*\.)?(?:'
    r"feeds?\.feedburner\.com/~|feedproxy\.google\.com/~|feedsportal\.com/|pheedo\.com/|feedblitz\.com/|pixel\."
    r"|pixel\w*\.wp\.com/|stats\.wordpress\.com/|feeds\.wordpress\.com/|scorecardresearch\.com/|doubleclick\.net/"
    r"|google-analytics\.com/|googleadservices\.com/|quantserve\.com/|facebook\.com/tr\b|medium\.com/_/stat"
    r"|blogger\.googleusercontent\.com/tracker/|tracking\.feedpress\.|feedpress\.me/|api\.follow\.it/track"
    r"|statcounter\.com/|chartbeat\.net/|hits\.|counter\.|count\.|rss\.buysellads\.|pi\.feedsportal\.|mf\.gif"
    r')|src="[^"]*/(?:pixel|tracker|beacon|spacer|blank|transparent|1x1)\.(?:gif|png)(?:\?[^"]*)?")'
)
_MINOR = (
    "/emoji/", "/smilies/", "/smiley", "gravatar.com", "/avatar", "_avatar", "-avatar", "avatar.",
    "wp-includes/images", "/icon", "/ico/", "_icon.", "-icon.", "badge", "/share_", "/share-", "feedburner",
    "addthis", "addtoany", "/button", "spacer", "placeholder", "/blank.",
)  # fmt: skip


def settled(html: str, base: str | None, *, twice: bool = False) -> str:
    """Clean HTML with its images settled; with `twice`, an image that comes again (a `noscript` copy) goes."""
    seen: set[str] | None = set() if twice else None
    html = _IMG.sub(lambda found: _settled_image(found, base, seen), html)
    return _SRCSET.sub(lambda found: _settled_set(found, base), html) if "srcset=" in html else html


def _settled_image(found: re.Match[str], base: str | None, seen: set[str] | None) -> str:
    tag = found[0]
    if " src=" not in tag or (" data-" in tag and _LAZY_HINT.search(tag)):
        tag = _awoken(dict(_ATTRIBUTE.findall(found[1])), base)
    if " src=" not in tag or _UNSEEN.search(tag):
        return ""
    if seen is not None:
        source = _source(tag)
        if source in seen:
            return ""
        seen.add(source)
    return tag


def _source(tag: str) -> str:
    return tag.partition(' src="')[2].partition('"')[0]


def _awoken(values: dict[str, str], base: str | None) -> str:
    """The image tag with the addresses that a script would have put in."""
    srcset = next((values[name] for name in _TRUE_SETS if values.get(name)), values.get("srcset", ""))
    source = (
        _first_address(values, _TRUE, base)
        or values.get("src")
        or _first_address(values, _SPARE, base)
        or _largest(srcset, base)
    )
    kept = {"src": source, "srcset": srcset}
    kept |= {name: value for name, value in values.items() if name not in LAZY and name not in kept}
    spelled = "".join(f' {name}="{value}"' for name, value in kept.items() if value)
    return f"<img{spelled}>"


def _first_address(values: dict[str, str], names: tuple[str, ...], base: str | None) -> str:
    for name in names:
        value = unescape(values.get(name, ""))
        url = web_url(value, base) if _ADDRESS.fullmatch(value.strip()) else None
        if url:
            return escape(url)
    return ""


def _largest(srcset: str, base: str | None) -> str:
    urls = [web_url(found[1], base) for found in _CANDIDATE.finditer(unescape(srcset))]
    return escape(urls[-1] or "") if urls else ""


def _settled_set(found: re.Match[str], base: str | None) -> str:
    told = found[2]
    if len(told) >= _SET_LIMIT:
        return ""
    if len(told) < URL_LIMIT and _SETTLED_SET.fullmatch(told):
        return found[0]
    candidates = ((web_url(one[1], base), one[2]) for one in _CANDIDATE.finditer(unescape(told)))
    kept = ", ".join(f"{url.replace(',', '%2C')} {size}".rstrip() for url, size in candidates if url)
    return f'{found[1]}{escape(kept)}"' if kept else ""


def lead(html: str) -> str | None:
    """The first image of clean HTML that shows something: no emoji, avatar, button or icon."""
    if "<img" not in html:
        return None
    for found in _IMG.finditer(html):
        source = _source(found[1])
        if source and not is_minor(source) and not _SMALL.search(found[1]):
            return web_url(unescape(source))
    return None


def is_minor(source: str) -> bool:
    """Whether an address is that of an emoji, an avatar, a button or an icon."""
    lower = source.lower()
    return any(part in lower for part in _MINOR)
