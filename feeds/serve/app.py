"""The ASGI application: which path gets which response."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from ..registry import formats
from .file_response import send_file
from .files import Files
from .index_page import STYLESHEET_PATH, IndexPage, load_stylesheet
from .media_types import CORS_HEADERS
from .responses import Request, send_text

_log = logging.getLogger(__name__)


def create_app(
    root: Path, *, withdrawn_feeds: Callable[[], Mapping[str, str | None]], is_healthy: Callable[[], bool]
) -> ASGIApp:
    """Return the application that serves the published files below `root`.

    `withdrawn_feeds` returns feed ids that are no longer published, each with its successor or none. Both callables run
    in the event loop, so they must not block.
    """
    return _Application(root, withdrawn_feeds, is_healthy)


class _Application:
    def __init__(
        self, root: Path, withdrawn_feeds: Callable[[], Mapping[str, str | None]], is_healthy: Callable[[], bool]
    ) -> None:
        self._files = Files(root)
        self._index_page = IndexPage(root)
        self._stylesheet = load_stylesheet()
        self._withdrawn_feeds = withdrawn_feeds
        self._is_healthy = is_healthy
        self._routes = {"/": self._send_index, "/health": self._send_health}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"feeds serves HTTP only, not {scope['type']!r}")
        if scope["method"] not in {"GET", "HEAD"}:
            await send_text(send, 405, (b"allow", b"GET, HEAD"))
            return
        request = Request.from_scope(scope)
        try:
            await self._routes.get(request.path, self._send_file)(request, send)
        except OSError as error:
            _log.error("cannot serve %r: %s", request.path, error)
            await send_text(send, 503)

    async def _send_index(self, request: Request, send: Send) -> None:
        index = Request(request.is_head, "/index.html", request.headers)
        if not await send_file(self._files, index, send):
            await self._index_page.document().respond(request, send)

    async def _send_health(self, request: Request, send: Send) -> None:
        if self._is_healthy():
            await send_text(send, 200, text="ok")
        else:
            await send_text(send, 503, text="degraded")

    async def _send_file(self, request: Request, send: Send) -> None:
        if await send_file(self._files, request, send):
            return
        if request.path == STYLESHEET_PATH:
            await self._stylesheet.respond(request, send)
        else:
            await self._send_not_found(request, send)

    async def _send_not_found(self, request: Request, send: Send) -> None:
        """Send 404; for a withdrawn feed 410, or 301 to its successor."""
        feed_id, _, suffix = request.path[1:].rpartition(".")
        withdrawn = self._withdrawn_feeds() if suffix in {*formats(), "html"} else {}
        if feed_id not in withdrawn:
            await send_text(send, 404, *CORS_HEADERS)
        elif successor := withdrawn[feed_id]:
            # The location is made of an id of ours, never of the request (S19).
            await send_text(send, 301, (b"location", f"/{successor}.{suffix}".encode()), *CORS_HEADERS)
        else:
            await send_text(send, 410, *CORS_HEADERS)
