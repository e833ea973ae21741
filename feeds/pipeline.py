"""The order of the stages, and nothing else.

pull(visit):  fetch → parse → [known?] → normalize → Outcome
issue(feed):  articles → steps → compose → render → publish → ledger and outbox
read(bytes):  parse → normalize → JSON Feed, for those who have a document and no store

No stage knows another one; what touches the outside is handed in.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from . import due, httprules, sense
from .compose import Change, compose, difference, plan
from .errors import FeedsError, FetchError, ParseError, SourceError
from .model import (
    Article,
    Channel,
    Document,
    Event,
    Failure,
    Feed,
    Fetched,
    Harvest,
    Issue,
    Known,
    Ledger,
    NotModified,
    Outcome,
    Parsed,
    Result,
    Site,
    Source,
    Validators,
    Visit,
)
from .normalize import Context, about, normalize, story_digest, upstream_id
from .parse import parse
from .render import jsonfeed, render
from .steps import apply

log = logging.getLogger("feeds.pipeline")

TOMBSTONE = ""  # the digest of a story that must not come back (R4)
Reader = Callable[[Fetched, Source | None], Parsed]

NOBODY = "localhost,2000"  # mints the ids of documents that are only looked at


# ── pull ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class PullEdges:
    """What a pull needs of the outside: the network or the disk, a reader, the store's memory, and the clock.

    `read` is `parse`, in whatever process can be spared for these bytes.
    `released`: the operator named the source, so a listing that has nothing in common with the last one is taken.
    """

    fetch: Callable[[Visit], Fetched | NotModified]
    read: Reader
    known: Callable[[str], Known]
    now: Callable[[], datetime]
    released: bool = False


def pull(visit: Visit, edges: PullEdges) -> Outcome:
    """Make one visit; whatever happens, exactly one outcome comes back."""
    answer: Fetched | NotModified | None = None
    channel: Channel | None = None
    result: Result
    try:
        answer = edges.fetch(visit)
        if isinstance(answer, NotModified):
            result = answer
        else:
            parsed = understand(answer, visit.source, edges.read)
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
    return due.conclude(visit, result, edges.now(), answer=answer, channel=channel)


def harvest(parsed: Parsed, judged: sense.Judgement, source: Source, known: Known, at: datetime) -> Harvest:
    """What a listing brings: the new and the changed stories as articles, and every id it lists."""
    told = about(parsed)
    return Harvest(
        articles=tuple(_articles(parsed, judged, source, known, at)),
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
    judged = sense.judge(parsed, [*map(by_identity, parsed.stories)], known, first=first, link_of=by_link)
    if judged.verdict is sense.Verdict.QUARANTINE:
        raise ParseError(judged.sentence or "", kind=judged.verdict)
    return judged


def _articles(parsed: Parsed, judged: sense.Judgement, source: Source, known: Known, at: datetime) -> Iterator[Article]:
    """The stories that are new or say something else than before; what is known is dropped before any cleaning."""
    for index in judged.keep:
        story, upstream = parsed.stories[index], judged.ids[index]
        digest, before = story_digest(story), known.digests.get(upstream)
        if before in (digest, TOMBSTONE):
            continue
        context = Context(source.id, known.authority, at, changed=before is not None, source=source)
        yield normalize(story, parsed, upstream, digest, context)


def understand(answer: Fetched, source: Source | None = None, read: Reader = parse) -> Parsed:
    """Parse; when that fails, say what came instead of a feed (F31)."""
    try:
        return read(answer, source)
    except ParseError as error:
        seen = sense.what_is(answer.body, answer.media_type, answer.url)
        if seen is None:
            raise
        raise ParseError(seen.sentence, kind=seen.kind) from error


# ── issue ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class IssueEdges:
    """What issuing needs of the outside: the store's articles, ledger and retractions, the disk, and two facts.

    `since` is when the store began (the age of an empty feed), `changed` the newest change among the feed's sources.
    """

    articles: Callable[[Feed], Iterator[Article]]
    ledger: Callable[[str], Ledger]
    retracted: Callable[[str], Mapping[int, str]]
    publish: Callable[[Iterable[Document]], list[str]]
    issued: Callable[[Issue], None]
    since: datetime
    changed: int


def issue(feed: Feed, site: Site, edges: IssueEdges) -> list[str]:
    """Regenerate one feed; return the paths that differ from what was on disk.

    The files are replaced before the ledger and the outbox are written, so a crash in between repeats the issue (R12).
    """
    ledger = edges.ledger(feed.id)
    chosen = apply(plan(feed), edges.articles(feed))
    edition = compose(feed, site, chosen, ledger, edges.since)
    documents = render(edition)
    paths = edges.publish(documents)
    shown, changes = difference(edition, ledger, retracted=edges.retracted(feed.id))
    events = tuple(_event(feed, change) for change in changes)
    files = tuple(document.path for document in documents)
    edges.issued(Issue(replace(edition, changed=edges.changed), shown, files, events))
    return paths


def _event(feed: Feed, change: Change) -> Event:
    item = jsonfeed.line(jsonfeed.item(change.article)) if change.article else None
    return Event(change.kind, feed.id, change.key, change.published_id, item)


# ── read ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def read(body: bytes, url: str | None = None, headers: Mapping[str, str] | None = None) -> dict[str, object]:
    """Understand one document: a JSON Feed 1.1 as a dict, what the standard lacks under `_feeds`.

    `url` is where it came from and makes relative addresses absolute; `headers` are the HTTP headers that came with it.
    Items carry the ids of the document as it gave them. Raises ParseError when it is no feed.
    """
    told = {name.lower(): value for name, value in (headers or {}).items()}
    media_type, charset = httprules.content_type(told.get("content-type"))
    answer = Fetched(url or "", body, media_type, charset, headers=told)
    return reading(parse(answer), datetime.now(UTC))


def reading(parsed: Parsed, at: datetime, source: Source | None = None) -> dict[str, object]:
    """A document as a JSON Feed, read at a moment without any memory of it, as a source of that kind."""
    told = about(parsed)
    head = jsonfeed.Head(
        title=told.title,
        home_page_url=told.home,
        feed_url=told.feed,
        description=told.description,
        icon=told.image,
        favicon=told.icon,
        language=told.language,
        authors=told.authors,
        hubs=told.hubs,
        extra={"rights": told.rights, "reader": parsed.reader, "warnings": list(parsed.warnings)},
    )
    context = Context(source.id if source else "preview", NOBODY, at, source=source)
    items = []
    for story in parsed.stories:
        upstream = upstream_id(story, parsed.base)
        items.append(jsonfeed.item(normalize(story, parsed, upstream, story_digest(story), context), id=upstream))
    return jsonfeed.document(head, items)
