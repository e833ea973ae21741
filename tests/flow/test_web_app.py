"""The site as an app, in Chromium: the button that asks for notifications, these, and pages without network.

Chromium's own push service is out of reach, so `pushManager` is ours here. What our server sends to a push service on
loopback is delivered to the service worker through the DevTools protocol.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from browser import Tab, needs_browser, run_browser
from notifying import NotifyingSite, end
from origin import Origin
from proxy import DATA
from push_service import Browser, PushService, decrypt
from wire import Wire, new_wire, until

pytestmark = needs_browser

# `form` is what the subscription is, as JSON; the key that it was made with is kept over a reload.
PUSH_MANAGER = """
PushManager.prototype.getSubscription = async function () {
    const key = localStorage.getItem("key");
    const bytes = key && Uint8Array.from(atob(key.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
    return key && {
        ...form, options: { applicationServerKey: bytes.buffer }, toJSON: () => form,
        unsubscribe: async () => { localStorage.removeItem("key"); return true; },
    };
};
PushManager.prototype.subscribe = async function ({ userVisibleOnly, applicationServerKey }) {
    if (userVisibleOnly !== true) throw new Error("no silent pushes");
    localStorage.setItem("key", applicationServerKey);
    return this.getSubscription();
};
"""
WORKER_RUNS = "navigator.serviceWorker.controller?.state === 'activated'"
SHOWN = """
navigator.serviceWorker.ready.then((registration) => registration.getNotifications())
    .then((list) => list.map(({ title, body, tag, data: { url } }) => ({ title, body, tag, url })))
"""


@pytest.fixture(scope="module")
def service() -> Iterator[PushService]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(DATA / "ca.pem"))
        service = PushService()
        yield service
        service.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, service: PushService) -> Iterator[NotifyingSite]:
    """A site that all tests share; each publishes stories of its own."""
    with closing(Origin()) as origin, new_wire(tmp_path_factory.mktemp("site")) as wire:
        site = NotifyingSite(wire, origin, service)
        assert site.wire.command("run").returncode == 0
        process = site.start("serve")
        yield site
        end(process)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with run_browser() as browser:
        yield browser


def wait_for_worker(page: Any) -> None:
    """Wait until the service worker does all that it can."""
    until(lambda: page.evaluate(WORKER_RUNS))


class AppTab(Tab):
    """A page whose notifications go to a browser of our push service."""

    def __init__(self, browser: Any, target: Browser, permission: str = "notifications", **options: Any) -> None:
        super().__init__(browser, **options)
        self.target = target
        self.page.add_init_script(f"window.form = {json.dumps(target.form)};{PUSH_MANAGER}")
        self.registrations: list[Any] = []
        self.devtools = self.context.new_cdp_session(self.page)
        self.devtools.on(
            "ServiceWorker.workerRegistrationUpdated", lambda event: self.registrations.extend(event["registrations"])
        )
        self.devtools.send("ServiceWorker.enable")
        self.context.grant_permissions([permission])  # and no others

    @property
    def button(self) -> Any:
        return self.page.locator("#notify button")

    def deliver(self, site: NotifyingSite, data: bytes) -> None:
        """Deliver a push to the service worker."""
        until(lambda: self.registrations or self.page.wait_for_timeout(20))
        number = self.registrations[-1]["registrationId"]
        message = {"origin": site.url, "registrationId": number, "data": data.decode()}
        self.devtools.send("ServiceWorker.deliverPushMessage", message)

    def show(self, site: NotifyingSite, data: bytes) -> None:
        """Deliver a push until its notification is shown: Chromium now and then forgets the first one of a profile."""
        while not self.shown():
            self.deliver(site, data)
            ends = time.monotonic() + 2
            until(lambda ends=ends: self.shown() or time.monotonic() > ends)  # type: ignore[misc]

    def shown(self) -> list[dict[str, Any]]:
        """The notifications that are shown."""
        notifications: list[dict[str, Any]] = self.page.evaluate(SHOWN)
        return notifications


def payload(*titles: str, count: int | None = None, first: int = 1, **fields: Any) -> bytes:
    members = {
        "feed": "all",
        "count": count or len(titles),
        "page": "all.html",
        "one": "{count} new story",
        "many": "{count} new stories",
        "lang": "en",
        "dir": "ltr",
        "stories": [{"number": first + place, "title": title} for place, title in enumerate(titles)],
    }
    return json.dumps(members | fields).encode()


# ── notifications ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("path", "feed"), [("", ""), ("all.html", "all")])
def test_R64_a_reader_asks_on_a_button_and_is_notified(
    path: str, feed: str, site: NotifyingSite, service: PushService, browser: Any
) -> None:
    tab = AppTab(browser, service.subscribe())
    page = tab.open(site, path)
    tab.button.get_by_text("Notify me of new stories").click()
    page.get_by_text("Notifications are on.").wait_for()
    page.reload()
    page.get_by_text("Notifications are on.").wait_for()
    assert tab.find_barriers() == []
    site.publish(f"Harbour & <b>sea</b> {feed}")
    until(lambda: tab.target.requests)
    text = decrypt(tab.target.requests[0].body, tab.target.key, tab.target.auth)
    tab.show(site, text)
    (notification,) = tab.shown()
    assert (notification["title"], notification["tag"]) == (tab.target.headlines[0][0], f"feed:{feed}")
    assert notification["url"] == tab.target.messages[0]["url"]
    assert notification["url"].startswith("https://a.example/urn:x:Harbour")
    assert "About Harbour" in notification["body"]
    tab.button.get_by_text("Turn notifications off").click()
    tab.button.get_by_text("Notify me of new stories").wait_for()
    assert page.evaluate("localStorage.getItem('key')") is None
    page.reload()
    tab.button.get_by_text("Notify me of new stories").wait_for()
    assert tab.faults() == []


def test_R64_notifications_of_a_feed_are_collapsed_and_doubles_are_told_once(
    site: NotifyingSite, service: PushService, browser: Any
) -> None:
    tab = AppTab(browser, service.subscribe())
    tab.open(site)
    wait_for_worker(tab.page)
    tab.show(site, payload("One", body="A · text", url="https://a.example/1"))
    assert (tab.shown()[0]["title"], tab.shown()[0]["body"]) == ("One", "A · text")
    tab.deliver(site, payload("One", body="A · text", url="https://a.example/1"))
    tab.deliver(site, payload("Two", first=2, body="B", url="https://a.example/2"))
    until(lambda: tab.shown()[0]["title"] == "2 new stories")
    tab.deliver(site, payload(*map(str, range(10)), count=1234, first=3))
    until(lambda: tab.shown()[0]["title"] == "1,236 new stories")
    assert [(each["body"], each["url"]) for each in tab.shown()] == [("0\n1\n2\n3", "all.html")]
    tab.deliver(site, payload("Of another feed", feed="", page="./"))
    until(lambda: len(tab.shown()) == 2)
    assert tab.faults() == []


def test_a_click_opens_the_story_or_the_window_that_has_it(
    site: NotifyingSite, service: PushService, browser: Any
) -> None:
    """Chromium lets a worker open and focus windows after a click of a person only, so both are noted here."""
    tab = AppTab(browser, service.subscribe())
    page = tab.open(site)
    wait_for_worker(tab.page)
    worker = tab.context.service_workers[0]
    worker.evaluate("""() => {
        globalThis.done = [];
        clients.openWindow = async (url) => { done.push(["open", url]); };
        WindowClient.prototype.focus = async function () { done.push(["focus", this.url]); };
    }""")
    click = """async () => {
        const [notification] = await registration.getNotifications();
        dispatchEvent(new NotificationEvent("notificationclick", { notification }));
    }"""
    deliveries = [
        (payload("One", url="https://a.example/1"), ["open", "https://a.example/1"]),
        (payload("Two", "Three", page="./", first=2), ["focus", site.url + "/"]),
        (payload("Four", "Five", first=4), ["open", site.url + "/all.html"]),
        (payload("Six", first=6, url="javascript:alert(1)"), None),
    ]
    for data, expected in deliveries:
        worker.evaluate("() => { done.length = 0; }")
        tab.show(site, data)
        worker.evaluate(click)
        until(lambda: not tab.shown())
        if expected:
            until(lambda: worker.evaluate("() => done.length"))
        assert worker.evaluate("() => done") == [expected] * bool(expected)
    assert page.evaluate("window.ran") == []


# ── states of the button ────────────────────────────────────────────────────────────────────────────────────────────


def test_a_reader_who_refuses_is_told_and_asked_no_more(
    site: NotifyingSite, service: PushService, browser: Any
) -> None:
    tab = AppTab(browser, service.subscribe(), "geolocation")
    page = tab.open(site)
    page.get_by_text("Your browser blocks notifications from this site.").wait_for()
    assert tab.button.is_hidden()
    assert tab.find_barriers() == []
    assert tab.faults() == []


def test_what_fails_is_told_and_can_be_tried_again(site: NotifyingSite, service: PushService, browser: Any) -> None:
    tab = AppTab(browser, service.subscribe())
    tab.page.add_init_script("form.endpoint = 'https://push.example/not-known'")
    page = tab.open(site)
    tab.button.click()
    page.get_by_text("That did not work. Try again later.").wait_for()
    assert tab.button.is_enabled()


def test_R68_a_subscription_for_another_key_is_made_anew(
    site: NotifyingSite, service: PushService, browser: Any
) -> None:
    tab = AppTab(browser, service.subscribe())
    page = tab.open(site)
    page.evaluate("localStorage.setItem('key', 'BAAA')")
    page.reload()
    tab.button.get_by_text("Notify me of new stories").click()
    page.get_by_text("Notifications are on.").wait_for()
    assert page.evaluate("localStorage.getItem('key')") == json.loads(site.read("/push/key"))["key"]


def test_without_our_server_or_without_push_there_is_no_button(
    site: NotifyingSite, service: PushService, browser: Any
) -> None:
    plain = Tab(browser)
    plain.page.add_init_script("delete window.PushManager")
    plain.open(site)
    static = Tab(browser)
    static.page.add_init_script("PerformanceNavigationTiming.prototype.__defineGetter__('serverTiming', () => [])")
    static.open(site, live=False)
    for tab in (plain, static):
        wait_for_worker(tab.page)
        tab.page.wait_for_timeout(100)
        assert tab.page.locator("#notify").is_hidden()
        assert tab.faults() == []


# ── without network ─────────────────────────────────────────────────────────────────────────────────────────────────

KEPT = """(async () => {
    const opened = await Promise.all((await caches.keys()).map((name) => caches.open(name)));
    return (await Promise.all(opened.map((cache) => cache.keys()))).flat().map((request) => request.url);
})()"""


def test_what_was_read_is_there_without_network(wire: Wire, origin: Origin, service: PushService, browser: Any) -> None:
    story = wire.home / "config" / "stories" / "bread.md"
    story.parent.mkdir(parents=True)
    story.write_text("---\ndate: 2026-03-01\n---\n# Bread\n\nTakes a night of patience.\n")
    site = NotifyingSite(wire, origin, service, {"desk": {"files": "stories/*.md"}})
    assert wire.command("run").returncode == 0
    process = site.start("serve")
    tab = Tab(browser)
    page = tab.open(site)
    wait_for_worker(page)
    page.goto(f"{site.url}/stories/desk/bread.html")
    page.goto(f"{site.url}/all.html")
    page.goto(f"{site.url}/search?q=patience")
    tab.open(site, "index.html")
    page.evaluate("fetch('/push/key')")
    until(lambda: {f"{site.url}/{path}" for path in ("", "all.html", "assets/story.css")} <= {*page.evaluate(KEPT)})
    end(process)
    titles = {"": "Story 0", "index.html": "Story 0", "all.html": "Story 0", "stories/desk/bread.html": "patience"}
    for path, text in titles.items():
        page.goto(f"{site.url}/{path}")
        page.get_by_text(text).first.wait_for()
        assert "serif" in page.evaluate("getComputedStyle(document.body).fontFamily"), "the style sheet is missing"
    page.goto(f"{site.url}/stories/desk/never.html")  # was not read: the front page stands in
    assert page.url == f"{site.url}/"
    page.get_by_text("Reconnecting").wait_for()
    assert page.evaluate("[...window.violations, ...window.ran]") == []
    # A script that asks for the page wants the one of now, or none.
    ask = "fetch('/all.html', { cache: 'no-cache' }).then((response) => response.status, () => 'failed')"
    assert page.evaluate(ask) == "failed"
    tab.context.set_offline(True)
    page.reload()
    page.get_by_text("Story 0").first.wait_for()
    kept = [url.removeprefix(site.url + "/") for url in page.evaluate(KEPT)]
    assert not any(path.startswith(("live", "search", "push")) for path in kept), kept


def test_what_is_new_wins_and_the_cache_is_bounded(site: NotifyingSite, browser: Any) -> None:
    tab = Tab(browser)
    page = tab.open(site)
    wait_for_worker(page)
    site.publish("A bridge opens")
    page.reload()
    page.get_by_role("link", name="A bridge opens").wait_for()
    page.goto(f"{site.url}/all.rss")  # a feed that is opened is its page still
    page.get_by_role("link", name="A bridge opens").wait_for()
    worker = tab.context.service_workers[0]
    worker.evaluate("""async () => {
        const html = (headers) => new Response("x", { headers: { "content-type": "text/html", ...headers } });
        for (let number = 0; number < 60; number++) await keep(PAGES, `${ROOT}${number}.html`, html());
        await keep(PAGES, `${ROOT}large.html`, html({ "content-length": "2000001" }));
        await keep(PAGES, `${ROOT}59.html`, new Response("gone", { status: 410 }));
    }""")
    pages = [url for url in page.evaluate(KEPT) if url.endswith(".html")]
    assert (len(pages), pages[-1].rpartition("/")[2]) == (49, "58.html")


def test_the_site_can_be_installed(site: NotifyingSite, browser: Any) -> None:
    tab = Tab(browser)
    page = tab.open(site)
    devtools = tab.context.new_cdp_session(page)
    manifest = devtools.send("Page.getAppManifest")
    assert (manifest["errors"], manifest["url"]) == ([], f"{site.url}/manifest.webmanifest")
    members = json.loads(manifest["data"])
    assert members["name"] == "The Example Wire"
    errors = devtools.send("Page.getInstallabilityErrors")["installabilityErrors"]
    assert {error["errorId"] for error in errors} <= {"in-incognito"}  # as all browsers of tests are
    for icon in members["icons"]:
        size = page.evaluate(
            """async (url) => {
                const image = new Image();
                image.src = url;
                await image.decode();
                return `${image.naturalWidth}x${image.naturalHeight}`;
            }""",
            f"{site.url}/{icon['src']}",
        )
        assert size == icon["sizes"]
    assert tab.faults() == []
