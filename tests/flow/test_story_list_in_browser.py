"""Lists of stories in Chromium: the filter by source and topic, and the keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from browser import Paper, Tab, needs_browser, serve_live
from origin import Document, Origin
from serve.loopback import LoopbackServer
from wire import Wire, rss, until

pytestmark = needs_browser


@pytest.fixture
def paper(wire: Wire, origin: Origin) -> Paper:
    """Two sources and three topics; the stories of the second one come first."""
    paper = Paper(wire, origin)
    other = rss(
        ("urn:y:1", "Goal"), ("urn:y:2", "Rain stops play"), title="Sport & more", when="Mon, 02 Mar 2026 09:00:00 GMT"
    )
    other = other.replace(b"<guid", b"<category>Sport</category><guid").replace(
        b"y:2</guid>", b"y:2</guid><category>Weather</category>"
    )
    sources = {"a": {"feed": origin.url("/feed"), "tags": ["weather"]}, "b": origin.put("/other", Document(other))}
    paper.wire.declare(sources)
    paper.turn()
    return paper


@pytest.fixture
def server(paper: Paper) -> Iterator[LoopbackServer]:
    with serve_live(paper.wire) as server:
        yield server


def choose(page: Any, **values: str) -> None:
    for name, value in values.items():
        page.select_option(f"#filter select[name={name}]", value)


def options(page: Any, name: str) -> list[str]:
    texts: list[str] = page.locator(f"#filter select[name={name}] option").all_text_contents()
    return texts


@pytest.mark.parametrize("path", ["", "all.html"])
def test_stories_are_filtered_by_source_and_topic_and_the_address_says_how(
    server: LoopbackServer, tab: Tab, path: str
) -> None:
    page = tab.open(server, path)
    assert options(page, "source") == ["All sources", "A source (12)", "Sport & more (2)"]
    assert options(page, "tag")[0] == "All topics" and {"Sport (2)", "Weather (1)"} <= {*options(page, "tag")}
    choose(page, source="sport & more")
    assert tab.headlines() == ["Rain stops play", "Goal"]
    choose(page, tag="weather")
    assert tab.headlines() == ["Rain stops play"]
    assert page.locator("#filter [role=status]").text_content() == "1 of 14"
    tab.page.reload()
    assert "source=sport" in page.url and "tag=weather" in page.url
    assert tab.headlines() == ["Rain stops play"]
    assert tab.find_barriers() == []
    choose(page, source="a source", tag="sport")
    assert tab.headlines() == []
    page.get_by_role("button", name="Show all").click()
    assert len(tab.headlines()) == 14 and "?" not in page.url
    assert page.evaluate("document.activeElement.name") == "source"


def test_a_new_story_that_does_not_match_is_neither_shown_nor_counted(
    paper: Paper, server: LoopbackServer, tab: Tab
) -> None:
    page = tab.open(server, "?source=sport+%26+more")
    page.evaluate("document.body.style.minHeight = '300vh'; scrollTo(0, 500)")
    more = rss(("urn:y:3", "Second goal"), title="Sport & more", when="Mon, 02 Mar 2026 10:00:00 GMT")
    paper.origin.put("/other", Document(more))
    paper.publish(("urn:x:20", "New elsewhere"))
    button = page.get_by_role("button", name="1 new story")
    button.wait_for()
    paper.publish(("urn:x:21", "Newer elsewhere"))
    until(lambda: page.evaluate("waiting.some(({ added }) => added.size === 3)"))
    assert button.is_visible() and tab.headlines() == ["Rain stops play", "Goal"]
    button.click()
    assert tab.headlines() == ["Second goal", "Rain stops play", "Goal"]
    paper.publish(("urn:x:22", "Newest elsewhere"))
    page.get_by_role("link", name="Newest elsewhere", include_hidden=True).wait_for(state="attached")
    assert tab.headlines() == ["Second goal", "Rain stops play", "Goal"]
    choose(page, source="")
    assert {"New elsewhere", "Newer elsewhere", "Newest elsewhere"} < {*tab.headlines()}


def test_a_page_without_script_shows_all_and_no_control(paper: Paper, server: LoopbackServer, browser: Any) -> None:
    tab = Tab(browser, java_script_enabled=False)
    page = tab.open(server, "all.html?source=nothing", live=False)
    assert len(tab.headlines()) == 14
    assert page.locator("#filter, #help, #keys, #live, #new, form.search").locator("visible=true").count() == 0
    tab.context.close()


def test_the_keyboard_walks_through_stories_and_opens_one(server: LoopbackServer, tab: Tab) -> None:
    page = tab.open(server, "all.html")
    titles, focus = tab.headlines(), "document.activeElement.textContent"
    walked = []
    for key in "jjjk":
        page.keyboard.press(key)
        walked.append(page.evaluate(focus))
    assert walked == [*titles[:3], titles[1]]
    for _ in titles:
        page.keyboard.press("j")
    assert page.evaluate(focus) == titles[-1]
    assert page.evaluate("(top => top > 0 && top < innerHeight)(document.activeElement.getBoundingClientRect().top)")
    choose(page, source="sport & more")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert page.evaluate(focus) == titles[1] == "Goal"
    page.route("https://a.example/**", lambda route: route.fulfill(body="opened", content_type="text/html"))
    page.keyboard.press("o")
    page.wait_for_url("https://a.example/urn:y:1")
    page.go_back()


def test_the_help_is_a_dialog_that_escape_closes_and_keys_can_be_turned_off(server: LoopbackServer, tab: Tab) -> None:
    page = tab.open(server)
    dialog, has_focus = page.get_by_role("dialog", name="Keyboard"), "document.activeElement.closest('dialog') !== null"
    page.keyboard.press("j")
    page.keyboard.press("?")
    assert dialog.is_visible() and page.evaluate(has_focus)
    assert tab.find_barriers() == []
    page.keyboard.press("j")  # is for the dialog now
    page.keyboard.press("Escape")
    assert dialog.is_hidden() and page.evaluate("document.activeElement.closest('article') !== null")
    page.get_by_role("button", name="Keyboard").click()
    page.get_by_label("Use these keys").uncheck()
    page.get_by_role("button", name="Close").click()
    assert page.evaluate("document.activeElement.id") == "help"
    page.keyboard.press("?")
    page.reload()
    page.keyboard.press("?")
    assert dialog.is_hidden()


@pytest.mark.parametrize("keys", ["Control+j", "Alt+j", "Meta+j", "Control+/"])
def test_keys_with_a_modifier_and_keys_in_a_field_are_left_alone(server: LoopbackServer, tab: Tab, keys: str) -> None:
    page = tab.open(server)
    page.keyboard.press(keys)
    assert page.evaluate("document.activeElement === document.body")
    page.locator("#filter select").first.focus()
    for key in ("j", "?", "o"):
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.name") == "source"
    assert page.get_by_role("dialog").is_hidden()


def test_a_theme_may_leave_out_what_the_scripts_use(server: LoopbackServer, tab: Tab) -> None:
    scripts = "".join(f'<script src="assets/{name}.js" defer></script>' for name in ("page", "stories", "live"))
    body = f'<!DOCTYPE html><html lang="en"><title>x</title>{scripts}<p>Of a theme.'
    tab.page.route("**/all.html", lambda route: route.fulfill(body=body, content_type="text/html"))
    page = tab.open(server, "all.html", live=False)
    page.keyboard.press("j")
    assert page.locator("p").text_content() == "Of a theme."
