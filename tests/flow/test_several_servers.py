"""Servers that share a PostgreSQL database: what one takes on, another one may do, and nothing is done twice."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from functools import partial
from pathlib import Path

import psycopg
import pytest
from event_stream import EventStream
from notifying import NotifyingSite, end
from origin import Origin
from proxy import DATA
from push_service import PushService
from wire import Wire, until

from feeds.app import server_process
from feeds.app.server_process import FileServer, HostPort
from feeds.push.outbox_follower import OutboxFollower
from feeds.store.postgres import lock_key


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[PushService]:
    monkeypatch.setenv("SSL_CERT_FILE", str(DATA / "ca.pem"))
    service = PushService()
    yield service
    service.close()


@pytest.fixture
def sites(wire: Wire, origin: Origin, service: PushService, postgres_url: str) -> list[NotifyingSite]:
    """One installation, as seen through each of its two servers."""
    first = NotifyingSite(wire, origin, service)
    wire.config.write_text(json.dumps(json.loads(wire.config.read_text()) | {"store": postgres_url}))
    second = copy(first)
    with socket.create_server(("127.0.0.1", 0)) as free:
        second.port = free.getsockname()[1]
    return [first, second]


@contextmanager
def data_folder(folder: Path) -> Iterator[None]:
    """Let commands keep there what is of one machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STATE_DIRECTORY", str(folder))
        yield


def find_deliverer(url: str) -> int:
    """The process that holds the lock of the deliveries; 0 while none does."""
    query = """
        SELECT application_name FROM pg_stat_activity JOIN pg_locks USING (pid)
        WHERE locktype = 'advisory' AND granted AND datname = current_database() AND objid = %s
    """
    with psycopg.connect(url) as connection:
        row = connection.execute(query, (lock_key("deliveries"),)).fetchone()
    return int(row[0].rpartition(":")[2].partition("-")[0]) if row else 0


def test_R68_subscriptions_outlive_the_server_that_took_them(
    sites: list[NotifyingSite], service: PushService, postgres_url: str, tmp_path: Path
) -> None:
    assert sites[0].wire.command("run").returncode == 0
    processes = {}
    for site in sites:
        with data_folder(tmp_path / str(site.port)):
            process = site.start("serve")
            processes[process.pid] = process
    first, second = sites
    assert json.loads(first.read("/push/key")) == json.loads(second.read("/push/key"))
    browsers = [service.subscribe(), service.subscribe()]
    assert all(site.subscribe(browser, "") for site, browser in zip(sites, browsers, strict=True))
    until(lambda: find_deliverer(postgres_url))
    killed = processes.pop(find_deliverer(postgres_url))
    killed.kill()
    killed.communicate(300)
    first.publish("Harbour opens")
    until(lambda: all(browser.requests for browser in browsers))
    (left,) = processes.values()
    assert find_deliverer(postgres_url) == left.pid
    end(left)
    for browser in browsers:
        (message,) = browser.messages
        assert [story["title"] for story in message["stories"]] == ["Harbour opens"]


@contextmanager
def serving(wire: Wire, folder: Path) -> Iterator[int]:
    """Run a server of an installation in a thread; yield its port."""
    bound: list[HostPort] = []
    stop = threading.Event()
    with data_folder(folder):
        server = FileServer(wire.config, ("127.0.0.1", 0), lambda: wire.now)
    thread = threading.Thread(target=server.run, args=[bound.append, stop, lambda: None])
    thread.start()
    try:
        until(lambda: bound)
        yield bound[0][1]
    finally:
        stop.set()
        thread.join()


def test_R12_what_is_published_anywhere_is_heard_on_all_servers_at_once(
    sites: list[NotifyingSite], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are told: here they do not look by themselves within an hour."""
    site, wire = sites[0], sites[0].wire
    monkeypatch.setattr(server_process, "OutboxFollower", partial(OutboxFollower, poll_seconds=3600.0))
    assert wire.command("run").returncode == 0
    with serving(wire, tmp_path / "0") as one, serving(wire, tmp_path / "1") as other:
        streams = [EventStream(port).wait_until_open() for port in (one, other)]
        site.publish("Harbour opens")
        for stream in streams:
            with stream:
                assert any(message.item["title"] == "Harbour opens" for message in stream.messages())
