"""The jobs of an installation on several machines, by Procrastinate: who visits which shard, who issues which feed."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, TypeVar

import procrastinate
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Job, Status
from procrastinate.types import JSONDict
from procrastinate.worker import Worker

from .. import __version__
from ..errors import StoreError
from ..scheduling import Shard
from ..store.job_tables import JOB_SCHEMA, prepare_job_tables
from ..store.postgres import process_name, session_name
from .held_shards import HeldShards
from .sharing import IssueOrder, Role, find_numbered_shard, issue_lock, pull_lock

log = logging.getLogger("feeds.app")

PULL_SECONDS = 10.0  # for which a job starts visits of its shard
BEAT_SECONDS = 2.0  # between two signs of life
STALLED_SECONDS = 8.0  # without one, after which the jobs of a process are ended for it
LAPSE_SECONDS = 6.0  # without one, after which a process starts nothing more by itself
POLL_SECONDS = 1.0  # between two looks for jobs of which no notification came: those whose lock is free again
RETRY_SECONDS = 1.0  # between two attempts to reach the database
LOCK_POLL_SECONDS = 0.05
CONNECT_SECONDS = 10
NEVER = 1e9  # seconds

VISIT_QUEUE, ISSUE_QUEUE = "visits", "issues"
OWN_QUEUE = "own/{}"  # of a source of our own files: only those who have them take its jobs
LOCKING_QUEUE = "locks/{}"  # of one process, whose jobs only hold a lock; by the number of the process
LOCK_PRIORITY = 1  # what a person asks for goes first

_Result = TypeVar("_Result")

# A process that was killed left its wishes for locks, which keep the other jobs with these locks waiting.
_DELETE_ORPHANS = """
DELETE FROM procrastinate_jobs WHERE status = 'todo' AND task_name = 'lock'
AND queue_name NOT IN (SELECT 'locks/' || id FROM procrastinate_workers)
"""
_NAME_WORKER = """
INSERT INTO feeds_workers (worker_id, name, version, role) VALUES (%(id)s, %(name)s, %(version)s, %(role)s)
ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class JobIO:
    """What the jobs do, and what they tell: `issue` issues a feed in this thread, and returns what is to follow.

    `own_sources` are the ids of the sources of our own files that are found here. `check` is called with each sign of
    life; what it raises ends the process. `on_problem` is told what keeps the jobs waiting, and "" once that is over.
    """

    held: HeldShards
    issue: Callable[[str, str], Iterable[IssueOrder]]
    own_sources: Callable[[], Collection[str]]
    check: Callable[[], None]
    on_problem: Callable[[str], None]
    on_end: Callable[[BaseException], None]


@dataclass(frozen=True, slots=True)
class WorkerName:
    """What a process is called in `feeds status`."""

    name: str
    version: str
    role: Role


def name_process(role: Role) -> WorkerName:
    """Return the name, version and role of this process."""
    return WorkerName(process_name(), __version__, role)


class JobQueue:
    """Runs jobs in an event loop in a thread of its own; without a JobIO it only takes locks.

    `mark_requested` is called with the shards that a process held which gives no sign of life, before another one is
    given them: it may have made requests until then. Raises StoreError where the database cannot be used.
    """

    def __init__(
        self,
        url: str,
        name: WorkerName,
        io: JobIO | None = None,
        mark_requested: Callable[[Collection[int]], None] = lambda shards: None,
    ) -> None:
        for library in ("procrastinate", "psycopg.pool"):  # a line for each job and attempt; `on_problem` tells enough
            logging.getLogger(library).setLevel(logging.CRITICAL)
        self._name = name
        self._io = io
        self._mark_requested = mark_requested
        self._connector = procrastinate.PsycopgConnector(
            conninfo=url,
            kwargs={
                "options": f"-c search_path={JOB_SCHEMA}",
                "application_name": session_name(),
                "connect_timeout": CONNECT_SECONDS,
            },
            min_size=1,
            max_size=4,
            timeout=STALLED_SECONDS,
        )
        self._jobs = procrastinate.App(connector=self._connector)
        self._jobs.task(name="pull")(self._pull)
        self._jobs.task(name="issue")(self._issue)
        self._workers: dict[str, Worker] = {}
        self._locker: int | None = None  # the number of this process as one that only holds locks
        self._locks: dict[str, Job] = {}
        self._named: set[int] = set()
        self._stopping = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._opened: Future[None] = Future()
        self._problem = ""
        self._thread = threading.Thread(target=self._run_loop, name="jobs", daemon=True)
        self._thread.start()
        self._opened.result()

    def __enter__(self) -> JobQueue:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def is_working(self) -> bool:
        """Return whether jobs are taken now."""
        return len(self._workers) > 1 and all(worker.worker_id is not None for worker in self._workers.values())

    @property
    def has_problem(self) -> bool:
        """Return whether the database cannot be reached."""
        return bool(self._problem)

    def stop(self) -> None:
        """Take no more jobs; those in progress end by themselves."""
        with suppress(RuntimeError):  # it has ended
            self._loop.call_soon_threadsafe(self._stop)

    def close(self, seconds: float | None = None) -> None:
        """Take no more jobs, and wait for those in progress, for no longer than so many seconds."""
        self.stop()
        self._thread.join(seconds)

    def renew(self) -> None:
        """Take the jobs of the queues that there are now."""
        self._loop.call_soon_threadsafe(self._stop_workers)

    def _stop(self) -> None:
        self._stopping.set()
        self._stop_workers()

    def _stop_workers(self) -> None:
        for worker in self._workers.values():
            worker.stop()  # type: ignore[no-untyped-call]

    # ── the event loop ────────────────────────────────────────────────────────────────────────────────────────────────

    def _run_loop(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._run())

    async def _run(self) -> None:
        try:
            async with self._open():
                self._opened.set_result(None)
                tasks = [self._beat(), self._end_stalled()]
                if self._io:
                    self._io.held.valid_until = time.monotonic() + LAPSE_SECONDS
                    tasks += [self._work(VISIT_QUEUE), self._work(ISSUE_QUEUE)]
                await asyncio.gather(self._stopping.wait(), *tasks)
                await self._release(list(self._locks))
                if self._locker is not None:
                    with suppress(ConnectorException):
                        await self._jobs.job_manager.unregister_worker(self._locker)
        except BaseException as error:
            if not self._opened.done():
                self._opened.set_exception(error)
            elif self._io:
                self._io.on_end(error)
            else:
                raise

    @asynccontextmanager
    async def _open(self) -> Any:
        try:
            await self._connector.open_async()
            async with self._connector.pool.connection() as connection:
                await prepare_job_tables(connection, self._jobs.schema_manager.get_schema(), version("procrastinate"))
        except StoreError:
            raise
        except Exception as error:
            raise StoreError(f"the jobs of this installation cannot be reached: {error}") from error
        try:
            yield
        finally:
            await self._connector.close_async()

    async def _work(self, queue: str) -> None:
        """Work off the jobs of a queue; where the database goes away, wait until it is back."""
        while not self._stopping.is_set():
            worker = self._workers[queue] = self._make_worker(queue)
            try:
                await worker.run()  # type: ignore[no-untyped-call]
            except (ConnectorException, OSError) as error:
                self._note_problem(error)
                await asyncio.sleep(RETRY_SECONDS)

    def _make_worker(self, queue: str) -> Worker:
        assert self._io is not None
        own = [OWN_QUEUE.format(id) for id in self._io.own_sources()] if queue == VISIT_QUEUE else []
        return _EagerWorker(
            self._jobs,
            queues=[queue, *own],
            name=self._name.name,
            concurrency=self._io.held.limit if queue == VISIT_QUEUE else 1,
            fetch_job_polling_interval=POLL_SECONDS,
            abort_job_polling_interval=NEVER,
            install_signal_handlers=False,
            delete_jobs="always",
            update_heartbeat_interval=NEVER,  # `_beat` does, and knows then that it did
            stalled_worker_timeout=STALLED_SECONDS,
        )

    async def _beat(self) -> None:
        """Tell that this process lives."""
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                await self._beat_once()
                if self._io:
                    self._io.held.expire()  # what others may have been given, if the last sign was long ago
                    self._io.held.valid_until = began + LAPSE_SECONDS
                    await asyncio.to_thread(self._io.check)
                self._note_problem(None)
            except ConnectorException as error:
                self._note_problem(error)
            await self._pause()

    async def _pause(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), BEAT_SECONDS)

    async def _beat_once(self) -> None:
        manager = self._jobs.job_manager
        for id in self._worker_ids():
            await manager.update_heartbeat(id)
            if id not in self._named:
                await self._connector.execute_query_async(
                    _NAME_WORKER, id=id, name=self._name.name, version=self._name.version, role=self._name.role
                )
                self._named.add(id)

    async def _end_stalled(self) -> None:
        """End the jobs of processes that give no sign of life; it may wait for the database, which no beat does."""
        while not self._stopping.is_set():
            with suppress(ConnectorException, StoreError):  # the beat tells
                await self._end_stalled_once()
            await self._pause()

    async def _end_stalled_once(self) -> None:
        manager = self._jobs.job_manager
        stalled = [*await manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_SECONDS)]
        if shards := {shard for job in stalled if (shard := find_numbered_shard(job.lock)) is not None}:
            await asyncio.to_thread(self._mark_requested, shards)
        for job in stalled:
            with suppress(ConnectorException):  # another process has ended it, or it has ended
                await manager.finish_job(job, Status.FAILED, delete_job=True)
        await manager.prune_stalled_workers(STALLED_SECONDS)
        await self._connector.execute_query_async(_DELETE_ORPHANS)

    def _worker_ids(self) -> list[int]:
        ids = [worker.worker_id for worker in self._workers.values()]
        return [id for id in (*ids, self._locker) if id is not None]

    def _note_problem(self, error: BaseException | None) -> None:
        """Tell once what keeps the jobs waiting, and once that they go on."""
        problem = str(error.__cause__ or error) if error else ""
        if bool(problem) != bool(self._problem) and self._io:
            self._io.on_problem(problem)
        self._problem = problem

    # ── jobs ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _pull(self, shard: Shard) -> None:
        """Visit a shard until its time is over, or nothing is due."""
        assert self._io is not None
        await asyncio.wrap_future(self._io.held.take(shard, PULL_SECONDS))

    async def _issue(self, feed: str, fingerprint: str) -> None:
        """Issue a feed, if it is declared here as where this was ordered."""
        assert self._io is not None
        followers = await asyncio.to_thread(self._io.issue, feed, fingerprint)
        await self._defer(list(map(issue_job, followers)))

    def defer(self, jobs: Sequence[Job]) -> None:
        """Have jobs done soon, once each: what is waiting already is not asked for again."""
        self._call(self._defer(jobs))

    async def _defer(self, jobs: Sequence[Job]) -> None:
        if not jobs:
            return
        manager = self._jobs.job_manager
        waiting = {job.queueing_lock for job in await manager.list_jobs_async(status="todo")}
        new = [job for job in jobs if job.queueing_lock not in waiting]
        with suppress(AlreadyEnqueued):  # another process ticks too; the next tick asks for the rest
            if new:
                await manager.batch_defer_jobs_async(new)

    # ── locks ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def lock(self, names: Collection[str], seconds: float) -> set[str]:
        """Take the locks of jobs; return those that are held, also of earlier calls, after so many seconds at most."""
        return self._call(self._take_locks(names, seconds))

    def release(self, names: Collection[str] | None = None) -> None:
        """Release locks; by default all. Once closed, none is held."""
        if self._thread.is_alive():
            self._call(self._release(list(self._locks) if names is None else names))

    @contextmanager
    def holding(self, name: str) -> Iterator[None]:
        """Hold the lock of a job."""
        while name not in self.lock([name], STALLED_SECONDS):
            log.debug("waiting for %s", name)
        try:
            yield
        finally:
            self.release([name])

    async def _take_locks(self, names: Collection[str], seconds: float) -> set[str]:
        manager = self._jobs.job_manager
        if self._locker is None:
            self._locker = await manager.register_worker()
        queue = LOCKING_QUEUE.format(self._locker)
        wanted = [name for name in names if name not in self._locks]
        jobs = [
            Job(queue=queue, task_name="lock", lock=name, queueing_lock=None, priority=LOCK_PRIORITY) for name in wanted
        ]
        jobs = await manager.batch_defer_jobs_async(jobs) if jobs else []
        waiting, until = {job.id for job in jobs}, time.monotonic() + seconds
        while waiting:
            job = await manager.fetch_job(queues=[queue], worker_id=self._locker)
            if job is not None:
                waiting.discard(job.id)
                self._locks[job.lock or ""] = job
            elif time.monotonic() < until:
                await asyncio.sleep(LOCK_POLL_SECONDS)
            else:
                break
        for id in filter(None, waiting):
            await manager.cancel_job_by_id_async(id, delete_job=True)
        return set(self._locks)

    async def _release(self, names: Collection[str]) -> None:
        for name in names:
            if (job := self._locks.pop(name, None)) is not None:
                with suppress(ConnectorException):  # it was taken from us
                    await self._jobs.job_manager.finish_job(job, Status.SUCCEEDED, delete_job=True)

    def _call(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """Do work in the event loop; return its result in this thread."""
        try:
            return asyncio.run_coroutine_threadsafe(work, self._loop).result()
        except ConnectorException as error:
            raise StoreError(f"the jobs of this installation cannot be reached: {error.__cause__ or error}") from error


class _EagerWorker(Worker):
    """A worker that looks for the next job when one has ended: Procrastinate does not tell that a lock is free."""

    async def _process_job(self, context: Any) -> None:
        with suppress(ConnectorException):  # the database is away, or another process has ended the job
            await super()._process_job(context)
        self._new_job_event.set()


def pull_job(shard: Shard) -> Job:
    """Return the job that visits a shard."""
    queue = VISIT_QUEUE if isinstance(shard, int) else OWN_QUEUE.format(shard)
    lock = pull_lock(shard)
    return Job(queue=queue, task_name="pull", lock=lock, queueing_lock=lock, task_kwargs={"shard": shard})


def issue_job(order: IssueOrder) -> Job:
    """Return the job that issues a feed."""
    queue = OWN_QUEUE.format(order.own_source) if order.own_source else ISSUE_QUEUE
    lock = issue_lock(order.feed_id)
    kwargs: JSONDict = {"feed": order.feed_id, "fingerprint": order.fingerprint}
    return Job(queue=queue, task_name="issue", lock=lock, queueing_lock=lock, task_kwargs=kwargs)
