"""The live streams: each event once, in order, after a lost connection too (R70–R76, S16, F27)."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from database import open_store
from event_stream import EventStream, Message
from factories import NOON, event, issue
from serve.loopback import WITHDRAWN, LoopbackServer, run_server, write_files
from wire import Wire

from feeds.model import Event, LedgerEntry
from feeds.push.outbox_follower import OutboxFollower
from feeds.serve import LiveStreams, Services, create_app
from feeds.serve import live as live_module
from feeds.serve.live import EventBuffer, LiveEvent, encode_events
from feeds.store import SqlStore, StoreReader


@dataclass
class Installation:
    """A store, and a server that follows its outbox at each `publish`."""

    server: LoopbackServer
    store: SqlStore
    follower: OutboxFollower
    live: LiveStreams
    count: int = 0

    def publish(self, *events: Event) -> None:
        """Issue each event; all become known to the server at once."""
        for new in events:
            self.count += 1  # the digest of the ledger: another one for each issue of an article
            entries = {new.article_key: LedgerEntry(f"d{self.count}" if new.kind == "article" else "", NOON)}
            self.store.issued(issue(new.feed_id, entries, new), NOON)
        self.follower.poll()

    def open(self, path: str = "/live", last_id: str | None = None) -> EventStream:
        return EventStream(self.server.port, path, last_id).wait_until_open()


@contextmanager
def install(wire: Wire, **limits: float) -> Iterator[Installation]:
    root = wire.public
    write_files(root)
    with open_store(wire.database) as store, StoreReader(wire.database) as reader:
        live = LiveStreams(reader.events, reader.event_range)
        follower = OutboxFollower(reader, live.publish)
        follower.poll()
        app = create_app(root, withdrawn_feeds=lambda: WITHDRAWN, is_healthy=lambda: True, services=Services(live))
        with run_server(app, root, **limits) as server:
            yield Installation(server, store, follower, live)


@pytest.fixture
def home(wire: Wire) -> Iterator[Installation]:
    with install(wire) as installation:
        yield installation


def ids(messages: list[Message]) -> list[str]:
    return [message.item["id"] for message in messages]


def article_event(key: int, feed: str = "world") -> Event:
    url = f"https://x.example/{key}"
    return event(key, feed, item=json.dumps({"id": url, "url": url, "_feeds": {"source": {"id": "a"}}}))


def test_R70_R71_a_stream_is_no_cached_or_buffered_and_names_a_place_at_once(home: Installation) -> None:
    home.publish(article_event(1))
    with home.open() as stream:
        assert (stream.status, stream.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
        assert (stream.headers["cache-control"], stream.headers["x-accel-buffering"]) == ("no-store", "no")
        assert "content-encoding" not in stream.headers
        assert stream.last_id == "1" and stream.retry and 2_000 <= stream.retry <= 5_000
        home.publish(article_event(2))
        (message,) = stream.read(1)
    assert (message.id, message.kind, message.item["id"]) == ("2", "article", "https://x.example/2")
    assert message.item["_feeds"] == {"source": {"id": "a"}, "feeds": ["world"]}


def test_an_article_of_several_feeds_is_one_event_that_names_them(home: Installation) -> None:
    with home.open() as all_feeds, home.open("/live/world") as world:
        home.publish(*(article_event(1, feed) for feed in ("world", "tech")), article_event(2, "tech"))
        messages = all_feeds.read(2)
        assert [(message.item["id"][-1], message.item["_feeds"]["feeds"]) for message in messages] == [
            ("1", ["world", "tech"]),
            ("2", ["tech"]),
        ]
        assert [message.id for message in messages] == ["2", "3"]
        (message,) = world.read(1)
        assert (message.id, message.item["_feeds"]["feeds"]) == ("1", ["world"])


def test_a_retraction_names_the_article_alone(home: Installation) -> None:
    with home.open() as stream:
        home.publish(article_event(1), event(1, "world", "retract", None))
        first, second = stream.read(2)
    assert (first.kind, second.kind) == ("article", "retract")
    assert second.item == {"id": "https://x.example/1", "_feeds": {"feeds": ["world"]}}


@pytest.mark.parametrize("address", ["/live", "/live/world"])
def test_R72_who_comes_back_gets_all_that_was_missed_once_and_in_order(home: Installation, address: str) -> None:
    with home.open(address) as stream:
        home.publish(*map(article_event, (1, 2)))
        assert ids(stream.read(2)) == ["https://x.example/1", "https://x.example/2"]
    home.publish(*map(article_event, range(3, 50)), article_event(99, "tech"))
    with home.open(address, stream.last_id) as stream:
        home.publish(article_event(50))
        missed = [f"https://x.example/{key}" for key in range(3, 51)]
        if address == "/live":
            missed.insert(-1, "https://x.example/99")
        messages = stream.read(len(missed))
    assert ids(messages) == missed
    numbers = [int(message.id) for message in messages]
    assert numbers == sorted(set(numbers))


def test_R72_wherever_a_connection_breaks_nothing_is_missed(home: Installation) -> None:
    """Articles of several feeds that interleave: the id of each message stands for all before it."""
    rows = [(1, "world"), (2, "tech"), (1, "tech"), (3, "world"), (2, "world"), (1, "all")]
    with home.open() as stream:
        start = stream.last_id
        home.publish(*(article_event(*row) for row in rows))
        whole = stream.read(3)
    assert whole[-1].id == str(len(rows))
    for count in range(4):
        last = whole[count - 1].id if count else start
        with home.open(last_id=last) as stream:
            home.publish(article_event(50))
            seen = set(ids(whole[:count]))
            while "https://x.example/50" not in seen:
                seen.update(ids(stream.read(1)))
        assert seen >= {f"https://x.example/{key}" for key in (1, 2, 3)}


@pytest.mark.parametrize("last_id", ["99", "7000000000000000000", "-3", "x", "1\u00b2", ""])
def test_R72_an_unknown_id_makes_the_client_start_anew(home: Installation, last_id: str) -> None:
    home.publish(article_event(1))
    with home.open(last_id=last_id) as stream:
        (message,) = stream.read(1)
        assert (message.kind, message.id) == ("reset", "1")
        home.publish(article_event(2))
        assert ids(stream.read(1)) == ["https://x.example/2"]


def test_R72_too_many_events_to_catch_up_with_make_the_client_start_anew(
    home: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_module, "MAX_REPLAY", 3)
    home.publish(*map(article_event, range(5)))
    for last, kind in (("2", "article"), ("1", "reset")):
        with home.open(last_id=last) as stream:
            assert stream.read(1)[0].kind == kind


def test_events_that_are_gone_before_they_were_sent_reset_all_clients(home: Installation) -> None:
    """As after `feeds restore`, whose event numbers jump."""
    home.publish(article_event(1))
    with home.open("/live/world") as stream:
        with home.store._engines.write() as connection:
            connection.exec_driver_sql("DELETE FROM outbox")
            connection.exec_driver_sql("UPDATE meta SET last_event = 1000001")
        home.follower.poll()
        (message,) = stream.read(1)
        assert (message.kind, message.id) == ("reset", "1000001")
        home.publish(article_event(2))
        assert stream.read(1)[0].id == "1000002"


def test_S16_no_text_makes_an_event_of_its_own(home: Installation) -> None:
    title = "a\r\ndata: forged\n\nevent: retract\rid: 9\0\u2028"
    with home.open() as stream:
        item = json.dumps({"id": "https://x.example/1", "title": title}, ensure_ascii=False)
        home.publish(event(1, "world", item=item), article_event(2))
        first, second = stream.read(2)
    assert (first.item["title"], first.kind, second.item["id"]) == (title, "article", "https://x.example/2")


@pytest.mark.parametrize("address", ["/live/unknown", "/live/../world", "/live/.git", "/livestream"])
def test_there_is_no_stream_of_an_unknown_feed(home: Installation, address: str) -> None:
    assert home.server.request(address).status == 404


def test_a_stream_ends_with_head_and_the_server_within_a_moment(wire: Wire) -> None:
    with ExitStack() as stack:
        with install(wire) as home:
            assert home.server.request("/live", "HEAD").status == 200
            streams = [stack.enter_context(home.open()) for _ in range(5)]
        for stream in streams:  # the server has stopped
            assert list(stream.messages()) == []


def is_shed(port: int) -> bool:
    with EventStream(port, last_id="0") as stream:
        return (stream.wait_until_open().retry or 0) >= 20_000


def test_R73_R75_one_client_too_many_is_told_to_come_back_later(
    home: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as stack:
        monkeypatch.setattr("feeds.serve.limits._LOOPBACK", ())
        live = LiveStreams(lambda after, limit: (), lambda: range(1, 1))
        app = create_app(home.server.root, withdrawn_feeds=dict, is_healthy=lambda: True, services=Services(live))
        server = stack.enter_context(run_server(app, home.server.root))
        kept = [
            stack.enter_context(EventStream(server.port)).wait_until_open()
            for _ in range(live_module.MAX_STREAMS_PER_CLIENT)
        ]
        shed = stack.enter_context(EventStream(server.port))
        assert (shed.status, list(shed.messages())) == (200, [])
        assert shed.retry and shed.retry >= 20_000
        kept.pop().close()
        while is_shed(server.port):
            pass


def test_R74_F27_who_reads_too_slowly_is_disconnected_and_resumes_without_a_gap(wire: Wire) -> None:
    with install(wire) as home:
        with socket.create_connection(("127.0.0.1", home.server.port), timeout=300) as slow, home.open() as other:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.sendall(b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n")
            received = slow.recv(600)
            text = "x" * 20_000
            for key in range(1, 400):
                item = json.dumps({"id": f"https://x.example/{key}", "content_text": text})
                home.publish(event(key, "world", item=item))
                assert other.read(1)[0].item["id"].endswith(f"/{key}")  # it waits for no other client
            while chunk := slow.recv(65_536):
                received += chunk
        complete = received.decode(errors="replace").split("\n\n")[:-1]
        numbers = [line[4:] for message in complete for line in message.split("\n") if line.startswith("id: ")]
        assert 1 <= int(numbers[-1]) < 399
        with home.open(last_id=numbers[-1]) as again:
            assert again.read(1)[0].item["id"].endswith(f"/{int(numbers[-1]) + 1}")


def test_R74_the_buffer_is_bounded_by_number_and_size() -> None:
    buffer = EventBuffer()
    buffer.append(LiveEvent("", b"x") for _ in range(live_module.MAX_EVENTS + 1))
    assert buffer.read(0, "") is None
    assert buffer.read(1, "") == b"x" * live_module.MAX_EVENTS
    assert buffer.read(buffer.end, "") == b""
    assert all(buffer.read(place, "") == b"x" * (buffer.end - place) for place in range(1, buffer.end))
    assert len(buffer._messages) <= live_module.MAX_READS
    buffer.append([LiveEvent("", b"y" * live_module.MAX_BYTES)])
    assert buffer.read(buffer.end - 1, "") == b"y" * live_module.MAX_BYTES
    assert buffer.read(buffer.end - 2, "") is None


def test_R71_each_encoded_event_has_one_id_and_one_line_of_data() -> None:
    encoded = [*encode_events([(7, article_event(1)), (8, article_event(1, "tech"))])]
    assert [(live_event.audience, live_event.data[:6]) for live_event in encoded] == [
        ("world", b"id: 7\n"),
        ("tech", b"id: 8\n"),
        ("", b"id: 8\n"),
    ]
    assert all(live_event.data.count(b"\n") == 4 for live_event in encoded)


@pytest.mark.sqlite
def test_F8_a_store_that_cannot_be_read_stops_no_server_and_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "data" / "feeds.db"
    path.parent.mkdir()
    path.write_bytes(b"no database" * 1000)
    with StoreReader(path) as reader:
        follower = OutboxFollower(reader)
        follower.poll()
        follower.poll()
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        path.unlink()
    with open_store(path) as store, StoreReader(path) as reader:
        received: list[int] = []
        follower = OutboxFollower(reader, lambda events, position: received.append(position))
        follower.poll()
        store.issued(issue("f", {1: LedgerEntry("d", NOON)}, article_event(1, "f")), NOON)
        follower.poll()
        assert received == [1]
