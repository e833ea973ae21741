"""Articles of a batch of visits: new ones are stored once for each story, known ones edited, renamed or withdrawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain, count
from operator import attrgetter
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Table, bindparam, exists, select, union_all, update

from ..model import Article, ArticleRow, Harvest, Outcome
from ..revision import is_noticeable, is_same_reader, next_version, reread_version
from ..rows.articles import decode_article, decode_body, encode_body, is_same_body
from ..rows.values import decode_html, decode_time, encode_time, is_same_html, sanitize_id, to_json
from .articles import CHECKED_VALUES, TEXTS, row_checksum
from .expressions import STORY_IDS, encode_utf8, json_strings, matches_story_id
from .removals import remove_article, restore_article
from .schema import TombstoneReason, articles, ledger_entries, tombstones, visits
from .source_index import SourceIndex, StoryId, allocate_change_numbers, set_change_numbers
from .statements import BatchStatement, Query, ResultRow, insert_statement, update_statement
from .twins import assign_story_keys

_ARTICLES_OF_STORIES = Query(
    select(
        *(column for column in articles.c if column.name not in TEXTS),
        *(encode_utf8(articles.c[name]).label(name) for name in TEXTS),
    ).join_from(STORY_IDS, articles, matches_story_id(articles))
)
_TOMBSTONES_OF_STORIES = Query(
    select(tombstones.c.source, tombstones.c.upstream_id, tombstones.c.reason).join_from(
        STORY_IDS, tombstones, matches_story_id(tombstones)
    )
)
_USED_IDS = Query(
    union_all(
        *(
            select(table.c.published_id).where(table.c.published_id.in_(json_strings("ids")))
            for table in (articles, tombstones)
        )
    )
)
_SET_LATER = ("key", "retracted_at", "earlier_title_mark")
_INSERT = insert_statement(
    articles, *(column.name for column in articles.c if column.name not in _SET_LATER), utf8={"body"}
)
_UPDATE = update_statement(
    articles,
    ["key"],
    *("story_digest", "position", "updated", "change_number", "url", "link_key", "link_mark", "title_mark", "tags"),
    *("earlier_title_mark", "checksum", "body", "html"),
    utf8={"body"},
)


class SourceChange(NamedTuple):
    """What changed visibly of a source: its new change number, and how many articles are new or changed."""

    number: int
    article_count: int


def record(
    connection: Connection, source_index: SourceIndex, outcomes: Sequence[Outcome]
) -> Mapping[str, SourceChange]:
    """Store the articles of all harvests; return what changed of each source that changed visibly, by its id."""
    _adopt_digests(connection, source_index, outcomes)
    harvest, removals = _harvest_articles(source_index, outcomes), _removal_times(source_index, outcomes)
    if not harvest and not removals:
        return {}
    story_ids = {"story_ids": to_json([*harvest, *removals])}
    rows = {(row.source, row.upstream_id): row for row in _ARTICLES_OF_STORIES.run(connection, **story_ids)}
    tombstone_rows = _TOMBSTONES_OF_STORIES.run(connection, **story_ids)
    reasons = {(row.source, row.upstream_id): row.reason for row in tombstone_rows}
    blocked = {story_id for story_id, reason in reasons.items() if reason != TombstoneReason.WITHDRAWN}
    first_number = allocate_change_numbers(connection, len(harvest) + len(removals))
    new_articles = [(id, *value) for id, value in harvest.items() if id not in rows and id not in blocked]
    change_numbers = {id[0]: number for number, (id, *_) in enumerate(new_articles, first_number)}
    article_counts = Counter(id[0] for id, *_ in new_articles)
    edits = [(id, harvest[id][0], row) for id, row in rows.items() if id in harvest and id not in blocked]
    for number, (id, article, row) in enumerate(edits, first_number + len(new_articles)):
        is_visible = _edit(connection, article, row, number)
        if row.retracted_at is not None:
            restore_article(connection, row.key, number)
        if is_visible or row.retracted_at is not None:
            change_numbers[id[0]] = number
            article_counts[id[0]] += 1
    # After the edits: a stored article that a new one is a twin of gets a story key, which makes the rows above stale.
    _insert_articles(connection, source_index, new_articles, first_number)
    losses = [(id, rows[id].key, at) for id, at in removals.items() if id in rows and id not in harvest]
    for number, (id, key, at) in enumerate(losses, first_number + len(new_articles) + len(edits)):
        remove_article(connection, key, at, number, TombstoneReason.WITHDRAWN)
        change_numbers[id[0]] = number
    set_change_numbers(connection, change_numbers)
    return {source_index.ids[key]: SourceChange(number, article_counts[key]) for key, number in change_numbers.items()}


def _harvest_articles(source_index: SourceIndex, outcomes: Sequence[Outcome]) -> dict[StoryId, tuple[ArticleRow, bool]]:
    """Return all articles of a batch by story id, and whether each was listed after its source's first listing.

    Of several with one id, the last is taken.
    """
    return {
        (source_index.keys[article.source_id], article.upstream_id): (article, is_addition)
        for outcome in outcomes
        if isinstance(outcome.result, Harvest)
        for is_addition in [outcome.visit.is_addition if outcome.visit.story else not outcome.result.is_first]
        for article in outcome.result.articles
    }


def _removal_times(source_index: SourceIndex, outcomes: Sequence[Outcome]) -> dict[StoryId, datetime]:
    """Return when the sources of a batch removed which stories."""
    return {
        (source_index.keys[outcome.visit.source.id], sanitize_id(upstream_id)): outcome.at
        for outcome in outcomes
        if isinstance(outcome.result, Harvest)
        for upstream_id in outcome.result.removed_ids
    }


def _insert_articles(
    connection: Connection,
    source_index: SourceIndex,
    new_articles: Sequence[tuple[StoryId, ArticleRow, bool]],
    first_number: int,
) -> None:
    """Store new articles; one whose story the operator has retracted is hidden as well (R4)."""
    proposed_ids = [article.published_id for _, article, _ in new_articles]
    rows = list(_new_rows(connection, source_index, new_articles, first_number))
    retracted = assign_story_keys(connection, rows, proposed_ids) if rows else ()
    _INSERT.run(connection, rows)
    for row in retracted:
        key = _KEY_OF_STORY.run(connection, **row).scalar_one()
        remove_article(connection, key, decode_time(row["first_seen"]), row["change_number"], TombstoneReason.RETRACTED)


_KEY_OF_STORY = Query(
    select(articles.c.key).where(
        articles.c.source == bindparam("source"), articles.c.upstream_id == bindparam("upstream_id")
    )
)


def _new_rows(
    connection: Connection,
    source_index: SourceIndex,
    new_articles: Sequence[tuple[StoryId, ArticleRow, bool]],
    first_number: int,
) -> Iterator[dict[str, Any]]:
    used_ids = _select_used_ids(connection, [article.published_id for _, article, _ in new_articles])
    for number, ((source, upstream_id), article, is_addition) in enumerate(new_articles, first_number):
        published_id = article.published_id
        if published_id in used_ids or source_index.belongs_to_others(source, published_id):
            published_id = _choose_minted_id(connection, article.minted_id, used_ids)
        used_ids.add(published_id)
        yield _with_checksum(
            {
                "source": source,
                "upstream_id": upstream_id,
                "published_id": published_id,
                "first_seen": article.first_seen,
                "updated": article.updated,
                "position": article.position,
                "change_number": number,
                "is_addition": int(is_addition),
                "story_key": "",
                **_editable_values(article),
            }
        )


def _edit(connection: Connection, edited: ArticleRow, row: ResultRow, change_number: int) -> bool:
    """Store what is new in an article; return whether its documents differ."""
    before, stored = _stored_version(edited.source_id, row), row._asdict()
    article, is_reread = decode_article(edited), not is_same_reader(edited.story_digest, row.story_digest)
    article = reread_version(article, before) if is_reread else next_version(article, before)
    values = {**_editable_values(edited), "body": encode_body(article)}
    for name, is_same in (("body", is_same_body), ("html", is_same_html)):
        if is_same(values[name], stored[name]):
            values[name] = stored[name]
    if values.items() <= stored.items():
        return False
    if values["title_mark"] != row.title_mark:
        values["earlier_title_mark"] = row.title_mark
    is_visible = any(values[name] != stored[name] for name in ("url", "body", "html"))
    if is_visible:
        date = article.published or article.modified
        values["position"] = min(encode_time(date), row.first_seen) if date else row.first_seen
        values["change_number"] = change_number
    if edited.story_digest != row.story_digest:
        if is_visible and not is_reread and is_noticeable(article, before):
            # The publisher's change moves `updated`, and never back; a better reader does not (R11).
            values["updated"] = max(row.updated, edited.updated)
        else:
            digests = {"the_key": row.key, "stored_digest": row.story_digest, "story_digest": edited.story_digest}
            _UPDATE_PUBLISHED_DIGEST.run(connection, [digests])  # so that no subscriber is told of it
    _UPDATE.run(connection, [_with_checksum({"the_key": row.key, **stored, **values})])
    return is_visible


def _stored_version(source_id: str, row: ResultRow) -> Article:
    """Return the article that a new version replaces."""
    ids = source_id, row.upstream_id, row.published_id, row.story_digest, row.link_key, row.key, row.change_number
    times = decode_time(row.first_seen), decode_time(row.updated)
    return decode_body(row.body, (*ids, *times, row.url, decode_html(row.html), bool(row.is_addition), row.story_key))


_EDITABLE = ("story_digest", "url", "link_key", "link_mark", "title_mark", "tags", "body", "html")
_EDITABLE_VALUES = attrgetter(*_EDITABLE)


def _editable_values(article: ArticleRow) -> dict[str, Any]:
    """Return the columns that each new version of a story sets."""
    return dict(zip(_EDITABLE, _EDITABLE_VALUES(article), strict=True))


def _with_checksum(values: dict[str, Any]) -> dict[str, Any]:
    values["checksum"] = row_checksum(CHECKED_VALUES(values), values["body"], values["html"], values["story_key"])
    return values


_UPDATE_DIGEST = update_statement(articles, ["key"], "story_digest", "checksum")
_UPDATE_PUBLISHED_DIGEST = BatchStatement(
    update(ledger_entries)
    .values(digest=bindparam("story_digest"))
    .where(ledger_entries.c.article == bindparam("the_key"), ledger_entries.c.digest == bindparam("stored_digest"))
)


def _adopt_digests(connection: Connection, source_index: SourceIndex, outcomes: Sequence[Outcome]) -> None:
    """Replace the digests of another version, here and in the ledgers, so that no reader is told of a change."""
    digests = {
        (source_index.keys[outcome.visit.source.id], sanitize_id(upstream_id)): digest
        for outcome in outcomes
        if isinstance(outcome.result, Harvest)
        for upstream_id, digest in outcome.result.new_digests.items()
    }
    if not digests:
        return
    values = [
        {
            **_with_checksum({**row._asdict(), "story_digest": digests[row.source, row.upstream_id]}),
            "the_key": row.key,
            "stored_digest": row.story_digest,
        }
        for row in _ARTICLES_OF_STORIES.run(connection, story_ids=to_json([*digests]))
    ]
    _UPDATE_DIGEST.run(connection, values)
    _UPDATE_PUBLISHED_DIGEST.run(connection, values)


def _is_free(table: Table) -> ColumnElement[bool]:
    """Return the condition that no other story has the new id: by a page that was visited meanwhile, it is taken."""
    other = table.alias()
    return ~exists().where(other.c.source == table.c.source, other.c.upstream_id == bindparam("new_id"))


_RENAME = BatchStatement(
    update(articles)
    .values(upstream_id=bindparam("new_id"), checksum=bindparam("checksum"))
    .where(articles.c.key == bindparam("the_key"), _is_free(articles))
)
_RENAME_ELSEWHERE = tuple(
    BatchStatement(
        update(table)
        .values(upstream_id=bindparam("new_id"))
        .where(table.c.source == bindparam("the_source"), table.c.upstream_id == bindparam("old_id"), _is_free(table))
    )
    for table in (tombstones, visits)
)


def rename(connection: Connection, source_index: SourceIndex, outcomes: Sequence[Outcome]) -> None:
    """Store the new upstream ids of stories that came under others; their published ids stay."""
    new_ids = {
        (source_index.keys[outcome.visit.source.id], sanitize_id(held)): sanitize_id(new)
        for outcome in outcomes
        if isinstance(outcome.result, Harvest)
        for held, new in outcome.result.renamed_ids.items()
    }
    if not new_ids:
        return
    for row in _ARTICLES_OF_STORIES.run(connection, story_ids=to_json([*new_ids])).all():
        new_id = new_ids[row.source, row.upstream_id]
        checksum = _with_checksum({**row._asdict(), "upstream_id": new_id})["checksum"]
        _RENAME.run(connection, [{"the_key": row.key, "new_id": new_id, "checksum": checksum}])
    values = [
        {"the_source": source, "old_id": old_id, "new_id": new_id} for (source, old_id), new_id in new_ids.items()
    ]
    for statement in _RENAME_ELSEWHERE:
        statement.run(connection, values)


def _select_used_ids(connection: Connection, ids: Collection[str]) -> set[str]:
    return set(_USED_IDS.run(connection, ids=to_json(list(ids))).scalars())


def _choose_minted_id(connection: Connection, minted_id: str, used_ids: Collection[str]) -> str:
    """Return the minted id; with a number where a source used it as its own, as no two articles share one (S20)."""
    minted_ids = chain([minted_id], (f"{minted_id}/{number}" for number in count(2)))
    return next(id for id in minted_ids if id not in used_ids and not _select_used_ids(connection, [id]))
