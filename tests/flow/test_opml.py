"""OPML lists: each outline is a source."""

from __future__ import annotations

from origin import Document, Origin
from wire import Wire, rss


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
