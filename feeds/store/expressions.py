"""What databases spell differently, as expressions of SQLAlchemy; each database has a file with its spellings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    LargeBinary,
    ScalarSelect,
    Select,
    Table,
    TableValuedAlias,
    Text,
    bindparam,
    column,
    literal_column,
    select,
)
from sqlalchemy.dialects.sqlite import insert as insert  # ON CONFLICT, which PostgreSQL has too
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

NO_LIMIT = 2**63 - 1  # as the value of LIMIT


class JsonElements(FunctionElement[Any]):
    """The strings or numbers of a JSON array: the column `value` of a table, as text."""

    inherit_cache = True


class JsonArrays(FunctionElement[Any]):
    """The arrays of a JSON array: the column `value` of a table."""

    inherit_cache = True


class JsonItem(FunctionElement[str]):
    """An item of a JSON array, as text: the array, and the place of the item, which is a literal column."""

    inherit_cache = True
    type = Text()


class JsonMember(FunctionElement[str]):
    """A member of a record, as text: a text that holds JSON, and the name of the member, which is a literal column."""

    inherit_cache = True
    type = Text()


class WholeNumber(FunctionElement[int]):
    """The number that a value of a JSON array is."""

    inherit_cache = True
    type = BigInteger()


class IsOneOf(FunctionElement[bool]):
    """The condition that a column has one of the values that a subquery finds for a row of another table.

    It has no type: to one that is boolean, SQLAlchemy adds a comparison for SQLite.
    """

    inherit_cache = True


class JoinedText(FunctionElement[str]):
    """The texts of all rows with commas between them."""

    inherit_cache = True
    type = Text()


class Utf8Bytes(FunctionElement[bytes]):
    """A text as UTF-8 bytes; bytes as they are."""

    inherit_cache = True
    type = LargeBinary()


class Utf8Text(FunctionElement[str]):
    """The text that UTF-8 bytes are."""

    inherit_cache = True
    type = Text()


class PlaceOf(FunctionElement[int]):
    """The place of a text in another, from 1; 0 where it is not in it."""

    inherit_cache = True
    type = BigInteger()


class Greatest(FunctionElement[int]):
    """The greatest of values that are not NULL."""

    inherit_cache = True
    type = BigInteger()


# Of [source key, upstream id].
STORY_IDS: TableValuedAlias = JsonArrays(bindparam("story_ids", type_=Text)).table_valued(column("value"))


def matches_story_id(table: Table) -> ColumnElement[bool]:
    """Return the condition that joins `table` with `STORY_IDS`."""
    source, upstream_id = (JsonItem(STORY_IDS.c.value, literal_column(str(place))) for place in range(2))
    return (table.c.source == WholeNumber(source)) & (table.c.upstream_id == upstream_id)


def json_strings(name: str, value: str | None = None) -> Select[tuple[str]]:
    """Return the strings of a JSON array bound as `name`: of any length, where bound parameters have a limit."""
    return select(_json_elements(name, value).c.value)


def json_integers(name: str, value: str | None = None) -> Select[tuple[int]]:
    """Return the integers of a JSON array bound as `name`."""
    return select(WholeNumber(_json_elements(name, value).c.value).label("value"))


def json_numbers(name: str) -> tuple[TableValuedAlias, ColumnElement[int]]:
    """Return a table of the integers of a JSON array bound as `name`, and its only column."""
    table = _json_elements(name, None)
    return table, WholeNumber(table.c.value)


def _json_elements(name: str, value: str | None) -> TableValuedAlias:
    array = bindparam(name, value, required=value is None, type_=Text)
    return JsonElements(array).table_valued(column("value", Text))


def joined_text(text: Column[str]) -> ColumnElement[str]:
    """Return the texts of all rows with commas between them; NULL where there is no row."""
    return JoinedText(text)


def json_member(record: Column[str], name: str) -> ColumnElement[str]:
    """Return a member of the record that a column holds: a string as it is, else JSON; NULL where it has none."""
    return JsonMember(record, literal_column(name))


def encode_utf8(text: Column[Any]) -> ColumnElement[bytes]:
    """Return the text of a column as UTF-8 bytes."""
    return Utf8Bytes(text)


def decode_utf8(value: ColumnElement[bytes]) -> ColumnElement[str]:
    """Return the text that UTF-8 bytes are."""
    return Utf8Text(value)


def contains(text: Column[str], part: str) -> ColumnElement[bool]:
    """Return the condition that a text contains another, letter case included."""
    return PlaceOf(text, bindparam(None, part, Text, unique=True)) > literal_column("0")


def greatest(*values: ColumnElement[int]) -> ColumnElement[int]:
    """Return the greatest of values that are not NULL."""
    return Greatest(*values)


def is_one_of(value: ColumnElement[int], keys: ScalarSelect[int]) -> ColumnElement[bool]:
    """Return the condition that a value is one of the few that a subquery finds for each row of another table.

    It is looked up in an index.
    """
    return IsOneOf(value, keys)


# ── how a database spells them ────────────────────────────────────────────────────────────────────────────────────────


def spell(dialect: str, spellings: Mapping[type[FunctionElement[Any]], str]) -> None:
    """Let a dialect spell expressions: each text has a place for each argument."""
    for kind, text in spellings.items():
        compiles(kind, dialect)(_writer(text))


def _writer(text: str) -> Callable[..., str]:
    def write(element: FunctionElement[Any], compiler: Any, **options: Any) -> str:
        options.pop("add_to_result_map", None)  # the expression is a column of a result, its arguments are not
        return text.format(*(compiler.process(argument, **options) for argument in element.clauses))

    return write
