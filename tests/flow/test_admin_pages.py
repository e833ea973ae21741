"""The operator's pages: without a fault in Chromium, the sick first, with buttons that work, and without secrets."""

from __future__ import annotations

import http.client
import os
import re
import signal
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any
from urllib.parse import urlencode

import pytest
from admin_site import AdminSite, pretend_daemon, serve_admin
from app.test_metrics import SECRETS, declare_secrets, find_told_secrets
from browser import AXE, needs_browser, run_browser
from database import collect_statements
from flow.test_admin_listener import find_port
from newsroom import fill
from origin import Origin
from serve.loopback import LoopbackServer
from wire import Wire, document, new_wire, until

PATHS = ("/", "/?group=failing&q=e", "/feeds", "/sources/city-desk", "/sources/news-0", "/feeds/harbour?steps=1", "/x")
VIEWS = [(width, scheme) for width in (390, 1280) for scheme in ("light", "dark")]

NEEDS_CHROMIUM, IN_ONE_PROCESS = needs_browser
pytestmark = IN_ONE_PROCESS


@pytest.fixture(scope="module")
def newsroom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AdminSite]:
    """Sources of every condition, as if a daemon made their turns."""
    with closing(Origin()) as origin, new_wire(tmp_path_factory.mktemp("newsroom")) as wire:
        fill(wire, origin, healthy=2, turns=3)
        pretend_daemon(wire)
        with serve_admin(wire) as site:
            site.traffic._readers.note("/all.rss", "all", "", "Service/1.0 (1316 subscribers)", 1.0)
            yield site


def texts(body: bytes, pattern: str) -> list[str]:
    return [re.sub(r"<[^>]+>|\s+", " ", match).strip() for match in re.findall(pattern, body.decode(), re.DOTALL)]


def test_the_sick_come_first_with_their_sentence_and_rhythm(newsroom: AdminSite) -> None:
    body = newsroom.server.request("/").body
    groups = texts(body, r'<p class="state">(.*?)</p>')
    order = ["failing", "doubtful", "new", "ok", "disabled"]
    assert groups == sorted(groups, key=order.index)
    assert {"failing", "doubtful", "ok", "disabled"} <= {*groups}
    sentences = " ".join(texts(body, r'<p class="sentence">(.*?)</p>'))
    for words in (
        "gone for good (410)",
        "are new at once",
        "has a fault of its own (500)",
        "no new article for 6 months",
    ):
        assert words in sentences, sentences
    plots = " ".join(texts(body, r"<title>(.*?)</title>"))
    assert "Last 3 visits: 1 with news, 2 failed" in plots and "stories in 30 days" in plots
    assert texts(body, r"<h1>(.*?)</h1>") == [f"{groups.count('failing')} sources of {len(groups)} fail"]


def test_lists_are_narrowed_and_cut_into_pages(newsroom: AdminSite, monkeypatch: pytest.MonkeyPatch) -> None:
    def ids(path: str) -> list[str]:
        return re.findall(r'<h3><a href="/sources/([^"]+)"', newsroom.server.request(path).body.decode())

    everything = ids("/")
    assert "news-0" in everything and ids("/?q=NEWS-0") == ["news-0"]
    assert ids("/?q=nordlys") and {*ids("/?group=failing")} < {*everything}
    assert ids("/?group=nonsense") == []
    monkeypatch.setattr("feeds.app.admin_pages.PAGE_SIZE", 4)
    pages = [ids(f"/?page={number}") for number in range(1, 5)]
    assert [id for page in pages for id in page] == everything
    assert ids("/?page=999999") == pages[-1] and ids("/?page=-1") == ids("/?page=x") == pages[0]
    body = newsroom.server.request("/?page=2&q=e").body.decode()
    assert 'rel="prev" href="/?q=e&amp;page=1"' in body


def test_a_feed_tells_subscribers_files_and_what_was_dropped_why(newsroom: AdminSite) -> None:
    feeds = newsroom.server.request("/feeds").body.decode()
    assert "1,316 by services" in feeds and re.search(r"articles in 4 files, .*; dropped by steps: drop \d+<", feeds)
    plain, body = (newsroom.server.request(f"/feeds/harbour{query}").body.decode() for query in ("", "?steps=1"))
    assert "drop: title" not in plain and "harbour.atom" in plain
    assert "<code>drop: title</code> drops" in body
    assert "title has “library”" in body and "limit: 50" in body


NOWHERE = ("/sources/none", "/feeds/none", "/feeds/none?steps=1", "/sources/%00", "/sources/" + "a" * 5000)


@pytest.mark.parametrize("path", NOWHERE)
def test_what_is_not_there_is_a_404_that_leads_back(newsroom: AdminSite, path: str) -> None:
    answer = newsroom.server.request(path, accept="text/html")
    assert answer.status == 404 and b'<a href="/">' in answer.body
    assert newsroom.server.request(path).body == b"Not Found\n"


def test_without_a_daemon_there_are_commands_instead_of_buttons(wire: Wire, origin: Origin) -> None:
    wire.declare({"a": origin.put("/a", document())})
    wire.turn()
    with serve_admin(wire) as site:
        for path in ("/", "/feeds", "/sources/a", "/feeds/all"):
            body = site.server.request(path).body.decode()
            assert 'method="post"' not in body
            assert "No daemon runs here" in body and str(wire.config) in body


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with run_browser() as browser:
        yield browser


@NEEDS_CHROMIUM
@pytest.mark.parametrize(("width", "scheme"), VIEWS)
def test_pages_are_without_fault_on_phone_and_desktop_light_and_dark(
    newsroom: AdminSite, browser: Any, width: int, scheme: str
) -> None:
    axe = AXE.read_text(encoding="utf-8") if AXE.exists() else None
    context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme, bypass_csp=True)
    context.set_default_timeout(300_000)
    page, messages = context.new_page(), list[str]()
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    for path in PATHS:
        page.goto(f"http://127.0.0.1:{newsroom.server.port}{path}")
        assert [text for text in messages if path != "/x"] == [], path  # of a 404 Chromium itself tells
        assert page.locator("h1").count() == 1, path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert page.evaluate("document.styleSheets.length") == 1, path
        if axe and (width < 1000) == (scheme == "dark"):  # each width and each scheme, once
            page.evaluate(axe)
            faults = page.evaluate("axe.run().then(result => result.violations)")
            assert [(fault["id"], fault["nodes"][0]["html"]) for fault in faults] == [], path
        messages.clear()
    context.close()


@NEEDS_CHROMIUM
def test_S17_no_page_breaks_its_own_content_security_policy(newsroom: AdminSite, browser: Any) -> None:
    """Chromium tells each violation on its console."""
    page, messages = browser.new_page(), list[str]()
    page.on("console", lambda message: messages.append(message.text))
    for path in PATHS[:-1]:
        page.goto(f"http://127.0.0.1:{newsroom.server.port}{path}")
    assert messages == []
    page.close()


def test_S21_no_page_holds_a_secret(wire: Wire, origin: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
    declare_secrets(wire, origin)
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    wire.turn()
    pretend_daemon(wire)
    with serve_admin(wire, os.environ) as site:
        login = f"Bearer {SECRETS['ADMIN']}"
        sources = [f"/sources/{id}" for id in ("path", "gone", "nowhere", "private")]
        for path in ("/", "/feeds", "/feeds/all?steps=1", *sources):
            answer = site.server.request(path, authorization=login)
            assert answer.status == 200 and len(answer.body) > 1500
            assert find_told_secrets(answer.body) == [], path
        assert b"/retract" in answer.body


@pytest.mark.parametrize("path", ["/", "/feeds", "/sources/s1", "/feeds/f1"])
def test_a_page_takes_as_many_statements_for_many_sources(wire: Wire, path: str) -> None:
    """L1: the pages stay quick with 10,000 sources."""
    counts: list[int] = []
    for number in (3, 60):
        feeds = {f"f{n}": {"sources": [f"s{n}"]} for n in range(number)}
        wire.declare({f"s{n}": f"https://s{n}.example/feed" for n in range(number)}, feeds)
        wire.app().close()
        statements: list[str] = []
        with serve_admin(wire) as site, collect_statements(site.parts.reader) as read:
            assert site.server.request(path).status == 200
            statements += read
        counts.append(len(statements))
    assert counts[0] == counts[1] > 0


# ── buttons ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@NEEDS_CHROMIUM
def test_S19_the_buttons_work_through_the_daemon(wire: Wire, origin: Origin, browser: Any) -> None:
    """Visit, retract, undo and publish, by a person with a browser, without script."""
    address = origin.put("/a", document(("1", "One"), ("2", "Two")))
    wire.declare({"a": address}, server={"admin": "127.0.0.1:0"})
    daemon = wire.start("daemon", "--listen", "127.0.0.1:0")
    try:
        assert daemon.stderr
        admin = LoopbackServer(find_port(daemon.stderr), wire.public)
        until(lambda: (wire.public / "all.json").exists() and len(wire.items()) == 2)
        with browser.new_context(java_script_enabled=False) as context:
            page = context.new_page()
            page.set_default_timeout(300_000)
            page.goto(f"http://127.0.0.1:{admin.port}/sources/a")
            origin.put("/a", document(("1", "One"), ("2", "Two"), ("3", "Three")))
            page.get_by_role("button", name="Visit now").click()
            page.get_by_text("a: 1 article new or changed").wait_for()
            assert re.fullmatch(rf"http://127.0.0.1:{admin.port}/sources/a\?notice=[0-9a-f]+", page.url)
            page.get_by_role("button", name="Retract: One").click()
            page.get_by_text("Taken out of everything published").wait_for()
            until(lambda: [item["title"] for item in wire.items()] == ["Two", "Three"] or len(wire.items()) == 2)
            page.get_by_role("button", name="Show again: One").click()
            page.get_by_text("Shown again").wait_for()
            until(lambda: len(wire.items()) == 3)
            (wire.public / "all.rss").unlink()
            page.goto(f"http://127.0.0.1:{admin.port}/feeds")
            page.get_by_role("button", name="Publish: all").click()
            page.get_by_text("Published: ").wait_for()
            assert (wire.public / "all.rss").exists()
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.communicate(timeout=300)


@NEEDS_CHROMIUM
def test_S19_a_browser_logs_in_with_the_token_as_password(wire: Wire, browser: Any) -> None:
    token = "0123456789abcdef"
    wire.declare({}, server={"admin": "0.0.0.0:8081", "admin_token": token})
    with serve_admin(wire) as site:
        address = f"http://127.0.0.1:{site.server.port}/"
        for password, styled in ((token, True), ("guessed", False)):
            with browser.new_context(http_credentials={"username": "me", "password": password}) as context:
                page = context.new_page()
                page.set_default_timeout(300_000)
                answer = page.goto(address)
                assert answer and (answer.status == 200) is styled
                assert page.evaluate("document.styleSheets.length") == styled
                assert page.get_by_role("heading", name="All is well").count() == styled


def submit(site: AdminSite, action: str, fields: Sequence[tuple[str, str]]) -> tuple[int, str]:
    """Submit a form as a page of ours does; return the status and where it leads."""
    answer = site.server.request("/")
    match = re.search(r'name="token" value="([0-9a-f]+)"', answer.body.decode())
    assert match
    connection = http.client.HTTPConnection("127.0.0.1", site.server.port, timeout=300)
    headers = {
        "cookie": answer["set-cookie"].partition(";")[0],
        "origin": f"http://127.0.0.1:{site.server.port}",
        "content-type": "application/x-www-form-urlencoded",
    }
    connection.request("POST", action, urlencode([("token", match[1]), *fields]), headers)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status, response.headers.get("location", "")


TARGETS = [
    ("/feeds", "/feeds"),
    ("/sources/news-0", "/sources/news-0"),
    ("/sources/friends/ann", "/sources/friends/ann"),
    ("", "/"),
    ("//evil.example", "/"),
    ("/\\evil.example", "/"),
    ("https:evil.example", "/"),
    ("https://evil.example/", "/"),
    ("/feeds//evil.example", "/"),
    ("/feeds/../..//evil.example", "/"),
    ("/feeds\r\nx: y", "/"),
    ("/metrics", "/"),
]


@pytest.mark.parametrize(("target", "place"), TARGETS)
def test_S19_a_form_leads_back_to_a_page_of_ours_alone(newsroom: AdminSite, target: str, place: str) -> None:
    status, location = submit(newsroom, "/visit", [("source", "news-0"), ("page", target)])
    assert status == 303
    assert re.fullmatch(rf"{re.escape(place)}\?notice=[0-9a-f]{{16}}", location)
    told = newsroom.server.request(f"/?{location.partition('?')[2]}").body.decode()
    assert 'class="notice failed"' in told and "No daemon runs on this data" in told


def test_S19_a_form_without_what_it_needs_is_refused(newsroom: AdminSite) -> None:
    for action in ("/visit", "/publish", "/retract"):
        assert submit(newsroom, action, [])[0] == 400
    assert newsroom.server.request("/visit").status == 405
    assert "notice" not in newsroom.server.request("/?notice=0123456789abcdef").body.decode()
