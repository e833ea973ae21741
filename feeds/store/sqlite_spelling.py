"""How SQLite spells the expressions of this room."""

from __future__ import annotations

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
    "sqlite",
    {
        JsonElements: "json_each({0})",
        JsonArrays: "json_each({0})",
        JsonItem: "json_extract({0}, '$[{1}]')",
        JsonMember: "json_extract({0}, '$.{1}')",
        WholeNumber: "{0}",  # JSON's numbers are numbers
        IsOneOf: "{0} IN {1}",
        JoinedText: "group_concat({0})",
        Utf8Bytes: "CAST({0} AS BLOB)",
        Utf8Text: "CAST({0} AS TEXT)",
        PlaceOf: "instr({0}, {1})",
        Greatest: "max({0}, {1})",
    },
)
