"""A published file as the answer to a request: whole, as 304, or for players one range of it."""

from __future__ import annotations

import asyncio
import re
from io import FileIO

from starlette.types import Send

from .files import WHOLE, Files, Resource
from .responses import Representation, Request, length, tell, tell_plainly

_ONE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
_LONGEST = 64  # of a header with one range


def wanted(header: str | None, size: int) -> range | None:
    """The bytes asked for: none means the whole file, an empty range that the file has no such bytes (RFC 9110 §14)."""
    match = _ONE.fullmatch(header) if header and len(header) <= _LONGEST else None
    if match is None:
        return None
    first, last = match.groups()
    if not first:
        return range(max(size - int(last), 0), size) if last else None
    start, stop = int(first), min(int(last) + 1, size) if last else size
    if last and int(last) < start:
        return None  # invalid, so as if it were not there
    return range(start, stop)


# ── A published file as the answer to a request: whole, as 304, or for players one range of it ────────────────────────


_BLOCK = 262_144


async def deliver(files: Files, asked: Request, send: Send) -> bool:
    """Answer with the file of that name; false, and nothing sent, when there is none."""
    while resource := await files.find(asked.path):
        chosen = await _choose(files, resource, asked)
        if chosen and await _tell(files, resource, chosen, asked, send):
            return True
        # Replaced between two looks: look again.
    return False


async def _choose(files: Files, resource: Resource, asked: Request) -> Representation | None:
    plain = resource.plain
    if plain.kind.text and plain.size <= WHOLE and asked.accepts_gzip():
        return await files.packed(resource)
    return plain


async def _tell(files: Files, resource: Resource, chosen: Representation, asked: Request, send: Send) -> bool:
    if chosen.held_by(asked):
        await tell(send, 304, chosen.brief)
        return True
    part = _part(chosen, asked)
    if part is not None and not part:
        await tell_plainly(send, 416, (b"content-range", b"bytes */%d" % chosen.size))
        return True
    content = files.opened(resource) if chosen.size > WHOLE else await files.body(resource, chosen)
    if content is None:
        return False
    await _send(chosen, part, content, asked, send)
    return True


def _part(chosen: Representation, asked: Request) -> range | None:
    """The range to send. Only what is never compressed is given in parts: recordings, pictures, books."""
    condition = asked.headers.get(b"if-range", chosen.tag)
    return None if chosen.kind.text or condition != chosen.tag else wanted(asked.headers.get(b"range"), chosen.size)


async def _send(
    chosen: Representation, part: range | None, content: bytes | FileIO, asked: Request, send: Send
) -> None:
    span = part or range(chosen.size)
    headers = [*chosen.full(asked), length(len(span))]
    if part:
        headers.append((b"content-range", b"bytes %d-%d/%d" % (part[0], part[-1], chosen.size)))
    status = 206 if part else 200
    if isinstance(content, bytes):
        await tell(send, status, headers, b"" if asked.head else content[span.start : span.stop])
        return
    with content:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await _stream(content, range(0) if asked.head else span, send)


async def _stream(file: FileIO, span: range, send: Send) -> None:
    file.seek(span.start)
    left = len(span)
    while left:
        block = await asyncio.to_thread(_block, file, min(left, _BLOCK))
        if not block:
            return  # the promised length cannot be kept, so the server breaks the connection off
        left -= len(block)
        await send({"type": "http.response.body", "body": block, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _block(file: FileIO, size: int) -> bytes:
    """Read on; nothing when the file was cut short in place, or the disk fails."""
    try:
        return file.read(size)
    except OSError:
        return b""
