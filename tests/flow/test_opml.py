"""OPML lists: each outline is a source."""

from __future__ import annotations

from datetime import timedelta

from origin import Document, Origin
from wire import Wire, document, rss

from feeds.app import TurnOptions


def opml(*outlines: tuple[str, str]) -> bytes:
    """An OPML list of (title, address)."""
    body = "".join(f'<outline type="rss" text="{title}" xmlUrl="{url}"/>' for title, url in outlines)
    return f'<opml version="2.0"><body><outline text="Friends">{body}</outline></body></opml>'.encode()


def test_an_opml_list_is_a_source_for_each_of_its_outlines_kept_in_step(wire: Wire, origin: Origin) -> None:
    """`friends` means all of them; what leaves the list keeps its articles and is visited no more."""
    ann = ("Ann's notes", origin.put("/ann", Document(rss(("a1", "Ann one")))))
    bob = ("Bob", origin.put("/bob", Document(rss(("b1", "Bob one")))))
    roll = Document(opml(ann, bob))
    feeds = {
        "friends": {"title": "Friends", "sources": ["friends"]},
        "ann": {"title": "Ann", "sources": ["friends/anns-notes"]},
    }
    wire.declare({"friends": {"opml": origin.put("/roll.opml", roll), "every": "1s"}}, feeds)
    assert wire.turn().failures == 0
    assert {item["title"] for item in wire.items("friends")} == {"Ann one", "Bob one"}
    assert [item["title"] for item in wire.items("ann")] == ["Ann one"]
    assert wire.items("ann")[0]["tags"] == ["Friends"]
    roll.body = opml(("Ann has a new title", ann[1]))
    wire.turn(everything=True)
    before = len(origin.requests)
    wire.turn(everything=True)
    assert "/bob" not in origin.paths()[before:]
    with wire.app() as app:
        assert {article.source_id for article in app.store.articles()} == {"friends/anns-notes", "friends/bob"}


def test_an_opml_file_beside_the_configuration(wire: Wire, origin: Origin) -> None:
    wire.declare({"friends": {"opml": "friends.opml"}})
    feed = origin.put("/ann", Document(rss(("a1", "Ann one"))))
    (wire.config.parent / "friends.opml").write_bytes(opml(("Ann", feed)))
    assert wire.turn().failures == 0
    assert [item["title"] for item in wire.items()] == ["Ann one"]


def test_A10_a_list_makes_no_more_sources_than_its_max_items_and_the_rest_is_told(wire: Wire, origin: Origin) -> None:
    """S6: 20,000 outlines on somebody else's server are no 20,000 visits."""
    body = opml(*((f"Feed {number}", f"http://127.0.0.1:1/{number}") for number in range(20_000)))
    wire.declare({"friends": {"opml": origin.put("/roll.opml", Document(body)), "enabled": True}})
    with wire.app() as app:
        app.turn(TurnOptions(sources=["friends"], max_wait=0))
        statuses = {status.source_id: status for status in app.store.statuses()}
        assert len(statuses) == len(app.sources) == 1 + 1000
        assert "20000 feeds" in statuses["friends"].warnings[0]
    wire.declare({"friends": {"opml": origin.url("/roll.opml"), "max_items": 10}})
    with wire.app() as app:
        assert [*app.sources] == ["friends", *(f"friends/feed-{number}" for number in range(10))]
        assert len(app.store.statuses()) == 11


def test_A10_outlines_that_left_their_list_leave_the_store_unless_they_have_articles(
    wire: Wire, origin: Origin
) -> None:
    ann, roll = ("Ann", origin.put("/ann", document())), Document(b"")
    wire.declare({"friends": {"opml": origin.put("/roll.opml", roll), "every": "1s"}})
    for number in range(4):
        roll.body = opml(*([ann] if number == 0 else []), (f"New {number}", origin.url(f"/gone-{number}")))
        wire.now += timedelta(hours=1)
        wire.turn(everything=True)
    ids = {id for (id,) in wire.execute("SELECT id FROM sources")}
    assert wire.execute("SELECT count(*) FROM visits") == [(3,)]
    assert ids == {"friends", "friends/ann", "friends/new-3"}


def test_A10_an_outline_whose_address_is_none_does_not_cost_the_list(wire: Wire, origin: Origin) -> None:
    body = opml(("", "http://[bad"), ("Ann", origin.put("/ann", document())))
    wire.declare({"friends": {"opml": origin.put("/roll.opml", Document(body))}})
    assert len(wire.turn().worse) == 1
    assert len(wire.items()) == 4
