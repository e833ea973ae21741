"""Ids for sources that nobody has named: of their title, or else of their host."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterable, Iterator
from dataclasses import replace
from itertools import chain, count
from urllib.parse import urlsplit

from ..model import Outline

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


def named(told: Iterable[Outline], before: Iterable[Outline]) -> tuple[Outline, ...]:
    """The outlines of a list with a name each: the one that its address had before, else a new one (R2)."""
    names = {outline.address: outline.name for outline in before}
    taken = set(names.values())
    made = []
    for outline in told:
        name = names.get(outline.address) or id_for(outline.title, outline.address, taken)
        taken.add(name)
        made.append(replace(outline, name=name))
    return tuple(made)
