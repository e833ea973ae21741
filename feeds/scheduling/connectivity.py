"""Whether it is our own line that is dead, told from what came of the last visits (F26)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from ..model import Failure, Interval, Outcome
from .intervals import MINUTE, is_local, jitter_fraction

ENOUGH = 8  # hosts that fell silent one after another
SILENT = frozenset({"dns", "connection", "timeout"})  # nobody answered at all
SOON = 5 * MINUTE
PROBE_EVERY = 15.0  # seconds between two visits while the line is down


class Connectivity:
    """Watches outcomes: when host after host falls silent and nobody answers in between, the line is down.

    `hosts` is how many different ones there are; with fewer than three, a dead line looks like a dead publisher.
    """

    def __init__(self, hosts: int = ENOUGH) -> None:
        self._enough = max(3, min(hosts, ENOUGH))
        self._silent: set[str] = set()
        self._answered_at: datetime | None = None

    @property
    def down(self) -> bool:
        """Whether visits should pause, but for one now and then to see whether the line is back."""
        return len(self._silent) >= self._enough

    def saw(self, outcome: Outcome) -> Outcome:
        """Take note; the outcome comes back to be recorded, spared when the line and not the source was at fault."""
        if is_local(outcome.visit):
            return outcome
        if not _silence(outcome):
            self._silent.clear()
            self._answered_at = outcome.at
        elif not outcome.visit.state.failures and not self._was_up(outcome):  # what was silent before proves nothing
            self._silent.add(outcome.host.host)
        return spare(outcome) if self.down and _silence(outcome) else outcome

    def sift(self, outcomes: Sequence[Outcome]) -> list[Outcome]:
        """Take note of outcomes that came together; the first of them are spared too when the last prove the case."""
        told = [self.saw(outcome) for outcome in outcomes]
        for place in range(len(told) - 1, -1, -1) if self.down else ():
            if is_local(outcomes[place].visit):
                continue
            if not _silence(outcomes[place]):
                break
            told[place] = spare(outcomes[place])
        return told

    def _was_up(self, outcome: Outcome) -> bool:
        """Whether somebody may have answered while this visit waited: after a burst, those who hang come last."""
        patience = timedelta(seconds=outcome.visit.source.timeout)
        return self._answered_at is not None and self._answered_at > outcome.at - patience


def spare(outcome: Outcome) -> Outcome:
    """The outcome of a visit that failed through no fault of the source: nothing counted, and due again soon."""
    visit, schedule = outcome.visit, outcome.visit.source.schedule
    regular = schedule.seconds if isinstance(schedule, Interval) else SOON
    soon = timedelta(seconds=min(regular, SOON) * (1 + jitter_fraction(visit)))
    state = replace(outcome.state, failures=visit.state.failures, attempts=visit.state.attempts)
    return replace(outcome, state=state, due_at=outcome.at + soon)


def _silence(outcome: Outcome) -> bool:
    return isinstance(outcome.result, Failure) and outcome.result.status is None and outcome.result.kind in SILENT
