"""HTTP/1.1 as answers are spelled on the line: the head, and where the body ends. Strict, because a body that is
shorter than announced must never count as whole (F14, F15)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress

from .deadline import CHUNK
from .problems import FetchProblem

HEAD = 65_536  # E18: status line and headers together
DRAIN = 65_536  # a body nobody wants is read up to here, to keep the connection

_STATUS = re.compile(rb"HTTP/1\.([01]) ([1-9]\d\d)(?: [^\r\n]*)?")
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_END_OF_LINE = re.compile(rb"\r?\n")
_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LENGTH = re.compile(r"\d{1,18}", re.ASCII)
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?", re.DOTALL)


class SocketReader:
    """Bytes as they come from one connection, over all its answers."""

    __slots__ = ("_buffer", "receive")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self.receive: Callable[[], bytes] = bytes  # set for every exchange: it knows how long that may take

    @property
    def idle(self) -> bool:
        """Whether all that came was asked for."""
        return not self._buffer

    def until(self, end: re.Pattern[bytes], limit: int, what: str) -> bytes:
        """All up to a mark, which is taken off too."""
        buffer, start = self._buffer, 0
        while not (found := end.search(buffer, start)) and len(buffer) <= limit:
            start = max(0, len(buffer) - 3)
            self._more(what)
        if found is None or found.end() > limit:
            raise FetchProblem(
                "too_large", f"sent {what} of more than {limit:,} bytes", "Its operator has to mend that."
            )
        taken = bytes(buffer[: found.start()])
        del buffer[: found.end()]
        return taken

    def some(self, most: int) -> bytes:
        """Between 1 and `most` bytes; none at the end of the connection."""
        if self._buffer:
            taken = bytes(self._buffer[:most])
            del self._buffer[:most]
            return taken
        data = self.receive()
        if len(data) > most:
            self._buffer += data[most:]
            return data[:most]
        return data

    def _more(self, what: str) -> None:
        data = self.receive()
        if not data:
            if what == "a head" and not self._buffer:
                raise FetchProblem("connection", "closed the connection without an answer")
            raise FetchProblem("truncated", f"closed the connection in the middle of {what}")
        self._buffer += data


class HttpResponse:
    """One answer: its head is read, its body is still on the line. `headers` has names in lower case."""

    __slots__ = ("_begun", "_chunked", "_length", "_reader", "done", "headers", "over", "reusable", "status")

    def __init__(self, reader: SocketReader, method: str = "GET") -> None:
        self._reader = reader
        self.done: Callable[[], None] = nothing  # to be called once no more is wanted: keeps or ends the connection
        version, self.status, self.headers = _head(reader)
        bodyless = method in ("HEAD", "CONNECT") or self.status in (204, 304)
        self._chunked, self._length = (False, 0) if bodyless else _framing(self.headers)
        connection = self.headers.get("connection", "").lower()
        persistent = "keep-alive" in connection if version == 0 else "close" not in connection
        self.reusable = persistent and (self._chunked or self._length is not None)
        self.over = self._length == 0
        self._begun = False

    def chunks(self) -> Iterator[bytes]:
        """The body, still encoded, in pieces; Trouble `truncated` when it ends early."""
        self._begun = True
        if not self.over:
            yield from self._pieces()
        self.over = True
        if self._length is not None and not self._reader.idle:
            self.reusable = False
            raise FetchProblem("truncated", f"sent more than the {self._length:,} bytes it announced")

    def drain(self) -> None:
        """Read a small body that nobody wants, so that the connection can be used again; give all others up."""
        if self.over or self._begun or not self.reusable or (self._length or 0) > DRAIN:
            return
        taken = 0
        with suppress(FetchProblem):
            for piece in self.chunks():
                taken += len(piece)
                if taken > DRAIN:
                    return

    def _pieces(self) -> Iterator[bytes]:
        if self._chunked:
            return self._by_chunks()
        if self._length is None:
            return iter(lambda: self._reader.some(CHUNK), b"")
        return self._exactly(self._length)

    def _exactly(self, length: int) -> Iterator[bytes]:
        left = length
        while left:
            piece = self._reader.some(left)
            if not piece:
                raise FetchProblem("truncated", f"closed the connection after {length - left:,} of {length:,} bytes")
            left -= len(piece)
            yield piece

    def _by_chunks(self) -> Iterator[bytes]:
        while size := self._chunk_size():
            yield from self._exactly(size)
            if b"".join(self._exactly(2)) != b"\r\n":
                raise FetchProblem("truncated", "sent a chunk that is longer than it says")
        while self._reader.until(_END_OF_LINE, HEAD, "a trailer"):
            pass

    def _chunk_size(self) -> int:
        line = self._reader.until(_END_OF_LINE, 4096, "a chunk size")
        size = _CHUNK_SIZE.fullmatch(line)
        if size is None:
            raise FetchProblem("truncated", "sent something that is not the size of a chunk")
        return int(size[1], 16)


def nothing() -> None:
    """Nobody waits for the connection."""


def _head(reader: SocketReader) -> tuple[int, int, dict[str, str]]:
    """The minor version, status and headers; interim answers (1xx) are passed over."""
    for _ in range(10):
        status, _, fields = reader.until(_END_OF_HEAD, HEAD, "a head").replace(b"\r\n", b"\n").partition(b"\n")
        line = _STATUS.fullmatch(status)
        if line is None:
            raise FetchProblem("connection", "does not speak HTTP/1.1", "Check the address and its port.")
        if int(line[2]) >= 200:
            return int(line[1]), int(line[2]), _headers(fields)
    raise FetchProblem("connection", "sends interim answers without end")


def _headers(fields: bytes) -> dict[str, str]:
    """Header fields by name, equal names joined; what is no field, or a cookie, is passed over."""
    headers: dict[str, str] = {}
    for line in re.sub(rb"\n[ \t]+", b" ", fields).split(b"\n"):  # RFC 9112 §5.2: a folded line
        name, colon, value = line.partition(b":")
        if not colon or not _NAME.fullmatch(name):
            continue
        key, text = name.decode("ascii").lower(), value.strip(b" \t").decode("latin-1")
        if key != "set-cookie":
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


def _framing(headers: dict[str, str]) -> tuple[bool, int | None]:
    """Whether the body comes in chunks, and its length where it is known (RFC 9112 §6.3)."""
    transfer, lengths = headers.get("transfer-encoding"), headers.get("content-length")
    if transfer is not None:
        if transfer.lower() != "chunked":
            raise FetchProblem("encoding", f"uses a transfer coding that we did not ask for ({transfer[:40]!a})")
        if lengths is not None:
            raise FetchProblem("truncated", "says in two ways where the document ends")
        return True, None
    if lengths is None:
        return False, None
    stated = {length.strip() for length in lengths.split(",")}
    length = stated.pop()
    if stated or not _LENGTH.fullmatch(length):
        raise FetchProblem("truncated", f"gives no length that can be believed ({lengths[:40]!a})")
    return False, int(length)
