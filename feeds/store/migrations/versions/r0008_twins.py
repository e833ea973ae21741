"""Twins get a story key; the column that was called so held canonical links.

Articles of several sources with one link are twins from now on, where no source has two of them. Titles of articles
that are stored already are compared with none: a new twin would be too late. Ledgers name the article that stands for
a twin.
"""

from __future__ import annotations

from hashlib import blake2b
from zlib import crc32

from alembic import op

revision = "0008"
down_revision = "0007"

BATCH_SIZE = 5000
STATEMENTS = (
    "ALTER TABLE articles RENAME COLUMN story_key TO link_key",
    "ALTER TABLE articles ADD COLUMN story_key TEXT DEFAULT '' NOT NULL",
    "ALTER TABLE articles ADD COLUMN link_mark INTEGER",
    "ALTER TABLE articles ADD COLUMN title_mark INTEGER",
    "ALTER TABLE ledger_entries ADD COLUMN merged_into INTEGER",
)
INDEXES = (
    "CREATE INDEX articles_link ON articles (link_mark) WHERE link_mark IS NOT NULL",
    "CREATE INDEX articles_title ON articles (title_mark) WHERE title_mark IS NOT NULL",
)
ASSIGN_STORY_KEYS = """
    UPDATE articles SET story_key = (
        SELECT oldest.published_id FROM articles AS oldest
        WHERE oldest.link_mark = articles.link_mark ORDER BY oldest."key" LIMIT 1
    )
    WHERE link_mark IN (
        SELECT link_mark FROM articles WHERE link_mark IS NOT NULL
        GROUP BY link_mark HAVING count(*) > 1 AND count(*) = count(DISTINCT source)
    )
"""
INDEX_STORIES = "CREATE INDEX articles_story ON articles (story_key) WHERE story_key <> ''"
TWINS = """SELECT "key", story_key, checksum FROM articles WHERE story_key <> ''"""


def upgrade() -> None:
    """Add the columns, and find the twins among the articles by their links."""
    connection = op.get_bind()
    for statement in STATEMENTS:
        op.execute(statement)
    key = -1
    query = f'SELECT "key", link_key FROM articles WHERE "key" > ? ORDER BY "key" LIMIT {BATCH_SIZE}'
    while rows := connection.exec_driver_sql(query, (key,)).all():
        key = rows[-1][0]
        marks = [(mark, row_key) for row_key, link in rows if (mark := _make_mark(link)) is not None]
        if marks:
            connection.exec_driver_sql('UPDATE articles SET link_mark = ? WHERE "key" = ?', marks)
    for statement in (*INDEXES, ASSIGN_STORY_KEYS, INDEX_STORIES):
        op.execute(statement)
    for row_key, story_key, checksum in connection.exec_driver_sql(TWINS).all():
        values = (checksum ^ crc32(story_key.encode()), row_key)
        connection.exec_driver_sql('UPDATE articles SET checksum = ? WHERE "key" = ?', values)


def _make_mark(link: str) -> int | None:
    """Return the digest of a link; None for that of a front page, and for a digest of a title."""
    address = link.partition("://")[2].removeprefix("www.").rstrip("/")
    if "/" not in address and "?" not in address:
        return None
    return int.from_bytes(blake2b(address.encode("utf-8", "replace"), digest_size=8).digest(), signed=True)
