"""Parse HTTP/1.1 responses: the head, and where the body ends.

Strict, because a body that is shorter than announced must never count as whole (F14, F15).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress

from ..errors import FailureKind
from .deadline import CHUNK_SIZE
from .problems import OPERATOR_MUST_FIX, FetchProblem

MAX_HEAD_SIZE = 65_536  # E18: status line and headers together
MAX_DRAIN_SIZE = 65_536  # an unwanted body is read up to here, to keep the connection
MAX_INTERIM_RESPONSES = 10

_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-9]\d\d)(?: [^\r\n]*)?")
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_END_OF_LINE = re.compile(rb"\r?\n")
_HEADER_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LENGTH = re.compile(r"\d{1,18}", re.ASCII)
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?", re.DOTALL)


class SocketReader:
    """The buffer of what one connection has received, over all its responses."""

    __slots__ = ("_buffer", "receive")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.receive: Callable[[], bytes] = bytes  # set for every exchange: it knows how long that may take

    @property
    def empty(self) -> bool:
        """Return whether all received bytes have been read."""
        return not self._buffer

    def read_until(self, end: re.Pattern[bytes], limit: int, what: str) -> bytes:
        """Return all bytes before a mark, and remove the mark too; `what` names them in problems."""
        buffer, start = self._buffer, 0
        while not (match := end.search(buffer, start)) and len(buffer) <= limit:
            start = max(0, len(buffer) - 3)
            self._receive_more(what)
        if match is None or match.end() > limit:
            raise FetchProblem(FailureKind.TOO_LARGE, f"sent {what} of more than {limit:,} bytes", OPERATOR_MUST_FIX)
        data = bytes(buffer[: match.start()])
        del buffer[: match.end()]
        return data

    def read_some(self, max_bytes: int) -> bytes:
        """Return between 1 and `max_bytes` bytes; none at the end of the connection."""
        if self._buffer:
            data = bytes(self._buffer[:max_bytes])
            del self._buffer[:max_bytes]
            return data
        data = self.receive()
        if len(data) > max_bytes:
            self._buffer += data[max_bytes:]
            return data[:max_bytes]
        return data

    def _receive_more(self, what: str) -> None:
        data = self.receive()
        if not data:
            if what == "a head" and not self._buffer:
                raise FetchProblem(FailureKind.CONNECTION, "closed the connection without an answer")
            raise FetchProblem(FailureKind.TRUNCATED, f"closed the connection in the middle of {what}")
        self._buffer += data


class HttpResponse:
    """One response: its head is read, its body is still on the connection. Names in `headers` are in lower case.

    Call `release` when no more of it is wanted: it returns the connection to the pool, or closes it.
    """

    __slots__ = ("_chunked", "_length", "_reader", "_started", "complete", "headers", "release", "reusable", "status")

    def __init__(self, reader: SocketReader, method: str = "GET") -> None:
        self._reader = reader
        self.release: Callable[[], None] = do_nothing
        version, self.status, self.headers = _read_head(reader)
        bodyless = method in ("HEAD", "CONNECT") or self.status in (204, 304)
        self._chunked, self._length = (False, 0) if bodyless else _parse_framing(self.headers)
        connection = self.headers.get("connection", "").lower()
        persistent = "keep-alive" in connection if version == 0 else "close" not in connection
        self.reusable = persistent and (self._chunked or self._length is not None)
        self.complete = self._length == 0
        self._started = False

    def chunks(self) -> Iterator[bytes]:
        """Yield the body, still encoded; raise FetchProblem `truncated` when it ends early."""
        self._started = True
        if not self.complete:
            yield from self._read_body()
        self.complete = True
        if self._length is not None and not self._reader.empty:
            self.reusable = False
            raise FetchProblem(FailureKind.TRUNCATED, f"sent more than the {self._length:,} bytes it announced")

    def drain(self) -> None:
        """Read a small body that is not wanted, so that the connection can be used again; give up all others."""
        if self.complete or self._started or not self.reusable or (self._length or 0) > MAX_DRAIN_SIZE:
            return
        size = 0
        with suppress(FetchProblem):
            for chunk in self.chunks():
                size += len(chunk)
                if size > MAX_DRAIN_SIZE:
                    return

    def _read_body(self) -> Iterator[bytes]:
        if self._chunked:
            return self._read_chunked()
        if self._length is None:
            return iter(lambda: self._reader.read_some(CHUNK_SIZE), b"")
        return self._read_exactly(self._length)

    def _read_exactly(self, length: int) -> Iterator[bytes]:
        left = length
        while left:
            data = self._reader.read_some(left)
            if not data:
                raise FetchProblem(
                    FailureKind.TRUNCATED, f"closed the connection after {length - left:,} of {length:,} bytes"
                )
            left -= len(data)
            yield data

    def _read_chunked(self) -> Iterator[bytes]:
        while size := self._read_chunk_size():
            yield from self._read_exactly(size)
            if b"".join(self._read_exactly(2)) != b"\r\n":
                raise FetchProblem(FailureKind.TRUNCATED, "sent a chunk that is longer than it says")
        while self._reader.read_until(_END_OF_LINE, MAX_HEAD_SIZE, "a trailer"):
            pass

    def _read_chunk_size(self) -> int:
        line = self._reader.read_until(_END_OF_LINE, 4096, "a chunk size")
        match = _CHUNK_SIZE.fullmatch(line)
        if match is None:
            raise FetchProblem(FailureKind.TRUNCATED, "sent something that is not the size of a chunk")
        return int(match[1], 16)


def do_nothing() -> None:
    """Release nothing: no connection belongs to the response, or no longer."""


def _read_head(reader: SocketReader) -> tuple[int, int, dict[str, str]]:
    """Return the minor version, status and headers; interim responses (1xx) are skipped."""
    for _ in range(MAX_INTERIM_RESPONSES):
        head = reader.read_until(_END_OF_HEAD, MAX_HEAD_SIZE, "a head").replace(b"\r\n", b"\n")
        status_line, _, fields = head.partition(b"\n")
        match = _STATUS.fullmatch(status_line)
        if match is None:
            raise FetchProblem(FailureKind.CONNECTION, "does not speak HTTP/1.1", "Check the address and its port.")
        if int(match[2]) >= 200:
            return int(match[1]), int(match[2]), _parse_headers(fields)
    raise FetchProblem(FailureKind.CONNECTION, "sends interim answers without end")


def _parse_headers(fields: bytes) -> dict[str, str]:
    """Return header fields by name, equal names joined; lines that are no field, and cookies, are skipped."""
    headers: dict[str, str] = {}
    for line in re.sub(rb"\n[ \t]+", b" ", fields).split(b"\n"):  # RFC 9112 §5.2: a folded line
        name, colon, value = line.partition(b":")
        if not colon or not _HEADER_NAME.fullmatch(name):
            continue
        key, text = name.decode("ascii").lower(), value.strip(b" \t").decode("latin-1")
        if key != "set-cookie":
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def _parse_framing(headers: dict[str, str]) -> tuple[bool, int | None]:
    """Return whether the body is chunked, and its length where that is known (RFC 9112 §6.3)."""
    transfer_encoding, content_length = headers.get("transfer-encoding"), headers.get("content-length")
    if transfer_encoding is not None:
        if transfer_encoding.lower() != "chunked":
            what = f"uses a transfer coding that we did not ask for ({transfer_encoding[:40]!a})"
            raise FetchProblem(FailureKind.ENCODING, what)
        if content_length is not None:
            raise FetchProblem(FailureKind.TRUNCATED, "says in two ways where the document ends")
        return True, None
    if content_length is None:
        return False, None
    lengths = {length.strip() for length in content_length.split(",")}
    length = lengths.pop()
    if lengths or not _LENGTH.fullmatch(length):
        raise FetchProblem(FailureKind.TRUNCATED, f"gives no length that can be believed ({content_length[:40]!a})")
    return False, int(length)
