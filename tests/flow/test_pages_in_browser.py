"""Every kind of page in Chromium: phone and desktop, light and dark, without a fault of console, CSP, axe or layout."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from browser import AXE, IS_REQUIRED, needs_browser, run_browser
from origin import Document, Origin
from serve.loopback import LoopbackServer, create_test_app, run_server
from wire import Wire, new_wire

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)

pytestmark = needs_browser

STORIES = {
    "news": [
        ("en", "The harbour opens to swimmers again", "For the first time since 1968 the water is clean enough. " * 4),
        ("en", "Rain & <wind>", "Short."),
    ],
    "arabic": [
        ("ar", "افتتاح خط القطار الجديد بين المدينتين", "استقل مئات الركاب صباح اليوم أول قطار على الخط الجديد.")
    ],
    "hebrew": [("he", "הגשם הראשון של החורף הציף רחובות", "ירדו בצפון כשישים מילימטרים בתוך יממה.")],
    "japanese": [("ja", "新しい図書館が駅前に開館した", "平日は夜九時まで開いており、誰でも利用できる。")],
    "russian": [("ru", "В городе открылся новый мост через реку", "Движение по нему началось сегодня утром.")],
    "many": [("en", f"Of {number} many", "A text.") for number in range(3)],
    "hindi": [("hi", "दिल्ली में पहली बार रात की मेट्रो सेवा शुरू", "अब आखिरी ट्रेन ढाई बजे चलेगी।")],
}
PAGES = ("", "all.html", "few.rss", "archive/few/1.html", "stories/desk/bread.html", "blogroll.html", "none")
VIEWS = [(width, scheme) for width in (390, 1280) for scheme in ("light", "dark")]


PICTURE = b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==")


def _rss(name: str) -> bytes:
    items = "".join(
        f"<item><title><![CDATA[{title}]]></title><link>https://{name}.example/{number}</link>"
        f"<description><![CDATA[{summary}]]></description>"
        f"<pubDate>Mon, 02 Mar 2026 {11 - number % 10:02}:30:00 GMT</pubDate>"
        f'<enclosure url="https://{name}.example/{number}.png" type="image/png" length="1"/></item>'
        for number, (_, title, summary) in enumerate(STORIES[name])
    )
    icon = f"<image><url>https://{name}.example/icon.png</url></image>"
    head = f"<title>{name.title()}</title><language>{STORIES[name][0][0]}</language>{icon}"
    return f"<rss version='2.0'><channel>{head}{items}</channel></rss>".encode()


@dataclass
class View:
    """A page as one kind of visitor sees it, and what went wrong meanwhile."""

    page: Any
    messages: list[str] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)  # of what our own server sent, by path

    def open(self, address: str) -> None:
        """Open an address, and wait until nothing moves."""
        self.messages.clear()
        self.sizes.clear()
        self.page.goto(address, wait_until="networkidle")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackServer]:
    with closing(Origin()) as origin, new_wire(tmp_path_factory.mktemp("pages")) as wire:
        publish(wire, origin)
        with run_server(create_test_app(wire.public), wire.public) as server:
            yield server


def publish(wire: Wire, origin: Origin) -> None:
    """Publish stories of each kind in two turns."""
    sources: dict[str, object] = {name: origin.put(f"/{name}", Document(_rss(name))) for name in STORIES}
    story = wire.home / "config" / "stories" / "bread.md"
    story.parent.mkdir(parents=True)
    text = "Bread takes flour, water, salt and a night of patience; nothing else is needed for it. " * 12
    story.write_text(
        f"---\ndate: 2026-03-01\nauthor: Ann\ntags: [food]\n---\n# Bread\n\n{text}\n\n> A quote.\n\n```\ncode\n```\n"
    )
    feeds = {"all": {"title": "Everything"}, "few": {"title": "Few", "steps": [{"limit": {"count": 2, "hours": 0}}]}}
    wire.declare({**sources, "desk": {"files": "stories/*.md"}}, feeds)
    wire.turn()
    new_stories = _rss("many").replace(b"many.example/", b"many.example/new").replace(b"Of ", b"Once more of ")
    origin.put("/many", Document(new_stories))
    wire.now += timedelta(hours=2)
    assert wire.turn().failures == 0


@pytest.fixture(scope="module")
def views(site: LoopbackServer) -> Iterator[dict[tuple[int, str], View]]:
    """A page for each width and scheme, all in one browser; pictures of other hosts are grey."""
    with run_browser() as browser:
        views = {}
        for width, scheme in VIEWS:
            context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
            context.clock.set_fixed_time(NOW)  # however long the tests before take
            context.set_default_timeout(300_000)
            page = context.new_page()
            view = views[width, scheme] = View(page)
            page.route(re.compile("^https://"), lambda route: route.fulfill(body=PICTURE, content_type="image/png"))
            page.add_init_script("""
                window.shift = 0; window.violations = [];
                new PerformanceObserver(list => list.getEntries().forEach(entry => window.shift += entry.value))
                    .observe({type: "layout-shift", buffered: true});
                document.addEventListener("securitypolicyviolation", event => window.violations.push(event.blockedURI));
            """)
            page.on("console", lambda message, view=view: view.messages.append(message.text))
            page.on("pageerror", lambda error, view=view: view.messages.append(str(error)))
            page.on("response", lambda response, view=view: _note(view, response))
        yield views


def _note(view: View, response: Any) -> None:
    if "127.0.0.1" in response.url and "/live" not in response.url.removesuffix("/live.js"):
        view.sizes[response.url.partition("/")[2].rpartition("/")[2]] = len(response.body())


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_without_fault_on_phone_and_desktop_light_and_dark(
    site: LoopbackServer, views: dict[tuple[int, str], View], path: str
) -> None:
    axe = AXE.read_text(encoding="utf-8") if IS_REQUIRED or AXE.exists() else None
    for (width, scheme), view in views.items():
        view.open(f"http://127.0.0.1:{site.port}/{path}")
        page, where = view.page, (path, width, scheme)
        assert page.locator("h1").count() == 1, where
        assert [text for text in view.messages if path != "none"] == [], where  # of a 404 Chromium itself tells
        assert page.evaluate("window.violations") == [], where
        assert page.evaluate("window.shift") == 0, where
        assert page.evaluate("document.documentElement.scrollWidth") <= width, where
        assert len(view.sizes) <= 6, (where, view.sizes)  # the page, a style sheet, four scripts
        assert sum(view.sizes.values()) < 100_000, where
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (sum(map(int, background[4:-1].split(","))) < 384) is (scheme == "dark"), where
        if axe:
            page.evaluate(axe)
            violations = page.evaluate("axe.run().then(result => result.violations)")
            found = [(it["id"], [node["html"][:120] for node in it["nodes"]][:3]) for it in violations]
            assert found == [], where
    if axe is None:
        pytest.skip(f"all but axe is done: there is no {AXE}")


def test_stories_are_set_in_the_direction_and_language_of_their_text(
    site: LoopbackServer, views: dict[tuple[int, str], View]
) -> None:
    view = views[1280, "light"]
    view.open(f"http://127.0.0.1:{site.port}/")
    stories = view.page.evaluate("""
        [...document.querySelectorAll(".story")].map(story => [story.lang, getComputedStyle(story).direction])
    """)
    assert dict(stories) == {"ar": "rtl", "he": "rtl", "ja": "ltr", "ru": "ltr", "hi": "ltr", "": "ltr"}


def test_the_script_makes_times_relative_and_the_address_one_tap_away(
    site: LoopbackServer, views: dict[tuple[int, str], View]
) -> None:
    page = views[390, "light"].page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    views[390, "light"].open(f"http://127.0.0.1:{site.port}/all.html")
    time = page.locator(".meta time").first
    assert time.text_content() == "30 min. ago"
    assert time.get_attribute("title") == "2 March 2026, 11:30 UTC"
    page.get_by_role("button", name="Copy").click()
    assert page.evaluate("navigator.clipboard.readText()") == "https://wire.example.org/all.rss"
    assert page.get_by_role("button", name="Copied").is_visible()


def test_the_initial_of_a_source_stands_for_an_icon_that_does_not_load(
    site: LoopbackServer, views: dict[tuple[int, str], View]
) -> None:
    view = views[1280, "light"]
    view.page.route(re.compile("news.example/icon"), lambda route: route.fulfill(status=404))
    try:
        view.open(f"http://127.0.0.1:{site.port}/")
        view.page.evaluate("for (const image of document.images) image.loading = 'eager'")
        view.page.locator(".tile img[src*='news.example']").wait_for(state="detached", timeout=60_000)
        assert view.page.locator(".tile img[src*='arabic.example']").count() == 1
    finally:
        view.page.unroute(re.compile("news.example/icon"))


def test_lines_hold_about_65_characters(site: LoopbackServer, views: dict[tuple[int, str], View]) -> None:
    view = views[1280, "light"]
    view.open(f"http://127.0.0.1:{site.port}/stories/desk/bread.html")
    characters, lines = view.page.evaluate("""(() => {
        const paragraph = document.querySelector(".text p");
        const height = parseFloat(getComputedStyle(paragraph).lineHeight);
        return [paragraph.textContent.length, Math.round(paragraph.getBoundingClientRect().height / height)];
    })()""")
    assert 55 <= characters / lines <= 75
