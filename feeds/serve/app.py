"""The ASGI application: the published files, and behind them what is made for each request."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router, request_response
from starlette.types import ASGIApp, Receive, Scope, Send

from ..registry import formats
from .file_response import find_file
from .files import Files
from .index_page import STYLESHEET_PATH, IndexPage, load_stylesheet
from .media_types import CORS_HEADERS
from .responses import text_response

_log = logging.getLogger(__name__)


def create_app(
    root: Path, *, withdrawn_feeds: Callable[[], Mapping[str, str | None]], is_healthy: Callable[[], bool]
) -> ASGIApp:
    """Return the application that serves the published files below `root`.

    `withdrawn_feeds` returns feed ids that are no longer published, each with its successor or none. Both callables run
    in the event loop, so they must not block.
    """
    pages = _Pages(root, withdrawn_feeds, is_healthy)
    routes = [Route("/", pages.index), Route("/health", pages.health), Route(STYLESHEET_PATH, pages.stylesheet)]
    # Starlette redirects to the Host of the request (S19), so no slash is ever added or removed.
    router = Router(routes, redirect_slashes=False, default=request_response(pages.missing))
    app = _PublishedFiles(Files(root), router)
    return ExceptionMiddleware(app, dict.fromkeys([HTTPException, Exception], _send_error))


class _PublishedFiles:
    """Answers with the published file, which is what most requests want; the other application gets the rest."""

    def __init__(self, files: Files, other: ASGIApp) -> None:
        self._files = files
        self._other = other

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in {"GET", "HEAD"}:
            raise HTTPException(405, headers={"allow": "GET, HEAD"})
        path = "/index.html" if scope["path"] == "/" else scope["path"]
        response = await find_file(self._files, path, Request(scope))
        await (response or self._other)(scope, receive, send)


class _Pages:
    """What is served where no file is published."""

    def __init__(
        self, root: Path, withdrawn_feeds: Callable[[], Mapping[str, str | None]], is_healthy: Callable[[], bool]
    ) -> None:
        self._index_page = IndexPage(root)
        self._stylesheet = load_stylesheet()
        self._withdrawn_feeds = withdrawn_feeds
        self._is_healthy = is_healthy

    async def index(self, request: Request) -> Response:
        return self._index_page.document().respond(request)

    async def stylesheet(self, request: Request) -> Response:
        return self._stylesheet.respond(request)

    async def health(self, request: Request) -> Response:
        return text_response("ok") if self._is_healthy() else text_response("degraded", 503)

    async def missing(self, request: Request) -> Response:
        """Answer 404; for a withdrawn feed 410, or 301 to its successor."""
        feed_id, _, suffix = request.scope["path"][1:].rpartition(".")
        withdrawn = self._withdrawn_feeds() if suffix in {*formats(), "html"} else {}
        if feed_id not in withdrawn:
            raise HTTPException(404, headers=CORS_HEADERS)
        if successor := withdrawn[feed_id]:
            # The location is made of an id of ours, never of the request (S19).
            raise HTTPException(301, headers={"location": f"/{successor}.{suffix}", **CORS_HEADERS})
        raise HTTPException(410, headers=CORS_HEADERS)


async def _send_error(request: Request, error: Exception) -> Response:
    """Answer with a status and its phrase, without any text of the request (S17); log what is no client's fault."""
    if not isinstance(error, HTTPException):
        is_bug = not isinstance(error, OSError)
        _log.error("cannot serve %r: %s", request.scope["path"], error, exc_info=error if is_bug else None)
        error = HTTPException(500 if is_bug else 503)
    return text_response(error.detail, error.status_code, error.headers)
