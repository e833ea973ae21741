"""Chromium, driven by Playwright, and an installation whose pages it has open.

Tests that need it skip where it is missing, unless the environment says FEEDS_BROWSER=required, as .ci/run does.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from origin import Document, Origin
from serve.loopback import LoopbackServer
from wire import Wire, rss, until

from feeds.app.server_process import FileServer

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
TOOLS = Path(os.environ.get("FEEDS_TEST_TOOLS") or Path.home() / ".cache" / "feeds-tests")  # where .ci/run puts them
AXE = TOOLS / "node_modules" / "axe-core" / "axe.min.js"
PATIENCE = 300_000  # milliseconds
IS_REQUIRED = os.environ.get("FEEDS_BROWSER") == "required"

# One browser at a time: each takes a core and a few hundred megabytes.
needs_browser = [
    pytest.mark.skipif(CHROMIUM is None and not IS_REQUIRED, reason="Chromium is not installed"),
    pytest.mark.xdist_group("browser"),
]
WATCH = """
window.violations = []; window.ran = []; window.shift = 0;
document.addEventListener("securitypolicyviolation", event => window.violations.push(
    `${event.violatedDirective} ${event.blockedURI}`));
for (const name of ["alert", "confirm", "prompt"]) window[name] = (text) => window.ran.push(String(text));
new PerformanceObserver(list => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
}).observe({type: "layout-shift", buffered: true});
"""


@contextmanager
def run_browser() -> Iterator[Any]:
    """Chromium; skip the test where Playwright is not installed."""
    if not IS_REQUIRED:
        pytest.importorskip("playwright", reason="Playwright is not installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Tab:
    """A page of a browser, and what went wrong on it."""

    def __init__(self, browser: Any, **options: Any) -> None:
        self.context = browser.new_context(viewport={"width": 900, "height": 700}, **options)
        self.context.set_default_timeout(PATIENCE)
        self.page = self.context.new_page()
        self.messages: list[str] = []
        self.page.add_init_script(WATCH)
        self.page.on("console", lambda message: self.messages.append(message.text))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))

    def open(self, server: LoopbackServer, path: str = "", *, live: bool = True) -> Any:
        """Open a page of a server, and wait until it says that it is live."""
        self.page.goto(f"http://127.0.0.1:{server.port}/{path}")
        if live:
            self.page.locator("#live", has_text="Live").wait_for()
        return self.page

    def headlines(self) -> list[str]:
        """The titles of the stories that are shown."""
        titles: list[str] = self.page.locator("article.story:not([hidden]) h3").all_text_contents()
        return titles

    def faults(self) -> list[str]:
        """What the console, the Content-Security-Policy and the scripts of others have to say."""
        return [*self.messages, *self.page.evaluate("[...window.violations, ...window.ran]")]

    def find_barriers(self) -> list[tuple[str, list[str]]]:
        """The violations that axe finds, with the elements; none where axe is not installed."""
        if not AXE.exists():
            assert not IS_REQUIRED, f"there is no {AXE}"
            return []
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        violations = self.page.evaluate("axe.run().then(result => result.violations)")
        return [(it["id"], [node["html"][:120] for node in it["nodes"]][:3]) for it in violations]


class Paper:
    """An installation with one source, and how its list of stories changes."""

    def __init__(self, wire: Wire, origin: Origin) -> None:
        self.wire = wire
        self.origin = origin
        self.items = [(f"urn:x:{number}", f"Story {number}") for number in range(12)]
        self.wire.declare({"a": origin.put("/feed", Document(rss(*self.items)))})
        self.wire.turn()

    def publish(self, *items: tuple[str, str]) -> None:
        """Publish new stories, or others in the place of those with the same id."""
        self.write(*items)
        self.turn()

    def write(self, *items: tuple[str, str]) -> None:
        """Put stories into the source."""
        self.items = [*items, *(item for item in self.items if item[0] not in dict(items))]
        self.origin.put("/feed", Document(rss(*self.items)))

    def turn(self) -> None:
        """Visit all sources, 20 minutes later."""
        self.wire.now += timedelta(minutes=20)
        self.wire.turn(everything=True)


@contextmanager
def serve_live(wire: Wire, port: int = 0) -> Iterator[LoopbackServer]:
    """The server of an installation, as it runs beside cron."""
    stop, addresses = threading.Event(), SimpleQueue[tuple[str, int]]()
    server = FileServer(wire.config, ("127.0.0.1", port), lambda: wire.now)
    thread = threading.Thread(target=server.run, args=(addresses.put, stop, lambda: None))
    thread.start()
    try:
        yield LoopbackServer(addresses.get(timeout=300)[1], wire.public)
    finally:
        stop.set()
        thread.join()


class ServerCommand:
    """`feeds daemon` or `feeds serve` on a port of its own, whose server process can be killed."""

    def __init__(self, wire: Wire, command: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self._wire, self._command = wire, command
        self.server = LoopbackServer(port, wire.public)
        self._start()

    def _start(self) -> None:
        self._process = self._wire.fork(self._command, "--listen", f"127.0.0.1:{self.server.port}")
        until(self._answers)

    def _answers(self) -> bool:
        assert self._process.poll() is None, self._process.communicate()
        with suppress(OSError):
            return self.server.request("/health").status in (200, 503)
        return False

    def kill_server(self) -> None:
        """Kill the process that serves; a daemon starts another one."""
        pid, *_ = (self._wire.home / "data" / "server.lock").read_text().split()
        os.kill(int(pid), signal.SIGKILL)
        if self._command == "serve":
            self._process.communicate(timeout=300)

    def start_again(self) -> None:
        """Start what was killed, unless the daemon does."""
        if self._command == "serve":
            self._start()

    def close(self) -> None:
        """End it."""
        self._process.send_signal(signal.SIGTERM)
        self._process.communicate(timeout=300)
