"""Twins: the same story from several sources, found once, when its articles are recorded.

A new article is a twin of one of another source that has its id, its link or, at about the same time, its title, now or
before the last edit. Its story key is final: that of the oldest twin. A link or title that one source gives to several
articles tells no story from another, and no story has two articles of one source.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from zlib import crc32

from sqlalchemy import ColumnElement, Connection, Select, literal, literal_column, null, select, union_all

from ..rows.values import MICROSECOND, encode_text, to_json
from .expressions import is_one_of, json_numbers, json_strings
from .schema import TombstoneReason, articles, tombstones
from .statements import Query, update_statement

TITLE_WINDOW = timedelta(hours=48) // MICROSECOND  # between the dates of two stories that have the same title
MAX_COMPARED = 8  # articles of one link or title

ArticleValues = dict[str, Any]  # the values of a row of `articles`, new or stored; a stored one has a `key`

_COLUMNS = (
    *(articles.c[name] for name in ("key", "source", "published_id", "position", "story_key", "checksum")),
    select(tombstones.c.reason)
    .where(tombstones.c.article == articles.c.key)
    .limit(1)
    .scalar_subquery()
    .label("reason"),
)


def _select_by_mark(name: str, column: str = "", *, newest: bool = False) -> Select[tuple[object, ...]]:
    """Return the query for the oldest or newest articles with each mark in a column, up to `MAX_COMPARED`."""
    (marks, mark), others = json_numbers(f"{name}s"), articles.alias()
    keys = select(others.c.key).where(others.c[column or name] == mark).correlate(marks)
    keys = keys.order_by(others.c.key.desc() if newest else others.c.key).limit(MAX_COMPARED)
    columns: tuple[ColumnElement[Any], ...] = (literal(name).label("kind"), mark.label("mark"), *_COLUMNS)
    return select(*columns).join_from(marks, articles, is_one_of(articles.c.key, keys.scalar_subquery()))


_SAME_ID = select(literal("id"), null(), *_COLUMNS).where(articles.c.published_id.in_(json_strings("ids")))
_POSSIBLE_TWINS = Query(
    union_all(
        _select_by_mark("link_mark"),
        _select_by_mark("title_mark", newest=True),
        _select_by_mark("title_mark", "earlier_title_mark", newest=True),
        _SAME_ID,
    )
)
_SOURCES_OF_STORIES = Query(
    select(articles.c.story_key, articles.c.source).where(
        articles.c.story_key != literal_column("''"), articles.c.story_key.in_(json_strings("stories"))
    )
)
_UPDATE_STORY = update_statement(articles, ["key"], "story_key", "checksum")


def sign_story(checksum: int, story_key: str) -> int:
    """Return the checksum of a row that gets this story key."""
    return checksum ^ crc32(encode_text(story_key))


def assign_story_keys(
    connection: Connection, rows: Sequence[ArticleValues], proposed_ids: Sequence[str]
) -> list[ArticleValues]:
    """Put the story key into each new row that is a twin, and into the oldest of its story, stored ones too.

    `proposed_ids` are those that the sources of the rows gave their stories, which other articles may hold. Return the
    rows of stories that the operator has retracted.
    """
    finder = _TwinFinder(connection, rows, proposed_ids)
    retracted = [row for row, id in zip(rows, proposed_ids, strict=True) if finder.join(row, id)]
    _UPDATE_STORY.run(connection, finder.updates)
    return retracted


class _TwinFinder:
    """The articles that new rows may be twins of, the rows before each among them."""

    def __init__(self, connection: Connection, rows: Sequence[ArticleValues], proposed_ids: Sequence[str]) -> None:
        self._links: dict[int, list[ArticleValues]] = {}
        self._titles: dict[int, list[ArticleValues]] = {}
        self._ids: dict[str, list[ArticleValues]] = {}
        self._sources: dict[str, set[int]] = {}  # of each story
        marks = {
            f"{name}s": to_json(sorted({row[name] for row in rows} - {None})) for name in ("link_mark", "title_mark")
        }
        stored: dict[int, ArticleValues] = {}  # by key: what is found by link and by title is one article
        for row in _POSSIBLE_TWINS.rows(connection, **marks, ids=to_json(proposed_ids)):
            twin = stored.setdefault(row.key, dict(row._mapping))
            if row.kind == "id":
                self._ids[row.published_id] = [twin]
            else:
                group = self._links if row.kind == "link_mark" else self._titles
                group.setdefault(row.mark, []).append(twin)
        if stories := {twin["story_key"] for twin in stored.values() if twin["story_key"]}:
            for member in _SOURCES_OF_STORIES.rows(connection, stories=to_json(sorted(stories))):
                self._sources.setdefault(member.story_key, set()).add(member.source)
        self.updates: list[ArticleValues] = []  # of stored articles

    def join(self, row: ArticleValues, proposed_id: str) -> bool:
        """Make a new row a twin of the oldest article that it can be; return whether that was retracted."""
        twin = self._find(row, proposed_id)
        for group, mark in ((self._links, row["link_mark"]), (self._titles, row["title_mark"])):
            if mark is not None and len(twins := group.setdefault(mark, [])) < MAX_COMPARED:
                twins.append(row)
        self._ids.setdefault(proposed_id, []).append(row)
        if twin is None:
            return False
        if not twin["story_key"]:
            self._put(twin, twin["published_id"])
            if "key" in twin:
                self.updates.append({**twin, "the_key": twin["key"]})
        self._put(row, twin["story_key"])
        return bool(twin.get("reason") == TombstoneReason.RETRACTED)

    def _put(self, row: ArticleValues, story_key: str) -> None:
        row["story_key"], row["checksum"] = story_key, sign_story(row["checksum"], story_key)
        self._sources.setdefault(story_key, set()).add(row["source"])

    def _find(self, row: ArticleValues, proposed_id: str) -> ArticleValues | None:
        source, position = row["source"], row["position"]
        by_id, by_link = self._ids.get(proposed_id, ()), self._links.get(row["link_mark"], ())
        by_title = self._titles.get(row["title_mark"], ())
        if not (by_id or by_link or by_title):
            return None
        twins = [twin for twin in by_id if twin["source"] != source]
        twins += by_link if _is_specific(by_link, source) else ()
        if _is_specific(by_title, source):
            twins += (twin for twin in by_title if abs(twin["position"] - position) <= TITLE_WINDOW)
        twins.sort(key=lambda twin: twin.get("key", float("inf")))
        return next((twin for twin in twins if source not in self._sources.get(twin["story_key"], ())), None)


def _is_specific(twins: Sequence[ArticleValues], source: int) -> bool:
    """Return whether a link or title tells one story from others: no source, this one included, has it twice."""
    sources = [source, *(twin["source"] for twin in twins)]
    return len(set(sources)) == len(sources)
