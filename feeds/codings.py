"""Content codings of published files: which files are worth it, how they are compressed, and what siblings are called.

A sibling is the compressed copy of a file beside it, `world.rss.gz` of `world.rss`, for web servers that send it as it
is. It has the modification time of its file to the nanosecond: where the two differ, it is of other bytes.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Collection
from functools import cache
from importlib.util import find_spec
from typing import NamedTuple

MIN_SIBLING_SIZE = 1024  # bytes; a smaller file has no sibling: it fits into a packet or two
MAX_COMPRESSIBLE_SIZE = 4_000_000  # bytes; a larger file is never compressed

# The levels are those after which a second of work saves little more.
_GZIP_LEVEL = 6
_BROTLI_QUALITY = 4
_ZSTD_LEVEL = 3

# What is compressed already, by the suffix of the name; everything else is text of some kind.
_COMPRESSED_SUFFIXES = frozenset(
    ("png", "jpg", "jpeg", "gif", "webp", "avif", "ico", "mp3", "m4a", "aac", "ogg", "oga", "opus", "flac", "wav")
) | frozenset(("mp4", "m4v", "webm", "pdf", "epub", "zip", "woff2"))


class Coding(NamedTuple):
    """A content coding (RFC 9110 §8.4.1), and the suffix that it adds to a name.

    `compress` makes equal bytes of equal bytes, `decompress` raises ValueError for what it did not make.
    """

    name: str
    suffix: str
    compress: Callable[[bytes], bytes]
    decompress: Callable[[bytes], bytes]


def _compress_brotli(body: bytes) -> bytes:
    import brotli  # an extra

    return bytes(brotli.compress(body, quality=_BROTLI_QUALITY))


def _decompress_brotli(body: bytes) -> bytes:
    import brotli

    try:
        return bytes(brotli.decompress(body))
    except brotli.error as error:
        raise ValueError(str(error)) from error


def _compress_zstd(body: bytes) -> bytes:
    import zstandard  # an extra

    return bytes(zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(body))


def _decompress_zstd(body: bytes) -> bytes:
    import zstandard

    try:
        return bytes(zstandard.ZstdDecompressor().decompress(body))
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from error


def _compress_gzip(body: bytes) -> bytes:
    return gzip.compress(body, _GZIP_LEVEL, mtime=0)


def _decompress_gzip(body: bytes) -> bytes:
    try:
        return gzip.decompress(body)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(str(error)) from error


# The coding with the smallest results first, each with its library; two are of the extra `speed`.
_CODINGS = (
    (Coding("br", ".br", _compress_brotli, _decompress_brotli), "brotli"),
    (Coding("zstd", ".zst", _compress_zstd, _decompress_zstd), "zstandard"),
    (Coding("gzip", ".gz", _compress_gzip, _decompress_gzip), "gzip"),
)
CODING_NAMES = tuple(coding.name for coding, _ in _CODINGS)
SIBLING_SUFFIXES = tuple(coding.suffix for coding, _ in _CODINGS)


@cache
def find_codings() -> tuple[Coding, ...]:
    """Return the codings whose library is installed, the one with the smallest results first."""
    return tuple(coding for coding, library in _CODINGS if find_spec(library))


def select_codings(names: Collection[str]) -> tuple[Coding, ...]:
    """Return the codings with these names, as far as their library is installed."""
    return tuple(coding for coding in find_codings() if coding.name in names)


def is_compressible(path: str) -> bool:
    """Return whether a file of this name gets smaller when it is compressed."""
    return path.rpartition(".")[2] not in _COMPRESSED_SUFFIXES


def has_siblings(path: str, size: int) -> bool:
    """Return whether a file of this name and size has siblings, where there are any."""
    return MIN_SIBLING_SIZE <= size <= MAX_COMPRESSIBLE_SIZE and is_compressible(path)
