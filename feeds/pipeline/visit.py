"""pull(visit): [robots] → fetch → parse → [known?] → normalize → Outcome.

A listing yields articles, or, where a story's own page tells more, further visits; a story's page yields its article.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Protocol, TypeVar, TypeVarTuple

from .. import sanity, scheduling
from ..errors import FeedsError, FetchError, ParseError, SourceError
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
    Source,
    Story,
    StoryVisit,
    Validators,
    Visit,
    VisitState,
)
from ..normalize import (
    Context,
    describe_channel,
    detach_story,
    document_context,
    merge_stories,
    name_outlines,
    normalize,
    story_digest,
    story_url,
    truncation_warnings,
    upstream_id,
)
from ..parse import parse
from ..parse.opml import parse_opml
from ..parse.page import read_page
from ..parse.page.article import join_pages, read_story
from ..parse.sitemap import read_sitemap
from .own_stories import FEW, TOMBSTONE, FolderListing, publishable, stories
from .read import WEB_PAGE, announced, is_wanted, understand

_Answer = TypeVar("_Answer")
_Given = TypeVarTuple("_Given")


class Run(Protocol):
    """Calls a function on what came of `answer`, or of an earlier one, in whatever process can be spared for it."""

    def __call__(self, answer: Fetched | None, function: Callable[[*_Given], _Answer], /, *given: *_Given) -> _Answer:
        """What the function gives."""


@dataclass(frozen=True, slots=True)
class VisitIO:
    """What a pull needs of the outside: the network or the disk, the store's memory, and the clock.

    `robots` tells whether a visit may have an address, and what is now known of that host. `run` calls a function in
    whatever process can be spared for these bytes. `released`: the operator named the source, so a listing that has
    nothing in common with the last one is taken. `site` is where our own pages are.
    """

    robots: Callable[[str, Visit], tuple[bool, HostState]]
    fetch: Callable[[Visit], Fetched | NotModified]
    run: Run
    known: Callable[[str], SeenItems]
    now: Callable[[], datetime]
    released: bool = False
    site: str = ""


class VisitContext:
    """One visit under way; `visit` comes to know what its host told of itself, whatever becomes of the visit (E17)."""

    def __init__(self, visit: Visit, edges: VisitIO) -> None:
        self.visit = visit
        self.source = visit.source
        self.edges = edges

    def ask_leave(self, url: str) -> None:
        """Ask robots.txt whether we may have an address; FetchError when we may not."""
        allowed, host = self.edges.robots(url, self.visit)
        if host.host == self.visit.host.host:
            self.visit = replace(self.visit, host=host)
        if not allowed:
            raise FetchError(f"{host.host} forbids {url} in its robots.txt", kind="robots")

    def fetch(self) -> Fetched | NotModified:
        """What the visit is for."""
        return self.edges.fetch(self.visit)

    def fetch_more(self, url: str) -> Fetched:
        """Another document that belongs to it, as far as its host permits that."""
        self.ask_leave(url)
        answer = self.edges.fetch(replace(self.visit, state=VisitState(url)))
        assert isinstance(answer, Fetched)  # without validators nobody can answer 304
        return answer


# ── pull(visit): [robots] → fetch → parse → [known?] → normalize → Outcome ────────────────────────────────────────────


log = logging.getLogger("feeds.pipeline")

CHILDREN = 5  # sitemaps of an index that one visit looks into, the newest first (F33)
PAGES = 10  # of one story
TELLING = 300  # characters of text that a page must have before it is taken for a story without a second look

ASKS_ROBOTS = frozenset({Kind.PAGE, Kind.SITEMAP})  # the address of a feed was given to be fetched (E17)
LISTS = frozenset({"page:list", "sitemap"})  # readers of what only points to stories
FEEDS = frozenset({Kind.FEED, Kind.ANY})


Fresh = tuple[str, Story, str]  # upstream id, story, its digest


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a visit came to, and what the time of the next one depends on; `feed` is where it should go instead."""

    result: Result
    answer: Fetched | NotModified | None = None
    channel: Channel | None = None
    feed: str | None = None


def pull(visit: Visit, edges: VisitIO) -> Outcome:
    """Make one visit; whatever happens, exactly one outcome comes back."""
    trip, told = VisitContext(visit, edges), visit.story
    seen = _tried(trip, _listing if told is None else partial(_story_page, told))
    outcome = scheduling.conclude(trip.visit, seen.result, edges.now(), response=seen.answer, channel=seen.channel)
    if seen.feed:
        return _at_its_feed(outcome, seen.feed)
    if told is not None and isinstance(seen.result, Failure) and scheduling.is_last_attempt(visit, seen.result):
        bare = _tried(trip, partial(_bare_story, told))
        return replace(
            scheduling.conclude(trip.visit, bare.result, edges.now()), host=outcome.host, elsewhere=outcome.elsewhere
        )
    return outcome


def _tried(trip: VisitContext, attempt: Callable[[VisitContext], _Seen]) -> _Seen:
    """What an attempt came to, if only to a failure."""
    try:
        return attempt(trip)
    except SourceError as error:
        stage = "fetch" if isinstance(error, FetchError) else "parse"
        return _Seen(Failure(stage, error.sentence, error.kind, error.status, error.retry_after, error.host))
    except FeedsError:
        raise  # the store's trouble is everybody's: it stops the turn
    except Exception as error:  # the one broad except: a bug costs one source one visit, not the turn
        log.exception("unexpected error in source %s", trip.source.id)
        sentence = f"unexpected {type(error).__name__}: {error}; please report it"
        return _Seen(Failure("internal", sentence, "internal"))


def _at_its_feed(outcome: Outcome, feed: str) -> Outcome:
    """The page was only asked where the feed is; that is visited next, and at once."""
    state = replace(outcome.state, url=feed, validators=Validators(), body_digest=None, full_at=None, move=None)
    return replace(outcome, state=state, due_at=outcome.at)


# ── a listing ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _listing(trip: VisitContext) -> _Seen:
    visit, source, edges = trip.visit, trip.source, trip.edges
    if source.kind in ASKS_ROBOTS:
        trip.ask_leave(visit.url)
    answer = trip.fetch()
    if isinstance(answer, NotModified):
        return _Seen(answer, answer)
    if source.kind is Kind.OPML:
        return _Seen(_subscriptions(answer, edges.known(source.id)), answer)
    try:
        parsed = understand(answer, source, lambda told, of: edges.run(told, parse, told, of))
    except ParseError as error:
        if source.kind is not Kind.ANY or error.kind not in WEB_PAGE:
            raise
        if feed := announced(answer):
            return _Seen(Harvest((), (), warnings=(f"its feed is at {feed}",)), answer, feed=feed)
        trip.ask_leave(visit.url)
        parsed = edges.run(answer, read_page, answer, source)
    children = [link.href for link in parsed.channel.links if link.rel == "sitemap"][:CHILDREN]
    if children:
        parsed = _with_children(parsed, children, trip)
    parsed = publishable(parsed, edges.now(), source.timezone)
    known = edges.known(source.id)
    ours = source.kind is Kind.FILES
    first = edges.released or visit.state.worked_at is None or (ours and (known.listed or 0) < FEW)
    judged = _judge(parsed, known, first=first)
    if children or parsed.windows or judged.verdict is sanity.Verdict.SUSPICIOUS:
        # Ask for it whole until it looks right again (F31); an index may stay the same while its children change, and
        # a folder while the day comes at which one of its stories is to be published or no longer is.
        answer = replace(answer, validators=Validators(), body_digest="")
    if ours:
        return _Seen(
            stories(FolderListing(source, parsed, judged, answer.beside), known, edges.site, edges.now()), answer
        )
    context = Context(source.id, known.authority, edges.now(), source=source)
    return _Seen(harvest(parsed, judged, known, context, partial(edges.run, answer)), answer, parsed.channel)


def _subscriptions(answer: Fetched, known: SeenItems) -> Harvest:
    """What an OPML list subscribes to; each outline becomes a source. Lists inside the list are not followed."""
    told = [outline for outline in parse_opml(answer.body, answer.charset) if outline.kind != "list"]
    made = (Outline("", outline.feed_url, outline.title, outline.categories) for outline in told)
    return Harvest((), (), outlines=name_outlines(made, known.outlines))


def _with_children(parsed: Parsed, children: list[str], trip: VisitContext) -> Parsed:
    """The stories of an index's sitemaps; an index inside an index is not followed."""
    answers = [trip.fetch_more(url) for url in children]
    documents = [trip.edges.run(answer, read_sitemap, answer, trip.source) for answer in answers]
    stories = tuple(story for document in documents for story in document.stories)
    warnings = tuple(warning for document in documents for warning in document.warnings)
    return replace(parsed, stories=stories[: trip.source.max_items], warnings=(*parsed.warnings, *warnings))


def harvest(
    parsed: Parsed,
    judged: sanity.Judgement,
    known: SeenItems,
    context: Context,
    run: Callable[..., tuple[Article, ...]],
) -> Harvest:
    """What a listing brings: new and changed stories as articles or visits to their pages, and every id it lists."""
    told = describe_channel(parsed)
    fresh = list(_fresh(parsed, judged, known, context.source))
    visits = dict(_followed(fresh, parsed, context.source))
    whole = [one for one in fresh if one[0] not in visits]
    changed = frozenset(upstream for upstream, _, _ in whole if upstream in known.digests)
    return Harvest(
        articles=run(articles_of, whole, replace(parsed, stories=()), context, changed) if whole else (),
        visits=tuple(visits.values()),
        listed=tuple(judged.ids[index] for index in judged.keep),
        title=told.title or None,
        link=told.home,
        hub=next(iter(told.hubs), None),
        self_url=told.feed,
        warnings=(
            *parsed.warnings,
            *truncation_warnings(parsed.stories),
            *([judged.sentence] if judged.sentence else []),
        ),
        identity=judged.identity,
    )


def articles_of(
    fresh: Sequence[Fresh], parsed: Parsed, context: Context, changed: frozenset[str]
) -> tuple[Article, ...]:
    """The articles that stories of one document make; module-level, for it may have to run in a worker."""
    document = document_context(parsed, context)
    return tuple(
        normalize(story, document, upstream, digest, replace(context, changed=upstream in changed))
        for upstream, story, digest in fresh
    )


def _judge(parsed: Parsed, known: SeenItems, *, first: bool) -> sanity.Judgement:
    """Whether a listing is believable; ParseError when nothing may be taken from it."""
    by_identity = partial(upstream_id, base=parsed.base, identity=known.identity)
    by_link = partial(upstream_id, base=parsed.base, identity="link")
    ids = [by_identity(story) for story in parsed.stories]
    page = parsed.reader == "page:list"
    judged = sanity.judge(parsed, ids, known, first=first, page=page, link_of=by_link)
    if judged.verdict is sanity.Verdict.QUARANTINE:
        raise ParseError(judged.sentence or "", kind=judged.verdict)
    return judged


def _fresh(parsed: Parsed, judged: sanity.Judgement, known: SeenItems, source: Source | None) -> Iterator[Fresh]:
    """Yield id, story and digest of what is wanted and new or edited; the rest is dropped before any cleaning.

    A feed is judged whole before `include` and `exclude` choose from it: one that lists nothing wanted is no empty one.
    """
    for index in judged.keep:
        story, upstream = parsed.stories[index], judged.ids[index]
        if not is_wanted(story, parsed, source):
            continue
        digest, before = story_digest(story), known.digests.get(upstream)
        if before in (digest, TOMBSTONE):
            continue
        if before is not None and parsed.reader == "page:list":
            continue  # a teaser that moved on the page is no edited story
        yield upstream, story, digest


def _followed(fresh: Sequence[Fresh], parsed: Parsed, source: Source | None) -> Iterator[tuple[str, StoryVisit]]:
    """The stories that their own pages tell better."""
    private = source is not None and source.private
    if (source is not None and source.full_text) or parsed.reader in LISTS:
        for upstream, story, _ in fresh:
            if url := story_url(story, parsed.base):
                yield upstream, StoryVisit(upstream, url, detach_story(story, parsed, private=private))


# ── a story's own page ──────────────────────────────────────────────────────────────────────────────────────────────


def _story_page(told: Story, trip: VisitContext) -> _Seen:
    """The article that listing and page make together."""
    visit, run = trip.visit, trip.edges.run
    trip.ask_leave(visit.url)
    answer = trip.fetch()
    if isinstance(answer, NotModified):
        return _Seen(answer, answer)
    page = run(answer, read_story, answer, visit.source)
    pages = [page.stories[0]]
    if sum(len(text.value) for text in pages[0].content) < TELLING:
        _must_be_a_story(answer)
    while len(pages) < PAGES and (following := next((link for link in pages[-1].links if link.rel == "next"), None)):
        more = trip.fetch_more(following.href)
        pages.append(run(more, read_story, more, visit.source).stories[0])
    story = merge_stories(told, join_pages(pages), prefer_listed=visit.source.kind in FEEDS)
    return _Seen(_one(told, replace(page, stories=(story,)), answer, trip), answer)


def _must_be_a_story(answer: Fetched) -> None:
    """A login, a challenge or the like is no story; ParseError says what it is (E20)."""
    seen = sanity.what_is(answer.body, answer.media_type, answer.url)
    if seen is not None and seen.kind not in WEB_PAGE:
        raise ParseError(seen.sentence, kind=seen.kind)


def _bare_story(told: Story, trip: VisitContext) -> _Seen:
    """The article as the listing told it: its page had its chances."""
    return _Seen(_one(told, Parsed("listing", trip.visit.url, stories=(told,)), None, trip))


def _one(told: Story, parsed: Parsed, answer: Fetched | None, trip: VisitContext) -> Harvest:
    """The article of a document's one story; its digest is of what the next listing is compared with."""
    visit, edges = trip.visit, trip.edges
    known = edges.known(visit.source.id)
    context = Context(visit.source.id, known.authority, edges.now(), source=visit.source)
    fresh = [(visit.upstream_id, parsed.stories[0], story_digest(told))]
    articles = edges.run(
        answer, articles_of, fresh, parsed, context, frozenset(known.digests.keys() & {visit.upstream_id})
    )
    return Harvest(articles=articles, listed=(), warnings=parsed.warnings, identity=known.identity)
