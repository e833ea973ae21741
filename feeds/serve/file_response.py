"""A published file as the response to a request: whole, as 304, or for players one range of it."""

from __future__ import annotations

import asyncio
import re
from io import FileIO

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from .files import MAX_BUFFERED_SIZE, Files, Resource
from .responses import RawHeaders, Representation, accepts_gzip, raw_response, read_header

_SINGLE_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
_MAX_RANGE_LENGTH = 64  # characters of a header with one range

_BLOCK_SIZE = 262_144  # bytes sent at a time


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
    plain = resource.plain
    if plain.media_type.compressible and plain.size <= MAX_BUFFERED_SIZE and accepts_gzip(request):
        return await files.compress(resource)
    return plain


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
    status, headers = 206 if part else 200, representation.headers_for(request)
    if part:
        headers.append((b"content-range", b"bytes %d-%d/%d" % (part[0], part[-1], representation.size)))
    if representation.size > MAX_BUFFERED_SIZE:
        file = files.open(resource)
        return _FileResponse(status, headers, file, span) if file else None
    body = await files.read(resource, representation)
    return None if body is None else raw_response(status, headers, body[span.start : span.stop])


def _requested_part(representation: Representation, request: Request) -> range | None:
    """Return the range to send. Only what is never compressed has ranges: recordings, pictures, books."""
    etag = representation.etag
    if representation.media_type.compressible or request.headers.get("if-range", etag) != etag:
        return None
    return parse_range(read_header(request, "range"), representation.size)


class _FileResponse(Response):
    """The bytes of an open file, which it closes."""

    def __init__(self, status: int, headers: RawHeaders, file: FileIO, span: range) -> None:
        super().__init__(status_code=status)
        self.raw_headers = [*headers, (b"content-length", b"%d" % len(span))]
        self._file = file
        self._span = span

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the bytes block by block; for a HEAD none."""
        with self._file:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await self._send_body(range(0) if scope["method"] == "HEAD" else self._span, send)

    async def _send_body(self, span: range, send: Send) -> None:
        self._file.seek(span.start)
        remaining = len(span)
        while remaining:
            block = await asyncio.to_thread(_read_block, self._file, min(remaining, _BLOCK_SIZE))
            if not block:
                return  # shorter than the Content-Length that was sent: the server closes the connection
            remaining -= len(block)
            await send({"type": "http.response.body", "body": block, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def _read_block(file: FileIO, size: int) -> bytes:
    """Return the next bytes; none when the file was truncated, or the disk fails."""
    try:
        return file.read(size)
    except OSError:
        return b""
