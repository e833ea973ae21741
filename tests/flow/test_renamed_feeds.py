"""A feed under another id: its readers are led to it, and nothing they know of it changes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise

import pytest
from asgi import ask
from origin import Origin
from wire import Wire, document

from feeds.app.server_process import create_server_app
from feeds.config import load
from feeds.errors import PublishError

pytestmark = pytest.mark.both_stores

FORMATS = ("rss", "atom", "json")


@pytest.fixture(autouse=True)
def feed(origin: Origin) -> None:
    """The feed of the only source."""
    origin.put("/a", document())


def publish(wire: Wire, origin: Origin, feeds: Mapping[str, object]) -> None:
    """Declare these feeds and make a turn."""
    wire.declare({"a": origin.url("/a")}, feeds)
    wire.turn()


def ids(wire: Wire, feed: str) -> list[str]:
    """The Atom ids of a feed and its entries."""
    return re.findall("<id>(.*?)</id>", (wire.public / f"{feed}.atom").read_text())


def ask_server(wire: Wire, path: str) -> tuple[int, str]:
    """Status and location that the built-in server answers."""
    answer = ask(create_server_app(load(wire.config, {})), path)
    return answer.status, answer.headers.get("location", "")


def test_A14_a_renamed_feed_leads_its_readers_to_the_new_address_and_keeps_its_ids(wire: Wire, origin: Origin) -> None:
    publish(wire, origin, {"all": {"title": "All"}})
    before = ids(wire, "all")
    with wire.app() as app:
        ledger, events = app.store.ledger("all"), app.store.outbox(0, 99)
    publish(wire, origin, {"news": {"title": "All", "was": "all"}})
    assert ids(wire, "news") == before
    assert not list(wire.public.glob("all.*"))
    for suffix in FORMATS:
        status, location = ask_server(wire, f"/all.{suffix}")
        assert status == 301 and location.endswith(f"/news.{suffix}")
    with wire.app() as app:
        assert app.store.ledger("news").entries == ledger.entries
        assert [number for number, _ in app.store.outbox(0, 99)] == [number for number, _ in events]
        assert app.turn().files == []
    stands = wire.inodes()
    publish(wire, origin, {"news": {"title": "All"}})  # the key may go once it has done its work
    assert (wire.inodes(), ids(wire, "news")) == (stands, before)
    assert ask_server(wire, "/all.rss")[0] == 301


@pytest.mark.parametrize("names", [("all", "news", "all"), ("all", "news", "all", "news"), ("all", "b", "c")])
def test_A14_each_name_that_a_feed_ever_had_leads_to_its_present_one(
    wire: Wire, origin: Origin, names: tuple[str, ...]
) -> None:
    publish(wire, origin, {names[0]: {}})
    before = ids(wire, names[0])
    for old, new in pairwise(names):
        publish(wire, origin, {new: {"title": "all", "was": [old]}})
    assert ids(wire, names[-1]) == before
    assert ask_server(wire, f"/{names[-1]}.rss")[0] == 200
    for name in {*names} - {names[-1]}:
        status, location = ask_server(wire, f"/{name}.rss")
        assert status == 301 and location.endswith(f"/{names[-1]}.rss")


def test_A14_feeds_become_one_also_one_that_is_there_already(wire: Wire, origin: Origin) -> None:
    publish(wire, origin, {"a": {}, "b": {}, "there": {}})
    of_a, of_there = ids(wire, "a")[0], ids(wire, "there")[0]
    publish(wire, origin, {"new": {"was": ["a", "b"]}, "there": {}})
    assert ids(wire, "new")[0] == of_a
    publish(wire, origin, {"there": {"was": ["new"]}})
    assert ids(wire, "there")[0] == of_there
    for name in ("a", "b", "new"):
        assert ask_server(wire, f"/{name}.atom")[1].endswith("/there.atom")
        assert not list(wire.public.glob(f"{name}.*"))


def test_A14_an_id_is_led_to_its_feed_though_the_old_one_ended_before(wire: Wire, origin: Origin) -> None:
    publish(wire, origin, {"all": {}})
    publish(wire, origin, {"news": {}})
    before = ids(wire, "news")
    assert ask_server(wire, "/all.rss")[0] == 410
    publish(wire, origin, {"news": {"was": ["all", "never"]}})
    assert ids(wire, "news") == before
    assert ask_server(wire, "/all.rss")[1].endswith("/news.rss")
    assert ask_server(wire, "/never.rss")[1].endswith("/news.rss")
    publish(wire, origin, {"other": {}})
    assert ask_server(wire, "/all.rss")[0] == ask_server(wire, "/news.rss")[0] == 410


def test_A14_the_old_files_stand_until_the_new_ones_do(wire: Wire, origin: Origin) -> None:
    publish(wire, origin, {"all": {}})
    (wire.public / "news.atom").mkdir()
    with pytest.raises(PublishError):
        publish(wire, origin, {"news": {"was": "all"}})
    assert (wire.public / "all.rss").exists()
    (wire.public / "news.atom").rmdir()
    wire.turn()
    assert {path.suffix for path in wire.public.glob("news.*")} == {".rss", ".atom", ".json", ".html"}
    assert not list(wire.public.glob("all.*"))
