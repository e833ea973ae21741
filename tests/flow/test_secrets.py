"""Secrets in the address or headers of a source, or repeated by it: nothing published holds one."""

from __future__ import annotations

import json

import pytest
from origin import KEEP, Document, Origin, raw, reply
from wire import Wire, rss


def leaks(wire: Wire, *secrets: str) -> list[str]:
    """The published files that hold one of these, in any case."""
    return [
        name
        for name, body in wire.files().items()
        for secret in secrets
        if secret.lower() in body.decode(errors="replace").lower()
    ]


def test_S13_a_secret_of_an_address_is_published_by_no_fall_back(
    wire: Wire, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "s3cret-of-mine")
    addresses = {"a": "/{0}/feed", "b": "/feed?t={0}", "c": "/feed?a=1&t={0}&b=2", "d": "/other#{0}"}
    for name, address in addresses.items():
        origin.put(address.format("s3cret-of-mine").partition("#")[0], Document(rss((name, f"One of {name}"))))
    wire.declare({name: {"feed": origin.url(address.format("${TOKEN}"))} for name, address in addresses.items()})
    wire.turn()
    assert {item["title"] for item in wire.items()} == {f"One of {name}" for name in addresses}
    assert not leaks(wire, "s3cret-of-mine")
    ran = wire.command("run", "--all", "-vv")
    assert ran.returncode == 0
    outputs = [ran, *(wire.command("status", name) for name in addresses)]
    assert not [output for output in outputs if "s3cret-of-mine" in output.stdout + output.stderr]


@pytest.mark.parametrize("value", ["abc", "s3cret-of-mine"])
def test_S13_a_feed_that_names_its_own_address_does_not_publish_it(
    wire: Wire, origin: Origin, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("TOKEN", value)
    own = origin.url(f"/feed?t={value}")
    atom = f"<atom:link xmlns:atom='http://www.w3.org/2005/Atom' rel='self' href='{own}'/>".encode()
    origin.put(f"/feed?t={value}", Document(rss(("1", "One")).replace(b"<channel>", b"<channel>" + atom)))
    wire.declare({"a": {"feed": origin.url("/feed?t=${TOKEN}")}})
    wire.turn()
    assert [item["title"] for item in wire.items()] == ["One"]
    assert not leaks(wire, f"t={value}")


@pytest.mark.parametrize("spelling", ["s3cret-of-mine", "S3CRET-OF-MINE", "s3cret%2Dof%2dmine", "%73%33cret-of-mine"])
def test_S13_one_source_that_repeats_its_secret_stalls_no_feed(
    wire: Wire, origin: Origin, monkeypatch: pytest.MonkeyPatch, spelling: str
) -> None:
    """Private podcasts repeat their token in every enclosure; servers echo headers."""
    monkeypatch.setenv("TOKEN", "s3cret-of-mine")
    item = (
        f"<item><guid>https://a.example/1?t={spelling}</guid><title>One for {spelling}</title>"
        f"<link>https://a.example/1?t={spelling}</link><category domain='https://a.example/{spelling}'>news</category>"
        f"<enclosure url='https://a.example/{spelling}/1.mp3' type='audio/mpeg' length='1'/>"
        f"<comments>https://{spelling}.a.example/1</comments><author>me@{spelling}.example</author>"
        f"<description>Key: {spelling}. &lt;a href='https://a.example/?t={spelling}'&gt;here&lt;/a&gt;"
        f"&lt;img src='https://a.example/{spelling}.png'&gt; Kept.</description></item>"
    )
    body = f"<rss version='2.0'><channel><title>A</title>{item}</channel></rss>".encode()
    origin.put("/keyed", Document(body))
    origin.put("/open", Document(rss(("2", "Two"))))
    headed = {"feed": origin.url("/keyed"), "headers": {"X-Key": "${TOKEN}"}}
    wire.declare({"keyed": headed, "open": origin.url("/open")})
    wire.turn()
    items = {str(item["title"]): item for item in wire.items()}
    assert set(items) == {"One for ***", "Two"}
    masked_item = items["One for ***"]
    assert not {"url", "attachments", "image"} & set(masked_item)
    assert str(masked_item["id"]).startswith("tag:wire.example.org,2026:")
    assert "Key: ***." in str(masked_item["content_html"])
    assert "Kept." in str(masked_item["content_html"])
    assert not leaks(wire, "s3cret-of-mine", spelling)
    before = wire.inodes()
    wire.turn(everything=True)
    assert wire.inodes() == before


def test_S13_what_was_stored_before_it_became_a_secret_is_taken_out_of_the_files(
    wire: Wire, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "s3cret-of-mine")
    monkeypatch.setenv("SHORT", "abc")
    for path in ("/f?t=s3cret-of-mine", "/g?t=abc"):
        origin.put(path, Document(rss((path[1:2], path[1:2].upper()))))
    wire.declare({"f": origin.url("/f?t=s3cret-of-mine"), "g": origin.url("/g?t=abc")})
    wire.turn()
    assert leaks(wire, "s3cret-of-mine")
    assert leaks(wire, "t=abc")
    wire.declare({"f": origin.url("/f?t=${TOKEN}"), "g": origin.url("/g?t=${SHORT}")})
    with wire.app() as app:
        app.issue()
    assert {item["title"] for item in wire.items()} == {"F", "G"}
    assert not leaks(wire, "s3cret-of-mine", "t=abc")


@pytest.fixture
def formerly_public(wire: Wire, origin: Origin, monkeypatch: pytest.MonkeyPatch) -> Wire:
    """A store of a time when the token of an address was no secret: it is in ids, origins and events."""
    monkeypatch.setenv("TOKEN", "s3cret-of-mine")
    body = rss(("https://a.example/s3cret-of-mine/1", "One, with s3cret-of-mine"), ("2", "Two"))
    address = origin.put("/f?t=s3cret-of-mine", Document(body))
    wire.declare({"f": address})
    wire.turn()
    wire.declare({"f": address.replace("s3cret-of-mine", "${TOKEN}")})
    return wire


def test_A1_events_that_were_stored_with_a_secret_lose_it_at_the_first_issue(formerly_public: Wire) -> None:
    with formerly_public.app() as app:
        before = app.store.outbox(0, 9)
        assert all("s3cret-of-mine" in str(event) for _, event in before)
        app.issue()
        after = app.store.outbox(0, 9)
        assert [number for number, _ in after] == [number for number, _ in before]
        assert not any("s3cret-of-mine" in str(event) for _, event in after)
        ids = {event.published_id for _, event in after}
        assert ids == {item["id"] for item in formerly_public.items()}
        assert {json.loads(event.item or "")["title"] for _, event in after} == {"One, with ***", "Two"}
        (formerly_public.public / "all.rss").unlink()
        statements: list[str] = []
        app.store.rewrite_events = lambda rewrite: statements.append("")  # type: ignore[method-assign]
        assert app.issue() and not statements  # once is enough


def test_A1_an_article_is_retracted_by_the_id_that_was_published_in_place_of_its_own(formerly_public: Wire) -> None:
    with formerly_public.app() as app:
        app.issue()
        id = next(str(item["id"]) for item in formerly_public.items() if "***" in str(item["title"]))
        assert id.startswith("tag:") and app.retract(id) and not app.retract(id[:-1])
        app.publish(app.config.feeds.keys())
        assert {item["title"] for item in formerly_public.items()} == {"Two"}
        assert app.store.outbox(2, 9)[0][1].published_id == id
        assert app.retract(id, undo=True)
        app.publish(app.config.feeds.keys())
        assert {item["title"] for item in formerly_public.items()} == {"One, with ***", "Two"}


def test_A1_the_address_of_a_source_that_became_private_leaves_its_articles(wire: Wire, origin: Origin) -> None:
    address = origin.put("/feed", Document(rss(("1", "One"))))
    wire.declare({"a": address})
    wire.turn()
    assert leaks(wire, address)
    wire.declare({"a": {"feed": address, "private": True}}, {"all": {"sources": ["a"]}})
    with wire.app() as app:
        app.issue()
        assert not any(address in str(event) for _, event in app.store.outbox(0, 9))
        assert address in str(list(app.store.articles()))
        assert not any(address in str(article) for article in [*app.articles(), *app.articles(feed="all")])
    assert [item["title"] for item in wire.items()] == ["One"]
    assert not leaks(wire, address)


def test_S13_a_story_whose_page_is_visited_does_not_name_a_private_listing(
    wire: Wire, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "abc")
    page = origin.put("/1", raw(reply(b"<h1>One</h1><p>" + b"A long story. " * 60, content_type="text/html"), KEEP))
    own = f"<atom:link xmlns:atom='http://www.w3.org/2005/Atom' rel='self' href='{origin.url('/feed?t=abc')}'/>"
    item = f"<item><guid>1</guid><title>One</title><link>{page}</link></item>"
    origin.put(
        "/feed?t=abc", Document(f"<rss version='2.0'><channel>{own}<title>A</title>{item}</channel></rss>".encode())
    )
    wire.declare({"a": {"feed": origin.url("/feed?t=${TOKEN}"), "full_text": True}})
    wire.turn()
    assert [item["title"] for item in wire.items()] == ["One"]
    assert not leaks(wire, "t=abc")


# ── private sources ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_D3_what_is_declared_private_is_only_in_feeds_that_name_it_or_one_of_its_tags(
    wire: Wire, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "s3cret-of-mine")
    tagged = Document(rss(("4", "Tagged itself")).replace(b"<guid", b"<category>red</category><guid"))
    sources = {
        "open": origin.put("/open", Document(rss(("1", "Open")))),
        "closed": {"feed": origin.put("/closed", Document(rss(("2", "Closed")))), "private": True, "tags": ["Blue"]},
        "keyed": {"feed": origin.put("/keyed", Document(rss(("3", "Keyed")))), "auth": {"bearer": "${TOKEN}"}},
        "itself": {"feed": origin.put("/itself", tagged), "private": True},
    }
    feeds = {
        "all": {},
        "some": {"sources": ["closed", "open"]},
        "blue": {"tags": ["blue"]},
        "red": {"tags": ["red"]},
        "both": {"sources": ["itself"], "tags": ["red"]},
    }
    wire.declare(sources, feeds)
    wire.turn()
    assert {feed: {item["title"] for item in wire.items(feed)} for feed in feeds} == {
        "all": {"Open", "Keyed"},
        "some": {"Open", "Closed"},
        "blue": {"Closed"},
        "red": set(),
        "both": {"Tagged itself"},
    }


def test_A1_the_first_run_check_and_status_name_what_left_a_feed(
    wire: Wire, origin: Origin, caplog: pytest.LogCaptureFixture
) -> None:
    addresses = {name: origin.put(f"/{name}", Document(rss((name, name)))) for name in "abc"}
    wire.declare(addresses)
    wire.turn()
    private = {**addresses, "a": {"feed": addresses["a"], "private": True}, "d": {"files": "*.md", "private": True}}
    wire.declare(private)
    caplog.clear()
    wire.turn()
    told = "private, and so left out of the feed all: a; name them under its `sources`, or one of their tags"
    assert [record.message for record in caplog.records if told in record.message]
    assert {item["title"] for item in wire.items()} == {"b", "c"}
    caplog.clear()
    origin.put("/b", Document(rss(("b", "b"), ("b2", "b2"))))
    wire.turn(everything=True)
    assert "b2" in {item["title"] for item in wire.items()} and not caplog.records
    assert "left out of the feed all: a, d; name them" in wire.command("check").stdout
    note = "private, and so left out of all until that names it or one of its tags"
    assert [line.split()[0] for line in wire.command("status").stdout.splitlines() if note in line] == ["a", "d"]
    wire.declare(private, {"all": {"sources": [*private]}})
    wire.turn()
    assert {item["title"] for item in wire.items()} >= {"a", "b", "c"}
