"""Keeping what came from the environment or from files out of everything that is shown."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import quote

from ..model import Config

MASK = "***"
CUT = "…"


def masked(text: str, config: Config) -> str:
    """The text with every secret value replaced, also where a URL spells it percent-encoded."""
    return hide(text, config.secrets)


def hide(text: str, secrets: frozenset[str]) -> str:
    """The text with the given values replaced."""
    hidden = _pattern(secrets).sub(MASK, text) if secrets else text
    return _hide_cut(hidden, secrets) if CUT in hidden else hidden


def _hide_cut(text: str, secrets: frozenset[str]) -> str:
    """The text with the beginning of a secret hidden too, where a long value was cut in its middle."""
    *parts, last = text.split(CUT)
    beginnings = [secret[:length] for secret in secrets for length in range(len(secret) - 1, 2, -1)]
    for index, part in enumerate(parts):
        shown = next((beginning for beginning in beginnings if part.endswith(beginning)), None)
        parts[index] = part.removesuffix(shown) + MASK if shown else part
    return CUT.join([*parts, last])


@lru_cache(maxsize=8)
def _pattern(secrets: frozenset[str]) -> re.Pattern[str]:
    spellings = {spelling for secret in secrets for spelling in (secret, quote(secret, safe=""), quote(secret))}
    longest_first = sorted(spellings, key=lambda spelling: (-len(spelling), spelling))
    return re.compile("|".join(re.escape(spelling) for spelling in longest_first))
