"""pull(visit): [robots] → fetch → parse → [known?] → normalize → Outcome.

A listing yields articles, or, where a story's own page tells more, further visits; a story's page yields its article.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from .. import due, sense
from ..errors import FeedsError, FetchError, ParseError, SourceError
from ..model import (
    Article,
    Channel,
    Failure,
    Fetched,
    Harvest,
    Kind,
    Known,
    NotModified,
    Outcome,
    Parsed,
    Result,
    Source,
    Story,
    StoryVisit,
    Validators,
    Visit,
)
from ..normalize import Context, about, carried, merged, normalize, story_digest, story_url, upstream_id
from ..parse import parse
from ..parse.story import read_story
from .reading import Reader, understand

log = logging.getLogger("feeds.pipeline")

TOMBSTONE = ""  # the digest of a story that must not come back (R4)

READERS: Mapping[Kind, Reader] = {}  # what `parse` does not tell by itself
ASKS_ROBOTS = frozenset({Kind.PAGE, Kind.SITEMAP})  # an address of a feed was given to be fetched (E17)
LISTS = frozenset({"page:list", "sitemap"})  # readers of what only points to stories
FEEDS = frozenset({Kind.FEED, Kind.ANY})


@dataclass(frozen=True, slots=True)
class PullEdges:
    """What a pull needs of the outside: the network or the disk, the store's memory, and the clock.

    `permit` asks robots.txt: the visit comes back with what is known of its host, or a FetchError is raised. `read` runs
    a reader in whatever process can be spared for these bytes. `released`: the operator named the source, so a
    listing that has nothing in common with the last one is taken.
    """

    permit: Callable[[Visit], Visit]
    fetch: Callable[[Visit], Fetched | NotModified]
    read: Callable[[Reader, Fetched, Source | None], Parsed]
    known: Callable[[str], Known]
    now: Callable[[], datetime]
    released: bool = False


def pull(visit: Visit, edges: PullEdges) -> Outcome:
    """Make one visit; whatever happens, exactly one outcome comes back."""
    answer: Fetched | NotModified | None = None
    channel: Channel | None = None
    result: Result
    try:
        if visit.story is not None or visit.source.kind in ASKS_ROBOTS:
            visit = edges.permit(visit)
        answer = edges.fetch(visit)
        if isinstance(answer, NotModified):
            result = answer
        elif visit.story is not None:
            result = _whole_story(visit, visit.story, answer, edges)
        else:
            parsed = understand(answer, visit.source, partial(edges.read, READERS.get(visit.source.kind, parse)))
            channel = parsed.channel
            known = edges.known(visit.source.id)
            judged = _judge(parsed, known, first=edges.released or visit.worked_at is None)
            result = harvest(parsed, judged, visit.source, known, edges.now())
            if judged.verdict is sense.Verdict.SUSPICIOUS:  # ask for it whole until it looks right again (F31)
                answer = replace(answer, validators=Validators(), body_digest="")
    except SourceError as error:
        stage = "fetch" if isinstance(error, FetchError) else "parse"
        result = Failure(stage, error.sentence, error.kind, error.status, error.retry_after)
    except FeedsError:
        raise  # the store's trouble is everybody's: it stops the turn
    except Exception as error:  # the one broad except: a bug costs one source one visit, not the turn
        log.exception("unexpected error in source %s", visit.source.id)
        result = Failure("internal", f"unexpected {type(error).__name__}: {error}; please report it", "internal")
    if isinstance(result, Failure) and visit.story is not None and due.spent(visit, result):
        result = _bare_story(visit, visit.story, edges)
    return due.conclude(visit, result, edges.now(), answer=answer, channel=channel)


# ── a listing ───────────────────────────────────────────────────────────────────────────────────────────────────────


def harvest(parsed: Parsed, judged: sense.Judgement, source: Source, known: Known, at: datetime) -> Harvest:
    """What a listing brings: new and changed stories as articles or visits to their pages, and every id it lists."""
    told = about(parsed)
    fresh = list(_fresh(parsed, judged, known))
    visits = dict(_followed(fresh, parsed, source))
    return Harvest(
        articles=tuple(
            normalize(story, parsed, upstream, digest, _context(source, known, at, upstream))
            for upstream, story, digest in fresh
            if upstream not in visits
        ),
        visits=tuple(visits.values()),
        listed=tuple(judged.ids[index] for index in judged.keep),
        title=told.title or None,
        link=told.home,
        hub=next(iter(told.hubs), None),
        self_url=told.feed,
        warnings=(*parsed.warnings, *([judged.sentence] if judged.sentence else [])),
        identity=judged.identity,
    )


def _judge(parsed: Parsed, known: Known, *, first: bool) -> sense.Judgement:
    """Whether a listing is believable; ParseError when nothing may be taken from it."""
    by_identity = partial(upstream_id, base=parsed.base, identity=known.identity)
    by_link = partial(upstream_id, base=parsed.base, identity="link")
    ids = [by_identity(story) for story in parsed.stories]
    page = parsed.reader == "page:list"
    judged = sense.judge(parsed, ids, known, first=first, page=page, link_of=by_link)
    if judged.verdict is sense.Verdict.QUARANTINE:
        raise ParseError(judged.sentence or "", kind=judged.verdict)
    return judged


def _fresh(parsed: Parsed, judged: sense.Judgement, known: Known) -> Iterator[tuple[str, Story, str]]:
    """Id, story and digest of what is new or was edited; the rest is dropped before any cleaning."""
    for index in judged.keep:
        story, upstream = parsed.stories[index], judged.ids[index]
        digest, before = story_digest(story), known.digests.get(upstream)
        if before in (digest, TOMBSTONE):
            continue
        if before is not None and parsed.reader == "page:list":
            continue  # a teaser that moved on the page is no edited story
        yield upstream, story, digest


def _followed(fresh: list[tuple[str, Story, str]], parsed: Parsed, source: Source) -> Iterator[tuple[str, StoryVisit]]:
    """The stories that their own pages tell better."""
    if source.full_text or parsed.reader in LISTS:
        for upstream, story, _ in fresh:
            if url := story_url(story, parsed.base):
                yield upstream, StoryVisit(upstream, url, carried(story, parsed))


def _context(source: Source, known: Known, at: datetime, upstream: str) -> Context:
    return Context(source.id, known.authority, at, changed=upstream in known.digests, source=source)


# ── a story's own page ──────────────────────────────────────────────────────────────────────────────────────────────


def _whole_story(visit: Visit, told: Story, answer: Fetched, edges: PullEdges) -> Harvest:
    """The article that listing and page make together; its digest is of what the next listing is compared with."""
    page = edges.read(read_story, answer, visit.source)
    story = merged(told, page.stories[0], by_feed=visit.source.kind in FEEDS)
    return _one(visit, replace(page, stories=(story,)), story_digest(told), edges)


def _bare_story(visit: Visit, told: Story, edges: PullEdges) -> Harvest:
    """The article as the listing told it: its page had its chances."""
    return _one(visit, Parsed("listing", visit.url, stories=(told,)), story_digest(told), edges)


def _one(visit: Visit, parsed: Parsed, digest: str, edges: PullEdges) -> Harvest:
    known = edges.known(visit.source.id)
    context = _context(visit.source, known, edges.now(), visit.upstream_id)
    article: Article = normalize(parsed.stories[0], parsed, visit.upstream_id, digest, context)
    return Harvest(articles=(article,), listed=(), warnings=parsed.warnings, identity=known.identity)
