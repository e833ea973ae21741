"""What is declared against what is stored: new, changed, renamed and removed sources."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlsplit

from sqlalchemy import Connection, bindparam, delete, exists, select, update

from ..model import Interval, Schedule, Source
from .codec import ticks
from .schema import articles, meta, sources, tombstones, visits
from .sqlite import Engines
from .statements import inserting, updating

HORIZON = timedelta(days=8)  # no visit is planned later than this; one that is was planned by a wrong clock (F9)


class StoredSource(NamedTuple):
    """A source's row, as far as it is compared with its declaration."""

    key: int
    id: str
    declared: int
    address: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class SourceIndex:
    """The sources: the id and key of all that are stored, and by key the declarations of those that are visited."""

    ids: Mapping[int, str] = field(default_factory=dict)
    keys: Mapping[str, int] = field(default_factory=dict)
    declared: Mapping[int, Source] = field(default_factory=dict)
    tagged: Mapping[str, Collection[int]] = field(default_factory=dict)  # folded tag → keys of those declared with it


_ROWS = select(*(sources.c[name] for name in StoredSource._fields))
_LATE = select(exists().where(visits.c.due_at > bindparam("horizon")))
_COUNT = update(meta).values(changed=meta.c.changed + bindparam("count")).returning(meta.c.changed)

_ADD = inserting(sources, "id", "declared", "address", "fingerprint")
_ADD_VISIT = inserting(visits, "source", "url", "host", "due_at")
_EDIT = updating(sources, ["key"], "declared", "address", "fingerprint")
_WAKE = updating(visits, ["source"], "due_at")
_WAKE_SOURCE = updating(visits, ["source", "upstream_id"], "due_at")
_FORGET_ANSWER = updating(visits, ["source", "upstream_id"], "etag", "last_modified", "body_digest")
_FORGET_ADDRESS = updating(
    visits,
    ["source", "upstream_id"],
    *("url", "host", "full_at", "worked_at", "failures", "failing_since", "failure", "move", "interval", "hints"),
)
_FORGET_LISTING = updating(sources, ["key"], "listed")
_BUMP = updating(sources, ["key"], "changed")


def host_of(url: str) -> str:
    """The host name that a visit to this address bothers; empty for files."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def next_numbers(connection: Connection, count: int) -> int:
    """Give out `count` change numbers; the first of them comes back."""
    last: int = connection.execute(_COUNT, {"count": count}).scalar_one()
    return last - count + 1


def sync(engines: Engines, declared: Iterable[Source], at: datetime) -> SourceIndex:
    """Bring the rows in line with the declarations; when they are already, two small queries are all it takes."""
    wanted = {source.id: source for source in declared}
    with engines.read() as connection:
        rows = _rows(connection)
        late = connection.execute(_LATE, {"horizon": ticks(at + HORIZON)}).scalar()
    if late or _differs(rows, wanted):
        with engines.write() as connection:
            rows = _settle(connection, wanted, at)
    return _roster(rows, wanted)


def survey(connection: Connection, declared: Iterable[Source]) -> SourceIndex:
    """The sources as they are stored, declarations beside them, nothing brought in line: for those who only look."""
    return _roster(_rows(connection), {source.id: source for source in declared})


def _roster(rows: Mapping[str, StoredSource], wanted: Mapping[str, Source]) -> SourceIndex:
    declared = {rows[id].key: source for id, source in wanted.items() if source.enabled and id in rows}
    tagged: dict[str, list[int]] = {}
    for key, source in declared.items():
        for tag in source.tags:
            tagged.setdefault(tag.casefold(), []).append(key)
    return SourceIndex(
        ids={row.key: row.id for row in rows.values()},
        keys={row.id: row.key for row in rows.values()},
        declared=declared,
        tagged=tagged,
    )


def bump(connection: Connection, key: int) -> None:
    """Say that something visible changed in a source as a whole."""
    _BUMP.run(connection, [{"the_key": key, "changed": next_numbers(connection, 1)}])


def _rows(connection: Connection) -> dict[str, StoredSource]:
    return {row[1]: StoredSource(*row) for row in connection.execute(_ROWS)}


def _differs(rows: Mapping[str, StoredSource], wanted: Mapping[str, Source]) -> bool:
    return (
        any(not _same(rows.get(source.id), source) for source in wanted.values())
        or any(row.declared and row.id not in wanted for row in rows.values())
        or any(_renames(rows, wanted))
    )


def _same(row: StoredSource | None, source: Source) -> bool:
    return row is not None and row[2:] == (source.enabled, source.address, source.fingerprint)


def _renames(rows: Mapping[str, StoredSource], wanted: Mapping[str, Source]) -> Iterable[tuple[str, str]]:
    """(earlier id, id) of each stored source that goes by another id now."""
    return ((old, source.id) for source in wanted.values() for old in source.was if old in rows and old not in wanted)


def _settle(connection: Connection, wanted: Mapping[str, Source], at: datetime) -> dict[str, StoredSource]:
    rows = _rows(connection)
    for old, new in list(_renames(rows, wanted)):
        if old in rows:
            _rename(connection, rows[old], new, rows.get(new))
            rows = _rows(connection)
    _add(connection, [source for source in wanted.values() if source.id not in rows], at)
    for source in wanted.values():
        row = rows.get(source.id)
        if row is not None and not _same(row, source):
            _edit(connection, row, source, at)
    for row in rows.values():
        if row.declared and row.id not in wanted:
            _EDIT.run(connection, [{**row._asdict(), "the_key": row.key, "declared": 0}])
            _WAKE.run(connection, [{"the_source": row.key, "due_at": None}])
    rows = _rows(connection)
    _pull_in(connection, rows, wanted, at)
    return rows


def _add(connection: Connection, added: list[Source], at: datetime) -> None:
    _ADD.run(
        connection,
        ({"id": s.id, "declared": int(s.enabled), "address": s.address, "fingerprint": s.fingerprint} for s in added),
    )
    rows = _rows(connection)
    _ADD_VISIT.run(
        connection,
        (
            {
                "source": rows[source.id].key,
                "url": source.address,
                "host": host_of(source.address),
                "due_at": ticks(at) if source.enabled else None,
            }
            for source in added
        ),
    )


def _edit(connection: Connection, row: StoredSource, source: Source, at: datetime) -> None:
    """Take over an edited declaration; drop what was learned of another address or fingerprint (E5)."""
    due = ticks(at) if source.enabled else None
    place = {"the_source": row.key, "the_upstream_id": "", "the_key": row.key}
    _EDIT.run(
        connection,
        [{**place, "declared": int(source.enabled), "address": source.address, "fingerprint": source.fingerprint}],
    )
    if bool(row.declared) != source.enabled:
        _WAKE.run(connection, [{**place, "due_at": due}])
    if (row.address, row.fingerprint) != (source.address, source.fingerprint):
        _WAKE_SOURCE.run(connection, [{**place, "due_at": due}])
        _FORGET_ANSWER.run(connection, [{**place, "etag": None, "last_modified": None, "body_digest": None}])
    if row.address != source.address:
        blank = dict.fromkeys(("full_at", "worked_at", "failing_since", "failure", "move", "interval", "hints"))
        url = {"url": source.address, "host": host_of(source.address), "failures": 0}
        _FORGET_ADDRESS.run(connection, [{**place, **blank, **url}])
        _FORGET_LISTING.run(connection, [{**place, "listed": None}])


def _rename(connection: Connection, old: StoredSource, new: str, taken: StoredSource | None) -> None:
    """Give a source its new id; where that has articles of its own already, the old ones join them."""
    if taken is None:
        connection.execute(update(sources).where(sources.c.key == old.key).values(id=new))
        bump(connection, old.key)
        return
    for table in (articles, tombstones, visits):
        moved = update(table).where(table.c.source == old.key).values(source=taken.key)
        connection.execute(moved.prefix_with("OR IGNORE"))
        connection.execute(delete(table).where(table.c.source == old.key))
    connection.execute(delete(sources).where(sources.c.key == old.key))
    bump(connection, taken.key)


def _pull_in(
    connection: Connection, rows: Mapping[str, StoredSource], wanted: Mapping[str, Source], at: datetime
) -> None:
    """Bring visits that a wrong clock planned beyond the horizon back to within their own interval (F9)."""
    ids = {row.key: row.id for row in rows.values()}
    late = select(visits.c.source).where(visits.c.due_at > ticks(at + HORIZON)).distinct()
    for key in connection.execute(late).scalars().all():
        source = wanted.get(ids[key])
        soon = at + min(HORIZON, _interval(source.schedule if source else Interval(0)))
        beyond = (visits.c.source == key) & (visits.c.due_at > ticks(at + HORIZON))
        connection.execute(update(visits).where(beyond).values(due_at=ticks(soon)))


def _interval(schedule: Schedule) -> timedelta:
    return timedelta(seconds=schedule.seconds) if isinstance(schedule, Interval) else timedelta(days=1)
