"""Threads that make visits: started when needed, used again, and no reason for the process to stay."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue

from ..model import Outcome, Visit

Sent = SimpleQueue[Visit | None]


class WorkerThreads:
    """Makes visits with `pull`, each in a thread, up to `most` at once; they land one by one.

    The threads are daemons, unlike those of the standard pools, which keep a process that was told to stop until the
    last hanging server has answered (F38).
    """

    def __init__(self, pull: Callable[[Visit], Outcome], most: int) -> None:
        self._pull = pull
        self._most = most
        self._sent: Sent = SimpleQueue()
        self._landed: SimpleQueue[tuple[Visit, Outcome | BaseException]] = SimpleQueue()
        self._threads = 0
        self.away = 0  # visits in flight

    def send(self, visit: Visit) -> None:
        """Start a visit."""
        self.away += 1
        self._sent.put(visit)
        if self._threads < min(self.away, self._most):
            self._threads += 1
            name = f"visit-{self._threads}"
            threading.Thread(target=self._work, args=[self._sent], name=name, daemon=True).start()

    def land(self, timeout: float) -> tuple[Visit, Outcome] | None:
        """The next visit that is back, with its outcome; None when none comes within `timeout` seconds.

        What a visit raised is raised here.
        """
        try:
            visit, outcome = self._landed.get(timeout=timeout)
        except Empty:
            return None
        self.away -= 1
        if isinstance(outcome, BaseException):
            raise outcome
        return visit, outcome

    def dismiss(self) -> None:
        """Let every thread end with its visit, which still lands; whatever is sent later gets new ones."""
        for _ in range(self._threads):
            self._sent.put(None)
        self._sent, self._threads = SimpleQueue(), 0

    def _work(self, sent: Sent) -> None:
        while (visit := sent.get()) is not None:
            try:
                self._landed.put((visit, self._pull(visit)))
            except BaseException as error:  # noqa: BLE001 - raised where it is landed
                self._landed.put((visit, error))
