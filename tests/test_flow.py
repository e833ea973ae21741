"""The whole line: YAML in, feeds out, whatever the sources do."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import pytest
from origin import HANG, KEEP, RESET, Document, Origin, drip, raw, reply
from wire import Wire, rss, until

import feeds
from feeds.store import Store


@pytest.fixture
def wire(tmp_path: Path) -> Wire:
    return Wire(tmp_path)


def test_from_yaml_to_files(wire: Wire, origin: Origin) -> None:
    """The main job: one source, one feed, three formats and the list of them."""
    wire.declare({"a": origin.put("/a", Document(rss(("1", "One"), ("2", "Two"))))})
    turn = wire.turn()
    assert (turn.visits, turn.articles, turn.failures) == (1, 2, 0)
    assert {"all.rss", "all.atom", "all.json", "feeds.opml"} <= wire.files().keys()
    assert [item["title"] for item in wire.items()] == ["One", "Two"] or [i["title"] for i in wire.items()] == [
        "Two",
        "One",
    ]


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
    asked = {request.path: request.headers for request in origin.requests[3:]}
    assert asked["/tagged"]["if-none-match"] == 'W/"odd "'
    assert asked["/dated"]["if-modified-since"] == "Mon, 02 Mar 2026 07:00:00 GMT"
    assert not origin.marks().bad


def _store(wire: Wire) -> list[tuple[str, str, int]]:
    with wire.app() as app:
        return [(item.source_id, item.story_digest, item.changed) for item in app.store.articles()]


TROUBLE: Mapping[str, tuple[object, ...]] = {
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
    names = [path.strip("/") for path in TROUBLE]
    good = Document(rss(("1", "One"), ("2", "Two")))
    sources: dict[str, object] = {name: {"feed": origin.put(f"/{name}", good), "timeout": "10s"} for name in names}
    sources["good"] = origin.put("/good", good)
    wire.declare(sources)
    wire.turn()
    before = wire.files()
    for path, script in TROUBLE.items():
        origin.put(path, *script)  # type: ignore[arg-type]
    good.body = rss(("1", "One"), ("2", "Two"), ("3", "Three"))
    origin.put("/good", good)
    wire.now += timedelta(hours=2)
    turn = wire.turn()
    assert turn.visits == len(TROUBLE) + 1
    assert {name for name, _ in turn.worse} == set(names) - {"no-feed"}
    assert all(sentence for _, sentence in turn.worse)
    titles = [(item["_feeds"]["source"]["feed"], item["title"]) for item in wire.items()]  # type: ignore[index]
    assert len(titles) == 2 * (len(TROUBLE) + 1) + 1
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


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def killed_turn(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, bool], None]:
    """Return a function that makes a turn which ends just before or after its first call of a method of the store."""

    def turn(method: str, after: bool) -> None:
        original = getattr(Store, method)

        def replacement(*arguments: object, **options: object) -> None:
            if after:
                original(*arguments, **options)
            raise Killed

        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(Store, method, replacement)
            wire.turn()

    return turn


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_F1_a_turn_killed_at_a_ledger_is_completed(
    wire: Wire, origin: Origin, tmp_path: Path, killed_turn: Callable[[str, bool], None], after: bool
) -> None:
    """The list of feeds and the style sheets are there too, though the only feed may count as issued."""
    undisturbed = Wire(tmp_path / "undisturbed")
    for installation in (wire, undisturbed):
        installation.declare({"a": origin.put("/a", Document(rss(("1", "One"))))})
    undisturbed.turn()
    killed_turn("issued", after)
    wire.turn()
    assert wire.files() == undisturbed.files()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_F1_a_turn_killed_while_a_feed_is_withdrawn_is_completed(
    wire: Wire, origin: Origin, tmp_path: Path, killed_turn: Callable[[str, bool], None], after: bool
) -> None:
    undisturbed = Wire(tmp_path / "undisturbed")
    source = {"a": origin.put("/a", Document(rss(("1", "One"))))}
    for declared in ({"all": {"title": "All"}, "old": {"title": "Old"}}, {"all": {"title": "All"}}):
        for installation in (wire, undisturbed):
            installation.declare(source, declared)
        undisturbed.turn()
        if "old" in declared:
            wire.turn()
    killed_turn("withdraw", after)
    wire.turn()
    assert wire.files() == undisturbed.files()


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
    for visit in range(100):
        items = "".join(
            f"<item><guid isPermaLink='false'>{visit}-{n}</guid><title>Item {n}</title><link>https://a.example/{n}?utm_source=rss"
            f"</link><pubDate>Mon, 02 Mar 2026 0{n}:00:00 GMT</pubDate></item>"
            for n in range(9)
        )
        document.body = f"<rss version='2.0'><channel><title>t</title>{items}</channel></rss>".encode()
        wire.now += timedelta(hours=2)
        wire.turn()
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


def test_F1_a_killed_run_converges(wire: Wire, origin: Origin, tmp_path: Path) -> None:
    """kill -9 at ten random moments, then a run: the same files as an undisturbed one."""
    sources = {}
    for number in range(12):
        when = f"Mon, 02 Mar 2026 08:{number:02}:00 GMT"  # ties are broken by who was seen first: here are none
        items = [(f"urn:x:{number}-{item}", f"Item {item}") for item in range(40)]
        document = Document(rss(*items, title=f"Source {number}", when=when))
        sources[f"s{number}"] = origin.put(f"/s{number}", document)
    undisturbed = Wire(tmp_path / "undisturbed")
    for one in (wire, undisturbed):
        one.declare(sources)
    assert undisturbed.command("run").returncode == 0
    dice = random.Random(20260302)
    for _ in range(10):
        process = wire.start("run", "--all")
        time.sleep(dice.uniform(0.1, 1.5))
        process.kill()
        process.communicate()
    finished = wire.command("run", "--all")
    assert finished.returncode == 0, finished.stderr
    assert wire.files() == undisturbed.files()


# ── the daemon ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_F24_F38_a_second_instance_is_refused_and_sigterm_waits_for_no_source(wire: Wire, origin: Origin) -> None:
    hanging = {"feed": origin.put("/b", raw(HANG)), "timeout": "10m"}
    wire.declare({"a": origin.put("/a", Document(rss(("1", "One")))), "b": hanging})
    daemon = wire.start("daemon", "--listen", "127.0.0.1:0")
    try:
        until(lambda: (wire.public / "all.json").exists() and len(wire.items()) == 1)
        second = wire.command("run")
        assert second.returncode == 3
        assert str(daemon.pid) in second.stderr
    finally:
        daemon.send_signal(signal.SIGTERM)
        _, errors = daemon.communicate(timeout=300)
    assert daemon.returncode == 0, errors


@pytest.mark.slow
def test_F38_sigterm_stops_a_daemon_within_five_seconds(wire: Wire, origin: Origin) -> None:
    """On a machine with nothing else to do."""
    wire.declare({"a": origin.put("/a", Document(rss(("1", "One")))), "b": origin.put("/b", raw(HANG))})
    with wire.start("daemon", "--listen", "127.0.0.1:0") as daemon:
        until(lambda: (wire.public / "all.json").exists() and len(wire.items()) == 1)
        began = time.monotonic()
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait() == 0
        assert time.monotonic() - began < 5


# ── real feeds ──────────────────────────────────────────────────────────────────────────────────────────────────────

CORPORA = os.environ.get("FEEDS_CORPORA")

# What a format cannot carry, as members of a JSON Feed item, those of `_feeds` after a stroke.
LOST: Mapping[str, frozenset[str]] = {
    # Of people RSS and Atom keep the names, of attachments not the title; of an item's origin RSS keeps title and feed;
    # a date of change RSS has not, and Atom demands one. Neither tells the page that a link post is about, nor facts
    # that have no element.
    "rss": frozenset({"summary", "date_modified", "external_url", "_feeds/source", "_feeds/media", "_feeds/extra"}),
    "atom": frozenset({"summary", "date_modified", "external_url", "_feeds/source", "_feeds/media", "_feeds/extra"}),
    "json": frozenset(),
}
NOT_COMPARED = frozenset({"author", "_feeds/found", "_feeds/reader", "_feeds/published_id", "_feeds/podcast"})
UNTITLED_AND_EMPTY = frozenset({"content_text", "content_html", "title"})  # RSS must say something (R26)


def _facts(item: Mapping[str, object], names_only: bool) -> dict[str, object]:
    facts = {name: value for name, value in item.items() if name != "_feeds"}
    facts |= {f"_feeds/{name}": value for name, value in item.get("_feeds", {}).items()}  # type: ignore[attr-defined]
    if names_only and "authors" in facts:
        facts["authors"] = [author["name"] for author in facts["authors"] if "name" in author]  # type: ignore[attr-defined]
    if names_only and "attachments" in facts:  # an enclosure has no title
        facts["attachments"] = [one | {"title": None} for one in facts["attachments"]]  # type: ignore[attr-defined]
    return {name: value for name, value in facts.items() if name not in NOT_COMPARED and value}


@pytest.mark.skipif(not CORPORA, reason="FEEDS_CORPORA names no folder of real feeds")
def test_every_real_feed_is_pulled_published_and_read_back(wire: Wire, origin: Origin) -> None:
    documents = {f"f{number}": path for number, path in enumerate(sorted(Path(str(CORPORA), "real-feeds").iterdir()))}
    sources = {}
    for name, path in documents.items():
        kind = "application/json" if path.suffix == ".json" else "text/xml"
        document = Document(path.read_bytes(), etag=f'"{name}"', headers={"content_type": kind})
        sources[name] = origin.put(f"/{name}", document)
    everything = {name: {"title": name, "sources": [name], "steps": [{"limit": 100000}]} for name in documents}
    wire.declare(sources, everything)
    turn = wire.turn()
    assert turn.visits == len(documents)
    for name, path in documents.items():
        try:
            wanted = feeds.read(path.read_bytes(), sources[name])
        except feeds.ParseError:
            continue
        assert len(wire.items(name)) >= len({item["id"] for item in wanted["items"]}), path.name  # type: ignore[attr-defined]
        _reads_back(wire, name)
    before = wire.inodes()
    asked = len(origin.requests)
    wire.now += timedelta(days=1)
    again = wire.turn()
    assert (again.articles, again.files) == (0, [])
    assert wire.inodes() == before
    assert all("if-none-match" in request.headers for request in origin.requests[asked:])


def _reads_back(wire: Wire, name: str) -> None:
    """R16–R40: what was published is read by our own parser as the same articles."""
    told = {item["id"]: item for item in wire.items(name)}
    for suffix, lost in LOST.items():
        body = (wire.public / f"{name}.{suffix}").read_bytes()
        read = {item["id"]: item for item in feeds.read(body, f"https://wire.example.org/{name}.{suffix}")["items"]}  # type: ignore[attr-defined]
        assert read.keys() == told.keys()
        for key, item in told.items():
            before, after = _facts(item, suffix != "json"), _facts(read[key], suffix != "json")
            differ = {fact for fact in before.keys() | after.keys() if before.get(fact) != after.get(fact)} - lost
            if "title" not in before and "content_html" not in before:
                differ -= UNTITLED_AND_EMPTY
            if suffix == "atom" and "authors" not in before:
                differ -= {"authors"}  # the feed's author answers for it (R16)
            assert not differ, (name, suffix, [(before.get(fact), after.get(fact)) for fact in differ])
