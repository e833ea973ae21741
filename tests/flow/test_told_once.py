"""Several daemons on one PostgreSQL: an external hub, a webhook and the inbox are one process's at a time."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl

import psycopg
import pytest
from database import open_store, recorded_statements
from factories import NOON, harvest, source, visit
from origin import HANG, KEEP, Origin, Piece, Request, reply
from wire import Wire, document, until

from feeds import config as configuration
from feeds.app import background_sender
from feeds.app.held_shards import HeldShards
from feeds.app.push_visits import PushVisits
from feeds.app.shared_app import SharedApp
from feeds.app.sharing import Role
from feeds.model import HubSource, ReceivedPush, Visit
from feeds.push.webhook import plan_delivery
from feeds.store import (
    InboxReader,
    ServerDatabase,
    ServerDatabaseReader,
    SourceHubStore,
    SqlStore,
    open_delivery_lock,
)
from feeds.store.postgres import lock_key

pytest.importorskip("procrastinate", reason="the extra [postgres] is not installed")

DOCUMENTS = ["all.atom", "all.json", "all.rss"]


@dataclass
class Receiver:
    """A hub or a webhook: it keeps what it is told, and does not answer while it is `silent`."""

    requests: list[Request] = field(default_factory=list)
    is_silent: bool = False

    def __call__(self, request: Request) -> Iterable[Piece]:
        self.requests.append(request)
        return [HANG] if self.is_silent else [reply(status=204), KEEP]

    @property
    def documents(self) -> list[str]:
        """The documents that it was told of as a hub."""
        forms = (dict(parse_qsl(request.body.decode())) for request in self.requests)
        return [form["hub.url"].rpartition("/")[2] for form in forms]

    def bodies_by_number(self) -> dict[str, list[bytes]]:
        """What it was sent as a webhook with each number."""
        bodies: dict[str, list[bytes]] = {}
        for request in self.requests:
            headers = {name.lower(): value for name, value in request.headers.items()}
            bodies.setdefault(headers["x-feeds-delivery"], []).append(request.body)
        return bodies


@dataclass
class Installation:
    """Two daemons that share a database and the published files; each has a data directory of its own."""

    url: str
    home: Path
    origin: Origin
    hub: Receiver = field(default_factory=Receiver)
    webhook: Receiver = field(default_factory=Receiver)
    processes: list[subprocess.Popen[str]] = field(default_factory=list)
    titles: list[tuple[str, str]] = field(default_factory=list)

    def wire(self, name: str) -> Wire:
        wire = Wire(self.home / name, store=self.url)
        wire.declare(
            {"s": {"feed": self.origin.url("/s"), "every": "2s"}},
            site={"title": "Wire", "url": "https://wire.example.org/", "hub": self.origin.put("/hub", self.hub)},
            public=str(self.home / "public"),
            on_publish=self.origin.put("/hook", self.webhook),
            server={"listen": "127.0.0.1:0", "allow_private": ["127.0.0.0/8"]},
        )
        return wire

    def publish(self, title: str) -> None:
        self.titles.insert(0, (title, title))
        self.origin.put("/s", document(*self.titles))

    def is_told(self) -> bool:
        """Return whether all that the origin has is published, and told."""
        if not (self.home / "public" / "all.json").exists():
            return False
        with SqlStore.open_read_only(self.url) or open_store(self.url) as store:
            state, digests = store.webhook(), store.published_digests()
            return (
                len(store.ledger("all").entries) == len(self.titles)
                and not store.unannounced()[1]
                and state.pending is None
                and plan_delivery(state.told, digests, 0, NOON) is None
            )

    @contextmanager
    def running(self) -> Iterator[None]:
        try:
            self.processes += [self.wire(name).start("daemon") for name in ("one", "two")]
            yield
        finally:
            for process in self.processes:
                process.terminate()
            results = [(process.communicate(timeout=60), process.returncode) for process in self.processes]
        assert [(code, "Traceback" in errors) for (_, errors), code in results] == [(0, False)] * len(results)

    def kill_holder(self, lock: str) -> None:
        """Kill the process that tells a receiver, which does not answer it."""
        found = find_holder(self.url, lock)
        (process,) = (process for process in self.processes if process.pid == found)
        process.kill()
        process.communicate()
        self.processes.remove(process)


def find_holder(url: str, lock: str) -> int:
    """The number of the process that holds a lock; 0 while none does."""
    query = """
        SELECT application_name FROM pg_stat_activity JOIN pg_locks USING (pid)
        WHERE locktype = 'advisory' AND granted AND datname = current_database() AND objid = %s
    """
    with psycopg.connect(url) as connection:
        row = connection.execute(query, (lock_key(lock),)).fetchone()
    return int(row[0].rpartition(":")[2].partition("-")[0]) if row else 0


@pytest.mark.parametrize("lock", ["external hub", "webhook"])
def test_R45_each_event_is_told_once_also_after_the_daemon_that_tells_was_killed(
    postgres_url: str, tmp_path: Path, origin: Origin, lock: str
) -> None:
    """It is killed before the receiver has answered: that request comes again, and no other one."""
    installation = Installation(postgres_url, tmp_path, origin)
    hub, webhook = installation.hub, installation.webhook
    killed = {"external hub": hub, "webhook": webhook}[lock]
    installation.publish("One")
    with installation.running():
        until(installation.is_told)
        installation.publish("Two")
        until(installation.is_told)
        assert Counter(hub.documents) == Counter(DOCUMENTS * 2)
        before = len(killed.requests)
        killed.is_silent = True
        installation.publish("Three")
        until(lambda: len(killed.requests) > before and find_holder(postgres_url, lock))
        killed.is_silent = False
        installation.kill_holder(lock)
        until(installation.is_told)
        installation.publish("Four")
        until(installation.is_told)
    bodies = webhook.bodies_by_number()
    told_again = hub.documents[before : before + 1] if killed is hub else []
    assert Counter(hub.documents) == Counter(DOCUMENTS * 4 + told_again)
    assert sum(len(sent) - 1 for sent in bodies.values()) == (killed is webhook)
    assert all(len(set(sent)) == 1 for sent in bodies.values()), "a number has one body"
    assert sorted(map(int, bodies)) == list(range(1, len(bodies) + 1))


# ── what an idle tick costs ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_tick_without_news_asks_the_database_once(
    postgres_url: str, tmp_path: Path, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does it wake the threads that tell, which would read the ledgers."""
    monkeypatch.setattr(background_sender, "DEBOUNCE_SECONDS", 0.0)
    installation = Installation(postgres_url, tmp_path, origin)
    installation.publish("One")
    config = configuration.load(installation.wire("one").config, os.environ)
    with SharedApp(config, Role.DAEMON, HeldShards(1)) as app:
        app.turn()

        def is_idle() -> bool:
            app.announce()
            look, numbers = app._announcers._webhook._last_look, app.store.publication_numbers()
            return (look.files, look.webhook) == (numbers.files, numbers.webhook) and installation.is_told()

        until(is_idle)
        senders = app._announcers._hub._sender, app._announcers._webhook._sender
        for sender in senders:
            sender.close(wait=True)
        with recorded_statements() as statements:
            for _ in range(5):
                app.announce()
        assert not any(sender._news.is_set() for sender in senders)
    assert [statement.split()[0] for statement in statements if not statement.startswith("BEGIN")] == ["SELECT"] * 5


# ── the inbox ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def inboxes(postgres_url: str) -> Iterator[tuple[SqlStore, Callable[[], PushVisits]]]:
    """A store with a push in its inbox, and what makes one more process that takes pushes."""
    with open_store(postgres_url, source("a")) as store, closing(ServerDatabase(postgres_url)) as database:
        database.open()
        hubs = SourceHubStore(database)
        hubs.add(HubSource("a", "https://hub.example/", "https://a.example/"), "token", "secret", NOON)
        subscription = hubs.find("token")
        assert subscription
        assert hubs.add_push(subscription, ReceivedPush(0, "a", NOON, "text/xml", b"<rss/>"), "digest", 0)

        def open_inbox() -> PushVisits:
            inbox = InboxReader(ServerDatabaseReader(postgres_url))
            lock = open_delivery_lock(postgres_url, "pushes")
            return PushVisits(inbox, lock, store.push_number, lambda id: [visit()])

        yield store, open_inbox


def numbers_of(visits: Sequence[Visit]) -> list[int]:
    return [visit.push.number for visit in visits if visit.push]


def test_R52_one_process_takes_a_push(inboxes: tuple[SqlStore, Callable[[], PushVisits]]) -> None:
    store, open_inbox = inboxes
    first, second = open_inbox(), open_inbox()
    (taken,) = first.make()
    assert second.make() == []
    outcome = harvest(taken)
    store.record([outcome], push_number=first.finish([outcome]))
    first.end_turn()
    until(lambda: second.make() or second._last == 1)  # the server notices the end of a connection a moment later
    assert second.make() == []


def test_R52_a_push_that_was_not_recorded_is_taken_by_another_process(
    inboxes: tuple[SqlStore, Callable[[], PushVisits]],
) -> None:
    """Also by the same one, in its next turn."""
    _, open_inbox = inboxes
    first, second = open_inbox(), open_inbox()
    assert numbers_of(first.make()) == [1]
    first.end_turn()
    until(lambda: numbers_of(second.make()) == [1])
    assert first.make() == []
    second.end_turn()
    until(lambda: numbers_of(first.make()) == [1])
