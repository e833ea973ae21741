"""The invariants of the stored rows, each a query for those that break it and a sentence."""

from __future__ import annotations

from sqlalchemy import Connection, Select, and_, exists, func, select

from ..model import EntryState
from .articles import find_damaged_articles
from .engines import find_damage
from .ledgers import IS_PUBLISHED
from .outbox import select_last_event
from .schema import (
    archive_documents,
    articles,
    ledger_entries,
    ledgers,
    meta,
    outbox,
    sources,
    tombstones,
    visits,
)

MAX_ROWS = 20  # told of one invariant

_LAST_CHANGE = select(meta.c.last_change_number).scalar_subquery()
_OWN_VISIT = (visits.c.source == sources.c.key, visits.c.upstream_id == "")
_HAS_DOCUMENT = exists().where(
    archive_documents.c.feed == ledger_entries.c.feed, archive_documents.c.number == ledger_entries.c.archive
)
_IS_STORED = exists().where(articles.c.key == ledger_entries.c.article)
_HAS_TOMBSTONE = exists().where(tombstones.c.article == ledger_entries.c.article)

# A sentence with a place for each column → the query for the rows that break it.
INVARIANTS: dict[str, Select[tuple[object, ...]]] = {
    "the article {} was retracted or forgotten, and is shown": select(articles.c.published_id)
    .join(tombstones, and_(*(tombstones.c[name] == articles.c[name] for name in ("source", "upstream_id"))))
    .where(articles.c.retracted_at.is_(None)),
    "the article {} is retracted, and nothing keeps it from coming back": select(articles.c.published_id).where(
        articles.c.retracted_at.is_not(None), ~exists().where(tombstones.c.article == articles.c.key)
    ),
    "an article that the feed {} published (number {}) is lost": select(
        ledger_entries.c.feed, ledger_entries.c.article
    ).where(ledger_entries.c.state == EntryState.PUBLISHED, ~_IS_STORED, ~_HAS_TOMBSTONE),
    "the feed {} has articles in the archive document {}, which does not exist": select(
        ledger_entries.c.feed, ledger_entries.c.archive
    )
    .distinct()
    .where(IS_PUBLISHED, ledger_entries.c.archive.is_not(None), ~_HAS_DOCUMENT),
    "the source {} has no visit, so it would never be visited": select(sources.c.id).where(
        ~exists().where(*_OWN_VISIT)
    ),
    "the source {} is enabled, and no visit is planned": select(sources.c.id)
    .join(visits, and_(*_OWN_VISIT))
    .where(sources.c.enabled == 1, visits.c.due_at.is_(None)),
    "the source {} has changed since its change number": select(sources.c.id)
    .join(articles, articles.c.source == sources.c.key)
    .group_by(sources.c.key)
    .having(func.max(articles.c.change_number) > sources.c.change_number),
    "the change number of the source {} was not given out yet": select(sources.c.id).where(
        sources.c.change_number > _LAST_CHANGE
    ),
    "the feed {} was published with changes that do not exist yet": select(ledgers.c.feed).where(
        ledgers.c.change_number > _LAST_CHANGE
    ),
}


def find_faults(connection: Connection) -> list[str]:
    """Return every fault of the database and of its rows; it reads all of them."""
    faults = [*find_damage(connection), *find_damaged_articles(connection)]
    for sentence, query in INVARIANTS.items():
        rows = connection.execute(query.limit(MAX_ROWS + 1)).all()
        faults += [sentence.format(*row) for row in rows[:MAX_ROWS]]
        if len(rows) > MAX_ROWS:
            faults.append("and more like this")
    return [*faults, *_find_outbox_faults(connection)]


def _find_outbox_faults(connection: Connection) -> list[str]:
    """Return what is wrong with the numbers of the events: these have no gap, and none is given out twice."""
    first, last, total = connection.execute(
        select(func.min(outbox.c.seq), func.max(outbox.c.seq), func.count(outbox.c.seq))
    ).one()
    faults = []
    if total and last - first + 1 != total:
        faults.append(f"of the events {first} to {last}, {last - first + 1 - total} are missing")
    if total and select_last_event(connection) < last:
        faults.append(f"the event {last} has a number that will be given out again")
    return faults
