"""The ASGI application: the published files, and behind them what is made for each request."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router, request_response
from starlette.types import ASGIApp, Receive, Scope, Send

from ..media_types import find_media_type, is_feed_path
from ..registry import formats
from .file_headers import CORS_HEADERS, NAVIGATION_HEADERS, security_headers
from .file_response import find_file
from .files import Files
from .html_page import render_page
from .limits import MAX_REQUESTS, ClientLimits, RequestLimit
from .live import LiveStreams
from .not_modified import ConditionalRequests
from .redirects import PublishedElsewhere, RedirectedFiles
from .responses import StaticDocument, is_navigation, page_response, prefers_html, read_header, text_response

_log = logging.getLogger(__name__)

Endpoint = Callable[[Request], Awaitable[Response]]
FeedFinder = Callable[[str], Awaitable[bool]]  # whether a feed is published


@dataclass(frozen=True, slots=True)
class Services:
    """What is served beside the files.

    `live` are the streams at `/live`. `endpoints`: first part of the path → what answers requests of any method there.
    `feed_links`: path of a feed's document → its `Link` header, which leads subscribers to the hub (R44).
    """

    live: LiveStreams | None = None
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)
    feed_links: Callable[[str], str] | None = None


NO_SERVICES = Services()
_ALLOWED_METHODS = "GET, HEAD, OPTIONS"
# `/<feed>.<suffix>` and `/archive/<feed>/<number>.<suffix>`, whose numbers stay when the feed is renamed.
_FEED_PATH = re.compile(
    r"/(?P<folder>archive/)?(?P<feed>.+)(?P<number>(?(folder)/[0-9]+))\.(?P<suffix>[a-z0-9_]+)", re.ASCII
)
_LIVE_PATH = re.compile(r"/live(?:/(?P<feed>.+))?")
_HEADER_NAMES = re.compile(r"[\w, -]{1,1000}", re.ASCII)
_ICON_PATH = "/favicon.ico"  # unless the public folder has one
# For browsers, where `404.html` and `410.html` are not published; feed readers get the phrase of the status.
_ERROR_SENTENCES = {404: "There is nothing at this address.", 410: "This feed is no longer published."}


def create_app(
    place: Path | PublishedElsewhere,
    *,
    withdrawn_feeds: Callable[[], Mapping[str, str | None]],
    is_healthy: Callable[[], bool],
    base_path: str = "/",
    services: Services = NO_SERVICES,
    trusted_proxies: Iterable[str] = (),
) -> ASGIApp:
    """Return the application that serves the published files of a folder, or leads to where they are.

    `withdrawn_feeds` returns feed ids that are no longer published, each with its successor or none. Both callables run
    in the event loop, so they must not block. `base_path` is the path of `site.url`, as clients know it: a proxy may
    have cut it off. `services` are what there is beside the files. `trusted_proxies` are networks whose X-Forwarded-For
    names the client, as far as requests are limited.
    """
    files = Files(place) if isinstance(place, Path) else None
    pages = _Pages(files, withdrawn_feeds, is_healthy, base_path)
    icon = _load_document(_ICON_PATH, "favicon.ico")
    routes = [Route("/", pages.empty), Route("/health", pages.health), Route(_ICON_PATH, icon.respond)]
    # Starlette redirects to the Host of the request (S19), so no slash is ever added or removed.
    router = Router(routes, redirect_slashes=False, default=request_response(pages.missing))
    limits = ClientLimits("requests", MAX_REQUESTS, trusted_proxies)
    published: ASGIApp
    if files is not None:
        published, has_feed = PublishedFiles(files, router, services.feed_links), _find_file(files)
    else:
        assert isinstance(place, PublishedElsewhere)
        published, has_feed = RedirectedFiles(place, withdrawn_feeds, [_ICON_PATH], router), _find_in_ledgers(place)
    app: ASGIApp = RequestLimit(_Endpoints(services.endpoints, published), limits)
    if services.live:
        app = _LivePaths(has_feed, services.live, app)
    app = ExceptionMiddleware(app, dict.fromkeys([HTTPException, Exception], pages.error))
    return ConditionalRequests(files, app, services.feed_links) if files else app


class PublishedFiles:
    """Answers with the published file, which is what most requests want; the other application gets the rest."""

    def __init__(self, files: Files, other: ASGIApp, feed_links: Callable[[str], str] | None) -> None:
        self._files = files
        self._other = other
        self._feed_links = feed_links

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request of any method."""
        request = Request(scope)
        response: ASGIApp | None
        if request.method in {"GET", "HEAD"}:
            response = await self._find(request)
        elif request.method == "OPTIONS":
            response = _describe_options(request)
        else:
            raise HTTPException(405, headers={"allow": _ALLOWED_METHODS})
        await (response or self._other)(scope, receive, send)

    async def _find(self, request: Request) -> Response | None:
        path = request.scope["path"]
        media_type = find_media_type(path)
        if media_type and media_type.has_page and is_navigation(request):
            page = await find_file(self._files, f"{path.rpartition('.')[0]}.html", request)
            if page:
                page.raw_headers = [*page.raw_headers]  # those of a 304 are the ones of all others, too
                page.headers.update(NAVIGATION_HEADERS)
                return page
        response = await find_file(self._files, "/index.html" if path == "/" else path, request)
        if response and self._feed_links and is_feed_path(path):
            response.raw_headers = [*response.raw_headers, (b"link", self._feed_links(path).encode())]
        return response


class _Endpoints:
    """Answers what has an endpoint of its own, by the first part of the path; the other application gets the rest."""

    def __init__(self, endpoints: Mapping[str, Endpoint], other: ASGIApp) -> None:
        self._endpoints = endpoints
        self._other = other

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        respond = self._endpoints.get(scope["path"].split("/", 2)[1])
        if respond is None:
            await self._other(scope, receive, send)
        else:
            await (await respond(Request(scope, receive)))(scope, receive, send)


class _LivePaths:
    """Answers with the events of one feed, or of all; the other application gets the other paths."""

    def __init__(self, has_feed: FeedFinder, live: LiveStreams, other: ASGIApp) -> None:
        self._has_feed = has_feed
        self._live = live
        self._other = other

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match = _LIVE_PATH.fullmatch(scope["path"])
        if match is None or scope["method"] not in {"GET", "HEAD"}:
            await self._other(scope, receive, send)
            return
        feed_id = match["feed"] or ""
        if feed_id and not await self._has_feed(feed_id):
            raise HTTPException(404, headers=CORS_HEADERS)
        await self._live.respond(feed_id, Request(scope, receive), send)


def _find_file(files: Files) -> FeedFinder:
    async def has_feed(feed_id: str) -> bool:
        return any([await files.find(f"/{feed_id}.{suffix}") for suffix in formats()])

    return has_feed


def _find_in_ledgers(place: PublishedElsewhere) -> FeedFinder:
    async def has_feed(feed_id: str) -> bool:
        return feed_id in place.feed_ids()

    return has_feed


class _Pages:
    """What is served where no file is published."""

    def __init__(
        self,
        files: Files | None,
        withdrawn_feeds: Callable[[], Mapping[str, str | None]],
        is_healthy: Callable[[], bool],
        base_path: str,
    ) -> None:
        self._files = files
        self._withdrawn_feeds = withdrawn_feeds
        self._is_healthy = is_healthy
        self._base_path = base_path

    async def empty(self, request: Request) -> Response:
        """Answer for the front page until it is published."""
        text = "The first stories appear here as soon as they are published."
        return page_response(render_page("Nothing is published yet", text, self._base_path, "Look again"), 200)

    async def health(self, request: Request) -> Response:
        return text_response("ok") if self._is_healthy() else text_response("degraded", 503)

    async def missing(self, request: Request) -> Response:
        """Answer 404; for a withdrawn feed 410, or 301 to its successor."""
        match = _FEED_PATH.fullmatch(request.scope["path"])
        withdrawn = self._withdrawn_feeds() if match and match["suffix"] in formats() else {}
        if not match or match["feed"] not in withdrawn:
            raise HTTPException(404, headers=CORS_HEADERS)
        if successor := withdrawn[match["feed"]]:
            # The location is made of ids and numbers of ours, never of the request (S19).
            path = f"{match['folder'] or ''}{successor}{match['number']}.{match['suffix']}"
            raise HTTPException(301, headers={"location": self._base_path + path, **CORS_HEADERS})
        raise HTTPException(410, headers=CORS_HEADERS)

    async def error(self, request: Request, error: Exception) -> Response:
        """Answer with a status and its phrase, without any text of the request (S17); log what is no client's fault."""
        if not isinstance(error, HTTPException):
            is_bug = not isinstance(error, OSError)
            _log.error("cannot serve %r: %s", request.scope["path"], error, exc_info=error if is_bug else None)
            error = HTTPException(500 if is_bug else 503)
        sentence = _ERROR_SENTENCES.get(error.status_code)
        if sentence is None or not prefers_html(request):
            return text_response(error.detail, error.status_code, error.headers)
        page = await self._read(f"/{error.status_code}.html")
        page = page or render_page(error.detail, sentence, self._base_path, "To the front page").encode()
        return page_response(page, error.status_code, error.headers)

    async def _read(self, path: str) -> bytes | None:
        resource = await self._files.find(path) if self._files else None
        return await self._files.read(resource, resource.plain) if self._files and resource else None


def _describe_options(request: Request) -> Response:
    """Answer OPTIONS; of a feed, pages of other sites may ask for anything (the CORS preflight of the Fetch standard).

    The header names asked for are repeated, because older browsers do not take `*` for them.
    """
    path, headers = request.scope["path"], {**security_headers(), "allow": _ALLOWED_METHODS}
    media_type = find_media_type(path)
    if media_type and media_type.role == "feed":
        names = read_header(request, "access-control-request-headers") or ""
        headers |= {
            **CORS_HEADERS,
            "access-control-allow-methods": "GET, HEAD",
            "access-control-allow-headers": names if _HEADER_NAMES.fullmatch(names) else "*",
            "access-control-max-age": "86400",
            "vary": "Access-Control-Request-Headers",
        }
    return Response(status_code=204, headers=headers)


def _load_document(path: str, name: str) -> StaticDocument:
    media_type = find_media_type(path)
    assert media_type
    return StaticDocument(media_type, Path(__file__).with_name(name).read_bytes())
