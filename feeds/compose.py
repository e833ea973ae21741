"""The edition of a feed, and how it differs from what was published before. No clock, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Literal

from .model import Article, Edition, EntryState, Feed, Kind, Ledger, LedgerEntry, Site, Source, replace

ARCHIVE_SIZE = 100  # articles in an archive document
NEWS_AGE = timedelta(days=2)
_NO_RETRACTIONS: Mapping[int, str] = {}
_NO_MERGES: Mapping[int, int] = {}


@dataclass(frozen=True, slots=True)
class Change:
    """A change that subscribers receive: a new or changed article, or (without `article`) a retraction.

    Only `is_news` is worth a notification: not an edit, nor what comes with a new feed, a new source or an edited step.
    """

    kind: Literal["article", "retract"]
    key: int
    published_id: str
    article: Article | None = None
    is_news: bool = False


def select_sources(feed: Feed, sources: Mapping[str, Source]) -> list[str]:
    """Return the ids of the sources that a feed takes from; the id of a list means all its outlines (`friends/ann`).

    A feed that names no sources takes from all but the unlisted ones that have none of its tags.
    """
    if names := feed.sources:
        if len(names) == 1 and names[0] in sources and sources[names[0]].kind is not Kind.OPML:
            return [names[0]]  # of a feed for one source; there may be as many as sources
        return [id for id in sources if id in names or id.partition("/")[0] in names]
    return [id for id, source in sources.items() if not source.unlisted or _has_tag_of(feed, source)]


def _has_tag_of(feed: Feed, source: Source) -> bool:
    return not {tag.casefold() for tag in feed.tags}.isdisjoint(tag.casefold() for tag in source.tags)


def compose(
    feed: Feed,
    site: Site,
    articles: Sequence[Article],
    ledger: Ledger,
    created: datetime,
    *,
    as_stored: bool = True,
) -> Edition:
    """Return the edition of the articles that the steps let through.

    `created` is the time of the store: the time of a feed that never held an article. `as_stored`: no step may have
    changed the articles.
    """
    prev_archive = ledger.archives.newest or None
    times = [article.updated for article in articles]
    if ledger.updated is not None:
        times.append(ledger.updated)
    return Edition(
        feed=feed,
        site=site,
        articles=tuple(articles),
        updated=max(times, default=created),
        changed=max((article.changed for article in articles), default=ledger.changed),
        digest=_digest(articles, prev_archive, as_stored=as_stored),
        original_id=ledger.original_id,
        prev_archive=prev_archive,
        as_stored=as_stored,
    )


def compose_archive(
    edition: Edition, articles: Sequence[Article], created: datetime, *, number: int, oldest: int
) -> Edition:
    """Return the archive document with a number, of the feed with this edition; `oldest` is the least number.

    `created` is the time of a document without articles.
    """
    return replace(
        edition,
        articles=tuple(articles),
        updated=max((article.updated for article in articles), default=created),
        archive=number,
        prev_archive=number - 1 if number > oldest else None,
    )


def number_archives(count: int, newest: int, size: int) -> Iterator[int]:
    """Yield the number of the archive document for each of `count` articles, in the order in which they are archived.

    `newest` is the number of the newest document (0: there is none), `size` the number of articles in it.
    """
    first_place = (newest - 1) * ARCHIVE_SIZE + min(size, ARCHIVE_SIZE) if newest else 0
    return (place // ARCHIVE_SIZE + 1 for place in range(first_place, first_place + count))


def _digest(articles: Iterable[Article], prev_archive: int | None, *, as_stored: bool) -> str:
    """Return a digest of keys and change numbers: an article gets a new number with each visible change.

    What steps may have changed is digested whole, as a merged article also changes with those that went into it.
    """
    keys = repr([(article.key, article.changed) for article in articles] if as_stored else [*articles])
    if prev_archive is not None:
        keys += f"/{prev_archive}"
    return blake2b(keys.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def is_published(edition: Edition, ledger: Ledger) -> bool:
    """Tell whether the files that a ledger names hold this very edition: most changes of a source miss most feeds."""
    return (ledger.fingerprint, ledger.edition) == (edition.feed.fingerprint, edition.digest)


def find_changes(
    edition: Edition,
    ledger: Ledger,
    published_at: datetime | None = None,
    retracted: Mapping[int, str] = _NO_RETRACTIONS,
    merged: Mapping[int, int] = _NO_MERGES,
) -> tuple[Mapping[int, LedgerEntry], tuple[Change, ...]]:
    """Return the ledger entries to write (by article key) and the changes for subscribers, oldest first.

    An article that left by age or limit stays in the ledger and is no change; only the `retracted` (article key →
    published id) are retracted, once. An article that was `merged` into a published one (article keys) is entered with
    it, unless it was published itself. `published_at` is by default the edition's own time.
    """
    published_at = published_at or edition.updated
    entries: dict[int, LedgerEntry] = {}
    changes: list[Change] = []
    for key, published_id in retracted.items():
        if (entry := ledger.entries.get(key)) and entry.state is not EntryState.RETRACTED:
            entries[key] = LedgerEntry("", entry.first_published, entry.archive, EntryState.RETRACTED)
            changes.append(Change("retract", key, published_id))
    news_since = _find_news_start(edition, ledger)
    newest_first = sorted(edition.articles, key=lambda article: (article.position, article.first_seen), reverse=True)
    for article in reversed(newest_first):
        entry = ledger.entries.get(article.key)
        if entry is None or entry.digest != article.story_digest:
            was_shown = entry is not None and entry.state is not EntryState.MERGED
            first, archive = (entry.first_published, entry.archive) if entry and was_shown else (published_at, None)
            entries[article.key] = LedgerEntry(article.story_digest, first, archive)
            is_news = (
                not was_shown and article.is_addition and news_since is not None and article.position >= news_since
            )
            changes.append(Change("article", article.key, article.published_id, article, is_news))
    published = {key for key, entry in {**ledger.entries, **entries}.items() if entry.state is EntryState.PUBLISHED}
    for key, into in merged.items():
        if key not in ledger.entries and into in published:
            entries[key] = LedgerEntry("", published_at, state=EntryState.MERGED, merged_into=into)
    return entries, tuple(changes)


def _find_news_start(edition: Edition, ledger: Ledger) -> datetime | None:
    """Return the position from which on an article that enters a feed is news; None in the feed's first edition."""
    newest = max((article.first_seen for article in edition.articles), default=None)
    return newest - NEWS_AGE if newest and ledger.fingerprint else None
