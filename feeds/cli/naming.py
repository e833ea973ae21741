"""Ids for new sources, and when two addresses are the same. No I/O."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterator
from itertools import chain, count
from urllib.parse import urlsplit

LONGEST = 40  # an id is typed by hand; the configuration takes up to 64

_NO_WORD = re.compile(r"[^a-z0-9]+")
# Parts of host names that say nothing of whose they are.
_PLAIN_HOST = re.compile(r"^(?:www\d?|feeds?|rss|blog|news)\.(?=[^.]+\.)|\.[a-z]{2,}$")
_ELSEWHERE = "source"


def slug(text: str) -> str:
    """The text as an id, cut at a word; empty when nothing of it can stand in one."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower().replace("'", "")
    whole = _NO_WORD.sub("-", plain).strip("-")
    if len(whole) <= LONGEST:
        return whole
    return whole[: LONGEST + 1].rpartition("-")[0] or whole[:LONGEST]


def id_for(title: str | None, url: str, taken: Container[str]) -> str:
    """An id for a source, of its title, or else of its host; with a number when that is taken."""
    stem = slug(title or "") or slug(_host(url)) or _ELSEWHERE
    names: Iterator[str] = chain([stem], (f"{stem}-{number}" for number in count(2)))
    return next(name for name in names if name not in taken)


def _host(url: str) -> str:
    return _PLAIN_HOST.sub("", _PLAIN_HOST.sub("", urlsplit(url).hostname or ""))


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
