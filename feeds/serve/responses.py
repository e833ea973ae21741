"""Requests and responses as plain ASGI messages."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from http import HTTPStatus

from starlette.types import Scope, Send

from .. import http_headers
from .media_types import Headers, MediaType, file_headers, security_headers

_REQUEST_HEADERS = frozenset(
    {b"accept", b"accept-encoding", b"if-none-match", b"if-modified-since", b"range", b"if-range"}
)


@dataclass(frozen=True, slots=True)
class Request:
    """One request: whether it is a HEAD, its percent-decoded path, and the few headers that matter."""

    is_head: bool
    path: str
    headers: dict[bytes, str]

    @classmethod
    def from_scope(cls, scope: Scope) -> Request:
        """Return the request of an ASGI scope. The Host header is not read (S19)."""
        headers: dict[bytes, str] = {}
        for name, value in scope["headers"]:
            if name in _REQUEST_HEADERS:
                text = value.decode("latin-1")
                headers[name] = f"{headers[name]}, {text}" if name in headers else text
        return cls(scope["method"] == "HEAD", scope["path"], headers)

    def accepts_gzip(self) -> bool:
        """Tell whether the body may be sent gzipped."""
        return http_headers.accepts_coding("gzip", self.headers.get(b"accept-encoding"))

    def is_navigation(self) -> bool:
        """Tell whether a browser opens this address to show it, rather than a feed reader."""
        return http_headers.prefers_html(self.headers.get(b"accept"))


@dataclass(frozen=True, eq=False)
class Representation:
    """The bytes of a file in one coding (RFC 9110 §8); `etag` is the strong ETag of exactly these bytes (R10)."""

    media_type: MediaType
    etag: str
    size: int
    modified: datetime | None = None
    gzipped: bool = False

    def is_not_modified(self, request: Request) -> bool:
        """Tell whether the client has these bytes already."""
        get = request.headers.get
        return http_headers.is_not_modified(get(b"if-none-match"), get(b"if-modified-since"), self.etag, self.modified)

    @cached_property
    def common_headers(self) -> Headers:
        """The headers that a 304 and a 200 have in common."""
        headers = [*file_headers(self.media_type), (b"etag", self.etag.encode())]
        if self.modified:
            headers.append((b"last-modified", http_headers.format_date(self.modified).encode()))
        return headers

    def headers_for(self, request: Request) -> Headers:
        """Return the headers of a 200, without the length."""
        navigation_type = self.media_type.navigation_type if request.is_navigation() else None
        content_type = navigation_type or self.media_type.content_type
        headers = [*self.common_headers, (b"content-type", content_type.encode())]
        if self.gzipped:
            headers.append((b"content-encoding", b"gzip"))
        return headers


def make_etag(hexdigest: str) -> str:
    """Return an ETag made of the first 128 bits of a SHA-256 digest."""
    return f'"{hexdigest[:32]}"'


def body_etag(body: bytes) -> str:
    """Return the ETag of a body."""
    return make_etag(hashlib.sha256(body).hexdigest())


def compress(body: bytes) -> bytes:
    """Return the body gzipped; equal bytes in, equal bytes out."""
    return gzip.compress(body, 6, mtime=0)


class StaticDocument:
    """A small document that is held in memory, plain and gzipped."""

    def __init__(self, media_type: MediaType, body: bytes) -> None:
        gzipped = compress(body)
        self._plain = _represent(media_type, body), body
        self._gzipped = _represent(media_type, gzipped, gzipped=True), gzipped

    async def respond(self, request: Request, send: Send) -> None:
        """Send the document, or 304."""
        representation, body = self._gzipped if request.accepts_gzip() else self._plain
        if representation.is_not_modified(request):
            await send_response(send, 304, representation.common_headers)
        else:
            headers = [*representation.headers_for(request), content_length(representation.size)]
            await send_response(send, 200, headers, body)


def _represent(media_type: MediaType, body: bytes, *, gzipped: bool = False) -> Representation:
    return Representation(media_type, body_etag(body), len(body), gzipped=gzipped)


# ── sending ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def send_response(send: Send, status: int, headers: Headers, body: bytes = b"") -> None:
    """Send a whole response; for a HEAD the server leaves the body out."""
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def send_text(send: Send, status: int, *headers: tuple[bytes, bytes], text: str | None = None) -> None:
    """Send one line of text, by default the status phrase; uncached, and without any text of the request (S17)."""
    body = (text or HTTPStatus(status).phrase).encode() + b"\n"
    await send_response(send, status, [*text_headers(body), *headers], body)


def text_headers(body: bytes) -> Headers:
    """Return the headers of one line of text."""
    return [*_TEXT_HEADERS, content_length(len(body))]


def content_length(size: int) -> tuple[bytes, bytes]:
    """Return the Content-Length header."""
    return (b"content-length", b"%d" % size)


_TEXT_HEADERS: Headers = [
    *security_headers(),
    (b"content-type", b"text/plain; charset=utf-8"),
    (b"cache-control", b"no-store"),
]
