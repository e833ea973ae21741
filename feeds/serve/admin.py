"""The operator's site: health details, metrics and pages, at an address of its own, not beside the published files."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from ..errors import FeedsError
from .admin_access import AccessControl, add_headers
from .metrics import CONTENT_TYPE, Measurement, encode_metrics
from .responses import prefers_html

_log = logging.getLogger(__name__)

MAX_AT_ONCE = 4  # pages that are made: each takes a thread, and connections to the store
# Where a form may lead back to (S19): a page of ours, and nothing that a browser could take for another host.
_PAGE = re.compile(r"/(?:(?:sources|feeds)(?:/[a-z0-9_-]+){0,3})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What a page depends on beside its address."""

    form_token: str
    query: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AdminIO:
    """What the operator's site shows and does. Each is called in a thread.

    `health`: the members of the JSON at `/health`, and whether all is well. `metrics`: those at `/metrics`. `style`:
    the style sheet. `page`: the page of a section (`sources`, `feeds`) about an id, or the section itself for "", None
    where there is none. `message`: a page with a title and a sentence. `act`: do what a form asks for; return the key
    of what became of it, and raise ValueError for what makes no sense. `mask` hides secrets. Each may raise FeedsError.
    """

    health: Callable[[], tuple[Mapping[str, object], bool]]
    metrics: Callable[[], Iterable[Measurement]]
    style: Callable[[], bytes]
    page: Callable[[str, str, PageRequest], bytes | None]
    message: Callable[[str, str, PageRequest], bytes]
    act: Callable[[str, Mapping[str, str]], str]
    mask: Callable[[str], str]


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
        return [
            Route("/", self.page),
            Route("/feeds", self.page),
            Route("/sources/{id:path}", self.page),
            Route("/feeds/{id:path}", self.page),
            Route("/assets/admin.css", self.style),
            Route("/health", self.health),
            Route("/metrics", self.metrics),
            Route("/visit", self.act, methods=["POST"]),
            Route("/publish", self.act, methods=["POST"]),
            Route("/retract", self.act, methods=["POST"]),
        ]

    async def page(self, request: Request) -> Response:
        section = request.scope["path"].split("/")[1] or "sources"
        async with self._slots:
            id = request.path_params.get("id", "")
            body = await asyncio.to_thread(self._io.page, section, id, _page_request(request))
        if body is None:
            raise HTTPException(404)
        return HTMLResponse(body)

    async def style(self, request: Request) -> Response:
        return Response(await asyncio.to_thread(self._io.style), media_type="text/css")

    async def health(self, request: Request) -> Response:
        async with self._slots:
            members, is_healthy = await asyncio.to_thread(self._io.health)
        body = json.dumps(members, indent=2) + "\n"
        return Response(body, 200 if is_healthy else 503, media_type="application/json")

    async def metrics(self, request: Request) -> Response:
        async with self._slots:
            body = await asyncio.to_thread(lambda: encode_metrics(self._io.metrics()))
        return Response(body, headers={"content-type": CONTENT_TYPE})

    async def act(self, request: Request) -> Response:
        """Do what a form asks for, and lead back to the page that it is on (POST, redirect, GET)."""
        form: Mapping[str, str] = request.state.form
        try:
            key = await asyncio.to_thread(self._io.act, request.scope["path"].removeprefix("/"), form)
        except ValueError:
            raise HTTPException(400) from None
        page = form.get("page", "")
        return RedirectResponse(f"{page if _PAGE.fullmatch(page) else '/'}?notice={key}", 303)

    async def error(self, request: Request, error: Exception) -> Response:
        """Answer with one sentence of ours, without any text of the request (S17); log what is no client's fault.

        Whoever may not use the site gets no page of it.
        """
        if isinstance(error, FeedsError):  # a store that cannot be read, a theme with a fault
            error = HTTPException(503, await asyncio.to_thread(self._io.mask, str(error)))
        elif not isinstance(error, HTTPException):
            _log.error("cannot answer %r: %s", request.scope["path"], error, exc_info=error)
            error = HTTPException(500)
        if error.status_code == 404 and prefers_html(request):
            text = "There is nothing at this address: the source or feed may have been renamed."
            page = await asyncio.to_thread(self._io.message, error.detail, text, _page_request(request))
            return HTMLResponse(page, error.status_code, error.headers)
        return Response(f"{error.detail}\n", error.status_code, error.headers, "text/plain")


def _page_request(request: Request) -> PageRequest:
    return PageRequest(request.state.form_token, dict(request.query_params))
