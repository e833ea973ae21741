"""Masking of secrets in everything that is shown or published, in any case and percent-encoding.

A text is compared in lower case and decoded, which is fast; a pattern finds the position of a secret in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from html import escape, unescape
from urllib.parse import unquote

from .model import Config

MASK = "***"
ELLIPSIS = "…"

_DECODING_ROUNDS = 3  # of percent-encoding: addresses within addresses within addresses
# Of Python, `\U0001f600` and `\xf6`; of JSON, `\u00f6`, of which two can be one character. The text is in lower case.
_ESCAPES = re.compile(r"\\u(00(?:0[1-9a-f]|10)[0-9a-f]{4})|\\x([0-9a-f]{2})|(?:\\u[0-9a-f]{4})+")
_ENTITIES = (
    ("&amp;", "&"),
    ("&amp;", "&"),
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&quot;", '"'),
    ("&#34;", '"'),
    ("&#39;", "'"),
)


def mask_secrets(text: str, config: Config) -> str:
    """Return the text with every secret of the configuration masked."""
    return mask(text, config.secrets)


def mask(text: str, secrets: Collection[str]) -> str:
    """Return the text with the given values masked."""
    masked = _replace(text, find_secrets(text, secrets))
    return _mask_cut_secrets(masked, secrets) if ELLIPSIS in masked else masked


def contains_secret(text: str, secrets: Collection[str]) -> bool:
    """Tell whether one of the given values stands in the text."""
    return bool(find_secrets(text, secrets))


def find_secrets(text: str, secrets: Collection[str]) -> frozenset[str]:
    """Return those of the given values that stand in the text, in any case and percent-encoding."""
    if not secrets:
        return frozenset()
    forms = {text.lower(), _fold(text)}
    return frozenset(
        secret for secret in secrets if any(part in form for part in _list_forms(secret) for form in forms)
    )


@lru_cache(maxsize=4096)
def _list_forms(secret: str) -> frozenset[str]:
    """Return the secret in lower case: as it is, decoded, and as JSON writes it."""
    return frozenset({secret.lower(), _fold(secret), json.dumps(secret, ensure_ascii=False)[1:-1].lower()} - {""})


def _fold(text: str) -> str:
    """Return the text in lower case, decoded."""
    text = text.lower()
    if "&" in text:
        for entity, character in _ENTITIES:
            text = text.replace(entity, character)
    if "&#" in text:
        text = unescape(text).lower()
    if "\\u" in text or "\\x" in text:
        text = _ESCAPES.sub(_decode_escapes, text).lower()
    for _ in range(_DECODING_ROUNDS):
        if "%" not in text:
            break
        text = unquote(text).lower()
    return text


def _decode_escapes(match: re.Match[str]) -> str:
    """Return the characters that escapes in lower case stand for."""
    if digits := match[1] or match[2]:
        return chr(int(digits, 16))
    return bytes.fromhex(match[0].replace("\\u", "")).decode("utf-16-be", "replace")


def _replace(text: str, secrets: frozenset[str]) -> str:
    """Return the text with these values, which stand in it, masked; mask the whole text if they cannot be located."""
    if not secrets:
        return text
    masked = _compile_pattern(secrets).sub(MASK, text)
    return MASK if find_secrets(masked, secrets) else masked


def _mask_cut_secrets(text: str, secrets: Iterable[str]) -> str:
    """Return the text with the beginning of a secret masked too, where a long value was cut in its middle."""
    *parts, last = text.split(ELLIPSIS)
    beginnings = [secret[:length].lower() for secret in secrets for length in range(len(secret) - 1, 2, -1)]
    for index, part in enumerate(parts):
        beginning = next((beginning for beginning in beginnings if part.lower().endswith(beginning)), None)
        parts[index] = part[: len(part) - len(beginning)] + MASK if beginning else part
    return ELLIPSIS.join([*parts, last])


@lru_cache(maxsize=64)
def _compile_pattern(secrets: frozenset[str]) -> re.Pattern[str]:
    spellings = {spelling for secret in secrets for spelling in (secret, unquote(secret))}
    longest_first = sorted(spellings, key=lambda spelling: (-len(spelling), spelling))
    return re.compile("|".join("".join(map(_character_pattern, spelling)) for spelling in longest_first), re.IGNORECASE)


@lru_cache(maxsize=512)
def _character_pattern(character: str) -> str:
    """Return a pattern for one character: as it is, percent-encoded, as a character reference, or escaped in JSON."""
    forms = {re.escape(character), re.escape(escape(character))}
    if character == " ":
        forms.add(r"\+")
    for letter in {character, character.lower(), character.upper()}:
        forms.add("".join(f"%(?:25)*{octet:02x}" for octet in letter.encode("utf-8", "surrogatepass")))
        forms |= {re.escape(json.dumps(letter)[1:-1]), re.escape(ascii(letter)[1:-1])}
        if len(letter) == 1:
            code = ord(letter)
            forms |= {rf"&(?:amp;)?#0*{code};", rf"&(?:amp;)?#x0*{code:x};", rf"\\u{code:04x}"}
    return f"(?:{'|'.join(sorted(forms, key=lambda form: (-len(form), form)))})"
