"""Sends notifications of what the outbox says is news: follows it, and works off what browsers have not had yet.

All state is in the server's database: the position in the outbox and what is wanted are written in one transaction, and
what was sent is noted once the push service has taken it. So no news is missed; one that is sent when the program dies
is sent again, and the browser shows it in the place of the first (at least once, collapsed by feed).
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import datetime, timedelta
from queue import SimpleQueue
from typing import Protocol

from ..errors import FeedsError, StoreError
from ..model import News, Notice, NoticeResult, NumberedEvent, PushSubscription, SendRequest
from .notification import MAX_STORIES, NotificationTexts, list_news, make_payloads
from .outbox_follower import EVENTS_AT_ONCE, Outbox
from .push_services import PRIVATE_SERVICE, PUSH_SERVICES
from .store_errors import StoreErrorLog
from .vapid import Vapid
from .web_push import Attempt, make_topic, push

log = logging.getLogger("feeds.server")

SERVICES = (*(service.name for service in PUSH_SERVICES), PRIVATE_SERVICE)
SETTLE = timedelta(seconds=3)  # in which articles that several feeds publish are counted together
GAP = timedelta(minutes=1)  # between two notifications of one feed to one browser
# After a failure, doubled with each one up to the second; `NEWS_AGE` of the store ends it.
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=1)
WORKERS, MAX_IN_PROGRESS = 8, 64  # of each service, so that a slow one delays no other
CLOSE_SECONDS = 0.5
IDLE_SECONDS = 30.0
BATCH_SECONDS = 0.2  # in which results are collected to be written at once
MAX_REFUSALS = 10  # of an endpoint that somebody made up: then it is removed, if others were taken meanwhile
BUSY_SECONDS = 1.0  # while a service is waited for, others may be due
LOG_SECONDS = 3600.0
# State of an attempt → what the log says of the service.
MESSAGES: Mapping[str, str] = {
    "denied": "it does not accept our key or our clock; no notification arrives, and no subscription is lost",
    "limited": "it takes no more notifications for a while",
    "refused": "it refused a notification, which is not sent again",
    "too large": "it refused the smallest notification",
    "failed": "a notification could not be sent and is tried again",
}


class NewsOutbox(Outbox, Protocol):
    """The events of a store, and its feeds that are no longer published; see `store.StoreReader`."""

    def withdrawn_feeds(self) -> Mapping[str, str | None]:
        """Return the id of each feed that is no longer published → its successor, or None."""
        ...


class NoticeStore(Protocol):
    """What is kept of subscriptions and news; see `store.PushSubscriptions`."""

    def may_deliver(self) -> bool:
        """Return whether what is due is to be sent by this server, and not by another one."""
        ...

    def position(self) -> int | None:
        """Return the number of the last event that was taken from the outbox."""
        ...

    def take_events(
        self,
        news: Iterable[tuple[str, News]],
        withdrawn: Iterable[tuple[str, str]],
        position: int,
        *,
        now: datetime,
        due: datetime,
    ) -> None:
        """Keep the news of feeds, with the position."""
        ...

    def rename_feeds(self, successors: Mapping[str, str]) -> None:
        """Give the subscriptions to feeds that are renamed to their successors."""
        ...

    def news(self, feed_id: str, after: int, limit: int, now: datetime) -> tuple[Sequence[News], int]:
        """Return the newest news of a feed after an event, and how many there are."""
        ...

    def due_notices(self, service: str, now: datetime, limit: int) -> Sequence[Notice]:
        """Return up to `limit` notices for the browsers of a push service."""
        ...

    def next_due(self, services: Collection[str]) -> datetime | None:
        """Return when the next notice for any of these services is due."""
        ...

    def conclude(self, results: Iterable[NoticeResult]) -> None:
        """Store what became of notices."""
        ...


class Notifier:
    """Sends what is wanted, a few notifications at a time for each push service.

    `vapid` returns our key, `send` the function that sends to a service, `texts` those of a feed. `wake` is called when
    the outbox has grown. `counts` says what became of the notifications so far, by state.
    """

    def __init__(
        self,
        store: NoticeStore,
        outbox: NewsOutbox,
        vapid: Callable[[], Vapid],
        send: Callable[[str], SendRequest],
        texts: Callable[[str], NotificationTexts],
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._outbox = outbox
        self._vapid = vapid
        self._send = send
        self._texts = texts
        self._now = now
        self._woken = threading.Event()
        self._pools: dict[str, ThreadPoolExecutor] = {}
        self._renamed: Mapping[str, str] = {}
        self._in_progress: dict[str, set[tuple[int, str]]] = defaultdict(set)
        self._attempts: SimpleQueue[tuple[Notice, Attempt]] = SimpleQueue()
        self._results: list[NoticeResult] = []  # that are not written yet
        self._refusals: dict[int, tuple[int, datetime]] = {}  # by subscription: how many, and when the first was
        self._last_sent: dict[str, datetime] = {}  # by service
        self._paused: dict[str, datetime] = {}  # service → until when it asked for rest
        self._futures: set[Future[None]] = set()
        self._lock = threading.Lock()  # of all but the threads that send
        self._is_closed = False
        self._logged: dict[tuple[str, str], float] = {}
        self.counts: Counter[str] = Counter()

    @property
    def in_progress(self) -> int:
        """Return how many notifications are being sent."""
        return sum(map(len, self._in_progress.values()))

    def wake(self) -> None:
        """Look at the outbox soon."""
        self._woken.set()

    def run(self, stop: threading.Event) -> None:
        """Send until told to stop; what waits for a service then is sent after the next start."""
        store_errors = StoreErrorLog("no notification is sent")
        while not stop.is_set():
            idle = IDLE_SECONDS
            with store_errors.caught():
                self.poll()
                idle = self._idle_seconds()
            self._woken.wait(idle)
            self._woken.clear()
            stop.wait(BATCH_SECONDS)

    def close(self) -> None:
        """Begin nothing more, and note what is sent within half a second; the rest is sent after the next start."""
        with self._lock:
            self._is_closed = True
            for pool in self._pools.values():
                pool.shutdown(wait=False, cancel_futures=True)
            wait(list(self._futures), CLOSE_SECONDS)
            with suppress(StoreError):
                self._conclude()

    def poll(self) -> None:
        """Take what is new from the outbox, note what was sent, and begin to send what is due."""
        with self._lock:
            if self._is_closed:
                return
            if not self._store.may_deliver():
                self._renamed = {}  # another server stores what is renamed
                self._conclude()
                return
            self._rename()
            self._follow()
            self._conclude()
            for service in SERVICES:
                self._dispatch(service, self._now())

    # ── the outbox ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _rename(self) -> None:
        """Let subscriptions go with a feed that gets another id."""
        renamed = {old: new for old, new in self._outbox.withdrawn_feeds().items() if new is not None}
        if renamed != self._renamed:
            self._store.rename_feeds(renamed)
            self._renamed = renamed

    def _follow(self) -> None:
        """Take the events after the stored position; those that are gone, as after a restored backup, are no news."""
        numbers, position = self._outbox.event_range(), self._store.position()
        newest = numbers.stop - 1
        if position is None or newest < position or (newest > position and numbers.start > position + 1):
            self._take((), newest)
            return
        while position < newest and (events := self._outbox.events(position, EVENTS_AT_ONCE)):
            position = events[-1][0]
            self._take(events, position)

    def _take(self, events: Sequence[NumberedEvent], position: int) -> None:
        now = self._now()
        withdrawn = [(event.feed_id, event.published_id) for _, event in events if event.kind == "retract"]
        self._store.take_events(list_news(events), withdrawn, position, now=now, due=now + SETTLE)

    # ── sending ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _dispatch(self, service: str, now: datetime) -> None:
        in_progress = self._in_progress[service]
        if self._paused.get(service, now) > now or len(in_progress) >= MAX_IN_PROGRESS:
            return
        notices = self._store.due_notices(service, now, 2 * MAX_IN_PROGRESS)
        waiting = [notice for notice in notices if (notice.subscription_key, notice.feed_id) not in in_progress]
        for notice in waiting[: MAX_IN_PROGRESS - len(in_progress)]:
            news, count = self._store.news(notice.feed_id, notice.delivered, MAX_STORIES, now)
            if not count:  # taken back, or too old
                self._store.conclude([NoticeResult(notice, "done", now)])
                continue
            in_progress.add((notice.subscription_key, notice.feed_id))
            payloads = make_payloads(news, count, notice.feed_id, self._texts(notice.feed_id))
            future = self._pool(service).submit(self._deliver, notice, payloads)
            self._futures.add(future)
            future.add_done_callback(self._futures.discard)

    def _pool(self, service: str) -> ThreadPoolExecutor:
        if service not in self._pools:
            self._pools[service] = ThreadPoolExecutor(WORKERS, f"push-{service}")
        return self._pools[service]

    def _deliver(self, notice: Notice, payloads: Iterable[bytes]) -> None:
        try:
            attempt = self._push(notice.subscription, payloads, make_topic(notice.feed_id))
        except FeedsError as error:
            attempt = Attempt("failed", str(error))
        except Exception as error:  # a fault of ours or of a library costs one notification
            log.exception("a notification was not sent")
            attempt = Attempt("refused", type(error).__name__)
        self._attempts.put((notice, attempt))
        self._woken.set()

    def _push(self, subscription: PushSubscription, payloads: Iterable[bytes], topic: str) -> Attempt:
        return push(subscription, payloads, topic, self._vapid(), self._send(subscription.service))

    # ── results ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _conclude(self) -> None:
        now = self._now()
        while not self._attempts.empty():
            self._results.append(self._result(*self._attempts.get(), now))
        if self._results:
            self._store.conclude(self._results)
            for result in self._results:
                notice = result.notice
                self._in_progress[notice.subscription.service].discard((notice.subscription_key, notice.feed_id))
            self._results.clear()

    def _result(self, notice: Notice, attempt: Attempt, now: datetime) -> NoticeResult:
        """Return what an attempt means for its notice (R65)."""
        service = notice.subscription.service
        self.counts[attempt.state] += 1
        if message := MESSAGES.get(attempt.state):
            self._log(service, attempt, message)
        if attempt.state == "gone" or self._is_made_up(notice, attempt, now):
            self._refusals.pop(notice.subscription_key, None)
            return NoticeResult(notice, "gone", now)
        if attempt.state in ("sent", "refused", "too large"):
            return NoticeResult(notice, "done", now + GAP)
        pause = min(FIRST_PAUSE * 2 ** min(notice.attempts, 10), LONGEST_PAUSE)
        if attempt.state == "denied":
            pause = LONGEST_PAUSE
        if attempt.retry_after is not None:
            pause = max(timedelta(seconds=attempt.retry_after), FIRST_PAUSE)
        if attempt.state == "limited":  # which counts all that we send
            self._paused[service] = max(now + pause, self._paused.get(service, now))
        return NoticeResult(notice, "failed", now + pause)

    def _is_made_up(self, notice: Notice, attempt: Attempt, now: datetime) -> bool:
        """Tell whether a service refuses all for this subscription, and takes what is for others."""
        key, service = notice.subscription_key, notice.subscription.service
        if attempt.state == "sent":
            self._last_sent[service] = now
            self._refusals.pop(key, None)
        if attempt.state != "refused":
            return False
        count, first = self._refusals.get(key, (0, now))
        self._refusals[key] = count + 1, first
        return count + 1 >= MAX_REFUSALS and self._last_sent.get(service, first) > first

    def _log(self, service: str, attempt: Attempt, message: str) -> None:
        """Log a problem with a service, once an hour."""
        key, at = (service, attempt.state), time.monotonic()
        if at - self._logged.get(key, -LOG_SECONDS) >= LOG_SECONDS:
            self._logged[key] = at
            level = logging.ERROR if attempt.state == "denied" else logging.WARNING
            log.log(level, "push service %s: %s (%s)", service, message, attempt.reason)

    def _idle_seconds(self) -> float:
        """Return how long there is nothing to do, unless a notification is sent or the outbox grows."""
        if self.in_progress:
            return BUSY_SECONDS
        if not self._store.may_deliver():
            return IDLE_SECONDS
        now = self._now()
        rested = [name for name in SERVICES if self._paused.get(name, now) <= now]
        dues = [until for until in self._paused.values() if until > now]
        if due := self._store.next_due(rested):
            dues.append(due)
        return min([IDLE_SECONDS, *(max((due - now).total_seconds(), 0.0) for due in dues)])
