"""Which pushes count as taken while some are still being read."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from factories import NOON, outcome, visit

from feeds.app.push_visits import MAX_AT_ONCE, PushVisits
from feeds.errors import StoreError
from feeds.model import Harvest, Outcome, ReceivedPush, Visit


class OnlyProcess:
    """The lock of a process that shares the inbox with none."""

    def hold(self) -> bool:
        return True

    def close(self) -> None: ...


class Inbox:
    """An inbox of so many pushes."""

    def __init__(self, count: int) -> None:
        self.numbers = range(1, count + 1)

    def last_push(self) -> int:
        return self.numbers[-1]

    def pushes(self, after: int, limit: int) -> Sequence[ReceivedPush]:
        found = [number for number in self.numbers if number > after][:limit]
        return [
            ReceivedPush(number, "gone" if number == 2 else "a", NOON, "text/xml; charset=x", b"") for number in found
        ]

    def close(self) -> None: ...


def finished(visit: Visit) -> Outcome:
    return outcome(visit, Harvest((), ()), NOON)


def number_of(visit: Visit) -> int:
    assert visit.push
    return visit.push.number


def test_R52_what_is_still_being_read_is_not_taken() -> None:
    pushes = PushVisits(
        Inbox(4),  # type: ignore[arg-type]
        OnlyProcess(),
        lambda: 0,
        lambda id: [] if id == "gone" else [visit()],
    )
    one, three, four = pushes.make()
    assert [number_of(each) for each in (one, three, four)] == [1, 3, 4]
    assert one.push and (one.push.fetched.media_type, one.push.fetched.charset) == ("text/xml", "x")
    assert one.push.fetched.partial
    assert pushes.make() == []
    assert pushes.finish([finished(four)]) == 0
    assert pushes.finish([finished(one)]) == 2
    assert pushes.finish([finished(visit())]) is None
    assert pushes.finish([finished(three)]) == 4


def test_R52_few_bodies_are_held_at_once() -> None:
    pushes = PushVisits(Inbox(100), OnlyProcess(), lambda: 0, lambda id: [visit()])  # type: ignore[arg-type]
    first = pushes.make()
    assert len(first) == MAX_AT_ONCE
    assert pushes.make() == []
    pushes.finish([finished(each) for each in first[:3]])
    assert [number_of(each) for each in pushes.make()] == [9, 10, 11]


def test_R52_a_push_whose_source_cannot_be_read_is_taken_later() -> None:
    is_readable = False

    def visits_of(source_id: str) -> list[Visit]:
        if not is_readable:
            raise StoreError("locked")
        return [visit()]

    pushes = PushVisits(Inbox(1), OnlyProcess(), lambda: 0, visits_of)  # type: ignore[arg-type]
    with pytest.raises(StoreError):
        pushes.make()
    assert pushes.has_new()
    is_readable = True
    assert [number_of(each) for each in pushes.make()] == [1]
