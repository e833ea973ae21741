"""The pushes of hubs as visits: the turn takes them out of the inbox of the server process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from .. import http_headers
from ..model import Fetched, Outcome, Push, ReceivedPush, Visit, replace
from ..store import DeliveryLock, InboxReader

MAX_AT_ONCE = 8  # bodies in memory


class PushVisits:
    """Makes a visit of each push in the inbox, once and in order, while no other process of the installation does.

    `lock` is held by the process that does. `taken` returns the number up to which all were taken, `visits_of` the
    visits of a source, due or not. What a killed process had begun is begun again by the next one.
    """

    def __init__(
        self,
        inbox: InboxReader,
        lock: DeliveryLock,
        taken: Callable[[], int],
        visits_of: Callable[[str], Sequence[Visit]],
    ) -> None:
        self._inbox = inbox
        self._lock = lock
        self._taken = taken
        self._visits_of = visits_of
        self._last = 0  # of those that a visit was made of, or could not
        self._in_progress: set[int] = set()

    def has_new(self) -> bool:
        """Return whether there is a push that no visit was made of yet."""
        return self._inbox.last_push() > self._last

    def make(self) -> list[Visit]:
        """Return the visits of new pushes; none while enough are in progress."""
        limit = MAX_AT_ONCE - len(self._in_progress)
        if limit <= 0 or self._inbox.last_push() <= self._last or not self._lock.hold():
            return []
        self._last = max(self._last, self._taken())  # by another process, before this one held the lock
        visits: list[Visit] = []
        for push in self._inbox.pushes(self._last, limit):
            visit = next((visit for visit in self._visits_of(push.source_id) if visit.story is None), None)
            self._last = push.number  # not before: where the store cannot be read, the push is still to be taken
            if visit is not None:  # its source is still declared
                self._in_progress.add(push.number)
                visits.append(_make_visit(visit, push))
        if not self._in_progress:
            self._lock.close()
        return visits

    def finish(self, outcomes: Iterable[Outcome]) -> int | None:
        """Note the outcomes that are recorded now; return the number up to which all pushes are taken then.

        None where there is no push among them.
        """
        numbers = {outcome.visit.push.number for outcome in outcomes if outcome.visit.push}
        if not numbers:
            return None
        self._in_progress -= numbers
        return min(self._in_progress, default=self._last + 1) - 1

    def end_turn(self) -> None:
        """Leave the inbox to other processes; what was begun and is not recorded is begun again."""
        if self._in_progress:
            self._last = min(self._in_progress) - 1
            self._in_progress.clear()
        self._lock.close()


def _make_visit(visit: Visit, push: ReceivedPush) -> Visit:
    media_type, charset = http_headers.parse_content_type(push.content_type)
    headers = {"content-type": push.content_type}
    fetched = Fetched(visit.url, push.body, media_type, charset, headers, partial=True)
    return replace(visit, push=Push(push.number, fetched, push.lease_ends))
