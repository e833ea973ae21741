"""What is kept of work done: bodies within a budget, and work in progress that others wait for too."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Generic, TypeVar

T = TypeVar("T")


class BodyCache:
    """Bytes by their ETag, so that equal files are held once; the one used longest ago goes first."""

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._held: OrderedDict[str, bytes] = OrderedDict()
        self.size = 0

    def get(self, tag: str) -> bytes | None:
        """Give the bytes, if they are still held."""
        body = self._held.get(tag)
        if body is not None:
            self._held.move_to_end(tag)
        return body

    def put(self, tag: str, body: bytes) -> None:
        """Hold the bytes for as long as the budget allows."""
        if tag in self._held:
            self._held.move_to_end(tag)
            return
        self._held[tag] = body
        self.size += len(body)
        while self.size > self._budget:
            self.size -= len(self._held.popitem(last=False)[1])


class SingleFlight(Generic[T]):
    """Work in progress by name; who asks for what is being done waits for it instead of doing it again."""

    def __init__(self) -> None:
        self._running: dict[str, asyncio.Task[T]] = {}

    async def __call__(self, name: str, work: Callable[[], Coroutine[None, None, T]]) -> T:
        """Give what `work` gives, and begin it unless it has begun."""
        task = self._running.get(name)
        if task is None:
            task = self._running[name] = asyncio.create_task(work())
            task.add_done_callback(lambda _: self._running.pop(name))
        return await asyncio.shield(task)  # one who leaves does not stop it for the others
