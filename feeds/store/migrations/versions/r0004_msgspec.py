"""JSON as msgspec writes and reads it: times end with Z, no lone surrogates, no NaN, no version number in articles.

The member `beside` of a page is called `files`. The checksum of an article covers its columns as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from zlib import crc32

import msgspec
from alembic import op
from alembic.util import CommandError
from sqlalchemy import Connection

revision = "0004"
down_revision = "0003"

BATCH_SIZE = 500  # articles, of which each may hold megabytes

# table → its key, its columns that hold JSON, and the members of these that are times
RECORDS: tuple[tuple[str, str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("visits", "key", ("story", "failure", "hints"), ()),
    ("visits", "key", ("move",), ("since",)),
    ("sources", "key", ("warnings", "outlines"), ()),
    ("ledgers", "feed", ("files",), ()),
)
CHECKED = "upstream_id, published_id, story_digest, story_key, position, first_seen, updated, url"


def upgrade() -> None:
    """Rewrite all JSON columns; the rows of damaged articles stay as they are, and damaged."""
    connection = op.get_bind()
    for table, key, columns, times in RECORDS:
        for column in columns:
            _rewrite_column(connection, table, key, column, times)
    for rows in _article_batches(connection):
        edits = [edit for row in rows if (edit := _edit_article(*row)) is not None]
        if edits:
            statement = 'UPDATE articles SET body = CAST(? AS TEXT), checksum = ? WHERE "key" = ?'
            connection.exec_driver_sql(statement, edits)


def _rewrite_column(connection: Connection, table: str, key: str, column: str, times: tuple[str, ...]) -> None:
    rows = connection.exec_driver_sql(f'SELECT "{key}", {column} FROM {table} WHERE {column} IS NOT NULL').all()
    edits = []
    for row_key, text in rows:
        try:
            value = _load(text)
            if times:
                _convert_times(value, times)
            edits.append((_dump(value), row_key))
        except (ValueError, TypeError, AttributeError) as error:
            raise CommandError(f"{column} of the row {row_key} in {table} cannot be read: {error}") from error
    if edits:
        connection.exec_driver_sql(f'UPDATE {table} SET {column} = CAST(? AS TEXT) WHERE "{key}" = ?', edits)


def _article_batches(connection: Connection) -> Iterator[list[tuple[Any, ...]]]:
    """Yield (key, checksum, body, html, the checked columns …) of all articles, body and HTML in UTF-8."""
    key = -1
    columns = f'"key", checksum, CAST(body AS BLOB), CAST(html AS BLOB), {CHECKED}'
    query = f'SELECT {columns} FROM articles WHERE "key" > ? ORDER BY "key" LIMIT {BATCH_SIZE}'
    while rows := connection.exec_driver_sql(query, (key,)).all():
        yield [tuple(row) for row in rows]
        key = rows[-1][0]


def _edit_article(key: int, checksum: int, body: bytes, html: bytes, *checked: object) -> tuple[bytes, int, int] | None:
    """Return the new body and checksum of an article, and its key; None for a damaged one."""
    if crc32(html, crc32(body, crc32(repr(checked).encode()))) != checksum:
        return None
    try:
        members = _load(body.decode())
        version = members.pop("v")
        _convert_times(members, ("published", "modified"))
        page = members.get("page")
        if page and "beside" in page:
            page["files"] = page.pop("beside")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CommandError(f"the body of the article {key} cannot be read: {error}") from error
    if version != 1:
        raise CommandError(f"the body of the article {key} is of version {version}, and not of version 1")
    new_body = _dump(members)
    return new_body, crc32(html, crc32(new_body, crc32(msgspec.json.encode(checked)))), key


# ── the reader of revision 0003 ─────────────────────────────────────────────────────────────────────────────────────

# It took NaN and infinity, which are unknown now.
_load: Any = json.JSONDecoder(parse_constant=lambda name: None).decode


def _convert_times(members: dict[str, Any], names: tuple[str, ...]) -> None:
    for name in names:
        if members.get(name) is not None:
            members[name] = datetime.fromisoformat(members[name]).astimezone(UTC)


def _dump(value: object) -> bytes:
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return msgspec.json.encode(_replace_surrogates(value))


def _replace_surrogates(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_replace_surrogates(name): _replace_surrogates(member) for name, member in value.items()}
    return [_replace_surrogates(member) for member in value] if isinstance(value, list) else value
