"""The live streams `/live` and `/live/<feed>`: the events of the outbox as server-sent events (WHATWG HTML §9.2).

All clients share the encoded events, and each holds only its place among them. One that stands too far behind is
disconnected: its browser resumes with Last-Event-ID, and gets from the store what it missed.
"""

from __future__ import annotations

import asyncio
import random
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
from starlette.requests import Request
from starlette.types import Send

from ..model import Event, NumberedEvent
from .file_headers import CORS_HEADERS, security_headers
from .limits import ClientLimits

MAX_EVENTS, MAX_BYTES = 256, 1_000_000  # that are kept for clients that are behind (R74)
MAX_READS = 16  # places and audiences whose messages are kept joined, up to MAX_BYTES each
MAX_REPLAY = 1_000  # events from the store for one client; one further behind loads the page again (R72)
MAX_REPLAYS = 4  # at once
REPLAY_STEP = 20  # events that are read at a time, as each may be large
KEEP_ALIVE_SECONDS = 15.0
RETRY_MILLISECONDS = (2_000, 5_000)  # after a lost connection, so that not all clients return at once (R71)
SHED_RETRY_MILLISECONDS = (20_000, 60_000)
MAX_STREAMS = 6_000
MAX_STREAMS_PER_CLIENT = 20

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # of nginx: pass each event on at once (R70)
    *((name.encode(), value.encode()) for name, value in {**security_headers(), **CORS_HEADERS}.items()),
]
_KEEP_ALIVE = b":\n\n"


EVERYONE = "*"  # in place of a feed id, which holds none: a message to all clients


class LiveEvent(NamedTuple):
    """An event as it is sent to the clients of one feed, to those of all feeds ("") or to EVERYONE."""

    audience: str
    data: bytes


def encode_message(number: int, kind: str = "", data: bytes = b"") -> bytes:
    """Return a message of an event stream; its id is the number up to which a client has all events.

    Without data it is no event: a browser only remembers the id. The data may hold no line end (S16).
    """
    lines = [b"id: %d" % number]
    if kind:
        lines += [b"event: " + kind.encode(), b"data: " + data]
    return b"\n".join([*lines, b"", b""])


def encode_events(events: Sequence[NumberedEvent]) -> Iterator[LiveEvent]:
    """Yield what the clients of single feeds get, and, once for each article, what those of all feeds get.

    An article that several feeds publish at once names them all in `_feeds.feeds`.
    """
    groups: dict[tuple[str, str], list[NumberedEvent]] = {}
    for number, event in events:
        yield LiveEvent(event.feed_id, encode_message(number, event.kind, _encode_item([event])))
        groups.setdefault((event.kind, event.published_id), []).append((number, event))
    # All events before the first of the next group are of groups before it: a client that has this group has them all.
    numbers = [*(group[0][0] - 1 for group in list(groups.values())[1:]), *(number for number, _ in events[-1:])]
    for number, group in zip(numbers, groups.values(), strict=True):
        members = [event for _, event in group]
        yield LiveEvent("", encode_message(number, members[0].kind, _encode_item(members)))


def _encode_item(events: Sequence[Event]) -> bytes:
    """Return the JSON Feed item of an article; of a retraction its id alone."""
    event = events[0]
    item: dict[str, Any] = msgspec.json.decode(event.item) if event.item else {"id": event.published_id}
    item["_feeds"] = {**item.get("_feeds", {}), "feeds": list(dict.fromkeys(event.feed_id for event in events))}
    return msgspec.json.encode(item)


class EventBuffer:
    """The newest events, for all clients of a server. A place among them is the number of those that came before."""

    def __init__(self) -> None:
        self._events: deque[LiveEvent] = deque()
        self._size = 0
        self._messages: dict[tuple[int, str], bytes] = {}  # what was read since the last event: most read the same
        self.end = 0

    def append(self, events: Iterable[LiveEvent]) -> None:
        """Add events, and drop the oldest of too many; the newest stays, whatever its size."""
        self._messages.clear()
        for event in events:
            self._events.append(event)
            self._size += len(event.data)
            self.end += 1
        while len(self._events) > MAX_EVENTS or (self._size > MAX_BYTES and len(self._events) > 1):
            self._size -= len(self._events.popleft().data)

    def read(self, place: int, audience: str) -> bytes | None:
        """Return the messages for a client since a place; None where some of them were dropped."""
        count = self.end - place
        if count > len(self._events):
            return None
        key = place, audience
        if key not in self._messages:
            if len(self._messages) >= MAX_READS:
                self._messages.clear()
            newest = (self._events[index] for index in range(-count, 0))
            self._messages[key] = b"".join(event.data for event in newest if event.audience in (audience, EVERYONE))
        return self._messages[key]


class LiveStreams:
    """The clients of the live streams, and the events they wait for. `publish` takes events from any thread.

    `read_events` returns up to so many stored events after a number, `event_range` the numbers of all stored ones.
    """

    def __init__(
        self,
        read_events: Callable[[int, int], Sequence[NumberedEvent]],
        event_range: Callable[[], range],
        trusted_proxies: Iterable[str] = (),
    ) -> None:
        self._read_events = read_events
        self._event_range = event_range
        self._limits = ClientLimits("live streams", MAX_STREAMS, trusted_proxies, MAX_STREAMS_PER_CLIENT)
        self._lock = threading.Lock()
        self._buffer = EventBuffer()
        self._position: int | None = None  # number of the newest event in the buffer; None before the first
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: set[asyncio.Event] = set()  # one of each client
        self._timer: asyncio.TimerHandle | None = None
        self._tick_count = 0
        self._replays = asyncio.Semaphore(MAX_REPLAYS)

    def publish(self, events: Sequence[NumberedEvent], position: int) -> None:
        """Send events to the clients. Without events, some up to `position` are gone, and the clients start anew."""
        encoded = [*encode_events(events)] or [LiveEvent(EVERYONE, encode_message(position, "reset", b"{}"))]
        with self._lock:
            self._buffer.append(encoded)
            self._position = position
            loop = self._loop
        if loop:
            loop.call_soon_threadsafe(self._wake_all)

    @property
    def stream_count(self) -> int:
        """Return how many streams are open."""
        return len(self._waiting)

    async def respond(self, audience: str, request: Request, send: Send) -> None:
        """Stream the events of one feed, or ("") of all, until the client leaves or falls too far behind."""
        address = request.client.host if request.client else ""
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        if request.method == "GET" and self._limits.admit(address):
            try:
                await self._stream(audience, request, send)
            finally:
                self._limits.release(address)
        elif request.method == "GET":  # any status but 200 ends the reconnecting of browsers for good (R73)
            await _send(send, b"retry: %d\n\n" % random.randint(*SHED_RETRY_MILLISECONDS))
        await send({"type": "http.response.body"})

    async def _stream(self, audience: str, request: Request, send: Send) -> None:
        news = asyncio.Event()
        end = asyncio.create_task(_wait_for_end(request))
        end.add_done_callback(lambda _: news.set())
        self._add(news)
        try:
            place, position = await self._find_place()
            await _send(send, b"retry: %d\n%s" % (random.randint(*RETRY_MILLISECONDS), encode_message(position)))
            if (last := _read_last_id(request)) is not None:
                async with self._replays:
                    async for missed in self._replay(audience, last, position):
                        await _send(send, missed)
            tick_count = self._tick_count
            while not end.done():
                with self._lock:
                    messages, place = self._buffer.read(place, audience), self._buffer.end
                if messages is None:
                    return
                if messages or tick_count != self._tick_count:
                    tick_count = self._tick_count
                    await _send(send, messages or _KEEP_ALIVE)
                await news.wait()
                news.clear()
        finally:
            end.cancel()
            self._waiting.discard(news)

    async def _find_place(self) -> tuple[int, int]:
        """Return the end of the buffer, and the number of the last event before it."""
        with self._lock:
            place, position = self._buffer.end, self._position
        if position is None:  # nothing was published since the server started
            position = (await asyncio.to_thread(self._event_range)).stop - 1
        return place, position

    async def _replay(self, audience: str, last: int, position: int) -> AsyncIterator[bytes]:
        """Yield the stored events between two numbers, or a reset where not all are there or they are too many."""
        stored = await asyncio.to_thread(self._event_range)
        if not stored.start - 1 <= last <= position or position - last > MAX_REPLAY:
            yield encode_message(position, "reset", b"{}")
            return
        while last < position and (events := await asyncio.to_thread(self._read_events, last, REPLAY_STEP)):
            events = [(number, event) for number, event in events if number <= position]
            yield b"".join(event.data for event in encode_events(events) if event.audience == audience)
            last = events[-1][0] if events else position

    def _add(self, news: asyncio.Event) -> None:
        self._waiting.add(news)
        if self._timer is None:
            self._loop = asyncio.get_running_loop()
            self._timer = self._loop.call_later(KEEP_ALIVE_SECONDS, self._keep_alive)

    def _keep_alive(self) -> None:
        """Make each client send something now and then, so that proxies and browsers keep the connection (R71)."""
        self._tick_count += 1
        self._wake_all()
        self._timer = None
        if self._waiting:
            self._timer = asyncio.get_running_loop().call_later(KEEP_ALIVE_SECONDS, self._keep_alive)

    def _wake_all(self) -> None:
        for news in self._waiting:
            news.set()


async def _send(send: Send, body: bytes) -> None:
    if body:
        await send({"type": "http.response.body", "body": body, "more_body": True})


async def _wait_for_end(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _read_last_id(request: Request) -> int | None:
    """Return the number that a browser got last; -1, which leads to a reset, for what is no number of ours."""
    value = request.headers.get("last-event-id")
    if value is None:
        return None
    return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else -1
