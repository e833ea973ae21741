"""A cache of response bodies, and a way to do the same work once for all who wait for it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Generic, TypeVar

T = TypeVar("T")


class BodyCache:
    """Bodies by their ETag, so that equal files are stored once; the least recently used is dropped first."""

    def __init__(self, max_size: int) -> None:
        self._max_size = max_size
        self._bodies: OrderedDict[str, bytes] = OrderedDict()
        self.size = 0

    def get(self, etag: str) -> bytes | None:
        """Return the body, or none when it is not in the cache."""
        body = self._bodies.get(etag)
        if body is not None:
            self._bodies.move_to_end(etag)
        return body

    def put(self, etag: str, body: bytes) -> None:
        """Store a body, and drop others until `max_size` bytes are left."""
        if etag in self._bodies:
            self._bodies.move_to_end(etag)
            return
        self._bodies[etag] = body
        self.size += len(body)
        while self.size > self._max_size:
            self.size -= len(self._bodies.popitem(last=False)[1])


class SingleFlight(Generic[T]):
    """Tasks in progress by name: a second caller waits for the first one's result instead of starting again."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[T]] = {}

    async def __call__(self, name: str, work: Callable[[], Coroutine[None, None, T]]) -> T:
        """Return the result of `work`, which is started unless a task of this name runs."""
        task = self._tasks.get(name)
        if task is None:
            task = self._tasks[name] = asyncio.create_task(work())
            task.add_done_callback(lambda _: self._tasks.pop(name))
        return await asyncio.shield(task)  # a caller that is cancelled does not stop it for the others
