"""The WebSub hub of the server process: which documents can be subscribed to, and how much is taken on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

from ..media_types import find_media_type, is_feed_path
from ..model import Config, HubRequest, SendRequest
from ..push.hub import HubWorker, Topic, Topics
from ..push.hub_messages import TopicDocument, link_header
from ..serve import Endpoint
from ..serve.files import is_published_path
from ..serve.hub import HubEndpoint, HubRefusal, choose_by_path
from ..serve.limits import RequestRate
from ..serve.rss_cloud import CloudEndpoint
from ..store import HubStore, ServerDatabase, StoreReader
from .published_documents import PublishedDocuments

# R63. A service for many readers subscribes to each document of each feed, from one host.
MAX_SUBSCRIPTIONS, MAX_PER_HOST = 100_000, 2_000
MAX_REQUESTS, MAX_REQUESTS_PER_HOST = 2_000, 500  # that wait for verification
REQUESTS_A_MINUTE, REQUESTS_PER_CLIENT = 1_200, 120
NO_TOPIC = "hub.topic is no feed of this site."
TOO_MANY = "There are too many subscriptions; try again later."
TOO_MANY_OF_HOST = "There are too many subscriptions with callbacks at this host."


class HubService:
    """The hub for the documents of our feeds; `worker` verifies and delivers."""

    def __init__(
        self,
        current_config: Callable[[], Config],
        reader: StoreReader,
        database: ServerDatabase,
        send: SendRequest,
        now: Callable[[], datetime],
        documents: PublishedDocuments,
    ) -> None:
        self._current_config = current_config
        self._documents = documents
        self._reader = reader
        self._store = HubStore(database)
        self.worker = HubWorker(self._store, self._topics, send, now)
        rate = RequestRate(REQUESTS_A_MINUTE, REQUESTS_PER_CLIENT, current_config().server.trusted_proxies)
        self._endpoint = HubEndpoint(self._accept, rate)
        self._cloud = CloudEndpoint(self._accept, rate)

    def endpoints(self) -> Mapping[str, Endpoint]:
        """Return what answers at the hub's addresses, if the hub of our feeds is this one."""
        hub = self._current_config().hub
        paths = {"/hub": self._endpoint.respond, "/hub/rsscloud": self._cloud.respond}
        return {"hub": choose_by_path(paths)} if hub and hub.is_own else {}

    def feed_links(self) -> Callable[[str], str] | None:
        """Return what makes the `Link` header of a feed's document; None where our feeds have no hub."""
        config = self._current_config()
        return partial(format_links, config.hub.url, config.site.url) if config.hub else None

    def counts(self) -> tuple[int, int, Mapping[str, int]]:
        """Return the number of subscriptions, of deliveries that wait, and of each outcome of those that were made."""
        return *self._store.counts(), dict(self.worker.outcomes)

    def count_by_feed(self) -> Mapping[str, int]:
        """Return how many subscribers each feed has."""
        return self._store.count_by_feed()

    def _accept(self, request: HubRequest) -> None:
        """Keep a request to be verified; raise HubRefusal for one that is not for us, or too many."""
        if find_topic(self._current_config(), self._documents, request.topic) is None:
            raise HubRefusal(NO_TOPIC, 404)
        waiting, waiting_of_host = self._store.count_requests(request.callback)
        total, of_host = self._store.count_subscriptions(request.callback)
        if waiting >= MAX_REQUESTS or (request.mode == "subscribe" and total >= MAX_SUBSCRIPTIONS):
            raise HubRefusal(TOO_MANY, 503)
        if waiting_of_host >= MAX_REQUESTS_PER_HOST or (request.mode == "subscribe" and of_host >= MAX_PER_HOST):
            raise HubRefusal(TOO_MANY_OF_HOST, 429)
        self._store.add_request(request)
        self.worker.wake()

    def _topics(self) -> Topics:
        config = self._current_config()
        return Topics(
            hub=config.hub.url if config.hub and config.hub.is_own else "",
            find=lambda url: find_topic(config, self._documents, url),
            url=lambda path: config.site.url + path[1:],
            read=lambda path: read_topic(self._documents, path),
            withdrawn=self._reader.withdrawn_feeds,
        )


def format_links(hub: str, site_url: str, path: str) -> str:
    """Return the `Link` header of a document of ours (R44)."""
    return link_header(hub, site_url + path[1:])


def find_topic(config: Config, documents: PublishedDocuments, url: str) -> Topic | None:
    """Return the document of a feed that has this address; None where there is none (R63)."""
    path = f"/{url.removeprefix(config.site.url)}"
    if not url.startswith(config.site.url) or not is_published_path(path) or not is_feed_path(path):
        return None
    return Topic(url, path, path[1:].rpartition(".")[0]) if documents.has(path[1:]) else None


def read_topic(documents: PublishedDocuments, path: str) -> TopicDocument | None:
    """Return the document at a path as it is now; None where there is none."""
    media_type = find_media_type(path)
    body = documents.read(path[1:]) if media_type else None
    if media_type is None or body is None:
        return None
    return TopicDocument(body, media_type.content_type, hashlib.sha256(body).hexdigest())
