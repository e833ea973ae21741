"""The answers of a server whose files are published elsewhere: each leads there."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ..media_types import CACHE_CONTROL, find_media_type
from .file_headers import CORS_HEADERS, security_headers
from .files import is_published_path

_NOT_HERE = "The files of this site are in an object store, and its address leads to this server."


@dataclass(frozen=True, slots=True)
class PublishedElsewhere:
    """Files that another server has: below `url`, which ends with a slash. `feed_ids` returns what is published."""

    url: str
    feed_ids: Callable[[], Collection[str]]


class RedirectedFiles:
    """Leads requests for published files to where these are (307); the other application gets the rest.

    `withdrawn` returns the feeds that are no longer published, which the other application answers for. `own_paths` are
    those that it answers, too.
    """

    def __init__(
        self,
        place: PublishedElsewhere,
        withdrawn: Callable[[], Mapping[str, str | None]],
        own_paths: Collection[str],
        other: ASGIApp,
    ) -> None:
        self._url = place.url
        self._host = urlsplit(place.url).netloc.lower()
        self._withdrawn = withdrawn
        self._own_paths = own_paths
        self._other = other

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request of any method."""
        path = scope["path"]
        is_file = path == "/" or (is_published_path(path) and find_media_type(path) is not None)
        if not is_file or path in self._own_paths or path[1:].rpartition(".")[0] in self._withdrawn():
            await self._other(scope, receive, send)
            return
        if Request(scope).headers.get("host", "").lower() == self._host:
            raise HTTPException(503, _NOT_HERE)  # it would be led here again
        # The location is made of a path of ours, never of anything else in the request (S19).
        headers = {**security_headers(), "location": self._url + path[1:], "cache-control": CACHE_CONTROL}
        await Response(status_code=307, headers=headers | CORS_HEADERS)(scope, receive, send)
