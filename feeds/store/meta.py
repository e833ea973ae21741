"""The row of `meta`: what holds for the whole store since its first start, and the last change number."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, insert, select

from ..errors import StoreError
from ..rows.values import decode_time, encode_time
from .engines import DatabaseAddress, Engines, describe_address
from .migrate import read_revision
from .schema import REVISION, meta
from .statements import Query

_FIRST_START = Query(select(meta.c.authority, meta.c.created))
_LAST_CHANGE_NUMBER = Query(select(meta.c.last_change_number))


def read_or_create(engines: Engines, authority: str, at: datetime) -> tuple[str, datetime]:
    """Return the authority and the time of the first start; store these where there are none."""
    with engines.read() as connection:
        facts = _select(connection)
    if facts is None:
        with engines.write() as connection:
            facts = _select(connection)  # of another process that started at the same time
            if facts is None:
                values = {"id": 1, "authority": authority, "created": encode_time(at), "last_change_number": 0}
                connection.execute(insert(meta).values(values))
    return facts or (authority, at)


def read(connection: Connection, address: DatabaseAddress) -> tuple[str, datetime] | None:
    """Return the authority and the time of the first start; None before it.

    Raise StoreError where the tables are those of another version.
    """
    revision = read_revision(connection, address)
    if revision is None:
        return None
    if revision != REVISION:
        name = describe_address(address)
        raise StoreError(f"{name} is of another version of this program; `feeds run` brings it up to date")
    return _select(connection)


def _select(connection: Connection) -> tuple[str, datetime] | None:
    row = _FIRST_START.run(connection).first()
    return (row.authority, decode_time(row.created)) if row else None


def select_last_change_number(connection: Connection) -> int:
    """Return the number of the newest change of an article; 0 before the first."""
    number: int = _LAST_CHANGE_NUMBER.run(connection).scalar_one()
    return number
