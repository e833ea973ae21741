"""The subscriptions of the server process to the hubs of sources: which there are, and what their callbacks do."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from ..fetch import OutboundClient
from ..model import Config, HubSource, Kind, ReceivedPush, SendRequest, Source, SourceSubscription, SubscriptionState
from ..push.source_hubs import HubSubscriber, is_reachable_from, is_signed, take_denial, verify
from ..serve import Endpoint
from ..serve.callbacks import CallbackEndpoint
from ..store import ServerDatabase, SourceHubStore, StoreReader
from .health import read_state

MAX_TURN_AGE = timedelta(hours=1)  # beside cron


class SourceHubs:
    """Subscribes to the hubs of sources as long as turns are made, which take what is pushed."""

    def __init__(
        self,
        current_config: Callable[[], Config],
        reader: StoreReader,
        database: ServerDatabase,
        now: Callable[[], datetime],
    ) -> None:
        self._current_config = current_config
        self._reader = reader
        self._store = SourceHubStore(database)
        self._now = now
        self._clients: dict[tuple[str, ...], OutboundClient] = {}  # by the private networks that they may contact
        self._closed = False
        self._lock = threading.Lock()
        self.subscriber = HubSubscriber(
            self._store, self._sources, self._callback, self._sender, now, taken=reader.push_number
        )
        self._endpoint = CallbackEndpoint(self)

    def close(self) -> None:
        """Abort all requests."""
        with self._lock:
            self._closed = True
            for client in self._clients.values():
                client.close()

    def endpoints(self) -> Mapping[str, Endpoint]:
        """Return what answers at the addresses of callbacks."""
        return {"websub": self._endpoint.respond}

    # ── what callbacks lead to ──────────────────────────────────────────────────────────────────────────────────────

    def confirms(self, token: str, parameters: Mapping[str, str]) -> bool:
        """Return whether a verification, or a denial, is one of what was requested."""
        subscription = self._store.find(token)
        if subscription is None:
            return False
        take = take_denial if parameters.get("hub.mode") == "denied" else verify
        return take(self._store, subscription, parameters, self._now())

    def max_body_size(self, token: str) -> int | None:
        """Return how many bytes may be pushed: as many as a visit may fetch; None where nothing may be."""
        subscription = self._find_pushing(token)
        source = subscription and _declared_source(self._current_config(), subscription.source_id)
        return source.max_bytes if source else None

    def take(self, token: str, content_type: str, signature: str | None, body: bytes) -> bool:
        """Take a push, or ignore one that is not signed; return False where there is no room for it now."""
        subscription = self._find_pushing(token)
        if subscription is None or not is_signed(subscription.secret, body, signature):
            return True
        assert subscription.lease_ends
        push = ReceivedPush(0, subscription.source_id, subscription.lease_ends, content_type, body)
        digest = hashlib.sha256(body).hexdigest()
        return self._store.add_push(subscription, push, digest, self._reader.push_number())

    def _find_pushing(self, token: str) -> SourceSubscription | None:
        """Return the subscription of a hub that may push: it was verified, and is neither denied nor to end."""
        subscription = self._store.find(token)
        if subscription is None or subscription.lease_ends is None:
            return None
        return None if subscription.state in (SubscriptionState.DENIED, SubscriptionState.ENDING) else subscription

    # ── what is subscribed to ───────────────────────────────────────────────────────────────────────────────────────

    def _sender(self, source_id: str) -> SendRequest:
        """Return what sends to the hub of a source, which may be in the private networks of that source, too."""
        config = self._current_config()
        declared = _declared_source(config, source_id)
        networks = (*config.server.allow_private, *(declared.allow_private if declared else ()))
        with self._lock:
            if networks not in self._clients:
                self._clients[networks] = OutboundClient(config.site, networks)
                if self._closed:
                    self._clients[networks].close()
            return self._clients[networks].send

    def _callback(self, token: str) -> str:
        return f"{self._current_config().site.url}websub/{token}"

    def _sources(self) -> Sequence[HubSource] | None:
        """Return the sources to subscribe to; None where another server does, and where no turn would take a push."""
        config = self._current_config()
        if not self._store.may_deliver() or not self._are_turns_made(config):
            return None
        sources = self._reader.hub_sources()
        if sources is None:
            return None
        return [source for source in sources if _may_subscribe(source, config)]

    def _are_turns_made(self, config: Config) -> bool:
        """Return whether what is pushed is taken; of workers elsewhere, only the store knows."""
        if config.store:
            due = self._reader.next_due()
            return due is None or self._now() - due <= MAX_TURN_AGE
        state = read_state(config.data)
        return state is not None and self._now() - state.turn_at <= MAX_TURN_AGE


def _may_subscribe(source: HubSource, config: Config) -> bool:
    """Return whether a hub may be told of a source, and could reach us."""
    declared = _declared_source(config, source.source_id)
    if declared is None or declared.private or declared.kind is Kind.COMMAND:  # what a program prints, no hub pushes
        return False
    return is_reachable_from(source.hub, config.site.url)


def _declared_source(config: Config, source_id: str) -> Source | None:
    """Return the declaration of a source, or of the list whose outline it is."""
    return config.sources.get(source_id.partition("/")[0])
