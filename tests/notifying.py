"""An installation whose server notifies browsers at a push service of ours; the server is a process of its own."""

from __future__ import annotations

import json
import signal
import socket
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.error import URLError

from forked import ForkedCommand
from origin import Document, Origin
from push_service import Browser, PushService
from wire import Wire, rss, until


class NotifyingSite:
    """An installation whose server is reached at one port, and whose turns are made by its daemon or by cron."""

    def __init__(
        self, wire: Wire, origin: Origin, service: PushService, sources: Mapping[str, object] | None = None
    ) -> None:
        self.wire = wire
        self.origin = origin
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.items = [("urn:x:0", "Story 0")]
        networks = f"127.0.0.1:{service.origin.port()}"
        wire.declare({"a": self._document(), **(sources or {})}, server={"allow_private": [networks]})

    @property
    def url(self) -> str:
        """Where the server is reached, which is not what `site.url` says."""
        return f"http://127.0.0.1:{self.port}"

    def start(self, command: str) -> ForkedCommand:
        process = self.wire.fork(command, "--listen", f"127.0.0.1:{self.port}")
        until(lambda: self.read("/health"))
        return process

    def publish(self, *titles: str) -> None:
        self.items = [*((f"urn:x:{title}", title) for title in titles), *self.items]
        self._document()
        assert self.wire.command("run", "--all").returncode == 0

    def read(self, path: str) -> bytes:
        with suppress(URLError), urllib.request.urlopen(self.url + path) as response:
            return bytes(response.read())
        return b""

    def subscribe(self, browser: Browser, feed: str) -> bool:
        body = json.dumps({"subscription": browser.form, "feed": feed}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/push/subscribe", body, headers)
        with suppress(URLError), urllib.request.urlopen(request) as response:
            return feed in json.load(response)["feeds"]
        return False

    def _document(self) -> str:
        return self.origin.put(
            "/feed", Document(rss(*self.items, when=format_datetime(datetime.now(UTC), usegmt=True)))
        )


def end(process: ForkedCommand) -> None:
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
