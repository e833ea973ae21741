"""A request to an ASGI application without a server."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, NamedTuple

from starlette.types import ASGIApp


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def ask(
    app: ASGIApp, target: str, method: str = "GET", body: bytes = b"", client: str = "127.0.0.1", **headers: str
) -> Answer:
    """Make one request; `if_none_match='"1"'` becomes `If-None-Match: "1"`."""
    path, _, query = target.partition("?")
    names = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": names}
    messages: list[Mapping[str, Any]] = []

    async def send(message: Mapping[str, Any]) -> None:
        messages.append(message)

    async def receive() -> Mapping[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    scope |= {"raw_path": path.encode(), "client": (client, 1), "root_path": "", "scheme": "http"}
    asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]
    start, *bodies = messages
    fields = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], fields, b"".join(message.get("body", b"") for message in bodies))
