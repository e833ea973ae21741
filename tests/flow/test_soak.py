"""A daemon with a thousand sources, a fifth of them dead, dripping or hostile, for ten minutes (run with `-m slow`).

FEEDS_SOAK_SECONDS shortens it; below four minutes the memory is not judged. `-s` shows the figures.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from origin import Document, Origin, Piece, Request
from soaking import BAD, daemon, part, spelled
from wire import Wire

from feeds.errors import StoreError
from feeds.rows.values import decode_time
from feeds.scheduling.intervals import JITTER

SECONDS = float(os.environ.get("FEEDS_SOAK_SECONDS", "600"))
SOURCES = 1000
HOSTS = [f"127.0.0.{number}" for number in range(2, 255)]
EVERY = 60.0
LATE = 0.05 * EVERY  # L2
WARM = 120.0  # seconds after which nothing should grow any more
SAMPLE = 2.0
CLOCKS = 0.05  # seconds that the clocks of this test may differ by
DUE = "SELECT id, due_at FROM visits JOIN sources ON visits.source = sources.key WHERE upstream_id = '' AND due_at > 0"

BEGAN = datetime.now(UTC)


class Living(Document):
    """A healthy feed of 25 stories that has a new one at every twentieth request; every tenth has no validators."""

    def __init__(self, name: str, number: int) -> None:
        super().__init__(b"")
        self.name, self.number, self.requests = name, number, number % 20

    def __call__(self, request: Request) -> Iterable[Piece]:
        self.requests += 1
        newest = self.requests // 20
        self.etag = f'"{newest}"' if self.number % 10 else None
        self.body = feed(self.name, newest)
        return super().__call__(request)


def feed(name: str, newest: int) -> bytes:
    """25 stories of about 600 bytes, the newest first; those of before the start are some days old."""
    text = f"&lt;p&gt;A story of {name} with &lt;a href='/x'&gt;a link&lt;/a&gt;.&lt;/p&gt; {'Some more words. ' * 30}"
    items = "".join(
        f"<item><guid isPermaLink='false'>{name}-{item}</guid><title>Story {item} of {name}</title>"
        f"<link>https://{name}.example/{item}</link><description>{text}</description>"
        f"<pubDate>{format_datetime(BEGAN + timedelta(seconds=item) if item > 0 else BEGAN + timedelta(item - 3))}"
        "</pubDate></item>"
        for item in range(newest, newest - 25, -1)
    )
    return f"<rss version='2.0'><channel><title>{name}</title>{items}</channel></rss>".encode()


def declared(origin: Origin) -> tuple[dict[str, object], dict[tuple[str, str], str]]:
    """The sources of the YAML, and (host, path) → source id of the healthy ones."""
    sources: dict[str, object] = {}
    healthy = {}
    for number in range(SOURCES):
        name, place = f"s{number}", number % len(HOSTS)
        host, path = HOSTS[place], f"/s{number}"
        behaviour = BAD[place // 5 % len(BAD)] if place % 5 == 4 else Living(name, number)
        sources[name] = {"feed": f"http://{host}:9{path}", "tags": [f"g{number % 20}"]}
        if behaviour is not None:
            sources[name] = {"feed": origin.put(path, behaviour, host=host), "tags": [f"g{number % 20}"]}
        if isinstance(behaviour, Living):
            healthy[host, path] = name
    return sources, healthy


@dataclass
class Watch:
    """What was seen of the daemon, every other second: the MB it uses, and when each source is due."""

    began: float = field(default_factory=time.monotonic)
    offset: float = field(default_factory=lambda: time.monotonic() - time.time())
    used: list[tuple[float, float]] = field(default_factory=list)  # (seconds, MB)
    due: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))  # on the monotonic clock

    def look(self, wire: Wire, pid: int) -> None:
        """See once."""
        used = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, check=True).stdout
        self.used.append((time.monotonic() - self.began, int(used) / 1024))
        with suppress(StoreError):  # it is being made
            for name, due_at in wire.ask(DUE):
                at = decode_time(due_at).timestamp() + self.offset
                if self.due[name][-1:] != [at]:
                    self.due[name].append(at)


def watched(wire: Wire, process: subprocess.Popen[bytes]) -> Watch:
    """Look until the time is up."""
    watch = Watch()
    while time.monotonic() - watch.began < SECONDS:
        time.sleep(SAMPLE)
        assert process.poll() is None, "the daemon ended"
        watch.look(wire, process.pid)
    return watch


def lateness(requests: Iterable[Request], healthy: dict[tuple[str, str], str], watch: Watch) -> list[float]:
    """By how much each request of a healthy source, after its first, came later than it was due.

    A due time is claimed anew while a visit is in flight, so the latest that is not after the request counts.
    """
    times_of = defaultdict(list)
    for request in requests:
        if name := healthy.get((request.host, request.path)):
            times_of[name].append(request.at)
    late = []
    for name, times in times_of.items():
        due = watch.due[name]
        late += [at - due[index - 1] for at in times[1:] if (index := bisect_right(due, at + CLOCKS))]
    return late


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 180)
def test_L2_F11_healthy_sources_stay_on_time_beside_dead_ones_and_memory_is_flat(wire: Wire) -> None:
    origin = Origin()
    sources, healthy = declared(origin)
    groups = {f"g{number}": {"title": f"Group {number}", "tags": [f"g{number}"]} for number in range(20)}
    defaults = {"every": f"{EVERY:g}s", "allow_private": ["127.0.0.0/8"]}
    wire.declare(sources, {"all": {"title": "All"}, **groups}, hosts={}, defaults=defaults)
    with daemon(wire) as process:
        watch = watched(wire, process)
    requests = list(origin.requests)
    origin.close()
    late = lateness(requests, healthy, watch)
    first = [min(r.at for r in requests if (r.host, r.path) == place) - watch.began for place in healthy]
    print(f"\n{len(requests)} requests; {len(healthy)} healthy sources, {len(late)} visits after their first")
    print(f"first visits after the start: {spelled(first)}")
    print(f"later ones late by: {spelled(late)}")
    print("MB:", *(f"{used:.0f}" for _, used in watch.used[:: max(1, len(watch.used) // 30)]))
    assert len(late) >= 0.9 * len(healthy) * ((SECONDS - 30) // (EVERY * (1 + JITTER)))
    closest = origin.marks().closest
    assert closest is not None and closest > EVERY - CLOCKS
    assert part(late, 0.99) < LATE
    _assert_flat([used for seconds, used in watch.used if seconds > WARM])
    assert origin.marks().bad == {}


def _assert_flat(used: list[float]) -> None:
    """Whether the second half of what was in use is no more than the first, but for a tenth."""
    if len(used) < WARM / SAMPLE:
        return
    half = len(used) // 2
    assert statistics.median(used[half:]) < 1.1 * statistics.median(used[:half])
