"""What the server has sent: requests by kind of file and status, and who reads the feeds."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Mapping

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .feed_readers import FeedReaders
from .limits import Clients
from .media_types import find_media_type
from .responses import is_navigation

_FEED_PATH = re.compile(r"/(?P<feed>.+)\.[a-z0-9_]+", re.ASCII)
_STATUSES_OF_READERS = (200, 304)


class Traffic:
    """Counters of one server, from its start on. The event loop writes them, any thread reads them."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()  # by kind of what was asked for, and status
        self.bytes = 0  # of bodies
        self._readers = FeedReaders()
        self._clients = Clients()

    def count(self, app: ASGIApp) -> ASGIApp:
        """Return the application with its responses counted."""

        async def respond(scope: Scope, receive: Receive, send: Send) -> None:
            async def count_and_send(message: Message) -> None:
                if message["type"] == "http.response.start":
                    self._note(scope, message["status"])
                else:
                    self.bytes += len(message.get("body", b""))
                await send(message)

            await app(scope, receive, count_and_send)

        return respond

    def count_subscribers(self) -> Mapping[tuple[str, str], int]:
        """Return the estimated number of people by feed id and kind."""
        return self._readers.count_subscribers(time.monotonic())

    def _note(self, scope: Scope, status: int) -> None:
        path: str = scope["path"]
        media_type = find_media_type(path)
        kind = media_type.role if media_type else "other"
        self.requests[kind, status] += 1
        is_feed = media_type is not None and media_type.has_page and not path.startswith("/archive/")
        if not is_feed or status not in _STATUSES_OF_READERS:
            return
        request = Request(scope)
        if match := None if is_navigation(request) else _FEED_PATH.fullmatch(path):
            address = request.client.host if request.client else ""
            client = self._clients.find(address) or address
            self._readers.note(path, match["feed"], client, request.headers.get("user-agent", ""), time.monotonic())
