"""What came of the last visits of a source, as one short text beside its state: a mark of eight characters for each."""

from __future__ import annotations

from collections.abc import Iterator

from ..model import Failure, Harvest, Outcome, PastVisit, VisitResult
from ..rows.values import decode_time, encode_time

MAX_PAST_VISITS = 48
_MINUTES_LENGTH = 7  # hexadecimal digits of the minutes since 1970: until the year 2480
_MARK_LENGTH = 1 + _MINUTES_LENGTH
HISTORY_LENGTH = MAX_PAST_VISITS * _MARK_LENGTH
_TICKS = 60_000_000  # of a minute, in the store


def encode_past_visit(outcome: Outcome) -> str:
    """Return the mark of a visit."""
    minutes = encode_time(outcome.at) // _TICKS
    return f"{_classify(outcome)}{max(0, minutes) % 16**_MINUTES_LENGTH:0{_MINUTES_LENGTH}x}"


def _classify(outcome: Outcome) -> VisitResult:
    result = outcome.result
    if isinstance(result, Failure):
        return VisitResult.FAILED
    if isinstance(result, Harvest):
        return VisitResult.NEWS if result.articles or result.story_visits else VisitResult.NO_NEWS
    return VisitResult.NOT_MODIFIED


def decode_past_visits(history: str) -> Iterator[PastVisit]:
    """Yield the visits of a history, the newest first; marks of another version are left out."""
    for start in range(0, len(history) - _MARK_LENGTH + 1, _MARK_LENGTH):
        kind, minutes = history[start], history[start + 1 : start + _MARK_LENGTH]
        if kind in _KINDS:
            yield PastVisit(decode_time(int(minutes, 16) * _TICKS), VisitResult(kind))


_KINDS = {str(result) for result in VisitResult}
