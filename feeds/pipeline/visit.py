"""pull(visit): [robots] → fetch → parse → [seen?] → normalize → Outcome.

A listing yields articles, or, where a story's own page tells more, further visits; a story's page yields its article.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Protocol, TypeVar, TypeVarTuple

from .. import http_headers, sanity, scheduling
from ..errors import FailureKind, FeedsError, FetchError, ParseError, SourceError
from ..harvest.documents import WEB_PAGE_KINDS, parse_feed
from ..harvest.folders import publishable
from ..harvest.listings import (
    EncodeArticle,
    ListingContext,
    ReadListing,
    is_first,
    judge_listing,
    make_articles,
    must_refetch,
    read_listing,
    read_push,
    take_listing,
)
from ..model import (
    Channel,
    Failure,
    Fetched,
    Harvest,
    HostState,
    Kind,
    NotModified,
    Outcome,
    Outline,
    Parsed,
    Result,
    SeenItems,
    Shape,
    Source,
    Story,
    Validators,
    Visit,
    VisitState,
    replace,
)
from ..normalize import (
    Context,
    find_hub_links,
    merge_stories,
    name_outlines,
    story_digest,
)
from ..parse.opml import parse_opml
from ..parse.page import read_page
from ..parse.page.article import join_pages, read_story
from ..parse.sitemap import read_sitemap
from ..registry import source_kinds
from .own_stories import FolderListing, harvest_folder
from .read import child_sitemaps, find_announced_feed, with_child_sitemaps

log = logging.getLogger("feeds.pipeline")

MAX_STORY_PAGES = 10  # that one story may be spread over
MIN_STORY_LETTERS = 300  # a page with less text is checked for being something else than a story


_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")


class FunctionRunner(Protocol):
    """A caller of functions in whatever process is fit to read the bytes of a response."""

    def __call__(
        self, response: Fetched | None, function: Callable[[*_Arguments], _Result], /, *arguments: *_Arguments
    ) -> _Result:
        """Return what `function` returns; without a response it runs in a worker, whatever the bytes are."""


@dataclass(frozen=True, slots=True)
class VisitIO:
    """The I/O of a visit: the network or the disk, the store, and the clock.

    `robots` returns whether a visit may fetch an address, and the new state of that host. `encode` makes the row of an
    article, in whatever process. `accept_any_listing`: the operator named the source, so a listing that has nothing in
    common with the last one is taken. `site` is the public address of our own pages.
    """

    robots: Callable[[str, Visit], tuple[bool, HostState]]
    fetch: Callable[[Visit], Fetched | NotModified]
    run: FunctionRunner
    seen_items: Callable[[str], SeenItems]
    now: Callable[[], datetime]
    encode: EncodeArticle
    accept_any_listing: bool = False
    site: str = ""


class VisitContext:
    """A visit in progress; `visit` takes up the new state of its host, whatever becomes of the visit (E17).

    `status` is that of the last response, `size` the bytes of all.
    """

    def __init__(self, visit: Visit, io: VisitIO) -> None:
        self.visit = visit
        self.source = visit.source
        self.io = io
        self.status: int | None = None
        self.size = 0

    def listing_context(self) -> ListingContext:
        """Return what a listing of the source is read with."""
        return ListingContext(
            self.source,
            self.io.seen_items(self.source.id),
            self.io.now(),
            self.io.encode,
            has_worked=self.visit.state.worked_at is not None,
            accept_any=self.io.accept_any_listing,
        )

    def require_robots_permission(self, url: str) -> None:
        """Raise FetchError if robots.txt forbids an address."""
        allowed, host = self.io.robots(url, self.visit)
        if host.host == self.visit.host.host:
            self.visit = replace(self.visit, host=host)
        if not allowed:
            raise FetchError(f"{host.host} forbids {url} in its robots.txt", kind=FailureKind.ROBOTS)

    def fetch(self) -> Fetched | NotModified:
        """Fetch the address of the visit."""
        return self._count(self.io.fetch(self.visit))

    def fetch_more(self, url: str) -> Fetched:
        """Fetch another document that belongs to the visit, if robots.txt permits it."""
        self.require_robots_permission(url)
        response = self._count(self.io.fetch(replace(self.visit, state=VisitState(url))))
        assert isinstance(response, Fetched)  # without validators there is no 304
        return response

    def _count(self, response: Fetched | NotModified) -> Fetched | NotModified:
        self.status = response.status
        if isinstance(response, Fetched):
            self.size += len(response.body) + sum(len(file.body) for file in response.files)
        else:
            self.size += response.size
        return response


@dataclass(frozen=True, slots=True)
class _Attempt:
    """The result of a visit, and what its next due time depends on; `feed` is the address to visit instead."""

    result: Result
    response: Fetched | NotModified | None = None
    channel: Channel | None = None
    feed: str | None = None


def pull(visit: Visit, io: VisitIO) -> Outcome:
    """Make one visit and return its one outcome, whatever happens."""
    context = VisitContext(visit, io)
    outcome = _pull(context)
    return replace(outcome, status=context.status, size=context.size)


def _pull(context: VisitContext) -> Outcome:
    visit, story, io = context.visit, context.visit.story, context.io
    stages = _take_push if visit.push else _visit_listing if story is None else partial(_visit_story_page, story)
    attempt = _attempt(context, stages)
    outcome = scheduling.conclude(
        context.visit, attempt.result, io.now(), response=attempt.response, channel=attempt.channel
    )
    if attempt.feed:
        return _redirected_to_feed(outcome, attempt.feed)
    if story is not None and isinstance(attempt.result, Failure) and scheduling.is_last_attempt(visit, attempt.result):
        attempt = _attempt(context, partial(_publish_as_listed, story))
        as_listed = scheduling.conclude(context.visit, attempt.result, io.now())
        return replace(as_listed, host=outcome.host, redirect_host=outcome.redirect_host)
    return outcome


def _attempt(context: VisitContext, stages: Callable[[VisitContext], _Attempt]) -> _Attempt:
    """Run the stages of a visit; an exception becomes a failure."""
    try:
        return stages(context)
    except SourceError as error:
        stage = "fetch" if isinstance(error, FetchError) else "parse"
        context.status = error.status or context.status
        return _Attempt(Failure(stage, error.sentence, error.kind, error.status, error.retry_after, error.host))
    except FeedsError:
        raise  # trouble with the store concerns every source: it stops the turn
    except Exception as error:  # the one broad except: a bug costs one source one visit, not the turn
        log.exception("unexpected error in source %s", context.source.id)
        sentence = f"unexpected {type(error).__name__}: {error}; please report it"
        return _Attempt(Failure("internal", sentence, FailureKind.INTERNAL))


def _redirected_to_feed(outcome: Outcome, feed: str) -> Outcome:
    """Return the outcome of a page that only named its feed: the feed is due at once."""
    state = replace(outcome.state, url=feed, validators=Validators(), body_digest=None, full_at=None, move=None)
    return replace(outcome, state=state, due_at=outcome.at)


# ── a listing ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _visit_listing(context: VisitContext) -> _Attempt:
    visit, kind = context.visit, context.source.kind
    if source_kinds()[kind].robots:
        context.require_robots_permission(visit.url)
    response = context.fetch()
    if isinstance(response, NotModified):
        return _Attempt(response, response)
    return _LISTING_READERS.get(kind, _read_feed)(response, context)


def _read_feed(response: Fetched, context: VisitContext) -> _Attempt:
    """Read a listing that needs no further look at the network or the disk, in one function."""
    harmless = response if source_kinds()[context.source.kind].is_linear else None
    listing = context.io.run(harmless, read_listing, response, context.listing_context())
    return _listing_attempt(listing, response)


def _find_feed(response: Fetched, context: VisitContext) -> _Attempt:
    """Read what is behind an address: a feed, a page that names one, or a page that lists stories."""
    try:
        return _read_feed(response, context)
    except ParseError as error:
        if error.kind not in WEB_PAGE_KINDS:
            raise
    run = context.io.run
    if feed := run(None, find_announced_feed, response):
        return _Attempt(Harvest((), (), warnings=(f"its feed is at {feed}",)), response, feed=feed)
    context.require_robots_permission(context.visit.url)
    return _read_page(response, context)


def _read_output(response: Fetched, context: VisitContext) -> _Attempt:
    """Read what a program printed: a feed, or else a page."""
    try:
        return _read_feed(response, context)
    except ParseError as error:
        if error.kind not in WEB_PAGE_KINDS:
            raise
    return _read_page(response, context)


def _read_page(response: Fetched, context: VisitContext) -> _Attempt:
    """Read a page as a list of stories, or as one."""
    run = context.io.run
    page = run(None, read_page, response, context.source)
    return _listing_attempt(run(response, take_listing, page, context.listing_context()), response)


def _read_sitemap(response: Fetched, context: VisitContext) -> _Attempt:
    """Read a sitemap, and those that it names."""
    source, run = context.source, context.io.run
    parsed = run(response, parse_feed, response, source)
    children = [context.fetch_more(url) for url in child_sitemaps(parsed)]
    documents = [run(child, read_sitemap, child, source) for child in children]
    parsed = with_child_sitemaps(parsed, documents, source.max_items) if children else parsed
    listing = run(response, take_listing, parsed, context.listing_context())
    # An index stays the same while its children change.
    return _listing_attempt(replace(listing, refetch=listing.refetch or bool(children)), response)


def _read_folder(response: Fetched, context: VisitContext) -> _Attempt:
    """Read the stories of our own that a folder holds."""
    io, source, listing_context = context.io, context.source, context.listing_context()
    parsed = publishable(io.run(response, parse_feed, response, source), listing_context.now, source.timezone)
    judgement = judge_listing(parsed, listing_context)
    folder = FolderListing(source, parsed, judgement, response.media_files)
    harvest = harvest_folder(folder, listing_context.seen_items, io.site, listing_context.now, io.encode)
    harvest = replace(harvest, is_first=is_first(listing_context))
    refetch = must_refetch(parsed, judgement)
    return _Attempt(harvest, _without_validators(response) if refetch else response)


def _read_outlines(response: Fetched, context: VisitContext) -> _Attempt:
    """Read a list of subscriptions, each to become a source. Lists inside the list are not followed."""
    source, io = context.source, context.io
    outlines = io.run(response, parse_opml, response.body, response.charset)
    subscriptions = [outline for outline in outlines if outline.kind != "list"]
    taken = subscriptions[: source.max_items]
    named = (Outline("", outline.feed_url, outline.title, outline.categories) for outline in taken)
    harvest = Harvest((), (), outlines=name_outlines(named, io.seen_items(source.id).outlines))
    if len(taken) < len(subscriptions):
        warning = f"the list holds {len(subscriptions)} feeds; the first {len(taken)} are visited, as `max_items` says"
        harvest = replace(harvest, warnings=(warning,))
    return _Attempt(harvest, response)


# Kinds of sources whose listing takes more than one step to read.
_LISTING_READERS: Mapping[str, Callable[[Fetched, VisitContext], _Attempt]] = {
    Kind.ANY: _find_feed,
    Kind.SITEMAP: _read_sitemap,
    Kind.FILES: _read_folder,
    Kind.OPML: _read_outlines,
    Kind.COMMAND: _read_output,
}


def _listing_attempt(listing: ReadListing, response: Fetched) -> _Attempt:
    harvest = _with_hub_of_headers(listing.harvest, response)
    return _Attempt(harvest, _without_validators(response) if listing.refetch else response, listing.channel)


def _without_validators(response: Fetched) -> Fetched:
    """Return a response after which the next visit fetches the document whole."""
    return replace(response, validators=Validators(), body_digest="")


def _with_hub_of_headers(harvest: Harvest, response: Fetched) -> Harvest:
    """Return a harvest with the hub and the topic that the headers name, which come before the document's (R47)."""
    links = find_hub_links(response.url, http_headers.parse_links(response.headers.get("link")))
    if "hub" not in links:
        return harvest
    return replace(harvest, hub=links["hub"], self_url=links.get("self", harvest.self_url))


def _take_push(context: VisitContext) -> _Attempt:
    """Take the new and changed stories of what a hub pushed."""
    response = context.fetch()
    assert isinstance(response, Fetched)
    return _Attempt(context.io.run(response, read_push, response, context.listing_context()), response)


# ── a story's own page ──────────────────────────────────────────────────────────────────────────────────────────────


def _visit_story_page(listing_story: Story, context: VisitContext) -> _Attempt:
    """Return the article that listing and page make together."""
    visit, run = context.visit, context.io.run
    context.require_robots_permission(visit.url)
    response = context.fetch()
    if isinstance(response, NotModified):
        return _Attempt(response, response)
    page = run(None, read_story, response, visit.source)
    pages = [page.stories[0]]
    if sum(len(text.value) for text in pages[0].content) < MIN_STORY_LETTERS:
        _require_story(response)
    while len(pages) < MAX_STORY_PAGES and (url := _next_page(pages[-1])):
        following = context.fetch_more(url)
        pages.append(run(None, read_story, following, visit.source).stories[0])
    story = merge_stories(listing_story, join_pages(pages), prefer_listed=_is_feed(visit.source))
    return _Attempt(_harvest_story(listing_story, replace(page, stories=(story,)), response, context), response)


def _next_page(story: Story) -> str | None:
    return next((link.href for link in story.links if link.rel == "next"), None)


def _require_story(response: Fetched) -> None:
    """Raise ParseError if a page is a login, a challenge or the like (E20)."""
    diagnosis = sanity.diagnose(response.body, response.media_type, response.url)
    if diagnosis is not None and diagnosis.kind not in WEB_PAGE_KINDS:
        raise ParseError(diagnosis.sentence, kind=diagnosis.kind)


def _publish_as_listed(listing_story: Story, context: VisitContext) -> _Attempt:
    """Return the article as the listing gave it, after the last failed visit to its page."""
    parsed = Parsed("listing", context.visit.url, stories=(listing_story,), shape=Shape.STORY)
    return _Attempt(_harvest_story(listing_story, parsed, None, context))


def _is_feed(source: Source) -> bool:
    """Return whether the listings of a source are feeds, which tell of a story what its author chose."""
    return source.kind in (Kind.ANY, Kind.COMMAND) or not source_kinds()[source.kind].story_pages


def _harvest_story(listing_story: Story, parsed: Parsed, response: Fetched | None, context: VisitContext) -> Harvest:
    """Return the article of a document's one story; its digest is the listing's, for the next one to compare."""
    visit, io = context.visit, context.io
    seen_items = io.seen_items(visit.source.id)
    article_context = Context(visit.source.id, seen_items.authority, io.now(), source=visit.source)
    changed = frozenset({visit.upstream_id} if visit.upstream_id in seen_items else ())
    digest = visit.story_digest or story_digest(listing_story)
    new_stories = [(visit.upstream_id, parsed.stories[0], digest)]
    articles = io.run(response, make_articles, new_stories, parsed, article_context, changed, io.encode)
    return Harvest(articles, (), warnings=parsed.warnings, identity=seen_items.identity, changed=len(changed))
