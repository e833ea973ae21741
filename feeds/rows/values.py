"""The values of columns.

Times are whole microseconds since 1970 in UTC: exact, sortable, and free of any driver's conversion.
Records are JSON, without the members that have their default.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import msgspec

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

_json_encoder = msgspec.json.Encoder(enc_hook=dict)  # for mappings that are not dicts


def encode_time(time: datetime) -> int:
    """Return the time as whole microseconds since 1970."""
    return (time - EPOCH) // MICROSECOND


def encode_optional_time(time: datetime | None) -> int | None:
    """Return the time as whole microseconds since 1970; None for None."""
    return None if time is None else encode_time(time)


def decode_time(value: int) -> datetime:
    """Return the time that `encode_time` encoded."""
    return EPOCH + value * MICROSECOND


def decode_optional_time(value: int | None) -> datetime | None:
    """Return the time that `encode_time` encoded; None for None."""
    return None if value is None else decode_time(value)


def encode_json(value: object) -> bytes:
    """Return a record, or an array of records or strings, as JSON; lone surrogates become question marks."""
    try:
        return _json_encoder.encode(value)
    except UnicodeEncodeError:
        return _json_encoder.encode(_sanitize_strings(msgspec.to_builtins(value, enc_hook=dict)))


def to_json(value: object) -> str:
    """Return the text of `encode_json`."""
    return encode_json(value).decode()


def decode_strings(text: str | None) -> tuple[str, ...]:
    """Return the strings of a JSON array; () for None."""
    return msgspec.json.decode(text, type=tuple[str, ...]) if text else ()


def encode_text(text: str) -> bytes:
    """Return the text in UTF-8; lone surrogates become question marks."""
    return text.encode("utf-8", "replace")


# Below that little is saved, and compressing would take a twentieth of the time that a new feed takes.
MIN_COMPRESSED = 4096  # bytes
_COMPRESSED = b"\xff"  # begins no UTF-8


def encode_html(text: str) -> bytes:
    """Return the text in UTF-8, compressed where it is long; lone surrogates become question marks."""
    html = encode_text(text)
    return html if len(html) < MIN_COMPRESSED else _COMPRESSED + zlib.compress(html, 1)


def decode_html(html: bytes) -> str:
    """Return the text that `encode_html` encoded."""
    return (zlib.decompress(html[1:]) if html.startswith(_COMPRESSED) else html).decode()


def is_same_html(html: bytes, other: bytes) -> bool:
    """Return whether two such values hold the same text: what was stored earlier may not be compressed."""
    return html == other or decode_html(html) == decode_html(other)


def sanitize_text(text: str) -> str:
    """Return the text as UTF-8 can encode it: lone surrogates become question marks."""
    return text if text.isascii() else encode_text(text).decode()


def sanitize_id(id: str) -> str:
    """Return the id as SQLite can compare it: without NUL (its JSON functions stop there) and lone surrogates."""
    return sanitize_text(id.replace("\0", "\ufffd") if "\0" in id else id)


def _sanitize_strings(value: object) -> object:
    if isinstance(value, str):
        return sanitize_text(value)
    if isinstance(value, Mapping):
        return {_sanitize_strings(name): _sanitize_strings(item) for name, item in value.items()}
    return [_sanitize_strings(item) for item in value] if isinstance(value, list | tuple) else value
