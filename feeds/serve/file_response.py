"""A published file as the response to a request: whole, as 304, or for players one range of it."""

from __future__ import annotations

import asyncio
import re
from io import FileIO

from starlette.types import Send

from .files import MAX_BUFFERED_SIZE, Files, Resource
from .responses import Representation, Request, content_length, send_response, send_text

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


async def send_file(files: Files, request: Request, send: Send) -> bool:
    """Send the file of that path; when there is none, send nothing and return false."""
    while resource := await files.find(request.path):
        representation = await _select_representation(files, resource, request)
        if representation and await _send_representation(files, resource, representation, request, send):
            return True
        # The file was replaced since it was found: find it again.
    return False


async def _select_representation(files: Files, resource: Resource, request: Request) -> Representation | None:
    plain = resource.plain
    if plain.media_type.compressible and plain.size <= MAX_BUFFERED_SIZE and request.accepts_gzip():
        return await files.compress(resource)
    return plain


async def _send_representation(
    files: Files, resource: Resource, representation: Representation, request: Request, send: Send
) -> bool:
    """Send 304, 416 or the content; return false, and send nothing, when the file was replaced."""
    if representation.is_not_modified(request):
        await send_response(send, 304, representation.common_headers)
        return True
    part = _requested_part(representation, request)
    if part is not None and not part:
        await send_text(send, 416, (b"content-range", b"bytes */%d" % representation.size))
        return True
    if representation.size > MAX_BUFFERED_SIZE:
        content: bytes | FileIO | None = files.open(resource)
    else:
        content = await files.read(resource, representation)
    if content is None:
        return False
    await _send_content(representation, part, content, request, send)
    return True


def _requested_part(representation: Representation, request: Request) -> range | None:
    """Return the range to send. Only what is never compressed has ranges: recordings, pictures, books."""
    etag = representation.etag
    if representation.media_type.compressible or request.headers.get(b"if-range", etag) != etag:
        return None
    return parse_range(request.headers.get(b"range"), representation.size)


async def _send_content(
    representation: Representation, part: range | None, content: bytes | FileIO, request: Request, send: Send
) -> None:
    span = part or range(representation.size)
    headers = [*representation.headers_for(request), content_length(len(span))]
    if part:
        headers.append((b"content-range", b"bytes %d-%d/%d" % (part[0], part[-1], representation.size)))
    status = 206 if part else 200
    if isinstance(content, bytes):
        await send_response(send, status, headers, b"" if request.is_head else content[span.start : span.stop])
        return
    with content:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await _stream(content, range(0) if request.is_head else span, send)


async def _stream(file: FileIO, span: range, send: Send) -> None:
    file.seek(span.start)
    remaining = len(span)
    while remaining:
        block = await asyncio.to_thread(_read_block, file, min(remaining, _BLOCK_SIZE))
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
