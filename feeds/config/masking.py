"""Keeping what came from the environment or from files out of everything that is shown."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import quote

from feeds.model import Config

MASK = "***"


def masked(text: str, config: Config) -> str:
    """The text with every secret value replaced, also where a URL spells it percent-encoded."""
    return hide(text, config.secrets)


def hide(text: str, secrets: frozenset[str]) -> str:
    """The text with the given values replaced."""
    return _pattern(secrets).sub(MASK, text) if secrets else text


@lru_cache(maxsize=8)
def _pattern(secrets: frozenset[str]) -> re.Pattern[str]:
    spellings = {spelling for secret in secrets for spelling in (secret, quote(secret, safe=""), quote(secret))}
    longest_first = sorted(spellings, key=lambda spelling: (-len(spelling), spelling))
    return re.compile("|".join(re.escape(spelling) for spelling in longest_first))
