"""What goes out: editions, the list of feeds and the style sheets, from the store to the public folder."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from .. import pipeline
from ..compose import selected
from ..errors import FetchError
from ..fetch.local_files import open_media
from ..model import Article, Config, Feed, FileStamp, Site, Source, StoryFile
from ..publish import are_there, place, publish, withdraw
from ..render import render_feed_list, render_stylesheets
from ..steps import apply_per_source
from ..store import Store
from .publication_gate import PublicationGate
from .publisher import feeds_of, shelves

log = logging.getLogger("feeds.app")


class FeedIssuer:
    """Issues feeds of one configuration."""

    def __init__(
        self, config: Config, sources: Mapping[str, Source], store: Store, now: Callable[[], datetime]
    ) -> None:
        self._config = config
        self._sources = sources
        self._store = store
        self._now = now
        self._site = replace(config.site, authority=store.authority)
        self._gate = PublicationGate(config.searched_secrets, store.authority)

    def issue(self, changed: Mapping[str, int], over: Callable[[], bool], *, anew: bool = False) -> list[str]:
        """Regenerate these feeds (id → the newest change among their sources); return the paths that changed.

        Those that are left when it is `over` stay due. Files that hold the right edition are made `anew` on request.
        """
        feeds, site, paths = self._config.feeds, self._site, []
        for name in sorted(changed):
            if over():
                break
            edges = self._edges(changed[name], anew=anew)
            if name in feeds:
                paths += pipeline.issue(feeds[name], site, edges)
            else:
                paths += self._issue_pages(shelves(self._config)[name], site, edges)
        return paths

    def publish_shared_files(self) -> None:
        """Write the list of feeds and the style sheets, which belong to no ledger."""
        publish(
            self._config.public,
            [*render_stylesheets(), render_feed_list(self._site, list(self._config.feeds.values()))],
        )

    def _issue_pages(self, shelf: Feed, site: Site, edges: pipeline.IssueIO) -> list[str]:
        """Regenerate the pages of the one source of a shelf."""
        public, (name,) = self._config.public, shelf.sources
        source = self._sources[name]

        def put(beside: StoryFile) -> bool | None:
            stamp = FileStamp(beside.size, beside.modified_ns)
            try:
                return place(public, beside.path, stamp, lambda: open_media(source, beside))
            except FetchError as error:
                log.warning("%s", error)
                return None

        pages = pipeline.PageIO(put, lambda paths: withdraw(public, paths))
        return pipeline.issue_pages(shelf, site, feeds_of(source, self._config), edges, pages)

    def _edges(self, changed: int, *, anew: bool) -> pipeline.IssueIO:
        public = self._config.public
        return pipeline.IssueIO(
            articles=self._articles,
            ledger=self._store.ledger,
            retracted=self._retracted,
            publish=lambda documents: publish(public, map(self._gate.document, documents)),
            kept=lambda files: not anew and are_there(public, files),
            issued=lambda issue: self._store.issued(issue, self._now()),
            since=self._store.created,
            changed=changed,
        )

    def _articles(self, feed: Feed) -> Iterator[Article]:
        chosen = self._store.articles(selected(feed, self._sources), feed.tags)
        return map(self._gate.article, apply_per_source(self._sources, chosen))

    def _retracted(self, feed_id: str) -> Mapping[int, str]:
        retracted = self._store.retracted(feed_id)
        return {key: self._gate.published_id(published_id) for key, published_id in retracted.items()}
