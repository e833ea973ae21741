"""The full-text index of what the feeds have published: SQLite's FTS5 over words that `search_text` makes.

The index holds no texts (a contentless table): the stories are read from `feeds.db`. To take a story out of it, FTS5
needs its words once more, so they are kept, compressed.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from math import exp2
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, select
from sqlalchemy.exc import OperationalError

from ..errors import StoreError
from ..rows.values import encode_time, to_json
from ..search_text import Phrase, index_words
from .expressions import json_integers
from .server_database import ServerDatabase
from .server_schema import search_stories, search_texts
from .sqlite import is_interrupted
from .statements import Query, Values, insert_statement

MAX_FOUND = 2_000  # stories; of more, those that were stored last
MAX_SECONDS = 1.0  # that a search may take
_STEPS_BETWEEN_LOOKS = 2_000  # of SQLite's virtual machine, at the clock
_WEIGHTS = "8.0, 3.0, 1.0"  # of a word in the title, in the facts, in the text
# An old story counts half as much as the newest one; half of that loss is reached at this age.
_HALF_LIFE = 180 * 86_400 * 1_000_000  # microseconds

_MARKS = Query(
    select(search_stories.c.key, search_stories.c.mark).where(
        search_stories.c.key >= bindparam("first"), search_stories.c.key < bindparam("end")
    )
)
_NEWEST = Query(select(func.max(search_stories.c.key)))
_WORDS = Query(select(search_texts.c.key, search_texts.c.words).where(search_texts.c.key.in_(json_integers("keys"))))
_DELETE = [
    Query(delete(table).where(table.c.key.in_(json_integers("keys")))) for table in (search_stories, search_texts)
]
_INSERT_STORY = insert_statement(search_stories, "key", "mark", "position", "story")
_INSERT_TEXT = insert_statement(search_texts, "key", "words")
_DELETE_WORDS = "INSERT INTO search_words (search_words, rowid, title, facts, text) VALUES ('delete', ?, ?, ?, ?)"
_INSERT_WORDS = "INSERT INTO search_words (rowid, title, facts, text) VALUES (?, ?, ?, ?)"
_FIND = f"""
    SELECT search_words.rowid, bm25(search_words, {_WEIGHTS}), position, story
    FROM search_words JOIN search_stories ON search_stories.key = search_words.rowid
    WHERE search_words MATCH ? ORDER BY search_words.rowid DESC LIMIT ?
"""


class SearchableStory(NamedTuple):
    """What is searched of an article, by its key; `facts` are people, tags and the source.

    `mark` stands for what was published: another one means that the story is to be indexed anew. `story` is equal for
    the articles that several sources have of one story.
    """

    key: int
    mark: int
    position: datetime
    story: int
    title: str
    facts: str
    text: str


class SearchIndex:
    """The index in the server's database, for any thread. Raises StoreError."""

    def __init__(self, database: ServerDatabase) -> None:
        self._database = database

    def newest(self) -> int:
        """Return the highest key; 0 of an empty index."""
        with self._database.read() as connection:
            return _NEWEST.run(connection).scalar() or 0

    def marks(self, keys: range) -> Mapping[int, int]:
        """Return the marks of the stories whose key is in a range."""
        with self._database.read() as connection:
            return {row.key: row.mark for row in _MARKS.run(connection, first=keys.start, end=keys.stop)}

    def update(self, stories: Sequence[SearchableStory], removed: Collection[int] = ()) -> None:
        """Put stories in, in the place of those with the same keys, and take others out."""
        words = [tuple(map(index_words, story[-3:])) for story in stories]
        keys = to_json([*removed, *(story.key for story in stories)])
        with self._database.write() as connection:
            former = [(row.key, *_decode(row.words)) for row in _WORDS.run(connection, keys=keys)]
            if former:
                connection.exec_driver_sql(_DELETE_WORDS, former)
                for statement in _DELETE:
                    statement.run(connection, keys=keys)
            if stories:
                rows = [(story.key, *texts) for story, texts in zip(stories, words, strict=True)]
                connection.exec_driver_sql(_INSERT_WORDS, rows)
                _INSERT_TEXT.run(connection, map(_encode, rows))
                _INSERT_STORY.run(connection, map(_row, stories))

    def find(self, phrases: Collection[Phrase], *, newest_first: bool = False) -> list[list[int]] | None:
        """Return the stories that hold all phrases, best first; None where that takes too long.

        A story is the keys of its articles that do, likewise best first.
        """
        if not phrases:
            return []
        with self._database.read() as connection, _time_limit(connection):
            try:
                found = connection.exec_driver_sql(_FIND, (" ".join(map(_spell, phrases)), MAX_FOUND)).all()
            except OperationalError as error:
                if is_interrupted(error):
                    return None
                raise
        newest = max((position for _, _, position, _ in found), default=0)
        stories: dict[int, list[int]] = {}
        for key, _, _, story in sorted(
            found, key=lambda row: -row[2] if newest_first else row[1] * _freshness(newest - row[2])
        ):
            stories.setdefault(story, []).append(key)
        return list(stories.values())


def _freshness(age: int) -> float:
    """Return the factor of a story's relevance: from 1 for the newest to a half."""
    return 0.5 + 0.5 * exp2(-age / _HALF_LIFE)


def _spell(phrase: Phrase) -> str:
    """Return a phrase as FTS5 spells it; words hold no quotation mark, so that nothing is FTS5's own syntax."""
    return f'"{" ".join(phrase.words)}"{"*" * phrase.is_prefix}'


def _row(story: SearchableStory) -> Values:
    return {"key": story.key, "mark": story.mark, "position": encode_time(story.position), "story": story.story}


def _encode(row: tuple[object, ...]) -> Values:
    key, *words = row
    return {"key": key, "words": zlib.compress("\n".join(map(str, words)).encode(), 1)}


def _decode(words: bytes) -> list[str]:
    try:
        return zlib.decompress(words).decode().split("\n")
    except (zlib.error, UnicodeDecodeError) as error:
        raise StoreError(f"the search index is damaged: {error}") from error


@contextmanager
def _time_limit(connection: Connection) -> Iterator[None]:
    """Interrupt the statements of a connection that take too long together."""
    end = time.monotonic() + MAX_SECONDS
    driver = connection.connection.driver_connection
    assert driver
    driver.set_progress_handler(lambda: time.monotonic() > end, _STEPS_BETWEEN_LOOKS)
    try:
        yield
    finally:
        driver.set_progress_handler(None, 0)
