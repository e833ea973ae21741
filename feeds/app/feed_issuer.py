"""Issuing: from the store to the target. Loads the writers, so it is imported when a feed is due."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import datetime, timedelta
from functools import cache, cached_property
from itertools import chain
from typing import TypeVar

from .. import pipeline
from ..compose import select_sources
from ..config import describe_left_out, find_left_out
from ..errors import FeedsError, FetchError, PublishError
from ..fetch.local_files import open_media
from ..model import (
    Archives,
    Article,
    Config,
    Document,
    Edition,
    Feed,
    FileStamp,
    Issue,
    Kind,
    Ledger,
    PublishedFile,
    PublishedTwin,
    Source,
    Step,
    StepContext,
    StoryFile,
    replace,
)
from ..publication_gate import hide_origin
from ..publish import LastPublished, WriteResult
from ..render import render_assets, render_blogroll, render_error_pages, render_feed_list, render_web_app
from ..steps import apply_source_steps, apply_steps, archive_steps, only_select, without_limits
from ..store import Store
from .document_publisher import DocumentPublisher
from .publisher import FRONT_PAGE, SharedFacts, feeds_with

log = logging.getLogger("feeds.app")

_ALONE = nullcontext()  # nothing else is computed

_Item = TypeVar("_Item")


def _is_in_blogroll(source: Source) -> bool:
    """Return whether everybody may know a source: no private or unlisted ones, and no local files."""
    if not source.enabled or source.root is not None or source.kind is Kind.OPML:
        return False
    return not (source.private or source.unlisted)


class FeedIssuer:
    """Issues and withdraws the feeds of one configuration, with the changes that were recorded before it was made."""

    def __init__(
        self,
        config: Config,
        sources: Mapping[str, Source],
        store: Store,
        publisher: DocumentPublisher,
        now: Callable[[], datetime],
    ) -> None:
        self._config = config
        self._sources = sources
        self._store = store
        self._publisher = publisher
        self._target = publisher.target
        self._gate = publisher.gate
        self._now = now
        self._site = replace(config.site, authority=store.authority)
        self._began = now()
        self._errors: list[PublishError] = []
        self.statuses = store.publishing()
        self.published: dict[str, datetime] = {}  # feed id → when

    def publish_shared_files(
        self, shared: Feed, last_facts: SharedFacts | None = None, *, rewrite: bool = False
    ) -> SharedFacts | None:
        """Write the list of feeds, the style sheets and the pages for errors, whose ledger is that of `shared`.

        Return the facts they were made of, None where they could not be written. Nothing is made again of `last_facts`
        as long as the files stand; `rewrite` believes no ledger of a remote place.
        """
        rewrite = rewrite and self._target.is_remote
        ledger = self._store.ledger(shared.id, ())
        if ledger.fingerprint != shared.fingerprint:
            self._store.rewrite_events(self._gate.clean_event)
        sources, feeds = tuple(filter(_is_in_blogroll, self._sources.values())), tuple(self._config.feeds.values())
        facts = SharedFacts(shared.fingerprint, self._site, feeds, sources, self._store.source_titles())
        is_same = facts == last_facts and ledger.fingerprint == shared.fingerprint
        if is_same and not rewrite and self._stands(ledger):
            return facts
        is_written = False
        with self._keep_error(shared.id):
            blogroll = map(self._gate.clean_document, render_blogroll(self._site, sources, facts.titles))
            pages = (*render_error_pages(self._site), *blogroll, render_feed_list(self._site, list(feeds)))
            documents = [*render_assets(self._site), *render_web_app(self._site), *pages]
            last = _last_published(ledger.files, rewrite=rewrite)
            files = tuple(result.file for result in self._target.put(documents, last))
            self._target.remove({file.path for file in ledger.files} - {file.path for file in files})
            status = self.statuses.get(shared.id)
            is_recorded = (files, shared.fingerprint) == (ledger.files, ledger.fingerprint)
            if not is_recorded or (status and status.failed_at):
                edition = Edition(shared, self._site, (), self._store.created, changed=0)
                self._store.issued(Issue(edition, {}, files, ()), self._now())
            is_written = True
        return facts if is_written else None

    def _stands(self, ledger: Ledger) -> bool:
        return all(map(self._target.has, ledger.files))

    def withdraw(self, ledgers: Iterable[Ledger]) -> None:
        """Remove the files of feeds that are no longer declared, and end the feeds in the store."""
        for ledger in ledgers:
            with self._keep_error(ledger.feed_id):
                files = chain(ledger.files, *self._store.archive_files(ledger.feed_id).values())
                self._target.remove(file.path for file in files)
                self._store.withdraw(ledger.feed_id)

    def issue(
        self,
        feeds: Iterable[tuple[Feed, int]],
        should_stop: Callable[[], bool],
        computing: AbstractContextManager[object] = _ALONE,
        *,
        rewrite: bool = False,
    ) -> list[str]:
        """Regenerate feeds, each with the newest change among its sources; return the paths that changed.

        Each is regenerated inside `computing`, between which others have their turn.
        Once `should_stop` returns True, the rest stays due, also the feed in progress: it is asked before each article
        that is read or written, and before each document. `rewrite` also makes files anew that hold the edition.
        """
        paths: list[str] = []
        if self._target.is_remote:
            computing = _ALONE  # others need not wait for the network, too
        with suppress(_Stopped):
            for feed, changed in _until(should_stop, feeds):
                with self._keep_error(feed.id), computing:
                    paths += self._issue(feed, self._io(feed, changed, should_stop, rewrite=rewrite), rewrite=rewrite)
                    self.published[feed.id] = self._now()
        return paths

    def _issue(self, feed: Feed, io: pipeline.IssueIO, *, rewrite: bool) -> list[str]:
        """Regenerate a feed, the front page or the pages of a source.

        Raise PublishError also for a fault of a writer, a step or a template.
        """
        try:
            if feed.id == FRONT_PAGE:
                return pipeline.issue_front_page(feed, self._site, self._config.feeds, self._published_articles, io)
            if feed.id not in self._config.feeds:
                return self._issue_story_pages(feed, io, rewrite=rewrite)
            self._report_left_out(feed)
            return pipeline.issue(feed, self._site, io)
        except (FeedsError, _Stopped):
            raise
        except Exception as error:  # those of plugins may raise anything
            log.debug("%s could not be made", feed.id, exc_info=True)
            place = traceback.extract_tb(error.__traceback__)[-1]
            fault = f"{type(error).__name__}: {error} ({place.filename}, line {place.lineno})"
            raise PublishError(f"the feed {feed.id} cannot be made: {fault}") from error

    def select_articles(self, feed: Feed) -> Iterator[Article]:
        """Yield the articles that a feed would hold now, newest first."""
        return pipeline.choose_articles(feed, self._articles)

    def make_documents(self, feed: Feed) -> Iterator[Document]:
        """Yield the documents of a feed that is not due, as they must stand in the target."""
        io = self._io(feed, 0, lambda: False, rewrite=False)
        documents: Iterable[Document]
        if feed.id == FRONT_PAGE:
            documents = pipeline.make_front_page(feed, self._site, self._config.feeds, self._published_articles, io)
        else:
            documents = pipeline.make_documents(feed, self._site, io)
        return map(self._gate.clean_document, documents)

    def raise_errors(self) -> None:
        """Raise PublishError if something could not be published."""
        if self._errors:
            count = f" ({len(self._errors)} feeds failed)" if len(self._errors) > 1 else ""
            raise PublishError(f"{self._errors[0]}{count}") from self._errors[0]

    @contextmanager
    def _keep_error(self, feed_id: str) -> Iterator[None]:
        """Store a PublishError: a feed that cannot be published keeps no other one waiting."""
        try:
            yield
        except PublishError as error:
            self._store.publishing_failed(feed_id, str(error), self._now())
            self._errors.append(error)

    def _report_left_out(self, feed: Feed) -> None:
        """Log which private sources leave a feed that published them, once it is declared otherwise."""
        left_out = find_left_out(feed, self._sources)
        if left_out and self._store.ledger(feed.id, ()).fingerprint != feed.fingerprint:
            published = self._store.published_sources(feed.id)
            if gone := [id for id in left_out if id in published]:
                log.warning("%s", describe_left_out(feed.id, gone))

    def _archive_io(self, feed: Feed, source_ids: Sequence[str], changed: int) -> pipeline.ArchiveIO:
        ids, store, reading = frozenset(source_ids), self._store, pipeline.Reading()
        self._put_in(reading, feed)

        def read(
            number: int | None, keys: Collection[int], steps: Sequence[Step], context: StepContext
        ) -> Iterator[Article]:
            stored = store.archived_articles(feed.id, number, keys, ids, feed.tags)
            return apply_steps(steps, self._prepare(stored, context, self._unlimited_sources), context)

        return pipeline.ArchiveIO(
            changed=lambda number: store.changed_articles(feed.id, ids, number, changed),
            unarchived=lambda keys: store.unarchived(feed.id, keys),
            articles=lambda keys: (
                article
                for article in read(None, keys, without_limits(feed.steps), reading.source_context())
                if article.key in keys  # and not the entry that one was merged into
            ),
            # Without a newest article none is too old: what a condition on age let through was young when it came.
            document=lambda number, keys: read(number, keys, archive_steps(feed.steps), pipeline.STEP_CONTEXT),
            size=lambda number: store.archive_size(feed.id, number),
            files=lambda: store.archive_files(feed.id),
            created=store.created,
            oldest_kept=lambda archives: self._find_oldest_kept(feed, archives, reading),
        )

    def _find_oldest_kept(self, feed: Feed, archives: Archives, reading: pipeline.Reading) -> int:
        """Return the number of the oldest archive document that `retain` lets stand; the newest always stands."""
        # To find the newest article reads all of a feed's sources: only where it is needed.
        if self._config.retain is None or not archives.newest or (newest := reading.newest()) is None:
            return archives.oldest
        kept = self._store.oldest_kept_archive(feed.id, newest - timedelta(seconds=self._config.retain))
        return max(archives.oldest, archives.newest if kept is None else kept)

    def _io(self, feed: Feed, changed: int, should_stop: Callable[[], bool], *, rewrite: bool) -> pipeline.IssueIO:
        source_ids = select_sources(feed, self._sources)

        def publish(documents: Iterable[Document], published: Sequence[PublishedFile]) -> Sequence[WriteResult]:
            return self._publisher.publish(documents, _last_published(published, changed, rewrite=rewrite))

        return pipeline.IssueIO(
            articles=lambda feed, reading: _until(should_stop, self._articles(feed, reading)),
            ledger=self._store.ledger,
            retracted=self._retracted,
            render=lambda edition: self._publisher.render(edition, lambda: _stop_if(should_stop)),
            publish=publish,
            withdraw=self._target.remove,
            kept=lambda files: not rewrite and all(map(self._target.has, files)),
            issued=lambda issue: self._store.issued(issue, self._now(), self._began),
            since=self._store.created,
            changed=changed,
            archives=self._archive_io(feed, source_ids, changed),
            as_stored=only_select([*feed.steps, *(step for id in source_ids for step in self._sources[id].steps)]),
        )

    def _articles(self, feed: Feed, reading: pipeline.Reading) -> Iterator[Article]:
        self._put_in(reading, feed)
        stored = reading.read_open(
            select_sources(feed, self._sources),
            lambda ids: self._store.articles(ids, feed.tags, lambda: reading.additions_since),
        )
        context = replace(reading.source_context(), skip_source=reading.closed.add)
        return self._prepare(stored, context, self._sources)

    def _put_in(self, reading: pipeline.Reading, feed: Feed) -> None:
        """Put into a reading what the steps of a feed may ask for."""
        ids, store = select_sources(feed, self._sources), self._store

        def find_twins(article: Article) -> Sequence[Article]:
            twins = iter(store.twins(article.story_key, ids, feed.tags))
            return [*self._prepare(twins, reading.source_context(), self._sources)]

        def find_published(articles: Sequence[Article]) -> PublishedTwin | None:
            twin = store.published_twin(feed.id, [article.key for article in articles])
            return twin and replace(twin, published_id=self._gate.clean_id(twin.published_id))

        reading.newest = cache(lambda: store.newest_first_seen(ids, feed.tags))
        reading.find_twins, reading.find_published = find_twins, find_published

    def _prepare(
        self, stored: Iterator[Article], context: StepContext, sources: Mapping[str, Source]
    ) -> Iterator[Article]:
        """Yield stored articles as they may be published, with the steps of their sources applied."""
        articles = (hide_origin(article, sources[article.source_id]) for article in stored)
        return map(self._gate.clean_article, apply_source_steps(sources, articles, context))

    @cached_property
    def _unlimited_sources(self) -> Mapping[str, Source]:
        return {id: replace(source, steps=without_limits(source.steps)) for id, source in self._sources.items()}

    def _published_articles(self) -> Iterator[tuple[Article, Collection[str]]]:
        """Yield the articles that the feeds have published, with the ids of these feeds."""
        feed_ids: dict[int, Collection[str]] = {}  # by article key

        def stored() -> Iterator[Article]:
            for article, ids in self._store.published_articles(self._config.feeds):
                if article.source_id in self._sources:
                    feed_ids[article.key] = ids
                    yield article

        for article in self._prepare(stored(), pipeline.STEP_CONTEXT, self._sources):
            yield article, feed_ids.pop(article.key)

    def _retracted(self, feed_id: str) -> Mapping[int, str]:
        retracted = self._store.pending_retractions(feed_id)
        return {key: self._gate.clean_id(published_id) for key, published_id in retracted.items()}

    def _issue_story_pages(self, page_feed: Feed, io: pipeline.IssueIO, *, rewrite: bool) -> list[str]:
        (source_id,) = page_feed.sources
        source = self._sources[source_id]

        def last(published: Sequence[PublishedFile]) -> LastPublished:
            return _last_published(published, io.changed, rewrite=rewrite)

        def place_file(file: StoryFile, published: Sequence[PublishedFile]) -> WriteResult | None:
            stamp = FileStamp(file.size, file.modified_ns)
            try:
                return self._target.copy(file.path, stamp, lambda: open_media(source, file), last(published))
            except FetchError as error:
                log.warning("%s", error)
                return None

        # One after the other: there may be thousands.
        def publish(pages: Iterable[Document], published: Sequence[PublishedFile]) -> Sequence[WriteResult]:
            return self._target.put(map(self._gate.clean_document, pages), last(published))

        io = replace(io, publish=publish)
        return pipeline.issue_pages(page_feed, self._site, feeds_with(source, self._config), io, place_file)


def _last_published(files: Iterable[PublishedFile], changed: int = 0, *, rewrite: bool) -> LastPublished:
    """Return what a ledger says; of a rewrite, that whatever stands there is replaced."""
    return LastPublished({} if rewrite else {file.path: file for file in files}, changed, replaces_newer=rewrite)


class _Stopped(Exception):
    """Issuing was told to stop."""


def _until(should_stop: Callable[[], bool], items: Iterable[_Item]) -> Iterator[_Item]:
    """Yield the items; raise _Stopped once `should_stop` returns True."""
    for item in items:
        _stop_if(should_stop)
        yield item


def _stop_if(should_stop: Callable[[], bool]) -> None:
    if should_stop():
        raise _Stopped
