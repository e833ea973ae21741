"""SQL statements that are compiled once, when a module is imported, and run for many rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    Row,
    Select,
    Table,
    bindparam,
    insert,
    update,
)
from sqlalchemy.sql.dml import UpdateBase

from .sqlite import DIALECT, decode_utf8

Values = Mapping[str, object]  # bound parameter → value
ResultRow = Row[tuple[object, ...]]


class Query:
    """A query for a few rows, run as plain text: SQLAlchemy's own execution costs more than the query itself."""

    def __init__(self, query: Select[tuple[object, ...]] | CompoundSelect[tuple[object, ...]]) -> None:
        compiled = query.compile(dialect=DIALECT)
        self._text = str(compiled)
        self._names: Sequence[str] = getattr(compiled, "positiontup", None) or ()
        self._constants = {name: value for name, value in compiled.params.items() if value is not None}

    def rows(self, connection: Connection, **values: object) -> Sequence[ResultRow]:
        """Return all rows, with these values bound."""
        parameters = {**self._constants, **values}
        return connection.exec_driver_sql(self._text, tuple([parameters[name] for name in self._names])).all()


class BatchStatement:
    """A statement for many rows, run with plain tuples: that costs half as much as SQLAlchemy's own execution."""

    def __init__(self, statement: UpdateBase) -> None:
        compiled = statement.compile(dialect=DIALECT)
        names: Sequence[str] = getattr(compiled, "positiontup", None) or ()
        self._text = str(compiled)
        self._get_values: Callable[[Values], tuple[object, ...]] = itemgetter(*names)

    def run(self, connection: Connection, rows: Iterable[Values]) -> None:
        """Run the statement for each row; send nothing when there are none."""
        parameters = [self._get_values(row) for row in rows]
        if parameters:
            connection.exec_driver_sql(self._text, parameters)


def insert_statement(table: Table, *names: str, utf8: Collection[str] = ()) -> BatchStatement:
    """Return an INSERT of these columns, each bound by its own name; those in `utf8` are bound as UTF-8 bytes."""
    return BatchStatement(insert(table).values({name: _bound_value(name, utf8) for name in names}))


def update_statement(table: Table, by: Sequence[str], *names: str, utf8: Collection[str] = ()) -> BatchStatement:
    """Return an UPDATE of these columns, each bound by its own name; those in `utf8` are bound as UTF-8 bytes.

    The row is the one whose columns in `by` have the values bound as `the_‹column›`.
    """
    conditions = [table.c[name] == bindparam(f"the_{name}") for name in by]
    return BatchStatement(update(table).values({name: _bound_value(name, utf8) for name in names}).where(*conditions))


def _bound_value(name: str, utf8: Collection[str]) -> ColumnElement[Any]:
    return decode_utf8(bindparam(name)) if name in utf8 else bindparam(name)
