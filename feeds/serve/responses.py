"""What was asked and what is answered, as plain ASGI messages."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from http import HTTPStatus
from typing import Protocol

from starlette.types import Scope, Send

from .. import http_headers
from .media_types import Headers, MediaType, common, security

_READ = frozenset({b"accept", b"accept-encoding", b"if-none-match", b"if-modified-since", b"range", b"if-range"})


@dataclass(frozen=True, slots=True)
class Request:
    """One request: whether only the head is wanted, its percent-decoded path, and the few headers that count."""

    head: bool
    path: str
    headers: dict[bytes, str]

    @classmethod
    def of(cls, scope: Scope) -> Request:
        """Read an ASGI scope. The Host header is not among what is read (S19)."""
        headers: dict[bytes, str] = {}
        for name, value in scope["headers"]:
            if name in _READ:
                text = value.decode("latin-1")
                headers[name] = f"{headers[name]}, {text}" if name in headers else text
        return cls(scope["method"] == "HEAD", scope["path"], headers)

    def accepts_gzip(self) -> bool:
        """Whether the body may be sent gzipped."""
        return http_headers.accepts_coding("gzip", self.headers.get(b"accept-encoding"))

    def navigates(self) -> bool:
        """Whether a browser goes to this address to show it, and no feed reader asks."""
        return http_headers.prefers_html(self.headers.get(b"accept"))


@dataclass(frozen=True, eq=False)
class Representation:
    """One sequence of bytes that an address can give; `tag` is the strong ETag of exactly these bytes (R10)."""

    kind: MediaType
    tag: str
    size: int
    modified: datetime | None = None
    packed: bool = False

    def held_by(self, asked: Request) -> bool:
        """Whether the asker has these bytes already."""
        get = asked.headers.get
        return http_headers.is_not_modified(get(b"if-none-match"), get(b"if-modified-since"), self.tag, self.modified)

    @cached_property
    def brief(self) -> Headers:
        """The headers of a 304, which every other answer carries too."""
        headers = [*common(self.kind), (b"etag", self.tag.encode())]
        if self.modified:
            headers.append((b"last-modified", http_headers.format_date(self.modified).encode()))
        return headers

    def full(self, asked: Request) -> Headers:
        """The headers of a 200, without the length."""
        kind = self.kind
        media_type = kind.navigated if kind.navigated and asked.navigates() else kind.media_type
        headers = [*self.brief, (b"content-type", media_type.encode())]
        if self.packed:
            headers.append((b"content-encoding", b"gzip"))
        return headers


def _represent(kind: MediaType, body: bytes, *, packed: bool = False) -> Representation:
    """Describe these bytes."""
    return Representation(kind, tag_of(hashlib.sha256(body)), len(body), packed=packed)


class Digest(Protocol):
    """What hashlib gives."""

    def hexdigest(self) -> str: ...


def tag_of(digest: Digest) -> str:
    """Make an ETag of a digest; 128 bits are plenty."""
    return f'"{digest.hexdigest()[:32]}"'


def pack(body: bytes) -> bytes:
    """Compress; equal bytes in, equal bytes out."""
    return gzip.compress(body, 6, mtime=0)


class StaticDocument:
    """A small document that is held in memory in both codings."""

    def __init__(self, kind: MediaType, body: bytes) -> None:
        packed = pack(body)
        self._plain = _represent(kind, body), body
        self._packed = _represent(kind, packed, packed=True), packed

    async def answer(self, asked: Request, send: Send) -> None:
        """Answer with the document, or that the asker has it."""
        representation, body = self._packed if asked.accepts_gzip() else self._plain
        if representation.held_by(asked):
            await tell(send, 304, representation.brief)
        else:
            await tell(send, 200, [*representation.full(asked), length(representation.size)], body)


# ── sending ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def tell(send: Send, status: int, headers: Headers, body: bytes = b"") -> None:
    """Send one answer; for a HEAD the server leaves the body out."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def tell_plainly(send: Send, status: int, *extra: tuple[bytes, bytes], word: str | None = None) -> None:
    """Send one line of text that repeats nothing of what was asked, and is not kept by caches (S17)."""
    body = (word or HTTPStatus(status).phrase).encode() + b"\n"
    await tell(send, status, [*plain_headers(body), *extra], body)


def plain_headers(body: bytes) -> Headers:
    """The headers of one line of text."""
    return [*_PLAIN, length(len(body))]


def length(size: int) -> tuple[bytes, bytes]:
    """The Content-Length header."""
    return (b"content-length", b"%d" % size)


_PLAIN: Headers = [
    *security(),
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"cache-control", b"no-store"),
]
