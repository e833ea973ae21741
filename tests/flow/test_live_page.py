"""A page that is open in Chromium shows what is published, without a reload (R70–R76)."""

from __future__ import annotations

from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest
from browser import Paper, ServerCommand, Tab, needs_browser, serve_live
from serve.loopback import LoopbackServer
from wire import until

pytestmark = needs_browser


@pytest.mark.parametrize("path", ["", "all.html", "all.rss"])
def test_R76_a_story_appears_is_edited_and_goes_while_the_page_is_open(
    paper: Paper, server: LoopbackServer, tab: Tab, path: str
) -> None:
    page = tab.open(server, path)
    before = tab.headlines()
    paper.publish(("urn:x:20", "Harbour <b>opens</b> & closes"))
    page.get_by_role("link", name="Harbour opens & closes").wait_for()
    assert tab.headlines() == ["Harbour opens & closes", *before]
    assert page.locator("[role=status]", has_text="1 new story").count() == 1
    paper.publish(("urn:x:20", "Harbour opens after all"))
    page.locator("article", has_text="Harbour opens after all").get_by_text("edited").wait_for()
    assert tab.headlines() == ["Harbour opens after all", *before]
    with paper.wire.app() as app:
        assert app.retract("https://a.example/urn:x:20")
        app.publish(["all"])
    page.get_by_role("link", name="Harbour opens after all").wait_for(state="detached")
    assert tab.headlines() == before


def test_whoever_reads_is_told_and_nothing_moves(paper: Paper, server: LoopbackServer, tab: Tab) -> None:
    page = tab.open(server)
    page.evaluate("scrollTo(0, 500)")
    story = "document.querySelector('article.story:nth-of-type(8)').getBoundingClientRect().top"
    top, before = page.evaluate(story), tab.headlines()
    paper.publish(("urn:x:20", "First"))
    page.get_by_role("button", name="1 new story").wait_for()
    paper.publish(("urn:x:21", "Second"))
    button = page.get_by_role("button", name="2 new stories")
    button.wait_for()
    assert abs(page.evaluate(story) - top) < 1 and tab.headlines() == before
    assert page.evaluate("window.shift") == 0
    button.click()
    until(lambda: page.evaluate("scrollY") == 0)
    assert tab.headlines()[:2] == ["Second", "First"] and button.is_hidden()
    assert page.evaluate("document.activeElement.textContent") == "Second"


def test_who_walks_through_the_stories_by_keyboard_is_told_and_keeps_the_place(
    paper: Paper, server: LoopbackServer, tab: Tab
) -> None:
    page = tab.open(server)
    page.keyboard.press("j")
    paper.publish(("urn:x:20", "New"))
    page.get_by_role("button", name="1 new story").wait_for()
    first = tab.headlines()[0]
    paper.publish((f"urn:x:{first.removeprefix('Story ')}", "Edited"))
    page.get_by_role("link", name="Edited").wait_for()
    assert "New" not in tab.headlines()
    assert page.evaluate("document.activeElement.textContent") == "Edited"


def test_an_edit_is_shown_that_the_page_does_not_hold_yet_when_its_event_comes(
    paper: Paper, server: LoopbackServer, browser: Any
) -> None:
    """Although a story waits to be shown: the page is loaded anew until it is another one."""
    tab = Tab(browser, service_workers="block")  # whose requests could not be answered here
    page = tab.open(server)
    page.keyboard.press("j")
    paper.publish(("urn:x:20", "New"))
    page.get_by_role("button", name="1 new story").wait_for()
    address = page.evaluate("new URL(main.dataset.page, location.href).href")
    earlier = [server.request(urlsplit(address).path).body]
    first = tab.headlines()[0]

    def answer(route: Any) -> None:
        if earlier:
            route.fulfill(body=earlier.pop(), content_type="text/html; charset=utf-8")
        else:
            route.continue_()

    page.route(address, answer)
    paper.publish((f"urn:x:{first.removeprefix('Story ')}", "Edited"))
    page.get_by_role("link", name="Edited").wait_for()
    assert not earlier
    tab.context.close()


def test_R72_a_server_that_comes_back_has_lost_and_doubled_nothing(paper: Paper, tab: Tab) -> None:
    with serve_live(paper.wire) as server:
        page = tab.open(server)
        before = tab.headlines()
    page.locator("#live", has_text="Reconnecting").wait_for()
    paper.publish(("urn:x:20", "While it was away"))
    with serve_live(paper.wire, server.port):
        page.get_by_role("link", name="While it was away").wait_for()
        page.locator("#live", has_text="Live").wait_for()
        paper.publish(("urn:x:21", "After it came back"))
        page.get_by_role("link", name="After it came back").wait_for()
        assert tab.headlines() == ["After it came back", "While it was away", *before]
        assert [message for message in tab.messages if "ERR_" not in message] == []  # that there was no server
        tab.messages.clear()


@pytest.mark.parametrize("command", ["daemon", "serve"])
def test_R72_a_server_process_that_is_killed_has_lost_and_doubled_nothing(command: str, paper: Paper, tab: Tab) -> None:
    with closing(ServerCommand(paper.wire, command)) as process:
        page = tab.open(process.server)
        before = tab.headlines()
        process.kill_server()
        page.locator("#live:not([data-state=now])").wait_for()
        paper.write(("urn:x:20", "While it was away"))
        assert paper.wire.command("run", "--all").returncode == 0
        process.start_again()
        page.get_by_role("link", name="While it was away").wait_for()
        page.locator("#live", has_text="Live").wait_for()
        paper.write(("urn:x:21", "After it came back"))
        assert paper.wire.command("run", "--all").returncode == 0
        page.get_by_role("link", name="After it came back").wait_for()
        assert tab.headlines() == ["After it came back", "While it was away", *before]
        until(lambda: b"While it was away" in process.server.request("/search.json?q=while+away").body)
        assert [message for message in tab.messages if "ERR_" not in message] == []
        tab.messages.clear()


def test_what_was_published_between_page_and_connection_appears(paper: Paper, server: LoopbackServer, tab: Tab) -> None:
    tab.page.route("**/assets/live.js", lambda route: (paper.publish(("urn:x:20", "Early")), route.continue_()))
    tab.open(server, live=False).get_by_role("link", name="Early").wait_for()
