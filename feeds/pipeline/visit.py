"""pull(visit): [robots] → fetch → parse → [seen?] → normalize → Outcome.

A listing yields articles, or, where a story's own page tells more, further visits; a story's page yields its article.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Protocol, TypeVar, TypeVarTuple

from .. import http_headers, sanity, scheduling
from ..errors import FailureKind, FeedsError, FetchError, ParseError, SourceError
from ..model import (
    Article,
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
    StoryVisit,
    Validators,
    Visit,
    VisitState,
    replace,
)
from ..normalize import (
    Context,
    describe_channel,
    detach_story,
    document_context,
    find_hub_links,
    merge_stories,
    name_outlines,
    normalize,
    story_digest,
    story_moment,
    story_url,
    title_and_date,
    title_key,
    truncation_warnings,
    upstream_id,
)
from ..parse.opml import OpmlOutline, parse_opml
from ..parse.page import read_page
from ..parse.page.article import join_pages, read_story
from ..parse.sitemap import read_sitemap
from ..registry import source_kinds
from ..revision import is_same_reader
from .own_stories import FolderListing, harvest_folder, held_file_ids, is_first_listing, publishable
from .read import (
    WEB_PAGE_KINDS,
    child_sitemaps,
    find_announced_feed,
    find_reader,
    is_wanted,
    parse_feed,
    with_child_sitemaps,
)

log = logging.getLogger("feeds.pipeline")

STRANGE_PUSH = "What a hub pushed has other ids than the feed; it is left to the next visit."
MAX_STORY_PAGES = 10  # that one story may be spread over
MIN_STORY_LETTERS = 300  # a page with less text is checked for being something else than a story


_Result = TypeVar("_Result")
_Arguments = TypeVarTuple("_Arguments")

NewStory = tuple[str, Story, str]  # upstream id, story, its digest


class FunctionRunner(Protocol):
    """A caller of functions in whatever process is fit to read the bytes of a response."""

    def __call__(
        self, response: Fetched | None, function: Callable[[*_Arguments], _Result], /, *arguments: *_Arguments
    ) -> _Result:
        """Return what `function` returns; without a response it runs in a worker, whatever the bytes are."""


@dataclass(frozen=True, slots=True)
class VisitIO:
    """The I/O of a visit: the network or the disk, the store, and the clock.

    `robots` returns whether a visit may fetch an address, and the new state of that host. `accept_any_listing`: the
    operator named the source, so a listing that has nothing in common with the last one is taken. `site` is the public
    address of our own pages.
    """

    robots: Callable[[str, Visit], tuple[bool, HostState]]
    fetch: Callable[[Visit], Fetched | NotModified]
    run: FunctionRunner
    seen_items: Callable[[str], SeenItems]
    now: Callable[[], datetime]
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
    visit, source, io = context.visit, context.source, context.io
    kind = source_kinds()[source.kind]
    if kind.robots:
        context.require_robots_permission(visit.url)
    response = context.fetch()
    if isinstance(response, NotModified):
        return _Attempt(response, response)
    if source.kind is Kind.OPML:
        outlines = io.run(response, parse_opml, response.body, response.charset)
        return _Attempt(_harvest_outlines(outlines, source, io.seen_items(source.id)), response)
    try:
        parsed = _parse_feed(response, source, io)
    except ParseError as error:
        if source.kind is not Kind.ANY or error.kind not in WEB_PAGE_KINDS:
            raise
        if feed := io.run(None, find_announced_feed, response):
            return _Attempt(Harvest((), (), warnings=(f"its feed is at {feed}",)), response, feed=feed)
        context.require_robots_permission(visit.url)
        parsed = io.run(None, read_page, response, source)
    children = child_sitemaps(parsed)
    if children:
        responses = [context.fetch_more(url) for url in children]
        documents = [io.run(response, read_sitemap, response, source) for response in responses]
        parsed = with_child_sitemaps(parsed, documents, source.max_items)
    parsed = publishable(parsed, io.now(), source.timezone)
    seen_items = io.seen_items(source.id)
    is_first = visit.state.worked_at is None or not seen_items
    first = io.accept_any_listing or visit.state.worked_at is None or is_first_listing(source, seen_items)
    article_context = Context(source.id, seen_items.authority, io.now(), source=source)
    judgement = _judge(parsed, seen_items, _story_keys(parsed, article_context), first=first)
    if children or parsed.windows or judgement.verdict is sanity.Verdict.SUSPICIOUS:
        # Without validators the next visit fetches it whole: a suspicious listing until it looks right again (F31), an
        # index because its children change while it stays the same, a folder because a story's date of publication
        # comes without an edit.
        response = replace(response, validators=Validators(), body_digest="")
    if source.kind is Kind.FILES:
        folder = FolderListing(source, parsed, judgement, response.media_files)
        result = harvest_folder(folder, seen_items, io.site, io.now())
        return _Attempt(replace(result, is_first=is_first), response)
    result = harvest(parsed, judgement, seen_items, article_context, partial(io.run, response))
    result = replace(_with_hub_of_headers(result, response), is_first=is_first)
    return _Attempt(result, response, parsed.channel)


def _parse_feed(response: Fetched, source: Source, io: VisitIO) -> Parsed:
    read, fit_for = find_reader(source), response if source_kinds()[source.kind].is_linear else None
    return parse_feed(response, source, lambda body, declared: io.run(fit_for, read, body, declared))


def _take_push(context: VisitContext) -> _Attempt:
    """Take the new and changed stories of what a hub pushed: some of a feed, or all of it.

    Nothing is compared with the last listing. A push that would change what identifies the stories is not believed.
    """
    source, io, response = context.source, context.io, context.fetch()
    assert isinstance(response, Fetched)
    parsed = publishable(_parse_feed(response, source, io), io.now(), source.timezone)
    seen_items = io.seen_items(source.id)
    article_context = Context(source.id, seen_items.authority, io.now(), source=source)
    judgement = _judge(parsed, seen_items, _story_keys(parsed, article_context), first=True)
    if judgement.identity != seen_items.identity:
        raise ParseError(STRANGE_PUSH, kind=FailureKind.QUARANTINE)
    return _Attempt(harvest(parsed, judgement, seen_items, article_context, partial(io.run, response)), response)


def _with_hub_of_headers(result: Harvest, response: Fetched) -> Harvest:
    """Return a harvest with the hub and the topic that the headers name, which come before the document's (R47)."""
    links = find_hub_links(response.url, http_headers.parse_links(response.headers.get("link")))
    return replace(result, hub=links["hub"], self_url=links.get("self", result.self_url)) if "hub" in links else result


def _harvest_outlines(found: Sequence[OpmlOutline], source: Source, seen_items: SeenItems) -> Harvest:
    """Return the subscriptions of an OPML list, each to become a source. Lists inside the list are not followed."""
    subscriptions = [outline for outline in found if outline.kind != "list"]
    taken = subscriptions[: source.max_items]
    outlines = (Outline("", outline.feed_url, outline.title, outline.categories) for outline in taken)
    harvest = Harvest((), (), outlines=name_outlines(outlines, seen_items.outlines))
    if len(taken) == len(subscriptions):
        return harvest
    warning = f"the list holds {len(subscriptions)} feeds; the first {len(taken)} are visited, as `max_items` says"
    return replace(harvest, warnings=(warning,))


def harvest(
    parsed: Parsed,
    judgement: sanity.Judgement,
    seen_items: SeenItems,
    context: Context,
    run: Callable[..., tuple[Article, ...]],
) -> Harvest:
    """Return the new and changed stories of a listing, as articles or visits to their pages, and every listed id."""
    channel = describe_channel(parsed)
    new_stories = list(_new_stories(parsed, judgement, seen_items, context.source))
    visits = dict(_story_visits(new_stories, parsed, context.source))
    new_digests = dict(_find_other_readings(visits.values(), seen_items))
    visits = {upstream: visit for upstream, visit in visits.items() if upstream not in new_digests}
    new_stories = [new_story for new_story in new_stories if new_story[0] not in new_digests]
    whole = [new_story for new_story in new_stories if new_story[0] not in visits]
    changed = frozenset(upstream for upstream, _, digest in whole if _is_edited(upstream, digest, seen_items))
    return Harvest(
        articles=run(articles_of, whole, replace(parsed, stories=()), context, changed) if whole else (),
        story_visits=tuple(visits.values()),
        listed_ids=tuple(judgement.ids[index] for index in judgement.keep),
        title=channel.title or None,
        link=channel.home,
        hub=next(iter(channel.hubs), "") if parsed.shape is Shape.FEED else "",
        self_url=channel.feed,
        warnings=(*parsed.warnings, *truncation_warnings(parsed.stories), *filter(None, [judgement.sentence])),
        identity=judgement.identity,
        changed=len(changed),
        new_digests=new_digests,
        renamed_ids=judgement.renamed_ids,
    )


def _is_edited(upstream: str, digest: str, seen_items: SeenItems) -> bool:
    """Return whether a new or changed story was seen before, and is not only read by another version."""
    return upstream in seen_items and is_same_reader(seen_items.digests.get(upstream, digest), digest)


def articles_of(
    new_stories: Sequence[NewStory], parsed: Parsed, context: Context, changed: frozenset[str]
) -> tuple[Article, ...]:
    """Return the articles of stories of one document; module-level, as it may run in another process."""
    document = document_context(parsed, context)
    return tuple(
        normalize(story, document, upstream, digest, replace(context, changed=upstream in changed))
        for upstream, story, digest in new_stories
    )


def _story_keys(parsed: Parsed, context: Context) -> sanity.StoryKeys:
    """Return what tells the stories of a listing apart if their ids do not; our own stories are known by their file."""
    keys = sanity.StoryKeys(partial(upstream_id, base=parsed.base, identity="link"))
    if context.source and context.source.kind is Kind.FILES:
        return keys
    return replace(
        keys,
        title_of=partial(title_and_date, parsed=parsed, context=context),
        moment_of=partial(story_moment, parsed=parsed, context=context),
        digest_of=story_digest,
        is_distinctive=lambda title: title_key(title) != "",
    )


def _judge(parsed: Parsed, seen_items: SeenItems, keys: sanity.StoryKeys, *, first: bool) -> sanity.Judgement:
    """Return whether a listing is believable; raise ParseError when nothing may be taken from it."""
    by_identity = partial(upstream_id, base=parsed.base, identity=seen_items.identity)
    ids = held_file_ids(parsed, [by_identity(story) for story in parsed.stories], seen_items)
    is_page = parsed.shape is Shape.LISTING
    judge = partial(sanity.judge, parsed, ids, seen_items, is_page=is_page, keys=keys)
    judgement = judge(first=first)
    if judgement.verdict is sanity.Verdict.QUARANTINE:
        # In quarantine is what the operator can accept by a visit to the source by name.
        is_acceptable = judge(first=True).verdict is not sanity.Verdict.QUARANTINE
        kind = FailureKind.QUARANTINE if is_acceptable else FailureKind.SELECTOR
        raise ParseError(judgement.sentence or "", kind=kind)
    return judgement


def _new_stories(
    parsed: Parsed, judgement: sanity.Judgement, seen_items: SeenItems, source: Source | None
) -> Iterator[NewStory]:
    """Yield what is wanted and new or edited; the rest is dropped before any cleaning.

    A feed is judged whole before `include` and `exclude` choose from it: one that lists nothing wanted is not empty.
    """
    for index in judgement.keep:
        story, upstream = parsed.stories[index], judgement.ids[index]
        if upstream in seen_items.retracted or not is_wanted(story, parsed, source):
            continue
        digest = story_digest(story)
        if digest == seen_items.digests.get(upstream):
            continue
        if parsed.shape is Shape.LISTING and upstream in seen_items:
            continue  # a teaser that moved on the page is no edited story
        yield upstream, story, digest


def _story_visits(
    new_stories: Sequence[NewStory], parsed: Parsed, source: Source | None
) -> Iterator[tuple[str, StoryVisit]]:
    """Yield a visit for each story that its own page tells better."""
    private = source is not None and source.private
    if (source is not None and source.full_text) or parsed.shape in (Shape.LISTING, Shape.SITEMAP):
        for upstream, story, digest in new_stories:
            if url := story_url(story, parsed.base):
                yield upstream, StoryVisit(upstream, url, detach_story(story, parsed, private=private), digest)


def _find_other_readings(visits: Iterable[StoryVisit], seen_items: SeenItems) -> Iterator[tuple[str, str]]:
    """Yield (upstream id, digest) of the stored stories that another version read: no page is visited for that."""
    for visit in visits:
        stored = seen_items.digests.get(visit.upstream_id)
        if stored is not None and not is_same_reader(stored, visit.story_digest):
            yield visit.upstream_id, visit.story_digest


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
    return source.kind is Kind.ANY or not source_kinds()[source.kind].story_pages


def _harvest_story(listing_story: Story, parsed: Parsed, response: Fetched | None, context: VisitContext) -> Harvest:
    """Return the article of a document's one story; its digest is the listing's, for the next one to compare."""
    visit, io = context.visit, context.io
    seen_items = io.seen_items(visit.source.id)
    article_context = Context(visit.source.id, seen_items.authority, io.now(), source=visit.source)
    changed = frozenset({visit.upstream_id} if visit.upstream_id in seen_items else ())
    digest = visit.story_digest or story_digest(listing_story)
    new_stories = [(visit.upstream_id, parsed.stories[0], digest)]
    articles = io.run(response, articles_of, new_stories, parsed, article_context, changed)
    return Harvest(articles, (), warnings=parsed.warnings, identity=seen_items.identity, changed=len(changed))
