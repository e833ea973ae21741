"""The check of a whole installation, which only reads: it may run beside a daemon."""

from __future__ import annotations

from collections.abc import Callable

from ..compose import select_sources
from ..model import Config, Feed
from ..publication_gate import PublicationGate
from ..publish import open_target
from ..store import Store
from ..verify import DeclaredFeed, Fault, find_faults
from .application import utcnow
from .declarations import expand_feeds, with_outlines
from .document_publisher import DocumentPublisher
from .feed_issuer import FeedIssuer
from .publisher import front_page_feed, story_page_feeds


def verify_installation(config: Config, store: Store) -> list[Fault]:
    """Return all that is wrong with the store, the published files, and between them."""
    sources, target = with_outlines(config.sources, store.outlines()), open_target(config.public, config.site.compress)
    config = expand_feeds(config, sources, store, store.ledgers().keys())
    gate = PublicationGate(config.searched_secrets, store.authority)
    issuer = FeedIssuer(config, sources, store, DocumentPublisher(target, gate), utcnow)

    def newest_change(feed: Feed) -> Callable[[], int]:
        ids = set(select_sources(feed, sources))
        return lambda: max((number for id, number in store.change_numbers().items() if id in ids), default=0)

    pages = {id: DeclaredFeed(feed, newest_change(feed)) for id, feed in story_page_feeds(config).items()}
    feeds = {id: DeclaredFeed(feed, newest_change(feed), issuer.make_documents) for id, feed in config.feeds.items()}
    page = front_page_feed(config)
    front_page = DeclaredFeed(
        page, lambda: max((feed.newest_change() for feed in feeds.values()), default=0), issuer.make_documents
    )
    return list(find_faults(store, target, {**pages, **feeds, page.id: front_page}))
