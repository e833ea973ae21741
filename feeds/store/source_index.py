"""The stored sources beside their declarations: finds new, edited, renamed and removed ones and stores them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property, lru_cache
from typing import NamedTuple
from urllib.parse import urlsplit

from sqlalchemy import Connection, bindparam, delete, exists, select, update

from ..model import Interval, Schedule, Source, StoredDeclaration
from ..politeness import shard_of
from ..rows.values import encode_time, to_json
from .engines import Engines
from .expressions import json_integers
from .schema import articles, ledger_entries, meta, sources, tombstones, visits
from .statements import Query, Values, insert_statement, update_statement

HORIZON = timedelta(days=8)  # no visit is planned later than this; one that is was planned by a wrong clock (F9)

StoryId = tuple[int, str]  # source key, upstream id


class StoredSource(NamedTuple):
    """The columns of a source's row that are compared with its declaration."""

    key: int
    id: str
    enabled: int
    address: str
    fingerprint: str


@dataclass(frozen=True)
class SourceIndex:
    """Ids and keys of all stored sources, and by key the declarations of those that are visited.

    The rest is made when it is needed, which it is not in a turn with nothing due.
    """

    ids: Mapping[int, str] = field(default_factory=dict)
    keys: Mapping[str, int] = field(default_factory=dict)
    declared: Mapping[int, Source] = field(default_factory=dict)

    @cached_property
    def keys_by_tag(self) -> Mapping[str, Collection[int]]:
        """The keys of the sources with a tag, which is in lower case."""
        keys: dict[str, list[int]] = {}
        for key, source in self.declared.items():
            for tag in source.tags:
                keys.setdefault(tag.casefold(), []).append(key)
        return keys

    @cached_property
    def keys_by_site(self) -> Mapping[str, Collection[int]]:
        """The keys of the sources on a site."""
        keys: dict[str, list[int]] = {}
        for key, source in self.declared.items():
            if source.root is None:
                keys.setdefault(_site_of(source.address), []).append(key)
        return keys

    def belongs_to_others(self, key: int, id: str) -> bool:
        """Return whether an id is an address on the site of other sources, and this one has another site (A17)."""
        owners = self.keys_by_site.get(_site_of(id), ()) if id[:4].lower() == "http" else ()
        source = self.declared.get(key)
        return bool(owners) and key not in owners and source is not None and source.root is None


_USUAL_FIRST_PART = re.compile(r"^(?:www[0-9]?|feeds?|rss|blog|news)\.(?=[^.]+\.)")

_SOURCES = Query(select(*(sources.c[name] for name in StoredSource._fields)))
_HAS_LATE_VISITS = Query(select(exists().where(visits.c.due_at > bindparam("horizon"))))
_WITHOUT_ARTICLES = Query(
    select(sources.c.key).where(
        sources.c.key.in_(json_integers("keys")),
        ~exists().where(articles.c.source == sources.c.key),
        ~exists().where(tombstones.c.source == sources.c.key),
    )
)
_DELETE_VISITS = Query(delete(visits).where(visits.c.source.in_(json_integers("keys"))))
_DELETE_SOURCES = Query(delete(sources).where(sources.c.key.in_(json_integers("keys"))))
_LATE_SOURCES = Query(select(visits.c.source).where(visits.c.due_at > bindparam("horizon")).distinct())
_ADD_TO_CHANGE_NUMBER = Query(
    update(meta)
    .values(last_change_number=meta.c.last_change_number + bindparam("count"))
    .returning(meta.c.last_change_number)
)
_CHANGE_NUMBERS = Query(
    select(sources.c.id, sources.c.change_number).where(sources.c.change_number > bindparam("after"))
)
_DECLARATION_NUMBER = Query(select(meta.c.declaration_number))
_COUNT_DECLARATION = Query(update(meta).values(declaration_number=meta.c.declaration_number + 1))

_INSERT_SOURCE = insert_statement(sources, "id", "enabled", "address", "fingerprint")
_INSERT_VISIT = insert_statement(visits, "source", "url", "host", "shard", "due_at")
_UPDATE_SOURCE = update_statement(sources, ["key"], "enabled", "address", "fingerprint")
_UPDATE_ALL_DUE = update_statement(visits, ["source"], "due_at")
_UPDATE_DUE = update_statement(visits, ["source", "upstream_id"], "due_at")
_CLEAR_VALIDATORS = update_statement(visits, ["source", "upstream_id"], "etag", "last_modified", "body_digest")
_OF_AN_ADDRESS = ("full_at", "worked_at", "failing_since", "failure", "move", "interval", "hints", "pushed_until")
_RESET_ADDRESS = update_statement(
    visits,
    ["source", "upstream_id"],
    *("url", "host", "shard", "failures", *_OF_AN_ADDRESS),
)
_CLEAR_LISTING_SIZE = update_statement(sources, ["key"], "listing_size")
_UPDATE_CHANGE_NUMBER = update_statement(sources, ["key"], "change_number")


def host_of(url: str) -> str:
    """Return the host name that a visit to this address contacts; empty for files."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _site_of(url: str) -> str:
    """Return the host name of an address, without a usual first part such as `www.`."""
    end = url.find("/", len("https://"))
    return _site_of_origin(url[:end] if end > 0 else url)  # of which there are few: most stories share theirs


@lru_cache(maxsize=1024)
def _site_of_origin(origin: str) -> str:
    return _USUAL_FIRST_PART.sub("", host_of(origin))


def allocate_change_numbers(connection: Connection, count: int) -> int:
    """Reserve `count` consecutive change numbers; return the first."""
    last: int = _ADD_TO_CHANGE_NUMBER.run(connection, count=count).scalar_one()
    return last - count + 1


def set_change_numbers(connection: Connection, numbers: Mapping[int, int]) -> None:
    """Store the new change number of each source (source key → number)."""
    _UPDATE_CHANGE_NUMBER.run(connection, ({"the_key": key, "change_number": n} for key, n in numbers.items()))


def mark_changed(connection: Connection, key: int) -> None:
    """Give a source a new change number: something visible changed in it as a whole."""
    set_change_numbers(connection, {key: allocate_change_numbers(connection, 1)})


def select_change_numbers(connection: Connection, after: int) -> dict[str, int]:
    """Return source id → the number of its newest change, of the sources where it is above `after`."""
    return {row.id: row.change_number for row in _CHANGE_NUMBERS.run(connection, after=after)}


def sync(engines: Engines, declared: Iterable[Source], at: datetime) -> tuple[SourceIndex, Collection[str]]:
    """Bring the rows in line with the declarations; two small queries where they are already.

    Return the index, and the ids of the sources that are stored now and were not before.
    """
    declarations = {source.id: source for source in declared}
    with engines.read() as connection:
        keys, is_synced = _compare_rows(connection, declarations)
        has_late_visits = _HAS_LATE_VISITS.run(connection, horizon=encode_time(at + HORIZON)).scalar()
    if is_synced and not has_late_visits:
        return _build_index(keys, declarations), ()
    with engines.write() as connection:
        rows = _update_rows(connection, declarations, at)
    return _build_index({row.id: row.key for row in rows.values()}, declarations), declarations.keys() - keys.keys()


def _compare_rows(connection: Connection, declarations: Mapping[str, Source]) -> tuple[dict[str, int], bool]:
    """Return the key of each stored source, and whether all rows are in line with the declarations.

    No row is kept: there may be very many.
    """
    keys: dict[str, int] = {}
    is_synced = True
    for row in map(StoredSource._make, _SOURCES.run(connection)):
        source = declarations.get(row.id)
        keys[source.id if source else row.id] = row.key
        is_synced = is_synced and (_is_equal(row, source) if source else not row.enabled)
    is_synced = is_synced and declarations.keys() <= keys.keys() and not any(_find_renames(keys, declarations))
    return keys, is_synced


def read_source_index(connection: Connection, declared: Iterable[Source]) -> SourceIndex:
    """Return the stored sources with their declarations, without changing a row."""
    declarations = {source.id: source for source in declared}
    return _build_index(_compare_rows(connection, declarations)[0], declarations)


def read_equal_index(connection: Connection, declared: Iterable[Source]) -> tuple[SourceIndex, Collection[str]]:
    """Return the stored sources, with the declarations that are equal to what is stored, and the ids of the others."""
    rows = {row.id: row for row in map(StoredSource._make, _SOURCES.run(connection))}
    declarations = {source.id: source for source in declared}
    equal = {id: source for id, source in declarations.items() if id in rows and _is_equal(rows[id], source)}
    return _build_index({row.id: row.key for row in rows.values()}, equal), declarations.keys() - equal.keys()


def select_declaration_number(connection: Connection) -> int:
    """Return the number of the last change of the declared sources, or of what OPML lists subscribe to."""
    number: int = _DECLARATION_NUMBER.run(connection).scalar_one()
    return number


def count_declaration(connection: Connection) -> None:
    """Raise that number."""
    _COUNT_DECLARATION.run(connection)


def select_declarations(connection: Connection) -> list[StoredDeclaration]:
    """Return what is stored of the declaration of every source."""
    rows = _select_rows(connection).values()
    return [StoredDeclaration(row.id, bool(row.enabled), row.address, row.fingerprint) for row in rows]


def _build_index(keys: Mapping[str, int], declarations: Mapping[str, Source]) -> SourceIndex:
    declared = {keys[id]: source for id, source in declarations.items() if source.enabled and id in keys}
    return SourceIndex({key: id for id, key in keys.items()}, keys, declared)


def _select_rows(connection: Connection) -> dict[str, StoredSource]:
    return {row.id: StoredSource._make(row) for row in _SOURCES.rows(connection)}


def _is_equal(row: StoredSource, source: Source) -> bool:
    return row[2:] == (source.enabled, source.address, source.fingerprint)


def _find_renames(rows: Collection[str], declarations: Mapping[str, Source]) -> Iterable[tuple[str, str]]:
    """Return (earlier id, new id) of each stored source that is declared under another id."""
    return (
        (old_id, source.id)
        for source in declarations.values()
        for old_id in source.was
        if old_id in rows and old_id not in declarations
    )


def _update_rows(connection: Connection, declarations: Mapping[str, Source], at: datetime) -> dict[str, StoredSource]:
    rows = _select_rows(connection)
    for old_id, new_id in list(_find_renames(rows, declarations)):
        if old_id in rows:
            _rename(connection, rows[old_id], new_id, rows.get(new_id))
            rows = _select_rows(connection)
    _add(connection, [source for source in declarations.values() if source.id not in rows], at)
    for source in declarations.values():
        row = rows.get(source.id)
        if row is not None and not _is_equal(row, source):
            _edit(connection, row, source, at)
    for row in rows.values():
        if row.enabled and row.id not in declarations:
            _UPDATE_SOURCE.run(connection, [{**row._asdict(), "the_key": row.key, "enabled": 0}])
            _UPDATE_ALL_DUE.run(connection, [{"the_source": row.key, "due_at": None}])
    _delete_outlines(connection, [row for row in rows.values() if row.id not in declarations])
    rows = _select_rows(connection)
    _correct_late_visits(connection, rows, declarations, at)
    count_declaration(connection)
    return rows


def _delete_outlines(connection: Connection, undeclared: Iterable[StoredSource]) -> None:
    """Delete the outlines that left their list and have nothing to keep: a list may have others at every visit."""
    keys = {"keys": to_json([row.key for row in undeclared if "/" in row.id])}
    droppable = set(_WITHOUT_ARTICLES.run(connection, **keys).scalars())
    for statement in (_DELETE_VISITS, _DELETE_SOURCES):
        statement.run(connection, keys=to_json(sorted(droppable)))


def _add(connection: Connection, new_sources: list[Source], at: datetime) -> None:
    _INSERT_SOURCE.run(
        connection,
        (
            {"id": s.id, "enabled": int(s.enabled), "address": s.address, "fingerprint": s.fingerprint}
            for s in new_sources
        ),
    )
    rows = _select_rows(connection)
    _INSERT_VISIT.run(
        connection,
        (
            {
                "source": rows[source.id].key,
                **_address_values(source),
                "due_at": encode_time(at) if source.enabled else None,
            }
            for source in new_sources
        ),
    )


def _address_values(source: Source) -> Values:
    host = host_of(source.address)
    return {"url": source.address, "host": host, "shard": shard_of(host)}


def _edit(connection: Connection, row: StoredSource, source: Source, at: datetime) -> None:
    """Store an edited declaration; drop what belongs to another address or fingerprint (E5)."""
    due_at = encode_time(at) if source.enabled else None
    key = {"the_source": row.key, "the_upstream_id": "", "the_key": row.key}
    _UPDATE_SOURCE.run(
        connection,
        [{**key, "enabled": int(source.enabled), "address": source.address, "fingerprint": source.fingerprint}],
    )
    if bool(row.enabled) != source.enabled:
        _UPDATE_ALL_DUE.run(connection, [{**key, "due_at": due_at}])
    if (row.address, row.fingerprint) != (source.address, source.fingerprint):
        _UPDATE_DUE.run(connection, [{**key, "due_at": due_at}])
        _CLEAR_VALIDATORS.run(connection, [{**key, "etag": None, "last_modified": None, "body_digest": None}])
    if row.address != source.address:
        blank = dict.fromkeys(_OF_AN_ADDRESS)
        _RESET_ADDRESS.run(connection, [{**key, **blank, **_address_values(source), "failures": 0}])
        _CLEAR_LISTING_SIZE.run(connection, [{**key, "listing_size": None}])


def _rename(connection: Connection, old: StoredSource, new_id: str, existing: StoredSource | None) -> None:
    """Give a source its new id; move its articles to the source that has this id already, if there is one."""
    if existing is None:
        connection.execute(update(sources).where(sources.c.key == old.key).values(id=new_id))
        mark_changed(connection, old.key)
        return
    for table in (articles, tombstones, visits):
        existing_rows = table.alias()
        existing_ids = select(existing_rows.c.upstream_id).where(existing_rows.c.source == existing.key)
        is_moved = (table.c.source == old.key) & table.c.upstream_id.not_in(existing_ids)
        connection.execute(update(table).where(is_moved).values(source=existing.key))
        if table is articles:  # no feed is left with what is deleted now
            deleted_keys = select(articles.c.key).where(articles.c.source == old.key)
            connection.execute(delete(ledger_entries).where(ledger_entries.c.article.in_(deleted_keys)))
        connection.execute(delete(table).where(table.c.source == old.key))
    connection.execute(delete(sources).where(sources.c.key == old.key))
    mark_changed(connection, existing.key)


def _correct_late_visits(
    connection: Connection, rows: Mapping[str, StoredSource], declarations: Mapping[str, Source], at: datetime
) -> None:
    """Move visits that a wrong clock planned beyond the horizon to within their source's own interval (F9)."""
    ids = {row.key: row.id for row in rows.values()}
    horizon = encode_time(at + HORIZON)
    for key in _LATE_SOURCES.run(connection, horizon=horizon).scalars().all():
        source = declarations.get(ids[key])
        due_at = at + min(HORIZON, _interval(source.schedule if source else Interval(0)))
        late_visits = (visits.c.source == key) & (visits.c.due_at > horizon)
        connection.execute(update(visits).where(late_visits).values(due_at=encode_time(due_at)))


def _interval(schedule: Schedule) -> timedelta:
    return timedelta(seconds=schedule.seconds) if isinstance(schedule, Interval) else timedelta(days=1)
