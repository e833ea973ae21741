"""Another `site.url`: all addresses of ours move, and no reader finds anything new."""

from __future__ import annotations

import json
from datetime import timedelta

from origin import Document, Origin
from wire import Wire, rss

NEW_SITE = {"title": "The Example Wire", "url": "https://news.example.net/wire/"}


def test_R2_R21_another_address_of_the_site_moves_links_and_keeps_ids_dates_and_events(
    wire: Wire, origin: Origin
) -> None:
    stories = wire.config.parent / "stories"
    stories.mkdir(parents=True)
    (stories / "a.md").write_text("# A story of ours\n\nText.\n")
    address = origin.put("/a", Document(rss(*((f"{number}", f"Story {number}") for number in range(12)))))
    sources = {"a": address, "desk": {"files": "stories/*.md"}}
    feeds = {"all": {"title": "All", "steps": [{"limit": {"count": 5, "hours": 0}}]}}
    wire.declare(sources, feeds)
    wire.turn()
    origin.put("/a", Document(rss(*((f"{number}", f"Story {number}") for number in range(4, 16)))))
    wire.now += timedelta(hours=2)
    wire.turn()
    before, events = wire.files(), outbox(wire)
    assert "archive/all/1.atom" in before
    wire.declare(sources, feeds, site=NEW_SITE)
    wire.now += timedelta(hours=2)
    wire.turn()
    after = wire.files()
    assert after.keys() == before.keys()
    assert outbox(wire) == events
    old, new = b"https://wire.example.org/", NEW_SITE["url"].encode()
    for path in ("all.rss", "all.atom", "archive/all/1.atom"):
        assert before[path].replace(old, new) == after[path]
    for path, body in after.items():
        assert old not in body, path
    ids = [[(item["id"], item.get("date_published")) for item in json.loads(files["all.json"])["items"]]
           for files in (before, after)]  # fmt: skip
    assert ids[0] == ids[1]


def outbox(wire: Wire) -> list[tuple[int, str]]:
    """Number and id of each event."""
    with wire.app() as app:
        return [(number, event.published_id) for number, event in app.store.outbox(0, 1000)]
