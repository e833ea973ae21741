"""A page that is open in Chromium shows what is published, without a reload (R70–R76)."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from origin import Document, Origin
from serve.loopback import LoopbackServer, run_server
from wire import Wire, rss, until

from feeds.app.server_process import create_server_app
from feeds.config import load
from feeds.push.outbox_follower import OutboxFollower
from feeds.serve import LiveStreams
from feeds.store import StoreReader

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PATIENCE = 300_000  # milliseconds

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    pytest.mark.xdist_group("browser"),
]


@contextmanager
def serve(wire: Wire, port: int = 0) -> Iterator[LoopbackServer]:
    """The server of an installation, which follows its outbox."""
    stop = threading.Event()
    with StoreReader(wire.home / "data" / "feeds.db") as reader:
        live = LiveStreams(reader.events, reader.event_range)
        follower = OutboxFollower(reader, live.publish, poll_seconds=0.01)
        follower.poll()
        thread = threading.Thread(target=follower.run, args=[stop])
        thread.start()
        try:
            app = create_server_app(load(wire.config, {}), reader, lambda: True, live)
            with run_server(app, wire.public, port=port) as server:
                yield server
        finally:
            stop.set()
            thread.join()


@pytest.fixture
def browser() -> Iterator[playwright.Browser]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Paper:
    """An installation with one source, and how its list of stories changes."""

    def __init__(self, wire: Wire, origin: Origin) -> None:
        self.wire = wire
        self.origin = origin
        self.items = [(f"urn:x:{number}", f"Story {number}") for number in range(12)]
        self.wire.declare({"a": origin.put("/feed", Document(rss(*self.items)))})
        self.wire.turn()

    def publish(self, *items: tuple[str, str]) -> None:
        self.items = [*items, *(item for item in self.items if item[0] not in dict(items))]
        self.origin.put("/feed", Document(rss(*self.items)))
        self.wire.now += timedelta(minutes=20)
        self.wire.turn(everything=True)


def open_page(browser: playwright.Browser, address: str) -> tuple[playwright.Page, list[str]]:
    page = browser.new_page(viewport={"width": 900, "height": 700})
    page.set_default_timeout(PATIENCE)
    messages: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.goto(address)
    return page, messages


def headlines(page: playwright.Page) -> list[str]:
    return page.locator("article.story h3").all_text_contents()


@pytest.mark.parametrize("path", ["", "all.html", "all.rss"])
def test_R76_a_story_appears_is_edited_and_goes_while_the_page_is_open(
    wire: Wire, origin: Origin, browser: playwright.Browser, path: str
) -> None:
    paper = Paper(wire, origin)
    with serve(wire) as server:
        page, messages = open_page(browser, f"http://127.0.0.1:{server.port}/{path}")
        page.locator("#live", has_text="Live").wait_for()
        before = headlines(page)
        paper.publish(("urn:x:20", "Harbour <b>opens</b> & closes"))
        page.get_by_role("link", name="Harbour opens & closes").wait_for()
        assert headlines(page) == ["Harbour opens & closes", *before]
        assert page.locator("[role=status]", has_text="1 new story").count() == 1
        paper.publish(("urn:x:20", "Harbour opens after all"))
        page.locator("article", has_text="Harbour opens after all").get_by_text("edited").wait_for()
        assert headlines(page) == ["Harbour opens after all", *before]
        with wire.app() as app:
            assert app.retract("https://a.example/urn:x:20")
            app.publish(["all"])
        page.get_by_role("link", name="Harbour opens after all").wait_for(state="detached")
        assert headlines(page) == before
        assert messages == []


def test_whoever_reads_is_told_and_nothing_moves(wire: Wire, origin: Origin, browser: playwright.Browser) -> None:
    paper = Paper(wire, origin)
    with serve(wire) as server:
        page, messages = open_page(browser, f"http://127.0.0.1:{server.port}/")
        page.locator("#live", has_text="Live").wait_for()
        page.evaluate("scrollTo(0, 500)")
        story = "document.querySelector('article.story:nth-of-type(8)').getBoundingClientRect().top"
        top, before = page.evaluate(story), headlines(page)
        paper.publish(("urn:x:20", "First"))
        button = page.get_by_role("button", name="1 new story")
        button.wait_for()
        paper.publish(("urn:x:21", "Second"))
        button = page.get_by_role("button", name="2 new stories")
        button.wait_for()
        assert abs(page.evaluate(story) - top) < 1 and headlines(page) == before
        button.click()
        until(lambda: page.evaluate("scrollY") == 0)
        assert headlines(page)[:2] == ["Second", "First"] and button.is_hidden()
        assert page.evaluate("document.activeElement.textContent") == "Second"
        assert messages == []


def test_R72_a_server_that_comes_back_has_lost_and_doubled_nothing(
    wire: Wire, origin: Origin, browser: playwright.Browser
) -> None:
    paper = Paper(wire, origin)
    with serve(wire) as server:
        page, _ = open_page(browser, f"http://127.0.0.1:{server.port}/")
        page.locator("#live", has_text="Live").wait_for()
        before = headlines(page)
    page.locator("#live", has_text="Reconnecting").wait_for()
    paper.publish(("urn:x:20", "While it was away"))
    with serve(wire, server.port):
        page.get_by_role("link", name="While it was away").wait_for()
        page.locator("#live", has_text="Live").wait_for()
        paper.publish(("urn:x:21", "After it came back"))
        page.get_by_role("link", name="After it came back").wait_for()
        assert headlines(page) == ["After it came back", "While it was away", *before]


def test_what_was_published_between_page_and_connection_appears(
    wire: Wire, origin: Origin, browser: playwright.Browser
) -> None:
    paper = Paper(wire, origin)
    with serve(wire) as server:
        page, _ = open_page(browser, "about:blank")
        page.route("**/assets/live.js", lambda route: (paper.publish(("urn:x:20", "Early")), route.continue_()))
        page.goto(f"http://127.0.0.1:{server.port}/")
        page.get_by_role("link", name="Early").wait_for()
