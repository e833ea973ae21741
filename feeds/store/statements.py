"""SQL made once, when a module is imported, and run for many rows at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter

from sqlalchemy import (
    CompoundSelect,
    Connection,
    Select,
    Table,
    Text,
    bindparam,
    column,
    func,
    insert,
    select,
    update,
)
from sqlalchemy import Row as Result
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.dml import UpdateBase

Row = Mapping[str, object]


class Query:
    """A query for a few rows, handed to SQLite as plain text: SQLAlchemy's way costs more than the query itself."""

    def __init__(self, query: Select[tuple[object, ...]] | CompoundSelect[tuple[object, ...]]) -> None:
        compiled = query.compile(dialect=sqlite.dialect())
        self._text = str(compiled)
        self._names: Sequence[str] = getattr(compiled, "positiontup", None) or ()
        self._fixed = {name: value for name, value in compiled.params.items() if value is not None}

    def rows(self, connection: Connection, **values: object) -> Sequence[Result[tuple[object, ...]]]:
        """All rows, with these values bound."""
        bound = {**self._fixed, **values}
        return connection.exec_driver_sql(self._text, tuple([bound[name] for name in self._names])).all()


class BatchStatement:
    """A statement for many rows: handed to SQLite as plain tuples, which costs half of what SQLAlchemy's way does."""

    def __init__(self, statement: UpdateBase) -> None:
        compiled = statement.compile(dialect=sqlite.dialect())
        names: Sequence[str] = getattr(compiled, "positiontup", None) or ()
        self._text = str(compiled)
        self._pick: Callable[[Row], tuple[object, ...]] = itemgetter(*names)

    def run(self, connection: Connection, rows: Iterable[Row]) -> None:
        """Run it for each row; nothing happens when there are none."""
        values = [self._pick(row) for row in rows]
        if values:
            connection.exec_driver_sql(self._text, values)


def inserting(table: Table, *names: str) -> BatchStatement:
    """INSERT of these columns, each bound by its own name."""
    return BatchStatement(insert(table).values({name: bindparam(name) for name in names}))


def updating(table: Table, by: Sequence[str], *names: str) -> BatchStatement:
    """UPDATE of these columns, each bound by its own name, in the row with the bound `the_‹column›` of each in `by`."""
    place = [table.c[name] == bindparam(f"the_{name}") for name in by]
    return BatchStatement(update(table).values({name: bindparam(name) for name in names}).where(*place))


def members(name: str, value: str | None = None) -> Select[tuple[str]]:
    """The members of a JSON array bound as `name`: of any length, where bound parameters have a limit."""
    array = bindparam(name, value, required=value is None, type_=Text)
    return select(func.json_each(array).table_valued(column("value", Text)).c.value)
