"""One behaviour, two set-ups: a daemon, and `serve` beside a cron-driven `run` (issue point 4)."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

import pytest
from event_stream import EventStream, Message
from flow.test_admin_listener import find_port
from origin import Document, Origin
from serve.loopback import LoopbackServer
from wire import Wire, document, rss, until

SETUPS = {"daemon": ["daemon"], "serve beside cron": ["serve"]}


@dataclass
class Setup:
    """An installation with a server, whose turns a daemon makes, or `feeds run` in place of cron."""

    wire: Wire
    name: str
    process: subprocess.Popen[str]
    server: LoopbackServer
    admin: LoopbackServer

    def command(self, *arguments: str) -> None:
        """What an operator types: the same beside a daemon, which does it then, and beside cron."""
        result = self.wire.command(*arguments)
        assert result.returncode == 0, result.stderr

    def take_edit(self) -> None:
        """Have the edited YAML taken: by the daemon that watches it, or by the next turn of cron and the server."""
        if self.name == "daemon":
            self.command("reload")
        else:
            self.process.send_signal(signal.SIGHUP)
        self.command("run", "-q")


def find_address(log: IO[str]) -> int:
    """The port of the published files, once the log tells it."""
    matches = (re.search(r" at http://127\.0\.0\.1:(\d+)/$", line.rstrip()) for line in iter(log.readline, ""))
    return next(int(match[1]) for match in matches if match)


@contextmanager
def start(name: str, wire: Wire) -> Iterator[Setup]:
    process = wire.start(*SETUPS[name], "--listen", "127.0.0.1:0")
    try:
        assert process.stderr
        admin = LoopbackServer(find_port(process.stderr), wire.public)
        server = LoopbackServer(find_address(process.stderr), wire.public)
        yield Setup(wire, name, process, server, admin)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=300)
    assert process.returncode == 0


def next_of(messages: Iterator[Message], kind: str, title: str = "") -> Message:
    """The next event of a kind, about an article with that title."""
    return next(m for m in messages if m.kind == kind and (not title or m.item.get("title") == title))


def read_json(server: LoopbackServer, path: str) -> Any:
    return json.loads(server.request(path).body)


@pytest.mark.parametrize("name", SETUPS)
def test_what_is_observed_is_the_same_with_a_daemon_and_beside_cron(name: str, wire: Wire, origin: Origin) -> None:
    source = origin.put("/a", document(("1", "One"), ("2", "Two")))

    def declare(**feeds: object) -> None:
        wire.declare({"a": source}, {"all": {"title": "All"}, **feeds}, server={"admin": "127.0.0.1:0"})

    declare(old={"title": "Old"}, gone={"title": "Gone"})
    with start(name, wire) as setup:
        server = setup.server
        setup.command("run", "-q")
        until(lambda: server.request("/all.json").status == 200 and len(wire.items()) == 2)

        # Files, their validators and pages; health.
        answer = server.request("/all.rss")
        assert server.request("/all.rss", if_none_match=answer["etag"]).status == 304
        assert 'rel="hub"' in answer["link"]
        assert b"Two" in server.request("/").body
        until(lambda: server.request("/health").body == b"ok\n")
        assert read_json(setup.admin, "/health")["turns"]["by"] == ("daemon" if name == "daemon" else "run")

        # An event comes once its article is in the file, with the number to resume from.
        with EventStream(server.port, "/live/all") as stream:
            messages = stream.wait_until_open().messages()
            before = stream.last_id
            origin.put("/a", Document(rss(("1", "One"), ("2", "Two"), ("3", "Three"), title="A source")))
            setup.command("run", "a", "-q")
            event = next_of(messages, "article", "Three")
            assert b"Three" in server.request("/all.rss").body
            assert event.item["_feeds"]["feeds"] == ["all"]
            setup.command("retract", "https://a.example/1")
            retraction = next_of(messages, "retract")
            assert int(retraction.id) > int(event.id) > int(before or 0)
            assert [item["title"] for item in wire.items()] != ["One"] and len(wire.items()) == 2

        # Who comes back gets what was missed, once; who names no place of ours starts anew.
        with EventStream(server.port, "/live/all", before) as stream:
            messages = stream.messages()
            missed = [next(messages), next(messages)]
            assert [(m.kind, m.id) for m in missed] == [("article", event.id), ("retract", retraction.id)]
        with EventStream(server.port, "/live/all", "999999999") as stream:
            assert next(stream.messages()).kind == "reset"

        # The search, the hub and the notifications.
        until(lambda: [item["title"] for item in read_json(server, "/search.json?q=three")["items"]] == ["Three"])
        assert read_json(server, "/search.json?q=one")["items"] == []
        assert len(server.request("/push/key").body) > 40
        assert server.request("/hub", "POST").status == 400

        # A feed that is renamed or taken out.
        declare(new={"title": "Old", "was": ["old"]})
        setup.take_edit()
        until(lambda: server.request("/gone.rss").status == 410)
        until(lambda: server.request("/old.atom").status == 301)
        assert server.request("/old.atom")["location"] == "/new.atom"
        assert server.request("/new.atom").status == 200 and server.request("/all.rss").status == 200

        # The operator's site.
        until(lambda: b'feeds_visits_total{outcome="failure"} 0.0' in setup.admin.request("/metrics").body)
        page = setup.admin.request("/sources/a").body.decode()
        assert ("Visit now" in page, "No daemon runs here" in page) == (name == "daemon", name != "daemon")
