"""No payload runs in Chromium, whatever field it arrives in: on pages, in live insertions, and in the search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import pytest
from browser import Tab, needs_browser, serve_live
from origin import Document, Origin
from payloads import SPACES, escape_cdata, payload_item, payloads
from render.page_validator import find_page_faults
from serve.loopback import LoopbackServer
from wire import Wire, until

pytestmark = needs_browser

BATCH = 45  # the front page has room for them, all new
PICTURE = b"GIF89a\1\0\1\0\0\0\0;"
FIND_LINKS = """[...document.querySelectorAll("[href], [src], [action], [formaction], [srcdoc]")].filter(element =>
    element.hasAttribute("srcdoc") || ["href", "src", "action", "formaction"].some(name =>
        /^\\s*(javascript|vbscript|data:text)/i.test(element.getAttribute(name) ?? "")
    )).map(element => element.outerHTML)"""


def document(number: int, batch: Sequence[str]) -> Document:
    """A feed of payloads, of which the first is its title, and of one harmless story."""
    title = f"<title>{escape_cdata(batch[0])}</title><link>https://b{number}.example/</link>" if batch else ""
    items = "".join(payload_item(payload, "findme") for payload in batch)
    last = f"<item><title>Last of {number}</title><link>https://b{number}.example/last</link></item>" if batch else ""
    return Document(f"<rss version='2.0' {SPACES}><channel>{title}{items}{last}</channel></rss>".encode())


def assert_nothing_ran(tab: Tab) -> None:
    """Pictures of stories may be refused, scripts may not even be tried."""
    faults = [fault for fault in tab.faults() if "img-src" not in fault and "media-src" not in fault]
    assert (faults, tab.page.evaluate(FIND_LINKS)) == ([], [])
    tab.messages.clear()


@pytest.fixture
def tab(browser: Any) -> Any:
    tab = Tab(browser)
    tab.page.route(
        lambda address: not address.startswith("http://127.0.0.1"),
        lambda route: route.fulfill(body=PICTURE, content_type="image/gif"),
    )
    yield tab
    tab.context.close()


def test_S7_S17_no_payload_runs_on_a_page_in_a_live_insertion_or_in_the_search(
    wire: Wire, origin: Origin, tab: Tab
) -> None:
    texts = payloads()
    batches = [texts[start : start + BATCH] for start in range(0, len(texts), BATCH)]
    sources: dict[str, object] = {
        f"b{number}": origin.put(f"/{number}", document(number, ())) for number in range(len(batches))
    }
    stories = wire.home / "config" / "stories"
    stories.mkdir(parents=True)
    for number, batch in enumerate(batches):
        text = "\n\n".join(batch)
        (stories / f"{number}.md").write_text(f"---\ntitle: Own {number}\n---\n{text}\n", "utf-8", "replace")
    wire.declare({**sources, "desk": {"files": "stories/*.md"}})
    wire.turn()
    with serve_live(wire) as server:
        page = tab.open(server)
        for number, batch in enumerate(batches):
            origin.put(f"/{number}", document(number, batch))
            wire.turn(everything=True)
            page.get_by_role("link", name=f"Last of {number}", exact=True).wait_for()
            assert_nothing_ran(tab)
        for path in (
            "",
            "all.html",
            "blogroll.html",
            *(f"stories/desk/{number}.html" for number in range(len(batches))),
        ):
            tab.open(server, path, live=False)
            assert_nothing_ran(tab)
        search_all(server, tab)
        for payload in payloads():
            assert (
                find_page_faults(server.request(f"/search?q={quote(payload.encode('utf-8', 'replace')[:600])}").body)
                == []
            )


def search_all(server: LoopbackServer, tab: Tab) -> None:
    """Open all pages of a search that finds every payload."""
    until(lambda: b"findme" in server.request("/search.json?q=findme").body)
    address = "search?q=findme"
    count = 0
    while address:
        page = tab.open(server, address, live=False)
        assert_nothing_ran(tab)
        count += len(tab.headlines())
        following = page.locator("a[rel=next]")
        address = following.get_attribute("href") if following.count() else ""
    assert count >= len(set(payloads())) // 2
