"""Articles: stored once for each story, edited, selected newest first, and removed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain, count
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple, cast
from zlib import crc32

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Select,
    Text,
    UnaryExpression,
    asc,
    bindparam,
    delete,
    desc,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    union_all,
    update,
)

from ..errors import StoreError
from ..model import Article, ArticleRow, EntryState, Harvest, Outcome
from ..revision import is_noticeable, is_same_reader, next_version, reread_version
from ..rows.articles import decode_article, decode_body, encode_body, is_same_body, tag_lines
from ..rows.values import (
    EPOCH,
    decode_html,
    decode_strings,
    decode_time,
    encode_json,
    encode_time,
    is_same_html,
    sanitize_id,
    to_json,
)
from .schema import TombstoneReason, articles, ledger_entries, tombstones, visits
from .source_index import SourceIndex, StoryId, allocate_change_numbers, mark_changed, set_change_numbers
from .sqlite import (
    STORY_IDS,
    contains,
    encode_utf8,
    insert,
    joined_text,
    json_member,
    json_members,
    matches_story_id,
    update_or_ignore,
)
from .statements import BatchStatement, Query, ResultRow, insert_statement, update_statement
from .twins import assign_story_keys, sign_story

ArticleSelect = Select[tuple[object, ...]]

# ── record ────────────────────────────────────────────────────────────────────────────────────────────────────────────

# Body and HTML are read and written as bytes: the checksum needs them so, and to encode them once more costs as much as
# to insert the row.
_TEXTS = ("body", "html")
_ARTICLES_OF_STORIES = Query(
    select(
        *(column for column in articles.c if column.name not in _TEXTS),
        *(encode_utf8(articles.c[name]).label(name) for name in _TEXTS),
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
            select(table.c.published_id).where(table.c.published_id.in_(json_members("ids")))
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

# What the checksum of a row covers, beside `body` and `html`.
_CHECKED_COLUMNS = (
    "upstream_id",
    "published_id",
    "story_digest",
    "link_key",
    "position",
    "first_seen",
    "updated",
    "url",
)
_CHECKED_VALUES = itemgetter(*_CHECKED_COLUMNS)


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
            _restore(connection, row.key, number)
        if is_visible or row.retracted_at is not None:
            change_numbers[id[0]] = number
            article_counts[id[0]] += 1
    # After the edits: a stored article that a new one is a twin of gets a story key, which makes the rows above stale.
    _insert_articles(connection, source_index, new_articles, first_number)
    losses = [(id, rows[id].key, at) for id, at in removals.items() if id in rows and id not in harvest]
    for number, (id, key, at) in enumerate(losses, first_number + len(new_articles) + len(edits)):
        _remove(connection, key, at, number, TombstoneReason.WITHDRAWN)
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
        _remove(connection, key, decode_time(row["first_seen"]), row["change_number"], TombstoneReason.RETRACTED)


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
    values["checksum"] = _checksum(_CHECKED_VALUES(values), values["body"], values["html"], values["story_key"])
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


# Where the new id is taken, by a page that was visited meanwhile, all stays as it was.
_RENAME = BatchStatement(
    update_or_ignore(articles)
    .values(upstream_id=bindparam("new_id"), checksum=bindparam("checksum"))
    .where(articles.c.key == bindparam("the_key"))
)
_RENAME_ELSEWHERE = tuple(
    BatchStatement(
        update_or_ignore(table)
        .values(upstream_id=bindparam("new_id"))
        .where(table.c.source == bindparam("the_source"), table.c.upstream_id == bindparam("old_id"))
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


def _checksum(values: tuple[object, ...], body: bytes, html: bytes, story_key: str) -> int:
    """Return the CRC-32 of a row, which shows damage inside it that SQLite itself does not see (F8).

    That of the story key is laid over it, so that a twin gets its key without a look at its texts.
    """
    checksum = crc32(html, crc32(body, crc32(encode_json(values))))
    return sign_story(checksum, story_key) if story_key else checksum


# ── read ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

MAX_MERGED_SOURCES = 16  # up to so many each have a sorted stream of their own; beyond, all rows are read and filtered
ROWS_AHEAD = 32  # rows fetched at a time

VISIBLE_ARTICLES = select(
    *(
        articles.c[name]
        for name in (*_CHECKED_COLUMNS, "key", "source", "change_number", "is_addition", "story_key", "checksum")
    ),
    *(encode_utf8(articles.c[name]).label(name) for name in _TEXTS),
).where(articles.c.retracted_at.is_(None))

_NEWEST_FIRST: tuple[UnaryExpression[object], ...] = (desc("position"), desc("first_seen"), asc("published_id"))
_ZERO: ColumnElement[int] = literal_column("0")
NEWEST_FIRST_SORTED = (desc(articles.c.position + _ZERO), *_NEWEST_FIRST[1:])  # without the index of positions
IS_ADDITION: ColumnElement[bool] = articles.c.is_addition == literal_column("1")


def select_articles(
    connection: Connection,
    source_index: SourceIndex,
    source_ids: Collection[str] | None,
    tags: Collection[str],
    additions_since: Callable[[], datetime | None],
) -> Iterator[Article]:
    """Yield the articles of these sources (None: all) with any of these tags, newest first, read on demand (R7).

    Once `additions_since` returns a time, only additions follow that were first seen after it.
    """
    keys = None if source_ids is None else {source_index.keys[id] for id in source_ids if id in source_index.keys}
    query = VISIBLE_ARTICLES.where(has_tag(source_index, tags)) if tags else VISIBLE_ARTICLES
    query_of_sources = _limit_to_sources(query, keys, len(source_index.ids)).order_by(*_NEWEST_FIRST)
    with connection.execute(query_of_sources, execution_options={"yield_per": ROWS_AHEAD}) as rows:
        for row in rows:
            yield build_article(row, source_index.ids)
            if (since := additions_since()) is not None:
                last = row
                break
        else:
            return
    # Their index leads to few rows, while the order of the other queries would lead through all.
    query = query.where(IS_ADDITION, articles.c.first_seen > encode_time(since))
    if keys is not None:
        query = query.where(_is_one_of(articles.c.source, keys))
    for row in connection.execute(query.order_by(*NEWEST_FIRST_SORTED)):
        if _sort_key(row) > _sort_key(last):
            yield build_article(row, source_index.ids)


_TAGS = Query(
    select(json_member(articles.c.body, "tags"))
    .distinct()
    .where(articles.c.source.in_(json_members("keys")), articles.c.retracted_at.is_(None), articles.c.tags != "\n")
)


def select_tags(connection: Connection, source_index: SourceIndex, source_ids: Collection[str]) -> list[str]:
    """Return each tag of the articles of these sources, as they spell it, in order."""
    keys = to_json(sorted(source_index.keys[id] for id in source_ids if id in source_index.keys))
    rows = _TAGS.run(connection, keys=keys).scalars()
    return sorted({tag for text in rows for tag in decode_strings(text)})


# Answered out of an index: the rows themselves are large.
_NEWEST_FIRST_SEEN = select(func.max(articles.c.first_seen)).where(
    articles.c.key.not_in(select(articles.c.key).where(articles.c.retracted_at.is_not(None)))
)


def select_newest_first_seen(
    connection: Connection, source_index: SourceIndex, source_ids: Collection[str] | None, tags: Collection[str]
) -> datetime | None:
    """Return when the newest article of these sources (None: all) with any of these tags was first seen."""
    query = _NEWEST_FIRST_SEEN.where(has_tag(source_index, tags)) if tags else _NEWEST_FIRST_SEEN
    if source_ids is not None:
        keys = [source_index.keys[id] for id in source_ids if id in source_index.keys]
        query = query.where(articles.c.source.in_(json_members("keys", to_json(sorted(keys)))))
    newest = connection.execute(query).scalar()
    return None if newest is None else decode_time(newest)


def select_published_articles(
    connection: Connection, source_index: SourceIndex, feed_ids: Collection[str]
) -> Iterator[tuple[Article, frozenset[str]]]:
    """Yield the articles that any of these feeds has published, newest first, read on demand, with the feeds' ids."""
    ids = select(joined_text(ledger_entries.c.feed)).where(
        ledger_entries.c.feed.in_(json_members("feeds", to_json(sorted(feed_ids)))),
        ledger_entries.c.article == articles.c.key,
        ledger_entries.c.state == EntryState.PUBLISHED,
    )
    feeds = ids.correlate(articles).scalar_subquery()
    query = VISIBLE_ARTICLES.add_columns(feeds.label("feeds")).where(feeds.is_not(None)).order_by(*_NEWEST_FIRST)
    with connection.execute(query, execution_options={"yield_per": ROWS_AHEAD}) as rows:
        for row in rows:
            yield build_article(row, source_index.ids), frozenset(row.feeds.split(","))


def select_twins(
    connection: Connection,
    source_index: SourceIndex,
    story_key: str,
    source_ids: Collection[str],
    tags: Collection[str],
) -> Iterator[Article]:
    """Yield the articles of a story that these sources have, with any of these tags, newest first."""
    keys = {source_index.keys[id] for id in source_ids if id in source_index.keys}
    query = VISIBLE_ARTICLES.where(articles.c.story_key == story_key, articles.c.story_key != literal_column("''"))
    query = query.where(_is_one_of(articles.c.source, keys))
    if tags:
        query = query.where(has_tag(source_index, tags))
    for row in connection.execute(query.order_by(*NEWEST_FIRST_SORTED)):
        yield build_article(row, source_index.ids)


def _limit_to_sources(
    query: ArticleSelect, keys: set[int] | None, source_count: int
) -> ArticleSelect | CompoundSelect[tuple[object, ...]]:
    if keys is None or len(keys) == source_count:
        return query
    if 0 < len(keys) <= MAX_MERGED_SOURCES:
        queries = [query.where(articles.c.source == key) for key in sorted(keys)]
        return union_all(*queries) if len(queries) > 1 else queries[0]
    return query.where(_is_one_of(articles.c.source, keys))


def _is_one_of(source: ColumnElement[int], keys: Collection[int]) -> ColumnElement[bool]:
    """Return the condition; the sum keeps SQLite from collecting all articles of these sources by their index."""
    return (source + _ZERO).in_(json_members("keys", to_json(sorted(keys))))


def _sort_key(row: ResultRow) -> tuple[int, int, str]:
    return -row.position, -row.first_seen, row.published_id


def has_tag(source_index: SourceIndex, tags: Collection[str]) -> ColumnElement[bool]:
    """Return the condition: an article with any of the tags, or of a source declared with one.

    The second, so that a new tag of a source selects its old articles too.
    """
    folded_tags = {tag.casefold() for tag in tags}
    keys = {key for tag in folded_tags for key in source_index.keys_by_tag.get(tag, ())}
    article_conditions = [contains(articles.c.tags, tag_lines([tag])) for tag in sorted(folded_tags)]
    return or_(*article_conditions, articles.c.source.in_(json_members("tagged", to_json(sorted(keys)))))


_CHECKED = select(
    *(articles.c[name] for name in (*_CHECKED_COLUMNS, "story_key", "checksum")),
    *(encode_utf8(articles.c[name]).label(name) for name in _TEXTS),
)


def find_damaged_articles(connection: Connection) -> Iterator[str]:
    """Yield a sentence on each article whose row was changed by a fault of the disk."""
    for row in connection.execute(_CHECKED, execution_options={"yield_per": ROWS_AHEAD}):
        story_key, checksum, body, html = tuple(row)[-4:]
        if _checksum(tuple(row)[:-4], body, html, story_key) != checksum:
            yield f"the article {row.published_id} is damaged"


def build_article(row: ResultRow, source_ids: Mapping[int, str]) -> Article:
    """Return the article of a row of `VISIBLE_ARTICLES`; raise StoreError where it is damaged."""
    values: tuple[Any, ...] = tuple(row)
    checked, (key, source, change_number, is_addition, story_key, checksum, body, html) = values[:8], values[8:16]
    upstream_id, published_id, digest, link_key, _, first_seen, updated, url = checked
    if _checksum(checked, body, html, story_key) != checksum:
        raise StoreError(
            f"the article {published_id} is damaged; keep a copy of the database, then put a backup in its place"
        )
    times = decode_time(first_seen), decode_time(updated)
    ids = source_ids[source], upstream_id, published_id, digest, link_key, key, change_number
    return decode_body(body, (*ids, *times, url, decode_html(html), bool(is_addition), story_key))


# ── retract and forget ────────────────────────────────────────────────────────────────────────────────────────────────

_TOMBSTONE_COLUMNS = ["source", "upstream_id", "article", "published_id", "at", "reason"]
_HAS_ID_OR_URL = or_(articles.c.published_id == bindparam("id_or_url"), articles.c.url == bindparam("id_or_url"))
_STORIES = select(articles.c.story_key).where(_HAS_ID_OR_URL, articles.c.story_key != literal_column("''"))
_BY_ID_OR_URL = Query(
    select(articles.c.key, articles.c.source).where(or_(_HAS_ID_OR_URL, articles.c.story_key.in_(_STORIES)))
)
_UPDATE_RETRACTED = update_statement(articles, ["key"], "retracted_at", "change_number")
_DELETE_TOMBSTONE = Query(delete(tombstones).where(tombstones.c.article == bindparam("article")))


def retract(connection: Connection, id_or_url: str, at: datetime | None) -> bool:
    """Hide the articles with that published id or URL and their twins, or (`at` None) show them again.

    Return whether there are any.
    """
    rows = _BY_ID_OR_URL.run(connection, id_or_url=id_or_url).all()
    first_number = allocate_change_numbers(connection, len(rows)) if rows else 0
    for number, row in enumerate(rows, first_number):
        set_change_numbers(connection, {row.source: number})
        if at is None:
            _restore(connection, row.key, number)
        else:
            _remove(connection, row.key, at, number, TombstoneReason.RETRACTED)
    return bool(rows)


def select_published_ids(connection: Connection) -> Iterator[str]:
    """Yield the published ids of all articles, retracted ones included."""
    yield from connection.execute(select(articles.c.published_id), execution_options={"yield_per": 1000}).scalars()


def _remove(connection: Connection, key: int, at: datetime, change_number: int, reason: TombstoneReason) -> None:
    values = {"the_key": key, "retracted_at": encode_time(at), "change_number": change_number}
    _UPDATE_RETRACTED.run(connection, [values])
    _add_tombstones(connection, articles.c.key == key, at, reason)


def _restore(connection: Connection, key: int, change_number: int) -> None:
    _UPDATE_RETRACTED.run(connection, [{"the_key": key, "retracted_at": None, "change_number": change_number}])
    _DELETE_TOMBSTONE.run(connection, article=key)


def forget(connection: Connection, key: int, at: datetime) -> int:
    """Delete a source's articles and planned story pages; tombstones keep them from coming back (R4)."""
    of_source = articles.c.source == key
    _add_tombstones(connection, of_source, at, TombstoneReason.FORGOTTEN)
    deleted_count = connection.execute(delete(articles).where(of_source)).rowcount
    connection.execute(delete(visits).where(visits.c.source == key, visits.c.upstream_id != ""))
    if deleted_count:
        mark_changed(connection, key)
    return deleted_count


EXPIRED_AT_ONCE = 500  # articles a transaction

_IS_HELD = exists().where(
    ledger_entries.c.article == articles.c.key, ledger_entries.c.state == literal_column("'published'")
)
_NEWEST_OF_SOURCE = Query(select(func.max(articles.c.first_seen)).where(articles.c.source == bindparam("source")))
_EXPIRED = Query(
    select(articles.c.key)
    .where(articles.c.source == bindparam("source"), articles.c.first_seen < bindparam("start"))
    .where(articles.c.retracted_at.is_(None), ~_IS_HELD)
)


def select_expired(connection: Connection, source: int, retain: timedelta) -> list[int]:
    """Return the keys of the articles of a source that came long before its newest, and that no feed holds.

    What a feed or its archives hold is left to them.
    """
    newest = _NEWEST_OF_SOURCE.run(connection, source=source).scalar()
    start = None if newest is None else newest - encode_time(EPOCH + retain)
    return [] if start is None else list(_EXPIRED.run(connection, source=source, start=start).scalars())


def expire(connection: Connection, keys: Sequence[int], at: datetime) -> None:
    """Delete those of the articles that no feed holds; tombstones keep them from coming back (R4)."""
    is_expired = articles.c.key.in_(json_members("keys", to_json(keys))) & ~_IS_HELD
    _add_tombstones(connection, is_expired, at, TombstoneReason.EXPIRED)
    connection.execute(delete(articles).where(is_expired))


def _add_tombstones(
    connection: Connection, condition: ColumnElement[bool], at: datetime, reason: TombstoneReason
) -> None:
    columns = (articles.c.source, articles.c.upstream_id, articles.c.key, articles.c.published_id)
    rows = select(*columns, literal(encode_time(at)), literal(reason, Text)).where(condition)
    statement = insert(tombstones).from_select(_TOMBSTONE_COLUMNS, rows)
    newest = {name: statement.excluded[name] for name in _TOMBSTONE_COLUMNS}
    connection.execute(statement.on_conflict_do_update(index_elements=["source", "upstream_id"], set_=newest))


def _is_published(article: ColumnElement[int]) -> ColumnElement[bool]:
    """Return the condition that a feed still publishes an article.

    It is evaluated for each removed article, and these are few; the entries of a feed are many.
    """
    is_entry = (ledger_entries.c.feed == bindparam("feed"), ledger_entries.c.article == article)
    return exists().where(*is_entry, ledger_entries.c.state == EntryState.PUBLISHED)


_PENDING_RETRACTIONS = Query(
    union_all(
        select(articles.c.key, articles.c.published_id).where(
            articles.c.retracted_at.is_not(None), _is_published(articles.c.key)
        ),
        select(tombstones.c.article, tombstones.c.published_id).where(
            tombstones.c.reason != literal_column("'expired'"), _is_published(tombstones.c.article)
        ),
    )
)


def select_pending_retractions(connection: Connection, feed_id: str) -> Mapping[int, str]:
    """Return article key → published id of the removed articles that a feed still publishes."""
    rows = _PENDING_RETRACTIONS.run(connection, feed=feed_id).all()
    return dict(cast(Sequence[tuple[int, str]], rows))
