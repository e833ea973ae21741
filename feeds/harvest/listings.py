"""read_listing(response, what is stored): parse → [seen?] → normalize → rows, without I/O.

Module-level functions over picklable records: each may run in another process. What is stored of a source may hold
functions that ask the store; a worker calls them back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from .. import sanity
from ..errors import FailureKind, ParseError
from ..model import (
    Article,
    ArticleRow,
    Channel,
    Fetched,
    Harvest,
    Kind,
    Parsed,
    SeenItems,
    Shape,
    Source,
    Story,
    StoryVisit,
    replace,
)
from ..normalize import (
    Context,
    describe_channel,
    detach_story,
    document_context,
    normalize,
    story_digest,
    story_moment,
    story_url,
    title_and_date,
    title_key,
    truncation_warnings,
    upstream_id,
)
from ..revision import is_same_reader
from .documents import is_wanted, parse_feed
from .folders import held_file_ids, is_first_listing, publishable

STRANGE_PUSH = "What a hub pushed has other ids than the feed; it is left to the next visit."

EncodeArticle = Callable[[Article], ArticleRow]
NewStory = tuple[str, Story, str]  # upstream id, story, its digest


@dataclass(frozen=True, slots=True)
class ListingContext:
    """What a listing is read with: its source, what is stored of that, the time, and what makes the row of an article.

    `has_worked`: an earlier visit brought a listing. `accept_any`: the operator named the source, so a listing that has
    nothing in common with the last one is taken.
    """

    source: Source
    seen_items: SeenItems
    now: datetime
    encode: EncodeArticle
    has_worked: bool = True
    accept_any: bool = False

    @property
    def of_articles(self) -> Context:
        """Return what its articles are normalized with."""
        return Context(self.source.id, self.seen_items.authority, self.now, source=self.source)


@dataclass(frozen=True, slots=True)
class ReadListing:
    """A listing that was read: what is taken from it, and its feed-level facts.

    `refetch`: without validators the next visit fetches it whole.
    """

    harvest: Harvest
    channel: Channel
    refetch: bool


def read_listing(response: Fetched, context: ListingContext) -> ReadListing:
    """Return what is new and changed in a document that its source declares to be a listing."""
    return take_listing(parse_feed(response, context.source), context)


def take_listing(parsed: Parsed, context: ListingContext) -> ReadListing:
    """Return what is new and changed in a parsed listing."""
    parsed = publishable(parsed, context.now, context.source.timezone)
    judgement = judge_listing(parsed, context)
    harvest = _harvest(parsed, judgement, context)
    return ReadListing(replace(harvest, is_first=is_first(context)), parsed.channel, must_refetch(parsed, judgement))


def read_push(response: Fetched, context: ListingContext) -> Harvest:
    """Return the new and changed stories of what a hub pushed: some of a feed, or all of it.

    Nothing is compared with the last listing. A push that would change what identifies the stories is not believed.
    """
    parsed = publishable(parse_feed(response, context.source), context.now, context.source.timezone)
    judgement = _judge(parsed, context, first=True)
    if judgement.identity != context.seen_items.identity:
        raise ParseError(STRANGE_PUSH, kind=FailureKind.QUARANTINE)
    return _harvest(parsed, judgement, context)


def is_first(context: ListingContext) -> bool:
    """Return whether a listing is the first that brings stories of its source."""
    return not context.has_worked or not context.seen_items


def must_refetch(parsed: Parsed, judgement: sanity.Judgement) -> bool:
    """Return whether the next visit fetches a listing whole.

    A suspicious one until it looks right again (F31); a folder because a story's date of publication comes without an
    edit.
    """
    return bool(parsed.windows) or judgement.verdict is sanity.Verdict.SUSPICIOUS


# ── is it believable? ───────────────────────────────────────────────────────────────────────────────────────────────


def judge_listing(parsed: Parsed, context: ListingContext) -> sanity.Judgement:
    """Return whether a listing is believable; raise ParseError when nothing may be taken from it."""
    first = context.accept_any or not context.has_worked or is_first_listing(context.source, context.seen_items)
    return _judge(parsed, context, first=first)


def _judge(parsed: Parsed, context: ListingContext, *, first: bool) -> sanity.Judgement:
    seen_items = context.seen_items
    by_identity = partial(upstream_id, base=parsed.base, identity=seen_items.identity)
    ids = held_file_ids(parsed, [by_identity(story) for story in parsed.stories], seen_items)
    is_page, keys = parsed.shape is Shape.LISTING, _story_keys(parsed, context.of_articles)
    judge = partial(sanity.judge, parsed, ids, seen_items, is_page=is_page, keys=keys)
    judgement = judge(first=first)
    if judgement.verdict is sanity.Verdict.QUARANTINE:
        # In quarantine is what the operator can accept by a visit to the source by name.
        is_acceptable = judge(first=True).verdict is not sanity.Verdict.QUARANTINE
        kind = FailureKind.QUARANTINE if is_acceptable else FailureKind.SELECTOR
        raise ParseError(judgement.sentence or "", kind=kind)
    return judgement


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


# ── what is new ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _harvest(parsed: Parsed, judgement: sanity.Judgement, context: ListingContext) -> Harvest:
    """Return the new and changed stories of a listing, as articles or visits to their pages, and every listed id."""
    seen_items, source = context.seen_items, context.source
    channel = describe_channel(parsed)
    new_stories = list(_new_stories(parsed, judgement, seen_items, source))
    visits = dict(_story_visits(new_stories, parsed, source))
    new_digests = dict(_find_other_readings(visits.values(), seen_items))
    visits = {upstream: visit for upstream, visit in visits.items() if upstream not in new_digests}
    new_stories = [new_story for new_story in new_stories if new_story[0] not in new_digests]
    whole = [new_story for new_story in new_stories if new_story[0] not in visits]
    changed = frozenset(upstream for upstream, _, digest in whole if _is_edited(upstream, digest, seen_items))
    return Harvest(
        articles=make_articles(whole, parsed, context.of_articles, changed, context.encode),
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


def make_articles(
    new_stories: Sequence[NewStory],
    parsed: Parsed,
    context: Context,
    changed: frozenset[str],
    encode: EncodeArticle,
) -> tuple[ArticleRow, ...]:
    """Return the rows of stories of one document; `changed` are the ids of those that were seen before."""
    if not new_stories:
        return ()
    document, of_edits = document_context(parsed, context), replace(context, changed=True)
    return tuple(
        encode(normalize(story, document, upstream, digest, of_edits if upstream in changed else context))
        for upstream, story, digest in new_stories
    )


def _is_edited(upstream: str, digest: str, seen_items: SeenItems) -> bool:
    """Return whether a new or changed story was seen before, and is not only read by another version."""
    return upstream in seen_items and is_same_reader(seen_items.digests.get(upstream, digest), digest)


def _new_stories(
    parsed: Parsed, judgement: sanity.Judgement, seen_items: SeenItems, source: Source
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


def _story_visits(new_stories: Sequence[NewStory], parsed: Parsed, source: Source) -> Iterator[tuple[str, StoryVisit]]:
    """Yield a visit for each story that its own page tells better."""
    if source.full_text or parsed.shape in (Shape.LISTING, Shape.SITEMAP):
        for upstream, story, digest in new_stories:
            if url := story_url(story, parsed.base):
                yield upstream, StoryVisit(upstream, url, detach_story(story, parsed, private=source.private), digest)


def _find_other_readings(visits: Iterable[StoryVisit], seen_items: SeenItems) -> Iterator[tuple[str, str]]:
    """Yield (upstream id, digest) of the stored stories that another version read: no page is visited for that."""
    for visit in visits:
        stored = seen_items.digests.get(visit.upstream_id)
        if stored is not None and not is_same_reader(stored, visit.story_digest):
            yield visit.upstream_id, visit.story_digest
