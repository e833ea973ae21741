"""Stories whose ids change stay one article each, and new stories that look like old ones are taken (F21)."""

from __future__ import annotations

from datetime import timedelta
from html import escape

import pytest
from origin import Document, Origin
from wire import Wire

Item = tuple[str | None, str | None, str, str | None, str]  # id, link, title, date, text

BASE = "https://town.example"
EXACT = "Mon, 02 Mar 2026 07:41:12 GMT"
HOUR = "Mon, 02 Mar 2026 07:00:00 GMT"
DAY = "2026-03-02"
OTHERS: list[Item] = [
    (f"o{number}", f"{BASE}/o/{number}", f"Other {number}", f"Sun, 01 Mar 2026 0{number}:11:12 GMT", f"Text {number}.")
    for number in range(4)
]


def write_rss(items: list[Item]) -> bytes:
    """A document of RSS."""
    return "<rss version='2.0'><channel><title>Town</title>{}</channel></rss>".format(
        "".join(map(_item, items))
    ).encode()


def _item(item: Item) -> str:
    id, link, title, date, text = item
    guid = f"<guid isPermaLink='false'>{escape(id)}</guid>" if id else ""
    facts = {"link": link, "title": title, "pubDate": date, "description": text}
    return (
        f"<item>{guid}{''.join(f'<{name}>{escape(value)}</{name}>' for name, value in facts.items() if value)}</item>"
    )


SAME: dict[str, tuple[Item, Item]] = {
    "another id": (("a", f"{BASE}/a", "News", HOUR, "Text."), ("b", f"{BASE}/a", "News", HOUR, "Text.")),
    "and another text": (("a", f"{BASE}/a", "News", HOUR, "Text."), ("b", f"{BASE}/a", "News", HOUR, "More.")),
    "and another host": (
        ("a", f"{BASE}/a", "News", DAY, "Text."),
        ("b", "http://www.town.example/a/", "News", DAY, "More."),
    ),
    "and a session": (
        ("a", f"{BASE}/a?sid=1", "News", DAY, "Text."),
        ("b", f"{BASE}/a?sid=2", "News", DAY, "More."),
    ),
    "without a link": (("a", None, "News", DAY, "Text."), ("b", None, "News", DAY, "Text.")),
    "without a link, and another text": (
        ("a", None, "市議会", EXACT, "本文。"),
        ("b", None, "市議会", EXACT, "別の本文。"),
    ),
    "without link and date": (("a", None, "News", None, "Text."), ("b", None, "News", None, "Text.")),
    "another host, no date": (
        ("a", f"{BASE}/a", "Council votes on the bridge", None, "Text."),
        ("b", "http://www.town.example/a/", "Council votes on the bridge", None, "Text."),
    ),
    "a session and another text, no date": (
        ("a", f"{BASE}/a?sid=1", "市議会が橋の修理を可決", None, "本文。"),
        ("b", f"{BASE}/a?sid=2", "市議会が橋の修理を可決", None, "別の本文。"),
    ),
    "another permalink": (
        (f"{BASE}/?p=1", f"{BASE}/?p=1", "News", EXACT, "Text."),
        (f"{BASE}/2026/roundup", f"{BASE}/2026/roundup", "News", EXACT, "More."),
    ),
    "another permalink, no id": (
        (None, f"{BASE}/a", "Übersicht", EXACT, "Text."),
        (None, f"{BASE}/b", "Übersicht", EXACT, "More."),
    ),
    "a session, no id": (
        (None, f"{BASE}/a;jsessionid=1?x=2", "News", HOUR, "Text."),
        (None, f"{BASE}/a;jsessionid=2?x=2", "News", HOUR, "More."),
    ),
}
NEW: dict[str, tuple[Item, Item]] = {
    "another date": (("a", f"{BASE}/a", "News", HOUR, "Text."), ("b", f"{BASE}/a", "News", EXACT, "Text.")),
    "another text and link": (
        ("a", f"{BASE}/a", "News", HOUR, "Text."),
        ("b", f"{BASE}/b", "News", HOUR, "More."),
    ),
    "another text, no link": (("a", None, "News", DAY, "Text."), ("b", None, "News", DAY, "More.")),
    "another text, no date": (
        ("a", f"{BASE}/a", "News", None, "Text."),
        ("b", f"{BASE}/a", "News", None, "More."),
    ),
    "another link, no date": (
        ("a", f"{BASE}/a", "Council votes on the bridge", None, "Text."),
        ("b", f"{BASE}/b", "Council votes on the bridge", None, "More."),
    ),
    "nothing but a title": (("a", f"{BASE}/a", "News", None, ""), ("b", f"{BASE}/a", "News", None, "")),
    "another title": (("a", f"{BASE}/a", "News", EXACT, "Text."), ("b", f"{BASE}/a", "Results", EXACT, "Text.")),
    "another query": (
        ("a", f"{BASE}/?p=1", "News", DAY, "Text."),
        ("b", f"{BASE}/?p=2", "News", DAY, "More."),
    ),
}


@pytest.mark.parametrize(("before", "after"), SAME.values(), ids=SAME)
def test_F21_a_story_under_another_id_is_the_same_story(before: Item, after: Item, wire: Wire, origin: Origin) -> None:
    """Also once it is edited under the new id, and when it comes under the old one again."""
    document = Document(write_rss([before, *OTHERS]))
    wire.declare({"town": origin.put("/feed", document)})
    wire.turn()
    (id,) = {item["id"] for item in wire.items()} - {item["id"] for item in _others(wire)}
    edited = (after[0], after[1], "Another title", after[3], "Another text.")
    for number, item in enumerate((after, after, edited, before if after[0] and before[0] else edited)):
        document.body = write_rss([*OTHERS[:2], item, *OTHERS[2:]])
        wire.now += timedelta(hours=2)
        wire.turn()
        if number == 0:
            with wire.app() as app:
                assert app.status().sources[0].warnings == (
                    "Of its stories 1 came under new ids; title, date and link tell that they are those from before.",
                )
        if number < 3 or item[2] == "Another title":
            assert [item["id"] for item in wire.items() if item not in _others(wire)] == [id], number


def _others(wire: Wire) -> list[dict[str, object]]:
    return [item for item in wire.items() if str(item["title"]).startswith("Other ")]


@pytest.mark.parametrize(("before", "after"), NEW.values(), ids=NEW)
def test_F21_a_new_story_that_looks_like_an_old_one_is_taken(
    before: Item, after: Item, wire: Wire, origin: Origin
) -> None:
    document = Document(write_rss([before, *OTHERS]))
    wire.declare({"town": origin.put("/feed", document)})
    wire.turn()
    document.body = write_rss([after, *OTHERS])
    wire.now += timedelta(hours=2)
    wire.turn()
    assert len(wire.items()) == len(OTHERS) + 2


@pytest.mark.parametrize(("before", "after"), SAME.values(), ids=SAME)
def test_F21_stories_that_are_listed_together_are_two(before: Item, after: Item, wire: Wire, origin: Origin) -> None:
    document = Document(write_rss([before, *OTHERS]))
    wire.declare({"town": origin.put("/feed", document)})
    wire.turn()
    document.body = write_rss([after, before, *OTHERS])
    wire.now += timedelta(hours=2)
    wire.turn()
    assert len(wire.items()) == len(OTHERS) + 2


def test_R4_a_retracted_story_does_not_come_back_under_another_id(wire: Wire, origin: Origin) -> None:
    before, after = SAME["and another text"]
    document = Document(write_rss([before, *OTHERS]))
    wire.declare({"town": origin.put("/feed", document)})
    wire.turn()
    with wire.app() as app:
        assert app.store.retract(f"{BASE}/a", wire.now)
    for item in (after, (after[0], after[1], "Another title", after[3], "Another text.")):
        document.body = write_rss([item, *OTHERS])
        wire.now += timedelta(hours=2)
        wire.turn()
        assert len(wire.items()) == len(OTHERS)
