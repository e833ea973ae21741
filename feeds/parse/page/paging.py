"""Whether a story goes on on another page: a `next` that is the next number of the same address."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from ...model import Link
from .webpage import WebPage, joined

MOST = 10
NUMBER = re.compile(
    r"(?:[?&](?:page|p|seite|pagina|pg|start)=|/(?:page|seite|pagina|p)?[/_-]?|[_-](?:p|page|seite)?[_-]?|,)(\d{1,2})(?=/?$|\.html?$|&|$|\.\w{3,5}$)",
    re.I,
)


def following(page: WebPage) -> tuple[Link, ...]:
    """The link to the next page of the same story, if there is one."""
    for element in page.root.iter("link", "a"):
        if "next" in (element.get("rel") or "").lower().split():
            address = joined(page.base, element.get("href") or "")
            if (address and is_next_page(page.canonical or page.url, address)) or (
                address and is_next_page(page.url, address)
            ):
                return (Link(address, "next"),)
    return ()


def is_next_page(here: str, there: str) -> bool:
    """Whether two addresses are one but for their number, and the second has the next one."""
    if urlsplit(here).netloc != urlsplit(there).netloc or urlsplit(here).path in ("", "/"):
        return False
    ours, theirs = _numbered(here), _numbered(there)
    if theirs[1] is None or theirs[1] > MOST:
        return False
    if ours[1] is None:
        return theirs[1] == 2 and _stem(theirs[0]) == _stem(here)
    return theirs == (ours[0], ours[1] + 1)


def _numbered(address: str) -> tuple[str, int | None]:
    address = address.partition("#")[0]
    match = next(reversed(list(NUMBER.finditer(address))), None)
    if match is None or urlsplit(address).path in ("", "/"):
        return address, None
    return address[: match.start()] + address[match.end() :], int(match[1])


def _stem(address: str) -> str:
    return re.sub(r"(?:/|/index)?(?:\.\w{3,5})?/?$", "", address.partition("#")[0].partition("?")[0])
