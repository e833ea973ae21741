"""Representations of files and documents, and the responses made of them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from .. import http_headers
from ..codings import Coding, find_codings
from ..media_types import MediaType
from .file_headers import EXPOSE_HEADERS, OF_PAGES, PAGE_HEADERS, file_headers, security_headers

RawHeaders = list[tuple[bytes, bytes]]

_RAW_EXPOSE_HEADERS = Headers(EXPOSE_HEADERS).raw


def read_header(request: Request, name: str) -> str | None:
    """Return a header as one line, however many lines it came in (RFC 9110 §5.3); none when it is missing."""
    values = request.headers.getlist(name)
    return ", ".join(values) if values else None


def find_coding(accept_encoding: str | None) -> Coding | None:
    """Return the coding in which to send a body to a client that accepts these; none to send it as it is."""
    codings = {coding.name: coding for coding in find_codings()}
    name = http_headers.select_coding(tuple(codings), accept_encoding)
    return codings[name] if name else None


def is_navigation(request: Request) -> bool:
    """Tell whether a browser opens this address to show it; feed readers accept HTML too, and send no such headers."""
    return http_headers.is_navigation(request.headers.get("sec-fetch-mode"), request.headers.get("sec-fetch-dest"))


def prefers_html(request: Request) -> bool:
    """Tell whether an error is best told in HTML."""
    return http_headers.prefers_html(read_header(request, "accept"))


@dataclass(frozen=True, eq=False)
class Representation:
    """The bytes of a file in one coding (RFC 9110 §8); `etag` is the strong ETag of exactly these bytes (R10)."""

    media_type: MediaType
    etag: str
    size: int
    modified: datetime | None = None
    coding: str | None = None

    def not_modified(self, request: Request) -> Response | None:
        """Return a 304 if the client has these bytes already."""
        if_none_match = read_header(request, "if-none-match")
        if_modified_since = read_header(request, "if-modified-since") if if_none_match is None else None
        if http_headers.is_not_modified(if_none_match, if_modified_since, self.etag, self.modified):
            return raw_response(304, self.common_headers)
        return None

    def headers_for(self, request: Request, size: int) -> RawHeaders:
        """Return the headers of a 200 with that many bytes."""
        navigation_type = self.media_type.navigation_type if is_navigation(request) else None
        content_type = navigation_type or self.media_type.content_type
        headers = [*self.common_headers, (b"content-type", content_type.encode()), (b"content-length", b"%d" % size)]
        if self.media_type.role == "feed":
            headers += _RAW_EXPOSE_HEADERS
        if self.coding:
            headers.append((b"content-encoding", self.coding.encode()))
        return headers

    @cached_property
    def raw_etag(self) -> bytes:
        """The ETag as it stands in a header."""
        return self.etag.encode()

    @cached_property
    def common_headers(self) -> RawHeaders:
        """The headers that a 304 and a 200 have in common."""
        headers = {**file_headers(self.media_type), "etag": self.etag}
        if self.modified:
            headers["last-modified"] = http_headers.format_date(self.modified)
        return Headers(headers).raw


class StaticDocument:
    """A small document that is held in memory, as it is and in each coding."""

    def __init__(self, media_type: MediaType, body: bytes) -> None:
        bodies: dict[str | None, bytes] = {None: body}
        if media_type.compressible:
            bodies |= {coding.name: coding.compress(body) for coding in find_codings()}
        self._variants = {
            name: (body, Representation(media_type, body_etag(body), len(body), coding=name))
            for name, body in bodies.items()
        }

    async def respond(self, request: Request) -> Response:
        """Return the document, or 304."""
        coding = find_coding(read_header(request, "accept-encoding"))
        body, representation = self._variants.get(coding and coding.name) or self._variants[None]
        headers = representation.headers_for(request, representation.size)
        return representation.not_modified(request) or raw_response(200, headers, body)


def make_etag(hexdigest: str) -> str:
    """Return an ETag made of the first 128 bits of a SHA-256 digest."""
    return f'"{hexdigest[:32]}"'


def body_etag(body: bytes) -> str:
    """Return the ETag of a body."""
    return make_etag(hashlib.sha256(body).hexdigest())


def raw_response(status: int, headers: RawHeaders, body: bytes = b"") -> Response:
    """Return a response with these headers, which are encoded already."""
    response = Response(body, status)
    response.raw_headers = headers
    return response


def text_response(text: str, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return one line of text, which is not to be cached."""
    headers = {**security_headers(), "cache-control": "no-store", **(headers or {})}
    return PlainTextResponse(f"{text}\n", status, headers)


def page_response(page: str | bytes, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """Return a page of ours, which is not to be cached."""
    headers = {**security_headers(OF_PAGES), **PAGE_HEADERS, "cache-control": "no-store", **(headers or {})}
    return HTMLResponse(page, status, headers)
