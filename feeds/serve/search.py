"""The address of the search: `/search?q=` as a page, `/search.json?q=` as a JSON Feed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ..errors import FeedsError
from ..media_types import HTML, find_media_type
from .limits import ClientLimits, RequestRate, busy_response
from .responses import StaticDocument, text_response

_log = logging.getLogger(__name__)

MAX_QUERY_LENGTH = 200  # characters
MAX_PAGE = 1_000
REQUESTS_A_MINUTE, REQUESTS_PER_CLIENT = 3_000, 120
MAX_WAITING, MAX_WAITING_PER_CLIENT = 64, 6  # searches in progress, and those that wait for one of the threads
THREADS = 2


class SearchRequest(NamedTuple):
    """What a reader asks for; pages count from 1."""

    query: str
    page: int
    newest_first: bool
    as_feed: bool


class SearchEndpoint:
    """Answers searches. `search` returns the document, and whether it is whole; it blocks, and may raise FeedsError."""

    def __init__(self, search: Callable[[SearchRequest], tuple[bytes, bool]], trusted_proxies: Iterable[str]) -> None:
        self._search = search
        networks = tuple(trusted_proxies)
        self._rate = RequestRate(REQUESTS_A_MINUTE, REQUESTS_PER_CLIENT, networks)
        self._limits = ClientLimits("searches", MAX_WAITING, networks, MAX_WAITING_PER_CLIENT)
        self._threads = asyncio.Semaphore(THREADS)

    def endpoints(self) -> Mapping[str, Callable[[Request], Awaitable[Response]]]:
        """Return what answers at `/search` and `/search.json`."""
        return {"search": self.respond, "search.json": self.respond}

    async def respond(self, request: Request) -> Response:
        """Answer a search, 429 or 503 where there are too many, 503 where it takes too long."""
        if request.method not in {"GET", "HEAD"}:
            raise HTTPException(405, headers={"allow": "GET, HEAD"})
        path = request.scope["path"]
        if path not in {"/search", "/search.json"}:
            raise HTTPException(404)
        address = request.client.host if request.client else ""
        if not self._rate.admit(address):
            return text_response("Too many searches; try again in a minute.", 429, {"retry-after": "60"})
        if not self._limits.admit(address):
            return busy_response()
        try:
            async with self._threads:
                body, is_whole = await asyncio.to_thread(self._search, read_search(request))
        except FeedsError as error:  # of the database, or of a template of the operator's
            _log.warning("cannot search: %s", error)
            return text_response("The search does not work at the moment.", 503, {"retry-after": "600"})
        finally:
            self._limits.release(address)
        media_type = find_media_type(path) or HTML
        response = await StaticDocument(media_type, body).respond(request)
        response.headers["x-robots-tag"] = "noindex"
        response.headers["cache-control"] = "private, max-age=30" if is_whole else "no-store"
        return response


def read_search(request: Request) -> SearchRequest:
    """Return what is asked for, whatever the parameters are: a wrong page is the first one."""
    values = request.query_params
    query = "".join(filter(str.isprintable, values.get("q", "").replace("\n", " ")))[:MAX_QUERY_LENGTH].strip()
    page = values.get("page", "")
    number = int(page) if page.isascii() and page.isdigit() and len(page) < 6 else 1
    is_feed = request.scope["path"].endswith(".json")
    return SearchRequest(query, min(max(number, 1), MAX_PAGE), values.get("order") == "newest", is_feed)
