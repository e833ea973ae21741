"""Steps in whole turns: what subscribers and operators see of them."""

from __future__ import annotations

import json
from datetime import timedelta
from xml.etree import ElementTree

from click.testing import CliRunner
from origin import Document, Origin
from wire import Wire, rss

from feeds.cli import cli

STEPS: list[object] = [
    {"drop": {"title": "(?i)sponsored"}},
    {"rewrite": {"title": {"One": "First"}, "text": {"About": "On"}}},
    "strip",
    {"tag": {"add": ["weather"], "when": {"title": ["First"]}}},
    {"prefix": "[{source}]"},
    {"sort": "title"},
]


def add_item(body: bytes, item: tuple[str, str], when: str) -> bytes:
    """Return an RSS document with one item more."""
    _, tag, rest = rss(item, when=when).partition(b"<item>")
    return body.replace(b"</channel>", tag + rest.partition(b"</channel>")[0] + b"</channel>")


def dates(wire: Wire) -> dict[str, str | None]:
    """Return atom:updated of each entry, by its id."""
    atom = "{http://www.w3.org/2005/Atom}"
    entries = ElementTree.fromstring((wire.public / "all.atom").read_bytes()).findall(f"{atom}entry")
    return {str(entry.findtext(f"{atom}id")): entry.findtext(f"{atom}updated") for entry in entries}


def events(wire: Wire) -> list[str]:
    """Return the titles in the outbox."""
    with wire.app() as app:
        return [json.loads(event.item)["title"] for _, event in app.store.outbox(0, 100) if event.item]


def test_R11_a_step_that_is_edited_moves_no_date_and_tells_subscribers_nothing(wire: Wire, origin: Origin) -> None:
    one, edited = rss(("1", "One"), ("2", "Two")), rss(("1", "One"), ("2", "Two again"))
    sources = {"a": origin.put("/a", Document(one), Document(edited))}
    wire.declare(sources, {"all": {}})
    wire.turn()
    before = dates(wire)
    wire.now += timedelta(minutes=1)
    wire.declare(sources, {"all": {"steps": STEPS}})
    wire.turn()
    assert [(item["title"], item.get("tags")) for item in wire.items()] == [
        ("[a] First", ["weather"]),
        ("[a] Two", None),
    ]
    assert dates(wire) == before
    assert sorted(events(wire)) == ["One", "Two"]
    inodes = wire.inodes()
    wire.turn(everything=False)
    assert wire.inodes() == inodes
    wire.now += timedelta(hours=2)
    wire.turn()
    assert [item["title"] for item in wire.items()] == ["[a] First", "[a] Two again"]
    assert events(wire)[2:] == ["[a] Two again"]
    assert len(dates(wire).items() - before.items()) == 1


def test_R5_age_counts_from_the_newest_article_of_the_feed(wire: Wire, origin: Origin) -> None:
    """Also where the newest is an addition with an old date, which stands at the end of the articles."""
    february = rss(("1", "One"), ("2", "Two"), when="Sun, 01 Feb 2026 08:00:00 GMT")
    later = add_item(february, ("3", "Three"), "Wed, 01 Jan 2020 08:00:00 GMT")
    wire.declare(
        {"a": origin.put("/a", Document(february), Document(later))}, {"all": {"steps": [{"keep": {"age": "30d"}}]}}
    )
    wire.turn()
    assert len(wire.items()) == 2
    wire.now += timedelta(days=40)
    wire.turn()
    assert wire.items() == []
    wire.declare({"a": origin.url("/a")}, {"all": {"steps": [{"keep": {"age": "80d"}}]}})
    wire.turn()
    assert len(wire.items()) == 2


def test_preview_tells_what_each_step_did_to_which_article_and_why(wire: Wire, origin: Origin) -> None:
    body = add_item(
        rss(("1", "One"), ("2", "A Sponsored text"), ("3", "Three")), ("4", "Four"), "Sun, 01 Mar 2026 08:00:00 GMT"
    )
    sources = {"a": {"feed": origin.put("/a", Document(body)), "steps": [{"limit": {"per_source": 3}}]}}
    steps = [*STEPS, {"limit": {"count": 1, "hours": 0}}]
    wire.declare(sources, {"all": {"steps": steps}})
    wire.turn()
    runner = CliRunner()
    arguments = ["--config", str(wire.config), "preview", "--feed", "all", "--steps"]
    preview = json.loads(runner.invoke(cli, [*arguments, "--json"]).stdout)
    of_source, dropped, rewritten, stripped, tagged, prefixed, ordered, limited = preview["steps"]
    assert [step["step"] for step in preview["steps"]] == [
        "a: limit: 50",
        "drop: title",
        "rewrite: title, text",
        "strip",
        "tag",
        "prefix: [{source}]",
        "sort: title",
        "limit: 1",
    ]
    assert [article["reason"] for article in of_source["dropped"]] == ["over per_source: 3"]
    assert [(article["title"], article["reason"]) for article in dropped["dropped"]] == [
        ("A Sponsored text", "title has “Sponsored”")
    ]
    changes = {article["title"]: article["changes"] for article in rewritten["changed"]}
    assert changes["First"]["title"] == {"before": "One", "after": "First"}
    assert changes["Three"].keys() == {"html"}
    assert stripped == {"step": "strip", "dropped": [], "changed": [], "merged": [], "moved": []}
    assert [article["changes"]["tags"] for article in tagged["changed"]] == [{"before": [], "after": ["weather"]}]
    assert len(prefixed["changed"]) == 2 and not ordered["changed"]
    assert [(article["from"], article["to"]) for article in ordered["moved"]] in ([], [(2, 1), (1, 2)])
    assert [article["reason"] for article in limited["dropped"]] == ["over count: 1"]
    assert [article["title"] for article in preview["articles"]] == [item["title"] for item in wire.items()]
    text = runner.invoke(cli, arguments).stdout
    for line in ("title: “One” → “First”", "tags: nothing → “weather”", ": title has “Sponsored”", "strip drops 0 art"):
        assert line in text
