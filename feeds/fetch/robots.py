"""robots.txt (RFC 9309): what each response to it means, and the rules as they are kept in the state of a host."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import lru_cache

from protego import Protego

from ..model import HostState, replace

PRODUCT_TOKEN = "feeds"
MAX_BYTES = 512_000  # RFC 9309 §2.5: at least 500 KiB; the rest of a longer file is not read
MAX_AGE = timedelta(hours=24)
RETRY_AFTER = timedelta(hours=1)  # when robots.txt could not be had
DISALLOW_ALL = "User-agent: *\nDisallow: /\n"
ALLOW_ALL = ""
_AGENT_LINE = re.compile(r"\s*user(?:-|\s+)?agent\s*[:\s]([^#]*)", re.IGNORECASE)


def cached_rules(state: HostState, at: datetime) -> str | None:
    """Return the rules of a host, or None when they have to be fetched again."""
    if state.robots is None or state.robots_at is None or not timedelta(0) <= at - state.robots_at < MAX_AGE:
        return None
    return state.robots


def update_rules(state: HostState, at: datetime, status: int | None, text: str) -> HostState:
    """Return the state of a host after a request for its robots.txt (RFC 9309 §2.3.1).

    No `status` means that the host could not be reached: the rules of before still hold.
    """
    if status is not None and 200 <= status < 300:
        return replace(state, robots=text, robots_at=at)
    if status is not None and status < 500:
        return replace(state, robots=ALLOW_ALL, robots_at=at)
    rules = DISALLOW_ALL if state.robots is None else state.robots
    return replace(state, robots=rules, robots_at=at - MAX_AGE + RETRY_AFTER)


def is_allowed(rules: str, url: str) -> bool:
    """Return whether these rules let us fetch this address."""
    return bool(_parse_rules(rules).can_fetch(url, PRODUCT_TOKEN))


@lru_cache(maxsize=16)  # what half a megabyte says takes up to 50 MB
def _parse_rules(rules: str) -> Protego:
    return Protego.parse(_select_our_group(rules))


def _select_our_group(rules: str) -> str:
    """Return the rules with no other agent's name left: Protego keeps each rule once for each name of its group (A3).

    A line without a name begins a group, too. As for Protego, the longest beginning of our name is ours, else `*`.
    """
    lines = rules.splitlines()
    names = [_parse_agent(line) for line in lines]
    ours = max((name for name in names if name and PRODUCT_TOKEN.startswith(name)), key=len, default="*")
    return "\n".join(
        line if name is None else f"User-agent: {name if name == ours else ''}"
        for line, name in zip(lines, names, strict=True)
    )


def _parse_agent(line: str) -> str | None:
    """Return the name in a line that names an agent, without wildcards; None for any other line."""
    match = _AGENT_LINE.match(line)
    name = match[1].strip().lower() if match else None
    return name and (name.replace("*", "") or name)
