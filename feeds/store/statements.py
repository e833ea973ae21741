"""SQL statements that are compiled once, when they are first run: a program that has nothing to do compiles few."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CompoundSelect,
    Connection,
    CursorResult,
    Dialect,
    Row,
    Select,
    Table,
    bindparam,
    insert,
    update,
)
from sqlalchemy.sql.dml import UpdateBase

from .expressions import decode_utf8

Values = Mapping[str, object]  # bound parameter → value
ResultRow = Row[tuple[object, ...]]


class Query:
    """A statement run as plain text: SQLAlchemy's own execution costs more than a query for a few rows."""

    def __init__(self, statement: Select[Any] | CompoundSelect[Any] | UpdateBase) -> None:
        self._statement = statement
        self._texts: dict[str, tuple[str, Sequence[str], Values]] = {}

    def compile(self, dialect: Dialect) -> tuple[str, Sequence[str], Values]:
        """Return the text, the names of its parameters in their order, and the values of those that are constant."""
        compiled = self._statement.compile(dialect=dialect)
        constants = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}
        return str(compiled), getattr(compiled, "positiontup", None) or (), constants

    def run(self, connection: Connection, **values: object) -> CursorResult[Any]:
        """Run it with these values bound."""
        dialect = connection.dialect
        if dialect.name not in self._texts:
            self._texts[dialect.name] = self.compile(dialect)
        text, names, constants = self._texts[dialect.name]
        parameters = {**constants, **values}
        return connection.exec_driver_sql(text, tuple([parameters[name] for name in names]))

    def rows(self, connection: Connection, **values: object) -> Sequence[ResultRow]:
        """Return all rows, with these values bound."""
        return self.run(connection, **values).all()


class BatchStatement:
    """A statement for many rows, run with plain tuples: that costs half as much as SQLAlchemy's own execution."""

    def __init__(self, statement: UpdateBase) -> None:
        self._statement = statement
        self._texts: dict[str, tuple[str, Callable[[Values], tuple[object, ...]]]] = {}

    def compile(self, dialect: Dialect) -> tuple[str, Callable[[Values], tuple[object, ...]]]:
        """Return the text, and what takes the values of its parameters out of a row."""
        compiled = self._statement.compile(dialect=dialect)
        names: Sequence[str] = getattr(compiled, "positiontup", None) or ()
        return str(compiled), itemgetter(*names)

    def run(self, connection: Connection, rows: Iterable[Values]) -> None:
        """Run the statement for each row; send nothing when there are none."""
        if values := list(rows):
            dialect = connection.dialect
            if dialect.name not in self._texts:
                self._texts[dialect.name] = self.compile(dialect)
            text, get_parameters = self._texts[dialect.name]
            connection.exec_driver_sql(text, [get_parameters(value) for value in values])


def insert_statement(table: Table, *names: str, utf8: Collection[str] = ()) -> BatchStatement:
    """Return an INSERT of these columns, each bound by its own name; those in `utf8` are bound as UTF-8 bytes."""
    values = {name: _bound_value(name, utf8) for name in names}
    return BatchStatement(insert(table).values(values).inline())  # it returns no keys


def update_statement(table: Table, by: Sequence[str], *names: str, utf8: Collection[str] = ()) -> BatchStatement:
    """Return an UPDATE of these columns, each bound by its own name; those in `utf8` are bound as UTF-8 bytes.

    The row is the one whose columns in `by` have the values bound as `the_‹column›`.
    """
    conditions = [table.c[name] == bindparam(f"the_{name}") for name in by]
    return BatchStatement(update(table).values({name: _bound_value(name, utf8) for name in names}).where(*conditions))


def _bound_value(name: str, utf8: Collection[str]) -> ColumnElement[Any]:
    return decode_utf8(bindparam(name)) if name in utf8 else bindparam(name)
