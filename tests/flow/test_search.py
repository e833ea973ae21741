"""The search finds what the feeds have published, as they show it, and nothing else."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import timedelta
from urllib.parse import quote

import pytest
from asgi import Answer, ask
from origin import Document, Origin
from render.page_validator import find_page_faults
from wire import Wire, rss

from feeds.app import search_filler, site_search
from feeds.app.server_process import create_server_app
from feeds.app.site_search import SiteSearch
from feeds.config import load
from feeds.push.outbox_follower import OutboxFollower
from feeds.serve import Services
from feeds.store import SearchIndex, ServerDatabase, StoreReader, search_index

NEWS = (("1", "Harbour opens"), ("2", "Council agrees"), ("3", "Harbour closes"))


class Search:
    """The search of an installation's server, whose threads the tests run by hand."""

    def __init__(self, wire: Wire, stack: ExitStack) -> None:
        self.wire = wire
        self.config = load(wire.config, os.environ)
        self.database = stack.enter_context(closing(ServerDatabase(self.config.search_database)))
        self.database.open()
        self.reader = stack.enter_context(StoreReader(wire.database))
        self.site = SiteSearch(lambda: self.config, self.reader, self.database)
        self.follower = OutboxFollower(self.reader, self.site.filler.publish)
        self.follower.poll()
        services = Services(endpoints=self.site.endpoint.endpoints())
        self.app = create_server_app(self.config, self.reader, services=services)

    def fill(self) -> int:
        """Do all that is to be done; return how many pieces of work that were."""
        count = 0
        while self.site.filler.work():
            count += 1
        return count

    def follow(self) -> None:
        """Take what was published since the last call, and no more than that."""
        self.follower.poll()
        self.site.filler.work()

    def ask(self, query: str, more: str = "", path: str = "/search.json", **headers: str) -> Answer:
        return ask(self.app, f"{path}?q={quote(query)}{more}", **headers)

    def find(self, query: str) -> list[str]:
        """The titles of what is found, in order."""
        return [item["title"] for item in json.loads(self.ask(query).body)["items"]]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def search(wire: Wire, origin: Origin, stack: ExitStack) -> Search:
    """An installation with three stories."""
    wire.declare({"a": origin.put("/a", Document(rss(*NEWS)))})
    wire.turn()
    search = Search(wire, stack)
    search.fill()
    return search


def publish(search: Search, origin: Origin, *items: tuple[str, str]) -> None:
    origin.put("/a", Document(rss(*items)))
    search.wire.now += timedelta(hours=1)
    search.wire.turn(everything=True)


def test_an_index_is_filled_from_the_store_and_follows_what_is_published(search: Search, origin: Origin) -> None:
    assert sorted(search.find("harbour")) == ["Harbour closes", "Harbour opens"]
    publish(search, origin, ("1", "Port opens"), *NEWS[1:], ("4", "Harbour sleeps"))
    search.follow()
    assert sorted(search.find("harbour")) == ["Harbour closes", "Harbour sleeps"]
    assert search.find("port") == ["Port opens"]
    with search.wire.app() as app:
        assert app.retract("https://a.example/4")
        assert search.find("sleeps") == []  # at once, whatever the index says
        app.publish(["all"])
    search.follow()
    assert search.find("sleeps") == []
    assert len(SearchIndex(search.database).marks(range(100))) == 3


def test_what_was_published_while_no_server_ran_is_indexed_at_its_start(
    search: Search, origin: Origin, stack: ExitStack
) -> None:
    publish(search, origin, *NEWS[:2], ("3", "Gulls"), ("4", "New"))
    again = Search(search.wire, stack)
    assert again.find("gulls") == []
    again.fill()
    assert (again.find("gulls"), again.find("new"), again.find("closes")) == (["Gulls"], ["New"], [])


def test_filling_goes_on_where_it_was_ended_and_begins_with_the_newest(
    wire: Wire, origin: Origin, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_filler, "STORIES_AT_ONCE", 10)
    wire.declare({"a": origin.put("/a", Document(rss(*((str(key), f"Story {key}") for key in range(100)))))})
    wire.turn()
    first = Search(wire, stack)
    for _ in range(4):  # the beginning, a comparison, twice ten stories
        assert first.site.filler.work()
    newest = first.reader.newest_key()
    assert sorted(SearchIndex(first.database).marks(range(newest + 1))) == [*range(newest - 19, newest + 1)]
    page = first.ask("story", path="/search")
    assert b"The index is being made" in page.body and page.headers["cache-control"] == "no-store"
    second = Search(wire, stack)
    assert second.fill() == 2 + 8
    assert len(SearchIndex(second.database).marks(range(newest + 1))) == 100
    assert Search(wire, stack).fill() == 2  # nothing is indexed twice


def test_what_no_feed_holds_is_not_found(wire: Wire, origin: Origin, stack: ExitStack) -> None:
    sources = {
        name: origin.put(f"/{name}", Document(rss((name, f"Whale of {name}")).replace(b"a.example", name.encode())))
        for name in ("shown", "other", "hidden", "named", "dropped")
    }
    declared: dict[str, object] = {**sources}
    for name in ("hidden", "named"):
        declared[name] = {"feed": sources[name], "private": True}
    feeds: dict[str, object] = {
        "all": {"title": "All", "tags": ["x"]},
        "few": {"title": "Few", "sources": ["shown", "named", "dropped"], "steps": [{"drop": {"title": "dropped"}}]},
    }
    wire.declare(declared, feeds)
    wire.turn()
    search = Search(wire, stack)
    search.fill()
    assert sorted(search.find("whale")) == ["Whale of named", "Whale of shown"]
    # A feed takes another source, and leaves one.
    feeds["few"] = {"title": "Few", "sources": ["other"]}
    wire.declare(declared, feeds)
    wire.turn()
    search.config = load(wire.config, os.environ)
    search.follower.poll()
    search.fill()
    assert "Whale of other" in search.find("whale")
    wire.declare(declared, {"all": feeds["all"]})
    wire.turn()
    search.fill()  # the server still has the configuration of before
    assert search.find("whale") == []


def test_stories_are_found_as_the_first_of_their_feeds_shows_them(
    wire: Wire, origin: Origin, stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Words that a step took out, and secrets, are in no feed: nothing is found by them."""
    monkeypatch.setenv("TOKEN", "s3cr3t-t0k3n")
    headers, body = {"X-Key": "${TOKEN}"}, rss(("1", "Ugly walrus"), ("2", "Pretty s3cr3t-t0k3n"))
    feeds = {"all": {"title": "All", "steps": [{"rewrite": {"any": {"walrus": "seal"}}}]}}
    wire.declare({"a": origin.put("/a", Document(body))}, feeds)
    wire.turn()  # the secret comes later
    wire.declare({"a": {"feed": origin.url("/a"), "headers": headers, "private": False}}, feeds)
    wire.turn()
    search = Search(wire, stack)
    search.fill()
    assert (search.find("seal"), search.find("walrus")) == (["Ugly seal"], [])
    assert search.find("s3cr3t") == [] and b"s3cr3t" not in search.ask("pretty").body
    assert len(search.find("pretty")) == 1


def test_stories_in_archives_and_of_each_feed_are_found(wire: Wire, origin: Origin, stack: ExitStack) -> None:
    feeds = {"few": {"title": "Few", "steps": [{"limit": {"count": 2, "hours": 0}}]}}
    wire.declare({"a": origin.put("/a", Document(rss(*((str(key), f"Whale {key}") for key in range(9)))))}, feeds)
    wire.turn()
    wire.now += timedelta(days=3)
    origin.put("/a", Document(rss(*((str(key), f"Whale {key}") for key in range(7, 12)))))
    wire.turn(everything=True)
    search = Search(wire, stack)
    search.fill()
    assert len(search.find("whale")) > 2
    wire.declare({"a": origin.url("/a")}, {"by": {"each": "source", "title": "{source}"}})
    wire.turn()
    again = Search(wire, stack)
    again.fill()
    assert "Whale 11" in again.find("whale")


def test_an_index_stays_while_there_is_no_store_to_read(search: Search, stack: ExitStack) -> None:
    """As after an upgrade, while the process that makes turns has not brought the store up to date."""
    table = "feeds_version" if search.wire.store else "alembic_version"
    search.wire.execute(f"UPDATE {table} SET version_num = 'older'")
    again = Search(search.wire, stack)
    assert again.fill() == 0
    assert again.find("harbour") == []
    assert len(SearchIndex(search.database).marks(range(100))) == 3


# ── the page ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_page_marks_what_was_found_and_is_paged(wire: Wire, origin: Origin, stack: ExitStack) -> None:
    hostile = "&lt;script&gt;alert(1)&lt;/script&gt; rain &amp; wind"
    items = [("x", hostile), *((str(key), f"Rain {key}") for key in range(44))]
    wire.declare({"a": origin.put("/a", Document(rss(*items)))})
    wire.turn()
    search = Search(wire, stack)
    search.fill()
    seen: list[str] = []
    more = ""
    for number in (1, 2, 3):
        page = search.ask("rain", more, path="/search").body.decode()
        assert find_page_faults(page.encode()) == []
        assert "45 stories" in page and '<meta name="robots" content="noindex">' in page
        seen += page.split('<h3><a href="')[1:]
        more = f"&page={number + 1}"
        assert (f"search?q=rain&amp;page={number + 1}" in page) is (number < 3)
    assert len(seen) == 45 and len({entry.split('"')[0] for entry in seen}) == 45
    page = search.ask('"wind <script>', path="/search").body.decode()
    assert "<script>alert" not in page and 'value="&#34;wind &lt;script&gt;"' in page
    assert "&amp; <mark>wind</mark>" in search.ask("wind", path="/search").body.decode()
    assert "No story holds all of these words" in search.ask("snow", path="/search").body.decode()


def test_a_story_of_several_sources_is_found_once_and_names_them(wire: Wire, origin: Origin, stack: ExitStack) -> None:
    title = "The harbour opens to swimmers once more"
    for name in ("a", "b", "c"):
        body = rss((f"urn:{name}", title), title=f"Source {name}").replace(b"a.example", f"{name}.example".encode())
        origin.put(f"/{name}", Document(body))
        wire.declare({other: origin.url(f"/{other}") for other in "abc"[: "abc".index(name) + 1]})
        wire.now += timedelta(hours=1)
        wire.turn(everything=True)
        if name == "a":
            first = Search(wire, stack)
            first.fill()
    search = Search(wire, stack)
    search.fill()
    assert search.find("harbour") == [title]
    page = search.ask("harbour", path="/search").body.decode()
    assert "1 story" in page and page.count("<h3>") == 1
    assert page.count("Source a") == page.count("Source b") == page.count("Source c") == 1


def test_a_story_that_is_found_by_its_topic_shows_it(wire: Wire, origin: Origin, stack: ExitStack) -> None:
    body = rss(("1", "Harbour")).replace(
        b"<guid", b"<category>City &amp;amp; port</category><category>Rain</category><guid"
    )
    wire.declare({"a": {"feed": origin.put("/a", Document(body)), "tags": ["portside"]}})
    wire.turn()
    search = Search(wire, stack)
    search.fill()
    page = search.ask("port", path="/search").body.decode()
    assert find_page_faults(page.encode()) == []
    assert '<p class="also"><bdi>City &amp; <mark>port</mark></bdi>, <bdi><mark>portside</mark></bdi></p>' in page


def test_a_page_says_when_not_all_is_shown(search: Search, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (search_index, site_search):
        monkeypatch.setattr(module, "MAX_FOUND", 1)
    assert b"More than 1 stories; these are the newest" in search.ask("harbour", path="/search").body
    monkeypatch.setattr(search_index, "MAX_SECONDS", -1.0)
    monkeypatch.setattr(search_index, "_STEPS_BETWEEN_LOOKS", 1)
    page = search.ask("harbour", path="/search")
    assert b"This search takes too long" in page.body and page.headers["cache-control"] == "no-store"
    assert find_page_faults(page.body) == []


def test_the_search_in_other_languages_and_with_no_store(wire: Wire, stack: ExitStack) -> None:
    site = {"title": "Wire", "url": "https://wire.example.org/news/"}
    for language, word in (("de", "Suche"), ("fr", "Rechercher"), ("es", "Buscar"), ("ar", "Search")):
        wire.declare({}, {}, site={**site, "language": language})
        page = Search(wire, stack).ask("x", path="/search").body
        assert find_page_faults(page) == [] and f"<h1>{word}</h1>".encode() in page
        assert (b'dir="rtl"' in page) is (language == "ar")


# ── the address ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_S17_an_answer_has_the_headers_of_a_page_and_is_for_no_search_engine(search: Search) -> None:
    page = search.ask("harbour", path="/search")
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert (page.headers["x-robots-tag"], page.headers["cache-control"]) == ("noindex", "private, max-age=30")
    assert "form-action 'self'" in page.headers["content-security-policy"]
    assert "search" in page.headers["server-timing"]
    assert search.ask("harbour", path="/search", if_none_match=page.headers["etag"]).status == 304
    assert search.ask("harbour").headers["content-type"] == "application/feed+json"
    assert search.ask("harbour").headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    ("target", "method", "status"),
    [
        ("/search", "GET", 200),
        ("/search", "HEAD", 200),
        ("/search", "POST", 405),
        ("/search/more", "GET", 404),
        ("/search?q=%00%ff%F0%9F&page=-1&page=x&order=%3Cb%3E", "GET", 200),
        (f"/search?q={'%E6%9D%B1' * 9000}", "GET", 200),
        ("/search?q=harbour&page=99999999999999999999", "GET", 200),
        ("/search?q=harbour&page=900", "GET", 200),
    ],
)
def test_whatever_is_asked_has_an_answer(search: Search, target: str, method: str, status: int) -> None:
    answer = ask(search.app, target, method)
    assert answer.status == status
    assert status != 200 or find_page_faults(answer.body) == []


def test_a_server_without_a_database_says_that_it_cannot_search(wire: Wire, stack: ExitStack) -> None:
    wire.declare({})
    search = Search(wire, stack)
    search.database.close()
    site = SiteSearch(lambda: search.config, search.reader, ServerDatabase(wire.home / "none" / "server.db"))
    app = create_server_app(search.config, search.reader, services=Services(endpoints=site.endpoint.endpoints()))
    assert ask(app, "/search?q=x").status == 503


def test_a_fault_of_a_theme_is_logged_with_its_place(
    wire: Wire, stack: ExitStack, caplog: pytest.LogCaptureFixture
) -> None:
    wire.declare({}, theme="theme")
    folder = wire.home / "config" / "theme"
    folder.mkdir()
    (folder / "search.html").write_text("{{ no_such_value }}")
    assert Search(wire, stack).ask("x", path="/search").status == 503
    assert "search.html:1: UndefinedError" in caplog.text


def test_one_client_cannot_search_all_the_time(search: Search, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search.site.endpoint._rate, "_total", 3)
    assert [search.ask("x").status for _ in range(4)] == [200, 200, 200, 429]
