"""`feeds preview`."""

from __future__ import annotations

from pathlib import Path

import pytest
from command import RunCommand
from origin import KEEP, Document, Origin, raw, reply
from wire import Wire, document, rss

DATA = Path(__file__).parent.parent / "data" / "cli"


def test_preview_of_one_file_is_its_json_feed(feeds: RunCommand) -> None:
    result = feeds("preview", str(DATA / "story.rss"), "--url", "https://saved.example/feed", "--json").json
    assert result["version"] == "https://jsonfeed.org/version/1.1"
    assert result["_feeds"]["reader"]
    (item,) = result["items"]
    assert (item["id"], item["url"]) == ("https://saved.example/1", "https://saved.example/1")
    assert item["_feeds"]["found"]["title"]


def test_preview_of_several_keeps_their_order_and_tells_failures_apart(feeds: RunCommand, origin: Origin) -> None:
    """An array in order, a failure as an entry, exit 1; no configuration is needed, nothing is stored."""
    good, page = str(DATA / "story.rss"), str(DATA / "bare.html")
    url = origin.put("/feed", document())
    result = feeds("preview", good, url, "no-such/thing.xml", "--allow-private", good, "--json")
    assert result.code == 1
    assert ["error" in one for one in result.json] == [False, False, True, False]
    assert set(result.json[2]) == {"error", "place"}
    assert feeds("preview", page, "--as", "feed", "--json").json["place"] == page
    assert not (Path.cwd() / "data").exists()


def test_preview_for_people(feeds: RunCommand) -> None:
    result = feeds("preview", str(DATA / "story.rss"))
    assert "2026-03-02 08:00  The first — Ann Author" in result.out
    assert "+ https://saved.example/1.mp3 (audio/mpeg, 3.1 MB)" in result.out
    assert result.out.startswith("Saved ")
    assert "\x9b" not in result.out
    assert "title: " not in result.out
    assert "title: " in feeds("preview", "-v", str(DATA / "story.rss")).out


def test_preview_requests_private_addresses_only_with_the_option(feeds: RunCommand, origin: Origin) -> None:
    """S6: the guard is on by default."""
    url = origin.put("/feed", document())
    assert "error" in feeds("preview", url, "--json").json
    assert not origin.requests
    result = feeds("preview", url, "--allow-private", "--header", "X-Key: 7", "--json")
    assert len(result.json["items"]) == 4
    assert origin.requests[0].headers["x-key"] == "7"


def test_preview_of_a_source_hides_secrets(
    wire: Wire, feeds: RunCommand, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", "s3cret-key")
    body = rss(("1", "One"), title="s3cret-key inside")
    origin.put("/a?k=s3cret-key", Document(body))
    wire.declare({"a": origin.url("/a?k=${KEY}")})
    result = feeds("preview", "a", "--json")
    assert result.code == 0
    assert result.json["title"] == "*** inside"
    assert not (wire.home / "data").exists()


def test_preview_of_a_feed_holds_the_outlines_of_a_list(wire: Wire, feeds: RunCommand, origin: Origin) -> None:
    outline = f'<outline text="Ann" type="rss" xmlUrl="{origin.put("/ann", document(("1", "One")))}"/>'
    wire.declare({"friends": {"opml": "friends.opml"}}, {"all": {"title": "All", "sources": ["friends"]}})
    (wire.config.parent / "friends.opml").write_text(f'<opml version="2.0"><body>{outline}</body></opml>')
    feeds("run")
    articles = feeds("preview", "--feed", "all", "--json").json["articles"]
    assert [article["id"] for article in articles] == [item["id"] for item in wire.items()] != []


def test_preview_of_a_feed_shows_what_each_step_drops(wire: Wire, feeds: RunCommand, origin: Origin) -> None:
    steps = [{"drop": {"title": "One|Two"}}, {"limit": {"count": 1, "hours": 0}}]
    wire.declare({"a": origin.put("/a", document())}, {"all": {"title": "All", "steps": steps}})
    feeds("run")
    result = feeds("preview", "--feed", "all", "--steps", "--json").json
    assert len(result["articles"]) == 1
    by_title, by_limit = result["steps"]
    assert by_title["step"] == "drop: title"
    assert {article["title"] for article in by_title["dropped"]} == {"One", "Two"}
    assert len(by_limit["dropped"]) == 1
    assert [item["id"] for item in wire.items()] == [article["id"] for article in result["articles"]]
    assert "drop: title drops 2 articles" in feeds("preview", "--feed", "all", "--steps").out
    assert "drops" not in feeds("preview", "--feed", "all").out


# ── every kind of address (D5) ──────────────────────────────────────────────────────────────────────────────────────


def test_D5_preview_reads_sitemaps_and_lists(feeds: RunCommand, origin: Origin) -> None:
    urls = "".join(f"<url><loc>{origin.url(path)}</loc></url>" for path in ("/a", "/b"))
    sitemap = origin.put(
        "/map.xml", Document(f"<urlset>{urls}</urlset>".encode(), headers={"content_type": "text/xml"})
    )
    index = f"<sitemapindex><sitemap><loc>{sitemap}</loc></sitemap></sitemapindex>".encode()
    opml = (DATA / "subscriptions.opml").read_bytes()
    places = {
        sitemap: "sitemap",
        origin.put("/index.xml", Document(index, headers={"content_type": "text/html"})): "sitemap",
        origin.put("/map.txt", Document(sitemap.encode(), headers={"content_type": "text/plain"})): "sitemap",
        origin.put("/list", Document(opml, headers={"content_type": "text/x-opml"})): "opml",
        str(DATA / "subscriptions.opml"): "opml",
    }
    result = feeds("preview", *places, "--allow-private", "--json")
    assert [document["_feeds"]["reader"] for document in result.json] == list(places.values())
    assert [len(document["items"]) for document in result.json[:3]] == [2, 2, 1]
    assert result.json[3]["items"][0]["title"] == "The Morning Pagé"


def test_D5_preview_takes_an_address_without_a_scheme(feeds: RunCommand, origin: Origin) -> None:
    url = origin.put("/feed", document())
    for spelling in (url.removeprefix("http://"), url.replace("http:", "feed:"), f"feed:{url}"):
        assert len(feeds("preview", spelling, "--allow-private", "--json").json["items"]) == 4


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"<title>Sign in</title><form><input type=password></form>", "shows a login page instead of the feed"),
        (b"<title>A page</title><p>Nothing.", "names no feed, and holds neither a story nor a list of stories"),
        (b"", "sent an empty document"),
    ],
)
def test_D5_preview_says_what_is_there_instead(feeds: RunCommand, origin: Origin, body: bytes, sentence: str) -> None:
    result = feeds(
        "preview", origin.put("/x", Document(body, headers={"content_type": "text/html"})), "--allow-private"
    )
    assert (result.code, sentence in result.out) == (1, True)


def test_D5_preview_names_the_option_that_may_help(feeds: RunCommand, origin: Origin) -> None:
    url = origin.put("/x", raw(reply(b"", 401), KEEP))
    refused, login = feeds("preview", url), feeds("preview", url, "--allow-private")
    assert "`--allow-private` fetches it here." in refused.out
    assert "`--header 'Authorization: …'` sends a login from here." in login.out


def test_D5_preview_of_a_declared_list_shows_its_subscriptions(wire: Wire, feeds: RunCommand) -> None:
    (wire.home / "config").mkdir()
    (wire.home / "config" / "friends.opml").write_bytes((DATA / "subscriptions.opml").read_bytes())
    wire.declare({"friends": {"opml": "friends.opml"}})
    assert feeds("preview", "friends", "--json").json["items"][0]["title"] == "The Morning Pagé"
