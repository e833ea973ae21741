"""What is due, what is planned, and what came of each visit."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    case,
    delete,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy import Row as Result
from sqlalchemy.dialects.sqlite import insert

from ..model import Failure, Harvest, HostState, Kind, Outcome, Source, SourceStatus, Validators, Visit, VisitState
from . import codec
from .codec import moment, optional_moment, optional_ticks, ticks
from .schema import articles, hosts, sources, visits
from .source_index import HORIZON, SourceIndex, host_of
from .statements import BatchStatement, Row, members, updating

# ── asked ───────────────────────────────────────────────────────────────────────────────────────────────────────────

_ALL = select(
    *visits.c,
    *(hosts.c[name] for name in ("last_request", "paused_until", "robots", "robots_at")),
).outerjoin_from(visits, hosts, visits.c.host == hosts.c.host)
_BY_AGE = (visits.c.due_at, visits.c.key)
_DUE = _ALL.where(visits.c.due_at <= bindparam("at")).order_by(*_BY_AGE).limit(bindparam("limit"))
_NAMED = (
    _ALL.where(visits.c.source.in_(members("sources")), visits.c.due_at.is_not(None))
    .where(or_(visits.c.upstream_id == "", visits.c.due_at <= bindparam("at")))
    .order_by(*_BY_AGE)
    .limit(bindparam("limit"))
)
_NEXT = select(func.min(visits.c.due_at))


def due(
    connection: Connection, roster: SourceIndex, at: datetime, ids: Collection[str] | None, limit: int | None
) -> list[Visit]:
    """The due visits, oldest first; of the sources in `ids`, if given, whether due or not, with their due stories."""
    values: dict[str, object] = {"at": ticks(at), "limit": -1 if limit is None else limit}
    if ids is None:
        found = connection.execute(_DUE, values)
    else:
        keys = [roster.keys[id] for id in ids if id in roster.keys]
        found = connection.execute(_NAMED, values | {"sources": codec.dump(keys)})
    return [_visit(row, roster, at) for row in found if row.source in roster.declared]


def next_due(connection: Connection) -> datetime | None:
    """When the next visit is due."""
    return optional_moment(connection.execute(_NEXT).scalar())


def _visit(row: Result[tuple[object, ...]], roster: SourceIndex, at: datetime) -> Visit:
    return Visit(
        source=roster.declared[row.source],
        state=_state(row),
        due_at=moment(row.due_at),
        host=_host(row, at),
        story=codec.story_of(row.story),
        upstream_id=row.upstream_id,
    )


def _state(row: Result[tuple[object, ...]]) -> VisitState:
    return VisitState(
        url=row.url,
        validators=Validators(row.etag, row.last_modified),
        body_digest=row.body_digest,
        last_at=optional_moment(row.last_at),
        full_at=optional_moment(row.full_at),
        worked_at=optional_moment(row.worked_at),
        failures=row.failures,
        failing_since=optional_moment(row.failing_since),
        attempts=row.attempts,
        move=codec.move_of(row.move),
        interval=row.interval,
        hints=codec.hints_of(row.hints),
    )


def _host(row: Result[tuple[object, ...]], at: datetime) -> HostState:
    """What is known of the host, without what only a wrong clock can have written (F9)."""
    last, paused = optional_moment(row.last_request), optional_moment(row.paused_until)
    return HostState(
        host=row.host,
        last_request=min(last, at) if last else None,
        paused_until=paused if paused and paused <= at + HORIZON else None,
        robots=row.robots,
        robots_at=optional_moment(row.robots_at),
    )


# ── told ────────────────────────────────────────────────────────────────────────────────────────────────────────────

_CLAIM = updating(visits, ["source", "upstream_id"], "due_at")
_STATE = updating(
    visits,
    ["source", "upstream_id"],
    *("url", "host", "due_at", "etag", "last_modified", "body_digest", "last_at", "full_at", "worked_at"),
    *("failures", "failing_since", "failure", "attempts", "move", "interval", "hints"),
)
_PLACE = [visits.c[name] == bindparam(f"the_{name}") for name in ("source", "upstream_id")]
_FINISH = BatchStatement(delete(visits).where(*_PLACE))
_STORY = ("source", "upstream_id", "url", "host", "due_at", "story")
_STORY_VISIT = insert(visits).values({name: bindparam(name) for name in _STORY})
_LISTED = {name: _STORY_VISIT.excluded[name] for name in ("url", "host", "story")}
# The newest listing of a story holds; when its page is visited, and how often it was tried, stays as it was.
_ADD_STORY = BatchStatement(
    _STORY_VISIT.on_conflict_do_update(
        index_elements=["source", "upstream_id"],
        set_=_LISTED,
        where=or_(*(visits.c[name].is_distinct_from(value) for name, value in _LISTED.items())),
    )
)
_DROP_STORIES = BatchStatement(
    delete(visits).where(
        visits.c.source == bindparam("the_source"),
        visits.c.upstream_id > literal_column("''"),
        visits.c.upstream_id.in_(members("listed")),
    )
)
_PAIRS = func.json_each(bindparam("pairs")).table_valued("value")
_PENDING_STORIES = select(visits.c.source, visits.c.upstream_id, visits.c.url, visits.c.host, visits.c.story).join_from(
    _PAIRS,
    visits,
    (visits.c.source == func.json_extract(_PAIRS.c.value, "$[0]"))
    & (visits.c.upstream_id == func.json_extract(_PAIRS.c.value, "$[1]")),
)

# What a listing says of its source; what it leaves out stays as it was.
_KEPT = ("title", "link", "hub", "self_url", "listed", "outlines")
_FACTS = BatchStatement(
    update(sources)
    .values({name: func.coalesce(bindparam(name), sources.c[name]) for name in _KEPT})
    .values(identity=bindparam("identity"), warnings=bindparam("warnings"))
    .where(sources.c.key == bindparam("the_key"))
)


Place = tuple[int, str]  # source key, upstream id

_ZERO: ColumnElement[int] = literal_column("0")


def _later(name: str) -> ColumnElement[int | None]:
    both = (func.coalesce(side[name], _ZERO) for side in (hosts.c, _NEW))
    return func.nullif(func.max(*both), _ZERO)


_HOST = insert(hosts).values({column.name: bindparam(column.name) for column in hosts.c})
_NEW = _HOST.excluded
_FRESH_ROBOTS = and_(_NEW.robots_at.is_not(None), _NEW.robots_at >= func.coalesce(hosts.c.robots_at, _ZERO))
# Outcomes of one batch were under way at once: none may undo the pause or the robots.txt that another one brought.
_REMEMBER_HOST = BatchStatement(
    _HOST.on_conflict_do_update(
        index_elements=["host"],
        set_={
            "last_request": _later("last_request"),
            "paused_until": _later("paused_until"),
            "robots": case((_FRESH_ROBOTS, _NEW.robots), else_=hosts.c.robots),
            "robots_at": case((_FRESH_ROBOTS, _NEW.robots_at), else_=hosts.c.robots_at),
        },
    )
)


def claim(connection: Connection, roster: SourceIndex, claims: Iterable[tuple[Visit, datetime]]) -> None:
    """Plan each visit's successor before it starts, so that a crash does not repeat it at once (E12)."""
    _CLAIM.run(connection, ({**_place(visit, roster), "due_at": ticks(due_at)} for visit, due_at in claims))


def record(connection: Connection, roster: SourceIndex, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Keep all that the outcomes tell of visits, sources and hosts; return those whose articles count.

    A listing may edit a story while its page is being visited. Then the visit stays planned for what the listing says,
    and where the listing itself brought the story, or took its edit back, what came of the page is dropped.
    """
    listings = [(o, o.result) for o in outcomes if o.visit.story is None and isinstance(o.result, Harvest)]
    _FACTS.run(connection, (_facts(roster.keys[o.visit.source.id], harvest) for o, harvest in listings))
    following = ((o, harvest) for o, harvest in listings if _follows(o.visit.source))
    _DROP_STORIES.run(connection, (_settled(roster.keys[o.visit.source.id], harvest) for o, harvest in following))
    _ADD_STORY.run(connection, chain.from_iterable(_stories(o, harvest, roster) for o, harvest in listings))
    pending = _pending(connection, outcomes, roster)
    states, finished, counting = [], [], []
    for outcome in outcomes:
        row = pending.get(_key(outcome.visit, roster))
        is_page = outcome.visit.story is not None
        is_edited = is_page and (row is None or _is_edited(row, outcome.visit))
        is_whole = is_page and isinstance(outcome.result, Harvest)
        if not (is_edited and is_whole) and not _is_stale(outcome, roster):
            states.append({**_state_values(outcome, roster), **({"url": row.url, "host": row.host} if row else {})})
        if is_whole and not is_edited:
            finished.append(_place(outcome.visit, roster))
        if row is not None or not is_page:
            counting.append(outcome)
    _STATE.run(connection, states)
    _FINISH.run(connection, finished)
    met = (host for o in outcomes for host in (o.host, o.redirect_host))
    _REMEMBER_HOST.run(connection, (_remembered(host) for host in met if host and host.host))
    return counting


def _pending(
    connection: Connection, outcomes: Sequence[Outcome], roster: SourceIndex
) -> Mapping[Place, Result[tuple[object, ...]]]:
    """The rows of the story visits among the outcomes, as the newest listings left them."""
    places = [_key(o.visit, roster) for o in outcomes if o.visit.story is not None]
    if not places:
        return {}
    rows: Iterable[Result[tuple[object, ...]]] = connection.execute(_PENDING_STORIES, {"pairs": codec.dump(places)})
    return {(row.source, row.upstream_id): row for row in rows}


def _is_edited(row: Result[tuple[object, ...]], visit: Visit) -> bool:
    return row.url != visit.url or codec.story_of(row.story) != visit.story


def _follows(source: Source) -> bool:
    """Whether stories of a source may have visits of their own."""
    return source.full_text or source.kind in (Kind.ANY, Kind.PAGE, Kind.SITEMAP)


def _settled(key: int, harvest: Harvest) -> Row:
    """The listed stories that are not to be visited: any earlier visit to their pages is planned in vain."""
    visited = {story.upstream_id for story in harvest.story_visits}
    return {"the_source": key, "listed": codec.dump([codec.name(id) for id in harvest.listed_ids if id not in visited])}


def _key(visit: Visit, roster: SourceIndex) -> Place:
    return roster.keys[visit.source.id], codec.name(visit.upstream_id)


def _place(visit: Visit, roster: SourceIndex) -> dict[str, object]:
    return {"the_source": roster.keys[visit.source.id], "the_upstream_id": codec.name(visit.upstream_id)}


def _is_stale(outcome: Outcome, roster: SourceIndex) -> bool:
    """Whether the source was edited or removed while the visit was under way: the answer is not of the new one."""
    source = outcome.visit.source
    declared = roster.declared.get(roster.keys[source.id])
    return declared is None or (declared.address, declared.fingerprint) != (source.address, source.fingerprint)


def _state_values(outcome: Outcome, roster: SourceIndex) -> Row:
    state, result = outcome.state, outcome.result
    return {
        **_place(outcome.visit, roster),
        "url": state.url,
        "host": host_of(state.url),
        "due_at": ticks(outcome.due_at),
        "etag": state.validators.etag,
        "last_modified": state.validators.last_modified,
        "body_digest": state.body_digest,
        "last_at": optional_ticks(state.last_at),
        "full_at": optional_ticks(state.full_at),
        "worked_at": optional_ticks(state.worked_at),
        "failures": state.failures,
        "failing_since": optional_ticks(state.failing_since),
        "failure": codec.failure_text(result) if isinstance(result, Failure) else None,
        "attempts": state.attempts,
        "move": codec.move_text(state.move),
        "interval": state.interval,
        "hints": codec.hints_text(state.hints),
    }


def _facts(key: int, harvest: Harvest) -> Row:
    return {
        "the_key": key,
        "title": harvest.title,
        "link": harvest.link,
        "hub": harvest.hub,
        "self_url": harvest.self_url,
        # A push lists nothing, and a source that suddenly lists nothing is measured by what it used to list (F31).
        "listed": len(harvest.listed_ids) or None,
        "identity": harvest.identity,
        "outlines": codec.outlines_text(harvest.outlines) if harvest.outlines else None,
        "warnings": codec.dump(harvest.warnings) if harvest.warnings else None,
    }


def _stories(outcome: Outcome, harvest: Harvest, roster: SourceIndex) -> Iterable[Row]:
    key = roster.keys[outcome.visit.source.id]
    for story in harvest.story_visits:
        yield {
            "source": key,
            "upstream_id": codec.name(story.upstream_id),
            "url": story.url,
            "host": host_of(story.url),
            "due_at": ticks(outcome.at) if key in roster.declared else None,
            "story": codec.story_text(story.story),
        }


def _remembered(host: HostState) -> Row:
    return {
        "host": host.host,
        "last_request": optional_ticks(host.last_request),
        "paused_until": optional_ticks(host.paused_until),
        "robots": host.robots,
        "robots_at": optional_ticks(host.robots_at),
    }


# ── reported ────────────────────────────────────────────────────────────────────────────────────────────────────────

_HELD = (
    select(articles.c.source, func.count().label("held"), func.max(articles.c.position).label("newest"))
    .group_by(articles.c.source)
    .subquery()
)
_PENDING = (
    select(visits.c.source, func.count().label("pending"))
    .where(visits.c.upstream_id != "")
    .group_by(visits.c.source)
    .subquery()
)
_STATES = (
    select(visits, sources.c.id, sources.c.title, sources.c.warnings, _HELD.c.held, _HELD.c.newest, _PENDING.c.pending)
    .join_from(sources, visits, and_(visits.c.source == sources.c.key, visits.c.upstream_id == ""))
    .outerjoin(_HELD, _HELD.c.source == sources.c.key)
    .outerjoin(_PENDING, _PENDING.c.source == sources.c.key)
    .where(sources.c.declared == 1)
    .order_by(sources.c.id)
)


def states(connection: Connection) -> list[SourceStatus]:
    """How every declared source stands, by id."""
    return [_source_state(row) for row in connection.execute(_STATES)]


def _source_state(row: Result[tuple[object, ...]]) -> SourceStatus:
    return SourceStatus(
        source_id=row.id,
        url=row.url,
        due_at=moment(row.due_at),
        articles=row.held or 0,
        title=row.title,
        last_at=optional_moment(row.last_at),
        worked_at=optional_moment(row.worked_at),
        failures=row.failures,
        failing_since=optional_moment(row.failing_since),
        failure=codec.failure_of(row.failure),
        newest=optional_moment(row.newest),
        move=codec.move_of(row.move),
        warnings=codec.strings(row.warnings),
        pending=row.pending or 0,
    )
