"""The claims of visits and their outcomes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain

from sqlalchemy import ColumnElement, Connection, Text, bindparam, delete, func, literal_column, or_, select, update

from ..model import Failure, Harvest, HostState, NotModified, Outcome, Source, Visit, replace
from ..politeness import shard_of
from ..registry import source_kinds
from ..rows.values import encode_optional_time, encode_time, sanitize_id, to_json
from .due_visits import NO_HINTS
from .expressions import STORY_IDS, insert, json_strings, matches_story_id
from .hosts import upsert_hosts
from .past_visits import HISTORY_LENGTH, encode_past_visit
from .schema import sources, visits
from .source_index import SourceIndex, StoryId, count_declaration, host_of
from .statements import BatchStatement, Query, ResultRow, Values, update_statement

_UPDATE_DUE = update_statement(visits, ["source", "upstream_id"], "due_at")
_STATE_COLUMNS = (
    *("url", "host", "shard", "due_at", "etag", "last_modified", "body_digest", "last_at", "full_at", "worked_at"),
    *("failures", "failing_since", "failure", "attempts", "move", "interval", "hints", "pushed_until"),
)
_WHOLE_HISTORY: tuple[ColumnElement[int], ...] = (literal_column("1"), literal_column(str(HISTORY_LENGTH)))


def _update_visit(names: Iterable[str]) -> BatchStatement:
    """Return an UPDATE of these columns which also puts what came of the visit before what came of those before it."""
    return BatchStatement(
        update(visits)
        .values({name: bindparam(name) for name in names})
        .values(history=func.substr(bindparam("mark", type_=Text).concat(visits.c.history), *_WHOLE_HISTORY))
        .where(visits.c.source == bindparam("the_source"), visits.c.upstream_id == bindparam("the_upstream_id"))
    )


_UPDATE_STATE = _update_visit(_STATE_COLUMNS)
_UPDATE_TIMES = _update_visit(("due_at", "last_at", "full_at", "worked_at", "interval"))
_UPDATE_PUSHED = update_statement(visits, ["source", "upstream_id"], "pushed_until")
_DELETE = BatchStatement(
    delete(visits).where(
        visits.c.source == bindparam("the_source"), visits.c.upstream_id == bindparam("the_upstream_id")
    )
)
_STORY_COLUMNS = ("source", "upstream_id", "url", "host", "shard", "due_at", "story", "story_digest", "is_addition")
_INSERT_STORY = insert(visits).values({name: bindparam(name) for name in _STORY_COLUMNS})
_LISTING_VALUES = {name: _INSERT_STORY.excluded[name] for name in ("url", "host", "shard", "story", "story_digest")}
# The newest listing of a story replaces what an older one said; due time and attempts of its page stay.
_UPSERT_STORY = BatchStatement(
    _INSERT_STORY.on_conflict_do_update(
        index_elements=["source", "upstream_id"],
        set_=_LISTING_VALUES,
        where=or_(*(visits.c[name].is_distinct_from(value) for name, value in _LISTING_VALUES.items())),
    )
)
_DELETE_STORIES = BatchStatement(
    delete(visits).where(
        visits.c.source == bindparam("the_source"),
        visits.c.upstream_id > literal_column("''"),
        visits.c.upstream_id.in_(json_strings("upstream_ids")),
    )
)
_STORY_VISITS = Query(
    select(*(visits.c[name] for name in ("source", "upstream_id", "url", "host", "shard", "story_digest"))).join_from(
        STORY_IDS, visits, matches_story_id(visits)
    )
)

# What a listing leaves out of these stays as it was.
_CHANNEL_COLUMNS = ("title", "link", "hub", "self_url", "listing_size", "outlines")
_UPDATE_SOURCE = BatchStatement(
    update(sources)
    .values({name: func.coalesce(bindparam(name), sources.c[name]) for name in _CHANNEL_COLUMNS})
    .values(identity=bindparam("identity"), warnings=bindparam("warnings"))
    .where(sources.c.key == bindparam("the_key"))
)


def claim(
    connection: Connection,
    source_index: SourceIndex,
    claims: Sequence[tuple[Visit, datetime]],
    requested_at: datetime | None = None,
) -> None:
    """Set each visit's next due time before it starts, so that a crash does not repeat it at once (E12).

    `requested_at`: when the hosts are requested, if that is to be stored.
    """
    if requested_at is not None:
        upsert_hosts(connection, (HostState(visit.host.host, last_request=requested_at) for visit, _ in claims))
    _UPDATE_DUE.run(
        connection, ({**_key_values(visit, source_index), "due_at": encode_time(due_at)} for visit, due_at in claims)
    )


def record(connection: Connection, source_index: SourceIndex, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Store the new states of visits, sources and hosts; return the outcomes whose articles are to be stored."""
    unchanged: list[Outcome] = []
    others: list[Outcome] = []
    for outcome in outcomes:
        (unchanged if _changes_times_only(outcome) else others).append(outcome)
    _UPDATE_TIMES.run(connection, (_time_values(o, source_index) for o in unchanged if not _is_stale(o, source_index)))
    accepted = _record_changes(connection, source_index, others) if others else []
    upsert_hosts(connection, (host for o in outcomes if not o.visit.push for host in (o.host, o.redirect_host)))
    return accepted


def _record_changes(connection: Connection, source_index: SourceIndex, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Store what visits changed in their states and sources; return the outcomes whose articles are to be stored.

    A listing may edit a story while its page is being visited. Then the visit stays planned for what the listing says,
    and where the listing itself brought the story, or took its edit back, the page's outcome is dropped. A push lists
    nothing: it brings stories, and tells how long the hub pushes.
    """
    pushes = [(o, o.result) for o in outcomes if o.visit.push and isinstance(o.result, Harvest)]
    pushed = [o for o in outcomes if o.visit.push]
    outcomes = [o for o in outcomes if not o.visit.push]
    listings = [(o, o.result) for o in outcomes if o.visit.story is None and isinstance(o.result, Harvest)]
    _UPDATE_SOURCE.run(
        connection, (_source_values(source_index.keys[o.visit.source.id], harvest) for o, harvest in listings)
    )
    if any(harvest.outlines for _, harvest in listings):
        count_declaration(connection)
    with_pages = ((o, harvest) for o, harvest in listings if _may_visit_pages(o.visit.source))
    _DELETE_STORIES.run(
        connection, (_stories_without_visit(source_index.keys[o.visit.source.id], harvest) for o, harvest in with_pages)
    )
    _UPSERT_STORY.run(
        connection, chain.from_iterable(_story_values(o, harvest, source_index) for o, harvest in (*listings, *pushes))
    )
    story_rows = _select_story_visits(connection, outcomes, source_index)
    states, finished, accepted = [], [], []
    for outcome in outcomes:
        row = story_rows.get(_story_id(outcome.visit, source_index))
        is_page = outcome.visit.story is not None
        is_edited = is_page and (row is None or _is_edited(row, outcome.visit))
        is_whole = is_page and isinstance(outcome.result, Harvest)
        if not (is_edited and is_whole) and not _is_stale(outcome, source_index):
            states.append({**_state_values(outcome, source_index), **(_address_values(row) if row else {})})
        if is_whole and not is_edited:
            finished.append(_key_values(outcome.visit, source_index))
        if row is not None or not is_page:
            accepted.append(outcome)
    _UPDATE_STATE.run(connection, states)
    _UPDATE_PUSHED.run(connection, (_push_values(o, source_index) for o, _ in pushes))
    _DELETE.run(connection, finished)
    return [*accepted, *pushed]


def _select_story_visits(
    connection: Connection, outcomes: Sequence[Outcome], source_index: SourceIndex
) -> Mapping[StoryId, ResultRow]:
    """Return the rows of the story visits among the outcomes, as the newest listings left them."""
    story_ids = [_story_id(o.visit, source_index) for o in outcomes if o.visit.story is not None]
    if not story_ids:
        return {}
    rows: Iterable[ResultRow] = _STORY_VISITS.run(connection, story_ids=to_json(story_ids))
    return {(row.source, row.upstream_id): row for row in rows}


def _address_values(row: ResultRow) -> Values:
    return {"url": row.url, "host": row.host, "shard": row.shard}


def _is_edited(row: ResultRow, visit: Visit) -> bool:
    return row.url != visit.url or (row.story_digest or "") != visit.story_digest


def _may_visit_pages(source: Source) -> bool:
    """Return whether stories of a source may have visits of their own."""
    return source.full_text or source_kinds()[source.kind].story_pages


def _stories_without_visit(key: int, harvest: Harvest) -> Values:
    """Return the ids of the listed stories whose pages need no visit (any more)."""
    visit_ids = {story.upstream_id for story in harvest.story_visits}
    upstream_ids = [sanitize_id(id) for id in harvest.listed_ids if id not in visit_ids]
    return {"the_source": key, "upstream_ids": to_json(upstream_ids)}


def _story_id(visit: Visit, source_index: SourceIndex) -> StoryId:
    return source_index.keys[visit.source.id], sanitize_id(visit.upstream_id)


def _key_values(visit: Visit, source_index: SourceIndex) -> dict[str, object]:
    source, upstream_id = _story_id(visit, source_index)
    return {"the_source": source, "the_upstream_id": upstream_id}


def _is_stale(outcome: Outcome, source_index: SourceIndex) -> bool:
    """Return whether the source was edited or removed during the visit: the response is not of the new one."""
    source = outcome.visit.source
    declared = source_index.declared.get(source_index.keys[source.id])
    return declared is None or (declared.address, declared.fingerprint) != (source.address, source.fingerprint)


def _changes_times_only(outcome: Outcome) -> bool:
    """Return whether a visit to a source brought nothing new, and left all but its times as they were."""
    if outcome.visit.story is not None or not isinstance(outcome.result, NotModified):
        return False
    old, new = outcome.visit.state, outcome.state
    times = {name: getattr(new, name) for name in ("last_at", "full_at", "worked_at", "interval")}
    return new == replace(old, **times)


def _time_values(outcome: Outcome, source_index: SourceIndex) -> Values:
    state = outcome.state
    return {
        "the_source": source_index.keys[outcome.visit.source.id],
        "the_upstream_id": "",
        "due_at": encode_time(outcome.due_at),
        "last_at": encode_optional_time(state.last_at),
        "full_at": encode_optional_time(state.full_at),
        "worked_at": encode_optional_time(state.worked_at),
        "interval": state.interval,
        "mark": encode_past_visit(outcome),
    }


def _state_values(outcome: Outcome, source_index: SourceIndex) -> Values:
    state, result = outcome.state, outcome.result
    host = host_of(state.url)
    return {
        **_key_values(outcome.visit, source_index),
        "url": state.url,
        "host": host,
        "shard": shard_of(host),
        "due_at": encode_time(outcome.due_at),
        "etag": state.validators.etag,
        "last_modified": state.validators.last_modified,
        "body_digest": state.body_digest,
        "last_at": encode_optional_time(state.last_at),
        "full_at": encode_optional_time(state.full_at),
        "worked_at": encode_optional_time(state.worked_at),
        "failures": state.failures,
        "failing_since": encode_optional_time(state.failing_since),
        "failure": to_json(result) if isinstance(result, Failure) else None,
        "attempts": state.attempts,
        "move": to_json(state.move) if state.move else None,
        "interval": state.interval,
        "hints": to_json(state.hints) if state.hints != NO_HINTS else None,
        "pushed_until": encode_optional_time(state.pushed_until),
        "mark": encode_past_visit(outcome) if outcome.visit.story is None else "",
    }


def _push_values(outcome: Outcome, source_index: SourceIndex) -> Values:
    pushed_until = encode_optional_time(outcome.state.pushed_until)
    return {**_key_values(outcome.visit, source_index), "pushed_until": pushed_until}


def _source_values(key: int, harvest: Harvest) -> Values:
    return {
        "the_key": key,
        "title": harvest.title,
        "link": harvest.link,
        "hub": harvest.hub,
        "self_url": harvest.self_url,
        # A push lists nothing; a listing that is suddenly empty is compared with the last one that was not (F31).
        "listing_size": len(harvest.listed_ids) or None,
        "identity": harvest.identity,
        "outlines": to_json(harvest.outlines) if harvest.outlines else None,
        "warnings": to_json(harvest.warnings) if harvest.warnings else None,
    }


def _story_values(outcome: Outcome, harvest: Harvest, source_index: SourceIndex) -> Iterable[Values]:
    key = source_index.keys[outcome.visit.source.id]
    for story in harvest.story_visits:
        host = host_of(story.url)
        yield {
            "source": key,
            "upstream_id": sanitize_id(story.upstream_id),
            "url": story.url,
            "host": host,
            "shard": shard_of(host),
            "due_at": encode_time(outcome.at) if key in source_index.declared else None,
            "story": to_json(story.story),
            "story_digest": story.story_digest,
            "is_addition": int(not harvest.is_first),
        }
