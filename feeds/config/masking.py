"""Keeping secrets out of everything that is shown or published, whatever their case or percent-encoding.

A text is compared in lower case and decoded, which is fast; a pattern finds the place of a secret that stands in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from html import escape, unescape
from urllib.parse import unquote

from ..model import Config

MASK = "***"
CUT = "…"

_ENCODED_TWICE = 3  # rounds of percent-decoding: addresses within addresses within addresses
_ENTITIES = (
    ("&amp;", "&"),
    ("&amp;", "&"),
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&quot;", '"'),
    ("&#34;", '"'),
    ("&#39;", "'"),
)


def masked(text: str, config: Config) -> str:
    """Return the text with every secret value replaced, in any case and percent-encoding."""
    return hide(text, config.secrets)


def hide(text: str, secrets: Collection[str]) -> str:
    """Return the text with the given values replaced."""
    hidden = _replaced(text, secrets_in(text, secrets))
    return _hide_cut(hidden, secrets) if CUT in hidden else hidden


def holds(text: str, secrets: Collection[str]) -> bool:
    """Tell whether one of the given values stands in the text."""
    return bool(secrets_in(text, secrets))


def secrets_in(text: str, secrets: Collection[str]) -> frozenset[str]:
    """Return those of the given values that stand in the text, in any case and percent-encoding."""
    if not secrets:
        return frozenset()
    texts = {text.lower(), _folded(text)}
    return frozenset(secret for secret in secrets if any(form in one for form in _forms(secret) for one in texts))


@lru_cache(maxsize=4096)
def _forms(secret: str) -> frozenset[str]:
    """Return the secret in lower case: as it is, decoded, and as JSON writes it."""
    return frozenset({secret.lower(), _folded(secret), json.dumps(secret, ensure_ascii=False)[1:-1].lower()} - {""})


def _folded(text: str) -> str:
    """Return the text in lower case, decoded."""
    text = text.lower()
    if "&" in text:
        for entity, character in _ENTITIES:
            text = text.replace(entity, character)
    if "&#" in text:
        text = unescape(text).lower()
    for _ in range(_ENCODED_TWICE):
        if "%" not in text:
            break
        text = unquote(text).lower()
    return text


def _replaced(text: str, secrets: frozenset[str]) -> str:
    """Return the text with these values, which stand in it, replaced; the whole of it where they cannot be located."""
    if not secrets:
        return text
    hidden = _pattern(secrets).sub(MASK, text)
    return MASK if secrets_in(hidden, secrets) else hidden


def _hide_cut(text: str, secrets: Iterable[str]) -> str:
    """Return the text with the beginning of a secret hidden too, where a long value was cut in its middle."""
    *parts, last = text.split(CUT)
    beginnings = [secret[:length].lower() for secret in secrets for length in range(len(secret) - 1, 2, -1)]
    for index, part in enumerate(parts):
        shown = next((beginning for beginning in beginnings if part.lower().endswith(beginning)), None)
        parts[index] = part[: len(part) - len(shown)] + MASK if shown else part
    return CUT.join([*parts, last])


@lru_cache(maxsize=64)
def _pattern(secrets: frozenset[str]) -> re.Pattern[str]:
    spellings = {spelling for secret in secrets for spelling in (secret, unquote(secret))}
    longest_first = sorted(spellings, key=lambda spelling: (-len(spelling), spelling))
    return re.compile("|".join("".join(map(_character, spelling)) for spelling in longest_first), re.IGNORECASE)


@lru_cache(maxsize=512)
def _character(character: str) -> str:
    """Return a pattern for one character: as it is, percent-encoded, as a character reference, or escaped in JSON."""
    forms = {re.escape(character), re.escape(escape(character)), re.escape(json.dumps(character)[1:-1])}
    if character == " ":
        forms.add(r"\+")
    for one in {character, character.lower(), character.upper()}:
        forms.add("".join(f"%(?:25)*{octet:02x}" for octet in one.encode("utf-8", "surrogatepass")))
        if len(one) == 1:
            forms |= {rf"&(?:amp;)?#0*{ord(one)};", rf"&(?:amp;)?#x0*{ord(one):x};", rf"\\u{ord(one):04x}"}
    return f"(?:{'|'.join(sorted(forms, key=lambda form: (-len(form), form)))})"
