"""The browsers that are notified of news: their subscriptions, our key, and what sends to them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Self

from ..fetch import OutboundClient
from ..model import Config, NumberedEvent, PushSubscription, SendRequest
from ..push import vapid, web_push
from ..push.notification import NotificationTexts
from ..push.notifier import NewsOutbox, Notifier
from ..push.push_services import PRIVATE_SERVICE, find_service
from ..registry import formats
from ..serve import PushRoutes, SubscribeForm
from ..serve.files import is_published_path
from ..store import PushSubscriptions, ServerDatabase
from .published_documents import PublishedDocuments

CHECK_SECONDS = 5.0  # in which the name of a push service of the operator's must be found
ALL_FEEDS_PAGE = "./"


class PushSubscribers:
    """Keeps the subscriptions for the routes of `serve`, and notifies them.

    `config` returns the configuration of now. Push services of the operator's own are contacted in the networks of
    `server: allow_private` alone.
    """

    def __init__(
        self,
        config: Callable[[], Config],
        outbox: NewsOutbox,
        database: ServerDatabase,
        now: Callable[[], datetime],
        documents: PublishedDocuments,
    ) -> None:
        self._documents = documents
        networks = config().server.allow_private
        self._public = OutboundClient(config().site)
        self._private = OutboundClient(config().site, networks, allowed_only=True)
        self._has_networks = bool(networks)
        self._config = config
        self._now = now
        self._store = PushSubscriptions(database)
        self._lock = threading.Lock()
        self._vapid: vapid.Vapid | None = None
        self._notifier = Notifier(self._store, outbox, self.vapid, self._sender, self._texts, now)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._notifier.close()
        self._public.close()
        self._private.close()

    def routes(self) -> PushRoutes:
        """Return what answers below `/push/`."""
        config = self._config()
        return PushRoutes(self, config.site.url, config.server.trusted_proxies)

    def counts(self) -> tuple[int, int, Mapping[str, int]]:
        """Return how many subscriptions there are, how many notifications wait, and what became of those so far."""
        return self._store.count(), self._store.count_pending(), dict(self._notifier.counts)

    def count_by_feed(self) -> Mapping[str, int]:
        """Return how many subscriptions each feed has."""
        return self._store.count_by_feed()

    def wake(self, events: Sequence[NumberedEvent], position: int) -> None:
        """Notify of what the outbox has gained, as the follower says."""
        self._notifier.wake()

    def run(self, stop: threading.Event) -> None:
        """Send notifications until told to stop."""
        self._notifier.run(stop)

    def vapid(self) -> vapid.Vapid:
        """Return our key, which is made when it is first needed."""
        with self._lock:
            if self._vapid is None:
                key = self._store.vapid_key(vapid.make_key)
                contact = vapid.contact_of(self._config().site)
                self._vapid = vapid.Vapid(key, contact, lambda: self._now().timestamp())
            return self._vapid

    def public_key(self) -> str:
        """Return our public key in base64url."""
        return self.vapid().public_key

    def has_feed(self, feed_id: str) -> bool:
        """Return whether a feed is published."""
        paths = [f"{feed_id}.{suffix}" for suffix in formats()]
        return any(is_published_path(f"/{path}") and self._documents.has(path) for path in paths)

    def subscribe(self, form: SubscribeForm) -> tuple[str, ...]:
        """Add a feed to a subscription; raise PushError for an endpoint that may not be sent to, or wrong keys."""
        endpoint, keys = form.subscription.endpoint, form.subscription.keys
        service = find_service(endpoint, self._is_private)
        p256dh, auth = web_push.check_keys(keys.p256dh, keys.auth)
        subscription = PushSubscription(endpoint, p256dh, auth, service)
        return tuple(self._store.subscribe(subscription, form.feed, self._now(), form.replaces))

    def unsubscribe(self, endpoint: str, feed_id: str | None) -> tuple[str, ...]:
        """Take a feed from a subscription, or all; return those that are left."""
        return tuple(self._store.unsubscribe(endpoint, feed_id))

    def feeds_of(self, endpoint: str) -> tuple[str, ...]:
        """Return the feeds of a subscription."""
        return tuple(self._store.feeds_of(endpoint))

    def _is_private(self, endpoint: str) -> bool:
        return self._has_networks and self._private.may_contact(endpoint, seconds=CHECK_SECONDS)

    def _sender(self, service: str) -> SendRequest:
        return (self._private if service == PRIVATE_SERVICE else self._public).send

    def _texts(self, feed_id: str) -> NotificationTexts:
        from ..render.html.language import page_language  # loads babel, for the first notification only

        config = self._config()
        feed = config.feeds.get(feed_id) or config.feeds.get(feed_id.partition("/")[0])
        language = page_language((feed and feed.language) or config.site.language, config.site.timezone)
        page = f"{feed_id}.html" if feed_id else ALL_FEEDS_PAGE
        words = language.words
        return NotificationTexts(page, words["new_story"], words["new_stories"], language.tag, language.direction)
