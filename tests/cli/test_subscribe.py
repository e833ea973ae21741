"""`feeds add`, `import` and `export`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from command import CommandResult, RunCommand, run_on_terminal
from origin import KEEP, Document, Origin, raw, redirect, reply
from wire import TITLES, Wire, document, rss

from feeds.cli.addresses import complete_url, fetch_first, is_web_address, list_urls
from feeds.config.values import comparable_url
from feeds.errors import FailureKind, FetchError
from feeds.model import Fetched
from feeds.normalize import make_source_id, slug

DATA = Path(__file__).parent.parent / "data" / "cli"


def write_yaml(wire: Wire) -> str:
    """A configuration as people write it, comments and all."""
    text = (
        "site: {title: T, url: https://t.example/}\ndata: ../data\npublic: ../public\nhosts: {gap: 0s}\n"
        "defaults: {allow_private: [127.0.0.0/8]}\nsources:   # what I read\n"
        "  known: https://known.example/feed   # since 2019\nfeeds: {all: {title: All}}\n"
    )
    wire.config.parent.mkdir(parents=True)
    wire.config.write_text(text, encoding="utf-8")
    return text


def test_add_takes_a_feed_under_its_title(wire: Wire, feeds: RunCommand, origin: Origin) -> None:
    before = write_yaml(wire)
    url = origin.put("/feed", Document(rss(*TITLES, title="The Daily Bread")))
    result = feeds("add", url)
    assert result.code == 0, result.err
    assert "· One" in result.out
    assert "· Three" in result.out
    assert "· Four" not in result.out
    added = f"  the-daily-bread: {url}\n"
    assert wire.config.read_text(encoding="utf-8") == before.replace("2019\n", f"2019\n{added}")
    again = feeds("add", url)
    assert again.code == 2
    assert "as the source `the-daily-bread`" in again.err


def test_add_finds_the_feeds_of_a_page(wire: Wire, feeds: RunCommand, origin: Origin) -> None:
    """Base href, dead links passed over, the comments behind the link in the text; the first is taken, and said."""
    write_yaml(wire)
    page = Document((DATA / "page.html").read_bytes(), headers={"content_type": "text/html"})
    url = origin.put("/", page)
    origin.put("/paper/all.rss", document())
    origin.put("/paper/comments.atom", Document(rss(("c", "A comment"), title="Comments")))
    origin.put("/podcast/feed", Document(rss(("p", "Sound"), title="Podcast")))
    result = feeds("add", url, "--json").json
    assert result == {
        "id": "a-source",
        "url": origin.url("/paper/all.rss"),
        "candidates": [
            {"url": origin.url(path), "kind": "feed", "title": title, "reader": "xml", "newest": newest}
            for path, title, newest in (
                ("/paper/all.rss", "A source", ["One", "Two", "Three"]),
                ("/podcast/feed", "Podcast", ["Sound"]),
                ("/paper/comments.atom", "Comments", ["A comment"]),
            )
        ],
    }
    origin.put("/paper/all.rss", raw(reply(b"", 404), KEEP))
    repeated = feeds("add", url, "--id", "notes")
    assert "The first one is taken" in repeated.out
    assert f"  notes: {origin.url('/podcast/feed')}\n" in wire.config.read_text(encoding="utf-8")


def test_add_asks_on_a_terminal(wire: Wire, origin: Origin) -> None:
    write_yaml(wire)
    page = Document((DATA / "page.html").read_bytes(), headers={"content_type": "text/html"})
    origin.put("/paper/all.rss", document())
    origin.put("/paper/comments.atom", Document(rss(("c", "A comment"), title="Comments")))
    shown = run_on_terminal(wire, "add", origin.put("/", page), typed="2\n")
    assert "Which one" in shown
    assert f"  comments: {origin.url('/paper/comments.atom')}\n" in wire.config.read_text(encoding="utf-8")


def test_add_tries_the_usual_places_last(wire: Wire, feeds: RunCommand, origin: Origin) -> None:
    write_yaml(wire)
    url = origin.put("/blog/", Document((DATA / "bare.html").read_bytes(), headers={"content_type": "text/html"}))
    origin.put("/atom.xml", document())
    assert feeds("add", url, "--json").json["url"] == origin.url("/atom.xml")


def test_add_says_what_is_there_instead_and_leaves_the_file(wire: Wire, feeds: RunCommand, origin: Origin) -> None:
    before = write_yaml(wire)
    url = origin.put("/", Document((DATA / "bare.html").read_bytes(), headers={"content_type": "text/html"}))
    nothing = feeds("add", url)
    assert nothing.code == 1
    assert "No feed was found" in nothing.err
    assert feeds("add", origin.url("/none")).code == 1
    assert feeds("add", "mailto:me@x.example").code == 2
    assert feeds("add", origin.put("/feed", document()), "--id", "Not An Id").code == 2
    assert feeds("add", origin.url("/feed"), "--id", "known").code == 2
    assert feeds("add", "known.example/feed/").code == 2
    assert wire.config.read_text(encoding="utf-8") == before


def test_E10_add_writes_where_a_permanent_redirect_leads(wire: Wire, feeds: RunCommand, origin: Origin) -> None:
    write_yaml(wire)
    new = origin.put("/new", document())
    assert feeds("add", origin.put("/old", redirect(new, 301)), "--json").json["url"] == new
    other = origin.put("/other", document(("9", "Nine")))
    passing = origin.put("/passing", redirect(other, 302))
    assert feeds("add", passing, "--json").json["url"] == passing


def test_import_takes_titles_as_ids_and_folders_as_tags(wire: Wire, feeds: RunCommand) -> None:
    write_yaml(wire)
    result = feeds("import", str(DATA / "subscriptions.opml"), "--json").json
    assert result["added"] == ["the-morning-page", "the-morning-page-2", "tokyo-shimbun", "a-name-with-signs-1"]
    assert [one["why"] for one in result["skipped"]] == [
        "declared already",
        "declared already",
        "not a web address",
        "another list: declare it as `opml:`",
        "a page without the address of a feed: try `feeds add`",
    ]
    text = wire.config.read_text(encoding="utf-8")
    assert "# since 2019\n  the-morning-page:\n    feed: https://morning.example/feed\n    tags: [News]\n" in text
    assert 'tags: [News, "Far away", asia, daily]' in text
    assert "feed: https://signs.example/?a=1&b=$${HOME}" in text
    assert feeds("check").code == 0
    again = feeds("import", str(DATA / "subscriptions.opml"), "--json").json
    assert again["added"] == []
    assert wire.config.read_text(encoding="utf-8") == text


def test_what_is_exported_can_be_imported(wire: Wire, feeds: RunCommand, tmp_path: Path) -> None:
    write_yaml(wire)
    feeds("import", str(DATA / "subscriptions.opml"))
    result = feeds("export")
    assert result.code == 0
    (tmp_path / "out.opml").write_text(result.out, encoding="utf-8")
    text = wire.config.read_text(encoding="utf-8")
    other = Wire(tmp_path / "other")
    write_yaml(other)
    feeds("import", str(tmp_path / "out.opml"), "--config", str(other.config))
    assert other.config.read_text(encoding="utf-8") == text


def test_export_leaves_out_secrets_and_our_own_files(
    wire: Wire, feeds: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", "s3cret-key")
    wire.declare({"desk": {"files": "*.md"}, "keyed": "https://k.example/?k=${KEY}", "open": "https://o.example/f"})
    result = feeds("export")
    assert "https://o.example/f" in result.out
    assert "k.example" not in result.out
    assert result.err == "left out (see `feeds export --help`): desk, keyed\n"


def test_import_of_no_opml_is_one_clear_line(wire: Wire, feeds: RunCommand) -> None:
    before = write_yaml(wire)
    wrong = feeds("import", str(DATA / "story.rss"))
    assert wrong.code == 1
    assert "not OPML" in wrong.err
    assert wire.config.read_text(encoding="utf-8") == before


@pytest.mark.parametrize(
    ("title", "url", "id"),
    [
        ("BBC News — World", "https://feeds.bbci.co.uk/rss.xml", "bbc-news-world"),
        ("Le Café d'Été", "https://x.example/", "le-cafe-dete"),
        ("東京", "https://www.tokyo-np.example/rss", "tokyo-np"),
        (None, "https://feeds.bbci.co.uk/rss.xml", "bbci"),
        ("a " * 60, "https://x.example/", "a" + "-a" * 19),
        ("Taken", "https://x.example/", "taken-3"),
        (None, "../notes/**/*.md", "notes"),
        (None, "../site/feed.xml", "site"),
        (None, "*.md", "source"),
    ],
)
def test_S14_an_id_is_a_slug_and_unique(title: str | None, url: str, id: str) -> None:
    assert make_source_id(title, url, {"taken", "taken-2"}) == id
    assert slug("...") == ""


def test_addresses_that_are_the_same() -> None:
    assert comparable_url("https://www.x.example/feed/") == comparable_url("HTTP://X.example:80/feed")
    assert comparable_url("https://x.example/feed?a") != comparable_url("https://x.example/feed?b")
    assert complete_url("feed://x.example/f") == "https://x.example/f"
    assert complete_url("feed:https://x.example/f") == "https://x.example/f"
    assert complete_url("x.example") == "https://x.example"


FRONT = (
    "<html><head><title>The Harbour Post</title></head><body><main>"
    + "".join(
        f"<article><h2><a href='/story-{number}'>What the ferry carried on day {number}</a></h2></article>"
        for number in range(6)
    )
    + "</main></body></html>"
).encode()


def test_add_offers_the_stories_of_a_page_that_has_no_feed(wire: Wire, feeds: RunCommand, origin: Origin) -> None:
    write_yaml(wire)
    page = origin.put("/news", Document(FRONT, headers={"content_type": "text/html"}))
    added = feeds("add", page, "--id", "harbour", "--json")
    assert added.code == 0, added.err
    (found,) = json.loads(added.out)["candidates"]
    assert (found["kind"], found["newest"][0]) == ("page", "What the ferry carried on day 0")
    with wire.app() as app:
        assert (app.config.sources["harbour"].kind, app.config.sources["harbour"].address) == ("page", page)


def test_add_prefers_the_sitemap_that_robots_txt_names(wire: Wire, feeds: RunCommand, origin: Origin) -> None:
    write_yaml(wire)
    page = origin.put("/news", Document(FRONT, headers={"content_type": "text/html"}))
    urls = f"<url><loc>{origin.url('/story-1')}</loc></url>"
    urlset = f"<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>{urls}</urlset>".encode()
    sitemap = origin.put("/map.xml", Document(urlset))
    origin.put("/robots.txt", raw(reply(f"Sitemap: {sitemap}\n".encode(), content_type="text/plain"), KEEP))
    added = feeds("add", page, "--id", "harbour", "--json")
    assert added.code == 0, added.err
    assert [found["kind"] for found in json.loads(added.out)["candidates"]] == ["sitemap", "page"]


# ── every kind of address (D5) ──────────────────────────────────────────────────────────────────────────────────────

PAGE = {"content_type": "text/html"}


def urlset(*urls: str) -> Document:
    entries = "".join(f"<url><loc>{url}</loc></url>" for url in urls)
    return Document(f"<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>{entries}</urlset>".encode())


def added_entry(wire: Wire, result: CommandResult) -> object:
    """Return what stands in the YAML under the id that was added."""
    assert result.code == 0, result.err
    return yaml.safe_load(wire.config.read_text(encoding="utf-8"))["sources"][result.json["id"]]


def test_D5_add_declares_a_sitemap_and_an_index_of_sitemaps(wire: Wire, feeds: RunCommand, origin: Origin) -> None:
    write_yaml(wire)
    sitemap = origin.put("/map.xml", urlset(origin.url("/2026/a"), origin.url("/2026/b")))
    result = feeds("add", sitemap, "--id", "map", "--json")
    assert added_entry(wire, result) == {"sitemap": sitemap}
    index = f"<sitemapindex><sitemap><loc>{sitemap}</loc></sitemap></sitemapindex>"
    url = origin.put("/index.xml", Document(index.encode(), headers={"content_type": "text/xml"}))
    shown = feeds("add", url, "--id", "index")
    assert "(sitemap, 2 articles)" in shown.out
    assert f"added index (sitemap: {url})" in shown.out


def test_D5_add_declares_an_opml_list(wire: Wire, feeds: RunCommand, origin: Origin) -> None:
    write_yaml(wire)
    opml = Document((DATA / "subscriptions.opml").read_bytes(), headers={"content_type": "text/xml"})
    result = feeds("add", origin.put("/blogroll", opml), "--json", "--tag", "friends", "--tag", "a b", "--every", "2h")
    expected = {"opml": origin.url("/blogroll"), "tags": ["friends", "a b"], "every": "2h"}
    assert added_entry(wire, result) == expected
    assert "The Morning Pagé" in result.json["candidates"][0]["newest"]


def test_D5_add_takes_an_address_without_a_scheme(wire: Wire, feeds: RunCommand, origin: Origin) -> None:
    write_yaml(wire)
    url = origin.put("/feed", document())
    result = feeds("add", url.removeprefix("http://"), "--json")
    assert added_entry(wire, result) == url
    for spelling in (url.replace("http:", "feed:"), f"feed:{url}", url.removeprefix("http://")):
        again = feeds("add", spelling)
        assert (again.code, f"as the source `{result.json['id']}`" in again.err) == (2, True)


def test_D5_add_takes_tags_and_an_interval_and_refuses_wrong_ones_first(
    wire: Wire, feeds: RunCommand, origin: Origin
) -> None:
    before = write_yaml(wire)
    url = origin.put("/feed", document())
    assert feeds("add", url, "--every", "often").code == 2
    assert feeds("add", url, "--tag", "").code == 2
    assert (origin.requests, wire.config.read_text(encoding="utf-8")) == ([], before)
    result = feeds("add", url, "--every", "3h", "--tag", "World", "--json")
    assert added_entry(wire, result) == {"feed": url, "tags": ["World"], "every": "3h"}


def test_D5_add_passes_over_what_is_declared_already(wire: Wire, feeds: RunCommand, origin: Origin) -> None:
    write_yaml(wire)
    url = origin.put("/", Document((DATA / "page.html").read_bytes(), headers=PAGE))
    first = origin.put("/paper/all.rss", document())
    second = origin.put("/paper/comments.atom", Document(rss(("c", "A comment"), title="Comments")))
    assert [feeds("add", url, "--yes", "--json").json["url"] for _ in range(2)] == [first, second]
    assert "declared already" in feeds("add", url, "--yes").err


@pytest.mark.parametrize(
    ("path", "document", "sentence"),
    [
        (
            "/members",
            Document(b"<title>Sign in</title><form><input type=password></form>", headers=PAGE),
            "shows a login page instead of the feed. Add `auth:` or `headers:`, or use a public address."
            " Write such a source into the YAML by hand",
        ),
        (
            "/a/none",
            raw(reply(b"", 404), KEEP),
            "(404). Check the address; visits become rare while it is missing. `feeds add",
        ),
        ("/private", raw(reply(b"", 401), KEEP), "Write such a source into the YAML by hand"),
        ("/parked", Document(b"<title>x</title>This domain is for sale.", headers=PAGE), "is a parked domain"),
        ("/empty", Document(b"", headers=PAGE), "sent an empty document"),
        ("/picture", Document(b"\x89PNG\r\n\x1a\n", headers={"content_type": "image/png"}), "which is no feed"),
        (
            "/story",
            Document(
                (b"<article><h1>A day</h1>" + b"<p>%s.</p>" % (b"The ferry carried many people " * 12) * 6),
                headers=PAGE,
            ),
            "It holds one story: give the page that lists the stories.",
        ),
        ("/bare", Document((DATA / "bare.html").read_bytes(), headers=PAGE), "`stories:`, a CSS selector"),
    ],
)
def test_D5_add_says_what_to_do_when_nothing_can_be_followed(
    wire: Wire, feeds: RunCommand, origin: Origin, path: str, document: Document, sentence: str
) -> None:
    before = write_yaml(wire)
    result = feeds("add", origin.put(path, document))
    assert (result.code, result.out) == (1, "")
    assert sentence in result.err
    assert "\n" not in result.err.strip()
    assert wire.config.read_text(encoding="utf-8") == before


def test_D5_add_declares_files_relative_to_the_yaml(wire: Wire, feeds: RunCommand) -> None:
    write_yaml(wire)
    stories = wire.home / "config" / "stories"
    (stories / "deep").mkdir(parents=True)
    (stories / "one.md").write_text("# One\n\nA story.")
    (stories / "draft.md").write_text("---\ndraft: true\n---\n# Two\n\nA draft.")
    result = feeds("add", "config/stories", "--json")
    assert added_entry(wire, result) == {"files": "stories/*.md"}
    assert result.json["candidates"][0]["newest"] == ["One"]
    assert "declared already" in feeds("add", "config/stories/*.md").err
    (stories / "deep" / "three.md").write_text("# Three\n\nA story.")
    assert added_entry(wire, feeds("add", "config/stories", "--json", "--id", "all")) == {"files": "stories/**/*.md"}
    assert added_entry(wire, feeds("add", "config/stories/one.md", "--json")) == {"files": "stories/one.md"}
    (wire.home / "saved.rss").write_bytes(rss(("1", "One")))
    (wire.home / "friends.opml").write_bytes((DATA / "subscriptions.opml").read_bytes())
    assert added_entry(wire, feeds("add", "saved.rss", "--json")) == {"feed": "../saved.rss"}
    assert added_entry(wire, feeds("add", "friends.opml", "--json")) == {"opml": "../friends.opml"}
    assert feeds("check").code == 0
    assert feeds("add", "nowhere.md").code == 2
    (wire.home / "picture.png").write_bytes(b"\x89PNG")
    (wire.home / "bare").mkdir()
    for path, sentence in (("picture.png", "nor a story (.md, "), ("bare", "holds no stories")):
        nothing = feeds("add", path)
        assert (nothing.code, sentence in nothing.err) == (1, True)


def test_D5_add_ends_with_what_to_do_next(wire: Wire, feeds: RunCommand, origin: Origin) -> None:
    write_yaml(wire)
    shown = feeds("add", origin.put("/feed", document()), "--id", "news").out
    assert shown.splitlines()[-1] == "`feeds run news` pulls it now; a running daemon does so by itself."


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        ("x.example/f", ("https://x.example/f", "http://x.example/f")),
        (" x.example:8080 ", ("https://x.example:8080", "http://x.example:8080")),
        ("feed://x.example/f", ("https://x.example/f", "http://x.example/f")),
        ("FEED:https://x.example/f", ("https://x.example/f",)),
        ("feed:x.example", ("https://x.example", "http://x.example")),
        ("mailto:me@x.example", ("mailto:me@x.example",)),
        ("http://x.example", ("http://x.example",)),
        ("localhost:8000/f", ("http://localhost:8000/f", "https://localhost:8000/f")),
        ("feed://127.0.0.1", ("http://127.0.0.1", "https://127.0.0.1")),
        ("[::1]:80/f", ("http://[::1]:80/f", "https://[::1]:80/f")),
        ("localhost.example", ("https://localhost.example", "http://localhost.example")),
        ("127.0.0.1.example/", ("https://127.0.0.1.example/", "http://127.0.0.1.example/")),
    ],
)
def test_D5_what_a_typed_address_may_mean(text: str, urls: tuple[str, ...]) -> None:
    assert list_urls(text) == urls


@pytest.mark.parametrize("kind", [FailureKind.CONNECTION, FailureKind.TLS, FailureKind.TIMEOUT])
def test_D5_an_address_without_a_scheme_is_tried_with_both(kind: FailureKind) -> None:
    first, second = list_urls("x.example")
    answers = {second: Fetched(second, b"")}

    def fetch(url: str) -> Fetched:
        if url not in answers:
            raise FetchError(url, kind=kind)
        return answers[url]

    assert fetch_first((first, second), fetch) == (second, answers[second])
    answers.clear()
    with pytest.raises(FetchError, match=first):
        fetch_first((first, second), fetch)


def test_D5_an_answer_with_https_is_the_answer() -> None:
    def fetch(url: str) -> Fetched:
        urls.append(url)
        raise FetchError("gone", kind=FailureKind.STATUS)

    urls: list[str] = []
    with pytest.raises(FetchError, match="gone"):
        fetch_first(list_urls("x.example"), fetch)
    assert urls == ["https://x.example"]


@pytest.mark.parametrize(
    ("text", "is_web"),
    [
        ("x.example", True),
        ("127.0.0.1:8080/feed", True),
        ("localhost:80", True),
        ("feed:x", True),
        ("x.example/story.md", True),
        ("bücher.example/feed", True),
        ("story.md", False),
        ("feed.xml", False),
        ("stories/a.md", False),
        ("./x.example/feed", False),
        ("metro", False),
    ],
)
def test_D5_an_address_is_told_from_a_file(text: str, is_web: bool) -> None:
    assert is_web_address(text) == is_web
