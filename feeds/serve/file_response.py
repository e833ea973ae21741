"""A published file as the response to a request: whole, as 304, or for players one range of it."""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import AsyncIterator
from io import FileIO

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from .files import SLICE_SIZE, Files, Resource
from .responses import RawHeaders, Representation, find_coding, raw_response, read_header

_SINGLE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
_MAX_RANGE_LENGTH = 64  # characters of a header with one range

_log = logging.getLogger(__name__)


def parse_range(header: str | None, size: int) -> range | None:
    """Return the bytes requested of a file of `size` bytes (RFC 9110 §14).

    None means the whole file, an empty range that the file has no such bytes. Several ranges are answered with the
    whole file.
    """
    match = _SINGLE_RANGE.fullmatch(header) if header and len(header) <= _MAX_RANGE_LENGTH else None
    if match is None:
        return None
    first, last = match.groups()
    if not first:
        return range(max(size - int(last), 0), size) if last else None
    start, stop = int(first), min(int(last) + 1, size) if last else size
    if last and int(last) < start:
        return None  # an invalid range is ignored
    return range(start, stop)


async def find_file(files: Files, path: str, request: Request) -> Response | None:
    """Return the response with the file of that path; none when there is no such file.

    Raises HTTPException 416 when the file has no such range.
    """
    while resource := await files.find(path):
        representation = await _select_representation(files, resource, request)
        if representation and (response := await _make_response(files, resource, representation, request)):
            return response
        # The file was replaced since it was found: find it again.
    return None


async def _select_representation(files: Files, resource: Resource, request: Request) -> Representation | None:
    coding = find_coding(read_header(request, "accept-encoding")) if resource.is_encodable else None
    return await files.encode(resource, coding) if coding else resource.plain


async def _make_response(
    files: Files, resource: Resource, representation: Representation, request: Request
) -> Response | None:
    """Return 304 or the content; none when the file was replaced."""
    if response := representation.not_modified(request):
        return response
    part = _requested_part(representation, request)
    if part is not None and not part:
        raise HTTPException(416, headers={"content-range": f"bytes */{representation.size}"})
    span = part or range(representation.size)
    status, headers = 206 if part else 200, representation.headers_for(request, len(span))
    if part:
        headers.append((b"content-range", b"bytes %d-%d/%d" % (part[0], part[-1], representation.size)))
    if request.method == "HEAD":
        return raw_response(status, headers)
    if representation.size > SLICE_SIZE and not representation.coding:
        file = await files.open(resource)
        return _FileResponse(status, headers, file, span) if file else None
    body = await files.read(resource, representation)
    if body is None:
        return None
    if len(body) > SLICE_SIZE:
        return _SlicedResponse(status, headers, _slice_body(body))
    return raw_response(status, headers, body[span.start : span.stop])


def _requested_part(representation: Representation, request: Request) -> range | None:
    """Return the range to send. Only what is never compressed has ranges: recordings, pictures, books."""
    etag = representation.etag
    if representation.media_type.compressible or request.headers.get("if-range", etag) != etag:
        return None
    return parse_range(read_header(request, "range"), representation.size)


# ── large contents: slice by slice, the next one when the client has taken most of those before (A9) ────────────────


class _SlicedResponse(StreamingResponse):
    def __init__(self, status: int, headers: RawHeaders, slices: AsyncIterator[bytes | memoryview]) -> None:
        super().__init__(slices, status)
        self.raw_headers = headers


async def _slice_body(body: bytes) -> AsyncIterator[memoryview]:
    """Yield the slices of a body that its readers share."""
    for start in range(0, len(body), SLICE_SIZE):
        yield memoryview(body)[start : start + SLICE_SIZE]


class _FileResponse(_SlicedResponse):
    """The bytes of an open file, which it closes."""

    def __init__(self, status: int, headers: RawHeaders, file: FileIO, span: range) -> None:
        super().__init__(status, headers, _read_slices(file, span))
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._file:
            try:
                await super().__call__(scope, receive, send)
            except OSError as error:  # the server closes the connection of a response that is not whole
                _log.error("cannot serve all of %r: %s", scope["path"], error)


async def _read_slices(file: FileIO, span: range) -> AsyncIterator[bytes]:
    for start in range(span.start, span.stop, SLICE_SIZE):
        yield b""  # is sent when the client has taken the slices before: none is read, and held, until then
        yield await asyncio.to_thread(_read_slice, file, start, min(SLICE_SIZE, span.stop - start))


def _read_slice(file: FileIO, start: int, size: int) -> bytes:
    content = os.pread(file.fileno(), size, start)
    if len(content) < size:
        raise OSError("the file was cut short")
    return content
