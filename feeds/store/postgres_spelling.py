"""How PostgreSQL spells the expressions of this room."""

from __future__ import annotations

from typing import Any

from sqlalchemy import LargeBinary
from sqlalchemy.dialects.sqlite.dml import OnConflictDoNothing, OnConflictDoUpdate
from sqlalchemy.ext.compiler import compiles

from .expressions import (
    Greatest,
    IsOneOf,
    JoinedText,
    JsonArrays,
    JsonElements,
    JsonItem,
    JsonMember,
    PlaceOf,
    Utf8Bytes,
    Utf8Text,
    WholeNumber,
    spell,
)

spell(
    "postgresql",
    {
        JsonElements: "json_array_elements_text(CAST({0} AS JSON))",
        JsonArrays: "json_array_elements(CAST({0} AS JSON))",
        JsonItem: "({0} ->> {1})",
        JsonMember: "(CAST({0} AS JSON) ->> '{1}')",
        WholeNumber: "CAST({0} AS BIGINT)",
        IsOneOf: "{0} = ANY (ARRAY{1})",  # not IN, for which the whole table would be read for each row of the other
        JoinedText: "string_agg({0}, ',')",
        Utf8Text: "convert_from(CAST({0} AS BYTEA), 'UTF8')",
        PlaceOf: "strpos({0}, {1})",
        Greatest: "GREATEST({0}, {1})",
    },
)


@compiles(Utf8Bytes, "postgresql")
def _encode(element: Utf8Bytes, compiler: Any, **options: Any) -> str:
    (value,) = element.clauses
    text = compiler.process(value, **options)
    return text if isinstance(value.type, LargeBinary) else f"convert_to({text}, 'UTF8')"


@compiles(OnConflictDoUpdate, "postgresql")
def _update_on_conflict(clause: Any, compiler: Any, **options: Any) -> str:
    clause.constraint_target = None  # all that PostgreSQL's own clause has beside what SQLite's has
    return str(compiler.visit_on_conflict_do_update(clause, **options))


@compiles(OnConflictDoNothing, "postgresql")
def _ignore_conflict(clause: Any, compiler: Any, **options: Any) -> str:
    clause.constraint_target = None  # as above
    return str(compiler.visit_on_conflict_do_nothing(clause, **options))
