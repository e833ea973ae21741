"""The tables of the jobs of several machines, which are Procrastinate's, in a schema of their own."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC
from typing import Any

from sqlalchemy import Connection

from ..errors import StoreError
from ..model import WaitingJobs, WorkerStatus

JOB_SCHEMA = "feeds_jobs"
LOCK = 7_305_001  # an advisory lock: one process at a time looks whether there are the tables, and makes them

_READ_VERSION = "SELECT obj_description(to_regnamespace(%s)::oid, 'pg_namespace')"
_WORKERS = """
CREATE TABLE feeds_workers (
    worker_id bigint PRIMARY KEY REFERENCES procrastinate_workers ON DELETE CASCADE,
    name text NOT NULL, version text NOT NULL, role text NOT NULL
)
"""


async def prepare_job_tables(connection: Any, schema: str, version: str) -> None:
    """Make the tables, or make them anew where they are of an older version: no job is lost, as each tick asks anew.

    `connection` is one of psycopg's; `schema` and `version` are Procrastinate's. Raises StoreError where the tables are
    of a newer version.
    """
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        cursor = await connection.execute(_READ_VERSION, [JOB_SCHEMA])
        (found,) = await cursor.fetchone()
        if found == version:
            return
        if found and _order(found) > _order(version):
            raise StoreError(f"the jobs in the database are those of Procrastinate {found}, and this is {version}")
        await connection.execute(f"DROP SCHEMA IF EXISTS {JOB_SCHEMA} CASCADE")
        await connection.execute(f"CREATE SCHEMA {JOB_SCHEMA}")
        for statement in (schema, _WORKERS, f"COMMENT ON SCHEMA {JOB_SCHEMA} IS '{version}'"):
            await connection.execute(statement)


def _order(version: str) -> list[int]:
    return [int(part) for part in version.split(".") if part.isdigit()]


# ── what they hold ────────────────────────────────────────────────────────────────────────────────────────────────────

_HAS_TABLES = f"SELECT to_regclass('{JOB_SCHEMA}.feeds_workers') IS NOT NULL"
_SELECT_WORKERS = f"""
SELECT named.name, named.role, named.version, max(worker.last_heartbeat) AS seen_at,
    coalesce(array_agg(job.lock) FILTER (WHERE job.lock IS NOT NULL), '{{}}') AS locks
FROM {JOB_SCHEMA}.feeds_workers AS named
JOIN {JOB_SCHEMA}.procrastinate_workers AS worker ON worker.id = named.worker_id
LEFT JOIN {JOB_SCHEMA}.procrastinate_jobs AS job ON job.worker_id = worker.id AND job.status = 'doing'
GROUP BY named.name, named.role, named.version ORDER BY named.role, named.name
"""
_SELECT_WAITING = f"""
SELECT job.task_name AS kind, count(*) AS number, min(event.at) AS since
FROM {JOB_SCHEMA}.procrastinate_jobs AS job
JOIN {JOB_SCHEMA}.procrastinate_events AS event ON event.job_id = job.id AND event.type = 'deferred'
WHERE job.status = 'todo' GROUP BY job.task_name ORDER BY job.task_name
"""


def select_workers(connection: Connection) -> tuple[WorkerStatus, ...]:
    """Return the processes that visit and issue."""
    if not connection.exec_driver_sql(_HAS_TABLES).scalar():
        return ()
    return tuple(
        WorkerStatus(
            row.name,
            row.role,
            row.version,
            row.seen_at.astimezone(UTC),
            _names_of(row.locks, "pull/"),
            _names_of(row.locks, "issue/"),
        )
        for row in connection.exec_driver_sql(_SELECT_WORKERS)
    )


def select_waiting_jobs(connection: Connection) -> tuple[WaitingJobs, ...]:
    """Return how many jobs wait, and since when."""
    if not connection.exec_driver_sql(_HAS_TABLES).scalar():
        return ()
    rows = connection.exec_driver_sql(_SELECT_WAITING)
    return tuple(WaitingJobs(row.kind, row.number, row.since.astimezone(UTC)) for row in rows)


def _names_of(locks: Iterable[str], kind: str) -> tuple[str, ...]:
    return tuple(sorted(lock.removeprefix(kind) for lock in locks if lock.startswith(kind)))
