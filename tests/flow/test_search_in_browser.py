"""The search in Chromium: the form on the pages, the page of the results, the keyboard."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from browser import Paper, Tab, needs_browser, serve_live
from serve.loopback import LoopbackServer, create_test_app, run_server
from wire import until

pytestmark = needs_browser


@pytest.fixture
def server(paper: Paper) -> Iterator[LoopbackServer]:
    """The server of that installation, once it has filled its index."""
    with serve_live(paper.wire) as server:
        until(lambda: server.request("/search.json?q=story").body.count(b'"title":"Story ') == 12)
        yield server


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_reader_searches_and_walks_through_what_is_found(
    paper: Paper, server: LoopbackServer, browser: Any, width: int, scheme: str
) -> None:
    tab = Tab(browser, color_scheme=scheme)
    tab.page.set_viewport_size({"width": width, "height": 800})
    page = tab.open(server, "all.html")
    page.keyboard.press("/")
    page.keyboard.type("about stor")
    page.keyboard.press("Enter")
    page.wait_for_url("**/search?q=about+stor")
    assert sorted(tab.headlines()) == sorted(title for _, title in paper.items)
    assert page.locator("h3 mark").first.text_content() == "Story"
    assert page.locator("h1").count() == 1 and page.get_by_role("searchbox").input_value() == "about stor"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("window.shift") == 0
    assert tab.find_barriers() == []
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.textContent") == tab.headlines()[1]
    page.get_by_role("link", name="Newest first").click()
    page.wait_for_url("**/search?q=about+stor&order=newest")
    assert len(tab.headlines()) == 12
    page.keyboard.press("/")
    page.keyboard.type("nothing of this")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="No story holds all of these words").wait_for()
    assert tab.find_barriers() == [] and tab.faults() == []
    tab.context.close()


def test_the_search_works_without_script_and_its_form_is_only_where_a_server_can_search(
    paper: Paper, server: LoopbackServer, browser: Any
) -> None:
    tab = Tab(browser, java_script_enabled=False)
    page = tab.open(server, "search", live=False)
    page.get_by_role("searchbox").fill('"story 1"')
    page.get_by_role("button", name="Search").click()
    page.wait_for_url(re.compile("q="))
    assert tab.headlines() == ["Story 1"]
    tab.context.close()


def test_a_static_host_shows_no_form(paper: Paper, tab: Tab) -> None:
    def answer_as_static_host(route: Any) -> None:
        response = route.fetch()
        headers = {name: value for name, value in response.headers.items() if name != "server-timing"}
        route.fulfill(response=response, headers=headers)

    with run_server(create_test_app(paper.wire.public), paper.wire.public) as server:
        tab.page.route("**/*.html", answer_as_static_host)
        page = tab.open(server, "all.html", live=False)
        page.keyboard.press("j")
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement.closest('article') !== null")
        assert page.locator("form.search").is_hidden() and page.locator("#live").is_hidden()
        page.get_by_role("button", name="Keyboard").wait_for()
