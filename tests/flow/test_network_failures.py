"""Our own network is down, or hosts hang: other sources do not suffer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from origin import KEEP, RESET, Document, Origin, Piece, Request, reply
from wire import Wire, rss, until

from feeds.app import TurnOptions
from feeds.fetch import Fetcher

HOSTS = [f"127.0.0.{number}" for number in range(10, 40)]


@contextmanager
def dead_ports(hosts: Iterable[str]) -> Iterator[list[str]]:
    """Addresses at which no server listens."""
    sockets = [socket.socket() for _ in hosts]
    try:
        for reserved, host in zip(sockets, hosts, strict=True):
            reserved.bind((host, 0))
        yield [f"http://{reserved.getsockname()[0]}:{reserved.getsockname()[1]}/feed" for reserved in sockets]
    finally:
        for reserved in sockets:
            reserved.close()


class Network:
    """Documents that can be had while it is up, and connections that break while it is not."""

    def __init__(self) -> None:
        self.is_up = True

    def __call__(self, request: Request) -> Iterable[Piece]:
        return (reply(rss((request.path, "One")), content_type="text/xml"), KEEP) if self.is_up else (RESET,)


def test_F26_when_no_host_answers_no_source_is_blamed(wire: Wire, origin: Origin) -> None:
    """Thirty publishers at once: a run that finds all of them dead counts no failure."""
    with dead_ports(HOSTS) as urls:
        wire.declare({f"s{n}": url for n, url in enumerate(urls)})
        for _ in range(6):
            wire.now += timedelta(hours=1)
            wire.turn(max_wait=0)
    with wire.app() as app:
        assert [state.failures for state in app.store.statuses()] == [0] * len(urls)
        assert all(state.due_at - wire.now < timedelta(minutes=11) for state in app.store.statuses())


def test_F26_a_dead_network_is_probed_and_all_are_back_at_once(wire: Wire, origin: Origin) -> None:
    """As the daemon does it: one visit every fifteen seconds while the network is down, all of them when it is back."""
    network = Network()
    wire.declare({f"s{n}": origin.put(f"/s{n}", network, host=host) for n, host in enumerate(HOSTS)})
    daemon = TurnOptions(repeat=True, max_wait=0)
    with wire.app() as app:
        app.turn(daemon)
        network.is_up = False
        wire.now += timedelta(hours=2)
        app.turn(daemon)
        for _ in range(20):
            wire.now += timedelta(minutes=1)
            assert app.turn(daemon).visits <= 1
        assert max(state.failures for state in app.store.statuses()) <= 1
        network.is_up = True
        wire.now += timedelta(minutes=11)
        app.turn(daemon)
        wire.now += timedelta(minutes=60)
        app.turn(daemon)
        assert [state.failures for state in app.store.statuses()] == [0] * len(HOSTS)


def test_F10_F11_two_hundred_names_that_hang_keep_no_other_waiting(wire: Wire, origin: Origin) -> None:
    """Their look-ups end only after all the others have been visited; were they in the way, they never would."""
    slow = {f"a{n}": f"http://a{n}.example/feed" for n in range(200)}
    healthy = {f"b{n}": origin.put(f"/b{n}", Document(rss((f"b{n}", "One"))), host=HOSTS[n % 30]) for n in range(60)}
    wire.declare(slow | healthy)
    done = threading.Event()

    def resolve(host: str, port: int) -> list[tuple[int, tuple[str, int]]]:
        done.wait(300)
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    def watch() -> None:
        until(lambda: len(origin.requests) >= len(healthy))
        done.set()

    threading.Thread(target=watch, daemon=True).start()
    with wire.app(lambda site: Fetcher(site, resolve=resolve)) as app:
        turn = app.turn()
    assert done.is_set()
    assert turn.visits - turn.failures == len(healthy)
