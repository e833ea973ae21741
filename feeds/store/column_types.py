"""The types of columns: what SQLite keeps as it is given, and PostgreSQL wants to know."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, LargeBinary, Text

# Keys, numbers and times (microseconds since 1970, which 32 bits do not hold).
WHOLE = BigInteger().with_variant(Integer(), "sqlite")
# Sorted by code points, as SQLite and Python sort, whatever the locale of the database.
TEXT = Text().with_variant(Text(collation="C"), "postgresql")
# A column that SQLite calls TEXT holds BLOBs too: to change its name would be to copy the table.
BYTES = LargeBinary().with_variant(Text(), "sqlite")
