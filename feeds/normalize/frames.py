"""Frames and embedded players as links: what cannot be shown inside a feed can still be reached from it (S9)."""

from __future__ import annotations

import re
from html import escape, unescape

# A tag that holds `<` is left for the sanitiser to drop: so the search stays linear, whatever the input.
_FRAME = re.compile(r"<(?:iframe|embed)\b([^<>]*)>(?:[^<]*</iframe\s*>)?", re.IGNORECASE)
_VALUE = re.compile(r"\b(data-src|src|title)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))", re.IGNORECASE)

# The player's address → the page a person would open.
_PAGES = (
    (
        re.compile(r"https?://(?:www\.)?youtube(?:-nocookie)?\.com/(?:embed|v)/([\w-]{6,})"),
        "https://www.youtube.com/watch?v=",
    ),
    (re.compile(r"https?://player\.vimeo\.com/video/(\d+)"), "https://vimeo.com/"),
    (re.compile(r"https?://(?:www\.)?dailymotion\.com/embed/video/(\w+)"), "https://www.dailymotion.com/video/"),
    (re.compile(r"https?://open\.spotify\.com/embed/(\w+/\w+)"), "https://open.spotify.com/"),
)


def unframed(html: str) -> str:
    """The HTML with a link in the place of every frame that has an address."""
    return _FRAME.sub(_link, html)


def page_of(address: str) -> str:
    """The page on which a known player's video stands, else the address itself."""
    for player, page in _PAGES:
        found = player.match(address)
        if found:
            return page + found[1]
    return address


def _link(found: re.Match[str]) -> str:
    values = {name.lower(): unescape(a or b or c) for name, a, b, c in _VALUE.findall(found[1])}
    address = (values.get("src") or values.get("data-src") or "").strip()
    if address.startswith("//"):
        address = f"https:{address}"
    if not address.lower().startswith(("http://", "https://")):
        return ""
    page = escape(page_of(address))
    return f'<a href="{page}">{escape(values.get("title", "")) or page}</a>'
