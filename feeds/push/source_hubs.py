"""Our subscriptions to the hubs of sources: requested, renewed, ended; and whether a push is what the hub signed.

The address of a callback ends in a token that nobody can guess, and each subscription has a secret of its own (R48). A
request counts as failed until the hub has verified it, so that no answer of a hub need be believed.
"""

from __future__ import annotations

import hmac
import ipaddress
import logging
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Protocol
from urllib.parse import urlencode, urlsplit

from ..errors import FeedsError, PushError
from ..model import HubSource, NumberedEvent, SendRequest, SourceSubscription, SubscriptionState
from .store_errors import StoreErrorLog

log = logging.getLogger("feeds.server")

SEND_SECONDS = 10.0
THREADS = 8
LOOK_SECONDS = 15.0  # between two looks at which sources name a hub
BURST_SECONDS = 1.0  # at least; publishing comes in bursts
LEASE_SECONDS = 864_000  # that we ask for
SHORTEST_LEASE, LONGEST_LEASE = 60, 31_536_000
RENEWAL_SHARE = 0.6  # of the lease (R50)
FIRST_RETRY, LONGEST_RETRY = 300.0, 86_400.0  # seconds; each is four times the one before
DENIED_RETRY = timedelta(days=1)
ENDING_TIME = timedelta(hours=1)  # for the hub to verify that a subscription ends
SIGNATURE_METHODS = ("sha1", "sha256", "sha384", "sha512")  # R51


class SubscriptionQueue(Protocol):
    """The stored subscriptions; `store.source_hubs.SourceHubStore` says what the methods do."""

    def add(self, source: HubSource, token: str, secret: str, due: datetime) -> None: ...
    def all(self) -> Sequence[SourceSubscription]: ...
    def due(self, at: datetime, limit: int) -> Sequence[SourceSubscription]: ...
    def next_due(self) -> datetime | None: ...
    def attempt(self, subscription: SourceSubscription, due: datetime) -> None: ...
    def activate(self, subscription: SourceSubscription, lease_ends: datetime, due: datetime) -> None: ...
    def set_state(self, subscription: SourceSubscription, state: SubscriptionState, due: datetime) -> None: ...
    def remove(self, subscription: SourceSubscription) -> None: ...
    def clean_inbox(self, taken: int) -> None: ...


# ── decisions ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def is_signed(secret: str, body: bytes, header: str | None) -> bool:
    """Return whether `X-Hub-Signature` is that of the body, by any method of the specification (R51)."""
    method, _, digest = (header or "").strip().partition("=")
    if method.lower() not in SIGNATURE_METHODS:
        return False
    expected = hmac.new(secret.encode(), body, method.lower()).hexdigest()
    return hmac.compare_digest(expected.encode(), digest.strip().lower().encode("utf-8", "replace"))


def is_reachable_from(hub: str, site_url: str) -> bool:
    """Return whether a hub may reach our callbacks: one on the internet reaches none on this machine or network."""
    return _is_public(site_url) or not _is_public(hub)


def _is_public(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        return "." in host and not host.endswith((".localhost", ".local", ".internal", ".home.arpa"))


def retry_time(now: datetime, attempts: int) -> datetime:
    """Return when a request is made again that the hub does not verify; `attempts` were made before it."""
    return now + timedelta(seconds=min(FIRST_RETRY * 4.0 ** min(attempts, 9), LONGEST_RETRY))


def clamp_lease(text: str | None) -> timedelta:
    """Return the lease that a hub grants, within reason; ours where it says nothing."""
    seconds = int(text) if text and text.isascii() and text.isdigit() and len(text) < 12 else LEASE_SECONDS
    return timedelta(seconds=min(max(seconds, SHORTEST_LEASE), LONGEST_LEASE))


# ── the answers to a hub ──────────────────────────────────────────────────────────────────────────────────────────────


def verify(
    queue: SubscriptionQueue, subscription: SourceSubscription, parameters: Mapping[str, str], now: datetime
) -> bool:
    """Take a verification of intent, and return whether to confirm it: only what is requested is (R49)."""
    mode, is_ending = parameters.get("hub.mode"), subscription.state is SubscriptionState.ENDING
    if parameters.get("hub.topic") != subscription.topic or not subscription.attempts:
        return False
    if mode == "unsubscribe" and is_ending:
        queue.remove(subscription)
        return True
    if mode != "subscribe" or is_ending:
        return False
    lease = clamp_lease(parameters.get("hub.lease_seconds"))
    queue.activate(subscription, now + lease, now + lease * RENEWAL_SHARE)
    return True


def take_denial(
    queue: SubscriptionQueue, subscription: SourceSubscription, parameters: Mapping[str, str], now: datetime
) -> bool:
    """Take a denial, which may come at any time (R50); return whether it is one of this subscription."""
    if parameters.get("hub.topic") != subscription.topic:
        return False
    if subscription.state is SubscriptionState.ENDING:
        queue.remove(subscription)
    else:
        log.warning("the hub of %s denies a subscription; the source is visited instead", subscription.source_id)
        queue.set_state(subscription, SubscriptionState.DENIED, now + DENIED_RETRY)
    return True


# ── requests ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class HubSubscriber:
    """Keeps the subscriptions in line with the sources that name a hub, and requests them.

    `sources` returns the sources to subscribe to, None where nothing is to be requested now; `callback` an address that
    ends in a token; `sender` what sends requests for a source; `taken` the number up to which the inbox was taken.
    """

    def __init__(
        self,
        queue: SubscriptionQueue,
        sources: Callable[[], Sequence[HubSource] | None],
        callback: Callable[[str], str],
        sender: Callable[[str], SendRequest],
        now: Callable[[], datetime],
        taken: Callable[[], int],
    ) -> None:
        self._queue = queue
        self._sources = sources
        self._callback = callback
        self._sender = sender
        self._now = now
        self._taken = taken
        self._news = threading.Event()
        self._busy: set[int] = set()  # keys of subscriptions
        self._executor = ThreadPoolExecutor(THREADS, "subscriber")
        self._store_errors = StoreErrorLog("no hub is subscribed to")

    def publish(self, events: Sequence[NumberedEvent], position: int) -> None:
        """Look soon: what is published now may come from a new source."""
        self._news.set()

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop."""
        try:
            while not stop.is_set():
                self._news.clear()
                with self._store_errors.caught():
                    self.look()
                self._news.wait(LOOK_SECONDS)
                stop.wait(BURST_SECONDS)
        finally:
            self.close()

    def close(self) -> None:
        """Start nothing more."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def look(self) -> bool:
        """Start the requests that are due; return whether any is under way."""
        now = self._now()
        self._queue.clean_inbox(self._taken())
        sources = self._sources()
        if sources is None:
            return bool(self._busy)
        self._adjust({source.source_id: source for source in sources}, now)
        for subscription in self._queue.due(now, THREADS):
            if subscription.key not in self._busy:
                self._start(subscription, now)
        return bool(self._busy)

    def _adjust(self, wanted: dict[str, HubSource], now: datetime) -> None:
        """Add the subscriptions that are missing, and end those whose source is gone or names another hub or topic."""
        for subscription in self._queue.all():
            if subscription.state is SubscriptionState.ENDING:
                continue
            source = wanted.get(subscription.source_id)
            if source and (source.hub, source.topic) == (subscription.hub, subscription.topic):
                del wanted[subscription.source_id]
            else:
                self._queue.set_state(subscription, SubscriptionState.ENDING, now)
        for source in wanted.values():
            self._queue.add(source, secrets.token_urlsafe(32), secrets.token_urlsafe(32), now)

    def _start(self, subscription: SourceSubscription, now: datetime) -> None:
        is_ending = subscription.state is SubscriptionState.ENDING
        if is_ending and (subscription.attempts or subscription.lease_ends is None):
            self._queue.remove(subscription)
            return
        due = now + ENDING_TIME if is_ending else retry_time(now, subscription.attempts)
        self._queue.attempt(subscription, due)  # before the hub can verify it
        self._busy.add(subscription.key)
        mode = "unsubscribe" if is_ending else "subscribe"
        self._executor.submit(self._request, subscription, mode).add_done_callback(
            lambda done: self._end(done, subscription)
        )

    def _request(self, subscription: SourceSubscription, mode: str) -> None:
        form = {"hub.mode": mode, "hub.topic": subscription.topic, "hub.callback": self._callback(subscription.token)}
        form["hub.verify"] = "async"  # which hubs of PubSubHubbub 0.3 want, and others ignore
        if mode == "subscribe":
            form |= {"hub.secret": subscription.secret, "hub.lease_seconds": str(LEASE_SECONDS)}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        try:
            send = self._sender(subscription.source_id)
            answer = send("POST", subscription.hub, headers, urlencode(form).encode(), seconds=SEND_SECONDS)
            problem = "" if 200 <= answer.status < 300 else f"it answers {answer.status}"
        except PushError as error:
            problem = str(error)
        if problem and not subscription.attempts:
            log.info("the hub of %s takes no request: %s", subscription.source_id, problem)

    def _end(self, done: Future[None], subscription: SourceSubscription) -> None:
        self._busy.discard(subscription.key)
        if not done.cancelled() and (error := done.exception()):
            bug = None if isinstance(error, FeedsError) else error
            log.error("no request to the hub of %s: %s", subscription.source_id, error, exc_info=bug)
