"""One entry for each story, however many sources have it: whole turns with the step `dedupe`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta

import pytest
from origin import Document, Origin
from wire import Wire

pytestmark = pytest.mark.both_stores

LINK = "https://x.example/storm"
TEXT = " ".join(f"word{number}" for number in range(120))


def item(name: str, title: str, link: str | None = None, text: str = "") -> str:
    link = link or f"https://{name}.example/{title.replace(' ', '-')}"
    return f"<item><guid>{name}</guid><title>{title}</title><link>{link}</link><description>{text}</description></item>"


def document(*items: str) -> Document:
    return Document(f'<rss version="2.0"><channel><title>t</title>{"".join(items)}</channel></rss>'.encode())


def declare(wire: Wire, origin: Origin, *names: str, steps: Sequence[object] = ("dedupe",), **feed: object) -> None:
    sources = {name: {"feed": origin.url(f"/{name}")} for name in names}
    wire.declare(sources, {"once": {"title": "Once", "steps": [*steps], **feed}})


def entries(wire: Wire) -> list[tuple[str, str]]:
    """Title and id of each entry."""
    return [(str(entry["title"]), str(entry["id"])) for entry in wire.items("once")]


def also_at(wire: Wire) -> list[list[str]]:
    return [[twin["url"] for twin in entry.get("_feeds", {}).get("also_at", ())] for entry in wire.items("once")]


def turn(wire: Wire) -> None:
    wire.now += timedelta(hours=1)
    wire.turn(everything=True)


def events(wire: Wire) -> list[tuple[str, str]]:
    with wire.app() as app:
        return [(event.kind, event.published_id) for _, event in app.store.outbox(0, 100)]


def test_the_first_published_stays_and_names_the_others(wire: Wire, origin: Origin) -> None:
    origin.put("/a", document(item("a1", "Storm at sea", LINK)))
    origin.put("/b", document(item("b1", "Other news")))
    declare(wire, origin, "a", "b")
    turn(wire)
    before = dict(entries(wire))
    origin.put("/b", document(item("b1", "Other news"), item("b2", "A storm", f"{LINK}?utm_source=b")))
    turn(wire)
    assert dict(entries(wire)) == before
    assert sorted(also_at(wire)) == [[], [f"{LINK}?utm_source=b"]]
    assert len(events(wire)) == 2
    with wire.app() as app:
        assert len(list(app.articles(feed="once"))) == 2


def test_a_preferred_source_supplies_the_content_under_the_id_that_was_published_first(
    wire: Wire, origin: Origin
) -> None:
    origin.put("/a", document(item("a1", "Storm at sea", LINK)))
    origin.put("/b", document())
    declare(wire, origin, "a", "b", steps=[{"dedupe": {"prefer": ["nobody", "b"]}}])
    turn(wire)
    ((_, id),) = entries(wire)
    origin.put("/b", document(item("b1", "A storm", LINK)))
    turn(wire)
    assert entries(wire) == [("A storm", id)]
    assert events(wire) == [("article", id), ("article", id)]
    origin.put("/b", document(item("b1", "A storm again", LINK)))
    turn(wire)
    assert entries(wire) == [("A storm again", id)]


@pytest.mark.parametrize("end", ["forgotten", "its source left", "its source left the feed"])
def test_an_entry_stays_when_the_article_that_was_published_first_is_gone(wire: Wire, origin: Origin, end: str) -> None:
    origin.put("/a", document(item("a1", "Storm at sea", LINK)))
    origin.put("/b", document())
    declare(wire, origin, "a", "b")
    turn(wire)
    ((_, id),) = entries(wire)
    origin.put("/b", document(item("b1", "A storm", LINK)))
    turn(wire)
    declare(wire, origin, *("b" if end == "its source left" else "ab"))
    if end == "its source left the feed":
        declare(wire, origin, "a", "b", sources=["b"])
    if end == "forgotten":
        with wire.app() as app:
            app.store.forget("a", wire.now)
    for _ in range(2):
        turn(wire)
        assert entries(wire) == [("A storm", id)]
    assert {published_id for _, published_id in events(wire)} == {id}
    assert wire.command("verify").returncode == 0


def test_R4_a_story_that_was_retracted_comes_back_from_no_source(wire: Wire, origin: Origin) -> None:
    for name in "ab":
        origin.put(f"/{name}", document(item(f"{name}1", "A storm", LINK)))
    origin.put("/c", document(item("c1", "Other news")))
    declare(wire, origin, "a", "b", "c")
    turn(wire)
    with wire.app() as app:
        assert app.retract(LINK)
    origin.put("/c", document(item("c1", "Other news"), item("c2", "A storm", LINK)))
    turn(wire)
    assert [title for title, _ in entries(wire)] == ["Other news"]
    assert [kind for kind, _ in events(wire)].count("retract") == 1


def test_an_older_step_keeps_a_twin_out(wire: Wire, origin: Origin) -> None:
    for name in "ab":
        origin.put(f"/{name}", document(item(f"{name}1", f"A storm of {name}", LINK)))
    declare(wire, origin, "a", "b", steps=[{"drop": {"title": "of a"}}, "dedupe"])
    turn(wire)
    assert [title for title, _ in entries(wire)] == ["A storm of b"]
    assert also_at(wire) == [[]]
    shown = json.loads(wire.command("preview", "--feed", "once", "--steps", "--json").stdout)
    assert [(step["step"], len(step["merged"])) for step in shown["steps"]][1] == ("dedupe", 0)


@pytest.mark.parametrize("near", [True, False])
def test_articles_with_almost_the_same_text_are_one_story_for_a_feed_that_asks(
    wire: Wire, origin: Origin, near: bool
) -> None:
    origin.put("/a", document(item("a1", "Storm", text=TEXT)))
    origin.put("/b", document())
    declare(wire, origin, "a", "b", steps=[{"dedupe": {"near": near}}])
    turn(wire)
    first = entries(wire)
    changed = TEXT.replace("word50", "changed").replace("word90 ", "")
    origin.put("/b", document(item("b1", "Gale", text=changed), item("b2", "Calm", text=TEXT.replace("word", "other"))))
    turn(wire)
    assert {title for title, _ in entries(wire)} == ({"Storm", "Calm"} if near else {"Storm", "Gale", "Calm"})
    assert first[0] in entries(wire)


def test_an_entry_stays_when_its_own_source_takes_the_story_back(wire: Wire, origin: Origin) -> None:
    story = wire.home / "stories" / "storm.md"
    story.parent.mkdir()
    story.write_text(f"---\ntitle: Storm\nlink: {LINK}\n---\nWind.", encoding="utf-8")
    origin.put("/b", document())
    sources = {"desk": {"files": "../stories/*.md"}, "b": {"feed": origin.url("/b")}}
    wire.declare(sources, {"once": {"title": "Once", "steps": ["dedupe"]}})
    turn(wire)
    ((_, id),) = entries(wire)
    origin.put("/b", document(item("b1", "A storm", LINK)))
    turn(wire)
    story.unlink()
    turn(wire)
    assert entries(wire) == [("A storm", id)]
    assert [kind for kind, _ in events(wire)] == ["article", "article"]
    assert wire.command("verify").returncode == 0
    origin.put("/b", document(item("b1", "A storm at sea", LINK)))
    turn(wire)
    assert entries(wire) == [("A storm at sea", id)]
