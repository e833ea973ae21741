"""Our WebSub hub behind its address: verification of requests, deliveries, retries, denials (W3C WebSub §5, §7).

The store holds what is to be done, so that a restart forgets nothing. A subscription has at most one delivery under way
or waiting: it sends the document as it is then. What hangs or fails is kept from delaying others: a host has a few
deliveries at a time, and those that failed before have a few threads of their own (F36).
"""

from __future__ import annotations

import logging
import math
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from http import HTTPStatus
from typing import Protocol
from urllib.parse import urlsplit

from .. import http_headers
from ..errors import FailureKind, FeedsError, PushError, StoreError
from ..model import HubDelivery, HubRequest, HubSubscription, NumberedEvent, OutboundAnswer, SendRequest
from .hub_messages import HubMessage, TopicDocument, delivery, denial, is_confirmed, is_success, verification
from .store_errors import StoreErrorLog

log = logging.getLogger("feeds.server")

SEND_SECONDS = 10.0  # for one request and its answer
LANES = {"request": 16, "delivery": 64, "retry": 8}  # kind of work → how much of it at once
PER_HOST = 32  # requests at once to one host
RETRY_DELAYS = (10.0, 60.0, 300.0, 1800.0, 7200.0)  # seconds; after the last one, the delivery is given up (R62)
MAX_RETRY_AFTER = 86_400.0
SWEEP_SECONDS = 600.0  # between two looks at what has expired or is no longer published
GATHER_SECONDS = 0.02  # in which several deliveries end, so that one look replaces them all
POLL_SECONDS = 60.0  # at most without a look at what is due
REST_SECONDS = 60.0  # after an error of the store
GONE = "This feed is no longer published."


@dataclass(frozen=True, slots=True)
class Topic:
    """A document of ours that can be subscribed to; `url` is its published address."""

    url: str
    path: str
    feed_id: str


@dataclass(frozen=True, slots=True)
class Topics:
    """The documents of ours that can be subscribed to.

    `find` returns the topic of a URL, `url` the address of a path, `read` what stands there, both None where nothing
    is; `withdrawn` returns the ids of the feeds that are no longer published, each with its successor or None. `hub` is
    the address of the hub, empty while our feeds have another one or none: then nothing is sent.
    """

    hub: str
    find: Callable[[str], Topic | None]
    url: Callable[[str], str]
    read: Callable[[str], TopicDocument | None]
    withdrawn: Callable[[], Mapping[str, str | None]]


class HubQueue(Protocol):
    """The stored requests and subscriptions; `store.hub.HubStore` says what the methods do."""

    def add_request(self, request: HubRequest) -> None: ...
    def requests(self, limit: int, busy_keys: Collection[int], busy_hosts: Collection[str]) -> Sequence[HubRequest]: ...
    def finish_request(self, key: int) -> None: ...
    def subscribe(
        self, request: HubRequest, path: str, feed_id: str, expires: datetime, digest: str | None
    ) -> None: ...
    def unsubscribe(self, callback: str, path: str) -> None: ...
    def expire(self, at: datetime) -> None: ...
    def feed_subscriptions(self, feed_id: str) -> Sequence[HubSubscription]: ...
    def move(self, subscription: HubSubscription, path: str, feed_id: str) -> None: ...
    def want_deliveries(self, feed_ids: Collection[str]) -> None: ...
    def catch_up(self, read_digest: Callable[[str], str | None]) -> None: ...
    def due_deliveries(
        self, at: datetime, limit: int, busy_keys: Collection[int], busy_hosts: Collection[str], *, retries: bool
    ) -> Sequence[HubSubscription]: ...
    def next_delivery(self, at: datetime) -> datetime | None: ...
    def record_deliveries(self, deliveries: Iterable[HubDelivery]) -> None: ...
    def remove(self, subscription: HubSubscription) -> None: ...
    def may_deliver(self) -> bool: ...


# ── decisions ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def host_of(callback: str) -> str:
    """Return the host of a callback with its port, in lower case."""
    return urlsplit(callback).netloc.lower()


def retry_delay(attempts: int, answer: OutboundAnswer | None) -> timedelta | None:
    """Return the pause after so many attempts that failed; None to give up."""
    position = (attempts - 1) % (len(RETRY_DELAYS) + 1)
    if position == len(RETRY_DELAYS):
        return None
    wish = http_headers.parse_retry_after(answer.headers) if answer else None
    return timedelta(seconds=min(max(RETRY_DELAYS[position], wish or 0.0), MAX_RETRY_AFTER))


# ── the hub ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class HubWorker:
    """Does what the store says is to be done, in threads. `publish` and `wake` may be called from any thread."""

    def __init__(
        self, queue: HubQueue, topics: Callable[[], Topics], send: SendRequest, now: Callable[[], datetime]
    ) -> None:
        self._queue = queue
        self._topics = topics
        self._send = send
        self._now = now
        self._news = threading.Event()
        self._slots = Slots()
        self.outcomes: Counter[str] = Counter()  # of deliveries, since the start
        self._executor = ThreadPoolExecutor(sum(LANES.values()), "hub")  # which starts threads as they are needed
        self._lock = threading.Lock()
        self._changed_feeds: set[str] = set()  # since the last look
        self._is_behind = True  # any document may have changed
        self._ended: list[tuple[str, HubDelivery]] = []  # deliveries that are not stored yet, with their lanes
        self._rest_until = -math.inf  # of the monotonic clock
        self._sweep_at: datetime | None = None
        self._store_errors = StoreErrorLog("the hub cannot work")

    def publish(self, events: Sequence[NumberedEvent], position: int) -> None:
        """Note the feeds that changed; without events, all of them may have. It waits for no database."""
        with self._lock:
            self._changed_feeds.update(event.feed_id for _, event in events)
            self._is_behind |= not events
        self.wake()

    def wake(self) -> None:
        """Look soon at what is to be done."""
        self._news.set()

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop; what changed while nobody looked is delivered first."""
        try:
            while not stop.is_set():
                self._news.clear()
                pause = REST_SECONDS
                with self._store_errors.caught():
                    self.look()
                    pause = self._pause()
                self._news.wait(pause)
                stop.wait(GATHER_SECONDS)
        finally:
            self.close()

    def look(self) -> bool:
        """Start what is due, as far as there are threads for it; return whether anything was or is under way."""
        was_used = self._slots.is_used()
        if time.monotonic() < self._rest_until:
            return was_used
        try:
            if not self._queue.may_deliver():
                self._is_behind = True  # once this server does
                self._record_deliveries()
                return was_used
            self._note_changes()
            self._record_deliveries()
            self._sweep()
            return (self._start_work() if self._topics().hub else 0) > 0 or was_used
        except StoreError:
            self._rest_until = time.monotonic() + REST_SECONDS
            raise

    def close(self) -> None:
        """Start nothing more."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _note_changes(self) -> None:
        """Store which deliveries are wanted; after an error of the store, all documents are compared."""
        with self._lock:
            feed_ids, self._changed_feeds = self._changed_feeds, set()
            is_behind, self._is_behind = self._is_behind, False
        try:
            if is_behind:
                self._queue.catch_up(self._read_digest)
            elif feed_ids:
                self._queue.want_deliveries(feed_ids)
        except StoreError:
            self._is_behind = True
            raise

    def _record_deliveries(self) -> None:
        """Store how deliveries ended, all in one transaction; until then they count as under way."""
        with self._lock:
            ended = [*self._ended]
        if ended:
            self._queue.record_deliveries([delivery for _, delivery in ended])
            with self._lock:
                del self._ended[: len(ended)]
            for lane, delivery in ended:
                self._slots.release(lane, delivery.subscription.key, host_of(delivery.subscription.callback))
                self.outcomes[delivery.outcome] += 1

    def _read_digest(self, path: str) -> str | None:
        document = self._topics().read(path)
        return document.digest if document else None

    def _pause(self) -> float:
        """Return the seconds until the next look."""
        if (rest := self._rest_until - time.monotonic()) > 0:
            return rest
        now = self._now()
        is_ours = self._topics().hub and self._queue.may_deliver()
        due = self._queue.next_delivery(now) if is_ours else None
        return POLL_SECONDS if due is None else min(max((due - now).total_seconds(), 0.2), POLL_SECONDS)

    def _sweep(self) -> None:
        """Forget subscriptions that have expired, move those of renamed feeds, deny those of others (R46, R57, R58)."""
        now = self._now()
        if self._sweep_at is not None and now < self._sweep_at:
            return
        self._sweep_at = now + timedelta(seconds=SWEEP_SECONDS)
        self._queue.expire(now)
        topics = self._topics()
        for feed_id, successor in topics.withdrawn().items():
            for subscription in self._queue.feed_subscriptions(feed_id):
                if successor:  # the next delivery names the new topic
                    path = f"/{successor}{subscription.path.removeprefix(f'/{feed_id}')}"
                    self._queue.move(subscription, path, successor)
                else:
                    topic = topics.url(subscription.path)
                    callback, protocol = subscription.callback, subscription.protocol
                    self._queue.add_request(HubRequest("denied", callback, topic, reason=GONE, protocol=protocol))
                    self._queue.remove(subscription)

    def _start_work(self) -> int:
        """Start what is due; return how much."""
        topics, count = self._topics(), 0
        documents: dict[str, TopicDocument | None] = {}  # one copy in memory for all that are sent it now

        def deliver(subscription: HubSubscription) -> HubDelivery:
            return self._deliver(subscription, topics, documents[subscription.path])

        def start(lane: str, item: HubRequest | HubSubscription, work: Callable[[], HubDelivery | None]) -> None:
            nonlocal count
            if self._slots.take(lane, item.key, host_of(item.callback)):
                count += 1
                self._executor.submit(work).add_done_callback(lambda done: self._end(done, lane, item))

        while requests := self._queue.requests(*self._slots.limits("request")):
            for request in requests:
                start("request", request, partial(self._answer, request, topics))
        for lane in ("delivery", "retry"):
            while deliveries := self._queue.due_deliveries(
                self._now(), *self._slots.limits(lane), retries=lane == "retry"
            ):
                for each in deliveries:
                    if each.path not in documents:
                        documents[each.path] = topics.read(each.path)
                    start(lane, each, partial(deliver, each))
        return count

    def _end(self, done: Future[HubDelivery | None], lane: str, item: HubRequest | HubSubscription) -> None:
        error = None if done.cancelled() else done.exception()
        if isinstance(error, StoreError):  # what was sent could not be noted, and must not be sent again and again
            self._rest_until = time.monotonic() + REST_SECONDS
        if error or done.cancelled() or (delivery := done.result()) is None:
            self._slots.release(lane, item.key, host_of(item.callback))
        else:
            with self._lock:
                self._ended.append((lane, delivery))
        self.wake()
        if error and getattr(error, "kind", None) is not FailureKind.STOPPED:
            bug = None if isinstance(error, FeedsError) else error
            log.error("the hub could not work for %s: %s", host_of(item.callback), error, exc_info=bug)

    # ── one request, one delivery ───────────────────────────────────────────────────────────────────────────────────

    def _answer(self, request: HubRequest, topics: Topics) -> None:
        """Verify the intent of a subscriber, by one request and no more (R63); or tell it why it is denied."""
        topic = topics.find(request.topic)
        if topic is not None and request.mode != "denied":
            self._verify(request, topic, topics)
        elif message := denial(request, request.reason or GONE):
            self._request(message)
        self._queue.finish_request(request.key)

    def _verify(self, request: HubRequest, topic: Topic, topics: Topics) -> None:
        challenge = secrets.token_urlsafe(32)
        document = topics.read(topic.path)
        if not is_confirmed(request, challenge, self._request(verification(request, challenge))):
            return
        if request.mode == "unsubscribe":
            self._queue.unsubscribe(request.callback, topic.path)
            return
        expires = self._now() + timedelta(seconds=request.lease_seconds)
        digest = document.digest if document else None
        self._queue.subscribe(request, topic.path, topic.feed_id, expires, digest)
        if topics.read(topic.path) != document:  # changed before the subscription was stored
            self._queue.want_deliveries({topic.feed_id})

    def _deliver(self, subscription: HubSubscription, topics: Topics, document: TopicDocument | None) -> HubDelivery:
        if document is None or document.digest == subscription.body_digest:
            return HubDelivery(subscription, "unchanged", subscription.body_digest)
        answer = self._request(delivery(subscription, topics.url(subscription.path), topics.hub, document))
        if answer and is_success(answer):
            return HubDelivery(subscription, "delivered", document.digest)
        if answer and answer.status == HTTPStatus.GONE:
            return HubDelivery(subscription, "gone")
        if (delay := retry_delay(subscription.attempts + 1, answer)) is not None:
            return HubDelivery(subscription, "failed", due=self._now() + delay)
        log.warning("a subscriber at %s takes no deliveries; the next change is tried again", subscription.host)
        return HubDelivery(subscription, "given_up")

    def _request(self, message: HubMessage) -> OutboundAnswer | None:
        """Return the answer; None where there is none. Raise PushError when the server stops."""
        try:
            return self._send(message.method, message.url, message.headers, message.body, seconds=SEND_SECONDS)
        except PushError as error:
            if error.kind is FailureKind.STOPPED:
                raise
            return None


class Slots:
    """Counts what is under way, so that no host and no kind of work takes all threads.

    A lane is a kind of work: a request, a delivery, or one that is tried again.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: dict[str, set[int]] = {lane: set() for lane in LANES}
        self._hosts: Counter[str] = Counter()

    def is_used(self) -> bool:
        """Return whether anything is under way."""
        with self._lock:
            return bool(self._hosts)

    def limits(self, lane: str) -> tuple[int, Collection[int], Collection[str]]:
        """Return how many may start, the keys of those under way, and the hosts that have enough."""
        with self._lock:
            keys = self._keys[lane]
            hosts = [host for host, count in self._hosts.items() if count >= PER_HOST]
            return LANES[lane] - len(keys), [*keys], hosts

    def take(self, lane: str, key: int, host: str) -> bool:
        """Count one more, unless it is under way or too many are."""
        with self._lock:
            keys = self._keys[lane]
            if key in keys or len(keys) >= LANES[lane] or self._hosts[host] >= PER_HOST:
                return False
            keys.add(key)
            self._hosts[host] += 1
            return True

    def release(self, lane: str, key: int, host: str) -> None:
        """Count one less."""
        with self._lock:
            self._keys[lane].discard(key)
            self._hosts[host] -= 1
            if not self._hosts[host]:
                del self._hosts[host]
