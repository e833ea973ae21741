"""Whole turns: YAML in, feeds out, whatever the sources do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta

import pytest
from origin import HANG, KEEP, RESET, Document, Origin, drip, raw, reply
from wire import Wire, rss

pytestmark = pytest.mark.both_stores


def test_from_yaml_to_files(wire: Wire, origin: Origin) -> None:
    """The main job: one source, one feed, three formats and the list of them."""
    wire.declare({"a": origin.put("/a", Document(rss(("1", "One"), ("2", "Two"))))})
    turn = wire.turn()
    assert (turn.visits, turn.articles, turn.failures) == (1, 2, 0)
    assert {"all.rss", "all.atom", "all.json", "feeds.opml"} <= wire.files().keys()
    assert sorted(str(item["title"]) for item in wire.items()) == ["One", "Two"]


def test_E1_E4_R9_a_second_turn_asks_conditionally_and_writes_nothing(wire: Wire, origin: Origin) -> None:
    wire.declare(
        {
            "tagged": origin.put("/tagged", Document(rss(("1", "One")), etag='W/"odd "')),
            "dated": origin.put("/dated", Document(rss(("1", "One")), last_modified="Mon, 02 Mar 2026 07:00:00 GMT")),
            "bare": origin.put("/bare", Document(rss(("1", "One")))),
        }
    )
    wire.turn()
    before, stored = wire.inodes(), _store(wire)
    wire.now += timedelta(hours=2)
    turn = wire.turn()
    assert (turn.visits, turn.not_modified, turn.articles, turn.files) == (3, 3, 0, [])
    assert wire.inodes() == before
    assert _store(wire) == stored
    headers = {request.path: request.headers for request in origin.requests[3:]}
    assert headers["/tagged"]["if-none-match"] == 'W/"odd "'
    assert headers["/dated"]["if-modified-since"] == "Mon, 02 Mar 2026 07:00:00 GMT"
    assert not origin.marks().bad


def _store(wire: Wire) -> list[tuple[str, str, int]]:
    with wire.app() as app:
        return [(item.source_id, item.story_digest, item.changed) for item in app.store.articles()]


FAULTS: Mapping[str, tuple[object, ...]] = {
    "/refuses": (raw(RESET),),
    "/hangs": (raw(HANG),),
    "/drips": (drip(b"HTTP/1.1 200 OK\r\ncontent-type: text/xml\r\n\r\n<rss>"),),
    "/garbage": (raw(reply(bytes(range(256)) * 40, content_type="text/xml"), KEEP),),
    "/empty": (raw(reply(b""), KEEP),),
    "/missing": (raw(reply(b"no", 404), KEEP),),
    "/broken": (raw(reply(b"no", 500), KEEP),),
    "/html": (raw(reply(b"<html><title>Sign in</title><form><input type=password></form></html>"), KEEP),),
    "/cut": (raw(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n" + rss(("1", "One"))),),
    "/no-feed": (raw(reply(rss(), content_type="text/xml"), KEEP),),
}


def test_a_source_in_trouble_disturbs_no_other_and_loses_nothing(wire: Wire, origin: Origin) -> None:
    """Whatever a source does, the others are pulled, and its own articles stay."""
    names = [path.strip("/") for path in FAULTS]
    good = Document(rss(("1", "One"), ("2", "Two")))
    sources: dict[str, object] = {name: {"feed": origin.put(f"/{name}", good), "timeout": "10s"} for name in names}
    sources["good"] = origin.put("/good", good)
    wire.declare(sources)
    wire.turn()
    before = wire.files()
    for path, script in FAULTS.items():
        origin.put(path, *script)  # type: ignore[arg-type]
    good.body = rss(("1", "One"), ("2", "Two"), ("3", "Three"))
    origin.put("/good", good)
    wire.now += timedelta(hours=2)
    turn = wire.turn()
    assert turn.visits == len(FAULTS) + 1
    assert {name for name, _ in turn.worse} == set(names) - {"no-feed"}
    assert all(sentence for _, sentence in turn.worse)
    titles = [(item["_feeds"]["source"]["feed"], item["title"]) for item in wire.items()]  # type: ignore[index]
    assert len(titles) == 2 * (len(FAULTS) + 1) + 1
    assert len(before["all.json"]) < len(wire.files()["all.json"])


def test_S20_one_source_cannot_touch_the_articles_of_another(wire: Wire, origin: Origin) -> None:
    """Two sources with the same item id, an absolute IRI: each keeps its own article, the first keeps the id."""
    iri = "https://a.example/same"
    wire.declare({"a": origin.put("/a", Document(rss((iri, "A's own"))))})
    wire.turn()
    wire.declare(
        {
            "a": origin.put("/a", Document(rss((iri, "A's own")))),
            "b": origin.put("/b", Document(rss((iri, "B's own")))),
        }
    )
    wire.turn()
    ids = {item["title"]: item["id"] for item in wire.items()}
    assert ids["A's own"] == iri
    assert ids["B's own"] != iri
    assert len(ids) == 2


def test_R2_an_edited_item_keeps_its_id_and_shows_the_edit(wire: Wire, origin: Origin) -> None:
    document = Document(rss(("1", "One")))
    wire.declare({"a": origin.put("/a", document)})
    wire.turn()
    (before,) = wire.items()
    document.body = rss(("1", "One, corrected"), when="Tue, 03 Mar 2026 08:00:00 GMT")
    wire.now += timedelta(days=2)
    assert wire.turn().articles == 1
    (after,) = wire.items()
    assert after["id"] == before["id"]
    assert after["title"] == "One, corrected"


def test_a_feed_taken_out_of_the_yaml_loses_its_files(wire: Wire, origin: Origin) -> None:
    source = {"a": origin.put("/a", Document(rss(("1", "One"))))}
    wire.declare(source, {"all": {"title": "All"}, "old": {"title": "Old"}})
    wire.turn()
    assert "old.rss" in wire.files()
    wire.declare(source, {"all": {"title": "All"}})
    wire.turn()
    assert not [name for name in wire.files() if name.startswith("old")]


def test_a_missing_file_is_written_again(wire: Wire, origin: Origin) -> None:
    wire.declare({"a": origin.put("/a", Document(rss(("1", "One"))))})
    wire.turn()
    before = wire.files()
    (wire.public / "all.atom").unlink()
    assert wire.turn().files == ["all.atom"]
    assert wire.files() == before


def test_F31_an_empty_document_removes_nothing(wire: Wire, origin: Origin) -> None:
    document = Document(rss(*((str(number), f"Item {number}") for number in range(20))))
    wire.declare({"a": origin.put("/a", document)})
    wire.turn()
    document.body = rss()
    wire.now += timedelta(hours=2)
    wire.turn()
    assert len(wire.items()) == 20


def test_F21_ids_that_change_at_every_visit_do_not_flood(wire: Wire, origin: Origin) -> None:
    """A hundred visits to a source that makes up new guids each time: the number of articles stays."""
    document = Document(b"")
    wire.declare({"a": origin.put("/a", document)})
    with wire.app() as app:
        for visit in range(100):
            items = "".join(
                f"<item><guid isPermaLink='false'>{visit}-{n}</guid><title>Item {n}</title>"
                f"<link>https://a.example/{n}?utm_source=rss</link>"
                f"<pubDate>Mon, 02 Mar 2026 0{n}:00:00 GMT</pubDate></item>"
                for n in range(9)
            )
            document.body = f"<rss version='2.0'><channel><title>t</title>{items}</channel></rss>".encode()
            wire.now += timedelta(hours=2)
            app.turn()
    assert len(wire.items()) == 9


def test_R13_an_undated_item_keeps_the_time_it_was_first_seen(wire: Wire, origin: Origin) -> None:
    document = Document(
        b"<rss version='2.0'><channel><title>t</title><item><title>No date</title></item></channel></rss>"
    )
    wire.declare({"a": origin.put("/a", document)})
    wire.turn()
    before = wire.files()
    for visit in range(5):
        document.body += b"<!-- %d -->" % visit
        wire.now += timedelta(hours=2)
        wire.turn()
    assert wire.files() == before


def _run_modules(wire: Wire) -> set[str]:
    """The modules that a run loads."""
    argv = [sys.executable, "-X", "importtime", *wire.argv("run")[1:]]
    result = subprocess.run(argv, cwd=wire.home, env=wire.env(), capture_output=True, text=True, check=True)
    return {line.rpartition("|")[2].strip() for line in result.stderr.splitlines()}


# What tells a webhook or a hub, and what serves several machines, PostgreSQL and object stores.
EXTRAS = {"obstore", "procrastinate", "psycopg", "feeds.app.background_sender", "feeds.app.hub_announcer"}
EXTRAS |= {"feeds.app.job_queue", "feeds.app.shared_app", "feeds.app.webhook_notifier", "feeds.app.workers"}
EXTRAS |= {"feeds.publish.object_store", "feeds.push.announcement", "feeds.push.webhook", "feeds.store.postgres"}


@pytest.mark.sqlite("it counts modules, and the libraries of PostgreSQL are more of them")
def test_L3_a_run_with_nothing_due_loads_no_client_parser_or_writer(wire: Wire, origin: Origin) -> None:
    wire.declare({"a": origin.put("/a", Document(rss(("1", "One"))))})
    assert not _run_modules(wire) & EXTRAS
    assert wire.items()
    modules = _run_modules(wire)
    assert "sqlalchemy" in modules
    assert not modules & EXTRAS
    assert not modules & {"alembic", "feedgen", "feedparser", "lxml", "nh3", "requests", "rich", "urllib3"}
    assert len(modules) < 650
    assert len(origin.requests) == 1


def test_C5_a_story_that_is_dated_long_ago_is_shown_when_it_arrives_late(wire: Wire, origin: Origin) -> None:
    """What came with the first listing counts by its date, and is not shown beyond the newest 50."""
    day = "Mon, 02 Mar 2026 08:00:00 GMT"
    items = [(f"{n}", f"Story {n}") for n in range(60)]
    old = rss(("old", "Old"), when="Thu, 01 Jan 2026 08:00:00 GMT").replace(b"</channel></rss>", b"")
    old_item = old[old.index(b"<item>") :]
    feed = Document(rss(*items, when=day).replace(b"</channel>", old_item.replace(b"old", b"backlog") + b"</channel>"))
    wire.declare({"a": {"feed": origin.put("/a", feed), "every": "1s"}}, {"all": {"title": "All"}})
    wire.turn()
    assert "backlog" not in {item["id"] for item in wire.items()}
    shown = len(wire.items())
    feed.body = feed.body.replace(b"</channel>", old_item + b"</channel>")
    wire.now += timedelta(hours=1)
    wire.turn(everything=True)
    assert len(wire.items()) == shown + 1
    assert wire.items()[-1]["title"] == "Old"


def _story(link: str, text: str = "Text", dates: str = "") -> Document:
    facts = f"<guid isPermaLink='false'>1</guid><title>One</title><link>{link}</link><description>{text}</description>"
    item = f"<item>{facts}{dates}</item>"
    return Document(f"<rss version='2.0'><channel><title>A</title>{item}</channel></rss>".encode())


def _events(wire: Wire) -> int:
    with wire.app() as app:
        return len(app.store.outbox(0, 100))


def test_R11_a_session_in_a_link_tells_no_subscriber_of_a_change(wire: Wire, origin: Origin) -> None:
    wire.declare({"a": origin.put("/a", _story("https://a.example/1?sid=1"))})
    wire.turn()
    (first,) = wire.items()
    for number in (2, 3):
        origin.put("/a", _story(f"https://a.example/1?sid={number}"))
        wire.now += timedelta(hours=2)
        wire.turn()
        (item,) = wire.items()
        assert (item["id"], item["url"]) == (first["id"], f"https://a.example/1?sid={number}")
        assert (item.get("date_modified"), _events(wire)) == (first.get("date_modified"), 1)
    origin.put("/a", _story("https://a.example/1?sid=4", "Another text"))
    wire.now += timedelta(hours=2)
    wire.turn()
    assert _events(wire) == 2


def test_C1_the_first_date_of_an_entry_stays_whatever_its_source_does(wire: Wire, origin: Origin) -> None:
    updated = "<updated xmlns='http://www.w3.org/2005/Atom'>2026-03-0{}T10:00:00Z</updated>".format
    shown = []
    for text, dates in (("a", updated(1)), ("b", updated(2)), ("c", ""), ("d", "<pubDate>yesterday-ish</pubDate>")):
        wire.declare({"a": origin.put("/a", _story("https://a.example/1", text, dates))})
        wire.turn()
        (item,) = wire.items()
        shown.append((item["date_published"], "date_modified" in item, "<pubDate>" in wire.files()["all.rss"].decode()))
        wire.now += timedelta(hours=2)
    assert shown == [("2026-03-01T10:00:00Z", True, True)] * 4


def test_other_bytes_of_the_same_articles_are_news_to_nobody(wire: Wire, origin: Origin) -> None:
    """After a release that writes a format otherwise, each feed is issued once and the outbox stays."""
    wire.declare({"a": origin.put("/a", Document(rss(("1", "One"))))})
    wire.turn()
    items, events = wire.items(), _events(wire)
    wire.execute("UPDATE ledgers SET fingerprint = 'of another release'")
    for file in wire.public.glob("all.*"):
        file.write_bytes(b"of another release")
    assert {path.partition(".")[0] for path in wire.turn().files} == {"all"}
    assert wire.turn().files == []
    assert (wire.items(), _events(wire)) == (items, events)
