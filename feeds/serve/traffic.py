"""What the server has sent: requests by kind of file and status, and who reads the feeds."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..media_types import find_media_type
from .feed_readers import FeedReaders
from .limits import Clients

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
        self.requests[media_type.role if media_type else "other", status] += 1
        if media_type is None or not media_type.has_page or status not in _STATUSES_OF_READERS:
            return
        headers: Mapping[bytes, bytes] = dict(scope["headers"])  # of two with one name, the last: no reader sends two
        feed_id = path[1:].rpartition(".")[0]
        if headers.get(b"sec-fetch-dest") == b"document" or feed_id.startswith("archive/"):
            return
        address = scope["client"][0] if scope.get("client") else ""
        client = self._clients.find(address) or address
        user_agent = headers.get(b"user-agent", b"").decode("latin-1")
        self._readers.note(path, feed_id, client, user_agent, time.monotonic())
