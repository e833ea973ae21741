"""The callbacks of our subscriptions to hubs: verifications, denials, and pushes (W3C WebSub §5.3, §7)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ..errors import StoreError
from .limits import RequestRate
from .responses import text_response

MAX_CHALLENGE_LENGTH = 2048
MAX_QUERY_LENGTH = 16_384
MAX_BODIES = 8  # that are read at a time
PUSHES_A_MINUTE, PUSHES_PER_CALLBACK = 6_000, 60
RECEIVED = "Received."


class Callbacks(Protocol):
    """What callbacks lead to; each method may block, and raises StoreError."""

    def confirms(self, token: str, parameters: Mapping[str, str]) -> bool:
        """Return whether a verification, or a denial, is one of what was requested."""
        ...

    def max_body_size(self, token: str) -> int | None:
        """Return how many bytes may be pushed; None where nothing may be."""
        ...

    def take(self, token: str, content_type: str, signature: str | None, body: bytes) -> bool:
        """Take a push, or ignore one that is not signed; return False where there is no room for it now."""
        ...


class CallbackEndpoint:
    """Answers hubs at `/websub/<token>`."""

    def __init__(self, callbacks: Callbacks) -> None:
        self._callbacks = callbacks
        self._reading = asyncio.Semaphore(MAX_BODIES)
        self._rate = RequestRate(PUSHES_A_MINUTE, PUSHES_PER_CALLBACK)

    async def respond(self, request: Request) -> Response:
        """Answer a request of a hub, or of anyone who pretends to be one."""
        _, _, token = request.scope["path"].removeprefix("/").partition("/")
        try:
            if request.method == "POST":
                return await self._receive(token, request)
            if request.method == "GET":
                return await self._confirm(token, request)
        except StoreError:
            return text_response("Service Unavailable", 503, {"retry-after": "600"})
        raise HTTPException(405, headers={"allow": "GET, POST"})

    async def _confirm(self, token: str, request: Request) -> Response:
        query = request.scope["query_string"]
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True) if len(query) < MAX_QUERY_LENGTH else []
        parameters = dict(reversed(pairs))
        challenge = parameters.get("hub.challenge", "")
        if len(challenge) > MAX_CHALLENGE_LENGTH or not await asyncio.to_thread(
            self._callbacks.confirms, token, parameters
        ):
            raise HTTPException(404)
        response = text_response("")  # as plain text, so that no browser reads it as a page (R49)
        response.body = challenge.encode()
        response.headers["content-length"] = str(len(response.body))
        return response

    async def _receive(self, token: str, request: Request) -> Response:
        """Answer quickly: a push is kept, and read later (R52)."""
        limit = await asyncio.to_thread(self._callbacks.max_body_size, token)
        if limit is None:
            raise HTTPException(410)
        if not self._rate.admit(token):
            return text_response("Too Many Requests", 429, {"retry-after": "60"})
        async with self._reading:
            body = await _read_body(request, limit)
            headers = request.headers
            signature, content_type = headers.get("x-hub-signature"), headers.get("content-type", "")
            is_taken = await asyncio.to_thread(self._callbacks.take, token, content_type[:1000], signature, body)
        if not is_taken:
            return text_response("Service Unavailable", 503, {"retry-after": "60"})
        return text_response(RECEIVED, 202)


async def _read_body(request: Request, limit: int) -> bytes:
    chunks, size = [], 0
    async for chunk in request.stream():
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:
            raise HTTPException(413)
    return b"".join(chunks)
