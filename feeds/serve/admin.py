"""The operator's site: health details, metrics and pages, at an address of its own, not beside the published files."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from .admin_access import AccessControl, add_headers
from .metrics import CONTENT_TYPE, Measurement, encode_metrics

_log = logging.getLogger(__name__)

MAX_AT_ONCE = 4  # pages that are made: each takes a thread, and connections to the store


@dataclass(frozen=True, slots=True)
class AdminIO:
    """What the operator's site shows and does. Each is called in a thread.

    `health`: the members of the JSON at `/health`, and whether all is well. `metrics`: those at `/metrics`.
    """

    health: Callable[[], tuple[Mapping[str, object], bool]]
    metrics: Callable[[], Iterable[Measurement]]


def create_admin_app(io: AdminIO, token: str | None) -> ASGIApp:
    """Return the application of the operator's site; `token` is what must be shown for all of it, if there is one."""
    site = _AdminSite(io)
    # Starlette redirects to the Host of the request (S19), so no slash is ever added or removed.
    router = Router(site.routes(), redirect_slashes=False, default=_refuse)
    access = AccessControl(router, token)
    return add_headers(ExceptionMiddleware(access, dict.fromkeys([HTTPException, Exception], site.error)))


async def _refuse(scope: object, receive: object, send: object) -> None:
    raise HTTPException(404)


class _AdminSite:
    """What each path is answered with."""

    def __init__(self, io: AdminIO) -> None:
        self._io = io
        self._slots = asyncio.Semaphore(MAX_AT_ONCE)

    def routes(self) -> list[Route]:
        """Return all routes; each stands behind the access control."""
        return [Route("/health", self.health), Route("/metrics", self.metrics)]

    async def health(self, request: Request) -> Response:
        async with self._slots:
            members, is_healthy = await asyncio.to_thread(self._io.health)
        body = json.dumps(members, indent=2) + "\n"
        return Response(body, 200 if is_healthy else 503, media_type="application/json")

    async def metrics(self, request: Request) -> Response:
        async with self._slots:
            body = await asyncio.to_thread(lambda: encode_metrics(self._io.metrics()))
        return Response(body, headers={"content-type": CONTENT_TYPE})

    async def error(self, request: Request, error: Exception) -> Response:
        """Answer with one sentence of ours, without any text of the request (S17); log what is no client's fault."""
        if not isinstance(error, HTTPException):
            _log.error("cannot answer %r: %s", request.scope["path"], error, exc_info=error)
            error = HTTPException(500)
        return Response(f"{error.detail}\n", error.status_code, error.headers, "text/plain")
