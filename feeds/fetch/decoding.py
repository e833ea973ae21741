"""Decode bodies (gzip, deflate), never to more bytes than may be held: bombs end at the limit (S12, F13).

The decoders of urllib3 take bodies that are cut short or followed by something else; zlib itself says where one ends.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from io import BytesIO

from ..errors import FailureKind
from .problems import OPERATOR_MUST_FIX, FetchProblem

ACCEPT_ENCODING = "gzip, deflate"
CODINGS = {"gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate"}
# The others that HTTP has (its IANA registry): a server that uses one did not read what we accept.
UNWANTED_CODINGS = frozenset({"aes128gcm", "br", "compress", "dcb", "dcz", "exi", "pack200-gzip", "x-compress", "zstd"})
OUTPUT_STEP = 262_144  # bytes decoded at once, so that little more than the body itself is held
DETECTION_SIZE = 64  # bytes that tell how a body is encoded
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WBITS = 31  # zlib: a gzip member
MAX_SMALL_MEMBERS = 1000
MIN_MEMBER_SIZE = 8  # bytes on average, once there are many members: smaller ones only cost time


def decode_body(chunks: Iterable[bytes], coding: str, max_bytes: int) -> bytes:
    """Decode a whole body; raise FetchProblem when it is damaged or too large.

    `coding` is the `Content-Encoding`; where the body is encoded in another way, its own bytes decide (E16).
    """
    decoder = _make_decoder(coding, max_bytes)
    for chunk in chunks:
        decoder.feed(chunk)
    return decoder.finish()


def decode_start(chunks: Iterable[bytes], coding: str, max_bytes: int) -> bytes:
    """Decode the first `max_bytes` of a body; the rest is not read."""
    decoder = _make_decoder(coding, max_bytes)
    try:
        for chunk in chunks:
            decoder.feed(chunk)
        return decoder.finish()
    except FetchProblem as problem:
        if problem.kind is not FailureKind.TOO_LARGE:
            raise
        return decoder.output()[:max_bytes]


class BodyDecoder:
    """Decodes a body chunk by chunk and counts the bytes that come out."""

    def __init__(self, coding: str | None, max_bytes: int) -> None:
        self._coding = coding
        self._max_bytes = max_bytes
        self._start: bytes | None = b""  # None once the decompressor is chosen
        self._decompressor: zlib._Decompress | None = None
        self._input_size = 0
        self._members = 1
        self._output = BytesIO()

    def feed(self, chunk: bytes) -> None:
        """Decode the next bytes from the connection."""
        self._input_size += len(chunk)
        if self._start is None:
            self._decode(chunk)
        else:
            self._start += chunk
            if len(self._start) >= DETECTION_SIZE:
                self._decode_start(self._start)
        # Compression makes no body longer by more than this; what is longer is padding without end.
        if self._input_size > self._max_bytes + self._max_bytes // 8 + 4096:
            raise self._too_large()

    def finish(self) -> bytes:
        """Return the whole body; raise FetchProblem `truncated` when its coding has not come to an end."""
        if self._start is not None:
            self._decode_start(self._start)
        if self._decompressor is not None and not self._decompressor.eof:
            raise _damage_problem("ends too early")
        return self.output()

    def output(self) -> bytes:
        """Return what has been decoded so far."""
        return self._output.getvalue()

    def _decode_start(self, start: bytes) -> None:
        self._start, self._decompressor = None, self._detect_decompressor(start)
        self._decode(start)

    def _detect_decompressor(self, start: bytes) -> zlib._Decompress | None:
        """Return the decompressor that the first bytes need, whatever the header says; None for plain bytes."""
        if start.startswith(_GZIP_MAGIC) or (self._coding == "gzip" and _GZIP_MAGIC.startswith(start)):
            return zlib.decompressobj(_GZIP_WBITS)
        if self._coding == "deflate" and (len(start) < 2 or not start[:DETECTION_SIZE].isascii()):
            header = int.from_bytes(start[:2])
            wrapped = header >> 8 & 15 == 8 and header % 31 == 0  # RFC 1950 §2.2
            return zlib.decompressobj(zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)
        return None

    def _decode(self, data: bytes) -> None:
        if self._decompressor is None:
            self._write(data)
            return
        more = True
        while data or more:
            if self._decompressor.eof:
                data = self._start_next_member(data)
            try:
                output = self._decompressor.decompress(data, OUTPUT_STEP)
            except zlib.error as error:
                raise _damage_problem("is damaged") from error
            self._write(output)
            # With all input taken, a full step still leaves output behind.
            more = len(output) == OUTPUT_STEP and not self._decompressor.eof
            data = self._decompressor.unconsumed_tail or self._decompressor.unused_data

    def _start_next_member(self, data: bytes) -> bytes:
        """Begin the next member of a gzip body (RFC 1952 §2.2); nothing else may follow the first."""
        if not _GZIP_MAGIC.startswith(data[:2]) or self._coding == "deflate":
            raise _damage_problem("is followed by something else")
        self._members += 1
        if self._members > MAX_SMALL_MEMBERS and self._output.tell() < MIN_MEMBER_SIZE * self._members:
            what = f"sent a document in more than {MAX_SMALL_MEMBERS:,} pieces of less than {MIN_MEMBER_SIZE} bytes"
            raise FetchProblem(FailureKind.TOO_LARGE, what, OPERATOR_MUST_FIX)
        self._decompressor = zlib.decompressobj(_GZIP_WBITS)
        return data

    def _write(self, data: bytes) -> None:
        self._output.write(data)
        if self._output.tell() > self._max_bytes:
            raise self._too_large()

    def _too_large(self) -> FetchProblem:
        return FetchProblem(FailureKind.TOO_LARGE, f"sent a document of more than {self._max_bytes:,} bytes")


def _make_decoder(content_encoding: str, max_bytes: int) -> BodyDecoder:
    """Return the decoder for a `Content-Encoding`, in which words that are no coding, as in `utf-8`, mean nothing."""
    words = [word.strip().lower() for word in content_encoding.split(",")]
    for word in words:
        if word in UNWANTED_CODINGS:
            what = f"compressed the document in a way we did not ask for ({word!a})"
            raise FetchProblem(FailureKind.ENCODING, what)
    codings = [CODINGS[word] for word in words if word in CODINGS]
    if len(codings) > 1:
        raise FetchProblem(FailureKind.ENCODING, f"compressed the document {len(codings)} times over")
    return BodyDecoder(codings[0] if codings else None, max_bytes)


def _damage_problem(what: str) -> FetchProblem:
    return FetchProblem(FailureKind.TRUNCATED, f"sent a compressed document that {what}")
