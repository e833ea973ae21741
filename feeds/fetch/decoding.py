"""Bodies freed of their content coding, never more than may be held: bombs burst at the cap (S12, F13)."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from io import BytesIO

from .problems import FetchProblem

CODINGS = "gzip, deflate"
_GZIP = b"\x1f\x8b"
STEP = 262_144  # decoded at once, so that what is held is the body and little more
_AUTO = 31  # zlib: a gzip member


def plain_body(pieces: Iterable[bytes], coding: str, limit: int) -> bytes:
    """A whole body as its sender wrote it. `coding` is the `Content-Encoding`; one that lies is seen through (E16)."""
    decoder = _decoder(coding, limit)
    for piece in pieces:
        decoder.feed(piece)
    return decoder.finish()


def beginning(pieces: Iterable[bytes], coding: str, most: int) -> bytes:
    """As much of a body as may be held; the rest is not read."""
    decoder = _decoder(coding, most)
    try:
        for piece in pieces:
            decoder.feed(piece)
        return decoder.finish()
    except FetchProblem as trouble:
        if trouble.kind != "too_large":
            raise
        return decoder.held()[:most]


class BodyDecoder:
    """Decodes piece by piece and counts what comes out."""

    def __init__(self, coding: str, limit: int) -> None:
        if coding not in ("identity", "gzip", "x-gzip", "deflate"):
            raise FetchProblem("encoding", f"compressed the document in a way we did not ask for ({coding[:40]!a})")
        self._coding = coding.removeprefix("x-")
        self._limit = limit
        self._start = b""
        self._inflate: zlib._Decompress | None = None
        self._begun = False
        self._taken = 0
        self._out = BytesIO()

    def feed(self, piece: bytes) -> None:
        """Take the next bytes from the line."""
        self._taken += len(piece)
        if not self._begun:
            self._start += piece
            if len(self._start) < 2:
                return
            piece, self._begun = self._start, True
            self._inflate = self._inflater(piece)
        self._decode(piece)
        # Nothing grows by more than this when it is compressed; more is padding without end.
        if self._taken > self._limit + self._limit // 8 + 4096:
            raise self._too_large()

    def finish(self) -> bytes:
        """The whole body; Trouble `truncated` when its coding has not come to an end."""
        if not self._begun and self._start:
            if self._coding != "identity":
                raise _damaged("ends too early")
            self._write(self._start)
        elif self._coding == "gzip" and not self._begun:
            raise _damaged("is empty")
        if self._inflate is not None and not self._inflate.eof:
            raise _damaged("ends too early")
        return self._out.getvalue()

    def held(self) -> bytes:
        """What has come out so far."""
        return self._out.getvalue()

    def _inflater(self, start: bytes) -> zlib._Decompress | None:
        """What the first bytes need, whatever was said of them."""
        if start.startswith(_GZIP):
            return zlib.decompressobj(_AUTO)
        if self._coding == "deflate" and not start[:64].isascii():
            wrapped = start[0] & 15 == 8 and (start[0] << 8 | start[1]) % 31 == 0
            return zlib.decompressobj(zlib.MAX_WBITS if wrapped else -zlib.MAX_WBITS)
        return None

    def _decode(self, data: bytes) -> None:
        if self._inflate is None:
            self._write(data)
            return
        full = True
        while data or full:
            if self._inflate.eof:
                data = self._next_member(data)
            try:
                out = self._inflate.decompress(data, STEP)
            except zlib.error as error:
                raise _damaged("is damaged") from error
            self._write(out)
            # With all input taken, a full step still leaves output behind.
            full = len(out) == STEP and not self._inflate.eof
            data = self._inflate.unconsumed_tail or self._inflate.unused_data

    def _next_member(self, data: bytes) -> bytes:
        """A gzip body may consist of several members (RFC 1952 §2.2); nothing else may follow."""
        if not _GZIP.startswith(data[:2]) or self._coding == "deflate":
            raise _damaged("is followed by something else")
        self._inflate = zlib.decompressobj(_AUTO)
        return data

    def _write(self, data: bytes) -> None:
        self._out.write(data)
        if self._out.tell() > self._limit:
            raise self._too_large()

    def _too_large(self) -> FetchProblem:
        return FetchProblem("too_large", f"sent a document of more than {self._limit:,} bytes")


def _decoder(coding: str, limit: int) -> BodyDecoder:
    names = [name for name in (part.strip().lower() for part in coding.split(",")) if name not in ("", "identity")]
    if len(names) > 1:
        raise FetchProblem("encoding", f"compressed the document {len(names)} times over")
    return BodyDecoder(names[0] if names else "identity", limit)


def _damaged(how: str) -> FetchProblem:
    return FetchProblem("truncated", f"sent a compressed document that {how}")
