"""The other direction of the content codings."""

from __future__ import annotations

import gzip
from importlib import import_module


def decompress(coding: str | None, body: bytes) -> bytes:
    """The bytes that were compressed."""
    match coding:
        case "br":
            return bytes(import_module("brotli").decompress(body))
        case "zstd":
            return bytes(import_module("zstandard").ZstdDecompressor().decompress(body))
        case "gzip":
            return gzip.decompress(body)
    return body
