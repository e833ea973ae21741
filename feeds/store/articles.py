"""What is held: written once, read newest first, taken back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain, count
from operator import itemgetter
from typing import cast
from zlib import crc32

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Select,
    UnaryExpression,
    asc,
    bindparam,
    delete,
    desc,
    exists,
    func,
    insert,
    literal,
    literal_column,
    or_,
    select,
    union_all,
)
from sqlalchemy import Row as Result

from ..errors import StoreError
from ..model import Article, EntryState, Harvest, Outcome
from . import codec
from .codec import moment, ticks
from .schema import articles, ledger_entries, sources, tombstones, visits
from .seen_items import WITHDRAWN
from .source_index import SourceIndex, bump, next_numbers
from .statements import Row, inserting, members, updating

StoryId = tuple[int, str]  # source key, upstream id
StoredRows = Result[tuple[object, ...]]
ArticleSelect = Select[tuple[object, ...]]

# ── record ──────────────────────────────────────────────────────────────────────────────────────────────────────────

_PAIRS = func.json_each(bindparam("pairs")).table_valued("value")
_PLACE = (func.json_extract(_PAIRS.c.value, "$[0]"), func.json_extract(_PAIRS.c.value, "$[1]"))
_STORED = select(articles).join_from(
    _PAIRS, articles, (articles.c.source == _PLACE[0]) & (articles.c.upstream_id == _PLACE[1])
)
_BURIED = select(tombstones.c.source, tombstones.c.upstream_id, tombstones.c.why).join_from(
    _PAIRS, tombstones, (tombstones.c.source == _PLACE[0]) & (tombstones.c.upstream_id == _PLACE[1])
)
_TAKEN = union_all(
    *(select(table.c.published_id).where(table.c.published_id.in_(members("ids"))) for table in (articles, tombstones))
)
_ADD = inserting(articles, *(column.name for column in articles.c if column.name not in ("key", "retracted")))
_EDIT = updating(
    articles,
    ["key"],
    *("story_digest", "position", "updated", "changed", "link", "story_key", "tags", "checksum", "body", "html"),
)
_CHANGED = updating(sources, ["key"], "changed")

_FACTS = ("upstream_id", "published_id", "story_digest", "story_key", "position", "first_seen", "updated", "link")
_FACTS_OF = itemgetter(*_FACTS)
_FACTS_AT = itemgetter(*(articles.c.keys().index(name) for name in _FACTS))
_TEXTS_OF = itemgetter("body", "html")


def record(connection: Connection, roster: SourceIndex, outcomes: Sequence[Outcome]) -> frozenset[str]:
    """Keep the articles of all harvests; the ids of the sources in which something visible changed come back."""
    told, gone = _told(roster, outcomes), _gone(roster, outcomes)
    if not told and not gone:
        return frozenset()
    pairs = {"pairs": codec.dump([*told, *gone])}
    held = {(row.source, row.upstream_id): row for row in connection.execute(_STORED, pairs)}
    graves = {(row.source, row.upstream_id): row.why for row in connection.execute(_BURIED, pairs)}
    buried = {place for place, why in graves.items() if why != WITHDRAWN}
    number = next_numbers(connection, len(told) + len(gone))
    new = [(place, article) for place, article in told.items() if place not in held and place not in buried]
    changed = {place[0]: number + at for at, (place, _) in enumerate(new)}
    _ADD.run(connection, _added(connection, new, number))
    edits = [(place, told[place], row) for place, row in held.items() if place in told and place not in buried]
    for at, (place, article, row) in enumerate(edits, number + len(new)):
        visible = _edit(connection, article, row, at)
        if row.retracted is not None:
            _put_back(connection, row.key, at)
        if visible or row.retracted is not None:
            changed[place[0]] = at
    losses = [(place, held[place].key, when) for place, when in gone.items() if place in held and place not in told]
    for at, (place, key, when) in enumerate(losses, number + len(new) + len(edits)):
        _take_back(connection, key, when, at, WITHDRAWN)
        changed[place[0]] = at
    _CHANGED.run(connection, ({"the_key": key, "changed": last} for key, last in changed.items()))
    return frozenset(roster.ids[key] for key in changed)


def _told(roster: SourceIndex, outcomes: Sequence[Outcome]) -> dict[StoryId, Article]:
    """All articles of a batch by their identity; what was told last of one holds."""
    return {
        (roster.keys[article.source_id], codec.name(article.upstream_id)): article
        for outcome in outcomes
        if isinstance(outcome.result, Harvest)
        for article in outcome.result.articles
    }


def _gone(roster: SourceIndex, outcomes: Sequence[Outcome]) -> dict[StoryId, datetime]:
    """What the sources of a batch took back, and when."""
    return {
        (roster.keys[outcome.visit.source.id], codec.name(upstream)): outcome.at
        for outcome in outcomes
        if isinstance(outcome.result, Harvest)
        for upstream in outcome.result.removed_ids
    }


def _added(connection: Connection, new: Sequence[tuple[StoryId, Article]], number: int) -> Iterator[Row]:
    taken = _taken(connection, [codec.name(article.published_id) for _, article in new])
    for at, (place, article) in enumerate(new, number):
        published_id = _free(connection, article, taken)
        taken.add(published_id)
        yield _sealed(
            {
                "source": place[0],
                "upstream_id": place[1],
                "published_id": published_id,
                "first_seen": ticks(article.first_seen),
                "updated": ticks(article.updated),
                "position": ticks(article.position),
                "changed": at,
                **_told_by(article),
            }
        )


def _edit(connection: Connection, article: Article, row: StoredRows, number: int) -> bool:
    """Take over what is new in an article; whether a reader can see the difference comes back."""
    told, held = _told_by(article), row._asdict()
    if told.items() <= held.items():
        return False
    visible = any(told[name] != held[name] for name in ("link", "body", "html"))
    if visible:
        date = article.published or article.modified
        told["position"] = min(ticks(date), row.first_seen) if date else row.first_seen
        told["changed"] = number
        # The publisher's change moves `updated`, and never back; a better parser or cleaner of ours does not (R11).
        if article.story_digest != row.story_digest:
            told["updated"] = max(row.updated, ticks(article.updated))
    _EDIT.run(connection, [_sealed({"the_key": row.key, **held, **told})])
    return visible


def _told_by(article: Article) -> dict[str, object]:
    """The columns that a story decides anew each time it is told."""
    return {
        "story_digest": article.story_digest,
        "link": None if article.url is None else codec.prose(article.url),
        "story_key": article.story_key,
        "tags": _lines(article.tags),
        "body": codec.article_body(article),
        "html": article.html,
    }


def _sealed(row: dict[str, object]) -> Row:
    try:
        row["checksum"] = _checksum(_FACTS_OF(row), *_TEXTS_OF(row))
    except UnicodeEncodeError:
        row["html"] = codec.prose(str(row["html"]))
        row["checksum"] = _checksum(_FACTS_OF(row), *_TEXTS_OF(row))
    return row


def _taken(connection: Connection, ids: Collection[str]) -> set[str]:
    return set(connection.execute(_TAKEN, {"ids": codec.dump(list(ids))}).scalars())


def _free(connection: Connection, article: Article, taken: Collection[str]) -> str:
    """The id to publish: the proposed one unless another article holds or held it, else ours (S20)."""
    proposed, minted = codec.name(article.published_id), codec.name(article.minted_id)
    if proposed not in taken:
        return proposed
    # Beyond the minted one get only those whom a source robs of it by spelling our ids as its own.
    ours = chain([minted], (f"{minted}/{number}" for number in count(2)))
    return next(id for id in ours if id not in taken and not _taken(connection, [id]))


def _checksum(facts: tuple[object, ...], body: str, html: str) -> int:
    """What tells of damage inside a row, which SQLite itself does not see (F8)."""
    return crc32(html.encode(), crc32(body.encode(), crc32(repr(facts).encode())))


def _lines(tags: Iterable[str]) -> str:
    return codec.prose("\n".join(("", *tags, "")).casefold())


# ── read ────────────────────────────────────────────────────────────────────────────────────────────────────────────

MERGED = 16  # up to so many sources each has its own sorted stream; beyond, all are read and the others passed over
AHEAD = 32  # rows fetched at a time

_ARTICLES = select(articles).where(articles.c.retracted.is_(None))


_NEWEST_FIRST: tuple[UnaryExpression[object], ...] = (desc("position"), desc("first_seen"), asc("published_id"))


def stream(
    connection: Connection, roster: SourceIndex, source_ids: Collection[str] | None, tags: Collection[str]
) -> Iterator[Article]:
    """The selected articles, newest first, read as they are asked for (R7)."""
    keys = None if source_ids is None else {roster.keys[id] for id in source_ids if id in roster.keys}
    chosen = _ARTICLES.where(_tagged(roster, tags)) if tags else _ARTICLES
    statement = _selected(chosen, keys, len(roster.ids)).order_by(*_NEWEST_FIRST)
    for row in connection.execute(statement, execution_options={"yield_per": AHEAD}):
        yield _article(row, roster.ids[row.source])


def _selected(
    chosen: ArticleSelect, keys: set[int] | None, stored: int
) -> ArticleSelect | CompoundSelect[tuple[object, ...]]:
    if keys is None or len(keys) == stored:
        return chosen
    if 0 < len(keys) <= MERGED:
        each = [chosen.where(articles.c.source == key) for key in sorted(keys)]
        return union_all(*each) if len(each) > 1 else each[0]
    # The sum keeps SQLite from collecting the articles of all these sources by their index and sorting them.
    return chosen.where((articles.c.source + literal_column("0")).in_(members("keys", codec.dump(sorted(keys)))))


def _tagged(roster: SourceIndex, tags: Collection[str]) -> ColumnElement[bool]:
    """Articles with any of the tags, and all of a source declared with one: a new tag selects old articles too."""
    wanted = {tag.casefold() for tag in tags}
    keys = {key for tag in wanted for key in roster.tagged.get(tag, ())}
    named = [func.instr(articles.c.tags, _lines([tag])) > 0 for tag in sorted(wanted)]
    return or_(*named, articles.c.source.in_(members("tagged", codec.dump(sorted(keys)))))


def _article(row: StoredRows, source_id: str) -> Article:
    if _checksum(_FACTS_AT(row), row.body, row.html) != row.checksum:
        raise StoreError(
            f"the article {row.published_id} is damaged; keep a copy of the database, then put a backup in its place"
        )
    return codec.article_of(
        row.body,
        source_id=source_id,
        upstream_id=row.upstream_id,
        published_id=row.published_id,
        updated=moment(row.updated),
        first_seen=moment(row.first_seen),
        story_digest=row.story_digest,
        story_key=row.story_key,
        key=row.key,
        changed=row.changed,
        url=row.link,
        html=row.html,
    )


# ── taken back ──────────────────────────────────────────────────────────────────────────────────────────────────────

_GRAVE = ["source", "upstream_id", "article", "published_id", "at", "why"]
_NAMED = select(articles.c.key, articles.c.source).where(
    or_(articles.c.published_id == bindparam("name"), articles.c.link == bindparam("name"))
)
_RETRACT = updating(articles, ["key"], "retracted", "changed")
_RAISE = delete(tombstones).where(tombstones.c.article == bindparam("article"))


def retract(connection: Connection, name: str, at: datetime | None) -> bool:
    """Hide the articles of that published id or URL for good, or (without `at`) show them; False when there is none."""
    found = connection.execute(_NAMED, {"name": name}).all()
    number = next_numbers(connection, len(found)) if found else 0
    for changed, row in enumerate(found, number):
        _CHANGED.run(connection, [{"the_key": row.source, "changed": changed}])
        if at is None:
            _put_back(connection, row.key, changed)
        else:
            _take_back(connection, row.key, at, changed, "retracted")
    return bool(found)


def _take_back(connection: Connection, key: int, at: datetime, changed: int, why: str) -> None:
    _RETRACT.run(connection, [{"the_key": key, "retracted": ticks(at), "changed": changed}])
    _bury(connection, articles.c.key == key, at, why)


def _put_back(connection: Connection, key: int, changed: int) -> None:
    _RETRACT.run(connection, [{"the_key": key, "retracted": None, "changed": changed}])
    connection.execute(_RAISE, {"article": key})


def forget(connection: Connection, key: int, at: datetime) -> int:
    """Drop a source's articles and planned story pages; tombstones keep them from coming back (R4)."""
    of_source = articles.c.source == key
    _bury(connection, of_source, at, "forgotten")
    dropped = connection.execute(delete(articles).where(of_source)).rowcount
    connection.execute(delete(visits).where(visits.c.source == key, visits.c.upstream_id != ""))
    if dropped:
        bump(connection, key)
    return dropped


def _bury(connection: Connection, which: ColumnElement[bool], at: datetime, why: str) -> None:
    place = (articles.c.source, articles.c.upstream_id, articles.c.key, articles.c.published_id)
    graves = select(*place, literal(ticks(at)), literal(why)).where(which)
    connection.execute(insert(tombstones).prefix_with("OR REPLACE").from_select(_GRAVE, graves))


def _was_shown(article: ColumnElement[int]) -> ColumnElement[bool]:
    """Asked of each article that was taken back, which are few; of those that a feed has shown there is no end."""
    place = (ledger_entries.c.feed == bindparam("feed"), ledger_entries.c.article == article)
    return exists().where(*place, ledger_entries.c.state != EntryState.RETRACTED)


_RETRACTED = union_all(
    select(articles.c.key, articles.c.published_id).where(
        articles.c.retracted.is_not(None), _was_shown(articles.c.key)
    ),
    select(tombstones.c.article, tombstones.c.published_id).where(_was_shown(tombstones.c.article)),
)


def retracted(connection: Connection, feed_id: str) -> Mapping[int, str]:
    """Article key → published id of what a feed has shown and must take back."""
    return dict(cast(Sequence[tuple[int, str]], connection.execute(_RETRACTED, {"feed": feed_id}).all()))
