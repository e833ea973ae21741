"""robots.txt as RFC 9309 has it: what each kind of answer means, and the rules kept with what is known of a host."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import lru_cache

from protego import Protego

from ..model import HostState

AGENT = "feeds"
LARGEST = 512_000  # RFC 9309 §2.5: at least 500 KiB; what comes after that is not read
KEPT = timedelta(hours=24)
RETRY = timedelta(hours=1)
NOBODY = "User-agent: *\nDisallow: /\n"
EVERYBODY = ""


def cached(state: HostState, at: datetime) -> str | None:
    """The rules that are still good, or None when they have to be fetched."""
    if state.robots is None or state.robots_at is None or not timedelta(0) <= at - state.robots_at < KEPT:
        return None
    return state.robots


def learned(state: HostState, at: datetime, status: int | None, text: str) -> HostState:
    """What a host is now known to want. No status: it could not be reached (RFC 9309 §2.3.1)."""
    if status is not None and 200 <= status < 300:
        return replace(state, robots=text, robots_at=at)
    if status is not None and status < 500:
        return replace(state, robots=EVERYBODY, robots_at=at)
    kept = NOBODY if state.robots is None else state.robots
    return replace(state, robots=kept, robots_at=at - KEPT + RETRY)


def allows(rules: str, url: str) -> bool:
    """Whether these rules let us have this address."""
    return bool(_parsed(rules).can_fetch(url, AGENT))


@lru_cache(maxsize=256)
def _parsed(rules: str) -> Protego:
    return Protego.parse(rules)
