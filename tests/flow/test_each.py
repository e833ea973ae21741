"""`each`: a feed of each source, or of each tag."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
from asgi import ask
from origin import Document, Origin
from wire import Wire, document, rss

from feeds.app.operations import OperationIO, PublishRequest, perform_operation
from feeds.app.server_process import create_server_app
from feeds.app.verification import verify_installation
from feeds.config import load
from feeds.normalize import tag_slug


def titles(wire: Wire, folder: str) -> dict[str, str]:
    """The title of each feed in a folder, by its name there."""
    paths = (wire.public / folder).rglob("*.json")
    return {str(path.relative_to(wire.public / folder))[:-5]: json.loads(path.read_bytes())["title"] for path in paths}


def items(wire: Wire, feed: str) -> list[object]:
    return [item["title"] for item in wire.items(feed)]


def write_story(wire: Wire, name: str, tags: str) -> Path:
    path = wire.home / "config/stories" / f"{name}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"---\ntitle: {name}\ndate: 2026-03-01\ntags: [{tags}]\n---\nText.\n")
    return path


def declare(wire: Wire, origin: Origin, sources: Mapping[str, object], feeds: Mapping[str, object]) -> None:
    declared = {id: {"feed": origin.url(f"/{id}"), **keys} for id, keys in sources.items() if isinstance(keys, dict)}
    wire.declare({**sources, **declared}, feeds)


def verify(wire: Wire) -> list[object]:
    with wire.app() as app:
        return list(verify_installation(load(wire.config, {}), app.store))


def test_each_source_has_a_feed_titled_as_it_calls_itself(wire: Wire, origin: Origin) -> None:
    origin.put("/a", Document(rss(("1", "One"), title="Alpha")))
    origin.put("/b", Document(rss(("2", "Two"), title="Beta")))
    by_source = {"each": "source", "title": "From {source}", "description": "All of {source}"}
    declare(wire, origin, {"a": {}, "b": {}}, {"by": by_source})
    wire.turn()
    assert titles(wire, "by") == {"a": "From Alpha", "b": "From Beta"}
    assert (items(wire, "by/a"), items(wire, "by/b")) == (["One"], ["Two"])
    assert b'xmlUrl="https://wire.example.org/by/a.rss"' in (wire.public / "feeds.opml").read_bytes()
    with wire.app() as app:
        assert app.turn().files == []
        assert [feed.feed_id for feed in app.status().feeds] == ["by/a", "by/b"]
        assert [article.title for article in app.articles(feed="by/a")] == ["One"]
        (wire.public / "by/a.rss").write_text("")
        request = PublishRequest(("by",))
        assert perform_operation(app, request, OperationIO()).files == ("by/a.rss",)
    assert verify(wire) == []


def test_A14_renamed_sources_and_feeds_lead_readers_on(wire: Wire, origin: Origin) -> None:
    def atom_id(path: str) -> str:
        return re.findall("<id>(.*?)</id>", (wire.public / path).read_text())[0]

    origin.put("/a", document())
    origin.put("/c", document())
    declare(wire, origin, {"a": {}}, {"by": {"each": "source"}})
    wire.turn()
    before = atom_id("by/a.atom")
    declare(wire, origin, {"c": {"was": ["a"]}}, {"each": {"each": "source", "was": ["by"]}})
    wire.turn()
    assert atom_id("each/c.atom") == before and not (wire.public / "by/a.rss").exists()
    response = ask(create_server_app(load(wire.config, {})), "/by/a.atom")
    assert (response.status, response.headers["location"]) == (301, "/each/c.atom")
    declare(wire, origin, {}, {"each": {"each": "source"}})
    wire.turn()
    assert ask(create_server_app(load(wire.config, {})), "/each/c.rss").status == 410


def test_each_source_takes_the_outlines_of_lists_and_keeps_private_ones_out(wire: Wire, origin: Origin) -> None:
    outlines = f'<outline type="rss" text="Ann" xmlUrl="{origin.url("/ann")}"/>'
    origin.put("/list", Document(f'<opml version="2.0"><body>{outlines}</body></opml>'.encode()))
    for name in ("ann", "b", "c"):
        origin.put(f"/{name}", Document(rss(("1", "One"), title=name.upper())))
    sources = {"friends": {"opml": origin.url("/list")}, "b": {"tags": ["x"]}, "c": {"private": True}}
    declared = {id: {"feed": origin.url(f"/{id}"), **keys} if id != "friends" else keys for id, keys in sources.items()}
    feeds = {
        "by": {"each": "source"},
        "x": {"each": "source", "tags": ["X"]},
        "named": {"each": "source", "sources": ["c"]},
    }
    wire.declare(declared, feeds)
    wire.turn()
    assert titles(wire, "by") == {"friends/ann": "ANN", "b": "B"}
    assert titles(wire, "x") == {"b": "B"} and titles(wire, "named") == {"c": "C"}
    assert verify(wire) == []


@pytest.mark.parametrize(
    ("tag", "part"),
    [
        *[("New York", "new-york"), ("new_york", "new-york"), ("Café", "cafe"), ("c", "c")],
        *[("C++", "c-cedb1b"), ("C#", "c-951a4d"), ("新聞", "tag-9c200f"), ("--", "tag-d8156b")],
    ],
)
def test_a_tag_is_a_part_of_an_id_that_no_other_tag_has(tag: str, part: str) -> None:
    assert tag_slug(tag) == part


def test_each_tag_of_sources_and_of_our_own_stories_has_a_feed(wire: Wire, origin: Origin) -> None:
    origin.put("/a", document(("1", "One")))
    story = write_story(wire, "rain", "Weather, New York")
    feeds = {"tags": {"each": "tag", "title": "On {tag}"}}
    declare(wire, origin, {"a": {"tags": ["World", "weather"]}, "desk": {}}, feeds)
    sources = {"a": {"feed": origin.url("/a"), "tags": ["World", "weather"]}, "desk": {"files": "stories/*.md"}}
    wire.declare(sources, feeds)
    wire.turn()
    assert titles(wire, "tags") == {"world": "On World", "weather": "On weather", "new-york": "On New York"}
    assert sorted(map(str, items(wire, "tags/weather"))) == ["One", "rain"] and items(wire, "tags/world") == ["One"]
    # A tag that its stories lost may come back; a tag that the YAML lost was taken out.
    story.write_text(story.read_text().replace("New York", "Boston"))
    wire.declare({**sources, "a": {"feed": origin.url("/a"), "tags": ["weather"]}}, feeds)
    wire.now = wire.now.replace(hour=14)
    wire.turn()
    assert set(titles(wire, "tags")) == {"weather", "new-york", "boston"}
    assert items(wire, "tags/new-york") == [] and items(wire, "tags/boston") == ["rain"]
    assert ask(create_server_app(load(wire.config, {})), "/tags/world.rss").status == 410
    assert verify(wire) == []
